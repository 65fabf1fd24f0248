//! Taking in, replaying, comparing, linking: long work that a person asks for.

use std::{pin::pin, sync::Arc, time::Duration};

use cosell_sync::{
    Adopted, AuditKind, AuditQuery, BackfillOptions, Brake, BrakeOptions, Cause, Engine, FieldId,
    FirstSync, MemoryStore, PairStore as _, RecordId, Repair, Requeue, Side, StateStore as _,
    Tally,
};
use futures_util::StreamExt as _;

use crate::{
    crashes::{Gate, Gated, Then},
    toy::Fault,
    world::{World, drive},
};

fn engine(world: &World, first: FirstSync) -> Engine {
    let options = world.options().with_first_sync(first);
    world.engine_with(
        world.left.clone(),
        world.right.clone(),
        world.store.clone(),
        options,
    )
}

fn crowd(world: &World, records: usize) {
    for number in 0..records {
        let id = format!("b{number:02}");
        world
            .right
            .add(&id, &[("name", "x"), ("value", "1"), ("note", "")]);
    }
}

fn round(world: &World, engine: &Engine) {
    world.clock.pass(Duration::from_secs(1));
    drive(engine.run_once()).unwrap().unwrap();
}

fn made(world: &World) -> usize {
    world.left.with(|state| state.rows.len())
}

fn backfill(engine: &Engine, options: BackfillOptions) {
    let survey = drive(engine.survey("all")).unwrap().unwrap();
    let done = drive(engine.backfill(&survey, options, "Ada"));
    assert!(done.unwrap().unwrap().finished);
}

// R125
#[test]
fn existing_records_are_counted_first_and_taken_in_only_when_asked_for() {
    let world = World::new();
    crowd(&world, 7);
    world.right.touch("b00", |row| row.takes_part = false);
    world.left.add_with_key(
        "a",
        Some("b01"),
        &[("name", "x"), ("value", "1"), ("note", "")],
    );
    let engine = engine(&world, FirstSync::LinksOnly);
    let before = format!("{:?}", world.store);
    let survey = drive(engine.survey("2026")).unwrap().unwrap();
    assert_eq!(
        format!("{:?}", world.store),
        before,
        "counting writes nothing"
    );
    assert_eq!(
        (
            survey.right.records,
            survey.right.unpaired,
            survey.right.left_alone
        ),
        (7, 6, 1)
    );
    assert_eq!((survey.left.records, survey.left.named), (1, 1));
    assert!(survey.complete && survey.resumes_after.is_none());
    round(&world, &engine);
    assert_eq!(
        world.pairs().len(),
        1,
        "records that name each other are linked, none is made"
    );
    // Listed once more, unchanged: no reason to take it in.
    drive(engine.hint(Side::Right, &RecordId::new("b03")))
        .unwrap()
        .unwrap();
    let done = drive(engine.requeue(Requeue::All, "Ada")).unwrap().unwrap();
    assert_eq!((done.pairs, done.records), (0, 0));
    round(&world, &engine);
    assert_eq!(world.pairs().len(), 1);
    // What somebody touches from now on is taken in by itself.
    world.right.edit("b02", "value", "2");
    round(&world, &engine);
    assert_eq!(world.pairs().len(), 2);
    let survey = drive(engine.survey("2026")).unwrap().unwrap();
    assert_eq!((survey.right.paired, survey.right.unpaired), (2, 4));
    let options = BackfillOptions::default().with_per_minute(60);
    world.clock.slept.lock().unwrap().clear();
    let done = drive(engine.backfill(&survey, options, "Ada"))
        .unwrap()
        .unwrap();
    assert!(done.finished);
    // Four records at sixty a minute, page by page; no wait after the last.
    let slept: Duration = world.clock.slept.lock().unwrap().iter().sum();
    assert!(
        slept >= Duration::from_secs(2) && slept <= Duration::from_secs(8),
        "{slept:?}"
    );
    round(&world, &engine);
    world.settle();
    assert_eq!(world.pairs().len(), 6);
    assert_eq!(world.left.with(|state| state.rows.len()), 6);
    let page = drive(engine.audit(
        &AuditQuery::default().with_kind(AuditKind::Decided),
        None,
        9,
    ));
    let decided = page.unwrap().unwrap().entries;
    assert!(decided[0].1.message.contains("2026") && decided[0].1.by.as_deref() == Some("Ada"));
}

