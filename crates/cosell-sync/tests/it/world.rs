//! Two toys, a store, a clock and a policy, and a way to drive the engine.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_sync::{
    BrakeOptions, Clock, Engine, EngineError, EngineOptions, FieldId, FieldPolicies, FieldPolicy,
    IdSource, MemoryStore, Pair, PairStore as _, QueueStore as _, Replica, RoundReport, Side,
    StateStore,
};
use uuid::Uuid;

use crate::toy::Toy;

/// How late a toy's reads may be.
pub(crate) const READ_LAG: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct ToyClock {
    now: Mutex<DateTime<Utc>>,
    pub(crate) slept: Mutex<Vec<Duration>>,
}

impl ToyClock {
    pub(crate) fn new() -> Self {
        Self {
            now: Mutex::new(DateTime::UNIX_EPOCH + TimeDelta::days(20_000)),
            slept: Mutex::default(),
        }
    }

    pub(crate) fn pass(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
    }
}

#[async_trait]
impl Clock for ToyClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    // Time passes at once.
    async fn sleep(&self, duration: Duration) {
        self.slept.lock().unwrap().push(duration);
        self.pass(duration);
    }
}

/// The right side wins, except in a note, which a person settles.
pub(crate) fn right_wins() -> FieldPolicies {
    FieldPolicies::new(FieldPolicy::wins(Side::Right))
        .with_field("note", FieldPolicy::hold())
        .with_field(
            "bug",
            FieldPolicy::own("a bug", |_, _| panic!("a bug in the policy")),
        )
}

pub(crate) struct World {
    pub(crate) clock: Arc<ToyClock>,
    pub(crate) left: Arc<Toy>,
    pub(crate) right: Arc<Toy>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) policy: FieldPolicies,
    pub(crate) brakes: BrakeOptions,
    ids: Arc<AtomicU64>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ToyClock::new());
        Self {
            left: Arc::new(Toy::new(Side::Left, clock.clone())),
            right: Arc::new(Toy::new(Side::Right, clock.clone())),
            store: Arc::new(MemoryStore::new()),
            policy: right_wins(),
            brakes: BrakeOptions::default(),
            ids: Arc::default(),
            clock,
        }
    }

    /// A deal on both sides, in step.
    pub(crate) fn in_step() -> Self {
        let world = Self::new();
        world
            .right
            .add("b", &[("name", "deal"), ("value", "100"), ("note", "n")]);
        world.round();
        assert!(world.round().is_quiet());
        world
    }

    pub(crate) fn options(&self) -> EngineOptions {
        let ids = self.ids.clone();
        EngineOptions::default()
            .with_owner("tests")
            .with_brakes(self.brakes.clone())
            .with_ids(IdSource::new(move || {
                Uuid::from_u128(u128::from(ids.fetch_add(1, Ordering::Relaxed)) + 1)
            }))
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(
            self.left.clone(),
            self.right.clone(),
            self.store.clone(),
            self.options(),
        )
    }

    pub(crate) fn engine_with(
        &self,
        left: Arc<dyn Replica>,
        right: Arc<dyn Replica>,
        store: Arc<dyn StateStore>,
        options: EngineOptions,
    ) -> Engine {
        let policy = Arc::new(self.policy.clone());
        Engine::builder(left, right, store, policy, self.clock.clone())
            .options(options)
            .build()
    }

    /// One round a little later.
    pub(crate) fn round(&self) -> RoundReport {
        self.try_round().unwrap()
    }

    pub(crate) fn try_round(&self) -> Result<RoundReport, EngineError> {
        self.clock.pass(Duration::from_secs(1));
        let result = drive(self.engine().run_once()).expect("nothing hangs");
        // No person edits in the very moment of our write.
        self.clock.pass(Duration::from_secs(1));
        result
    }

    /// Rounds, with much time between them, until one does nothing.
    pub(crate) fn settle(&self) {
        let mut last = None;
        for _ in 0..12 {
            self.clock.pass(Duration::from_secs(1_200));
            let report = self.round();
            if report.is_quiet() && report.postponed == 0 {
                return;
            }
            last = Some(report);
        }
        panic!("the rounds never become quiet: {last:?}");
    }

    pub(crate) fn pairs(&self) -> Vec<Pair> {
        drive(self.store.pairs(None, 100)).unwrap().unwrap()
    }

    /// The only pair.
    pub(crate) fn pair(&self) -> Pair {
        let mut pairs = self.pairs();
        assert_eq!(pairs.len(), 1, "one pair: {pairs:?}");
        pairs.remove(0)
    }

    pub(crate) fn queued(&self) -> usize {
        let far = self.clock.now() + TimeDelta::days(100);
        drive(self.store.due(far, 100)).unwrap().unwrap().len()
    }

    pub(crate) fn field(&self, side: Side, field: &str) -> String {
        let pair = self.pair();
        let id = pair.end(side).id.as_ref().unwrap().as_str();
        let row = self.toy(side).with(|state| state.rows[id].clone());
        row.fields[&FieldId::from(field)].to_string()
    }

    /// A field on both sides.
    pub(crate) fn both(&self, field: &str) -> (String, String) {
        (
            self.field(Side::Left, field),
            self.field(Side::Right, field),
        )
    }

    pub(crate) fn toy(&self, side: Side) -> &Toy {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    pub(crate) fn clock_now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn left_ids(&self) -> Vec<String> {
        self.left.with(|state| state.rows.keys().cloned().collect())
    }

    pub(crate) fn left_id(&self) -> String {
        self.pair().left.id.unwrap().to_string()
    }

    /// Every record has exactly one partner with the same fields.
    pub(crate) fn assert_in_step(&self) {
        let pairs = self.pairs();
        for side in Side::BOTH {
            let rows: BTreeSet<String> = self.toy(side).with(|s| s.rows.keys().cloned().collect());
            let ends: BTreeSet<String> = pairs
                .iter()
                .filter_map(|pair| pair.end(side).id.as_ref())
                .map(ToString::to_string)
                .collect();
            assert_eq!(
                rows, ends,
                "every {side:?} record is in a pair, none is there twice"
            );
        }
        for pair in pairs {
            assert_eq!(pair.intent, None);
            assert_eq!(pair.park, None);
            let [left, right] = Side::BOTH.map(|side| {
                let id = pair.end(side).id.as_ref().unwrap().as_str();
                self.toy(side).with(|state| state.rows[id].fields.clone())
            });
            assert_eq!(left, right, "both sides hold the same");
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs a future until it is done, or until nothing moves any more (`None`: it hangs).
pub(crate) fn drive<T>(future: impl Future<Output = T>) -> Option<T> {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    while woken.0.swap(false, Ordering::AcqRel) {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return Some(done);
        }
    }
    None
}
