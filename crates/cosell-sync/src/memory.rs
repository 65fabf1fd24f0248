//! A store that forgets everything with the process: for tests, trials and dry runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    AuditEntry, AuditPlace, AuditQuery, Change, ConflictEntry, Counted, Counter, Cursor, ErrorKind,
    GroupId, Lane, Lease, LogStore, Pair, PairId, PairStore, ParkCount, QueueStore, QueuedHint,
    RecordId, Side, SkippedRecord, StateStore, StoreError,
};

type RecordKey = (Side, RecordId);

/// Keeps the state in memory, with all promises of [`StateStore`] except durability.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    #[cfg(feature = "testkit")]
    tap: Option<Arc<dyn crate::testkit::CommitTap>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    lease: Option<Lease>,
    epoch: u64,
    turn: u64,
    pairs: BTreeMap<PairId, Pair>,
    owners: BTreeMap<RecordKey, PairId>,
    groups: BTreeMap<(Side, GroupId), PairId>,
    cursors: BTreeMap<Side, Cursor>,
    hints: BTreeMap<RecordKey, QueuedHint>,
    conflicts: Vec<ConflictEntry>,
    counters: BTreeMap<(Counted, i64), u64>,
    skipped: BTreeMap<RecordKey, SkippedRecord>,
    places: BTreeMap<String, String>,
    audit: BTreeMap<AuditPlace, Arc<AuditEntry>>,
    /// Lines ever written.
    lines: u64,
}

fn record_keys(pair: &Pair) -> BTreeSet<RecordKey> {
    Side::BOTH
        .into_iter()
        .flat_map(|side| pair.ids(side).map(move |id| (side, id.clone())))
        .collect()
}

impl State {
    /// Would this batch give one record to two pairs?
    fn refuse_taken(&self, batch: &[Change]) -> Result<(), StoreError> {
        let newest: BTreeMap<PairId, &Pair> = batch
            .iter()
            .filter_map(|change| match change {
                Change::Pair(pair) => Some((pair.id, &**pair)),
                _ => None,
            })
            .collect();
        let mut claimed = BTreeMap::new();
        for pair in newest.values() {
            for key in record_keys(pair) {
                let stored = self
                    .owners
                    .get(&key)
                    .filter(|owner| !newest.contains_key(owner));
                let owner = stored.or_else(|| claimed.get(&key)).copied();
                if owner.is_some_and(|owner| owner != pair.id) {
                    let (side, id) = key;
                    return Err(StoreError::Taken { side, id });
                }
                claimed.insert(key, pair.id);
            }
        }
        Ok(())
    }

    fn commit(&mut self, lease: &Lease, batch: Vec<Change>) -> Result<(), StoreError> {
        let held = self.lease.as_ref();
        if !held.is_some_and(|held| held.epoch == lease.epoch && held.owner == lease.owner) {
            return Err(StoreError::Fenced);
        }
        self.refuse_taken(&batch)?;
        for change in batch {
            self.apply(change);
        }
        Ok(())
    }

    fn put_pair(&mut self, pair: Pair) {
        if let Some(old) = self.pairs.get(&pair.id) {
            for key in record_keys(old) {
                self.owners.remove(&key);
            }
            for side in Side::BOTH {
                if let Some(group) = old.end(side).group.clone()
                    && self.groups.get(&(side, group.clone())) == Some(&pair.id)
                {
                    self.groups.remove(&(side, group));
                }
            }
        }
        for key in record_keys(&pair) {
            self.owners.insert(key, pair.id);
        }
        for side in Side::BOTH {
            if let Some(group) = pair.end(side).group.clone() {
                self.groups.entry((side, group)).or_insert(pair.id);
            }
        }
        self.pairs.insert(pair.id, pair);
    }

