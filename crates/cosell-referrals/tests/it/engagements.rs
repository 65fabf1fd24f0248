//! Which referrals belong together, what kind they are, and what is still missing.

use cosell_referrals::{Category, DealKind, Engagement, ErrorKind, Missing, Referral, State};
use serde_json::{Value, json};

use crate::support::{SAMPLE, Scripted, Turn};

const OWN: &str = "5d0f2c1e-7a34-4b6e-9a57-0c2f6b8e1d42";
const ENGAGEMENT: &str = "0e9d6c44-3b1f-4a7e-9c55-8f2ab6d7e310";

fn referral(change: impl FnOnce(&mut Value)) -> Referral {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut body);
    Referral::from_json(body.to_string().as_bytes()).unwrap()
}

fn microsofts(created: &str, status: &str, substatus: &str) -> Referral {
    referral(|body| {
        body["id"] = format!("msft-{created}").into();
        body["organizationId"] = "msft".into();
        body["createdDateTime"] = format!("{created}T00:00:00Z").into();
        body["status"] = status.into();
        body["substatus"] = substatus.into();
    })
}

// R108
#[test]
fn the_category_follows_type_qualification_and_inviter() {
    use Category as C;
    let partner = "11111111-7a34-4b6e-9a57-0c2f6b8e1d42";
    let rows: &[(&str, &str, Option<&str>, Category)] = &[
        ("Independent", "Direct", Some("msft"), C::MarketplaceLead),
        ("Independent", "Direct", None, C::MarketplaceLead),
        ("Independent", "Direct", Some(""), C::MarketplaceLead),
        (
            "Independent",
            "SalesQualified",
            Some("msft"),
            C::QualifiedLead,
        ),
        (
            "Independent",
            "MarketingQualified",
            Some("MSFT"),
            C::QualifiedLead,
        ),
        ("Independent", "SalesQualified", Some(OWN), C::CoSell),
        ("Shared", "None", Some(OWN), C::CoSell),
        ("Shared", "SalesQualified", Some(partner), C::CoSell),
        // Missing in the table, present in the samples: sent by a Microsoft seller.
        ("Shared", "SalesQualified", Some("msft"), C::CoSell),
        ("Shared", "Direct", Some("msft"), C::Unclassified),
        ("Independent", "Direct", Some(partner), C::Unclassified),
        ("Independent", "None", Some("msft"), C::Unclassified),
        ("Independent", "SalesQualified", None, C::Unclassified),
        ("P2P", "SalesQualified", Some("msft"), C::Unclassified),
        ("Independent", "Guessed", Some("msft"), C::Unclassified),
    ];
    for (kind, qualification, inviter, wanted) in rows {
        let read = referral(|body| {
            body["type"] = (*kind).into();
            body["qualification"] = (*qualification).into();
            body["inviteContext"]["invitedBy"] = json!({ "organizationId": inviter });
            // The documents warn: neither of these tells a lead.
            body["referralSource"] = "AppSource".into();
            body["callToAction"] = "ContactMe".into();
        });
        assert_eq!(
            read.category(),
            Ok(*wanted),
            "{kind} {qualification} {inviter:?}"
        );
    }
    let bare = Referral::from_json(
        br#"{"type":"Independent","qualification":"Direct","inviteContext":null}"#,
    );
    assert_eq!(bare.unwrap().category(), Ok(C::MarketplaceLead));
    let torn = referral(|body| body["inviteContext"] = json!([]));
    assert_eq!(torn.category().unwrap_err().path, "inviteContext");
}

#[test]
fn an_engagement_tells_what_is_missing() {
    use Missing as M;
    let sort = |referrals: Vec<Referral>| Engagement::sort(referrals, OWN).unwrap();
    let private = || {
        referral(|body| {
            body["consent"]["consentToShareReferralWithMicrosoftSellers"] = false.into();
        })
    };
    let no_contact = referral(|body| body["customerProfile"]["team"] = json!([]));
    let half_contact =
        referral(|body| body["customerProfile"]["team"][0]["phoneNumber"] = "".into());
    let closed = referral(|body| {
        body["status"] = "Closed".into();
        body["substatus"] = "Lost".into();
    });
    let invited = || microsofts("2026-03-10", "New", "Pending");
    let rows: Vec<(Vec<Referral>, DealKind, Vec<Missing>)> = vec![
        (vec![], DealKind::Private, vec![M::OwnReferral]),
        (
            vec![],
            DealKind::CoSell,
            vec![M::OwnReferral, M::MicrosoftReferral],
        ),
        (vec![invited()], DealKind::CoSell, vec![M::OwnReferral]),
        (vec![private()], DealKind::Private, vec![]),
        (vec![private()], DealKind::PartnerLed, vec![M::Sharing]),
        (
            vec![private()],
            DealKind::CoSell,
            vec![M::Sharing, M::MicrosoftReferral],
        ),
        (
            vec![referral(|_| {})],
            DealKind::CoSell,
            vec![M::MicrosoftReferral],
        ),
        (
            vec![no_contact],
            DealKind::CoSell,
            vec![M::CustomerContact, M::MicrosoftReferral],
        ),
        (
            vec![half_contact],
            DealKind::CoSell,
            vec![M::CustomerContact, M::MicrosoftReferral],
        ),
        (
            vec![closed],
            DealKind::CoSell,
            vec![M::Open, M::MicrosoftReferral],
        ),
        (vec![referral(|_| {}), invited()], DealKind::CoSell, vec![]),
        (
            vec![referral(|_| {}), invited()],
            DealKind::ServicesCoSell,
            vec![M::ServicesAttributes],
        ),
        // Nothing is taken back.
        (vec![referral(|_| {}), invited()], DealKind::Private, vec![]),
    ];
    for (number, (referrals, kind, missing)) in rows.into_iter().enumerate() {
        assert_eq!(sort(referrals).missing(kind), Ok(missing), "row {number}");
    }
}

