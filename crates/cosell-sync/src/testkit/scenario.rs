//! How the toy world begins.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta};
use cosell_mapping::{FieldId, Snapshot, Value};

use super::{
    Assumption,
    values::{ACCEPTED, FIELDS, PENDING, STAGE, capabilities, first_tag},
    world::State,
};
use crate::{PairKey, Side};

/// How the world begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scenario {
    /// A record on the left, not seen yet.
    BornLeft,
    /// A record on the right, not seen yet.
    BornRight,
    /// A deal on both sides, in step.
    InStep,
    /// A record on each side; the left one names the right one.
    Bound,
    /// A deal in step, beside a record on the right that breaks the model.
    Neighbour,
    /// Three records on the right, which come in two pages.
    Crowd,
    /// Four records on the right, where no more than two may be made on the left within an hour.
    Flood,
    /// So many deals, born on either side in turn.
    Many(u8),
    /// The same with stages; of those born on the right every second one is a lead.
    Staged(u8),
    /// A deal in step, whose record on the right may ask for a helper.
    Helped,
    /// A record on the right, not seen yet, that asks for a helper.
    BornAsking,
    /// A pending deal on the left, not seen yet. On the right a process accepts whatever is made
    /// there.
    Offered,
    /// A deal in step that nobody has accepted yet.
    Pending,
    /// A deal in step that is accepted and may be closed.
    Open,
    /// A pending record on the left that names an accepted one on the right. They never met.
    Met,
    /// A lead on the right, not seen yet.
    BornLead,
    /// A pending deal in step, which is a lead on the right.
    Lead,
}

impl Scenario {
    /// Does the deal begin in step?
    pub(super) fn is_in_step(self) -> bool {
        matches!(
            self,
            Self::InStep | Self::Neighbour | Self::Helped | Self::Pending | Self::Open | Self::Lead
        )
    }

    fn has_stages(self) -> bool {
        matches!(
            self,
            Self::Offered
                | Self::Pending
                | Self::Open
                | Self::Met
                | Self::BornLead
                | Self::Lead
                | Self::Staged(_)
        )
    }

    fn has_helpers(self) -> bool {
        matches!(self, Self::Helped | Self::BornAsking)
    }
}

impl State {
    /// The world as a scenario begins.
    pub(super) fn begin(scenario: Scenario, without: Option<Assumption>) -> Self {
        let mut state = Self {
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            sides: Default::default(),
            done: Vec::new(),
            helped: scenario.has_helpers(),
            staged: scenario.has_stages(),
            process: scenario == Scenario::Offered,
            closings: BTreeMap::new(),
            asked: BTreeSet::new(),
            late: Vec::new(),
            deals: BTreeMap::new(),
            held: BTreeMap::new(),
            outside: BTreeMap::new(),
            flying: Vec::new(),
            writes: 0,
            made_left: Vec::new(),
            may_make: None,
            ids: 0,
            broken: None,
            without,
        };
        match scenario {
            Scenario::BornLeft | Scenario::Offered | Scenario::Pending => {
                state.born(Side::Left, "a", 0, None);
            }
            Scenario::Open => {
                state.born(Side::Left, "a", 0, None);
                state.starts_at(Side::Left, "a", ACCEPTED);
            }
            Scenario::Met => {
                state.born(Side::Right, "b", 0, None);
                state.starts_at(Side::Right, "b", ACCEPTED);
                state.born(Side::Left, "a", 0, Some("b"));
                state.now += capabilities(Side::Left).find_lag;
            }
            Scenario::BornLead => {
                state.born(Side::Right, "b", 0, None);
                state.is_lead("b");
            }
            Scenario::Lead => {
                state.born(Side::Left, "a", 0, None);
                state.born(Side::Right, "b", 0, Some("a"));
                state.is_lead("b");
                state.now += capabilities(Side::Left).find_lag;
            }
            Scenario::BornRight | Scenario::InStep | Scenario::Helped => {
                state.born(Side::Right, "b", 0, None);
            }
            Scenario::BornAsking => {
                state.born(Side::Right, "b", 0, None);
                state.asked.insert(0);
                if let Some(row) = state.sides[1].rows.get_mut("b") {
                    row.asks = true;
                }
            }
            Scenario::Bound => {
                state.born(Side::Right, "b", 0, None);
                state.born(Side::Left, "a", 0, Some("b"));
                // Long enough ago that a search finds it: a younger one nobody could know of.
                state.now += capabilities(Side::Left).find_lag;
            }
            Scenario::Neighbour => {
                state.born(Side::Right, "bad", 1, None);
                if let Some(row) = state.sides[1].rows.get_mut("bad") {
                    row.malformed = true;
                }
                state.born(Side::Right, "b", 0, None);
            }
            Scenario::Crowd => {
                for (deal, id) in ["b", "c", "d"].into_iter().enumerate() {
                    state.born(Side::Right, id, deal as u8, None);
                }
            }
            Scenario::Flood => {
                state.may_make = Some(2);
                for (deal, id) in ["b", "c", "d", "e"].into_iter().enumerate() {
                    state.born(Side::Right, id, deal as u8, None);
                }
            }
            Scenario::Many(deals) | Scenario::Staged(deals) => {
                for deal in 0..deals {
                    let (side, letter) = match deal % 2 {
                        0 => (Side::Right, 'b'),
                        _ => (Side::Left, 'a'),
                    };
                    let id = format!("{letter}{deal}");
                    state.born(side, &id, deal, None);
                    if state.staged && deal % 4 == 0 {
                        state.is_lead(&id);
                    }
                }
            }
        }
        state
    }

    /// A record made by a person.
    pub(super) fn born(&mut self, side: Side, id: &str, deal: u8, key: Option<&str>) {
        let stage = self.staged.then_some(STAGE);
        let fields: Snapshot = FIELDS
            .into_iter()
            .chain(stage)
            .map(|field| {
                let value = match field {
                    "tags" => Value::Set([first_tag()].into()),
                    STAGE => Value::text(PENDING),
                    _ => Value::text(format!("{deal}{}", &field[..2])),
                };
                (FieldId::from(field), value)
            })
            .collect();
        for field in FIELDS.into_iter().chain(stage) {
            let value = fields[&FieldId::from(field)].clone();
            self.outside
                .entry((side, deal, field))
                .or_default()
                .insert(value);
        }
        self.insert(side, id, deal, key.map(PairKey::new), fields, None);
    }

    fn starts_at(&mut self, side: Side, id: &str, stage: &str) {
        let stage = Value::text(stage);
        if let Some(row) = self.sides[side as usize].rows.get_mut(id) {
            let cell = (side, row.deal, STAGE);
            row.fields.insert(FieldId::from(STAGE), stage.clone());
            self.outside.entry(cell).or_default().insert(stage.clone());
            self.held.entry(cell).or_default().insert(stage);
        }
    }

    fn is_lead(&mut self, id: &str) {
        if let Some(row) = self.sides[Side::Right as usize].rows.get_mut(id) {
            row.lead = true;
        }
    }
}
