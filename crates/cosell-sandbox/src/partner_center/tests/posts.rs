use super::*;

#[test]
fn an_own_deal_comes_back_complete_and_accepted() {
    let mut desk = Desk::default();
    let mut posted = deal_body();
    posted["status"] = "New".into();
    posted["substatus"] = "Pending".into();
    posted["quality"] = "High".into();
    posted["eTag"] = "\"mine\"".into();
    let got = desk.post(&posted);
    assert_eq!(got.status, 200);
    let body = &got.body;
    assert_eq!(
        (&body["status"], &body["substatus"]),
        (&json!("Active"), &json!("Accepted"))
    );
    assert_eq!(body["quality"], "Unknown");
    assert_eq!(body["direction"], "Outgoing");
    assert_eq!(
        body["organizationId"],
        Options::default().organization_id.to_string()
    );
    assert_eq!(body["createdDateTime"], "2026-03-09T14:22:31.4412087Z");
    assert_eq!(body["acceptedDateTime"], body["createdDateTime"]);
    assert_eq!(body["expirationDateTime"], Value::Null);
    assert_eq!(body["details"]["dealValue"].to_string(), "84000.0");
    assert_eq!(body["details"]["requirements"]["industries"], json!([]));
    assert_eq!(
        body["details"]["requirements"]["additionalRequirements"]["iot"]["attachServices"],
        false
    );
    assert_eq!(body["customerProfile"]["address"]["region"], Value::Null);
    assert_eq!(body["trackingInfo"]["microsoftMsxId"], Value::Null);
    let tag = body["eTag"].as_str().unwrap();
    let seconds = format!("{:08x}0000\"", desk.now.timestamp());
    assert!(tag.starts_with('"') && tag.ends_with(&seconds), "{tag}");
    assert_eq!(
        desk.get(&format!("/{}", id_of(body))).body["eTag"],
        body["eTag"]
    );
}

#[test]
fn names_bind_in_any_case_and_unknown_ones_are_dropped_or_refused() {
    let mut posted = deal_body();
    let notes = posted["details"]
        .as_object_mut()
        .unwrap()
        .remove("notes")
        .unwrap();
    posted["details"]["Notes"] = notes;
    posted["externalReferenceID2"] = "x".into();
    let mut desk = Desk::default();
    let got = desk.post(&posted);
    assert_eq!(
        got.body["details"]["notes"],
        "Wants predictive maintenance on Azure."
    );
    assert_eq!(got.body.get("externalReferenceID2"), None);

    let mut desk = Desk::new(Options::default().with_unknown_fields(UnknownFields::Refused));
    assert_eq!(desk.post(&posted).target(), (400, "externalReferenceID2"));
}

#[test]
fn the_first_missing_or_wrong_field_is_named() {
    let rows: &[(&str, Value, &str, bool)] = &[
        ("/type", Value::Null, "type", true),
        ("/type", json!("Team"), "type", true),
        ("/customerProfile", Value::Null, "customerProfile", true),
        ("/consent", Value::Null, "consent", true),
        ("/details", Value::Null, "details", true),
        (
            "/details/dealValue",
            json!("a lot"),
            "details.dealValue",
            true,
        ),
        (
            "/details/closingDateTime",
            json!("30.09.2026"),
            "details.closingDateTime",
            true,
        ),
        (
            "/customerProfile/ids/0/profileType",
            json!("Vat"),
            "customerProfile.ids[0].profileType",
            true,
        ),
        ("/team/0/email", json!(5), "team[0].email", true),
        ("/name", json!(" "), "name", false),
        (
            "/customerProfile/name",
            json!(""),
            "customerProfile.name",
            false,
        ),
        (
            "/customerProfile/address/city",
            Value::Null,
            "customerProfile.address.city",
            false,
        ),
        (
            "/customerProfile/address/country",
            json!("GBR"),
            "customerProfile.address.country",
            false,
        ),
        ("/details/notes", Value::Null, "details.notes", false),
        ("/details/dealValue", json!(0), "details.dealValue", false),
        (
            "/details/currency",
            json!("pounds"),
            "details.currency",
            false,
        ),
        (
            "/details/closingDateTime",
            Value::Null,
            "details.closingDateTime",
            false,
        ),
        (
            "/details/requirements/solutions",
            json!([]),
            "details.requirements.solutions",
            false,
        ),
        (
            "/details/requirements/solutions/0/id",
            json!(""),
            "details.requirements.solutions",
            false,
        ),
        (
            "/details/requirements/additionalRequirements/attributes",
            json!([]),
            "details.requirements.additionalRequirements.attributes",
            false,
        ),
        (
            "/consent/consentToToShareInfoWithOthers",
            json!(false),
            "consent.consentToToShareInfoWithOthers",
            false,
        ),
        ("/team", json!([]), "team", false),
        (
            "/customerProfile/team/0/phoneNumber",
            Value::Null,
            "customerProfile.team[0].phoneNumber",
            false,
        ),
    ];
    for (pointer, value, target, always) in rows {
        let mut posted = deal_body();
        *posted.pointer_mut(pointer).unwrap() = value.clone();
        let got = Desk::default().post(&posted);
        assert_eq!(got.target(), (400, *target), "{pointer} = {value}");
        assert_eq!(got.body["error"]["code"], "invalidRequest");
        let mut desk = Desk::new(Options::default().with_validation(Validation::Lenient));
        assert_eq!(
            desk.post(&posted).status.is_success(),
            !always,
            "lenient {pointer} = {value}"
        );
        assert_eq!(desk.service.referrals().count(), usize::from(!always));
    }
}

