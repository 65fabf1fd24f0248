//! The planner: from what was seen to what shall be done. Pure, printable, the dry run itself.
//!
//! Conflicts are decided here: [`plan`] finds out which side moved, asks both ends what would
//! become of a value ([`Settle`]), and leaves to the [`MergePolicy`] only what cannot be known.

mod field;
mod part;
#[cfg(test)]
mod tests;
mod verify;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Reason, ReasonCode, Settled, Value};
use serde::{Deserialize, Serialize};

pub use part::PartPlan;

use crate::{
    Answer, Capabilities, ConflictEntry, Draft, Hold, HoldCause, Images, Life, MergePolicy,
    Observed, Pair, PairKey, PairState, PartName, Patch, RefusedField, Settle, Side, Unanswered,
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

impl<'a> Seen<'a> {
    fn view(&self, side: Side) -> View<'a> {
        match side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }
}

/// What becomes of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldPlan {
    /// Both sides hold the same, or the settled form of the same, or neither moved since.
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
    /// The sides differ and each keeps its own, by a rule; see [`Plan::conflicts`].
    Left,
    /// Only one side has such a field.
    Unshared,
    /// The pair does not sync now; nothing is decided about the field.
    Waits,
}

/// Why a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// Only this side moved since they agreed.
    Moved(Side),
    /// Both moved, they never agreed, or the field may not change where it moved: the policy
    /// decided.
    Policy,
    /// A person answered.
    Person,
    /// The record is made from this side's.
    Birth(Side),
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
    /// A person's answers that are not carried out yet.
    pub answers: BTreeMap<FieldId, Answer>,
    /// A person's answers that are not carried out: the values have changed since, or the
    /// service refuses what was asked for.
    pub stale: BTreeMap<FieldId, Unanswered>,
    /// Values that give way, and differences that stay.
    pub conflicts: Vec<ConflictEntry>,
    /// A record to be made on a side that has none.
    pub create: Option<(Side, PairKey, Draft)>,
    /// What the left side shall take, fields and key; outcomes are added when it is sent.
    pub left: Option<Patch>,
    /// What the right side shall take.
    pub right: Option<Patch>,
    /// Every part that is known or asked for, exactly once.
    pub parts: BTreeMap<PartName, PartPlan>,
    /// The parts that are asked for, to be remembered.
    pub wishes: Option<BTreeSet<PartName>>,
}

impl Plan {
    /// The patch for one side.
    pub fn patch(&self, side: Side) -> Option<&Patch> {
        match side {
            Side::Left => self.left.as_ref(),
            Side::Right => self.right.as_ref(),
        }
    }

