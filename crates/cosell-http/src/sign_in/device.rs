//! A person signs in with a browser on another device: device code.

use std::{fmt, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use oauth2::RequestTokenError;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{App, SignedIn, advice, wire};
use crate::{TokenError, error::clip};

/// What is assumed where the answer names nothing, and the bounds of what is believed.
const USUAL_LIFE: u64 = 900;
const LONGEST_LIFE: u64 = 3600;
const USUAL_INTERVAL: u64 = 5;
const LONGEST_INTERVAL: u64 = 60;

/// Added to the interval when the service asks for patience (RFC 8628).
const SLOWER: Duration = Duration::from_secs(5);

/// Longest text of the service that is shown to a person, in characters.
const LONGEST_TEXT: usize = 1000;

/// One sign-in on another device: show [`message`](Self::message), then wait in
/// [`finish`](Self::finish).
pub struct DeviceSignIn {
    app: App,
    scope: String,
    device_code: SecretString,
    user_code: String,
    page: String,
    message: String,
    interval: Duration,
    expires: DateTime<Utc>,
}

#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: oauth2::DeviceCode,
    user_code: String,
    // The older endpoint has another name for it.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, deserialize_with = "wire::seconds")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "wire::seconds")]
    interval: Option<u64>,
}

impl DeviceSignIn {
    /// Starts a sign-in at `app` for `scope`, such as
    /// `https://api.partner.microsoft.com/.default offline_access`; without `offline_access`
    /// there is no refresh token.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn start(app: &App, scope: impl Into<String>) -> Result<Self, TokenError> {
        let scope = scope.into();
        let endpoint = &app.endpoint;
        let address = endpoint
            .neighbour("devicecode")
            .map_err(|fault| TokenError::Malformed(fault.message().to_owned()))?;
        let form = [
            ("client_id", app.client_id.clone()),
            endpoint.asks_for(&scope),
        ];
        let answer: DeviceAnswer = endpoint
            .post(&address, &form)
            .await
            .map_err(|fault| endpoint.explain(fault))?;
        let life = answer.expires_in.unwrap_or(USUAL_LIFE).min(LONGEST_LIFE);
        let interval = answer.interval.unwrap_or(USUAL_INTERVAL);
        let user_code = clip(&answer.user_code, 64);
        let page = clip(&answer.verification_uri, 500);
        let message = answer.message.filter(|text| !text.trim().is_empty());
        Ok(Self {
            app: app.clone(),
            scope,
            device_code: answer.device_code.into_secret().into(),
            message: message.map_or_else(
                || format!("To sign in, open {page} and enter the code {user_code}."),
                |text| clip(&text, LONGEST_TEXT),
            ),
            user_code,
            page,
            interval: Duration::from_secs(interval.clamp(1, LONGEST_INTERVAL)),
            expires: endpoint.now() + TimeDelta::seconds(life.cast_signed()),
        })
    }

    /// What to tell the person, in the service's words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The code that the person enters.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// The page where the person enters it.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Until when the code is good.
    pub fn expires(&self) -> DateTime<Utc> {
        self.expires
    }

    /// Waits until the person has signed in, asking at the pace that the service wants.
    ///
    /// A lost or busy service is asked again, more slowly, until the code ends; a failure that
    /// no repeat cures ends the wait. Cancel safety: may be dropped; the code then ends unused.
    ///
    /// # Errors
    /// [`TokenError::Refused`] when the person declined, the code ended or the tenant blocks
    /// this flow; others as for any request for a token.
    pub async fn finish(self) -> Result<SignedIn, TokenError> {
        let endpoint = &self.app.endpoint;
        let mut interval = self.interval;
        let mut wait = interval;
        loop {
            let left = (self.expires - endpoint.now()).to_std().unwrap_or_default();
            if left.is_zero() {
                let wording = advice::Wording {
                    description: Some("the code ended before the person had signed in"),
                    ..advice::Wording::default()
                };
                return Err(advice::refused("expired_token", wording));
            }
            endpoint.clock.sleep(wait.min(left)).await;
            match endpoint.post(endpoint.url(), &self.form().await?).await {
                Err(RequestTokenError::ServerResponse(refusal))
                    if refusal.error == "authorization_pending" =>
                {
                    wait = interval;
                }
                Err(RequestTokenError::ServerResponse(refusal)) if refusal.error == "slow_down" => {
                    interval += SLOWER;
                    wait = interval;
                }
                Err(RequestTokenError::Request(fault)) if fault.may_pass() => {
                    tracing::debug!(%fault, "sign-in service not reached; asking again");
                    wait = (wait * 2).min(Duration::from_secs(LONGEST_INTERVAL));
                }
                outcome => {
                    let (access, refresh) = endpoint.read(outcome)?;
                    return Ok(SignedIn {
                        access,
                        refresh,
                        at: endpoint.now(),
                    });
                }
            }
        }
    }

    async fn form(&self) -> Result<Vec<(&'static str, String)>, TokenError> {
        let mut form = vec![
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:device_code".to_owned(),
            ),
            ("client_id", self.app.client_id.clone()),
            ("device_code", self.device_code.expose_secret().to_owned()),
        ];
        form.extend(self.app.proof().await?);
        Ok(form)
    }
}

impl fmt::Debug for DeviceSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSignIn")
            .field("app", &self.app)
            .field("scope", &self.scope)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
