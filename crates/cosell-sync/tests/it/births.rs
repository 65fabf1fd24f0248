//! How pairs begin.

use std::{sync::Arc, time::Duration};

use cosell_sync::{EngineError, PairKey, Side};

use crate::{
    crashes::{Gate, Gated, Then},
    world::{READ_LAG, World, drive},
};

// R1
#[test]
fn a_record_on_the_right_is_made_on_the_left_and_gets_key_and_outcome() {
    let world = World::new();
    world
        .right
        .add("b", &[("name", "deal"), ("value", "100"), ("note", "")]);
    let report = world.round();
    assert_eq!(
        (report.births, report.left.creates, report.right.updates),
        (1, 1, 1)
    );
    assert_eq!(
        report.left.reads() + report.right.reads(),
        0,
        "the page spares the fetch"
    );
    world.assert_in_step();
    let row = world.right.with(|state| state.rows["b"].clone());
    assert_eq!(
        row.key,
        Some(PairKey::new(world.left_id())),
        "the identifier comes back"
    );
    assert_eq!(row.outcomes.len(), 1, "with the outcome, in one write");
    assert!(row.outcomes[0].success);
    assert!(world.round().is_quiet());
}

// R2
#[test]
fn a_record_on_the_left_is_made_on_the_right_in_one_write() {
    let world = World::new();
    world
        .left
        .add("a", &[("name", "deal"), ("value", "100"), ("note", "")]);
    let report = world.round();
    assert_eq!(report.right.creates, 1);
    assert_eq!(
        report.right.updates, 0,
        "key and outcome travel with the birth"
    );
    assert_eq!(
        report.left.writes(),
        0,
        "the left key only rides on other writes"
    );
    world.assert_in_step();
    assert!(world.round().is_quiet());
}

// R104
#[test]
fn a_key_that_names_a_record_binds_instead_of_giving_birth() {
    let world = World::new();
    world.right.add("b", &[("name", "deal"), ("value", "100")]);
    world
        .left
        .add_with_key("a", Some("b"), &[("name", "deal"), ("value", "90")]);
    let report = world.round();
    assert_eq!((report.binds, report.births), (1, 0));
    assert_eq!(
        world.both("value"),
        ("100".into(), "100".into()),
        "the policy settles it"
    );
    assert_eq!(report.conflicts, 1, "and the value that gave way is logged");
    world.settle();
    world.assert_in_step();
}

// R105
#[test]
fn a_key_that_names_nothing_is_a_recorded_skip_told_once() {
    let world = World::new();
    world
        .left
        .add_with_key("a", Some("OPP-20931"), &[("name", "deal")]);
    let report = world.round();
    assert_eq!((report.skipped, report.births), (1, 0));
    let skipped = drive(world.engine().skipped(0, 10)).unwrap().unwrap();
    assert!(
        skipped[0].cause.contains("OPP-20931"),
        "{}",
        skipped[0].cause
    );
    drive(world.engine().hint(Side::Left, &"a".to_owned().into_id()))
        .unwrap()
        .unwrap();
    assert_eq!(world.round().skipped, 0, "known already");
    // Cleared by a person, it is a deal like any other.
    world.left.touch("a", |row| row.key = None);
    assert_eq!(world.round().births, 1);
    assert!(
        drive(world.engine().skipped(0, 10))
            .unwrap()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_named_record_that_is_missing_is_looked_for_twice() {
    let world = World::new();
    world
        .right
        .add_with_key("b", Some("a"), &[("name", "deal"), ("value", "1")]);
    assert_eq!(world.round().skipped, 1);
    assert_eq!(world.queued(), 1, "it may be read late");
    world.clock.pass(READ_LAG);
    assert_eq!(world.round().skipped, 0, "known already");
    assert_eq!(world.queued(), 0);
}

#[test]
fn a_copy_that_claims_a_bound_record_is_skipped_with_its_claim() {
    let world = World::in_step();
    let left = world.left_id();
    world
        .right
        .add_with_key("copy", Some(&left), &[("name", "copy")]);
    let report = world.round();
    assert_eq!((report.skipped, report.births, report.binds), (1, 0, 0));
    let skipped = drive(world.engine().skipped(0, 10)).unwrap().unwrap();
    assert!(skipped[0].cause.contains("claims"), "{}", skipped[0].cause);
    assert!(world.round().is_quiet());
}

#[test]
fn after_a_lost_store_records_are_bound_again_and_none_is_made() {
    let mut world = World::in_step();
    world
        .left
        .add("a", &[("name", "other"), ("value", "1"), ("note", "")]);
    world.settle();
    // The key on the right was never written back either.
    world.right.touch("b", |row| row.key = None);
    world.store = Default::default();
    let report = world.round();
    assert_eq!((report.births, report.binds), (0, 2));
    world.settle();
    world.assert_in_step();
}

// R92
#[test]
fn closed_records_and_those_that_do_not_take_part_found_nothing() {
    let world = World::new();
    world.right.add("closed", &[("name", "old")]);
    world
        .right
        .touch("closed", |row| row.life = cosell_sync::Life::Closed);
    world.right.add("off", &[("name", "mine")]);
    world.right.touch("off", |row| row.takes_part = false);
    let report = world.round();
    assert!(report.is_quiet());
    assert_eq!(report.dropped, 1, "dropped before the queue");
    assert!(world.pairs().is_empty());
    world.right.touch("off", |row| row.takes_part = true);
    assert_eq!(world.round().births, 1);
}

#[test]
fn a_second_engine_takes_over_a_birth_that_the_first_never_finished() {
    let world = World::new();
    world
        .right
        .add("b", &[("name", "deal"), ("value", "1"), ("note", "")]);
    // The first one sends its create and is then paused for ever.
    let paused = Arc::new(Gate::new(Some(2), Then::HangAfter));
    let first = world.engine_with(
        Arc::new(Gated::new(world.left.clone(), paused)),
        world.right.clone(),
        world.store.clone(),
        world.options().with_owner("first"),
    );
    let second = world.engine_with(
        world.left.clone(),
        world.right.clone(),
        world.store.clone(),
        world.options().with_owner("second"),
    );
    assert!(drive(first.run_once()).is_none());
    let held = drive(second.run_once()).unwrap();
    assert!(matches!(held, Err(EngineError::Held { .. })), "{held:?}");
    world.clock.pass(Duration::from_secs(1_200));
    let report = drive(second.run_once()).unwrap().unwrap();
    assert_eq!(report.left.creates, 0, "looked for, not repeated");
    world.assert_in_step();
    let report = drive(first.run_once()).unwrap().unwrap();
    assert!(report.is_quiet(), "{report:?}");
}

trait IntoId {
    fn into_id(self) -> cosell_sync::RecordId;
}

impl IntoId for String {
    fn into_id(self) -> cosell_sync::RecordId {
        cosell_sync::RecordId::new(self)
    }
}
