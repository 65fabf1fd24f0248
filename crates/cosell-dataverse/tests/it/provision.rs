//! Provisioning, against the double.

use cosell_dataverse::{
    Columns, Dataverse, Op, Table,
    provision::{
        Action, Applied, Blueprint, ColumnSpec, KeySpec, NewColumn, Origin, Plan, PublisherSpec,
        SolutionSpec, StepOutcome, TableSpec,
    },
    schema::{ColumnType, DateBehavior, KeyStatus},
};
use cosell_http::{Call, ErrorKind, Repeat};
use cosell_sandbox::dataverse::{Column, Options};
use http::Method;

use crate::double::World;

const SYNC: &str = "msft_microsoftpartnercenterreferralsync";

fn values(labels: &[&str]) -> Vec<(i32, String)> {
    let numbered = (727_000_000..).zip(labels);
    numbered
        .map(|(value, label)| (value, (*label).to_owned()))
        .collect()
}

fn empty() -> Blueprint {
    Blueprint::new(
        PublisherSpec::new("abcpartner", "ABC Partner Sync", "abc", 72_700),
        SolutionSpec::new("abc_partnersync", "ABC Partner Sync", "1.0.0.0"),
    )
}

/// A column of every type, a table of solutions, a key.
fn blueprint() -> Blueprint {
    let deal =
        |role: &str, schema: &str, kind| ColumnSpec::new(role, "opportunity", schema, role, kind);
    let solution = |role: &str, schema: &str, kind| {
        ColumnSpec::new(role, "abc_dealsolution", schema, role, kind)
    };
    let flag = NewColumn::Flag("No".to_owned(), "Yes".to_owned());
    empty()
        .with_table(TableSpec::new(
            "abc_DealSolution",
            "Deal solution",
            "Deal solutions",
            "abc_Name",
        ))
        .with_column(deal("sync", "abc_SyncToPartner", flag).or_existing(SYNC))
        .with_column(deal("referral", "abc_ReferralId", NewColumn::Text(100)))
        .with_column(deal("link", "abc_ReferralLink", NewColumn::Url(500)))
        .with_column(deal("audit", "abc_AuditTrail", NewColumn::Memo(100_000)))
        .with_column(deal(
            "help",
            "abc_Help",
            NewColumn::Choice(values(&["None", "Technical"])),
        ))
        .with_column(deal(
            "types",
            "abc_Types",
            NewColumn::Choices(values(&["Co-sell", "Lead"])),
        ))
        .with_column(deal("round", "abc_Round", NewColumn::Integer(0, 99)))
        .with_column(deal("stamp", "abc_Stamp", NewColumn::BigInt))
        .with_column(deal("share", "abc_Share", NewColumn::Decimal(3)))
        .with_column(deal("score", "abc_Score", NewColumn::Double))
        .with_column(deal("value", "abc_Value", NewColumn::Money))
        .with_column(deal("due", "abc_Due", NewColumn::Date))
        .with_column(deal("synced", "abc_SyncedOn", NewColumn::Instant))
        .with_column(deal(
            "partner",
            "abc_Partner",
            NewColumn::Lookup("account".to_owned()),
        ))
        .with_column(solution(
            "deal",
            "abc_Deal",
            NewColumn::Lookup("opportunity".to_owned()),
        ))
        .with_column(solution("id", "abc_SolutionId", NewColumn::Text(100)))
        .with_key(KeySpec::new(
            "opportunity",
            "abc_ReferralIdKey",
            "Referral id",
            "abc_referralid",
        ))
}

fn bare() -> Options {
    Options::default().with_connector_columns(false)
}

async fn apply(client: &Dataverse, blueprint: Blueprint) -> (Plan, Applied) {
    let provisioner = client.provisioner(blueprint);
    let plan = provisioner.plan().await.unwrap();
    let applied = provisioner.apply(&plan).await.unwrap();
    (plan, applied)
}

async fn delete(client: &Dataverse, target: &str) {
    let call = Call::new("test.delete", Method::DELETE, target, Repeat::Never);
    client.raw(call).await.unwrap();
}

fn objects(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.object.as_str()).collect()
}

