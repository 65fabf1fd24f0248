//! What an access token says about itself.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{AccessToken, error::clip};

/// Longest token that is looked into, in bytes; longest text and list that are taken from it.
const LONGEST_TOKEN: usize = 32 * 1024;
const LONGEST_TEXT: usize = 300;
const LONGEST_LIST: usize = 100;

/// What an access token says about itself.
///
/// For explaining, never for deciding: the signature is not checked, and a token is the
/// service's to read; Microsoft may change what stands in it, or encrypt it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct Claims {
    /// The service it opens, such as `https://api.partner.microsoft.com` (`aud`).
    #[serde(rename = "aud", deserialize_with = "text")]
    pub audience: Option<String>,
    /// The tenant's id (`tid`).
    #[serde(rename = "tid", deserialize_with = "text")]
    pub tenant: Option<String>,
    /// The application's client id (`appid`, `azp`).
    #[serde(rename = "appid", alias = "azp", deserialize_with = "text")]
    pub app_id: Option<String>,
    /// Object id of the person, or of the application on its own (`oid`); not printed.
    #[serde(rename = "oid", deserialize_with = "text")]
    pub object_id: Option<String>,
    /// Sign-in name of the person; not printed.
    #[serde(rename = "upn", deserialize_with = "text")]
    pub user: Option<String>,
    /// How the person proved to be the person (`amr`): `mfa` is the second factor.
    #[serde(rename = "amr", deserialize_with = "list")]
    pub methods: Vec<String>,
    /// What the person lets the application do (`scp`). Empty for an application on its own.
    #[serde(rename = "scp", deserialize_with = "list")]
    pub scopes: Vec<String>,
    /// Application roles (`roles`).
    #[serde(deserialize_with = "list")]
    pub roles: Vec<String>,
    /// When it was given (`iat`).
    #[serde(rename = "iat", deserialize_with = "moment")]
    pub issued: Option<DateTime<Utc>>,
    /// When it ends (`exp`).
    #[serde(rename = "exp", deserialize_with = "moment")]
    pub expires: Option<DateTime<Utc>>,
}

impl Claims {
    /// Looks into `token`. `None` if it is no JWT that can be read.
    pub fn of(token: &AccessToken) -> Option<Self> {
        let text = token.secret.expose_secret();
        if text.len() > LONGEST_TOKEN {
            return None;
        }
        let mut parts = text.split('.');
        let payload = parts.nth(1)?;
        parts.next()?;
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let all: Value = serde_json::from_slice(&bytes).ok()?;
        let mut claims = Self::deserialize(&all).ok()?;
        if claims.user.is_none() {
            let other = ["unique_name", "preferred_username"]
                .iter()
                .find_map(|name| all.get(name)?.as_str());
            claims.user = other.map(|name| clip(name, LONGEST_TEXT));
        }
        Some(claims)
    }

    /// Whether the person passed a second factor.
    pub fn has_second_factor(&self) -> bool {
        self.methods.iter().any(|method| method == "mfa")
    }

    /// Whether it stands for a person, and not for an application on its own.
    pub fn is_of_person(&self) -> bool {
        !self.scopes.is_empty() || self.user.is_some()
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("audience", &self.audience)
            .field("tenant", &self.tenant)
            .field("app_id", &self.app_id)
            .field("methods", &self.methods)
            .field("scopes", &self.scopes)
            .field("roles", &self.roles)
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A text; anything else counts as absent.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(clip(&text, LONGEST_TEXT)),
        _ => None,
    })
}

/// A list of texts, or one text with blanks between the words.
fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let words: Vec<String> = match Value::deserialize(from)? {
        Value::String(text) => text.split_whitespace().map(ToOwned::to_owned).collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(|item| item.as_str().map(ToOwned::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    Ok(words
        .iter()
        .take(LONGEST_LIST)
        .map(|word| clip(word, LONGEST_TEXT))
        .collect())
}

/// Seconds since 1970, as a number or as text.
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let seconds = match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Ok(seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    pub(crate) fn token(claims: &Value) -> AccessToken {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        AccessToken::new(
            format!("e30.{payload}.sig").into(),
            DateTime::<Utc>::MAX_UTC,
        )
    }

    #[test]
    fn the_documented_token_is_read() {
        let claims = Claims::of(&token(&json!({
            "aud": "https://api.partner.microsoft.com",
            "iss": "https://sts.windows.net/3b8f0f52-6a51-4d0c-8c0e-9b6a54f2a1e7/",
            "iat": 1_773_066_050, "nbf": 1_773_066_050, "exp": 1_773_069_950,
            "acr": "1", "amr": ["pwd", "mfa"],
            "appid": "1f0c6a55-9d0e-4b1c-8a77-2f3be4d1c9aa", "appidacr": "1",
            "name": "Referral Robot", "oid": "0a6e2f6c-4f53-4c8e-9f8e-7d5d3c2b1a90",
            "scp": "user_impersonation",
            "tid": "3b8f0f52-6a51-4d0c-8c0e-9b6a54f2a1e7",
            "unique_name": "robot@northwind.example", "upn": "robot@northwind.example",
            "ver": "1.0"
        })))
        .unwrap();
        assert!(claims.has_second_factor() && claims.is_of_person());
        assert_eq!(claims.user.as_deref(), Some("robot@northwind.example"));
        assert_eq!(claims.scopes, ["user_impersonation"]);
        assert_eq!(
            claims.expires.unwrap().to_rfc3339(),
            "2026-03-09T15:25:50+00:00"
        );
        let printed = format!("{claims:?}");
        assert!(!printed.contains("robot"), "{printed}");
        assert!(!printed.contains("0a6e2f6c"), "{printed}");
    }

    #[test]
    fn claims_of_other_shapes_are_borne() {
        let claims = Claims::of(&token(&json!({
            "aud": ["a", "b"], "amr": "pwd", "scp": ["one", 2], "exp": "1773069950",
            "preferred_username": "p@northwind.example", "roles": null
        })))
        .unwrap();
        assert_eq!(claims.audience, None);
        assert_eq!(claims.methods, ["pwd"]);
        assert_eq!(claims.scopes, ["one"]);
        assert_eq!(claims.user.as_deref(), Some("p@northwind.example"));
        assert!(claims.expires.is_some());

        let long = "x".repeat(LONGEST_TOKEN);
        for text in [
            "",
            "opaque",
            "a.b",
            "a.%%%.c",
            "a.e30",
            "..",
            &format!("a.{long}.c"),
        ] {
            let token = AccessToken::new(text.to_owned().into(), DateTime::<Utc>::MAX_UTC);
            assert_eq!(Claims::of(&token), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_token_is_too_odd(text in "\\PC{0,80}", payload in prop::collection::vec(any::<u8>(), 0..60)) {
            for text in [text, format!("h.{}.s", URL_SAFE_NO_PAD.encode(&payload))] {
                let token = AccessToken::new(text.into(), DateTime::<Utc>::MAX_UTC);
                let _ = Claims::of(&token);
            }
        }
    }
}