// R125
#[test]
fn a_backfill_asks_for_the_first_sync_and_counts_towards_no_limit_on_births() {
    for first in [FirstSync::AtOnce, FirstSync::LinksOnly] {
        let mut world = World::new();
        world.brakes = BrakeOptions::default()
            .with_first_sync(Some(3))
            .with_births(Some(1));
        crowd(&world, 5);
        let engine = engine(&world, first);
        round(&world, &engine);
        let on = drive(engine.brakes()).unwrap().unwrap();
        assert_eq!((on[0].brake, on[0].count), (Brake::FirstSync, 5));
        assert!(world.pairs().is_empty());
        backfill(&engine, BackfillOptions::default().with_links_only(true));
        round(&world, &engine);
        assert!(world.pairs().is_empty(), "links only ask for no record");
        backfill(&engine, BackfillOptions::default());
        round(&world, &engine);
        assert_eq!(made(&world), 5, "{first:?}");
        world.settle();
        world.assert_in_step();
        for id in ["c", "d"] {
            world
                .right
                .add(id, &[("name", "x"), ("value", "1"), ("note", "")]);
        }
        round(&world, &engine);
        assert_eq!(made(&world), 6, "the ordinary limits hold again");
    }
}

// R125
#[test]
fn a_backfill_after_the_first_sync_is_not_stopped_by_the_limit_on_births() {
    let mut world = World::new();
    world.brakes = BrakeOptions::default().with_births(Some(1));
    crowd(&world, 5);
    world.left.add_with_key(
        "a",
        Some("b01"),
        &[("name", "x"), ("value", "1"), ("note", "")],
    );
    let engine = engine(&world, FirstSync::LinksOnly);
    round(&world, &engine);
    round(&world, &engine);
    assert_eq!(world.pairs().len(), 1);
    backfill(&engine, BackfillOptions::default());
    round(&world, &engine);
    assert_eq!(made(&world), 5);
    world.settle();
    world.assert_in_step();
}

#[test]
fn a_first_pass_for_links_makes_nothing_however_many_rounds_it_takes() {
    let world = World::new();
    crowd(&world, 9);
    let options = world
        .options()
        .with_first_sync(FirstSync::LinksOnly)
        .with_max_pages(1);
    let engine = world.engine_with(
        world.left.clone(),
        world.right.clone(),
        world.store.clone(),
        options,
    );
    for _ in 0..12 {
        round(&world, &engine);
        assert!(world.pairs().is_empty());
    }
    world
        .right
        .add("new", &[("name", "x"), ("value", "1"), ("note", "")]);
    round(&world, &engine);
    assert_eq!(world.pairs().len(), 1, "from then on changes are taken in");
}

// R125
#[test]
fn a_backfill_that_breaks_off_goes_on_where_it_was() {
    let whole = {
        let world = World::new();
        crowd(&world, 9);
        let engine = engine(&world, FirstSync::LinksOnly);
        round(&world, &engine);
        let survey = drive(engine.survey("first")).unwrap().unwrap();
        drive(engine.backfill(&survey, BackfillOptions::default(), "Ada"))
            .unwrap()
            .unwrap()
    };
    for at in 1..40 {
        let world = World::new();
        crowd(&world, 9);
        let first = engine(&world, FirstSync::LinksOnly);
        round(&world, &first);
        let survey = drive(first.survey("first")).unwrap().unwrap();
        // Its process dies at one of its calls.
        let gate = Arc::new(Gate::new(Some(at), Then::Hang));
        let dying = world.engine_with(
            Arc::new(Gated::new(world.left.clone(), gate.clone())),
            Arc::new(Gated::new(world.right.clone(), gate.clone())),
            Arc::new(Gated::new(world.store.clone(), gate)),
            world.options().with_first_sync(FirstSync::LinksOnly),
        );
        let died = drive(dying.backfill(&survey, BackfillOptions::default(), "Ada")).is_none();
        drop(dying);
        let again = engine(&world, FirstSync::LinksOnly);
        if died {
            let survey = drive(again.survey("first")).unwrap().unwrap();
            let done = drive(again.backfill(&survey, BackfillOptions::default(), "Ada"));
            let done = done.unwrap().unwrap();
            assert!(done.finished);
            assert!(
                done.records >= whole.records,
                "{done:?} after a death at call {at}"
            );
        }
        world.settle();
        world.assert_in_step();
        assert_eq!(world.pairs().len(), 9, "died at call {at}: {died}");
        let place = drive(world.store.place("backfill first")).unwrap().unwrap();
        assert_eq!(place, None, "a finished one begins anew when asked again");
    }
}

