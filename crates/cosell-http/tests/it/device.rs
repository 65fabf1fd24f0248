//! A person signs in on another device.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::TimeDelta;
use cosell_http::{
    Sent, Transport, TransportError,
    sign_in::{App, Cure, DeviceSignIn, ENTRA_AUTHORITY, Expected, TokenEndpoint},
};
use cosell_sandbox::{AtTheDevice, REFERRALS_USER, SignInOptions};
use http::Response;
use url::Url;

use crate::{
    support::{Clock, Diary, Script, lost, status},
    world::{REFERRALS, REFERRALS_LIST, World},
};

type Answer = Result<Response<Bytes>, TransportError>;

const CODE: &str = r#"{"device_code":"device-hush","user_code":"D7KQ2M9XB",
    "verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":5,
    "message":"To sign in, open https://microsoft.com/devicelogin and enter the code D7KQ2M9XB."}"#;
const OLD_CODE: &str = r#"{"device_code":"device-hush","user_code":"D7KQ2M9XB",
    "verification_url":"https://microsoft.com/devicelogin","expires_in":"900","interval":"5"}"#;
const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"access-1",
    "refresh_token":"refresh-1"}"#;

fn json(code: u16, body: &str) -> Answer {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Ok(Response::builder().status(code).body(body).unwrap())
}

fn says(error: &str) -> Answer {
    json(400, &format!(r#"{{"error":"{error}"}}"#))
}

fn app(transport: Arc<dyn Transport>, clock: Arc<Clock>) -> App {
    let authority = Url::parse(ENTRA_AUTHORITY).unwrap();
    let endpoint = TokenEndpoint::entra(&authority, "contoso.example", transport, clock).unwrap();
    App::public(endpoint, "client-7")
}

/// The whole sign-in with these answers: what it ended with, and how long each wait was.
async fn play(
    answers: impl IntoIterator<Item = Answer>,
) -> (Result<(), String>, Vec<u64>, Arc<Script>) {
    let diary = Diary::default();
    let clock = Clock::flowing(&diary);
    let script = Script::of(&diary, answers);
    let app = app(script.clone(), clock.clone());
    let sign_in = DeviceSignIn::start(&app, REFERRALS).await.unwrap();
    let outcome = sign_in.finish().await;
    let outcome = outcome.map(|_| ()).map_err(|error| error.to_string());
    let waits = clock.slept().iter().map(Duration::as_secs).collect();
    (outcome, waits, script)
}

#[tokio::test]
async fn the_service_sets_the_pace() {
    let (outcome, waits, script) = play([
        json(200, CODE),
        says("authorization_pending"),
        says("authorization_pending"),
        says("slow_down"),
        says("authorization_pending"),
        status(503),
        lost(Sent::Maybe),
        says("authorization_pending"),
        json(200, TOKEN),
    ])
    .await;
    outcome.unwrap();
    assert_eq!(waits, [5, 5, 5, 10, 10, 20, 40, 10]);

    let requests = script.requests.lock().unwrap();
    let paths: Vec<&str> = requests.iter().map(|sent| sent.uri().path()).collect();
    assert_eq!(paths[0], "/contoso.example/oauth2/v2.0/devicecode");
    assert_eq!(paths[1], "/contoso.example/oauth2/v2.0/token");
    assert_eq!(
        requests[1].body(),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=client-7\
         &device_code=device-hush"
    );
}

#[tokio::test]
async fn every_other_answer_ends_it() {
    for (answer, told) in [
        (says("authorization_declined"), "declined"),
        (says("expired_token"), "start the sign-in over"),
        (says("code_expired"), "start the sign-in over"),
        (says("bad_verification_code"), "start the sign-in over"),
        (
            json(
                400,
                r#"{"error":"access_denied","error_description":"AADSTS53003: Blocked."}"#,
            ),
            "Conditional Access",
        ),
        (json(400, "<html>"), "not understood"),
        (json(200, "{}"), "not understood"),
        (
            Err(TransportError::new(Sent::No, "bad proxy").permanent()),
            "not reachable",
        ),
    ] {
        let (outcome, waits, _) = play([json(200, CODE), answer]).await;
        let text = outcome.unwrap_err();
        assert!(text.contains(told), "{text}");
        assert!(!text.contains("device-hush"), "{text}");
        assert_eq!(waits.len(), 1, "{told}: asked once");
    }
}

#[tokio::test]
async fn a_person_who_never_comes_is_not_waited_for_past_the_code() {
    let pending = || says("authorization_pending");
    let (outcome, waits, _) = play(
        std::iter::once(json(200, &OLD_CODE.replace("\"900\"", "\"12\"")))
            .chain(std::iter::repeat_with(pending).take(9)),
    )
    .await;
    assert!(outcome.unwrap_err().contains("expired_token"));
    assert_eq!(waits, [5, 5, 2]);
}

#[tokio::test]
async fn odd_codes_are_borne() {
    let diary = Diary::default();
    for (answer, wanted) in [
        (
            OLD_CODE.to_owned(),
            "To sign in, open https://microsoft.com/devicelogin and enter the code D7KQ2M9XB.",
        ),
        (CODE.replace("To sign in", "Bitte\\u0000"), "Bitte , open"),
    ] {
        let script = Script::of(&diary, [json(200, &answer)]);
        let app = app(script, Clock::still());
        let sign_in = DeviceSignIn::start(&app, REFERRALS).await.unwrap();
        assert!(
            sign_in.message().starts_with(wanted),
            "{}",
            sign_in.message()
        );
        assert_eq!(sign_in.user_code(), "D7KQ2M9XB");
        let printed = format!("{sign_in:?}");
        assert!(
            !printed.contains("hush") && !printed.contains("D7KQ"),
            "{printed}"
        );
    }
    for answer in ["", "{}", "[]", "<html>device-hush"] {
        let script = Script::of(&diary, [json(200, answer)]);
        let error = DeviceSignIn::start(&app(script, Clock::still()), REFERRALS).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("not understood"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn the_double_answers_the_same_way() {
    let world = World::new(SignInOptions::default().with_slow_down(true));
    for app in [
        world.public(),
        world.confidential(),
        App::public(world.old_endpoint(), cosell_sandbox::PUBLIC_CLIENT_ID),
    ] {
        let sign_in = DeviceSignIn::start(&app, REFERRALS).await.unwrap();
        let signed_in = sign_in.finish().await.unwrap();
        assert_eq!(Expected::referrals().check(&signed_in.access), []);
        assert!(signed_in.refresh.is_some());
        assert_eq!(world.open(REFERRALS_LIST, &signed_in.access).await, 200);
    }
    assert_eq!(
        world.sandbox.counts().sign_in.requests,
        3 * 4,
        "three asks each"
    );

    let after = TimeDelta::seconds(7);
    for (what, blocked, cure) in [
        (AtTheDevice::Declines { after }, None, Cure::Consent),
        (AtTheDevice::Nothing, None, Cure::StartOver),
        (
            AtTheDevice::SignsIn { after },
            Some(53003),
            Cure::Administrator,
        ),
    ] {
        let mut options = SignInOptions::default().with_at_the_device(what);
        for user in &mut options.users {
            user.blocked = blocked.filter(|_| user.upn == REFERRALS_USER);
        }
        let world = World::new(options);
        let sign_in = DeviceSignIn::start(&world.public(), REFERRALS)
            .await
            .unwrap();
        let error = sign_in.finish().await.unwrap_err();
        assert_eq!(error.cure(), cure, "{error}");
    }
}
