//! Requests and answers of each operation, over real HTTP.

use std::sync::Arc;

use cosell_http::{Call, Repeat, ReqwestOptions, ReqwestTransport};
use cosell_referrals::{
    CreateOptions, ETag, ErrorKind, ListOptions, Patch, PatchOptions, RawMap, Referrals, Sent,
    is_stale,
};
use http::Method;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string, header, header_exists, method, path, query_param},
};

use crate::support::{ETAG, ID, OneToken, SAMPLE, Scripted, Still, Turn};

const COLLECTION: &str = "/v1.0/engagements/referrals";

fn item() -> String {
    format!("{COLLECTION}/{ID}")
}

fn referrals(server: &MockServer) -> Referrals {
    let transport = ReqwestTransport::new(ReqwestOptions::default()).unwrap();
    Referrals::builder(Arc::new(transport), Arc::new(OneToken), Arc::new(Still))
        .base(server.uri().parse().unwrap())
        .build()
        .unwrap()
}

fn sample() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(SAMPLE, "application/json")
}

fn fault(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_raw(
            format!(
                r#"{{"error":{{"code":"{code}","message":"said so","target":"referral","innerError":null}}}}"#
            ),
            "application/json",
        )
        .insert_header("Request-ID", "41c1f0f5-8a0e-4d1d-8f0b-0b8b6b2f7c90")
}

fn draft() -> RawMap {
    serde_json::from_str(include_str!("samples/private_deal.json")).unwrap()
}