#[test]
fn a_referral_for_microsoft_waits_in_the_own_engagement_and_expires() {
    for moves in [false, true] {
        let options = Options::default()
            .with_matching_delay(None)
            .with_invitation_moves_own(moves);
        let mut desk = Desk::new(options);
        let own = desk.deal();
        let before = desk.body(own)["eTag"].clone();
        let id = desk.invite(own);
        assert_eq!(desk.body(own)["eTag"] != before, moves);
        let body = desk.body(id).clone();
        assert_eq!(body["organizationId"], "msft");
        assert_eq!(
            (&body["status"], &body["substatus"]),
            (&json!("New"), &json!("Pending"))
        );
        assert_eq!(body["engagementId"], desk.body(own)["engagementId"]);
        assert_eq!(body["expirationDateTime"], "2026-03-23T00:00:00.0000000Z");
        assert_eq!(body["acceptedDateTime"], Value::Null);
        assert_eq!(desk.patch(id, &replace("/details/notes", "x")).status, 403);

        desk.now = "2026-03-22T23:59:59Z".parse().unwrap();
        assert_eq!(desk.get(&format!("/{id}")).body["substatus"], "Pending");
        desk.now = "2026-03-23T00:00:00Z".parse().unwrap();
        let got = desk.get(&format!("/{id}"));
        assert_eq!(
            (&got.body["status"], &got.body["substatus"]),
            (&json!("Closed"), &json!("Expired"))
        );
        assert_eq!(got.body["updatedDateTime"], "2026-03-23T00:00:00.0000000Z");
        assert_eq!(desk.body(own)["status"], "Active");
    }
}

#[test]
fn an_invitation_needs_a_known_engagement_contact_and_help() {
    let mut desk = Desk::default();
    let own = desk.deal();
    let engagement = desk.body(own)["engagementId"].as_str().unwrap().to_owned();
    assert_eq!(
        desk.post(&invitation(&Uuid::nil().to_string())).target(),
        (400, "engagementId")
    );
    assert_eq!(desk.post(&invitation("")).target(), (400, "engagementId"));
    let mut without = invitation(&engagement);
    without["customerProfile"]["team"] = json!([]);
    assert_eq!(desk.post(&without).target(), (400, "customerProfile.team"));
    let mut without = invitation(&engagement);
    without["inviteContext"]["assistanceRequestCode"] = "Unknown".into();
    assert_eq!(
        desk.post(&without).target(),
        (400, "inviteContext.assistanceRequestCode")
    );
    assert_eq!(desk.service.referrals().count(), 1);
}

#[test]
fn the_create_status_is_a_switch_and_equal_posts_are_two_referrals() {
    let mut desk = Desk::new(Options::default().with_create_status(StatusCode::CREATED));
    let first = desk.post(&deal_body());
    let second = desk.post(&deal_body());
    assert_eq!(
        (first.status, second.status),
        (StatusCode::CREATED, StatusCode::CREATED)
    );
    assert_ne!(id_of(&first.body), id_of(&second.body));
    assert_ne!(
        first.body["updatedDateTime"],
        second.body["updatedDateTime"]
    );
}
