use super::*;

fn put(desk: &mut Desk, id: Uuid, body: &Value, tag: Option<&str>) -> Got {
    let url = format!("https://api.partner.microsoft.com/v1.0/engagements/referrals/{id}");
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(tag.map(|tag| ("If-Match", tag)));
    desk.send("PUT", &url, &headers, &body.to_string())
}

/// The referral as it was read, without its links, changed.
fn read(desk: &Desk, id: Uuid, change: impl FnOnce(&mut Value)) -> (Value, String) {
    let mut body = desk.body(id).clone();
    body.as_object_mut().unwrap().remove("links");
    let tag = body["eTag"].as_str().unwrap().to_owned();
    change(&mut body);
    (body, tag)
}

#[test]
fn a_whole_referral_replaces_the_one_that_is_there() {
    let mut desk = Desk::default();
    let id = desk.deal();
    let (body, tag) = read(&desk, id, |body| {
        body["status"] = "Closed".into();
        body["substatus"] = "Won".into();
        body["statusReason"] = "Signed".into();
        body["details"]["notes"] = "Done.".into();
        // The service's own.
        body["organizationName"] = "Nobody".into();
        body["customerProfile"]["isMatchingComplete"] = true.into();
    });
    let got = put(&mut desk, id, &body, Some(&tag));
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.body["substatus"], "Won");
    assert_eq!(got.body["details"]["notes"], "Done.");
    assert_eq!(got.body["organizationName"], "Northwind Cloud Partners");
    assert_eq!(got.body["customerProfile"]["isMatchingComplete"], false);
    assert!(got.body["closedDateTime"].is_string());
    assert_ne!(got.body["eTag"], tag.as_str());

    // Closed: the same once more is no edit, another is refused.
    let (body, tag) = read(&desk, id, |_| {});
    assert_eq!(put(&mut desk, id, &body, Some(&tag)).status, 200);
    let (body, tag) = read(&desk, id, |body| body["details"]["notes"] = "x".into());
    assert_eq!(
        put(&mut desk, id, &body, Some(&tag)).target(),
        (400, "details")
    );
}

#[test]
fn the_version_is_demanded() {
    for (status, code) in [
        (StatusCode::BAD_REQUEST, "invalidRequest"),
        (StatusCode::PRECONDITION_FAILED, "preconditionFailed"),
    ] {
        let mut desk = Desk::new(Options::default().with_put_without_if_match(status));
        let id = desk.deal();
        let (body, tag) = read(&desk, id, |_| {});
        let got = put(&mut desk, id, &body, None);
        assert_eq!(
            (got.status, &got.body["error"]["code"]),
            (status, &json!(code))
        );
        let stripped = tag.trim_matches('"').to_owned();
        assert_eq!(put(&mut desk, id, &body, Some(&stripped)).status, 412);
        assert_eq!(put(&mut desk, id, &body, Some(&tag)).status, 200);
        assert_eq!(put(&mut desk, id, &body, Some(&tag)).status, 412);
    }
}

#[test]
fn the_rules_of_a_patch_hold() {
    type Change = fn(&mut Value);
    let rows: &[(Change, &str)] = &[
        (|body| body["substatus"] = "Lost".into(), "substatus"),
        (|body| body["status"] = "New".into(), "substatus"),
        (
            |body| body["details"]["dealValue"] = 0.into(),
            "details.dealValue",
        ),
        (|body| body["name"] = "".into(), "name"),
        (|body| body["team"] = json!([]), "team"),
        (
            |body| body["customerProfile"]["name"] = "Another".into(),
            "customerProfile.name",
        ),
        (
            |body| body["customerProfile"]["address"]["city"] = "York".into(),
            "customerProfile.address",
        ),
        (|body| body["links"] = json!({}), "links"),
    ];
    let mut desk = Desk::default();
    let id = desk.deal();
    for (number, (change, target)) in rows.iter().enumerate() {
        let (body, tag) = read(&desk, id, change);
        assert_eq!(
            put(&mut desk, id, &body, Some(&tag)).target(),
            (400, *target),
            "row {number}"
        );
    }
    let microsofts = desk.invite(id);
    let (body, tag) = read(&desk, microsofts, |_| {});
    assert_eq!(put(&mut desk, microsofts, &body, Some(&tag)).status, 403);
}

#[test]
fn what_is_left_out_is_cleared_or_kept() {
    for (omitted, kept) in [(Omitted::Cleared, false), (Omitted::Kept, true)] {
        let mut desk = Desk::new(Options::default().with_put_omitted(omitted));
        let id = desk.deal();
        let (body, tag) = read(&desk, id, |body| {
            let all = body.as_object_mut().unwrap();
            all.remove("externalReferenceId");
            all.remove("engagementId");
        });
        let got = put(&mut desk, id, &body, Some(&tag));
        assert_eq!(got.status, 200, "{}", got.body);
        assert_eq!(got.body["externalReferenceId"] == "OPP-20931", kept);
        assert_eq!(got.body["engagementId"], desk.body(id)["engagementId"]);
        assert!(got.body["engagementId"].is_string());
    }
}
