//! What is never printed, and what every client and future can do.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{
    AccessToken, Call, Client, Repeat, Transport,
    sign_in::{
        App, BrowserOptions, BrowserSignIn, CachedTokens, ClientCredentials, DeviceSignIn,
        HealthOptions, KeptToken, MemoryRefreshToken, RefreshToken, TokenEndpoint, WatchedTokens,
    },
};
use http::{HeaderValue, Method, Response, header};
use url::Url;

use crate::support::{Bench, Clock, Diary, Script, Tokens, get};

const SECRET: &str = "hush-hush";

#[tokio::test]
async fn no_debug_shows_a_secret() {
    let diary = Diary::default();
    let clock = Clock::still();
    let script = Script::of(&diary, []);
    let endpoint = TokenEndpoint::new(
        Url::parse("https://login.example/token?key=hush-hush").unwrap(),
        script.clone(),
        clock.clone(),
    )
    .unwrap();
    let application = ClientCredentials::new(endpoint.clone(), "c", SECRET.into(), "scope");
    let person = RefreshToken::new(
        endpoint.clone(),
        "c",
        Some(SECRET.into()),
        "scope",
        MemoryRefreshToken::new(SECRET.into()),
    );
    let base = Url::parse("https://service.example/?key=hush-hush").unwrap();
    let builder = Client::builder(base, script.clone(), Tokens::new(&diary), clock.clone())
        .default_header(header::COOKIE, HeaderValue::from_static(SECRET));
    let call = Call::new("a.b", Method::POST, "x?code=hush-hush", Repeat::Safe)
        .with_header(header::AUTHORIZATION, HeaderValue::from_static(SECRET))
        .with_body(HeaderValue::from_static("text/plain"), SECRET);
    let mut printed = vec![
        format!(
            "{:?}",
            AccessToken::new(SECRET.into(), DateTime::<Utc>::MIN_UTC)
        ),
        format!("{endpoint:?}"),
        format!("{application:?}"),
        format!("{person:?}"),
        format!("{builder:?}"),
        format!("{:?}", builder.build().unwrap()),
        format!("{call:?}"),
        format!("{:?}", CachedTokens::new(Arc::new(application), clock)),
    ];

    let app = App::with_secret(endpoint, "c", SECRET.into());
    let kept = KeptToken::new(SECRET.into(), None);
    let store = Arc::new(MemoryRefreshToken::of(kept.clone()));
    let health = HealthOptions::default().with_refresh_token(store);
    let options = BrowserOptions::default();
    let page = BrowserSignIn::start(&app, "scope", "http://localhost", &options).unwrap();
    let state = page.url().query_pairs().find(|(name, _)| name == "state");
    let state = state.unwrap().1.into_owned();
    printed.push(format!("{page:?}").replace(&state, SECRET));
    printed.push(format!("{app:?} {kept:?} {health:?}"));
    let provider = Arc::new(ClientCredentials::of(app, "scope"));
    printed.push(format!(
        "{:?}",
        WatchedTokens::new("crm", provider, Clock::still(), health)
    ));

    let answer = Response::builder()
        .header(header::SET_COOKIE, SECRET)
        .body(Bytes::from(SECRET))
        .unwrap();
    let bench = Bench::new([Ok(answer)]);
    printed.push(format!("{:?}", bench.client.call(get("x")).await.unwrap()));
    for text in printed {
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.len() > 8, "{text}");
    }
}

#[tokio::test]
async fn the_token_travels_marked_as_sensitive() {
    let bench = Bench::new([]);
    bench.client.call(get("x")).await.unwrap();
    let requests = bench.script.requests.lock().unwrap();
    assert!(!format!("{:?}", requests[0].headers()).contains("token-1"));
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a_failed_connection_does_not_tell_the_query() {
    use std::error::Error as _;

    use cosell_http::{ReqwestOptions, ReqwestTransport};

    let proxy = Url::parse("http://user:hush-hush@proxy.example:8080").unwrap();
    let transport = ReqwestTransport::new(ReqwestOptions::default().with_proxy(proxy)).unwrap();
    assert!(!format!("{transport:?}").contains(SECRET));

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let request = http::Request::get(format!("http://{address}/?code={SECRET}"))
        .header("x-key", SECRET)
        .body(Bytes::new())
        .unwrap();
    let error = transport.send(request).await.unwrap_err();
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(&next.to_string());
        cause = next.source();
    }
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn futures_can_move_between_threads_and_clients_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send>(_: T) {}
    let bench = Bench::new([]);
    shared(&bench.client);
    sent(bench.client.call(get("x")));
    let script: &dyn Transport = &*bench.script;
    sent(script.send(http::Request::new(Bytes::new())));
    let provider: &dyn cosell_http::TokenProvider = &*bench.tokens;
    sent(provider.token(None));
    let address = Url::parse("https://login.example/token").unwrap();
    let clock = Clock::still();
    let endpoint = TokenEndpoint::new(address.clone(), bench.script.clone(), clock.clone());
    let app = App::public(endpoint.unwrap(), "c");
    shared(&app);
    let options = BrowserOptions::default();
    let page = BrowserSignIn::start(&app, "scope", "http://localhost", &options).unwrap();
    sent(page.finish(&address));
    sent(DeviceSignIn::start(&app, "scope"));
    fn device(sign_in: DeviceSignIn) {
        sent(sign_in.finish());
    }
    let _ = device;
    let watched = WatchedTokens::new("x", bench.tokens.clone(), clock, HealthOptions::default());
    sent(watched.health());
    #[cfg(feature = "reqwest")]
    shared(&cosell_http::ReqwestTransport::new(cosell_http::ReqwestOptions::default()).unwrap());
}
