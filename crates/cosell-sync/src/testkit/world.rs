//! The state of both toy services, the clock, and what people did from outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use cosell_mapping::{FieldId, Loss, Reason, ReasonCode, Settled, Snapshot, Value};

use super::{Assumption, Broken};
use crate::{
    Capabilities, Deadline, Draft, FieldPolicies, FieldPolicy, PairKey, Patch, RefusedField, Side,
    WriteError, WriteStamp, engine::lock,
};

/// The fields that both records of a deal share.
pub(super) const FIELDS: [&str; 5] = ["name", "value", "note", "tags", "date"];
/// What a helper says; on the right a column of the deal's record.
pub(super) const STATUS: &str = "status";
/// All fields.
pub(super) const ALL: [&str; 6] = ["name", "value", "note", "tags", "date", STATUS];
/// The part that a record on the right may ask for.
pub(super) const HELPER: &str = "helper";
/// Edits of a date on both sides within this time are left to a person.
const TOLERANCE: Duration = Duration::from_secs(5);
/// The window of the brakes.
pub(super) const WINDOW: Duration = Duration::from_secs(3_600);
/// What a row holds in a column that nobody maps.
pub(super) const FOREIGN: u64 = 7;
/// Longest name on the left.
const NAME_KEPT: usize = 6;

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
    /// A deal in step, whose record on the right may ask for a helper.
    Helped,
    /// A record on the right, not seen yet, that asks for a helper.
    BornAsking,
}

impl Scenario {
    /// Does the deal begin in step?
    pub(super) fn is_in_step(self) -> bool {
        matches!(self, Self::InStep | Self::Neighbour | Self::Helped)
    }

    fn has_helpers(self) -> bool {
        matches!(self, Self::Helped | Self::BornAsking)
    }
}

/// What a person may do from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Edit {
    /// Sets the name. On the left only its beginning fits.
    Name(Side),
    /// Sets the value. On the left only whole numbers fit.
    Value(Side),
    /// Sets the note, which is a child row on the right. Conflicts are left to a person.
    Note(Side),
    /// Adds a tag; on the right takes the first one away as well. Sets are merged.
    Tags(Side),
    /// Sets the date. Of two edits the newest stands.
    Date(Side),
    /// Takes the deal out of the sync.
    Off(Side),
    /// Takes it in again.
    On(Side),
    /// Deletes the record.
    Delete(Side),
    /// Asks for a helper, on the right.
    Ask,
    /// Takes that back.
    Unask,
    /// The helper says something, on the left.
    Answer,
}

impl Edit {
    /// The side it happens on.
    pub fn side(self) -> Side {
        match self {
            Self::Name(side)
            | Self::Value(side)
            | Self::Note(side)
            | Self::Tags(side)
            | Self::Date(side)
            | Self::Off(side)
            | Self::On(side)
            | Self::Delete(side) => side,
            Self::Ask | Self::Unask => Side::Right,
            Self::Answer => Side::Left,
        }
    }

