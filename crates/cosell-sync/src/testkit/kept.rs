//! The store as the engine reaches it.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    gate::{Fault, Gate, Kind},
    judge,
};
use crate::{
    AuditEntry, AuditPlace, AuditQuery, Change, ConflictEntry, Counter, Cursor, ErrorKind, GroupId,
    Lease, LogStore, MemoryStore, Pair, PairId, PairStore, ParkCount, QueueStore, QueuedHint,
    RecordId, Side, SkippedRecord, StateStore, StoreError,
};

/// The store behind the gate, watched at every commit.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) inner: Arc<dyn StateStore>,
    pub(super) truth: Arc<MemoryStore>,
    pub(super) gate: Arc<Gate>,
}

fn locked() -> StoreError {
    StoreError::Failed("disk full; make room".to_owned())
}

macro_rules! read {
    ($self:ident, $call:ident($($argument:expr),*)) => {{
        let says = || concat!("store.", stringify!($call)).to_owned();
        match $self.gate.enter(Kind::StoreRead, None, 0, says).await {
            Some(Fault::Lose) => Err(locked()),
            _ => $self.inner.$call($($argument),*).await,
        }
    }};
}

#[async_trait]
impl StateStore for Kept {
    async fn lease(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Lease, StoreError> {
        let says = || "store.lease".to_owned();
        let fault = self.gate.enter(Kind::Lease, None, 0, says).await;
        if fault == Some(Fault::Lose) {
            return Err(locked());
        }
        let lease = self.inner.lease(owner, now, until).await;
        self.gate.leave(fault).await;
        lease
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let says = || "store.release".to_owned();
        let fault = self.gate.enter(Kind::Lease, None, 0, says).await;
        if fault == Some(Fault::Lose) {
            return Err(locked());
        }
        self.inner.release(lease).await
    }

    async fn cursor(&self, side: Side) -> Result<Option<Cursor>, StoreError> {
        read!(self, cursor(side))
    }

    async fn counters(&self) -> Result<Vec<Counter>, StoreError> {
        read!(self, counters())
    }

    async fn place(&self, job: &str) -> Result<Option<String>, StoreError> {
        read!(self, place(job))
    }

    async fn commit(&self, lease: &Lease, batch: Vec<Change>) -> Result<(), StoreError> {
        let says = || format!("store.commit {}", batch_words(&batch));
        let fault = self.gate.enter(Kind::Commit, None, 0, says).await;
        if fault == Some(Fault::Lose) {
            return Err(locked());
        }
        let epoch = self.truth.stored().epoch;
        let result = self.inner.commit(lease, batch).await;
        let stored = self.truth.stored();
        {
            let mut state = self.gate.world.state();
            if result.is_ok() && lease.epoch < epoch {
                let what = format!("a commit under epoch {} while {epoch} rules", lease.epoch);
                state.broken(15, what);
            }
            judge::watch(&mut state, &stored);
        }
        self.gate.leave(fault).await;
        if fault == Some(Fault::LoseAnswer) {
            return Err(locked());
        }
        result
    }
}

#[async_trait]
impl PairStore for Kept {
    async fn pair(&self, id: PairId) -> Result<Option<Pair>, StoreError> {
        read!(self, pair(id))
    }

    async fn pair_of(&self, side: Side, record: &RecordId) -> Result<Option<Pair>, StoreError> {
        read!(self, pair_of(side, record))
    }

    async fn pair_in_group(&self, side: Side, group: &GroupId) -> Result<Option<Pair>, StoreError> {
        read!(self, pair_in_group(side, group))
    }

    async fn known(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> Result<BTreeSet<RecordId>, StoreError> {
        read!(self, known(side, records))
    }

    async fn pairs(&self, after: Option<PairId>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        read!(self, pairs(after, limit))
    }

    async fn parked(
        &self,
        kind: Option<ErrorKind>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        read!(self, parked(kind, after, limit))
    }

    async fn park_counts(&self) -> Result<Vec<ParkCount>, StoreError> {
        read!(self, park_counts())
    }
}

#[async_trait]
impl QueueStore for Kept {
    async fn due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<QueuedHint>, StoreError> {
        read!(self, due(now, limit))
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        read!(self, next_due())
    }

    async fn newcomers_wait(&self, side: Side) -> Result<bool, StoreError> {
        read!(self, newcomers_wait(side))
    }
}

#[async_trait]
impl LogStore for Kept {
    async fn conflicts(&self, skip: usize, limit: usize) -> Result<Vec<ConflictEntry>, StoreError> {
        read!(self, conflicts(skip, limit))
    }

    async fn skipped(&self, skip: usize, limit: usize) -> Result<Vec<SkippedRecord>, StoreError> {
        read!(self, skipped(skip, limit))
    }

    async fn skip_of(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<SkippedRecord>, StoreError> {
        read!(self, skip_of(side, record))
    }

    async fn audit(
        &self,
        query: &AuditQuery,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
        read!(self, audit(query, after, limit))
    }
}

fn batch_words(batch: &[Change]) -> String {
    let words: Vec<_> = batch
        .iter()
        .map(|change| match change {
            Change::Pair(pair) => {
                let intent = pair.intent.as_ref();
                let writes = intent
                    .map_or_else(String::new, |intent| format!(" to write {:?}", intent.side));
                let park = if pair.park.is_some() { " parked" } else { "" };
                format!("pair{writes}{park}")
            }
            Change::Cursor { side, cursor } => {
                format!("cursor {side:?} {:?}", cursor.as_ref().map(Cursor::as_str))
            }
            Change::Enqueue(hint) => format!("enqueue {:?} {}", hint.side, hint.id),
            Change::Dequeue { side, id, .. } => format!("dequeue {side:?} {id}"),
            Change::Postpone { hint } => format!("postpone {:?} {}", hint.side, hint.id),
            Change::Conflict(entry) => format!("conflict {}", entry.field),
            Change::Count { of, .. } => format!("count {of:?}"),
            Change::Uncount { of, .. } => format!("uncount {of:?}"),
            Change::Skip(record) => format!("skip {:?} {}", record.side, record.id),
            Change::Unskip { side, id } => format!("unskip {side:?} {id}"),
            Change::Audit(entry) => format!("line {}", entry.kind.as_str()),
            Change::Place { job, .. } => format!("place of {job}"),
            Change::Prune { .. } => "prune".to_owned(),
            Change::Forget { .. } => "forget".to_owned(),
        })
        .collect();
    format!("[{}]", words.join(", "))
}
