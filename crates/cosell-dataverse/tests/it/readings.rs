//! What the documentation leaves open: the client says the same of every reading.

use std::time::Duration;

use cosell_dataverse::{
    ChangeSet, CloseDetails, Columns, Condition, Dataverse, ETag, ErrorCode, FeedState, Op,
    PageOptions, Query, Remedy, Table, WriteOptions, code_of,
    names::opportunity::{state, status},
    typed::Opportunity,
};
use cosell_http::{Error, ErrorKind, Sent, Sleep};
use cosell_sandbox::dataverse::{ClosedRows, Options, ReadOnlyColumns};
use http::StatusCode;
use rust_decimal::Decimal;

use crate::{
    double::World,
    fake::{Script, answer, deal, refusal_body},
};

async fn start(options: Options) -> (World, Dataverse) {
    let (world, client) = World::new(options);
    let op = Op::create(
        &Table::OPPORTUNITY,
        Some(deal()),
        Columns::new()
            .set("name", "Deal A")
            .set("estimatedvalue", Decimal::from(100)),
    );
    client.run(&op, None).await.unwrap();
    (world, client)
}

async fn update(client: &Dataverse, columns: Columns, condition: &Condition) -> Result<(), Error> {
    let rows = client.table(Table::OPPORTUNITY);
    let options = WriteOptions::default();
    rows.update(deal(), columns, condition, options)
        .await
        .map(drop)
}

fn renamed() -> Columns {
    Columns::new().set("name", "Deal B")
}

async fn read(client: &Dataverse) -> Opportunity {
    let query = Query::select(Opportunity::COLUMNS.iter().copied());
    let rows = client.table(Table::OPPORTUNITY);
    Opportunity::from(rows.read(deal(), &query).await.unwrap())
}

#[tokio::test]
async fn a_twin_is_told_by_its_code_whatever_the_status() {
    for status in [StatusCode::PRECONDITION_FAILED, StatusCode::BAD_REQUEST] {
        let options = Options::default().with_duplicate_key_status(status);
        let (_, client) = start(options).await;
        let twin = Op::create(&Table::OPPORTUNITY, Some(deal()), renamed());
        let error = client.run(&twin, None).await.unwrap_err();
        let code = code_of(&error).unwrap();
        assert_eq!(code, ErrorCode::DuplicateRecord, "{status}");
        assert_eq!(code.remedy(), Remedy::RowExists);
    }
}

#[tokio::test]
async fn a_condition_that_fails_is_a_conflict_with_and_without_a_code() {
    for empty in [false, true] {
        let options = Options::default()
            .with_empty_code_when_present(empty)
            .with_empty_code_when_changed(empty);
        let (_, client) = start(options).await;
        let stale = Condition::Version(ETag::new("W/\"1\""));
        for condition in [&stale, &Condition::MustNotExist] {
            let error = update(&client, renamed(), condition).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{empty} {condition:?}");
            assert_eq!(error.sent(), Sent::Answered);
        }
    }
}

#[tokio::test]
async fn a_state_that_is_written_is_told_by_its_code_whatever_the_status() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN] {
        let options = Options::default().with_state_patch_status(status);
        let (_, client) = start(options).await;
        let closed = Columns::new().set("statecode", 1).set("statuscode", 3);
        let error = update(&client, closed, &Condition::MustExist).await;
        let code = code_of(&error.unwrap_err()).unwrap();
        assert_eq!(code.remedy(), Remedy::UseAction, "{status}");
    }
}

