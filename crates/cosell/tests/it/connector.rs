//! What the shipped connector mapping and its options make of a deal.

use cosell::{
    DynamicsOptions, NewDeals, PartnerCenterOptions,
    mapping::{Value, rules::Mapping},
    referrals::{Consent, Member, PortalTemplate, Solution, SolutionType},
};
use serde_json::json;

use crate::world::{self, SYNC, World};

const HELP: &str = "msft_microsoftpartnercenterhelp";
const VISIBLE: &str = "msft_microsoftpartnercenterreferralvisible";
const SOLUTIONS: &str = "msft_microsoftpartnercentersolutions";

async fn connector() -> World {
    World::with(world::options(), |it| it.mapping(Mapping::connector())).await
}

fn solutions(referral: &serde_json::Value) -> Vec<&str> {
    let all = referral["details"]["requirements"]["solutions"].as_array();
    let mut ids: Vec<&str> = all
        .unwrap()
        .iter()
        .filter_map(|it| it["id"].as_str())
        .collect();
    ids.sort_unstable();
    ids
}

// R75
#[tokio::test]
async fn asking_for_help_makes_a_deal_visible_and_visible_is_never_taken_back() {
    let world = connector().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let (id, referral) = world.only_referral();
    let shared = "consentToShareReferralWithMicrosoftSellers";
    assert_eq!(referral["consent"][shared], false);
    world.crm_update(opportunity, json!({HELP: 299_600_003}));
    world.settle().await;
    assert_eq!(world.referral(id)["consent"][shared], true);
    world.crm_update(opportunity, json!({HELP: null, VISIBLE: false}));
    world.settle().await;
    assert_eq!(world.referral(id)["consent"][shared], true);
    assert_eq!(world.opportunity(opportunity)[VISIBLE], true, "put back");
}

// G2
#[tokio::test]
async fn the_owner_is_on_the_team_and_whoever_else_is_on_it_stays() {
    let world = connector().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let (id, referral) = world.only_referral();
    let people = |referral: &serde_json::Value| -> Vec<String> {
        let team = referral["team"].as_array().unwrap();
        let mails = team
            .iter()
            .map(|one| one["email"].as_str().unwrap().to_owned());
        mails.collect()
    };
    assert_eq!(people(&referral), ["ana@fabrikam.example"]);
    let mut team = referral["team"].clone();
    team.as_array_mut().unwrap().push(json!({
        "firstName": "Mei", "lastName": "Tan", "phoneNumber": "+6560000001",
        "email": "mei.tan@fabrikam.example",
    }));
    world.portal_edit(id, &[("/team", team)]);
    world.crm_update(opportunity, json!({"description": "another word"}));
    world.settle().await;
    assert_eq!(
        people(&world.referral(id)),
        ["ana@fabrikam.example", "mei.tan@fabrikam.example"]
    );
    let (held, _) = world.cosell.engine().holds(None, 10).await.unwrap();
    assert!(held.is_empty(), "{held:?}");
    world.assert_equal().await;
}

// R76, R121
#[tokio::test]
async fn solutions_are_a_set_to_which_both_sides_add() {
    let world = connector().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let (id, _) = world.only_referral();
    assert_eq!(world.opportunity(opportunity)[SOLUTIONS], "SOL-10482-QRT");
    world.crm_update(
        opportunity,
        json!({SOLUTIONS: "SOL-10482-QRT, SOL-34104-EBB"}),
    );
    let portal = json!([
        {"id": "SOL-10482-QRT", "name": "Plant", "type": "Name"},
        {"id": "SOL-15974-MQF", "name": "Analytics", "type": "Name"},
    ]);
    world.portal_edit(id, &[("/details/requirements/solutions", portal)]);
    world.settle().await;
    assert_eq!(
        solutions(&world.referral(id)),
        ["SOL-10482-QRT", "SOL-15974-MQF", "SOL-34104-EBB"]
    );
    assert_eq!(
        world.opportunity(opportunity)[SOLUTIONS],
        "SOL-10482-QRT; SOL-34104-EBB; SOL-15974-MQF"
    );
    world.crm_update(
        opportunity,
        json!({SOLUTIONS: "SOL-15974-MQF\nSOL-34104-EBB"}),
    );
    world.settle().await;
    assert_eq!(
        solutions(&world.referral(id)),
        ["SOL-15974-MQF", "SOL-34104-EBB"]
    );
    world.assert_equal().await;
}

