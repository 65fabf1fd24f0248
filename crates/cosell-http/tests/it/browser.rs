//! A person signs in in a browser.

use cosell_http::{
    TokenError, TokenProvider,
    sign_in::{
        App, BrowserOptions, BrowserSignIn, Claims, Cure, Expected, FindingKind,
        MemoryRefreshToken, RefreshToken, RefreshTokenStore,
    },
};
use cosell_sandbox::{PORTAL_USER, REFERRALS_USER, SignInOptions, User};
use secrecy::ExposeSecret;
use url::Url;

use crate::world::{REFERRALS, REFERRALS_LIST, World};

const REDIRECT: &str = "http://localhost:8400";

fn start(app: &App) -> BrowserSignIn {
    BrowserSignIn::start(app, REFERRALS, REDIRECT, &BrowserOptions::default()).unwrap()
}

fn query(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.find(|(key, _)| key == name)?;
    Some(value.into_owned())
}

#[tokio::test]
async fn one_sign_in_gives_what_unattended_runs_need() {
    let world = World::new(SignInOptions::default());
    for app in [world.public(), world.confidential()] {
        let sign_in = start(&app);
        let url = sign_in.url().clone();
        assert_eq!(query(&url, "code_challenge_method").unwrap(), "S256");
        assert_eq!(query(&url, "redirect_uri").unwrap(), REDIRECT);
        assert_eq!(query(&url, "prompt").unwrap(), "login");
        assert_eq!(query(&url, "scope").unwrap(), REFERRALS);

        let came_back = world.visit(&url).await.unwrap();
        let signed_in = sign_in.finish(&came_back).await.unwrap();
        assert_eq!(Expected::referrals().check(&signed_in.access), []);
        assert_eq!(world.open(REFERRALS_LIST, &signed_in.access).await, 200);

        let store = std::sync::Arc::new(MemoryRefreshToken::new("none yet".into()));
        signed_in.keep(&store).await.unwrap();
        let kept = store.load().await.unwrap();
        assert_eq!(kept.obtained, Some(signed_in.at));
        let unattended = RefreshToken::of(app, REFERRALS, store);
        let token = unattended.token(None).await.unwrap();
        assert_eq!(world.open(REFERRALS_LIST, &token).await, 200);
    }
}

#[tokio::test]
async fn another_account_may_be_named() {
    let world = World::new(SignInOptions::default());
    let options = BrowserOptions::default()
        .with_login_hint(PORTAL_USER)
        .with_prompt("");
    let sign_in = BrowserSignIn::start(&world.public(), REFERRALS, REDIRECT, &options).unwrap();
    assert_eq!(query(sign_in.url(), "prompt"), None);
    let came_back = world.visit(sign_in.url()).await.unwrap();
    let signed_in = sign_in.finish(&came_back).await.unwrap();
    let claims = Claims::of(&signed_in.access).unwrap();
    assert_eq!(claims.user.as_deref(), Some(PORTAL_USER));
}

