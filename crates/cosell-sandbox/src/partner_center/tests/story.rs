use super::*;

#[test]
fn a_deal_that_microsoft_sends_can_be_accepted_in_time_only() {
    let mut desk = Desk::default();
    let late = desk.inbound();
    let taken = desk.inbound();
    let body = desk.body(late).clone();
    assert_eq!(body["direction"], "Incoming");
    assert_eq!(body["type"], "Shared");
    assert_eq!(body["inviteContext"]["invitedBy"]["organizationId"], "msft");
    assert_eq!(
        body["organizationId"],
        Options::default().organization_id.to_string()
    );
    assert_eq!(body["expirationDateTime"], "2026-03-23T00:00:00.0000000Z");
    assert_eq!(desk.patch(taken, &state("Active", "Accepted")).status, 204);
    desk.wait(TimeDelta::days(14));
    assert_eq!(
        desk.patch(late, &state("Active", "Accepted")).target(),
        (400, "status")
    );
    assert_eq!(desk.body(late)["substatus"], "Expired");
    assert_eq!(desk.body(taken)["substatus"], "Accepted");
}

#[test]
fn an_inbound_deal_may_come_with_microsofts_own_view() {
    for with_part in [true, false] {
        let options = Options::default().with_inbound_has_microsoft_part(with_part);
        let mut desk = Desk::new(options);
        let id = desk.inbound();
        let engagement = desk.body(id)["engagementId"].clone();
        let views: Vec<&Value> = desk
            .service
            .referrals()
            .filter(|one| one["engagementId"] == engagement)
            .collect();
        assert_eq!(views.len(), 1 + usize::from(with_part));
        assert_eq!(
            views.iter().any(|one| one["organizationId"] == "msft"),
            with_part
        );
    }
}

#[test]
fn microsofts_answer_moves_its_own_referral_and_by_switch_the_partners() {
    for (place, both) in [(MsxId::Both, true), (MsxId::Microsoft, false)] {
        let mut desk = Desk::new(
            Options::default()
                .with_matching_delay(None)
                .with_msx_id(place),
        );
        let own = desk.deal();
        let theirs = desk.invite(own);
        let engagement = engagement_of(desk.body(own));
        let before = desk.body(own)["eTag"].clone();
        assert_eq!(
            desk.service.microsoft_accepts(desk.now, engagement),
            Ok(theirs)
        );
        assert_eq!(desk.body(theirs)["status"], "Active");
        let msx = desk.body(theirs)["trackingInfo"]["microsoftMsxId"].clone();
        assert!(msx.is_string());
        assert_eq!(
            desk.body(own)["trackingInfo"]["microsoftMsxId"] == msx,
            both
        );
        assert_eq!(desk.body(own)["eTag"] != before, both);
        assert!(
            desk.service
                .microsoft_accepts(desk.now, engagement)
                .is_err()
        );
    }
    let mut desk = Desk::default();
    let own = desk.deal();
    let theirs = desk.invite(own);
    let engagement = engagement_of(desk.body(own));
    desk.service
        .microsoft_declines(desk.now, engagement, "No seller")
        .unwrap();
    let body = desk.body(theirs);
    assert_eq!(
        (&body["substatus"], &body["statusReason"]),
        (&json!("Declined"), &json!("No seller"))
    );
    assert!(body["closedDateTime"].is_string());
}

#[test]
fn account_matching_changes_a_referral_without_a_caller() {
    let mut desk = Desk::new(Options::default().with_matching_delay(Some(Duration::from_secs(5))));
    let id = desk.deal();
    let tag = desk.body(id)["eTag"].as_str().unwrap().to_owned();
    desk.wait(TimeDelta::seconds(4));
    assert_eq!(desk.get(&format!("/{id}")).body["eTag"], tag.as_str());
    desk.wait(TimeDelta::seconds(10));
    let got = desk.patch_with(id, &replace("/details/notes", "x"), &[("If-Match", &tag)]);
    assert_eq!(got.status, 412);
    let body = desk.body(id);
    assert_eq!(body["customerProfile"]["isMatchingComplete"], true);
    // Done when it was due, not when somebody looked.
    assert_eq!(body["updatedDateTime"], "2026-03-09T14:22:36.4412087Z");
}

// G9
#[test]
fn a_fork_has_the_same_future_and_no_part_in_the_other_one() {
    fn future(desk: &mut Desk, id: Uuid) -> String {
        desk.patch(id, &replace("/details/notes", "forked"));
        let theirs = desk.invite(id);
        desk.wait(TimeDelta::days(20));
        let got = desk.get("?$orderby=updatedDateTime desc");
        format!("{theirs} {:?} {}", got.headers, got.body)
    }
    let mut desk = Desk::default();
    let id = desk.deal();
    let untouched = desk.body(id).clone();
    let mut fork = Desk {
        service: desk.service.clone(),
        now: desk.now,
        caller: desk.caller.clone(),
    };
    let first = future(&mut fork, id);
    assert_eq!(desk.body(id), &untouched);
    assert_eq!(desk.service.referrals().count(), 1);
    assert_eq!(future(&mut desk, id), first);
    assert_eq!(id, Desk::default().deal());
    let mut other = Desk::new(Options::default().with_seed(2));
    assert_ne!(id, other.deal());
}
