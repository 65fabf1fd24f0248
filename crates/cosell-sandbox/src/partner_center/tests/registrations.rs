use super::*;
use crate::partner_center::Review;

/// Won after four days, shared: a deal that can be registered.
fn won(desk: &mut Desk) -> Uuid {
    let mut body = deal_body();
    body["consent"]["consentToShareReferralWithMicrosoftSellers"] = true.into();
    body["details"]["currency"] = "USD".into();
    let id = id_of(&desk.post(&body).body);
    desk.wait(TimeDelta::days(4));
    assert_eq!(desk.patch(id, &state("Closed", "Won")).status, 204);
    id
}

fn registration() -> Value {
    json!({
        "type": "AzureIPCoSell",
        "contract": {
            "value": 84000, "currency": "USD", "term": "Finite",
            "signDateTime": "2026-03-12T00:00:00Z",
            "startDateTime": "2026-03-12T00:00:00Z",
            "endDateTime": "2027-03-11T00:00:00Z",
        },
        "solutionDetails": [{
            "id": "SOL-10482-QRT", "value": 80000, "currency": "USD",
            "isDeployedOnAzure": true, "primaryDeploymentOn": "Customer", "pricingModel": "Other",
            "marketplaceTransactionDetails": {
                "isMarketplaceTransacted": false, "marketplaceTransactionDateTime": null,
            },
        }],
    })
}

fn add(value: &Value) -> Value {
    json!([{ "op": "add", "path": "/registrations/-", "value": value }])
}

#[test]
fn a_won_deal_is_registered_at_once_or_after_review() {
    let mut desk = Desk::default();
    let id = won(&mut desk);
    let tag = desk.body(id)["eTag"].clone();
    assert_eq!(desk.patch(id, &add(&registration())).status, 204);
    let body = desk.body(id);
    assert_ne!(body["eTag"], tag);
    assert_eq!(body["registrationStatus"], "Approved");
    let stored = &body["registrations"][0];
    assert_eq!(stored["status"], "Approved");
    assert!(stored["id"].is_string() && stored["registrationDateTime"].is_string());
    assert!(stored["statusHistory"]["approvedDateTime"].is_string());
    assert_eq!(stored["contract"]["value"], 84000.0);
    let twice = desk.patch(id, &add(&registration()));
    assert_eq!(twice.target(), (400, "registrations"));

    for change in [
        (|body: &mut Value| body["solutionDetails"][0]["pricingModel"] = "PayAsYouGo".into())
            as fn(&mut Value),
        |body| body["contract"]["value"] = 1_000_001.into(),
    ] {
        let mut value = registration();
        change(&mut value);
        let id = won(&mut desk);
        // The dates of the registration are those of the first deal.
        let day = (desk.now - TimeDelta::days(1))
            .format("%Y-%m-%dT00:00:00Z")
            .to_string();
        let end = (desk.now + TimeDelta::days(363))
            .format("%Y-%m-%dT00:00:00Z")
            .to_string();
        value["contract"]["signDateTime"] = day.as_str().into();
        value["contract"]["startDateTime"] = day.into();
        value["contract"]["endDateTime"] = end.into();
        let got = desk.patch(id, &add(&value));
        assert_eq!(got.status, 204, "{}", got.body);
        assert_eq!(desk.body(id)["registrationStatus"], "ReviewPending");
    }
}

#[test]
fn only_what_was_sent_back_is_edited_and_then_reviewed_again() {
    let mut desk = Desk::default();
    let id = won(&mut desk);
    let mut value = registration();
    value["solutionDetails"][0]["pricingModel"] = "PayAsYouGo".into();
    assert_eq!(desk.patch(id, &add(&value)).status, 204);
    let edit = json!([
        { "op": "replace", "path": "/registrations/0/contract/value", "value": 90000 },
        { "op": "add", "path": "/registrations/0/solutionDetails/0/pricingModel", "value": "Other" },
    ]);
    assert_eq!(
        desk.patch(id, &edit).target(),
        (400, "registrations.0.contract.value")
    );
    let now = desk.now;
    let review = |desk: &mut Desk, review: &Review| desk.service.review(now, id, review);
    review(&mut desk, &Review::SendBack("Wrong value".into())).unwrap();
    assert_eq!(
        desk.body(id)["registrations"][0]["statusReason"],
        "Wrong value"
    );
    assert_eq!(desk.patch(id, &edit).status, 204);
    let stored = &desk.body(id)["registrations"][0];
    assert_eq!(stored["contract"]["value"], 90000.0);
    assert_eq!(stored["solutionDetails"][0]["pricingModel"], "Other");
    assert_eq!(desk.body(id)["registrationStatus"], "ReviewPending");

    assert!(review(&mut desk, &Review::Recall).is_err());
    review(&mut desk, &Review::Pass).unwrap();
    assert!(review(&mut desk, &Review::Fail("late".into())).is_err());
    review(&mut desk, &Review::Close).unwrap();
    assert_eq!(desk.body(id)["registrationStatus"], "Closed");
    assert!(review(&mut desk, &Review::Close).is_err());
    // Everything else of the closed deal stays as it is.
    assert_eq!(
        desk.patch(id, &replace("/details/notes", "x")).target(),
        (400, "details.notes")
    );
}

