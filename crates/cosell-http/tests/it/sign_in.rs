//! The grants against a token endpoint.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use cosell_http::{
    ErrorKind, Sent, Sleep, TokenError, TokenProvider, Transport,
    sign_in::{
        ClientCredentials, ENTRA_AUTHORITY, KeptToken, MemoryRefreshToken, RefreshToken,
        RefreshTokenStore, TokenEndpoint,
    },
};
use http::{Request, Response};
use secrecy::ExposeSecret;
use url::Url;

use crate::support::{Clock, Diary, Script, json, lost, status};

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,
    "access_token":"access-1","refresh_token":"refresh-2"}"#;

fn endpoint(transport: Arc<dyn Transport>) -> (TokenEndpoint, Arc<Clock>) {
    let clock = Clock::still();
    let authority = Url::parse(ENTRA_AUTHORITY).unwrap();
    let endpoint =
        TokenEndpoint::entra(&authority, "contoso.example", transport, clock.clone()).unwrap();
    (endpoint, clock)
}

fn application(transport: Arc<dyn Transport>) -> ClientCredentials {
    let (endpoint, _) = endpoint(transport);
    ClientCredentials::new(
        endpoint,
        "client-7",
        "s3cret/+&".into(),
        "https://org.crm.dynamics.com/.default",
    )
}

fn form(request: &Request<Bytes>) -> Vec<(String, String)> {
    let mut form: Vec<_> = url::form_urlencoded::parse(request.body())
        .into_owned()
        .collect();
    form.sort();
    form
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn the_application_signs_in_with_its_secret() {
    let script = Script::of(&Diary::default(), [json(200, TOKEN)]);
    let (endpoint, clock) = endpoint(script.clone());
    let provider =
        ClientCredentials::new(endpoint, "client-7", "s3cret/+&".into(), "scope/.default");
    let token = provider.token(None).await.unwrap();
    assert_eq!(token.secret.expose_secret(), "access-1");
    assert_eq!(token.expires, clock.now() + TimeDelta::seconds(3599));

    let requests = script.requests.lock().unwrap();
    assert_eq!(
        requests[0].uri(),
        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    );
    assert_eq!(requests[0].method(), "POST");
    assert_eq!(
        form(&requests[0]),
        pairs(&[
            ("client_id", "client-7"),
            ("client_secret", "s3cret/+&"),
            ("grant_type", "client_credentials"),
            ("scope", "scope/.default"),
        ])
    );
}

/// Remembers whether the newest refresh token was saved, or fails to save it.
#[derive(Debug)]
struct Store {
    kept: Mutex<String>,
    broken: bool,
}

#[async_trait]
impl RefreshTokenStore for Store {
    async fn load(&self) -> Result<KeptToken, TokenError> {
        let kept = self.kept.lock().unwrap().clone();
        Ok(KeptToken::new(kept.into(), None))
    }

    async fn save(&self, newest: &KeptToken) -> Result<(), TokenError> {
        if self.broken {
            return Err(TokenError::Store("the vault is sealed".into()));
        }
        newest
            .token
            .expose_secret()
            .clone_into(&mut self.kept.lock().unwrap());
        Ok(())
    }
}

// R34
#[tokio::test]
async fn the_newest_refresh_token_is_saved_before_the_access_token_is_used() {
    let answers = || {
        [
            json(200, TOKEN),
            json(200, TOKEN.replace("refresh-2", "refresh-3")),
        ]
    };
    let script = Script::of(&Diary::default(), answers());
    let store = Arc::new(Store {
        kept: Mutex::new("refresh-1".into()),
        broken: false,
    });
    let (address, _) = endpoint(script.clone());
    let provider = RefreshToken::new(
        address,
        "client-7",
        None,
        "scope offline_access",
        store.clone(),
    );
    provider.token(None).await.unwrap();
    assert_eq!(*store.kept.lock().unwrap(), "refresh-2");
    provider.token(None).await.unwrap();
    assert_eq!(*store.kept.lock().unwrap(), "refresh-3");
    assert_eq!(
        form(&script.requests.lock().unwrap()[1]),
        pairs(&[
            ("client_id", "client-7"),
            ("grant_type", "refresh_token"),
            ("refresh_token", "refresh-2"),
            ("scope", "scope offline_access"),
        ])
    );

    let broken = Store {
        kept: Mutex::new("refresh-1".into()),
        broken: true,
    };
    let (address, _) = endpoint(Script::of(&Diary::default(), answers()));
    let provider = RefreshToken::new(address, "client-7", None, "scope", broken);
    let error = provider.token(None).await.unwrap_err();
    assert_eq!(error, TokenError::Store("the vault is sealed".into()));
}

#[tokio::test]
async fn an_answer_without_a_new_refresh_token_keeps_the_old_one() {
    let body = r#"{"token_type":"bearer","expires_in":60,"access_token":"a"}"#;
    let (endpoint, _) = endpoint(Script::of(&Diary::default(), [json(200, body)]));
    let store = Arc::new(MemoryRefreshToken::new("refresh-1".into()));
    let provider = RefreshToken::new(endpoint, "c", Some("s".into()), "scope", store.clone());
    provider.token(None).await.unwrap();
    let kept = store.load().await.unwrap();
    assert_eq!(kept.token.expose_secret(), "refresh-1");
}

#[tokio::test]
async fn failures_are_sorted_by_what_may_cure_them() {
    let refusal = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided
        client secret keys are expired. Trace ID: 11 Correlation ID: 22 Timestamp: 33",
        "error_codes":[7000222],"trace_id":"11","claims":"{}"}"#
        .replace('\n', " ");
    let html = Response::builder()
        .status(200)
        .header("content-type", "text/html")
        .body(Bytes::from_static(b"<html>access-1</html>"));
    let mac = r#"{"token_type":"mac","expires_in":3599,"access_token":"access-1"}"#;
    for (answer, told) in [
        (json(401, refusal), "refused: invalid_client AADSTS7000222"),
        (
            json(400, r#"{"error":"temporarily_unavailable"}"#),
            "not reachable",
        ),
        (
            status(503),
            "not reachable: https://login.microsoftonline.com answered 503",
        ),
        (status(429), "not reachable"),
        (lost(Sent::No), "not reachable"),
        (lost(Sent::Maybe), "not reachable"),
        (status(404), "not understood"),
        (json(400, "access-1"), "not understood"),
        (json(200, "{}"), "not understood"),
        (json(200, mac), "not of type Bearer"),
        (Ok(html.unwrap()), "not understood"),
        (json(200, vec![b' '; 65 * 1024]), "exceeds 65536 bytes"),
    ] {
        let provider = application(Script::of(&Diary::default(), [answer]));
        let error = provider.token(None).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(told), "{told}: {text}");
        for hidden in ["access-1", "s3cret", "Trace"] {
            assert!(!text.contains(hidden), "{text}");
        }
    }
}

