//! Cursors, hints, leases and the loop.

use std::{
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta};
use cosell_sync::{
    BrakeOptions, Engine, EngineError, Event, Observer, PairId, PairState, PairStore as _,
    RecordId, Side, Span, StateStore as _, Work,
};
use futures_util::future::{pending, poll_fn};

use crate::{
    crashes::{Gate, Gated, Then},
    toy::Fault,
    world::{World, drive},
};

#[test]
fn a_page_that_fails_moves_no_cursor_and_does_not_stop_the_other_side() {
    let world = World::new();
    world
        .left
        .add("a", &[("name", "one"), ("value", "1"), ("note", "")]);
    world
        .right
        .add("b", &[("name", "two"), ("value", "2"), ("note", "")]);
    world.left.fail("hints", &[Fault::Fail]);
    let report = world.round();
    assert_eq!((report.errors.len(), report.births), (1, 1));
    assert_eq!(report.errors[0].id, None);
    assert_eq!(
        drive(world.store.cursor(Side::Left)).unwrap().unwrap(),
        None
    );
    world.settle();
    world.assert_in_step();
}

#[test]
fn after_an_expired_cursor_every_pair_is_looked_at() {
    let world = World::in_step();
    world.round();
    world.left.with(|state| state.expire_cursors = true);
    // Gone without a trace: the left side reports no deletions.
    world.left.delete(&world.left_id());
    world.clock.pass(Duration::from_secs(60));
    let report = world.round();
    assert!(report.is_quiet(), "{report:?}");
    assert!(matches!(world.pair().state, PairState::Stopped { .. }));
}

#[test]
fn many_records_come_over_in_pages_without_a_fetch() {
    let world = World::new();
    for number in 0..9 {
        world.right.add(
            &format!("b{number}"),
            &[("name", "x"), ("value", "1"), ("note", "")],
        );
    }
    let report = world.round();
    assert_eq!((report.left.creates, report.right.updates), (9, 9));
    assert_eq!(report.left.reads() + report.right.reads(), 0, "{report:?}");
    world.assert_in_step();
    assert!(world.round().is_quiet());
}

// R30
#[test]
fn a_dry_run_plans_everything_and_writes_nothing_anywhere() {
    let world = World::in_step();
    world.left.edit(&world.left_id(), "value", "1");
    world
        .left
        .add("a", &[("name", "new"), ("value", "2"), ("note", "")]);
    let before = format!("{:?}", world.store);
    let dry = drive(world.engine().plan()).unwrap().unwrap();
    assert_eq!(format!("{:?}", world.store), before, "not even the store");
    assert!(dry.complete && dry.errors.is_empty());
    assert_eq!(dry.pairs.len(), 2);
    assert_eq!(
        dry.pairs
            .iter()
            .filter(|planned| planned.plan.create.is_some())
            .count(),
        1
    );
    assert_eq!(dry.left.writes() + dry.right.writes(), 0);
    assert!(!dry.is_quiet());
    world.settle();
    let dry = drive(world.engine().plan()).unwrap().unwrap();
    assert!(dry.is_quiet() && dry.pairs.is_empty(), "{dry:?}");
}

// R119
#[test]
fn a_hint_for_a_busy_pair_waits_and_is_not_lost() {
    let world = World::in_step();
    let gate = Arc::new(Gate::new(None, Then::Hang));
    let left = world.left_id();
    world.left.edit(&left, "name", "one");
    world.right.edit("b", "value", "9");
    // Both ends are hinted in one round, and wait for one another.
    let engine = world.engine_with(
        Arc::new(Gated::new(world.left.clone(), gate.clone())),
        Arc::new(Gated::new(world.right.clone(), gate.clone())),
        world.store.clone(),
        world.options(),
    );
    let report = drive(engine.run_once()).unwrap().unwrap();
    assert_eq!(gate.most_writes(), 1, "one write in flight per pair");
    assert_eq!((report.left.updates, report.right.updates), (1, 1));
    assert_eq!(world.queued(), 0);
    world.assert_in_step();
}

