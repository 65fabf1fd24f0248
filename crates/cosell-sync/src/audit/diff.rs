//! What became of a pair between two commits, line by line.

use cosell_mapping::FieldId;

use crate::{AuditEntry, AuditKind, FieldChange, Hold, HoldCause, Pair, PairState};

/// Lines for all that waits now and did not, or no longer does. `line` makes an empty one.
pub(crate) fn differences(
    before: Option<&Pair>,
    now: &Pair,
    line: impl Fn(AuditKind, String) -> AuditEntry,
) -> Vec<AuditEntry> {
    let mut lines = Vec::new();
    let hold_before = |field: &FieldId| before.and_then(|pair| pair.holds.get(field));
    for (field, hold) in &now.holds {
        if hold_before(field).is_none_or(|old| !same(old, hold)) {
            let mut held = line(AuditKind::Held, why(&hold.cause));
            held.side = side(&hold.cause);
            held.fields = vec![both(field, hold)];
            lines.push(held);
        }
    }
    for (field, hold) in before.into_iter().flat_map(|pair| &pair.holds) {
        if !now.holds.contains_key(field) {
            let mut released = line(AuditKind::Released, "waits no more".to_owned());
            released.fields = vec![both(field, hold)];
            lines.push(released);
        }
    }
    let state_before = before.map_or(&PairState::Active, |pair| &pair.state);
    if *state_before != now.state {
        let message = match &now.state {
            PairState::Active => "active".to_owned(),
            PairState::Stopped { why } => format!("stopped: {why}"),
            PairState::Waiting { why } => format!("waiting: {why}"),
        };
        lines.push(line(AuditKind::State, message));
    }
    match (before.and_then(|pair| pair.park.as_ref()), &now.park) {
        (old, Some(park)) if old != Some(park) => {
            let kind = if park.dead {
                AuditKind::Dead
            } else {
                AuditKind::Parked
            };
            lines.push(line(kind, park.cause.clone()).because(park.kind));
        }
        (Some(_), None) => lines.push(line(AuditKind::Resumed, "tried again".to_owned())),
        _ => {}
    }
    lines
}

fn both(field: &FieldId, hold: &Hold) -> FieldChange {
    FieldChange::new(
        field.clone(),
        Some(hold.left.clone()),
        Some(hold.right.clone()),
    )
}

fn same(old: &Hold, new: &Hold) -> bool {
    old.left == new.left && old.right == new.right && old.cause == new.cause
}

fn side(cause: &HoldCause) -> Option<crate::Side> {
    match cause {
        HoldCause::Cannot { side, .. }
        | HoldCause::Refused { side, .. }
        | HoldCause::Partial { side }
        | HoldCause::Irreversible { side } => Some(*side),
        HoldCause::Policy { .. } => None,
    }
}

fn why(cause: &HoldCause) -> String {
    match cause {
        HoldCause::Cannot { reason, .. } | HoldCause::Refused { reason, .. } => {
            reason.detail.clone()
        }
        HoldCause::Partial { .. } => {
            "a shortened text was edited; it is not written over the whole one".to_owned()
        }
        HoldCause::Policy { why } => why.clone(),
        HoldCause::Irreversible { .. } => {
            "the move cannot be taken back and is not proven to be wanted".to_owned()
        }
    }
}
