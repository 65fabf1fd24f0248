use super::*;

#[test]
fn if_match_takes_the_tag_with_its_quotes_a_list_or_a_star() {
    let document = replace("/details/notes", "new");
    type Header = fn(&str) -> String;
    let rows: &[(Header, bool)] = &[
        (str::to_owned, true),
        (|tag| format!("\"other\", {tag}"), true),
        (|_| "*".into(), true),
        (|tag| tag.trim_matches('"').into(), false),
        (|tag| tag.replace('"', "\\\""), false),
        (|tag| format!("W/{tag}"), false),
        (|tag| tag.to_uppercase(), false),
        (|_| "\"\"".into(), false),
        (|_| String::new(), false),
    ];
    for (number, (header, passes)) in rows.iter().enumerate() {
        let mut desk = Desk::default();
        let id = desk.deal();
        let tag = desk.body(id)["eTag"].as_str().unwrap().to_owned();
        let got = desk.patch_with(id, &document, &[("If-Match", &header(&tag))]);
        if *passes {
            assert_eq!(got.status, 204, "row {number}");
            assert_ne!(desk.body(id)["eTag"], tag.as_str());
            let stale = desk.patch_with(id, &document, &[("If-Match", &tag)]);
            assert_eq!(stale.status, 412);
        } else {
            assert_eq!(got.status, 412, "row {number}");
            assert_eq!(desk.body(id)["eTag"], tag.as_str());
            let error = &got.body["error"];
            assert_eq!(
                (&error["code"], &error["target"]),
                (&json!("preconditionFailed"), &json!("ETag"))
            );
            assert_eq!(error["innerError"]["code"], "99918");
        }
    }
    // Without a condition the last write wins.
    let mut desk = Desk::default();
    let id = desk.deal();
    assert_eq!(desk.patch(id, &document).status, 204);
    assert_eq!(desk.patch(id, &document).status, 204);
}