    fn enqueue(&mut self, mut hint: QueuedHint) {
        self.turn += 1;
        hint.turn = self.turn;
        let key = (hint.side, hint.id.clone());
        if let Some(queued) = self.hints.get(&key) {
            hint.join(queued);
        }
        self.hints.insert(key, hint);
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Pair(pair) => self.put_pair(*pair),
            Change::Cursor {
                side,
                cursor: Some(cursor),
            } => {
                self.cursors.insert(side, cursor);
            }
            Change::Cursor { side, cursor: None } => {
                self.cursors.remove(&side);
            }
            Change::Enqueue(hint) => self.enqueue(hint),
            Change::Dequeue { side, id, turn } => {
                let key = (side, id);
                if self.hints.get(&key).is_some_and(|hint| hint.turn == turn) {
                    self.hints.remove(&key);
                }
            }
            Change::Postpone { hint } => {
                let key = (hint.side, hint.id.clone());
                if self
                    .hints
                    .get(&key)
                    .is_some_and(|queued| queued.turn == hint.turn)
                {
                    self.hints.insert(key, hint);
                }
            }
            Change::Conflict(entry) => self.conflicts.push(*entry),
            Change::Count { of, slot } => *self.counters.entry((of, slot)).or_default() += 1,
            Change::Uncount { of, before } => self
                .counters
                .retain(|(counted, slot), _| *counted != of || *slot >= before),
            Change::Skip(record) => {
                self.skipped
                    .insert((record.side, record.id.clone()), record);
            }
            Change::Unskip { side, id } => {
                self.skipped.remove(&(side, id));
            }
            Change::Audit(entry) => {
                self.lines += 1;
                self.audit.insert(AuditPlace(self.lines), Arc::from(entry));
            }
            Change::Place {
                job,
                place: Some(place),
            } => {
                self.places.insert(job, place);
            }
            Change::Place { job, place: None } => {
                self.places.remove(&job);
            }
            Change::Prune {
                before,
                keep,
                at_most,
            } => self.prune(before, keep, at_most),
            Change::Forget { pair, records } => self.forget(pair, &records),
        }
    }

    fn prune(&mut self, before: Option<DateTime<Utc>>, keep: Option<u64>, at_most: u64) {
        let oldest = keep.map_or(0, |keep| self.lines.saturating_sub(keep));
        let old = |place: &AuditPlace, entry: &AuditEntry| {
            place.0 <= oldest || before.is_some_and(|before| entry.at < before)
        };
        let places: Vec<_> = self
            .audit
            .iter()
            .filter(|(place, entry)| old(place, entry))
            .map(|(place, _)| *place)
            .take(usize::try_from(at_most).unwrap_or(usize::MAX))
            .collect();
        for place in places {
            self.audit.remove(&place);
        }
    }

    fn forget(&mut self, pair: Option<PairId>, records: &[RecordKey]) {
        self.conflicts
            .retain(|entry| pair.is_none_or(|pair| entry.pair != pair));
        for record in records {
            self.skipped.remove(record);
        }
        let about = |entry: &AuditEntry| {
            (pair.is_some() && entry.pair == pair)
                || records.iter().any(|(side, id)| match side {
                    Side::Left => entry.left.as_ref() == Some(id),
                    Side::Right => entry.right.as_ref() == Some(id),
                })
        };
        for entry in self.audit.values_mut().filter(|entry| about(entry)) {
            Arc::make_mut(entry).forget();
        }
    }

    /// Hints due at `now`, in the order in which they are worked.
    fn in_turn(&self, now: DateTime<Utc>, limit: usize) -> Vec<QueuedHint> {
        let line = |(lane, at): (Lane, Side)| {
            let mine = |hint: &&QueuedHint| {
                hint.due <= now && hint.side == at && hint.source.lane() == lane
            };
            let mut line: Vec<_> = self.hints.values().filter(mine).collect();
            line.sort_by_key(|hint| (hint.due, hint.turn));
            line.into_iter().take(limit).cloned().collect()
        };
        Lane::take_turns(Lane::lines().map(line).collect(), limit)
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    // A panic elsewhere cannot leave the state half changed: `apply` runs after all checks.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that is stored, for judges that look behind the port.
#[cfg(feature = "testkit")]
pub(crate) struct Stored {
    pub(crate) epoch: u64,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) cursors: BTreeMap<Side, Cursor>,
    /// In the order in which they would be worked.
    pub(crate) hints: Vec<QueuedHint>,
    pub(crate) conflicts: Vec<ConflictEntry>,
    pub(crate) skipped: Vec<SkippedRecord>,
    pub(crate) counters: BTreeMap<(Counted, i64), u64>,
}

#[cfg(feature = "testkit")]
impl MemoryStore {
    /// Another store with the same content.
    pub fn fork(&self) -> Self {
        Self {
            state: Arc::new(Mutex::new(self.state().clone())),
            tap: None,
        }
    }

    /// The same store, with commits that pass `tap`.
    #[must_use]
    pub fn tapped(&self, tap: Arc<dyn crate::testkit::CommitTap>) -> Self {
        Self {
            state: Arc::clone(&self.state),
            tap: Some(tap),
        }
    }

    /// Lets anybody take the lease, as if it had never been held.
    pub(crate) fn drop_lease(&self) {
        self.state().lease = None;
    }