    fn field(self) -> Option<&'static str> {
        match self {
            Self::Name(_) => Some("name"),
            Self::Value(_) => Some("value"),
            Self::Note(_) => Some("note"),
            Self::Tags(_) => Some("tags"),
            Self::Date(_) => Some("date"),
            Self::Answer => Some(STATUS),
            Self::Off(_) | Self::On(_) | Self::Delete(_) | Self::Ask | Self::Unask => None,
        }
    }

    /// What the edit number `number` of a schedule writes over a value; never the same twice.
    fn value(self, number: usize, over: &Value) -> Value {
        if let (Self::Tags(side), Value::Set(tags)) = (self, over) {
            let mut tags = tags.clone();
            if side == Side::Right {
                tags.remove(&first_tag());
            }
            tags.insert(Value::text(format!("{number}")));
            return Value::Set(tags);
        }
        Value::text(match self {
            Self::Name(Side::Left) => format!("m{number}"),
            Self::Name(Side::Right) => format!("n{number}-much-longer"),
            Self::Value(Side::Left) => format!("3{number}"),
            Self::Value(Side::Right) => format!("2{number}.5"),
            Self::Note(side) => format!("{side:?} note {number}"),
            Self::Tags(_) => String::new(),
            Self::Date(side) => format!("{side:?} date {number}"),
            Self::Answer => format!("answer {number}"),
            Self::Off(_) | Self::On(_) | Self::Delete(_) | Self::Ask | Self::Unask => String::new(),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) deal: u8,
    /// It is a helper's, not the deal's own.
    pub(super) is_part: bool,
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
    /// As a late read shows it.
    pub(super) before: Option<Box<Row>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SideState {
    pub(super) rows: BTreeMap<String, Row>,
    pub(super) gone: BTreeMap<String, u64>,
    pub(super) changes: u64,
    pub(super) made: u64,
}

/// An edit that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Done {
    pub(super) side: Side,
    pub(super) deal: u8,
    pub(super) field: Option<&'static str>,
    pub(super) value: Value,
    /// What it replaced.
    pub(super) over: Value,
}

/// A request whose answer was given up and which lands later.
#[derive(Clone, Debug)]
pub(super) enum Late {
    Create(Side, PairKey, WriteStamp, Draft, Deadline),
    Part(Side, String, Deadline),
    Update(Side, String, String, WriteStamp, Patch, Deadline),
}

pub(super) type Cell = (Side, u8, &'static str);

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) now: DateTime<Utc>,
    pub(super) sides: [SideState; 2],
    pub(super) done: Vec<Done>,
    /// May records ask for helpers?
    pub(super) helped: bool,
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

/// The tag of every new deal.
pub(super) fn first_tag() -> Value {
    Value::text("first")
}

/// A value that no side takes, in any field.
pub(super) const REFUSED: &str = "refused";

/// Why `fields` are not taken, if one of them is refused.
pub(super) fn refusal(fields: &BTreeMap<FieldId, Value>) -> Option<WriteError> {
    let refused = fields.iter().find(|(_, value)| is_refused(value))?;
    Some(WriteError::Refused {
        message: "a field is refused".into(),
        fields: vec![RefusedField {
            field: refused.0.clone(),
            reason: not_taken(),
        }],
    })
}

fn is_refused(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text == REFUSED)
}

fn not_taken() -> Reason {
    Reason::new(ReasonCode::Invalid, "nobody takes this; write another word")
}

/// What would become of a value on one side.
pub(super) fn settle(side: Side, field: &str, wanted: &Value) -> Settled {
    if is_refused(wanted) {
        return Settled::Cannot(not_taken());
    }
    let (Side::Left, Value::Text(text)) = (side, wanted) else {
        return Settled::Fits;
    };
    let becomes = |text: &str, loss| Settled::Becomes {
        value: Value::text(text),
        loss,
    };
    match field {
        "name" if text.len() > NAME_KEPT => becomes(&text[..NAME_KEPT], Loss::Shortened),
        "value" => match text.split_once('.') {
            Some((whole, _)) => becomes(whole, Loss::Rounded),
            None => Settled::Fits,
        },
        _ => Settled::Fits,
    }
}

pub(super) fn settled(side: Side, field: &str, wanted: &Value) -> Value {
    match settle(side, field, wanted) {
        Settled::Becomes { value, .. } => value,
        Settled::Fits | Settled::Cannot(_) => wanted.clone(),
    }
}

/// What the toys can do, left first: one like a referrals service, one like a CRM.
pub(super) fn capabilities(side: Side) -> Capabilities {
    let mut able = Capabilities::default();
    if side == Side::Right {
        able.unique_birth = true;
        able.stamped = true;
        able.shows_outcome = true;
        able.wants_key = true;
        able.reports_deletions = true;
        able.find_lag = Duration::ZERO;
        able.read_lag = Duration::ZERO;
    }
    able
}

/// One side wins, except where a field has a rule of its own.
pub(super) fn policy(side: Side) -> FieldPolicies {
    FieldPolicies::new(FieldPolicy::wins(side))
        .with_field("note", FieldPolicy::hold())
        .with_field("tags", FieldPolicy::sets())
        .with_field("date", FieldPolicy::newest(TOLERANCE))
}