#[test]
fn a_lost_store_finds_its_links_again_and_makes_no_record() {
    let mut world = World::new();
    crowd(&world, 3);
    world.left.add_with_key(
        "a",
        Some("b01"),
        &[("name", "x"), ("value", "1"), ("note", "")],
    );
    world.settle();
    assert_eq!(world.pairs().len(), 3);
    let links = |world: &World| -> Vec<_> {
        let pairs = world.pairs().into_iter();
        let mut links: Vec<_> = pairs.map(|pair| (pair.left.id, pair.right.id)).collect();
        links.sort();
        links
    };
    let before = links(&world);
    // Both sides still name each other; one record was never synchronised.
    world
        .right
        .add("new", &[("name", "x"), ("value", "1"), ("note", "")]);
    world.store = Arc::new(MemoryStore::new());
    let first = engine(&world, FirstSync::LinksOnly);
    round(&world, &first);
    assert_eq!(links(&world), before, "all links are found again");
    assert_eq!(
        world.left.with(|state| state.rows.len()),
        3,
        "and nothing is made"
    );
    // The same when it is asked for.
    world.store = Arc::new(MemoryStore::new());
    let asked = engine(&world, FirstSync::LinksOnly);
    let survey = drive(asked.survey("links")).unwrap().unwrap();
    let options = BackfillOptions::default().with_links_only(true);
    drive(asked.backfill(&survey, options, "Ada"))
        .unwrap()
        .unwrap();
    round(&world, &asked);
    assert_eq!(links(&world), before);
    assert_eq!(world.left.with(|state| state.rows.len()), 3);
}

// G4
#[test]
fn an_event_and_a_window_of_events_are_looked_at_again() {
    let world = World::in_step();
    crowd(&world, 3);
    world.settle();
    let engine = world.engine();
    let from = world.clock_now();
    // Behind our back one side loses an edit, without a word.
    world.clock.pass(Duration::from_secs(5));
    for id in ["b00", "b01"] {
        world.right.edit(id, "value", "9");
    }
    world.settle();
    let left = world
        .pairs()
        .into_iter()
        .find(|pair| pair.right.id == Some(RecordId::new("b00")));
    let left = left.unwrap().left.id.unwrap();
    world.left.with(|state| {
        let row = state.rows.get_mut(left.as_str()).unwrap();
        row.fields
            .insert(FieldId::from("value"), cosell_sync::Value::text("1"));
        row.version += 1;
    });
    assert!(world.round().is_quiet(), "nobody tells");
    let window = AuditQuery::default().with_from(from);
    world.clock.pass(Duration::from_secs(5));
    let done = drive(engine.replay(&window, "Ada")).unwrap().unwrap();
    assert!(done.complete && done.queued >= 2, "{done:?}");
    world.settle();
    let value = |world: &World| {
        world
            .right
            .with(|state| state.rows["b00"].fields[&FieldId::from("value")].clone())
    };
    assert_eq!(
        value(&world),
        cosell_sync::Value::text("1"),
        "the lost edit came over"
    );
    // One event, by its trace.
    let hinted = AuditQuery::default().with_record(Side::Right, RecordId::new("b01"));
    let line = drive(engine.audit(&hinted, None, 1))
        .unwrap()
        .unwrap()
        .entries
        .remove(0)
        .1;
    let one = AuditQuery::default().with_trace(line.trace);
    world.clock.pass(Duration::from_secs(5));
    let done = drive(engine.replay(&one, "Ada")).unwrap().unwrap();
    assert_eq!(done.queued, 1, "{done:?}");
    // And from the service, by time.
    world.settle();
    let now = world.clock_now();
    let done = drive(engine.replay_changes(Side::Right, from, now, "Ada"))
        .unwrap()
        .unwrap();
    assert!(
        done.complete && done.looked >= 4 && done.queued >= 1 && done.queued < 4,
        "{done:?}"
    );
    world.settle();
    world.assert_in_step();
}

