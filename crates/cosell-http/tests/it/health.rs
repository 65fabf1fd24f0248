//! Whether a sign-in's end is told ahead of time.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use cosell_http::{
    TokenProvider,
    sign_in::{
        ClientCredentials, Cure, HealthOptions, KeptToken, MemoryRefreshToken, RefreshToken,
        WatchedTokens,
    },
};
use cosell_sandbox::{Fault, FaultRule, Moment, REFRESH_TOKEN, Rotation, SignInOptions};

use crate::world::{DATAVERSE, REFERRALS, World};

const DAY: Duration = Duration::from_secs(86_400);

fn person(world: &World) -> WatchedTokens {
    let kept = KeptToken::new(REFRESH_TOKEN.into(), Some(world.sandbox.now()));
    let store = Arc::new(MemoryRefreshToken::of(kept));
    let provider = RefreshToken::of(world.confidential(), REFERRALS, store.clone());
    let options = HealthOptions::default().with_refresh_token(store);
    WatchedTokens::new("referrals", Arc::new(provider), world.time(), options)
}

// G12
#[tokio::test]
async fn a_dying_refresh_token_is_told_two_weeks_ahead() {
    // The service gives no new one: nothing slides.
    let world = World::new(SignInOptions::default().with_rotation(Rotation::None));
    let watched = person(&world);
    let start = world.sandbox.now();
    watched.token(None).await.unwrap();
    world.sandbox.advance(DAY * 75);
    watched.token(None).await.unwrap();
    let health = watched.health().await;
    assert!(health.is_well(), "{health:?}");
    assert_eq!(health.last_success, Some(start + TimeDelta::days(75)));
    assert_eq!(health.refresh_ends, Some(start + TimeDelta::days(90)));
    assert!(health.access_ends > health.last_success);

    world.sandbox.advance(DAY);
    let health = watched.health().await;
    assert_eq!(health.warnings.len(), 1);
    let warning = &health.warnings[0];
    assert_eq!(warning.cure, Cure::SignIn);
    assert_eq!(warning.at, start + TimeDelta::days(90));
    assert!(
        warning.text.contains("2026-06-07 14:00 UTC") && warning.text.contains("browser"),
        "{}",
        warning.text
    );
    assert!(!health.needs_person(), "it still works");
    assert!(!format!("{health:?}{watched:?}").contains(REFRESH_TOKEN));

    world.sandbox.advance(DAY * 14);
    watched.token(None).await.unwrap_err();
    let health = watched.health().await;
    assert!(health.needs_person());
    assert_eq!(health.failing_since, Some(start + TimeDelta::days(90)));
    let text = &health.warnings[0].text;
    assert!(text.contains("AADSTS700082"), "{text}");
    assert!(text.contains("sign in again in a browser"), "{text}");
}

// G12
#[tokio::test]
async fn a_token_that_is_replaced_in_time_warns_of_nothing() {
    let world = World::new(SignInOptions::default());
    let watched = person(&world);
    for _ in 0..5 {
        watched.token(None).await.unwrap();
        world.sandbox.advance(DAY * 40);
        assert!(watched.health().await.is_well());
    }
}

#[tokio::test]
async fn a_failure_that_may_pass_is_told_as_such_and_forgotten_after_a_success() {
    let world = World::new(SignInOptions::default());
    let watched = person(&world);
    let start = world.sandbox.now();
    let down = Fault::LoseAnswer {
        at: Moment::BeforeEffect,
    };
    let rule = world
        .sandbox
        .add_fault(FaultRule::new(down).with_times(None));
    watched.token(None).await.unwrap_err();
    world.sandbox.advance(DAY);
    watched.token(None).await.unwrap_err();
    let health = watched.health().await;
    assert_eq!(health.failing_since, Some(start));
    assert_eq!(health.warnings[0].cure, Cure::Wait);
    assert!(!health.needs_person());
    world.sandbox.remove_fault(rule);
    watched.token(None).await.unwrap();
    assert!(watched.health().await.is_well());
}

#[tokio::test]
async fn secrets_and_certificates_are_watched_by_date() {
    let world = World::new(SignInOptions::default());
    let now = world.sandbox.now();
    let provider = Arc::new(ClientCredentials::of(world.confidential(), DATAVERSE));
    let options = HealthOptions::default()
        .with_warn_before(TimeDelta::days(30))
        .with_secret_ends(now + TimeDelta::days(31))
        .with_certificate_ends(now + TimeDelta::days(60));
    let watched = WatchedTokens::new("dataverse", provider, world.time(), options);
    assert!(watched.health().await.is_well());
    world.sandbox.advance(DAY * 32);
    let health = watched.health().await;
    let told: Vec<&str> = health
        .warnings
        .iter()
        .map(|warning| warning.text.as_str())
        .collect();
    assert_eq!(told.len(), 2);
    assert!(
        told[0].starts_with("the client secret ended"),
        "{}",
        told[0]
    );
    assert!(
        told[1].starts_with("the client certificate ends"),
        "{}",
        told[1]
    );
}
