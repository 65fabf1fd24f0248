//! Lost answers, refusals, records that break the model.

use std::time::Duration;

use cosell_sync::{ErrorKind, FieldId, HoldCause, RecordId, Side, Value};

use crate::{
    toy::Fault,
    world::{READ_LAG, World, drive},
};

#[test]
fn a_create_whose_answer_is_lost_is_found_and_not_repeated() {
    let world = World::new();
    world
        .right
        .add("b", &[("name", "deal"), ("value", "1"), ("note", "")]);
    world.left.fail("create", &[Fault::LostAfter]);
    let report = world.round();
    assert_eq!(report.errors[0].kind, ErrorKind::Unknown);
    assert!(world.pair().intent.is_some(), "the journal keeps it open");
    world.settle();
    assert_eq!(
        world.left.with(|state| state.rows.len()),
        1,
        "no second one"
    );
    world.assert_in_step();
}

#[test]
fn a_lost_create_is_repeated_only_after_everything_that_could_hide_it() {
    let world = World::new();
    world
        .right
        .add("b", &[("name", "deal"), ("value", "1"), ("note", "")]);
    world.left.with(|state| state.finds_late = true);
    world.left.fail("create", &[Fault::LostAfter]);
    world.round();
    for _ in 0..5 {
        world.clock.pass(Duration::from_secs(60));
        let report = world.round();
        assert_eq!(
            report.left.creates, 0,
            "a search that shows nothing proves nothing yet"
        );
    }
    world.settle();
    assert_eq!(world.left.with(|state| state.rows.len()), 1);
    world.assert_in_step();
}

#[test]
fn the_echo_of_a_create_whose_answer_is_lost_resumes_its_pair() {
    let world = World::new();
    world
        .right
        .add("b", &[("name", "deal"), ("value", "1"), ("note", "")]);
    world.left.with(|state| state.finds_late = true);
    world.left.fail("create", &[Fault::LostAfter]);
    world.round();
    // The listing shows the new record long before the search does.
    let report = world.round();
    assert_eq!(report.right.creates, 0, "it is no newcomer");
    world.assert_in_step();
}

#[test]
fn a_create_that_never_arrived_is_repeated_once_that_is_certain() {
    let world = World::new();
    world
        .right
        .add("b", &[("name", "deal"), ("value", "1"), ("note", "")]);
    world.left.fail("create", &[Fault::LostBefore]);
    world.round();
    assert_eq!(world.left.with(|state| state.rows.len()), 0);
    world.settle();
    world.assert_in_step();
}

#[test]
fn a_late_read_concludes_no_write() {
    let world = World::in_step();
    let id = world.left_id();
    let before = world.left.with(|state| state.rows[&id].clone());
    world.clock.pass(READ_LAG);
    world.left.edit(&id, "name", "new");
    world.right.edit("b", "value", "7");
    world.left.fail("update", &[Fault::LostBefore]);
    world.round();
    assert!(world.pair().intent.is_some(), "no answer came");
    world.left.with(|state| state.late_fetch = Some(before));
    let told = RecordId::new("b");
    drive(world.engine().hint(Side::Right, &told))
        .unwrap()
        .unwrap();
    world.round();
    assert!(
        world.left.with(|state| state.late_fetch.is_none()),
        "it was looked at"
    );
    assert!(
        world.pair().intent.is_some(),
        "an older state than the one that was written to says nothing about the write"
    );
    world.settle();
    world.assert_in_step();
}

#[test]
fn a_second_record_under_one_key_parks_the_pair() {
    let world = World::new();
    world
        .right
        .add("b", &[("name", "deal"), ("value", "1"), ("note", "")]);
    world.left.fail("create", &[Fault::LostAfter]);
    world.round();
    // Somebody else's tool made one with the same identifier meanwhile.
    world
        .left
        .add_with_key("twin", Some("b"), &[("name", "deal")]);
    world.clock.pass(Duration::from_secs(3_600));
    world.round();
    let park = world.pair().park.expect("parked");
    assert!(park.cause.contains("close the younger"), "{}", park.cause);
    assert_eq!(park.retry_at, None, "a person decides");
}

