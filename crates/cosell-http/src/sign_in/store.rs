//! Where a refresh token is kept between runs.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::TokenError;

/// A refresh token and when it was given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeptToken {
    /// The token; never printed.
    pub token: SecretString,
    /// When the sign-in service gave it, from which its life counts. Absent where nobody noted
    /// it, as for a token pasted by hand.
    pub obtained: Option<DateTime<Utc>>,
}

impl KeptToken {
    /// A token that was given at `obtained`.
    pub fn new(token: SecretString, obtained: Option<DateTime<Utc>>) -> Self {
        Self { token, obtained }
    }
}

/// Where a refresh token is kept between runs: implement it for your vault.
///
/// One store may serve several services through
/// [`RefreshToken::for_scope`](super::RefreshToken::for_scope). A token that was replaced stays
/// good for a while, so of two processes with one store the last save may win.
#[async_trait]
pub trait RefreshTokenStore: fmt::Debug + Send + Sync + 'static {
    /// The newest token that was saved.
    ///
    /// # Errors
    /// [`TokenError::Store`], also when there is none yet; the text tells the operator what to
    /// do.
    async fn load(&self) -> Result<KeptToken, TokenError>;

    /// Keeps `newest` durably, in the place of any other. Returns only when a crash can no
    /// longer lose it.
    ///
    /// # Errors
    /// [`TokenError::Store`]; the access token that came with it is then not used.
    async fn save(&self, newest: &KeptToken) -> Result<(), TokenError>;
}

/// A [`RefreshTokenStore`] that forgets with the process: for tests and one-off tools.
#[derive(Debug)]
pub struct MemoryRefreshToken(Mutex<KeptToken>);

impl MemoryRefreshToken {
    /// Starts with `token`.
    pub fn new(token: SecretString) -> Self {
        Self::of(KeptToken::new(token, None))
    }

    /// Starts with `token`, whose age is known.
    pub fn of(token: KeptToken) -> Self {
        Self(Mutex::new(token))
    }
}

#[async_trait]
impl RefreshTokenStore for MemoryRefreshToken {
    async fn load(&self) -> Result<KeptToken, TokenError> {
        Ok(self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }

    async fn save(&self, newest: &KeptToken) -> Result<(), TokenError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = newest.clone();
        Ok(())
    }
}

#[async_trait]
impl<S: RefreshTokenStore + ?Sized> RefreshTokenStore for Arc<S> {
    async fn load(&self) -> Result<KeptToken, TokenError> {
        (**self).load().await
    }

    async fn save(&self, newest: &KeptToken) -> Result<(), TokenError> {
        (**self).save(newest).await
    }
}

#[async_trait]
impl<S: RefreshTokenStore + ?Sized> RefreshTokenStore for Box<S> {
    async fn load(&self) -> Result<KeptToken, TokenError> {
        (**self).load().await
    }

    async fn save(&self, newest: &KeptToken) -> Result<(), TokenError> {
        (**self).save(newest).await
    }
}