#[test]
fn a_representation_is_given_on_request_only() {
    let mut desk = Desk::default();
    let id = desk.deal();
    let got = desk.patch_with(
        id,
        &replace("/details/notes", "a"),
        &[("Prefer", "return=representation")],
    );
    assert_eq!(
        (got.status.as_u16(), &got.body["details"]["notes"]),
        (200, &json!("a"))
    );
    assert!(
        got.body["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("$metadata#Referrals/$entity")
    );
    let got = desk.patch(id, &replace("/details/notes", "b"));
    assert_eq!((got.status.as_u16(), got.body), (204, Value::Null));
    assert!(!got.headers.contains_key("content-type"));
}

#[test]
fn only_the_listed_paths_and_operations_are_patched() {
    let mut desk = Desk::default();
    let id = desk.deal();
    let member = json!({ "firstName": "Mei", "lastName": "Tan", "phoneNumber": "+6560000001", "email": "mei@northwind.example" });
    for document in [
        replace("/details/dealValue", "91000.50"),
        replace("/details/currency", "EUR"),
        replace("/statusReason", "why"),
        replace("/salesStage", "40"),
        replace("/campaignId", "c"),
        replace("/referralProgram", "p"),
        json!([ { "op": "add", "path": "/externalReferenceId", "value": "OPP-1" } ]),
        json!([ { "op": "add", "path": "/team/-", "value": member } ]),
        json!([ { "op": "add", "path": "/details/requirements/solutions/-", "value": { "id": "SOL-2", "Type": "Name" } } ]),
        replace("/customerProfile/team", json!([member])),
    ] {
        let got = desk.patch(id, &document);
        assert_eq!(got.status, 204, "{document}: {}", got.body);
    }
    let body = desk.body(id);
    assert_eq!(body["details"]["dealValue"], json!(91000.5));
    assert_eq!(body["team"].as_array().unwrap().len(), 2);
    assert_eq!(body["team"][1]["title"], Value::Null);
    assert_eq!(
        body["details"]["requirements"]["solutions"][1]["type"],
        "Name"
    );

    let before = body.clone();
    for (document, target) in [
        (json!({ "op": "replace" }), "body"),
        (json!([]), "body"),
        (
            json!([ { "op": "remove", "path": "/statusReason" } ]),
            "[0].op",
        ),
        (
            json!([ { "op": "test", "path": "/name", "value": "x" } ]),
            "[0].op",
        ),
        (
            json!([ { "op": "replace", "path": "/statusReason" } ]),
            "[0].value",
        ),
        (json!([ { "path": "/statusReason", "value": "x" } ]), "[0]"),
        (replace("/name", "x"), "name"),
        (replace("/Details/notes", "x"), "Details.notes"),
        (replace("/details/notes/", "x"), "details.notes."),
        (replace("details/notes", "x"), "notes"),
        (replace("/team/0", member.clone()), "team.0"),
        (replace("/team/-", member.clone()), "team"),
        (replace("/team", Value::Null), "team"),
        (replace("/mpnId", "1"), "mpnId"),
        (
            replace("/customerProfile/name", "x"),
            "customerProfile.name",
        ),
        (replace("/registrations/-", json!({})), "registrations"),
        (replace("/details/dealValue", 0), "details.dealValue"),
        (replace("/details/dealValue", ""), "details.dealValue"),
        (
            replace("/details/dealValue", Value::Null),
            "details.dealValue",
        ),
        (replace("/details/currency", "Euro"), "details.currency"),
        (replace("/details/notes", 7), "details.notes"),
        (
            replace("/details/requirements/solutions", json!([])),
            "details.requirements.solutions",
        ),
    ] {
        let got = desk.patch(id, &document);
        assert_eq!(got.target(), (400, target), "{document}");
        // A good operation beside a bad one is not stored either.
        if let Value::Array(mut operations) = document
            && !operations.is_empty()
        {
            let good = json!({ "op": "replace", "path": "/statusReason", "value": "half" });
            operations.insert(0, good);
            assert_eq!(desk.patch(id, &Value::Array(operations)).status, 400);
        }
        assert_eq!(desk.body(id), &before);
    }
}

#[test]
fn moves_of_status_follow_the_table() {
    use Validation::{Lenient, Strict};
    let pairs = [
        ("New", "Pending"),
        ("New", "Received"),
        ("Active", "Accepted"),
        ("Closed", "Won"),
        ("Closed", "Lost"),
        ("Closed", "Declined"),
        ("Closed", "Expired"),
        ("Closed", "Error"),
    ];
    // Rows: from New/Pending, from Active/Accepted. `l`: in lenient mode only.
    let table = ["yyyllyny", "nnyyylny"];
    for (row, start) in table.iter().zip([false, true]) {
        for (verdict, to) in row.chars().zip(pairs) {
            for mode in [Strict, Lenient] {
                let mut desk = Desk::new(
                    Options::default()
                        .with_validation(mode)
                        .with_matching_delay(None),
                );
                let id = desk.inbound();
                if start {
                    assert_eq!(desk.patch(id, &state("Active", "Accepted")).status, 204);
                }
                let got = desk.patch(id, &state(to.0, to.1));
                let allowed = verdict == 'y' || (verdict == 'l' && mode == Lenient);
                assert_eq!(
                    got.status.is_success(),
                    allowed,
                    "active: {start}, to {to:?}, {mode:?}"
                );
                if allowed {
                    let body = desk.body(id);
                    assert_eq!(
                        (body["status"].as_str(), body["substatus"].as_str()),
                        (Some(to.0), Some(to.1))
                    );
                    assert_eq!(body["closedDateTime"].is_string(), to.0 == "Closed");
                    assert_eq!(
                        body["acceptedDateTime"].is_string(),
                        start || to.0 == "Active"
                    );
                } else {
                    assert_eq!(got.target().0, 400);
                }
            }
        }
    }
}

#[test]
fn status_and_substatus_change_in_one_consistent_document() {
    let mut desk = Desk::default();
    let id = desk.inbound();
    assert_eq!(
        desk.patch(id, &replace("/status", "Active")).target(),
        (400, "substatus")
    );
    assert_eq!(
        desk.patch(id, &replace("/substatus", "Accepted")).target(),
        (400, "substatus")
    );
    assert_eq!(
        desk.patch(id, &state("Active", "Won")).target(),
        (400, "substatus")
    );
    assert_eq!(
        desk.patch(id, &state("None", "None")).target(),
        (400, "substatus")
    );
    assert_eq!(
        desk.patch(id, &state("active", "accepted")).target(),
        (400, "substatus")
    );
    let reversed = json!([
        { "op": "replace", "path": "/substatus", "value": "Accepted" },
        { "op": "replace", "path": "/status", "value": "Active" },
    ]);
    assert_eq!(desk.patch(id, &reversed).status, 204);
}

#[test]
fn a_closed_referral_is_frozen_and_its_last_values_travel_with_the_close() {
    let mut desk = Desk::default();
    let id = desk.deal();
    let mut close = state("Closed", "Won");
    close
        .as_array_mut()
        .unwrap()
        .push(json!({ "op": "replace", "path": "/details/dealValue", "value": 118000 }));
    assert_eq!(desk.patch(id, &close).status, 204);
    assert_eq!(desk.body(id)["details"]["dealValue"], json!(118000.0));
    let before = desk.body(id).clone();
    assert_eq!(
        desk.patch(id, &replace("/details/notes", "late")).target(),
        (400, "details.notes")
    );
    assert_eq!(
        desk.patch(id, &state("Active", "Accepted")).target(),
        (400, "status")
    );
    assert_eq!(
        desk.patch(id, &state("Closed", "Lost")).target(),
        (400, "status")
    );
    assert_eq!(
        desk.service
            .portal_edit(desk.now, id, &replace("/name", "x"))
            .unwrap_err()
            .target
            .unwrap(),
        "name"
    );
    assert_eq!(desk.body(id), &before);
    assert_eq!(desk.patch(id, &state("Closed", "Won")).status, 204);
}

#[test]
fn contacts_freeze_once_microsoft_is_in_and_sharing_is_one_way() {
    let mut desk = Desk::default();
    let id = desk.deal();
    let share = "/consent/consentToShareReferralWithMicrosoftSellers";
    let mut team = deal_body()["customerProfile"]["team"].clone();
    team[0]["phoneNumber"] = "+440000000000".into();
    assert_eq!(
        desk.patch(id, &replace("/customerProfile/team", team.clone()))
            .status,
        204
    );
    assert_eq!(desk.patch(id, &replace(share, true)).status, 204);
    let frozen = "consent.consentToShareReferralWithMicrosoftSellers";
    assert_eq!(
        desk.patch(id, &replace(share, false)).target(),
        (400, frozen)
    );
    assert_eq!(
        desk.patch(id, &replace(share, Value::Null)).target(),
        (400, frozen)
    );
    desk.invite(id);
    team[0]["phoneNumber"] = "+441111111111".into();
    assert_eq!(
        desk.patch(id, &replace("/customerProfile/team", team))
            .target(),
        (400, "customerProfile.team")
    );
    let same = desk.body(id)["customerProfile"]["team"].clone();
    assert_eq!(
        desk.patch(id, &replace("/customerProfile/team", same))
            .status,
        204
    );
}

#[test]
fn null_clears_is_ignored_or_refused_by_switch() {
    for (clearing, status, left) in [
        (Clearing::Accepted, 204, Value::Null),
        (Clearing::Ignored, 204, json!("2026-09-30T00:00:00Z")),
        (Clearing::Refused, 400, json!("2026-09-30T00:00:00Z")),
    ] {
        let mut desk = Desk::new(Options::default().with_clearing(clearing));
        let id = desk.deal();
        let got = desk.patch(id, &replace("/details/closingDateTime", Value::Null));
        assert_eq!(got.status, status, "{clearing:?}");
        assert_eq!(
            desk.body(id)["details"]["closingDateTime"],
            left,
            "{clearing:?}"
        );
    }
}

#[test]
fn the_name_is_patched_in_the_portal_and_by_switch() {
    let mut desk = Desk::default();
    let id = desk.deal();
    assert_eq!(desk.patch(id, &replace("/name", "A")).status, 400);
    desk.service
        .portal_edit(desk.now, id, &replace("/name", "B"))
        .unwrap();
    assert_eq!(desk.body(id)["name"], "B");
    desk.service.options_mut().name_patchable = true;
    assert_eq!(desk.patch(id, &replace("/name", "C")).status, 204);
    assert_eq!(
        desk.patch(id, &replace("/name", " ")).target(),
        (400, "name")
    );
}
