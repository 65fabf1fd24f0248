//! A request as an operation describes it, and the answer it gets.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use uuid::Uuid;

use crate::redact;

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
///
/// `Debug` shows neither the body nor query values nor secret headers.
#[derive(Clone)]
#[non_exhaustive]
pub struct Call {
    /// Name for errors and traces, such as `referrals.get`.
    pub operation: &'static str,
    /// HTTP method.
    pub method: Method,
    /// Path and query relative to the client's base address, or an absolute address of the
    /// same origin (a link the service gave). Already percent-encoded.
    pub target: String,
    /// Headers beyond those the client sets. They replace the client's default headers of the
    /// same name; `Authorization` is the client's alone and refused here.
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

    /// Sets the correlation id.
    #[must_use]
    pub fn with_correlation(mut self, id: Option<Uuid>) -> Self {
        self.correlation = id;
        self
    }

    /// Sets the largest accepted answer, in bytes after decompression.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = Some(bytes);
        self
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("target", &redact::target(&self.target))
            .field("headers", &redact::Headers(&self.headers))
            .field("body_bytes", &self.body.len())
            .field("repeat", &self.repeat)
            .field("not_after", &self.not_after)
            .field("correlation", &self.correlation)
            .field("body_limit", &self.body_limit)
            .finish()
    }
}

/// A successful answer (2xx, or 304 where the call asked for it).
///
/// `Debug` shows the size of the body, not the body.
#[derive(Clone)]
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

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &redact::Headers(&self.headers))
            .field("body_bytes", &self.body.len())
            .field("request_id", &self.request_id)
            .field("correlation", &self.correlation)
            .finish()
    }
}
