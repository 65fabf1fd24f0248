//! When a call is tried again: three questions, each its own small type.
//!
//! [`classify`] asks what sort of failure it was and whether the call may be repeated after it,
//! [`budget`] whether the client can afford another try, [`backoff`] how long to wait. The
//! service's own wish ([`retry_after`]) comes before the last.

pub(crate) mod backoff;
pub(crate) mod budget;
pub(crate) mod classify;
pub(crate) mod gate;
pub(crate) mod retry_after;

use std::time::Duration;

/// How a client repeats calls. All bounds hold per call, except `budget`, which is shared by all
/// clones of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryOptions {
    /// Most times that one call is sent, at least 1; 4 by default. The single repeat after a
    /// refreshed token is not counted.
    pub tries: u32,
    /// Upper bound of the first random wait; it doubles with each try. 500 ms by default.
    pub base: Duration,
    /// Upper bound of any random wait; 30 s by default.
    pub max: Duration,
    /// Longest wait that is obeyed inside a call when the service names one; 2 minutes by
    /// default. A longer one ends the call with [`ErrorKind::Throttled`](crate::ErrorKind).
    pub longest_wait: Duration,
    /// Repeats that may be spent in a row by all calls together; 50 by default. A success earns
    /// a tenth of one back.
    pub budget: u32,
    /// Seed of the random waits; taken from the system when absent.
    pub seed: Option<u64>,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            tries: 4,
            base: Duration::from_millis(500),
            max: Duration::from_secs(30),
            longest_wait: Duration::from_secs(120),
            budget: 50,
            seed: None,
        }
    }
}

impl RetryOptions {
    /// Sets the most times that one call is sent.
    #[must_use]
    pub fn with_tries(mut self, tries: u32) -> Self {
        self.tries = tries;
        self
    }

    /// Sets the bounds of the random waits.
    #[must_use]
    pub fn with_backoff(mut self, base: Duration, max: Duration) -> Self {
        self.base = base;
        self.max = max;
        self
    }

    /// Sets the longest wait obeyed inside a call.
    #[must_use]
    pub fn with_longest_wait(mut self, longest: Duration) -> Self {
        self.longest_wait = longest;
        self
    }

    /// Sets how many repeats all calls together may spend in a row.
    #[must_use]
    pub fn with_budget(mut self, repeats: u32) -> Self {
        self.budget = repeats;
        self
    }

    /// Makes the random waits repeatable.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}
