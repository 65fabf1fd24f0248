//! Single rows: conditions, headers, what is read from answers, what is repeated.

use cosell_dataverse::{Columns, Condition, ETag, ErrorCode, Query, Table, WriteOptions, code_of};
use cosell_http::{ErrorKind, Sent};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::fake::{API, DEAL, Script, answer, deal, header, json, refusal};

const GONE: &str = "opportunity With Id = 7c1f Does Not Exist";

fn entity_id() -> String {
    format!("{API}opportunities({DEAL})")
}

#[tokio::test]
async fn every_call_carries_the_standard_headers() {
    let (script, client) = Script::of([json(&format!("{{\"opportunityid\":\"{DEAL}\"}}"))]);
    let rows = client.table(Table::OPPORTUNITY);
    let query = Query::select(["name", "_parentaccountid_value"]);
    rows.read(deal(), &query).await.unwrap();
    let request = script.request();
    assert_eq!(
        request.uri().to_string(),
        format!("{API}opportunities({DEAL})?$select=name,_parentaccountid_value")
    );
    for (name, value) in [
        ("authorization", "Bearer sesame"),
        ("accept", "application/json"),
        ("odata-maxversion", "4.0"),
        ("odata-version", "4.0"),
        ("if-none-match", "null"),
    ] {
        assert_eq!(header(&request, name), [value], "{name}");
    }
    assert_eq!(header(&request, "x-ms-client-request-id").len(), 1);
    assert_eq!(header(&request, "content-type"), Vec::<&str>::new());
}

#[tokio::test]
async fn conditions_are_exactly_these_headers() {
    let version = Condition::Version(ETag::new("W/\"919042\""));
    let cases: [(Condition, &[&str], &[&str]); 4] = [
        (Condition::None, &[], &["null"]),
        (Condition::MustExist, &["*"], &["null"]),
        (version, &["W/\"919042\""], &["null"]),
        (Condition::MustNotExist, &[], &["*"]),
    ];
    for (condition, if_match, if_none_match) in cases {
        let (script, client) = Script::of([answer(204, &[], "")]);
        let columns = Columns::new().set("closeprobability", 40);
        client
            .table(Table::OPPORTUNITY)
            .update(deal(), columns, &condition, WriteOptions::default())
            .await
            .unwrap();
        let request = script.request();
        assert_eq!(header(&request, "if-match"), if_match, "{condition:?}");
        assert_eq!(
            header(&request, "if-none-match"),
            if_none_match,
            "{condition:?}"
        );
        assert_eq!(header(&request, "content-type"), ["application/json"]);
        assert_eq!(
            script.told(),
            [format!(
                "PATCH opportunities({DEAL}) {{\"closeprobability\":40}}"
            )]
        );
    }
}

#[tokio::test]
async fn a_row_is_created_under_a_chosen_id() {
    let (script, client) = Script::of([answer(204, &[("odata-entityid", &entity_id())], "")]);
    let columns = Columns::new()
        .set("name", "Northwind \"ERP\"")
        .set("estimatedvalue", Decimal::new(9_223_372_036_854_775_807, 4))
        .bind("parentaccountid", &Table::ACCOUNT, Uuid::nil())
        .set("description", None::<&str>);
    let written = client
        .table(Table::OPPORTUNITY)
        .create(Some(deal()), columns, WriteOptions::default())
        .await
        .unwrap();
    assert_eq!(written.id, Some(deal()));
    assert_eq!(written.created, Some(true));
    assert_eq!(
        script.told(),
        [format!(
            "POST opportunities {{\"description\":null,\"estimatedvalue\":922337203685477.5807,\
             \"name\":\"Northwind \\\"ERP\\\"\",\"opportunityid\":\"{DEAL}\",\
             \"parentaccountid@odata.bind\":\
             \"/accounts(00000000-0000-0000-0000-000000000000)\"}}"
        )]
    );
}

