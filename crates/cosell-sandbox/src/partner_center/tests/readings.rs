//! The switches that no other test turns.

use super::*;

fn desk(change: impl FnOnce(Options) -> Options) -> Desk {
    Desk::new(change(Options::default().with_matching_delay(None)))
}

#[test]
fn the_type_is_taken_or_derived_from_the_consent() {
    for (derived, before, after) in [(false, "Shared", "Shared"), (true, "Independent", "Shared")] {
        let mut desk = desk(|o| o.with_type_follows_consent(derived));
        let mut body = deal_body();
        body["type"] = "Shared".into();
        let id = id_of(&desk.post(&body).body);
        assert_eq!(desk.body(id)["type"], before);
        let share = "/consent/consentToShareReferralWithMicrosoftSellers";
        assert_eq!(desk.patch(id, &replace(share, true)).status, 204);
        assert_eq!(desk.body(id)["type"], after);
    }
}

#[test]
fn a_new_referral_is_received_when_it_is_looked_at_by_switch() {
    for (received, substatus) in [
        (Received::OnRequest, "Pending"),
        (Received::OnRead, "Received"),
    ] {
        let mut desk = desk(|o| o.with_received(received));
        let id = desk.inbound();
        let before = desk.body(id)["eTag"].clone();
        let first = desk.get(&format!("/{id}")).body;
        assert_eq!(first["substatus"], substatus);
        assert_eq!(first["eTag"] == before, received == Received::OnRequest);
        // Once, and by lists never.
        let again = desk.get(&format!("/{id}")).body;
        assert_eq!(again["eTag"], first["eTag"]);
        let own = desk.deal();
        let own_tag = desk.body(own)["eTag"].clone();
        assert_eq!(desk.get(&format!("/{own}")).body["eTag"], own_tag);
    }
}

#[test]
fn a_reason_is_demanded_and_error_unknown_by_switch() {
    let mut strict = desk(|o| {
        o.with_reason_required(true)
            .with_error_is_a_substatus(false)
    });
    let id = strict.deal();
    assert_eq!(
        strict.patch(id, &state("Closed", "Lost")).target(),
        (400, "statusReason")
    );
    let mut error = state("Closed", "Error");
    error
        .as_array_mut()
        .unwrap()
        .push(json!({ "op": "replace", "path": "/statusReason", "value": "A duplicate" }));
    assert_eq!(strict.patch(id, &error).target(), (400, "substatus"));
    assert_eq!(strict.patch(id, &state("Closed", "Won")).status, 204);

    let mut usual = desk(|o| o);
    let (lost, wrong) = (usual.deal(), usual.deal());
    assert_eq!(usual.patch(lost, &state("Closed", "Lost")).status, 204);
    assert_eq!(usual.patch(wrong, &state("Closed", "Error")).status, 204);
}

#[test]
fn illegal_moves_and_odd_ids_are_refused_as_set() {
    for status in [400, 409] {
        let word = StatusCode::from_u16(status).unwrap();
        let mut desk = desk(|o| o.with_illegal_move(word));
        let id = desk.deal();
        assert_eq!(
            desk.patch(id, &state("New", "Pending")).target(),
            (status, "status")
        );
        assert_eq!(desk.patch(id, &state("Closed", "Won")).status, 204);
        assert_eq!(
            desk.patch(id, &state("Closed", "Lost")).target(),
            (status, "status")
        );
    }
    for (status, target) in [(400, "id"), (404, "referral")] {
        let word = StatusCode::from_u16(status).unwrap();
        let mut desk = desk(|o| o.with_malformed_id(word));
        assert_eq!(desk.get("/no-guid").target(), (status, target));
    }
}

#[test]
fn bodies_paths_and_versions_are_understood_as_set() {
    let url =
        |id: Uuid| format!("https://api.partner.microsoft.com/v1.0/engagements/referrals/{id}");
    let notes = replace("/details/notes", "x").to_string();
    for (taken, status) in [(true, 204), (false, 415)] {
        let mut desk = desk(|o| o.with_json_patch_type(taken));
        let id = desk.deal();
        let kind = [("content-type", "application/json-patch+json")];
        assert_eq!(desk.send("PATCH", &url(id), &kind, &notes).status, status);
        let kind = [("content-type", "application/json; charset=utf-8")];
        assert_eq!(desk.send("PATCH", &url(id), &kind, &notes).status, 204);
    }
    for (ignored, status) in [(true, 204), (false, 400)] {
        let mut desk = desk(|o| o.with_paths_ignore_case(ignored));
        let id = desk.deal();
        assert_eq!(
            desk.patch(id, &replace("/Details/NOTES", "x")).status,
            status
        );
        let member = deal_body()["team"][0].clone();
        let add = json!([{ "op": "add", "path": "/Team/-", "value": member }]);
        assert_eq!(desk.patch(id, &add).status, status);
        assert_eq!(desk.patch(id, &replace("/NAME", "x")).status, 400);
    }
    for (lists, status) in [(true, 204), (false, 412)] {
        let mut desk = desk(|o| o.with_if_match_lists(lists));
        let id = desk.deal();
        assert_eq!(
            desk.patch_with(id, &replace("/details/notes", "x"), &[("if-match", "*")])
                .status,
            status
        );
        let tag = desk.body(id)["eTag"].as_str().unwrap().to_owned();
        let both = format!("\"other\", {tag}");
        let got = desk.patch_with(id, &replace("/details/notes", "y"), &[("if-match", &both)]);
        assert_eq!(got.status, status);
        let tag = desk.body(id)["eTag"].as_str().unwrap().to_owned();
        let got = desk.patch_with(id, &replace("/details/notes", "z"), &[("if-match", &tag)]);
        assert_eq!(got.status, 204);
    }
}

#[test]
fn who_wrote_shows_by_switch_and_moves_no_version_of_its_own() {
    for shows in [true, false] {
        let mut desk = desk(|o| o.with_caller_id_shows(shows));
        let id = desk.deal();
        assert_eq!(desk.body(id)["createdVia"], Value::Null);
        let caller = "60858c1b-2062-40ad-b42c-996b6b5b047d";
        let headers = [("x-caller-id", caller), ("prefer", "return=representation")];
        let got = desk.patch_with(id, &replace("/details/notes", "x"), &headers);
        let via = &got.body["lastModifiedVia"];
        assert_eq!(via == caller, shows);
        assert_eq!(got.body["eTag"], desk.body(id)["eTag"]);
    }
}
