//! The promises, asserted: some at every commit, the others when the engine has become quiet.

use std::collections::BTreeSet;

use cosell_mapping::{FieldId, Value};

use super::{
    Broken,
    edits::{Done, Edit},
    values::{
        ALL, FIELDS, FOREIGN, REASON, STAGE, STATUS, capabilities, is_closed, is_closing, settled,
    },
    world::{Row, State},
};
use crate::{ConflictEntry, Pair, PairState, Rule, Side, memory::Stored};

/// After every commit: promises 9 and 10.
pub(super) fn watch(state: &mut State, stored: &Stored) {
    for side in Side::BOTH {
        let Some(cursor) = stored.cursors.get(&side) else {
            continue;
        };
        let cursor: u64 = cursor.as_str().parse().unwrap_or(0);
        let passed = state.side(side).rows.iter().find(|(id, row)| {
            let told = row.changed.max(row.child_changed) <= cursor;
            told && !is_kept(state, stored, side, id, row)
                && (row.takes_part || row.is_part && is_in_known_group(stored, row))
        });
        if let Some((id, _)) = passed {
            let what = format!("{side:?} {id} changed before cursor {cursor} and is forgotten");
            state.broken(9, what);
        }
    }
    let open = |deal: &u8| {
        let mut pairs = stored.pairs.iter().filter(|pair| pair.intent.is_some());
        pairs.any(|pair| deal_of(state, stored, pair.id) == Some(*deal))
    };
    let closed: Vec<u8> = state
        .closings
        .keys()
        .copied()
        .filter(|deal| !open(deal))
        .collect();
    for deal in closed {
        state.closings.remove(&deal);
    }
    for pair in &stored.pairs {
        for side in Side::BOTH {
            let deal = pair.end(side).id.as_ref();
            let deal = deal.and_then(|id| state.deals.get(&(side, id.as_str().to_owned())));
            let Some(deal) = deal.copied() else {
                continue;
            };
            for field in ALL {
                let Some(image) = pair
                    .base
                    .get(&FieldId::from(field))
                    .map(|images| images.of(side))
                else {
                    continue;
                };
                let held = state.held.get(&(side, deal, field));
                if !held.is_some_and(|held| held.contains(image)) {
                    let what = format!("base of {field}: {side:?} never held {image}");
                    state.broken(10, what);
                }
            }
        }
    }
}

fn is_in_known_group(stored: &Stored, row: &Row) -> bool {
    let group = format!("g{}", row.deal);
    let mut pairs = stored.pairs.iter();
    pairs.any(|pair| {
        let known = pair.left.group.as_ref();
        known.is_some_and(|known| known.as_str() == group)
    })
}

/// Is the newest state of a row taken into account, or will it be?
fn is_kept(state: &State, stored: &Stored, side: Side, id: &str, row: &Row) -> bool {
    let own = |other: &str| other.trim_end_matches("/note") == id;
    if stored
        .hints
        .iter()
        .any(|hint| hint.side == side && own(hint.id.as_str()))
    {
        return true;
    }
    if stored
        .skipped
        .iter()
        .any(|skip| skip.side == side && own(skip.id.as_str()))
    {
        return true;
    }
    let known_as = |id: &str| {
        let mut pairs = stored.pairs.iter();
        pairs.find(|pair| pair.ids(side).any(|known| known.as_str() == id))
    };
    let former = || row.former.iter().find_map(|id| known_as(id));
    let pair = known_as(id).or_else(former);
    let Some(pair) = pair else {
        // An invitation whose answer is missing is looked for; what is closed founds no pair.
        let sought = row.is_part && stored.pairs.iter().any(|pair| pair.intent.is_some());
        return sought || is_closed(&row.fields);
    };
    let version = row.version_text();
    if let Some(part) = pair.part_of(side, &crate::RecordId::new(id))
        && part
            .version
            .as_ref()
            .is_some_and(|known| known.as_str() == version)
    {
        return true;
    }
    let end = pair.end(side);
    let is_version = |known: &crate::Version| known.as_str() == version;
    // Another hint of the pair leads to both ends.
    let queued = stored.hints.iter().any(|hint| {
        let own = hint.id.as_str().trim_end_matches("/note");
        let now = state.row(hint.side, own).map_or(own, |(id, _)| id);
        pair.ids(hint.side)
            .any(|id| id.as_str() == own || id.as_str() == now)
    });
    queued
        || pair.park.is_some()
        || end.version.as_ref().is_some_and(is_version)
        || end.retired.iter().any(is_version)
}

