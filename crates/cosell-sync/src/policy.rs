//! Who decides what the engine cannot know.
//!
//! The engine carries a value over where only one side moved. It asks its [`MergePolicy`] in two
//! cases: both sides moved, or the records meet for the first time and differ
//! ([`decide`](MergePolicy::decide)); or only one side moved, but the field may not change there
//! ([`object`](MergePolicy::object)). [`FieldPolicies`] answers field by field from
//! [`FieldPolicy`] pieces; whoever needs more implements the trait.

mod field;
mod merge;
#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Value};
use serde::{Deserialize, Serialize};

pub use field::{FieldPolicies, FieldPolicy, Stray};

use crate::{Images, Side};

/// What a policy is asked about: one field, three views.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Three<'a> {
    /// When they last agreed; `None` at a first meeting.
    pub base: Option<&'a Images>,
    /// Now on the left.
    pub left: &'a Value,
    /// Now on the right.
    pub right: &'a Value,
    /// When the left record last changed, in its service's time.
    pub left_as_of: DateTime<Utc>,
    /// When the right record last changed, in its service's time.
    pub right_as_of: DateTime<Utc>,
}

impl<'a> Three<'a> {
    /// One field, three views.
    pub fn new(
        base: Option<&'a Images>,
        left: (&'a Value, DateTime<Utc>),
        right: (&'a Value, DateTime<Utc>),
    ) -> Self {
        Self {
            base,
            left: left.0,
            right: right.0,
            left_as_of: left.1,
            right_as_of: right.1,
        }
    }

    /// Now on one side.
    pub fn of(&self, side: Side) -> &'a Value {
        match side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }
}

/// What a policy wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This side's value stands on both.
    Keep(Side),
    /// This value stands on both.
    Write(Value),
    /// A person decides; says why.
    Hold(String),
    /// Each side stays as it is. The difference is in the conflict log and no longer looked at
    /// until a side moves again.
    Leave,
}

/// The rule by which a value gave way, for the conflict log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// A side wins every conflict of the field.
    Wins(Side),
    /// The record that changed last wins, by the services' own times.
    Newest,
    /// A person decides.
    Hold,
    /// What either side added is added, what either removed is removed.
    Sets,
    /// Lines that only one side changed are taken from it.
    Lines,
    /// Once on, it stays on.
    Switch,
    /// One side leads; the other only follows.
    Led(Side),
    /// At a first meeting a value beats none.
    Something,
    /// A person's answer to a held field.
    Person,
    /// A rule of the user's own, by its name.
    Own(String),
}

impl Rule {
    /// The same rule with the sides swapped.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Wins(side) => Self::Wins(side.other()),
            Self::Led(side) => Self::Led(side.other()),
            rule => rule,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |side: &Side| match side {
            Side::Left => "left",
            Side::Right => "right",
        };
        match self {
            Self::Wins(side) => write!(f, "the {} side wins", name(side)),
            Self::Newest => f.write_str("the newest wins"),
            Self::Hold => f.write_str("a person decides"),
            Self::Sets => f.write_str("sets are merged"),
            Self::Lines => f.write_str("texts are merged by lines"),
            Self::Switch => f.write_str("once on, it stays on"),
            Self::Led(side) => write!(f, "the {} side leads", name(side)),
            Self::Something => f.write_str("a value beats none"),
            Self::Person => f.write_str("a person decided"),
            Self::Own(name) => f.write_str(name),
        }
    }
}

/// What a policy answers: what is wanted, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What is wanted.
    pub verdict: Verdict,
    /// By which rule.
    pub rule: Rule,
}

impl Ruling {
    /// A verdict by a rule.
    pub fn new(rule: Rule, verdict: Verdict) -> Self {
        Self { verdict, rule }
    }
}

/// Decides what the engine cannot know.
///
/// # Contract
/// Pure: the same question gets the same answer; no clock, no I/O. Times are those of the
/// services. A panic parks the one pair that was asked about.
pub trait MergePolicy: fmt::Debug + Send + Sync + 'static {
    /// May the engine write this field on that side at all? If not, a value that would go there
    /// is held.
    fn writable(&self, field: &FieldId, side: Side) -> bool;

    /// Both sides moved, or they differ and there is no base.
    fn decide(&self, field: &FieldId, three: Three<'_>) -> Ruling;

    /// Only `moved` has changed since they agreed, and its value would go over. `None` lets it;
    /// else the ruling is carried out and the edit kept in the conflict log.
    fn object(&self, field: &FieldId, moved: Side, three: Three<'_>) -> Option<Ruling>;

    /// Can writing `to` over `from` on `side` not be taken back? Such a write is made only where
    /// the other side alone moved, or a person said so, and is counted by a limit of its own.
    fn irreversible(&self, field: &FieldId, side: Side, from: &Value, to: &Value) -> bool;
}
