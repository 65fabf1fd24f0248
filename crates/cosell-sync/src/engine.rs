//! The engine: two replicas, a store, a policy and a clock, kept in step round by round.

use std::{
    collections::BTreeSet,
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{
    future::{Either, poll_fn, select},
    lock::Mutex as TurnLock,
    task::AtomicWaker,
};

use crate::{
    AuditEntry, AuditKind, Change, Clock, ConflictEntry, DryRun, EngineError, EngineOptions, Event,
    Lease, MergePolicy, Observer, Pair, PairId, QueuedHint, RecordId, Replica, RoundReport, Side,
    Silent, SkippedRecord, Source, Span, StateStore, StoreError, TraceId, Work,
    brake::Counters,
    claims::{Claim, Claims},
    round::Round,
};

/// Keeps the records of two replicas in step.
///
/// One engine works on a store at a time, guarded by the store's lease. All that must survive is
/// in the store; an engine may be dropped at any moment and another one goes on.
pub struct Engine {
    left: Arc<dyn Replica>,
    right: Arc<dyn Replica>,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) policy: Arc<dyn MergePolicy>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: EngineOptions,
    observer: Arc<dyn Observer>,
    pub(crate) owner: String,
    pub(crate) stopping: AtomicBool,
    memory: Mutex<[SideMemory; 2]>,
    held: Mutex<Option<Lease>>,
    pub(crate) counters: Mutex<Option<Counters>>,
    pub(crate) busy: Mutex<BTreeSet<Claim>>,
    pub(crate) pruned: Mutex<Option<DateTime<Utc>>>,
    turn: TurnLock<()>,
    wake: Wake,
}

/// What an engine remembers of a side between rounds; losing it costs calls, never data.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SideMemory {
    /// The service asked for silence until then.
    pub(crate) not_before: Option<DateTime<Utc>>,
    /// Newest service time seen.
    pub(crate) newest: Option<DateTime<Utc>>,
    /// Reading of changes reached its end, and did not fail since.
    pub(crate) caught_up: bool,
}

#[derive(Default)]
struct Wake {
    waker: AtomicWaker,
    set: AtomicBool,
}

impl Wake {
    fn wake(&self) {
        self.set.store(true, Ordering::Release);
        self.waker.wake();
    }

