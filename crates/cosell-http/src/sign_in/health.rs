//! Whether sign-in works, and until when.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Cure, RefreshTokenStore};
use crate::{AccessToken, Sleep, TokenError, TokenProvider};

/// What is known about the credentials behind a provider, and when to warn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthOptions {
    /// How long before an end the warnings begin; 14 days by default.
    pub warn_before: TimeDelta,
    /// Life of an unused refresh token; 90 days by default (24 hours for those of single-page
    /// redirect addresses).
    pub refresh_life: TimeDelta,
    /// Where the refresh token is kept, for sign-ins of a person.
    pub refresh_token: Option<Arc<dyn RefreshTokenStore>>,
    /// When the client secret ends, as the app registration says.
    pub secret_ends: Option<DateTime<Utc>>,
    /// When the client certificate ends.
    pub certificate_ends: Option<DateTime<Utc>>,
}

impl Default for HealthOptions {
    fn default() -> Self {
        Self {
            warn_before: TimeDelta::days(14),
            refresh_life: TimeDelta::days(90),
            refresh_token: None,
            secret_ends: None,
            certificate_ends: None,
        }
    }
}

impl HealthOptions {
    /// Sets how long before an end the warnings begin.
    #[must_use]
    pub fn with_warn_before(mut self, time: TimeDelta) -> Self {
        self.warn_before = time;
        self
    }

    /// Sets the life of an unused refresh token.
    #[must_use]
    pub fn with_refresh_life(mut self, life: TimeDelta) -> Self {
        self.refresh_life = life;
        self
    }

    /// Watches the refresh token in `store`.
    #[must_use]
    pub fn with_refresh_token(mut self, store: Arc<dyn RefreshTokenStore>) -> Self {
        self.refresh_token = Some(store);
        self
    }

    /// Watches a client secret.
    #[must_use]
    pub fn with_secret_ends(mut self, at: DateTime<Utc>) -> Self {
        self.secret_ends = Some(at);
        self
    }

    /// Watches a client certificate.
    #[must_use]
    pub fn with_certificate_ends(mut self, at: DateTime<Utc>) -> Self {
        self.certificate_ends = Some(at);
        self
    }
}

/// Notes how each sign-in of another provider went. Put it under
/// [`CachedTokens`](super::CachedTokens), so that it sees sign-ins and not each call.
///
/// The dates of the refresh token come from its store and so outlive a restart; the rest
/// counts from the start of the program.
pub struct WatchedTokens {
    name: String,
    provider: Arc<dyn TokenProvider>,
    clock: Arc<dyn Sleep>,
    options: HealthOptions,
    seen: Mutex<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    last_success: Option<DateTime<Utc>>,
    access_ends: Option<DateTime<Utc>>,
    failing: Option<Failing>,
}

#[derive(Clone)]
struct Failing {
    since: DateTime<Utc>,
    error: TokenError,
}

impl WatchedTokens {
    /// Watches `provider` under a `name` that the operator knows it by, such as `referrals`.
    pub fn new(
        name: impl Into<String>,
        provider: Arc<dyn TokenProvider>,
        clock: Arc<dyn Sleep>,
        options: HealthOptions,
    ) -> Self {
        Self {
            name: name.into(),
            provider,
            clock,
            options,
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How sign-in stands now. Reads the refresh token's store, asks no service. Cancel safety:
    /// may be dropped at any time.
    pub async fn health(&self) -> SignInHealth {
        let kept = match &self.options.refresh_token {
            Some(store) => Some(store.load().await),
            None => None,
        };
        let seen = self.seen().clone();
        let now = self.clock.now();
        let mut health = SignInHealth {
            name: self.name.clone(),
            last_success: seen.last_success,
            failing_since: seen.failing.as_ref().map(|failing| failing.since),
            last_error: seen.failing.map(|failing| failing.error),
            access_ends: seen.access_ends,
            refresh_ends: None,
            secret_ends: self.options.secret_ends,
            certificate_ends: self.options.certificate_ends,
            warnings: Vec::new(),
        };
        if let (Some(since), Some(error)) = (health.failing_since, &health.last_error) {
            let text = format!("sign-in fails since {}: {error}", day_and_time(since));
            health.warnings.push(Warning {
                cure: error.cure(),
                at: since,
                text,
            });
        }
        match kept {
            Some(Ok(kept)) => {
                health.refresh_ends = kept.obtained.map(|at| at + self.options.refresh_life);
            }
            Some(Err(error)) => health.warnings.push(Warning {
                cure: error.cure(),
                at: now,
                text: error.to_string(),
            }),
            None => {}
        }
        for (what, ends, cure, advice) in [
            (
                "the refresh token",
                health.refresh_ends,
                Cure::SignIn,
                "it is replaced whenever sign-in works; if that fails, sign in again in a browser \
                 before then",
            ),
            (
                "the client secret",
                health.secret_ends,
                Cure::Settings,
                "create a new one for the app registration and give it to this program before then",
            ),
            (
                "the client certificate",
                health.certificate_ends,
                Cure::Settings,
                "add a new one to the app registration and give it to this program before then",
            ),
        ] {
            let Some(at) = ends else { continue };
            if at - now > self.options.warn_before {
                continue;
            }
            let text = if at <= now {
                format!("{what} ended {}; {advice}", day_and_time(at))
            } else {
                format!("{what} ends {}; {advice}", day_and_time(at))
            };
            health.warnings.push(Warning { cure, at, text });
        }
        health
    }
}

fn day_and_time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[async_trait]
impl TokenProvider for WatchedTokens {
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let outcome = self.provider.token(refused).await;
        let now = self.clock.now();
        let mut seen = self.seen();
        match &outcome {
            Ok(token) => {
                seen.last_success = Some(now);
                seen.access_ends = Some(token.expires);
                seen.failing = None;
            }
            Err(error) => {
                let since = seen.failing.as_ref().map_or(now, |failing| failing.since);
                let error = error.clone();
                seen.failing = Some(Failing { since, error });
            }
        }
        outcome
    }
}

impl fmt::Debug for WatchedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedTokens")
            .field("name", &self.name)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// How one sign-in stands: what ended or will end when, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignInHealth {
    /// The name it is watched under.
    pub name: String,
    /// When it last worked.
    pub last_success: Option<DateTime<Utc>>,
    /// Since when it has failed without a success between.
    pub failing_since: Option<DateTime<Utc>>,
    /// Why it failed last.
    pub last_error: Option<TokenError>,
    /// When the access token given last ends; it is replaced before.
    pub access_ends: Option<DateTime<Utc>>,
    /// When the refresh token ends if it is not replaced before.
    pub refresh_ends: Option<DateTime<Utc>>,
    /// When the client secret ends.
    pub secret_ends: Option<DateTime<Utc>>,
    /// When the client certificate ends.
    pub certificate_ends: Option<DateTime<Utc>>,
    /// What the operator should know, with the cure in words.
    pub warnings: Vec<Warning>,
}

impl SignInHealth {
    /// Nothing to tell.
    pub fn is_well(&self) -> bool {
        self.warnings.is_empty()
    }

    /// A person must sign in again for this to work on.
    pub fn needs_person(&self) -> bool {
        self.last_error
            .as_ref()
            .is_some_and(|error| error.cure() == Cure::SignIn)
    }
}

/// Something that the operator should know about a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Kind of the cure.
    pub cure: Cure,
    /// When it began, or when it will happen.
    pub at: DateTime<Utc>,
    /// What, when and the cure in words; no secret, no person.
    pub text: String,
}
