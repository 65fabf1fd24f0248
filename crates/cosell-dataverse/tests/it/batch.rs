//! Change sets: applied, refused, or not known.

use cosell_dataverse::{
    Batch, BatchOutcome, ChangeSet, CloseDetails, Columns, Condition, Dataverse, ETag, ErrorCode,
    Op, Table, code_of,
};
use cosell_http::{ErrorKind, Sent};

use crate::fake::{API, DEAL, Script, answer, deal, header, refusal, refusal_body};

const KIND: (&str, &str) = (
    "content-type",
    "multipart/mixed; boundary=batchresponse_c1d2",
);

fn patch() -> Op {
    Op::update(
        &Table::OPPORTUNITY,
        deal(),
        Columns::new().set("closeprobability", 40),
        &Condition::Version(ETag::new("W/\"1\"")),
    )
}

fn set() -> ChangeSet {
    ChangeSet::new()
        .with(patch().returning(["versionnumber"]))
        .with(Op::win_opportunity(deal(), 3, &CloseDetails::default()))
}

fn multipart(parts: &[String]) -> String {
    let parts: String = parts
        .iter()
        .map(|part| format!("--batchresponse_c1d2\r\n{part}\r\n"))
        .collect();
    format!("{parts}--batchresponse_c1d2--\r\n")
}

fn applied(first_id: u32) -> String {
    let second_id = first_id + 1;
    format!(
        "Content-Type: multipart/mixed; boundary=cs\r\n\r\n\
         --cs\r\nContent-Type: application/http\r\nContent-ID: {first_id}\r\n\r\n\
         HTTP/1.1 200 OK\r\nETag: W/\"2\"\r\n\r\n\
         {{\"@odata.etag\":\"W/\\\"2\\\"\",\"opportunityid\":\"{DEAL}\",\"versionnumber\":2}}\r\n\
         --cs\r\nContent-Type: application/http\r\nContent-ID: {second_id}\r\n\r\n\
         HTTP/1.1 204 No Content\r\n\r\n\r\n--cs--"
    )
}

fn refused(status: &str, code: &str) -> String {
    format!(
        "Content-Type: application/http\r\n\r\nHTTP/1.1 {status}\r\nREQ_ID: req-1\r\n\
         Content-Type: application/json\r\n\r\n{}",
        refusal_body(code, "The version differs.")
    )
}

async fn change_set(lines: impl IntoIterator<Item = Line>) -> (Script, Outcome) {
    let (script, client) = Script::of(lines);
    let outcome = client.change_set(&set(), None).await;
    (script, outcome)
}

type Line = Result<http::Response<bytes::Bytes>, Sent>;
type Outcome = Result<Vec<cosell_dataverse::Written>, cosell_http::Error>;

#[tokio::test]
async fn an_applied_set_has_one_answer_for_each_operation() {
    let (script, outcome) = change_set([answer(200, &[KIND], &multipart(&[applied(1)]))]).await;
    let written = outcome.unwrap();
    assert_eq!(written.len(), 2);
    assert_eq!(written[0].id, Some(deal()));
    assert_eq!(written[0].etag, Some(ETag::new("W/\"2\"")));
    let row = written[0].row.as_ref().unwrap();
    assert_eq!(row.version_number().unwrap(), Some(2));
    assert_eq!(written[1].id, None);

    let request = script.request();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().to_string(), format!("{API}$batch"));
    let kind = header(&request, "content-type")[0];
    let boundary = kind
        .strip_prefix("multipart/mixed; boundary=\"")
        .and_then(|kind| kind.strip_suffix('"'))
        .unwrap();
    let body = std::str::from_utf8(request.body()).unwrap();
    assert!(body.starts_with(&format!("--{boundary}\r\n")));
    assert!(body.ends_with(&format!("--{boundary}--\r\n")));
    assert_eq!(header(&request, "prefer"), Vec::<&str>::new());
}

#[tokio::test]
async fn a_refusal_reads_as_that_of_a_single_call_in_every_form() {
    let (_, client) = Script::of([refusal(412, "0x80060882", "The version differs.")]);
    let single = client.run(&patch(), None).await.unwrap_err();
    let part = refused("412 Precondition Failed", "0x80060882");
    let nested =
        format!("Content-Type: multipart/mixed; boundary=cs\r\n\r\n--cs\r\n{part}\r\n--cs--");
    for (status, body) in [
        (200, multipart(std::slice::from_ref(&part))),
        (200, multipart(&[nested])),
        // A service that stops at the first failure gives its status to the whole.
        (412, multipart(&[part])),
    ] {
        let (script, outcome) = change_set([answer(status, &[KIND], &body)]).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), single.kind(), "{error}");
        assert_eq!(error.sent(), single.sent());
        assert_eq!(error.status(), single.status());
        assert_eq!(error.message(), single.message());
        assert_eq!(error.request_id(), single.request_id());
        assert_eq!(code_of(&error), Some(ErrorCode::ConcurrencyVersionMismatch));
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_read_for_certain_may_have_taken_effect() {
    let whole = multipart(&[applied(1)]);
    // Without ids only the number of answers tells that one is missing.
    let unnumbered = |answers: usize| {
        let one = "--cs\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n".repeat(answers);
        format!("Content-Type: multipart/mixed; boundary=cs\r\n\r\n{one}--cs--")
    };
    for (kind, body) in [
        (KIND.1, String::new()),
        (KIND.1, whole[..whole.len() / 2].to_owned()),
        (KIND.1, whole.replace("--batchresponse_c1d2--", "")),
        (KIND.1, multipart(&[unnumbered(0)])),
        (KIND.1, multipart(&[unnumbered(1)])),
        (KIND.1, multipart(&[unnumbered(3)])),
        (KIND.1, multipart(&[])),
        (KIND.1, multipart(&[applied(1), applied(3)])),
        (KIND.1, multipart(&[applied(7)])),
        (
            KIND.1,
            whole.replace(DEAL, "00000000-0000-0000-0000-000000000000"),
        ),
        ("multipart/mixed; boundary=other", whole.clone()),
        ("application/json", "{}".to_owned()),
        (KIND.1, whole.replace("HTTP/1.1 204", "HTTP/1.1 two")),
    ] {
        let (_, outcome) = change_set([answer(200, &[("content-type", kind)], &body)]).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
        assert_eq!(error.sent(), Sent::Maybe, "{body}");
        assert!(error.message().contains("look before repeating"), "{error}");
    }
    let (script, outcome) = change_set([Err(Sent::Maybe)]).await;
    assert_eq!(outcome.unwrap_err().sent(), Sent::Maybe);
    assert_eq!(script.requests().len(), 1);
}

