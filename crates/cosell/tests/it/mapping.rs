//! A mapping drives the sync: what a file says is what happens on both services.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cosell::{
    AccountMatch, AccountMatcher, ConnectFault, CosellBuilder, Customer, DynamicsOptions,
    TrialError,
    dataverse::Dataverse,
    mapping::{
        Function, Reason, Value,
        rules::{Approval, Direct, Loader, Mapping, Registry, Source},
    },
};
use cosell_sandbox::{Options, dataverse, dataverse::Column, partner_center::InboundDeal};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use crate::world::{self, SYNC, World};

const MINE: &str = r#"
name = "fabrikam"
version = "7"
base = "minimal"

[fields.value]
crm = { path = "new_dealvalue" }

[fields.stage]
transform = "choice"
fallback = "Qualify"
conflict = "partner-center"
referral = "salesStage"
crm = { path = "new_stage", form = "label" }
values = { Qualify = "Gekwalificeerd", Develop = "In work", Propose = "Quoted", Close = "Closing" }

[fields.campaign]
transform = "text"
referral = "campaignId"
crm = { path = "new_campaign", limit = 10, function = "without-prefix", default = "CMP-0" }

[fields.origin]
transform = "text"
direction = "to-crm"
referral = { constant = "Partner Center" }
crm = { path = "new_origin", write = "create" }

[fields.seller]
transform = "lookup"
direction = "to-crm"
referral = { template = "{campaignId}@fabrikam.example" }

[fields.seller.crm]
table = "systemuser"
key = "internalemailaddress"
entity-set = "systemusers"
path = "_new_seller_value"
bind = "new_seller@odata.bind"
"#;

/// The CRM stores `42` where the referral says `CMP-42`.
#[derive(Debug)]
struct WithoutPrefix;

impl Function for WithoutPrefix {
    fn read(&self, stored: &Value) -> Value {
        match stored {
            Value::Text(number) => Value::text(format!("CMP-{number}")),
            other => other.clone(),
        }
    }

    fn write(&self, value: &Value) -> Result<Value, Reason> {
        Ok(match value {
            Value::Text(text) => Value::text(text.strip_prefix("CMP-").unwrap_or(text)),
            other => other.clone(),
        })
    }
}

fn load(text: &str) -> Mapping {
    let registry = Registry::default().with_function("without-prefix", Arc::new(WithoutPrefix));
    let loaded = Loader::default().load(&Source::new("mine.toml", text));
    Mapping::from_loaded(&loaded.unwrap(), &registry).unwrap()
}

/// The partner's own columns; the organization speaks Dutch.
fn options() -> Options {
    let money = |name| Column::money(name, Decimal::ZERO, Decimal::from(1_000_000_000));
    let stages = [
        (7, "Gekwalificeerd"),
        (8, "In work"),
        (9, "Quoted"),
        (10, "Closing"),
        (11, "Parked"),
    ];
    let columns = [
        money("new_dealvalue"),
        Column::choice("new_stage", &stages),
        Column::text("new_campaign", 10),
        Column::text("new_origin", 50).required(),
        Column::lookup("new_seller", "systemuser", "new_seller"),
    ];
    let dataverse = columns
        .into_iter()
        .fold(dataverse::Options::default(), |options, column| {
            options.with_column("opportunity", column)
        })
        .with_language(1043)
        .with_label(("opportunity", "new_stage"), 8, 1033, "In work");
    world::options().with_dataverse(dataverse)
}

fn mine(builder: CosellBuilder) -> CosellBuilder {
    builder.mapping(load(MINE))
}

fn deal(world: &World) -> Uuid {
    let account = world.account("Fabrikam Works Ltd");
    world.crm_create(json!({
        "name": "Plant analytics", "estimatedclosedate": "2026-12-31", "statuscode": 1,
        "description": "Predictive maintenance", "new_origin": "Fair",
        "new_dealvalue": 84000, "new_stage": 9, "new_campaign": "42", SYNC: true,
        "parentaccountid@odata.bind": format!("/accounts({account})"),
    }))
}