#[tokio::test]
async fn create_then_a_conditional_race() {
    let (script, client) = Script::of([
        answer(
            201,
            &[
                ("etag", "W/\"919042\""),
                ("preference-applied", "return=representation"),
            ],
            r#"{"@odata.context":"…","@odata.etag":"W/\"919042\"","opportunityid":"7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34","versionnumber":919042}"#,
        ),
        answer(204, &[("odata-entityid", &entity_id())], ""),
        refusal(
            412,
            "0x80060882",
            "The version of the existing record doesn't match the RowVersion property provided.",
        ),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    let columns = Columns::new().set("name", "Deal A");
    let options = WriteOptions::default().with_returning(["opportunityid", "versionnumber"]);
    let written = rows.create(None, columns, options).await.unwrap();
    assert_eq!(written.id, Some(deal()));
    assert_eq!(
        written.row.unwrap().version_number().unwrap(),
        Some(919_042)
    );
    let condition = Condition::Version(written.etag.unwrap());

    let patch = || Columns::new().set("closeprobability", 40);
    let options = WriteOptions::default;
    let written = rows
        .update(deal(), patch(), &condition, options())
        .await
        .unwrap();
    assert_eq!((written.created, written.etag), (Some(false), None));
    let error = rows
        .update(deal(), patch(), &condition, options())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.sent(), Sent::Answered);
    assert_eq!(code_of(&error), Some(ErrorCode::ConcurrencyVersionMismatch));
    assert_eq!(error.request_id(), Some("req-1"));

    let requests = script.requests();
    assert_eq!(header(&requests[0], "prefer"), ["return=representation"]);
    assert!(
        script.told()[0].starts_with("POST opportunities?$select=opportunityid,versionnumber ")
    );
    assert_eq!(header(&requests[1], "if-match"), ["W/\"919042\""]);
}

#[tokio::test]
async fn an_upsert_tells_what_it_did_where_the_service_does() {
    let row = format!("{{\"opportunityid\":\"{DEAL}\"}}");
    for (status, body, created) in [
        (201, row.as_str(), Some(true)),
        (200, &row, Some(false)),
        (204, "", None),
    ] {
        let (_, client) = Script::of([answer(status, &[], body)]);
        let options = WriteOptions::default().with_returning(["opportunityid"]);
        let written = client
            .table(Table::OPPORTUNITY)
            .update(deal(), Columns::new(), &Condition::None, options)
            .await
            .unwrap();
        assert_eq!(written.created, created, "{status}");
        assert_eq!(written.row.is_some(), status != 204);
    }
}

#[tokio::test]
async fn a_missing_row_and_a_wrong_address_are_not_the_same() {
    for (code, missing) in [
        ("0x80040217", true),
        ("0x80060891", true),
        ("0x8006088a", false),
        ("", false),
    ] {
        let (_, client) = Script::of([refusal(404, code, GONE)]);
        let found = client
            .table(Table::OPPORTUNITY)
            .find(deal(), &Query::select(["name"]))
            .await;
        match found {
            Ok(row) => assert!(row.is_none() && missing, "{code}"),
            Err(error) => assert!(error.kind() == ErrorKind::NotFound && !missing, "{error}"),
        }
    }
}

#[tokio::test]
async fn an_answer_about_another_row_is_malformed() {
    let other = format!("{{\"opportunityid\":\"{}\"}}", Uuid::nil());
    for body in [
        other.as_str(),
        "{\"name\":\"x\"}",
        "{\"opportunityid\":7}",
        "[]",
        "{",
        "",
    ] {
        let (_, client) = Script::of([json(body)]);
        let rows = client.table(Table::OPPORTUNITY);
        let error = rows.read(deal(), &Query::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}: {error}");
    }
    for (headers, body) in [
        (
            vec![(
                "odata-entityid",
                "https://x/opportunities(00000000-0000-0000-0000-000000000000)",
            )],
            "",
        ),
        (vec![], other.as_str()),
        (vec![], "[1"),
    ] {
        let (_, client) = Script::of([answer(201, &headers, body)]);
        let options = WriteOptions::default().with_returning(["name"]);
        let error = client
            .table(Table::OPPORTUNITY)
            .create(Some(deal()), Columns::new(), options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        assert_eq!(error.sent(), Sent::Answered);
    }
    let (_, client) = Script::of([answer(204, &[], "")]);
    let error = client
        .table(Table::OPPORTUNITY)
        .create(None, Columns::new(), WriteOptions::default())
        .await
        .unwrap_err();
    assert!(error.message().contains("OData-EntityId"), "{error}");
}

#[tokio::test]
async fn deletes_are_conditional_too() {
    let (script, client) = Script::of([answer(204, &[], "")]);
    let rows = client.table(Table::ACCOUNT);
    let version = Condition::Version(ETag::new("W/\"7\""));
    rows.delete(deal(), &version, WriteOptions::default())
        .await
        .unwrap();
    assert_eq!(script.told(), [format!("DELETE accounts({DEAL})")]);
    assert_eq!(header(&script.request(), "if-match"), ["W/\"7\""]);
    let error = rows
        .delete(deal(), &Condition::MustNotExist, WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Invalid, Sent::No));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_repeated_and_a_read_is() {
    let (script, client) = Script::of([Err(Sent::Maybe)]);
    let rows = client.table(Table::OPPORTUNITY);
    let error = rows
        .create(Some(deal()), Columns::new(), WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.sent(), Sent::Maybe);
    assert_eq!(script.requests().len(), 1);

    let (script, client) = Script::of([
        Err(Sent::Maybe),
        json(&format!("{{\"opportunityid\":\"{DEAL}\"}}")),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    rows.read(deal(), &Query::select(["name"])).await.unwrap();
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn a_throttled_write_is_repeated_since_nothing_ran() {
    let (script, client) = Script::of([
        answer(
            429,
            &[("retry-after", "27")],
            "{\"error\":{\"code\":\"0x80072322\",\"message\":\"Number of requests exceeded the limit.\"}}",
        ),
        answer(204, &[], ""),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    rows.update(
        deal(),
        Columns::new(),
        &Condition::MustNotExist,
        WriteOptions::default(),
    )
    .await
    .unwrap();
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn nothing_leaves_after_the_deadline() {
    let (script, client) = Script::of([]);
    let options = WriteOptions::default().with_not_after("2025-12-31T00:00:00Z".parse().unwrap());
    let error = client
        .table(Table::OPPORTUNITY)
        .create(Some(deal()), Columns::new(), options)
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::TooLate, Sent::No));
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn faults_of_the_caller_are_all_told_and_nothing_is_sent() {
    let (script, client) = Script::of([]);
    let rows = client.table(Table::new("oppor tunities", "opportunityid"));
    let options = || {
        WriteOptions::default()
            .with_returning(["na,me"])
            .with_header(http::header::FROM, http::HeaderValue::from_static("x"))
    };
    let etag = Condition::Version(ETag::new("*"));
    let columns = Columns::new()
        .set("a'b", 1)
        .bind("x y", &Table::ACCOUNT, deal());
    let error = rows
        .update(deal(), columns, &etag, options())
        .await
        .unwrap_err();
    for part in ["oppor tunities", "na,me", "a'b", "x y", "\"*\" is no ETag"] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    let query = Query::select(["name"]).with_top(5).with_count();
    let error = rows.read(deal(), &query).await.unwrap_err();
    for part in [
        "oppor tunities",
        "$top does not apply",
        "$count does not apply",
    ] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    assert!(script.requests().is_empty());
}
