//! The promises, asserted from the state of both services as it is.

use std::{collections::BTreeSet, sync::Arc};

use chrono::DateTime;
use cosell::http::Transport;
use cosell::sync::{
    Cursor, FieldId, LogStore as _, Pair, PairState, PairStore as _, QueueStore as _, RecordId,
    Replica, Side, StateStore as _,
    testkit::{Broken, drive},
};
use cosell_sandbox::{InProcess, SandboxHandle};

use super::{
    facts::{Done, Facts},
    stage::Node,
    truth::{FIELDS, Record, in_words, rows},
    world::Setup,
};

/// All that is stored, read through the port.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) cursors: [Option<Cursor>; 2],
    pub(crate) hints: Vec<cosell::sync::QueuedHint>,
    pub(crate) conflicts: Vec<cosell::sync::ConflictEntry>,
    pub(crate) skipped: Vec<cosell::sync::SkippedRecord>,
}

pub(crate) fn stored(store: &cosell::sync::MemoryStore) -> Stored {
    let all = async {
        Stored {
            pairs: store.pairs(None, usize::MAX).await.unwrap(),
            cursors: [
                store.cursor(Side::Left).await.unwrap(),
                store.cursor(Side::Right).await.unwrap(),
            ],
            hints: store
                .due(DateTime::<chrono::Utc>::MAX_UTC, usize::MAX)
                .await
                .unwrap(),
            conflicts: store.conflicts(0, usize::MAX).await.unwrap(),
            skipped: store.skipped(0, usize::MAX).await.unwrap(),
        }
    };
    drive(all).expect("memory does not wait")
}

fn is_own(pair: &Pair, side: Side, id: &str) -> bool {
    pair.end(side)
        .id
        .as_ref()
        .is_some_and(|end| end.as_str() == id)
}

/// In every state in which the process may die: promises 9 and 10.
pub(crate) fn look(node: &Node, setup: &Setup) -> Result<(), Broken> {
    let facts = &node.facts;
    if let Some(broken) = &facts.broken {
        return Err(broken.clone());
    }
    let stored = stored(&node.store);
    for side in Side::BOTH {
        if let Some(cursor) = &stored.cursors[side as usize] {
            no_hint_is_passed(node, setup, &stored, side, cursor)?;
        }
    }
    for pair in &stored.pairs {
        for side in Side::BOTH {
            let id = pair
                .end(side)
                .id
                .as_ref()
                .map(|id| (side, id.as_str().to_owned()));
            let Some(deal) = id.and_then(|key| facts.deals.get(&key).copied()) else {
                continue;
            };
            for field in FIELDS {
                let Some(images) = pair.base.get(&FieldId::from(field)) else {
                    continue;
                };
                let image = in_words(images.of(side));
                let held = facts.held.get(&(side, deal, field));
                if !held.is_some_and(|held| held.contains(&image)) {
                    let what = format!("base of {field}: {side:?} never held {image}");
                    return Err(Broken::new(10, what));
                }
            }
        }
    }
    Ok(())
}

/// Asks the service what it would still tell from this cursor: whatever changed and is neither
/// that nor remembered is forgotten.
fn no_hint_is_passed(
    node: &Node,
    setup: &Setup,
    stored: &Stored,
    side: Side,
    cursor: &Cursor,
) -> Result<(), Broken> {
    let forgotten: Vec<&Record> = node
        .facts
        .now
        .iter()
        .filter(|(key, record)| key.0 == side && !is_remembered(stored, side, record))
        .map(|(_, record)| record)
        .collect();
    if forgotten.is_empty() {
        return Ok(());
    }
    let handle = SandboxHandle::of((*node.sandbox).clone());
    // Lists that lag will show it.
    handle.advance(node.sandbox.partner_center().options().list_lag);
    let transport: Arc<dyn Transport> = Arc::new(InProcess::new(handle.clone()));
    let (left, _, right) = setup.ends(&handle, &transport, None);
    let end: &dyn Replica = match side {
        Side::Left => &left,
        Side::Right => &right,
    };
    let mut told = BTreeSet::new();
    let mut cursor = cursor.clone();
    // What moved to the front while a pass was under way is told of by the next one.
    let mut passes = 0;
    while passes < 2 {
        let Some(Ok(page)) = drive(end.hints(Some(&cursor))) else {
            // An expired cursor starts over with everything.
            return Ok(());
        };
        told.extend(page.hints.into_iter().map(|hint| hint.id));
        passes += usize::from(!page.more);
        cursor = page.cursor;
    }
    let lost = forgotten
        .iter()
        .find(|record| !told.contains(record.id.as_str()));
    lost.map_or(Ok(()), |record| {
        let what = format!(
            "{side:?} {} changed before the cursor and is forgotten",
            record.id
        );
        Err(Broken::new(9, what))
    })
}