// R21, R22
#[tokio::test]
async fn the_plan_is_shown_first_and_the_second_run_does_nothing() {
    let (world, client) = World::new(bare());
    let provisioner = client.provisioner(blueprint());
    let plan = provisioner.plan().await.unwrap();
    assert!(world.writes().is_empty(), "planning reads only");
    let text = plan.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "1. create publisher abcpartner: \"ABC Partner Sync\", prefix abc, choice values from \
             727000000",
            "2. create solution abc_partnersync: \"ABC Partner Sync\", version 1.0.0.0",
            "3. create table abc_dealsolution: \"Deal solution\", owned by users, followed",
            "4. create column opportunity.abc_synctopartner: \"sync\", yes or no (\"No\", \
             \"Yes\"), no at first",
            "5. create column opportunity.abc_referralid: \"referral\", text of at most 100 \
             characters",
        ]
    );
    assert_eq!(plan.steps.len(), 21);

    let applied = provisioner.apply(&plan).await.unwrap();
    assert_eq!(applied.failure(), None);
    assert!(applied.left.is_empty());
    let done: Vec<_> = applied
        .records
        .iter()
        .map(|record| record.step.clone())
        .collect();
    assert_eq!(done, plan.steps, "what was shown is what was done");
    assert!(applied.records.iter().all(|record| record.at.is_some()));
    assert_eq!(world.writes().len(), 21);

    // Everything is what it was asked to be.
    let deals = client.schema().table("opportunity").await.unwrap();
    let kind = |column: &str| deals.column(column).unwrap().kind.clone();
    assert_eq!(
        kind("abc_referrallink"),
        ColumnType::Text { max: Some(500) }
    );
    assert_eq!(
        kind("abc_audittrail"),
        ColumnType::Memo { max: Some(100_000) }
    );
    assert_eq!(
        kind("abc_due"),
        ColumnType::DateTime(DateBehavior::DateOnly)
    );
    assert_eq!(deals.choices("abc_types").unwrap().values.len(), 2);
    assert_eq!(
        deals.navigation("abc_partner", "account"),
        Ok("abc_Partner")
    );
    assert_eq!(deals.keys[0].status, KeyStatus::Active);

    let again = provisioner.verify().await.unwrap();
    assert!(again.is_empty(), "{again}");
    let applied = provisioner.apply(&again).await.unwrap();
    assert_eq!(applied, Applied::default());
    assert!(world.writes().is_empty());

    // And it can be written to.
    let columns = Columns::new()
        .set("abc_referralid", "R-1")
        .set("abc_types", "727000001,727000000")
        .set("abc_synctopartner", true);
    client
        .run(&Op::create(&Table::OPPORTUNITY, None, columns), None)
        .await
        .unwrap();
}

// R23
#[tokio::test]
async fn a_failed_step_is_recorded_and_the_run_is_resumed() {
    let (world, client) = World::new(bare());
    let provisioner = client.provisioner(blueprint());
    let plan = provisioner.plan().await.unwrap();
    world.trouble(("POST", "abc_Help", 500));
    let applied = provisioner.apply(&plan).await.unwrap();
    let failure = applied.failure().expect("a failed step").clone();
    assert_eq!(failure.step.object, "opportunity.abc_help");
    assert!(failure.at.is_some());
    assert!(
        matches!(&failure.outcome, StepOutcome::Failed { error, may_have_acted: true }
        if error.contains("500")),
        "{failure:?}"
    );
    assert_eq!(applied.records.len() + applied.left.len(), plan.steps.len());
    let stored = serde_json::to_string(&applied).unwrap();
    assert_eq!(serde_json::from_str::<Applied>(&stored).unwrap(), applied);

    // The old plan no longer fits, and nothing is done by it.
    world.told();
    let stale = provisioner.apply(&plan).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Invalid);
    assert!(world.writes().is_empty());

    // An answer that is lost after its effect is not done twice either.
    let (rest, _) = {
        let rest = provisioner.plan().await.unwrap();
        let left: Vec<_> = applied
            .left
            .iter()
            .map(|step| step.object.clone())
            .collect();
        assert_eq!(objects(&rest)[0], "opportunity.abc_help");
        assert_eq!(objects(&rest)[1..], left);
        world.trouble(("POST", "abc_Round", 0));
        let applied = provisioner.apply(&rest).await.unwrap();
        assert!(applied.failure().is_some());
        (rest, applied)
    };
    assert!(rest.steps.len() < plan.steps.len());
    let rest = provisioner.plan().await.unwrap();
    assert!(!objects(&rest).contains(&"opportunity.abc_round"));
    let applied = provisioner.apply(&rest).await.unwrap();
    assert_eq!(applied.failure(), None);
    assert!(provisioner.verify().await.unwrap().is_empty());
}

