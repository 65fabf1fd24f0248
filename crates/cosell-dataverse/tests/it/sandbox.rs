//! Against the double of the service, which shares no model with this client: a name that one of
//! the two misspells fails here.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use cosell_dataverse::{
    BatchOutcome, Change, ChangeCursor, ChangeSet, CloseDetails, Columns, Condition, Dataverse,
    ErrorCode, Expand, Filter, Followed, Op, PageOptions, Query, Row, Rows, Table, WriteOptions,
    code_of,
    names::opportunity::{self, state, status},
};
use cosell_http::{ErrorKind, Sleep, Transport, TransportError};
use cosell_sandbox::{
    Caller, Service,
    dataverse::{DEFAULT_APPLICATION, Dataverse as Double, Options},
};
use http::{Request, Response};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::fake::{ORG, Still, Token, deal};

const ACCOUNT: Uuid = Uuid::from_u128(0xa);

/// The double as a transport.
#[derive(Clone, Debug)]
struct InProcess {
    double: Arc<Mutex<Double>>,
    caller: Caller,
}

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut double = self.double.lock().unwrap();
        Ok(double.handle(Still.now(), Ok(&self.caller), &request))
    }
}

fn start() -> (InProcess, Dataverse) {
    let options = Options::default();
    let caller = Caller {
        tenant: options.tenant,
        object_id: options.users[0].object_id,
        app_id: DEFAULT_APPLICATION.to_string(),
        user: None,
        mfa: false,
        roles: Vec::new(),
    };
    let transport = InProcess {
        double: Arc::new(Mutex::new(Double::new(options))),
        caller,
    };
    let client = Dataverse::builder(
        ORG.parse().unwrap(),
        Arc::new(transport.clone()),
        Arc::new(Token),
        Arc::new(Still),
    );
    (transport, client.build().unwrap())
}

async fn euro(client: &Dataverse) -> Uuid {
    let query = Query::select(["isocurrencycode", "currencyprecision"])
        .with_filter(Filter::eq("isocurrencycode", "EUR"));
    let currencies = client.table(Table::TRANSACTION_CURRENCY);
    let mut items = currencies.pages(&query, PageOptions::default()).items();
    let row = items.next_row().await.unwrap().unwrap();
    assert_eq!(row.integer("currencyprecision").unwrap(), Some(2));
    row.guid("transactioncurrencyid").unwrap().unwrap()
}

/// An account and a deal that points at it, in one change set.
async fn plant(client: &Dataverse) -> Rows {
    let euro = euro(client).await;
    let mut set = ChangeSet::new();
    let account = set.push(Op::create(
        &Table::ACCOUNT,
        Some(ACCOUNT),
        Columns::new().set("name", "Northwind & O'Brien"),
    ));
    let columns = Columns::new()
        .set(opportunity::NAME, "Deal A")
        .set(opportunity::ESTIMATED_VALUE, Decimal::new(12_500_000, 2))
        .set(
            opportunity::ESTIMATED_CLOSE_DATE,
            chrono::NaiveDate::from_ymd_opt(2026, 6, 30),
        )
        .bind(opportunity::CURRENCY, &Table::TRANSACTION_CURRENCY, euro)
        .bind_content(opportunity::ACCOUNT, account);
    set.push(Op::create(&Table::OPPORTUNITY, Some(deal()), columns));
    let written = client.change_set(&set, None).await.unwrap();
    assert_eq!(written[1].id, Some(deal()));
    client.table(Table::OPPORTUNITY)
}

fn query() -> Query {
    Query::select([
        "name",
        "description",
        "estimatedvalue",
        "estimatedclosedate",
        "statecode",
        "statuscode",
        "actualvalue",
        "_parentaccountid_value",
        "modifiedon",
        "versionnumber",
    ])
}

fn name(row: &Row) -> String {
    row.text("name").unwrap().unwrap()
}

