//! The audit trail: what was tried, by whom or why, and what came of it.
//!
//! Every hint leaves a line when it is queued, and every attempt that it leads to leaves another:
//! a skip, a write, a refusal, a failure, a recovery, a field that begins or ends to wait, a park,
//! a decision of a person. All of them carry the hint's trace. A line is stored in the commit
//! that stores what it tells of, so that neither is there without the other. Lines are only ever
//! added; they go by age or count ([`Retention`]), and lose their content when a record is
//! forgotten ([`Engine::forget`](crate::Engine::forget)).

mod diff;
mod forget;
mod mask;
mod query;
mod retention;

use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Value};
use serde::{Deserialize, Serialize};

use crate::{ErrorKind, Pair, PairId, RecordId, Side, Source, TraceId, Version, WriteStamp};

pub(crate) use diff::differences;
pub use forget::Forgotten;
pub use mask::Mask;
pub use query::{AuditPage, AuditPlace, AuditQuery};
pub use retention::Retention;

/// One line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// From the hint to all that came of it.
    pub trace: TraceId,
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: AuditKind,
    /// The pair, where there is one.
    pub pair: Option<PairId>,
    /// The left record.
    pub left: Option<RecordId>,
    /// The right record.
    pub right: Option<RecordId>,
    /// The side that was hinted, written, or that refused.
    pub side: Option<Side>,
    /// Where a hint came from.
    pub source: Option<Source>,
    /// Fields, as they were before and after; of a hold or a conflict, what both sides hold.
    pub fields: Vec<FieldChange>,
    /// Version of the written record before.
    pub before: Option<Version>,
    /// Version of the written or hinted record after.
    pub after: Option<Version>,
    /// The write's stamp.
    pub stamp: Option<WriteStamp>,
    /// Kind of trouble, where there was some.
    pub cause: Option<ErrorKind>,
    /// The service's own code, where it gave one.
    pub code: Option<String>,
    /// The service's id of the request, where it gave one.
    pub request: Option<String>,
    /// The person, where one decided.
    pub by: Option<String>,
    /// What happened, in words; on failure the service's own.
    pub message: String,
}

/// A field in a line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FieldChange {
    /// The field.
    pub field: FieldId,
    /// What the written side held before; of a hold or conflict, what the left side holds. `None`:
    /// not seen.
    pub before: Option<Value>,
    /// What it holds now, or was to hold; of a hold or conflict, what the right side holds.
    pub after: Option<Value>,
}

impl FieldChange {
    /// A field before and after.
    pub fn new(field: FieldId, before: Option<Value>, after: Option<Value>) -> Self {
        Self {
            field,
            before,
            after,
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)*) => {
        /// What a line of the audit trail tells.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[non_exhaustive]
        pub enum AuditKind {
            $($(#[$doc])* #[serde(rename = $word)] $kind,)*
        }

        impl AuditKind {
            /// The word it is stored as.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// A hint went into the queue.
    Hinted = "hinted",
    /// A look found nothing to do; says why.
    Nothing = "nothing",
    /// A record founds no pair; says why.
    Skipped = "skipped",
    /// A record was found to be a pair's other end.
    Bound = "bound",
    /// A record was made.
    Created = "created",
    /// A record was changed.
    Updated = "updated",
    /// The record was not as it was seen, so nothing was written.
    Stale = "stale",
    /// The service refused the content.
    Refused = "refused",
    /// A call failed with no effect.
    Failed = "failed",
    /// A write's answer is missing; it is looked for.
    Unanswered = "unanswered",
    /// A write whose answer was missing took effect.
    Recovered = "recovered",
    /// A write whose answer was missing took none.
    NotLanded = "not_landed",
    /// Both sides moved and one value gave way.
    Conflict = "conflict",
    /// A field began to wait.
    Held = "held",
    /// A field waits no more.
    Released = "released",
    /// A pair began to wait.
    Parked = "parked",
    /// A pair was given up after all its attempts.
    Dead = "dead",
    /// A pair's wait ended.
    Resumed = "resumed",
    /// A pair stopped, started, or waits for sight of a record.
    State = "state",
    /// A person decided.
    Decided = "decided",
    /// The content of a record was removed.
    Forgotten = "forgotten",
}

impl AuditEntry {
    /// A line with nothing but these; the rest is public.
    pub fn new(
        trace: TraceId,
        at: DateTime<Utc>,
        kind: AuditKind,
        message: impl Into<String>,
    ) -> Self {
        Self {
            trace,
            at,
            kind,
            pair: None,
            left: None,
            right: None,
            side: None,
            source: None,
            fields: Vec::new(),
            before: None,
            after: None,
            stamp: None,
            cause: None,
            code: None,
            request: None,
            by: None,
            message: message.into(),
        }
    }

    /// About this pair.
    #[must_use]
    pub fn of_pair(mut self, pair: &Pair) -> Self {
        self.pair = Some(pair.id);
        self.left.clone_from(&pair.left.id);
        self.right.clone_from(&pair.right.id);
        self
    }

    /// About this record.
    #[must_use]
    pub fn of_record(mut self, side: Side, id: &RecordId) -> Self {
        self.side = Some(side);
        match side {
            Side::Left => self.left = Some(id.clone()),
            Side::Right => self.right = Some(id.clone()),
        }
        self
    }

    pub(crate) fn on(mut self, side: Side) -> Self {
        self.side = Some(side);
        self
    }

    pub(crate) fn because(mut self, cause: ErrorKind) -> Self {
        self.cause = Some(cause);
        self
    }

    pub(crate) fn by(mut self, person: &str) -> Self {
        self.by = Some(person.to_owned());
        self
    }

    /// Takes away all that may tell of the record's content, and leaves that something happened.
    pub fn forget(&mut self) {
        self.fields.clear();
        "(forgotten)".clone_into(&mut self.message);
    }
}
