//! Whether a fresh token will do, told in words before the service refuses it.

use std::fmt;

use super::Claims;
use crate::AccessToken;

/// What the token of a service must show.
///
/// The roles of a person in Partner Center stand in no token: their lack shows as shorter lists
/// and as 403, see [`Denial`](super::Denial).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// The service, such as `https://api.partner.microsoft.com`.
    pub audience: Option<String>,
    /// A person must have signed in, not the application on its own.
    pub person: bool,
    /// That person must have passed a second factor.
    pub second_factor: bool,
    /// Permissions that the person gave the application.
    pub scopes: Vec<String>,
    /// Application roles.
    pub roles: Vec<String>,
}

impl Expected {
    /// What the referrals of Partner Center ask for: a person with a second factor.
    pub fn referrals() -> Self {
        Self::default()
            .with_audience("https://api.partner.microsoft.com")
            .with_second_factor()
            .with_scope("user_impersonation")
    }

    /// The service must be this one; a slash at the end does not matter.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// A person must have signed in.
    #[must_use]
    pub fn with_person(mut self) -> Self {
        self.person = true;
        self
    }

    /// A person must have signed in with a second factor.
    #[must_use]
    pub fn with_second_factor(mut self) -> Self {
        self.second_factor = true;
        self.with_person()
    }

    /// The application must have been given this permission.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// The token must name this application role.
    #[must_use]
    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// What `token` lacks; nothing if it will do. All findings at once.
    pub fn check(&self, token: &AccessToken) -> Vec<Finding> {
        let Some(claims) = Claims::of(token) else {
            return vec![Finding::new(
                FindingKind::Unreadable,
                "the token cannot be looked into; only the service can tell whether it will do",
            )];
        };
        self.check_claims(&claims)
    }

    fn check_claims(&self, claims: &Claims) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |kind, text: String| findings.push(Finding::new(kind, text));
        let plain = |address: &str| address.trim_end_matches('/').to_ascii_lowercase();
        if let Some(wanted) = &self.audience {
            let seen = claims.audience.as_deref().unwrap_or("nothing");
            if plain(seen) != plain(wanted) {
                find(
                    FindingKind::WrongAudience,
                    format!(
                        "the token is for {seen}, not for {wanted}; name that service in the scope"
                    ),
                );
            }
        }
        if self.person && !claims.is_of_person() {
            find(
                FindingKind::NoPerson,
                "the token stands for the application on its own, and the service takes only \
                 persons; sign in as a person once and use its refresh token"
                    .into(),
            );
        } else if self.second_factor && !claims.has_second_factor() {
            let seen = if claims.methods.is_empty() {
                "no `amr`".into()
            } else {
                format!("`amr` = {}", claims.methods.join(", "))
            };
            find(
                FindingKind::NoSecondFactor,
                format!(
                    "the person signed in without a second factor: the token has {seen}, it must \
                     contain `mfa`; require the second factor for this account and app, then sign \
                     in again in a browser and store the new refresh token"
                ),
            );
        }
        let lacking = |wanted: &[String], seen: &[String]| -> Vec<String> {
            let lacking = wanted.iter().filter(|name| !seen.contains(name));
            lacking.cloned().collect()
        };
        for scope in lacking(&self.scopes, &claims.scopes) {
            find(
                FindingKind::MissingScope,
                format!(
                    "the token lacks the permission `{scope}`; add it to the app registration and \
                     grant consent"
                ),
            );
        }
        for role in lacking(&self.roles, &claims.roles) {
            find(
                FindingKind::MissingRole,
                format!(
                    "the token lacks the role `{role}`; an administrator must assign it, and the \
                     next token shows it"
                ),
            );
        }
        findings
    }
}

/// Kind of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// The token is no readable JWT. No fault in itself.
    Unreadable,
    /// It opens another service.
    WrongAudience,
    /// It stands for an application, a person is wanted.
    NoPerson,
    /// The person passed no second factor.
    NoSecondFactor,
    /// A permission is missing.
    MissingScope,
    /// An application role is missing.
    MissingRole,
}

/// What a token lacks: seen, wanted, cure in one sentence. Names no person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Kind.
    pub kind: FindingKind,
    /// The sentence.
    pub text: String,
}

impl Finding {
    fn new(kind: FindingKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use serde_json::{Value, json};

    use super::{super::claims::tests::token, *};

    fn kinds(claims: &Value) -> Vec<FindingKind> {
        let findings = Expected::referrals().check(&token(claims));
        findings.iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn a_token_that_will_do_has_no_findings() {
        let good = json!({
            "aud": "https://API.partner.microsoft.com/", "scp": "user_impersonation",
            "amr": ["pwd", "mfa"], "upn": "a@b.example"
        });
        assert_eq!(kinds(&good), []);
    }

    #[test]
    fn all_that_lacks_is_told_with_the_cure() {
        let wrong = json!({ "aud": "https://other.example", "scp": "read", "amr": ["pwd"] });
        let expected = Expected::referrals().with_role("Deals.Write");
        let findings = expected.check(&token(&wrong));
        let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
        for (told, parts) in told.iter().zip([
            ["for https://other.example", "scope"],
            ["`amr` = pwd", "second factor"],
            ["`user_impersonation`", "consent"],
            ["`Deals.Write`", "assign"],
        ]) {
            assert!(parts.iter().all(|part| told.contains(part)), "{told}");
        }
        assert_eq!(findings.len(), 4);
        assert_eq!(
            kinds(&json!({ "aud": "https://api.partner.microsoft.com", "idtyp": "app" })),
            [FindingKind::NoPerson, FindingKind::MissingScope]
        );
        let opaque = AccessToken::new("opaque".into(), DateTime::<Utc>::MAX_UTC);
        assert_eq!(
            Expected::referrals().check(&opaque)[0].kind,
            FindingKind::Unreadable
        );
    }
}
