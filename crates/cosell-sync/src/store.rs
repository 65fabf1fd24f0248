//! What the engine remembers, and the one way to change it.

use std::{collections::BTreeSet, fmt};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Value};
use serde::{Deserialize, Serialize};

use crate::{
    AuditEntry, AuditPlace, AuditQuery, Counted, Counter, Cursor, ErrorKind, GroupId, Images, Pair,
    PairId, ParkCount, RecordId, Rule, Side, Source, TraceId, Version,
};

/// The right to write to a store; one holder at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub owner: String,
    /// Grows with every change of holder; a commit under an older one is refused.
    pub epoch: u64,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// A hint in the durable queue; one per side and record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedHint {
    /// The side of the record.
    pub side: Side,
    /// The record, or an alias of it.
    pub id: RecordId,
    /// The version the source told.
    pub version: Option<Version>,
    /// The source says it was deleted.
    pub gone: bool,
    /// Until then a read may not show yet what the source told of.
    #[serde(default)]
    pub late_until: Option<DateTime<Utc>>,
    /// Not to be worked before.
    pub due: DateTime<Utc>,
    /// How often it was worked in vain.
    pub attempts: u32,
    /// Where it came from; of two for one record, the more urgent source.
    pub source: Source,
    /// Follows it to all that comes of it. A hint that joins a queued one takes that one's trace.
    pub trace: TraceId,
    /// Set by the store, new at every enqueue: a dequeue names the turn it worked on, so that a
    /// hint that came meanwhile stays.
    pub turn: u64,
}

impl QueuedHint {
    /// Takes the place of one that waits for the same record. Every store joins them like this.
    pub fn join(&mut self, queued: &Self) {
        self.due = self.due.min(queued.due);
        self.late_until = self.late_until.max(queued.late_until);
        self.source = self.source.min(queued.source);
        self.trace = queued.trace;
        // Two sources, two versions: which is newer is not known here. What is told of next
        // decides; else a list that tells of it in every round would put it off for ever.
        if queued.version.is_some() && self.version != queued.version {
            self.version = None;
        }
    }
}

/// A record that founds no pair, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRecord {
    /// Its side.
    pub side: Side,
    /// Its id.
    pub id: RecordId,
    /// The version that was looked at.
    pub version: Option<Version>,
    /// The kind of cause, to count and requeue by.
    pub kind: ErrorKind,
    /// What happened, where, the cure.
    pub cause: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A value that gave way, or a difference that was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictEntry {
    /// The pair.
    pub pair: PairId,
    /// The field.
    pub field: FieldId,
    /// When they last agreed.
    pub base: Option<Images>,
    /// On the left.
    pub left: Value,
    /// On the right.
    pub right: Value,
    /// When the left record last changed, in its service's time.
    pub left_as_of: DateTime<Utc>,
    /// When the right record last changed, in its service's time.
    pub right_as_of: DateTime<Utc>,
    /// The rule that decided.
    pub rule: Rule,
    /// The side whose value stands; `None` when a third one does, or each its own.
    pub kept: Option<Side>,
    /// The value that stands on both sides; `None` when each side keeps its own.
    pub value: Option<Value>,
    /// When it was decided, by the engine's clock.
    pub at: DateTime<Utc>,
}

/// One part of a commit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Stores a pair whole. Refused ([`StoreError::Taken`]) if a record of it belongs to
    /// another pair.
    Pair(Box<Pair>),
    /// Stores where reading of a side goes on; `None` forgets it.
    Cursor {
        /// The side.
        side: Side,
        /// The place.
        cursor: Option<Cursor>,
    },
    /// Puts a hint into the queue, or makes the queued one due at the earlier of both moments.
    /// Where both tell versions that differ, the queued one tells none: which is newer is not
    /// known here. The more urgent source and the trace of the queued one stay.
    Enqueue(QueuedHint),
    /// Takes a hint out, if it is still the same turn.
    Dequeue {
        /// The side.
        side: Side,
        /// The record.
        id: RecordId,
        /// The turn that was worked.
        turn: u64,
    },
    /// Puts a worked hint off, if it is still the same turn (else does nothing).
    Postpone {
        /// The hint with its new `due` and `attempts`, and the turn that was worked.
        hint: QueuedHint,
    },
    /// Keeps a value that gave way.
    Conflict(Box<ConflictEntry>),
    /// Adds one to a counter.
    Count {
        /// What is counted.
        of: Counted,
        /// The part of time it is counted in.
        slot: i64,
    },
    /// Forgets counters of this kind in slots before this one.
    Uncount {
        /// What was counted.
        of: Counted,
        /// The first slot that is kept.
        before: i64,
    },
    /// Remembers why a record founds no pair.
    Skip(SkippedRecord),
    /// Forgets that.
    Unskip {
        /// The side.
        side: Side,
        /// The record.
        id: RecordId,
    },
    /// Adds a line to the audit trail. There is no way to change one.
    Audit(Box<AuditEntry>),
    /// Remembers how far a job of this name is; `None` forgets it.
    Place {
        /// The job.
        job: String,
        /// As the job wrote it.
        place: Option<String>,
    },
    /// Removes audit lines from the old end: those before `before`, and those beyond the newest
    /// `keep`; at most `at_most` of them.
    Prune {
        /// By age.
        before: Option<DateTime<Utc>>,
        /// By count.
        keep: Option<u64>,
        /// Most lines removed by this change.
        at_most: u64,
    },
    /// Removes what was kept of the content of records: logged conflicts and skips go, audit
    /// lines lose their fields and words and keep ids, times and kinds. What a pair itself holds
    /// is changed by [`Change::Pair`].
    Forget {
        /// Lines and conflicts of this pair.
        pair: Option<PairId>,
        /// Lines and skips of these records.
        records: Vec<(Side, RecordId)>,
    },
}