    fn patch_mut(&mut self, side: Side) -> &mut Option<Patch> {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
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
    let planner = Planner {
        seen,
        ends,
        capabilities,
        policy,
    };
    if let Some(state) = planner.out_of_sync() {
        return planner.waiting(state);
    }
    match (seen.left, seen.right) {
        (View::Present(left), View::Present(right)) => planner.meet(left, right),
        (View::Present(left), View::Unborn) => planner.birth(Side::Right, left),
        (View::Unborn, View::Present(right)) => planner.birth(Side::Left, right),
        _ => planner.waiting(PairState::Waiting {
            why: "no record at either end".to_owned(),
        }),
    }
}

fn fields_of(seen: &Seen<'_>) -> BTreeSet<FieldId> {
    let mut fields: BTreeSet<FieldId> = seen.pair.base.keys().cloned().collect();
    for view in [seen.left, seen.right] {
        if let View::Present(record) = view {
            fields.extend(record.fields.keys().cloned());
        }
    }
    for part in seen.pair.parts.values() {
        fields.extend(part.fields.keys().cloned());
    }
    fields
}

#[derive(Clone, Copy)]
struct Planner<'a> {
    seen: &'a Seen<'a>,
    ends: [&'a dyn Settle; 2],
    capabilities: [&'a Capabilities; 2],
    policy: &'a dyn MergePolicy,
}

impl Planner<'_> {
    fn end(&self, side: Side) -> &dyn Settle {
        self.ends[side as usize]
    }

    /// The state of a pair that does not sync now, if it does not.
    fn out_of_sync(&self) -> Option<PairState> {
        let stopped = |why: &str| {
            Some(PairState::Stopped {
                why: why.to_owned(),
            })
        };
        let hidden = Side::BOTH.map(|side| match self.seen.view(side) {
            View::Hidden(why) => Some(why),
            View::Present(_) | View::Unborn | View::Gone => None,
        });
        let mut reasons: Vec<&str> = hidden.into_iter().flatten().collect();
        // In no order of sides: mirrored, the plan is the same.
        reasons.sort_unstable();
        reasons.dedup();
        if !reasons.is_empty() {
            return Some(PairState::Waiting {
                why: reasons.join("; "),
            });
        }
        let any =
            |is: fn(View<'_>) -> bool| Side::BOTH.into_iter().any(|side| is(self.seen.view(side)));
        if any(|view| matches!(view, View::Gone)) {
            return stopped("a record is gone");
        }
        if any(|view| matches!(view, View::Present(record) if !record.takes_part)) {
            return stopped("switched off at one end");
        }
        None
    }

    fn blank(&self, state: PairState) -> Plan {
        Plan {
            state,
            fields: BTreeMap::new(),
            base: self.seen.pair.base.clone(),
            holds: BTreeMap::new(),
            answers: BTreeMap::new(),
            stale: BTreeMap::new(),
            conflicts: Vec::new(),
            create: None,
            left: None,
            right: None,
            parts: self.quiet_parts(),
            wishes: self.seen.pair.wishes.clone(),
        }
    }

    /// The open answers of these fields.
    fn answers(&self, wanted: impl Fn(&FieldId) -> bool) -> BTreeMap<FieldId, Answer> {
        let answers = self.seen.pair.answers.iter();
        answers
            .filter(|(field, _)| wanted(field))
            .map(|(field, answer)| (field.clone(), answer.clone()))
            .collect()
    }

    fn waiting(&self, state: PairState) -> Plan {
        let mut plan = self.blank(state);
        plan.holds = self.seen.pair.holds.clone();
        plan.answers = self.answers(|_| true);
        plan.fields = fields_of(self.seen)
            .into_iter()
            .map(|field| (field, FieldPlan::Waits))
            .collect();
        plan
    }

    /// One end is to be made from the other.
    fn birth(&self, target: Side, source: &Observed) -> Plan {
        if source.life == Life::Closed {
            let why = "a closed record gives birth to nothing".to_owned();
            return self.waiting(PairState::Stopped { why });
        }
        let mut plan = self.blank(PairState::Active);
        plan.answers = self.answers(|_| true);
        let mut draft = Draft {
            fields: BTreeMap::new(),
            outcome: None,
        };
        for field in fields_of(self.seen) {
            let Some(value) = self.seen.pair.value(target.other(), source, &field) else {
                plan.fields.insert(field, FieldPlan::Unshared);
                continue;
            };
            let becomes = self.at_birth(&field, target, value);
            // Of nothing comes nothing, unless the target has a default.
            if value.is_null() && becomes.as_ref().map_or(true, Value::is_null) {
                plan.fields.insert(field, FieldPlan::Unshared);
                continue;
            }
            match becomes {
                Ok(value) => {
                    plan.fields
                        .insert(field.clone(), born(target, value.clone()));
                    draft.fields.insert(field, value);
                }
                Err(cause) => {
                    let values = match target {
                        Side::Left => (Value::Null, value.clone()),
                        Side::Right => (value.clone(), Value::Null),
                    };
                    plan.holds
                        .insert(field.clone(), self.hold(&field, values, cause));
                    plan.fields.insert(field, FieldPlan::Held);
                }
            }
        }
        plan.create = Some((target, PairKey::from(source.id.clone()), draft));
        plan
    }

    /// What `value` becomes on a new record, or why it cannot go there.
    fn at_birth(&self, field: &FieldId, target: Side, value: &Value) -> Result<Value, HoldCause> {
        if !self.policy.writable(field, target) {
            return Err(HoldCause::Cannot {
                side: target,
                reason: not_written(target),
            });
        }
        if let Some(reason) = self.refusal(field, target, value, &Value::Null, true) {
            return Err(HoldCause::Refused {
                side: target,
                reason,
            });
        }
        match self.end(target).settle(field, value, None) {
            Settled::Fits => Ok(value.clone()),
            Settled::Becomes { value, .. } => Ok(value),
            Settled::Cannot(reason) => Err(HoldCause::Cannot {
                side: target,
                reason,
            }),
        }
    }

    /// Both ends are there.
    fn meet(&self, left: &Observed, right: &Observed) -> Plan {
        let mut plan = self.blank(PairState::Active);
        let mut patches = [Patch::default(), Patch::default()];
        for field in fields_of(self.seen) {
            let pair = self.seen.pair;
            let answer = pair.answers.get(&field);
            let values = (
                pair.value(Side::Left, left, &field),
                pair.value(Side::Right, right, &field),
            );
            let (Some(l), Some(r)) = values else {
                plan.answers.extend(self.answers(|asked| *asked == field));
                plan.fields.insert(field, FieldPlan::Unshared);
                continue;
            };
            let question = field::Question {
                planner: *self,
                field: &field,
                base: pair.base.get(&field),
                supplier: Side::BOTH
                    .into_iter()
                    .find_map(|side| Some((side, pair.supplier(side, &field)?))),
                records: [left, right],
                values: [l, r],
                answer: answer.filter(|answer| {
                    answer.left == *l && answer.right == *r && self.refused_now(&field).is_none()
                }),
            };
            let decided = match question.decide() {
                field::Decision::Agreed(base) => {
                    plan.base.insert(field.clone(), base);
                    FieldPlan::Agreed
                }
                field::Decision::Hold(cause) => {
                    let hold = self.hold(&field, (l.clone(), r.clone()), cause);
                    plan.holds.insert(field.clone(), hold);
                    FieldPlan::Held
                }
                field::Decision::Left(base, conflict) => {
                    plan.base.insert(field.clone(), base);
                    plan.conflicts.push(*conflict);
                    FieldPlan::Left
                }
                field::Decision::Write {
                    values,
                    why,
                    conflict,
                } => {
                    for (patch, value) in patches.iter_mut().zip(&values) {
                        if let Some(value) = value {
                            patch.fields.insert(field.clone(), value.clone());
                        }
                    }
                    plan.conflicts.extend(conflict.map(|conflict| *conflict));
                    let [left, right] = values;
                    FieldPlan::Write { left, right, why }
                }
            };
            match (answer, &decided) {
                (None, _) | (_, FieldPlan::Agreed | FieldPlan::Left) => {}
                (Some(answer), _) if question.answer.is_some() => {
                    plan.answers.insert(field.clone(), answer.clone());
                }
                (Some(answer), _) => {
                    let stale = Unanswered {
                        answer: answer.clone(),
                        refused: self.refused_now(&field).cloned(),
                    };
                    if let Some(hold) = plan.holds.get_mut(&field) {
                        hold.unanswered = Some(stale.clone());
                    }
                    plan.stale.insert(field.clone(), stale);
                }
            }
            plan.fields.insert(field, decided);
        }
        for (side, mut patch) in Side::BOTH.into_iter().zip(patches) {
            let (record, other) = match side {
                Side::Left => (left, right),
                Side::Right => (right, left),
            };
            let wanted = self.capabilities[side as usize].wants_key || !patch.fields.is_empty();
            if record.key.is_none() && wanted {
                patch.key = Some(PairKey::from(other.id.clone()));
            }
            if !patch.is_empty() {
                *plan.patch_mut(side) = Some(patch);
            }
        }
        self.wished([left, right], &mut plan);
        plan
    }

    /// What a service said against the field a moment ago.
    fn refused_now(&self, field: &FieldId) -> Option<&Reason> {
        let mut refused = self.seen.refused.iter();
        refused
            .find(|(_, refused)| refused.field == *field)
            .map(|(_, refused)| &refused.reason)
    }

    /// Was this value refused there a moment ago, or (if that is `remembered`) before and nothing
    /// changed since?
    fn refusal(
        &self,
        field: &FieldId,
        target: Side,
        wanted: &Value,
        present: &Value,
        remembered: bool,
    ) -> Option<Reason> {
        let fresh = self
            .seen
            .refused
            .iter()
            .find(|(side, refused)| *side == target && refused.field == *field);
        if let Some((_, refused)) = fresh {
            return Some(refused.reason.clone());
        }
        let held = self.seen.pair.holds.get(field).filter(|_| remembered)?;
        let HoldCause::Refused { side, reason } = &held.cause else {
            return None;
        };
        let (source, at_target) = match target {
            Side::Left => (&held.right, &held.left),
            Side::Right => (&held.left, &held.right),
        };
        (*side == target && source == wanted && at_target == present).then(|| reason.clone())
    }

    fn hold(&self, field: &FieldId, values: (Value, Value), cause: HoldCause) -> Hold {
        let (left, right) = values;
        let before = self
            .seen
            .pair
            .holds
            .get(field)
            .filter(|held| held.cause == cause && held.left == left && held.right == right);
        Hold {
            since: before.map_or(self.seen.now, |held| held.since),
            unanswered: before.and_then(|held| held.unanswered.clone()),
            left,
            right,
            cause,
        }
    }
}

fn born(target: Side, value: Value) -> FieldPlan {
    let (left, right) = match target {
        Side::Left => (Some(value), None),
        Side::Right => (None, Some(value)),
    };
    FieldPlan::Write {
        left,
        right,
        why: Why::Birth(target.other()),
    }
}

fn not_written(side: Side) -> Reason {
    let side = match side {
        Side::Left => "left",
        Side::Right => "right",
    };
    Reason::new(
        ReasonCode::NotWritable,
        format!("the policy does not write this field on the {side} side"),
    )
}