// R55, R56, R58
#[tokio::test]
async fn a_mapping_of_ones_own_drives_both_directions() {
    let world = World::with(options(), mine).await;
    let opportunity = deal(&world);
    world.settle().await;
    let (id, referral) = world.only_referral();
    assert_eq!(referral["details"]["dealValue"].as_f64(), Some(84_000.0));
    assert_eq!(referral["salesStage"], "Propose");
    assert_eq!(referral["campaignId"], "CMP-42");

    world.crm_update(
        opportunity,
        json!({"new_dealvalue": 91000, "new_stage": 10}),
    );
    world.settle().await;
    let referral = world.referral(id);
    assert_eq!(referral["details"]["dealValue"].as_f64(), Some(91_000.0));
    assert_eq!(referral["salesStage"], "Close");

    world.portal_edit(
        id,
        &[
            ("/salesStage", json!("Develop")),
            ("/campaignId", json!("CMP-7")),
        ],
    );
    world.settle().await;
    let row = world.opportunity(opportunity);
    assert_eq!(row["new_stage"], 8);
    assert_eq!(row["new_campaign"], "7");
    assert_eq!(row["new_origin"], "Fair", "filled at creation only");
    assert_eq!(row["estimatedvalue"], json!(null), "not mapped any more");
    world.assert_equal().await;
}

// R61, R27, R70
#[tokio::test]
async fn a_new_opportunity_gets_constants_defaults_and_options_by_label() {
    let world = World::with(options(), mine).await;
    world.microsoft_sends(InboundDeal::new("Data estate", "Adatum Corporation"));
    world.settle().await;
    let (_, row) = world.only_opportunity();
    assert_eq!(row["new_origin"], "Partner Center", "mandatory");
    assert_eq!(
        row["new_campaign"], "0",
        "the default, as the function stores it"
    );
    assert_eq!(row["new_dealvalue"].as_f64(), Some(50_000.0));
    assert_eq!(row[SYNC], true);
}

#[tokio::test]
async fn a_row_of_another_table_is_bound_by_its_key() {
    let world = World::with(options(), mine).await;
    let opportunity = deal(&world);
    world.settle().await;
    let (id, _) = world.only_referral();
    world.portal_edit(id, &[("/campaignId", json!("ana"))]);
    world.settle().await;
    let row = world.opportunity(opportunity);
    assert_eq!(
        row["_new_seller_value"],
        dataverse::DEFAULT_SELLER.to_string(),
        "{row:?}"
    );
}

// G2, R121
#[tokio::test]
async fn the_rules_say_who_wins_and_the_losing_value_is_kept() {
    let world = World::with(options(), mine).await;
    let opportunity = deal(&world);
    world.settle().await;
    let (id, _) = world.only_referral();
    world.crm_update(
        opportunity,
        json!({"new_stage": 10, "description": "by the seller"}),
    );
    world.portal_edit(
        id,
        &[
            ("/salesStage", json!("Develop")),
            ("/details/notes", json!("by Microsoft")),
        ],
    );
    world.settle().await;
    let row = world.opportunity(opportunity);
    assert_eq!(row["new_stage"], 8, "the referral wins the stage");
    assert_eq!(world.referral(id)["details"]["notes"], "by the seller");
    let conflicts = world.cosell.engine().conflicts(0, 10).await.unwrap();
    let lost: Vec<&str> = conflicts.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(lost, ["description", "stage"]);
    world.assert_equal().await;
}

// R64, R68, R19
#[tokio::test]
async fn a_mapping_that_does_not_fit_is_refused_with_all_its_faults() {
    let text = MINE
        .replace("new_dealvalue", "new_dealvalu")
        .replace("\"salesStage\"", "\"registrationStatus\"")
        .replace("Closing\"", "Signing\"")
        .replace("entity-set", "key = \"x\"\nentity-set");
    let text = text.replacen("key = \"internalemailaddress\"\n", "", 1);
    let text = text.replace("key = \"x\"", "key = \"internalemailaddress\"");
    let error = world::connect(options(), |builder| builder.mapping(load(&text)))
        .await
        .expect_err("it does not fit");
    let told = error.to_string();
    for wanted in [
        "mine.toml:7:9: fields.value.crm.path: the CRM row has no new_dealvalu: did you mean",
        "registrationStatus can only be read",
        "new_stage has no option \"Signing\"",
    ] {
        assert!(told.contains(wanted), "{wanted}\nin\n{told}");
    }
    let mappings = |fault: &ConnectFault| matches!(fault, ConnectFault::Mapping(_));
    assert!(error.faults.iter().all(mappings), "{told}");
}

