//! Several environments in one process.

use cosell_dataverse::{Columns, Dataverse, Environments, Table, WriteOptions};
use cosell_http::{ErrorKind, sign_in::Cloud};

use crate::{double::World, fake::Script};

fn at(address: &str) -> (World, Dataverse) {
    World::at(address, cosell_sandbox::dataverse::Options::default())
}

// R20
#[tokio::test]
async fn environments_are_picked_by_name_and_kept_apart() {
    let (staging_world, staging) = at("https://fabrikam-test.crm4.dynamics.com");
    let (production_world, production) = at("https://fabrikam-sales.crm4.dynamics.com");
    let environments = Environments::new()
        .with("staging", staging)
        .unwrap()
        .with("production", production)
        .unwrap();
    let rows = environments.get("staging").unwrap().table(Table::ACCOUNT);
    let columns = Columns::new().set("name", "A");
    rows.create(None, columns, WriteOptions::default())
        .await
        .unwrap();
    assert_eq!(staging_world.writes(), ["POST accounts"]);
    assert!(production_world.told().is_empty());

    let error = environments.get("prodution").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error.message().contains("there are production, staging"),
        "{error}"
    );
    let (_, again) = at("https://fabrikam-sales.crm4.dynamics.com");
    let twice = environments.clone().with("production", again.clone());
    assert!(twice.unwrap_err().message().contains("is there already"));
    let other_name = environments.with("live", again);
    assert!(
        other_name
            .unwrap_err()
            .message()
            .contains("have one address")
    );
}

#[test]
fn scope_and_cloud_follow_from_the_address() {
    for (address, scope, cloud) in [
        (
            "https://fabrikam.crm4.dynamics.com/",
            "https://fabrikam.crm4.dynamics.com/.default",
            Cloud::Public,
        ),
        (
            "https://fabrikam.api.crm4.dynamics.com/api/data/v9.2/",
            "https://fabrikam.crm4.dynamics.com/.default",
            Cloud::Public,
        ),
        (
            "https://fabrikam.crm9.dynamics.com",
            "https://fabrikam.crm9.dynamics.com/.default",
            Cloud::Public,
        ),
        (
            "https://fabrikam.crm.microsoftdynamics.us",
            "https://fabrikam.crm.microsoftdynamics.us/.default",
            Cloud::UsGovernment,
        ),
        (
            "https://fabrikam.crm.appsplatform.us",
            "https://fabrikam.crm.appsplatform.us/.default",
            Cloud::UsGovernment,
        ),
        (
            "https://fabrikam.crm.dynamics.cn",
            "https://fabrikam.crm.dynamics.cn/.default",
            Cloud::China,
        ),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(Dataverse::scope(&address), scope);
        assert_eq!(Dataverse::cloud(&address), cloud);
    }
    let authority: url::Url = Cloud::China.authority().parse().unwrap();
    assert_eq!(
        authority.host_str(),
        Some("login.partner.microsoftonline.cn")
    );
}

#[tokio::test]
async fn a_client_may_act_for_another_user() {
    let (script, client) = Script::of([crate::fake::answer(204, &[], "")]);
    let user = uuid::Uuid::from_u128(7);
    let rows = client.acting_for(user).table(Table::ACCOUNT);
    let condition = cosell_dataverse::Condition::None;
    rows.delete(user, &condition, WriteOptions::default())
        .await
        .unwrap();
    let request = script.request();
    let told = crate::fake::header(&request, "callerobjectid");
    assert_eq!(told, [user.to_string()]);
}
