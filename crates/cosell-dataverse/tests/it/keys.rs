//! Alternate keys, single columns, links, typed rows.

use cosell_dataverse::{
    AlternateKey, Columns, Condition, ErrorCode, Op, Query, Row, Table, WriteOptions, code_of,
    provision::{Blueprint, ColumnSpec, KeySpec, NewColumn, PublisherSpec, SolutionSpec},
    typed::{Account, Opportunity, SystemUser, TransactionCurrency},
};
use cosell_http::ErrorKind;
use cosell_sandbox::dataverse::Options;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    double::World,
    fake::{DEAL, Script, answer, deal},
};

const REFERRAL: &str = "abc_referralid";

pub(crate) async fn world() -> (World, cosell_dataverse::Dataverse) {
    let (world, client) = World::new(Options::default());
    let column = ColumnSpec::new(
        "r",
        "opportunity",
        "abc_ReferralId",
        "R",
        NewColumn::Text(100),
    );
    let blueprint = Blueprint::new(
        PublisherSpec::new("abcpartner", "ABC", "abc", 72_700),
        SolutionSpec::new("abc_sync", "ABC", "1.0.0.0"),
    )
    .with_column(column)
    .with_key(KeySpec::new("opportunity", "abc_Key", "K", REFERRAL));
    let provisioner = client.provisioner(blueprint);
    let plan = provisioner.plan().await.unwrap();
    assert_eq!(provisioner.apply(&plan).await.unwrap().failure(), None);
    world.told();
    (world, client)
}

#[tokio::test]
async fn a_row_is_written_and_read_by_its_key() {
    let (world, client) = world().await;
    let deals = client.table(Table::OPPORTUNITY);
    for value in ["R-1001", "O'Brien", "Ünï #7, (x)=y", "a''b"] {
        let key = AlternateKey::new(REFERRAL, value);
        assert_eq!(
            deals
                .find_by_key(&key, &Query::select(["name"]))
                .await
                .unwrap()
                .map(|_| ()),
            None
        );
        let name = |name: &str| Columns::new().set("name", name);
        let plain = WriteOptions::default;
        let made = deals
            .update_by_key(&key, name("A"), &Condition::MustNotExist, plain())
            .await
            .unwrap();
        assert_eq!((made.id, made.created), (None, Some(true)));
        let options = plain().with_returning(["name"]);
        let changed = deals
            .update_by_key(&key, name("B"), &Condition::None, options)
            .await
            .unwrap();
        assert_eq!(changed.created, Some(false));
        let row = deals
            .read_by_key(&key, &Query::select(["name", REFERRAL]))
            .await
            .unwrap();
        assert_eq!(row.text(REFERRAL).unwrap().as_deref(), Some(value));
        assert_eq!(row.text("name").unwrap().as_deref(), Some("B"));
        assert_eq!(row.guid("opportunityid").unwrap(), changed.id);
        deals
            .delete_by_key(&key, &Condition::MustExist, None)
            .await
            .unwrap();
        let gone = deals
            .delete_by_key(&key, &Condition::None, None)
            .await
            .unwrap_err();
        assert_eq!(code_of(&gone), Some(ErrorCode::RecordNotFoundByEntityKey));
    }
    let told = world.told();
    assert!(
        told.iter()
            .any(|line| line.contains("(abc_referralid=%27O%27%27Brien%27)")),
        "{told:?}"
    );

    // A twin by another way is refused.
    let twin = || Columns::new().set(REFERRAL, "R-2");
    client
        .run(&Op::create(&Table::OPPORTUNITY, None, twin()), None)
        .await
        .unwrap();
    let error = client
        .run(&Op::create(&Table::OPPORTUNITY, None, twin()), None)
        .await
        .unwrap_err();
    assert_eq!(code_of(&error), Some(ErrorCode::DuplicateRecordEntityKey));
}

