//! The page where a person signs in, without the page: whoever asks is that person, and the
//! answer is the redirect that would follow.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use chrono::TimeDelta;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::{Endpoint, refusal::Refusal};
use crate::{
    accounts::App,
    tokens::{Code, Tokens},
};

const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);

/// A person's own refusal of consent, the one that is sent back to the program. All others stay
/// on the page.
const DECLINED: u32 = 65004;

impl Endpoint<'_> {
    pub(super) fn authorize(&self, tokens: &mut Tokens) -> Response<Bytes> {
        let (mut target, offer) = match self.offer() {
            Ok(offer) => offer,
            Err(refusal) => return page(&refusal, &refusal.body(self.now, tokens)),
        };
        {
            let mut query = target.query_pairs_mut();
            match offer {
                Ok(code) => query.append_pair("code", &tokens.issue_code(code)),
                Err(refusal) => {
                    let body = refusal.body(self.now, tokens);
                    for name in ["error", "error_description"] {
                        query.append_pair(name, body[name].as_str().unwrap_or_default());
                    }
                    &mut query
                }
            };
            if let Some(state) = self.field("state") {
                query.append_pair("state", state);
            }
        }
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::FOUND;
        if let Ok(target) = HeaderValue::try_from(target.as_str()) {
            response.headers_mut().insert(header::LOCATION, target);
        }
        response
    }

    /// Where the browser is sent, and with what. An outer refusal is shown on the page.
    #[allow(clippy::type_complexity)]
    fn offer(&self) -> Result<(Url, Result<Code, Refusal>), Refusal> {
        self.check_tenant()?;
        let app = self.named_app(self.required("client_id")?)?;
        self.check_single_tenant(app)?;
        let redirect = self.required("redirect_uri")?;
        let target = Url::parse(redirect)
            .ok()
            .filter(|url| is_registered(app, redirect, url))
            .ok_or_else(|| {
                Refusal::new(
                    "invalid_request",
                    50011,
                    format!(
                        "The redirect URI '{redirect}' specified in the request does not match \
                         the redirect URIs configured for the application '{}'.",
                        app.client_id
                    ),
                )
            })?;
        for (name, wanted) in [("response_type", "code"), ("response_mode", "query")] {
            let given = self.field(name).unwrap_or(wanted);
            if given != wanted {
                return Err(Refusal::new(
                    "unsupported_response_type",
                    700_054,
                    format!("This double knows the {name} '{wanted}', not '{given}'."),
                ));
            }
        }
        if self.field("code_challenge_method").unwrap_or("S256") != "S256" {
            return Err(Refusal::new(
                "invalid_request",
                501_491,
                "Invalid size of Code_Challenge parameter, or an unknown method.",
            ));
        }
        let challenge = self.field("code_challenge").map(ToOwned::to_owned);
        let upn = self.field("login_hint").unwrap_or(&self.options.person);
        let user = match self.user(upn) {
            Ok(user) => user,
            Err(refusal) if refusal.code() == DECLINED => return Ok((target, Err(refusal))),
            Err(refusal) => return Err(refusal),
        };
        self.audience(false)?;
        let code = Code {
            upn: user.upn.clone(),
            client_id: app.client_id.clone(),
            redirect: redirect.to_owned(),
            challenge,
            offline: self.asks_offline(),
            claims: self.field("claims").map(ToOwned::to_owned),
            expires: self.now + CODE_LIFE,
            redeemed: false,
        };
        Ok((target, Ok(code)))
    }

    /// Redeems a code, once.
    pub(super) fn code(&self, tokens: &mut Tokens, app: &App) -> Result<Value, Refusal> {
        let invalid = |code, text| Refusal::new("invalid_grant", code, text);
        let given = self.required("code")?;
        let redirect = self.required("redirect_uri")?;
        let (service, resource) = self.audience(false)?;
        let held = tokens
            .code(given)
            .filter(|held| held.client_id == app.client_id)
            .ok_or_else(|| invalid(70000, "Provided grant is invalid or malformed."))?;
        if held.redeemed {
            return Err(invalid(
                54005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid \
                 code or use an existing refresh token.",
            ));
        }
        if held.expires <= self.now {
            return Err(invalid(
                70008,
                "The provided authorization code or refresh token has expired due to inactivity.",
            ));
        }
        if held.redirect != redirect {
            return Err(Refusal::new(
                "invalid_request",
                50011,
                "The redirect URI does not match the one of the authorization request.",
            ));
        }
        let verifier = self.field("code_verifier");
        let made = verifier.map(|text| URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes())));
        if held.challenge != made {
            return Err(invalid(
                501_481,
                "The Code_Verifier does not match the code_challenge supplied in the \
                 authorization request.",
            ));
        }
        held.redeemed = true;
        let held = held.clone();
        let user = self.user(&held.upn)?;
        if let Some(claims) = held.claims {
            tokens.answer(&held.upn, claims);
        }
        if let Some(claims) = tokens.demands(user) {
            return Err(Refusal::demanding(claims));
        }
        let access = tokens.issue(
            self.now,
            self.options,
            app,
            Some(user),
            (service, &resource),
        );
        let refresh = held
            .offline
            .then(|| tokens.issue_refresh(self.now, self.options, &held.upn, &app.client_id));
        Ok(self.token_body(&access, &resource, refresh.as_deref()))
    }
}

/// Letter by letter, but for the port of `localhost`, which desktop programs cannot know ahead.
fn is_registered(app: &App, given: &str, url: &Url) -> bool {
    app.redirects.iter().any(|known| {
        known == given
            || (url.scheme() == "http"
                && url.host_str() == Some("localhost")
                && url
                    .port()
                    .is_some_and(|port| *known == given.replacen(&format!(":{port}"), "", 1)))
    })
}

/// What the person sees in the place of a redirect.
fn page(refusal: &Refusal, body: &Value) -> Response<Bytes> {
    let text = body["error_description"].as_str().unwrap_or_default();
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let mut response = Response::new(Bytes::from(format!(
        "<!doctype html><title>Sign in to your account</title><p>Sorry, but we're having trouble \
         signing you in.</p><p>{text}</p>"
    )));
    *response.status_mut() = refusal.status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}
