//! Why a post is not taken.

use http::StatusCode;

use super::{AddressFault, CertificateFault, FetchFault};
use crate::FieldError;

/// A post that is not taken for an event of Partner Center.
///
/// Says nothing of the post's content; [`status`](Self::status) is what to answer, without a body:
/// a forger learns nothing from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Neither header holds a signature.
    #[error("no signature in `x-ms-signature` or `authorization`")]
    NoSignature,
    /// The header has another scheme than `Signature`.
    #[error("the authorization is no `Signature`")]
    OtherScheme,
    /// A header is missing, repeated, too long or not text.
    #[error("header `{header}` is missing, repeated or unreadable")]
    Header {
        /// Its name.
        header: &'static str,
    },
    /// The algorithm is not RSA with SHA-256, 384 or 512.
    #[error("the signature's algorithm is not accepted: only RSA with SHA-256 or longer is")]
    Algorithm,
    /// The body is larger than an event ever is.
    #[error("the body exceeds {limit} bytes")]
    TooLarge {
        /// Largest accepted size in bytes.
        limit: usize,
    },
    /// The body broke off.
    #[error("the body broke off")]
    BrokenBody,
    /// The certificate's address is not one to fetch from.
    #[error("the certificate's address is refused: {0}")]
    Address(AddressFault),
    /// The certificate could not be fetched.
    #[error("the certificate could not be fetched: {0}")]
    Fetch(FetchFault),
    /// Too many unknown certificates were asked for within a minute.
    #[error("too many unknown certificates within a minute; the post may come again later")]
    Busy,
    /// The certificate is not one to trust.
    #[error("the certificate is not trusted: {0}")]
    Certificate(CertificateFault),
    /// The signature is not that of this body under this certificate.
    #[error("the signature does not fit the body")]
    Mismatch,
    /// Signed by Partner Center, but no event.
    #[error("the signed body is no event: {0}")]
    NotAnEvent(FieldError),
}

impl Refusal {
    /// What to answer: 401 for what is not proven to come from Partner Center, 400 and 413 for
    /// what cannot be read, 503 where trying again may help (Partner Center does).
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoSignature
            | Self::OtherScheme
            | Self::Algorithm
            | Self::Address(_)
            | Self::Certificate(_)
            | Self::Mismatch => StatusCode::UNAUTHORIZED,
            Self::Header { .. } | Self::BrokenBody | Self::NotAnEvent(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Fetch(fault) if fault.may_pass() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fetch(_) => StatusCode::UNAUTHORIZED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