#[tokio::test]
async fn what_is_written_is_read() {
    let (_, client) = start();
    let me = client.who_am_i().await.unwrap();
    assert_eq!(me.parallelism_hint, Some(8));
    let rows = plant(&client).await;
    let with = Expand::new("parentaccountid", ["name"]);
    let row = rows.read(deal(), &query().with_expand(with)).await.unwrap();
    assert_eq!(name(&row), "Deal A");
    let value = row.decimal(opportunity::ESTIMATED_VALUE).unwrap().unwrap();
    assert_eq!(value, Decimal::from(125_000));
    let close = row
        .date(opportunity::ESTIMATED_CLOSE_DATE)
        .unwrap()
        .unwrap();
    assert_eq!(close.to_string(), "2026-06-30");
    assert_eq!(row.lookup("parentaccountid").unwrap(), Some(ACCOUNT));
    let account = row.related("parentaccountid").unwrap().unwrap();
    assert_eq!(name(&account), "Northwind & O'Brien");
    assert_eq!(row.instant("modifiedon").unwrap(), Some(Still.now()));
    let version = row.version_number().unwrap().unwrap();
    let etag = row.etag().unwrap().unwrap();
    assert_eq!(etag.as_str(), format!("W/\"{version}\""));
}

#[tokio::test]
async fn conditions_hold_as_their_table_says() {
    let (_, client) = start();
    let rows = plant(&client).await;
    let absent = Uuid::from_u128(0xabc);
    let etag = rows.read(deal(), &query()).await.unwrap().etag().unwrap();
    let stale = Condition::Version(cosell_dataverse::ETag::new("W/\"1\""));
    let fresh = Condition::Version(etag.unwrap());
    let put = async |id: Uuid, condition: &Condition| {
        let columns = Columns::new().set("name", "Deal B");
        let options = WriteOptions::default().with_returning(["versionnumber"]);
        rows.update(id, columns, condition, options)
            .await
            .map(|written| written.created)
            .map_err(|error| error.kind())
    };
    assert_eq!(put(deal(), &stale).await, Err(ErrorKind::Conflict));
    assert_eq!(
        put(deal(), &Condition::MustNotExist).await,
        Err(ErrorKind::Conflict)
    );
    assert_eq!(
        put(absent, &Condition::MustExist).await,
        Err(ErrorKind::NotFound)
    );
    assert_eq!(put(absent, &stale).await, Err(ErrorKind::NotFound));
    assert_eq!(put(deal(), &fresh).await, Ok(Some(false)));
    assert_eq!(put(deal(), &fresh).await, Err(ErrorKind::Conflict));
    assert_eq!(put(deal(), &Condition::MustExist).await, Ok(Some(false)));
    assert_eq!(put(absent, &Condition::MustNotExist).await, Ok(Some(true)));
    assert_eq!(put(absent, &Condition::None).await, Ok(Some(false)));
    let again = rows
        .create(Some(absent), Columns::new(), WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(code_of(&again), Some(ErrorCode::DuplicateRecord));
    rows.delete(absent, &Condition::MustExist, WriteOptions::default())
        .await
        .unwrap();
    assert!(rows.find(absent, &query()).await.unwrap().is_none());
}

#[tokio::test]
async fn filters_and_pages_find_every_row_once() {
    let (_, client) = start();
    let accounts = client.table(Table::ACCOUNT);
    for number in 1..=5u128 {
        let columns = Columns::new().set("name", "Fish & Chips 50% 'n' more");
        accounts
            .create(
                Some(Uuid::from_u128(number)),
                columns,
                WriteOptions::default(),
            )
            .await
            .unwrap();
    }
    plant(&client).await;
    let filter = Filter::eq("name", "Fish & Chips 50% 'n' more")
        .and(Filter::starts_with("name", "Fish").or(Filter::is_null("name")));
    let query = Query::select(["name"]).with_filter(filter);
    let mut items = accounts
        .pages(&query, PageOptions::default().with_size(2))
        .items();
    let mut ids = Vec::new();
    while let Some(row) = items.next_row().await.unwrap() {
        ids.push(row.guid("accountid").unwrap().unwrap().as_u128());
    }
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    let unknown = Query::select(["nmae"]);
    let error = accounts.read(ACCOUNT, &unknown).await.unwrap_err();
    assert_eq!(error.target(), Some("nmae"), "{error}");
}

#[tokio::test]
async fn a_change_set_takes_effect_whole_or_not_at_all() {
    let (transport, client) = start();
    let rows = plant(&client).await;
    let row = rows.read(deal(), &query()).await.unwrap();
    let seen = Condition::Version(row.etag().unwrap().unwrap());
    let details = CloseDetails::default().with_actual_revenue(Decimal::from(118_000));
    let closing = || {
        ChangeSet::new()
            .with(Op::update(
                &Table::OPPORTUNITY,
                deal(),
                Columns::new().set("name", "Deal A, won"),
                &seen,
            ))
            .with(Op::win_opportunity(deal(), status::WON, &details))
    };
    let too_long = ChangeSet::new()
        .with(Op::update(
            &Table::OPPORTUNITY,
            deal(),
            Columns::new().set("description", "gone with the rest"),
            &Condition::MustExist,
        ))
        .with(Op::update(
            &Table::OPPORTUNITY,
            deal(),
            Columns::new().set("name", "x".repeat(301)),
            &Condition::MustExist,
        ));
    let sets = [too_long.clone(), closing(), closing()];
    let outcomes = client
        .batch(&sets.into_iter().collect(), None)
        .await
        .unwrap();
    let [
        BatchOutcome::Refused(long),
        BatchOutcome::Applied(won),
        BatchOutcome::Refused(stale),
    ] = outcomes.as_slice()
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!(code_of(long), Some(ErrorCode::StringLengthTooLong));
    assert_eq!(long.target(), Some("name"));
    assert_eq!(won.len(), 2);
    assert_eq!(code_of(stale), Some(ErrorCode::ConcurrencyVersionMismatch));
    let alone = client.change_set(&too_long, None).await.unwrap_err();
    // Alone or among others, a refusal reads the same.
    let told = |error: &cosell_http::Error| {
        let sent = error.sent();
        (
            error.kind(),
            sent,
            error.status(),
            error.message().to_owned(),
        )
    };
    assert_eq!(told(&alone), told(long));

    let row = rows.read(deal(), &query()).await.unwrap();
    assert_eq!(name(&row), "Deal A, won");
    assert_eq!(row.integer(opportunity::STATE).unwrap(), Some(state::WON));
    let actual = row.decimal(opportunity::ACTUAL_VALUE).unwrap();
    assert_eq!(actual, Some(Decimal::from(118_000)));
    assert_eq!(row.text(opportunity::DESCRIPTION).unwrap(), None);
    let closes = transport.double.lock().unwrap().rows("opportunityclose");
    assert_eq!(closes.len(), 1);
    let again = client
        .lose_opportunity(deal(), status::OUT_SOLD, &CloseDetails::default(), None)
        .await
        .unwrap_err();
    assert_eq!(code_of(&again), Some(ErrorCode::OpportunityIsAlreadyClosed));
    let shortcut = rows
        .update(
            deal(),
            Columns::new().set("statecode", 2).set("statuscode", 4),
            &Condition::MustExist,
            WriteOptions::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(
        code_of(&shortcut),
        Some(ErrorCode::CannotUseOpportunitySetStateMessage)
    );
}

#[tokio::test]
async fn changes_and_deletions_are_followed_until_the_cursor_dies() {
    let (transport, client) = start();
    let rows = plant(&client).await;
    let options = PageOptions::default().with_size(1);
    let other = Uuid::from_u128(7);
    rows.create(Some(other), Columns::new(), WriteOptions::default())
        .await
        .unwrap();
    let mut page = rows.changes(&["name"], &options).await.unwrap();
    let mut seen = page.changes.len();
    while !page.cursor.is_caught_up() {
        page = follow(&rows, &page.cursor, &options).await;
        seen += page.changes.len();
    }
    assert_eq!(seen, 2);
    let columns = Columns::new().set("name", "Deal Z");
    rows.update(
        deal(),
        columns,
        &Condition::MustExist,
        WriteOptions::default(),
    )
    .await
    .unwrap();
    rows.delete(other, &Condition::None, WriteOptions::default())
        .await
        .unwrap();
    let caught_up = page.cursor;
    let page = follow(&rows, &caught_up, &PageOptions::default()).await;
    let [Change::Row(row), Change::Deleted { id, .. }] = page.changes.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(name(row), "Deal Z");
    assert_eq!(*id, other);
    transport.double.lock().unwrap().expire_delta_tokens();
    let followed = rows.follow(&page.cursor, &options).await.unwrap();
    assert!(matches!(followed, Followed::Expired(_)), "{followed:?}");
}

async fn follow(
    rows: &Rows,
    cursor: &ChangeCursor,
    options: &PageOptions,
) -> cosell_dataverse::ChangePage {
    match rows.follow(cursor, options).await.unwrap() {
        Followed::Page(page) => page,
        Followed::Expired(error) => panic!("{error}"),
    }
}
