//! Access tokens and where they come from.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::sign_in::{self, ClaimsChallenge, Cure};

/// A bearer token with its end of life.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessToken {
    /// The token; never printed.
    pub secret: SecretString,
    /// After this moment the service refuses it.
    pub expires: DateTime<Utc>,
}

impl AccessToken {
    /// A token valid until `expires`.
    pub fn new(secret: SecretString, expires: DateTime<Utc>) -> Self {
        Self { secret, expires }
    }

    /// Whether both are the same token, whatever their end of life.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }
}

/// Gives access tokens for one audience.
///
/// Cancel safety: dropping the future loses nothing; a refresh under way goes on for other
/// callers that wait for it.
#[async_trait]
pub trait TokenProvider: fmt::Debug + Send + Sync + 'static {
    /// A token that is valid now. `refused` is a token that the service has just answered with
    /// 401; the provider must not return that one again.
    ///
    /// # Errors
    /// [`TokenError`]: no token can be had; says what the operator should do.
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError>;
}

#[async_trait]
impl<T: TokenProvider + ?Sized> TokenProvider for Arc<T> {
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        (**self).token(refused).await
    }
}

#[async_trait]
impl<T: TokenProvider + ?Sized> TokenProvider for Box<T> {
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        (**self).token(refused).await
    }
}

/// No token could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The sign-in service refused the credentials or the grant.
    #[error("sign-in refused: {code}: {description}; {advice}")]
    Refused {
        /// OAuth error, with the `AADSTS` number and the finer word where they were given.
        code: String,
        /// The service's text without trace ids.
        description: String,
        /// What the operator should do.
        advice: String,
        /// What the sign-in must show that cures it, where the service said so.
        claims: Option<ClaimsChallenge>,
    },
    /// The sign-in service could not be reached or answered with an error of its own; may pass.
    #[error("sign-in not reachable: {0}")]
    Unreachable(String),
    /// The sign-in service answered something that is no token.
    #[error("sign-in answer not understood: {0}")]
    Malformed(String),
    /// The refresh token could not be read from, or written to, where it is kept.
    #[error("refresh token store: {0}")]
    Store(String),
    /// The application could not make the statement that proves itself.
    #[error("client credential: {0}")]
    Credential(String),
}

impl TokenError {
    /// The code of a refusal, such as `invalid_grant AADSTS50076`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unreachable(_) | Self::Malformed(_) | Self::Store(_) | Self::Credential(_) => {
                None
            }
        }
    }

    /// What kind of thing cures it: whether to wait, to tell a person to sign in, or to look at
    /// the settings.
    pub fn cure(&self) -> Cure {
        match self {
            Self::Refused { code, .. } => sign_in::cure(code),
            Self::Unreachable(_) => Cure::Wait,
            Self::Malformed(_) | Self::Store(_) | Self::Credential(_) => Cure::Settings,
        }
    }
}
