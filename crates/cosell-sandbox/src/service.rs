//! What every simulated service is: a plain state machine over time, caller and request.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A double of one service. No socket, no thread, no clock of its own.
pub trait Service {
    /// Answers one request that arrives at `now`.
    fn handle(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &http::Request<Bytes>,
    ) -> http::Response<Bytes>;
}

/// Who calls, as the access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Tenant id.
    pub tenant: Uuid,
    /// Object id of the user or of the application.
    pub object_id: Uuid,
    /// Application (client) id.
    pub app_id: String,
    /// Sign-in name of the user; `None` for an application on its own.
    pub user: Option<String>,
    /// Did the user pass multi-factor authentication?
    pub mfa: bool,
    /// Role names the user holds in Partner Center, such as `ReferralsAdmin`.
    pub roles: Vec<String>,
}

/// Why a request carries no usable token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// No bearer token at all.
    Missing,
    /// Its time is over.
    Expired,
    /// Made for another service.
    WrongAudience,
    /// Not a token of this sandbox, or withdrawn.
    Unknown,
}
