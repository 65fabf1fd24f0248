//! What went wrong, whether it may have taken effect, and what to do.

use std::{fmt, time::Duration};

use http::StatusCode;
use uuid::Uuid;

use crate::{ServiceFault, sign_in::ClaimsChallenge};

/// Characters kept of a service's message, and of its code or target.
const LONGEST_MESSAGE: usize = 2048;
const LONGEST_NAME: usize = 256;

/// How far a request got, over all its tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// It certainly had no effect: it never left, or was refused before being read.
    No,
    /// It may have had an effect: look before repeating. Also said when the last try was
    /// answered but an earlier one was not: a refusal may then be the echo of our own write.
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
    /// 5xx, or 408.
    Service,
    /// No answer: connection, time-out.
    Transport,
    /// An answer that cannot be read: not JSON, too big, missing parts, a redirect.
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
    pub(crate) claims: Option<ClaimsChallenge>,
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
                claims: None,
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

    /// The error that an answer stands for.
    pub(crate) fn of_answer(
        operation: &'static str,
        status: StatusCode,
        retry_after: Option<Duration>,
        fault: ServiceFault,
    ) -> Self {
        let throttled = status == StatusCode::TOO_MANY_REQUESTS
            || (status == StatusCode::SERVICE_UNAVAILABLE && retry_after.is_some());
        let sent = if throttled { Sent::No } else { Sent::Answered };
        let message = fault
            .message
            .filter(|text| !text.trim().is_empty())
            .map_or_else(
                || without_message(status).to_owned(),
                |text| clip(&text, LONGEST_MESSAGE),
            );
        let mut error = Self::new(operation, kind_of(status, throttled), sent, message);
        error.inner.status = Some(status);
        error.inner.code = fault
            .code
            .filter(|code| !code.is_empty())
            .map(|code| clip(&code, LONGEST_NAME));
        error.inner.target = fault
            .target
            .filter(|at| !at.is_empty())
            .map(|at| clip(&at, LONGEST_NAME));
        error.inner.retry_after = retry_after;
        error
    }

    /// The same error for another caller whose request shared the fate of this one's, such as
    /// those of one batch. The cause is kept as text.
    #[must_use]
    pub fn twin(&self) -> Self {
        let inner = &self.inner;
        Self {
            inner: Box::new(Inner {
                operation: inner.operation,
                kind: inner.kind,
                sent: inner.sent,
                status: inner.status,
                code: inner.code.clone(),
                message: inner.message.clone(),
                target: inner.target.clone(),
                request_id: inner.request_id.clone(),
                correlation: inner.correlation,
                retry_after: inner.retry_after,
                claims: inner.claims.clone(),
                tries: inner.tries,
                source: inner.source.as_ref().map(|cause| cause.to_string().into()),
            }),
        }
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

    /// What the tenant's policies ask for before they let the identity through, if the service said
    /// so. See also [`ClaimsChallenge::of`].
    pub fn claims(&self) -> Option<&ClaimsChallenge> {
        self.inner.claims.as_ref()
    }

    /// How often the request was sent.
    pub fn tries(&self) -> u32 {
        self.inner.tries
    }
}

fn kind_of(status: StatusCode, throttled: bool) -> ErrorKind {
    match status.as_u16() {
        _ if throttled => ErrorKind::Throttled,
        401 | 403 => ErrorKind::Denied,
        404 | 410 => ErrorKind::NotFound,
        409 | 412 => ErrorKind::Conflict,
        408 | 500..=599 => ErrorKind::Service,
        400..=499 => ErrorKind::Refused,
        _ => ErrorKind::Malformed,
    }
}

fn without_message(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "the service refuses the token; check audience, sign-in and second factor",
        403 => "the identity lacks a right on the service; check its roles",
        300..=399 => "the service redirects, which is not followed; check the address",
        400..=499 => "the service refuses the request and says no more",
        500..=599 => "the service failed and says no more; try later",
        _ => "the status makes no sense here; check the address",
    }
}

/// Text from outside, on one line and of bounded length.
pub(crate) fn clip(text: &str, longest: usize) -> String {
    let mut clipped: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(longest)
        .collect();
    if clipped.chars().count() < text.trim().chars().count() {
        clipped.push('…');
    }
    clipped
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
