//! Every property of the service's tables, and every sample of a referral.

use chrono::{DateTime, Utc};
use cosell_referrals::{
    CallToAction, ContractTerm, CustomerSize, Deployment, ErrorReason, LossReason,
    MarketplaceIntent, Patch, PatchVerb, PricingModel, Quality, RawMap, Referral, ReferralSource,
    RegistrationStatus, RegistrationType, SalesStage, Status, Tag, ValidationStatus, catalog,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::SAMPLE;

fn parse(body: &str) -> Referral {
    Referral::from_json(body.as_bytes()).unwrap()
}

fn day(text: &str) -> DateTime<Utc> {
    format!("{text}T00:00:00Z").parse().unwrap()
}

/// A lead of the marketplace with a registration: what the deal of the sample does not show.
const LEAD: &str = r#"{
    "@odata.context": "https://api.partner.microsoft.com/v1.0/$metadata#Referrals/$entity",
    "referralSource": "AzureMarketplace", "callToAction": "ContactMe", "favorite": true,
    "quality": "High", "isSpam": false, "tags": [{"tag": "urgent"}, "later", {}, 7],
    "lastModifiedVia": "Portal", "lastRunId": "17", "createdVia": "Api", "dealSensitivity": "None",
    "isAutoRegistrationEnabled": true, "exception": {"asked": [1.50]},
    "registrationStatus": "ActionRequired",
    "registrations": [{
        "id": "r1", "type": "AzureIPCosell", "registrationDateTime": "2026-04-02T08:00:00.1234567Z",
        "status": "ActionRequired", "statusReason": "Wrong date",
        "contract": {"value": "84000", "currency": "GBP", "startDateTime": "2026-04-01T00:00:00Z",
            "endDateTime": null, "signDateTime": "2026-03-30T00:00:00Z", "term": "Perpetual"},
        "solutionDetails": [{"id": "SOL-10482-QRT", "name": "Northwind Plant Insight",
            "value": 80000.0, "currency": "GBP", "isDeployedOnAzure": true,
            "primaryDeploymentOn": "Customer", "pricingModel": "Other",
            "marketplaceTransactionDetails": {"isMarketplaceTransacted": true,
                "marketplaceTransactionDateTime": "2026-04-01T00:00:00Z"}}],
        "statusHistory": {"reviewPendingDateTime": "2026-04-02T08:00:00Z",
            "actionRequiredDateTime": "2026-04-03T08:00:00Z", "passedDateTime": null,
            "failedDateTime": null, "approvedDateTime": ""}
    }],
    "customerProfile": {"size": "Morethan500employees", "isMaccEligible": true,
        "activities": [{"kind": "visit"}],
        "team": [{"linkedInProfileUrl": "https://linkedin.example/in/ada", "title": "CTO",
            "emailValidationStatus": "Spam", "phoneValidationStatus": "Invalid",
            "contactPreference": {"locale": "en-gb", "disableNotifications": true}}]},
    "details": {"customerAction": "Call me", "customerRequestedContact": true,
        "incentiveLevel": "High", "requirements": {
            "industries": [{"id": "Manufacturing"}], "products": [{"id": "Azure"}],
            "services": [{"id": "Integration"}], "offers": [{"id": "OFFER-1"}],
            "salesPlays": [{"id": "PLAY-1"}],
            "solutions": [{"id": "SOL-1", "price": "12.5", "quantity": 3, "currency": "GBP",
                "closingDateTime": "2026-09-30T00:00:00Z"}],
            "additionalRequirements": {"iot": {"customerLicenseAgreementNumber": "A1",
                "deviceCategory": "Gateway", "siliconType": "Arm", "azureCertifiedDevice": true,
                "attachServices": true},
                "attributes": [{"type": "CustomerMarketplaceIntent", "id": "Yes"}]}}},
    "trackingInfo": {"microsoftMsxId": "7-1", "microsoftUSFedopportunityId": "7-2",
        "microsoftUSFedLeadId": "7-3", "migratedPSCDealId": "7-4", "migratedPSCPartnerDealId": "7-5"},
    "inviteContext": {"invitedMpnId": "6123456"}
}"#;

