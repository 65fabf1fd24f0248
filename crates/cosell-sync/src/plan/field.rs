//! One field of one pair: who moved, what the other side would hold, who decides.

use cosell_mapping::{FieldId, Loss, Reason, ReasonCode, Settled, Value};

use super::{Planner, Why, not_written};
use crate::{
    Answer, ConflictEntry, HoldCause, Images, Observed, PartName, Resolution, Rule, Ruling, Side,
    Three, Verdict,
};

/// What is asked about a field. Arrays are left first.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) planner: Planner<'a>,
    pub(super) field: &'a FieldId,
    pub(super) base: Option<&'a Images>,
    /// The side whose value is that of a part, and the part.
    pub(super) supplier: Option<(Side, &'a PartName)>,
    pub(super) records: [&'a Observed; 2],
    pub(super) values: [&'a Value; 2],
    /// What a person wants done about these very values.
    pub(super) answer: Option<&'a Answer>,
}

pub(super) enum Decision {
    Agreed(Images),
    /// Each side keeps its own.
    Left(Images, Box<ConflictEntry>),
    Hold(HoldCause),
    Write {
        values: [Option<Value>; 2],
        why: Why,
        conflict: Option<Box<ConflictEntry>>,
    },
}

impl Question<'_> {
    pub(super) fn decide(&self) -> Decision {
        if self.value(Side::Left) == self.value(Side::Right) {
            return Decision::Agreed(self.images());
        }
        if let Some(answer) = self.answer {
            return self.carry_out(answer.ruling());
        }
        let moved = |side: Side| self.base.map(|base| base.of(side) != self.value(side));
        if let Some((side, name)) = self.supplier {
            return self.told_by_part(side, name, moved);
        }
        match (self.base, moved(Side::Left), moved(Side::Right)) {
            // They agreed when the base was taken, by rules that may have changed since.
            (Some(base), Some(false), Some(false)) => Decision::Agreed(base.clone()),
            (Some(base), Some(true), Some(false)) => self.carry(Side::Left, base),
            (Some(base), Some(false), Some(true)) => self.carry(Side::Right, base),
            _ if Side::BOTH.into_iter().any(|side| self.is_there(side)) => {
                Decision::Agreed(self.images())
            }
            _ => self.by_policy(),
        }
    }

    /// What a part holds flows one way.
    fn told_by_part(
        &self,
        side: Side,
        name: &PartName,
        moved: impl Fn(Side) -> Option<bool>,
    ) -> Decision {
        let other = side.other();
        match (self.base, moved(side), moved(other)) {
            (Some(base), Some(false), Some(false)) => Decision::Agreed(base.clone()),
            (Some(_), Some(false), Some(true)) => {
                let detail = format!("it is read from the part {name}, which is not written");
                let reason = Reason::new(ReasonCode::NotWritable, detail);
                Decision::Hold(HoldCause::Cannot { side, reason })
            }
            _ if self.is_there(other) => Decision::Agreed(self.images()),
            (_, _, other_moved) => match self.towards(other, self.value(side)) {
                Ok(value) => {
                    let mut values = [None, None];
                    values[other as usize] = Some(value.clone());
                    let loses = other_moved.unwrap_or(!self.value(other).is_null());
                    Decision::Write {
                        values,
                        why: Why::Moved(side),
                        conflict: loses.then(|| {
                            let value = self.value(side).clone();
                            Box::new(self.entry(Rule::Led(side), Some(side), Some(value)))
                        }),
                    }
                }
                Err(cause) => Decision::Hold(cause),
            },
        }
    }

    fn value(&self, side: Side) -> &Value {
        self.values[side as usize]
    }

    fn settle(&self, side: Side, wanted: &Value) -> Settled {
        let record = self.records[side as usize];
        self.planner
            .end(side)
            .settle(self.field, wanted, Some(record))
    }

    fn images(&self) -> Images {
        Images {
            left: self.value(Side::Left).clone(),
            right: self.value(Side::Right).clone(),
        }
    }

    /// Does `side` hold what the other side's value becomes there?
    fn is_there(&self, side: Side) -> bool {
        self.holds(side, &self.settle(side, self.value(side.other())))
    }

    fn holds(&self, side: Side, settled: &Settled) -> bool {
        matches!(settled, Settled::Becomes { value, .. } if value == self.value(side))
    }

    /// Only `from` moved. What the other side's value would become on `from` does not matter:
    /// that value is the old one.
    fn carry(&self, from: Side, base: &Images) -> Decision {
        let to = from.other();
        let settled = self.settle(to, self.value(from));
        if self.holds(to, &settled) {
            return Decision::Agreed(self.images());
        }
        let policy = self.planner.policy;
        if let Some(ruling) = policy.object(self.field, from, self.three()) {
            // It moved to what the other value becomes there, so nothing strays.
            if self.is_there(from) {
                return Decision::Agreed(self.images());
            }
            return self.carry_out(ruling);
        }
        if self.is_partial(from, base) {
            return Decision::Hold(HoldCause::Partial { side: from });
        }
        match self.granted(to, self.value(from), |_| settled) {
            // What nobody has seen on both sides since they met proves nobody's wish.
            Ok(value) if self.is_unproven(to, &value) => Question {
                base: None,
                ..*self
            }
            .decide(),
            Ok(value) => {
                let mut values = [None, None];
                values[to as usize] = Some(value);
                Decision::Write {
                    values,
                    why: Why::Moved(from),
                    conflict: None,
                }
            }
            Err(cause) => Decision::Hold(cause),
        }
    }

    fn is_unproven(&self, side: Side, value: &Value) -> bool {
        let presumed = &self.planner.seen.pair.presumed;
        let from = self.value(side);
        presumed.contains(self.field)
            && self
                .planner
                .policy
                .irreversible(self.field, side, from, value)
    }

    /// Did `side` hold only the beginning of what the other side held?
    fn is_partial(&self, side: Side, base: &Images) -> bool {
        base.left != base.right
            && matches!(
                self.settle(side, base.of(side.other())),
                Settled::Becomes { value, loss: Loss::Shortened } if value == *base.of(side)
            )
    }

    /// What `wanted` becomes on `side`, or why it cannot go there.
    fn towards(&self, side: Side, wanted: &Value) -> Result<Value, HoldCause> {
        self.granted(side, wanted, |wanted| self.settle(side, wanted))
    }

    fn granted(
        &self,
        side: Side,
        wanted: &Value,
        settle: impl FnOnce(&Value) -> Settled,
    ) -> Result<Value, HoldCause> {
        if !self.planner.policy.writable(self.field, side) {
            return Err(HoldCause::Cannot {
                side,
                reason: not_written(side),
            });
        }
        let refusal = self.planner.refusal(
            self.field,
            side,
            self.value(side.other()),
            self.value(side),
            // A person may know that what was refused once is taken now.
            self.answer.is_none(),
        );
        if let Some(reason) = refusal {
            return Err(HoldCause::Refused { side, reason });
        }
        match settle(wanted) {
            Settled::Fits => Ok(wanted.clone()),
            Settled::Becomes { value, .. } => Ok(value),
            Settled::Cannot(reason) => Err(HoldCause::Cannot { side, reason }),
        }
    }

    fn three(&self) -> Three<'_> {
        let [left, right] = self.records;
        Three::new(
            self.base,
            (self.value(Side::Left), left.as_of),
            (self.value(Side::Right), right.as_of),
        )
    }

    /// Both moved, or they never agreed.
    fn by_policy(&self) -> Decision {
        self.carry_out(self.planner.policy.decide(self.field, self.three()))
    }

    fn carry_out(&self, ruling: Ruling) -> Decision {
        let Ruling { verdict, rule } = ruling;
        let hold = |why: &str| {
            Decision::Hold(HoldCause::Policy {
                why: why.to_owned(),
            })
        };
        let (wanted, kept) = match verdict {
            Verdict::Hold(why) => return Decision::Hold(HoldCause::Policy { why }),
            Verdict::Leave => {
                let entry = self.entry(rule, None, None);
                return Decision::Left(self.images(), Box::new(entry));
            }
            Verdict::Keep(side) => (self.value(side).clone(), Some(side)),
            Verdict::Write(value) => (value, None),
        };
        let mut values = [None, None];
        let mut whole = [true; 2];
        for side in Side::BOTH.into_iter().filter(|side| Some(*side) != kept) {
            let now = self.value(side);
            if *now == wanted {
                continue;
            }
            let value = match self.towards(side, &wanted) {
                Ok(value) => value,
                Err(cause) => return Decision::Hold(cause),
            };
            whole[side as usize] = value == wanted;
            if value == *now {
                continue;
            }
            let is_final = self.answer.is_none()
                && self
                    .planner
                    .policy
                    .irreversible(self.field, side, now, &value);
            if is_final {
                return Decision::Hold(HoldCause::Irreversible { side });
            }
            values[side as usize] = Some(value);
        }
        if kept.is_none() {
            match whole {
                [false, false] => {
                    return hold("neither side can hold the merged value whole");
                }
                // First to the side that can hold it whole: what the other one makes of it must
                // not be taken for the value.
                [true, false] if values[0].is_some() => values[1] = None,
                [false, true] if values[1].is_some() => values[0] = None,
                _ => {}
            }
        }
        if values.iter().all(Option::is_none) {
            return hold("the policy's value leaves both sides as they are");
        }
        let conflict = self
            .is_loss(&wanted, kept)
            .then(|| Box::new(self.entry(rule, kept, Some(wanted))));
        Decision::Write {
            values,
            why: if self.answer.is_some() {
                Why::Person
            } else {
                Why::Policy
            },
            conflict,
        }
    }

    /// Is something lost if `value` stands on both sides?
    fn is_loss(&self, value: &Value, kept: Option<Side>) -> bool {
        let loses = Side::BOTH.into_iter().any(|side| {
            Some(side) != kept && !self.value(side).is_null() && self.value(side) != value
        });
        loses || self.base.is_some()
    }

    fn entry(&self, rule: Rule, kept: Option<Side>, value: Option<Value>) -> ConflictEntry {
        let images = self.images();
        let [left, right] = self.records;
        ConflictEntry {
            pair: self.planner.seen.pair.id,
            field: self.field.clone(),
            base: self.base.cloned(),
            left: images.left,
            right: images.right,
            left_as_of: left.as_of,
            right_as_of: right.as_of,
            rule,
            kept,
            value,
            at: self.planner.seen.now,
        }
    }
}

impl Answer {
    fn ruling(&self) -> Ruling {
        let verdict = match self.resolution.clone() {
            Resolution::Keep(side) => Verdict::Keep(side),
            Resolution::Write(value) => Verdict::Write(value),
            Resolution::Leave => Verdict::Leave,
        };
        Ruling::new(Rule::Person, verdict)
    }
}
