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
    /// A claims challenge, as JSON text.
    claims: Option<String>,
}

/// The numbers of the public record, each with the word that it comes with.
const WORDS: &[(&[u32], &str, &str)] = &[
    (
        &[50034],
        "invalid_grant",
        "The user account does not exist in the directory.",
    ),
    (&[50053], "invalid_grant", "The account is locked."),
    (&[50055, 50144], "invalid_grant", "The password is expired."),
    (&[50057], "invalid_grant", "The user account is disabled."),
    (
        &[50058],
        "login_required",
        "Session information is not sufficient for single-sign-on.",
    ),
    (
        &[50072, 50074, 50076, 50079],
        "invalid_grant",
        "Due to a configuration change made by your administrator, or because you moved to a new \
         location, you must use multi-factor authentication to access the resource.",
    ),
    (
        &[50078],
        "interaction_required",
        "Presented multi-factor authentication has expired due to policies configured by your \
         administrator.",
    ),
    (
        &[50105],
        "invalid_grant",
        "The signed in user is not assigned to a role for the application.",
    ),
    (
        &[50126],
        "invalid_grant",
        "Error validating credentials due to invalid username or password.",
    ),
    (
        &[50173],
        "invalid_grant",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
    ),
    (
        &[53003, 530_035],
        "access_denied",
        "Access has been blocked by Conditional Access policies.",
    ),
    (
        &[65001],
        "invalid_grant",
        "The user or administrator has not consented to use the application.",
    ),
    (
        &[65004],
        "access_denied",
        "The resource owner or authorization server denied the request.",
    ),
    (
        &[70000, 70008, 700_082, 700_084],
        "invalid_grant",
        "The provided grant is invalid or has expired.",
    ),
    (
        &[70002, 7_000_215, 7_000_222],
        "invalid_client",
        "The provided client secret is invalid or expired.",
    ),
    (
        &[7_000_218],
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or \
         'client_secret'.",
    ),
    (
        &[700_016],
        "unauthorized_client",
        "The application was not found in the directory.",
    ),
    (
        &[70011],
        "invalid_scope",
        "The provided scope is not valid.",
    ),
    (
        &[70043],
        "invalid_grant",
        "The refresh token has expired or is invalid due to sign-in frequency checks.",
    ),
    (
        &[50011],
        "invalid_request",
        "The redirect URI does not match the ones configured for the application.",
    ),
    (
        &[50194],
        "invalid_request",
        "The application is not configured as a multi-tenant application.",
    ),
    (
        &[54005],
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed.",
    ),
    (
        &[500_011],
        "invalid_resource",
        "The resource principal was not found in the tenant.",
    ),
    (
        &[650_052],
        "invalid_client",
        "The app needs access to a service that the organization lacks.",
    ),
    (
        &[650_057],
        "invalid_resource",
        "The resource is not listed in the requested permissions of the application.",
    ),
    (&[90002], "invalid_request", "The tenant was not found."),
    (
        &[16000],
        "interaction_required",
        "Several accounts are signed in.",
    ),
    (
        &[501_481],
        "invalid_grant",
        "The Code_Verifier does not match the code_challenge.",
    ),
];

/// Numbers that a person at a page can cure.
const INTERACTIVE: [u32; 5] = [50072, 50074, 50076, 50078, 50079];

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
            claims: None,
        }
    }

    /// Conditional Access asks for more than the sign-in showed.
    pub(super) fn demanding(claims: &str) -> Self {
        Self {
            claims: Some(claims.to_owned()),
            ..Self::blocked(50076)
        }
    }

    /// The `AADSTS` number.
    pub(super) fn code(&self) -> u32 {
        self.code
    }

    /// The refusal with this number, in the service's words: for an administrator's block of a user,
    /// a policy, or any other row of the public record.
    pub(super) fn blocked(code: u32) -> Self {
        let known = WORDS.iter().find(|(codes, ..)| codes.contains(&code));
        let (_, error, text) = known.unwrap_or(&(&[], "invalid_grant", "The user cannot sign in."));
        Self::new(error, code, *text)
    }

    /// The body of the answer.
    pub(super) fn body(&self, now: DateTime<Utc>, tokens: &mut Tokens) -> Value {
        let Self {
            error, code, text, ..
        } = self;
        let trace = tokens.fresh();
        let correlation = tokens.fresh();
        let stamp = now.format("%Y-%m-%d %H:%M:%SZ").to_string();
        let mut body = json!({
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
        });
        if INTERACTIVE.contains(code) {
            body["suberror"] = "basic_action".into();
        } else if *code == 65001 {
            body["suberror"] = "consent_required".into();
        }
        if let Some(claims) = &self.claims {
            body["claims"] = claims.as_str().into();
        }
        body
    }
}
