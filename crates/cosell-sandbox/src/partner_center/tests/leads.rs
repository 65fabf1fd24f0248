use super::*;

fn lead(desk: &mut Desk, kind: LeadKind) -> Uuid {
    desk.service
        .lead_arrives(desk.now, &InboundLead::new(kind))
        .unwrap()
}

#[test]
fn each_kind_of_lead_has_its_marks() {
    let mut desk = Desk::default();
    for (kind, qualification, inviter, offer) in [
        (LeadKind::Profile, "Direct", Value::Null, false),
        (LeadKind::Offer, "Direct", Value::Null, true),
        (
            LeadKind::Marketing,
            "MarketingQualified",
            "msft".into(),
            false,
        ),
        (LeadKind::Seller, "SalesQualified", "msft".into(), false),
    ] {
        let id = lead(&mut desk, kind);
        let body = desk.get(&format!("/{id}")).body;
        assert_eq!(body["type"], "Independent");
        assert_eq!(body["direction"], "Incoming");
        assert_eq!(
            (&body["status"], &body["substatus"]),
            (&"New".into(), &"Pending".into())
        );
        assert_eq!(body["qualification"], qualification);
        assert_eq!(
            body["inviteContext"]["invitedBy"]["organizationId"],
            inviter
        );
        let offers = body["details"]["requirements"]["offers"]
            .as_array()
            .unwrap();
        assert_eq!(!offers.is_empty(), offer);
        assert_eq!(body["callToAction"].is_string(), offer);
        assert_eq!(body["referralSource"].is_string(), offer);
        assert_eq!(
            !body["target"].as_array().unwrap().is_empty(),
            kind == LeadKind::Profile
        );
        let contact = &body["customerProfile"]["team"][0];
        assert_eq!(contact["emailValidationStatus"], "Valid");
        // Accepted and worked on as deals are.
        assert_eq!(desk.patch(id, &state("Active", "Accepted")).status, 204);
        assert_eq!(desk.patch(id, &state("Closed", "Won")).status, 204);
    }
}

#[test]
fn an_unanswered_lead_expires_and_its_people_are_hidden() {
    for hides in [true, false] {
        let options = Options::default()
            .with_matching_delay(None)
            .with_expired_leads_lose_people(hides);
        let mut desk = Desk::new(options);
        let (open, deal) = (lead(&mut desk, LeadKind::Offer), desk.inbound());
        let inform = InboundLead {
            call_to_action: "FreeTrial".into(),
            ..InboundLead::default()
        };
        let informs = desk.service.lead_arrives(desk.now, &inform).unwrap();
        assert_eq!(desk.body(informs)["expirationDateTime"], Value::Null);
        desk.wait(TimeDelta::days(15));
        for (id, expired) in [(open, true), (deal, true), (informs, false)] {
            let body = desk.get(&format!("/{id}")).body;
            assert_eq!(body["substatus"] == "Expired", expired);
        }
        let people = desk.body(open)["customerProfile"]["team"]
            .as_array()
            .unwrap();
        assert_eq!(people.is_empty(), hides);
    }
}

#[test]
fn leads_of_the_marketplace_are_listed_by_switch_and_for_admins_only() {
    for shown in [true, false] {
        let options = Options::default()
            .with_matching_delay(None)
            .with_lists_show_leads(shown);
        let mut desk = Desk::new(options);
        let id = lead(&mut desk, LeadKind::Offer);
        lead(&mut desk, LeadKind::Seller);
        assert_eq!(desk.ids("").len(), 1 + usize::from(shown));
        assert_eq!(desk.get(&format!("/{id}")).status, 200);
        desk.caller.roles = vec!["ReferralsUser".into()];
        assert!(desk.ids("").is_empty());
        assert_eq!(desk.get(&format!("/{id}")).status, 404);
    }
}