    pub(crate) fn stored(&self) -> Stored {
        let state = self.state();
        let hints = state.in_turn(DateTime::<Utc>::MAX_UTC, usize::MAX);
        Stored {
            epoch: state.epoch,
            pairs: state.pairs.values().cloned().collect(),
            cursors: state.cursors.clone(),
            hints,
            conflicts: state.conflicts.clone(),
            skipped: state.skipped.values().cloned().collect(),
            counters: state.counters.clone(),
        }
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn lease(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Lease, StoreError> {
        let mut state = self.state();
        match &state.lease {
            Some(lease) if lease.owner == owner => {}
            Some(lease) if lease.until > now => {
                return Err(StoreError::Held {
                    owner: lease.owner.clone(),
                    until: lease.until,
                });
            }
            Some(_) | None => state.epoch += 1,
        }
        let lease = Lease {
            owner: owner.to_owned(),
            epoch: state.epoch,
            until,
        };
        state.lease = Some(lease.clone());
        Ok(lease)
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut state = self.state();
        if state
            .lease
            .as_ref()
            .is_some_and(|held| held.epoch == lease.epoch)
        {
            state.lease = None;
        }
        Ok(())
    }

    async fn cursor(&self, side: Side) -> Result<Option<Cursor>, StoreError> {
        Ok(self.state().cursors.get(&side).cloned())
    }

    async fn counters(&self) -> Result<Vec<Counter>, StoreError> {
        let state = self.state();
        let counters = state.counters.iter();
        Ok(counters
            .map(|((of, slot), count)| Counter {
                of: *of,
                slot: *slot,
                count: *count,
            })
            .collect())
    }

    async fn place(&self, job: &str) -> Result<Option<String>, StoreError> {
        Ok(self.state().places.get(job).cloned())
    }

    async fn commit(&self, lease: &Lease, batch: Vec<Change>) -> Result<(), StoreError> {
        #[cfg(feature = "testkit")]
        if let Some(tap) = &self.tap {
            tap.before(&batch).await?;
        }
        self.state().commit(lease, batch)?;
        #[cfg(feature = "testkit")]
        if let Some(tap) = &self.tap {
            tap.after().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl PairStore for MemoryStore {
    async fn pair(&self, id: PairId) -> Result<Option<Pair>, StoreError> {
        Ok(self.state().pairs.get(&id).cloned())
    }

    async fn pair_of(&self, side: Side, record: &RecordId) -> Result<Option<Pair>, StoreError> {
        let state = self.state();
        let owner = state.owners.get(&(side, record.clone()));
        Ok(owner.and_then(|id| state.pairs.get(id)).cloned())
    }

    async fn pair_in_group(&self, side: Side, group: &GroupId) -> Result<Option<Pair>, StoreError> {
        let state = self.state();
        let owner = state.groups.get(&(side, group.clone()));
        Ok(owner.and_then(|id| state.pairs.get(id)).cloned())
    }

    async fn known(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> Result<BTreeSet<RecordId>, StoreError> {
        let state = self.state();
        Ok(records
            .iter()
            .filter(|id| state.owners.contains_key(&(side, (*id).clone())))
            .cloned()
            .collect())
    }

    async fn pairs(&self, after: Option<PairId>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        let from = after.map_or(Unbounded, Excluded);
        let state = self.state();
        let page = state.pairs.range((from, Unbounded)).take(limit);
        Ok(page.map(|(_, pair)| pair.clone()).collect())
    }

    async fn parked(
        &self,
        kind: Option<ErrorKind>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let from = after.map_or(Unbounded, Excluded);
        let state = self.state();
        let wanted = |pair: &&Pair| {
            let park = pair.park.as_ref();
            park.is_some_and(|park| kind.is_none_or(|kind| park.kind == kind))
        };
        let pairs = state.pairs.range((from, Unbounded)).map(|(_, pair)| pair);
        Ok(pairs.filter(wanted).take(limit).cloned().collect())
    }

    async fn park_counts(&self) -> Result<Vec<ParkCount>, StoreError> {
        let mut counts: BTreeMap<(ErrorKind, bool), ParkCount> = BTreeMap::new();
        for park in self
            .state()
            .pairs
            .values()
            .filter_map(|pair| pair.park.as_ref())
        {
            let count = counts
                .entry((park.kind, park.dead))
                .or_insert_with(|| ParkCount::new(park.kind, park.dead, 0, park.since));
            count.pairs += 1;
            count.since = count.since.min(park.since);
        }
        Ok(counts.into_values().collect())
    }
}

#[async_trait]
impl QueueStore for MemoryStore {
    async fn due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<QueuedHint>, StoreError> {
        Ok(self.state().in_turn(now, limit))
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.state().hints.values().map(|hint| hint.due).min())
    }

    async fn newcomers_wait(&self, side: Side) -> Result<bool, StoreError> {
        let state = self.state();
        Ok(state
            .hints
            .values()
            .any(|hint| hint.side == side && !state.owners.contains_key(&(side, hint.id.clone()))))
    }
}

#[async_trait]
impl LogStore for MemoryStore {
    async fn conflicts(&self, skip: usize, limit: usize) -> Result<Vec<ConflictEntry>, StoreError> {
        let state = self.state();
        Ok(state
            .conflicts
            .iter()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn skipped(&self, skip: usize, limit: usize) -> Result<Vec<SkippedRecord>, StoreError> {
        let state = self.state();
        Ok(state
            .skipped
            .values()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn skip_of(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<SkippedRecord>, StoreError> {
        Ok(self.state().skipped.get(&(side, record.clone())).cloned())
    }

    async fn audit(
        &self,
        query: &AuditQuery,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
        let state = self.state();
        let found = |(place, entry): (&AuditPlace, &Arc<AuditEntry>)| {
            query
                .matches(entry)
                .then(|| (*place, AuditEntry::clone(entry)))
        };
        Ok(if query.newest_first {
            let before = after.map_or(Unbounded, Excluded);
            let lines = state.audit.range((Unbounded, before)).rev();
            lines.filter_map(found).take(limit).collect()
        } else {
            let from = after.map_or(Unbounded, Excluded);
            let lines = state.audit.range((from, Unbounded));
            lines.filter_map(found).take(limit).collect()
        })
    }
}
