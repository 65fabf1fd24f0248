//! Merging two values that both come from a third.

use std::collections::BTreeSet;

use cosell_mapping::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::Three;
use crate::Side;

/// Most lines of a text that is merged.
const LINES: usize = 2_000;

fn items(value: &Value) -> Option<BTreeSet<&Value>> {
    match value {
        Value::Null => Some(BTreeSet::new()),
        Value::Set(items) => Some(items.iter().collect()),
        _ => None,
    }
}

/// Both sides' additions, without what either removed. `None`: not sets.
pub(super) fn sets(three: Three<'_>) -> Option<Value> {
    let [left, right] = [items(three.left)?, items(three.right)?];
    let [was_left, was_right] = match three.base {
        Some(base) => [items(&base.left)?, items(&base.right)?],
        None => Default::default(),
    };
    let removed = |now: &BTreeSet<&Value>, was: &BTreeSet<&Value>, item: &Value| {
        was.contains(item) && !now.contains(item)
    };
    let added = |now: &BTreeSet<&Value>, was: &BTreeSet<&Value>, item: &Value| {
        now.contains(item) && !was.contains(item)
    };
    let merged: BTreeSet<Value> = left
        .union(&right)
        .filter(|item| {
            let gone = removed(&left, &was_left, item) && !added(&right, &was_right, item)
                || removed(&right, &was_right, item) && !added(&left, &was_left, item);
            !gone
        })
        .map(|item| (*item).clone())
        .collect();
    Some(if merged.is_empty() {
        Value::Null
    } else {
        Value::Set(merged)
    })
}

fn on(value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(false),
        Value::Flag(flag) => Some(*flag),
        _ => None,
    }
}

/// The side that is on where the other is off. `None` too where they are no switches.
pub(super) fn switched_on(three: Three<'_>) -> Option<Side> {
    match (on(three.left)?, on(three.right)?) {
        (true, false) => Some(Side::Left),
        (false, true) => Some(Side::Right),
        _ => None,
    }
}

/// The side whose switch stands. `None`: no switches.
pub(super) fn switch(three: Three<'_>) -> Option<Side> {
    on(three.left).and(on(three.right))?;
    let says = if three.left.is_null() {
        Side::Right
    } else {
        Side::Left
    };
    Some(switched_on(three).unwrap_or(says))
}

/// One change of a text: these lines of the base become others.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edit<'t> {
    from: usize,
    to: usize,
    lines: Vec<&'t str>,
}

/// A deletion and an insertion at one place are one edit here: a replacement.
fn edits<'t>(base: &[&str], now: &[&'t str]) -> Vec<Edit<'t>> {
    capture_diff_slices(Algorithm::Myers, base, now)
        .into_iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }))
        .map(|op| Edit {
            from: op.old_range().start,
            to: op.old_range().end,
            lines: now[op.new_range()].to_vec(),
        })
        .collect()
}

/// The text with the changes of both sides, or why a person has to say.
pub(super) fn lines(three: Three<'_>) -> Result<Value, String> {
    let hold = |why: &str| Err(format!("{why}; choose the text that is true"));
    let Some(base) = three.base else {
        return hold("at a first meeting there is no common text to merge from");
    };
    if base.left != base.right {
        return hold("the two sides did not hold the same text before");
    }
    let mut texts = Vec::new();
    for value in [&base.left, three.left, three.right] {
        let text = match value {
            Value::Null => "",
            Value::Text(text) => text,
            _ => return hold("not a text on both sides"),
        };
        texts.push(text.split('\n').collect::<Vec<_>>());
    }
    if texts.iter().any(|text| text.len() > LINES) {
        return hold("the text is too long to be merged");
    }
    let base = &texts[0];
    let mut all = edits(base, &texts[1]);
    all.extend(edits(base, &texts[2]));
    all.sort();
    // The same change on both sides is one change.
    all.dedup();
    if all.windows(2).any(|two| two[1].from <= two[0].to) {
        return hold("both sides changed the same lines, or lines next to each other");
    }
    let mut merged: Vec<&str> = Vec::new();
    let mut at = 0;
    for edit in all {
        merged.extend(&base[at..edit.from]);
        merged.extend(edit.lines);
        at = edit.to;
    }
    merged.extend(&base[at..]);
    Ok(Value::text(merged.join("\n")))
}
