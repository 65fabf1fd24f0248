//! Deals by kind: what each needs, what each sends, and what an engagement still lacks.

use cosell_referrals::{
    AssistanceRequestCode, Attribute, CoSellDeal, Consent, CreateOptions, DealKind, Draft,
    ErrorKind, Help, Invitation, MarketplaceIntent, Member, NewReferral, PartnerLedDeal, Patch,
    PrivateDeal, Profile, Referral, Sent, ServicesCoSellDeal, Solution, SolutionType, State,
    Violations,
};
use serde_json::{Value, json};

use crate::support::{SAMPLE, Scripted, sample_in};

const PRIVATE: &str = include_str!("samples/private_deal.json");

/// The published private deal as a draft, changed.
fn deal(change: impl FnOnce(&mut Value)) -> NewReferral {
    let mut body: Value = serde_json::from_str(PRIVATE).unwrap();
    change(&mut body);
    NewReferral::from_raw(serde_json::from_value(body).unwrap())
}

fn whole() -> NewReferral {
    deal(|_| {})
}

fn help() -> Help {
    Help::new(AssistanceRequestCode::QuotesOrLicensing)
        .with_notes("Please help with licensing quote.")
}

fn fields(result: Result<(), Violations>) -> Vec<String> {
    let mut fields: Vec<_> = result
        .unwrap_err()
        .list()
        .iter()
        .map(|one| one.field.clone())
        .collect();
    fields.dedup();
    fields
}

#[test]
fn each_kind_sets_what_makes_it_that_kind() {
    let share = |draft: &dyn Draft| {
        let json = serde_json::to_value(draft.referral()).unwrap();
        let flag = json["consent"]["consentToShareReferralWithMicrosoftSellers"].clone();
        (flag, json["type"].clone(), json["target"].clone())
    };
    let addressed = json!([{ "type": "SolutionProfile", "id": "SOL-10482-QRT" }]);
    // Whatever was said before.
    let open = || {
        deal(|body| {
            body["consent"]["consentToShareReferralWithMicrosoftSellers"] = true.into();
            body["type"] = "Shared".into();
        })
    };
    assert_eq!(
        share(&PrivateDeal::new(open())),
        (json!(false), json!("Independent"), json!([]))
    );
    assert_eq!(
        share(&PartnerLedDeal::new(whole())),
        (json!(true), json!("Independent"), json!([]))
    );
    assert_eq!(
        share(&CoSellDeal::new(whole(), help())),
        (json!(true), json!("Shared"), addressed.clone())
    );
    let services = ServicesCoSellDeal::new(whole(), help(), "role", "area", "play");
    assert_eq!(share(&services), (json!(true), json!("Shared"), addressed));
    let json = serde_json::to_value(services.referral()).unwrap();
    assert_eq!(
        json["details"]["requirements"]["additionalRequirements"]["attributes"],
        json!([
            { "type": "CustomerMarketplaceIntent", "id": "HaveNotDecided" },
            { "type": "SolutionArea", "id": "area" },
            { "type": "SolutionPlay", "id": "play" },
            { "type": "PartnerRole", "id": "role" },
        ])
    );
    for draft in [
        &PrivateDeal::new(whole()) as &dyn Draft,
        &PartnerLedDeal::new(whole()),
        &CoSellDeal::new(whole(), help()).with_solution_play("area", "play"),
        &services,
    ] {
        draft.check(Profile::Strict).unwrap();
        draft.check(Profile::Lenient).unwrap();
    }
}

#[test]
fn a_private_deal_is_the_published_one_byte_for_byte() {
    let published: Value = serde_json::from_str(PRIVATE).unwrap();
    let draft = PrivateDeal::new(whole());
    assert_eq!(serde_json::to_value(draft.referral()).unwrap(), published);
}

#[test]
fn the_invitation_is_the_published_second_step() {
    let published: Value = serde_json::from_str(include_str!("samples/invitation.json")).unwrap();
    let deal = CoSellDeal::new(whole(), help()).with_solution_play("area", "play");
    let invitation = deal
        .invitation("0e9d6c44-3b1f-4a7e-9c55-8f2ab6d7e310")
        .with_invited_by("5d0f2c1e-7a34-4b6e-9a57-0c2f6b8e1d42");
    invitation.check(Profile::Strict).unwrap();
    let mut sent = serde_json::to_value(invitation.referral()).unwrap();
    let attributes = sent["details"]["requirements"]["additionalRequirements"]["attributes"]
        .as_array_mut()
        .unwrap();
    attributes.truncate(1);
    assert_eq!(sent, published);
    assert!(sent.get("externalReferenceId").is_none());
}

