//! From Partner Center to the CRM.

use cosell_sandbox::partner_center::InboundDeal;
use serde_json::json;

use crate::world::{AUDIT, IDENTIFIER, LINK, SYNC, World};

fn deal(name: &str) -> InboundDeal {
    let mut deal = InboundDeal::new(name, "Adatum Corporation");
    deal.postal_code = Some("1011 AB".to_owned());
    deal.country = "NL".to_owned();
    deal
}

// R2, R100, R101
#[tokio::test]
async fn a_referral_from_microsoft_becomes_an_open_opportunity_with_its_account() {
    let world = World::new().await;
    let id = world.microsoft_sends(deal("Data estate"));
    world.settle().await;

    let referral = world.referral(id);
    let (_, row) = world.only_opportunity();
    assert_eq!(row["statecode"], 0, "open");
    assert_eq!(row["statuscode"], 2, "on hold until somebody accepts");
    assert_eq!(row["name"], "✔ Data estate");
    assert_eq!(
        row["estimatedvalue"].as_f64(),
        referral["details"]["dealValue"].as_f64()
    );
    assert_eq!(row["description"], referral["details"]["notes"]);
    let accounts = world.rows("account");
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0]["name"], "Adatum Corporation");
    assert_eq!(accounts[0]["address1_country"], "NL");
    assert_eq!(row["_parentaccountid_value"], accounts[0]["accountid"]);
    world.assert_equal().await;
}

// R70, R102
#[tokio::test]
async fn all_connector_columns_of_the_new_opportunity_are_filled() {
    let world = World::new().await;
    let id = world.microsoft_sends(deal("Data estate"));
    world.settle().await;
    let (_, row) = world.only_opportunity();
    assert_eq!(row[SYNC], true);
    assert_eq!(row[IDENTIFIER], id.to_string());
    assert!(row[LINK].as_str().unwrap().ends_with(&id.to_string()));
    let audit = row[AUDIT].as_str().unwrap();
    assert!(
        audit.ends_with(" - Partner Center Referral to CRM sync success."),
        "{audit}"
    );
}

// R103
#[tokio::test]
async fn an_update_in_partner_center_changes_only_what_differs() {
    let world = World::new().await;
    let id = world.microsoft_sends(deal("Data estate"));
    world.settle().await;
    let (opportunity, before) = world.only_opportunity();
    world.crm_update(
        opportunity,
        json!({"customerneed": "the seller's own words"}),
    );
    world.settle().await;
    world.portal_edit(id, &[("/details/notes", json!("Two plants now."))]);
    world.settle().await;
    let after = world.opportunity(opportunity);
    assert_eq!(after["description"], "Two plants now.");
    assert_eq!(after["customerneed"], "the seller's own words");
    for column in ["name", "estimatedvalue", "estimatedclosedate", "statuscode"] {
        assert_eq!(after[column], before[column], "{column}");
    }
    world.assert_equal().await;
}

#[tokio::test]
async fn two_deals_of_one_customer_share_one_account() {
    let world = World::new().await;
    world.microsoft_sends(deal("First"));
    world.microsoft_sends(deal("Second"));
    world.settle().await;
    assert_eq!(world.rows("opportunity").len(), 2);
    assert_eq!(world.rows("account").len(), 1);
    world.microsoft_sends(deal("Third"));
    world.settle().await;
    assert_eq!(world.rows("opportunity").len(), 3);
    assert_eq!(
        world.rows("account").len(),
        1,
        "found by name and postal code"
    );
    world.assert_equal().await;
}

// R105
#[tokio::test]
async fn a_crm_id_that_names_nothing_is_a_recorded_skip() {
    let world = World::new().await;
    let id = world.microsoft_sends(deal("Somebody else's"));
    world.portal_edit(
        id,
        &[
            ("/status", json!("Active")),
            ("/substatus", json!("Accepted")),
            ("/externalReferenceId", json!("OPP-20931")),
        ],
    );
    world.settle().await;
    assert!(world.rows("opportunity").is_empty());
    let skipped = world.cosell.engine().skipped(0, 10).await.unwrap();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].id.as_str(), id.to_string());
    assert_eq!(
        world.referral(id)["externalReferenceId"],
        "OPP-20931",
        "the partner's own text is never overwritten"
    );
}

// R104
#[tokio::test]
async fn a_crm_id_that_names_an_opportunity_links_them() {
    let world = World::new().await;
    let account = world.account("Adatum Corporation");
    let opportunity = world.crm_create(json!({
        "name": "Data estate", "estimatedvalue": 10, SYNC: true, IDENTIFIER: null,
        "parentaccountid@odata.bind": format!("/accounts({account})"),
        "statuscode": 2,
    }));
    world.crm_update(opportunity, json!({SYNC: false}));
    let id = world.microsoft_sends(deal("Data estate"));
    world.portal_edit(
        id,
        &[
            ("/status", json!("Active")),
            ("/substatus", json!("Accepted")),
            ("/externalReferenceId", json!(opportunity.to_string())),
        ],
    );
    world.crm_update(opportunity, json!({SYNC: true, IDENTIFIER: id.to_string()}));
    world.settle().await;
    assert_eq!(world.rows("opportunity").len(), 1, "linked, not doubled");
    assert_eq!(world.referrals().len(), 1);
    world.assert_equal().await;
}
