//! What users of the service stumble over, one test for each. The traps of webhooks stand with the
//! others of theirs: 7 (several calls for one save) in `webhooks/receiver.rs`, 8 (silence after
//! another registration) in `webhooks/registration.rs`.

use std::{collections::BTreeMap, time::Duration};

use cosell_referrals::{
    AssistanceRequestCode, Category, CoSellDeal, Consent, CreateOptions, Direction, Draft, ETag,
    Engagement, ErrorKind, Filter, Help, ListOptions, NewReferral, Order, OrderBy, Patch,
    PatchOptions, PatchOutcome, PatchVerb, Profile, Referral, Status, Substatus, is_stale,
};
use cosell_sandbox::{Act, partner_center};
use serde_json::{Value, json, value::RawValue};

use crate::{
    sandbox::{create, sandbox},
    support::{ETAG, ID, SAMPLE, Scripted, Turn, fields},
};

const OWN: &str = "5d0f2c1e-7a34-4b6e-9a57-0c2f6b8e1d42";

fn sample(change: impl FnOnce(&mut Value)) -> Referral {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut body);
    Referral::from_json(body.to_string().as_bytes()).unwrap()
}

fn draft() -> Value {
    serde_json::from_str(include_str!("samples/private_deal.json")).unwrap()
}

fn as_draft(body: Value) -> NewReferral {
    NewReferral::from_raw(serde_json::from_value(body).unwrap())
}

/// 1: the token was put on a request that was not the one that was sent.
#[tokio::test]
async fn a_create_carries_the_token_and_a_faulty_body_names_its_field() {
    let refusal = include_str!("samples/error_invalid.json");
    let service = Scripted::answering(400, refusal);
    let raw = serde_json::from_value(draft()).unwrap();
    let failed = service
        .client()
        .create_raw(&raw, CreateOptions::default())
        .await
        .unwrap_err();
    assert_eq!(failed.target(), Some("customerProfile.address.country"));
    assert!(failed.message().contains("two letter code"), "{failed}");
    let request = service.request();
    assert_eq!(request.headers()["authorization"], "Bearer secret-token");
    assert!(request.headers().contains_key("client-request-id"));
}

/// 2: `If-Match` without the quotes, or with the backslashes of JSON.
#[tokio::test]
async fn the_version_is_sent_with_its_quotes_and_without_backslashes() {
    let service = Scripted::answering(204, "");
    let read = sample(|_| {});
    let options = PatchOptions::default().with_representation(false);
    let patch = Patch::new().with_notes("x");
    service
        .client()
        .patch_read(&read, &patch, options)
        .await
        .unwrap();
    assert_eq!(
        service.request().headers()["if-match"].as_bytes(),
        ETAG.as_bytes()
    );
    assert!(ETAG.starts_with('"') && ETAG.ends_with('"') && !ETAG.contains('\\'));

    // The double compares as the service does.
    let (_, referrals) = sandbox(partner_center::Options::default());
    let (id, made) = create(&referrals).await;
    let tag = made.etag().unwrap().unwrap();
    for (tag, taken) in [
        (tag.as_str().trim_matches('"').to_owned(), false),
        (tag.as_str().replace('"', "\\\""), false),
        (tag.as_str().to_owned(), true),
    ] {
        let options = PatchOptions::default().with_if_match(ETag::new(tag));
        let patched = referrals.patch(&id, &patch, options).await;
        assert_eq!(patched.is_ok(), taken);
        assert!(patched.err().is_none_or(|error| is_stale(&error)));
    }
}

/// 3: the token of an application alone; 4: the wrong host or audience.
#[tokio::test]
async fn wrong_tokens_and_hosts_are_told_for_what_they_are() {
    let body =
        r#"{"message":"The token in the Authorization header is missing user information."}"#;
    let failed = Scripted::answering(400, body)
        .client()
        .get(ID)
        .await
        .unwrap_err();
    assert!(failed.message().contains("signed-in user"), "{failed}");

    let turns = (0..2).map(|_| Turn::Answer(401, String::new()));
    let failed = Scripted::new(turns).client().get(ID).await.unwrap_err();
    assert!(
        failed
            .message()
            .contains("https://api.partner.microsoft.com"),
        "{failed}"
    );
    // A host that knows no referrals does not say that there is none.
    let failed = Scripted::answering(404, r#"{"message":"Resource not found"}"#)
        .client()
        .get(ID)
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound);
}

/// 5: "Solution ID is required", countries, contacts: the service says it late or not at all.
#[test]
fn what_connectors_fail_on_is_refused_before_it_is_sent() {
    let help = || Help::new(AssistanceRequestCode::GeneralOrOther);
    let check = |change: fn(&mut Value)| {
        let mut body = draft();
        change(&mut body);
        let deal = CoSellDeal::new(as_draft(body), help()).with_solution_play("area", "play");
        fields(deal.check(Profile::Lenient))
    };
    assert_eq!(
        check(|body| body["details"]["requirements"]["solutions"][0]["id"] = Value::Null),
        ["details.requirements.solutions[0].id"]
    );
    for country in ["GBR", "gb", "", "United Kingdom"] {
        let mut body = draft();
        body["customerProfile"]["address"]["country"] = country.into();
        assert_eq!(
            fields(as_draft(body).check()),
            ["customerProfile.address.country"]
        );
    }
    assert_eq!(
        check(|body| body["customerProfile"]["team"] = json!([])),
        ["customerProfile.team"]
    );
}

