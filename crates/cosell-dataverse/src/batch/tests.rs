use http::StatusCode;
use proptest::prelude::*;

use super::{read::set_parts, *};
use crate::{Columns, Condition, ETag, LinkTo};

const ACCOUNT: Uuid = Uuid::from_u128(0xa);
const DEAL: Uuid = Uuid::from_u128(0xd);

fn base() -> url::Url {
    "https://x.example/api/data/v9.2/".parse().unwrap()
}

fn two_sets() -> [ChangeSet; 2] {
    let mut first = ChangeSet::new();
    let account = first.push(Op::create(
        &Table::ACCOUNT,
        Some(ACCOUNT),
        Columns::new().set("name", "Northwind Traders"),
    ));
    first.push(Op::create(
        &Table::OPPORTUNITY,
        None,
        Columns::new()
            .set("name", "Deal C")
            .bind_content("parentaccountid", account),
    ));
    let second = ChangeSet::new()
        .with(
            Op::update(
                &Table::OPPORTUNITY,
                DEAL,
                Columns::new().set("closeprobability", 40),
                &Condition::Version(ETag::new("W/\"919042\"")),
            )
            .returning(["versionnumber"]),
        )
        .with(Op::delete(&Table::ACCOUNT, ACCOUNT, &Condition::MustExist))
        .with(Op::win_opportunity(
            DEAL,
            3,
            &crate::CloseDetails::default(),
        ));
    [first, second]
}

#[test]
fn the_batch_is_written_byte_for_byte() {
    let entries = two_sets().map(Entry::Set);
    let body = write::batch(&base(), "batch_b", "changeset_c", &entries);
    let lines = [
        "--batch_b",
        "Content-Type: multipart/mixed; boundary=\"changeset_c_0\"",
        "",
        "--changeset_c_0",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 1",
        "",
        "POST /api/data/v9.2/accounts HTTP/1.1",
        "Content-Type: application/json; type=entry",
        "",
        "{\"accountid\":\"00000000-0000-0000-0000-00000000000a\",\"name\":\"Northwind Traders\"}",
        "--changeset_c_0",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 2",
        "",
        "POST /api/data/v9.2/opportunities HTTP/1.1",
        "Content-Type: application/json; type=entry",
        "",
        "{\"name\":\"Deal C\",\"parentaccountid@odata.bind\":\"$1\"}",
        "--changeset_c_0--",
        "",
        "--batch_b",
        "Content-Type: multipart/mixed; boundary=\"changeset_c_1\"",
        "",
        "--changeset_c_1",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 3",
        "",
        "PATCH /api/data/v9.2/opportunities(00000000-0000-0000-0000-00000000000d)?$select=versionnumber HTTP/1.1",
        "Content-Type: application/json; type=entry",
        "If-Match: W/\"919042\"",
        "Prefer: return=representation",
        "",
        "{\"closeprobability\":40}",
        "--changeset_c_1",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 4",
        "",
        "DELETE /api/data/v9.2/accounts(00000000-0000-0000-0000-00000000000a) HTTP/1.1",
        "If-Match: *",
        "",
        "",
        "--changeset_c_1",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 5",
        "",
        "POST /api/data/v9.2/WinOpportunity HTTP/1.1",
        "Content-Type: application/json",
        "",
        "{\"OpportunityClose\":{\"opportunityid@odata.bind\":\"/opportunities(00000000-0000-0000-0000-00000000000d)\"},\"Status\":3}",
        "--changeset_c_1--",
        "",
        "--batch_b--",
        "",
    ];
    assert_eq!(std::str::from_utf8(&body).unwrap(), lines.join("\r\n"));
}

#[test]
fn references_are_counted_from_the_start_of_the_batch() {
    let mut second = ChangeSet::new();
    let account = second.push(Op::create(&Table::ACCOUNT, None, Columns::new()));
    second.push(Op::create(
        &Table::OPPORTUNITY,
        None,
        Columns::new().bind_content("parentaccountid", account),
    ));
    let first = ChangeSet::new().with(Op::delete(&Table::ACCOUNT, DEAL, &Condition::None));
    let entries = [first, second].map(Entry::Set);
    let body = write::batch(&base(), "b", "c", &entries);
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains("Content-ID: 2\r\n"), "{text}");
    assert!(text.contains("@odata.bind\":\"$2\""), "{text}");
}

