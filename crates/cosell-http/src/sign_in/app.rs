//! Which application asks for tokens, and how it proves itself.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::endpoint::TokenEndpoint;
use crate::TokenError;

/// Makes the signed statement with which a confidential client proves itself in the place of a
/// secret: a certificate (feature `certificate`), a key in a vault, the token file that a
/// Kubernetes cluster or a build server provides.
///
/// It is asked before each request for a token, so that short-lived statements stay fresh.
/// Cancel safety: a dropped future must leave nothing half made.
#[async_trait]
pub trait ClientAssertion: fmt::Debug + Send + Sync + 'static {
    /// A JWT for the application `client_id`, meant for the token address `audience`, good at
    /// `now`.
    ///
    /// # Errors
    /// [`TokenError::Credential`] with the cure.
    async fn assertion(
        &self,
        client_id: &str,
        audience: &Url,
        now: DateTime<Utc>,
    ) -> Result<SecretString, TokenError>;
}

/// An app registration: where it asks for tokens, its client id, and how it proves itself.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub(super) endpoint: TokenEndpoint,
    pub(super) client_id: String,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    None,
    Secret(SecretString),
    Assertion(Arc<dyn ClientAssertion>),
}

impl App {
    /// A public client: it has nothing to prove itself with. The registration must allow public
    /// client flows.
    pub fn public(endpoint: TokenEndpoint, client_id: impl Into<String>) -> Self {
        Self::of(endpoint, client_id, Proof::None)
    }

    /// A confidential client with a secret.
    pub fn with_secret(
        endpoint: TokenEndpoint,
        client_id: impl Into<String>,
        secret: SecretString,
    ) -> Self {
        Self::of(endpoint, client_id, Proof::Secret(secret))
    }

    /// A confidential client with signed statements, such as a certificate makes them.
    pub fn with_assertion(
        endpoint: TokenEndpoint,
        client_id: impl Into<String>,
        assertion: Arc<dyn ClientAssertion>,
    ) -> Self {
        Self::of(endpoint, client_id, Proof::Assertion(assertion))
    }

    fn of(endpoint: TokenEndpoint, client_id: impl Into<String>, proof: Proof) -> Self {
        Self {
            endpoint,
            client_id: client_id.into(),
            proof,
        }
    }

    /// The parameters that prove the application.
    pub(super) async fn proof(&self) -> Result<Vec<(&'static str, String)>, TokenError> {
        Ok(match &self.proof {
            Proof::None => Vec::new(),
            Proof::Secret(secret) => vec![("client_secret", secret.expose_secret().to_owned())],
            Proof::Assertion(source) => {
                let made = source
                    .assertion(&self.client_id, self.endpoint.url(), self.endpoint.now())
                    .await?;
                vec![
                    (
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
                    ),
                    ("client_assertion", made.expose_secret().to_owned()),
                ]
            }
        })
    }

    /// The parameters of each request for a token beyond those of its grant.
    pub(super) async fn parameters(
        &self,
        scope: &str,
    ) -> Result<Vec<(&'static str, String)>, TokenError> {
        let mut parameters = self.proof().await?;
        parameters.push(self.endpoint.asks_for(scope));
        Ok(parameters)
    }
}
