//! Why a service refuses an identity that signed in well.

use crate::{Error, ErrorKind};

/// Kind of a [`Denial`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DenialKind {
    /// The token shows no second factor.
    NoSecondFactor,
    /// The token stands for an application, the service takes only persons.
    NoPerson,
    /// The token is for another service, ended, or was withdrawn.
    BadToken,
    /// The person lacks a role, or the record belongs to others.
    MissingRole,
    /// Conditional Access asks for more.
    ConditionalAccess,
}

/// What a refusal of Partner Center says about the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// Kind.
    pub kind: DenialKind,
    /// What the operator should do.
    pub advice: &'static str,
}

impl Denial {
    /// Reads the refusal in `error`; `None` if it does not speak of the identity.
    pub fn of(error: &Error) -> Option<Self> {
        let status = error.status()?.as_u16();
        let code = error.code().unwrap_or_default().to_ascii_lowercase();
        let said = error.message().to_ascii_lowercase();
        let says = |words: &[&str]| {
            words
                .iter()
                .any(|word| code.contains(word) || said.contains(word))
        };
        let kind = match status {
            400 | 401 | 403 if says(&["user information", "900329"]) => DenialKind::NoPerson,
            401 | 403 if says(&["900421", "mfa required"]) => DenialKind::NoSecondFactor,
            401 | 403 if error.claims().is_some() => DenialKind::ConditionalAccess,
            401 | 403
                if says(&[
                    "insufficent_claims",
                    "insufficient_claims",
                    "900309",
                    "conditional access",
                ]) =>
            {
                DenialKind::ConditionalAccess
            }
            401 => DenialKind::BadToken,
            403 if error.kind() == ErrorKind::Denied => DenialKind::MissingRole,
            _ => return None,
        };
        Some(Self {
            kind,
            advice: advice(kind),
        })
    }
}

fn advice(kind: DenialKind) -> &'static str {
    match kind {
        DenialKind::NoSecondFactor => {
            "the sign-in had no second factor: sign in again in a browser with one and store the \
             new refresh token"
        }
        DenialKind::NoPerson => {
            "the service takes only persons: sign in as a person once and use its refresh token, \
             not the application's own token"
        }
        DenialKind::BadToken => {
            "the token is for another service or was withdrawn: name this service in the scope, \
             and sign in again if that is right"
        }
        DenialKind::MissingRole => {
            "the person lacks the role Referrals Admin or Referrals User, or the record belongs \
             to another organization or location: an administrator gives the role in Partner \
             Center. A Referrals User sees only the deals with that person on the team"
        }
        DenialKind::ConditionalAccess => {
            "Conditional Access asks for more than the sign-in gave: sign in again in a browser, \
             or have an administrator let this account and app through"
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::ServiceFault;

    #[test]
    fn every_symptom_of_the_record_is_explained() {
        for (status, code, message, kind) in [
            (401, "unauthenticated", "", Some(DenialKind::BadToken)),
            (401, "unAuthorized", "", Some(DenialKind::BadToken)),
            (401, "900421", "", Some(DenialKind::NoSecondFactor)),
            (401, "", "MFA required", Some(DenialKind::NoSecondFactor)),
            (401, "900420", "", Some(DenialKind::BadToken)),
            (403, "accessDenied", "", Some(DenialKind::MissingRole)),
            (
                403,
                "insufficent_claims",
                "",
                Some(DenialKind::ConditionalAccess),
            ),
            (403, "900308", "", Some(DenialKind::MissingRole)),
            (403, "900309", "", Some(DenialKind::ConditionalAccess)),
            (403, "900329", "", Some(DenialKind::NoPerson)),
            (
                400,
                "badRequest",
                "The authorization header token is missing user information.",
                Some(DenialKind::NoPerson),
            ),
            (400, "badRequest", "name is required", None),
            (404, "notFound", "", None),
        ] {
            let fault = ServiceFault::default()
                .with_code(code)
                .with_message(message);
            let status = StatusCode::from_u16(status).unwrap();
            let error = Error::of_answer("test.call", status, None, fault);
            let denial = Denial::of(&error);
            assert_eq!(denial.map(|denial| denial.kind), kind, "{status} {code}");
        }
    }
}
