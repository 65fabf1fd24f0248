//! What the engine writes: how it takes effect in the toy world, at once or late, and what must
//! hold of every write.

use cosell_mapping::{FieldId, Snapshot, Value};

use super::{
    Assumption,
    values::{ACCEPTED, ALL, STAGE, STATUS, WINDOW, capabilities, is_closed, is_closing, settled},
    world::{Moves, Row, State},
};
use crate::{Deadline, Draft, PairKey, Patch, Side, WriteStamp};

/// A request whose answer was given up and which lands later.
#[derive(Clone, Debug)]
pub(super) enum Late {
    Create(Side, PairKey, WriteStamp, Draft, Deadline),
    Part(Side, String, Deadline),
    Update(Side, String, String, WriteStamp, Patch, Deadline),
    Close(String, Value, Deadline),
}

/// A record on the right is closed by a step of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Closing {
    /// It took effect.
    pub(super) done: bool,
    /// Something went wrong meanwhile: whether it took effect may be known to nobody.
    pub(super) blind: bool,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The record is not as it was seen.
    Stale,
    /// It is closed, and holds what it holds.
    Closed,
    /// It took effect, on the record with this id from now on.
    Landed {
        id: String,
        /// What is left for a step of its own.
        then: Option<Value>,
    },
}

impl State {
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
        if self.process && side == Side::Right {
            let accepted = Value::text(ACCEPTED);
            let cell = self.outside.entry((side, deal, STAGE)).or_default();
            cell.insert(accepted.clone());
            let rows = Moves::of(side, [STAGE].into_iter());
            self.change(side, &id, rows, |row| {
                row.fields.insert(FieldId::from(STAGE), accepted);
            });
        }
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

    /// The engine's update takes effect, or the record is not at `seen` any more. Closing a
    /// record on the right is left for [`close`](Self::close).
    pub(super) fn update(
        &mut self,
        side: Side,
        id: &str,
        seen: &str,
        stamp: WriteStamp,
        patch: &Patch,
    ) -> Effect {
        let Some(row) = self.side(side).rows.get(id) else {
            return Effect::Stale;
        };
        if row.version_text() != seen && !self.lacks(Assumption::ConditionalWrite) {
            return Effect::Stale;
        }
        if side == Side::Left && is_closed(&row.fields) {
            return Effect::Closed;
        }
        let (deal, key, lead) = (row.deal, row.key.clone(), row.lead);
        let mut fields = patch.fields.clone();
        if self.lacks(Assumption::WholeWrite) && fields.len() > 1 {
            fields.retain(|field, _| field.as_str() != "note");
        }
        let stage = fields.get(&FieldId::from(STAGE)).cloned();
        let then = stage.clone().filter(is_closing);
        let then = then.filter(|_| side == Side::Right);
        if then.is_some() {
            fields.remove(&FieldId::from(STAGE));
        }
        let row = &self.sides[side as usize].rows[id];
        let news = fields
            .iter()
            .filter(|(field, value)| row.fields.get(*field) != Some(*value));
        let news: Vec<_> = news.map(|(field, _)| field.as_str()).collect();
        // A write that changes nothing, or only the outcome (a row of its own), moves no version.
        let mut rows = Moves::of(side, news.into_iter());
        rows.main |= key.is_none() && patch.key.is_some();
        self.check_values(side, deal, patch.fields.iter());
        if then.is_some() {
            self.closings.insert(deal, Closing::default());
        } else {
            self.closings.remove(&deal);
        }
        if let Some(stage) = stage.as_ref().filter(|_| side == Side::Left) {
            self.check_move(deal, stage);
        }
        self.writes += 1;
        self.change(side, id, rows, |row| {
            row.fields.extend(fields);
            if row.key.is_none() {
                row.key.clone_from(&patch.key);
            }
            row.stamp = Some(stamp);
        });
        let accepted = stage == Some(Value::text(ACCEPTED));
        let id = if lead && accepted {
            self.becomes_a_deal(side, id)
        } else {
            id.to_owned()
        };
        Effect::Landed { id, then }
    }

    /// The engine's closing step on the right takes effect, whatever the version; an answer of
    /// `false`: the record is closed already.
    pub(super) fn close(&mut self, id: &str, stage: &Value) -> bool {
        let side = Side::Right;
        let row = self.side(side).rows.get(id);
        let Some(row) = row.filter(|row| !is_closed(&row.fields)) else {
            return false;
        };
        let deal = row.deal;
        if let Some(closing) = self.closings.get_mut(&deal) {
            closing.done = true;
        }
        self.writes += 1;
        let rows = Moves::of(side, [STAGE].into_iter());
        self.change(side, id, rows, |row| {
            row.fields.insert(FieldId::from(STAGE), stage.clone());
        });
        true
    }

    /// Promise 14: nothing is accepted or closed on the left that nobody accepted or closed.
    fn check_move(&mut self, deal: u8, stage: &Value) {
        let mut done = self.done.iter();
        let wanted = done.any(|done| {
            let there = done.side == Side::Right && done.deal == deal;
            there && done.field == Some(STAGE) && done.value == *stage
        });
        if !wanted {
            let what = format!("deal {deal} becomes {stage} on the left, and nobody wanted that");
            self.broken(14, what);
        }
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
                Late::Close(.., until) => (Side::Right, *until),
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
                    says.push(format!(
                        "the late update of {side:?} {id} lands: {landed:?}"
                    ));
                }
                Late::Close(id, stage, _) => {
                    let landed = self.close(&id, &stage);
                    says.push(format!("the late closing of {id} lands: {landed}"));
                }
            }
        }
        says
    }
}