#[test]
fn reads_and_single_writes_stand_beside_change_sets() {
    let mut set = ChangeSet::new();
    let account = set.push(Op::create(&Table::ACCOUNT, None, Columns::new()));
    set.push(Op::update_made(account, Columns::new().set("name", "B")));
    set.push(Op::set_reference_of_made(
        account,
        "primarycontactid",
        LinkTo::Row(Table::CONTACT, DEAL),
    ));
    let to = LinkTo::Made(account);
    set.push(Op::associate(&Table::CONTACT, DEAL, "x_accounts", to));
    let batch = Batch::new()
        .with_op(Op::delete(&Table::ACCOUNT, DEAL, &Condition::MustExist).tagged("a&b"))
        .with_set(set)
        .with_row(&Table::ACCOUNT, ACCOUNT, &Query::select(["name"]))
        .with_page(
            &Table::ACCOUNT,
            &Query::select(["name"]),
            &PageOptions::default().with_size(3),
        );
    batch.check().into_result("test").unwrap();
    assert_eq!(batch.operations(), 7);
    let body = write::batch(&base(), "b", "c", &batch.entries);
    let text = std::str::from_utf8(&body).unwrap();
    for part in [
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nDELETE \
         /api/data/v9.2/accounts(00000000-0000-0000-0000-00000000000d)?tag=a%26b HTTP/1.1\r\n\
         If-Match: *\r\n\r\n\r\n--b\r\n",
        "\r\nPATCH $1 HTTP/1.1\r\nContent-Type: application/json; type=entry\r\n\r\n{\"name\":\"B\"}\r\n",
        "\r\nPUT $1/primarycontactid/$ref HTTP/1.1\r\nContent-Type: application/json\r\n\r\n\
         {\"@odata.id\":\"https://x.example/api/data/v9.2/contacts(00000000-0000-0000-0000-00000000000d)\"}\r\n",
        "x_accounts/$ref HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"@odata.id\":\"$1\"}\r\n",
        "\r\nGET /api/data/v9.2/accounts(00000000-0000-0000-0000-00000000000a)?$select=name HTTP/1.1\r\n\
         Accept: application/json\r\n\r\n\r\n--b\r\n",
        "\r\nGET /api/data/v9.2/accounts?$select=name HTTP/1.1\r\nAccept: application/json\r\n\
         Prefer: odata.maxpagesize=3\r\n\r\n\r\n--b--\r\n",
    ] {
        assert!(text.contains(part), "{part}\n---\n{text}");
    }
    let alone = Batch::new().with_op(Op::update_made(account, Columns::new()));
    let error = alone.check().into_result("test").unwrap_err();
    assert!(error.message().contains("one change set"), "{error}");
}

#[test]
fn what_the_service_would_break_is_refused_with_every_reason() {
    let mut set = ChangeSet::new();
    let bound = |to: u32| Columns::new().bind_content("parentaccountid", ContentId::nth(to));
    set.push(Op::create(&Table::ACCOUNT, None, Columns::new()).returning(["name"]));
    set.push(Op::create(&Table::OPPORTUNITY, None, bound(1)));
    set.push(Op::create(&Table::OPPORTUNITY, None, bound(3)));
    set.push(Op::create(
        &Table::OPPORTUNITY,
        None,
        Columns::new().set("no name", 1),
    ));
    let mut faults = Faults::default();
    set.check(&mut faults);
    ChangeSet::new().check(&mut faults);
    let error = faults.into_result("test").unwrap_err();
    for part in [
        "operation 2 points at operation 1, which returns its row",
        "operation 3 points at operation 3: only earlier",
        "\"no name\"",
        "no operation",
    ] {
        assert!(error.message().contains(part), "{error}");
    }
}

const GOOD: &str = "--batchresponse_c1d2\r\n\
    Content-Type: application/http\r\n\
    Content-Transfer-Encoding: binary\r\n\
    \r\n\
    HTTP/1.1 412 Precondition Failed\r\n\
    Content-Type: application/json;\r\n\
    \x20odata.metadata=minimal\r\n\
    REQ_ID: 77\r\n\
    \r\n\
    {\"error\":{\"code\":\"0x80060882\",\"message\":\"The version differs.\"}}\r\n\
    --batchresponse_c1d2\r\n\
    Content-Type: multipart/mixed; boundary=changesetresponse_9a8b\r\n\
    \r\n\
    --changesetresponse_9a8b\r\n\
    content-type: application/http\r\n\
    Content-ID: 2\r\n\
    \r\n\
    HTTP/1.1 204 No Content\r\n\
    OData-EntityId: https://x.example/api/data/v9.2/accounts(00000000-0000-0000-0000-00000000000a)\r\n\
    \r\n\
    \r\n\
    --changesetresponse_9a8b\r\n\
    Content-Type: application/http\r\n\
    \r\n\
    HTTP/1.1 200 OK\r\n\
    \r\n\
    {\"a\":\"--batchresponse_c1d2\"}\r\n\
    --changesetresponse_9a8b--\r\n\
    --batchresponse_c1d2--\r\n";

