//! How the token endpoint words a refusal.

use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use crate::tokens::Tokens;

/// A refusal of the token endpoint.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    error: &'static str,
    code: u32,
    text: String,
}

impl Refusal {
    pub(super) fn new(error: &'static str, code: u32, text: impl Into<String>) -> Self {
        let status = match error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            status,
            error,
            code,
            text: text.into(),
        }
    }

    /// The `AADSTS` number.
    pub(super) fn code(&self) -> u32 {
        self.code
    }

    /// The refusal that an administrator's block of a user leads to.
    pub(super) fn blocked(code: u32) -> Self {
        let (error, text) = match code {
            50034 => (
                "invalid_grant",
                "The user account does not exist in the directory.",
            ),
            50053 => ("invalid_grant", "The account is locked."),
            50057 => ("invalid_grant", "The user account is disabled."),
            50072 | 50074 | 50076 | 50079 => (
                "invalid_grant",
                "Due to a configuration change made by your administrator, or because you moved \
                 to a new location, you must use multi-factor authentication to access the \
                 resource.",
            ),
            50105 => (
                "invalid_grant",
                "The signed in user is not assigned to a role for the application.",
            ),
            50173 => (
                "invalid_grant",
                "The provided grant has expired due to it being revoked, a fresh auth token is \
                 needed.",
            ),
            53003 | 530_035 => (
                "access_denied",
                "Access has been blocked by Conditional Access policies.",
            ),
            65001 => (
                "invalid_grant",
                "The user or administrator has not consented to use the application.",
            ),
            65004 => (
                "access_denied",
                "The resource owner or authorization server denied the request.",
            ),
            _ => ("invalid_grant", "The user cannot sign in."),
        };
        Self::new(error, code, text)
    }

    /// The body of the answer.
    pub(super) fn body(&self, now: DateTime<Utc>, tokens: &mut Tokens) -> Value {
        let Self {
            error, code, text, ..
        } = self;
        let trace = tokens.fresh();
        let correlation = tokens.fresh();
        let stamp = now.format("%Y-%m-%d %H:%M:%SZ").to_string();
        json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} \
                 Timestamp: {stamp}"
            ),
            "error_codes": [code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        })
    }
}