// R126, G14
#[test]
fn all_pairs_are_compared_and_each_difference_has_its_cause_and_repair() {
    let world = World::in_step();
    crowd(&world, 5);
    world.settle();
    let engine = world.engine();
    let all = || -> Vec<_> {
        let findings = engine.reconcile_all().collect::<Vec<_>>();
        drive(findings)
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect()
    };
    assert!(all().is_empty());
    let left_of = |right: &str| {
        let mut pairs = world.pairs().into_iter();
        let pair = pairs.find(|pair| pair.right.id == Some(RecordId::new(right)));
        pair.unwrap().left.id.unwrap().to_string()
    };
    // A change that was never told, a park, a hold, a switch, a record that cannot be read.
    let silent = left_of("b00");
    world.right.edit("b01", "name", "poison");
    world.left.edit(&left_of("b02"), "note", "l");
    world.right.edit("b02", "note", "r");
    world.right.touch("b03", |row| row.takes_part = false);
    world.round();
    world.left.with(|state| {
        let row = state.rows.get_mut(&silent).unwrap();
        row.fields
            .insert(FieldId::from("value"), cosell_sync::Value::text("7"));
        row.version += 1;
    });
    let unread = left_of("b04");
    world.left.with(|state| state.malformed = vec![unread]);
    let before = format!("{:?}", world.store);
    let found = all();
    assert_eq!(format!("{:?}", world.store), before, "it writes nothing");
    let of = |right: &str| {
        let id = Some(RecordId::new(right));
        found.iter().find(|finding| finding.right == id).unwrap()
    };
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(matches!(&of("b00").cause, Cause::Differs { fields } if fields.len() == 1));
    assert_eq!(of("b00").repair, Repair::LookAgain);
    assert!(matches!(
        &of("b01").cause,
        Cause::Parked { dead: false, .. }
    ));
    assert_eq!(of("b01").repair, Repair::Unpark);
    assert!(matches!(&of("b02").cause, Cause::Held { fields } if fields.len() == 1));
    assert_eq!(of("b02").repair, Repair::Decide);
    assert!(matches!(&of("b03").cause, Cause::Apart { .. }));
    assert_eq!(of("b03").repair, Repair::Nothing);
    assert!(matches!(
        &of("b04").cause,
        Cause::Unreadable {
            side: Side::Left,
            ..
        }
    ));
    // By pages, going on from a stored place.
    let first = drive(engine.reconcile(None, 2)).unwrap().unwrap();
    assert_eq!(first.looked, 2);
    let rest = drive(engine.reconcile(first.next, 100)).unwrap().unwrap();
    assert_eq!((rest.looked, rest.next), (4, None));
    // The repairs go through ordinary rounds.
    world.left.with(|state| state.malformed.clear());
    world.right.edit("b01", "name", "well");
    let repaired: Vec<_> = found
        .iter()
        .map(|finding| drive(engine.repair(finding, "Ada")).unwrap().unwrap())
        .collect();
    assert_eq!(repaired.iter().filter(|done| **done).count(), 3);
    world.settle();
    let left = all();
    assert_eq!(left.len(), 2, "what a person decides stays: {left:#?}");
}

// G15
#[test]
fn two_records_are_linked_by_a_person_and_only_if_both_are_free() {
    let world = World::in_step();
    world.settle();
    let engine = engine(&world, FirstSync::LinksOnly);
    let fields = [("name", "x"), ("value", "1"), ("note", "")];
    world.left.add("l", &fields);
    world
        .right
        .add("r", &[("name", "x"), ("value", "2"), ("note", "")]);
    world.right.touch("r", |row| row.takes_part = false);
    world.left.touch("l", |row| row.takes_part = false);
    world.left.add_with_key("named", Some("elsewhere"), &fields);
    let adopt = |left: &str, right: &str| {
        let (left, right) = (RecordId::new(left), RecordId::new(right));
        drive(engine.adopt(&left, &right, "Ada")).unwrap().unwrap()
    };
    let refused = |left: &str, right: &str, words: &str| match adopt(left, right) {
        Adopted::Refused(why) => assert!(why.contains(words), "{why}"),
        other => panic!("{left} and {right}: {other:?}"),
    };
    let paired = world.left_id();
    refused(&paired, "r", "belongs to another pair");
    refused("l", "b", "belongs to another pair");
    refused("l", "nobody", "no record");
    refused("named", "r", "names elsewhere");
    let Adopted::Linked(pair) = adopt("l", "r") else {
        panic!("both are free");
    };
    assert_eq!(adopt("l", "r"), Adopted::Already(pair));
    world.settle();
    let stored = drive(world.store.pair(pair)).unwrap().unwrap().unwrap();
    assert!(
        matches!(stored.state, cosell_sync::PairState::Stopped { .. }),
        "switched off"
    );
    // On again, they are in step, and name each other.
    world.right.touch("r", |row| row.takes_part = true);
    world.left.touch("l", |row| row.takes_part = true);
    world.settle();
    let value = |side: Side, id: &str| {
        world
            .toy(side)
            .with(|state| state.rows[id].fields[&FieldId::from("value")].clone())
    };
    assert_eq!(value(Side::Left, "l"), value(Side::Right, "r"));
    let key = world.right.with(|state| state.rows["r"].key.clone());
    assert_eq!(key.unwrap().as_str(), "l");
}