/// Durable state of one sync scope: who may write, and the one way to write.
///
/// What is kept is read through the traits that this one stands on, by concern.
///
/// # Contract
/// `commit` is the only writer: all of a batch is stored or nothing, durable when it returns,
/// and refused with [`StoreError::Fenced`] when the lease is not the newest. Reads see every
/// commit that returned before they began. Cancel safety: a dropped `commit` may have happened.
#[async_trait]
pub trait StateStore: PairStore + QueueStore + LogStore {
    /// Takes the lease for `owner` until `until`, or renews it (same epoch) if `owner` holds it.
    /// A lease that ended before `now` may be taken over; the epoch then grows.
    async fn lease(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Lease, StoreError>;

    /// Gives the lease back.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Where reading of a side goes on.
    async fn cursor(&self, side: Side) -> Result<Option<Cursor>, StoreError>;

    /// All counters.
    async fn counters(&self) -> Result<Vec<Counter>, StoreError>;

    /// How far a job is, as it wrote it.
    async fn place(&self, job: &str) -> Result<Option<String>, StoreError>;

    /// Stores `batch`, all or nothing.
    async fn commit(&self, lease: &Lease, batch: Vec<Change>) -> Result<(), StoreError>;
}

/// What is known of pairs.
#[async_trait]
pub trait PairStore: fmt::Debug + Send + Sync + 'static {
    /// A pair by id.
    async fn pair(&self, id: PairId) -> Result<Option<Pair>, StoreError>;

    /// The pair that a record belongs to, by its present, former or alias id.
    async fn pair_of(&self, side: Side, record: &RecordId) -> Result<Option<Pair>, StoreError>;

    /// The pair whose end on `side` belongs to a group.
    async fn pair_in_group(&self, side: Side, group: &GroupId) -> Result<Option<Pair>, StoreError>;

    /// Which of `records` belong to a pair.
    async fn known(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> Result<BTreeSet<RecordId>, StoreError>;

    /// Pairs in order of id, after `after`, at most `limit`.
    async fn pairs(&self, after: Option<PairId>, limit: usize) -> Result<Vec<Pair>, StoreError>;

    /// Parked pairs in order of id, after `after`, at most `limit`; of one kind of cause, if asked.
    async fn parked(
        &self,
        kind: Option<ErrorKind>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError>;

    /// How many pairs are parked for which kind of cause.
    async fn park_counts(&self) -> Result<Vec<ParkCount>, StoreError>;
}

/// The queue of hints.
#[async_trait]
pub trait QueueStore: fmt::Debug + Send + Sync + 'static {
    /// Hints due at `now`, at most `limit`, in fair turns: of each [`Lane`](crate::Lane) and side
    /// one after the other, within each the earliest first. A flood in one lane so delays the
    /// others by their share only.
    async fn due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<QueuedHint>, StoreError>;

    /// When the next hint is due.
    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Does the queue hold a hint of a side about a record that belongs to no pair? Such a record
    /// may turn out to be the one that is about to be made.
    async fn newcomers_wait(&self, side: Side) -> Result<bool, StoreError>;
}

/// What was logged for people.
#[async_trait]
pub trait LogStore: fmt::Debug + Send + Sync + 'static {
    /// Values that gave way, oldest first, after the first `skip`, at most `limit`.
    async fn conflicts(&self, skip: usize, limit: usize) -> Result<Vec<ConflictEntry>, StoreError>;

    /// Records that found no pair, in order of side and id, after the first `skip`, at most
    /// `limit`.
    async fn skipped(&self, skip: usize, limit: usize) -> Result<Vec<SkippedRecord>, StoreError>;

    /// Why a record founds no pair, if that was stored.
    async fn skip_of(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<SkippedRecord>, StoreError>;

    /// Lines of the audit trail that answer `query`, in the order it asks for, beyond the place
    /// `after`, at most `limit`.
    async fn audit(
        &self,
        query: &AuditQuery,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError>;
}

/// The store failed. Nothing of the batch was stored, unless `Failed` says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another owner holds the lease.
    #[error("{owner} holds the lease until {until}")]
    Held {
        /// Who.
        owner: String,
        /// Until when.
        until: DateTime<Utc>,
    },
    /// The lease of this commit is no longer the newest: another worker took over.
    #[error("the lease is lost: another worker took over")]
    Fenced,
    /// A record of the pair belongs to another pair.
    #[error("record {id} belongs to another pair")]
    Taken {
        /// Its side.
        side: Side,
        /// The record.
        id: RecordId,
    },
    /// The stored data cannot be read; says what and the cure.
    #[error("stored state is damaged: {0}")]
    Damaged(String),
    /// Another process keeps the store locked; says the cure.
    #[error("the store is locked: {0}")]
    Locked(String),
    /// There is no room left; says the cure.
    #[error("the store is full: {0}")]
    Full(String),
    /// The store may no longer be written; says the cure.
    #[error("the store is read-only: {0}")]
    ReadOnly(String),
    /// Anything else that keeps the store from working; says what and the cure.
    #[error("the store failed: {0}")]
    Failed(String),
}
