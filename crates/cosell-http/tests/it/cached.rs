//! One sign-in for many callers.

use std::{
    collections::VecDeque,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use cosell_http::{AccessToken, Sleep, TokenError, TokenProvider, sign_in::CachedTokens};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;

use crate::support::Clock;

type Outcome = Result<(&'static str, i64), TokenError>;

/// Plays sign-ins; each waits for a permit, so that a test can look in while it is under way.
#[derive(Debug)]
struct SignIns {
    clock: Arc<Clock>,
    outcomes: Mutex<VecDeque<Outcome>>,
    begun: Mutex<usize>,
    permits: Semaphore,
}

#[async_trait]
impl TokenProvider for SignIns {
    async fn token(&self, _: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        *self.begun.lock().unwrap() += 1;
        self.permits.acquire().await.unwrap().forget();
        let outcome = self.outcomes.lock().unwrap().pop_front().unwrap();
        outcome.map(|(secret, life)| {
            AccessToken::new(secret.into(), self.clock.now() + TimeDelta::seconds(life))
        })
    }
}

fn cache(
    permits: usize,
    outcomes: impl IntoIterator<Item = Outcome>,
) -> (Arc<CachedTokens>, Arc<SignIns>, Arc<Clock>) {
    let clock = Clock::still();
    let sign_ins = Arc::new(SignIns {
        clock: clock.clone(),
        outcomes: Mutex::new(outcomes.into_iter().collect()),
        begun: Mutex::default(),
        permits: Semaphore::new(permits),
    });
    let cached = Arc::new(CachedTokens::new(sign_ins.clone(), clock.clone()));
    (cached, sign_ins, clock)
}

impl SignIns {
    fn begun(&self) -> usize {
        *self.begun.lock().unwrap()
    }
}

async fn secret(cached: &CachedTokens) -> String {
    let token = cached.token(None).await.unwrap();
    token.secret.expose_secret().to_owned()
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_token_is_kept_until_five_minutes_before_its_end() {
    let (cached, sign_ins, clock) = cache(9, [Ok(("a", 3600)), Ok(("b", 3600))]);
    assert_eq!(secret(&cached).await, "a");
    clock.advance(Duration::from_secs(3299));
    assert_eq!(secret(&cached).await, "a");
    assert_eq!(sign_ins.begun(), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(secret(&cached).await, "b");
}

#[tokio::test]
async fn a_short_lived_token_is_kept_for_half_its_life() {
    let (cached, sign_ins, clock) = cache(9, [Ok(("a", 60)), Ok(("b", 60))]);
    assert_eq!(secret(&cached).await, "a");
    clock.advance(Duration::from_secs(29));
    assert_eq!(secret(&cached).await, "a");
    assert_eq!(sign_ins.begun(), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(secret(&cached).await, "b");
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_sign_in() {
    let (cached, sign_ins, _) = cache(0, [Ok(("a", 3600))]);
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let cached = Arc::clone(&cached);
            tokio::spawn(async move { secret(&cached).await })
        })
        .collect();
    while sign_ins.begun() == 0 {
        tokio::task::yield_now().await;
    }
    sign_ins.permits.add_permits(8);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "a");
    }
    assert_eq!(sign_ins.begun(), 1);
}

#[tokio::test]
async fn a_dropped_leader_leaves_the_sign_in_to_those_who_wait() {
    let (cached, sign_ins, _) = cache(0, [Ok(("a", 3600))]);
    let leader = tokio::spawn({
        let cached = Arc::clone(&cached);
        async move { secret(&cached).await }
    });
    while sign_ins.begun() == 0 {
        tokio::task::yield_now().await;
    }
    let follower = tokio::spawn({
        let cached = Arc::clone(&cached);
        async move { secret(&cached).await }
    });
    tokio::task::yield_now().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    sign_ins.permits.add_permits(1);
    assert_eq!(follower.await.unwrap(), "a");
    assert_eq!(sign_ins.begun(), 1);
}

#[tokio::test]
async fn a_sign_in_that_nobody_waits_for_is_driven_on_by_the_next_unless_it_is_old() {
    for (pause, begun) in [(1, 1), (121, 2)] {
        let (cached, sign_ins, clock) = cache(0, [Ok(("a", 3600))]);
        {
            let leader = pin!(cached.token(None));
            assert!(poll(leader).is_pending());
        }
        clock.advance(Duration::from_secs(pause));
        sign_ins.permits.add_permits(1);
        assert_eq!(secret(&cached).await, "a");
        assert_eq!(sign_ins.begun(), begun, "after {pause} s");
    }
}

#[tokio::test]
async fn a_refused_token_is_never_handed_out_again() {
    let (cached, sign_ins, _) = cache(9, [Ok(("a", 3600)), Ok(("b", 3600))]);
    let refused = cached.token(None).await.unwrap();
    let new = cached.token(Some(&refused)).await.unwrap();
    assert_eq!(new.secret.expose_secret(), "b");
    // Another caller that was refused at the same time gets what is already there.
    let same = cached.token(Some(&refused)).await.unwrap();
    assert_eq!(same.secret.expose_secret(), "b");
    assert_eq!(secret(&cached).await, "b");
    assert_eq!(sign_ins.begun(), 2);
}

#[tokio::test]
async fn a_provider_that_repeats_the_refused_token_is_found_out() {
    let (cached, sign_ins, _) = cache(9, [Ok(("a", 3600)), Ok(("a", 3600)), Ok(("a", 3600))]);
    let refused = cached.token(None).await.unwrap();
    let error = cached.token(Some(&refused)).await.unwrap_err();
    assert_eq!(error.code(), Some("token_refused"));
    assert_eq!(sign_ins.begun(), 3);
}

#[tokio::test]
async fn a_failure_is_told_and_forgotten() {
    let away = TokenError::Unreachable("away".into());
    let (cached, _, _) = cache(9, [Err(away.clone()), Ok(("a", 3600))]);
    assert_eq!(cached.token(None).await.unwrap_err(), away);
    assert_eq!(secret(&cached).await, "a");
}

#[tokio::test]
async fn a_failed_early_replacement_does_not_waste_a_good_token() {
    let away = || Err(TokenError::Unreachable("away".into()));
    let (cached, sign_ins, clock) = cache(9, [Ok(("a", 3600)), away(), away(), away()]);
    assert_eq!(secret(&cached).await, "a");
    clock.advance(Duration::from_secs(3400));
    assert_eq!(secret(&cached).await, "a");
    assert_eq!(secret(&cached).await, "a");
    assert_eq!(sign_ins.begun(), 2, "no new sign-in within the pause");
    clock.advance(Duration::from_secs(30));
    assert_eq!(secret(&cached).await, "a");
    assert_eq!(sign_ins.begun(), 3);
    clock.advance(Duration::from_secs(170));
    cached.token(None).await.unwrap_err();
}
