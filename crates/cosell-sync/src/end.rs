//! One end of a pair: which record it is, what was seen of it last, what we wrote.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{GroupId, Observed, RecordId, Version, engine::after};

/// One end of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The record; `None` until it is created.
    pub id: Option<RecordId>,
    /// Ids it had before it moved.
    pub former: Vec<RecordId>,
    /// Other ids whose changes concern it.
    pub aliases: Vec<RecordId>,
    /// The group it belongs to.
    pub group: Option<GroupId>,
    /// The version last taken into account.
    pub version: Option<Version>,
    /// Versions that our own writes replaced, newest last; seeing one again within the read lag
    /// of `written` is a stale read.
    pub retired: Vec<Version>,
    /// When our last write to it was concluded.
    pub written: Option<DateTime<Utc>>,
    /// Newest state it was seen in.
    #[serde(default)]
    pub newest: Option<Newest>,
}

/// The newest state of a record that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    /// Its version.
    pub version: Version,
    /// Service time of its last change.
    pub as_of: DateTime<Utc>,
}

impl Newest {
    pub(crate) fn of(record: &Observed) -> Self {
        Self {
            version: record.version.clone(),
            as_of: record.as_of,
        }
    }
}

impl End {
    /// The end is another record from now on; the id it had leads here all the same.
    pub(crate) fn moves_to(&mut self, id: &RecordId) {
        if self.id.as_ref() == Some(id) {
            return;
        }
        self.former.retain(|former| former != id);
        self.former.extend(self.id.replace(id.clone()));
    }

    /// Does `version` only tell of what was taken into account, or of what our own write
    /// replaced within the read lag?
    pub(crate) fn is_echo(
        &self,
        version: &Version,
        read_lag: Duration,
        now: DateTime<Utc>,
    ) -> bool {
        self.version.as_ref() == Some(version)
            || self.version.is_some() && self.is_stale(version, read_lag, now)
    }

    /// Was `version` replaced by our own write so lately that seeing it again is a stale read?
    pub(crate) fn is_stale(
        &self,
        version: &Version,
        read_lag: Duration,
        now: DateTime<Utc>,
    ) -> bool {
        self.version.as_ref() != Some(version)
            && self.retired.contains(version)
            && self.lag_end(read_lag).is_some_and(|end| now < end)
    }

    /// Keeps the record's state in mind, if none that may be newer was seen.
    pub(crate) fn has_shown(&mut self, record: &Observed) {
        if !self.may_be_older(record) {
            self.newest = Some(Newest::of(record));
        }
    }

    /// May the record be older than what was seen of it before? Of two states of the same moment
    /// nobody can tell which came first.
    pub(crate) fn may_be_older(&self, record: &Observed) -> bool {
        self.newest.as_ref().is_some_and(|newest| {
            let other = record.version != newest.version;
            record.as_of < newest.as_of || record.as_of == newest.as_of && other
        })
    }

    /// When reads stop to be late after our last write.
    pub(crate) fn lag_end(&self, read_lag: Duration) -> Option<DateTime<Utc>> {
        self.written.map(|written| after(written, read_lag))
    }
}