// R128, R129
#[test]
fn calls_errors_and_times_are_counted_by_side_and_outcome() {
    let world = World::in_step();
    let tally = Arc::new(Tally::new());
    let engine = Engine::builder(
        world.left.clone(),
        world.right.clone(),
        world.store.clone(),
        Arc::new(world.policy.clone()),
        world.clock.clone(),
    )
    .options(world.options())
    .observer(tally.clone())
    .build();
    world.left.fail("update", &[Fault::NotSent, Fault::NotSent]);
    world.right.edit("b", "value", "2");
    for _ in 0..3 {
        world.clock.pass(Duration::from_secs(1_000));
        drive(engine.run_once()).unwrap().unwrap();
    }
    let report = tally.report();
    assert_eq!((report.rounds, report.rounds_failed), (3, 0));
    let count = |side, call: &str, outcome: &str| {
        let calls = report.calls.iter();
        let mut of = calls.filter(|tally| {
            tally.side == side && tally.call.as_str() == call && tally.outcome.as_str() == outcome
        });
        of.next().map_or(0, |tally| tally.count)
    };
    assert_eq!(count(Side::Left, "update", "not_sent"), 2);
    assert_eq!(count(Side::Left, "update", "done"), 1);
    assert_eq!(count(Side::Left, "hints", "done"), 3);
    assert_eq!(report.errors.len(), 1, "grouped: {:?}", report.errors);
    let error = &report.errors[0];
    assert_eq!(
        (error.count, error.detail.as_str()),
        (2, "not sent: no connection")
    );
    assert_eq!(error.last, world.clock_now() - Duration::from_secs(1_000));
    let updated = (AuditKind::Updated, Some(Side::Left), 1);
    assert!(report.lines.contains(&updated), "{:?}", report.lines);
    assert!(report.pairs >= 3);
}

// R132
#[test]
fn engines_of_two_scopes_are_apart_in_store_and_queue() {
    let (one, two) = (World::in_step(), World::in_step());
    one.right.edit("b", "value", "one");
    let engine = one.engine();
    drive(engine.look(Side::Right, &RecordId::new("b"), "Ada"))
        .unwrap()
        .unwrap();
    assert_eq!((one.queued(), two.queued()), (1, 0));
    two.round();
    one.round();
    assert_eq!(
        (one.both("value").0.as_str(), two.both("value").0.as_str()),
        ("one", "100")
    );
    let done = drive(two.engine().requeue(Requeue::All, "Ada"))
        .unwrap()
        .unwrap();
    assert_eq!((done.pairs, done.records), (0, 0));
}

#[test]
fn long_work_ends_at_once_when_it_is_dropped_and_a_shutdown_drains() {
    let world = World::new();
    crowd(&world, 9);
    let engine = engine(&world, FirstSync::LinksOnly);
    round(&world, &engine);
    let survey = drive(engine.survey("first")).unwrap().unwrap();
    let options = BackfillOptions::default().with_per_minute(1);
    {
        // One poll: it queues a page, and waits for the rate.
        let mut work = pin!(engine.backfill(&survey, options, "Ada"));
        let waker = std::task::Waker::noop();
        let _ = work
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker));
    }
    // Told to stop from the start: work that was begun is finished, nothing is left half done.
    drive(engine.run(std::future::ready(()))).unwrap().unwrap();
    assert!(world.pairs().iter().all(|pair| pair.intent.is_none()));
    let lease = drive(
        world
            .store
            .lease("another", world.clock_now(), world.clock_now()),
    );
    lease.unwrap().expect("the lease was given back");
}
