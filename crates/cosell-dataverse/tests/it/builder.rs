//! Setting up a client, and the raw door.

use std::sync::Arc;

use cosell_dataverse::{
    Batch, ChangeSet, CloseDetails, Columns, Dataverse, Filter, Op, PageOptions, Query, Table,
};
use cosell_http::{Call, ErrorKind, Repeat};
use http::Method;
use url::Url;

use crate::fake::{API, DEAL, Script, Still, Token, answer, json};

fn build(environment: &str) -> Result<Dataverse, cosell_http::Error> {
    Dataverse::builder(
        Url::parse(environment).unwrap(),
        Arc::new(Script::default()),
        Arc::new(Token),
        Arc::new(Still),
    )
    .build()
}

#[test]
fn the_address_of_the_environment_is_enough() {
    for environment in [
        "https://fabrikam-sales.crm4.dynamics.com",
        "https://fabrikam-sales.crm4.dynamics.com/",
        "https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2",
        "https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/",
    ] {
        assert_eq!(build(environment).unwrap().http().base().as_str(), API);
    }
}

#[test]
fn other_addresses_are_refused_with_the_cure() {
    for environment in [
        "https://fabrikam-sales.crm4.dynamics.com/main.aspx",
        "https://fabrikam-sales.crm4.dynamics.com/?appid=1",
        "https://fabrikam-sales.crm4.dynamics.com/api/data/v8.2/",
        "http://fabrikam-sales.crm4.dynamics.com/",
        "mailto:x@example.com",
    ] {
        let error = build(environment).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{environment}");
    }
}

#[tokio::test]
async fn the_raw_door_signs_in_and_keeps_given_headers() {
    let (script, client) = Script::of([json("{}")]);
    let call = Call::new("mine", Method::GET, "RetrieveVersion()", Repeat::Safe).with_header(
        http::header::ACCEPT,
        http::HeaderValue::from_static("application/xml"),
    );
    client.raw(call).await.unwrap();
    let request = script.request();
    assert_eq!(request.uri().to_string(), format!("{API}RetrieveVersion()"));
    assert_eq!(request.headers()["accept"], "application/xml");
    assert_eq!(request.headers()["authorization"], "Bearer sesame");
    let call = Call::new("mine", Method::GET, "https://evil.example/", Repeat::Safe);
    let error = client.raw(call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn debug_output_shows_no_content_and_no_token() {
    let link = format!("{API}accounts?$filter=name%20eq%20%27Ana%20Silva%27&$skiptoken=1");
    let row = format!("{{\"accountid\":\"{DEAL}\",\"name\":\"Ana Silva\"}}");
    let page = format!("{{\"value\":[{row}],\"@odata.nextLink\":\"{link}\"}}");
    let (_, client) = Script::of([answer(201, &[], &row), json(&page)]);
    let accounts = client.table(Table::ACCOUNT);
    let columns = Columns::new().set("name", "Ana Silva");
    let op = Op::create(&Table::ACCOUNT, None, columns.clone()).returning(["name"]);
    let written = client.run(&op, None).await.unwrap();
    let query = Query::select(["name"]).with_filter(Filter::eq("name", "Ana Silva"));
    let mut pages = accounts.pages(&query, PageOptions::default());
    let page = pages.next_page().await.unwrap().unwrap();
    let details = CloseDetails::default().with_subject("Ana Silva");
    for shown in [
        format!("{written:?} {page:?} {pages:?} {op:?}"),
        format!("{columns:?} {query:?} {details:?} {client:?} {accounts:?}"),
    ] {
        assert!(
            !shown.contains("Silva") && !shown.contains("sesame"),
            "{shown}"
        );
    }
}

#[test]
fn clients_and_futures_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn sendable<T: Send>(_: T) {}
    let (_, client) = Script::of([]);
    let rows = client.table(Table::OPPORTUNITY);
    anywhere(&client);
    anywhere(&rows);
    let query = Query::default();
    let options = PageOptions::default();
    sendable(rows.read(uuid::Uuid::nil(), &query));
    sendable(rows.changes(&["name"], &options));
    sendable(rows.pages(&query, options.clone()).into_stream());
    sendable(rows.pages(&query, options.clone()).items().into_stream());
    sendable(client.change_set(&ChangeSet::new(), None));
    sendable(client.batch(&Batch::new(), None));
    sendable(client.who_am_i());
}