// R24
#[tokio::test]
async fn what_is_there_is_listed_with_versions() {
    let (_, client) = World::new(bare());
    let provisioner = client.provisioner(blueprint());
    let before = provisioner.inventory().await.unwrap();
    assert!(before.roles.is_empty() && before.keys.is_empty());
    assert!(!before.missing.is_empty());
    apply(&client, blueprint()).await;
    let inventory = provisioner.inventory().await.unwrap();
    assert!(inventory.missing.is_empty());
    assert_eq!(inventory.roles.len(), blueprint().columns.len());
    assert_eq!(inventory.library, cosell_dataverse::VERSION);
    assert!(inventory.schema.is_some() && inventory.schema != before.schema);
    let text = inventory.to_string();
    for part in [
        "Solution abc_partnersync 1.0.0.0 (\"ABC Partner Sync\")",
        "referral: opportunity.abc_referralid",
        "Key opportunity.abc_ReferralIdKey: Active",
        "Service 9.2.",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[tokio::test]
async fn what_was_destroyed_is_planned_and_made_again() {
    let (_, client) = World::new(bare());
    apply(&client, blueprint()).await;
    let table = "EntityDefinitions(LogicalName='opportunity')";
    delete(
        &client,
        &format!("{table}/Keys(LogicalName='abc_referralidkey')"),
    )
    .await;
    for column in ["abc_referralid", "abc_types", "abc_partner"] {
        delete(
            &client,
            &format!("{table}/Attributes(LogicalName='{column}')"),
        )
        .await;
    }
    let (plan, applied) = apply(&client, blueprint()).await;
    assert_eq!(
        objects(&plan),
        [
            "opportunity.abc_referralid",
            "opportunity.abc_types",
            "opportunity.abc_partner",
            "opportunity.abc_ReferralIdKey",
            "opportunity"
        ]
    );
    assert_eq!(applied.failure(), None);
    assert!(
        client
            .provisioner(blueprint())
            .plan()
            .await
            .unwrap()
            .is_empty()
    );
}

// R26
#[tokio::test]
async fn columns_of_microsofts_solution_are_used_and_never_touched() {
    let (world, client) = World::new(Options::default());
    let before = client.schema().table("opportunity").await.unwrap();
    let flag = NewColumn::Flag("No".to_owned(), "Yes".to_owned());
    let help = "msft_microsoftpartnercenterhelp";
    let wanted = empty()
        .with_column(
            ColumnSpec::new("sync", "opportunity", "abc_Sync", "Sync", flag).or_existing(SYNC),
        )
        .with_column(
            // Fewer and other values: those of the column that is there count.
            ColumnSpec::new(
                "help",
                "opportunity",
                "abc_Help",
                "Help",
                NewColumn::Choice(values(&["Technical"])),
            )
            .or_existing(help),
        );
    world.told();
    let (plan, applied) = apply(&client, wanted).await;
    assert_eq!(objects(&plan), ["abcpartner", "abc_partnersync"]);
    assert_eq!(
        (plan.column("sync"), plan.column("help")),
        (Some(SYNC), Some(help))
    );
    assert!(
        plan.roles
            .values()
            .all(|binding| binding.origin == Origin::Existing)
    );
    assert!(
        plan.to_string()
            .contains(&format!("sync: opportunity.{SYNC} (existing, not ours)"))
    );
    assert_eq!(applied.failure(), None);
    assert_eq!(world.writes(), ["POST publishers", "POST solutions"]);
    let after = client
        .schema()
        .table_now("opportunity")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(*before, *after);
}

#[tokio::test]
async fn a_new_value_is_added_to_our_own_choice() {
    let (world, client) = World::new(bare());
    let with = |labels: &[&str]| {
        let kind = NewColumn::Choice(values(labels));
        empty().with_column(ColumnSpec::new(
            "help",
            "opportunity",
            "abc_Help",
            "Help",
            kind,
        ))
    };
    apply(&client, with(&["None"])).await;
    world.told();
    let (plan, _) = apply(&client, with(&["None", "Technical"])).await;
    let actions: Vec<Action> = plan.steps.iter().map(|step| step.action).collect();
    assert_eq!(actions, [Action::AddValue, Action::Publish]);
    assert_eq!(
        world.writes(),
        ["POST InsertOptionValue", "POST PublishXml"]
    );
    // A value that is no longer asked for stays: rows may hold it.
    let (plan, _) = apply(&client, with(&["None"])).await;
    assert!(plan.is_empty());
    let deals = client.schema().table("opportunity").await.unwrap();
    assert_eq!(deals.choices("abc_help").unwrap().values.len(), 2);
}

#[tokio::test]
async fn duplicates_are_listed_before_a_key_is_made() {
    let options = bare().with_column("opportunity", Column::text("abc_referralid", 100));
    let (world, client) = World::new(options);
    for (name, referral) in [
        ("A", Some("R-1")),
        ("B", Some("r-1")),
        ("C", None),
        ("D", None),
    ] {
        let columns = Columns::new()
            .set("name", name)
            .set("abc_referralid", referral);
        client
            .run(&Op::create(&Table::OPPORTUNITY, None, columns), None)
            .await
            .unwrap();
    }
    world.told();
    let provisioner = client.provisioner(blueprint());
    let plan = provisioner.plan().await.unwrap();
    let [obstacle] = plan.obstacles.as_slice() else {
        panic!("{plan}");
    };
    assert_eq!(obstacle.object, "opportunity.abc_ReferralIdKey");
    assert!(
        obstacle.reason.contains("\"r-1\" in "),
        "{}",
        obstacle.reason
    );
    let refused = provisioner.apply(&plan).await.unwrap_err();
    assert!(refused.message().contains("equal values"), "{refused}");
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn what_is_in_the_way_is_told_and_left_alone() {
    let options = bare()
        .with_column("opportunity", Column::text("abc_synctopartner", 10))
        .with_column("opportunity", Column::boolean("abc_round"));
    let (world, client) = World::new(options);
    let plan = client.provisioner(blueprint()).plan().await.unwrap();
    let told: Vec<String> = plan
        .obstacles
        .iter()
        .map(|obstacle| format!("{}: {}", obstacle.object, obstacle.reason))
        .collect();
    assert_eq!(
        told,
        [
            "opportunity.abc_synctopartner: the column is there as text, needed is yes or no \
             (\"No\", \"Yes\"), no at first: rename one of the two",
            "opportunity.abc_round: the column is there as yes or no, needed is whole number from \
             0 to 99: rename one of the two"
        ]
    );
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn late_servers_and_other_customizations_are_waited_for() {
    let options = bare()
        .with_metadata_lag(std::time::Duration::from_secs(20))
        .with_key_index_delay(std::time::Duration::from_secs(90));
    let (world, client) = World::new(options);
    world.trouble(("POST", "abc_Help", 400));
    let (_, applied) = apply(&client, blueprint()).await;
    assert_eq!(applied.failure(), None);
    assert!(
        client
            .provisioner(blueprint())
            .verify()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn faults_of_a_blueprint_are_all_told_and_nothing_is_sent() {
    let (world, client) = World::new(bare());
    let wrong = Blueprint::new(
        PublisherSpec::new("abc partner", "ABC", "a", 5),
        SolutionSpec::new("abc_x", "X", "1.0"),
    )
    .with_column(ColumnSpec::new(
        "r",
        "opportunity",
        "xyz_A",
        "A",
        NewColumn::Text(5000),
    ))
    .with_column(ColumnSpec::new(
        "r",
        "opportunity",
        "a_B",
        "B",
        NewColumn::Choice(values(&["x"])),
    ))
    .with_key(KeySpec::new("opportunity", "a_Key", "K", "a_c"));
    let error = client.provisioner(wrong).plan().await.unwrap_err();
    for part in [
        "abc partner",
        "prefix \"a\"",
        "option prefix 5",
        "version \"1.0\"",
        "xyz_A",
        "length 5000",
        "value 727000000",
        "\"r\" stands twice",
        "column a_c",
    ] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    assert!(world.told().is_empty());
}
