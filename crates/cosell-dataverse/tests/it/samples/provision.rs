//! What the provisioner posts, member by member, beside the documented bodies.
//!
//! <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/create-update-column-definitions-using-web-api>
//!
//! Two values differ from the documentation's, because names are free there: a relationship is
//! named after table and column, which are unique together, and the label of a menu entry, which
//! the behaviour `UseCollectionName` never shows, is the column's.

use std::time::Duration;

use cosell_dataverse::{
    Columns, Condition, Op, Table, WriteOptions,
    provision::{
        Blueprint, ColumnSpec, KeySpec, NewColumn, PublisherSpec, SolutionSpec, TableSpec,
    },
};
use cosell_http::{Call, Repeat, Sleep};
use cosell_sandbox::dataverse::Options;
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::double::World;

const COLUMNS: &str = "EntityDefinitions(LogicalName='opportunity')/Attributes";

/// A label as the documentation writes it.
fn l(text: &str) -> Value {
    json!({"@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": [
        {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text,
         "LanguageCode": 1033}]})
}

/// A column that nobody has to fill.
fn r() -> Value {
    json!({"Value": "None", "CanBeChanged": true,
           "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings"})
}

fn values(labels: &[&str]) -> Vec<(i32, String)> {
    let numbered = (727_000_000..).zip(labels);
    numbered
        .map(|(value, label)| (value, (*label).to_owned()))
        .collect()
}

fn blueprint(help: &[&str]) -> Blueprint {
    let column = |schema: &str, label: &str, kind| {
        ColumnSpec::new(schema, "opportunity", schema, label, kind).with_description("…")
    };
    let flag = NewColumn::Flag("No".to_owned(), "Yes".to_owned());
    let publisher = PublisherSpec::new("abcpartner", "ABC Partner Sync", "abc", 72_700);
    let table = TableSpec::new("abc_engagement", "Engagement", "Engagements", "abc_Name");
    let columns = [
        column("abc_SyncToPartner", "Sync to partner", flag),
        column("abc_ReferralId", "Referral id", NewColumn::Text(100)),
        column("abc_ReferralLink", "Referral link", NewColumn::Url(500)),
        column(
            "abc_HelpRequired",
            "Help required from Microsoft",
            NewColumn::Choice(values(help)),
        ),
        column(
            "abc_HelpTypes",
            "Help types",
            NewColumn::Choices(values(&["Co-sell"])),
        ),
        column(
            "abc_AuditTrail",
            "Partner sync audit trail",
            NewColumn::Memo(100_000),
        ),
        column("abc_Round", "Round", NewColumn::Integer(0, 99)),
        column("abc_Stamp", "Stamp", NewColumn::BigInt),
        column("abc_Share", "Share", NewColumn::Decimal(3)),
        column("abc_Score", "Score", NewColumn::Double),
        column("abc_Value", "Value", NewColumn::Money),
        column("abc_Due", "Due", NewColumn::Date),
        column("abc_SyncedOn", "Synced on", NewColumn::Instant),
        column(
            "abc_Engagement",
            "Engagement",
            NewColumn::Lookup("abc_engagement".to_owned()),
        ),
    ];
    let blueprint = Blueprint::new(
        publisher.with_description("…"),
        SolutionSpec::new("abc_partnersync", "ABC Partner Sync", "1.0.0.0"),
    )
    .with_table(table.with_description("…"))
    .with_key(KeySpec::new(
        "opportunity",
        "abc_ReferralIdKey",
        "Referral id",
        "abc_referralid",
    ));
    columns.into_iter().fold(blueprint, Blueprint::with_column)
}

/// What a column has in every type, besides what `more` says of its own.
fn column(cast: &str, kind: &str, names: (&str, &str), more: Value) -> (String, Value) {
    let mut body = json!({
        "@odata.type": format!("Microsoft.Dynamics.CRM.{cast}AttributeMetadata"),
        "AttributeType": kind, "AttributeTypeName": {"Value": format!("{cast}Type")},
        "SchemaName": names.0, "RequiredLevel": r(), "DisplayName": l(names.1),
        "Description": l("…")});
    let Value::Object(more) = more else {
        panic!("members")
    };
    body.as_object_mut().unwrap().extend(more);
    (COLUMNS.to_owned(), body)
}

