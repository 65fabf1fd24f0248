//! The state of both toy services and the clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Snapshot, Value};

use super::{
    Assumption, Broken,
    edits::Done,
    values::capabilities,
    values::{ALL, FIELDS, FOREIGN, REASON, STAGE, STATUS},
    writes::{Closing, Late},
};
use crate::{Deadline, PairKey, Side, WriteStamp, engine::lock};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) deal: u8,
    /// It is a helper's, not the deal's own.
    pub(super) is_part: bool,
    /// It is a lead, and will be another record when it becomes a deal.
    pub(super) lead: bool,
    /// Ids it had as a lead.
    pub(super) former: Vec<String>,
    /// It names the deal's group.
    pub(super) grouped: bool,
    pub(super) asks: bool,
    pub(super) fields: Snapshot,
    pub(super) key: Option<PairKey>,
    pub(super) version: u64,
    /// Version of the child row that holds the note on the right.
    pub(super) child: u64,
    pub(super) stamp: Option<WriteStamp>,
    pub(super) takes_part: bool,
    pub(super) malformed: bool,
    pub(super) at: DateTime<Utc>,
    pub(super) born: DateTime<Utc>,
    pub(super) foreign: u64,
    pub(super) changed: u64,
    pub(super) child_changed: u64,
    /// What it was before its last change, as a late read may show it.
    pub(super) before: Option<Box<Row>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SideState {
    pub(super) rows: BTreeMap<String, Row>,
    pub(super) gone: BTreeMap<String, u64>,
    /// What a lead has become.
    pub(super) moved: BTreeMap<String, String>,
    pub(super) changes: u64,
    pub(super) made: u64,
}

pub(super) type Cell = (Side, u8, &'static str);

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) now: DateTime<Utc>,
    pub(super) sides: [SideState; 2],
    pub(super) done: Vec<Done>,
    /// May records ask for helpers?
    pub(super) helped: bool,
    /// Do deals have stages?
    pub(super) staged: bool,
    /// Does a process on the right accept whatever is made there?
    pub(super) process: bool,
    /// Deals whose record on the right we close, from the write before it until what became of it
    /// is stored.
    pub(super) closings: BTreeMap<u8, Closing>,
    /// Deals whose record on the right ever asked for a helper.
    pub(super) asked: BTreeSet<u8>,
    pub(super) late: Vec<Late>,
    /// Whose deal a record is, also of records that are gone.
    pub(super) deals: BTreeMap<(Side, String), u8>,
    /// All that a field ever held.
    pub(super) held: BTreeMap<Cell, BTreeSet<Value>>,
    /// What people put there.
    pub(super) outside: BTreeMap<Cell, BTreeSet<Value>>,
    /// Writes that were begun and not answered yet, with their deadlines.
    pub(super) flying: Vec<(u8, Deadline)>,
    pub(super) writes: u64,
    /// When the engine made records on the left.
    pub(super) made_left: Vec<DateTime<Utc>>,
    /// How many it may make there within [`WINDOW`].
    pub(super) may_make: Option<u64>,
    pub(super) ids: u128,
    pub(super) broken: Option<Broken>,
    /// What does not hold in this world.
    pub(super) without: Option<Assumption>,
}

#[derive(Debug)]
pub(super) struct World(Mutex<State>);

