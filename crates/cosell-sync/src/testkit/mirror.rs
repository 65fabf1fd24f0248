//! Promises 11 and 12: plans are whole, and the same with sides swapped.

use cosell_mapping::{FieldId, Settled, Value};

use super::{
    Broken,
    toy::observe,
    values::{capabilities, policy, settle},
    world::State,
};
use crate::{
    Answer, HoldCause, Images, Observed, Pair, Plan, Resolution, Seen, Settle, Side, View,
    memory::Stored, plan::plan,
};

struct Ends(Side);

impl Settle for Ends {
    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        let now = now.map(|now| &now.fields);
        settle(self.0, field.as_str(), wanted, now)
    }
}

/// Promises 11 and 12: every pair as it is now, planned as it stands and mirrored.
pub(super) fn mirrored(state: &State, stored: &Stored) -> Result<(), Broken> {
    for pair in &stored.pairs {
        let ends = Side::BOTH.map(|side| {
            let id = pair.end(side).id.as_ref()?.as_str();
            let (id, row) = state.row(side, id)?;
            Some(observe(side, id, row))
        });
        let view = |side: Side| match (&ends[side as usize], &pair.end(side).id) {
            (Some(record), _) => View::Present(record),
            (None, Some(_)) => View::Gone,
            (None, None) => View::Unborn,
        };
        let [l, r] = Side::BOTH.map(capabilities);
        let seen = Seen {
            pair,
            left: view(Side::Left),
            right: view(Side::Right),
            refused: &[],
            now: state.now,
        };
        let straight = plan(
            &seen,
            [&Ends(Side::Left), &Ends(Side::Right)],
            [&l, &r],
            &policy(Side::Right),
        );
        if let Err(what) = straight.verify(&seen) {
            return Err(Broken::new(12, what));
        }
        let swapped = swap_pair(pair);
        let seen = Seen {
            pair: &swapped,
            left: view(Side::Right),
            right: view(Side::Left),
            ..seen
        };
        let other = plan(
            &seen,
            [&Ends(Side::Right), &Ends(Side::Left)],
            [&r, &l],
            &policy(Side::Left),
        );
        let other = swap_plan(other);
        if other != straight {
            let what = format!(
                "pair {} plans otherwise mirrored: {straight:?} and {other:?}",
                pair.id.0
            );
            return Err(Broken::new(11, what));
        }
    }
    Ok(())
}

fn swap_images(images: &mut Images) {
    std::mem::swap(&mut images.left, &mut images.right);
}

fn swap_hold(hold: &mut crate::Hold) {
    std::mem::swap(&mut hold.left, &mut hold.right);
    hold.unanswered
        .iter_mut()
        .for_each(|stale| swap_answer(&mut stale.answer));
    match &mut hold.cause {
        HoldCause::Cannot { side, .. }
        | HoldCause::Refused { side, .. }
        | HoldCause::Partial { side }
        | HoldCause::Irreversible { side } => *side = side.other(),
        HoldCause::Policy { .. } => {}
    }
}

fn swap_answer(answer: &mut Answer) {
    std::mem::swap(&mut answer.left, &mut answer.right);
    if let Resolution::Keep(side) = &mut answer.resolution {
        *side = side.other();
    }
}

fn swap_pair(pair: &Pair) -> Pair {
    let mut pair = pair.clone();
    std::mem::swap(&mut pair.left, &mut pair.right);
    pair.base.values_mut().for_each(swap_images);
    pair.holds.values_mut().for_each(swap_hold);
    pair.answers.values_mut().for_each(swap_answer);
    pair.born = pair.born.map(Side::other);
    for part in pair.parts.values_mut() {
        part.side = part.side.other();
    }
    pair
}

fn swap_plan(mut plan: Plan) -> Plan {
    std::mem::swap(&mut plan.left, &mut plan.right);
    plan.base.values_mut().for_each(swap_images);
    plan.holds.values_mut().for_each(swap_hold);
    plan.answers.values_mut().for_each(swap_answer);
    plan.stale
        .values_mut()
        .for_each(|stale| swap_answer(&mut stale.answer));
    if let Some((side, ..)) = &mut plan.create {
        *side = side.other();
    }
    for part in plan.parts.values_mut() {
        if let crate::PartPlan::Make { side, .. } = part {
            *side = side.other();
        }
    }
    for conflict in &mut plan.conflicts {
        std::mem::swap(&mut conflict.left, &mut conflict.right);
        conflict.base.iter_mut().for_each(swap_images);
        std::mem::swap(&mut conflict.left_as_of, &mut conflict.right_as_of);
        conflict.rule = conflict.rule.clone().mirrored();
        conflict.kept = conflict.kept.map(Side::other);
    }
    for field in plan.fields.values_mut() {
        if let crate::FieldPlan::Write { left, right, why } = field {
            std::mem::swap(left, right);
            match why {
                crate::Why::Moved(side) | crate::Why::Birth(side) => *side = side.other(),
                crate::Why::Policy | crate::Why::Person => {}
            }
        }
    }
    plan
}
