//! What the service says when it refuses, and the error body that carries it.

use std::fmt;

use http::StatusCode;
use serde_json::{Value, json};

/// A refused request or edit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// `error.code`.
    pub code: &'static str,
    /// `error.message`.
    pub message: String,
    /// `error.target`: what was wrong, for fields the camelCase path joined by dots.
    pub target: Option<String>,
    /// `error.innerError`: code and message.
    pub inner: Option<(&'static str, String)>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: &str, target: Option<&str>) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            target: target.map(str::to_owned),
            inner: None,
        }
    }

    fn because(mut self, code: &'static str, message: impl Into<String>) -> Self {
        self.inner = Some((code, message.into()));
        self
    }

    /// A field, or the document, breaks a rule.
    pub(super) fn invalid(target: &str, why: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalidRequest",
            "The request is malformed or incorrect.",
            Some(target),
        )
        .because("10001", why)
    }

    /// A move of the state that there is not.
    pub(super) fn illegal_move(status: StatusCode, why: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::invalid("status", why)
        }
    }

    pub(super) fn media_type() -> Self {
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ..Self::invalid("Content-Type", "The content type must be application/json.")
        }
    }

    pub(super) fn too_large() -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..Self::invalid("body", "The body is too large.")
        }
    }

    pub(super) fn unauthenticated(why: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", why, None)
    }

    pub(super) fn without_mfa() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "900421",
            "The access token carries no multi-factor authentication claim.",
            None,
        )
    }

    pub(super) fn without_user(status: StatusCode) -> Self {
        let code = match status {
            StatusCode::UNAUTHORIZED => "unauthenticated",
            StatusCode::FORBIDDEN => "accessDenied",
            _ => "invalidRequest",
        };
        Self::new(
            status,
            code,
            "The token in the Authorization header is missing user information.",
            Some("Authorization"),
        )
    }

    pub(super) fn denied(why: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "accessDenied",
            "Caller may not use this resource.",
            Some("referral"),
        )
        .because("10003", why)
    }

    pub(super) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "itemNotFound",
            "The resource could not be found.",
            Some("referral"),
        )
    }

    pub(super) fn no_such_route() -> Self {
        Self {
            target: Some("path".into()),
            ..Self::not_found()
        }
    }

    pub(super) fn method_not_allowed() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            ..Self::invalid("method", "The resource does not support this method.")
        }
    }

    pub(super) fn stale() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "preconditionFailed",
            "A precondition provided in the request does not match the state of the resource.",
            Some("ETag"),
        )
        .because("99918", "Etag value did not Match")
    }

    pub(super) fn without_if_match(status: StatusCode) -> Self {
        let why = "If-Match is required.";
        match status {
            StatusCode::PRECONDITION_FAILED => Self::new(
                status,
                "preconditionFailed",
                "A precondition is missing in the request.",
                Some("ETag"),
            )
            .because("10002", why),
            _ => Self {
                status,
                ..Self::invalid("If-Match", why)
            },
        }
    }

    /// The body of the answer.
    pub fn body(&self) -> Value {
        let inner = self
            .inner
            .as_ref()
            .map(|(code, message)| json!({ "code": code, "message": message, "details": null }));
        json!({ "error": {
            "code": self.code, "message": self.message, "target": self.target, "innerError": inner,
        } })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.code)?;
        if let Some(target) = &self.target {
            write!(f, " at {target}")?;
        }
        let why = self
            .inner
            .as_ref()
            .map_or(&self.message, |(_, message)| message);
        write!(f, ": {why}")
    }
}

impl std::error::Error for Refusal {}
