//! Events of Partner Center as hints for one environment or several.
//!
//! A tenant has one registration of webhooks, and every environment of it wants to know: staging,
//! production, a second organization. So one receiver takes the posts and passes each on to all of
//! them.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use cosell_referrals::webhook::{Event, Refusal, Verifier};
use cosell_sync::{EngineError, RecordId};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};

use crate::{Cosell, REFERRAL};

/// Takes posts of Partner Center and hands each event to the queues of all environments, durably,
/// before it is answered. What is to be done about it is done later, by whoever runs
/// [`Cosell::run`]: an event wakes it.
///
/// A post is answered with success only when every environment has its hint. If one could not
/// store it, the answer is 503, and Partner Center posts again; those that have the hint already
/// keep one of it. Events about anything but referrals are taken and passed to nobody.
///
/// Cheap to clone. With feature `axum`, [`router`](Self::router) is all that a server needs.
#[derive(Clone)]
pub struct Receiver {
    shared: Arc<Shared>,
}

struct Shared {
    verifier: Verifier,
    environments: Vec<(String, Arc<Cosell>)>,
}

/// An event was not queued everywhere.
#[derive(Debug, thiserror::Error)]
#[error("not queued for {}", self.names())]
pub struct NotQueued {
    /// The environments that failed, by name, and why. The others have the hint.
    pub failed: Vec<(String, EngineError)>,
}

impl NotQueued {
    fn names(&self) -> String {
        let names: Vec<&str> = self.failed.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
}

impl Receiver {
    /// A receiver of what `verifier` lets through, for `environments`, each under a name for the
    /// log.
    pub fn new<N: Into<String>>(
        verifier: Verifier,
        environments: impl IntoIterator<Item = (N, Arc<Cosell>)>,
    ) -> Self {
        let environments = environments
            .into_iter()
            .map(|(name, cosell)| (name.into(), cosell))
            .collect();
        Self {
            shared: Arc::new(Shared {
                verifier,
                environments,
            }),
        }
    }

    /// The verifier, for its counts.
    pub fn verifier(&self) -> &Verifier {
        &self.shared.verifier
    }

    /// Takes a post: its headers, and its body byte for byte. Returns the status to answer, without
    /// a body. Asks no service but, for an unknown certificate, the host of certificates.
    ///
    /// Cancel safety: may be dropped; what was queued stays queued, and Partner Center posts again.
    pub async fn take(&self, headers: &HeaderMap, body: &Bytes) -> StatusCode {
        match self.shared.verifier.verify(headers, body).await {
            Ok(event) => self.take_event(&event).await,
            Err(refusal) => {
                log_refusal(&refusal);
                refusal.status()
            }
        }
    }

    /// Takes an event that was verified elsewhere. Returns the status to answer.
    ///
    /// Cancel safety: as [`take`](Self::take).
    pub async fn take_event(&self, event: &Event) -> StatusCode {
        match self.pass_on(event).await {
            Ok(_) => StatusCode::NO_CONTENT,
            Err(error) => {
                for (environment, error) in &error.failed {
                    tracing::warn!(environment, %error, event = %event.name(), "event not queued");
                }
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// Queues an event for all environments; false if it is not about a referral. Durable when it
    /// returns. Passing on the same event again does no harm.
    ///
    /// # Errors
    /// [`NotQueued`] with the environments that could not store it.
    pub async fn pass_on(&self, event: &Event) -> Result<bool, NotQueued> {
        let Some(id) = event.referral_id() else {
            tracing::debug!(event = %event.name(), "event is not about a referral");
            return Ok(false);
        };
        let id = RecordId::new(id);
        let hints = self.shared.environments.iter().map(|(name, cosell)| {
            let id = &id;
            async move {
                match cosell.engine().hint(REFERRAL, id).await {
                    Ok(_) => None,
                    Err(error) => Some((name.clone(), error)),
                }
            }
        });
        let failed: Vec<_> = join_all(hints).await.into_iter().flatten().collect();
        if failed.is_empty() {
            Ok(true)
        } else {
            Err(NotQueued { failed })
        }
    }
}

/// Whoever may post to the address may also be refused there: nothing for the operator to do, but
/// counted by the verifier.
fn log_refusal(refusal: &Refusal) {
    tracing::debug!(%refusal, "post refused");
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.shared.environments.iter().map(|(name, _)| name);
        f.debug_struct("Receiver")
            .field("verifier", &self.shared.verifier)
            .field("environments", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "axum")]
mod server {
    use axum::{
        Router,
        extract::{FromRef, State},
        http::StatusCode,
        routing::post,
    };
    use cosell_referrals::webhook::{Verifier, axum::VerifiedEvent};

    use super::Receiver;

    impl FromRef<Receiver> for Verifier {
        fn from_ref(receiver: &Receiver) -> Self {
            receiver.shared.verifier.clone()
        }
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    impl Receiver {
        /// A router that takes posts at `path`, such as `/partner-center`: what the registration's
        /// address leads to.
        pub fn router(self, path: &str) -> Router {
            Router::new().route(path, post(take)).with_state(self)
        }
    }

    async fn take(
        State(receiver): State<Receiver>,
        VerifiedEvent(event): VerifiedEvent,
    ) -> StatusCode {
        receiver.take_event(&event).await
    }
}
