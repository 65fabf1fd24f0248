//! The fields of the toy: what fits where, who wins, what cannot be taken back.

use std::time::Duration;

use cosell_mapping::{FieldId, Loss, Reason, ReasonCode, Settled, Snapshot, Value};

use crate::{
    Capabilities, FieldPolicies, FieldPolicy, RefusedField, Side, Three, Verdict, WriteError,
};

/// The fields that both records of a deal share.
pub(super) const FIELDS: [&str; 5] = ["name", "value", "note", "tags", "date"];
/// What a helper says; on the right a column of the deal's record.
pub(super) const STATUS: &str = "status";
/// How far a deal is; closed on the left for ever, on the right by a step of its own.
pub(super) const STAGE: &str = "stage";
/// Why a deal was lost.
pub(super) const REASON: &str = "reason";
/// All fields.
pub(super) const ALL: [&str; 8] = [
    "name", "value", "note", "tags", "date", STATUS, STAGE, REASON,
];
/// The part that a record on the right may ask for.
pub(super) const HELPER: &str = "helper";
/// The window of the brakes.
pub(super) const WINDOW: Duration = Duration::from_secs(3_600);
/// What a row holds in a column that nobody maps.
pub(super) const FOREIGN: u64 = 7;
/// Edits of a date on both sides within this time are left to a person.
const TOLERANCE: Duration = Duration::from_secs(5);
/// Longest name on the left.
const NAME_KEPT: usize = 6;

pub(super) const PENDING: &str = "pending";
pub(super) const ACCEPTED: &str = "accepted";
pub(super) const WON: &str = "won";
pub(super) const LOST: &str = "lost";

/// A value that no side takes, in any field.
pub(super) const REFUSED: &str = "refused";

/// Why `fields` are not taken, if one of them is refused.
pub(super) fn refusal(fields: &Snapshot) -> Option<WriteError> {
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

/// The tag of every new deal.
pub(super) fn first_tag() -> Value {
    Value::text("first")
}

pub(super) fn is_closing(stage: &Value) -> bool {
    [WON, LOST]
        .iter()
        .any(|closed| *stage == Value::text(*closed))
}

pub(super) fn stage_of(fields: &Snapshot) -> Option<&Value> {
    fields.get(&FieldId::from(STAGE))
}

pub(super) fn is_closed(fields: &Snapshot) -> bool {
    stage_of(fields).is_some_and(is_closing)
}

/// What would become of a value on one side, on the record that holds `now`.
pub(super) fn settle(side: Side, field: &str, wanted: &Value, now: Option<&Snapshot>) -> Settled {
    if is_refused(wanted) {
        return Settled::Cannot(not_taken());
    }
    if now.is_some_and(is_closed) && (side == Side::Left || field == STAGE) {
        let reason = Reason::new(ReasonCode::Closed, "the record is closed");
        return Settled::Cannot(reason);
    }
    let (Side::Left, Value::Text(text)) = (side, wanted) else {
        return Settled::Fits;
    };
    let becomes = |text: &str, loss| Settled::Becomes {
        value: Value::text(text),
        loss,
    };
    match field {
        STAGE => stage_on_left(wanted, now.and_then(stage_of)),
        "name" if text.len() > NAME_KEPT => becomes(&text[..NAME_KEPT], Loss::Shortened),
        "value" => match text.split_once('.') {
            Some((whole, _)) => becomes(whole, Loss::Rounded),
            None => Settled::Fits,
        },
        _ => Settled::Fits,
    }
}

/// What is accepted stays so until it is closed, and what we make there is accepted at once.
fn stage_on_left(wanted: &Value, now: Option<&Value>) -> Settled {
    let is = |stage: &Value, name: &str| *stage == Value::text(name);
    let may = match now {
        None => !is_closing(wanted),
        Some(now) if is(now, PENDING) => !is(wanted, WON),
        Some(_) => true,
    };
    if !may {
        let reason = Reason::new(ReasonCode::IllegalMove, "it must be accepted first");
        return Settled::Cannot(reason);
    }
    if is(wanted, PENDING) && now.is_none_or(|now| is(now, ACCEPTED)) {
        return Settled::Becomes {
            value: Value::text(ACCEPTED),
            loss: Loss::Rounded,
        };
    }
    Settled::Fits
}

/// What would become of a value on a record that is open.
pub(super) fn settled(side: Side, field: &str, wanted: &Value) -> Value {
    match settle(side, field, wanted, None) {
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
        able.apart = vec![FieldId::from(STAGE)];
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
        .with_field(STAGE, stages(side.other()))
}

/// At first the referral's stage stands, and so it does once it is closed. No move of it can be
/// taken back.
fn stages(referral: Side) -> FieldPolicy {
    FieldPolicy::own("rules of the stage", move |_, three: Three<'_>| {
        if is_closing(three.of(referral)) {
            return Verdict::Keep(referral);
        }
        Verdict::Hold("moved on both sides; choose the stage that is true".to_owned())
    })
    .with_first_meeting(FieldPolicy::wins(referral))
    .with_irreversible(referral)
}
