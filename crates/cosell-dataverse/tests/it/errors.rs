//! The main rows of the service's error table, as a caller sees them.

use cosell_dataverse::{Columns, Condition, ErrorCode, Table, WriteOptions, code_of};
use cosell_http::{ErrorKind, Sent};

use crate::fake::{Script, answer, deal, refusal_body};

async fn update(status: u16, headers: &[(&str, &str)], body: &str) -> cosell_http::Error {
    // The last answer of a row that is tried again.
    let lines = (0..20).map(|_| answer(status, headers, body));
    let (_, client) = Script::of(lines);
    let columns = Columns::new().set("statecode", 1);
    client
        .table(Table::OPPORTUNITY)
        .update(
            deal(),
            columns,
            &Condition::MustExist,
            WriteOptions::default(),
        )
        .await
        .unwrap_err()
}

#[tokio::test]
async fn the_code_comes_first_and_the_status_second() {
    use ErrorCode as Code;
    use ErrorKind as Kind;
    let long = "A validation error occurred.  The length of the 'name' attribute of the \
                'opportunity' entity exceeded the maximum allowed length of '300'.";
    let rows = [
        (
            404,
            "0x80040217",
            "Does Not Exist",
            Kind::NotFound,
            Code::ObjectDoesNotExist,
            None,
        ),
        (
            412,
            "0x80040237",
            "Cannot insert duplicate key.",
            Kind::Conflict,
            Code::DuplicateRecord,
            None,
        ),
        (
            412,
            "0x80060882",
            "The version differs.",
            Kind::Conflict,
            Code::ConcurrencyVersionMismatch,
            None,
        ),
        (
            403,
            "0x80040220",
            "is missing prvWriteOpportunity privilege",
            Kind::Denied,
            Code::PrivilegeDenied,
            None,
        ),
        (
            400,
            "0x80100005",
            "This message can not be used",
            Kind::Refused,
            Code::CannotUseOpportunitySetStateMessage,
            None,
        ),
        (
            400,
            "0x80044331",
            long,
            Kind::Refused,
            Code::StringLengthTooLong,
            Some("name"),
        ),
        (
            400,
            "0x80040239",
            "A date is out of range",
            Kind::Refused,
            Code::InvalidDateTime,
            None,
        ),
        (
            400,
            "0x80048479",
            "currency",
            Kind::Refused,
            Code::CannotUpdateOpportunityCurrency,
            None,
        ),
        (
            400,
            "0x80048D19",
            "An undeclared property 'abc_x' which",
            Kind::Refused,
            Code::InvalidPayload,
            Some("abc_x"),
        ),
        (
            400,
            "0x8ABCDEF0",
            "new",
            Kind::Refused,
            Code::Other(0x8ABC_DEF0),
            None,
        ),
    ];
    for (status, code, message, kind, typed, target) in rows {
        let error = update(status, &[], &refusal_body(code, message)).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.sent(), Sent::Answered, "{error}");
        assert_eq!(code_of(&error), Some(typed), "{error}");
        assert_eq!(error.target(), target, "{error}");
        assert!(error.message().contains(message), "{error}");
    }
}

#[tokio::test]
async fn the_three_throttles_are_told_apart() {
    for (code, typed) in [
        ("0x80072322", ErrorCode::ThrottlingBurstRequestLimitExceeded),
        ("0x80072321", ErrorCode::ThrottlingTimeExceeded),
        ("0x80072326", ErrorCode::ThrottlingConcurrencyLimitExceeded),
    ] {
        let headers = [("retry-after", "100000")];
        let error = update(429, &headers, &refusal_body(code, "exceeded")).await;
        assert_eq!(
            (error.kind(), error.sent()),
            (ErrorKind::Throttled, Sent::No)
        );
        assert_eq!(code_of(&error), Some(typed));
        assert_eq!(error.retry_after().unwrap().as_secs(), 100_000);
    }
}

#[tokio::test]
async fn bodies_without_a_code_are_told_too() {
    let exists = "A record with matching key values already exists.";
    let error = update(412, &[], &refusal_body("", exists)).await;
    assert_eq!((error.kind(), code_of(&error)), (ErrorKind::Conflict, None));
    assert_eq!(error.message(), exists);
    let html = [("content-type", "text/html")];
    let error = update(502, &html, "<html><title>Bad Gateway</title></html>").await;
    assert_eq!(error.kind(), ErrorKind::Service);
    assert!(error.message().contains("Bad Gateway"), "{error}");
    let error = update(401, &[("www-authenticate", "Bearer")], "").await;
    assert_eq!(error.kind(), ErrorKind::Denied);
}
