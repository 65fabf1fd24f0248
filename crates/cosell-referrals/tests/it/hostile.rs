//! Answers that no service should give: each ends in a typed error or in a record, none in a panic,
//! an endless wait, or a token sent elsewhere.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_http::{ReqwestOptions, ReqwestTransport, Sleep, Transport};
use cosell_referrals::{
    CreateOptions, ErrorKind, ListOptions, Patch, PatchOptions, RawMap, Referrals, Sent,
};
use futures_util::TryStreamExt;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::support::{ID, OneToken, SAMPLE, Scripted, Turn};

/// A clock that notes how long it was asked to wait.
#[derive(Debug, Default)]
struct Waits(Mutex<Vec<Duration>>);

#[async_trait]
impl Sleep for Waits {
    fn now(&self) -> DateTime<Utc> {
        "2026-03-09T15:00:00Z".parse().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration);
    }
}

fn client(transport: Arc<dyn Transport>, waits: &Arc<Waits>) -> Referrals {
    let waits = Arc::clone(waits);
    Referrals::builder(transport, Arc::new(OneToken), waits)
        .build()
        .unwrap()
}

fn draft() -> RawMap {
    serde_json::from_str(include_str!("samples/private_deal.json")).unwrap()
}

#[tokio::test]
async fn ten_megabytes_are_read_and_twenty_are_not() {
    for (megabytes, fits) in [(10, true), (20, false)] {
        let server = MockServer::start().await;
        let notes = "x".repeat(megabytes * 1024 * 1024);
        let body = format!(r#"{{"value":[{{"id":"a","name":"{notes}"}}]}}"#);
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/json"))
            .mount(&server)
            .await;
        let transport = ReqwestTransport::new(ReqwestOptions::default()).unwrap();
        let client = Referrals::builder(
            Arc::new(transport),
            Arc::new(OneToken),
            Arc::new(Waits::default()),
        )
        .base(server.uri().parse().unwrap())
        .build()
        .unwrap();
        let page = client.first_page(&ListOptions::default()).await;
        assert_eq!(page.is_ok(), fits, "{megabytes}");
        if let Err(failed) = page {
            assert_eq!(failed.kind(), ErrorKind::Malformed, "{failed}");
        }
    }
}

#[tokio::test]
async fn nesting_without_end_spoils_only_its_own_member() {
    for depth in [127, 128, 200, 500_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(
            r#"{{"id":"a","details":{deep},"team":{deep},"tags":{deep},"links":{{"self":{deep}}}}}"#
        );
        let service = Scripted::answering(200, &body);
        let read = service.client().get(ID).await.unwrap().unwrap();
        assert_eq!(read.id().unwrap().as_deref(), Some("a"));
        assert!(read.details().is_err());
        assert!(read.team().map(|team| team[0].email()).is_err());
        assert!(read.tags().unwrap()[0].text().is_none());
        assert!(read.links().unwrap().unwrap().itself().is_err());
        assert!(read.category().is_ok());

        let page = format!(r#"{{"value":[{deep}]}}"#);
        let failed = Scripted::answering(200, &page)
            .client()
            .first_page(&ListOptions::default())
            .await
            .unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Malformed);
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_malformed_and_not_shown() {
    let body = b"{\"id\":\"Ada \xff\xfe\"}".to_vec();
    for status in [200, 400] {
        let service = Scripted::new([Turn::Bytes(status, vec![], body.clone())]);
        let failed = service.client().get(ID).await.unwrap_err();
        let kind = if status == 200 {
            ErrorKind::Malformed
        } else {
            ErrorKind::Refused
        };
        assert_eq!(failed.kind(), kind);
        assert_eq!(failed.code(), None);
    }
    // A torn character within an escape.
    let service = Scripted::answering(200, r#"{"id":"\ud800","name":"kept"}"#);
    let read = service.client().get(ID).await.unwrap().unwrap();
    assert!(read.id().is_err());
    assert_eq!(read.name().unwrap().as_deref(), Some("kept"));
}

#[tokio::test]
async fn a_write_whose_answer_is_unreadable_says_that_it_was_done() {
    let service = Scripted::answering(201, "<html>Created</html>");
    let failed = service
        .client()
        .create_raw(&draft(), CreateOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (failed.kind(), failed.sent()),
        (ErrorKind::Malformed, Sent::Answered)
    );
    let service = Scripted::new([Turn::Bytes(200, vec![], b"{\"id\":".to_vec())]);
    let failed = service
        .client()
        .patch(ID, &Patch::new().with_notes("x"), PatchOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (failed.kind(), failed.sent()),
        (ErrorKind::Malformed, Sent::Answered)
    );
    assert_eq!(service.requests(), 1);
}

#[tokio::test]
async fn a_list_that_never_ends_is_read_as_far_as_wanted() {
    // Every page has another link: no circle, no end. Memory is one page.
    let page = |n: usize| {
        let link = format!("http://api.partner.microsoft.com/v1.0/referrals?$skiptoken={n}");
        Turn::Answer(
            200,
            format!(r#"{{"value":[{{"id":"{n}"}}],"@odata.nextLink":"{link}"}}"#),
        )
    };
    let service = Scripted::new((0..200).map(page));
    let mut list = service.client().list(ListOptions::default());
    for n in 0..200 {
        let read = list.try_next().await.unwrap().unwrap();
        assert_eq!(read.id().unwrap().unwrap(), n.to_string());
    }
    assert_eq!(service.requests(), 200);
}

#[tokio::test]
async fn the_token_goes_to_no_other_host() {
    for link in [
        "https://evil.example/v1.0/engagements/referrals?$skiptoken=1",
        "https://api.partner.microsoft.com.evil.example/v1.0/referrals",
        "https://api.partnercenter.microsoft.com/v1.0/engagements/referrals",
        "//evil.example/v1.0/referrals",
        "https://api.partner.microsoft.com:444/v1.0/referrals",
        "https://user@api.partner.microsoft.com/v1.0/referrals",
        "data:text/plain,x",
        "http://169.254.169.254/latest",
    ] {
        let body = serde_json::json!({ "value": [], "@odata.nextLink": link }).to_string();
        let service = Scripted::answering(200, &body);
        let pages = service.client().pages(ListOptions::default());
        let failed = pages.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Malformed, "{link}");
        assert_eq!(service.requests(), 1, "{link}");
    }
}

#[tokio::test]
async fn pages_of_a_gateway_are_no_answers_of_the_service() {
    let page = "<!DOCTYPE html><html><body>Sign in to continue, ada@fabrikam.example</body></html>";
    for (status, kind) in [
        (200, ErrorKind::Malformed),
        (302, ErrorKind::Malformed),
        (401, ErrorKind::Denied),
        (403, ErrorKind::Denied),
        (404, ErrorKind::NotFound),
        (413, ErrorKind::Refused),
        (502, ErrorKind::Service),
    ] {
        // Reads are tried again where that may help.
        let turns = (0..4).map(|_| Turn::Answer(status, page.to_owned()));
        let waits = Arc::new(Waits::default());
        let service = Scripted::new(turns);
        let failed = client(service, &waits).get(ID).await.unwrap_err();
        assert_eq!(failed.kind(), kind, "{status}: {failed}");
        assert!(!failed.to_string().contains("ada@"), "{failed}");
    }
}

#[tokio::test]
async fn every_status_of_the_documents_ends_a_write_in_a_kind() {
    use ErrorKind as K;
    for (status, kind) in [
        (400, K::Refused),
        (401, K::Denied),
        (403, K::Denied),
        (404, K::NotFound),
        (405, K::Refused),
        (406, K::Refused),
        (409, K::Conflict),
        (410, K::NotFound),
        (411, K::Refused),
        (412, K::Conflict),
        (413, K::Refused),
        (415, K::Refused),
        (416, K::Refused),
        (422, K::Refused),
        (423, K::Refused),
        (429, K::Throttled),
        (500, K::Service),
        (501, K::Service),
        (503, K::Service),
        (504, K::Service),
        (507, K::Service),
        (509, K::Service),
    ] {
        let body = r#"{"error":{"code":"someCode","message":"said so","target":"referral"}}"#;
        let waits = Arc::new(Waits::default());
        let service = Scripted::new((0..8).map(|_| Turn::Answer(status, body.to_owned())));
        let failed = client(service.clone(), &waits)
            .create_raw(&draft(), CreateOptions::default())
            .await
            .unwrap_err();
        assert_eq!(failed.kind(), kind, "{status}");
        assert_eq!(
            (failed.code(), failed.target()),
            (Some("someCode"), Some("referral"))
        );
        // A create has no key: only what certainly was not done is tried again.
        let again = matches!(status, 401 | 429);
        assert_eq!(service.requests() > 1, again, "{status}");
    }
}

#[tokio::test]
async fn an_empty_401_is_tried_with_one_new_token_and_explained() {
    let turns = (0..2).map(|_| Turn::Bytes(401, vec![], Vec::new()));
    let service = Scripted::new(turns);
    let failed = service.client().get(ID).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Denied);
    assert!(failed.message().contains("audience"), "{failed}");
    assert!(service.requests() <= 2);

    let challenge = vec![(
        "www-authenticate",
        "Bearer error=\"invalid_token\"".to_owned(),
    )];
    let service = Scripted::new((0..2).map(|_| Turn::Bytes(401, challenge.clone(), Vec::new())));
    assert_eq!(
        service.client().get(ID).await.unwrap_err().kind(),
        ErrorKind::Denied
    );
}

#[tokio::test]
async fn a_wait_is_obeyed_as_seconds_or_date_and_an_absurd_one_is_not() {
    let throttled = |wait: &str| {
        let headers = vec![("retry-after", wait.to_owned())];
        Turn::Bytes(429, headers, Vec::new())
    };
    for (wait, seconds) in [
        ("57", 57),
        ("Mon, 09 Mar 2026 15:00:41 GMT", 41),
        // Past: there is nothing to wait for but the client's own pause.
        ("Mon, 09 Mar 2020 15:00:41 GMT", 0),
    ] {
        let waits = Arc::new(Waits::default());
        let service = Scripted::new([throttled(wait), Turn::Answer(200, SAMPLE.to_owned())]);
        let read = client(service.clone(), &waits).get(ID).await.unwrap();
        assert!(read.is_some() && service.requests() == 2);
        let waited: Duration = waits.0.lock().unwrap().iter().sum();
        assert!(waited >= Duration::from_secs(seconds), "{wait}: {waited:?}");
        assert!(
            waited <= Duration::from_secs(seconds + 40),
            "{wait}: {waited:?}"
        );
    }
    for absurd in [
        "86400",
        "99999999999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let waits = Arc::new(Waits::default());
        let service = Scripted::new([throttled(absurd)]);
        let failed = client(service, &waits).get(ID).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Throttled, "{absurd}");
        assert!(failed.retry_after().is_some());
        assert!(waits.0.lock().unwrap().is_empty(), "{absurd}");
    }
    // No number and no date: as if there were none.
    let waits = Arc::new(Waits::default());
    let service = Scripted::new([throttled("-5 soon"), Turn::Answer(200, SAMPLE.to_owned())]);
    assert!(client(service, &waits).get(ID).await.unwrap().is_some());
}