/// Is the newest state of a record taken into account, or will it be?
fn is_remembered(stored: &Stored, side: Side, record: &Record) -> bool {
    let names = |id: &RecordId| id.as_str() == record.id;
    let queued = stored
        .hints
        .iter()
        .any(|hint| hint.side == side && names(&hint.id));
    let skipped = stored
        .skipped
        .iter()
        .any(|skip| skip.side == side && names(&skip.id));
    let known = stored
        .pairs
        .iter()
        .find(|pair| is_own(pair, side, &record.id));
    let seen = known.is_some_and(|pair| {
        let end = pair.end(side);
        let version = |known: &cosell::sync::Version| known.as_str() == record.version;
        let unsettled = Side::BOTH
            .into_iter()
            .any(|side| pair.end(side).version.is_none());
        // Work on a pair that is not done looks at both ends, whatever led to it.
        let led = stored
            .hints
            .iter()
            .any(|hint| unsettled && pair.ids(hint.side).any(|id| *id == hint.id));
        led || pair.park.is_some()
            || end.version.as_ref().is_some_and(version)
            || end.retired.iter().any(version)
    });
    // A closed record that founded no pair is none of ours, nor is one that takes no part.
    let nothing = known.is_none() && (!record.open || !record.takes_part);
    queued || skipped || seen || nothing
}

/// When the engine is quiet.
pub(crate) fn quiet(node: &Node) -> Result<(), Broken> {
    let (facts, stored) = (&*node.facts, stored(&node.store));
    if let Some(broken) = &facts.broken {
        return Err(broken.clone());
    }
    let deals: BTreeSet<u8> = facts.deals.values().copied().collect();
    for deal in deals {
        one_record(facts, deal)?;
        together(facts, &stored, deal)?;
        by_a_person(facts, deal)?;
    }
    one_account(node, facts)?;
    for number in 0..facts.done.len() {
        not_lost(facts, &stored, number)?;
    }
    for entry in &stored.conflicts {
        let pair = stored.pairs.iter().find(|pair| pair.id == entry.pair);
        let deal = pair.and_then(|pair| deal_of(facts, pair));
        let field = FIELDS
            .into_iter()
            .find(|field| *field == entry.field.as_str());
        let (Some(deal), Some(field)) = (deal, field) else {
            let what = format!(
                "a conflict in {}, which nobody edits, is logged",
                entry.field
            );
            return Err(Broken::new(5, what));
        };
        for (side, value) in [(Side::Left, &entry.left), (Side::Right, &entry.right)] {
            let value = in_words(value);
            // Without a base nothing tells who moved: what was there is all that can be known.
            let known = match &entry.base {
                Some(_) => &facts.outside,
                None => &facts.held,
            };
            let outside = known.get(&(side, deal, field));
            // Accepted by the service itself, as every deal of the partner's own.
            let own = field == "deal_state" && side == Side::Left && value == "accepted";
            if !own && !outside.is_some_and(|outside| outside.contains(&value)) {
                let what =
                    format!("a conflict in {field} is logged, but nobody put {value} on {side:?}");
                return Err(Broken::new(5, what));
            }
        }
    }
    Ok(())
}

fn deal_of(facts: &Facts, pair: &Pair) -> Option<u8> {
    Side::BOTH.into_iter().find_map(|side| {
        let id = pair.end(side).id.as_ref()?.as_str().to_owned();
        facts.deals.get(&(side, id)).copied()
    })
}

fn one_record(facts: &Facts, deal: u8) -> Result<(), Broken> {
    for side in Side::BOTH {
        let keys = facts
            .now
            .keys()
            .filter(|key| key.0 == side && facts.deals.get(*key) == Some(&deal));
        let ids: Vec<&str> = keys.map(|(_, id)| id.as_str()).collect();
        if ids.len() > 1 {
            let what = format!("deal {deal} has records {} on {side:?}", ids.join(", "));
            return Err(Broken::new(6, what));
        }
    }
    Ok(())
}

/// An account is made for a customer once.
fn one_account(node: &Node, facts: &Facts) -> Result<(), Broken> {
    let accounts = rows(&node.sandbox, "account");
    let customers: BTreeSet<String> = accounts.iter().map(|row| row["name"].to_string()).collect();
    if accounts.len() > customers.len().max(facts.accounts) {
        return Err(Broken::new(
            6,
            format!("{} accounts for {customers:?}", accounts.len()),
        ));
    }
    Ok(())
}