#[test]
fn updates_whose_answers_are_lost_are_carried_once() {
    for side in Side::BOTH {
        for fault in [Fault::LostAfter, Fault::LostBefore] {
            let world = World::in_step();
            let id = match side {
                Side::Left => "b".to_owned(),
                Side::Right => world.left_id(),
            };
            world.toy(side).fail("update", &[fault]);
            world.toy(side.other()).edit(&id, "value", "500");
            let report = world.round();
            assert_eq!(report.errors[0].kind, ErrorKind::Unknown);
            world.settle();
            assert_eq!(world.both("value"), ("500".into(), "500".into()));
            let log = drive(world.engine().conflicts(0, 10)).unwrap().unwrap();
            assert!(log.is_empty(), "no false conflict: {log:?}");
        }
    }
}

// R122
#[test]
fn an_edit_between_read_and_write_is_read_again_and_not_overwritten() {
    for side in Side::BOTH {
        let world = World::in_step();
        let id = match side {
            Side::Left => "b".to_owned(),
            Side::Right => world.left_id(),
        };
        world.toy(side.other()).edit(&id, "value", "200");
        let edit = (FieldId::from("name"), Value::text("renamed"));
        world
            .toy(side)
            .with(|state| state.edit_before_update = Some(edit));
        let report = world.round();
        assert_eq!(
            report.side(side).updates,
            2,
            "refused as stale, then sent again"
        );
        assert_eq!(world.both("name"), ("renamed".into(), "renamed".into()));
        assert_eq!(world.both("value"), ("200".into(), "200".into()));
        assert_eq!(report.conflicts, 0);
    }
}

#[test]
fn a_refused_field_is_held_and_the_rest_of_the_patch_goes_on() {
    let world = World::in_step();
    world.right.edit("b", "name", "bad");
    world.right.edit("b", "value", "250");
    let report = world.round();
    assert_eq!(world.both("value").0, "250");
    assert_eq!(world.both("name").0, "deal");
    let pair = world.pair();
    assert_eq!(pair.park, None);
    let hold = &pair.holds[&FieldId::from("name")];
    assert!(matches!(
        hold.cause,
        HoldCause::Refused {
            side: Side::Left,
            ..
        }
    ));
    assert_eq!(report.left.updates, 2, "refused, then without the field");
    let told = world
        .right
        .with(|state| state.rows["b"].outcomes.last().cloned().unwrap());
    assert!(
        !told.success && told.message.contains("not a good value"),
        "{told:?}"
    );
    assert!(world.round().is_quiet(), "told once, asked once");
    world.right.edit("b", "name", "good");
    world.round();
    world.assert_in_step();
    let told = world
        .right
        .with(|state| state.rows["b"].outcomes.last().cloned().unwrap());
    assert!(told.success, "and people read that it is well again");
}

#[test]
fn a_refused_record_is_parked_and_told_and_the_others_go_on() {
    let world = World::in_step();
    world
        .right
        .add("c", &[("name", "other"), ("value", "1"), ("note", "")]);
    world.right.edit("b", "name", "poison");
    let report = world.round();
    assert_eq!((report.parked, report.births), (1, 1), "{report:?}");
    let parked = |world: &World| {
        let (parked, _) = drive(world.engine().parks(None, 10)).unwrap().unwrap();
        parked
    };
    assert_eq!(parked(&world).len(), 1);
    let told = world
        .right
        .with(|state| state.rows["b"].outcomes.last().cloned().unwrap());
    assert!(
        !told.success && told.message.contains("the platform refuses"),
        "{told:?}"
    );
    assert!(
        world.round().is_quiet(),
        "the line told about it does not end the park"
    );
    world.right.edit("b", "name", "fine");
    world.round();
    assert!(parked(&world).is_empty(), "a change ends it");
    world.assert_in_step();
}