// R29, G10
#[tokio::test]
async fn production_takes_no_mapping_that_nobody_reviewed() {
    let reviewed = load(MINE).hash().clone();
    let production = Approval::reviewed([reviewed.clone()]);
    let world = World::with(options(), |builder| {
        mine(builder).approval(production.clone())
    })
    .await;
    assert_eq!(world.cosell.mapping().hash(), &reviewed);
    let touched = MINE.replace("limit = 10", "limit = 9");
    for builder in [Some(touched.as_str()), None] {
        let error = world::connect(options(), |it| match builder {
            Some(text) => it.mapping(load(text)).approval(production.clone()),
            None => it.approval(production.clone()),
        })
        .await
        .expect_err("nobody reviewed it");
        assert!(
            matches!(error.faults[..], [ConnectFault::Unreviewed(_)]),
            "{error}"
        );
    }
}

// R65
#[tokio::test]
async fn a_live_pair_is_explained_and_many_are_previewed() {
    let world = World::with(options(), mine).await;
    let opportunity = deal(&world);
    world.settle().await;
    let (id, _) = world.only_referral();
    let before = world.sandbox.counts();

    let next = load(
        &MINE
            .replace("new_dealvalue", "estimatedvalue")
            .replace("\"7\"", "\"8\""),
    );
    let trial = world.cosell.try_out(next).await.unwrap();
    assert_eq!(trial.check().errors().count(), 0, "{}", trial.check());
    let told = trial.explain_opportunity(opportunity).await.unwrap();
    let value = told.fields.iter().find(|it| it.field.as_str() == "value");
    let Direct::Write { places, .. } = &value.unwrap().to_crm else {
        panic!("{told}");
    };
    assert_eq!(places["estimatedvalue"], "84000");
    let same = trial.explain_referral(&id.to_string()).await.unwrap();
    assert_eq!(same, told);
    let sample = trial.preview(50).await.unwrap();
    assert_eq!((sample.preview.pairs, sample.preview.differing), (1, 1));
    let text = sample.to_string();
    assert!(text.contains("value: 0 equal, 1 to the CRM"), "{text}");

    let after = world.sandbox.counts();
    assert_eq!(after.partner_center.writes, before.partner_center.writes);
    assert_eq!(after.dataverse.writes, before.dataverse.writes);

    let unfit = load(&MINE.replace("new_dealvalue", "nowhere"));
    let trial = world.cosell.try_out(unfit).await.unwrap();
    let error = trial.preview(1).await.unwrap_err();
    assert!(matches!(error, TrialError::Mapping(_)), "{error}");
    let builder = mine(world::builder(&world.sandbox, Arc::clone(&world.store)));
    let trial = builder.try_out().await.unwrap();
    let missing = trial.explain_opportunity(Uuid::nil()).await.unwrap_err();
    assert!(matches!(missing, TrialError::NoDeal(_)), "{missing}");
}

/// Accounts come from elsewhere, known by city; others are not made.
#[derive(Debug, Default)]
struct ByCity(Mutex<Vec<String>>);

#[async_trait]
impl AccountMatcher for ByCity {
    async fn find(
        &self,
        dataverse: &Dataverse,
        customer: &Customer,
    ) -> Result<AccountMatch, cosell::http::Error> {
        use cosell::dataverse::{Filter, Query, Table};
        let city = customer.column("address1_city");
        self.0.lock().unwrap().push(city.to_owned());
        let query = Query::select(["accountid"]).with_filter(Filter::eq("address1_city", city));
        let found = dataverse.table(Table::ACCOUNT).first(&query).await?;
        let id = found.and_then(|row| row.guid("accountid").ok().flatten());
        Ok(id.map_or(AccountMatch::Leave, AccountMatch::Found))
    }

