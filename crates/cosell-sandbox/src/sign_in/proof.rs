//! How an application proves itself.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header};

use super::{Endpoint, refusal::Refusal};
use crate::accounts::App;

impl Endpoint<'_> {
    /// The application that is named, proven or not.
    pub(super) fn named_app(&self, id: &str) -> Result<&App, Refusal> {
        let known = self
            .options
            .apps
            .iter()
            .find(|app| app.client_id.eq_ignore_ascii_case(id));
        known.ok_or_else(|| {
            Refusal::new(
                "unauthorized_client",
                700_016,
                format!(
                    "Application with identifier '{id}' was not found in the directory '{}'.",
                    self.options.domain
                ),
            )
        })
    }

    /// The application, once it has proven itself. The secret may come in the form or in a Basic
    /// header; the service takes both.
    pub(super) fn proven_app(&self) -> Result<&App, Refusal> {
        let basic = basic_credentials(self.request);
        let (id, secret) = match &basic {
            Some((id, secret)) => (id.as_str(), Some(secret.as_str())),
            None => (self.required("client_id")?, self.field("client_secret")),
        };
        let app = self.named_app(id)?;
        let statement = self.field("client_assertion");
        if app.public {
            return match (secret, statement) {
                (None, None) => Ok(app),
                _ => Err(Refusal::new(
                    "invalid_client",
                    700_025,
                    "Client is public so neither 'client_assertion' nor 'client_secret' should be \
                     presented.",
                )),
            };
        }
        match (secret, statement) {
            (Some(secret), _) if secret == app.secret => Ok(app),
            (Some(_), _) => Err(Refusal::new(
                "invalid_client",
                7_000_215,
                format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request \
                     is the client secret value, not the client secret ID, for a secret added to \
                     app '{}'.",
                    app.client_id
                ),
            )),
            (None, Some(statement)) => self.check_statement(app, statement).map(|()| app),
            (None, None) => Err(Refusal::new(
                "invalid_client",
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or \
                 'client_secret'.",
            )),
        }
    }
}

fn basic_credentials(request: &Request<Bytes>) -> Option<(String, String)> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let encoded = value.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .ok()
            .map(Cow::into_owned)
    };
    Some((plain(id)?, plain(secret)?))
}
