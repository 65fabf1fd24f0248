//! Why the service says no: a status, a code and a text, as section 12 of the Web API words them.

use std::borrow::Cow;

use http::StatusCode;
use uuid::Uuid;

/// A request that the simulated service refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct Refusal {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A fault of the query string.
    pub(super) fn query(message: impl Into<String>) -> Self {
        Self::bad("0x80060888", message)
    }

    /// A fault of the body, wrapped the way the service wraps what its JSON reader threw.
    pub(super) fn payload(set: &str, inner: &str) -> Self {
        Self::bad(
            "0x80048d19",
            format!(
                "Error identified in Payload provided by the user for Entity :'{set}', For more \
                 information on this error please follow this help link \
                 https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : {inner}"
            ),
        )
    }

    pub(super) fn not_found(table: &str, id: Uuid) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "0x80040217",
            format!("Entity '{table}' With Id = {id} Does Not Exist"),
        )
    }

    pub(super) fn no_segment(segment: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "0x8006088a",
            format!("Resource not found for the segment '{segment}'."),
        )
    }

    pub(super) fn wrong_verb(path: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "",
            format!("The requested resource does not support this http method: '{path}'."),
        )
    }

    pub(super) fn not_simulated(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "0x80040219",
            format!("{what} is not simulated by this sandbox."),
        )
    }

    /// HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Service code as text, such as `0x80040217`; empty where the service prints none.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What the service says about it.
    pub fn message(&self) -> &str {
        &self.message
    }
}