// R81, G2
#[tokio::test]
async fn the_program_is_the_referrals_and_an_edit_in_the_crm_is_put_back_and_kept() {
    const PROGRAM: &str = "msft_microsoftpartnercenterreferralprogram";
    let world = connector().await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let (id, _) = world.only_referral();
    world.portal_edit(id, &[("/referralProgram", json!("Partner Led"))]);
    world.settle().await;
    assert_eq!(world.opportunity(opportunity)[PROGRAM], "Partner Led");
    world.crm_update(opportunity, json!({PROGRAM: "Mine"}));
    world.settle().await;
    assert_eq!(world.opportunity(opportunity)[PROGRAM], "Partner Led");
    assert_eq!(world.referral(id)["referralProgram"], "Partner Led");
    let conflicts = world.cosell.engine().conflicts(0, 10).await.unwrap();
    let kept: Vec<_> = conflicts
        .iter()
        .map(|one| (one.field.as_str(), &one.right))
        .collect();
    assert_eq!(kept, [("program", &Value::text("Mine"))]);
}

// R73, R98
#[tokio::test]
async fn help_and_an_emptied_value_go_only_where_they_may() {
    let world = connector().await;
    let account = world.account("Fabrikam Works Ltd");
    let opportunity = world.crm_create(json!({
        "name": "Plant analytics", "estimatedvalue": 84000, "estimatedclosedate": "2026-12-31",
        "description": "Predictive maintenance", "statuscode": 1, SYNC: true,
        HELP: 299_600_002, "parentaccountid@odata.bind": format!("/accounts({account})"),
    }));
    world.settle().await;
    let (id, referral) = world.only_referral();
    assert_eq!(
        referral["inviteContext"]["assistanceRequestCode"],
        "ProofOfConceptOrDemo"
    );
    for empty in [json!(0), json!(null)] {
        world.crm_update(opportunity, json!({"estimatedvalue": empty}));
        world.settle().await;
        assert_eq!(
            world.referral(id)["details"]["dealValue"].as_f64(),
            Some(84_000.0)
        );
    }
    let (held, _) = world.cosell.engine().holds(None, 10).await.unwrap();
    let fields: Vec<&str> = held[0]
        .holds
        .keys()
        .map(cosell::mapping::FieldId::as_str)
        .collect();
    assert_eq!(fields, ["value"], "held, not lost");
}

// R72
#[tokio::test]
async fn the_link_is_made_from_a_template() {
    let template = "https://portal.example/deals/{id}/view";
    let template = PortalTemplate::new(template).unwrap();
    let world = World::with(world::options(), |builder| {
        builder.dynamics(DynamicsOptions::default().with_portal_link(template))
    })
    .await;
    let opportunity = world.marked_deal();
    world.settle().await;
    let (id, _) = world.only_referral();
    let link = &world.opportunity(opportunity)[world::LINK];
    assert_eq!(*link, format!("https://portal.example/deals/{id}/view"));
}

// R131
#[tokio::test]
async fn a_contact_is_sent_with_the_customers_consent_only() {
    for consent in [true, false] {
        let given = Consent::default()
            .with_share_info_with_others(true)
            .with_contact(consent)
            .with_microsoft_to_contact_specific_partners(true)
            .with_share_with_microsoft_sellers(false);
        let deals = NewDeals::default()
            .with_consent(&given)
            .with_solutions(&[Solution::new("SOL-10482-QRT", SolutionType::Name)])
            .with_team(&[Member::new(
                "Omar",
                "Diaz",
                "+441130000002",
                "omar@fabrikam.example",
            )]);
        let world = World::with(world::options(), |it| {
            it.mapping(Mapping::connector())
                .partner_center(PartnerCenterOptions::default().with_new_deals(deals))
        })
        .await;
        let contact = world.row(
            "contact",
            json!({
                "firstname": "Ada", "lastname": "Berg", "emailaddress1": "ada.berg@adatum.example",
                "telephone1": "+441130000001",
            }),
        );
        let opportunity = world.marked_deal();
        world.crm_update(
            opportunity,
            json!({"parentcontactid@odata.bind": format!("/contacts({contact})")}),
        );
        world.settle().await;
        let (parked, _) = world.cosell.engine().parks(None, 10).await.unwrap();
        assert!(parked.is_empty(), "{parked:#?}");
        let (id, referral) = world.only_referral();
        let sent = referral["customerProfile"]["team"]
            .as_array()
            .map_or(0, Vec::len);
        assert_eq!(sent, usize::from(consent));
        // Nor later.
        let other = world.row(
            "contact",
            json!({
                "firstname": "Mei", "lastname": "Tan", "emailaddress1": "mei.tan@adatum.example",
                "telephone1": "+6560000001",
            }),
        );
        world.crm_update(
            opportunity,
            json!({"parentcontactid@odata.bind": format!("/contacts({other})")}),
        );
        world.settle().await;
        let sent = world.referral(id)["customerProfile"]["team"]
            .as_array()
            .map_or(0, Vec::len);
        assert_eq!(sent, 2 * usize::from(consent), "who was named stays");
    }
}
