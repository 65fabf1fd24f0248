//! From the CRM to Partner Center.

use serde_json::json;

use crate::world::{AUDIT, IDENTIFIER, LINK, SYNC, World};

// R1, R88, R90
#[tokio::test]
async fn a_marked_deal_becomes_a_referral_and_identifier_link_audit_and_tick_come_back() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;

    let (id, referral) = world.only_referral();
    assert_eq!(referral["name"], "Plant analytics", "without the tick");
    assert_eq!(referral["externalReferenceId"], opportunity.to_string());
    assert_eq!(referral["details"]["currency"], "EUR");
    assert_eq!(referral["details"]["dealValue"].as_f64(), Some(84_000.0));
    assert_eq!(
        referral["details"]["closingDateTime"],
        "2026-12-31T00:00:00Z"
    );
    assert_eq!(referral["details"]["notes"], "Predictive maintenance");
    assert_eq!(referral["customerProfile"]["name"], "Fabrikam Works Ltd");
    assert_eq!(referral["customerProfile"]["address"]["country"], "GB");
    assert_eq!(referral["status"], "Active");

    let row = world.opportunity(opportunity);
    assert_eq!(row[IDENTIFIER], id.to_string());
    assert_eq!(
        row[LINK],
        format!("https://partner.microsoft.com/referrals/v2/inbox?id={id}")
    );
    assert_eq!(row["name"], "✔ Plant analytics");
    let audit = row[AUDIT].as_str().unwrap();
    assert!(
        audit.ends_with(" - CRM to Partner Center Referral sync success."),
        "{audit}"
    );
    world.assert_equal().await;
}

// R7, R89
#[tokio::test]
async fn value_and_close_date_edited_in_the_crm_arrive() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    world.crm_update(
        opportunity,
        json!({"estimatedvalue": 91000.55, "estimatedclosedate": "2027-01-15"}),
    );
    world.settle().await;
    let (_, referral) = world.only_referral();
    assert_eq!(referral["details"]["dealValue"].as_f64(), Some(91_000.55));
    assert_eq!(
        referral["details"]["closingDateTime"],
        "2027-01-15T00:00:00Z"
    );
    assert_eq!(
        referral["details"]["notes"], "Predictive maintenance",
        "untouched"
    );
    world.assert_equal().await;
}

// R69
#[tokio::test]
async fn nothing_leaves_while_the_flag_is_off() {
    let world = World::new().await;
    let account = world.account("Fabrikam Works Ltd");
    let opportunity = world.crm_create(json!({
        "name": "Secret", "estimatedvalue": 1, "description": "Not yet", SYNC: false,
        "parentaccountid@odata.bind": format!("/accounts({account})"),
    }));
    let reports = world.settle().await;
    assert!(reports.iter().all(cosell::sync::RoundReport::is_quiet));
    assert!(world.referrals().is_empty());
    // R92 is this: switching it on later works like creating it.
    world.crm_update(
        opportunity,
        json!({SYNC: true, "estimatedclosedate": "2026-12-31"}),
    );
    world.settle().await;
    assert_eq!(world.referrals().len(), 1);
}

// R93
#[tokio::test]
async fn switching_off_stops_and_switching_on_goes_on_with_the_same_pair() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    world.crm_update(opportunity, json!({SYNC: false, "estimatedvalue": 1000}));
    world.settle().await;
    let (id, referral) = world.only_referral();
    assert_eq!(
        referral["details"]["dealValue"].as_f64(),
        Some(84_000.0),
        "nothing pushed"
    );
    assert_eq!(referral["status"], "Active", "nothing closed");
    world.portal_edit(id, &[("/details/notes", json!("edited meanwhile"))]);
    world.settle().await;
    world.crm_update(opportunity, json!({SYNC: true}));
    world.settle().await;
    let (_, referral) = world.only_referral();
    assert_eq!(referral["details"]["dealValue"].as_f64(), Some(1_000.0));
    assert_eq!(
        world.opportunity(opportunity)["description"],
        "edited meanwhile"
    );
    world.assert_equal().await;
}

// R91
#[tokio::test]
async fn the_tick_is_never_doubled_nor_sent_and_survives_a_rename() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    world.crm_update(opportunity, json!({"name": "✔ Plant analytics, phase two"}));
    world.settle().await;
    let (_, referral) = world.only_referral();
    assert_eq!(
        referral["name"], "Plant analytics",
        "a referral's name cannot be changed"
    );
    let row = world.opportunity(opportunity);
    assert_eq!(
        row["name"], "✔ Plant analytics, phase two",
        "the seller's name stays"
    );
    let (held, _) = world.cosell.engine().holds(None, 10).await.unwrap();
    assert_eq!(held.len(), 1, "the difference is listed, with its reason");
    world.assert_equal().await;
}

// R71
#[tokio::test]
async fn a_deal_that_names_a_referral_is_linked_not_posted_again() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let (id, _) = world.only_referral();
    // The state is lost; both records are still there.
    let fresh = World {
        store: std::sync::Arc::new(cosell::sync::MemoryStore::new()),
        ..world
    };
    let mut fresh = fresh;
    fresh.restart().await;
    let reports = fresh.settle().await;
    assert_eq!(reports.iter().map(|report| report.binds).sum::<u64>(), 1);
    assert_eq!(fresh.only_referral().0, id);
    assert_eq!(fresh.opportunity(opportunity)[IDENTIFIER], id.to_string());
    fresh.assert_equal().await;
}
