//! A plan is checked against what it was made from before it is carried out.

use super::{FieldPlan, PartPlan, Plan, Seen, fields_of, part::names_of};
use crate::{PairState, Side};

impl Plan {
    /// Does it write nothing?
    pub fn is_quiet(&self) -> bool {
        let makes = |plan: &PartPlan| matches!(plan, PartPlan::Make { .. });
        self.create.is_none()
            && self.left.is_none()
            && self.right.is_none()
            && !self.parts.values().any(makes)
    }

    /// Checks the plan against what it was made from: every field and part mentioned once, every
    /// write, hold and agreement backed by its entry, no part made that is there.
    ///
    /// # Errors
    /// The first contradiction, in words. A plan that fails this must not be carried out.
    pub fn verify(&self, seen: &Seen<'_>) -> Result<(), String> {
        let expected = fields_of(seen);
        if !self.fields.keys().eq(expected.iter()) {
            return Err("the plan does not mention every field exactly once".to_owned());
        }
        for (field, plan) in &self.fields {
            let written = |side: Side| {
                let created = self
                    .create
                    .as_ref()
                    .filter(|(target, ..)| *target == side)
                    .and_then(|(_, _, draft)| draft.fields.get(field));
                self.patch(side)
                    .and_then(|patch| patch.fields.get(field))
                    .or(created)
            };
            let (left, right) = match plan {
                FieldPlan::Write { left, right, .. } => (left.as_ref(), right.as_ref()),
                _ => (None, None),
            };
            if written(Side::Left) != left || written(Side::Right) != right {
                return Err(format!("field {field}: the patch and the decision differ"));
            }
            if matches!(plan, FieldPlan::Held) != self.holds.contains_key(field)
                && !matches!(plan, FieldPlan::Waits)
            {
                return Err(format!(
                    "field {field}: held without a cause, or a cause unheld"
                ));
            }
            if matches!(plan, FieldPlan::Agreed | FieldPlan::Left) && !self.base.contains_key(field)
            {
                return Err(format!("field {field}: agreed without a base"));
            }
        }
        self.verify_parts(seen)?;
        self.verify_words(seen)
    }

    /// What gives way is written over or left, and every answer of a person leads somewhere.
    fn verify_words(&self, seen: &Seen<'_>) -> Result<(), String> {
        for (number, entry) in self.conflicts.iter().enumerate() {
            let field = &entry.field;
            let decided = match self.fields.get(field) {
                Some(FieldPlan::Write { .. }) => entry.value.is_some(),
                Some(FieldPlan::Left) => entry.value.is_none(),
                _ => false,
            };
            let twice = self.conflicts[..number]
                .iter()
                .any(|old| old.field == *field);
            if !decided || twice {
                return Err(format!("field {field}: a conflict that nothing settles"));
            }
        }
        for (field, plan) in &self.fields {
            let logged = self.conflicts.iter().any(|entry| entry.field == *field);
            if matches!(plan, FieldPlan::Left) && !logged {
                return Err(format!("field {field}: left without a word"));
            }
        }
        for (field, answer) in &seen.pair.answers {
            let open = self.answers.get(field) == Some(answer);
            let stale = self.stale.get(field).map(|stale| &stale.answer) == Some(answer);
            let moot = matches!(
                self.fields.get(field),
                None | Some(FieldPlan::Agreed | FieldPlan::Left)
            );
            if usize::from(open) + usize::from(stale) + usize::from(moot) != 1 {
                return Err(format!(
                    "field {field}: an answer is forgotten or taken twice"
                ));
            }
        }
        Ok(())
    }

    fn verify_parts(&self, seen: &Seen<'_>) -> Result<(), String> {
        if !self.parts.keys().eq(names_of(seen).iter()) {
            return Err("the plan does not mention every part exactly once".to_owned());
        }
        for (name, plan) in &self.parts {
            let there = seen
                .pair
                .parts
                .get(name)
                .is_some_and(|part| part.id.is_some());
            match plan {
                PartPlan::Make { .. } if there => {
                    return Err(format!("part {name}: made although it is there"));
                }
                PartPlan::Make { .. } if self.state != PairState::Active => {
                    return Err(format!("part {name}: made while the pair does not sync"));
                }
                PartPlan::Known if !there => {
                    return Err(format!("part {name}: known, but it has no record"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
