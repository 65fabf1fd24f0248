//! Limits on mass effects.

use std::time::Duration;

use cosell_sync::{Brake, BrakeOn, BrakeOptions, FieldPolicy, Side};

use crate::{
    toy::Fault,
    world::{World, drive},
};

const HOUR: Duration = Duration::from_secs(3_600);

fn braked(brakes: BrakeOptions) -> World {
    let mut world = World::new();
    world.brakes = brakes;
    world
}

fn add(world: &World, ids: &[&str]) {
    for id in ids {
        let fields = [("name", *id), ("value", "1"), ("note", "")];
        world.right.add(id, &fields);
    }
}

fn on(world: &World) -> Vec<BrakeOn> {
    drive(world.engine().brakes()).unwrap().unwrap()
}

fn release(world: &World, brake: Brake) -> bool {
    drive(world.engine().release(brake)).unwrap().unwrap()
}

#[test]
fn so_many_births_an_hour_and_the_rest_waits_or_is_released_by_name() {
    let births = Brake::Births(Side::Left);
    let world = braked(BrakeOptions::default().with_births(Some(2)));
    add(&world, &["b", "c", "d", "e", "f"]);
    let report = world.round();
    assert_eq!((report.births, report.left.creates), (2, 2));
    let told = &report.brakes[0];
    assert_eq!((told.brake, told.count, told.limit), (births, 2, 2));
    assert!(told.to_string().contains("births-left"), "{told}");
    assert_eq!(on(&world), report.brakes, "the same for whoever asks");
    assert!(
        world.round().is_quiet(),
        "another engine on the same state makes none"
    );
    // What is not stopped goes on meanwhile.
    let left = world.left_ids()[0].clone();
    world.left.edit(&left, "value", "2");
    assert_eq!(world.round().right.updates, 1);
    world.clock.pass(HOUR + HOUR / 12);
    assert_eq!(world.round().births, 2, "the window has passed");
    assert!(world.round().is_quiet());
    assert!(release(&world, births));
    assert!(on(&world).is_empty());
    assert_eq!(world.round().births, 1);
    world.settle();
    world.assert_in_step();
}

#[test]
fn a_record_that_waits_for_a_brake_may_leave_and_come_back() {
    let births = Brake::Births(Side::Left);
    let brakes = BrakeOptions::default().with_births(Some(1));
    let world = braked(brakes.with_emptied(Some(1), 0));
    add(&world, &["b", "off", "gone", "named"]);
    assert_eq!(world.round().births, 1);
    assert_eq!(world.queued(), 3, "they wait");
    // One is switched off, one deleted, and one is named by a record at the other end.
    world.right.touch("off", |row| row.takes_part = false);
    world.right.delete("gone");
    let fields = [("name", "named"), ("value", "1"), ("note", "")];
    world.left.add_with_key("there", Some("named"), &fields);
    let report = world.round();
    assert_eq!((report.births, report.binds), (0, 1), "{report:?}");
    world.settle();
    assert!(
        on(&world).iter().all(|on| on.brake == births),
        "what was never in step is no loss: {:?}",
        on(&world)
    );
    world.clock.pass(HOUR * 2);
    let report = world.round();
    assert_eq!((report.births, report.left.creates), (0, 0), "{report:?}");
    assert_eq!(world.queued(), 0, "nothing is left to do about them");
    let report = world.round();
    assert_eq!((report.births, report.left.creates), (0, 0), "{report:?}");
    assert_eq!(world.left.with(|state| state.rows.len()), 2);
    world.right.touch("off", |row| row.takes_part = true);
    assert_eq!(world.round().births, 1, "it is born when it comes back");
    world.settle();
    assert_eq!(world.left.with(|state| state.rows.len()), 3);
}

#[test]
fn a_brake_stops_no_recovery() {
    let world = braked(BrakeOptions::default().with_births(Some(1)));
    world.left.fail("create", &[Fault::LostAfter]);
    add(&world, &["b", "c"]);
    let report = world.round();
    assert_eq!((report.left.creates, report.brakes.len()), (1, 1));
    world.clock.pass(Duration::from_secs(1_200));
    let report = world.round();
    assert_eq!(
        (report.left.creates, report.left.finds),
        (0, 1),
        "{report:?}"
    );
    assert!(world.pairs().iter().all(|pair| pair.intent.is_none()));
    world.clock.pass(HOUR + HOUR / 12);
    world.settle();
    world.assert_in_step();
}

#[test]
fn changes_are_counted_on_the_side_they_go_to() {
    let world = braked(BrakeOptions::default().with_changes(Some(3)));
    add(&world, &["b", "c", "d"]);
    world.settle();
    assert!(
        release(&world, Brake::Changes(Side::Right)),
        "identifiers went there"
    );
    for id in ["b", "c", "d"] {
        world.right.edit(id, "value", "2");
    }
    assert_eq!(world.round().left.updates, 3);
    world.right.edit("b", "value", "3");
    let report = world.round();
    assert_eq!(report.left.updates, 0);
    assert_eq!(report.brakes[0].brake, Brake::Changes(Side::Left));
    assert!(report.brakes[0].until.is_some());
    world.clock.pass(HOUR + HOUR / 12);
    assert_eq!(world.round().left.updates, 1);
}

