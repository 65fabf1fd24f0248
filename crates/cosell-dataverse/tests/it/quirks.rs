//! What real users of the service stumbled over. Most of it is tested where it belongs:
//!
//! | quirk | test |
//! |---|---|
//! | navigation names are case-sensitive, and cannot be guessed | `schema::navigation_names_come_from_the_schema` |
//! | an upsert of several rows with a key column in the body is refused | `bulk::wrong_messages_of_several_rows_are_not_sent` |
//! | lists end at 5,000 rows where links are not followed; links change when they are encoded anew | `pages::links_are_followed_as_they_are_and_an_empty_page_is_not_the_last` |
//! | a cookie or a link that repeats for ever | `fetch::a_cookie_that_repeats_ends_the_reading`, `pages::a_service_that_repeats_itself_is_not_read_for_ever`, `feed::pages_that_repeat_are_told_and_the_feed_begins_anew` |
//! | a batch without its last line end loses its last change set; boundaries that differ | `batch::tests::the_batch_is_written_byte_for_byte` |
//! | a reference to an operation that returns its row; references outside a change set | `batch::tests::what_the_service_would_break_is_refused_with_every_reason` |
//! | `Retry-After` in other units, retries without end, tokens that die while waiting | `cosell-http` |
//! | memory that grows while streaming | the `speed` example |
//! | users that are throttled in parallel work | `governor` |
//! | a last page without a delta link | `changes::an_answer_that_would_lose_changes_is_malformed` |
//! | twins after a lost answer | `rows::a_write_whose_answer_is_lost_is_not_repeated_and_a_read_is` |
//! | links that lead elsewhere | `pages::links_to_another_origin_are_not_followed` |
//! | `estimatedvalue` of a lead is no amount | `typed::Lead` has none; below |
//! | new columns make cursors die | `feed::nothing_is_lost_when_a_cursor_dies_of_age_or_of_a_new_column` |

use chrono::{NaiveDate, TimeZone, Utc};
use cosell_dataverse::{
    AlternateKey, Columns, Condition, ErrorCode, Op, Query, Row, Table, WriteOptions, code_of,
    provision::{Blueprint, ColumnSpec, NewColumn, PublisherSpec, SolutionSpec},
    schema::ColumnType,
    typed::Lead,
};
use cosell_http::{Call, ErrorKind, Repeat, Sent};
use cosell_sandbox::dataverse::Options;
use http::Method;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    double::World,
    fake::{DEAL, Script, answer, deal, header, json, refusal},
};

#[tokio::test]
async fn keys_of_every_kind_are_spelt_as_the_service_reads_them() {
    let moment = Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap();
    let date = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
    let key = |column: &str, value: cosell_dataverse::Literal| AlternateKey::new(column, value);
    for (key, target) in [
        (key("abc_round", 7.into()), "abc_round=7"),
        (
            key("abc_share", Decimal::new(150, 2).into()),
            "abc_share=1.50",
        ),
        (key("abc_due", date.into()), "abc_due=2026-01-02"),
        (
            key("abc_at", moment.into()),
            "abc_at=2026-01-02T03%3A04%3A05Z",
        ),
        (
            key("_primarycontactid_value", Uuid::nil().into()),
            "_primarycontactid_value=00000000-0000-0000-0000-000000000000",
        ),
        (
            AlternateKey::new("firstname", "Ana").and("emailaddress1", "ana@x.example"),
            "emailaddress1=%27ana%40x.example%27,firstname=%27Ana%27",
        ),
        (
            key("abc_text", "O'Brien".into()),
            "abc_text=%27O%27%27Brien%27",
        ),
    ] {
        let (script, client) = Script::of([json(&format!("{{\"contactid\":\"{DEAL}\"}}"))]);
        let rows = client.table(Table::CONTACT);
        let query = Query::select(["fullname"]);
        rows.read_by_key(&key, &query).await.unwrap();
        assert_eq!(
            script.told(),
            [format!("GET contacts({target})?$select=fullname")]
        );
    }
}

#[tokio::test]
async fn a_database_that_fails_over_is_asked_again_whatever_the_status() {
    let row = format!("{{\"opportunityid\":\"{DEAL}\",\"name\":\"A\"}}");
    for (status, code) in [
        (400, "0x80044150"),
        (400, "0x80044151"),
        (500, "0x80044150"),
    ] {
        let (script, client) =
            Script::of([refusal(status, code, "Generic SQL error."), json(&row)]);
        let rows = client.table(Table::OPPORTUNITY);
        rows.read(deal(), &Query::select(["name"])).await.unwrap();
        assert_eq!(script.requests().len(), 2);
    }
    // Not for ever, and a write not at all: it may have taken effect.
    let lines = (0..20).map(|_| refusal(400, "0x80044151", "SQL timeout."));
    let (script, client) = Script::of(lines);
    let rows = client.table(Table::OPPORTUNITY);
    let error = rows
        .read(deal(), &Query::select(["name"]))
        .await
        .unwrap_err();
    assert_eq!(code_of(&error), Some(ErrorCode::SqlTimeout));
    let asked = script.requests().len();
    assert!((2..=5).contains(&asked), "{asked}");
    let write = Op::update(
        &Table::OPPORTUNITY,
        deal(),
        Columns::new(),
        &Condition::MustExist,
    );
    client.run(&write, None).await.unwrap_err();
    assert_eq!(script.requests().len(), asked + 1);
}

