//! Accepting, declining, winning, losing, and both sides at once.

use cosell::sync::{FieldId, Side};
use cosell_sandbox::{Act, partner_center::InboundDeal};
use serde_json::{Map, json};

use crate::world::World;

// R5, R111, R112
#[tokio::test]
async fn taking_a_deal_off_hold_accepts_it() {
    let world = World::new().await;
    let id = world.microsoft_sends(InboundDeal::new("Data estate", "Adatum Corporation"));
    world.settle().await;
    assert_eq!(
        world.referral(id)["status"],
        "New",
        "nothing accepts by itself"
    );
    let (opportunity, _) = world.only_opportunity();
    world.crm_update(opportunity, json!({"statuscode": 1}));
    world.settle().await;
    let referral = world.referral(id);
    assert_eq!(referral["status"], "Active");
    assert_eq!(referral["substatus"], "Accepted");
    assert_eq!(
        referral["externalReferenceId"],
        opportunity.to_string(),
        "the CRM's id goes along with acceptance"
    );
    world.assert_equal().await;
}

// R6
#[tokio::test]
async fn losing_an_unaccepted_deal_declines_it_with_a_reason() {
    let world = World::new().await;
    let id = world.microsoft_sends(InboundDeal::new("Data estate", "Adatum Corporation"));
    world.settle().await;
    let (opportunity, _) = world.only_opportunity();
    let act = Act::CrmLose {
        id: opportunity,
        status: 4,
        close: Map::new(),
    };
    world.sandbox.act(&act).unwrap();
    world.settle().await;
    let referral = world.referral(id);
    assert_eq!(referral["substatus"], "Declined");
    assert_eq!(referral["statusReason"], "Closed in the partner's CRM");
    world.assert_equal().await;
}

// R113
#[tokio::test]
async fn winning_in_the_crm_closes_the_referral_and_last_values_travel_along() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    world.crm_update(opportunity, json!({"estimatedvalue": 118000}));
    let act = Act::CrmWin {
        id: opportunity,
        close: Map::new(),
    };
    world.sandbox.act(&act).unwrap();
    world.settle().await;
    let (_, referral) = world.only_referral();
    assert_eq!(referral["status"], "Closed");
    assert_eq!(referral["substatus"], "Won");
    assert_eq!(referral["details"]["dealValue"].as_f64(), Some(118_000.0));
    world.assert_equal().await;
}

// R118
#[tokio::test]
async fn closing_in_the_portal_closes_the_opportunity_by_its_own_action() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let (id, _) = world.only_referral();
    world.portal_edit(
        id,
        &[
            ("/details/notes", json!("Signed.")),
            ("/status", json!("Closed")),
            ("/substatus", json!("Won")),
        ],
    );
    world.settle().await;
    let row = world.opportunity(opportunity);
    assert_eq!(row["statecode"], 1);
    assert_eq!(row["description"], "Signed.");
    assert_eq!(
        world.rows("opportunityclose").len(),
        1,
        "a close record exists"
    );
    world.assert_equal().await;
}

// R114
#[tokio::test]
async fn an_edit_after_closing_is_held_with_its_reason() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let act = Act::CrmWin {
        id: opportunity,
        close: Map::new(),
    };
    world.sandbox.act(&act).unwrap();
    world.settle().await;
    world.crm_update(opportunity, json!({"description": "afterthought"}));
    let reports = world.settle().await;
    assert!(
        reports.iter().all(|report| report.left.writes() == 0),
        "nothing is tried"
    );
    let (held, _) = world.cosell.engine().holds(None, 10).await.unwrap();
    assert!(held[0].holds.contains_key(&FieldId::from("description")));
    world.assert_equal().await;
}

// R121
#[tokio::test]
async fn edits_on_both_sides_follow_the_policy_and_the_losing_value_is_kept() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let (id, _) = world.only_referral();
    world.crm_update(
        opportunity,
        json!({"estimatedvalue": 90000, "description": "by the seller"}),
    );
    world.portal_edit(id, &[("/details/dealValue", json!(95000))]);
    world.settle().await;
    let (_, referral) = world.only_referral();
    assert_eq!(
        referral["details"]["dealValue"].as_f64(),
        Some(90_000.0),
        "the CRM wins"
    );
    assert_eq!(
        referral["details"]["notes"], "by the seller",
        "not a conflict"
    );
    let conflicts = world.cosell.engine().conflicts(0, 10).await.unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].field, FieldId::from("value"));
    assert_eq!(conflicts[0].kept, Some(Side::Right));
    assert_eq!(conflicts[0].left.to_string(), "95000 EUR");
    world.assert_equal().await;
}

#[tokio::test]
async fn on_hold_on_an_accepted_deal_is_the_sellers_own_remark() {
    let world = World::new().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    world.crm_update(
        opportunity,
        json!({"statuscode": 2, "estimatedvalue": 85000}),
    );
    world.settle().await;
    let (_, referral) = world.only_referral();
    assert_eq!(referral["status"], "Active");
    assert_eq!(referral["details"]["dealValue"].as_f64(), Some(85_000.0));
    assert_eq!(world.opportunity(opportunity)["statuscode"], 2, "it stays");
    world.assert_equal().await;
}
