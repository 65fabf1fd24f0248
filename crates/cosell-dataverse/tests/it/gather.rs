//! Single calls of many callers in shared requests.

use std::{sync::Arc, time::Duration};

use cosell_dataverse::{
    Columns, Condition, Dataverse, ErrorCode, GatherOptions, Op, Query, Table, WriteOptions,
    Written, code_of, wildcards,
};
use cosell_http::{Error, ErrorKind, Sent, Sleep};
use cosell_sandbox::dataverse::Limits;
use futures_util::future::join_all;
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use crate::{
    fake::{Script, answer, refusal_body},
    governor::{Virtual, World, patient},
};

fn create(id: u128, name: &str) -> Op {
    let columns = Columns::new().set("name", name);
    Op::create(&Table::OPPORTUNITY, Some(Uuid::from_u128(id)), columns)
}

fn update(id: u128, name: &str) -> Op {
    let columns = Columns::new().set("name", name);
    let id = Uuid::from_u128(id);
    Op::update(&Table::OPPORTUNITY, id, columns, &Condition::MustExist)
}

fn gathering(limits: Limits, most: usize) -> (World, Dataverse) {
    let world = World::new(limits, 8);
    let client = world.client(&patient());
    (
        world,
        client.gathering(GatherOptions::default().with_most(most)),
    )
}

fn on_a_clock(lines: impl IntoIterator<Item = Line>) -> (Script, Dataverse) {
    let (script, client) = Script::on(lines, Arc::new(Virtual(Instant::now())));
    (script, client.gathering(GatherOptions::default()))
}

type Line = Result<http::Response<bytes::Bytes>, Sent>;

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_share_ten_requests_and_each_has_its_own_row() {
    let (world, client) = gathering(Limits::default(), 100);
    let mut work = JoinSet::new();
    for number in 0..1000u128 {
        let rows = client.table(Table::OPPORTUNITY);
        work.spawn(async move {
            let id = Uuid::from_u128(number + 1);
            let columns = Columns::new().set("name", format!("Deal {number}"));
            let options = WriteOptions::default().with_returning(["name"]);
            let written = rows.create(Some(id), columns, options).await.unwrap();
            assert_eq!(written.id, Some(id));
            let row = written.row.unwrap();
            let name = row.text("name").unwrap().unwrap();
            assert_eq!(name, format!("Deal {number}"));
        });
    }
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
    assert_eq!(world.statuses.lock().unwrap().len(), 10);
    let reads = (0..200u128).map(|number| {
        let rows = client.table(Table::OPPORTUNITY);
        async move {
            let query = Query::select(["name"]);
            let row = rows.read(Uuid::from_u128(number + 1), &query).await;
            row.unwrap().text("name").unwrap().unwrap()
        }
    });
    let names = join_all(reads).await;
    assert_eq!(names[7], "Deal 7");
    assert_eq!(names[199], "Deal 199");
    assert_eq!(world.statuses.lock().unwrap().len(), 12);
}