#[test]
fn a_leads_own_properties_are_read() {
    let lead = parse(LEAD);
    assert_eq!(
        lead.referral_source(),
        Ok(Some(ReferralSource::AzureMarketplace))
    );
    assert_eq!(lead.call_to_action(), Ok(Some(CallToAction::ContactMe)));
    assert_eq!(lead.favorite(), Ok(Some(true)));
    assert_eq!(lead.quality(), Ok(Some(Quality::High)));
    assert_eq!(lead.is_spam(), Ok(Some(false)));
    let tags: Vec<_> = lead.tags().unwrap().iter().map(Tag::text).collect();
    assert_eq!(
        tags,
        [
            Some("urgent".into()),
            Some("later".into()),
            None,
            Some("7".into())
        ]
    );
    assert_eq!(lead.last_modified_via().unwrap().as_deref(), Some("Portal"));
    assert_eq!(lead.last_run_id().unwrap().as_deref(), Some("17"));
    assert_eq!(lead.created_via().unwrap().as_deref(), Some("Api"));
    assert_eq!(lead.deal_sensitivity().unwrap().as_deref(), Some("None"));
    assert_eq!(lead.is_auto_registration_enabled(), Ok(Some(true)));
    assert_eq!(
        lead.exception().unwrap().unwrap().get(),
        r#"{"asked": [1.50]}"#
    );
    assert!(lead.odata_context().unwrap().unwrap().ends_with("$entity"));

    let customer = lead.customer_profile().unwrap().unwrap();
    let size = customer.size().unwrap().unwrap();
    assert_eq!(CustomerSize::from(size.as_str()), CustomerSize::Over500);
    assert_eq!(customer.is_macc_eligible(), Ok(Some(true)));
    assert_eq!(
        customer.activities().unwrap().unwrap().get(),
        r#"[{"kind": "visit"}]"#
    );
    let person = &customer.team().unwrap()[0];
    assert_eq!(person.title().unwrap().as_deref(), Some("CTO"));
    assert!(person.linked_in_profile_url().unwrap().is_some());
    assert_eq!(
        person.email_validation_status(),
        Ok(Some(ValidationStatus::Spam))
    );
    assert_eq!(
        person.phone_validation_status(),
        Ok(Some(ValidationStatus::Invalid))
    );
    let preference = person.contact_preference().unwrap().unwrap();
    assert_eq!(preference.locale().unwrap().as_deref(), Some("en-gb"));
    assert_eq!(preference.disable_notifications(), Ok(Some(true)));

    let details = lead.details().unwrap().unwrap();
    assert_eq!(
        details.customer_action().unwrap().as_deref(),
        Some("Call me")
    );
    assert_eq!(details.customer_requested_contact(), Ok(Some(true)));
    assert_eq!(details.incentive_level().unwrap().as_deref(), Some("High"));
    let needs = details.requirements().unwrap().unwrap();
    for (list, id) in [
        (needs.industries(), "Manufacturing"),
        (needs.products(), "Azure"),
        (needs.services(), "Integration"),
        (needs.offers(), "OFFER-1"),
        (needs.sales_plays(), "PLAY-1"),
    ] {
        assert_eq!(list.unwrap()[0].id().unwrap().as_deref(), Some(id));
    }
    let solution = &needs.solutions().unwrap()[0];
    assert_eq!(solution.price(), Ok(Some(Decimal::new(125, 1))));
    assert_eq!(solution.quantity(), Ok(Some(Decimal::from(3))));
    assert_eq!(solution.currency().unwrap().as_deref(), Some("GBP"));
    assert_eq!(solution.closing_date_time(), Ok(Some(day("2026-09-30"))));
    let additional = needs.additional_requirements().unwrap().unwrap();
    let iot = additional.iot().unwrap().unwrap();
    assert_eq!(
        iot.customer_license_agreement_number().unwrap().as_deref(),
        Some("A1")
    );
    assert_eq!(iot.device_category().unwrap().as_deref(), Some("Gateway"));
    assert_eq!(iot.silicon_type().unwrap().as_deref(), Some("Arm"));
    assert_eq!(
        (iot.azure_certified_device(), iot.attach_services()),
        (Ok(Some(true)), Ok(Some(true)))
    );
    let intent = needs.attribute("CustomerMarketplaceIntent").unwrap();
    assert_eq!(
        MarketplaceIntent::from(intent.as_str()),
        MarketplaceIntent::Yes
    );

    let tracking = lead.tracking_info().unwrap().unwrap();
    for (id, wanted) in [
        (tracking.microsoft_msx_id(), "7-1"),
        // One vendor's spelling.
        (tracking.microsoft_us_fed_opportunity_id(), "7-2"),
        (tracking.microsoft_us_fed_lead_id(), "7-3"),
        (tracking.migrated_psc_deal_id(), "7-4"),
        (tracking.migrated_psc_partner_deal_id(), "7-5"),
    ] {
        assert_eq!(id.unwrap().as_deref(), Some(wanted));
    }
    let invite = lead.invite_context().unwrap().unwrap();
    assert_eq!(invite.invited_mpn_id().unwrap().as_deref(), Some("6123456"));
}