const KIND: &str = "multipart/mixed; boundary=batchresponse_c1d2";

fn check_good(kind: &str, text: &str) {
    let sets = set_parts(kind, &Bytes::copy_from_slice(text.as_bytes())).unwrap();
    let [SetPart::Single(refused), SetPart::Many(applied)] = sets.as_slice() else {
        panic!("{sets:?}");
    };
    assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(
        refused.headers["content-type"],
        "application/json; odata.metadata=minimal"
    );
    assert!(refused.body.starts_with(b"{\"error\""));
    assert_eq!(applied.len(), 2);
    assert_eq!(applied[0].content_id.as_deref(), Some("2"));
    assert_eq!(applied[0].status, StatusCode::NO_CONTENT);
    assert!(applied[0].body.is_empty());
    assert_eq!(applied[1].content_id, None);
    assert_eq!(applied[1].body, "{\"a\":\"--batchresponse_c1d2\"}");
}

#[test]
fn good_answers_are_read_in_every_form() {
    check_good(KIND, GOOD);
    check_good(KIND, &GOOD.replace("\r\n", "\n"));
    check_good(
        "Multipart/Mixed; charset=utf-8; Boundary=\"batchresponse_c1d2\"",
        GOOD,
    );
    check_good(KIND, &format!("preamble\r\n{GOOD}epilogue"));
    check_good(KIND, GOOD.trim_end());
}

#[test]
fn a_cut_off_answer_holds_only_what_is_whole() {
    // Cut anywhere: never more parts than were closed, and never a panic.
    for end in 0..GOOD.len() {
        let Ok(sets) = set_parts(KIND, &Bytes::copy_from_slice(&GOOD.as_bytes()[..end])) else {
            continue;
        };
        let first_closes = GOOD
            .find("\r\n--batchresponse_c1d2\r\nContent-Type: multipart")
            .unwrap();
        assert!(end > first_closes, "{end}");
        if sets.len() == 2 {
            // Only the delimiter's own trailing bytes may be missing.
            assert!(GOOD[end..].trim_end_matches("--\r\n").len() <= 2, "{end}");
        }
    }
}

#[test]
fn a_wrong_form_is_named() {
    for (kind, text, fault) in [
        ("application/json", "{}", "no multipart"),
        ("multipart/mixed", GOOD, "no multipart"),
        ("multipart/mixed; boundary=", GOOD, "no multipart"),
        ("multipart/mixed; boundary=other", GOOD, "its own boundary"),
        (KIND, "", "its own boundary"),
        (KIND, "--batchresponse_c1d2\r\n\r\nHTTP", "cut off"),
        (
            KIND,
            "--batchresponse_c1d2\r\n\r\nHTTP/1.1 abc\r\n--batchresponse_c1d2--",
            "status line",
        ),
        (
            KIND,
            "--batchresponse_c1d2\r\nnocolon\r\n\r\n--batchresponse_c1d2--",
            "without a colon",
        ),
    ] {
        let error = set_parts(kind, &Bytes::copy_from_slice(text.as_bytes())).unwrap_err();
        assert!(error.contains(fault), "{kind}: {error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        kind in "(multipart/mixed; boundary=(b|\"b\")|\\PC{0,40})",
        body in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let _ = set_parts(&kind, &body.into());
    }

    #[test]
    fn no_shuffled_answer_makes_the_reader_panic(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("--b\r\n".to_owned()), Just("--b--\r\n".to_owned()), Just("--c\n".to_owned()),
                Just("--c--\n".to_owned()), Just("\r\n".to_owned()), Just("\n".to_owned()),
                Just("Content-Type: multipart/mixed; boundary=c\r\n".to_owned()),
                Just("Content-Type: application/http\r\n".to_owned()),
                Just(" folded\r\n".to_owned()), Just("HTTP/1.1 204 No Content\r\n".to_owned()),
                Just("HTTP/1.1 999\r\n".to_owned()), "\\PC{0,20}",
            ],
            0..24,
        ),
    ) {
        let body = Bytes::from(pieces.concat());
        let _ = set_parts("multipart/mixed; boundary=b", &body);
        let _ = first_failure("multipart/mixed; boundary=b", &body);
    }
}