/// The first six are the documentation's own examples; the others follow its list of types.
fn documented_columns() -> Vec<(String, Value)> {
    let no_yes = json!({"DefaultValue": false, "OptionSet": {
        "TrueOption": {"Value": 1, "Label": l("Yes")},
        "FalseOption": {"Value": 0, "Label": l("No")}, "OptionSetType": "Boolean"}});
    let set = |options: Value| {
        json!({"SourceTypeMask": 0, "OptionSet": {
            "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "IsGlobal": false,
            "OptionSetType": "Picklist", "Options": options}})
    };
    let help = set(
        json!([{"Value": 727_000_000, "Label": l("No help required")},
                          {"Value": 727_000_001, "Label": l("Technical")}]),
    );
    let types = set(json!([{"Value": 727_000_000, "Label": l("Co-sell")}]));
    let text = |max: u32, format: &str| json!({"MaxLength": max, "FormatName": {"Value": format}});
    let moment = |format: &str, behavior: &str| json!({"Format": format, "DateTimeBehavior": {"Value": behavior}});
    vec![
        column(
            "Boolean",
            "Boolean",
            ("abc_SyncToPartner", "Sync to partner"),
            no_yes,
        ),
        column(
            "String",
            "String",
            ("abc_ReferralId", "Referral id"),
            text(100, "Text"),
        ),
        column(
            "String",
            "String",
            ("abc_ReferralLink", "Referral link"),
            text(500, "Url"),
        ),
        column(
            "Picklist",
            "Picklist",
            ("abc_HelpRequired", "Help required from Microsoft"),
            help,
        ),
        column(
            "MultiSelectPicklist",
            "Virtual",
            ("abc_HelpTypes", "Help types"),
            types,
        ),
        column(
            "Memo",
            "Memo",
            ("abc_AuditTrail", "Partner sync audit trail"),
            json!({"MaxLength": 100_000, "Format": "TextArea", "ImeMode": "Disabled"}),
        ),
        column(
            "Integer",
            "Integer",
            ("abc_Round", "Round"),
            json!({"Format": "None", "MinValue": 0, "MaxValue": 99}),
        ),
        column("BigInt", "BigInt", ("abc_Stamp", "Stamp"), json!({})),
        column(
            "Decimal",
            "Decimal",
            ("abc_Share", "Share"),
            json!({"Precision": 3, "MinValue": -100_000_000_000_i64,
                   "MaxValue": 100_000_000_000_i64}),
        ),
        column("Double", "Double", ("abc_Score", "Score"), json!({})),
        column(
            "Money",
            "Money",
            ("abc_Value", "Value"),
            json!({"PrecisionSource": 2}),
        ),
        column(
            "DateTime",
            "DateTime",
            ("abc_Due", "Due"),
            moment("DateOnly", "DateOnly"),
        ),
        column(
            "DateTime",
            "DateTime",
            ("abc_SyncedOn", "Synced on"),
            moment("DateAndTime", "UserLocal"),
        ),
    ]
}

fn assert_posts(posts: &[(String, Value)], wanted: &[(String, Value)]) {
    for (post, wanted) in posts.iter().zip(wanted) {
        assert_eq!(post, wanted);
    }
    assert_eq!(posts.len(), wanted.len(), "{posts:#?}");
}

#[tokio::test]
async fn what_is_made_is_posted_as_documented() {
    let (world, client) = World::new(Options::default().with_connector_columns(false));
    let provisioner = client.provisioner(blueprint(&["No help required", "Technical"]));
    let plan = provisioner.plan().await.unwrap();
    world.posts();
    let applied = provisioner.apply(&plan).await.unwrap();
    assert_eq!(applied.failure(), None);
    let mut posts = world.posts();
    // The publisher's id is the double's choice.
    let bind = posts[1].1["publisherid@odata.bind"].take();
    let id = bind.as_str().and_then(|bind| {
        let id = bind.strip_prefix("/publishers(")?.strip_suffix(')')?;
        id.parse::<Uuid>().ok()
    });
    assert!(id.is_some(), "{bind}");

    let mut wanted = vec![
        (
            "publishers".to_owned(),
            json!({"friendlyname": "ABC Partner Sync", "uniquename": "abcpartner",
                   "customizationprefix": "abc", "customizationoptionvalueprefix": 72_700,
                   "description": "…"}),
        ),
        (
            "solutions".to_owned(),
            json!({"friendlyname": "ABC Partner Sync", "uniquename": "abc_partnersync",
                   "version": "1.0.0.0", "publisherid@odata.bind": null}),
        ),
        (
            "EntityDefinitions".to_owned(),
            json!({
                "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
                "SchemaName": "abc_engagement", "DisplayName": l("Engagement"),
                "DisplayCollectionName": l("Engagements"), "Description": l("…"),
                "OwnershipType": "UserOwned", "HasActivities": false, "HasNotes": false,
                "IsActivity": false, "ChangeTrackingEnabled": true,
                "Attributes": [{
                    "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
                    "AttributeType": "String", "AttributeTypeName": {"Value": "StringType"},
                    "SchemaName": "abc_Name", "MaxLength": 200, "FormatName": {"Value": "Text"},
                    "RequiredLevel": r(), "DisplayName": l("Name"), "Description": l("Name"),
                    "IsPrimaryName": true}]}),
        ),
    ];
    wanted.extend(documented_columns());
    wanted.extend([
        (
            "RelationshipDefinitions".to_owned(),
            json!({
                "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
                "SchemaName": "abc_opportunity_Engagement",
                "ReferencedEntity": "abc_engagement", "ReferencingEntity": "opportunity",
                "CascadeConfiguration": {"Assign": "NoCascade", "Delete": "RemoveLink",
                    "Merge": "NoCascade", "Reparent": "NoCascade", "Share": "NoCascade",
                    "Unshare": "NoCascade"},
                "AssociatedMenuConfiguration": {"Behavior": "UseCollectionName",
                    "Group": "Details", "Label": l("Engagement"), "Order": 10_000},
                "Lookup": {
                    "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata",
                    "AttributeType": "Lookup", "AttributeTypeName": {"Value": "LookupType"},
                    "SchemaName": "abc_Engagement", "RequiredLevel": r(),
                    "DisplayName": l("Engagement"), "Description": l("…")}}),
        ),
        (
            "EntityDefinitions(LogicalName='opportunity')/Keys".to_owned(),
            json!({"SchemaName": "abc_ReferralIdKey", "DisplayName": l("Referral id"),
                   "KeyAttributes": ["abc_referralid"]}),
        ),
        (
            "PublishXml".to_owned(),
            json!({"ParameterXml": "<importexportxml><entities><entity>abc_engagement</entity>\
                    <entity>opportunity</entity></entities></importexportxml>"}),
        ),
    ]);
    assert_posts(&posts, &wanted);
}

