//! Stories by seed, in whatever world they are told: played twice, made small when they fail.

use std::{fmt, time::Duration};

use super::{
    Broken, Dice, Failure,
    search::{Tale, clock, shrink},
};

/// What was simulated.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Simulated {
    /// Stories, each played twice.
    pub seeds: u64,
    /// Deals in them.
    pub deals: u64,
    /// Calls to services and stores: the steps of the stories.
    pub steps: u64,
    /// Outside edits.
    pub edits: u64,
    /// Faults.
    pub faults: u64,
    /// How long it took.
    pub time: Duration,
}

impl fmt::Display for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seeds twice, {} deals, {} steps, {} edits, {} faults, {:.1} s",
            self.seeds,
            self.deals,
            self.steps,
            self.edits,
            self.faults,
            self.time.as_secs_f64()
        )
    }
}

/// How a story went.
#[derive(Clone, Debug)]
pub struct Played<D> {
    /// The first promise that it broke.
    pub result: Result<(), Broken>,
    /// What happened, in order.
    pub deeds: Vec<D>,
    /// How many of them were outside edits.
    pub edits: usize,
    /// Deals that it was about.
    pub deals: u8,
    /// Calls to services and stores.
    pub steps: u64,
    /// Trace and last state as one number.
    pub hash: u64,
}

/// A world in which stories are told.
pub trait Teller {
    /// Something that happened, with its place.
    type Deed: Clone;

    /// Plays the story of a seed: as the dice fall, or with these deeds alone.
    fn play(&self, seed: u64, deeds: Option<Vec<Self::Deed>>, tale: &Tale) -> Played<Self::Deed>;

    /// The head of a failing story.
    fn head(&self, seed: u64) -> String;
}

/// One story for each seed, played twice: both must leave the same trace.
///
/// # Errors
/// The first story that breaks a promise, with what is not needed for that left out.
pub fn tell<T: Teller>(
    teller: &T,
    seeds: impl IntoIterator<Item = u64>,
) -> Result<Simulated, Box<Failure>> {
    let begun = clock();
    let mut all = Simulated::default();
    for seed in seeds {
        let first = teller.play(seed, None, &Tale::default());
        if let Err(broken) = first.result {
            return Err(Box::new(told(teller, seed, broken, first.deeds)));
        }
        let second = teller.play(seed, None, &Tale::default());
        if second.hash != first.hash {
            let broken = Broken::new(20, format!("seed {seed} left two traces"));
            return Err(Box::new(Failure::new(broken, Vec::new())));
        }
        all.seeds += 1;
        all.deals += u64::from(first.deals);
        all.steps += first.steps;
        all.edits += first.edits as u64;
        all.faults += (first.deeds.len() - first.edits) as u64;
    }
    all.time = begun.elapsed();
    Ok(all)
}

/// A failing story with as little in it as it needs, told call by call.
fn told<T: Teller>(teller: &T, seed: u64, broken: Broken, deeds: Vec<T::Deed>) -> Failure {
    let deeds = shrink(deeds, |fewer| {
        let again = teller.play(seed, Some(fewer.to_vec()), &Tale::default());
        again
            .result
            .is_err_and(|again| again.promise == broken.promise)
    });
    let tale = Tale::in_words();
    tale.tell(|| format!("seed {seed}, {}", teller.head(seed)));
    let again = teller.play(seed, Some(deeds), &tale);
    Failure::new(again.result.err().unwrap_or(broken), tale.words())
}

/// How many deals the story of a seed is about: 2 to 50, mostly few.
pub fn deals(seed: u64) -> u8 {
    let mut dice = Dice::at(seed, &[1]);
    let most = [4, 8, 16, 49];
    let most = dice.pick(&most).copied().unwrap_or(4);
    2 + dice.below(most) as u8
}

/// One in so many calls meets an edit, and one in so many a fault.
pub fn odds(seed: u64) -> [u64; 2] {
    let mut dice = Dice::at(seed, &[3]);
    [(); 2].map(|()| dice.pick(&[8, 25, 60, 200]).copied().unwrap_or(25))
}

/// Which of two workers has this round, and how much time passes before it.
pub fn turn(seed: u64, round: u64) -> (usize, Duration) {
    /// The shorter ones stand for hints that come at once.
    const PAUSES: [u64; 6] = [1, 5, 40, 90, 300, 1_200];
    let mut dice = Dice::at(seed, &[2, round]);
    let pause = dice.pick(&PAUSES).copied().unwrap_or(1);
    (dice.below(2) as usize, Duration::from_secs(pause))
}