#[tokio::test]
async fn a_long_read_inside_a_batch_keeps_its_sign_in() {
    let kind = [("content-type", "multipart/mixed; boundary=b")];
    let part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\
                {\"value\":[]}\r\n--b--\r\n";
    let (script, client) = Script::of([answer(200, &kind, part)]);
    let names = (0..3000).map(|number| format!("R-{number}"));
    let many = cosell_dataverse::Filter::is_in("abc_referralid", names);
    let query = Query::select(["name"]).with_filter(many);
    let rows = client.table(Table::OPPORTUNITY);
    let mut pages = rows.pages(&query, cosell_dataverse::PageOptions::default());
    assert!(pages.next_page().await.unwrap().unwrap().rows.is_empty());
    let request = script.request();
    assert!(request.uri().path().ends_with("/$batch"));
    assert_eq!(header(&request, "authorization"), ["Bearer sesame"]);
}

#[test]
fn the_amount_of_a_lead_is_the_one_that_is_money() {
    let row = r#"{"estimatedamount":500.2500,"estimatedvalue":499.9}"#;
    let lead = Lead::from(serde_json::from_str::<Row>(row).unwrap());
    let amount = lead.estimated_amount().unwrap().unwrap();
    assert_eq!(amount.to_string(), "500.2500");
}

#[tokio::test]
async fn a_row_without_a_version_is_read_and_told_so() {
    let (_, client) = Script::of([
        json(&format!("{{\"opportunityid\":\"{DEAL}\",\"name\":\"A\"}}")),
        answer(
            200,
            &[],
            &format!("{{\"opportunityid\":\"{DEAL}\",\"name\":\"A\"}}"),
        ),
    ]);
    let rows = client.table(Table::OPPORTUNITY);
    let row = rows.read(deal(), &Query::select(["name"])).await.unwrap();
    assert_eq!(row.etag().unwrap(), None);
    let options = WriteOptions::default().with_returning(["name"]);
    let columns = Columns::new().set("name", "A");
    let written = rows
        .update(deal(), columns, &Condition::MustExist, options)
        .await
        .unwrap();
    assert_eq!(written.etag, None);
    assert!(written.row.is_some());
}

#[tokio::test]
async fn a_column_that_vanished_since_the_schema_was_read_is_named_and_forgotten() {
    let (_, client) = World::new(Options::default());
    let blueprint = Blueprint::new(
        PublisherSpec::new("abcpartner", "ABC", "abc", 72_700),
        SolutionSpec::new("abc_sync", "ABC", "1.0.0.0"),
    )
    .with_column(ColumnSpec::new(
        "round",
        "opportunity",
        "abc_Round",
        "R",
        NewColumn::Integer(0, 9),
    ));
    let provisioner = client.provisioner(blueprint);
    let plan = provisioner.plan().await.unwrap();
    provisioner.apply(&plan).await.unwrap();
    let schema = client.schema();
    let table = schema.table("opportunity").await.unwrap();
    let column = table.column("abc_round").unwrap();
    assert!(matches!(column.kind, ColumnType::Integer { .. }));
    let target = "EntityDefinitions(LogicalName='opportunity')/Attributes(LogicalName='abc_round')";
    let call = Call::new("test.delete", Method::DELETE, target, Repeat::Never);
    client.raw(call).await.unwrap();
    let columns = Columns::new().set("name", "A").set("abc_round", 3);
    let rows = client.table(table.table());
    let options = WriteOptions::default();
    let error = rows
        .create(Some(deal()), columns, options)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.sent()),
        (ErrorKind::Refused, Sent::Answered)
    );
    assert_eq!(error.target(), Some("abc_round"), "{error}");
    assert!(schema.refresh().await.unwrap());
    let table = schema.table("opportunity").await.unwrap();
    assert!(table.column("abc_round").is_err());
    let query = Query::select(["name"]);
    assert!(rows.find(deal(), &query).await.unwrap().is_none());
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_not_read() {
    let big = format!(
        "{{\"opportunityid\":\"{DEAL}\",\"name\":\"{}\"}}",
        "x".repeat(5000)
    );
    let (script, _) = Script::of([json(&big)]);
    let client = cosell_dataverse::Dataverse::builder(
        crate::fake::ORG.parse().unwrap(),
        std::sync::Arc::new(script),
        std::sync::Arc::new(crate::fake::Token),
        std::sync::Arc::new(crate::fake::Still),
    )
    .http(|http| http.body_limit(4000))
    .build()
    .unwrap();
    let rows = client.table(Table::OPPORTUNITY);
    let error = rows
        .read(deal(), &Query::select(["name"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
    assert!(!error.to_string().contains("xxx"), "{error}");
}
