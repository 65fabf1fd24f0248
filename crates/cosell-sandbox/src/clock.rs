//! The sandbox's own time: real with an offset, or moved by hand alone.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Where the sandbox takes its time from. Tokens, lateness and expiry follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Real { ahead: TimeDelta },
    Manual { now: DateTime<Utc> },
}

impl Clock {
    /// The machine's time; [`advance`](Self::advance) puts it ahead.
    pub fn real() -> Self {
        Self {
            kind: Kind::Real {
                ahead: TimeDelta::zero(),
            },
        }
    }

    /// Stands at `now` until it is advanced: the same run gives the same answers.
    pub fn manual(now: DateTime<Utc>) -> Self {
        Self {
            kind: Kind::Manual { now },
        }
    }

    /// The present moment of the sandbox.
    pub fn now(&self) -> DateTime<Utc> {
        match self.kind {
            // A clock that was put too far ahead stands at the end of time instead of failing.
            Kind::Real { ahead } => Utc::now()
                .checked_add_signed(ahead)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
            Kind::Manual { now } => now,
        }
    }

    /// Moves the clock forward. There is no way back.
    pub fn advance(&mut self, by: Duration) {
        let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        match &mut self.kind {
            Kind::Real { ahead } => *ahead = ahead.checked_add(&by).unwrap_or(TimeDelta::MAX),
            Kind::Manual { now } => {
                *now = now
                    .checked_add_signed(by)
                    .unwrap_or(DateTime::<Utc>::MAX_UTC);
            }
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}
