//! Asking Microsoft for help: the connected referral beside the partner's own.

mod answers;

use std::{sync::Arc, time::Duration};

use cosell::{
    CosellBuilder, NewDeals, PartnerCenterOptions,
    mapping::rules::Mapping,
    referrals::{AdditionalRequirements, Attribute, Member, Requirements, Solution, SolutionType},
    sync::{ErrorKind, MemoryStore, RecordId, Side},
};
use cosell_sandbox::{
    Act, Fault, FaultRule, Moment, ServiceName,
    partner_center::{InboundDeal, MsxId, Options},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{self, SYNC, World};

const HELP: &str = "msft_microsoftpartnercenterhelp";
const MICROSOFT_ID: &str = "msft_microsoftcrmidentifier";

/// Microsoft's mapping, and what the service wants to know of a deal into which it is invited.
fn inviting(builder: CosellBuilder) -> CosellBuilder {
    inviting_where(builder, true)
}

/// Where lists show Microsoft's referrals, or do not.
fn inviting_where(builder: CosellBuilder, listed: bool) -> CosellBuilder {
    let attributes = [
        Attribute::new("CustomerMarketplaceIntent", "HaveNotDecided"),
        Attribute::new("SolutionArea", "Data & AI"),
        Attribute::new("SolutionPlay", "Innovate with Azure AI Platform"),
    ];
    let attributes = AdditionalRequirements::default().with_attributes(&attributes);
    let requirements = Requirements::default()
        .with_solutions(&[Solution::new("SOL-10482-QRT", SolutionType::Name)])
        .with_additional_requirements(attributes);
    let member = Member::new(
        "Omar",
        "Diaz",
        "+441130000002",
        "omar.diaz@fabrikam.example",
    );
    let deals = NewDeals::default()
        .with_requirements(requirements)
        .with_team(&[member]);
    let options = PartnerCenterOptions::default()
        .with_new_deals(deals)
        .with_lists_show_microsoft(listed);
    builder
        .mapping(Mapping::connector())
        .partner_center(options)
}

async fn connector() -> World {
    World::with(world::options(), inviting).await
}

/// Another process on the same state.
async fn restart(world: &mut World) {
    world.cosell = inviting(world::builder(&world.sandbox, Arc::clone(&world.store)))
        .connect()
        .await
        .expect("both services answer");
}

/// A deal for which the seller asks Microsoft for help at once.
fn deal_with_help(world: &World) -> Uuid {
    deal(world, &json!(299_600_002))
}

fn deal(world: &World, help: &Value) -> Uuid {
    let account = world.account("Fabrikam Works Ltd");
    let person = json!({
        "firstname": "Ines", "lastname": "Moreau", "emailaddress1": "ines@works.example",
        "telephone1": "+441130000009",
    });
    let person = world.row("contact", person);
    world.crm_create(json!({
        "name": "Plant analytics", "estimatedvalue": 84000, "estimatedclosedate": "2026-12-31",
        "description": "Predictive maintenance", "statuscode": 1, SYNC: true, HELP: help,
        "parentaccountid@odata.bind": format!("/accounts({account})"),
        "parentcontactid@odata.bind": format!("/contacts({person})"),
    }))
}

/// For a deal that is looked at from time to time, so that something is always due.
async fn some_rounds(world: &World) {
    for _ in 0..8 {
        world.cosell.run_once().await.expect("a round");
        world.sandbox.advance(Duration::from_secs(60));
    }
}

/// Microsoft's referrals.
fn invitations(world: &World) -> Vec<Value> {
    world.sandbox.with(|sandbox| {
        let referrals = sandbox.partner_center().referrals();
        let invited = referrals.filter(|referral| referral["organizationId"] == "msft");
        invited.cloned().collect()
    })
}

fn engagement(referral: &Value) -> Uuid {
    referral["engagementId"].as_str().unwrap().parse().unwrap()
}

/// One own referral, one of Microsoft in the same engagement, one opportunity.
fn assert_invited_once(world: &World) -> Value {
    let (_, own) = world.only_referral();
    let invited = invitations(world);
    assert_eq!(invited.len(), 1, "{invited:#?}");
    assert_eq!(engagement(&invited[0]), engagement(&own));
    assert_eq!(invited[0]["externalReferenceId"], Value::Null);
    assert_eq!(world.rows("opportunity").len(), 1);
    own
}

fn on_invitation(fault: Fault) -> FaultRule {
    FaultRule::new(fault)
        .with_service(ServiceName::PartnerCenter)
        .with_method("POST")
        .with_body_contains("engagementId")
}

#[tokio::test]
async fn asking_for_help_makes_both_referrals_once_in_one_engagement() {
    let world = connector().await;
    deal_with_help(&world);
    world.settle().await;
    let own = assert_invited_once(&world);
    let invited = &invitations(&world)[0];
    let code = "ProofOfConceptOrDemo";
    assert_eq!(invited["inviteContext"]["assistanceRequestCode"], code);
    assert_eq!(invited["target"][0]["id"], "msft");
    assert_eq!(
        invited["customerProfile"]["name"],
        own["customerProfile"]["name"]
    );
    world.settle().await;
    assert_invited_once(&world);
    world.assert_equal().await;
}

// R74
#[tokio::test]
async fn no_help_invites_nobody_and_asking_later_invites_for_the_same_referral() {
    let world = connector().await;
    let opportunity = deal(&world, &Value::Null);
    world.settle().await;
    let (id, referral) = world.only_referral();
    assert!(invitations(&world).is_empty());
    let shared = "consentToShareReferralWithMicrosoftSellers";
    assert_eq!(referral["consent"][shared], false, "no co-sell deal");

    world.crm_update(opportunity, json!({HELP: 299_600_003}));
    world.settle().await;
    assert_invited_once(&world);
    let (same, own) = world.only_referral();
    assert_eq!(same, id, "upgraded, not made again");
    assert_eq!(own["consent"][shared], true);
    world.assert_equal().await;
}

#[tokio::test]
async fn a_lost_answer_to_the_invitation_makes_no_second_one() {
    for at in [Moment::BeforeEffect, Moment::AfterEffect] {
        let world = connector().await;
        world
            .sandbox
            .add_fault(on_invitation(Fault::LoseAnswer { at }));
        deal_with_help(&world);
        world.settle().await;
        assert_invited_once(&world);
        world.assert_equal().await;
    }
}

/// The engagement of a deal whose invitation was never answered, where no list could show it.
async fn in_doubt(at: Moment) -> (World, Uuid) {
    let options = Options::default().with_lists_show_microsoft(false);
    let options = world::options().with_partner_center(options);
    let world = World::with(options, |it| inviting_where(it, false)).await;
    world
        .sandbox
        .add_fault(on_invitation(Fault::LoseAnswer { at }));
    let opportunity = deal_with_help(&world);
    for _ in 0..2 {
        some_rounds(&world).await;
        world.sandbox.advance(Duration::from_secs(1_200));
    }
    let made = usize::from(at == Moment::AfterEffect);
    // Neither time nor an edit makes another one.
    world.crm_update(opportunity, json!({"description": "another word"}));
    world.sandbox.advance(Duration::from_secs(24 * 3_600));
    some_rounds(&world).await;
    assert_eq!(invitations(&world).len(), made);
    let (parked, _) = world.cosell.engine().parks(None, 10).await.unwrap();
    let park = parked[0].park.as_ref().unwrap();
    assert_eq!(park.kind, ErrorKind::Doubtful);
    let (id, own) = world.only_referral();
    for word in [&*id.to_string(), own["engagementId"].as_str().unwrap()] {
        assert!(park.cause.contains(word), "what to look for: {park:?}");
    }
    (world, opportunity)
}

#[tokio::test]
async fn a_lost_answer_to_an_invitation_that_no_list_shows_waits_for_a_person() {
    for at in [Moment::BeforeEffect, Moment::AfterEffect] {
        let (world, opportunity) = in_doubt(at).await;
        let engine = world.cosell.engine();
        match invitations(&world).first() {
            // As a webhook tells of it, or a person who found it in the portal.
            Some(invitation) => {
                let id = RecordId::new(invitation["id"].as_str().unwrap());
                engine.hint(Side::Left, &id).await.unwrap();
            }
            None => {
                let (parked, _) = engine.parks(None, 10).await.unwrap();
                assert!(engine.unpark(parked[0].id, "Ada").await.unwrap());
            }
        }
        some_rounds(&world).await;
        let (parked, _) = engine.parks(None, 10).await.unwrap();
        assert!(parked.is_empty(), "{parked:#?}");
        let own = assert_invited_once(&world);
        assert_eq!(own["details"]["notes"], "another word");
        let engagement = engagement(&own);
        let act = Act::MicrosoftAccepts { engagement };
        world.sandbox.act(&act).unwrap();
        world.sandbox.advance(Duration::from_secs(3_600));
        some_rounds(&world).await;
        let given = world.opportunity(opportunity)[MICROSOFT_ID].clone();
        assert!(given.is_string(), "what was taken over is followed");
        world.assert_equal().await;
    }
}

// R94
#[tokio::test]
async fn a_crash_before_and_after_the_invitation_is_repaired() {
    for at in [Moment::BeforeEffect, Moment::AfterEffect] {
        let mut world = connector().await;
        deal_with_help(&world);
        world.sandbox.add_fault(on_invitation(Fault::Hold { at }));
        {
            let round = world.cosell.run_once();
            let held = world.sandbox.wait_until_held();
            tokio::select! {
                report = round => panic!("the invitation was never sent: {report:#?}"),
                held = held => assert!(world.sandbox.drop_held(held.id)),
            }
        }
        let (_, own) = world.only_referral();
        let made = usize::from(at == Moment::AfterEffect);
        assert_eq!(invitations(&world).len(), made, "crashed between the two");
        restart(&mut world).await;
        world.settle().await;
        let after = assert_invited_once(&world);
        assert_eq!(after["id"], own["id"]);
        world.assert_equal().await;
    }
}

// R80
#[tokio::test]
async fn microsofts_identifier_reaches_the_crm_once_its_seller_accepts() {
    let places = [MsxId::Microsoft, MsxId::Both];
    for (place, listed) in places.into_iter().flat_map(|it| [(it, true), (it, false)]) {
        let options = Options::default()
            .with_msx_id(place)
            .with_lists_show_microsoft(listed);
        let world = World::with(world::options().with_partner_center(options), |it| {
            inviting_where(it, listed)
        })
        .await;
        let opportunity = deal_with_help(&world);
        some_rounds(&world).await;
        let own = assert_invited_once(&world);
        assert_eq!(world.opportunity(opportunity)[MICROSOFT_ID], Value::Null);
        let engagement = engagement(&own);
        world
            .sandbox
            .act(&Act::MicrosoftAccepts { engagement })
            .unwrap();
        if !listed {
            // Nobody tells: Microsoft's referral is looked at when its time has come.
            world.sandbox.advance(Duration::from_secs(3600));
        }
        some_rounds(&world).await;
        let given = &invitations(&world)[0]["trackingInfo"]["microsoftMsxId"];
        assert!(given.is_string());
        assert_eq!(
            &world.opportunity(opportunity)[MICROSOFT_ID],
            given,
            "{place:?} {listed}"
        );
        world.assert_equal().await;
    }
}

#[tokio::test]
async fn a_declined_invitation_is_not_made_again_and_closes_nothing() {
    let world = connector().await;
    let opportunity = deal_with_help(&world);
    world.settle().await;
    let own = assert_invited_once(&world);
    let (engagement, reason) = (
        engagement(&own),
        "No seller manages this customer".to_owned(),
    );
    let act = Act::MicrosoftDeclines { engagement, reason };
    world.sandbox.act(&act).unwrap();
    world.settle().await;
    world.crm_update(opportunity, json!({"description": "another word"}));
    world.settle().await;
    let own = assert_invited_once(&world);
    assert_eq!(own["status"], "Active");
    assert_eq!(own["details"]["notes"], "another word");
    assert_eq!(world.opportunity(opportunity)["statecode"], 0);
    world.assert_equal().await;
}

#[tokio::test]
async fn what_microsoft_made_itself_is_no_wish_and_founds_no_deal() {
    let mut world = connector().await;
    world.microsoft_sends(InboundDeal::new("Data estate", "Adatum Corporation"));
    world.settle().await;
    assert_invited_once(&world);
    world.assert_equal().await;
    // Nor does it found one for an engine that knows nothing yet.
    world.store = Arc::new(MemoryStore::new());
    restart(&mut world).await;
    world.settle().await;
    assert_invited_once(&world);
}

#[tokio::test]
async fn a_deal_with_an_invitation_costs_at_most_three_reads_and_nothing_when_idle() {
    let world = connector().await;
    let opportunity = deal_with_help(&world);
    world.settle().await;
    world.sandbox.advance(Duration::from_secs(3600));
    world.settle().await;
    let count = |service| {
        let counts = world.sandbox.counts();
        let of = counts.of(service);
        (of.reads, of.writes)
    };
    let sides = [ServiceName::PartnerCenter, ServiceName::Dataverse];
    let round = async || {
        let before = sides.map(count);
        world.cosell.run_once().await.unwrap();
        let after = sides.map(count);
        let spent = |side: usize| {
            (
                after[side].0 - before[side].0,
                after[side].1 - before[side].1,
            )
        };
        (spent(0), spent(1))
    };
    assert_eq!(round().await, ((1, 0), (1, 0)), "idle");
    world.crm_update(opportunity, json!({"estimatedvalue": 91000}));
    let (referrals, rows) = round().await;
    assert!(referrals.0 + rows.0 - 2 <= 3, "{referrals:?} {rows:?}");
    assert_eq!(referrals.1, 1, "{referrals:?}");
    assert!(rows.1 <= 1, "{rows:?}");
    assert_eq!(round().await, ((1, 0), (1, 0)), "idle again");
}