/// When the engine is quiet.
pub(super) fn quiet(state: &State, stored: &Stored) -> Result<(), Broken> {
    if let Some(broken) = &state.broken {
        return Err(broken.clone());
    }
    for side in Side::BOTH {
        let rows = &state.side(side).rows;
        if let Some((id, _)) = rows.iter().find(|(_, row)| row.foreign != FOREIGN) {
            return Err(Broken::new(
                13,
                format!("the foreign column of {side:?} {id} changed"),
            ));
        }
    }
    let deals: BTreeSet<u8> = state.deals.values().copied().collect();
    for deal in deals {
        one_record(state, deal)?;
        together(state, stored, deal)?;
    }
    for (number, done) in state.done.iter().enumerate() {
        not_lost(state, stored, number, done)?;
        closed_with(state, number, done)?;
        tag_stays(state, stored, done)?;
    }
    for entry in &stored.conflicts {
        newest_won(entry)?;
        for (side, value) in [(Side::Left, &entry.left), (Side::Right, &entry.right)] {
            let Some(deal) = deal_of(state, stored, entry.pair) else {
                continue;
            };
            let mut fields = ALL.into_iter();
            let field = fields.find(|field| *field == entry.field.as_str());
            let outside = field.and_then(|field| state.outside.get(&(side, deal, field)));
            // What a merge made may itself meet the next edit.
            let merged = stored
                .conflicts
                .iter()
                .any(|other| other.field == entry.field && other.value.as_ref() == Some(value));
            if !merged && !outside.is_some_and(|outside| outside.contains(value)) {
                let what = format!(
                    "a conflict in {} is logged, but nobody put {value} on {side:?}",
                    entry.field
                );
                return Err(Broken::new(5, what));
            }
        }
    }
    Ok(())
}

fn deal_of(state: &State, stored: &Stored, id: crate::PairId) -> Option<u8> {
    let pair = stored.pairs.iter().find(|pair| pair.id == id)?;
    Side::BOTH.into_iter().find_map(|side| {
        let id = pair.end(side).id.as_ref()?.as_str().to_owned();
        state.deals.get(&(side, id)).copied()
    })
}

fn one_record(state: &State, deal: u8) -> Result<(), Broken> {
    for side in Side::BOTH {
        for is_part in [false, true] {
            let rows = state.side(side).rows.iter();
            let rows = rows.filter(|(_, row)| row.deal == deal && row.is_part == is_part);
            let ids: Vec<_> = rows.map(|(id, _)| id.as_str()).collect();
            if ids.len() > 1 {
                let what = format!("deal {deal} has records {} on {side:?}", ids.join(", "));
                return Err(Broken::new(6, what));
            }
        }
    }
    Ok(())
}

fn row(state: &State, side: Side, deal: u8) -> Option<(&String, &Row)> {
    state
        .side(side)
        .rows
        .iter()
        .find(|(_, row)| row.deal == deal && !row.is_part)
}

/// What the field of a deal holds on one side, in its own record or its helper's.
fn value<'a>(state: &'a State, side: Side, deal: u8, field: &str) -> Option<&'a Value> {
    let id = FieldId::from(field.to_owned());
    let rows = state.side(side).rows.values();
    let mut rows = rows
        .filter(|row| row.deal == deal && (row.is_part || field != STATUS || side == Side::Right));
    rows.find_map(|row| row.fields.get(&id))
}

/// May the deal rest as it is: gone, switched off, unreadable, or closed before it was a pair?
fn is_out(state: &State, stored: &Stored, deal: u8) -> bool {
    let gone = state
        .done
        .iter()
        .any(|done| done.deal == deal && is_delete(state, done));
    let rows = Side::BOTH.map(|side| row(state, side, deal));
    let paired = |side: Side| {
        let id = rows[side as usize].map(|(id, _)| id);
        let mut pairs = stored.pairs.iter();
        pairs.any(|pair| {
            let end = pair.end(side).id.as_ref().map(crate::RecordId::as_str);
            end.is_some() && end == id.map(String::as_str) && pair.end(side.other()).id.is_some()
        })
    };
    // What is closed founds no pair.
    let mut there = rows.into_iter().flatten();
    let closed = there.all(|(_, row)| is_closed(&row.fields));
    let alone = closed && !Side::BOTH.into_iter().any(paired);
    gone || alone
        || rows
            .into_iter()
            .flatten()
            .any(|(_, row)| !row.takes_part || row.malformed)
}