/// 6: a value of zero, or an empty one, breaks updates.
#[test]
fn a_value_of_nothing_is_never_sent_and_never_read_as_zero() {
    for value in [0, -1] {
        assert_eq!(
            fields(Patch::new().with_deal_value(value).check()),
            ["details.dealValue"]
        );
    }
    let empty = sample(|body| body["details"]["dealValue"] = "".into());
    assert_eq!(empty.details().unwrap().unwrap().deal_value(), Ok(None));
}

/// 9: texts come HTML-escaped; 10: empty text and null mean the same.
#[test]
fn escaped_texts_stay_as_they_came_and_empty_is_absent() {
    let read = sample(|body| {
        body["name"] = "Fabrikam &amp; Sons".into();
        body["campaignId"] = "".into();
        body["mpnId"] = Value::Null;
    });
    // Whose escape it is cannot be told here: a person may have written it.
    assert_eq!(read.name().unwrap().as_deref(), Some("Fabrikam &amp; Sons"));
    assert_eq!(
        serde_json::to_value(&read).unwrap()["name"],
        "Fabrikam &amp; Sons"
    );
    assert_eq!((read.campaign_id(), read.mpn_id()), (Ok(None), Ok(None)));
    assert_eq!(read.raw()["campaignId"].get(), "\"\"");
}

/// 11: a shared deal of one's own was seen as incoming.
#[test]
fn whose_deal_it_is_does_not_follow_from_its_direction() {
    let own = sample(|body| body["direction"] = "Incoming".into());
    assert_eq!(own.direction(), Ok(Some(Direction::Incoming)));
    assert_eq!(own.category(), Ok(Category::CoSell));
    assert!(Engagement::sort([own], OWN).unwrap().own.is_some());
}

