//! The browser that comes back to this machine.

use std::{sync::Arc, time::Duration};

use cosell_http::sign_in::{BrowserOptions, BrowserSignIn, Expected, Loopback, SignedIn};
use cosell_http::{Sleep, TokenError};
use cosell_sandbox::SignInOptions;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;

use crate::{
    support::{Clock, Diary},
    world::{REFERRALS, World},
};

const LONG: Duration = Duration::from_secs(600);

/// Sends `head` as a browser would and returns the whole answer.
async fn visit(address: &Url, head: &str) -> String {
    let port = address.port().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn get(url: &Url) -> String {
    let query = url.query().unwrap_or_default();
    format!(
        "GET {}?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        url.path()
    )
}

fn start(world: &World, loopback: &Loopback) -> BrowserSignIn {
    let options = BrowserOptions::default();
    BrowserSignIn::start(&world.public(), REFERRALS, loopback.redirect(), &options).unwrap()
}

fn wait(
    loopback: Loopback,
    sign_in: BrowserSignIn,
    clock: &Arc<Clock>,
) -> tokio::task::JoinHandle<Result<SignedIn, TokenError>> {
    let clock: Arc<dyn Sleep> = clock.clone();
    tokio::spawn(async move { loopback.finish(sign_in, LONG, &*clock).await })
}

#[tokio::test]
async fn the_browser_brings_the_code_past_all_else() {
    let world = World::new(SignInOptions::default());
    let loopback = Loopback::bind("http://localhost").await.unwrap();
    assert!(loopback.redirect().starts_with("http://localhost:"));
    let sign_in = start(&world, &loopback);
    let came_back = world.visit(sign_in.url()).await.unwrap();
    let waiting = wait(loopback, sign_in, &Clock::still());

    // Browsers open connections ahead, ask for icons; others try their luck.
    let port = came_back.port().unwrap();
    let _idle = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut forged = came_back.clone();
    forged.set_query(Some("code=x&state=guess<script>"));
    for (head, status) in [
        ("GET /favicon.ico HTTP/1.1\r\n\r\n".to_owned(), "404"),
        (get(&forged), "404"),
        ("GET //evil.example/?state=x HTTP/1.1\r\n\r\n".into(), "404"),
        ("POST / HTTP/1.1\r\n\r\n".into(), ""),
        ("\r\n\r\n".into(), ""),
        (format!("GET /{} HTTP/1.1\r\n", "x".repeat(40_000)), ""),
    ] {
        let port = came_back.port().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // The listener may hang up on what is too long before all of it is written.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains(status), "{answer}");
        assert!(!answer.contains("script>"), "{answer}");
    }
    assert!(!waiting.is_finished());

    let page = visit(&came_back, &get(&came_back)).await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(!page.contains("sbx-code"), "{page}");
    let signed_in = waiting.await.unwrap().unwrap();
    assert_eq!(Expected::referrals().check(&signed_in.access), []);
}

#[tokio::test]
async fn a_person_who_declines_ends_the_wait() {
    let mut options = SignInOptions::default();
    for user in &mut options.users {
        user.blocked = Some(65004);
    }
    let world = World::new(options);
    let loopback = Loopback::bind("http://localhost").await.unwrap();
    let sign_in = start(&world, &loopback);
    let came_back = world.visit(sign_in.url()).await.unwrap();
    let waiting = wait(loopback, sign_in, &Clock::still());
    visit(&came_back, &get(&came_back)).await;
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Some("access_denied AADSTS65004"));
}

#[tokio::test]
async fn the_wait_ends_where_nobody_comes() {
    let world = World::new(SignInOptions::default());
    let loopback = Loopback::bind("http://127.0.0.1").await.unwrap();
    let sign_in = start(&world, &loopback);
    let clock = Clock::flowing(&Diary::default());
    let error = wait(loopback, sign_in, &clock).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
    assert_eq!(clock.slept(), [LONG]);
}

#[tokio::test]
async fn only_this_machine_is_listened_on() {
    for wrong in [
        "https://localhost",
        "http://0.0.0.0:80",
        "http://elsewhere.example",
        "http://localhost:port",
        "http://localhost/?x=1",
        "localhost",
        "",
    ] {
        Loopback::bind(wrong).await.unwrap_err();
    }
    let taken = Loopback::bind("http://localhost/callback").await.unwrap();
    assert!(taken.redirect().ends_with("/callback"));
    Loopback::bind(taken.redirect()).await.unwrap_err();
}
