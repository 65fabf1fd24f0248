//! The two unattended grants: as the application, and as a person through a refresh token.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::lock::Mutex;
use secrecy::{ExposeSecret, SecretString};

use super::{
    App, Cure, KeptToken, RefreshTokenStore, TokenEndpoint,
    wire::{NoToken, TokenAnswer},
};
use crate::{AccessToken, TokenError, TokenProvider};

/// Signs in as the application itself, with a secret or a signed statement.
///
/// Fetches a new token each time; see [`CachedTokens`](super::CachedTokens).
#[derive(Debug)]
pub struct ClientCredentials {
    app: App,
    scope: String,
}

impl ClientCredentials {
    /// An application with a secret. `scope` names the service, such as
    /// `https://org.crm.dynamics.com/.default`.
    pub fn new(
        endpoint: TokenEndpoint,
        client_id: impl Into<String>,
        secret: SecretString,
        scope: impl Into<String>,
    ) -> Self {
        Self::of(App::with_secret(endpoint, client_id, secret), scope)
    }

    /// Any confidential `app`.
    pub fn of(app: App, scope: impl Into<String>) -> Self {
        Self {
            app,
            scope: scope.into(),
        }
    }
}

#[async_trait]
impl TokenProvider for ClientCredentials {
    async fn token(&self, _refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let endpoint = &self.app.endpoint;
        let client = endpoint.client(&self.app.client_id);
        let mut request = client.exchange_client_credentials();
        for (name, value) in self.app.parameters(&self.scope).await? {
            request = request.add_extra_param(name, value);
        }
        let outcome = request.request_async(&endpoint.sender()).await;
        Ok(endpoint.read(outcome)?.0)
    }
}

/// Signs in as the person who once consented.
///
/// Each answer may bring a newer refresh token, good for another 90 days; it is saved before
/// the access token is handed out, so that no run ends with only the older one.
/// Fetches a new token each time; see [`CachedTokens`](super::CachedTokens).
///
/// A refresh token belongs to a person and an application, not to a service:
/// [`for_scope`](Self::for_scope) gives a second provider over the same store. They take turns,
/// so that none redeems a token that the other is about to replace.
#[derive(Debug)]
pub struct RefreshToken<S> {
    person: Arc<Person<S>>,
    scope: String,
}

#[derive(Debug)]
struct Person<S> {
    app: App,
    store: S,
    turn: Mutex<()>,
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
        let app = match secret {
            Some(secret) => App::with_secret(endpoint, client_id, secret),
            None => App::public(endpoint, client_id),
        };
        Self::of(app, scope, store)
    }

    /// A person at `app`, the application at which that person signed in.
    pub fn of(app: App, scope: impl Into<String>, store: S) -> Self {
        let person = Arc::new(Person {
            app,
            store,
            turn: Mutex::new(()),
        });
        Self {
            person,
            scope: scope.into(),
        }
    }

    /// The same person at another service, such as
    /// `https://api.partnercenter.microsoft.com/.default offline_access`. The app needs that
    /// service's permission and consent, too.
    #[must_use]
    pub fn for_scope(&self, scope: impl Into<String>) -> Self {
        Self {
            person: Arc::clone(&self.person),
            scope: scope.into(),
        }
    }

    async fn redeem(&self, kept: &KeptToken) -> Result<AccessToken, TokenError> {
        let Person { app, store, .. } = &*self.person;
        let endpoint = &app.endpoint;
        let client = endpoint.client(&app.client_id);
        let used = oauth2::RefreshToken::new(kept.token.expose_secret().to_owned());
        let mut request = client.exchange_refresh_token(&used);
        for (name, value) in app.parameters(&self.scope).await? {
            request = request.add_extra_param(name, value);
        }
        let outcome: Result<TokenAnswer, oauth2::RequestTokenError<NoToken, _>> =
            request.request_async(&endpoint.sender()).await;
        let (token, newest) = endpoint.read(outcome)?;
        if let Some(newest) = newest {
            store
                .save(&KeptToken::new(newest, Some(endpoint.now())))
                .await?;
        }
        Ok(token)
    }
}

#[async_trait]
impl<S: RefreshTokenStore> TokenProvider for RefreshToken<S> {
    async fn token(&self, _refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let _turn = self.person.turn.lock().await;
        let kept = self.person.store.load().await?;
        match self.redeem(&kept).await {
            Err(refused) if refused.cure() == Cure::SignIn => {
                // Another process with this store may have replaced the token meanwhile.
                let again = self.person.store.load().await?;
                if again.token.expose_secret() == kept.token.expose_secret() {
                    return Err(refused);
                }
                self.redeem(&again).await
            }
            outcome => outcome,
        }
    }
}