fn is_delete(state: &State, done: &Done) -> bool {
    done.field.is_none() && row(state, done.side, done.deal).is_none()
}

/// Promise 1, field by field.
fn together(state: &State, stored: &Stored, deal: u8) -> Result<(), Broken> {
    if is_out(state, stored, deal) {
        return Ok(());
    }
    let broken = |what: String| Err(Broken::new(1, format!("deal {deal}: {what}")));
    let [Some((left, l)), Some((right, r))] = Side::BOTH.map(|side| row(state, side, deal)) else {
        return broken("one side has no record of it".to_owned());
    };
    let is_end = |pair: &&Pair| {
        let ids = Side::BOTH.map(|side| pair.end(side).id.as_ref().map(crate::RecordId::as_str));
        ids == [Some(left.as_str()), Some(right.as_str())]
    };
    let Some(pair) = stored.pairs.iter().find(is_end) else {
        return broken(format!("{left} and {right} are no pair"));
    };
    if pair.state != PairState::Active || pair.park.is_some() || pair.intent.is_some() {
        return broken(format!(
            "the pair rests without cause: {:?}, park {:?}, intent {:?}",
            pair.state, pair.park, pair.intent
        ));
    }
    for side in Side::BOTH {
        let (row, other) = match side {
            Side::Left => (l, right),
            Side::Right => (r, left),
        };
        let named = row.key.as_ref().map(crate::PairKey::as_str);
        if capabilities(side).wants_key && named != Some(other.as_str()) {
            return broken(format!("the record on {side:?} does not name {other}"));
        }
    }
    let more = [STAGE, REASON].into_iter().filter(|_| state.staged);
    for field in FIELDS.into_iter().chain(more) {
        let id = FieldId::from(field);
        let (l, r) = (&l.fields[&id], &r.fields[&id]);
        let same = settled(Side::Left, field, r) == *l || settled(Side::Right, field, l) == *r;
        let held = pair
            .holds
            .get(&id)
            .is_some_and(|hold| hold.left == *l && hold.right == *r);
        if !same && !held {
            return broken(format!("{field} is {l} on the left and {r} on the right"));
        }
    }
    let says = value(state, Side::Left, deal, STATUS);
    if says.is_none() && r.asks {
        return broken("a helper is asked for and nobody invited one".to_owned());
    }
    if says.is_some() && says != value(state, Side::Right, deal, STATUS) {
        return broken("what the helper says did not arrive".to_owned());
    }
    Ok(())
}

/// Promise 3 for one edit.
fn not_lost(state: &State, stored: &Stored, number: usize, done: &Done) -> Result<(), Broken> {
    let seen = !is_out(state, stored, done.deal) && !done.is_unseen();
    let Some(field) = done.field.filter(|_| seen) else {
        return Ok(());
    };
    let (side, other) = (done.side, done.side.other());
    let there = settled(other, field, &done.value);
    let replaced = state.done.iter().enumerate().any(|(at, edit)| {
        let same = edit.deal == done.deal && edit.field == Some(field);
        // What replaced it on the other side was made knowing it: it was carried there before, or
        // stood there already, and the replacement was not here yet.
        let known = at > number || done.over != settled(side, field, &edit.value);
        let over_it = edit.side == other && edit.over == there && known;
        same && (over_it || edit.side == side && at > number)
    });
    // Back to what was carried before: nobody need ever have seen that it was away.
    let returned = state.done[..number].iter().any(|earlier| {
        let same = earlier.deal == done.deal && earlier.field == Some(field);
        same && earlier.side == side && earlier.over == done.value
    });
    let id = FieldId::from(field);
    let now = |side| value(state, side, done.deal, field);
    let held = stored.pairs.iter().any(|pair| {
        deal_of(state, stored, pair.id) == Some(done.deal) && pair.holds.contains_key(&id)
    });
    let arrived = now(other) == Some(&there) || now(other) == Some(&done.value);
    let stands = now(side) == Some(&done.value) && (held || arrived);
    let logged = stored.conflicts.iter().any(|entry| {
        let value = match side {
            Side::Left => &entry.left,
            Side::Right => &entry.right,
        };
        entry.field == id && *value == done.value
    });
    if replaced || stands || logged || returned {
        return Ok(());
    }
    let what = format!(
        "{} was set in {field} of deal {} on {side:?}; now {:?} on {side:?}, {:?} on {other:?}",
        done.value,
        done.deal,
        now(side).map(ToString::to_string),
        now(other).map(ToString::to_string),
    );
    Err(Broken::new(3, what))
}