impl World {
    pub(super) fn new(state: State) -> Self {
        Self(Mutex::new(state))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    pub(super) fn begin(scenario: Scenario, without: Option<Assumption>) -> Self {
        let mut state = Self {
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            sides: Default::default(),
            done: Vec::new(),
            helped: scenario.has_helpers(),
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
            Scenario::BornLeft => state.born(Side::Left, "a", 0, None),
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
            Scenario::Many(deals) => {
                for deal in 0..deals {
                    let (side, letter) = match deal % 2 {
                        0 => (Side::Right, 'b'),
                        _ => (Side::Left, 'a'),
                    };
                    state.born(side, &format!("{letter}{deal}"), deal, None);
                }
            }
        }
        state
    }

    pub(super) fn lacks(&self, assumption: Assumption) -> bool {
        self.without == Some(assumption)
    }

    pub(super) fn side(&self, side: Side) -> &SideState {
        &self.sides[side as usize]
    }

    /// A record made by a person.
    pub(super) fn born(&mut self, side: Side, id: &str, deal: u8, key: Option<&str>) {
        let fields: Snapshot = FIELDS
            .into_iter()
            .map(|field| {
                let value = match field {
                    "tags" => Value::Set([first_tag()].into()),
                    _ => Value::text(format!("{deal}{}", &field[..2])),
                };
                (FieldId::from(field), value)
            })
            .collect();
        for field in FIELDS {
            let value = fields[&FieldId::from(field)].clone();
            self.outside
                .entry((side, deal, field))
                .or_default()
                .insert(value);
        }
        self.insert(side, id, deal, key.map(PairKey::new), fields, None);
    }

    fn insert(
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
        let now = self.now;
        let grouped = self.helped && side == Side::Left;
        let there = &mut self.sides[side as usize];
        there.changes += 1;
        let row = Row {
            deal,
            is_part: false,
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

    fn remember(&mut self, side: Side, id: &str) {
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
    fn change(&mut self, side: Side, id: &str, rows: Moves, change: impl FnOnce(&mut Row)) {
        let now = self.now;
        let there = &mut self.sides[side as usize];
        if let Some(row) = there.rows.get_mut(id) {
            let mut before = Box::new(row.clone());
            before.before = None;
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

    fn target(&self, edit: Edit, deal: u8) -> Option<(&String, &Row)> {
        self.side(edit.side())
            .rows
            .iter()
            .find(|(_, row)| row.deal == deal && row.is_part == (edit == Edit::Answer))
    }

    /// Can it happen now, and would it change anything?
    pub(super) fn can(&self, edit: Edit, deal: u8) -> bool {
        self.target(edit, deal).is_some_and(|(_, row)| match edit {
            Edit::Off(_) => row.takes_part,
            Edit::On(_) => !row.takes_part,
            Edit::Ask => !row.asks,
            Edit::Unask => row.asks,
            _ => true,
        })
    }

    /// A person edits a deal.
    pub(super) fn edit(&mut self, edit: Edit, deal: u8) -> String {
        let Some((id, row)) = self.target(edit, deal) else {
            return "nothing to edit".to_owned();
        };
        let (id, side) = (id.clone(), edit.side());
        let over = edit
            .field()
            .and_then(|field| row.fields.get(&FieldId::from(field)).cloned())
            .unwrap_or_default();
        let value = edit.value(self.done.len() + 1, &over);
        if let Some(field) = edit.field() {
            let cell = self.outside.entry((side, deal, field)).or_default();
            cell.insert(value.clone());
        }
        self.done.push(Done {
            side,
            deal,
            field: edit.field(),
            value: value.clone(),
            over,
        });
        let says = match edit.field() {
            Some(field) => format!("a person sets {field} of {side:?} {id} to {value}"),
            None => format!("a person: {edit:?} {id}"),
        };
        if let Edit::Delete(_) = edit {
            let there = &mut self.sides[side as usize];
            there.changes += 1;
            there.rows.remove(&id);
            there.gone.insert(id, there.changes);
            return says;
        }
        if edit == Edit::Ask {
            self.asked.insert(deal);
        }
        let mut rows = Moves::of(side, edit.field().into_iter());
        rows.main |= edit.field().is_none();
        rows.version = !self.lacks(Assumption::EditMovesVersion);
        rows.told = !self.lacks(Assumption::ChangeHinted);
        self.change(side, &id, rows, |row| match (edit, edit.field()) {
            (_, Some(field)) => {
                row.fields.insert(FieldId::from(field), value);
            }
            (Edit::Ask, None) => row.asks = true,
            (Edit::Unask, None) => row.asks = false,
            (Edit::Off(_), None) => row.takes_part = false,
            (_, None) => row.takes_part = true,
        });
        says
    }

    /// The engine's create takes effect; `None`: the service has one already.
    pub(super) fn create(
        &mut self,
        side: Side,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
    ) -> Option<String> {
        let there = self.side(side);
        let taken = there.rows.values().any(|row| row.key.as_ref() == Some(key));
        if taken && capabilities(side).unique_birth {
            return None;
        }
        let id = format!("{side:?}-{}", there.made + 1).to_lowercase();
        let partner = (side.other(), key.as_str().to_owned());
        let deal = self.deals.get(&partner).copied().unwrap_or(u8::MAX);
        self.check_values(side, deal, draft.fields.iter());
        self.sides[side as usize].made += 1;
        self.writes += 1;
        self.count_birth(side);
        let fields = draft.fields.clone();
        // Somebody takes our columns for theirs.
        let key = Some(key.clone()).filter(|_| !self.lacks(Assumption::OwnColumns));
        self.insert(side, &id, deal, key, fields, Some(stamp));
        Some(id)
    }

    /// The engine's invitation of a helper takes effect; nothing of the deal's own record moves.
    pub(super) fn create_part(&mut self, side: Side, of: &str) -> Option<String> {
        let deal = self.side(side).rows.get(of)?.deal;
        let has_one = |row: &Row| row.deal == deal && row.is_part;
        if self.side(side).rows.values().any(has_one) {
            self.broken(6, format!("deal {deal} gets a second helper"));
        }
        if !self.asked.contains(&deal) {
            self.broken(4, format!("nobody asked for a helper of deal {deal}"));
        }
        self.sides[side as usize].made += 1;
        self.writes += 1;
        let id = format!("helper-{}", self.side(side).made);
        self.insert(side, &id, deal, None, Snapshot::new(), None);
        if let Some(row) = self.sides[side as usize].rows.get_mut(&id) {
            row.is_part = true;
            row.takes_part = false;
            row.fields = Snapshot::from([(FieldId::from(STATUS), Value::text("asked"))]);
        }
        self.remember(side, &id);
        let cell = self.outside.entry((side, deal, STATUS)).or_default();
        cell.insert(Value::text("asked"));
        Some(id)
    }

    /// Promise 14.
    fn count_birth(&mut self, side: Side) {
        let Some(limit) = self.may_make.filter(|_| side == Side::Left) else {
            return;
        };
        self.made_left.push(self.now);
        let since = self.now - WINDOW;
        let lately = self.made_left.iter().filter(|at| **at > since).count();
        if lately as u64 > limit {
            let what = format!("{lately} records made on {side:?} within the window, of {limit}");
            self.broken(14, what);
        }
    }

    /// The engine's update takes effect, or the record is not at `seen` any more.
    pub(super) fn update(
        &mut self,
        side: Side,
        id: &str,
        seen: &str,
        stamp: WriteStamp,
        patch: &Patch,
    ) -> bool {
        let Some(row) = self.side(side).rows.get(id) else {
            return false;
        };
        if row.version_text() != seen && !self.lacks(Assumption::ConditionalWrite) {
            return false;
        }
        let (deal, key) = (row.deal, row.key.clone());
        let mut fields = patch.fields.clone();
        if self.lacks(Assumption::WholeWrite) && fields.len() > 1 {
            fields.retain(|field, _| field.as_str() != "note");
        }
        let news = fields
            .iter()
            .filter(|(field, value)| row.fields.get(*field) != Some(*value));
        let news: Vec<_> = news.map(|(field, _)| field.as_str()).collect();
        // A write that changes nothing, or only the outcome (a row of its own), moves no version.
        let mut rows = Moves::of(side, news.into_iter());
        rows.main |= key.is_none() && patch.key.is_some();
        self.check_values(side, deal, patch.fields.iter());
        self.writes += 1;
        self.change(side, id, rows, |row| {
            row.fields.extend(fields);
            if row.key.is_none() {
                row.key.clone_from(&patch.key);
            }
            row.stamp = Some(stamp);
        });
        true
    }

    /// Is every value that is written one that the other side held, or the settled form of one?
    fn check_values<'a>(
        &mut self,
        side: Side,
        deal: u8,
        fields: impl Iterator<Item = (&'a FieldId, &'a Value)>,
    ) {
        for (field, value) in fields {
            let Some(name) = ALL.into_iter().find(|name| *name == field.as_str()) else {
                self.broken(13, format!("{field}, which no rule names, is written"));
                continue;
            };
            let known = self.held.get(&(side.other(), deal, name));
            let read = known.is_some_and(|known| {
                known
                    .iter()
                    .any(|there| settled(side, name, there) == *value)
            });
            let merged =
                matches!(value, Value::Set(tags) if tags.iter().all(|tag| self.knew(deal, tag)));
            if !read && !merged {
                self.broken(
                    4,
                    format!("{value} is written to {name} on {side:?}, read nowhere"),
                );
            }
        }
    }

    /// Did any side hold this tag?
    fn knew(&self, deal: u8, tag: &Value) -> bool {
        Side::BOTH.into_iter().any(|side| {
            let held = self.held.get(&(side, deal, "tags"));
            let mut sets = held.into_iter().flatten();
            sets.any(|held| matches!(held, Value::Set(tags) if tags.contains(tag)))
        })
    }

    /// Requests on their way take effect, if they still may.
    pub(super) fn land_late(&mut self) -> Vec<String> {
        let mut says = Vec::new();
        let never_too_late = self.lacks(Assumption::Lateness);
        for late in std::mem::take(&mut self.late) {
            let (side, until) = match &late {
                Late::Create(side, .., until)
                | Late::Part(side, _, until)
                | Late::Update(side, .., until) => (*side, *until),
            };
            let in_time = self.now <= until + capabilities(side).lateness;
            if in_time && never_too_late {
                self.late.push(late);
                continue;
            }
            if !in_time && !never_too_late {
                continue;
            }
            match late {
                Late::Create(side, key, stamp, draft, _) => {
                    let made = self.create(side, &key, stamp, &draft);
                    says.push(format!("the late create lands on {side:?}: {made:?}"));
                }
                Late::Part(side, of, _) => {
                    let made = self.create_part(side, &of);
                    says.push(format!("the late invitation lands on {side:?}: {made:?}"));
                }
                Late::Update(side, id, seen, stamp, patch, _) => {
                    let landed = self.update(side, &id, &seen, stamp, &patch);
                    says.push(format!("the late update of {side:?} {id} lands: {landed}"));
                }
            }
        }
        says
    }

    /// Notes the first broken promise.
    pub(super) fn broken(&mut self, promise: u8, what: impl Into<String>) {
        self.broken
            .get_or_insert_with(|| Broken::new(promise, what));
    }
}

/// Which rows of a record a change moves.
#[derive(Clone, Copy)]
struct Moves {
    main: bool,
    child: bool,
    /// Do versions move?
    version: bool,
    /// Does the service tell of it?
    told: bool,
}

impl Moves {
    fn of<'a>(side: Side, fields: impl Iterator<Item = &'a str>) -> Self {
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
    pub(super) fn version_text(&self) -> String {
        format!("{}.{}", self.version, self.child)
    }
}
