//! Leads: taken in only where that is asked for, qualified once, followed to what they become.

mod trouble;

use std::{sync::Arc, time::Duration};

use cosell::{
    CosellBuilder, PartnerCenterOptions,
    sync::{FieldId, MemoryStore, PairState},
};
use cosell_sandbox::{
    Act, ErrorBody, Fault, FaultRule, Moment, Options, ServiceName, dataverse,
    partner_center::{InboundLead, LeadKind},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::world::{self, AUDIT, IDENTIFIER, LINK, SYNC, World};

fn taking_leads(builder: CosellBuilder) -> CosellBuilder {
    let options = PartnerCenterOptions::default().with_co_sell_only(false);
    builder.partner_center(options.with_new_deals(world::new_deals()))
}

fn options(copies: bool) -> Options {
    let crm = dataverse::Options::default()
        .with_tracking("lead", true)
        .with_qualify_copies_connector_columns(copies);
    world::options().with_dataverse(crm)
}

async fn with_leads() -> World {
    World::with(options(false), taking_leads).await
}

/// Another process on the same state.
async fn restart(world: &mut World) {
    world.cosell = taking_leads(world::builder(&world.sandbox, Arc::clone(&world.store)))
        .connect()
        .await
        .expect("both services answer");
}

fn arrives(world: &World, kind: LeadKind) -> Uuid {
    let act = Act::LeadArrives(Box::new(InboundLead::new(kind)));
    let acted = world.sandbox.act(&act).expect("a lead arrives");
    acted.id.unwrap().parse().unwrap()
}

fn only_lead(world: &World) -> (Uuid, Map<String, Value>) {
    let mut leads = world.rows("lead");
    assert_eq!(leads.len(), 1, "one lead");
    let lead = leads.remove(0);
    (lead["leadid"].as_str().unwrap().parse().unwrap(), lead)
}

fn qualifies(world: &World, lead: Uuid) -> Uuid {
    let acted = world.sandbox.act(&Act::CrmQualify { id: lead });
    let made = acted.expect("the seller may").id.unwrap();
    world.sandbox.advance(Duration::from_secs(1));
    made.parse().unwrap()
}

fn accepts(world: &World, referral: Uuid) {
    let accepted = [
        ("/status", json!("Active")),
        ("/substatus", json!("Accepted")),
    ];
    world.portal_edit(referral, &accepted);
}

/// One lead, qualified; one opportunity that came of it and bears all marks; one referral,
/// accepted.
async fn assert_became_one_deal(world: &World, referral: Uuid) -> Uuid {
    let (lead, row) = only_lead(world);
    assert_eq!(
        (&row["statecode"], &row["statuscode"]),
        (&json!(1), &json!(3))
    );
    let (opportunity, row) = world.only_opportunity();
    assert_eq!(row["_originatingleadid_value"], lead.to_string());
    assert_eq!(row["statecode"], 0);
    assert_eq!(row["statuscode"], 1);
    assert_eq!(row[SYNC], true);
    assert_eq!(row[IDENTIFIER], referral.to_string());
    assert!(row[LINK].as_str().unwrap().ends_with(&referral.to_string()));
    assert_eq!(row["name"], "✔ Inbound lead");
    assert_eq!(
        row["description"], "From the marketplace.",
        "carried over anew"
    );
    let (id, held) = world.only_referral();
    assert_eq!(id, referral, "no second one");
    assert_eq!(held["status"], "Active");
    assert_eq!(held["substatus"], "Accepted");
    assert_eq!(held["details"]["notes"], "From the marketplace.");
    world.assert_equal().await;
    opportunity
}

// R106
#[tokio::test]
async fn leads_are_left_alone_and_their_table_is_never_asked_unless_wanted() {
    let world = World::new().await;
    for kind in [LeadKind::Offer, LeadKind::Profile, LeadKind::Seller] {
        let id = arrives(&world, kind);
        accepts(&world, id);
        arrives(&world, kind);
    }
    world.settle().await;
    assert!(world.rows("opportunity").is_empty() && world.rows("lead").is_empty());
    let asked = world.sandbox.log();
    assert!(asked.iter().all(|entry| !entry.path.contains("leads")));
}

// R107
#[tokio::test]
async fn an_open_lead_becomes_a_lead_and_an_accepted_one_an_opportunity() {
    for kind in [
        LeadKind::Offer,
        LeadKind::Profile,
        LeadKind::Marketing,
        LeadKind::Seller,
    ] {
        let world = with_leads().await;
        let open = arrives(&world, kind);
        world.settle().await;
        assert!(world.rows("opportunity").is_empty());
        let (_, lead) = only_lead(&world);
        assert_eq!(lead["subject"], "✔ Inbound lead");
        assert_eq!(lead["companyname"], "Fabrikam Works Ltd");
        assert_eq!(lead["address1_city"], "Leeds");
        assert_eq!(lead["description"], "From the marketplace.");
        assert_eq!(lead["statecode"], 0);
        assert_eq!(lead[SYNC], true);
        assert_eq!(lead[IDENTIFIER], open.to_string());
        assert!(lead[LINK].as_str().unwrap().ends_with(&open.to_string()));
        assert!(lead[AUDIT].as_str().unwrap().contains("sync success"));
        assert_eq!(world.referral(open)["status"], "New", "nothing answers it");

        let accepted = arrives(&world, kind);
        accepts(&world, accepted);
        world.settle().await;
        only_lead(&world);
        let (_, row) = world.only_opportunity();
        assert_eq!(row[IDENTIFIER], accepted.to_string());
        assert_eq!(row["statuscode"], 1);
        world.assert_equal().await;
    }
}

#[tokio::test]
async fn an_open_lead_follows_both_ways() {
    let world = with_leads().await;
    let referral = arrives(&world, LeadKind::Seller);
    world.settle().await;
    let (lead, _) = only_lead(&world);
    world.portal_edit(referral, &[("/details/notes", json!("Two plants."))]);
    world.settle().await;
    assert_eq!(only_lead(&world).1["description"], "Two plants.");
    update_lead(
        &world,
        lead,
        json!({"estimatedamount": 12000, "estimatedclosedate": "2026-12-31"}),
    );
    world.settle().await;
    let held = world.referral(referral);
    assert_eq!(held["details"]["dealValue"].as_f64(), Some(12_000.0));
    assert_eq!(held["status"], "New");
    world.assert_equal().await;
}

fn update_lead(world: &World, id: Uuid, row: Value) {
    let Value::Object(row) = row else {
        panic!("columns")
    };
    let table = "lead".to_owned();
    world
        .sandbox
        .act(&Act::CrmUpdate { table, id, row })
        .unwrap();
    world.sandbox.advance(Duration::from_secs(1));
}

// R107
#[tokio::test]
async fn a_lead_that_a_seller_qualifies_is_followed_to_its_opportunity_and_accepted() {
    for copies in [false, true] {
        let world = World::with(options(copies), taking_leads).await;
        let referral = arrives(&world, LeadKind::Offer);
        world.settle().await;
        let (lead, _) = only_lead(&world);
        let made = qualifies(&world, lead);
        world.settle().await;
        let opportunity = assert_became_one_deal(&world, referral).await;
        assert_eq!(opportunity, made);
        let named = &world.referral(referral)["externalReferenceId"];
        assert_eq!(named, &opportunity.to_string(), "never the lead");

        world.crm_update(opportunity, json!({"estimatedvalue": 91000}));
        world.settle().await;
        let held = world.referral(referral);
        assert_eq!(held["details"]["dealValue"].as_f64(), Some(91_000.0));
        let act = Act::CrmWin {
            id: opportunity,
            close: Map::new(),
        };
        world.sandbox.act(&act).unwrap();
        world.settle().await;
        assert_eq!(world.referral(referral)["substatus"], "Won");
        assert_eq!(world.rows("opportunity").len(), 1);
        world.assert_equal().await;
    }
}

#[tokio::test]
async fn the_flag_switched_off_on_what_a_lead_became_stops_the_deal() {
    let world = with_leads().await;
    let referral = arrives(&world, LeadKind::Offer);
    world.settle().await;
    qualifies(&world, only_lead(&world).0);
    world.settle().await;
    let opportunity = assert_became_one_deal(&world, referral).await;
    world.crm_update(opportunity, json!({SYNC: false, "estimatedvalue": 5}));
    world.settle().await;
    let pairs = world.store.pairs(None, 10).await.unwrap();
    assert!(matches!(pairs[0].state, PairState::Stopped { .. }));
    assert_eq!(
        world.referral(referral)["details"]["dealValue"],
        Value::Null
    );
}

// R6
#[tokio::test]
async fn a_disqualified_lead_declines_its_referral() {
    let world = with_leads().await;
    let referral = arrives(&world, LeadKind::Seller);
    world.settle().await;
    let (lead, _) = only_lead(&world);
    update_lead(&world, lead, json!({"statecode": 2, "statuscode": 5}));
    world.settle().await;
    let held = world.referral(referral);
    assert_eq!(held["status"], "Closed");
    assert_eq!(held["substatus"], "Declined");
    assert!(world.rows("opportunity").is_empty());
    world.assert_equal().await;
}

#[tokio::test]
async fn a_referral_declined_in_the_portal_disqualifies_its_lead() {
    let world = with_leads().await;
    let referral = arrives(&world, LeadKind::Seller);
    world.settle().await;
    let declined = [
        ("/status", json!("Closed")),
        ("/substatus", json!("Declined")),
        ("/statusReason", json!("No capacity")),
    ];
    world.portal_edit(referral, &declined);
    world.settle().await;
    let (_, lead) = only_lead(&world);
    assert_eq!(
        (&lead["statecode"], &lead["statuscode"]),
        (&json!(2), &json!(7))
    );
    assert!(world.rows("opportunity").is_empty());
    world.assert_equal().await;
}

#[tokio::test]
async fn a_lead_of_the_seller_makes_no_referral() {
    let world = with_leads().await;
    world.row(
        "lead",
        json!({"subject": "Own", "lastname": "Berg", SYNC: true}),
    );
    world.settle().await;
    assert!(world.referrals().is_empty());
}

#[tokio::test]
async fn a_lead_that_is_deleted_stops_the_deal_and_closes_nothing() {
    let world = with_leads().await;
    let referral = arrives(&world, LeadKind::Offer);
    world.settle().await;
    let (id, _) = only_lead(&world);
    let table = "lead".to_owned();
    world.sandbox.act(&Act::CrmDelete { table, id }).unwrap();
    world.settle().await;
    assert_eq!(world.referral(referral)["status"], "New");
    let pairs = world.store.pairs(None, 10).await.unwrap();
    assert!(matches!(pairs[0].state, PairState::Stopped { .. }));
}

#[tokio::test]
async fn leads_cost_one_request_more_when_nothing_changes() {
    let world = with_leads().await;
    arrives(&world, LeadKind::Offer);
    world.marked_deal();
    world.settle().await;
    world.sandbox.advance(Duration::from_secs(3600));
    world.settle().await;
    let asked = || world.sandbox.log().len();
    let before = asked();
    world.cosell.run_once().await.unwrap();
    let paths: Vec<_> = world.sandbox.log().split_off(before);
    assert_eq!(paths.len(), 3, "{paths:#?}");
}

#[tokio::test]
async fn what_leads_need_is_told_when_connecting() {
    let untracked = world::connect(world::options(), taking_leads).await;
    let text = untracked.unwrap_err().to_string();
    assert!(text.contains("change tracking"), "{text}");
    let bare = dataverse::Options::default()
        .with_tracking("lead", true)
        .with_connector_columns(false);
    let bare = world::connect(world::options().with_dataverse(bare), taking_leads).await;
    assert!(bare.is_err());
}