#[tokio::test]
async fn a_list_carries_token_and_query() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(COLLECTION))
        .and(query_param("$orderby", "createdDateTime asc"))
        .and(header("authorization", "Bearer secret-token"))
        .and(header("accept", "application/json"))
        .and(header_exists("client-request-id"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_raw(format!(r#"{{"value":[{SAMPLE}]}}"#), "application/json"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let page = referrals(&server)
        .first_page(&ListOptions::default())
        .await
        .unwrap();
    assert_eq!(page.items[0].id().unwrap().as_deref(), Some(ID));
    assert!(page.next.is_none());
}

#[tokio::test]
async fn a_referral_is_got_by_its_id() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(item()))
        .respond_with(sample())
        .mount(&server)
        .await;
    let referral = referrals(&server).get(ID).await.unwrap().unwrap();
    assert_eq!(referral.etag().unwrap().unwrap().as_str(), ETAG);
}

#[tokio::test]
async fn only_the_service_can_say_that_there_is_none() {
    let server = MockServer::start().await;
    Mock::given(path(format!("{COLLECTION}/gone")))
        .respond_with(fault(404, "itemNotFound"))
        .mount(&server)
        .await;
    let client = referrals(&server);
    assert!(client.get("gone").await.unwrap().is_none());
    // The mock server's own 404 is a gateway's: no body.
    let failed = client.get("elsewhere").await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_id_stays_one_segment_of_the_path() {
    let service = Scripted::new([Turn::Answer(404, String::new())]);
    let client = service.client();
    client.get("a/../../secret?x=1#y").await.unwrap_err();
    assert_eq!(
        service.addresses(),
        [format!(
            "https://api.partner.microsoft.com{COLLECTION}/a%2F..%2F..%2Fsecret%3Fx%3D1%23y"
        )]
    );
    for id in ["", ".", ".."] {
        let failed = client.get(id).await.unwrap_err();
        assert_eq!(
            (failed.kind(), failed.sent()),
            (ErrorKind::Invalid, Sent::No)
        );
    }
}

#[tokio::test]
async fn a_create_is_taken_as_200_or_201() {
    for status in [200, 201] {
        let server = MockServer::start().await;
        let body = serde_json::to_string(&draft()).unwrap();
        Mock::given(method("POST"))
            .and(path(COLLECTION))
            .and(header("content-type", "application/json"))
            .and(body_string(body))
            .respond_with(ResponseTemplate::new(status).set_body_raw(SAMPLE, "application/json"))
            .mount(&server)
            .await;
        let made = referrals(&server)
            .create_raw(&draft(), CreateOptions::default())
            .await
            .unwrap();
        assert_eq!(made.id().unwrap().as_deref(), Some(ID));
    }
}

#[tokio::test]
async fn a_create_without_answer_is_not_repeated() {
    let service = Scripted::new([Turn::Lost]);
    let failed = service
        .client()
        .create_raw(&draft(), CreateOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (failed.kind(), failed.sent()),
        (ErrorKind::Transport, Sent::Maybe)
    );
    assert_eq!(service.requests(), 1);

    let service = Scripted::answering(500, "");
    let options = CreateOptions::default();
    service
        .client()
        .create_raw(&draft(), options)
        .await
        .unwrap_err();
    assert_eq!(service.requests(), 1);
}

#[tokio::test]
async fn a_faulty_draft_or_patch_never_leaves() {
    let service = Scripted::new([]);
    let client = service.client();
    let failed = client
        .create(
            &cosell_referrals::NewReferral::default(),
            CreateOptions::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(
        (failed.kind(), failed.sent()),
        (ErrorKind::Invalid, Sent::No)
    );
    let cause = std::error::Error::source(&failed).unwrap().to_string();
    assert!(cause.contains("customerProfile: is required"), "{cause}");
    let failed = client
        .patch(ID, &Patch::new(), PatchOptions::default())
        .await;
    assert_eq!(failed.unwrap_err().sent(), Sent::No);
    let tag = PatchOptions::default().with_if_match(ETag::new("\"a\nb\""));
    let failed = client.patch(ID, &Patch::new().accept(), tag).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn nothing_is_sent_after_its_last_moment() {
    let service = Scripted::new([]);
    let past = "2026-03-09T14:59:59Z".parse().unwrap();
    let client = service.client();
    let options = CreateOptions::default().with_not_after(past);
    let failed = client.create_raw(&draft(), options).await.unwrap_err();
    assert_eq!(
        (failed.kind(), failed.sent()),
        (ErrorKind::TooLate, Sent::No)
    );
    let options = PatchOptions::default().with_not_after(past);
    let failed = client
        .patch(ID, &Patch::new().win(), options)
        .await
        .unwrap_err();
    assert_eq!(
        (failed.kind(), failed.sent()),
        (ErrorKind::TooLate, Sent::No)
    );
}

#[tokio::test]
async fn a_patch_carries_the_tag_with_its_quotes() {
    let server = MockServer::start().await;
    Mock::given(method("PATCH"))
        .and(path(item()))
        .and(header("if-match", ETAG))
        .and(header("prefer", "return=representation"))
        .and(header("content-type", "application/json"))
        .and(body_string(
            r#"[{"op":"replace","path":"/details/dealValue","value":91000}]"#,
        ))
        .respond_with(sample())
        .expect(1)
        .mount(&server)
        .await;
    let patch = Patch::new().with_deal_value(91_000);
    let options = PatchOptions::default().with_if_match(ETag::new(ETAG));
    let patched = referrals(&server).patch(ID, &patch, options).await.unwrap();
    assert_eq!(patched.referral.unwrap().id().unwrap().as_deref(), Some(ID));
}

#[tokio::test]
async fn a_patch_is_answered_without_a_body_too() {
    let service = Scripted::answering(204, "");
    let options = PatchOptions::default().with_representation(false);
    let patched = service
        .client()
        .patch(ID, &Patch::new().accept(), options)
        .await;
    assert!(patched.unwrap().referral.is_none());
    let request = service.request();
    assert!(!request.headers().contains_key("prefer"));
    assert!(!request.headers().contains_key("if-match"));
}

#[tokio::test]
async fn a_stale_tag_is_told_from_other_refusals() {
    let body = r#"{"error":{"code":"preconditionFailed","message":"A precondition does not match",
        "target":"ETag","innerError":{"code":"99918","message":"Etag value did not Match","details":null}}}"#;
    let service = Scripted::answering(412, body);
    let options = PatchOptions::default().with_if_match(ETag::new(ETAG));
    let failed = service
        .client()
        .patch(ID, &Patch::new().accept(), options)
        .await
        .unwrap_err();
    assert!(is_stale(&failed));
    assert_eq!(
        (failed.kind(), failed.sent()),
        (ErrorKind::Conflict, Sent::Answered)
    );
    assert_eq!(failed.target(), Some("ETag"));
    assert!(failed.to_string().contains("99918"), "{failed}");

    let service = Scripted::answering(400, r#"{"error":{"code":"invalidRequest"}}"#);
    let options = PatchOptions::default();
    let failed = service
        .client()
        .patch(ID, &Patch::new().accept(), options)
        .await
        .unwrap_err();
    assert!(!is_stale(&failed));
}

#[tokio::test]
async fn refusals_keep_kind_code_target_and_request_id() {
    for (status, code, kind) in [
        (400, "invalidRequest", ErrorKind::Refused),
        (403, "accessDenied", ErrorKind::Denied),
        (404, "itemNotFound", ErrorKind::NotFound),
        (409, "resourceModified", ErrorKind::Conflict),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("PATCH"))
            .respond_with(fault(status, code))
            .expect(1)
            .mount(&server)
            .await;
        let failed = referrals(&server)
            .patch(ID, &Patch::new().accept(), PatchOptions::default())
            .await
            .unwrap_err();
        assert_eq!(failed.kind(), kind);
        assert_eq!(failed.code(), Some(code));
        assert_eq!(failed.target(), Some("referral"));
        assert!(failed.message().contains("said so"), "{failed}");
        assert_eq!(
            failed.request_id(),
            Some("41c1f0f5-8a0e-4d1d-8f0b-0b8b6b2f7c90")
        );
        assert!(!failed.to_string().contains("secret-token"));
    }
}

#[tokio::test]
async fn a_throttled_read_is_tried_again() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(
            ResponseTemplate::new(429)
                .insert_header("retry-after", "7")
                .set_body_raw(
                    r#"{"statusCode":429,"message":"Rate limit"}"#,
                    "application/json",
                ),
        )
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(sample())
        .mount(&server)
        .await;
    assert!(referrals(&server).get(ID).await.unwrap().is_some());
}

#[tokio::test]
async fn a_web_page_in_place_of_a_record_is_malformed() {
    let service = Scripted::answering(200, "<html>Sign in</html>");
    let failed = service.client().get(ID).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Malformed);
    let cause = std::error::Error::source(&failed).unwrap().to_string();
    assert_eq!(
        cause,
        "referral: expected a JSON object, found a body that is not JSON"
    );
}

#[tokio::test]
async fn the_raw_door_has_the_same_sign_in_and_address() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/v1.0/engagements/referrals/new-feature"))
        .and(header("authorization", "Bearer secret-token"))
        .respond_with(ResponseTemplate::new(200).set_body_string("[]"))
        .mount(&server)
        .await;
    let target = "/v1.0/engagements/referrals/new-feature";
    let call = Call::new("feature", Method::GET, target, Repeat::Safe);
    let answer = referrals(&server).raw().call(call).await.unwrap();
    assert_eq!(&answer.body[..], b"[]");
}

#[test]
fn every_future_and_stream_can_change_threads() {
    fn send<T: Send>(_: &T) {}
    fn shared<T: Clone + Send + Sync>(_: &T) {}
    let client = Scripted::new([]).client();
    shared(&client);
    let (options, patch, raw) = (ListOptions::default(), Patch::new(), RawMap::new());
    send(&client.get(ID));
    send(&client.create_raw(&raw, CreateOptions::default()));
    send(&client.patch(ID, &patch, PatchOptions::default()));
    send(&client.first_page(&options));
    send(&client.list(ListOptions::default()));
}
