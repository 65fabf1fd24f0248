//! The two grants: as the application, and as a person through a refresh token.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use oauth2::Scope;
use secrecy::{ExposeSecret, SecretString};

use super::endpoint::TokenEndpoint;
use crate::{AccessToken, TokenError, TokenProvider};

/// Signs in as the application itself, with a client secret.
///
/// Fetches a new token each time; see [`CachedTokens`](super::CachedTokens).
#[derive(Debug)]
pub struct ClientCredentials {
    endpoint: TokenEndpoint,
    client_id: String,
    secret: SecretString,
    scope: String,
}

impl ClientCredentials {
    /// `scope` names the service, such as `https://org.crm.dynamics.com/.default`.
    pub fn new(
        endpoint: TokenEndpoint,
        client_id: impl Into<String>,
        secret: SecretString,
        scope: impl Into<String>,
    ) -> Self {
        Self {
            endpoint,
            client_id: client_id.into(),
            secret,
            scope: scope.into(),
        }
    }
}

#[async_trait]
impl TokenProvider for ClientCredentials {
    async fn token(&self, _refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let client = self.endpoint.client(&self.client_id, Some(&self.secret));
        let sender = self.endpoint.sender();
        let outcome = client
            .exchange_client_credentials()
            .add_scope(Scope::new(self.scope.clone()))
            .request_async(&sender)
            .await;
        Ok(self.endpoint.read(outcome)?.0)
    }
}

/// Where a refresh token is kept between runs.
///
/// One store may serve several [`RefreshToken`] providers (one per service); a token that was
/// replaced stays good for a while, so the last save may win.
#[async_trait]
pub trait RefreshTokenStore: fmt::Debug + Send + Sync + 'static {
    /// The newest token that was saved.
    ///
    /// # Errors
    /// [`TokenError::Store`].
    async fn load(&self) -> Result<SecretString, TokenError>;

    /// Keeps `newest` durably. Returns only when a crash can no longer lose it.
    ///
    /// # Errors
    /// [`TokenError::Store`]; the access token that came with it is then not used.
    async fn save(&self, newest: SecretString) -> Result<(), TokenError>;
}

/// A [`RefreshTokenStore`] that forgets with the process: for tests and one-off tools.
#[derive(Debug)]
pub struct MemoryRefreshToken(Mutex<SecretString>);

impl MemoryRefreshToken {
    /// Starts with `token`.
    pub fn new(token: SecretString) -> Self {
        Self(Mutex::new(token))
    }
}

#[async_trait]
impl RefreshTokenStore for MemoryRefreshToken {
    async fn load(&self) -> Result<SecretString, TokenError> {
        Ok(self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }

    async fn save(&self, newest: SecretString) -> Result<(), TokenError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = newest;
        Ok(())
    }
}

/// Signs in as the person who once consented.
///
/// Each answer may bring a newer refresh token, good for another 90 days; it is saved before
/// the access token is handed out, so that no run ends with only the older one.
/// Fetches a new token each time; see [`CachedTokens`](super::CachedTokens).
#[derive(Debug)]
pub struct RefreshToken<S> {
    endpoint: TokenEndpoint,
    client_id: String,
    secret: Option<SecretString>,
    scope: String,
    store: S,
}

impl<S: RefreshTokenStore> RefreshToken<S> {
    /// `secret` is absent for public clients. `scope` names the service and asks for the next
    /// refresh token, such as `https://api.partner.microsoft.com/.default offline_access`.
    pub fn new(
        endpoint: TokenEndpoint,
        client_id: impl Into<String>,
        secret: Option<SecretString>,
        scope: impl Into<String>,
        store: S,
    ) -> Self {
        Self {
            endpoint,
            client_id: client_id.into(),
            secret,
            scope: scope.into(),
            store,
        }
    }
}

#[async_trait]
impl<S: RefreshTokenStore> TokenProvider for RefreshToken<S> {
    async fn token(&self, _refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let kept = self.store.load().await?;
        let client = self.endpoint.client(&self.client_id, self.secret.as_ref());
        let sender = self.endpoint.sender();
        let outcome = client
            .exchange_refresh_token(&oauth2::RefreshToken::new(kept.expose_secret().to_owned()))
            .add_scope(Scope::new(self.scope.clone()))
            .request_async(&sender)
            .await;
        let (token, newest) = self.endpoint.read(outcome)?;
        if let Some(newest) = newest
            && newest.expose_secret() != kept.expose_secret()
        {
            self.store.save(newest).await?;
        }
        Ok(token)
    }
}

#[async_trait]
impl<S: RefreshTokenStore + ?Sized> RefreshTokenStore for std::sync::Arc<S> {
    async fn load(&self) -> Result<SecretString, TokenError> {
        (**self).load().await
    }

    async fn save(&self, newest: SecretString) -> Result<(), TokenError> {
        (**self).save(newest).await
    }
}

#[async_trait]
impl<S: RefreshTokenStore + ?Sized> RefreshTokenStore for Box<S> {
    async fn load(&self) -> Result<SecretString, TokenError> {
        (**self).load().await
    }

    async fn save(&self, newest: SecretString) -> Result<(), TokenError> {
        (**self).save(newest).await
    }
}
