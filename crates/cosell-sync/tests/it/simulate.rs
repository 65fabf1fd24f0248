//! Long stories by seed.

use std::io::Write as _;

use cosell_sync::testkit::{Plant, Simulation};

use crate::schedules::long;

/// Rounds of one story.
const ROUNDS: u64 = 20;
/// In the long job.
const LONG_ROUNDS: u64 = 120;

/// Seeds that failed once, each with the reason; they are played for ever.
fn kept() -> impl Iterator<Item = u64> {
    let lines = include_str!("seeds.txt").lines();
    lines.filter_map(|line| line.split('#').next()?.trim().parse().ok())
}

/// Which stories: `COSELL_SEEDS=200..400`.
fn wanted() -> std::ops::Range<u64> {
    let wanted = std::env::var("COSELL_SEEDS").ok().and_then(|wanted| {
        let (from, to) = wanted.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    wanted.unwrap_or(0..if long() { 10_000 } else { 100 })
}

#[test]
fn stories_keep_every_promise() {
    let rounds = if long() { LONG_ROUNDS } else { ROUNDS };
    if let Err(failure) = Simulation::new(LONG_ROUNDS).run(kept()) {
        panic!("{failure}");
    }
    match Simulation::new(rounds).run(wanted()) {
        Ok(done) => drop(writeln!(std::io::stderr(), "simulation: {done}")),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn stories_with_stages_keep_every_promise() {
    let rounds = if long() { LONG_ROUNDS } else { ROUNDS };
    match Simulation::new(rounds).with_stages().run(wanted()) {
        Ok(done) => drop(writeln!(
            std::io::stderr(),
            "simulation with stages: {done}"
        )),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn late_read_believed_forgets_a_new_record() {
    let simulation = Simulation::new(LONG_ROUNDS).with_plant(Plant::LateReadBelieved);
    let failure = simulation.run(kept()).expect_err("caught");
    assert_eq!(failure.broken.promise, 9, "{failure}");
}

#[test]
fn a_story_that_fails_is_told_with_little_in_it() {
    let simulation = Simulation::new(30).with_plant(Plant::NoIfMatch);
    let failure = simulation.run(0..50).expect_err("caught");
    assert_eq!(failure.broken.promise, 3, "{failure}");
    let edits = failure.trace.iter().filter(|line| line.contains(">>"));
    assert!(edits.count() <= 8, "{failure}");
}
