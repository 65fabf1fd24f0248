//! Answers that no service core gives: injected errors and spoiled bodies.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    ServiceName,
    faults::{ErrorBody, Garbage},
};

const HTML: &str = "<!DOCTYPE html><html><head><title>Service unavailable</title></head>\
                    <body><h1>Our services aren't available right now</h1></body></html>";

/// An error answer as `service`, or the gateway before it, words it.
pub(crate) fn error(
    service: ServiceName,
    status: u16,
    retry_after: Option<u64>,
    body: ErrorBody,
) -> Response<Bytes> {
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (content_type, bytes) = match body {
        ErrorBody::Service => (
            Some("application/json; charset=utf-8"),
            Bytes::from(service_body(service, status, retry_after).to_string()),
        ),
        ErrorBody::Gateway => (
            Some("application/json; charset=utf-8"),
            Bytes::from(gateway_body(status, retry_after).to_string()),
        ),
        ErrorBody::Html => (Some("text/html"), Bytes::from_static(HTML.as_bytes())),
        ErrorBody::Empty => (None, Bytes::new()),
    };
    let mut response = Response::new(bytes);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn gateway_body(status: StatusCode, retry_after: Option<u64>) -> Value {
    let message = match retry_after {
        Some(seconds) => format!("Rate limit is exceeded. Try again in {seconds} seconds."),
        None => status.canonical_reason().unwrap_or("Error").to_owned(),
    };
    json!({ "statusCode": status.as_u16(), "message": message })
}

fn service_body(service: ServiceName, status: StatusCode, retry_after: Option<u64>) -> Value {
    match service {
        ServiceName::SignIn => json!({
            "error": "temporarily_unavailable",
            "error_description": "The service is temporarily unavailable. Please retry later.",
        }),
        ServiceName::PartnerCenter => {
            let code = match status.as_u16() {
                401 => "unauthenticated",
                403 => "accessDenied",
                404 => "itemNotFound",
                409 => "resourceModified",
                412 => "preconditionFailed",
                429 | 503 => "serviceNotAvailable",
                400..=499 => "invalidRequest",
                _ => "generalException",
            };
            let message = match retry_after {
                Some(seconds) => format!("Rate limit is exceeded. Try again in {seconds} seconds."),
                None => "The request could not be served.".to_owned(),
            };
            json!({ "error": { "code": code, "message": message } })
        }
        ServiceName::Webhooks => json!({
            "code": status.as_u16(),
            "description": "The request could not be served.",
            "data": [],
            "source": "PartnerApiServiceCore",
        }),
        ServiceName::Dataverse => {
            let (code, message) = match status.as_u16() {
                429 => (
                    "0x80072322",
                    "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
                ),
                // SQL time-out and unexpected error, the two that are seen in practice.
                503 | 504 => ("0x80044151", "SQL timeout expired."),
                _ => ("0x80040216", "An unexpected error occurred."),
            };
            json!({ "error": { "code": code, "message": message } })
        }
    }
}

/// In an answer's extensions: only the first half of the body is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

/// Spoils a good answer.
pub(crate) fn spoil(mut response: Response<Bytes>, form: Garbage) -> Response<Bytes> {
    match form {
        Garbage::Html => {
            *response.body_mut() = Bytes::from_static(HTML.as_bytes());
            *response.status_mut() = StatusCode::OK;
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        }
        Garbage::Truncated => {
            let half = response.body().len() / 2;
            response.body_mut().truncate(half);
        }
        Garbage::Malformed => {
            let mut bytes = response.body().to_vec();
            // A brace turned into a comma cannot be read by any JSON reader.
            match bytes.iter().rposition(|byte| *byte == b'}') {
                Some(last) => bytes[last] = b',',
                None => bytes = b"{,".to_vec(),
            }
            *response.body_mut() = Bytes::from(bytes);
        }
        Garbage::Empty => *response.body_mut() = Bytes::new(),
        Garbage::Cut => {
            response.extensions_mut().insert(Cut);
        }
    }
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}
