//! What the engine asks of a side and a clock.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Settled, Value};

use crate::{
    Cursor, Draft, GroupId, HintPage, Observed, PairKey, PartName, Patch, RecordId, WriteStamp,
    Written,
};

/// What a side can do, as found out when it was connected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// A second create for one key is refused by the service ([`WriteError::Stale`]).
    pub unique_birth: bool,
    /// Records carry the stamp of our last write.
    pub stamped: bool,
    /// The side shows a pair's outcome to people and takes it in [`Patch`] and [`Draft`].
    pub shows_outcome: bool,
    /// A missing key is a reason to write (else it only rides on other writes).
    pub wants_key: bool,
    /// Deletions are reported as hints.
    pub reports_deletions: bool,
    /// Pages of hints and [`in_group`](Replica::in_group) show the parts of known groups, too.
    /// Without it an open part is fetched every `part_sweep`, and one whose making was never
    /// answered waits for a person ([`ErrorKind::Doubtful`](crate::ErrorKind::Doubtful)).
    pub lists_parts: bool,
    /// See [`lists_parts`](Self::lists_parts).
    pub part_sweep: Duration,
    /// Fields whose change takes effect in a step of its own after the rest of a patch, so that
    /// a stamp proves nothing about them: only the record itself does.
    pub apart: Vec<FieldId>,
    /// How long after a create `find` and `in_group` may miss the record.
    pub find_lag: Duration,
    /// How long after a write `fetch` may show the record as it was before.
    pub read_lag: Duration,
    /// How long after its deadline a request that left in time may still take effect.
    pub lateness: Duration,
}

impl Default for Capabilities {
    /// The careful side: nothing unique, no stamp, nothing shown, no lag known to be short.
    fn default() -> Self {
        Self {
            unique_birth: false,
            stamped: false,
            shows_outcome: false,
            wants_key: false,
            reports_deletions: false,
            lists_parts: true,
            part_sweep: Duration::from_secs(3_600),
            apart: Vec::new(),
            find_lag: Duration::from_secs(600),
            read_lag: Duration::from_secs(60),
            lateness: Duration::from_secs(60),
        }
    }
}

/// After this moment no byte of a write may leave.
pub type Deadline = DateTime<Utc>;

/// Says what would become of a value on one side. Pure: same question, same answer.
pub trait Settle {
    /// What would become of `wanted` in `field`, on the record `now` (`None`: on a new record).
    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled;
}

/// One end of the sync: reads, writes and knows its own service, nothing of the other.
///
/// # Contract
/// - `fetch` is the truth about a record; `hints`, `find` and `in_group` may be late by the stated
///   lags and may repeat, but a change is hinted sooner or later. A record that moved is found
///   under its old id, as what it is now.
/// - `update` takes effect only if the record is still at the version of `seen`, else it answers
///   [`WriteError::Stale`]; all of a patch takes effect or nothing.
/// - After `until` no byte leaves ([`WriteError::NotSent`]).
/// - An answer that is not clear is [`WriteError::Unknown`], never a refusal.
/// - Writes are never repeated inside the replica once they may have left.
///
/// Cancel safety: reads may be dropped; a dropped write may have taken effect.
#[async_trait]
pub trait Replica: fmt::Debug + Send + Sync + 'static {
    /// What this side can do.
    fn capabilities(&self) -> Capabilities;

    /// The next page of records to look at. `None` starts over with all records.
    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError>;

    /// The record as it is now; `None` when there is none (or none of ours).
    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError>;

    /// Records that name `key`, newest first; at least all that changed since `floor`.
    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError>;

    /// Records of a group, the parts among them. May be late; that one is missing proves nothing.
    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError>;

    /// Makes the pair's own record at this end, for the record `key` at the other end.
    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError>;

    /// Makes a part in the group of `of`, the pair's own record at this end as it was fetched a
    /// moment ago. The draft holds what the record at the other end asks for.
    ///
    /// A side without parts answers [`WriteError::Refused`].
    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError>;

    /// Changes a record.
    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError>;

    /// See [`Settle::settle`].
    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled;
}

macro_rules! forward_replica {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: Replica + ?Sized> Replica for $pointer<T> {
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
                (**self).hints(since).await
            }

            async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
                (**self).fetch(id).await
            }

            async fn find(
                &self,
                key: &PairKey,
                floor: Option<DateTime<Utc>>,
            ) -> Result<Vec<Observed>, ReadError> {
                (**self).find(key, floor).await
            }

            async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
                (**self).in_group(group).await
            }

            async fn create(
                &self,
                key: &PairKey,
                stamp: WriteStamp,
                draft: &Draft,
                until: Deadline,
            ) -> Result<Written, WriteError> {
                (**self).create(key, stamp, draft, until).await
            }

            async fn create_part(
                &self,
                of: &Observed,
                name: &PartName,
                stamp: WriteStamp,
                draft: &Draft,
                until: Deadline,
            ) -> Result<Written, WriteError> {
                (**self).create_part(of, name, stamp, draft, until).await
            }

            async fn update(
                &self,
                seen: &Observed,
                stamp: WriteStamp,
                patch: &Patch,
                until: Deadline,
            ) -> Result<Written, WriteError> {
                (**self).update(seen, stamp, patch, until).await
            }

            fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
                (**self).settle(field, wanted, now)
            }
        }
    };
}

forward_replica!(Arc);
forward_replica!(Box);

/// A write failed, sorted by what the engine does next.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It certainly had no effect; the pair is planned anew.
    #[error("not sent: {0}")]
    NotSent(Told),
    /// The record is not at the version that was seen (or, for a create, exists already).
    #[error("the record has changed since it was read")]
    Stale,
    /// The service refuses the content. Nothing took effect.
    #[error("refused: {message}")]
    Refused {
        /// What and why.
        message: Told,
        /// The fields it names; empty when it names none.
        fields: Vec<RefusedField>,
    },
    /// The service asks to wait. Nothing took effect.
    #[error("throttled")]
    Throttled {
        /// For how long.
        after: Duration,
    },
    /// It may have taken effect: look before repeating.
    #[error("outcome not known: {0}")]
    Unknown(Told),
}

/// What is told of a failed write: words for people, and what a service's support asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Told {
    /// What happened and the cure, with code and id.
    pub text: String,
    /// The service's own code.
    pub code: Option<String>,
    /// The service's id of the request, or ours where it gave none.
    pub request: Option<String>,
}

impl Told {
    /// With the service's code.
    #[must_use]
    pub fn with_code(mut self, code: Option<String>) -> Self {
        self.code = code;
        self
    }

    /// With the id of the request.
    #[must_use]
    pub fn with_request(mut self, request: Option<String>) -> Self {
        self.request = request;
        self
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Told {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

impl From<&str> for Told {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A field that a service refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedField {
    /// The field.
    pub field: FieldId,
    /// The rule and the cure.
    pub reason: cosell_mapping::Reason,
}

/// A read failed, sorted by what the engine does next.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The service asks to wait.
    #[error("throttled")]
    Throttled {
        /// For how long.
        after: Duration,
    },
    /// The cursor is no longer good: start over with `None`.
    #[error("the cursor has expired: {0}")]
    CursorExpired(String),
    /// The record exists or may exist, but this identity may not see it.
    #[error("not visible: {0}")]
    NotVisible(String),
    /// The record (or page) breaks the model; says where.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Anything else; may pass.
    #[error("read failed: {0}")]
    Failed(String),
}

/// The engine's time.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;

    /// Returns after `duration`. Cancel safety: may be dropped at any time.
    async fn sleep(&self, duration: Duration);
}
