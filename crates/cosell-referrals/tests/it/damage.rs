//! Records in any state of damage: every judgement answers, none panics.

use chrono::{DateTime, TimeDelta, Utc};
use cosell_referrals::{
    Contract, Deadlines, DealKind, Deployment, Engagement, Member, NewReferral, Patch,
    PricingModel, Profile, Referral, RegisteredSolution, Registration, Solution, State, Violations,
};
use proptest::prelude::*;
use serde_json::{Value, value::RawValue};

use crate::support::SAMPLE;

const KINDS: [DealKind; 4] = [
    DealKind::Private,
    DealKind::PartnerLed,
    DealKind::CoSell,
    DealKind::ServicesCoSell,
];

fn now() -> DateTime<Utc> {
    "2026-03-09T15:00:00Z".parse().unwrap()
}

/// Everything that is judged of a record.
fn judge_everything(read: &Referral) {
    let _ = (read.category(), read.state());
    for moment in [now(), DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        if let Ok(deadlines) = Deadlines::of(read, Some(moment)) {
            let _ = deadlines.warnings(moment, TimeDelta::MAX);
            let _ = deadlines.before_win(moment);
        }
        for registration in read.registrations().unwrap_or_default() {
            let _ = registration.check_for(read, Some(read), moment);
        }
        let contract = Contract::finite(1, "USD", moment, now(), moment);
        let sold = RegisteredSolution::new(
            "a",
            1,
            "USD",
            Deployment::Customer,
            PricingModel::PayAsYouGo,
        );
        let _ = Registration::new(&contract, &[sold]).check_for(read, Some(read), now());
    }
    if let Ok(engagement) = Engagement::sort([read.clone(), read.clone()], "5d0f2c1e") {
        let _ = (engagement.kind(), engagement.microsofts_answer());
        for kind in KINDS {
            let _ = engagement.missing(kind);
        }
    }
    for profile in [Profile::Strict, Profile::Lenient] {
        for patch in [
            Patch::new().accept(),
            Patch::new().win(),
            Patch::new().with_notes("x"),
        ] {
            let _ = patch.check_for(read, profile);
        }
        let draft = NewReferral::from_raw(read.raw().clone());
        for kind in KINDS {
            let _ = (
                draft.check_as(kind, profile),
                draft.check_invitation(kind, profile),
            );
        }
    }
    let _ = Patch::new().add_to_team(read, &[Member::default()]);
    let _ = Patch::new().add_to_customer_team(read, &[Member::default()]);
    let _ = Patch::new().add_solutions(read, &[Solution::default()]);
}

/// A value that no member of the record expects, or the edge of what it does.
fn oddity() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        true.into(),
        "".into(),
        "msft".into(),
        (-1).into(),
        u64::MAX.into(),
        "79228162514264337593543950335".into(),
        "-79228162514264337593543950335".into(),
        "+262142-12-31T23:59:59.999999999Z".into(),
        "-262143-01-01T00:00:00Z".into(),
        "9999-12-31T23:59:60Z".into(),
        "0001-01-01T00:00:00Z".into(),
        Value::Array(vec![]),
        Value::Array(vec![Value::Null, 1.into(), "x".into()]),
        serde_json::json!({}),
        serde_json::json!([{}, { "id": [] }]),
        serde_json::json!([{ "contract": {
            "value": "79228162514264337593543950335", "currency": "USD", "term": "Finite",
            "startDateTime": "-262143-01-01T00:00:00Z", "endDateTime": "+262142-12-31T00:00:00Z",
        } }]),
    ])
}

/// Every place of a value within the record.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                places(value, format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_odd_value_makes_a_judgement_panic(
        odd in proptest::collection::vec((any::<prop::sample::Index>(), oddity()), 1..5),
        state in 0..3_usize,
    ) {
        let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
        let state = [State::PENDING, State::ACCEPTED, State::WON][state].clone();
        body["status"] = state.status.as_str().into();
        body["substatus"] = state.substatus.as_str().into();
        for (place, value) in odd {
            let mut found = Vec::new();
            places(&body, String::new(), &mut found);
            // The record itself, the last place, stays an object.
            let place = &found[place.index(found.len() - 1)];
            *body.pointer_mut(place).unwrap() = value;
        }
        judge_everything(&Referral::from_json(body.to_string().as_bytes()).unwrap());
    }

    #[test]
    fn a_patch_writes_no_path_but_its_own(path in "(/[a-zA-Z0-9~-]{0,12}){0,4}/?", value: i64) {
        let value = RawValue::from_string(value.to_string()).unwrap();
        if let Ok(patch) = Patch::new().with_json(&path, value) {
            let text = patch.to_json(Default::default());
            let document: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(document[0]["path"].as_str().unwrap(), path);
            prop_assert!(!text.contains("/-"));
        }
    }
}

#[test]
fn faults_hold_no_values() {
    let secret = "Ada Berg";
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["customerProfile"]["team"][0]["email"] = Value::Null;
    body["customerProfile"]["team"][0]["firstName"] = secret.into();
    body["customerProfile"]["address"]["country"] = secret.into();
    body["details"]["currency"] = secret.into();
    let draft = NewReferral::from_raw(serde_json::from_value(body).unwrap());
    let faults: Violations = draft
        .check_as(DealKind::CoSell, Profile::Strict)
        .unwrap_err();
    assert!(!format!("{faults} {faults:?}").contains(secret));
}
