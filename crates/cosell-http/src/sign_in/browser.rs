//! A person signs in with a browser on this machine: authorization code with PKCE.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Utc};
use oauth2::{AuthUrl, AuthorizationCode, CsrfToken, PkceCodeChallenge, RedirectUrl};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{App, ClaimsChallenge, KeptToken, RefreshTokenStore, advice};
use crate::{AccessToken, Error, ErrorKind, Sent, TokenError};

/// Longest code or state that is taken from a redirect, in bytes.
const LONGEST: usize = 16 * 1024;

/// How a person is asked to sign in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrowserOptions {
    /// What the page must do even where a session exists: `login` (the default: ask for the
    /// credentials again, so that the second factor is asked for, too), `select_account`,
    /// `consent`; nothing if empty.
    pub prompt: String,
    /// Sign-in name that the page fills in.
    pub login_hint: Option<String>,
    /// What an earlier refusal asked the sign-in to show.
    pub claims: Option<ClaimsChallenge>,
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            prompt: "login".into(),
            login_hint: None,
            claims: None,
        }
    }
}

impl BrowserOptions {
    /// Sets what the page must do.
    #[must_use]
    pub fn with_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = prompt.into();
        self
    }

    /// Sets the sign-in name that the page fills in.
    #[must_use]
    pub fn with_login_hint(mut self, name: impl Into<String>) -> Self {
        self.login_hint = Some(name.into());
        self
    }

    /// Answers the challenge of an earlier refusal: the page asks the person for what it demands.
    #[must_use]
    pub fn with_claims(mut self, challenge: ClaimsChallenge) -> Self {
        self.claims = Some(challenge);
        self
    }
}

/// One sign-in in a browser, from the address to open to the tokens.
///
/// The code that comes back can be redeemed only by this value: it holds the PKCE verifier, and
/// the state by which an answer to another sign-in is told apart.
pub struct BrowserSignIn {
    app: App,
    scope: String,
    redirect: RedirectUrl,
    url: Url,
    state: SecretString,
    verifier: SecretString,
}

impl BrowserSignIn {
    /// Starts a sign-in at `app` for `scope`, such as
    /// `https://api.partner.microsoft.com/.default offline_access`; without `offline_access`
    /// there is no refresh token. `redirect` is the address the browser is sent back to; it
    /// must be registered at the app.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the redirect is no address.
    pub fn start(
        app: &App,
        scope: impl Into<String>,
        redirect: &str,
        options: &BrowserOptions,
    ) -> Result<Self, Error> {
        let redirect = RedirectUrl::new(redirect.to_owned())
            .map_err(|_| invalid("redirect: give an address such as http://localhost"))?;
        let scope = scope.into();
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = app
            .endpoint
            .client(&app.client_id)
            .set_auth_uri(AuthUrl::from_url(app.endpoint.neighbour("authorize")?));
        let (asked, service) = app.endpoint.asks_for(&scope);
        let mut request = client
            .authorize_url(CsrfToken::new_random)
            .set_redirect_uri(Cow::Borrowed(&redirect))
            .set_pkce_challenge(challenge)
            .add_extra_param("response_mode", "query")
            .add_extra_param(asked, service);
        if !options.prompt.is_empty() {
            request = request.add_extra_param("prompt", options.prompt.clone());
        }
        if let Some(name) = &options.login_hint {
            request = request.add_extra_param("login_hint", name.clone());
        }
        if let Some(challenge) = &options.claims {
            request = request.add_extra_param("claims", challenge.as_json().to_owned());
        }
        let (url, state) = request.url();
        Ok(Self {
            app: app.clone(),
            scope,
            redirect,
            url,
            state: state.into_secret().into(),
            verifier: verifier.into_secret().into(),
        })
    }

    /// The address to open in the person's browser.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether the browser was sent back to this address by this sign-in, and not by another or
    /// by a page that only tries.
    pub fn is_answer(&self, came_back: &Url) -> bool {
        parameter(came_back, "state").is_some_and(|state| state == self.state.expose_secret())
    }

    /// Redeems the code in `came_back`, the address that the browser was sent back to.
    ///
    /// Cancel safety: a code is good once; after a dropped call start over.
    ///
    /// # Errors
    /// [`TokenError`]; the person's refusal and that of the service are
    /// [`TokenError::Refused`].
    pub async fn finish(self, came_back: &Url) -> Result<SignedIn, TokenError> {
        if !self.is_answer(came_back) {
            return Err(TokenError::Malformed(
                "the answer belongs to another sign-in (its state differs); start over".into(),
            ));
        }
        if let Some(error) = parameter(came_back, "error") {
            let text = |name| parameter(came_back, name);
            let (description, suberror, claims) = (
                text("error_description"),
                text("error_subcode"),
                text("claims"),
            );
            let wording = advice::Wording {
                description: description.as_deref(),
                suberror: suberror.as_deref(),
                claims: claims.as_deref(),
            };
            return Err(advice::refused(&error, wording));
        }
        let code = parameter(came_back, "code").ok_or_else(|| {
            TokenError::Malformed("the answer holds neither a code nor an error".into())
        })?;
        let endpoint = &self.app.endpoint;
        let client = endpoint.client(&self.app.client_id);
        let verifier = self.verifier.expose_secret().to_owned();
        let mut request = client
            .exchange_code(AuthorizationCode::new(code))
            .set_redirect_uri(Cow::Borrowed(&self.redirect))
            .set_pkce_verifier(oauth2::PkceCodeVerifier::new(verifier));
        for (name, value) in self.app.parameters(&self.scope).await? {
            request = request.add_extra_param(name, value);
        }
        let outcome = request.request_async(&endpoint.sender()).await;
        let (access, refresh) = endpoint.read(outcome)?;
        Ok(SignedIn {
            access,
            refresh,
            at: endpoint.now(),
        })
    }
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .filter(|value| !value.is_empty() && value.len() <= LONGEST)
}

impl fmt::Debug for BrowserSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserSignIn")
            .field("app", &self.app)
            .field("scope", &self.scope)
            .field("redirect", &self.redirect.as_str())
            .finish_non_exhaustive()
    }
}

/// A person has signed in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// Opens the service for about an hour; look into it with
    /// [`Expected::check`](super::Expected::check).
    pub access: AccessToken,
    /// Gives further access tokens; absent if the scope did not ask for `offline_access`.
    pub refresh: Option<SecretString>,
    /// When.
    pub at: DateTime<Utc>,
}

impl SignedIn {
    /// Stores the refresh token for unattended runs.
    ///
    /// # Errors
    /// [`TokenError::Store`] if it cannot be kept, or if there is none.
    pub async fn keep(&self, store: &dyn RefreshTokenStore) -> Result<(), TokenError> {
        let refresh = self.refresh.clone().ok_or_else(|| {
            TokenError::Store(
                "the sign-in gave no refresh token; ask for the scope `offline_access`, too".into(),
            )
        })?;
        store.save(&KeptToken::new(refresh, Some(self.at))).await
    }
}

fn invalid(fault: &str) -> Error {
    Error::new("sign_in.browser", ErrorKind::Invalid, Sent::No, fault)
}
