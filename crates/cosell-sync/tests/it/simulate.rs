//! Long stories by seed.

use std::io::Write as _;

use cosell_sync::testkit::{Plant, Simulation};

/// Rounds of one story.
const ROUNDS: u64 = 30;

/// Seeds that failed once, each with the reason; they are played for ever.
fn kept() -> impl Iterator<Item = u64> {
    let lines = include_str!("seeds.txt").lines();
    lines.filter_map(|line| line.split('#').next()?.trim().parse().ok())
}

#[test]
fn a_hundred_stories_keep_every_promise() {
    let seeds = kept().chain(0..100);
    match Simulation::new(ROUNDS).run(seeds) {
        Ok(done) => drop(writeln!(std::io::stderr(), "simulation: {done}")),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn a_story_that_fails_is_told_with_little_in_it() {
    let simulation = Simulation::new(ROUNDS).with_plant(Plant::NoIfMatch);
    let failure = simulation.run(0..50).expect_err("caught");
    assert_eq!(failure.broken.promise, 3, "{failure}");
    let edits = failure.trace.iter().filter(|line| line.contains(">>"));
    assert!(edits.count() <= 4, "{failure}");
}
