//! A request as an operation describes it, and the answer it gets.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use uuid::Uuid;

/// May a call be sent a second time? Set by the operation, never guessed from the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Running twice has the effect of running once.
    Safe,
    /// Only when the first try certainly did not reach the service, or was refused unread
    /// (429, 503 with `Retry-After`).
    IfNotSent,
    /// Never by itself.
    Never,
}

/// One operation on a service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// Name for errors and traces, such as `referrals.get`.
    pub operation: &'static str,
    /// HTTP method.
    pub method: Method,
    /// Path and query relative to the client's base address, or an absolute address of the
    /// same origin (a link the service gave). Already percent-encoded.
    pub target: String,
    /// Headers beyond those the client sets.
    pub headers: HeaderMap,
    /// Body; empty for none.
    pub body: Bytes,
    /// May it be sent twice?
    pub repeat: Repeat,
    /// No byte leaves after this moment, first try or later.
    pub not_after: Option<DateTime<Utc>>,
    /// Correlation id; one is made when absent.
    pub correlation: Option<Uuid>,
    /// Largest accepted answer in bytes after decompression; the client's default when absent.
    pub body_limit: Option<u64>,
}

impl Call {
    /// A call without body or extra headers.
    pub fn new(
        operation: &'static str,
        method: Method,
        target: impl Into<String>,
        repeat: Repeat,
    ) -> Self {
        Self {
            operation,
            method,
            target: target.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            repeat,
            not_after: None,
            correlation: None,
            body_limit: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the body and its content type.
    #[must_use]
    pub fn with_body(mut self, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(http::header::CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// Forbids sending after `moment`.
    #[must_use]
    pub fn with_not_after(mut self, moment: Option<DateTime<Utc>>) -> Self {
        self.not_after = moment;
        self
    }
}

/// A successful answer (2xx, or 304 where the call asked for it).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Response headers.
    pub headers: HeaderMap,
    /// Decompressed body.
    pub body: Bytes,
    /// The service's own request id, where it gave one.
    pub request_id: Option<String>,
    /// The correlation id that was sent.
    pub correlation: Uuid,
}