#[test]
fn writes_that_cannot_be_taken_back_have_a_limit_of_their_own() {
    let finals = Brake::Finals(Side::Left);
    let mut world = braked(BrakeOptions::default().with_finals(Some(1)));
    let stage = FieldPolicy::wins(Side::Right).with_irreversible(Side::Left);
    world.policy = world.policy.with_field("stage", stage);
    for id in ["b", "c"] {
        world.right.add(id, &[("name", id), ("stage", "open")]);
    }
    world.settle();
    for id in ["b", "c"] {
        world.right.edit(id, "stage", "won");
    }
    let report = world.round();
    assert_eq!((report.left.updates, report.brakes[0].brake), (1, finals));
    world.right.edit("b", "name", "renamed");
    assert_eq!(world.round().left.updates, 1, "others go on");
    assert!(release(&world, finals));
    assert_eq!(world.round().left.updates, 1);
}

#[test]
fn a_side_that_is_emptied_stops_all_writing_until_somebody_looked() {
    for hidden in [false, true] {
        let emptied = Brake::Emptied(Side::Right);
        let world = braked(BrakeOptions::default().with_emptied(Some(2), 10));
        add(&world, &["b", "c", "d", "e"]);
        world.settle();
        if hidden {
            // A role was taken away: nothing is said, reads by id are refused.
            world.right.with(|state| state.hidden = true);
            for pair in world.pairs().iter().take(2) {
                let left = pair.left.id.as_ref().unwrap().as_str();
                world.left.edit(left, "value", "2");
            }
        } else {
            world.right.delete("b");
            world.right.delete("c");
        }
        let report = world.round();
        assert_eq!(report.left.writes() + report.right.writes(), 0);
        let told = on(&world);
        assert_eq!((told[0].brake, told[0].count), (emptied, 2), "{told:?}");
        world.right.with(|state| state.hidden = false);
        let pairs = world.pairs();
        let kept = pairs
            .iter()
            .rfind(|pair| pair.state == cosell_sync::PairState::Active)
            .unwrap();
        world
            .left
            .edit(kept.left.id.as_ref().unwrap().as_str(), "value", "3");
        add(&world, &["new"]);
        let report = world.round();
        assert_eq!(
            report.left.writes() + report.right.writes(),
            0,
            "nothing at all"
        );
        assert_eq!(report.brakes[0].brake, emptied);
        assert!(release(&world, emptied));
        let report = world.round();
        assert_eq!(
            (report.births, report.right.updates >= 1),
            (1, true),
            "{report:?}"
        );
    }
}

#[test]
fn a_large_first_sync_shows_its_counts_and_is_asked_for_by_name() {
    let world = braked(
        BrakeOptions::default()
            .with_first_sync(Some(3))
            .with_births(Some(1)),
    );
    add(&world, &["b", "c", "d"]);
    world
        .left
        .add("a", &[("name", "left"), ("value", "1"), ("note", "")]);
    world.left.add_with_key(
        "z",
        Some("b"),
        &[("name", "b"), ("value", "1"), ("note", "")],
    );
    let report = world.round();
    assert!(report.is_quiet() && world.pairs().is_empty(), "{report:?}");
    assert_eq!((report.left.fetches, report.right.fetches), (0, 0));
    let told = &report.brakes[0];
    assert_eq!(
        (told.brake, told.count, told.until),
        (Brake::FirstSync, 5, None)
    );
    assert_eq!(on(&world)[0].count, 5, "the same for whoever asks");
    world.clock.pass(HOUR * 48);
    assert!(world.round().is_quiet(), "time does not ask for it");
    world.clock.pass(HOUR * 48);
    let counts = drive(world.engine().plan()).unwrap().unwrap().counts();
    assert_eq!(
        (counts.births_left, counts.births_right, counts.binds),
        (2, 1, 1)
    );
    assert!(release(&world, Brake::FirstSync));
    assert!(!release(&world, Brake::FirstSync), "once is enough");
    let report = world.round();
    assert_eq!(
        (report.births, report.binds),
        (3, 1),
        "no other limit on it: {report:?}"
    );
    world.settle();
    world.assert_in_step();
    // From now on the ordinary limits hold.
    add(&world, &["e", "f"]);
    assert_eq!(world.round().births, 1);
}

#[test]
fn a_small_first_sync_needs_no_ceremony_and_ends_by_itself() {
    let world = braked(BrakeOptions::default().with_first_sync(Some(3)));
    add(&world, &["b", "c", "d"]);
    assert_eq!(world.round().births, 3);
    world.settle();
    add(&world, &["e", "f", "g", "h"]);
    assert_eq!(world.round().births, 4, "it is over");
}
