//! Claims challenges: what a tenant's policies ask for beyond what a sign-in gave.

use std::sync::Arc;

use cosell_http::{
    ErrorKind, TokenError, TokenProvider,
    sign_in::{
        BrowserOptions, BrowserSignIn, ClaimsChallenge, Cure, Denial, DenialKind,
        MemoryRefreshToken, RefreshToken, RefreshTokenStore,
    },
};
use cosell_sandbox::{REFERRALS_USER, REFRESH_TOKEN, SignInOptions};

use crate::{
    support::{Bench, get, with_header},
    world::{REFERRALS, REFERRALS_LIST, World},
};

const CLAIMS: &str = r#"{"access_token":{"polids":{"essential":true,"values":["9ab03e19"]}}}"#;

#[tokio::test]
async fn a_challenge_is_answered_by_one_sign_in_and_unattended_runs_go_on() {
    let mut options = SignInOptions::default();
    for user in &mut options.users {
        user.demanded = (user.upn == REFERRALS_USER).then(|| CLAIMS.to_owned());
    }
    let world = World::new(options);
    let app = world.confidential();
    let store = Arc::new(MemoryRefreshToken::new(REFRESH_TOKEN.into()));
    let person = RefreshToken::of(app.clone(), REFERRALS, store.clone());

    // A policy was set: the refresh token does not do any more.
    let refused = person.token(None).await.unwrap_err();
    assert_eq!(
        refused.code(),
        Some("invalid_grant AADSTS50076 basic_action")
    );
    assert_eq!(refused.cure(), Cure::SignIn);
    let TokenError::Refused { claims, .. } = refused else {
        panic!("not a refusal");
    };
    let challenge = claims.unwrap();
    assert_eq!(challenge.as_json(), CLAIMS);

    // A sign-in that does not answer it does not help, one that does helps for good.
    let redirect = "http://localhost:8400";
    let plain = BrowserOptions::default();
    for (options, helps) in [(plain.clone(), false), (plain.with_claims(challenge), true)] {
        let sign_in = BrowserSignIn::start(&app, REFERRALS, redirect, &options).unwrap();
        let came_back = world.visit(sign_in.url()).await.unwrap();
        let signed_in = sign_in.finish(&came_back).await;
        assert_eq!(signed_in.is_ok(), helps);
        if let Ok(signed_in) = signed_in {
            signed_in.keep(&store).await.unwrap();
        }
    }
    assert!(store.load().await.unwrap().obtained.is_some());
    let token = person.token(None).await.unwrap();
    assert_eq!(world.open(REFERRALS_LIST, &token).await, 200);
}

#[tokio::test]
async fn the_challenge_of_a_refused_call_is_kept_with_its_error() {
    // As a service words it that looks at tokens while they are good.
    let encoded = "eyJhY2Nlc3NfdG9rZW4iOnsicG9saWRzIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWVzIjpbIjlhYjAzZTE5Il19fX0=";
    let value = format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{encoded}\"");
    let refuse = |status| with_header(status, "www-authenticate", &value);
    let bench = Bench::new([refuse(401), refuse(401), refuse(403)]);
    for status in [401, 403] {
        let error = bench.client.call(get("x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(error.status().unwrap().as_u16(), status);
        let challenge = ClaimsChallenge::of(&error).unwrap();
        assert_eq!(challenge.as_json(), CLAIMS);
        let denial = Denial::of(&error).unwrap();
        assert_eq!(denial.kind, DenialKind::ConditionalAccess);
        assert!(!format!("{error} {error:?}").contains("9ab03e19"));
    }

    // A sign-in that was challenged is found behind the call that needed it.
    let challenge = ClaimsChallenge::from_json(CLAIMS);
    let refused = TokenError::Refused {
        code: "invalid_grant AADSTS50076 basic_action".into(),
        description: "more proof is needed".into(),
        advice: "sign in again".into(),
        claims: challenge.clone(),
    };
    let bench = Bench::new([]);
    bench.tokens.failures.lock().unwrap().push_back(refused);
    let error = bench.client.call(get("x")).await.unwrap_err();
    assert_eq!(ClaimsChallenge::of(&error), challenge.as_ref());
}