impl World {
    pub(super) fn new(state: State) -> Self {
        Self(Mutex::new(state))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    pub(super) fn lacks(&self, assumption: Assumption) -> bool {
        self.without == Some(assumption)
    }

    pub(super) fn side(&self, side: Side) -> &SideState {
        &self.sides[side as usize]
    }

    /// The record that an id leads to, under the id it has now.
    pub(super) fn row(&self, side: Side, id: &str) -> Option<(&str, &Row)> {
        let there = self.side(side);
        let id = there.moved.get(id).map_or(id, String::as_str);
        let (id, row) = there.rows.get_key_value(id)?;
        Some((id, row))
    }

    pub(super) fn insert(
        &mut self,
        side: Side,
        id: &str,
        deal: u8,
        key: Option<PairKey>,
        mut fields: Snapshot,
        stamp: Option<WriteStamp>,
    ) {
        for field in FIELDS {
            fields.entry(FieldId::from(field)).or_default();
        }
        if self.helped && side == Side::Right {
            fields.entry(FieldId::from(STATUS)).or_default();
        }
        if self.staged {
            fields.entry(FieldId::from(STAGE)).or_default();
            fields.entry(FieldId::from(REASON)).or_default();
        }
        let now = self.now;
        let grouped = self.helped && side == Side::Left;
        let there = &mut self.sides[side as usize];
        there.changes += 1;
        let row = Row {
            deal,
            is_part: false,
            lead: false,
            former: Vec::new(),
            grouped,
            asks: false,
            fields,
            key,
            version: 1,
            child: 1,
            stamp,
            takes_part: true,
            malformed: false,
            at: now,
            born: now,
            foreign: FOREIGN,
            changed: there.changes,
            child_changed: 0,
            before: None,
        };
        there.rows.insert(id.to_owned(), row);
        self.deals.insert((side, id.to_owned()), deal);
        self.remember(side, id);
    }

    pub(super) fn remember(&mut self, side: Side, id: &str) {
        let Some(row) = self.sides[side as usize].rows.get(id) else {
            return;
        };
        for field in ALL {
            let Some(value) = row.fields.get(&FieldId::from(field)).cloned() else {
                continue;
            };
            self.held
                .entry((side, row.deal, field))
                .or_default()
                .insert(value);
        }
    }

    /// Changes a row; `rows` says which of its rows move.
    pub(super) fn change(
        &mut self,
        side: Side,
        id: &str,
        rows: Moves,
        change: impl FnOnce(&mut Row),
    ) {
        let now = self.now;
        let there = &mut self.sides[side as usize];
        if let Some(row) = there.rows.get_mut(id) {
            let mut before = Box::new(row.clone());
            if before.older(side, now) == 0 {
                before.before = None;
            }
            change(row);
            if rows.main {
                there.changes += u64::from(rows.told);
                row.changed = if rows.told {
                    there.changes
                } else {
                    row.changed
                };
                row.version += u64::from(rows.version);
            }
            if rows.child {
                there.changes += u64::from(rows.told);
                row.child_changed = if rows.told {
                    there.changes
                } else {
                    row.child_changed
                };
                row.child += u64::from(rows.version);
            }
            if rows.main || rows.child {
                row.at = now;
                row.before = Some(before);
            }
        }
        self.remember(side, id);
    }

    pub(super) fn delete(&mut self, side: Side, id: String) {
        let there = &mut self.sides[side as usize];
        there.changes += 1;
        there.rows.remove(&id);
        there.gone.insert(id, there.changes);
    }

    /// A lead becomes a deal: another record, which is told of under both ids.
    pub(super) fn becomes_a_deal(&mut self, side: Side, id: &str) -> String {
        let now = self.now;
        let there = &mut self.sides[side as usize];
        let new = format!("{id}-deal");
        let Some(mut row) = there.rows.remove(id) else {
            return id.to_owned();
        };
        there.changes += 1;
        row.lead = false;
        row.former.push(id.to_owned());
        row.version += 1;
        row.changed = there.changes;
        row.born = now;
        row.before = None;
        let deal = row.deal;
        there.rows.insert(new.clone(), row);
        there.moved.insert(id.to_owned(), new.clone());
        self.deals.insert((side, new.clone()), deal);
        new
    }

    /// Notes the first broken promise.
    pub(super) fn broken(&mut self, promise: u8, what: impl Into<String>) {
        self.broken
            .get_or_insert_with(|| Broken::new(promise, what));
    }
}

/// Which rows of a record a change moves.
#[derive(Clone, Copy)]
pub(super) struct Moves {
    pub(super) main: bool,
    pub(super) child: bool,
    /// Do versions move?
    pub(super) version: bool,
    /// Does the service tell of it?
    pub(super) told: bool,
}

impl Moves {
    pub(super) fn of<'a>(side: Side, fields: impl Iterator<Item = &'a str>) -> Self {
        let mut moves = Self {
            main: false,
            child: false,
            version: true,
            told: true,
        };
        for field in fields {
            if side == Side::Right && field == "note" {
                moves.child = true;
            } else {
                moves.main = true;
            }
        }
        moves
    }
}

impl Row {
    /// How many older states a read may show. What comes before its birth counts as one.
    pub(super) fn older(&self, side: Side, now: DateTime<Utc>) -> usize {
        let lag = capabilities(side).read_lag;
        let states = std::iter::successors(Some(self), |row| row.before.as_deref());
        states.take_while(|row| now < row.at + lag).count()
    }

    pub(super) fn version_text(&self) -> String {
        format!("{}.{}", self.version, self.child)
    }
}
