//! How changes travel.

use cosell_sync::{FieldId, PairState, Side, Value};

use crate::world::{World, drive};

// R3, R89
#[test]
fn an_edit_travels_both_ways() {
    let world = World::in_step();
    world.left.edit(&world.left_id(), "name", "from the left");
    world.right.edit("b", "value", "200");
    world.round();
    assert_eq!(world.both("name").1, "from the left");
    assert_eq!(world.both("value").0, "200");
    world.assert_in_step();
}

// R95, R96, R120
#[test]
fn our_own_writes_come_back_and_cause_nothing() {
    for side in Side::BOTH {
        let world = World::in_step();
        let id = match side {
            Side::Left => world.left_id(),
            Side::Right => "b".to_owned(),
        };
        world.toy(side).edit(&id, "name", "renamed");
        let report = world.round();
        assert_eq!(report.side(side.other()).updates, 1, "one write carries it");
        let report = world.round();
        assert!(report.is_quiet(), "the echo causes nothing: {report:?}");
        assert_eq!(
            report.left.reads() + report.right.reads(),
            0,
            "and no read: {report:?}"
        );
        assert_eq!(report.echoes, 1);
        let report = world.round();
        assert_eq!(
            (report.left.pages, report.right.pages),
            (1, 1),
            "an idle round: one page each"
        );
        assert_eq!(report.echoes, 0);
    }
}

#[test]
fn one_edit_costs_two_reads_and_one_write_at_most() {
    for side in Side::BOTH {
        let world = World::in_step();
        let id = match side {
            Side::Left => world.left_id(),
            Side::Right => "b".to_owned(),
        };
        world.toy(side).edit(&id, "value", "300");
        let report = world.round();
        assert!(
            report.left.reads() + report.right.reads() <= 2,
            "{report:?}"
        );
        assert_eq!(report.side(side.other()).writes(), 1);
        assert_eq!(
            report.side(side).writes(),
            0,
            "a known good outcome needs no line of its own"
        );
    }
}

// R121
#[test]
fn a_conflict_is_settled_by_the_policy_and_the_loser_is_kept() {
    let world = World::in_step();
    world.left.edit(&world.left_id(), "value", "110");
    world.right.edit("b", "value", "120");
    let report = world.round();
    assert_eq!(report.conflicts, 1);
    assert_eq!(world.both("value"), ("120".into(), "120".into()));
    let log = drive(world.engine().conflicts(0, 10)).unwrap().unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(
        (&log[0].left, log[0].kept),
        (&Value::text("110"), Some(Side::Right))
    );
    assert_eq!(
        log[0].base.as_ref().map(|base| &base.left),
        Some(&Value::text("100"))
    );
    assert!(world.round().is_quiet());
}

#[test]
fn a_conflict_left_to_a_person_is_held_and_the_other_fields_go_on() {
    let world = World::in_step();
    world.left.edit(&world.left_id(), "note", "l");
    world.right.edit("b", "note", "r");
    world.right.edit("b", "name", "new");
    let report = world.round();
    assert_eq!(report.holds, 1);
    assert_eq!(
        world.both("note"),
        ("l".into(), "r".into()),
        "nobody is overwritten"
    );
    assert_eq!(world.both("name").0, "new");
    assert!(world.round().is_quiet());
    let (held, _) = drive(world.engine().holds(None, 10)).unwrap().unwrap();
    assert!(held[0].holds.contains_key(&FieldId::from("note")));
    // A person settles it at either side.
    world.left.edit(&world.left_id(), "note", "r");
    world.round();
    assert!(world.pair().holds.is_empty());
}

#[test]
fn a_value_that_a_side_cannot_hold_is_held_without_a_write() {
    let world = World::in_step();
    world.right.edit("b", "name", "unholdable");
    let report = world.round();
    assert!(report.is_quiet(), "{report:?}");
    assert_eq!(report.holds, 1);
    assert_eq!(world.pair().park, None, "a held field parks nobody");
}

#[test]
fn an_edit_right_after_our_write_is_no_conflict() {
    let world = World::in_step();
    let field = FieldId::from("value");
    world
        .right
        .with(|state| state.edit_after_update = Some((field, Value::text("777"))));
    world.left.edit(&world.left_id(), "value", "500");
    let report = world.round();
    assert_eq!(report.conflicts, 0, "both edits came one after the other");
    assert_eq!(world.both("value"), ("777".into(), "777".into()));
}

// R69, R93
#[test]
fn switched_off_and_on_a_pair_keeps_its_ends_and_its_base() {
    let world = World::in_step();
    let before = world.pair();
    world.right.touch("b", |row| row.takes_part = false);
    world.right.edit("b", "value", "150");
    let report = world.round();
    assert!(report.is_quiet(), "nothing leaves: {report:?}");
    let stopped = world.pair();
    assert!(matches!(stopped.state, PairState::Stopped { .. }));
    assert_eq!((&stopped.id, &stopped.base), (&before.id, &before.base));
    world.left.edit(&world.left_id(), "name", "meanwhile");
    assert!(world.round().is_quiet());
    world.right.touch("b", |row| row.takes_part = true);
    let report = world.round();
    assert_eq!(report.conflicts, 0, "the old base tells who moved what");
    assert_eq!(world.both("value").0, "150");
    assert_eq!(world.both("name").1, "meanwhile");
    assert_eq!(world.pair().id, before.id);
    world.assert_in_step();
}

#[test]
fn a_record_that_is_gone_stops_its_pair_and_closes_nothing() {
    let world = World::in_step();
    world.right.delete("b");
    let report = world.round();
    assert!(report.is_quiet(), "{report:?}");
    assert!(matches!(world.pair().state, PairState::Stopped { .. }));
    assert_eq!(world.left.with(|state| state.rows.len()), 1);
    world.left.edit(&world.left_id(), "name", "later");
    assert!(world.round().is_quiet());
    assert_eq!(
        world.right.with(|state| state.rows.len()),
        0,
        "never made again"
    );
}

#[test]
fn a_hidden_record_makes_its_pair_wait_and_come_back_by_itself() {
    let world = World::in_step();
    world.left.with(|state| state.hidden = true);
    world.right.edit("b", "value", "150");
    assert!(world.round().is_quiet());
    assert!(matches!(world.pair().state, PairState::Waiting { .. }));
    world.left.with(|state| state.hidden = false);
    world.settle();
    assert_eq!(world.both("value").0, "150");
    world.assert_in_step();
}
