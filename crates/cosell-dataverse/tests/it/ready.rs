//! The check before start.

use cosell_dataverse::{Dataverse, Needs, Right, TableNeed, Unready};
use cosell_sandbox::dataverse::Options;
use serde_json::json;

use crate::{
    double::World,
    fake::{Script, refusal},
};

fn needs() -> Needs {
    let all = [
        Right::Read,
        Right::Create,
        Right::Write,
        Right::Append,
        Right::AppendTo,
    ];
    Needs::new()
        .with_table(
            TableNeed::new("opportunity", all)
                .with_columns(["name", "msft_dealregistration"])
                .followed(),
        )
        .with_table(TableNeed::new("annotation", [Right::Create]))
        .with_table(TableNeed::new("abc_nothing", [Right::Read]))
        .with_currencies(["EUR", "XTS"])
        .with_people(["nobody@nowhere.example"])
}

/// Answers about privileges before those of the double.
async fn faults(client: &Dataverse, needs: &Needs) -> Vec<String> {
    let found = client.readiness(needs).await;
    found.faults.iter().map(ToString::to_string).collect()
}

// R15, R17, R18
#[tokio::test]
async fn all_that_is_missing_is_told_at_once() {
    let mut options = Options::default();
    options.tracked.remove("opportunity");
    let (world, client) = World::new(options);
    world.answer(
        "RetrieveUserPrivileges",
        200,
        &json!({"RolePrivileges": [
            {"Depth": "Local", "PrivilegeId": uuid::Uuid::from_u128(1), "PrivilegeName": "prvReadOpportunity"},
            {"Depth": 3, "PrivilegeId": uuid::Uuid::from_u128(2), "PrivilegeName": "prvCreateOpportunity"},
            {"Depth": "Global", "PrivilegeId": uuid::Uuid::from_u128(3), "PrivilegeName": "prvAppendOpportunity"},
            {"Depth": "Global", "PrivilegeId": uuid::Uuid::from_u128(4), "PrivilegeName": "prvAppendToOpportunity"}
        ]})
        .to_string(),
    );
    let told = faults(&client, &needs()).await;
    let wanted = [
        "table opportunity has no column msft_dealregistration",
        "changes of opportunity cannot be followed",
        "Read on opportunity does not reach the whole organization",
        "Write on opportunity is missing: grant the identity's role the privilege prvwriteopportunity",
        "Create on annotation is missing: grant the identity's role the privilege prvcreatenote",
        "there is no table abc_nothing",
        "there is no active currency XTS",
        "nobody@nowhere.example is no enabled user",
    ];
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for part in wanted {
        assert!(
            told.iter().any(|fault| fault.contains(part)),
            "{part}: {told:#?}"
        );
    }
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn with_everything_there_it_says_so() {
    let (world, client) = World::new(Options::default());
    let held: Vec<_> = ["Read", "Create", "Write", "Append", "AppendTo"]
        .iter()
        .map(|right| json!({"Depth": "Global", "PrivilegeName": format!("prv{right}Opportunity")}))
        .collect();
    world.answer(
        "RetrieveUserPrivileges",
        200,
        &json!({"RolePrivileges": held}).to_string(),
    );
    let all = [Right::Read, Right::Create, Right::Write];
    let needs = Needs::new()
        .with_table(
            TableNeed::new("opportunity", all)
                .with_columns(["name"])
                .followed(),
        )
        .with_table(TableNeed::new("opportunityproduct", [Right::Create]))
        .with_currencies(["EUR"]);
    let found = client.readiness(&needs).await;
    assert!(found.is_ready(), "{found}");
    assert_eq!(found.to_string(), "Ready.\n");
    assert!(found.who.is_some() && found.unproven.is_empty());
}

#[tokio::test]
async fn where_the_service_tells_no_rights_reading_is_tried() {
    let (world, client) = World::new(Options::default());
    world.answer("RetrieveUserPrivileges", 501, "");
    let needs = Needs::new().with_table(TableNeed::new("account", [Right::Read, Right::Write]));
    let found = client.readiness(&needs).await;
    assert!(found.is_ready(), "{found}");
    assert_eq!(found.unproven, ["Write on account"]);
    world.answer("RetrieveUserPrivileges", 403, "");
    world.trouble(("GET", "accounts?", 403));
    let told = faults(&client, &needs).await;
    assert_eq!(
        told,
        ["Read on account is missing: grant the identity's role the privilege prvreadaccount"]
    );
}

#[tokio::test]
async fn privileges_by_id_alone_are_named_first() {
    let (world, client) = World::new(Options::default());
    let (read, write) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    world.answer(
        "RetrieveUserPrivileges",
        200,
        &json!({"RolePrivileges": [{"Depth": "Global", "PrivilegeId": read}]}).to_string(),
    );
    world.answer(
        "privileges?",
        200,
        &json!({"value": [
            {"privilegeid": read, "name": "prvReadAccount"},
            {"privilegeid": write, "name": "prvWriteAccount"}]})
        .to_string(),
    );
    let needs = Needs::new().with_table(TableNeed::new("account", [Right::Read, Right::Write]));
    let found = client.readiness(&needs).await;
    let missing = |fault: &Unready| {
        matches!(
            fault,
            Unready::NoRight {
                right: Right::Write,
                ..
            }
        )
    };
    assert_eq!(found.faults.len(), 1, "{found}");
    assert!(missing(&found.faults[0]), "{found}");
}

#[tokio::test]
async fn who_cannot_sign_in_is_asked_nothing_more() {
    let (script, client) = Script::of([refusal(
        403,
        "0x80072560",
        "The user is not a member of the organization.",
    )]);
    let found = client.readiness(&needs()).await;
    assert!(!found.is_ready() && found.who.is_none());
    assert!(
        found.to_string().contains("sign-in could not be checked"),
        "{found}"
    );
    assert_eq!(script.requests().len(), 1);
}
