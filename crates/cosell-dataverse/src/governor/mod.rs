//! The governor: how many requests one user has out at once, and when none goes out at all.
//!
//! `slots` hands out places and is fair about it, `pace` decides from the answers how many places
//! there are, `wire` is the [`Transport`](cosell_http::Transport) that sees each answer.

mod pace;
mod slots;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::Sleep;
use http::{HeaderMap, StatusCode};

use pace::Pace;
use slots::Slots;

pub use pace::{GovernorReport, Throttled};
pub(crate) use slots::Permit;
pub(crate) use wire::Governed;

/// How a [`Governor`] behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GovernorOptions {
    /// Never more requests at once than this, whatever the service recommends; none by default.
    /// Several processes of one user divide the recommendation by it.
    pub cap: Option<u32>,
    /// Requests at once until the first answer brings the service's recommendation; 4 by default.
    pub first: u32,
    /// Longest pause that is waited for inside a call; 2 minutes by default. During a longer one
    /// calls fail with kind `Throttled` without being sent.
    pub longest_wait: Duration,
}

impl Default for GovernorOptions {
    fn default() -> Self {
        Self {
            cap: None,
            first: 4,
            longest_wait: Duration::from_secs(120),
        }
    }
}

impl GovernorOptions {
    /// Sets the cap, at least 1.
    #[must_use]
    pub fn with_cap(mut self, requests: u32) -> Self {
        self.cap = Some(requests.max(1));
        self
    }

    /// Sets how many requests go out at once before the service has recommended a number.
    #[must_use]
    pub fn with_first(mut self, requests: u32) -> Self {
        self.first = requests.max(1);
        self
    }

    /// Sets the longest pause that is waited for. The pipeline has a bound of its own
    /// ([`RetryOptions::longest_wait`](cosell_http::RetryOptions)): raise both.
    #[must_use]
    pub fn with_longest_wait(mut self, longest: Duration) -> Self {
        self.longest_wait = longest;
        self
    }
}

/// Keeps one user within the service's limits.
///
/// The service counts per user: requests in five minutes, execution time in five minutes, requests
/// at once. Give all clients of one user in one environment the same governor
/// ([`DataverseBuilder::governor`](crate::DataverseBuilder::governor)); a client without one gets
/// its own. Cheap to clone; clones are the same governor.
///
/// - It starts at the number that the service recommends (`x-ms-dop-hint`), or below at
///   [`GovernorOptions::cap`], and never goes above.
/// - A 429 for too many requests at once, or for too much execution time, halves the number, once
///   for all requests that were out. It grows back by one after as many successes as there are
///   places, and beyond the number that was refused only rarely.
/// - `Retry-After` stops every call of the user until then. A 429 for too many requests in five
///   minutes does no more than that: fewer at once would not make them fewer.
/// - Places are given to callers in turn: one with thousands of waiting calls does not hold up
///   another ([`Dataverse::in_lane`](crate::Dataverse::in_lane)).
/// - The headers that report what is left are shown in [`report`](Self::report) and steer
///   nothing: they describe one web server of many.
#[derive(Clone, Debug)]
pub struct Governor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    options: GovernorOptions,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    slots: Slots,
}

/// No call goes out for longer than the caller wants to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paused(pub(crate) Duration);

impl Default for Governor {
    fn default() -> Self {
        Self::new(GovernorOptions::default())
    }
}

impl Governor {
    /// A governor for one user.
    pub fn new(options: GovernorOptions) -> Self {
        let pace = Pace::new(&options);
        Self {
            shared: Arc::new(Shared {
                options,
                state: Mutex::new(State {
                    pace,
                    slots: Slots::default(),
                }),
            }),
        }
    }

    /// What it does now and what it has seen.
    pub fn report(&self) -> GovernorReport {
        let state = self.shared.lock();
        state
            .pace
            .report(state.slots.taken(), state.slots.waiting())
    }

    /// Learns from an answer that came inside another one.
    pub(crate) fn saw(
        &self,
        now: DateTime<Utc>,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) {
        let code = wire::throttle_code(status, headers, body);
        let mut state = self.shared.lock();
        let began = state.pace.begin();
        state.pace.learn(began, now, status, headers, code);
        state.pace.end();
    }

    /// Waits for a place, and for the end of a pause.
    ///
    /// Cancel safety: a dropped wait gives its place to the next.
    pub(crate) async fn admit(&self, lane: u64, sleep: &dyn Sleep) -> Result<Permit, Paused> {
        let permit = Shared::take(&self.shared, lane).await;
        let mut waited_for = None;
        while let Some((opens, wait)) = self.shared.pause(sleep.now()) {
            // A sleep that ends early, or a clock that stands still, must not spin here.
            if waited_for == Some(opens) {
                break;
            }
            if wait > self.shared.options.longest_wait {
                return Err(Paused(wait));
            }
            sleep.sleep(wait).await;
            waited_for = Some(opens);
        }
        Ok(permit)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Duration)> {
        self.lock().pace.pause(now)
    }
}
