//! One sign-in for many calls.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};

use crate::{AccessToken, Sleep, TokenError, TokenProvider};

/// How long before its end a token is replaced, unless it lives so short that half its life is
/// less.
const EARLY: TimeDelta = TimeDelta::minutes(5);

/// A sign-in that nobody waited for any more is not resumed after this; its connection is dead.
const ABANDONED: TimeDelta = TimeDelta::minutes(2);

/// Pause after a failed early replacement, while the token in hand is still good.
const PAUSE: TimeDelta = TimeDelta::seconds(30);

type Flight = Shared<BoxFuture<'static, Result<AccessToken, TokenError>>>;

/// Keeps the token of another provider until five minutes before its end.
///
/// - Callers that need a new token at the same time share one sign-in. It lives in the cache,
///   not in the caller that started it: if that one is dropped, the next drives it on.
/// - A token that the service refused is never handed out again.
/// - A failure reaches those who waited for it and is then forgotten.
/// - While the old token is still good, a failed replacement is only logged.
pub struct CachedTokens {
    provider: Arc<dyn TokenProvider>,
    clock: Arc<dyn Sleep>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    flight: Option<Started>,
    flights: u64,
    /// The token refused last. Older ones are past their life or were replaced before it.
    refused: Option<AccessToken>,
}

struct Held {
    token: AccessToken,
    renew: DateTime<Utc>,
}

struct Started {
    number: u64,
    at: DateTime<Utc>,
    flight: Flight,
}

impl CachedTokens {
    /// Keeps tokens of `provider`, by the time of `clock`.
    pub fn new(provider: Arc<dyn TokenProvider>, clock: Arc<dyn Sleep>) -> Self {
        Self {
            provider,
            clock,
            state: Mutex::new(State::default()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token in hand, or the sign-in to wait for.
    fn look(&self) -> Result<AccessToken, (u64, Flight)> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(held) = &state.held
            && now < held.renew
        {
            return Ok(held.token.clone());
        }
        if let Some(started) = &state.flight
            && now - started.at < ABANDONED
        {
            return Err((started.number, started.flight.clone()));
        }
        let provider = Arc::clone(&self.provider);
        let refused = state.refused.clone();
        let flight = async move { provider.token(refused.as_ref()).await }
            .boxed()
            .shared();
        state.flights += 1;
        let number = state.flights;
        state.flight = Some(Started {
            number,
            at: now,
            flight: flight.clone(),
        });
        Err((number, flight))
    }

    /// Takes in what a sign-in gave, once, and says what its waiters get.
    fn land(
        &self,
        number: u64,
        outcome: Result<AccessToken, TokenError>,
    ) -> Option<Result<AccessToken, TokenError>> {
        let now = self.clock.now();
        let mut state = self.state();
        let first = state
            .flight
            .as_ref()
            .is_some_and(|started| started.number == number);
        if first {
            state.flight = None;
        }
        match outcome {
            Ok(token) if state.is_refused(&token) => None,
            Ok(token) => {
                if first {
                    let half = now + (token.expires - now) / 2;
                    let renew = (token.expires - EARLY).max(half);
                    state.held = Some(Held {
                        token: token.clone(),
                        renew,
                    });
                }
                Some(Ok(token))
            }
            Err(error) => match &mut state.held {
                Some(held) if now < held.token.expires => {
                    if first {
                        tracing::warn!(%error, "sign-in failed; the token in hand is still good");
                        held.renew = now + PAUSE;
                    }
                    Some(Ok(held.token.clone()))
                }
                _ => Some(Err(error)),
            },
        }
    }
}

impl State {
    fn is_refused(&self, token: &AccessToken) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|refused| refused.same_as(token))
    }
}

#[async_trait]
impl TokenProvider for CachedTokens {
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        if let Some(refused) = refused {
            let mut state = self.state();
            if state
                .held
                .as_ref()
                .is_some_and(|held| held.token.same_as(refused))
            {
                state.held = None;
            }
            state.refused = Some(refused.clone());
        }
        // The first may be a sign-in that began before the refusal and bring the same token.
        for _ in 0..2 {
            let (number, flight) = match self.look() {
                Ok(token) => return Ok(token),
                Err(waiting) => waiting,
            };
            let outcome = flight.await;
            if let Some(outcome) = self.land(number, outcome) {
                return outcome;
            }
        }
        Err(TokenError::Refused {
            code: "token_refused".into(),
            description: "sign-in gives the token that the service has just refused".into(),
            advice: "check the scope: it must name the service that is called".into(),
            claims: None,
        })
    }
}

impl fmt::Debug for CachedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedTokens")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}
