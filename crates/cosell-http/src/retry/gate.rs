//! One service, one wait: while it asks for patience, no call of this client goes out.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

/// No answer closes the gate for longer, whatever it says: a broken date must not silence a
/// client for years.
const LONGEST: Duration = Duration::from_secs(3600);

/// The moment before which nothing is sent, shared by all clones of a client.
///
/// The services count per user, not per call: a call that goes out while another one waits
/// only makes the wait longer.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    opens: Mutex<Option<DateTime<Utc>>>,
}

impl Gate {
    /// Closes the gate for `wait` from `now`; never opens it earlier than it would have.
    pub(crate) fn close(&self, now: DateTime<Utc>, wait: Duration) {
        let wait = TimeDelta::from_std(wait.min(LONGEST)).unwrap_or(TimeDelta::zero());
        let until = now + wait;
        let mut opens = self.opens.lock().unwrap_or_else(PoisonError::into_inner);
        if opens.is_none_or(|earlier| earlier < until) {
            *opens = Some(until);
        }
    }

    /// When the gate opens and how long that is from `now`; `None` when it is open.
    pub(crate) fn closed(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Duration)> {
        let opens = (*self.opens.lock().unwrap_or_else(PoisonError::into_inner))?;
        let wait = (opens - now).to_std().ok()?;
        (!wait.is_zero()).then_some((opens, wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wish_counts_and_has_a_bound() {
        let gate = Gate::default();
        let now = DateTime::UNIX_EPOCH;
        let remaining = |now| gate.closed(now).map(|(_, wait)| wait);
        assert_eq!(remaining(now), None);
        gate.close(now, Duration::from_secs(10));
        gate.close(now, Duration::from_secs(3));
        assert_eq!(remaining(now), Some(Duration::from_secs(10)));
        assert_eq!(remaining(now + TimeDelta::seconds(10)), None);
        gate.close(now, Duration::from_secs(u64::MAX));
        assert_eq!(remaining(now), Some(LONGEST));
    }
}
