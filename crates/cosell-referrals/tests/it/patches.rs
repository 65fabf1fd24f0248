//! Patch documents, byte for byte.

use chrono::{DateTime, Utc};
use cosell_http::Repeat;
use cosell_referrals::{
    ETag, Member, Patch, PatchOptions, PatchVerb, Solution, SolutionType, Status, Substatus,
};
use rust_decimal::Decimal;

fn json(patch: &Patch) -> String {
    patch.to_json(PatchVerb::Replace)
}

fn fields(patch: &Patch) -> Vec<String> {
    let violations = patch.check().unwrap_err();
    violations
        .list()
        .iter()
        .map(|one| one.field.clone())
        .collect()
}

#[test]
fn a_change_of_state_travels_as_one_pair() {
    for (patch, document) in [
        (
            Patch::new().accept(),
            r#"[{"op":"replace","path":"/status","value":"Active"},{"op":"replace","path":"/substatus","value":"Accepted"}]"#,
        ),
        (
            Patch::new().win(),
            r#"[{"op":"replace","path":"/status","value":"Closed"},{"op":"replace","path":"/substatus","value":"Won"}]"#,
        ),
        (
            Patch::new().lose("Chose another vendor"),
            r#"[{"op":"replace","path":"/status","value":"Closed"},{"op":"replace","path":"/substatus","value":"Lost"},{"op":"replace","path":"/statusReason","value":"Chose another vendor"}]"#,
        ),
        (
            Patch::new().decline("Customer requirement not met"),
            r#"[{"op":"replace","path":"/status","value":"Closed"},{"op":"replace","path":"/substatus","value":"Declined"},{"op":"replace","path":"/statusReason","value":"Customer requirement not met"}]"#,
        ),
    ] {
        patch.check().unwrap();
        assert_eq!(json(&patch), document);
    }
}

#[test]
fn values_keep_their_digits_and_dates_their_zone() {
    let close: DateTime<Utc> = "2026-09-30T00:00:00Z".parse().unwrap();
    let patch = Patch::new()
        .with_deal_value(Decimal::from_str_exact("922337203685477.5807").unwrap())
        .with_currency("GBP")
        .with_closing_date_time(close);
    assert_eq!(
        json(&patch),
        r#"[{"op":"replace","path":"/details/dealValue","value":922337203685477.5807},{"op":"replace","path":"/details/currency","value":"GBP"},{"op":"replace","path":"/details/closingDateTime","value":"2026-09-30T00:00:00Z"}]"#
    );
}

#[test]
fn every_change_is_a_published_path_or_the_marked_one() {
    let everything = Patch::new()
        .accept()
        .with_status_reason("x")
        .with_sales_stage("40")
        .with_external_reference_id("x")
        .with_campaign_id("x")
        .with_referral_program("x")
        .with_deal_value(1)
        .with_currency("USD")
        .with_closing_date_time(DateTime::UNIX_EPOCH)
        .with_notes("x")
        .with_solutions(&[Solution::new("SOL-1", SolutionType::Name)])
        .with_customer_team(&[Member::new("a", "b", "c", "d")])
        .with_team(&[])
        .share_with_microsoft_sellers()
        .with_name("x");
    let document: Vec<serde_json::Value> = serde_json::from_str(&json(&everything)).unwrap();
    let paths: Vec<_> = document
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "/status",
            "/substatus",
            "/statusReason",
            "/salesStage",
            "/externalReferenceId",
            "/campaignId",
            "/referralProgram",
            "/details/dealValue",
            "/details/currency",
            "/details/closingDateTime",
            "/details/notes",
            "/details/requirements/solutions",
            "/customerProfile/team",
            "/team",
            "/consent/consentToShareReferralWithMicrosoftSellers",
            "/name",
        ]
    );
    let consent = &document[14];
    assert_eq!(consent["value"], true);
}

#[test]
fn the_later_value_of_a_field_counts() {
    let patch = Patch::new()
        .with_notes("a")
        .with_currency("USD")
        .with_notes("b");
    assert_eq!(
        patch.to_json(PatchVerb::Add),
        r#"[{"op":"add","path":"/details/currency","value":"USD"},{"op":"add","path":"/details/notes","value":"b"}]"#
    );
}

#[test]
fn what_the_service_refuses_or_breaks_on_is_told_at_once() {
    assert_eq!(fields(&Patch::new()), ["patch"]);
    let patch = Patch::new()
        .lose("")
        .with_name(" ")
        .with_deal_value(0)
        .with_currency("")
        .with_solutions(&[]);
    assert_eq!(
        fields(&patch),
        [
            "statusReason",
            "name",
            "details.dealValue",
            "details.currency",
            "details.requirements.solutions",
        ]
    );
    let mixed = Patch::new().with_state(&Status::New, &Substatus::Won);
    assert_eq!(fields(&mixed), ["substatus"]);
    let expired = Patch::new().with_state(&Status::Closed, &Substatus::Expired);
    assert_eq!(fields(&expired), ["substatus"]);
    let unknown = Patch::new().with_state(&Status::Other("Paused".into()), &Substatus::Pending);
    unknown.check().unwrap();
}

#[test]
fn only_a_patch_that_may_run_twice_is_repeated() {
    let patch = Patch::new().with_notes("x");
    let conditional = PatchOptions::default().with_if_match(ETag::new("\"t\""));
    assert_eq!(patch.repeat(&conditional), Repeat::IfNotSent);
    assert_eq!(patch.repeat(&PatchOptions::default()), Repeat::Safe);
    let closing = patch.win();
    assert_eq!(closing.repeat(&PatchOptions::default()), Repeat::IfNotSent);
}

#[test]
fn debug_shows_paths_without_values() {
    let shown = format!("{:?}", Patch::new().with_notes("call Ada Berg"));
    assert_eq!(shown, r#"Patch {"/details/notes"}"#);
}