#[tokio::test]
async fn a_cursor_that_died_is_recovered_whatever_the_status() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::GONE] {
        let options = Options::default()
            .with_expired_delta_status(status)
            .with_delta_days(2);
        let (world, client) = start(options).await;
        let rows = client.table(Table::OPPORTUNITY);
        let mut feed = rows.feed(&["name"], PageOptions::default(), FeedState::default());
        assert!(feed.next_page().await.unwrap().caught_up);
        world.sleep(Duration::from_secs(3 * 24 * 3600)).await;
        let page = feed.next_page().await.unwrap();
        assert!(page.begins_anew && page.caught_up, "{status}");
        assert_eq!(page.whole.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_edit_of_a_closed_deal_is_taken_or_refused_with_the_cure() {
    for (reading, taken) in [(ClosedRows::Editable, true), (ClosedRows::ReadOnly, false)] {
        let (_, client) = start(Options::default().with_closed_rows(reading)).await;
        let win = Op::win_opportunity(deal(), status::WON, &CloseDetails::default());
        client.run(&win, None).await.unwrap();
        match update(&client, renamed(), &Condition::MustExist).await {
            Ok(()) => assert!(taken),
            Err(error) => {
                assert!(!taken, "{error}");
                let code = code_of(&error).unwrap();
                let told = matches!(code.remedy(), Remedy::Blocked | Remedy::AlreadySo);
                assert!(told, "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_reopened_deal_is_open_whatever_becomes_of_its_actual_values() {
    for clears in [true, false] {
        let options = Options::default().with_reopen_clears_actuals(clears);
        let (_, client) = start(options).await;
        let details = CloseDetails::default().with_actual_revenue(Decimal::from(90));
        client
            .win_opportunity(deal(), status::WON, &details, None)
            .await
            .unwrap();
        let open = Op::reopen_opportunity(deal(), status::IN_PROGRESS, &Condition::MustExist);
        client.run(&open, None).await.unwrap();
        let deal = read(&client).await;
        assert_eq!(deal.state().unwrap(), Some(state::OPEN));
        assert_eq!(deal.actual_value().unwrap().is_none(), clears);
    }
}

#[tokio::test]
async fn closing_goes_in_a_change_set_or_after_it() {
    for taken in [true, false] {
        let options = Options::default().with_actions_in_change_sets(taken);
        let (_, client) = start(options).await;
        let close = || Op::win_opportunity(deal(), status::WON, &CloseDetails::default());
        let rename = Op::update(
            &Table::OPPORTUNITY,
            deal(),
            renamed(),
            &Condition::MustExist,
        );
        let set = ChangeSet::new().with(rename).with(close());
        let outcome = client.change_set(&set, None).await;
        assert_eq!(outcome.is_ok(), taken);
        if let Err(error) = outcome {
            // Nothing of it took effect, and the action works alone.
            assert_eq!(error.sent(), Sent::Answered, "{error}");
            assert_eq!(read(&client).await.name().unwrap().unwrap(), "Deal A");
            client.run(&close(), None).await.unwrap();
        }
        assert_eq!(read(&client).await.state().unwrap(), Some(state::WON));
    }
}

#[tokio::test]
async fn a_read_only_column_is_dropped_or_refused_but_never_half_written() {
    for (reading, taken) in [
        (ReadOnlyColumns::Ignored, true),
        (ReadOnlyColumns::Refused, false),
    ] {
        let options = Options::default().with_read_only_columns(reading);
        let (_, client) = start(options).await;
        let columns = renamed().set("versionnumber", 1);
        let outcome = update(&client, columns, &Condition::MustExist).await;
        assert_eq!(outcome.is_ok(), taken);
        let name = read(&client).await.name().unwrap().unwrap();
        assert_eq!(name, if taken { "Deal B" } else { "Deal A" });
    }
}

#[tokio::test]
async fn a_batch_that_is_throttled_as_a_whole_or_in_the_middle_repeats_what_did_not_run() {
    let kind = [("content-type", "multipart/mixed; boundary=b")];
    let part = |text: &str| format!("--b\r\nContent-Type: application/http\r\n\r\n{text}\r\n");
    let done = part("HTTP/1.1 204 No Content\r\n\r\n");
    let body = refusal_body("0x80072322", "wait");
    let refused = part(&format!(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n\r\n{body}"
    ));
    let ops = || {
        let one = |id: u128| {
            let id = uuid::Uuid::from_u128(id);
            Op::delete(&Table::ACCOUNT, id, &Condition::None)
        };
        [one(1), one(2)]
            .into_iter()
            .collect::<cosell_dataverse::Batch>()
    };
    // As a whole: nothing ran, and the pipeline sends it again.
    let whole = format!("{done}{done}--b--\r\n");
    let (script, client) = Script::of([
        answer(429, &[("retry-after", "1")], &body),
        answer(200, &kind, &whole),
    ]);
    let outcomes = client.batch(&ops(), None).await.unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| { matches!(outcome, cosell_dataverse::BatchOutcome::Applied(_)) })
    );
    assert_eq!(script.requests().len(), 2);
    // In the middle: that one had no effect and says so.
    let middle = format!("{done}{refused}--b--\r\n");
    let (_, client) = Script::of([answer(200, &kind, &middle)]);
    let outcomes = client.batch(&ops(), None).await.unwrap();
    let [
        cosell_dataverse::BatchOutcome::Applied(_),
        cosell_dataverse::BatchOutcome::Refused(error),
    ] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!(
        (error.kind(), error.sent()),
        (ErrorKind::Throttled, Sent::No)
    );
}