#[test]
fn an_engagement_sorts_by_owner_and_knows_its_kind() {
    let own = referral(|_| {});
    let partner = referral(|body| body["organizationId"] = "other".into());
    let declined = microsofts("2026-03-10", "Closed", "Declined");
    let again = microsofts("2026-03-11", "Active", "Accepted");
    let twin = microsofts("2026-03-12", "New", "Pending");
    let engagement = Engagement::sort([twin, partner, again, own, declined], OWN).unwrap();
    assert_eq!(engagement.kind(), Ok(Some(DealKind::CoSell)));
    let microsoft = engagement.microsoft.as_ref().unwrap();
    assert_eq!(microsoft.id().unwrap().as_deref(), Some("msft-2026-03-11"));
    assert_eq!(engagement.microsofts_answer(), Some(State::ACCEPTED));
    assert_eq!(engagement.others.len(), 3);

    // Whoever owns it: what is addressed to Microsoft is Microsoft's.
    let addressed = referral(|body| {
        body["target"] = json!([{ "type": "BusinessProfileLocation", "id": "msft" }]);
        body["status"] = "New".into();
    });
    let engagement = Engagement::sort([addressed], OWN).unwrap();
    assert!(engagement.own.is_none() && engagement.microsoft.is_some());
    assert_eq!(engagement.microsofts_answer(), None);
    assert_eq!(engagement.kind(), Ok(None));

    let kind = |shared: bool| {
        let own = referral(|body| {
            body["consent"]["consentToShareReferralWithMicrosoftSellers"] = shared.into();
        });
        Engagement::sort([own], OWN).unwrap().kind().unwrap()
    };
    assert_eq!(kind(false), Some(DealKind::Private));
    assert_eq!(kind(true), Some(DealKind::PartnerLed));
    let services = referral(|body| {
        body["details"]["requirements"]["additionalRequirements"]["attributes"] = json!([
            { "type": "PartnerRole", "id": "r" }, { "type": "SolutionArea", "id": "a" },
            { "type": "SolutionPlay", "id": "p" },
        ]);
    });
    let engagement = Engagement::sort([services, microsofts("2026-03-10", "New", "Pending")], OWN);
    assert_eq!(
        engagement.unwrap().kind(),
        Ok(Some(DealKind::ServicesCoSell))
    );
}

#[tokio::test]
async fn related_referrals_are_asked_for_by_filter_and_strangers_are_dropped() {
    let page = |items: Value, link: Option<&str>| {
        let mut body = json!({ "value": items });
        if let Some(link) = link {
            body["@odata.nextLink"] = link.into();
        }
        Turn::Answer(200, body.to_string())
    };
    // A service that does not honour the filter lists everything.
    let service = Scripted::new([
        page(
            json!([{ "id": "a", "engagementId": ENGAGEMENT.to_uppercase() }, { "id": "b", "engagementId": "other" }]),
            Some("http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=1"),
        ),
        page(
            json!([{ "id": "c" }, { "id": "d", "engagementId": ENGAGEMENT }]),
            None,
        ),
    ]);
    let related = service.client().related(ENGAGEMENT).await.unwrap();
    let ids: Vec<_> = related
        .iter()
        .map(|one| one.id().unwrap().unwrap())
        .collect();
    assert_eq!(ids, ["a", "d"]);
    let first = &service.addresses()[0];
    assert!(
        first.contains(&format!("$filter=engagementId%20eq%20%27{ENGAGEMENT}%27")),
        "{first}"
    );
    let failed = service.client().related(" ").await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Invalid);
}
