//! The process dies, or an answer is lost, at every single call of a story.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::{collections::BTreeSet, future::Future, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_sync::{
    AuditEntry, AuditPlace, AuditQuery, Capabilities, Change, Clock as _, ConflictEntry, Counter,
    Cursor, Deadline, Draft, Engine, ErrorKind, FieldId, GroupId, HintPage, Lease, LogStore,
    MemoryStore, Observed, Pair, PairId, PairKey, PairStore, ParkCount, PartName, Patch,
    QueueStore, QueuedHint, ReadError, RecordId, Replica, Settled, Side, SkippedRecord, StateStore,
    StoreError, Value, WriteError, WriteStamp, Written,
};
use futures_util::future::pending;

use crate::{
    toy::Toy,
    world::{ToyClock, World, drive},
};

/// What happens at the chosen call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Then {
    /// The process dies before it.
    Hang,
    /// The process dies after it took effect.
    HangAfter,
    /// The call is lost.
    Lose,
    /// The call takes effect, its answer is lost.
    LoseAfter,
}

/// Counts calls and lets the chosen one go wrong.
#[derive(Debug)]
pub(crate) struct Gate {
    at: Option<usize>,
    then: Then,
    calls: AtomicUsize,
    writing: AtomicUsize,
    most_writes: AtomicUsize,
    hang_updates: bool,
    thief: Mutex<Option<(Arc<MemoryStore>, Arc<ToyClock>)>>,
}

impl Gate {
    pub(crate) fn new(at: Option<usize>, then: Then) -> Self {
        Self {
            at,
            then,
            calls: AtomicUsize::new(0),
            writing: AtomicUsize::new(0),
            most_writes: AtomicUsize::new(0),
            hang_updates: false,
            thief: Mutex::new(None),
        }
    }

    pub(crate) fn on_update() -> Self {
        Self {
            hang_updates: true,
            ..Self::new(None, Then::Hang)
        }
    }

    /// Another engine takes the store over at the first fetch.
    pub(crate) fn taking_the_lease(store: Arc<MemoryStore>, clock: Arc<ToyClock>) -> Self {
        Self {
            thief: Mutex::new(Some((store, clock))),
            ..Self::new(None, Then::Hang)
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn most_writes(&self) -> usize {
        self.most_writes.load(Ordering::Relaxed)
    }

    async fn steal(&self) {
        let thief = self.thief.lock().unwrap().take();
        if let Some((store, clock)) = thief {
            clock.pass(Duration::from_secs(500));
            let now = clock.now();
            let until = now + Duration::from_secs(500);
            store.lease("thief", now, until).await.unwrap();
        }
    }

    async fn pass<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        lost: impl FnOnce() -> E,
    ) -> Result<T, E> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if self.at != Some(number) {
            return call.await;
        }
        match self.then {
            Then::Hang => pending().await,
            Then::Lose => Err(lost()),
            Then::HangAfter => {
                let _ = call.await;
                pending().await
            }
            Then::LoseAfter => {
                let _ = call.await;
                Err(lost())
            }
        }
    }

    async fn write<T>(
        &self,
        call: impl Future<Output = Result<T, WriteError>>,
    ) -> Result<T, WriteError> {
        let now = self.writing.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_writes.fetch_max(now, Ordering::Relaxed);
        // Others get their turn while the request is on its way.
        yield_once().await;
        let result = self
            .pass(call, || WriteError::Unknown("no answer".into()))
            .await;
        self.writing.fetch_sub(1, Ordering::Relaxed);
        result
    }
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// A replica or store behind a gate.
#[derive(Debug)]
pub(crate) struct Gated<T> {
    inner: Arc<T>,
    gate: Arc<Gate>,
}

impl<T> Gated<T> {
    pub(crate) fn new(inner: Arc<T>, gate: Arc<Gate>) -> Self {
        Self { inner, gate }
    }
}

fn down() -> ReadError {
    ReadError::Failed("no answer".to_owned())
}

#[async_trait]
impl Replica for Gated<Toy> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        self.gate.pass(self.inner.hints(since), down).await
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        self.gate.steal().await;
        self.gate.pass(self.inner.fetch(id), down).await
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        self.gate.pass(self.inner.find(key, floor), down).await
    }

    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.gate
            .write(self.inner.create(key, stamp, draft, until))
            .await
    }

    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
        self.gate.pass(self.inner.in_group(group), down).await
    }

    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.gate
            .write(self.inner.create_part(of, name, stamp, draft, until))
            .await
    }

    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        if self.gate.hang_updates {
            return pending().await;
        }
        self.gate
            .write(self.inner.update(seen, stamp, patch, until))
            .await
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        self.inner.settle(field, wanted, now)
    }
}

fn locked() -> StoreError {
    StoreError::Failed("disk full; make room".to_owned())
}

macro_rules! gated {
    ($self:ident, $call:ident($($argument:expr),*)) => {
        $self.gate.pass($self.inner.$call($($argument),*), locked).await
    };
}

#[async_trait]
impl StateStore for Gated<MemoryStore> {
    async fn lease(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Lease, StoreError> {
        gated!(self, lease(owner, now, until))
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        gated!(self, release(lease))
    }

    async fn cursor(&self, side: Side) -> Result<Option<Cursor>, StoreError> {
        gated!(self, cursor(side))
    }

    async fn counters(&self) -> Result<Vec<Counter>, StoreError> {
        gated!(self, counters())
    }

    async fn place(&self, job: &str) -> Result<Option<String>, StoreError> {
        gated!(self, place(job))
    }

    async fn commit(&self, lease: &Lease, batch: Vec<Change>) -> Result<(), StoreError> {
        gated!(self, commit(lease, batch))
    }
}

#[async_trait]
impl PairStore for Gated<MemoryStore> {
    async fn pair(&self, id: PairId) -> Result<Option<Pair>, StoreError> {
        gated!(self, pair(id))
    }

