//! What a round did, and why an engine cannot go on.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{BrakeOn, PairId, Plan, ReadError, RecordId, Side, SkippedRecord, StoreError};

/// Errors kept in one report; further ones are only counted.
const ERRORS_KEPT: usize = 500;

/// Calls made to one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SideReport {
    /// Pages of hints asked for.
    pub pages: u64,
    /// Records fetched.
    pub fetches: u64,
    /// Searches by key.
    pub finds: u64,
    /// Creates sent.
    pub creates: u64,
    /// Updates sent.
    pub updates: u64,
}

impl SideReport {
    /// Creates and updates.
    pub fn writes(&self) -> u64 {
        self.creates + self.updates
    }

    /// Fetches and searches; pages are not among them.
    pub fn reads(&self) -> u64 {
        self.fetches + self.finds
    }
}

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoundReport {
    /// Calls to the left.
    pub left: SideReport,
    /// Calls to the right.
    pub right: SideReport,
    /// Records made for the other side's.
    pub births: u64,
    /// Records that were there on both sides and were bound.
    pub binds: u64,
    /// Changes carried to a record.
    pub updates: u64,
    /// Hints that only told of our own writes.
    pub echoes: u64,
    /// Hints about records that neither take part nor belong to a pair.
    pub dropped: u64,
    /// Fields that began to wait.
    pub holds: u64,
    /// Values that gave way and were logged.
    pub conflicts: u64,
    /// Pairs that began to wait.
    pub parked: u64,
    /// Records newly recorded as founding no pair.
    pub skipped: u64,
    /// Hints put off to a later moment.
    pub postponed: u64,
    /// Brakes that stopped something.
    pub brakes: Vec<BrakeOn>,
    /// What went wrong, record by record; at most 500.
    pub errors: Vec<RecordError>,
    /// Errors beyond those.
    pub more_errors: u64,
}

impl RoundReport {
    /// No write and no error?
    pub fn is_quiet(&self) -> bool {
        self.left.writes() + self.right.writes() == 0
            && self.errors.is_empty()
            && self.more_errors == 0
    }

    /// Calls to one side.
    pub fn side(&self, side: Side) -> &SideReport {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    pub(crate) fn side_mut(&mut self, side: Side) -> &mut SideReport {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    pub(crate) fn error(&mut self, error: RecordError) {
        if self.errors.len() < ERRORS_KEPT {
            self.errors.push(error);
        } else {
            self.more_errors += 1;
        }
    }
}

/// One record, or the reading of one side, went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordError {
    /// Where.
    pub side: Side,
    /// The record; `None` when the page of changes could not be read.
    pub id: Option<RecordId>,
    /// What kind of trouble.
    pub kind: ErrorKind,
    /// What happened, for people.
    pub cause: String,
}

/// Kinds of [`RecordError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A read failed; tried again later.
    Read,
    /// The record breaks the model; waits, others go on.
    Malformed,
    /// A write was not sent; tried again later.
    NotSent,
    /// The answer to a write is missing; looked for before anything is repeated.
    Unknown,
    /// The service refuses the content.
    Refused,
    /// More than one record answers to one key.
    Duplicate,
    /// A record belongs to another pair.
    Claimed,
    /// The planner contradicted itself: a defect to report; nothing was written.
    Plan,
    /// The code of a replica or policy panicked.
    Panic,
    /// A person's answer to a held field came too late, or is refused.
    StaleAnswer,
    /// The record may not be seen with the rights there are.
    NotVisible,
    /// The record names one at the other side that is not there.
    NamesNothing,
    /// A replica breaks its contract; says how.
    Contract,
    /// A field goes to and fro; waits for a person.
    Flapping,
    /// A part may have been made or not, and no list would show it; waits for a person.
    Doubtful,
    /// The record was there before the first sync, and waits for a backfill.
    Unlinked,
    /// Kept by an older version, which told no kind.
    Other,
}

impl ErrorKind {
    /// The word it is stored and counted as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Malformed => "malformed",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Duplicate => "duplicate",
            Self::Claimed => "claimed",
            Self::Plan => "plan",
            Self::Panic => "panic",
            Self::StaleAnswer => "stale_answer",
            Self::NotVisible => "not_visible",
            Self::NamesNothing => "names_nothing",
            Self::Contract => "contract",
            Self::Flapping => "flapping",
            Self::Doubtful => "doubtful",
            Self::Unlinked => "unlinked",
            Self::Other => "other",
        }
    }
}

/// What a round would do, pair by pair. Nothing was written to find out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DryRun {
    /// Calls to the left.
    pub left: SideReport,
    /// Calls to the right.
    pub right: SideReport,
    /// Pairs with something to look at, known ones and newcomers.
    pub pairs: Vec<PlannedPair>,
    /// Pairs whose last write is not concluded yet: nothing is planned before that.
    pub open: Vec<PairId>,
    /// Records that would found no pair.
    pub skipped: Vec<SkippedRecord>,
    /// Records that cannot be planned.
    pub errors: Vec<RecordError>,
    /// Was everything looked at that is waiting? (Else: more pages or queued hints remain.)
    pub complete: bool,
}

impl DryRun {
    /// Would nothing be written?
    pub fn is_quiet(&self) -> bool {
        self.errors.is_empty() && self.pairs.iter().all(|planned| planned.plan.is_quiet())
    }
}

/// The plan for one pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlannedPair {
    /// The pair; `None` for one that would be founded.
    pub pair: Option<PairId>,
    /// The left record.
    pub left: Option<RecordId>,
    /// The right record.
    pub right: Option<RecordId>,
    /// What would be done.
    pub plan: Plan,
}

/// The engine cannot go on. Nothing is lost: the next round starts from what is stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Another engine works on this store. Wait, or stop that one.
    #[error("{owner} works on this store until {until}")]
    Held {
        /// Who.
        owner: String,
        /// Until when, unless it goes on.
        until: DateTime<Utc>,
    },
    /// Another engine took over while this one worked; this one stored nothing after that.
    #[error("another engine took over this store")]
    LeaseLost,
    /// A side that was asked outside of a round could not be read.
    #[error("the {side:?} side could not be read")]
    Side {
        /// Which.
        side: Side,
        /// Why.
        #[source]
        error: ReadError,
    },
    /// The store failed; what was sent before is in the journal and is concluded next time.
    #[error("the state could not be read or stored")]
    Store(#[source] StoreError),
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Held { owner, until } => Self::Held { owner, until },
            StoreError::Fenced => Self::LeaseLost,
            StoreError::Taken { .. }
            | StoreError::Damaged(_)
            | StoreError::Locked(_)
            | StoreError::Full(_)
            | StoreError::ReadOnly(_)
            | StoreError::Failed(_) => Self::Store(error),
        }
    }
}
