//! What people do from outside.

use cosell_mapping::{FieldId, Value};

use super::{
    Assumption,
    values::{ACCEPTED, LOST, PENDING, REASON, STAGE, STATUS, WON, first_tag, is_closed, stage_of},
    world::{Moves, Row, State},
    writes::Closing,
};
use crate::Side;

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
    /// Accepts a deal that is pending.
    Accept(Side),
    /// Puts an accepted deal on hold, on the right: the seller's own remark.
    Pause,
    /// Wins it; on the left it must be accepted.
    Win(Side),
    /// Loses or declines it, and says why in the same breath.
    Lose(Side),
    /// Reopens a closed deal, which the right side alone can.
    Reopen,
    /// Makes a deal of a lead, on the right: another record, which takes neither key nor stamp
    /// along. It is accepted by that.
    Qualify,
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
            | Self::Delete(side)
            | Self::Accept(side)
            | Self::Win(side)
            | Self::Lose(side) => side,
            Self::Ask | Self::Unask | Self::Pause | Self::Reopen | Self::Qualify => Side::Right,
            Self::Answer => Side::Left,
        }
    }

    /// The fields it sets.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Name(_) => &["name"],
            Self::Value(_) => &["value"],
            Self::Note(_) => &["note"],
            Self::Tags(_) => &["tags"],
            Self::Date(_) => &["date"],
            Self::Answer => &[STATUS],
            Self::Lose(_) => &[REASON, STAGE],
            Self::Accept(_) | Self::Pause | Self::Win(_) | Self::Reopen | Self::Qualify => &[STAGE],
            Self::Off(_) | Self::On(_) | Self::Delete(_) | Self::Ask | Self::Unask => &[],
        }
    }

    /// What the edit number `number` of a schedule writes over a value. Except for stages it is
    /// never the same twice.
    fn value(self, field: &str, number: usize, over: &Value) -> Value {
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
            Self::Date(side) => format!("{side:?} date {number}"),
            Self::Answer => format!("answer {number}"),
            Self::Lose(side) if field == REASON => format!("{side:?} reason {number}"),
            Self::Accept(_) | Self::Reopen | Self::Qualify => ACCEPTED.to_owned(),
            Self::Pause => PENDING.to_owned(),
            Self::Win(_) => WON.to_owned(),
            Self::Lose(_) => LOST.to_owned(),
            Self::Tags(_)
            | Self::Off(_)
            | Self::On(_)
            | Self::Delete(_)
            | Self::Ask
            | Self::Unask => String::new(),
        })
    }

    fn may_come(self, row: &Row) -> bool {
        let is = |stage: &str| stage_of(&row.fields) == Some(&Value::text(stage));
        let closed = is_closed(&row.fields);
        match self {
            Self::Off(_) => row.takes_part,
            Self::On(_) => !row.takes_part,
            Self::Ask => !row.asks,
            Self::Unask => row.asks,
            Self::Accept(_) => is(PENDING) && !row.lead,
            Self::Pause => is(ACCEPTED),
            Self::Win(Side::Left) => is(ACCEPTED),
            Self::Win(Side::Right) => !closed && !row.lead,
            Self::Lose(_) => !closed,
            Self::Reopen => closed && !row.lead,
            Self::Qualify => row.lead && !closed,
            // There a closed record is closed for everybody.
            _ => !(closed && self.side() == Side::Left),
        }
    }
}

/// An edit of one field that happened, or one of none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Done {
    pub(super) edit: Edit,
    pub(super) side: Side,
    pub(super) deal: u8,
    pub(super) field: Option<&'static str>,
    pub(super) value: Value,
    /// What it replaced.
    pub(super) over: Value,
    /// It moved the stage of a record that we were about to close.
    pub(super) amid: Option<Closing>,
}

impl Done {
    /// A step of its own names no version: what comes between it and the write before it is
    /// overwritten, and where nobody knows whether it took effect, it may be done twice.
    pub(super) fn is_unseen(&self) -> bool {
        self.amid
            .is_some_and(|closing| !closing.done || closing.blind)
    }
}

impl State {
    /// Something goes wrong: whether a closing that is under way took effect may be known to
    /// nobody, nor then what happened after it.
    pub(super) fn may_forget_closing(&mut self) {
        for (deal, closing) in &mut self.closings {
            closing.blind = true;
            let of_deal = self.done.iter_mut().filter(|done| done.deal == *deal);
            let amid = of_deal.filter_map(|done| done.amid.as_mut());
            amid.for_each(|amid| amid.blind = true);
        }
    }

    fn target(&self, edit: Edit, deal: u8) -> Option<(&String, &Row)> {
        self.side(edit.side())
            .rows
            .iter()
            .find(|(_, row)| row.deal == deal && row.is_part == (edit == Edit::Answer))
    }

    /// Can it happen now, and would it change anything?
    pub(super) fn can(&self, edit: Edit, deal: u8) -> bool {
        self.target(edit, deal)
            .is_some_and(|(_, row)| edit.may_come(row))
    }

    /// A person edits a deal.
    pub(super) fn edit(&mut self, edit: Edit, deal: u8) -> String {
        let target = self.target(edit, deal);
        // What came just before may have made it impossible.
        let Some((id, row)) = target.filter(|(_, row)| edit.may_come(row)) else {
            return "nothing to edit".to_owned();
        };
        let (id, side, before) = (id.clone(), edit.side(), row.fields.clone());
        let of_stage = side == Side::Right && edit.fields().contains(&STAGE);
        let amid = self.closings.get(&deal).filter(|_| of_stage).copied();
        let mut says = Vec::new();
        let mut news = Vec::new();
        for field in edit.fields() {
            let over = before.get(&FieldId::from(*field)).cloned();
            let over = over.unwrap_or_default();
            let value = edit.value(field, self.done.len() + 1, &over);
            let cell = self.outside.entry((side, deal, field)).or_default();
            cell.insert(value.clone());
            says.push(format!("{field} of {side:?} {id} to {value}"));
            news.push((FieldId::from(*field), value.clone()));
            self.done.push(Done {
                edit,
                side,
                deal,
                field: Some(field),
                value,
                over,
                amid,
            });
        }
        if news.is_empty() {
            self.done.push(Done {
                edit,
                side,
                deal,
                field: None,
                value: Value::Null,
                over: Value::Null,
                amid: None,
            });
        }
        let says = match (edit, says.is_empty()) {
            (Edit::Qualify, _) => format!("a person makes a deal of the lead {id}"),
            (_, true) => format!("a person: {edit:?} {id}"),
            (_, false) => format!("a person sets {}", says.join(", ")),
        };
        if let Edit::Delete(_) = edit {
            self.delete(side, id);
            return says;
        }
        if edit == Edit::Ask {
            self.asked.insert(deal);
        }
        let mut rows = Moves::of(side, edit.fields().iter().copied());
        rows.main |= edit.fields().is_empty();
        rows.version = !self.lacks(Assumption::EditMovesVersion);
        rows.told = !self.lacks(Assumption::ChangeHinted);
        self.change(side, &id, rows, |row| {
            row.fields.extend(news);
            match edit {
                Edit::Ask => row.asks = true,
                Edit::Unask => row.asks = false,
                Edit::Off(_) => row.takes_part = false,
                Edit::On(_) => row.takes_part = true,
                Edit::Qualify => (row.key, row.stamp) = (None, None),
                _ => {}
            }
        });
        if edit == Edit::Qualify {
            self.becomes_a_deal(side, &id);
        }
        says
    }
}
