//! How long to wait when the service does not say.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::RetryOptions;

/// Exponential growth with full jitter: any wait between nothing and the bound is equally
/// likely, so that calls that failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    max: Duration,
    state: AtomicU64,
}

impl Backoff {
    pub(crate) fn new(options: &RetryOptions) -> Self {
        let seed = options
            .seed
            .unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().1);
        Self {
            base: options.base,
            max: options.max,
            state: AtomicU64::new(seed),
        }
    }

    /// The wait before repeat number `repeat`, counted from 1.
    pub(crate) fn wait(&self, repeat: u32) -> Duration {
        let doublings = repeat.saturating_sub(1).min(31);
        let bound = self.base.saturating_mul(1 << doublings).min(self.max);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        // The high half of a 64 x 64 bit product is even over 0..=nanos.
        let share = u128::from(self.next()) * (u128::from(nanos) + 1);
        Duration::from_nanos(u64::try_from(share >> 64).unwrap_or(nanos))
    }

    /// SplitMix64: small, seedable, and good enough to spread waits.
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self
            .state
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backoff(seed: u64, base: Duration, max: Duration) -> Backoff {
        Backoff::new(
            &RetryOptions::default()
                .with_backoff(base, max)
                .with_seed(seed),
        )
    }

    proptest! {
        #[test]
        fn waits_stay_within_the_growing_bound(seed: u64, base in 0u64..10_000, max in 0u64..100_000, repeat: u32) {
            let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
            let wait = backoff(seed, base, max).wait(repeat);
            prop_assert!(wait <= max);
            prop_assert!(wait <= base.saturating_mul(1 << repeat.saturating_sub(1).min(31)));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let waits = |seed| {
            let backoff = backoff(seed, Duration::from_secs(1), Duration::from_secs(60));
            (1..6).map(|n| backoff.wait(n)).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    #[test]
    fn waits_are_spread_over_the_whole_bound() {
        let backoff = backoff(1, Duration::from_secs(100), Duration::from_secs(100));
        let waits: Vec<_> = (0..200).map(|_| backoff.wait(1).as_secs()).collect();
        assert!(waits.iter().any(|wait| *wait < 10) && waits.iter().any(|wait| *wait > 90));
    }
}
