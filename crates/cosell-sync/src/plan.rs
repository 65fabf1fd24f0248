//! The planner: from what was seen to what shall be done. Pure, printable, the dry run itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Value};
use serde::{Deserialize, Serialize};

use crate::{
    Capabilities, ConflictEntry, Draft, Hold, Images, MergePolicy, Observed, Pair, PairKey,
    PairState, Patch, RefusedField, Settle, Side,
};

/// How one end was seen.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// There it is.
    Present(&'a Observed),
    /// The pair has no record here yet.
    Unborn,
    /// A fetch by id found nothing.
    Gone,
    /// It exists or may exist, but cannot be seen; says why.
    Hidden(&'a str),
}

/// All that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What is remembered.
    pub pair: &'a Pair,
    /// The left end.
    pub left: View<'a>,
    /// The right end.
    pub right: View<'a>,
    /// Fields that the service of a side refused a moment ago: held in this plan.
    pub refused: &'a [(Side, RefusedField)],
    /// The present moment, for the log only: no decision depends on it.
    pub now: DateTime<Utc>,
}

/// What becomes of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldPlan {
    /// Both sides hold the same, or the settled form of the same.
    Agreed,
    /// Values go to one side or both.
    Write {
        /// To the left.
        left: Option<Value>,
        /// To the right.
        right: Option<Value>,
        /// Why, for people.
        why: Why,
    },
    /// It waits; see [`Plan::holds`].
    Held,
    /// It differs, but the policy lets neither side be written.
    Left,
}

/// Why a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// Only this side moved since they agreed.
    Moved(Side),
    /// Both moved, or they never agreed: the policy decided.
    Policy,
}

/// What shall be done about a pair. Everything in it follows from [`Seen`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// Does the pair sync from now on?
    pub state: PairState,
    /// Every field of both snapshots and of the base, exactly once.
    pub fields: BTreeMap<FieldId, FieldPlan>,
    /// The whole new base.
    pub base: BTreeMap<FieldId, Images>,
    /// The whole new set of held fields.
    pub holds: BTreeMap<FieldId, Hold>,
    /// Values that give way.
    pub conflicts: Vec<ConflictEntry>,
    /// A record to be made on a side that has none.
    pub create: Option<(Side, PairKey, Draft)>,
    /// What the left side shall take, fields and key; outcomes are added when it is sent.
    pub left: Option<Patch>,
    /// What the right side shall take.
    pub right: Option<Patch>,
}

impl Plan {
    /// The patch for one side.
    pub fn patch(&self, side: Side) -> Option<&Patch> {
        match side {
            Side::Left => self.left.as_ref(),
            Side::Right => self.right.as_ref(),
        }
    }

    /// Does it write nothing?
    pub fn is_quiet(&self) -> bool {
        self.create.is_none() && self.left.is_none() && self.right.is_none()
    }
}

/// Plans one pair.
///
/// `ends` and `capabilities` are left first. Swapping everything left and right gives the
/// mirrored plan.
pub fn plan(
    seen: &Seen<'_>,
    ends: [&dyn Settle; 2],
    capabilities: [&Capabilities; 2],
    policy: &dyn MergePolicy,
) -> Plan {
    let _ = (ends, capabilities, policy);
    Plan {
        state: seen.pair.state.clone(),
        fields: BTreeMap::new(),
        base: seen.pair.base.clone(),
        holds: BTreeMap::new(),
        conflicts: Vec::new(),
        create: None,
        left: None,
        right: None,
    }
}
