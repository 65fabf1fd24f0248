//! Which versions work together.

use cosell::{
    dataverse::provision::{Blueprint, ColumnSpec, NewColumn, PublisherSpec, SolutionSpec},
    mapping::rules::{Loader, Mapping, Registry, Source},
};
use cosell_sandbox::dataverse;

use crate::world::{self, World};

fn mapping(text: &str) -> Mapping {
    let loaded = Loader::default().load(&Source::new("mine.toml", text));
    Mapping::from_loaded(&loaded.unwrap(), &Registry::default()).unwrap()
}

// R25
#[tokio::test]
async fn the_versions_of_library_mapping_and_schema_are_read() {
    let mine = mapping("name = \"fabrikam\"\nversion = \"7\"\nbase = \"minimal\"\n");
    let hash = mine.hash().clone();
    let world = World::with(world::options(), |builder| builder.mapping(mine)).await;
    let before = world.cosell.versions().await.unwrap();
    assert_eq!(before.library, cosell::dataverse::VERSION);
    assert_eq!(before.mapping, "fabrikam");
    assert_eq!(before.mapping_version, "7");
    assert_eq!(before.mapping_hash, hash);
    assert!(before.service.as_ref().unwrap().starts_with("9.2."));
    assert!(before.schema.is_some());
    assert_eq!(before.solution("abc_partnersync"), None);

    let blueprint = Blueprint::new(
        PublisherSpec::new("abcpartner", "ABC Partner Sync", "abc", 72_700),
        SolutionSpec::new("abc_partnersync", "ABC Partner Sync", "1.2.0.0"),
    )
    .with_column(ColumnSpec::new(
        "round",
        "opportunity",
        "abc_Round",
        "Round",
        NewColumn::BigInt,
    ));
    let provisioner = world.cosell.dynamics().client().provisioner(blueprint);
    let plan = provisioner.plan().await.unwrap();
    let applied = provisioner.apply(&plan).await.unwrap();
    assert_eq!(applied.failure(), None);

    let after = world.cosell.versions().await.unwrap();
    assert_ne!(after.schema, before.schema, "a column came");
    let solution = after.solution("ABC_PartnerSync").unwrap();
    assert_eq!(solution.version, "1.2.0.0");
    assert_eq!(after.mapping_hash, hash);
    let text = after.to_string();
    for part in [
        format!("Library {}", cosell::dataverse::VERSION),
        format!("Mapping fabrikam 7 ({hash})"),
        format!("Schema {}", after.schema.as_ref().unwrap()),
        "Solution abc_partnersync 1.2.0.0 (\"ABC Partner Sync\")".to_owned(),
    ] {
        assert!(text.lines().any(|line| line == part), "{part}\n{text}");
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_left_out() {
    let mut options = dataverse::Options::default();
    for user in &mut options.users {
        user.denied.insert("prvReadSolution".to_owned());
    }
    let options = world::options().with_dataverse(options);
    let world = World::with(options, |builder| builder).await;
    let versions = world.cosell.versions().await.unwrap();
    assert_eq!(versions.solutions, None);
    assert_eq!(versions.mapping_hash, *Mapping::minimal().hash());
    assert!(versions.to_string().contains("Solutions ?"), "{versions}");
}
