//! What both sides agreed on, field by field, and the fields that wait for somebody.

use chrono::{DateTime, Utc};
use cosell_mapping::{Reason, Value};
use serde::{Deserialize, Serialize};

use crate::Side;

/// What each side was seen to hold when they last agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// On the left.
    pub left: Value,
    /// On the right.
    pub right: Value,
}

impl Images {
    /// What `side` holds, and what the other one holds.
    pub fn seen_from(side: Side, here: Value, there: Value) -> Self {
        match side {
            Side::Left => Self {
                left: here,
                right: there,
            },
            Side::Right => Self {
                left: there,
                right: here,
            },
        }
    }

    /// One side's image.
    pub fn of(&self, side: Side) -> &Value {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

/// A field that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What the left side holds.
    pub left: Value,
    /// What the right side holds.
    pub right: Value,
    /// Why it waits.
    pub cause: HoldCause,
    /// Since when.
    pub since: DateTime<Utc>,
    /// A person's answer that was not carried out: the values had changed since, or the service
    /// refused it.
    #[serde(default)]
    pub unanswered: Option<Unanswered>,
}

/// What a person wants done about a held field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resolution {
    /// This side's value shall stand on both.
    Keep(Side),
    /// This value shall stand on both.
    Write(Value),
    /// Each side shall stay as it is, until one of them moves again.
    Leave,
}

/// A person's answer to a held field: good only for the values that the person saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What the left side held.
    pub left: Value,
    /// What the right side held.
    pub right: Value,
    /// What is wanted.
    pub resolution: Resolution,
    /// When it was given.
    pub at: DateTime<Utc>,
}

/// Why a field waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HoldCause {
    /// A side cannot take the value.
    Cannot {
        /// That side.
        side: Side,
        /// Why.
        reason: Reason,
    },
    /// The service of a side refused the value; asked again when either value changes.
    Refused {
        /// That side.
        side: Side,
        /// Why.
        reason: Reason,
    },
    /// A side holds the value shortened, and the shortened text was edited.
    Partial {
        /// That side.
        side: Side,
    },
    /// The policy leaves the conflict to a person.
    Policy {
        /// The policy's words.
        why: String,
    },
    /// The move cannot be taken back and is not proven to be wanted.
    Irreversible {
        /// The side that would be written.
        side: Side,
    },
}

/// An answer that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// The answer.
    pub answer: Answer,
    /// What the service said against it; `None`: the values had changed since it was given.
    pub refused: Option<Reason>,
}

/// Kinds of [`HoldCause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HoldKind {
    /// See [`HoldCause::Cannot`].
    Cannot,
    /// See [`HoldCause::Refused`].
    Refused,
    /// See [`HoldCause::Partial`].
    Partial,
    /// See [`HoldCause::Policy`].
    Policy,
    /// See [`HoldCause::Irreversible`].
    Irreversible,
}

impl HoldCause {
    /// What kind of cause it is.
    pub fn kind(&self) -> HoldKind {
        match self {
            Self::Cannot { .. } => HoldKind::Cannot,
            Self::Refused { .. } => HoldKind::Refused,
            Self::Partial { .. } => HoldKind::Partial,
            Self::Policy { .. } => HoldKind::Policy,
            Self::Irreversible { .. } => HoldKind::Irreversible,
        }
    }
}
