//! Parts: which are asked for, which are made, and which wishes are not acted on.
//!
//! A wish is acted on when it is known to be one: the record that carries it is the one that the
//! other end was made for, or the wish came after both ends were seen together without it. A wish
//! that was there when two records were bound, or that came with a record that we made ourselves,
//! is no person's word of today: inviting somebody cannot be taken back.

use std::collections::{BTreeMap, BTreeSet};

use cosell_mapping::{Settled, Snapshot};
use serde::{Deserialize, Serialize};

use super::{Plan, Planner, Seen, View};
use crate::{Draft, GroupId, Life, Observed, Pair, PartName, Side};

/// What becomes of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartPlan {
    /// Its record is known.
    Known,
    /// It shall be made.
    Make {
        /// Where.
        side: Side,
        /// The group that makes it belong to the pair.
        group: GroupId,
        /// With this content, beside what the pair's own record there holds.
        draft: Draft,
    },
    /// It is asked for and not made; says why.
    Held {
        /// For people.
        why: String,
    },
    /// Nobody asks for it, or the pair does not sync now.
    Waits,
}

/// Every part that is known or asked for.
pub(super) fn names_of(seen: &Seen<'_>) -> BTreeSet<PartName> {
    let mut names: BTreeSet<PartName> = seen.pair.parts.keys().cloned().collect();
    for view in [seen.left, seen.right] {
        if let View::Present(record) = view {
            names.extend(record.wishes.iter().cloned());
        }
    }
    names
}

impl Planner<'_> {
    /// As parts are while nothing may be made.
    pub(super) fn quiet_parts(&self) -> BTreeMap<PartName, PartPlan> {
        let pair = self.seen.pair;
        let plan = |name: &PartName| match pair.parts.get(name) {
            Some(part) if part.id.is_some() => PartPlan::Known,
            _ => PartPlan::Waits,
        };
        names_of(self.seen)
            .into_iter()
            .map(|name| (name.clone(), plan(&name)))
            .collect()
    }

    /// Both ends are there: what they ask for.
    pub(super) fn wished(&self, records: [&Observed; 2], plan: &mut Plan) {
        let mut wishes = BTreeSet::new();
        for (side, record) in Side::BOTH.into_iter().zip(records) {
            for name in &record.wishes {
                wishes.insert(name.clone());
                if plan.parts.get(name) != Some(&PartPlan::Known) {
                    plan.parts
                        .insert(name.clone(), self.wish(name, side, records));
                }
            }
        }
        plan.wishes = Some(wishes);
    }

    /// The record on `from` asks for a part at the other end, where it has no record.
    fn wish(&self, name: &PartName, from: Side, records: [&Observed; 2]) -> PartPlan {
        let held = |why: &str| PartPlan::Held {
            why: why.to_owned(),
        };
        let (pair, side) = (self.seen.pair, from.other());
        let (wishing, own) = (records[from as usize], records[side as usize]);
        if records.iter().any(|record| record.life == Life::Closed) {
            return held("the deal is closed");
        }
        if !is_granted(pair, name, side) {
            return held(
                "it was asked for before this pair began; take the wish back and make it again",
            );
        }
        let refusal = pair.parts.get(name).and_then(|part| part.refusal.as_ref());
        if let Some(refusal) = refusal
            && refusal.stands(&records[0].version, &records[1].version)
        {
            return held(&refusal.cause);
        }
        let Some(group) = own.group.clone() else {
            return held("the record at the other end belongs to no group yet");
        };
        let settled = |(field, value): (&cosell_mapping::FieldId, &cosell_mapping::Value)| {
            let value = match self.end(side).settle(field, value, None) {
                Settled::Fits => value.clone(),
                Settled::Becomes { value, .. } => value,
                Settled::Cannot(_) => return None,
            };
            Some((field.clone(), value))
        };
        let fields = wishing.fields.iter().filter(|(_, value)| !value.is_null());
        let fields: Snapshot = fields.filter_map(settled).collect();
        let draft = Draft {
            fields,
            outcome: None,
        };
        PartPlan::Make { side, group, draft }
    }
}

/// Is the wish for a part on `side` a person's word of today?
fn is_granted(pair: &Pair, name: &PartName, side: Side) -> bool {
    pair.parts.contains_key(name)
        || pair.born == Some(side)
        || pair
            .wishes
            .as_ref()
            .is_some_and(|before| !before.contains(name))
}
