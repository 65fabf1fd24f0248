//! One field of one pair: who moved, what the other side would hold, who decides.

use cosell_mapping::{FieldId, Loss, Settled, Value};

use super::{Planner, Why, not_written};
use crate::{ConflictEntry, HoldCause, Images, Observed, Side, Three, Verdict};

/// What is asked about a field. Arrays are left first.
pub(super) struct Question<'a> {
    pub(super) planner: Planner<'a>,
    pub(super) field: &'a FieldId,
    pub(super) base: Option<&'a Images>,
    pub(super) records: [&'a Observed; 2],
    pub(super) values: [&'a Value; 2],
}

pub(super) enum Decision {
    Agreed(Images),
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
        let moved = |side: Side| self.base.map(|base| base.of(side) != self.value(side));
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
        let settled = self.settle(side, self.value(side.other()));
        matches!(settled, Settled::Becomes { value, .. } if value == *self.value(side))
    }

    /// Only `from` moved. What the other side's value would become on `from` does not matter:
    /// that value is the old one.
    fn carry(&self, from: Side, base: &Images) -> Decision {
        if self.is_there(from.other()) {
            return Decision::Agreed(self.images());
        }
        if self.is_partial(from, base) {
            return Decision::Hold(HoldCause::Partial { side: from });
        }
        match self.towards(from.other(), self.value(from)) {
            Ok(value) => {
                let mut values = [None, None];
                values[from.other() as usize] = Some(value);
                Decision::Write {
                    values,
                    why: Why::Moved(from),
                    conflict: None,
                }
            }
            Err(cause) => Decision::Hold(cause),
        }
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
        if !self.planner.policy.writable(self.field, side) {
            return Err(HoldCause::Cannot {
                side,
                reason: not_written(side),
            });
        }
        let refusal =
            self.planner
                .refusal(self.field, side, self.value(side.other()), self.value(side));
        if let Some(reason) = refusal {
            return Err(HoldCause::Refused { side, reason });
        }
        match self.settle(side, wanted) {
            Settled::Fits => Ok(wanted.clone()),
            Settled::Becomes { value, .. } => Ok(value),
            Settled::Cannot(reason) => Err(HoldCause::Cannot { side, reason }),
        }
    }

    /// Both moved, or they never agreed.
    fn by_policy(&self) -> Decision {
        let [left, right] = self.records;
        let three = Three::new(
            self.base,
            (self.value(Side::Left), left.as_of),
            (self.value(Side::Right), right.as_of),
        );
        let (wanted, kept) = match self.planner.policy.decide(self.field, three) {
            Verdict::Hold(why) => return Decision::Hold(HoldCause::Policy { why }),
            Verdict::Keep(side) => (self.value(side).clone(), Some(side)),
            Verdict::Write(value) => (value, None),
        };
        let mut values = [None, None];
        for side in Side::BOTH.into_iter().filter(|side| Some(*side) != kept) {
            if *self.value(side) == wanted {
                continue;
            }
            match self.towards(side, &wanted) {
                Err(cause) => return Decision::Hold(cause),
                Ok(value) if value == *self.value(side) => {}
                Ok(value) => {
                    let from = self.value(side);
                    if self
                        .planner
                        .policy
                        .irreversible(self.field, side, from, &value)
                    {
                        return Decision::Hold(HoldCause::Irreversible { side });
                    }
                    values[side as usize] = Some(value);
                }
            }
        }
        if values.iter().all(Option::is_none) {
            return Decision::Hold(HoldCause::Policy {
                why: "the policy's value leaves both sides as they are".to_owned(),
            });
        }
        Decision::Write {
            values,
            why: Why::Policy,
            conflict: self.conflict(wanted, kept),
        }
    }

    /// What is lost by the policy's word, if anything is.
    fn conflict(&self, value: Value, kept: Option<Side>) -> Option<Box<ConflictEntry>> {
        let images = self.images();
        let loses = Side::BOTH.into_iter().any(|side| {
            Some(side) != kept && !self.value(side).is_null() && *self.value(side) != value
        });
        (loses || self.base.is_some()).then(|| {
            Box::new(ConflictEntry {
                pair: self.planner.seen.pair.id,
                field: self.field.clone(),
                base: self.base.cloned(),
                left: images.left,
                right: images.right,
                kept,
                value,
                at: self.planner.seen.now,
            })
        })
    }
}
