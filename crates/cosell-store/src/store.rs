//! The store itself: each call of the port goes to the thread that owns the file.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_sync::{
    AuditEntry, AuditPlace, AuditQuery, Change, ConflictEntry, Counter, Cursor, ErrorKind, GroupId,
    Lease, LogStore, Pair, PairId, PairStore, ParkCount, QueueStore, QueuedHint, RecordId, Side,
    SkippedRecord, StateStore, StoreError,
};
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    audit,
    error::{OpenError, failed, failed_at_the_end},
    open::{self, Options},
    read,
    worker::Worker,
    write,
};

/// Durable state of one scope in one SQLite file.
///
/// Several processes may open one file; the lease says which of them may write. Dropping the
/// store waits until calls under way are done and the file is closed.
pub struct SqliteStore {
    path: PathBuf,
    worker: Worker,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file at `path`, or makes it; its directory must exist. Beside it SQLite keeps a
    /// `-wal` and a `-shm` file while it is open.
    ///
    /// `scope` names what the state belongs to, such as tenant and organization; it is written
    /// into a new file, and a file of another scope is refused.
    ///
    /// # Errors
    /// The file is refused and left as it is, see [`OpenError`].
    ///
    /// Cancel safety: may be dropped; a new file may stay behind.
    pub async fn open(
        path: impl AsRef<Path>,
        scope: impl Into<String>,
        options: Options,
    ) -> Result<Self, OpenError> {
        let path = open::plain(path.as_ref());
        let worker = Worker::start(path.clone(), scope.into(), options).await?;
        Ok(Self { path, worker })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies the whole state, as of one moment, into a new file, which can be opened like this
    /// one. Commits wait meanwhile. The copy has its name only once it is whole.
    ///
    /// Go back to a copy only while no engine runs, and let the next round look at all records
    /// anew: what was written after the copy is not in it.
    ///
    /// # Errors
    /// [`OpenError::Exists`] where a file has that name; else what SQLite or the disk says.
    ///
    /// Cancel safety: may be dropped; the copy may still be made.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<(), OpenError> {
        let to = open::plain(to.as_ref());
        let copied = self
            .worker
            .run(move |connection| Ok(open::copy(connection, &to)))
            .await;
        copied.unwrap_or_else(|error| Err(OpenError::Failed(Box::new(error))))
    }

    /// A question that needs no transaction of its own: each is one statement.
    async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.worker
            .run(move |connection| question(connection))
            .await
    }

    /// A change outside of a commit.
    async fn change<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.worker
            .run(move |connection| {
                let transaction = connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)
                    .map_err(failed)?;
                let done = change(&transaction)?;
                transaction.commit().map_err(failed_at_the_end)?;
                Ok(done)
            })
            .await
    }
}

#[async_trait]
impl StateStore for SqliteStore {
    async fn lease(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Lease, StoreError> {
        let owner = owner.to_owned();
        self.change(move |connection| write::lease(connection, &owner, now, until))
            .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.change(move |connection| write::release(connection, &lease))
            .await
    }

    async fn cursor(&self, side: Side) -> Result<Option<Cursor>, StoreError> {
        self.ask(move |connection| read::cursor(connection, side))
            .await
    }

    async fn counters(&self) -> Result<Vec<Counter>, StoreError> {
        self.ask(read::counters).await
    }

    async fn place(&self, job: &str) -> Result<Option<String>, StoreError> {
        let job = job.to_owned();
        self.ask(move |connection| read::place(connection, &job))
            .await
    }

    async fn commit(&self, lease: &Lease, batch: Vec<Change>) -> Result<(), StoreError> {
        self.worker.commit(lease.clone(), batch).await
    }
}

#[async_trait]
impl PairStore for SqliteStore {
    async fn pair(&self, id: PairId) -> Result<Option<Pair>, StoreError> {
        self.ask(move |connection| read::pair(connection, id)).await
    }

    async fn pair_of(&self, side: Side, record: &RecordId) -> Result<Option<Pair>, StoreError> {
        let record = record.clone();
        self.ask(move |connection| read::pair_of(connection, side, &record))
            .await
    }

    async fn pair_in_group(&self, side: Side, group: &GroupId) -> Result<Option<Pair>, StoreError> {
        let group = group.clone();
        self.ask(move |connection| read::pair_in_group(connection, side, &group))
            .await
    }

    async fn known(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> Result<BTreeSet<RecordId>, StoreError> {
        let records = records.to_vec();
        self.ask(move |connection| read::known(connection, side, records))
            .await
    }

    async fn pairs(&self, after: Option<PairId>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.ask(move |connection| read::pairs(connection, after, limit))
            .await
    }

    async fn parked(
        &self,
        kind: Option<ErrorKind>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        self.ask(move |connection| read::parked(connection, kind, after, limit))
            .await
    }

    async fn park_counts(&self) -> Result<Vec<ParkCount>, StoreError> {
        self.ask(read::park_counts).await
    }
}

#[async_trait]
impl QueueStore for SqliteStore {
    async fn due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<QueuedHint>, StoreError> {
        self.ask(move |connection| read::due(connection, now, limit))
            .await
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.ask(read::next_due).await
    }

    async fn newcomers_wait(&self, side: Side) -> Result<bool, StoreError> {
        self.ask(move |connection| read::newcomers_wait(connection, side))
            .await
    }
}

#[async_trait]
impl LogStore for SqliteStore {
    async fn conflicts(&self, skip: usize, limit: usize) -> Result<Vec<ConflictEntry>, StoreError> {
        self.ask(move |connection| read::conflicts(connection, skip, limit))
            .await
    }

    async fn skipped(&self, skip: usize, limit: usize) -> Result<Vec<SkippedRecord>, StoreError> {
        self.ask(move |connection| read::skipped(connection, skip, limit))
            .await
    }

    async fn skip_of(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<SkippedRecord>, StoreError> {
        let record = record.clone();
        self.ask(move |connection| read::skip_of(connection, side, &record))
            .await
    }

    async fn audit(
        &self,
        query: &AuditQuery,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
        let query = query.clone();
        self.ask(move |connection| audit::find(connection, &query, after, limit))
            .await
    }
}

#[cfg(test)]
mod tests;