#[test]
fn a_registration_is_read() {
    let lead = parse(LEAD);
    assert_eq!(
        lead.registration_status(),
        Ok(Some(RegistrationStatus::ActionRequired))
    );
    let registration = &lead.registrations().unwrap()[0];
    assert_eq!(registration.id().unwrap().as_deref(), Some("r1"));
    // The file upload spells it otherwise.
    assert_eq!(
        registration.kind(),
        Ok(Some(RegistrationType::AzureIpCoSell))
    );
    assert_eq!(
        registration.status_reason().unwrap().as_deref(),
        Some("Wrong date")
    );
    assert!(registration.registration_date_time().unwrap().is_some());
    let contract = registration.contract().unwrap().unwrap();
    assert_eq!(contract.value(), Ok(Some(Decimal::from(84_000))));
    assert_eq!(contract.term(), Ok(Some(ContractTerm::Perpetual)));
    assert_eq!(contract.end_date_time(), Ok(None));
    let sold = &registration.solution_details().unwrap()[0];
    assert_eq!(sold.primary_deployment_on(), Ok(Some(Deployment::Customer)));
    assert_eq!(sold.pricing_model(), Ok(Some(PricingModel::Otherwise)));
    let sale = sold.marketplace_transaction_details().unwrap().unwrap();
    assert_eq!(sale.is_marketplace_transacted(), Ok(Some(true)));
    assert_eq!(
        sale.marketplace_transaction_date_time(),
        Ok(Some(day("2026-04-01")))
    );
    let history = registration.status_history().unwrap().unwrap();
    assert!(history.review_pending_date_time().unwrap().is_some());
    assert!(history.action_required_date_time().unwrap().is_some());
    assert_eq!(history.passed_date_time(), Ok(None));
    assert_eq!(history.failed_date_time(), Ok(None));
    assert_eq!(history.approved_date_time(), Ok(None));
}

#[test]
fn links_are_read_and_left_alone() {
    let referral = parse(include_str!("samples/links.json"));
    let links = referral.links().unwrap().unwrap();
    let related = links.related_referrals().unwrap().unwrap();
    assert!(
        related
            .uri()
            .unwrap()
            .unwrap()
            .contains("$filter=engagementId eq '")
    );
    assert_eq!(related.method().unwrap().as_deref(), Some("GET"));
    assert!(links.itself().unwrap().unwrap().uri().unwrap().is_some());
}

#[test]
fn both_vocabularies_of_the_sales_stage_are_known() {
    for (text, stage) in [
        ("develop", SalesStage::Develop),
        ("Close", SalesStage::Close),
        ("10", SalesStage::Percent10),
        ("100", SalesStage::Percent100),
        ("55", SalesStage::Other("55".into())),
    ] {
        let referral = parse(&json!({ "salesStage": text }).to_string());
        let read = referral.sales_stage().unwrap().unwrap();
        assert_eq!(SalesStage::from(read.as_str()), stage);
    }
    let patch = Patch::new().with_sales_stage(SalesStage::Percent40);
    assert!(
        patch
            .to_json(PatchVerb::Replace)
            .contains(r#""value":"40""#)
    );
}

#[test]
fn every_word_of_the_lists_is_known_and_no_other() {
    for word in ["New", "Active", "Closed", "None"] {
        assert!(!matches!(Status::from(word), Status::Other(_)));
    }
    let sizes = [
        "1to50employees",
        "51to500employees",
        "Morethan500employees",
        "1to9employees",
        "10to50employees",
        "51to250employees",
        "251to1000employees",
        "1001to5000employees",
        "5001to10000employees",
        "10001to20000employees",
        "Morethan20000employees",
    ];
    for size in sizes {
        assert!(
            !matches!(CustomerSize::from(size), CustomerSize::Other(_)),
            "{size}"
        );
    }
    assert_eq!(
        LossReason::from("Ran away"),
        LossReason::Other("Ran away".into())
    );
    assert_eq!(String::from(ErrorReason::TestReferral), "Test referral");
    assert!(catalog::INDUSTRIES.contains(&"Agriculture, Forestry, & Fishing"));
    for list in [
        &catalog::PRODUCTS[..],
        &catalog::SERVICES,
        &catalog::INDUSTRIES,
        &catalog::SOLUTION_CATEGORIES,
    ] {
        let mut sorted = list.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), list.len());
    }
}

#[test]
fn every_sample_of_a_referral_goes_through_unchanged() {
    for body in [
        SAMPLE,
        LEAD,
        include_str!("samples/private_deal.json"),
        include_str!("samples/invitation.json"),
        include_str!("samples/links.json"),
    ] {
        let sent = serde_json::to_string(&parse(body)).unwrap();
        let came: RawMap = serde_json::from_str(body).unwrap();
        let sent: RawMap = serde_json::from_str(&sent).unwrap();
        assert_eq!(
            came.iter()
                .map(|(name, raw)| (name, raw.get()))
                .collect::<Vec<_>>(),
            sent.iter()
                .map(|(name, raw)| (name, raw.get()))
                .collect::<Vec<_>>()
        );
    }
    // The items of the sample page, with the ellipsis of the documents for a property.
    let page: Value = serde_json::from_str(include_str!("samples/page.json")).unwrap();
    let item = parse(&page["value"][0].to_string());
    assert_eq!(serde_json::to_value(&item).unwrap(), page["value"][0]);
    assert_eq!(item.status(), Ok(Some(Status::Active)));
}