#[test]
fn everything_that_the_portal_demands_is_demanded_at_once() {
    let bare = || {
        let customer = cosell_referrals::CustomerProfile::new(
            "Fabrikam",
            cosell_referrals::Address::new("GB"),
        );
        let consent = Consent::default()
            .with_share_info_with_others(false)
            .with_contact(true)
            .with_microsoft_to_contact_specific_partners(true);
        NewReferral::deal(
            "",
            &customer,
            &consent,
            &cosell_referrals::Details::default(),
        )
    };
    let attributes = "details.requirements.additionalRequirements.attributes";
    let base = [
        "name",
        "customerProfile.address.addressLine1",
        "customerProfile.address.city",
    ];
    let rest = [
        "consent.consentToToShareInfoWithOthers",
        "details.notes",
        "details.dealValue",
        "details.currency",
        "details.closingDateTime",
        "details.requirements.solutions",
        attributes,
        "team",
    ];
    let wanted: Vec<_> = base.iter().chain(&rest).copied().collect();
    assert_eq!(
        fields(PrivateDeal::new(bare()).check(Profile::Strict)),
        wanted
    );
    assert_eq!(
        fields(PartnerLedDeal::new(bare()).check(Profile::Strict)),
        wanted
    );
    let with_contact: Vec<_> = base
        .iter()
        .chain(&["customerProfile.team"])
        .chain(&rest)
        .copied()
        .collect();
    assert_eq!(
        fields(CoSellDeal::new(bare(), help()).check(Profile::Strict)),
        with_contact
    );

    // Services may lack a published solution, but not the attributes.
    let services = ServicesCoSellDeal::new(bare(), help(), "", "", "");
    let violations = services.check(Profile::Lenient).unwrap_err();
    let rules: Vec<_> = violations.list().iter().map(|one| one.rule).collect();
    assert_eq!(
        rules,
        [
            "needs a contact where Microsoft's help is wanted",
            "lacks SolutionArea",
            "lacks SolutionPlay",
            "lacks PartnerRole",
        ]
    );
    // What the service itself is known to refuse.
    assert_eq!(
        fields(PrivateDeal::new(bare()).check(Profile::Lenient)),
        ["details.requirements.solutions"]
    );
}

#[test]
fn each_rule_of_a_kind_can_fail_alone() {
    type Change = fn(&mut Value);
    let co_sell: DealKind = DealKind::CoSell;
    let rows: &[(DealKind, Change, &str)] = &[
        (co_sell, |body| body["name"] = " ".into(), "name"),
        (
            co_sell,
            |body| body["customerProfile"]["address"]["country"] = "UK ".into(),
            "customerProfile.address.country",
        ),
        (
            DealKind::Private,
            |body| body["details"]["dealValue"] = (-1).into(),
            "details.dealValue",
        ),
        (
            DealKind::Private,
            |body| body["details"]["currency"] = "Pound".into(),
            "details.currency",
        ),
        (
            DealKind::PartnerLed,
            |body| body["details"]["requirements"]["solutions"][0]["id"] = "".into(),
            "details.requirements.solutions[0].id",
        ),
        (
            DealKind::Private,
            |body| body["team"][0]["phoneNumber"] = Value::Null,
            "team[0].phoneNumber",
        ),
        (
            DealKind::Private,
            |body| body["customerProfile"]["team"][0]["email"] = "".into(),
            "customerProfile.team[0].email",
        ),
        (
            DealKind::Private,
            |body| {
                let person = body["team"][0].clone();
                body["team"] = vec![person; 51].into();
            },
            "team",
        ),
        (
            DealKind::Private,
            |body| {
                let solution = body["details"]["requirements"]["solutions"][0].clone();
                body["details"]["requirements"]["solutions"] = vec![solution; 51].into();
            },
            "details.requirements.solutions",
        ),
        (
            DealKind::ServicesCoSell,
            |_| {},
            "details.requirements.additionalRequirements.attributes",
        ),
    ];
    for (number, (kind, change, field)) in rows.iter().enumerate() {
        let mut draft = deal(|body| {
            body["consent"]["consentToShareReferralWithMicrosoftSellers"] =
                kind.shares_with_microsoft().into();
            change(body);
        });
        if *kind == DealKind::CoSell {
            let played = CoSellDeal::new(draft, help()).with_solution_play("area", "play");
            draft = played.referral().clone();
        }
        assert_eq!(
            fields(draft.check_as(*kind, Profile::Strict)),
            [*field],
            "row {number}"
        );
    }
    // The kind and its consent go together.
    let contradiction = whole().check_as(DealKind::PartnerLed, Profile::Lenient);
    assert_eq!(
        fields(contradiction),
        ["consent.consentToShareReferralWithMicrosoftSellers"]
    );
}

// R79
#[tokio::test]
async fn a_co_sell_deal_without_a_complete_contact_costs_no_request() {
    let service = Scripted::new([]);
    let client = service.client();
    for (change, field) in [
        (
            (|body: &mut Value| body["customerProfile"]["team"] = json!([])) as fn(&mut Value),
            "customerProfile.team",
        ),
        (
            |body| body["customerProfile"]["team"][0]["lastName"] = "".into(),
            "customerProfile.team[0].lastName",
        ),
        (
            |body| body["customerProfile"]["team"][0]["email"] = Value::Null,
            "customerProfile.team[0].email",
        ),
    ] {
        for profile in [Profile::Strict, Profile::Lenient] {
            let co_sell = CoSellDeal::new(deal(change), help()).with_solution_play("a", "b");
            let options = CreateOptions::default().with_profile(profile);
            let failed = client
                .create_draft(&co_sell, options.clone())
                .await
                .unwrap_err();
            assert_eq!(
                (failed.kind(), failed.sent()),
                (ErrorKind::Invalid, Sent::No)
            );
            let cause = std::error::Error::source(&failed).unwrap();
            let violations = cause.downcast_ref::<Violations>().unwrap();
            assert_eq!(violations.list()[0].field, field);
            let invitation = co_sell.invitation("0e9d6c44-3b1f-4a7e-9c55-8f2ab6d7e310");
            client.create_draft(&invitation, options).await.unwrap_err();
        }
    }
    assert_eq!(service.requests(), 0);
}