    async fn wait(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.set.swap(false, Ordering::AcqRel) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn after(moment: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(wait)
        .ok()
        .and_then(|wait| moment.checked_add_signed(wait))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("owner", &self.owner)
            .field("left", &self.left)
            .field("right", &self.right)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Makes an [`Engine`].
#[derive(Debug)]
pub struct EngineBuilder {
    left: Arc<dyn Replica>,
    right: Arc<dyn Replica>,
    store: Arc<dyn StateStore>,
    policy: Arc<dyn MergePolicy>,
    clock: Arc<dyn Clock>,
    options: EngineOptions,
    observer: Arc<dyn Observer>,
}

impl EngineBuilder {
    /// Who listens to the work; nobody by default.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Replaces the settings.
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// The engine. Nothing is read or written yet.
    pub fn build(self) -> Engine {
        let mut options = self.options;
        options.lease = options.lease.max(options.send_window.saturating_mul(2));
        let owner = options
            .owner
            .clone()
            .unwrap_or_else(|| format!("cosell-{}", options.ids.next()));
        Engine {
            left: self.left,
            right: self.right,
            store: self.store,
            policy: self.policy,
            clock: self.clock,
            options,
            observer: self.observer,
            owner,
            stopping: AtomicBool::new(false),
            memory: Mutex::default(),
            held: Mutex::default(),
            counters: Mutex::default(),
            busy: Mutex::default(),
            pruned: Mutex::default(),
            turn: TurnLock::new(()),
            wake: Wake::default(),
        }
    }
}

impl Engine {
    /// Starts with what every engine needs.
    pub fn builder(
        left: Arc<dyn Replica>,
        right: Arc<dyn Replica>,
        store: Arc<dyn StateStore>,
        policy: Arc<dyn MergePolicy>,
        clock: Arc<dyn Clock>,
    ) -> EngineBuilder {
        EngineBuilder {
            left,
            right,
            store,
            policy,
            clock,
            options: EngineOptions::default(),
            observer: Arc::new(Silent),
        }
    }

    /// One round: takes the lease, reads what changed on both sides, works every hint that is
    /// due, gives the lease back.
    ///
    /// Trouble with single records is in the report and stops nothing else; an error means that
    /// the round could not go on. Cancel safety: may be dropped at any moment; a write that was
    /// under way is concluded by the next round.
    pub async fn run_once(&self) -> Result<RoundReport, EngineError> {
        let _turn = self.turn.lock().await;
        self.stopping.store(false, Ordering::Release);
        let report = self.round(true).await;
        self.give_back().await;
        report
    }

    /// Rounds until `shutdown` is done: every poll interval, earlier for hints that fall due.
    ///
    /// While another engine holds the lease, or the store fails, it waits and tries again; only
    /// damaged state ends it with an error. On shutdown no new work is begun, work under way is
    /// finished, the lease is given back. Cancel safety: as [`run_once`](Self::run_once).
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        let _turn = self.turn.lock().await;
        self.stopping.store(false, Ordering::Release);
        let mut shutdown = pin!(shutdown);
        let mut failures = 0;
        let mut next_poll = self.clock.now();
        loop {
            let polled = self.clock.now() >= next_poll;
            if polled {
                next_poll = after(self.clock.now(), self.options.poll_interval);
            }
            let round = Box::pin(self.round(polled));
            // The shutdown is asked first, so that work that never waits cannot starve it.
            let result = match select(shutdown.as_mut(), round).await {
                Either::Right((result, _)) => result,
                Either::Left(((), round)) => {
                    self.stopping.store(true, Ordering::Release);
                    let result = round.await;
                    self.give_back().await;
                    return result.map(drop);
                }
            };
            let wait = match result {
                Ok(_) => {
                    failures = 0;
                    self.idle_time(next_poll).await
                }
                Err(error @ EngineError::Store(StoreError::Damaged(_))) => {
                    self.give_back().await;
                    return Err(error);
                }
                Err(error) => {
                    failures += 1;
                    next_poll = self.clock.now();
                    let wait = self.options.backoff(failures);
                    let error = &error;
                    self.observe(&Event::RoundFailed { error, wait });
                    wait
                }
            };
            let woken = pin!(self.wake.wait());
            let idle = pin!(select(self.clock.sleep(wait), woken));
            if let Either::Left(((), _)) = select(shutdown.as_mut(), idle).await {
                self.give_back().await;
                return Ok(());
            }
        }
    }

    /// What the next round would do. Reads both sides and the store, writes nothing anywhere,
    /// needs no lease.
    pub async fn plan(&self) -> Result<DryRun, EngineError> {
        Round::dry(self).rehearse().await
    }

    /// "Look at this record", as a webhook or a message tells it. Durable when it returns, with
    /// the id that follows it through the audit trail.
    pub async fn hint(&self, side: Side, id: &RecordId) -> Result<TraceId, EngineError> {
        let hint = self.new_hint(side, id.clone(), Source::Told);
        let trace = hint.trace;
        self.commit_now(self.enqueue(hint).into()).await?;
        self.wake();
        Ok(trace)
    }

    pub(crate) fn wake(&self) {
        self.wake.wake();
    }

    /// Waits until no round works on the pair: it may hold a copy, and would store it over what
    /// is changed here.
    pub(crate) async fn claim(&self, pair: PairId) -> Claims<'_> {
        loop {
            let mut claims = Claims::new(&self.busy);
            if claims.add(Claim::Pair(pair)) {
                return claims;
            }
            self.clock.sleep(Duration::from_millis(100)).await;
        }
    }

    /// The pair that a record belongs to, by its present, former or alias id.
    pub async fn pair_of(&self, side: Side, id: &RecordId) -> Result<Option<Pair>, EngineError> {
        Ok(self.store.pair_of(side, id).await?)
    }

    /// A page of pairs with held fields among the `limit` pairs after `after`, and where the next
    /// page starts (`None`: that was the last).
    pub async fn holds(
        &self,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<(Vec<Pair>, Option<PairId>), EngineError> {
        let mut pairs = self.store.pairs(after, limit).await?;
        let next = pairs.last().map(|pair| pair.id);
        pairs.retain(|pair| !pair.holds.is_empty());
        Ok((pairs, next))
    }

    /// Values that gave way, oldest first, after the first `skip`, at most `limit`.
    pub async fn conflicts(
        &self,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<ConflictEntry>, EngineError> {
        Ok(self.store.conflicts(skip, limit).await?)
    }

    /// Records that found no pair and why, after the first `skip`, at most `limit`.
    pub async fn skipped(
        &self,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<SkippedRecord>, EngineError> {
        Ok(self.store.skipped(skip, limit).await?)
    }

    pub(crate) fn replica(&self, side: Side) -> &dyn Replica {
        match side {
            Side::Left => &*self.left,
            Side::Right => &*self.right,
        }
    }

    pub(crate) fn memory(&self, side: Side, change: impl FnOnce(&mut SideMemory)) -> SideMemory {
        let mut memory = lock(&self.memory);
        let memory = &mut memory[side as usize];
        change(memory);
        *memory
    }

    pub(crate) fn new_hint(&self, side: Side, id: RecordId, source: Source) -> QueuedHint {
        QueuedHint {
            source,
            trace: TraceId(self.options.trace_ids.next()),
            side,
            id,
            version: None,
            gone: false,
            late_until: None,
            due: self.clock.now(),
            attempts: 0,
            turn: 0,
        }
    }

    /// Queues a hint, and says so in the audit trail.
    pub(crate) fn enqueue(&self, hint: QueuedHint) -> [Change; 2] {
        let mut line = AuditEntry::new(hint.trace, self.clock.now(), AuditKind::Hinted, "queued")
            .of_record(hint.side, &hint.id);
        line.source = Some(hint.source);
        line.after.clone_from(&hint.version);
        [self.audit_line(line), Change::Enqueue(hint)]
    }

    /// A line of a trace of its own.
    pub(crate) fn line(&self, kind: AuditKind, message: &str) -> AuditEntry {
        let trace = TraceId(self.options.trace_ids.next());
        AuditEntry::new(trace, self.clock.now(), kind, message)
    }

    pub(crate) fn audit_line(&self, line: AuditEntry) -> Change {
        let line = self.options.mask.apply(line);
        self.observe(&Event::Line(&line));
        Change::Audit(Box::new(line))
    }

    pub(crate) fn observe(&self, event: &Event<'_>) {
        self.observer.event(event);
    }

    pub(crate) fn span(&self, work: &Work<'_>) -> Option<Span> {
        self.observer.span(work)
    }

    /// How long ago that was.
    pub(crate) fn since(&self, moment: DateTime<Utc>) -> Duration {
        (self.clock.now() - moment).to_std().unwrap_or_default()
    }

    async fn round(&self, read: bool) -> Result<RoundReport, EngineError> {
        let lease = self.take_lease().await?;
        Round::new(self, lease).go(read).await
    }

    /// Takes or renews the lease. Within one holding the epoch must not change.
    pub(crate) async fn take_lease(&self) -> Result<Lease, EngineError> {
        let now = self.clock.now();
        let until = after(now, self.options.lease);
        let lease = self.store.lease(&self.owner, now, until).await;
        *lock(&self.held) = lease.as_ref().ok().cloned();
        Ok(lease?)
    }

    async fn give_back(&self) {
        let held = lock(&self.held).take();
        *lock(&self.counters) = None;
        if let Some(lease) = held
            && let Err(error) = self.store.release(&lease).await
        {
            let error = &*error.to_string();
            self.observe(&Event::LeaseKept { error });
        }
    }

    /// Commits outside of a round, under the lease of a round in progress if there is one.
    pub(crate) async fn commit_now(&self, batch: Vec<Change>) -> Result<(), EngineError> {
        let held = lock(&self.held).clone();
        if let Some(lease) = held {
            match self.store.commit(&lease, batch.clone()).await {
                Err(StoreError::Fenced) => {}
                result => return Ok(result?),
            }
        }
        let now = self.clock.now();
        let until = after(now, self.options.lease);
        let lease = self.store.lease(&self.owner, now, until).await?;
        let result = self.store.commit(&lease, batch).await;
        // A round that began meanwhile shares the lease and gives it back itself.
        if lock(&self.held).is_none() {
            self.store.release(&lease).await?;
        }
        Ok(result?)
    }

    async fn idle_time(&self, next_poll: DateTime<Utc>) -> Duration {
        let now = self.clock.now();
        let due = self.store.next_due().await.ok().flatten();
        let next = due.map_or(next_poll, |due| due.min(next_poll));
        // A hint that stays due (its record is busy elsewhere) must not spin.
        (next - now)
            .to_std()
            .unwrap_or_default()
            .max(Duration::from_millis(100))
    }
}