fn told(outcome: &Result<Written, Error>) -> String {
    match outcome {
        Ok(written) => format!("{:?} {:?} {:?}", written.id, written.created, written.etag),
        Err(error) => format!(
            "{:?} {:?} {:?} {:?} {:?} {}",
            error.kind(),
            error.sent(),
            error.status(),
            code_of(error),
            error.target(),
            error.message()
        ),
    }
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_those_of_the_same_calls_made_alone() {
    let ops = || {
        let long = "x".repeat(301);
        vec![
            create(1, "Deal A"),
            create(1, "its twin"),
            create(2, &long),
            update(3, "nobody"),
            update(1, &wildcards("100%")).returning(["name"]),
            Op::delete(&Table::ACCOUNT, Uuid::nil(), &Condition::None),
            Op::action("NoSuchAction", Columns::new()),
            Op::create(&Table::OPPORTUNITY, None, Columns::new().set("nmae", "x")),
        ]
    };
    let (world, client) = gathering(Limits::default(), 100);
    let ops_together = ops();
    let together = ops_together.iter().map(|op| client.run(op, None));
    let together = join_all(together).await;
    assert_eq!(world.statuses.lock().unwrap().len(), 1);

    let world = World::new(Limits::default(), 8);
    let alone = world.client(&patient());
    for (op, outcome) in ops().iter().zip(&together) {
        let alone = alone.run(op, None).await;
        assert_eq!(told(outcome), told(&alone), "{op:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_company_goes_alone_and_a_faulty_one_not_at_all() {
    let (script, client) = on_a_clock([answer(204, &[], "")]);
    client.run(&update(1, "A"), None).await.unwrap();
    assert_eq!(script.request().method(), "PATCH");
    let faulty = Op::action("no such/thing!", Columns::new());
    let error = client.run(&faulty, None).await.unwrap_err();
    assert_eq!(error.sent(), Sent::No);
}

fn batch_answer(parts: &[&str]) -> Line {
    let parts: String = parts
        .iter()
        .map(|part| format!("--b\r\nContent-Type: application/http\r\n\r\n{part}\r\n"))
        .collect();
    let kind = [("content-type", "multipart/mixed; boundary=b")];
    answer(200, &kind, &format!("{parts}--b--\r\n"))
}

const DONE: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn doubt_is_told_to_those_whom_it_concerns() {
    let (_, client) = on_a_clock([batch_answer(&[DONE, DONE])]);
    let ops = [update(1, "A"), update(2, "B"), update(3, "C")];
    let outcomes = join_all(ops.iter().map(|op| client.run(op, None))).await;
    assert!(outcomes[0].is_ok() && outcomes[1].is_ok());
    let doubt = outcomes[2].as_ref().unwrap_err();
    assert_eq!(doubt.sent(), Sent::Maybe, "{doubt}");

    for (line, sent) in [
        (Err(Sent::Maybe), Sent::Maybe),
        (answer(500, &[], ""), Sent::Answered),
    ] {
        let (script, client) = on_a_clock([line]);
        let outcomes = join_all(ops.iter().map(|op| client.run(op, None))).await;
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            let doubt = error.sent() == Sent::Maybe || error.kind() == ErrorKind::Service;
            assert!(doubt, "{error} {sent:?}");
        }
        assert_eq!(script.requests().len(), 1, "nothing is repeated in doubt");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_refused_for_lack_of_patience_is_sent_again_and_nothing_else() {
    let refused = format!(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Type: application/json\r\n\r\n{}",
        refusal_body("0x80072322", "wait")
    );
    let (script, client) = on_a_clock([batch_answer(&[DONE, &refused]), answer(204, &[], "")]);
    let began = Instant::now();
    let (first, second) = (update(1, "A"), update(2, "B"));
    let (first, second) = tokio::join!(
        async {
            client.run(&first, None).await.unwrap();
            began.elapsed()
        },
        async {
            client.run(&second, None).await.unwrap();
            began.elapsed()
        }
    );
    assert!(
        first < Duration::from_secs(1),
        "waits for nobody: {first:?}"
    );
    assert!(second >= Duration::from_secs(7), "{second:?}");
    let told = script.told();
    assert_eq!(told.len(), 2);
    assert!(told[1].starts_with("PATCH opportunities(00000000-0000-0000-0000-000000000002)"));
    let report = client.governor().unwrap().report();
    assert_eq!(report.throttled.requests, 1);
}

#[tokio::test(start_paused = true)]
async fn deadlines_and_goodbyes_hold_for_one_call_alone() {
    let (script, client) = on_a_clock([batch_answer(&[DONE, DONE])]);
    let clock = Virtual(Instant::now());
    let soon = clock.now() + chrono::TimeDelta::milliseconds(1);
    let (a, b, c, d) = (
        update(1, "A"),
        update(2, "B"),
        update(3, "C"),
        update(4, "D"),
    );
    let gone = tokio::time::timeout(Duration::from_millis(1), client.run(&d, None));
    let (first, late, third, gone) = tokio::join!(
        client.run(&a, None),
        client.run(&b, Some(soon)),
        client.run(&c, None),
        gone,
    );
    first.unwrap();
    third.unwrap();
    let late = late.unwrap_err();
    assert_eq!((late.kind(), late.sent()), (ErrorKind::TooLate, Sent::No));
    assert!(gone.is_err());
    let request = script.request();
    let body = std::str::from_utf8(request.body()).unwrap();
    for (id, sent) in [(1, true), (2, false), (3, true), (4, false)] {
        let row = format!("opportunities({})", Uuid::from_u128(id));
        assert_eq!(body.contains(&row), sent, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_caller_may_go_and_the_company_stays() {
    let (script, client) = on_a_clock([batch_answer(&[DONE, DONE])]);
    let (a, b, c) = (update(1, "A"), update(2, "B"), update(3, "C"));
    let first = tokio::time::timeout(Duration::from_millis(1), client.run(&a, None));
    let (gone, second, third) = tokio::join!(first, client.run(&b, None), client.run(&c, None));
    assert!(gone.is_err());
    second.unwrap();
    third.unwrap();
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn batches_stay_within_the_limits_too() {
    let limits = Limits::default()
        .with_window(Duration::from_secs(30))
        .with_requests(10)
        .with_operation(Duration::from_millis(1));
    let (world, client) = gathering(limits, 50);
    let ops: Vec<Op> = (1..=1000).map(|id| create(id, "Deal")).collect();
    let outcomes = join_all(ops.iter().map(|op| client.run(op, None))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let requests = world.statuses.lock().unwrap().len();
    assert_eq!(
        requests - world.refused(),
        20,
        "1,000 writes in batches of 50"
    );
    let again = client.run(&create(1, "Deal"), None).await.unwrap_err();
    assert_eq!(code_of(&again), Some(ErrorCode::DuplicateRecord));
}
