//! Records are read liberally and lose nothing.

use cosell_referrals::{
    AdditionalRequirements, Address, AssistanceRequestCode, Attribute, Consent, CustomerId,
    CustomerIdType, CustomerProfile, Details, Direction, Iot, Member, NewReferral, Qualification,
    RawMap, Referral, ReferralType, Requirements, Solution, SolutionType, Status, Substatus,
    Target, TargetType,
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, value::RawValue};

use crate::support::{ETAG, ID, SAMPLE};

fn texts(map: &RawMap) -> Vec<(&str, &str)> {
    map.iter()
        .map(|(name, value)| (name.as_str(), value.get()))
        .collect()
}

fn parse(body: &str) -> Referral {
    Referral::from_json(body.as_bytes()).unwrap()
}

#[test]
fn the_sample_is_read() {
    let referral = parse(SAMPLE);
    assert_eq!(referral.id().unwrap().as_deref(), Some(ID));
    assert_eq!(referral.etag().unwrap().unwrap().as_str(), ETAG);
    assert_eq!(referral.status(), Ok(Some(Status::Active)));
    assert_eq!(referral.substatus(), Ok(Some(Substatus::Accepted)));
    assert_eq!(referral.referral_type(), Ok(Some(ReferralType::Shared)));
    assert_eq!(
        referral.qualification(),
        Ok(Some(Qualification::SalesQualified))
    );
    assert_eq!(referral.direction(), Ok(Some(Direction::Outgoing)));
    assert_eq!(
        referral.name().unwrap().as_deref(),
        Some("Fabrikam – plant analytics")
    );
    assert_eq!(referral.expiration_date_time(), Ok(None));
    let updated = referral.updated_date_time().unwrap().unwrap();
    assert_eq!(
        updated,
        "2026-03-09T14:40:07.0090112Z"
            .parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap()
    );

    let customer = referral.customer_profile().unwrap().unwrap();
    let address = customer.address().unwrap().unwrap();
    assert_eq!(address.city().unwrap().as_deref(), Some("Leeds"));
    assert_eq!(address.state(), Ok(None));
    assert_eq!(customer.is_matching_complete(), Ok(Some(true)));
    assert_eq!(
        customer.team().unwrap()[0].last_name().unwrap().as_deref(),
        Some("Berg")
    );
    let ids = customer.ids().unwrap();
    assert_eq!(ids[0].profile_type(), Ok(Some(CustomerIdType::Duns)));

    let details = referral.details().unwrap().unwrap();
    assert_eq!(details.deal_value(), Ok(Some(Decimal::new(84_000, 0))));
    let requirements = details.requirements().unwrap().unwrap();
    let solutions = requirements.solutions().unwrap();
    assert_eq!(solutions[0].kind(), Ok(Some(SolutionType::Name)));

    let consent = referral.consent().unwrap().unwrap();
    assert_eq!(consent.share_with_microsoft_sellers(), Ok(Some(true)));
    assert_eq!(consent.share_info_with_others(), Ok(Some(true)));
    let invite = referral.invite_context().unwrap().unwrap();
    assert_eq!(
        invite.assistance_request_code(),
        Ok(Some(AssistanceRequestCode::Unknown))
    );
    let target = referral.target().unwrap();
    assert_eq!(
        target[0].target_type(),
        Ok(Some(TargetType::SolutionProfile))
    );
    let tracking = referral.tracking_info().unwrap().unwrap();
    assert_eq!(tracking.microsoft_msx_id(), Ok(None));
}

#[test]
fn nothing_of_a_record_is_lost_on_the_way_through() {
    let future = SAMPLE.replacen(
        '{',
        r#"{ "dealRank": 9223372036854775809, "rate": 922337203685477.5807, "Odd Name": { "b": 1, "a" : [1.50, null] },"#,
        1,
    );
    for body in [SAMPLE, future.as_str()] {
        let came: RawMap = serde_json::from_str(body).unwrap();
        let sent = serde_json::to_string(&parse(body)).unwrap();
        let sent: RawMap = serde_json::from_str(&sent).unwrap();
        assert_eq!(texts(&came), texts(&sent));
    }
    let raw = parse(&future);
    assert_eq!(raw.raw()["dealRank"].get(), "9223372036854775809");
    assert_eq!(raw.raw()["rate"].get(), "922337203685477.5807");
    assert_eq!(
        raw.raw()["Odd Name"].get(),
        r#"{ "b": 1, "a" : [1.50, null] }"#
    );
}

