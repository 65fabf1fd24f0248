//! What the engine sees of records, and what it asks to be written.

use std::{
    any::Any,
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Snapshot, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One of the two ends. Every decision is written once and holds mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first replica.
    Left,
    /// The second replica.
    Right,
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// From the service's text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// Id of a record on its own side; compared as text, so adapters give one spelling.
    RecordId
}
text_id! {
    /// Id of the record at the *other* end that a record says it belongs to. May be somebody
    /// else's text that names nothing.
    PairKey
}
text_id! {
    /// Version of a record's content as its service gives it; opaque, compared for equality.
    Version
}
text_id! {
    /// Id that records of one deal share, such as an engagement.
    GroupId
}
text_id! {
    /// Name of a part among the parts of its pair, given by the replica it lives on.
    PartName
}
text_id! {
    /// Where reading of changes goes on; opaque, made by the replica, stored by the engine.
    Cursor
}

impl From<RecordId> for PairKey {
    fn from(id: RecordId) -> Self {
        Self(id.0)
    }
}

impl From<PairKey> for RecordId {
    fn from(key: PairKey) -> Self {
        Self(key.0)
    }
}

/// What our write leaves on a record that can carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WriteStamp(pub Uuid);

/// May this record found a pair?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// A deal's own record.
    Main,
    /// Belongs to a pair through its group, such as a referral addressed to Microsoft or of
    /// another organization; founds none.
    Part {
        /// Which part of the pair it is.
        name: PartName,
    },
}

impl Role {
    /// The part that it plays, if it is one.
    pub fn part(&self) -> Option<&PartName> {
        match self {
            Self::Part { name } => Some(name),
            Self::Main => None,
        }
    }
}

/// Can the record still be changed?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// Yes.
    Open,
    /// Closed for good or until reopened.
    Closed,
}

/// Whatever the replica wants back with its own record; opaque to the engine, never stored.
#[derive(Clone)]
pub struct Native(Arc<dyn Any + Send + Sync>);

impl Native {
    /// Wraps a value.
    pub fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// Nothing to carry.
    pub fn none() -> Self {
        Self::new(())
    }

    /// The value, if it is a `T`.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Native")
    }
}

/// One record as it was seen.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Its id.
    pub id: RecordId,
    /// May it found a pair?
    pub role: Role,
    /// The group it belongs to.
    pub group: Option<GroupId>,
    /// The record at the other end that it names.
    pub key: Option<PairKey>,
    /// Ids under which the same thing was known before it moved (a lead that was qualified).
    pub former: Vec<RecordId>,
    /// Other ids under which changes of this record are reported (child rows).
    pub aliases: Vec<RecordId>,
    /// Version of all that `fields` was read from.
    pub version: Version,
    /// Stamp of our last write, where the side carries stamps.
    pub stamp: Option<WriteStamp>,
    /// Open or closed.
    pub life: Life,
    /// Does its owner want it synchronised?
    pub takes_part: bool,
    /// When the service says it last changed (service time).
    pub as_of: DateTime<Utc>,
    /// The mapped fields; of a part only those that are read from it.
    pub fields: Snapshot,
    /// Parts that this record asks for at the other end.
    pub wishes: BTreeSet<PartName>,
    /// The replica's own view of the record.
    pub native: Native,
}

/// "Look at this record."
#[derive(Clone, Debug)]
pub struct Hint {
    /// The record, or one of its aliases.
    pub id: RecordId,
    /// Its version, where the source tells. A read that is late is known by it; a source that tells
    /// none must tell of the same change again, later than the read lag (an overlap does).
    pub version: Option<Version>,
    /// Does it take part, as far as the source tells? `None`: not known.
    pub takes_part: Option<bool>,
    /// The source says it was deleted. Believed only after a fetch.
    pub gone: bool,
    /// The record itself, where the source held all of it; spares a fetch.
    pub seen: Option<Observed>,
}

/// One page of hints.
#[derive(Clone, Debug)]
pub struct HintPage {
    /// Records to look at.
    pub hints: Vec<Hint>,
    /// Store this with the hints; the next page or round starts here.
    pub cursor: Cursor,
    /// Is there another page now?
    pub more: bool,
}

/// Why a record is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Birth {
    /// As the pair's own record at this end, for the record `key` at the other end.
    Main {
        /// The record at the other end.
        key: PairKey,
    },
    /// As a part beside the pair's own record.
    Part {
        /// Which part.
        name: PartName,
        /// The group that makes it belong to the pair.
        group: GroupId,
    },
}

/// How the last attempt for a pair went; shown to people on a side that can show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When.
    pub at: DateTime<Utc>,
    /// The side the values came from.
    pub from: Side,
    /// Did it go well?
    pub success: bool,
    /// One line without personal data; the error text on failure.
    pub message: String,
}

impl Outcome {
    /// Do both say the same, apart from the time?
    pub fn same_as(&self, other: &Self) -> bool {
        self.success == other.success
            && (self.success || (self.from == other.from && self.message == other.message))
    }
}

/// A record to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The fields it shall have.
    pub fields: Snapshot,
    /// To be shown on it, where the side shows outcomes.
    pub outcome: Option<Outcome>,
}

/// A change to be made. Everything in it travels in one write, whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// Fields that shall hold new values; others stay.
    pub fields: BTreeMap<FieldId, Value>,
    /// The record at the other end. The replica writes it where its own place for it is empty
    /// and may be filled now; it never overwrites another text.
    pub key: Option<PairKey>,
    /// To be shown, where the side shows outcomes.
    pub outcome: Option<Outcome>,
}

impl Patch {
    /// Nothing to write?
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.key.is_none() && self.outcome.is_none()
    }
}

/// A write took effect.
#[derive(Clone, Debug)]
pub struct Written {
    /// The record.
    pub id: RecordId,
    /// Where it lives from now on, if the write moved it (a lead that was qualified).
    pub moved_to: Option<RecordId>,
    /// The record as the service showed it right after the write; fetched when absent.
    pub after: Option<Observed>,
}