#[test]
fn a_quiet_round_asks_the_same_whatever_the_number_of_pairs() {
    let calls = |pairs: usize| {
        let mut world = World::new();
        world.brakes = BrakeOptions::none();
        for pair in 0..pairs {
            let (name, id) = (format!("deal {pair}"), format!("b{pair}"));
            world.right.add(&id, &[("name", name.as_str())]);
        }
        world.settle();
        assert_eq!(world.left.with(|state| state.rows.len()), pairs);
        let gate = Arc::new(Gate::new(None, Then::Hang));
        let engine = world.engine_with(
            Arc::new(Gated::new(world.left.clone(), gate.clone())),
            Arc::new(Gated::new(world.right.clone(), gate.clone())),
            Arc::new(Gated::new(world.store.clone(), gate.clone())),
            world.options(),
        );
        let report = drive(engine.run_once()).unwrap().unwrap();
        assert!(report.is_quiet());
        // Of both services and of the store.
        gate.calls()
    };
    let one = calls(1);
    assert_eq!(one, calls(50));
    assert_eq!(one, calls(1_000));
}

#[test]
fn a_pair_that_hangs_delays_nobody_else_and_its_hint_stays() {
    let world = World::in_step();
    world
        .right
        .add("c", &[("name", "other"), ("value", "1"), ("note", "")]);
    world.right.edit("b", "value", "9");
    let gate = Arc::new(Gate::on_update());
    let engine = world.engine_with(
        Arc::new(Gated::new(world.left.clone(), gate)),
        world.right.clone(),
        world.store.clone(),
        world.options(),
    );
    assert!(drive(engine.run_once()).is_none(), "the update of b hangs");
    assert_eq!(
        world.left.with(|state| state.rows.len()),
        2,
        "c came over meanwhile"
    );
    drop(engine);
    world.settle();
    world.assert_in_step();
}

#[test]
fn under_a_lost_lease_nothing_is_sent_or_stored() {
    let world = World::in_step();
    world.right.edit("b", "value", "9");
    let engine = world.engine();
    let now = world.clock_now();
    let until = now + Duration::from_secs(1_000);
    drive(world.store.lease("other", now, until))
        .unwrap()
        .unwrap();
    let error = drive(engine.run_once()).unwrap().unwrap_err();
    assert!(
        matches!(error, EngineError::Held { ref owner, .. } if owner == "other"),
        "{error}"
    );

    // Taken over in the middle of a round.
    world.clock.pass(Duration::from_secs(2_000));
    let gate = Arc::new(Gate::taking_the_lease(
        world.store.clone(),
        world.clock.clone(),
    ));
    let engine = world.engine_with(
        Arc::new(Gated::new(world.left.clone(), gate)),
        world.right.clone(),
        world.store.clone(),
        world.options(),
    );
    let before = world.pairs();
    let error = drive(engine.run_once()).unwrap().unwrap_err();
    assert!(matches!(error, EngineError::LeaseLost), "{error}");
    assert_eq!(world.pairs(), before);
    assert_eq!(world.both("value").0, "100", "nothing was sent");
}

