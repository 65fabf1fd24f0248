//! Can the client afford another try?

use std::sync::{Mutex, PoisonError};

/// What one repeat costs; a success earns one unit.
const REPEAT: u32 = 10;

/// A bucket of repeats shared by all calls of a client.
///
/// While a service is down every call would otherwise send its full number of tries, and the
/// service would get several times its usual traffic just when it recovers.
#[derive(Debug)]
pub(crate) struct Budget {
    full: u32,
    units: Mutex<u32>,
}

impl Budget {
    /// A full bucket of `repeats`.
    pub(crate) fn new(repeats: u32) -> Self {
        let full = repeats.saturating_mul(REPEAT);
        Self {
            full,
            units: Mutex::new(full),
        }
    }

    /// Takes one repeat out; `false` when there is none.
    pub(crate) fn take(&self) -> bool {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        match units.checked_sub(REPEAT) {
            Some(rest) => {
                *units = rest;
                true
            }
            None => false,
        }
    }

    /// Puts back after a success: a little always, and the repeat that led to it.
    pub(crate) fn earn(&self, repeated: bool) {
        let earned = if repeated { REPEAT } else { 1 };
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        *units = units.saturating_add(earned).min(self.full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_bucket_fills_slowly_and_never_overflows() {
        let budget = Budget::new(2);
        budget.earn(true);
        assert!(budget.take() && budget.take());
        assert!(!budget.take());
        for _ in 0..9 {
            budget.earn(false);
        }
        assert!(!budget.take());
        budget.earn(false);
        assert!(budget.take());
        budget.earn(true);
        assert!(budget.take() && !budget.take());
    }

    #[test]
    fn no_budget_means_no_repeat() {
        assert!(!Budget::new(0).take());
    }
}