/// 12: the links of a referral lack quotes and encoding.
#[tokio::test]
async fn the_engagement_is_asked_for_with_quotes_whatever_the_link_says() {
    let read = sample(|_| {});
    let link = read
        .links()
        .unwrap()
        .unwrap()
        .related_referrals()
        .unwrap()
        .unwrap();
    let engagement = read.engagement_id().unwrap().unwrap();
    assert!(
        link.uri()
            .unwrap()
            .unwrap()
            .ends_with(&format!("engagementId eq {engagement}"))
    );
    let service = Scripted::answering(200, &format!(r#"{{"value":[{SAMPLE}]}}"#));
    assert_eq!(
        service.client().related(&engagement).await.unwrap().len(),
        1
    );
    assert_eq!(
        service.addresses(),
        [format!(
            "https://api.partner.microsoft.com/v1.0/engagements/referrals\
             ?$filter=engagementId%20eq%20%27{engagement}%27&$orderby=createdDateTime%20asc"
        )]
    );
}

/// 13: the doubled "To"; 14: names in any case.
#[test]
fn the_services_own_spelling_is_kept() {
    let consent = serde_json::to_string(&Consent::default().with_share_info_with_others(true));
    assert_eq!(
        consent.unwrap(),
        r#"{"consentToToShareInfoWithOthers":true}"#
    );
    // A request of the documents, as it stands there.
    let mixed = Referral::from_json(
        br#"{"Consent":{"ConsentToContact":true,"consentToShareReferralWithMicrosoftSellers":false},
             "CustomerProfile":{"Name":"Fabrikam","Address":{"Country":"GB"}},"Type":"Shared"}"#,
    )
    .unwrap();
    let consent = mixed.consent().unwrap().unwrap();
    assert_eq!(consent.contact(), Ok(Some(true)));
    assert_eq!(consent.share_with_microsoft_sellers(), Ok(Some(false)));
    let customer = mixed.customer_profile().unwrap().unwrap();
    let country = customer.address().unwrap().unwrap().country();
    assert_eq!(country.unwrap().as_deref(), Some("GB"));
}

/// 15: two hundred at once, filtered, with the link to the next page.
#[tokio::test]
async fn pages_of_two_hundred_are_asked_for_with_a_filter() {
    let link = "http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=q7Pw2LkZ%2fA";
    let page = json!({ "value": [{ "id": "a" }], "@odata.nextLink": link }).to_string();
    let service = Scripted::new([
        Turn::Answer(200, page),
        Turn::Answer(200, r#"{"value":[]}"#.into()),
    ]);
    let filter = Filter::direction(&Direction::Incoming).and(Filter::status(&Status::Active));
    let options = ListOptions::default()
        .with_filter(filter)
        .with_top(200)
        .with_order(Order::newest(OrderBy::Updated));
    let client = service.client();
    let first = client.first_page(&options).await.unwrap();
    let last = client.next_page(&first.next.unwrap()).await.unwrap();
    assert!(last.items.is_empty() && last.next.is_none());
    let asked = service.addresses();
    assert!(
        asked[0].contains("direction%20eq%20%27Incoming%27%20and%20status%20eq%20%27Active%27")
    );
    assert!(asked[0].ends_with("&$top=200"), "{}", asked[0]);
    assert!(asked[1].ends_with("/v1.0/engagements/referrals?$skiptoken=q7Pw2LkZ%2fA"));
}

/// 16: what connectors carry back can be patched, all of it in one document.
#[tokio::test]
async fn what_connectors_carry_can_be_written_at_once() {
    let (_, referrals) = sandbox(partner_center::Options::default());
    let (_, made) = create(&referrals).await;
    let closing: chrono::DateTime<chrono::Utc> = "2026-12-24T00:00:00Z".parse().unwrap();
    let patch = Patch::new()
        .with_deal_value(91_000)
        .with_currency("EUR")
        .with_closing_date_time(closing)
        .with_notes("Signed.")
        .win();
    let outcome = referrals
        .patch_read(&made, &patch, PatchOptions::default())
        .await
        .unwrap();
    let PatchOutcome::Applied(patched) = outcome else {
        panic!("stale");
    };
    let after = patched.referral.unwrap();
    assert_eq!(after.substatus(), Ok(Some(Substatus::Won)));
    let details = after.details().unwrap().unwrap();
    assert_eq!(details.currency().unwrap().as_deref(), Some("EUR"));
    assert_eq!(details.closing_date_time(), Ok(Some(closing)));
}

/// 17: the service changes a referral by itself, and with it the version.
#[tokio::test]
async fn a_version_grows_stale_without_anybody_and_the_next_read_cures_it() {
    let (sandbox, referrals) = sandbox(partner_center::Options::default());
    let (id, made) = create(&referrals).await;
    sandbox.advance(Duration::from_secs(60));
    let patch = Patch::new().with_notes("x");
    let first = referrals
        .patch_read(&made, &patch, PatchOptions::default())
        .await
        .unwrap();
    assert!(matches!(first, PatchOutcome::Stale(_)));
    let again = referrals.get(&id).await.unwrap().unwrap();
    let customer = again.customer_profile().unwrap().unwrap();
    assert_eq!(customer.is_matching_complete(), Ok(Some(true)));
    let second = referrals
        .patch_read(&again, &patch, PatchOptions::default())
        .await
        .unwrap();
    assert!(matches!(second, PatchOutcome::Applied(_)));
}

/// 18: eligibility and customer matching cannot be driven.
#[test]
fn what_only_the_service_decides_cannot_be_patched() {
    let value = || RawValue::from_string("true".to_owned()).unwrap();
    for path in [
        "/customerProfile/isMaccEligible",
        "/customerProfile/isMatchingComplete",
        "/customerProfile/name",
        "/mpnId",
        "/id",
        "/eTag",
        "/trackingInfo/microsoftMsxId",
        "/registrationStatus",
        "/team/0",
    ] {
        assert!(Patch::new().with_json(path, value()).is_err(), "{path}");
    }
}

/// 19: weak tags are an invention of test suites; what comes is sent back, whatever it is.
#[tokio::test]
async fn a_version_is_opaque() {
    for tag in ["W/\"datetime'2026-03-09'\"", "\"a,b\"", "*"] {
        let service = Scripted::answering(204, "");
        let read = sample(|body| body["eTag"] = tag.into());
        let patch = Patch::new().with_notes("x");
        service
            .client()
            .patch_read(&read, &patch, PatchOptions::default())
            .await
            .unwrap();
        assert_eq!(service.request().headers()["if-match"], tag);
    }
}

/// 20: a list of words that is closed, and lacks `Accepted`.
#[test]
fn accepted_is_known_and_new_words_are_kept() {
    assert_eq!(sample(|_| {}).substatus(), Ok(Some(Substatus::Accepted)));
    let future = sample(|body| body["substatus"] = "Evaluation".into());
    let word = future.substatus().unwrap().unwrap();
    assert_eq!(word, Substatus::Other("Evaluation".into()));
    let patch = Patch::new().with_state(&Status::Active, &word);
    assert!(patch.to_json(PatchVerb::Replace).contains("Evaluation"));
}

/// Edits in the portal are not lost to a patch that was made before them.
#[tokio::test]
async fn an_edit_in_the_portal_makes_a_patch_stale() {
    let (sandbox, referrals) = sandbox(partner_center::Options::default());
    let (id, made) = create(&referrals).await;
    let set = BTreeMap::from([("/details/notes".to_owned(), "From the portal.".into())]);
    let id = id.parse().unwrap();
    sandbox.act(&Act::PortalEdit { id, set }).unwrap();
    let patch = Patch::new().with_notes("From the CRM.");
    let outcome = referrals
        .patch_read(&made, &patch, PatchOptions::default())
        .await
        .unwrap();
    assert!(matches!(outcome, PatchOutcome::Stale(_)));
}
