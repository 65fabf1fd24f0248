//! What went wrong, whether it may have taken effect, and what to do.

use std::{fmt, time::Duration};

use http::StatusCode;
use uuid::Uuid;

/// How far a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// It certainly had no effect: it never left, or was refused before being read.
    No,
    /// It may have had an effect: look before repeating.
    Maybe,
    /// The service answered; its status says what became of it.
    Answered,
}

/// Coarse kind of an [`Error`], for deciding what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call or the configuration is wrong (address, scheme, header); nothing was sent.
    Invalid,
    /// No access token could be had.
    SignIn,
    /// 401 or 403: the identity lacks a right.
    Denied,
    /// 404 or 410.
    NotFound,
    /// 412, or 409: the record is not the one that was read, or exists already.
    Conflict,
    /// Other 4xx: the service refuses the content.
    Refused,
    /// 429 (or 503 with `Retry-After`), and the retry budget is spent.
    Throttled,
    /// 5xx.
    Service,
    /// No answer: connection, time-out.
    Transport,
    /// An answer that cannot be read: not JSON, too big, missing parts.
    Malformed,
    /// The moment after which nothing may be sent has passed.
    TooLate,
}

/// An operation failed.
///
/// `Display` gives operation, kind, status, service code, message and request id in one line;
/// the cause, if any, is in `source()` and not repeated.
#[derive(Debug)]
pub struct Error {
    pub(crate) inner: Box<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) operation: &'static str,
    pub(crate) kind: ErrorKind,
    pub(crate) sent: Sent,
    pub(crate) status: Option<StatusCode>,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) target: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) correlation: Option<Uuid>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) tries: u32,
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`. `message` says what is wrong and the cure, and holds no secret.
    pub fn new(
        operation: &'static str,
        kind: ErrorKind,
        sent: Sent,
        message: impl Into<String>,
    ) -> Self {
        Self {
            inner: Box::new(Inner {
                operation,
                kind,
                sent,
                status: None,
                code: None,
                message: message.into(),
                target: None,
                request_id: None,
                correlation: None,
                retry_after: None,
                tries: 0,
                source: None,
            }),
        }
    }

    /// An answer that was read but makes no sense. The request took effect as its status says.
    pub fn malformed(
        operation: &'static str,
        answer: &crate::Answer,
        message: impl Into<String>,
    ) -> Self {
        let mut error = Self::new(operation, ErrorKind::Malformed, Sent::Answered, message);
        error.inner.status = Some(answer.status);
        error.inner.request_id.clone_from(&answer.request_id);
        error.inner.correlation = Some(answer.correlation);
        error
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// The operation that failed, such as `referrals.get`.
    pub fn operation(&self) -> &'static str {
        self.inner.operation
    }

    /// Coarse kind.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// May it have taken effect?
    pub fn sent(&self) -> Sent {
        self.inner.sent
    }

    /// HTTP status, if the service answered.
    pub fn status(&self) -> Option<StatusCode> {
        self.inner.status
    }

    /// The service's own code, such as `preconditionFailed` or `0x80060882`.
    pub fn code(&self) -> Option<&str> {
        self.inner.code.as_deref()
    }

    /// The service's message, or ours.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What the service points at, such as `customerProfile.address.country`.
    pub fn target(&self) -> Option<&str> {
        self.inner.target.as_deref()
    }

    /// The service's request id, to quote to its support.
    pub fn request_id(&self) -> Option<&str> {
        self.inner.request_id.as_deref()
    }

    /// The correlation id that was sent.
    pub fn correlation(&self) -> Option<Uuid> {
        self.inner.correlation
    }

    /// How long the service asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// How often the request was sent.
    pub fn tries(&self) -> u32 {
        self.inner.tries
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        write!(f, "{}: {:?}", inner.operation, inner.kind)?;
        if let Some(status) = inner.status {
            write!(f, " {}", status.as_u16())?;
        }
        if let Some(code) = &inner.code {
            write!(f, " {code}")?;
        }
        write!(f, ": {}", inner.message)?;
        if let Some(target) = &inner.target {
            write!(f, " (at {target})")?;
        }
        if let Some(id) = &inner.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|cause| cause as _)
    }
}
