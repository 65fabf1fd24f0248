//! Answers on the wire: headers that every answer has, error bodies, addresses.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use uuid::Uuid;

use super::refusal::Refusal;
use super::store::text;

/// What succeeded.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }
}

/// Puts the headers on. `number` is the request id.
pub(super) fn finish(
    now: DateTime<Utc>,
    number: Uuid,
    request: &Request<Bytes>,
    reply: &Result<Reply, Refusal>,
    bare_mfa: bool,
) -> Response<Bytes> {
    let (status, body) = match reply {
        Ok(reply) => (reply.status, reply.body.clone()),
        Err(refusal) if bare_mfa && refusal.code == "900421" => (refusal.status, Vec::new()),
        Err(refusal) => (refusal.status, refusal.body().to_string().into_bytes()),
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status != StatusCode::NO_CONTENT && !body.is_empty() {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
    }
    let diagnostic =
        json!({ "ServerInfo": { "DataCenter": "Sandbox", "Slice": "E", "Ring": "1" } });
    for (name, value) in [
        ("request-id", number.to_string()),
        ("x-ms-ags-diagnostic", diagnostic.to_string()),
        ("timestamp", text(now)),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    for name in ["client-request-id", "ms-correlationid"] {
        if let Some(value) = request.headers().get(name) {
            headers.insert(name, value.clone());
        }
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        );
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(
            header::ALLOW,
            HeaderValue::from_static("GET, POST, PATCH, PUT"),
        );
    }
    *response.body_mut() = Bytes::from(body);
    response
}

/// Scheme and host that the caller used, for links in answers.
pub(super) fn base(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let scheme = uri.scheme_str().unwrap_or("https");
    let host = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| {
            request
                .headers()
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
        })
        .unwrap_or("api.partner.microsoft.com");
    format!("{scheme}://{host}")
}