#[test]
fn names_are_known_in_any_case_and_values_in_any_type() {
    let referral = parse(
        r#"{"Id":"a","STATUS":"active","Type":"P2P","ETag":"\"t\"","Details":{"DealValue":"10000",
            "Currency":"","ClosingDateTime":"2026-09-30"},"CustomerProfile":{"Ids":{},"team":null},
            "mpnId":6123456,"consent":{"ConsentToContact":"True"}}"#,
    );
    assert_eq!(referral.id().unwrap().as_deref(), Some("a"));
    assert_eq!(referral.status(), Ok(Some(Status::Active)));
    assert_eq!(
        referral.referral_type(),
        Ok(Some(ReferralType::Other("P2P".into())))
    );
    assert_eq!(referral.mpn_id().unwrap().as_deref(), Some("6123456"));
    let details = referral.details().unwrap().unwrap();
    assert_eq!(details.deal_value(), Ok(Some(Decimal::from(10_000))));
    assert_eq!(details.currency(), Ok(None));
    assert!(details.closing_date_time().unwrap().is_some());
    let customer = referral.customer_profile().unwrap().unwrap();
    assert!(customer.ids().unwrap().is_empty() && customer.team().unwrap().is_empty());
    assert_eq!(
        referral.consent().unwrap().unwrap().contact(),
        Ok(Some(true))
    );
}

#[test]
fn a_malformed_field_spoils_only_itself() {
    let referral = parse(
        r#"{"id":"a","name":["x"],"updatedDateTime":"yesterday","details":{"dealValue":true,
            "notes":"kept"},"team":[{"email":"a@b.example"},{"email":{}}],"target":"msft"}"#,
    );
    assert_eq!(
        referral.name().unwrap_err().to_string(),
        "name: expected text, found a list"
    );
    assert_eq!(referral.updated_date_time().unwrap_err().found, "text");
    let details = referral.details().unwrap().unwrap();
    assert_eq!(details.deal_value().unwrap_err().path, "details.dealValue");
    assert_eq!(details.notes().unwrap().as_deref(), Some("kept"));
    let team = referral.team().unwrap();
    assert_eq!(team[1].email().unwrap_err().path, "team[1].email");
    assert_eq!(referral.target().unwrap_err().expected, "a list");
    assert_eq!(referral.id().unwrap().as_deref(), Some("a"));
}

#[test]
fn what_is_no_record_is_told_without_its_content() {
    for (body, found) in [
        (&b""[..], "an empty body"),
        (b"{\"name\":\"Ada", "a body that breaks off"),
        (b"<html>Ada</html>", "a body that is not JSON"),
        (b"[\"Ada\"]", "a list"),
        (b"{\"name\":\"\xff\"}", "bytes that are not UTF-8"),
    ] {
        assert_eq!(Referral::from_json(body).unwrap_err().found, found);
    }
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let _ = Referral::from_json(deep.as_bytes()).map(|referral| referral.team());
}

