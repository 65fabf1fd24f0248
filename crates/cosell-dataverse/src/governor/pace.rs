//! How many places there are: learnt from the answers, kept without a clock of its own.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, StatusCode};
use rust_decimal::Decimal;

use super::GovernorOptions;
use crate::ErrorCode;

/// No answer stops the user for longer, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Successes at the number known to work before one more is tried.
const PROBE: u32 = 1000;
/// The service never recommends so many; a wrong header must not open the flood.
const MOST: u32 = 1024;

/// How often the service refused, by its reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// Too many requests in five minutes.
    pub requests: u64,
    /// Too much execution time in five minutes.
    pub time: u64,
    /// Too many requests at once.
    pub at_once: u64,
    /// Any other 429, and 503 with `Retry-After`.
    pub other: u64,
}

/// What a [`Governor`](super::Governor) does now and has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GovernorReport {
    /// Places there are now.
    pub limit: u32,
    /// The service's recommendation, once it was seen.
    pub hint: Option<u32>,
    /// Places taken.
    pub in_flight: u32,
    /// Calls that wait for a place.
    pub waiting: usize,
    /// Until when nothing goes out, if the service asked for it; may be past.
    pub paused_until: Option<DateTime<Utc>>,
    /// Answers seen, refusals included.
    pub answers: u64,
    /// Refusals.
    pub throttled: Throttled,
    /// `x-ms-ratelimit-burst-remaining-xrm-requests` of the last answer: requests left on the
    /// server that gave it.
    pub requests_left: Option<u64>,
    /// `x-ms-ratelimit-time-remaining-xrm-requests` of the last answer: milliseconds of execution
    /// left on the server that gave it.
    pub milliseconds_left: Option<Decimal>,
}

/// Why the service refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Requests,
    Time,
    AtOnce,
    Other,
}

/// Marks a request with the state of things when it went out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Began(u64);

#[derive(Debug)]
pub(crate) struct Pace {
    limit: u32,
    ceiling: u32,
    cap: u32,
    /// Places that were not refused so far; above, one more is tried rarely.
    proven: u32,
    /// Counts the halvings, so that the requests out together halve once.
    generation: u64,
    successes: u32,
    out: u32,
    opens: Option<DateTime<Utc>>,
    seen: GovernorReport,
}

impl Pace {
    pub(super) fn new(options: &GovernorOptions) -> Self {
        let cap = options.cap.unwrap_or(MOST).clamp(1, MOST);
        let limit = options.first.clamp(1, cap);
        Self {
            limit,
            ceiling: limit,
            cap,
            proven: MOST,
            generation: 0,
            successes: 0,
            out: 0,
            opens: None,
            seen: GovernorReport::default(),
        }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// When the pause ends and how long that is from `now`.
    pub(super) fn pause(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Duration)> {
        let opens = self.opens?;
        let wait = (opens - now).to_std().ok()?;
        (!wait.is_zero()).then_some((opens, wait))
    }

    pub(super) fn report(&self, in_flight: u32, waiting: usize) -> GovernorReport {
        GovernorReport {
            limit: self.limit,
            in_flight,
            waiting,
            paused_until: self.opens,
            ..self.seen.clone()
        }
    }

    /// A request goes out.
    pub(super) fn begin(&mut self) -> Began {
        self.out += 1;
        Began(self.generation)
    }

    /// A request ended, answered or not.
    pub(super) fn end(&mut self) {
        self.out = self.out.saturating_sub(1);
    }

    /// An answer came. Counts the request as still out.
    pub(super) fn learn(
        &mut self,
        began: Began,
        now: DateTime<Utc>,
        status: StatusCode,
        headers: &HeaderMap,
        code: Option<ErrorCode>,
    ) {
        self.seen.answers += 1;
        self.read_headers(headers);
        let wait = retry_after(headers, now);
        match kind(status, wait.is_some(), code) {
            None if status.is_server_error() => {}
            None => self.grow(),
            Some(kind) => self.refused(began, now, kind, wait),
        }
    }

    fn refused(&mut self, began: Began, now: DateTime<Utc>, kind: Kind, wait: Option<Duration>) {
        let tally = &mut self.seen.throttled;
        *match kind {
            Kind::Requests => &mut tally.requests,
            Kind::Time => &mut tally.time,
            Kind::AtOnce => &mut tally.at_once,
            Kind::Other => &mut tally.other,
        } += 1;
        self.successes = 0;
        if let Some(wait) = wait {
            let wait = TimeDelta::from_std(wait.min(LONGEST_PAUSE)).unwrap_or_default();
            let until = now + wait;
            if self.opens.is_none_or(|earlier| earlier < until) {
                self.opens = Some(until);
            }
        }
        // Where the service names no wait, fewer requests are the only answer there is.
        let too_dense = matches!(kind, Kind::Time | Kind::AtOnce) || wait.is_none();
        if !too_dense {
            return;
        }
        if kind == Kind::AtOnce {
            self.proven = self.proven.min(self.out.saturating_sub(1)).max(1);
        }
        if began.0 == self.generation {
            self.generation += 1;
            self.limit = (self.limit / 2).max(1);
        }
    }

    fn grow(&mut self) {
        self.successes += 1;
        let needed = if self.limit < self.proven {
            self.limit
        } else {
            PROBE
        };
        if self.limit < self.ceiling && self.successes >= needed {
            self.successes = 0;
            self.limit += 1;
            self.proven = self.proven.max(self.limit);
        }
    }

    fn read_headers(&mut self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        if let Some(left) = text("x-ms-ratelimit-burst-remaining-xrm-requests") {
            self.seen.requests_left = left.replace(',', "").parse().ok();
        }
        if let Some(left) = text("x-ms-ratelimit-time-remaining-xrm-requests") {
            self.seen.milliseconds_left = left.replace(',', "").parse().ok();
        }
        let hint = text("x-ms-dop-hint").and_then(|hint| hint.parse().ok());
        let Some(hint) = hint.filter(|hint: &u32| *hint > 0) else {
            return;
        };
        if self.seen.hint == Some(hint) {
            return;
        }
        self.seen.hint = Some(hint);
        // What was halved since grows back step by step; else the new number holds at once.
        let untouched = self.limit == self.ceiling;
        self.ceiling = hint.min(self.cap);
        self.limit = if untouched {
            self.ceiling
        } else {
            self.limit.min(self.ceiling)
        };
    }
}

fn kind(status: StatusCode, waits: bool, code: Option<ErrorCode>) -> Option<Kind> {
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return waits.then_some(Kind::Other);
    }
    if status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    Some(match code {
        Some(ErrorCode::ThrottlingBurstRequestLimitExceeded) => Kind::Requests,
        Some(ErrorCode::ThrottlingTimeExceeded) => Kind::Time,
        Some(ErrorCode::ThrottlingConcurrencyLimitExceeded) => Kind::AtOnce,
        _ => Kind::Other,
    })
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or_default())
}
