//! Over real HTTP: what a server sees, and what comes back through the whole pipeline.

use std::sync::Arc;

use cosell_dataverse::{
    ChangeSet, CloseDetails, Columns, Condition, Dataverse, ETag, ErrorCode, Filter, Op,
    PageOptions, Query, Table, WriteOptions, code_of, names::opportunity::status,
};
use cosell_http::{ErrorKind, ReqwestOptions, ReqwestTransport};
use serde_json::json;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_json, header, method, path, query_param},
};

use crate::fake::{DEAL, Still, Token, deal};

const API: &str = "/api/data/v9.2/";

async fn start() -> (MockServer, Dataverse) {
    let server = MockServer::start().await;
    let transport = ReqwestTransport::new(ReqwestOptions::default()).unwrap();
    let client = Dataverse::builder(
        server.uri().parse().unwrap(),
        Arc::new(transport),
        Arc::new(Token),
        Arc::new(Still),
    );
    (server, client.build().unwrap())
}

fn deal_path() -> String {
    format!("{API}opportunities({DEAL})")
}

#[tokio::test]
async fn rows_cross_the_wire() {
    let (server, client) = start().await;
    let rows = client.table(Table::OPPORTUNITY);
    Mock::given(method("POST"))
        .and(path(format!("{API}opportunities")))
        .and(query_param("$select", "versionnumber"))
        .and(header("authorization", "Bearer sesame"))
        .and(header("prefer", "return=representation"))
        .and(header("odata-version", "4.0"))
        .and(body_json(json!({"opportunityid": DEAL, "name": "Deal A"})))
        .respond_with(
            ResponseTemplate::new(201)
                .insert_header("etag", "W/\"1\"")
                .set_body_json(json!({"opportunityid": DEAL, "versionnumber": 1})),
        )
        .mount(&server)
        .await;
    Mock::given(method("PATCH"))
        .and(path(deal_path()))
        .and(header("if-match", "W/\"1\""))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .and(path(deal_path()))
        .and(header("if-match", "*"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(deal_path()))
        .and(header("if-none-match", "null"))
        .respond_with(
            ResponseTemplate::new(404).set_body_json(
                json!({"error": {"code": "0x80040217", "message": "Does Not Exist"}}),
            ),
        )
        .mount(&server)
        .await;

    let options = WriteOptions::default().with_returning(["versionnumber"]);
    let columns = Columns::new().set("name", "Deal A");
    let written = rows.create(Some(deal()), columns, options).await.unwrap();
    assert_eq!(written.etag, Some(ETag::new("W/\"1\"")));
    let seen = Condition::Version(written.etag.unwrap());
    rows.update(deal(), Columns::new(), &seen, WriteOptions::default())
        .await
        .unwrap();
    rows.delete(deal(), &Condition::MustExist, WriteOptions::default())
        .await
        .unwrap();
    let query = Query::select(["name"]);
    assert!(rows.find(deal(), &query).await.unwrap().is_none());
    let error = rows.read(deal(), &query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(code_of(&error), Some(ErrorCode::ObjectDoesNotExist));
}

#[tokio::test]
async fn a_hostile_filter_arrives_as_it_was_meant_and_pages_are_followed() {
    let (server, client) = start().await;
    let name = "O'Brien & Söhne + 50% #1/?;$top=1";
    let cookie = "%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253cx%253e%22%20/%3E";
    let next = format!("{}{API}opportunities?$skiptoken={cookie}", server.uri());
    Mock::given(method("GET"))
        .and(path(format!("{API}opportunities")))
        .and(query_param(
            "$filter",
            "name eq 'O''Brien & Söhne + 50% #1/?;$top=1'",
        ))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"value": [{"name": name}], "@odata.nextLink": next})),
        )
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(format!("{API}opportunities")))
        .and(move |request: &Request| request.url.query() == Some(&format!("$skiptoken={cookie}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [{"name": "b"}]})))
        .mount(&server)
        .await;
    let query = Query::select(["name"]).with_filter(Filter::eq("name", name));
    let rows = client.table(Table::OPPORTUNITY);
    let mut items = rows.pages(&query, PageOptions::default()).items();
    let first = items.next_row().await.unwrap().unwrap();
    assert_eq!(first.text("name").unwrap().as_deref(), Some(name));
    assert!(items.next_row().await.unwrap().is_some());
    assert!(items.next_row().await.unwrap().is_none());
}

#[tokio::test]
async fn change_sets_and_actions_cross_the_wire() {
    let (server, client) = start().await;
    let answer = "--r\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n\
                  --c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n\
                  --c--\r\n--r--\r\n";
    Mock::given(method("POST"))
        .and(path(format!("{API}$batch")))
        .and(|request: &Request| {
            let body = String::from_utf8_lossy(&request.body);
            let kind = request.headers["content-type"].to_str().unwrap();
            kind.starts_with("multipart/mixed; boundary=\"batch_") && body.ends_with("--\r\n")
        })
        .respond_with(
            ResponseTemplate::new(200).set_body_raw(answer, "multipart/mixed; boundary=r"),
        )
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path(format!("{API}LoseOpportunity")))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let patch = Op::update(
        &Table::OPPORTUNITY,
        deal(),
        Columns::new().set("name", "x"),
        &Condition::MustExist,
    );
    let set = ChangeSet::new().with(patch);
    let written = client.change_set(&set, None).await.unwrap();
    assert_eq!(written.len(), 1);
    client
        .lose_opportunity(deal(), status::CANCELED, &CloseDetails::default(), None)
        .await
        .unwrap();
}