#[test]
fn personal_data_does_not_show_in_debug() {
    let referral = parse(SAMPLE);
    let shown = format!(
        "{referral:?} {:?} {:?}",
        referral.customer_profile().unwrap(),
        referral.team().unwrap()
    );
    for secret in ["Berg", "ada.berg", "Fabrikam", "Harbour", "+4411", "84000"] {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(shown.contains("customerProfile"));
}

#[test]
fn a_member_goes_back_with_what_is_not_modelled() {
    let referral = parse(SAMPLE);
    let team = referral.team().unwrap();
    let changed = team[0].clone().with_phone_number("+441130000009");
    let json = serde_json::to_value(changed).unwrap();
    assert_eq!(json["contactPreference"]["locale"], "en-gb");
    assert_eq!(json["phoneNumber"], "+441130000009");
}

#[test]
fn setting_replaces_every_spelling() {
    let raw = RawMap::from([(
        "FirstName".to_owned(),
        RawValue::from_string("\"Ada\"".to_owned()).unwrap(),
    )]);
    let member = Member::from_raw(raw).with_first_name("Eva");
    assert_eq!(
        serde_json::to_string(&member).unwrap(),
        r#"{"firstName":"Eva"}"#
    );
}

#[test]
fn a_draft_is_the_published_private_deal() {
    let address = Address::new("GB")
        .with_address_line1("12 Harbour Road")
        .with_city("Leeds")
        .with_state("")
        .with_postal_code("LS1 4AB");
    let contact = Member::new("Ada", "Berg", "+441130000001", "ada.berg@fabrikam.example");
    let duns = CustomerId::default()
        .with_profile_type(CustomerIdType::Duns)
        .with_id("214567890");
    let customer = CustomerProfile::new("Fabrikam Works Ltd", address)
        .with_size("251to1000employees")
        .with_team(&[contact])
        .with_ids(&[duns]);
    let consent = Consent::default()
        .with_share_info_with_others(true)
        .with_contact(true)
        .with_microsoft_to_contact_specific_partners(true)
        .with_share_with_microsoft_sellers(false);
    let solution = Solution::new("SOL-10482-QRT", SolutionType::Name)
        .with_name("Northwind Plant Insight")
        .with_publisher_name("Northwind Cloud Partners")
        .with_solution_type("3P");
    let intent = Attribute::new("CustomerMarketplaceIntent", "HaveNotDecided");
    let additional = AdditionalRequirements::default()
        .with_attributes(&[intent])
        .with_iot(Iot::default());
    let requirements = Requirements::default()
        .with_solutions(&[solution])
        .with_additional_requirements(additional);
    let details = Details::default()
        .with_notes("Wants predictive maintenance on Azure.")
        .with_deal_value(84_000)
        .with_currency("GBP")
        .with_closing_date_time(
            "2026-09-30T00:00:00Z"
                .parse::<chrono::DateTime<chrono::Utc>>()
                .unwrap(),
        )
        .with_requirements(requirements);
    let draft = NewReferral::new(&ReferralType::Independent, &customer, &consent, &details)
        .with_name("Fabrikam – plant analytics")
        .with_external_reference_id("OPP-20931")
        .with_team(&[Member::new(
            "Omar",
            "Diaz",
            "+441130000002",
            "omar.diaz@northwind.example",
        )])
        .with_target(&[]);
    draft.check().unwrap();

    let published: Value = serde_json::from_str(include_str!("samples/private_deal.json")).unwrap();
    assert_eq!(serde_json::to_value(&draft).unwrap(), published);
}

#[test]
fn microsofts_referral_begins_pending_within_the_engagement() {
    let draft = NewReferral::default()
        .with_engagement_id("0e9d6c44-3b1f-4a7e-9c55-8f2ab6d7e310")
        .with_target(&[Target::microsoft()])
        .with_state(&Status::New, &Substatus::Pending);
    assert_eq!(
        serde_json::to_string(&draft).unwrap(),
        r#"{"engagementId":"0e9d6c44-3b1f-4a7e-9c55-8f2ab6d7e310","status":"New","substatus":"Pending","target":[{"id":"msft","type":"BusinessProfileLocation"}]}"#
    );
}

#[test]
fn all_faults_of_a_draft_are_told_at_once() {
    let customer = CustomerProfile::new(" ", Address::new("GBR"));
    let details = Details::default().with_deal_value(0);
    let consent = Consent::default().with_contact(true);
    let draft = NewReferral::new(&ReferralType::Shared, &customer, &consent, &details);
    let violations = draft.check().unwrap_err();
    let fields: Vec<_> = violations
        .list()
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "customerProfile.name",
            "customerProfile.address.country",
            "consent.consentToToShareInfoWithOthers",
            "consent.consentToMicrosoftToContactSpecificPartners",
            "consent.consentToShareReferralWithMicrosoftSellers",
            "details.dealValue",
            "details.currency",
        ]
    );
    assert_eq!(NewReferral::default().check().unwrap_err().list().len(), 4);
}

/// Asks a record for all that it models.
fn ask_everything(referral: &Referral) {
    let _ = (
        referral.id(),
        referral.etag(),
        referral.status(),
        referral.substatus(),
    );
    let _ = (referral.created_date_time(), referral.updated_date_time());
    for member in referral.team().unwrap_or_default() {
        let _ = (member.email(), member.first_name());
    }
    if let Ok(Some(customer)) = referral.customer_profile() {
        let _ = customer
            .address()
            .map(|address| address.map(|address| address.country()));
        let _ = (
            customer.team(),
            customer.ids(),
            customer.is_matching_complete(),
        );
    }
    if let Ok(Some(details)) = referral.details() {
        let _ = (
            details.deal_value(),
            details.closing_date_time(),
            details.notes(),
        );
        let _ = details
            .requirements()
            .map(|needs| needs.map(|needs| needs.solutions()));
    }
    let _ = (
        referral.consent(),
        referral.target(),
        referral.invite_context(),
    );
    let _ = (format!("{referral:?}"), serde_json::to_string(referral));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = Referral::from_json(&bytes).map(|referral| ask_everything(&referral));
    }

    #[test]
    fn no_damage_to_a_record_makes_the_reader_panic(
        damage in proptest::collection::vec((0..SAMPLE.len(), prop::sample::select(&b"\"{}[]:,0-eu\\ \xff"[..])), 1..6),
        length in 0..=SAMPLE.len(),
    ) {
        let mut body = SAMPLE.as_bytes().to_vec();
        for (at, byte) in damage {
            body[at] = byte;
        }
        let _ = Referral::from_json(&body).map(|referral| ask_everything(&referral));
        body.truncate(length);
        let _ = Referral::from_json(&body);
    }
}
