//! One token endpoint: the oauth2 crate on one side, our transport on the other.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use chrono::TimeDelta;
use http::StatusCode;
use oauth2::{
    AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    RequestTokenError, TokenResponse, TokenUrl,
    basic::{BasicClient, BasicErrorResponse, BasicTokenResponse, BasicTokenType},
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::advice;
use crate::{
    AccessToken, BodyLimit, Error, ErrorKind, Sent, Sleep, TokenError, Transport, TransportError,
    redact, target,
};

/// Where accounts of the global cloud sign in.
pub const ENTRA_AUTHORITY: &str = "https://login.microsoftonline.com";

/// A token answer is a few kilobytes; anything far larger is no token.
const LIMIT: BodyLimit = BodyLimit(64 * 1024);

/// Assumed where the answer names no lifetime, and the most that is believed.
const USUAL_LIFE: TimeDelta = TimeDelta::hours(1);
const LONGEST_LIFE: TimeDelta = TimeDelta::hours(24);

/// The address that gives tokens, and how it is reached. Cheap to clone.
#[derive(Clone)]
pub struct TokenEndpoint {
    url: Url,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Sleep>,
}

impl TokenEndpoint {
    /// The endpoint at `url`, such as `https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the address is not https and not loopback.
    pub fn new(
        url: Url,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Sleep>,
    ) -> Result<Self, Error> {
        target::check(&url).map_err(|fault| invalid(format!("token address: {fault}")))?;
        Ok(Self {
            url,
            transport,
            clock,
        })
    }

    /// The v2.0 endpoint of `tenant` (its id or a verified domain) at `authority`, for example
    /// [`ENTRA_AUTHORITY`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with all faults of authority and tenant.
    pub fn entra(
        authority: &Url,
        tenant: &str,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Sleep>,
    ) -> Result<Self, Error> {
        let mut faults = Vec::new();
        if let Err(fault) = target::check(authority) {
            faults.push(format!("authority: {fault}"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !tenant.starts_with(|c: char| c.is_ascii_alphanumeric()) || !tenant.chars().all(plain) {
            faults.push("tenant: give its id or a verified domain".into());
        }
        if !faults.is_empty() {
            return Err(invalid(faults.join("; ")));
        }
        let url = target::as_folder(authority.clone())
            .join(&format!("{tenant}/oauth2/v2.0/token"))
            .map_err(|fault| invalid(format!("authority: {fault}")))?;
        Self::new(url, transport, clock)
    }

    pub(super) fn client(&self, id: &str, secret: Option<&SecretString>) -> Client {
        let client = BasicClient::new(ClientId::new(id.to_owned()))
            .set_token_uri(TokenUrl::from_url(self.url.clone()))
            // Entra takes both; in the body no second encoding can go wrong.
            .set_auth_type(AuthType::RequestBody);
        match secret {
            Some(secret) => {
                client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            }
            None => client,
        }
    }

    /// The transport as the oauth2 crate wants it.
    pub(super) fn sender(
        &self,
    ) -> impl Fn(HttpRequest) -> Pin<Box<dyn Future<Output = Result<HttpResponse, NoToken>> + Send>>
    {
        let transport = Arc::clone(&self.transport);
        move |request| {
            let transport = Arc::clone(&transport);
            Box::pin(async move {
                let mut request = request.map(Bytes::from);
                request.extensions_mut().insert(LIMIT);
                let response = transport.send(request).await.map_err(NoToken::NoAnswer)?;
                let status = response.status();
                if status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT
                {
                    return Err(NoToken::Busy(status));
                }
                if response.body().len() as u64 > LIMIT.0 {
                    return Err(NoToken::NoAnswer(TransportError::too_large(LIMIT)));
                }
                Ok(response.map(Into::into))
            })
        }
    }

    /// The access token of an answer, and the refresh token that came with it.
    pub(super) fn read(
        &self,
        outcome: Result<BasicTokenResponse, RequestTokenError<NoToken, BasicErrorResponse>>,
    ) -> Result<(AccessToken, Option<SecretString>), TokenError> {
        let answer = outcome.map_err(|fault| self.explain(fault))?;
        if !matches!(answer.token_type(), BasicTokenType::Bearer) {
            return Err(TokenError::Malformed(
                "the token is not of type Bearer".into(),
            ));
        }
        let life = answer
            .expires_in()
            .and_then(|life| TimeDelta::from_std(life).ok())
            .map_or(USUAL_LIFE, |life| life.min(LONGEST_LIFE));
        let token = AccessToken::new(
            SecretString::from(answer.access_token().secret().clone()),
            self.clock.now() + life,
        );
        let refresh = answer
            .refresh_token()
            .map(|token| SecretString::from(token.secret().clone()));
        Ok((token, refresh))
    }

    fn explain(&self, fault: RequestTokenError<NoToken, BasicErrorResponse>) -> TokenError {
        let host = target::origin(&self.url);
        match fault {
            RequestTokenError::ServerResponse(refusal) => {
                let oauth = refusal.error().as_ref();
                if matches!(oauth, "temporarily_unavailable" | "server_error") {
                    return TokenError::Unreachable(format!("{host} answered {oauth}; try later"));
                }
                advice::refused(oauth, refusal.error_description().map(String::as_str))
            }
            RequestTokenError::Request(NoToken::Busy(status)) => {
                TokenError::Unreachable(format!("{host} answered {}; try later", status.as_u16()))
            }
            RequestTokenError::Request(NoToken::NoAnswer(cause)) => match cause.sent() {
                Sent::Answered => TokenError::Malformed(format!("{host}: {cause}")),
                Sent::No | Sent::Maybe => TokenError::Unreachable(format!("{host}: {cause}")),
            },
            // The rest of both may quote the answer, and the answer may hold a token.
            RequestTokenError::Parse(fault, _) => {
                let at = fault.path().to_string();
                TokenError::Malformed(if at == "expires_in" {
                    format!("{host} gives `expires_in` as text; use the v2.0 token address")
                } else {
                    format!("{host} gave no token answer; check the token address")
                })
            }
            RequestTokenError::Other(_) => {
                TokenError::Malformed(format!("{host} gave no JSON; check the token address"))
            }
        }
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenEndpoint")
            .field(&redact::url(&self.url))
            .finish()
    }
}

pub(super) type Client =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Why the endpoint said nothing about the grant.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoToken {
    #[error("no answer")]
    NoAnswer(#[source] TransportError),
    #[error("answered {0}")]
    Busy(StatusCode),
}

fn invalid(fault: String) -> Error {
    Error::new("sign_in.endpoint", ErrorKind::Invalid, Sent::No, fault)
}
