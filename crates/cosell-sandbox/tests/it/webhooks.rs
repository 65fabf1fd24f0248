//! Registration API and posts over a socket, without a client of the project.

use std::time::Duration;

use bytes::Bytes;
use cosell_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Clock, Options, SandboxHandle, ServiceName, TENANT,
    server::{ServeOptions, serve},
    webhooks::{self, EVENTS, PostOnExisting},
};
use http::{Method, Request, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const ROOT: &str = "https://api.partnercenter.microsoft.com/webhooks/v1/registration";

async fn ask(
    sandbox: &SandboxHandle,
    service: ServiceName,
    request: Request<Bytes>,
) -> Response<Bytes> {
    let none = |_| std::future::ready(());
    sandbox.answer(service, request, none).await.unwrap()
}

async fn token(sandbox: &SandboxHandle, scope: &str) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope={scope}"
    );
    let request = Request::post(format!(
        "https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    ))
    .body(Bytes::from(form))
    .unwrap();
    let answer = ask(sandbox, ServiceName::SignIn, request).await;
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

async fn call(
    sandbox: &SandboxHandle,
    token: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("{ROOT}{path}"))
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::from(body))
        .unwrap();
    let answer = ask(sandbox, ServiceName::Webhooks, request).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(answer.body()).unwrap())
}

const SCOPE: &str = "https://api.partnercenter.microsoft.com/.default";

fn options() -> Options {
    Options::default().with_clock(Clock::manual("2026-03-09T14:00:00Z".parse().unwrap()))
}

fn registration(url: &str) -> Value {
    json!({
        "WebhookUrl": url,
        "WebhookEvents": EVENTS,
        "signatureTokenToMsSignatureHeader": true,
    })
}