#[tokio::test]
async fn values_that_no_address_can_hold_are_refused_before_sending() {
    let (world, client) = World::new(Options::default());
    let deals = client.table(Table::OPPORTUNITY);
    for value in [
        "a/b", "50%", "a&b", "a:b", "a\\b", "x?", "a+b", "a<b", "*", "a\nb", "",
    ] {
        let key = AlternateKey::new(REFERRAL, value);
        let error = deals
            .read_by_key(&key, &Query::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{value}");
        let op = Op::update_by_key(&Table::OPPORTUNITY, &key, Columns::new(), &Condition::None);
        assert_eq!(
            client.run(&op, None).await.unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
    let key = AlternateKey::new("x'", None::<i64>);
    let columns = Columns::new().set("x'", 1);
    let op = Op::update_by_key(&Table::OPPORTUNITY, &key, columns, &Condition::None);
    let error = client.run(&op, None).await.unwrap_err();
    for part in ["x'", "is null", "part of the key"] {
        assert!(error.message().contains(part), "{error}");
    }
    assert!(world.told().is_empty());
    assert_eq!(
        format!("{:?}", AlternateKey::new(REFERRAL, "Ana")),
        "{\"abc_referralid\"}"
    );
}

#[tokio::test]
async fn one_column_and_one_link_are_written_alone() {
    let (_, client) = World::new(Options::default());
    let (deals, accounts) = (
        client.table(Table::OPPORTUNITY),
        client.table(Table::ACCOUNT),
    );
    let account = Uuid::from_u128(5);
    let plain = WriteOptions::default;
    accounts
        .create(Some(account), Columns::new().set("name", "A"), plain())
        .await
        .unwrap();
    deals
        .create(Some(deal()), Columns::new().set("name", "Deal A"), plain())
        .await
        .unwrap();

    let set = |value: Option<&str>| {
        Op::set_property(
            &Table::OPPORTUNITY,
            deal(),
            "description",
            value,
            &Condition::None,
        )
    };
    client.run(&set(Some("Co-sell")), None).await.unwrap();
    let read = || deals.property(deal(), "description");
    assert_eq!(read().await.unwrap().unwrap().get(), "\"Co-sell\"");
    client.run(&set(None), None).await.unwrap();
    assert!(read().await.unwrap().is_none());

    let query = Query::select(["_parentaccountid_value"]);
    let linked = || async {
        deals
            .read(deal(), &query)
            .await
            .unwrap()
            .lookup("parentaccountid")
            .unwrap()
    };
    deals
        .set_reference(deal(), "parentaccountid", &Table::ACCOUNT, account)
        .await
        .unwrap();
    assert_eq!(linked().await, Some(account));
    deals
        .disassociate(deal(), "parentaccountid", None)
        .await
        .unwrap();
    assert_eq!(linked().await, None);
    let error = deals.property(deal(), "name/$value").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn collections_are_linked_by_absolute_addresses() {
    let (script, client) = Script::of([answer(204, &[], ""), answer(204, &[], "")]);
    let accounts = client.table(Table::ACCOUNT);
    let account = Uuid::nil();
    let navigation = "opportunity_parent_account";
    accounts
        .associate(account, navigation, &Table::OPPORTUNITY, deal())
        .await
        .unwrap();
    accounts
        .disassociate(account, navigation, Some(deal()))
        .await
        .unwrap();
    let row = "accounts(00000000-0000-0000-0000-000000000000)/opportunity_parent_account";
    assert_eq!(
        script.told(),
        [
            format!(
                "POST {row}/$ref {{\"@odata.id\":\"https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/\
                 opportunities({DEAL})\"}}"
            ),
            format!("DELETE {row}({DEAL})/$ref"),
        ]
    );
}

#[tokio::test]
async fn typed_rows_read_columns_and_keep_the_rest() {
    let (_, client) = World::new(Options::default());
    let plain = WriteOptions::default;
    let columns = Columns::new()
        .set("name", "Deal A")
        .set("estimatedvalue", Decimal::new(1_050, 2));
    client
        .table(Table::OPPORTUNITY)
        .create(Some(deal()), columns, plain())
        .await
        .unwrap();
    let query = Query::select(Opportunity::COLUMNS.iter().copied());
    let row: Opportunity = client
        .table(Opportunity::TABLE)
        .read(deal(), &query)
        .await
        .unwrap()
        .into();
    assert_eq!(row.id().unwrap(), Some(deal()));
    assert_eq!(row.name().unwrap().as_deref(), Some("Deal A"));
    assert_eq!(row.estimated_value().unwrap(), Some(Decimal::new(1_050, 2)));
    assert_eq!(
        (row.state().unwrap(), row.status().unwrap()),
        (Some(0), Some(1))
    );
    assert_eq!(row.account().unwrap(), None);
    assert!(row.currency().unwrap().is_some() && row.modified_on().unwrap().is_some());
    for (table, columns) in [
        (Account::TABLE, Account::COLUMNS),
        (SystemUser::TABLE, SystemUser::COLUMNS),
        (TransactionCurrency::TABLE, TransactionCurrency::COLUMNS),
        (Table::CONTACT, cosell_dataverse::typed::Contact::COLUMNS),
    ] {
        let query = Query::select(columns.iter().copied());
        let rows = client.table(table);
        rows.pages(&query, Default::default())
            .next_page()
            .await
            .unwrap();
    }

    // 19 digits of a column that nobody knows.
    let text = r#"{"abc_volume":922337203685477.5807,"name":"A","opportunityid":"7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34"}"#;
    let row: Row = serde_json::from_str(text).unwrap();
    let row = Opportunity::from(row).into_row();
    assert_eq!(serde_json::to_string(&row).unwrap(), text);
}

// R17
#[tokio::test]
async fn currencies_that_the_environment_lacks_are_told() {
    let (_, client) = World::new(Options::default());
    let wanted = ["EUR", "usd", "CHF", "O'X"];
    assert_eq!(
        client.missing_currencies(&wanted).await.unwrap(),
        ["CHF", "O'X"]
    );
    assert!(client.missing_currencies(&[]).await.unwrap().is_empty());
}

// R18
#[tokio::test]
async fn people_that_are_no_users_are_told() {
    let gone = cosell_sandbox::dataverse::User::person(
        Uuid::from_u128(1),
        Uuid::from_u128(2),
        "Bo Gone",
        "bo@fabrikam.example",
    );
    let (_, client) = World::new(Options::default().with_user(gone.disabled()));
    let wanted = [
        "Ana@fabrikam.example",
        "bo@fabrikam.example",
        "nobody@x.example",
    ];
    let missing = client.missing_users(&wanted).await.unwrap();
    assert_eq!(missing, ["bo@fabrikam.example", "nobody@x.example"]);
}
