//! How long the audit trail is kept.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{Change, Engine, engine::lock};

/// How often the old end is looked at.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// Lines removed at once: a commit stays short.
const AT_ONCE: u64 = 10_000;

/// How long lines of the audit trail are kept; whichever bound is reached first. The old end is
/// trimmed when something is read and stored, once an hour, at most 10,000 lines at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// By age; `None`: for ever. Default 365 days.
    pub age: Option<Duration>,
    /// By count; `None`: any number. Default one million.
    pub count: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age: Some(Duration::from_secs(365 * 24 * 3600)),
            count: Some(1_000_000),
        }
    }
}

impl Retention {
    /// For ever.
    pub fn forever() -> Self {
        Self {
            age: None,
            count: None,
        }
    }

    /// By age.
    #[must_use]
    pub fn with_age(mut self, age: Option<Duration>) -> Self {
        self.age = age;
        self
    }

    /// By count.
    #[must_use]
    pub fn with_count(mut self, count: Option<u64>) -> Self {
        self.count = count;
        self
    }
}

impl Engine {
    /// Trims the old end, once in a while; goes with a commit that is made anyway.
    pub(crate) fn prune(&self) -> Option<Change> {
        let kept = self.options.retention;
        let now = self.clock.now();
        let mut last = lock(&self.pruned);
        if kept == Retention::forever() || last.is_some_and(|last| now - last < EVERY) {
            return None;
        }
        *last = Some(now);
        let before = kept
            .age
            .and_then(|age| TimeDelta::from_std(age).ok())
            .and_then(|age| now.checked_sub_signed(age));
        Some(Change::Prune {
            before,
            keep: kept.count,
            at_most: AT_ONCE,
        })
    }
}