#[test]
fn a_person_ends_a_park() {
    let world = World::in_step();
    world.right.edit("b", "name", "poison");
    world.round();
    let (parked, _) = drive(world.engine().parks(None, 10)).unwrap().unwrap();
    let engine = world.engine();
    assert!(drive(engine.unpark(parked[0].id, "Ada")).unwrap().unwrap());
    assert!(
        !drive(engine.unpark(parked[0].id, "Ada")).unwrap().unwrap(),
        "not twice"
    );
    assert_eq!(world.round().left.updates, 1, "it is tried again");
}

#[test]
fn a_record_that_breaks_the_model_is_parked_alone() {
    let world = World::in_step();
    world
        .right
        .add("c", &[("name", "other"), ("value", "1"), ("note", "")]);
    world
        .left
        .with(|state| state.malformed = vec!["pc-1".to_owned()]);
    world.right.edit("b", "value", "200");
    let report = world.round();
    assert_eq!((report.parked, report.births), (1, 1));
    assert_eq!(report.errors[0].kind, ErrorKind::Malformed);
    world.left.with(|state| state.malformed.clear());
    world.settle();
    world.assert_in_step();
}

#[test]
fn an_unreadable_newcomer_is_skipped_with_the_reason() {
    let world = World::new();
    world.left.add("a", &[("name", "deal")]);
    world
        .left
        .with(|state| state.malformed = vec!["a".to_owned()]);
    let report = world.round();
    assert_eq!(report.skipped, 1);
    let skipped = drive(world.engine().skipped(0, 10)).unwrap().unwrap();
    assert!(
        skipped[0].cause.contains("not a number"),
        "{}",
        skipped[0].cause
    );
    assert!(world.round().is_quiet());
}

#[test]
fn a_panic_in_an_adapter_or_a_policy_hurts_one_record() {
    let world = World::in_step();
    world
        .right
        .add("c", &[("name", "other"), ("value", "1"), ("note", "")]);
    world.left.fail("fetch", &[Fault::Panic]);
    world.right.edit("b", "value", "200");
    let report = world.round();
    assert_eq!((report.parked, report.births), (1, 1), "{report:?}");
    assert!(report.errors[0].cause.contains("a bug in the adapter"));
    world.settle();
    world.assert_in_step();
    let left = world.left_ids()[0].clone();
    world.left.edit(&left, "bug", "l");
    world.right.edit("b", "bug", "r");
    let report = world.round();
    assert_eq!(
        (report.parked, report.errors[0].kind),
        (1, ErrorKind::Panic)
    );
}

#[test]
fn a_side_that_asks_for_silence_is_not_called_before() {
    let world = World::in_step();
    let wait = Duration::from_secs(300);
    world.left.fail("update", &[Fault::Throttle(wait)]);
    world.right.edit("b", "value", "200");
    let engine = world.engine();
    let report = drive(engine.run_once()).unwrap().unwrap();
    assert_eq!((report.left.updates, report.postponed), (1, 1));
    assert!(report.errors.is_empty(), "waiting is no error");
    world.clock.pass(Duration::from_secs(200));
    drive(engine.hint(Side::Right, &RecordId::new("b")))
        .unwrap()
        .unwrap();
    let report = drive(engine.run_once()).unwrap().unwrap();
    assert_eq!(
        report.left,
        Default::default(),
        "no call at all before the time"
    );
    world.clock.pass(Duration::from_secs(101));
    drive(engine.run_once()).unwrap().unwrap();
    assert_eq!(world.both("value").0, "200");
}

#[test]
fn what_was_not_sent_is_tried_again_later_and_parked_in_the_end() {
    let world = World::in_step();
    world.left.fail("update", &vec![Fault::NotSent; 100]);
    world.right.edit("b", "value", "200");
    let report = world.round();
    assert_eq!(report.errors[0].kind, ErrorKind::NotSent);
    assert_eq!(world.pair().intent, None, "certainly without effect");
    for _ in 0..11 {
        world.clock.pass(Duration::from_secs(1_000));
        world.round();
    }
    assert!(world.pair().park.is_some());
    assert_eq!(world.queued(), 0);
}
