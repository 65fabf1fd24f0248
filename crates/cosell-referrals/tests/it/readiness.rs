//! The look before the start.

use cosell_referrals::{ReadinessFault, ReadinessNote, ReadinessOptions};
use cosell_sandbox::{Act, REFERRALS_USER, partner_center::Options};
use serde_json::{Value, json};

use crate::{
    sandbox::{create, sandbox},
    support::{SAMPLE, Scripted},
};

const OWN: &str = "5d0f2c1e-7a34-4b6e-9a57-0c2f6b8e1d42";

fn page(items: &[Value]) -> String {
    json!({ "value": items }).to_string()
}

fn sample(change: impl FnOnce(&mut Value)) -> Value {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut body);
    body
}

// R12
#[tokio::test]
async fn without_a_partner_id_the_check_fails() {
    for ids in [vec![], vec![""], vec![" "]] {
        let service = Scripted::answering(200, &page(&[sample(|_| {})]));
        let found = service
            .client()
            .check_readiness(&ReadinessOptions::new(ids))
            .await;
        assert!(!found.is_ready());
        assert!(matches!(
            found.faults[..],
            [ReadinessFault::PartnerIdMissing]
        ));
        assert!(found.to_string().contains("fault: PartnerID"), "{found}");
    }
}

// R13
#[tokio::test]
async fn another_partner_id_than_the_tenants_fails() {
    let seen = sample(|_| {});
    let microsofts = sample(|body| {
        body["organizationId"] = "msft".into();
        body["mpnId"] = "7777777".into();
    });
    let items = page(&[seen, microsofts]);
    let wanted = ReadinessOptions::new(["7777777"]).with_organization_id("another");
    let found = Scripted::answering(200, &items)
        .client()
        .check_readiness(&wanted)
        .await;
    let [
        ReadinessFault::PartnerIdOther { wanted, seen },
        ReadinessFault::OrganizationOther {
            seen: organizations,
            ..
        },
    ] = &found.faults[..]
    else {
        panic!("{found}");
    };
    assert!(wanted.contains("7777777") && seen.contains("6123456") && seen.len() == 1);
    assert!(organizations.contains(OWN) && organizations.len() == 1);

    // One of several locations is enough.
    let wanted = ReadinessOptions::new(["7777777", "6123456"]).with_organization_id(OWN);
    let found = Scripted::answering(200, &items)
        .client()
        .check_readiness(&wanted)
        .await;
    assert!(found.is_ready() && found.notes.is_empty(), "{found}");
    assert_eq!((found.visible, found.counted_all), (2, true));
}

// R14
#[tokio::test]
async fn a_page_is_listed_and_what_is_visible_counted() {
    let options = Options::default()
        .with_page_size(2)
        .with_matching_delay(None);
    let (sandbox, referrals) = sandbox(options);
    let wanted = ReadinessOptions::new(["6123456"]);
    let found = referrals.check_readiness(&wanted).await;
    assert_eq!((found.visible, found.counted_all), (0, true));
    assert_eq!(found.notes, [ReadinessNote::NothingVisible]);
    assert!(found.is_ready());

    for _ in 0..5 {
        create(&referrals).await;
    }
    let found = referrals.check_readiness(&wanted).await;
    assert_eq!((found.visible, found.counted_all), (5, true));
    // The drafts name no location, so there is nothing to compare with.
    assert_eq!(found.notes, [ReadinessNote::PartnerIdUnseen]);

    sandbox.reset_counts();
    let short = wanted.with_most_pages(2);
    let found = referrals.check_readiness(&short).await;
    assert_eq!((found.visible, found.counted_all), (4, false));
    assert!(found.to_string().contains("4 referrals visible at least"));
    assert_eq!(sandbox.counts().partner_center.requests, 2);
}

// R11, R19
#[tokio::test]
async fn a_missing_role_is_told_beside_the_other_faults() {
    let (sandbox, referrals) = sandbox(Options::default());
    let user = REFERRALS_USER.to_owned();
    let roles = Vec::new();
    sandbox.act(&Act::AdminRoles { user, roles }).unwrap();
    let wanted = ReadinessOptions::new(["no number"]);
    let found = referrals.check_readiness(&wanted).await;
    let [
        ReadinessFault::PartnerIdMalformed { id },
        ReadinessFault::NotListed(error),
    ] = &found.faults[..]
    else {
        panic!("{found}");
    };
    assert_eq!(id, "no number");
    assert!(error.message().contains("Referrals Admin"), "{error}");
    let told = found.to_string();
    assert!(
        told.contains("Partner Center") && told.contains("Referrals Admin"),
        "{told}"
    );
}

#[tokio::test]
async fn records_that_cannot_be_read_are_counted_and_told() {
    let odd = sample(|body| body["mpnId"] = json!(["6123456"]));
    let items = page(&[odd, sample(|_| {})]);
    let found = Scripted::answering(200, &items)
        .client()
        .check_readiness(&ReadinessOptions::new(["6123456"]))
        .await;
    assert!(found.is_ready());
    let [ReadinessNote::Unreadable { count: 1, example }] = &found.notes[..] else {
        panic!("{found}");
    };
    assert_eq!(example, "mpnId: expected text, found a list");
    assert_eq!(found.visible, 2);
}