#[tokio::test]
async fn what_is_added_is_posted_as_documented() {
    let (world, client) = World::new(Options::default().with_connector_columns(false));
    let first = client.provisioner(blueprint(&["No help required", "Technical"]));
    let plan = first.plan().await.unwrap();
    first.apply(&plan).await.unwrap();
    let second = client.provisioner(blueprint(&["No help required", "Technical", "Pricing"]));
    let plan = second.plan().await.unwrap();
    world.posts();
    let applied = second.apply(&plan).await.unwrap();
    assert_eq!(applied.failure(), None);
    assert_posts(
        &world.posts(),
        &[
            (
                "InsertOptionValue".to_owned(),
                json!({"AttributeLogicalName": "abc_helprequired",
                       "EntityLogicalName": "opportunity", "Value": 727_000_002,
                       "Label": l("Pricing"), "SolutionUniqueName": "abc_partnersync"}),
            ),
            (
                "PublishXml".to_owned(),
                json!({"ParameterXml": "<importexportxml><entities>\
                        <entity>opportunity</entity></entities></importexportxml>"}),
            ),
        ],
    );
}

#[tokio::test]
async fn a_failed_index_is_built_again_as_documented() {
    let (world, client) = World::new(Options::default().with_connector_columns(false));
    let mut all = blueprint(&["No help required"]);
    let keys = std::mem::take(&mut all.keys);
    let first = client.provisioner(all.clone());
    first.apply(&first.plan().await.unwrap()).await.unwrap();
    let twin = |n: u128| {
        let columns = Columns::new()
            .set("name", "Twin")
            .set("abc_referralid", "R-1");
        Op::create(&Table::OPPORTUNITY, Some(Uuid::from_u128(n)), columns)
    };
    client.run(&twin(1), None).await.unwrap();
    client.run(&twin(2), None).await.unwrap();
    let target = "EntityDefinitions(LogicalName='opportunity')/Keys";
    let key = json!({"SchemaName": "abc_ReferralIdKey", "DisplayName": l("Referral id"),
                     "KeyAttributes": ["abc_referralid"]});
    let call = Call::new("test.key", Method::POST, target, Repeat::Never).with_body(
        HeaderValue::from_static("application/json"),
        key.to_string(),
    );
    client.raw(call).await.unwrap();
    // The index is built, and fails.
    world.sleep(Duration::from_secs(60)).await;

    all.keys = keys;
    let second = client.provisioner(all);
    let plan = second.plan().await.unwrap();
    assert_eq!(plan.obstacles.len(), 1, "the twins are in the way: {plan}");
    let other = Columns::new().set("abc_referralid", "R-2");
    let deals = client.table(Table::OPPORTUNITY);
    let id = Uuid::from_u128(2);
    deals
        .update(id, other, &Condition::MustExist, WriteOptions::default())
        .await
        .unwrap();
    let plan = second.plan().await.unwrap();
    world.posts();
    let applied = second.apply(&plan).await.unwrap();
    assert_eq!(applied.failure(), None);
    assert_posts(
        &world.posts(),
        &[(
            "ReactivateEntityKey".to_owned(),
            json!({"EntityLogicalName": "opportunity",
                   "EntityKeyLogicalName": "abc_referralidkey"}),
        )],
    );
    assert!(second.verify().await.unwrap().is_empty());
}
