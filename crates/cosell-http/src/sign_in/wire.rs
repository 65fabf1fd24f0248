//! What goes to a token endpoint and comes back: the oauth2 crate on one side, our transport on
//! the other.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use chrono::TimeDelta;
use http::{Method, Request, StatusCode, header};
use oauth2::{
    AuthType, ClientId, EndpointNotSet, EndpointSet, ErrorResponse, HttpRequest, HttpResponse,
    RequestTokenError, Scope, StandardRevocableToken, TokenResponse, TokenUrl,
    basic::{BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{advice, endpoint::TokenEndpoint};
use crate::{AccessToken, BodyLimit, Sent, TokenError, TransportError};

/// A token answer is a few kilobytes; anything far larger is no token.
const LIMIT: BodyLimit = BodyLimit(64 * 1024);

/// Assumed where the answer names no lifetime, and the most that is believed.
const USUAL_LIFE: TimeDelta = TimeDelta::hours(1);
const LONGEST_LIFE: TimeDelta = TimeDelta::hours(24);

pub(super) type Client = oauth2::Client<
    Refusal,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// What an endpoint of either version answers. The older one gives its numbers as text.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct TokenAnswer {
    access_token: oauth2::AccessToken,
    #[serde(deserialize_with = "oauth2::helpers::deserialize_untagged_enum_case_insensitive")]
    token_type: BasicTokenType,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    refresh_token: Option<oauth2::RefreshToken>,
}

impl TokenResponse for TokenAnswer {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &oauth2::AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<std::time::Duration> {
        self.expires_in.map(std::time::Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&oauth2::RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

/// A number of seconds, as a number or as text; what is neither counts as not given.
pub(super) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// How an endpoint refuses.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Refusal {
    pub(super) error: String,
    #[serde(default)]
    pub(super) error_description: Option<String>,
    #[serde(default)]
    suberror: Option<String>,
    /// A claims challenge, as JSON within text.
    #[serde(default)]
    claims: Option<String>,
}

impl ErrorResponse for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

/// Why the endpoint said nothing about the grant.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoToken {
    #[error("no answer")]
    NoAnswer(#[source] TransportError),
    #[error("answered {0}")]
    Busy(StatusCode),
}

impl NoToken {
    /// Whether asking again may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer(cause) => !cause.is_permanent() && cause.sent() != Sent::Answered,
            Self::Busy(_) => true,
        }
    }
}

type Failure = RequestTokenError<NoToken, Refusal>;

impl TokenEndpoint {
    pub(super) fn client(&self, id: &str) -> Client {
        oauth2::Client::new(ClientId::new(id.to_owned()))
            .set_token_uri(TokenUrl::from_url(self.url().clone()))
            // Entra takes both; in the body no second encoding can go wrong.
            .set_auth_type(AuthType::RequestBody)
    }

    /// The transport as the oauth2 crate wants it.
    pub(super) fn sender(
        &self,
    ) -> impl Fn(HttpRequest) -> Pin<Box<dyn Future<Output = Result<HttpResponse, NoToken>> + Send>>
    + use<> {
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

    /// Posts a form and reads the answer. For what the oauth2 crate cannot do: its device flow
    /// reads no numbers given as text, and asks on through a failure that no asking cures.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: &Url,
        form: &[(&str, String)],
    ) -> Result<T, Failure> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.into_bytes())
            .map_err(|fault| RequestTokenError::Other(fault.to_string()))?;
        let response = self.sender()(request)
            .await
            .map_err(RequestTokenError::Request)?;
        if response.status() == StatusCode::OK {
            return read(response.body());
        }
        Err(match read::<Refusal>(response.body()) {
            Ok(refusal) => RequestTokenError::ServerResponse(refusal),
            Err(unreadable) => unreadable,
        })
    }

    /// The access token of an answer, and the refresh token that came with it.
    pub(super) fn read(
        &self,
        outcome: Result<TokenAnswer, Failure>,
    ) -> Result<(AccessToken, Option<SecretString>), TokenError> {
        let answer = outcome.map_err(|fault| self.explain(fault))?;
        if !matches!(answer.token_type, BasicTokenType::Bearer) {
            return Err(TokenError::Malformed(
                "the token is not of type Bearer".into(),
            ));
        }
        let life = answer
            .expires_in()
            .and_then(|life| TimeDelta::from_std(life).ok())
            .map_or(USUAL_LIFE, |life| life.min(LONGEST_LIFE));
        let token = AccessToken::new(
            SecretString::from(answer.access_token.into_secret()),
            self.now() + life,
        );
        let refresh = answer
            .refresh_token
            .map(|token| SecretString::from(token.into_secret()));
        Ok((token, refresh))
    }

    pub(super) fn explain(&self, fault: Failure) -> TokenError {
        let host = self.host();
        match fault {
            RequestTokenError::ServerResponse(refusal) => {
                let oauth = refusal.error.as_str();
                if matches!(oauth, "temporarily_unavailable" | "server_error") {
                    return TokenError::Unreachable(format!("{host} answered {oauth}; try later"));
                }
                let wording = advice::Wording {
                    description: refusal.error_description.as_deref(),
                    suberror: refusal.suberror.as_deref(),
                    claims: refusal.claims.as_deref(),
                };
                advice::refused(oauth, wording)
            }
            RequestTokenError::Request(NoToken::Busy(status)) => {
                TokenError::Unreachable(format!("{host} answered {}; try later", status.as_u16()))
            }
            RequestTokenError::Request(NoToken::NoAnswer(cause)) => match cause.sent() {
                Sent::Answered => TokenError::Malformed(format!("{host}: {cause}")),
                Sent::No | Sent::Maybe => TokenError::Unreachable(format!("{host}: {cause}")),
            },
            // The rest of both may quote the answer, and the answer may hold a token.
            RequestTokenError::Parse(_, _) => TokenError::Malformed(format!(
                "{host} gave no token answer; check the token address"
            )),
            RequestTokenError::Other(_) => {
                TokenError::Malformed(format!("{host} gave no JSON; check the token address"))
            }
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    // The body itself is left out of the fault: it may hold a token.
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|fault| RequestTokenError::Parse(fault, Vec::new()))
}
