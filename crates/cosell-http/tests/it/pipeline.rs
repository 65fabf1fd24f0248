//! The order of the steps, what is sent, and what comes back.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cosell_http::{Call, Client, ErrorKind, Repeat, RetryOptions, Sent, ServiceFault};
use http::{HeaderName, HeaderValue, Method, Response, header};
use tracing::{Event, Metadata, Subscriber, field::Visit, span};
use url::Url;
use uuid::Uuid;

use crate::support::{BASE, Bench, Clock, Diary, Script, Tokens, get, status, with_header};

/// Writes one line per event into the diary, and all field values into `text`.
struct Log {
    diary: Diary,
    text: Arc<Mutex<String>>,
    spans: Mutex<u64>,
}

impl Visit for &Log {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let mut text = self.text.lock().unwrap();
        text.push_str(&format!("{}={value:?};", field.name()));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut &*self);
        let mut spans = self.spans.lock().unwrap();
        *spans += 1;
        self.diary.lock().unwrap().push("span".into());
        span::Id::from_u64(*spans)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
        self.diary.lock().unwrap().push("log".into());
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn the_steps_come_in_their_order_under_one_correlation_id() {
    let bench = Bench::new([with_header(429, "retry-after", "3"), status(204)]);
    let text = Arc::new(Mutex::new(String::new()));
    let guard = tracing::subscriber::set_default(Log {
        diary: bench.diary.clone(),
        text: Arc::clone(&text),
        spans: Mutex::new(0),
    });
    let call = get("referrals?$filter=hush").with_body(
        HeaderValue::from_static("application/json"),
        "hush".as_bytes(),
    );
    let answer = bench.client.call(call).await.unwrap();
    drop(guard);

    assert_eq!(
        *bench.diary.lock().unwrap(),
        [
            "span", "token", "send", "log", "sleep 3s", "token", "send", "log"
        ]
    );
    let ids: Vec<_> = (0..2)
        .map(|index| bench.script.header(index, "client-request-id").unwrap())
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0], answer.correlation.to_string());

    let text = text.lock().unwrap();
    assert!(
        text.contains("test.call") && text.contains(&ids[0]),
        "{text}"
    );
    for secret in ["hush", "token-1", "Bearer"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn headers_of_the_call_come_before_those_of_the_client() {
    let bench = Bench::with([], |builder| {
        builder
            .default_header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .default_header(
                HeaderName::from_static("prefer"),
                HeaderValue::from_static("odata.maxpagesize=10"),
            )
            .user_agent(HeaderValue::from_static("partner/1"))
            .correlation_header(HeaderName::from_static("x-ms-client-request-id"))
    });
    let id = Uuid::from_u128(7);
    let call = get("rows")
        .with_header(
            HeaderName::from_static("prefer"),
            HeaderValue::from_static("return=representation"),
        )
        .with_correlation(Some(id));
    bench.client.call(call).await.unwrap();

    let header = |name| bench.script.header(0, name);
    assert_eq!(header("accept").as_deref(), Some("application/json"));
    assert_eq!(header("prefer").as_deref(), Some("return=representation"));
    assert_eq!(header("user-agent").as_deref(), Some("partner/1"));
    assert_eq!(header("authorization").as_deref(), Some("Bearer token-1"));
    assert_eq!(header("x-ms-client-request-id"), Some(id.to_string()));
    assert_eq!(header("client-request-id"), None);
    assert_eq!(
        bench.script.requests.lock().unwrap()[0].uri(),
        "https://service.example/v1.0/rows"
    );
}

#[tokio::test]
async fn a_foreign_address_gets_neither_request_nor_token() {
    let bench = Bench::new([]);
    for target in [
        "https://evil.example/v1.0/x",
        "//evil.example/",
        "http://service.example/",
    ] {
        let error = bench.client.call(get(target)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(error.sent(), Sent::No);
        assert_eq!(error.tries(), 0);
    }
    assert!(bench.diary.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_of_the_callers_own_is_refused() {
    let bench = Bench::new([]);
    let call = get("x").with_header(
        header::AUTHORIZATION,
        HeaderValue::from_static("Bearer own-secret"),
    );
    assert!(!format!("{call:?}").contains("own-secret"));
    let error = bench.client.call(call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(!format!("{error:?} {error}").contains("own-secret"));
}

#[test]
fn all_faults_of_a_client_are_told_at_once() {
    let diary = Diary::default();
    let error = Client::builder(
        Url::parse("http://service.example/").unwrap(),
        Script::of(&diary, []),
        Tokens::new(&diary),
        Clock::still(),
    )
    .default_header(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"))
    .retry(RetryOptions::default().with_tries(0))
    .build()
    .unwrap_err();
    let text = error.to_string();
    for fault in ["base address", "authorization", "tries"] {
        assert!(text.contains(fault), "{text}");
    }
}

#[tokio::test]
async fn unchanged_is_an_answer_only_to_those_who_asked() {
    let bench = Bench::new([status(304), status(304)]);
    let asked = get("x").with_header(header::IF_NONE_MATCH, HeaderValue::from_static("W/\"1\""));
    assert_eq!(bench.client.call(asked).await.unwrap().status, 304);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[tokio::test]
async fn a_redirect_is_an_error_and_not_followed() {
    let bench = Bench::new([with_header(302, "location", "https://evil.example/")]);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert_eq!(error.sent(), Sent::Answered);
    assert_eq!(bench.script.sent(), 1);
}

#[tokio::test]
async fn statuses_become_kinds() {
    for (code, kind) in [
        (400, ErrorKind::Refused),
        (401, ErrorKind::Denied),
        (403, ErrorKind::Denied),
        (404, ErrorKind::NotFound),
        (408, ErrorKind::Service),
        (409, ErrorKind::Conflict),
        (410, ErrorKind::NotFound),
        (412, ErrorKind::Conflict),
        (413, ErrorKind::Refused),
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Service),
        (503, ErrorKind::Service),
    ] {
        let bench = Bench::new([status(code)]);
        let call = Call::new("test.call", Method::POST, "x", Repeat::Never);
        let error = bench.client.call(call).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(error.status().unwrap(), code);
        let sent = if code == 429 {
            Sent::No
        } else {
            Sent::Answered
        };
        assert_eq!(error.sent(), sent, "{code}");
        assert_eq!(error.tries(), 1);
    }
}

fn read_fault(_: http::StatusCode, _: &http::HeaderMap, body: &Bytes) -> ServiceFault {
    ServiceFault::default()
        .with_code("preconditionFailed")
        .with_message(String::from_utf8_lossy(body))
        .with_target("ETag")
}

// R84
#[tokio::test]
async fn an_error_says_what_the_service_said() {
    let long = format!("line one\r\nline two {}", "x".repeat(5000));
    let refusal = Response::builder()
        .status(412)
        .header("REQ_ID", "r-77")
        .body(Bytes::from(long))
        .unwrap();
    let bench = Bench::with([Ok(refusal)], |builder| builder.error_reader(read_fault));
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.code(), Some("preconditionFailed"));
    assert_eq!(error.target(), Some("ETag"));
    assert_eq!(error.request_id(), Some("r-77"));
    assert!(error.correlation().is_some());
    let text = error.to_string();
    assert!(text.starts_with("test.call: Conflict 412 preconditionFailed: line one"));
    assert!(!text.contains('\n') && text.len() < 2300, "{}", text.len());
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused_whatever_the_transport_did() {
    let answer = || Ok(Response::new(Bytes::from_static(b"12345")));
    let bench = Bench::with([answer(), answer(), answer()], |builder| {
        builder.body_limit(4)
    });
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert_eq!(error.sent(), Sent::Answered);
    assert_eq!(bench.script.sent(), 1, "a repeat would be as large");
    let answer = bench
        .client
        .call(get("x").with_body_limit(5))
        .await
        .unwrap();
    assert_eq!(answer.body.len(), 5);
}

#[test]
fn the_base_is_a_folder() {
    assert_eq!(Bench::new([]).client.base().as_str(), BASE);
}