#[test]
fn the_loop_polls_retries_and_ends_with_its_lease_given_back() {
    let world = World::new();
    world
        .right
        .add("b", &[("name", "x"), ("value", "1"), ("note", "")]);
    world.left.fail("create", &[Fault::LostAfter]);
    let engine = world.engine();
    let polls = AtomicUsize::new(0);
    // Each look at the shutdown is a moment in which the loop had nothing else to do.
    let shutdown = poll_fn(|context| {
        if polls.fetch_add(1, Ordering::Relaxed) > 30 {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    });
    drive(engine.run(shutdown)).unwrap().unwrap();
    world.assert_in_step();
    let slept = world.clock.slept.lock().unwrap().clone();
    assert!(
        slept.iter().all(|wait| *wait <= Duration::from_secs(60)),
        "{slept:?}"
    );
    let now = world.clock_now();
    drive(
        world
            .store
            .lease("other", now, now + Duration::from_secs(1)),
    )
    .unwrap()
    .expect("the lease is free");
}

// R50
#[test]
fn ten_hints_cause_at_most_one_write() {
    let world = World::in_step();
    world.right.edit("b", "value", "9");
    let engine = world.engine();
    for _ in 0..10 {
        drive(engine.hint(Side::Right, &RecordId::new("b")))
            .unwrap()
            .unwrap();
    }
    let report = drive(engine.run_once()).unwrap().unwrap();
    assert_eq!(report.left.writes() + report.right.writes(), 1);
    assert!(world.round().is_quiet());
}

/// The public futures can be moved between threads.
#[test]
fn futures_are_send() {
    fn is_send<T: Send>(_: T) {}
    let world = World::new();
    let engine = world.engine();
    is_send(engine.run_once());
    is_send(engine.run(pending()));
    is_send(engine.plan());
    is_send(engine.hint(Side::Left, &RecordId::new("a")));
}

/// Asks for a deal in the midst of a flood, and notes the order in which pairs are worked.
#[derive(Debug, Default)]
struct Asks {
    engine: OnceLock<Weak<Engine>>,
    order: Mutex<Vec<PairId>>,
    /// Hints of the noisy record that are still to come.
    noise: AtomicUsize,
}

impl Observer for Asks {
    fn event(&self, event: &Event<'_>) {
        let Event::Pair { pair, .. } = *event else {
            return;
        };
        let done = {
            let mut order = self.order.lock().unwrap();
            order.push(pair);
            order.len()
        };
        let engine = self.engine.get().and_then(Weak::upgrade).unwrap();
        let hint = |side, id: &str| {
            drive(engine.hint(side, &RecordId::new(id)))
                .unwrap()
                .unwrap();
        };
        if done == 10 {
            hint(Side::Right, "b");
        }
        let take = |left: usize| left.checked_sub(1);
        if self
            .noise
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
        {
            hint(Side::Left, "flood 000");
        }
    }

    fn span(&self, _: &Work<'_>) -> Option<Span> {
        None
    }
}

fn flooded(noise: usize) -> (World, Vec<PairId>) {
    let mut world = World::in_step();
    world.brakes = BrakeOptions::none();
    for number in 0..900 {
        let id = format!("flood {number:03}");
        world
            .left
            .add(&id, &[("name", "x"), ("value", "1"), ("note", "")]);
    }
    let asks = Arc::new(Asks::default());
    asks.noise.store(noise, Ordering::Relaxed);
    let engine = Engine::builder(
        world.left.clone(),
        world.right.clone(),
        world.store.clone(),
        Arc::new(world.policy.clone()),
        world.clock.clone(),
    )
    .options(world.options().with_parallelism(1).with_drain_batch(8))
    .observer(asks.clone())
    .build();
    let engine = Arc::new(engine);
    asks.engine.set(Arc::downgrade(&engine)).unwrap();
    // All of it stands in the queue at once, as after an outage.
    let (from, until) = (DateTime::UNIX_EPOCH, world.clock_now() + TimeDelta::days(1));
    let queued = drive(
        world
            .engine()
            .replay_changes(Side::Left, from, until, "Ada"),
    );
    assert!(queued.unwrap().unwrap().queued >= 900);
    drive(engine.run_once()).unwrap().unwrap();
    let order = asks.order.lock().unwrap().clone();
    (world, order)
}

fn stored(world: &World) -> usize {
    drive(world.store.pairs(None, 2_000))
        .unwrap()
        .unwrap()
        .len()
}

// R119
#[test]
fn a_flood_of_one_kind_delays_what_somebody_waits_for_by_a_slice_only() {
    let (world, order) = flooded(0);
    assert_eq!(stored(&world), 901);
    let engine = world.engine();
    let asked = drive(engine.pair_of(Side::Right, &RecordId::new("b")));
    let asked = asked.unwrap().unwrap().unwrap().id;
    let place = order.iter().position(|pair| *pair == asked).unwrap();
    assert!(
        place < 10 + 256 + 16,
        "worked as number {place} of {}",
        order.len()
    );
}

#[test]
fn one_noisy_record_starves_nobody() {
    let (world, order) = flooded(200);
    assert_eq!(
        stored(&world),
        901,
        "all others were worked in the same round"
    );
    assert!(order.len() < 901 + 220, "{}", order.len());
}
