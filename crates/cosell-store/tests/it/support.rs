//! Stores in a directory of their own, and things to put into them.

use std::{path::PathBuf, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use cosell_store::{OpenError, Options, SqliteStore};
use cosell_sync::{
    Change, Lease, Pair, PairId, QueuedHint, RecordId, Side, Source, StateStore, TraceId,
};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const SCOPE: &str = "tenant-1/organization-1";

/// Impatient, so that no test waits.
pub(crate) fn options() -> Options {
    Options::default().with_busy_timeout(Duration::ZERO)
}

/// A directory that goes with the test.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path("state.cosell")
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(self.file(), SCOPE, options()).await
    }

    /// SQLite itself, beside the store.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }
}

pub(crate) fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
}

pub(crate) async fn lease(store: &SqliteStore, owner: &str) -> Lease {
    store.lease(owner, moment(0), moment(60)).await.unwrap()
}

pub(crate) fn pair(number: u128) -> Pair {
    let mut pair = Pair::new(PairId(Uuid::from_u128(number)));
    pair.left.id = Some(RecordId::new(format!("left {number}")));
    pair
}

pub(crate) fn put(pair: &Pair) -> Change {
    Change::Pair(Box::new(pair.clone()))
}

pub(crate) fn enqueue(name: &str, due: DateTime<Utc>) -> Change {
    Change::Enqueue(QueuedHint {
        side: Side::Left,
        id: RecordId::new(name),
        version: None,
        gone: false,
        due,
        attempts: 0,
        source: Source::Changed,
        trace: TraceId::default(),
        turn: 0,
        late_until: None,
    })
}