/// Promise 3 where a record was made final: with it went all that had come before on the side
/// that closed. There is no later.
fn closed_with(state: &State, number: usize, done: &Done) -> Result<(), Broken> {
    let Some(field) = done.field.filter(|field| ["value", REASON].contains(field)) else {
        return Ok(());
    };
    let of_deal = |other: &&Done| other.deal == done.deal;
    let Some((_, left)) = row(state, Side::Left, done.deal) else {
        return Ok(());
    };
    let Some(stage) = left.fields.get(&FieldId::from(STAGE)) else {
        return Ok(());
    };
    // People closed nothing on the left, and said nothing of this field there.
    let mut there = state.done.iter().filter(of_deal);
    let by_people = there.any(|other| {
        let closes = other.field == Some(STAGE) && is_closing(&other.value);
        other.side == Side::Left && (closes || other.field == Some(field))
    });
    let mut before = state.done[..number].iter().filter(of_deal);
    let is_reopening = |other: &&Done| other.edit == Edit::Reopen;
    let reopened = before.any(|other| is_reopening(&other));
    let then: Vec<_> = state.done[number..].iter().filter(of_deal).collect();
    let closed = then.iter().position(|other| {
        let of_stage = other.side == Side::Right && other.field == Some(STAGE);
        of_stage && is_closing(&other.value)
    });
    let Some(closed) = closed.filter(|_| !by_people && !reopened && is_closing(stage)) else {
        return Ok(());
    };
    if then[..=closed].iter().any(is_reopening) {
        return Ok(());
    }
    let of_field = |other: &&&Done| other.side == Side::Right && other.field == Some(field);
    let last = then[..=closed].iter().rfind(of_field);
    let value = last.map_or(&done.value, |last| &last.value);
    let now = &left.fields[&FieldId::from(field)];
    let is_now = |value: &Value| settled(Side::Left, field, value) == *now;
    // What came after it, and before we closed the other end, may go with it as well.
    let mut after = then[closed..].iter().filter(of_field);
    let newer = after.any(|other| is_now(&other.value));
    if done.side == Side::Right && !is_now(value) && !newer {
        let what = format!("{field} is {now} on the left for ever, and was {value} when it closed");
        return Err(Broken::new(3, what));
    }
    Ok(())
}

/// Promise 3 for sets, in full: what either side added is on both.
fn tag_stays(state: &State, stored: &Stored, done: &Done) -> Result<(), Broken> {
    let (Value::Set(now), Value::Set(before)) = (&done.value, &done.over) else {
        return Ok(());
    };
    if is_out(state, stored, done.deal) {
        return Ok(());
    }
    let tags = FieldId::from("tags");
    let held = stored.pairs.iter().any(|pair| {
        deal_of(state, stored, pair.id) == Some(done.deal) && pair.holds.contains_key(&tags)
    });
    // A record that is closed on the left takes nothing more: sets are left to a person then.
    let left = row(state, Side::Left, done.deal);
    if held && left.is_some_and(|(_, row)| is_closed(&row.fields)) {
        return Ok(());
    }
    for side in Side::BOTH {
        let Some((_, row)) = row(state, side, done.deal) else {
            continue;
        };
        let Some(Value::Set(tags)) = row.fields.get(&tags) else {
            return Err(Broken::new(3, format!("no tags on {side:?}")));
        };
        if let Some(tag) = now.difference(before).find(|tag| !tags.contains(*tag)) {
            return Err(Broken::new(3, format!("tag {tag} is not on {side:?}")));
        }
    }
    Ok(())
}

/// Clocks decide only where the policy says so, and then by the services' times.
fn newest_won(entry: &ConflictEntry) -> Result<(), Broken> {
    let ahead = entry.left_as_of.cmp(&entry.right_as_of);
    let right = match entry.kept {
        Some(Side::Left) => ahead.is_gt(),
        Some(Side::Right) => ahead.is_lt(),
        None => false,
    };
    if entry.rule == Rule::Newest && !(right && entry.base.is_some()) {
        return Err(Broken::new(3, "the older value won by the newest rule"));
    }
    Ok(())
}
