//! What the public record leaves open about sign-in: everything works under each reading alone, and
//! under all the unfavourable ones together.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use cosell_http::TokenProvider;
use cosell_http::sign_in::{
    App, CachedTokens, DeviceSignIn, Expected, HealthOptions, MemoryRefreshToken, RefreshToken,
    WatchedTokens,
};
use cosell_sandbox::{AtTheDevice, PUBLIC_CLIENT_ID, Rotation, SignInOptions};

use crate::world::{EVENTS, REFERRALS, REFERRALS_LIST, REGISTRATION, World};

type Reading = (&'static str, bool, fn(SignInOptions) -> SignInOptions);

/// Each reading: its name, whether it is that of the older endpoint, and the switch.
const READINGS: &[Reading] = &[
    ("a used refresh token stays good", false, |o| o),
    ("a used refresh token dies", false, |o| {
        o.with_rotation(Rotation::OldDies)
    }),
    ("no new refresh token", false, |o| {
        o.with_rotation(Rotation::None)
    }),
    ("hasty clients are told", false, |o| o.with_slow_down(true)),
    ("tokens of ninety minutes", false, |o| {
        o.with_access_life(TimeDelta::minutes(90))
    }),
    ("tokens of a day", false, |o| {
        o.with_access_life(TimeDelta::hours(24))
    }),
    ("tokens of six minutes", false, |o| {
        o.with_access_life(TimeDelta::minutes(6))
    }),
    ("numbers as text", true, |o| o),
    ("all unfavourable ones", true, |o| {
        o.with_rotation(Rotation::OldDies)
            .with_slow_down(true)
            .with_access_life(TimeDelta::minutes(6))
            .with_at_the_device(AtTheDevice::SignsIn {
                after: TimeDelta::minutes(10),
            })
    }),
];

#[tokio::test]
async fn sign_in_works_under_each_reading_alone_and_under_the_unfavourable_ones_together() {
    for (name, older, reading) in READINGS {
        let world = World::new(reading(SignInOptions::default()));
        let endpoint = if *older {
            world.old_endpoint()
        } else {
            world.endpoint()
        };
        let app = App::public(endpoint, PUBLIC_CLIENT_ID);

        // Once, with a person.
        let sign_in = DeviceSignIn::start(&app, REFERRALS).await.unwrap();
        let signed_in = sign_in.finish().await.unwrap();
        assert_eq!(Expected::referrals().check(&signed_in.access), [], "{name}");
        let store = Arc::new(MemoryRefreshToken::new("none yet".into()));
        signed_in.keep(&store).await.unwrap();

        // For eighty days, without, for two services from one stored token.
        let referrals = RefreshToken::of(app, REFERRALS, store.clone());
        let events = referrals.for_scope(EVENTS);
        let options = HealthOptions::default().with_refresh_token(store);
        let watch = |provider: RefreshToken<_>| {
            let watched =
                WatchedTokens::new("x", Arc::new(provider), world.time(), options.clone());
            Arc::new(watched)
        };
        let (referrals, events) = (watch(referrals), watch(events));
        let first = CachedTokens::new(referrals.clone(), world.time());
        let second = CachedTokens::new(events.clone(), world.time());
        for _ in 0..8 {
            for (tokens, url) in [(&first, REFERRALS_LIST), (&second, REGISTRATION)] {
                let token = tokens.token(None).await.unwrap();
                assert_eq!(world.open(url, &token).await, 200, "{name}");
            }
            world.sandbox.advance(Duration::from_secs(10 * 86_400));
        }
        let told = referrals.health().await;
        // Where no new token is given, the first one nears its end, and that is told.
        assert_eq!(told.is_well(), *name != "no new refresh token", "{name}");
    }
}