#[tokio::test]
async fn a_registration_is_made_replaced_and_read() {
    let sandbox = SandboxHandle::new(options());
    let token = token(&sandbox, SCOPE).await;
    let nothing = Value::Null;
    let get = |path| call(&sandbox, &token, Method::GET, path, &nothing);
    assert_eq!(get("").await.0, 404);
    let first = registration("https://hooks.fabrikam.example/pc");
    let put = call(&sandbox, &token, Method::PUT, "", &first).await;
    assert_eq!(put.0, 404);

    let (status, made) = call(&sandbox, &token, Method::POST, "", &first).await;
    assert_eq!(status, 200);
    assert!(made["SubscriberId"].is_string());
    let (_, read) = get("").await;
    assert_eq!(read["WebhookUrl"], first["WebhookUrl"]);
    assert_eq!(read["WebhookEvents"], json!(EVENTS));
    assert!(read.get("SubscriberId").is_none());
    assert!(sandbox.with(|sandbox| {
        sandbox
            .webhooks()
            .registration()
            .unwrap()
            .signature_in_own_header
    }));

    for status in [200, 409] {
        let second = registration("https://hooks.fabrikam.example/other");
        let post = call(&sandbox, &token, Method::POST, "", &second).await;
        assert_eq!(post.0, status);
        sandbox.with(|sandbox| {
            sandbox.webhooks_mut().options_mut().post_on_existing = PostOnExisting::Conflict;
        });
    }
    let (status, _) = call(&sandbox, &token, Method::PUT, "", &first).await;
    assert_eq!(status, 200);
    assert_eq!(get("").await.1["WebhookUrl"], first["WebhookUrl"]);

    let (_, events) = get("/events").await;
    assert!(
        EVENTS
            .iter()
            .all(|name| events.as_array().unwrap().contains(&json!(name)))
    );
    for (bad, told) in [
        (json!([]), "JSON"),
        (
            json!({ "WebhookUrl": "x", "WebhookEvents": EVENTS }),
            "WebhookUrl",
        ),
        (
            json!({ "WebhookUrl": "https://a.example", "WebhookEvents": [] }),
            "empty",
        ),
        (
            json!({ "WebhookUrl": "https://a.example", "WebhookEvents": ["x"] }),
            "known",
        ),
    ] {
        let (status, refusal) = call(&sandbox, &token, Method::PUT, "", &bad).await;
        assert_eq!(status, 400, "{bad}");
        assert!(
            refusal["description"].as_str().unwrap().contains(told),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn the_token_must_be_for_the_webhooks() {
    let sandbox = SandboxHandle::new(options());
    let other = token(
        &sandbox,
        "https://fabrikam-sales.crm4.dynamics.com/.default",
    )
    .await;
    for token in [other.as_str(), "nonsense"] {
        let (status, refusal) = call(&sandbox, token, Method::GET, "", &Value::Null).await;
        assert_eq!(status, 401);
        assert!(refusal["code"].is_string() && refusal["description"].is_string());
    }
}

#[tokio::test]
async fn two_validation_events_a_minute() {
    let sandbox = SandboxHandle::new(options());
    let token = token(&sandbox, SCOPE).await;
    let hook = registration("https://hooks.fabrikam.example/pc");
    call(&sandbox, &token, Method::POST, "", &hook).await;
    let post = || {
        call(
            &sandbox,
            &token,
            Method::POST,
            "/validationEvents",
            &Value::Null,
        )
    };
    let (_, first) = post().await;
    sandbox.advance(Duration::from_secs(20));
    assert_eq!(post().await.0, 200);
    let (status, refusal) = post().await;
    assert_eq!(status, 429);
    assert!(
        refusal["message"].as_str().unwrap().contains("40 seconds"),
        "{refusal}"
    );
    sandbox.advance(Duration::from_secs(40));
    assert_eq!(post().await.0, 200);

    let path = format!(
        "/validationEvents/{}",
        first["correlationId"].as_str().unwrap()
    );
    let (_, state) = call(&sandbox, &token, Method::GET, &path, &Value::Null).await;
    assert_eq!(
        (&state["status"], &state["results"]),
        (&json!("inProgress"), &json!([]))
    );
    sandbox.with(|sandbox| {
        for due in sandbox.take_deliveries() {
            let how = webhooks::Delivered::Answered(http::StatusCode::NOT_FOUND);
            sandbox.report_delivery(due.number, how);
        }
    });
    let (_, state) = call(&sandbox, &token, Method::GET, &path, &Value::Null).await;
    assert_eq!(state["results"][0]["responseCode"], "NotFound");
    sandbox.advance(Duration::from_secs(7 * 24 * 60 * 60));
    let token = self::token(&sandbox, SCOPE).await;
    let (status, _) = call(&sandbox, &token, Method::GET, &path, &Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_served_sandbox_posts_by_itself() {
    let sandbox = SandboxHandle::new(Options::default());
    let running = serve(sandbox.clone(), ServeOptions::default())
        .await
        .unwrap();
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/pc", receiver.local_addr().unwrap());
    sandbox.with(|sandbox| sandbox.webhooks_mut().take_over(hook, &EVENTS));
    sandbox
        .act(&cosell_sandbox::Act::MicrosoftSends(Box::default()))
        .unwrap();
    let (mut stream, _) = receiver.accept().await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains('}') {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .await
        .unwrap();
    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.starts_with("POST /pc HTTP/1.1\r\n"), "{seen}");
    let certificate = format!(
        "{}/cert/pcnotifications-dispatch.microsoft.com.cer",
        running.endpoints().webhooks
    );
    assert!(seen.contains(&certificate), "{seen}");
    assert!(seen.contains("related-referral-created"), "{seen}");
    running.shutdown().await;
}

/// A receiver on https that answers 204, with the root that vouches for it.
async fn tls_receiver() -> (TcpListener, tokio_rustls::TlsAcceptor, String) {
    use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    (listener, acceptor, key.cert.pem())
}

#[tokio::test]
async fn a_served_sandbox_posts_to_https_receivers_that_it_was_given_a_root_for() {
    let (receiver, acceptor, root) = tls_receiver().await;
    let hook = format!(
        "https://localhost:{}/pc",
        receiver.local_addr().unwrap().port()
    );
    let sandbox = SandboxHandle::new(Options::default());
    let with_root = ServeOptions::default().with_receiver_roots(root.clone());
    let running = serve(sandbox.clone(), with_root).await.unwrap();
    sandbox.with(|sandbox| {
        let now = sandbox.now();
        let webhooks = sandbox.webhooks_mut();
        webhooks.take_over(hook.clone(), &EVENTS);
        webhooks.post_event(now, "invoice-ready", "x", "invoice");
    });
    let (stream, _) = receiver.accept().await.unwrap();
    let mut stream = acceptor.accept(stream).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains('}') {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .await
        .unwrap();
    stream.flush().await.unwrap();
    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.starts_with("POST /pc HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("invoice-ready"), "{seen}");
    running.shutdown().await;

    // Another root, or none: such a receiver is not reached, and the post waits for its next try.
    let (_, _, stranger) = tls_receiver().await;
    for options in [
        ServeOptions::default(),
        ServeOptions::default().with_receiver_roots(stranger),
    ] {
        let sandbox = SandboxHandle::new(self::options());
        let running = serve(sandbox.clone(), options).await.unwrap();
        let acceptor = acceptor.clone();
        sandbox.with(|sandbox| {
            let now = sandbox.now();
            let webhooks = sandbox.webhooks_mut();
            webhooks.take_over(hook.clone(), &EVENTS);
            webhooks.post_event(now, "invoice-ready", "x", "invoice");
        });
        // The sandbox's clock stands still: once the try is over, the next is due ten seconds on.
        let later = sandbox.now() + chrono::TimeDelta::seconds(10);
        let over = async {
            while sandbox.with(|sandbox| sandbox.webhooks().next_delivery()) != Some(later) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = over => {}
            accepted = async {
                let (stream, _) = receiver.accept().await.unwrap();
                let _ = acceptor.accept(stream).await;
                std::future::pending::<()>().await;
            } => accepted,
        }
        running.shutdown().await;
    }

    for bad in [
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ] {
        let options = ServeOptions::default().with_receiver_roots(bad);
        let error = serve(SandboxHandle::new(Options::default()), options)
            .await
            .unwrap_err();
        assert!(error.to_string().starts_with("receiver roots:"), "{error}");
    }
}