#[test]
fn each_rule_of_registration_refuses() {
    type Change = fn(&mut Value);
    let rows: &[(Change, &str)] = &[
        (|body| body["type"] = Value::Null, "registrations[0].type"),
        (|body| body["type"] = "Other".into(), "registrations.type"),
        (
            |body| body["contract"]["value"] = 0.into(),
            "registrations[0].contract.value",
        ),
        (
            |body| body["contract"]["value"] = 25_000.into(),
            "registrations[0].contract.value",
        ),
        (
            |body| body["contract"]["currency"] = Value::Null,
            "registrations[0].contract.currency",
        ),
        (
            |body| body["contract"]["signDateTime"] = "2027-01-01T00:00:00Z".into(),
            "registrations[0].contract.signDateTime",
        ),
        (
            |body| body["contract"]["signDateTime"] = "2026-03-09T00:00:00Z".into(),
            "registrations[0].contract.signDateTime",
        ),
        (
            |body| body["contract"]["startDateTime"] = "2025-12-01T00:00:00Z".into(),
            "registrations[0].contract.startDateTime",
        ),
        (
            |body| body["contract"]["endDateTime"] = Value::Null,
            "registrations[0].contract.endDateTime",
        ),
        (
            |body| body["contract"]["endDateTime"] = "2026-03-11T00:00:00Z".into(),
            "registrations[0].contract.endDateTime",
        ),
        (
            |body| body["contract"]["term"] = "Endless".into(),
            "registrations.contract.term",
        ),
        (
            |body| body["solutionDetails"] = json!([]),
            "registrations[0].solutionDetails",
        ),
        (
            |body| body["solutionDetails"][0]["value"] = 84_001.into(),
            "registrations[0].solutionDetails",
        ),
        (
            |body| body["solutionDetails"][0]["isDeployedOnAzure"] = false.into(),
            "registrations[0].solutionDetails",
        ),
        (
            |body| {
                body["solutionDetails"][0]["marketplaceTransactionDetails"]["isMarketplaceTransacted"] =
                    true.into();
            },
            "registrations[0].solutionDetails",
        ),
    ];
    let mut desk = Desk::default();
    let id = won(&mut desk);
    for (number, (change, target)) in rows.iter().enumerate() {
        let mut value = registration();
        change(&mut value);
        let got = desk.patch(id, &add(&value));
        assert_eq!(got.target(), (400, *target), "row {number}");
        assert_eq!(desk.body(id)["registrations"], json!([]));
    }
    for path in [
        "/registrations",
        "/registrations/1/contract/value",
        "/registrations/0/contract/currency",
        "/registrations/0",
    ] {
        assert_eq!(desk.patch(id, &replace(path, 1)).status, 400, "{path}");
    }
}

#[test]
fn each_rule_of_the_deal_refuses() {
    let mut desk = Desk::default();
    // Not won.
    let open = desk.deal();
    assert_eq!(desk.patch(open, &add(&registration())).target().0, 400);
    // Won too soon, and private.
    assert_eq!(desk.patch(open, &state("Closed", "Won")).status, 204);
    let got = desk.patch(open, &add(&registration()));
    assert_eq!(
        got.target(),
        (400, "consent.consentToShareReferralWithMicrosoftSellers")
    );
    let mut body = deal_body();
    body["consent"]["consentToShareReferralWithMicrosoftSellers"] = true.into();
    let soon = id_of(&desk.post(&body).body);
    assert_eq!(desk.patch(soon, &state("Closed", "Won")).status, 204);
    assert_eq!(
        desk.patch(soon, &add(&registration())).target(),
        (400, "closedDateTime")
    );
    // Microsoft has not answered.
    let shared = id_of(&desk.post(&body).body);
    desk.invite(shared);
    desk.wait(TimeDelta::days(4));
    assert_eq!(desk.patch(shared, &state("Closed", "Won")).status, 204);
    assert_eq!(
        desk.patch(shared, &add(&registration())).target(),
        (400, "registrations")
    );
    let engagement = engagement_of(desk.body(shared));
    desk.service
        .microsoft_accepts(desk.now, engagement)
        .unwrap();
    assert_eq!(desk.patch(shared, &add(&registration())).status, 204);

    let mut desk = Desk::new(
        Options::default()
            .with_matching_delay(None)
            .with_validation(Validation::Lenient),
    );
    let id = desk.deal();
    assert_eq!(desk.patch(id, &state("Closed", "Won")).status, 204);
    assert_eq!(desk.patch(id, &add(&json!({}))).status, 204);
}

#[test]
fn the_vocabulary_of_sales_stages_can_be_fixed() {
    for (stages, stage, status) in [
        (SalesStages::Any, "whatever", 204),
        (SalesStages::Words, "Develop", 204),
        (SalesStages::Words, "40", 400),
        (SalesStages::Percentages, "40", 204),
        (SalesStages::Percentages, "Develop", 400),
    ] {
        let mut desk = Desk::new(Options::default().with_sales_stages(stages));
        let id = desk.deal();
        let got = desk.patch(id, &replace("/salesStage", stage));
        assert_eq!(got.status.as_u16(), status, "{stages:?} {stage}");
    }
}