#[tokio::test]
async fn an_answer_to_another_sign_in_is_not_taken() {
    let world = World::new(SignInOptions::default());
    let app = world.public();
    let (first, second) = (start(&app), start(&app));
    let came_back = world.visit(first.url()).await.unwrap();
    assert!(first.is_answer(&came_back) && !second.is_answer(&came_back));
    let error = second.finish(&came_back).await.unwrap_err();
    assert!(matches!(error, TokenError::Malformed(_)), "{error}");

    // A code under our own state, but stolen from another sign-in: the verifier does not fit.
    let other = start(&app);
    let foreign = world.visit(other.url()).await.unwrap();
    let mut forged = Url::parse(REDIRECT).unwrap();
    let state = query(first.url(), "state").unwrap();
    forged
        .query_pairs_mut()
        .append_pair("code", &query(&foreign, "code").unwrap())
        .append_pair("state", &state);
    let error = first.finish(&forged).await.unwrap_err();
    assert_eq!(error.code(), Some("invalid_grant AADSTS501481"));
    assert_eq!(error.cure(), Cure::StartOver);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_ten_minutes() {
    let world = World::new(SignInOptions::default());
    let late = start(&world.public());
    let came_back = world.visit(late.url()).await.unwrap();
    world.sandbox.advance(std::time::Duration::from_secs(600));
    let error = late.finish(&came_back).await.unwrap_err();
    assert_eq!(error.code(), Some("invalid_grant AADSTS70008"));
}

#[tokio::test]
async fn refusals_reach_the_program_or_stay_on_the_page() {
    for (blocked, told) in [
        (65004, Ok(Cure::Consent)),
        (53003, Err("AADSTS53003")),
        (50057, Err("AADSTS50057")),
    ] {
        let mut options = SignInOptions::default();
        for user in &mut options.users {
            user.blocked = (user.upn == REFERRALS_USER).then_some(blocked);
        }
        let world = World::new(options);
        let sign_in = start(&world.public());
        match (world.visit(sign_in.url()).await, told) {
            (Ok(came_back), Ok(cure)) => {
                let error = sign_in.finish(&came_back).await.unwrap_err();
                assert_eq!(error.cure(), cure, "{error}");
            }
            (Err(page), Err(number)) => assert!(page.contains(number), "{page}"),
            (seen, _) => panic!("{blocked}: {seen:?}"),
        }
    }
    let world = World::new(SignInOptions::default());
    let elsewhere = "https://elsewhere.example/";
    let options = BrowserOptions::default();
    let wrong = BrowserSignIn::start(&world.public(), REFERRALS, elsewhere, &options).unwrap();
    let page = world.visit(wrong.url()).await.unwrap_err();
    assert!(page.contains("AADSTS50011"), "{page}");
    BrowserSignIn::start(&world.public(), REFERRALS, "no address", &options).unwrap_err();
}

#[tokio::test]
async fn what_a_sign_in_lacks_is_told_at_once() {
    let options = SignInOptions::default()
        .with_user(User::new("plain@fabrikam.example").with_mfa(false))
        .with_person("plain@fabrikam.example");
    let world = World::new(options);
    let app = world.public();
    let scope = "https://api.partner.microsoft.com/.default";
    let options = BrowserOptions::default();
    let sign_in = BrowserSignIn::start(&app, scope, REDIRECT, &options).unwrap();
    let came_back = world.visit(sign_in.url()).await.unwrap();
    let signed_in = sign_in.finish(&came_back).await.unwrap();
    let findings = Expected::referrals().check(&signed_in.access);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].kind, FindingKind::NoSecondFactor);
    assert_eq!(world.open(REFERRALS_LIST, &signed_in.access).await, 401);

    let store = MemoryRefreshToken::new("old".into());
    let error = signed_in.keep(&store).await.unwrap_err();
    assert!(error.to_string().contains("offline_access"), "{error}");
    assert_eq!(store.load().await.unwrap().token.expose_secret(), "old");
}

#[tokio::test]
async fn the_older_endpoint_serves_as_well() {
    let world = World::new(SignInOptions::default());
    let app = App::public(world.old_endpoint(), cosell_sandbox::PUBLIC_CLIENT_ID);
    let sign_in = start(&app);
    assert!(sign_in.url().path().ends_with("/oauth2/authorize"));
    let resource = query(sign_in.url(), "resource").unwrap();
    assert_eq!(resource, "https://api.partner.microsoft.com");
    let came_back = world.visit(sign_in.url()).await.unwrap();
    let signed_in = sign_in.finish(&came_back).await.unwrap();
    let life = signed_in.access.expires - world.sandbox.now();
    assert_eq!(life.num_seconds(), 3599);
    let store = MemoryRefreshToken::new(signed_in.refresh.clone().unwrap());
    let token = RefreshToken::of(app, REFERRALS, store).token(None).await;
    assert_eq!(world.open(REFERRALS_LIST, &token.unwrap()).await, 200);
}