    async fn pair_of(&self, side: Side, record: &RecordId) -> Result<Option<Pair>, StoreError> {
        gated!(self, pair_of(side, record))
    }

    async fn pair_in_group(&self, side: Side, group: &GroupId) -> Result<Option<Pair>, StoreError> {
        gated!(self, pair_in_group(side, group))
    }

    async fn known(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> Result<BTreeSet<RecordId>, StoreError> {
        gated!(self, known(side, records))
    }

    async fn pairs(&self, after: Option<PairId>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        gated!(self, pairs(after, limit))
    }

    async fn parked(
        &self,
        kind: Option<ErrorKind>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        gated!(self, parked(kind, after, limit))
    }

    async fn park_counts(&self) -> Result<Vec<ParkCount>, StoreError> {
        gated!(self, park_counts())
    }
}

#[async_trait]
impl QueueStore for Gated<MemoryStore> {
    async fn due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<QueuedHint>, StoreError> {
        gated!(self, due(now, limit))
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        gated!(self, next_due())
    }

    async fn newcomers_wait(&self, side: Side) -> Result<bool, StoreError> {
        gated!(self, newcomers_wait(side))
    }
}

#[async_trait]
impl LogStore for Gated<MemoryStore> {
    async fn conflicts(&self, skip: usize, limit: usize) -> Result<Vec<ConflictEntry>, StoreError> {
        gated!(self, conflicts(skip, limit))
    }

    async fn skipped(&self, skip: usize, limit: usize) -> Result<Vec<SkippedRecord>, StoreError> {
        gated!(self, skipped(skip, limit))
    }

    async fn skip_of(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<SkippedRecord>, StoreError> {
        gated!(self, skip_of(side, record))
    }

    async fn audit(
        &self,
        query: &AuditQuery,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
        gated!(self, audit(query, after, limit))
    }
}

/// Births both ways, edits both ways, a conflict, a refusal that is cured. Returns the calls.
fn story(at: Option<usize>, then: Then) -> usize {
    let world = World::new();
    let gate = Arc::new(Gate::new(at, then));
    let engine = || -> Engine {
        world.engine_with(
            Arc::new(Gated::new(world.left.clone(), gate.clone())),
            Arc::new(Gated::new(world.right.clone(), gate.clone())),
            Arc::new(Gated::new(world.store.clone(), gate.clone())),
            world.options(),
        )
    };
    let mut running = engine();
    let mut round = || {
        world.clock.pass(Duration::from_secs(1));
        // A process that hangs is killed and started again, much later.
        if drive(running.run_once()).is_none() {
            running = engine();
            world.clock.pass(Duration::from_secs(1_200));
            drive(running.run_once())
                .expect("one call goes wrong, not two")
                .unwrap();
        }
    };
    world
        .right
        .add("b", &[("name", "ours"), ("value", "1"), ("note", "n")]);
    world
        .left
        .add("a", &[("name", "theirs"), ("value", "2"), ("note", "m")]);
    round();
    round();
    world.left.edit("a", "value", "20");
    world.right.edit("b", "name", "renamed");
    round();
    let left = world
        .left
        .with(|state| state.rows.keys().find(|id| *id != "a").cloned());
    if let Some(left) = &left {
        world.left.edit(left, "value", "10");
    }
    world.right.edit("b", "value", "11");
    round();
    world.right.edit("b", "name", "bad");
    round();
    world.right.edit("b", "name", "good");
    round();
    let calls = gate.calls();
    world.settle();
    world.assert_in_step();
    assert_eq!(world.pairs().len(), 2);
    assert_eq!(
        world
            .left
            .with(|state| state.rows["a"].fields[&FieldId::from("value")].clone()),
        Value::text("20")
    );
    let b = world.right.with(|state| state.rows["b"].clone());
    assert_eq!(
        b.fields[&FieldId::from("name")],
        Value::text("good"),
        "no edit of a person is lost"
    );
    assert!(b.outcomes.last().unwrap().success);
    let log = drive(world.store.conflicts(0, 100)).unwrap().unwrap();
    assert!(
        log.iter().all(|entry| entry.field.as_str() == "value"),
        "no false conflict: {log:?}"
    );
    if left.is_some() && log.is_empty() {
        // Without a logged loser, the left edit itself must have won on both sides.
        assert_eq!(b.fields[&FieldId::from("value")], Value::text("10"));
    }
    calls
}

fn at_every_call(then: Then) {
    let calls = story(None, then);
    assert!(calls > 100, "the story is a story: {calls}");
    for call in 1..=calls {
        let told = std::panic::catch_unwind(|| story(Some(call), then));
        assert!(told.is_ok(), "{then:?} at call {call} of {calls}");
    }
}

#[test]
fn a_crash_before_any_call_loses_and_doubles_nothing() {
    at_every_call(Then::Hang);
}

#[test]
fn a_crash_after_any_call_loses_and_doubles_nothing() {
    at_every_call(Then::HangAfter);
}

#[test]
fn losing_any_call_loses_and_doubles_nothing() {
    at_every_call(Then::Lose);
}

#[test]
fn losing_any_answer_loses_and_doubles_nothing() {
    at_every_call(Then::LoseAfter);
}
