//! Definitions of tables.

use cosell_dataverse::{
    Columns, Op, Table,
    schema::{ChoiceWanted, ColumnType, DateBehavior, ResolvedBy, SchemaError},
};
use cosell_http::ErrorKind;
use cosell_sandbox::dataverse::{Column, Options};
use uuid::Uuid;

use crate::double::World;

const HELP: &str = "msft_microsoftpartnercenterhelp";

#[tokio::test]
async fn a_table_is_described_with_columns_of_every_type() {
    let (world, client) = World::new(Options::default());
    let deals = client.schema().table("opportunity").await.unwrap();
    assert_eq!(
        (&*deals.set, &*deals.key),
        ("opportunities", "opportunityid")
    );
    assert_eq!(deals.name_column.as_deref(), Some("name"));
    assert!(deals.change_tracking && deals.optimistic_concurrency && !deals.custom);
    assert_eq!(deals.table(), Table::OPPORTUNITY);

    let kind = |column: &str| deals.column(column).unwrap().kind.clone();
    assert_eq!(kind("name"), ColumnType::Text { max: Some(300) });
    assert_eq!(kind("description"), ColumnType::Memo { max: Some(2000) });
    assert_eq!(
        kind("closeprobability"),
        ColumnType::Integer {
            min: Some(0),
            max: Some(100)
        }
    );
    assert_eq!(kind("versionnumber"), ColumnType::BigInt);
    assert_eq!(kind("opportunityid"), ColumnType::Guid);
    assert_eq!(
        kind("estimatedclosedate"),
        ColumnType::DateTime(DateBehavior::DateOnly)
    );
    assert_eq!(
        kind("modifiedon"),
        ColumnType::DateTime(DateBehavior::UserLocal)
    );
    assert!(
        matches!(kind("estimatedvalue"), ColumnType::Money { source: Some(2), max: Some(max), .. }
        if max == rust_decimal::Decimal::from(1_000_000_000_000_i64))
    );
    assert!(matches!(
        kind("discountpercentage"),
        ColumnType::Decimal {
            precision: Some(2),
            ..
        }
    ));
    let ColumnType::Flag { no, yes } = kind("isrevenuesystemcalculated") else {
        panic!("no flag");
    };
    assert_eq!(
        (no.text(1033), yes.text(1033)),
        (Some("User Provided"), Some("System Calculated"))
    );
    let ColumnType::Lookup { targets } = kind("customerid") else {
        panic!("no lookup");
    };
    assert_eq!(targets, ["account", "contact"]);
    let reasons = deals.choices("statuscode").unwrap();
    let of_lost: Vec<_> = reasons
        .values
        .iter()
        .filter(|reason| reason.state == Some(2))
        .collect();
    assert_eq!(of_lost.len(), 2);
    assert!(!deals.column("createdon").unwrap().updatable);

    // Kept: not asked for again, by a clone neither.
    world.told();
    client.clone().schema().table("opportunity").await.unwrap();
    assert!(world.told().is_empty());
}

#[tokio::test]
async fn navigation_names_come_from_the_schema() {
    let partner = Column::lookup("abc_engagement", "account", "abc_Engagement");
    let (_, client) = World::new(Options::default().with_column("opportunity", partner));
    let deals = client.schema().table("opportunity").await.unwrap();
    assert_eq!(
        deals.navigation("customerid", "contact"),
        Ok("customerid_contact")
    );
    assert_eq!(
        deals.navigation("abc_engagement", "account"),
        Ok("abc_Engagement")
    );
    let wrong = deals.navigation("customerid", "lead").unwrap_err();
    assert!(
        matches!(&wrong, SchemaError::NoTarget { targets, .. } if targets.len() == 2),
        "{wrong}"
    );
    assert!(deals.navigation("nothing", "lead").is_err());

    let accounts = client.schema().table("account").await.unwrap();
    let id = Uuid::from_u128(9);
    client
        .run(
            &Op::create(&accounts.table(), Some(id), Columns::new().set("name", "A")),
            None,
        )
        .await
        .unwrap();
    let columns = deals
        .bind(Columns::new(), "abc_engagement", &accounts, id)
        .unwrap();
    client
        .run(&Op::create(&deals.table(), None, columns), None)
        .await
        .unwrap();
}

// R27
#[tokio::test]
async fn choices_of_a_dutch_organization_are_found_by_label() {
    // Everything shipped is labelled in Dutch only here, but for one English label.
    let options = Options::default()
        .with_language(1043)
        .with_connector_columns(false)
        .with_column(
            "opportunity",
            Column::choice(
                HELP,
                &[
                    (1, "Technische architectuur"),
                    (2, "Offertes of licenties"),
                    (3, "Algemeen"),
                ],
            ),
        )
        .with_label(
            ("opportunity", HELP),
            1,
            1033,
            "Customer Technical Architecture",
        );
    let (_, client) = World::new(options);
    let schema = client.schema();
    let language = schema.base_language().await.unwrap();
    assert_eq!(language, 1043);
    let deals = schema.table("opportunity").await.unwrap();
    let help = deals.choices(HELP).unwrap();
    let find = |wanted: ChoiceWanted| {
        help.resolve(&wanted, language)
            .map(|found| (found.value, found.by))
    };
    let english = ChoiceWanted::new("Customer Technical Architecture");
    assert_eq!(find(english), Ok((1, ResolvedBy::English)));
    let dutch = ChoiceWanted::new("Quotes or Licensing").or_label("Offertes of Licenties");
    assert_eq!(find(dutch), Ok((2, ResolvedBy::BaseLanguage)));
    let told = ChoiceWanted::new("General or Other").or_value(3);
    assert_eq!(find(told), Ok((3, ResolvedBy::Configured)));
    assert!(find(ChoiceWanted::new("General or Other")).is_err());
}

#[tokio::test]
async fn what_was_read_lasts_until_the_schema_moves() {
    let (world, client) = World::new(Options::default());
    let schema = client.schema();
    assert!(schema.refresh().await.unwrap());
    let before = schema.table("opportunity").await.unwrap();
    assert!(!schema.refresh().await.unwrap());
    world.told();
    let target = "EntityDefinitions(LogicalName='opportunity')/Attributes";
    let body = r#"{"@odata.type":"Microsoft.Dynamics.CRM.StringAttributeMetadata","SchemaName":"abc_Note","MaxLength":40}"#;
    let call = cosell_http::Call::new(
        "test",
        http::Method::POST,
        target,
        cosell_http::Repeat::Never,
    )
    .with_body(http::HeaderValue::from_static("application/json"), body);
    client.raw(call).await.unwrap();
    assert!(schema.refresh().await.unwrap());
    let after = schema.table("opportunity").await.unwrap();
    assert!(before.column("abc_note").is_err());
    let made = after.column("abc_note").unwrap();
    assert_eq!(made.kind, ColumnType::Text { max: Some(40) });
    assert!(made.custom && !made.managed);
}

#[tokio::test]
async fn a_table_that_is_missing_is_not_found_and_a_hostile_name_not_asked_for() {
    let (world, client) = World::new(Options::default());
    let error = client.schema().table("abc_nothing").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        client.schema().table_now("abc_nothing").await.unwrap(),
        None
    );
    world.told();
    let error = client.schema().table("x')/Keys('").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(world.told().is_empty());
}
