//! Chance that can be repeated.

/// Splitmix64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Dice(pub(super) u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// For one question of many under one seed, whatever was asked before.
    pub fn at(seed: u64, question: &[u64]) -> Self {
        question.iter().fold(Self(seed), |mut dice, part| {
            Self(dice.next() ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        })
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which counts as 1 if it is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of `from`; none if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len() as u64) as usize;
        from.get(at)
    }
}
