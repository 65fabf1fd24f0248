//! Service protection: requests and execution time over a sliding window, requests at once, all
//! counted per user on the sandbox's own clock.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use uuid::Uuid;

use super::refusal::Refusal;

/// The three limits that one user has, and how long an operation takes. The defaults are the
/// service's own; small numbers make a test short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Length of the sliding window.
    pub window: Duration,
    /// Requests within the window.
    pub requests: u32,
    /// Execution time of all requests within the window.
    pub execution: Duration,
    /// Requests at once.
    pub at_once: u32,
    /// What one operation takes; a batch takes as much for each of its operations. The answer
    /// does not wait so long by itself: who sends the request lets the time pass, by a latency.
    pub operation: Duration,
    /// `Retry-After` of a refusal for too many requests at once.
    pub at_once_wait: Duration,
    /// Is `Retry-After` a date in the place of seconds?
    pub wait_as_date: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(300),
            requests: 6000,
            execution: Duration::from_secs(1200),
            at_once: 52,
            operation: Duration::ZERO,
            at_once_wait: Duration::from_secs(1),
            wait_as_date: false,
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $with:ident: $field:ident: $kind:ty;)*) => {
        impl Limits {$(
            $(#[$doc])*
            #[must_use]
            pub fn $with(mut self, value: $kind) -> Self {
                self.$field = value;
                self
            }
        )*}
    };
}

with! {
    /// Sets the length of the window.
    with_window: window: Duration;
    /// Sets the requests within the window.
    with_requests: requests: u32;
    /// Sets the execution time within the window.
    with_execution: execution: Duration;
    /// Sets the requests at once.
    with_at_once: at_once: u32;
    /// Sets what one operation takes.
    with_operation: operation: Duration;
    /// Sets `Retry-After` of a refusal for too many requests at once.
    with_at_once_wait: at_once_wait: Duration;
    /// Sets whether `Retry-After` is a date.
    with_wait_as_date: wait_as_date: bool;
}

/// A refusal, and how long the caller is to wait.
#[derive(Debug)]
pub(super) struct Throttle {
    pub(super) refusal: Refusal,
    pub(super) retry_after: Duration,
}

/// Milliseconds of one step of the window: requests within it leave together.
const STEP: i64 = 100;

#[derive(Clone, Debug, Default)]
struct Load {
    /// Requests and milliseconds of execution by step.
    steps: BTreeMap<i64, (u32, u64)>,
    /// When the requests that run now end.
    running: Vec<DateTime<Utc>>,
}

/// What every user has used of its limits.
#[derive(Clone, Debug, Default)]
pub(super) struct Loads {
    users: BTreeMap<Uuid, Load>,
}

impl Loads {
    /// Takes a request of so many operations in, or says why not. Without `enforced`, the limits
    /// are only reported.
    pub(super) fn admit(
        &mut self,
        limits: &Limits,
        enforced: bool,
        user: Uuid,
        now: DateTime<Utc>,
        operations: usize,
    ) -> Result<(), Throttle> {
        let load = self.users.entry(user).or_default();
        load.forget(limits, now);
        let cost = limits
            .operation
            .saturating_mul(u32::try_from(operations).unwrap_or(u32::MAX));
        if enforced {
            load.check(limits, now)?;
        }
        let step = load.steps.entry(now.timestamp_millis() / STEP).or_default();
        step.0 = step.0.saturating_add(1);
        step.1 = step.1.saturating_add(millis(cost));
        if enforced && !cost.is_zero() {
            let end = TimeDelta::from_std(cost).ok();
            let end = end.and_then(|cost| now.checked_add_signed(cost));
            load.running.push(end.unwrap_or(DateTime::<Utc>::MAX_UTC));
        }
        Ok(())
    }

    /// Requests and milliseconds that the user has left.
    pub(super) fn left(&self, limits: &Limits, user: Option<Uuid>) -> (u32, u64) {
        let load = user.and_then(|user| self.users.get(&user));
        let (requests, time) = load.map_or((0, 0), Load::used);
        (
            limits.requests.saturating_sub(requests),
            millis(limits.execution).saturating_sub(time),
        )
    }
}

impl Load {
    fn forget(&mut self, limits: &Limits, now: DateTime<Utc>) {
        let window = i64::try_from(limits.window.as_millis()).unwrap_or(i64::MAX);
        let first = now.timestamp_millis().saturating_sub(window) / STEP;
        self.steps = self.steps.split_off(&(first + 1));
        self.running.retain(|end| *end > now);
    }

    fn used(&self) -> (u32, u64) {
        self.steps.values().fold((0, 0), |sum, step| {
            (sum.0.saturating_add(step.0), sum.1.saturating_add(step.1))
        })
    }

    fn check(&self, limits: &Limits, now: DateTime<Utc>) -> Result<(), Throttle> {
        let throttle = |code: &'static str, message: String, retry_after| {
            Err(Throttle {
                refusal: Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, message),
                retry_after,
            })
        };
        let (requests, time) = self.used();
        let window = limits.window.as_secs();
        if requests >= limits.requests {
            return throttle(
                "0x80072322",
                format!(
                    "Number of requests exceeded the limit of {} over time window of {window} \
                     seconds.",
                    limits.requests
                ),
                self.room(limits, now),
            );
        }
        if time >= millis(limits.execution) {
            return throttle(
                "0x80072321",
                format!(
                    "Combined execution time of incoming requests exceeded limit of {} \
                     milliseconds over time window of {window} seconds. Decrease number of \
                     concurrent requests or reduce the duration of requests and try again later.",
                    limits.execution.as_millis()
                ),
                self.room(limits, now),
            );
        }
        if self.running.len() >= limits.at_once as usize {
            return throttle(
                "0x80072326",
                format!(
                    "Number of concurrent requests exceeded the limit of {}.",
                    limits.at_once
                ),
                limits.at_once_wait,
            );
        }
        Ok(())
    }

    /// Until the oldest requests leave the window, in whole seconds.
    fn room(&self, limits: &Limits, now: DateTime<Utc>) -> Duration {
        let oldest = self.steps.keys().next().map_or(0, |step| (step + 1) * STEP);
        let age = now.timestamp_millis().saturating_sub(oldest);
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        let wait = limits.window.saturating_sub(age);
        Duration::from_secs(
            u64::try_from(wait.as_millis().div_ceil(1000))
                .unwrap_or(1)
                .max(1),
        )
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