/// May the deal rest as it is: gone, switched off, unreadable, or closed before it was a pair?
fn is_out(facts: &Facts, stored: &Stored, deal: u8) -> bool {
    let records = Side::BOTH.map(|side| facts.record(side, deal));
    let gone = facts
        .done
        .iter()
        .any(|done| done.deal == deal && done.edit == super::edits::Edit::Delete);
    let off = records.iter().flatten().any(|record| !record.takes_part);
    let paired = stored
        .pairs
        .iter()
        .any(|pair| deal_of(facts, pair) == Some(deal));
    let closed = records.iter().flatten().any(|record| !record.open);
    let alone = records.iter().any(Option::is_none);
    gone || off || facts.bad.contains(&deal) || closed && (!paired || alone)
}

/// Promise 1, field by field.
fn together(facts: &Facts, stored: &Stored, deal: u8) -> Result<(), Broken> {
    if is_out(facts, stored, deal) {
        return Ok(());
    }
    let broken = |what: String| Err(Broken::new(1, format!("deal {deal}: {what}")));
    let [Some(left), Some(right)] = Side::BOTH.map(|side| facts.record(side, deal)) else {
        return broken("one side has no record of it".to_owned());
    };
    let ends =
        |pair: &&Pair| is_own(pair, Side::Left, &left.id) && is_own(pair, Side::Right, &right.id);
    let Some(pair) = stored.pairs.iter().find(ends) else {
        return broken(format!("{} and {} are no pair", left.id, right.id));
    };
    if pair.state != PairState::Active || pair.park.is_some() || pair.intent.is_some() {
        return broken(format!(
            "the pair rests without cause: {:?}, park {:?}, intent {:?}",
            pair.state, pair.park, pair.intent
        ));
    }
    if right.names.as_ref() != Some(&left.id) {
        return broken("the opportunity does not name its referral".to_owned());
    }
    for field in FIELDS {
        let (l, r) = (&left.fields[field], &right.fields[field]);
        // On Hold on an accepted deal is the seller's own remark.
        let remark = field == "deal_state" && l == "accepted" && r == "pending";
        let held = pair
            .holds
            .get(&FieldId::from(field))
            .is_some_and(|hold| in_words(&hold.left) == *l && in_words(&hold.right) == *r);
        if l != r && !remark && !held {
            return broken(format!("{field} is {l} on the left and {r} on the right"));
        }
    }
    Ok(())
}

/// Promise 14, as far as it is about single deals: nothing is accepted or closed that no person
/// accepted or closed.
fn by_a_person(facts: &Facts, deal: u8) -> Result<(), Broken> {
    for side in Side::BOTH {
        let Some(record) = facts.record(side, deal) else {
            continue;
        };
        let state = &record.fields["deal_state"];
        let by_person = Side::BOTH.into_iter().any(|side| {
            let outside = facts.outside.get(&(side, deal, "deal_state"));
            outside.is_some_and(|outside| outside.contains(state))
        });
        // A deal of the partner's own is accepted from the start.
        let own = state == "accepted" && facts.born_in_crm.contains(&deal);
        if state != "pending" && !by_person && !own {
            let what = format!("deal {deal} is {state} on {side:?}, which no person did");
            return Err(Broken::new(14, what));
        }
    }
    Ok(())
}

/// Promise 3 for one edit.
fn not_lost(facts: &Facts, stored: &Stored, number: usize) -> Result<(), Broken> {
    let done: &Done = &facts.done[number];
    let Some(field) = done
        .edit
        .field()
        .filter(|_| !is_out(facts, stored, done.deal))
    else {
        return Ok(());
    };
    let side = done.edit.side();
    let replaced = facts.done[number + 1..].iter().any(|later| {
        later.deal == done.deal
            && later.edit.field() == Some(field)
            // Where it was carried before, the later edit was made knowing it.
            && (later.edit.side() == side || later.over == done.value)
    });
    let now = |side| {
        facts
            .record(side, done.deal)
            .map(|record| &record.fields[field])
    };
    let pair = stored
        .pairs
        .iter()
        .find(|pair| deal_of(facts, pair) == Some(done.deal));
    let held = pair.is_some_and(|pair| pair.holds.contains_key(&FieldId::from(field)));
    let stands = now(side) == Some(&done.value) && (held || now(side.other()) == Some(&done.value));
    let logged = stored.conflicts.iter().any(|entry| {
        let value = match side {
            Side::Left => &entry.left,
            Side::Right => &entry.right,
        };
        entry.field.as_str() == field && in_words(value) == done.value
    });
    if replaced || stands || logged {
        return Ok(());
    }
    let what = format!(
        "{} was set in {field} of deal {} on {side:?}; now {:?} on {side:?}, {:?} on {:?}",
        done.value,
        done.deal,
        now(side),
        now(side.other()),
        side.other(),
    );
    Err(Broken::new(3, what))
}