#[tokio::test]
async fn lives_are_read_as_numbers_and_as_text_and_believed_for_a_day() {
    for (life, seconds) in [
        ("3599", 3599),
        (r#""3599""#, 3599),
        (r#"" 60 ""#, 60),
        ("99999999", 86_400),
        (r#""soon""#, 3600),
        ("-1", 3600),
        ("null", 3600),
    ] {
        let answer = format!(r#"{{"token_type":"bearer","expires_in":{life},"access_token":"a"}}"#);
        let (endpoint, clock) = endpoint(Script::of(&Diary::default(), [json(200, answer)]));
        let provider = ClientCredentials::new(endpoint, "c", "s".into(), "scope");
        let token = provider.token(None).await.unwrap();
        assert_eq!(
            token.expires - clock.now(),
            TimeDelta::seconds(seconds),
            "{life}"
        );
    }
}

#[test]
fn a_wrong_endpoint_is_told_with_all_its_faults() {
    let transport = Script::of(&Diary::default(), []);
    let authority = Url::parse("http://login.example/").unwrap();
    let error =
        TokenEndpoint::entra(&authority, "../evil", transport.clone(), Clock::still()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    assert!(
        text.contains("authority") && text.contains("tenant"),
        "{text}"
    );

    let plain = Url::parse("http://login.example/token").unwrap();
    TokenEndpoint::new(plain, transport, Clock::still()).unwrap_err();
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn both_grants_work_over_real_sockets() {
    use cosell_http::{ReqwestOptions, ReqwestTransport};
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{body_string_contains, header, method, path},
    };

    let server = MockServer::start().await;
    for grant in ["grant_type=client_credentials", "grant_type=refresh_token"] {
        Mock::given(method("POST"))
            .and(path("/contoso/oauth2/v2.0/token"))
            .and(header("content-type", "application/x-www-form-urlencoded"))
            .and(body_string_contains(grant))
            .respond_with(ResponseTemplate::new(200).set_body_raw(TOKEN, "application/json"))
            .expect(1)
            .mount(&server)
            .await;
    }
    let transport = Arc::new(ReqwestTransport::new(ReqwestOptions::default()).unwrap());
    let authority = Url::parse(&server.uri()).unwrap();
    let endpoint = TokenEndpoint::entra(&authority, "contoso", transport, Clock::still()).unwrap();
    let application = ClientCredentials::new(endpoint.clone(), "c", "s".into(), "scope");
    application.token(None).await.unwrap();
    let store = MemoryRefreshToken::new("refresh-1".into());
    let person = RefreshToken::new(endpoint, "c", Some("s".into()), "scope", store);
    person.token(None).await.unwrap();
}
