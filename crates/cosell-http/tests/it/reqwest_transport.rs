//! The transport over real sockets on loopback.

use std::time::Duration;

use bytes::Bytes;
use cosell_http::{BodyLimit, ReqwestOptions, ReqwestTransport, Sent, Transport, TransportError};
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

fn transport() -> ReqwestTransport {
    ReqwestTransport::new(ReqwestOptions::default()).unwrap()
}

async fn fetch(
    transport: &ReqwestTransport,
    url: &str,
    limit: u64,
) -> Result<Response<Bytes>, TransportError> {
    let mut request = Request::get(url).body(Bytes::new()).unwrap();
    request.extensions_mut().insert(BodyLimit(limit));
    transport.send(request).await
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// 65,536 zeros in 96 bytes of gzip.
fn packed_zeros() -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3];
    packed.extend([
        0xed, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8, 0x0a,
    ]);
    packed.extend([0; 63]);
    packed.extend([0x6a, 0xeb, 0x8e, 0x97, 0xd7, 0, 0, 1, 0]);
    packed
}

#[tokio::test]
async fn the_limit_holds_for_what_is_unpacked() {
    let packed = packed_zeros();
    assert_eq!(packed.len(), 96);
    let server = serving(
        ResponseTemplate::new(200)
            .insert_header("content-encoding", "gzip")
            .set_body_bytes(packed),
    )
    .await;
    let answer = fetch(&transport(), &server.uri(), 65_536).await.unwrap();
    assert_eq!(answer.body().len(), 65_536);
    let error = fetch(&transport(), &server.uri(), 65_535)
        .await
        .unwrap_err();
    assert!(error.is_too_large());
    assert_eq!(error.sent(), Sent::Answered);
}

#[tokio::test]
async fn redirects_come_back_as_they_are_and_cookies_are_forgotten() {
    let server = serving(
        ResponseTemplate::new(302)
            .insert_header("location", "/elsewhere")
            .insert_header("set-cookie", "ARRAffinity=1"),
    )
    .await;
    let transport = transport();
    for _ in 0..2 {
        let answer = fetch(&transport, &server.uri(), 100).await.unwrap();
        assert_eq!(answer.status(), 302);
    }
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request.url.path(), "/");
        assert!(!request.headers.contains_key("cookie"));
        let agent = request.headers["user-agent"].to_str().unwrap();
        assert!(agent.starts_with("cosell/"), "{agent}");
    }
}

#[tokio::test]
async fn a_given_client_that_follows_redirects_is_found_out() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::path("/"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/elsewhere"))
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let following = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let error = fetch(
        &ReqwestTransport::with_client(following),
        &server.uri(),
        100,
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("redirect"), "{error}");
    assert_eq!(error.sent(), Sent::Maybe);
}

#[tokio::test]
async fn http_beyond_this_machine_is_refused() {
    let error = fetch(&transport(), "http://service.example/", 100)
        .await
        .unwrap_err();
    assert_eq!(error.sent(), Sent::No);
    assert!(error.is_permanent());
}

#[tokio::test]
async fn a_refused_connection_is_certain_not_to_have_been_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = fetch(&transport(), &format!("http://{address}/"), 100)
        .await
        .unwrap_err();
    assert_eq!(error.sent(), Sent::No);
    assert!(!error.is_permanent());
}

/// Takes one connection, reads the request, answers `answer`, and hangs up.
async fn hanging_up(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(socket.read_u8().await.unwrap());
        }
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn a_connection_lost_after_sending_may_have_had_an_effect() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let url = hanging_up(answer).await;
        let error = fetch(&transport(), &url, 100).await.unwrap_err();
        assert_eq!(error.sent(), Sent::Maybe, "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn running_out_of_time_after_connecting_may_have_had_an_effect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let options = ReqwestOptions::default().with_timeout(Duration::from_millis(50));
    let transport = ReqwestTransport::new(options).unwrap();
    let error = fetch(&transport, &url, 100).await.unwrap_err();
    assert_eq!(error.sent(), Sent::Maybe);
    assert!(error.to_string().contains("in time"), "{error}");
    drop(listener);
}

#[test]
fn options_that_cannot_be_used_are_named() {
    let error = |options| ReqwestTransport::new(options).unwrap_err().to_string();
    let none = ReqwestOptions::default().with_root_certificates("no certificate in here");
    assert!(error(none).contains("root certificates, text 0"));
    let agent = ReqwestOptions::default().with_user_agent("two\nlines");
    assert!(!error(agent).is_empty());
}

/// Whatever this machine trusts, loopback must work where nothing is trusted: the test runs
/// itself again with the trust store hidden.
#[test]
fn loopback_needs_no_trust_store() {
    const MARK: &str = "COSELL_TEST_WITHOUT_TRUST";
    if std::env::var_os(MARK).is_none() {
        let passed = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "reqwest_transport::loopback_needs_no_trust_store",
            ])
            .env(MARK, "1")
            .env("SSL_CERT_FILE", "/nonexistent/roots.pem")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&passed.stdout);
        assert!(
            passed.status.success() && text.contains("1 passed"),
            "{text}"
        );
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let transport = transport();
        let server = serving(ResponseTemplate::new(204)).await;
        let answer = fetch(&transport, &server.uri(), 100).await.unwrap();
        assert_eq!(answer.status(), 204);
        let error = fetch(&transport, "https://localhost:1/", 100)
            .await
            .unwrap_err();
        assert_eq!(error.sent(), Sent::No);
        assert!(error.to_string().contains("root certificates"), "{error}");
    });
}