#[test]
fn an_invitation_names_engagement_microsoft_and_help() {
    let own = CoSellDeal::new(whole(), help()).with_solution_play("area", "play");
    let nothing = Help::new(AssistanceRequestCode::Unknown);
    let empty = Invitation::new(own.referral(), " ", &nothing, DealKind::CoSell);
    assert_eq!(
        fields(empty.check(Profile::Lenient)),
        ["engagementId", "inviteContext.assistanceRequestCode"]
    );
    let unaddressed = own
        .referral()
        .check_invitation(DealKind::CoSell, Profile::Lenient);
    assert!(fields(unaddressed).contains(&"target".to_owned()));
}

#[tokio::test]
async fn a_draft_that_is_whole_is_posted() {
    let service = Scripted::answering(200, SAMPLE);
    let made: Referral = service
        .client()
        .create_draft(&PrivateDeal::new(whole()), CreateOptions::default())
        .await
        .unwrap();
    assert!(made.id().unwrap().is_some());
    let sent: Value = serde_json::from_slice(service.request().body()).unwrap();
    assert_eq!(sent, serde_json::from_str::<Value>(PRIVATE).unwrap());
}

#[test]
fn attributes_are_set_one_by_one_and_found_in_any_case() {
    let needs = cosell_referrals::Requirements::default()
        .with_solutions(&[Solution::new("SOL-1", SolutionType::Name)])
        .with_attribute(&Attribute::new(
            "customermarketplaceintent",
            "HaveNotDecided",
        ))
        .with_attribute(&Attribute::new("Region", "North"))
        .with_attribute(&Attribute::marketplace_intent(&MarketplaceIntent::Yes));
    assert_eq!(
        needs.attribute("CUSTOMERMARKETPLACEINTENT").as_deref(),
        Some("Yes")
    );
    assert_eq!(needs.attribute("region").as_deref(), Some("North"));
    assert_eq!(needs.attribute("PartnerRole"), None);
    let additional = needs.additional_requirements().unwrap().unwrap();
    assert_eq!(additional.attributes().unwrap().len(), 2);
}

// R131
#[tokio::test]
async fn nobody_is_named_whose_data_may_not_be_shared() {
    let text = include_str!("samples/private_deal.json");
    let mut body: Value = serde_json::from_str(text).unwrap();
    body["consent"]["consentToToShareInfoWithOthers"] = false.into();
    let draft = NewReferral::from_raw(serde_json::from_value(body.clone()).unwrap());
    let service = Scripted::new([]);
    let options = CreateOptions::default().with_profile(Profile::Lenient);
    let failed = service
        .client()
        .create_draft(&PrivateDeal::new(draft.clone()), options.clone())
        .await
        .unwrap_err();
    let cause = std::error::Error::source(&failed).unwrap().to_string();
    assert!(
        cause.starts_with("customerProfile.team: names people"),
        "{cause}"
    );
    assert_eq!(fields(draft.check()), ["customerProfile.team"]);
    assert_eq!(service.requests(), 0);

    // Without people there is nothing to share.
    body["customerProfile"]["team"] = json!([]);
    let nobody = NewReferral::from_raw(serde_json::from_value(body).unwrap());
    let nobody = PrivateDeal::new(nobody);
    nobody.check(Profile::Lenient).unwrap();

    // Nor do they come in by a patch.
    let referral = sample_in(&State::ACCEPTED, |body| {
        body["consent"]["consentToToShareInfoWithOthers"] = false.into();
    });
    let ada = Member::new("Ada", "Berg", "+441130000001", "eva@fabrikam.example");
    let added = Patch::new().add_to_customer_team(&referral, std::slice::from_ref(&ada));
    for patch in [added.unwrap(), Patch::new().with_customer_team(&[ada])] {
        assert_eq!(
            fields(patch.check_for(&referral, Profile::Lenient)),
            ["customerProfile.team"]
        );
    }
    let emptied = Patch::new().with_customer_team(&[]);
    emptied.check_for(&referral, Profile::Lenient).unwrap();
}

#[test]
fn a_telephone_number_is_no_email_address() {
    let swapped = Member::new("Omar", "Diaz", "omar@northwind.example", "+441130000002");
    let deal = PrivateDeal::new(whole().with_team(&[swapped]));
    assert_eq!(fields(deal.check(Profile::Strict)), ["team[0].email"]);
    deal.check(Profile::Lenient).unwrap();
}
