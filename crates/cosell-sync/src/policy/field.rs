//! Policies put together field by field.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use chrono::TimeDelta;
use cosell_mapping::{FieldId, Value};

use super::{MergePolicy, Rule, Ruling, Three, Verdict, merge};
use crate::Side;

/// What becomes of an edit on the side of a field that only follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stray {
    /// The leading side's value is written over it. The edit is in the conflict log.
    PutBack,
    /// It stays until the leading side moves, which then goes over it. The edit is in the
    /// conflict log.
    Left,
}

type Decide = dyn Fn(&FieldId, Three<'_>) -> Verdict + Send + Sync;

#[derive(Clone)]
enum Merge {
    Wins(Side),
    Newest(Duration),
    Hold,
    Sets,
    Lines,
    Switch,
    Led(Side, Stray),
    Own(String, Arc<Decide>),
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rule())
    }
}

impl Merge {
    fn rule(&self) -> Rule {
        match self {
            Self::Wins(side) => Rule::Wins(*side),
            Self::Newest(_) => Rule::Newest,
            Self::Hold => Rule::Hold,
            Self::Sets => Rule::Sets,
            Self::Lines => Rule::Lines,
            Self::Switch => Rule::Switch,
            Self::Led(side, _) => Rule::Led(*side),
            Self::Own(name, _) => Rule::Own(name.clone()),
        }
    }

    fn decide(&self, field: &FieldId, three: Three<'_>) -> Verdict {
        let hold = |why: &str| Verdict::Hold(why.to_owned());
        match self {
            Self::Wins(side) => Verdict::Keep(*side),
            Self::Newest(_) if three.base.is_none() => hold(
                "at a first meeting nothing is known to be newer; choose the value that is true",
            ),
            Self::Newest(tolerance) => newest(&three, *tolerance),
            Self::Hold => hold("edited on both sides; choose the value that is true"),
            Self::Sets => merge::sets(three).map_or_else(
                || hold("not a set on both sides; choose the value that is true"),
                Verdict::Write,
            ),
            Self::Lines => merge::lines(three).map_or_else(Verdict::Hold, Verdict::Write),
            Self::Switch => merge::switch(three).map_or_else(
                || hold("not a switch on both sides; choose the value that is true"),
                Verdict::Keep,
            ),
            // Nothing there that could lead: what stands on the other side is not touched.
            Self::Led(side, _) if three.base.is_none() && three.of(*side).is_null() => {
                Verdict::Leave
            }
            Self::Led(side, _) => Verdict::Keep(*side),
            Self::Own(_, decide) => decide(field, three),
        }
    }

    fn object(&self, moved: Side, three: Three<'_>) -> Option<Verdict> {
        match self {
            Self::Led(side, _) if *side == moved => None,
            Self::Led(side, Stray::PutBack) => Some(Verdict::Keep(*side)),
            Self::Led(_, Stray::Left) => Some(Verdict::Leave),
            Self::Switch => merge::switched_on(three)
                .filter(|kept| *kept != moved)
                .map(Verdict::Keep),
            Self::Wins(_)
            | Self::Newest(_)
            | Self::Hold
            | Self::Sets
            | Self::Lines
            | Self::Own(..) => None,
        }
    }
}

fn newest(three: &Three<'_>, tolerance: Duration) -> Verdict {
    let ahead = three.left_as_of - three.right_as_of;
    let tolerance = TimeDelta::from_std(tolerance).unwrap_or(TimeDelta::MAX);
    if ahead.abs() <= tolerance {
        return Verdict::Hold(
            "edited on both sides at about the same time; choose the value that is true".to_owned(),
        );
    }
    Verdict::Keep(if ahead > TimeDelta::zero() {
        Side::Left
    } else {
        Side::Right
    })
}

/// What becomes of one field where the engine cannot know.
///
/// ```
/// use std::time::Duration;
/// use cosell_sync::{FieldPolicies, FieldPolicy, Side, Stray, Three, Verdict};
///
/// let policy = FieldPolicies::new(FieldPolicy::wins(Side::Right))
///     .with_field("solutions", FieldPolicy::sets())
///     .with_field("notes", FieldPolicy::lines())
///     .with_field("close_date", FieldPolicy::newest(Duration::from_secs(60)))
///     .with_field("shared", FieldPolicy::switch())
///     .with_field("program", FieldPolicy::led_by(Side::Left, Stray::PutBack))
///     .with_field("stage", FieldPolicy::own("contoso stages", |_, three: Three<'_>| {
///         if three.left.is_null() { Verdict::Keep(Side::Right) } else { Verdict::Keep(Side::Left) }
///     }));
/// ```
#[derive(Clone, Debug)]
pub struct FieldPolicy {
    merge: Merge,
    first: Option<Box<FieldPolicy>>,
    irreversible: Option<Side>,
}

impl FieldPolicy {
    fn of(merge: Merge) -> Self {
        Self {
            merge,
            first: None,
            irreversible: None,
        }
    }

