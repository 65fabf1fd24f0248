//! Unattended runs on one person's refresh token.

use std::sync::Arc;

use async_trait::async_trait;
use cosell_http::{
    TokenError, TokenProvider,
    sign_in::{
        CachedTokens, Claims, ClientCredentials, Cure, KeptToken, MemoryRefreshToken, RefreshToken,
        RefreshTokenStore,
    },
};
use cosell_sandbox::{REFERRALS_USER, REFRESH_TOKEN, Rotation, SignInOptions};
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use crate::world::{
    DATAVERSE, EVENTS, OPPORTUNITIES, REFERRALS, REFERRALS_LIST, REGISTRATION, World,
};

fn person(world: &World, store: Arc<MemoryRefreshToken>) -> RefreshToken<Arc<MemoryRefreshToken>> {
    RefreshToken::of(world.confidential(), REFERRALS, store)
}

// R10, R32, R34
#[tokio::test]
async fn three_providers_open_three_services_from_two_credentials() {
    // A used refresh token is dead here: whoever forgets the newest one is found out.
    let world = World::new(SignInOptions::default().with_rotation(Rotation::OldDies));
    let store = Arc::new(MemoryRefreshToken::new(REFRESH_TOKEN.into()));
    let referrals = person(&world, store.clone());
    let events = referrals.for_scope(EVENTS);
    let dataverse = ClientCredentials::of(world.confidential(), DATAVERSE);

    let mut audiences = Vec::new();
    for _ in 0..3 {
        for provider in [&referrals as &dyn TokenProvider, &events, &dataverse] {
            let token = provider.token(None).await.unwrap();
            audiences.extend(Claims::of(&token).unwrap().audience);
            let opens = (
                world.open(REFERRALS_LIST, &token).await,
                world.open(REGISTRATION, &token).await,
                world.open(OPPORTUNITIES, &token).await,
            );
            audiences.push(format!("{opens:?}"));
        }
    }
    let round = [
        "https://api.partner.microsoft.com",
        "(200, 401, 401)",
        "https://api.partnercenter.microsoft.com",
        "(401, 200, 401)",
        "https://fabrikam-sales.crm4.dynamics.com",
        "(401, 401, 200)",
    ];
    assert_eq!(audiences, [round, round, round].concat());
    let kept = store.load().await.unwrap();
    assert_ne!(kept.token.expose_secret(), REFRESH_TOKEN);
    assert_eq!(kept.obtained, Some(world.sandbox.now()));
}

// R132
#[tokio::test]
async fn what_one_tenant_redeems_changes_nothing_for_another() {
    let tenant = || {
        let world = World::new(SignInOptions::default().with_rotation(Rotation::OldDies));
        let store = Arc::new(MemoryRefreshToken::new(REFRESH_TOKEN.into()));
        let tokens = CachedTokens::new(Arc::new(person(&world, store.clone())), world.time());
        (world, store, tokens)
    };
    let (one_world, one_store, one) = tenant();
    let (two_world, two_store, two) = tenant();
    let first = one.token(None).await.unwrap();
    let second = one.token(Some(&first)).await.unwrap();
    assert_eq!(one_world.open(REFERRALS_LIST, &second).await, 200);
    let kept = |store: Arc<MemoryRefreshToken>| async move {
        let kept = store.load().await.unwrap();
        kept.token.expose_secret().to_owned()
    };
    assert_ne!(kept(one_store).await, REFRESH_TOKEN);
    assert_eq!(kept(two_store.clone()).await, REFRESH_TOKEN);
    let other = two.token(None).await.unwrap();
    assert_eq!(two_world.open(REFERRALS_LIST, &other).await, 200);
    assert_ne!(kept(two_store).await, REFRESH_TOKEN);
}

#[tokio::test]
async fn services_that_ask_at_once_take_turns() {
    let world = World::new(SignInOptions::default().with_rotation(Rotation::OldDies));
    let first = person(
        &world,
        Arc::new(MemoryRefreshToken::new(REFRESH_TOKEN.into())),
    );
    let providers: Vec<_> = (0..8)
        .map(|n| first.for_scope(if n % 2 == 0 { REFERRALS } else { EVENTS }))
        .collect();
    let outcomes = join_all(providers.iter().map(|provider| provider.token(None))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

/// Another process has replaced the token between the first look and the second.
#[derive(Debug)]
struct Shared(Mutex<Vec<&'static str>>);

#[async_trait]
impl RefreshTokenStore for Shared {
    async fn load(&self) -> Result<KeptToken, TokenError> {
        let next = self.0.lock().await.pop().unwrap_or(REFRESH_TOKEN);
        Ok(KeptToken::new(next.into(), None))
    }

    async fn save(&self, _newest: &KeptToken) -> Result<(), TokenError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_token_that_another_process_replaced_is_looked_up_again() {
    let world = World::new(SignInOptions::default());
    let store = Shared(Mutex::new(vec!["used up"]));
    let provider = RefreshToken::of(world.confidential(), REFERRALS, store);
    provider.token(None).await.unwrap();
    assert_eq!(world.sandbox.counts().sign_in.requests, 2);

    let store = Shared(Mutex::new(vec!["used up", "used up"]));
    let provider = RefreshToken::of(world.confidential(), REFERRALS, store);
    let error = provider.token(None).await.unwrap_err();
    assert_eq!(error.cure(), Cure::SignIn);
    assert_eq!(world.sandbox.counts().sign_in.requests, 3, "asked once");
}

// R34
#[tokio::test]
async fn a_hundred_and_eighty_days_pass_on_one_sign_in() {
    let world = World::new(SignInOptions::default().with_rotation(Rotation::OldDies));
    let store = Arc::new(MemoryRefreshToken::new(REFRESH_TOKEN.into()));
    let tokens = CachedTokens::new(Arc::new(person(&world, store)), world.time());
    for _ in 0..6 {
        tokens.token(None).await.unwrap();
        let month = std::time::Duration::from_secs(30 * 86_400);
        world.sandbox.advance(month);
    }
    let token = tokens.token(None).await.unwrap();
    assert_eq!(world.open(REFERRALS_LIST, &token).await, 200);
    world
        .sandbox
        .with(|sandbox| sandbox.revoke_user(REFERRALS_USER));
    let error = tokens.token(Some(&token)).await.unwrap_err();
    assert_eq!(error.code(), Some("invalid_grant AADSTS50173"));
    assert_eq!(error.cure(), Cure::SignIn);
}
