//! What sort of failure was it, and may the call be repeated after it?

use http::StatusCode;

use crate::{Repeat, Sent, TokenError, TransportError};

/// A failed try, sorted by what may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The request never left.
    NotSent,
    /// The service turned it away without reading it: 429, or 503 that names a wait.
    Unread,
    /// 401: the token was looked at, the request was not.
    TokenRefused,
    /// It may have had an effect, and the cause may pass: no answer, or a server error.
    Unknown,
    /// A repeat would end the same way.
    Final,
}

impl Failure {
    /// Sorts an answer; `None` if it is no failure. `names_wait`: a readable `Retry-After`.
    pub(crate) fn of_status(status: StatusCode, names_wait: bool) -> Option<Self> {
        Some(match status.as_u16() {
            200..=299 => return None,
            401 => Self::TokenRefused,
            429 => Self::Unread,
            503 if names_wait => Self::Unread,
            // The service will not know the method or the protocol next time either.
            501 | 505 => Self::Final,
            408 | 500..=599 => Self::Unknown,
            _ => Self::Final,
        })
    }

    /// Sorts a transport's failure.
    pub(crate) fn of_transport(error: &TransportError) -> Self {
        match error.sent() {
            Sent::No if error.is_permanent() => Self::Final,
            Sent::No => Self::NotSent,
            Sent::Maybe => Self::Unknown,
            Sent::Answered => Self::Final,
        }
    }

    /// Sorts a failed sign-in.
    pub(crate) fn of_sign_in(error: &TokenError) -> Self {
        match error {
            TokenError::Unreachable(_) => Self::NotSent,
            _ => Self::Final,
        }
    }

    /// May a call marked `repeat` be sent again after this?
    pub(crate) fn allows(self, repeat: Repeat) -> bool {
        match (self, repeat) {
            (_, Repeat::Never) | (Self::Final, _) => false,
            (Self::NotSent | Self::Unread | Self::TokenRefused, _) => true,
            (Self::Unknown, repeat) => repeat == Repeat::Safe,
        }
    }

    /// May the service have acted on this try?
    pub(crate) fn may_have_acted(self, status: Option<StatusCode>) -> bool {
        match self {
            Self::NotSent | Self::Unread | Self::TokenRefused => false,
            Self::Unknown => true,
            Self::Final => status.is_none_or(|status| !status.is_client_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R123
    #[test]
    fn a_repeat_is_allowed_only_after_what_had_no_effect_or_is_safe() {
        use Failure::{Final, NotSent, TokenRefused, Unknown, Unread};
        for (failure, safe, if_not_sent) in [
            (NotSent, true, true),
            (Unread, true, true),
            (TokenRefused, true, true),
            (Unknown, true, false),
            (Final, false, false),
        ] {
            assert_eq!(failure.allows(Repeat::Safe), safe, "{failure:?}");
            assert_eq!(
                failure.allows(Repeat::IfNotSent),
                if_not_sent,
                "{failure:?}"
            );
            assert!(!failure.allows(Repeat::Never), "{failure:?}");
        }
    }

    #[test]
    fn statuses_are_sorted() {
        let sort = |code, wait| Failure::of_status(StatusCode::from_u16(code).unwrap(), wait);
        for (code, wait, sorted) in [
            (204, false, None),
            (301, false, Some(Failure::Final)),
            (400, false, Some(Failure::Final)),
            (401, false, Some(Failure::TokenRefused)),
            (404, false, Some(Failure::Final)),
            (408, false, Some(Failure::Unknown)),
            (412, false, Some(Failure::Final)),
            (429, false, Some(Failure::Unread)),
            (500, false, Some(Failure::Unknown)),
            (500, true, Some(Failure::Unknown)),
            (501, false, Some(Failure::Final)),
            (503, false, Some(Failure::Unknown)),
            (503, true, Some(Failure::Unread)),
            (509, false, Some(Failure::Unknown)),
        ] {
            assert_eq!(sort(code, wait), sorted, "{code}");
        }
    }
}