    fn key(&self, customer: &Customer) -> Vec<String> {
        vec![customer.column("address1_city").to_owned()]
    }
}

// R62
#[tokio::test]
async fn an_account_is_found_by_a_matcher_of_ones_own_and_by_name_and_postal_code_otherwise() {
    let matcher = Arc::new(ByCity::default());
    let accounts = Arc::clone(&matcher) as Arc<dyn AccountMatcher>;
    let world = World::with(world::options(), |builder| {
        builder.dynamics(DynamicsOptions::default().with_accounts(accounts))
    })
    .await;
    let leeds = world.account("Quite another name");
    let mut elsewhere = InboundDeal::new("Two", "Adatum");
    elsewhere.city = "York".to_owned();
    world.microsoft_sends(InboundDeal::new("One", "Adatum"));
    world.microsoft_sends(elsewhere);
    world.settle().await;
    let mut bound: Vec<_> = world
        .rows("opportunity")
        .into_iter()
        .map(|row| (row["name"].clone(), row["_parentaccountid_value"].clone()))
        .collect();
    bound.sort_by_key(|(name, _)| name.to_string());
    assert_eq!(
        bound,
        [
            (json!("✔ One"), json!(leeds.to_string())),
            (json!("✔ Two"), json!(null)),
        ]
    );
    assert_eq!(world.rows("account").len(), 1, "none was made");
    assert_eq!(matcher.0.lock().unwrap().len(), 2, "asked once a deal");

    let world = World::new().await;
    let same = world.account("Adatum");
    world.microsoft_sends(InboundDeal::new("One", "Adatum"));
    world.settle().await;
    let (_, row) = world.only_opportunity();
    assert_eq!(row["_parentaccountid_value"], same.to_string());
}

#[tokio::test]
async fn deals_that_nobody_touches_are_looked_at_again_for_the_fields_of_a_new_mapping() {
    let mut world = World::with(options(), |builder| {
        builder.mapping(load(
            "name = \"old\"\nversion = \"1\"\nbase = \"minimal\"\n\
             [fields.origin]\ntransform = \"text\"\ndirection = \"to-crm\"\n\
             referral = { constant = \"PC\" }\ncrm = { path = \"new_origin\", write = \"create\" }\n",
        ))
    })
    .await;
    let opportunity = deal(&world);
    world.crm_update(opportunity, json!({"estimatedvalue": 1000}));
    world.settle().await;
    let (id, referral) = world.only_referral();
    assert!(referral["salesStage"].is_null());

    let text = MINE
        .replace("[fields.value]\ncrm = {", "[fields.deal_value.crm]\n")
        .replace(
            "path = \"new_dealvalue\" }",
            "path = \"new_dealvalue\"\ncurrency-id = \"_transactioncurrencyid_value\"\n\
             currency-bind = \"transactioncurrencyid@odata.bind\"\n\
             [fields.deal_value]\ntransform = \"money\"\n\
             referral = { path = \"details/dealValue\", currency = \"details/currency\" }\n",
        )
        .replace(
            "base = \"minimal\"",
            "base = \"minimal\"\nremove = [\"value\"]",
        );
    world.cosell = world::builder(&world.sandbox, Arc::clone(&world.store))
        .mapping(load(&text))
        .connect()
        .await
        .expect("it fits");
    world.settle().await;
    assert!(world.referral(id)["salesStage"].is_null(), "nothing moved");
    assert_eq!(world.cosell.look_again("ana").await.unwrap(), 1);
    world.settle().await;
    assert_eq!(world.referral(id)["salesStage"], "Propose");
    assert_eq!(
        world.referral(id)["details"]["dealValue"].as_f64(),
        Some(84_000.0),
        "the CRM wins the first meeting of the new field"
    );
    world.assert_equal().await;
}