    /// This side's value stands.
    pub fn wins(side: Side) -> Self {
        Self::of(Merge::Wins(side))
    }

    /// The value of the record that changed last stands, by the services' own times of the whole
    /// records. Within `tolerance` of each other they count as simultaneous, and a person
    /// decides; so does one at a first meeting, where no time says which value is meant.
    pub fn newest(tolerance: Duration) -> Self {
        Self::of(Merge::Newest(tolerance))
    }

    /// A person decides.
    pub fn hold() -> Self {
        Self::of(Merge::Hold)
    }

    /// Sets are merged: what either side added is added, what either removed is removed; a thing
    /// that one removed and the other added anew stays. At a first meeting nothing was removed.
    /// Anything but a set is held.
    pub fn sets() -> Self {
        Self::of(Merge::Sets)
    }

    /// Texts are merged line by line where the changes of both sides do not touch, else held;
    /// held too at a first meeting, and where the two sides never held the same text.
    pub fn lines() -> Self {
        Self::of(Merge::Lines)
    }

    /// A one-way switch: once on, on either side, it stays on. Switching it off is undone on
    /// that side and kept in the conflict log.
    pub fn switch() -> Self {
        Self::of(Merge::Switch)
    }

    /// `side` leads: its values go over, no edit of the other side ever does. Such edits are put
    /// back or left, and kept in the conflict log.
    pub fn led_by(side: Side, stray: Stray) -> Self {
        Self::of(Merge::Led(side, stray))
    }

    /// A function of the user's own, named for the conflict log. It must be pure.
    pub fn own(
        name: impl Into<String>,
        decide: impl Fn(&FieldId, Three<'_>) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        Self::of(Merge::Own(name.into(), Arc::new(decide)))
    }

    /// Another policy for the first meeting of two records that differ. Without it, a value
    /// beats none, and then the field's own policy decides.
    #[must_use]
    pub fn with_first_meeting(mut self, first: Self) -> Self {
        self.first = Some(Box::new(first));
        self
    }

    /// Writing this field on `side` cannot be taken back.
    #[must_use]
    pub fn with_irreversible(mut self, side: Side) -> Self {
        self.irreversible = Some(side);
        self
    }

    /// See [`MergePolicy::writable`].
    pub fn writable(&self, side: Side) -> bool {
        !matches!(self.merge, Merge::Led(leader, _) if leader == side)
    }

    /// See [`MergePolicy::decide`].
    pub fn decide(&self, field: &FieldId, three: Three<'_>) -> Ruling {
        if three.base.is_none() {
            if let Some(first) = &self.first {
                return Ruling::new(first.merge.rule(), first.merge.decide(field, three));
            }
            let something = match (three.left.is_null(), three.right.is_null()) {
                (false, true) => Some(Side::Left),
                (true, false) => Some(Side::Right),
                _ => None,
            };
            if let Some(side) = something.filter(|side| self.writable(side.other())) {
                return Ruling::new(Rule::Something, Verdict::Keep(side));
            }
        }
        Ruling::new(self.merge.rule(), self.merge.decide(field, three))
    }

    /// See [`MergePolicy::object`].
    pub fn object(&self, moved: Side, three: Three<'_>) -> Option<Ruling> {
        let verdict = self.merge.object(moved, three)?;
        Some(Ruling::new(self.merge.rule(), verdict))
    }

    /// See [`MergePolicy::irreversible`].
    pub fn irreversible(&self, side: Side, from: &Value, to: &Value) -> bool {
        self.irreversible == Some(side) && from != to
    }
}

/// A policy for each field, and one for all others.
#[derive(Clone, Debug)]
pub struct FieldPolicies {
    otherwise: FieldPolicy,
    fields: BTreeMap<FieldId, FieldPolicy>,
}

impl FieldPolicies {
    /// The same policy for every field.
    pub fn new(otherwise: FieldPolicy) -> Self {
        Self {
            otherwise,
            fields: BTreeMap::new(),
        }
    }

    /// Another policy for one field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<FieldId>, policy: FieldPolicy) -> Self {
        self.fields.insert(field.into(), policy);
        self
    }

    /// The policy of a field.
    pub fn field(&self, field: &FieldId) -> &FieldPolicy {
        self.fields.get(field).unwrap_or(&self.otherwise)
    }
}

impl MergePolicy for FieldPolicies {
    fn writable(&self, field: &FieldId, side: Side) -> bool {
        self.field(field).writable(side)
    }

    fn decide(&self, field: &FieldId, three: Three<'_>) -> Ruling {
        self.field(field).decide(field, three)
    }

    fn object(&self, field: &FieldId, moved: Side, three: Three<'_>) -> Option<Ruling> {
        self.field(field).object(moved, three)
    }

    fn irreversible(&self, field: &FieldId, side: Side, from: &Value, to: &Value) -> bool {
        self.field(field).irreversible(side, from, to)
    }
}