async fn three_sets(line: Line) -> Result<Vec<BatchOutcome>, cosell_http::Error> {
    let (script, client) = Script::of([line]);
    let outcomes = client
        .batch(&[set(), set(), set()].into_iter().collect(), None)
        .await;
    let request = script.request();
    assert_eq!(header(&request, "prefer"), ["odata.continue-on-error"]);
    outcomes
}

#[tokio::test]
async fn sets_of_one_batch_have_fates_of_their_own() {
    let parts = [
        applied(1),
        refused("412 Precondition Failed", "0x80060882"),
        applied(5),
    ];
    let outcomes = three_sets(answer(200, &[KIND], &multipart(&parts)))
        .await
        .unwrap();
    let [
        BatchOutcome::Applied(first),
        BatchOutcome::Refused(error),
        BatchOutcome::Applied(_),
    ] = outcomes.as_slice()
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!(first.len(), 2);
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_missing_part_is_never_a_success() {
    let outcomes = three_sets(answer(200, &[KIND], &multipart(&[applied(1)])))
        .await
        .unwrap();
    assert!(
        matches!(
            outcomes.as_slice(),
            [
                BatchOutcome::Applied(_),
                BatchOutcome::NotKnown(_),
                BatchOutcome::NotKnown(_)
            ]
        ),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_failure_of_the_whole_leaves_every_set_in_doubt() {
    let stopped = multipart(&[applied(1), refused("400 Bad Request", "0x80044331")]);
    let too_many = multipart(&[applied(1), applied(3), applied(5), applied(7)]);
    for line in [
        answer(400, &[KIND], &stopped),
        answer(500, &[], "<html>"),
        answer(200, &[KIND], &too_many),
        Err(Sent::Maybe),
    ] {
        let outcomes = three_sets(line).await.unwrap();
        assert_eq!(outcomes.len(), 3);
        for outcome in outcomes {
            assert!(matches!(outcome, BatchOutcome::NotKnown(_)), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_server_error_of_one_set_leaves_it_in_doubt_and_a_throttled_one_had_no_effect() {
    let parts = [
        refused("500 Internal Server Error", "0x80044150"),
        refused("429 Too Many Requests\r\nRetry-After: 9", "0x80072322"),
        applied(5),
    ];
    let outcomes = three_sets(answer(200, &[KIND], &multipart(&parts)))
        .await
        .unwrap();
    let [
        BatchOutcome::NotKnown(_),
        BatchOutcome::Refused(error),
        BatchOutcome::Applied(_),
    ] = outcomes.as_slice()
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!(
        (error.kind(), error.sent()),
        (ErrorKind::Throttled, Sent::No)
    );
    assert_eq!(error.retry_after().unwrap().as_secs(), 9);
}

#[tokio::test]
async fn what_was_not_sent_is_an_error_of_the_whole() {
    let (script, client) = Script::of([]);
    let wrong = ChangeSet::new().with(Op::action("no such/thing!", Columns::new()));
    let error = client
        .batch(
            &[set(), wrong, ChangeSet::new()].into_iter().collect(),
            None,
        )
        .await
        .unwrap_err();
    assert!(error.message().contains("no such/thing!"), "{error}");
    assert!(error.message().contains("no operation"), "{error}");
    let late = "2020-01-01T00:00:00Z".parse().unwrap();
    let error = client.change_set(&set(), Some(late)).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::TooLate, Sent::No));
    let many: Vec<_> = (0..501).map(|_| set()).collect();
    let error = client
        .batch(&many.into_iter().collect(), None)
        .await
        .unwrap_err();
    assert!(error.message().contains("1002 operations"), "{error}");
    assert!(client.batch(&Batch::new(), None).await.unwrap().is_empty());
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn a_reference_outside_a_change_set_is_refused() {
    let (script, client): (Script, Dataverse) = Script::of([]);
    let mut set = ChangeSet::new();
    let account = set.push(Op::create(&Table::ACCOUNT, None, Columns::new()));
    let columns = Columns::new().bind_content("parentaccountid", account);
    let alone = Op::create(&Table::OPPORTUNITY, None, columns);
    let error = client.run(&alone, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(script.requests().is_empty());
}
