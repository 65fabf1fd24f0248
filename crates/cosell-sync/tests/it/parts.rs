//! Parts that no list shows: asked for once, and looked at from time to time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use cosell_sync::{
    AuditQuery, Cause, ErrorKind, Life, PairState, QueueStore as _, RecordId, Repair, Requeue,
    RoundReport, Side, Source,
};

use crate::{
    toy::Fault,
    world::{World, drive},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// A deal on the right that asks for a helper; lists on the left show helpers, or do not.
fn asking(listed: bool) -> World {
    let world = World::new();
    world.left.with(|state| {
        state.grouped = true;
        state.hides_parts = !listed;
    });
    let fields = [("name", "deal"), ("value", "1"), ("status", "")];
    world.right.add("b", &fields);
    world.right.touch("b", |row| row.asks = true);
    world
}

/// Rounds within the hour, then one when all is over that could hide a record.
fn rounds(world: &World) -> RoundReport {
    for _ in 0..4 {
        world.round();
    }
    world.clock.pass(Duration::from_secs(1_200));
    world.round()
}

/// The deal of a helper whose making was never answered, and waits for a person.
fn in_doubt(fault: Fault) -> World {
    let world = asking(false);
    world.left.fail("create_part", &[fault]);
    let report = rounds(&world);
    assert_eq!(report.parked, 1, "{report:?}");
    let park = world.pair().park.expect("parked");
    assert_eq!(park.kind, ErrorKind::Doubtful);
    assert_eq!(park.retry_at, None, "a person looks");
    world
}

fn status(world: &World) -> String {
    world.field(Side::Right, "status")
}

#[test]
fn a_helper_is_asked_for_once_whether_lists_show_it_or_not() {
    for listed in [true, false] {
        let world = asking(listed);
        rounds(&world);
        rounds(&world);
        assert_eq!(world.left.helpers().len(), 1, "listed: {listed}");
        assert_eq!(status(&world), "asked");
    }
}

#[test]
fn a_lost_answer_is_never_repeated_by_itself_where_no_list_could_show_the_helper() {
    for (fault, made) in [(Fault::LostAfter, 1), (Fault::LostBefore, 0)] {
        let world = in_doubt(fault);
        let pair = world.pair();
        let cause = pair.park.expect("parked").cause;
        for word in ["helper", "g-pc-1", "pc-1", "Left", "look", "unpark"] {
            assert!(cause.contains(word), "what to look for, and where: {cause}");
        }
        let intent = pair.intent.expect("the journal keeps it");
        // Neither time nor edits nor a wave of requeues changes that.
        for step in 0..4 {
            world.right.edit("b", "value", &format!("{step}"));
            world.clock.pass(HOUR * 24);
            let report = world.round();
            assert_eq!((report.left.creates, report.parked), (0, 0), "{report:?}");
            for which in [Requeue::All, Requeue::Dead] {
                let done = drive(world.engine().requeue(which, "Ada")).unwrap();
                assert_eq!(done.unwrap().pairs, 0, "nobody looked");
            }
        }
        let page = drive(world.engine().reconcile(None, 10)).unwrap().unwrap();
        let finding = &page.findings[0];
        assert!(
            matches!(
                finding.cause,
                Cause::Parked {
                    kind: ErrorKind::Doubtful,
                    ..
                }
            ),
            "{finding:?}"
        );
        assert_eq!(finding.repair, Repair::Decide);
        assert!(
            !drive(world.engine().repair(finding, "Ada"))
                .unwrap()
                .unwrap()
        );
        assert_eq!(world.pair().intent, Some(intent));
        assert_eq!(world.left.helpers().len(), made);
        assert_eq!(world.queued(), 0, "it costs nothing to wait");
    }
}

#[test]
fn a_person_who_looked_and_found_none_has_it_asked_for_once_more() {
    let world = in_doubt(Fault::LostBefore);
    world.right.edit("b", "value", "2");
    world.round();
    assert_eq!(world.field(Side::Left, "value"), "1", "it waits whole");
    let id = world.pair().id;
    assert!(drive(world.engine().unpark(id, "Ada")).unwrap().unwrap());
    assert_eq!(world.pair().intent, None);
    world.round();
    assert_eq!(world.left.helpers().len(), 1);
    assert_eq!(world.both("value"), ("2".into(), "2".into()));
    assert_eq!(status(&world), "asked");
    assert_eq!(world.pair().park, None);
    // That answer may be lost, too: the same again.
    let world = in_doubt(Fault::LostBefore);
    world.left.fail("create_part", &[Fault::LostBefore]);
    let kind = Requeue::Kind(ErrorKind::Doubtful);
    let done = drive(world.engine().requeue(kind, "Ada")).unwrap();
    assert_eq!(done.unwrap().pairs, 1, "asked for by this name");
    rounds(&world);
    let park = world.pair().park.expect("parked");
    assert_eq!(park.kind, ErrorKind::Doubtful);
    assert_eq!(world.left.helpers().len(), 0);
}

#[test]
fn a_hint_that_brings_the_helper_ends_the_doubt() {
    // Before the pair is parked, and after.
    for early in [true, false] {
        let world = asking(false);
        world.left.fail("create_part", &[Fault::LostAfter]);
        world.round();
        if !early {
            rounds(&world);
            assert!(world.pair().park.is_some());
        }
        world.right.edit("b", "value", "2");
        let helper = RecordId::new(world.left.helpers()[0].clone());
        drive(world.engine().hint(Side::Left, &helper))
            .unwrap()
            .unwrap();
        let report = world.round();
        assert_eq!(report.left.creates, 0, "{report:?}");
        world.round();
        let pair = world.pair();
        assert_eq!((pair.park, pair.intent), (None, None), "early: {early}");
        assert_eq!(world.left.helpers().len(), 1);
        assert_eq!(status(&world), "asked");
        assert_eq!(world.both("value"), ("2".into(), "2".into()));
    }
}

#[test]
fn a_helper_that_somebody_else_made_ends_the_doubt_as_well() {
    let world = in_doubt(Fault::LostBefore);
    let helper = world.left.add_helper(&world.left_id());
    drive(world.engine().look(Side::Left, &helper, "Ada"))
        .unwrap()
        .unwrap();
    world.round();
    let pair = world.pair();
    assert_eq!((pair.park, pair.intent), (None, None));
    assert_eq!(world.left.helpers().len(), 1);
    assert_eq!(status(&world), "asked");
}

/// What the queue holds, due or not.
fn sweeps(world: &World) -> Vec<(String, Duration)> {
    let far = world.clock_now() + HOUR * 1_000;
    let queued = drive(world.store.due(far, 100));
    let queued = queued.unwrap().unwrap().into_iter();
    let sweeps = queued.filter(|hint| hint.source == Source::Sweep && hint.side == Side::Left);
    let wait = |due: DateTime<Utc>| (due - world.clock_now()).to_std().unwrap_or_default();
    sweeps
        .map(|hint| (hint.id.to_string(), wait(hint.due)))
        .collect()
}

fn lines(world: &World) -> usize {
    let all = AuditQuery::default();
    let lines = drive(world.engine().audit(&all, None, 10_000)).unwrap();
    lines.unwrap().entries.len()
}

#[test]
fn what_a_helper_says_arrives_though_no_list_tells_of_it() {
    let world = asking(false);
    rounds(&world);
    let helper = world.left.helpers().remove(0);
    let queue = sweeps(&world);
    assert_eq!(queue.len(), 1, "{queue:?}");
    assert_eq!(queue[0].0, helper, "the hint is about the helper");
    // Edits of the deal do not put it off.
    let due = world.clock_now() + queue[0].1;
    world.right.edit("b", "value", "2");
    world.round();
    assert_eq!(world.clock_now() + sweeps(&world)[0].1, due);

    // An idle look costs one fetch and writes nothing, and comes again.
    let since = Duration::from_secs(1);
    for _ in 0..3 {
        world.clock.pass(HOUR);
        let told = lines(&world);
        let pair = world.pair();
        let report = world.round();
        assert!(report.is_quiet(), "{report:?}");
        assert_eq!(
            (report.left.reads(), report.right.reads()),
            (1, 0),
            "{report:?}"
        );
        assert_eq!(world.pair(), pair, "nothing to store");
        assert_eq!(lines(&world), told, "nothing to tell");
        let queue = sweeps(&world);
        assert_eq!(queue, [(helper.clone(), HOUR - since)]);
        let report = world.round();
        assert_eq!(report.left.reads(), 0, "not before its time: {report:?}");
    }

    world.left.edit(&helper, "status", "accepted");
    world.round();
    assert_eq!(status(&world), "asked", "nobody tells");
    world.clock.pass(HOUR);
    world.round();
    assert_eq!(status(&world), "accepted");
    assert_eq!(sweeps(&world).len(), 1, "it may say more");

    // A webhook tells at once, and is no reason to stop looking.
    world.left.edit(&helper, "status", "won");
    let id = RecordId::new(helper.clone());
    drive(world.engine().hint(Side::Left, &id))
        .unwrap()
        .unwrap();
    world.round();
    assert_eq!(status(&world), "won");
    assert_eq!(sweeps(&world), [(helper.clone(), HOUR - since)]);

    // Nothing more is expected of one that is closed.
    world.left.touch(&helper, |row| row.life = Life::Closed);
    world.clock.pass(HOUR);
    world.round();
    assert_eq!(sweeps(&world), []);
    assert_eq!(world.queued(), 0);
}

#[test]
fn looking_at_a_helper_stops_and_begins_again_with_its_pair() {
    let world = asking(false);
    rounds(&world);
    let helper = world.left.helpers().remove(0);
    world.right.touch("b", |row| row.takes_part = false);
    world.round();
    assert!(matches!(world.pair().state, PairState::Stopped { .. }));
    world.clock.pass(HOUR);
    world.round();
    assert_eq!(sweeps(&world), [], "nothing flows");
    world.left.edit(&helper, "status", "accepted");
    world.right.touch("b", |row| row.takes_part = true);
    world.round();
    world.clock.pass(HOUR);
    world.round();
    assert_eq!(status(&world), "accepted");
    assert_eq!(sweeps(&world).len(), 1);
}

#[test]
fn where_lists_show_helpers_nobody_looks_from_time_to_time() {
    let world = asking(true);
    rounds(&world);
    assert_eq!(world.queued(), 0);
    let helper = world.left.helpers().remove(0);
    world.left.edit(&helper, "status", "accepted");
    world.round();
    assert_eq!(status(&world), "accepted");
}
