//! What Conditional Access asks for beyond what a sign-in gave.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::{Error, TokenError};

/// Longest challenge that is taken, in bytes of JSON.
const LONGEST: usize = 8 * 1024;

/// A claims challenge: what a token must show before the tenant's policies let it through, such as
/// a second factor of a certain strength.
///
/// It comes with a refusal of the sign-in service ([`TokenError::Refused`]) or of the service
/// itself ([`Error::claims`]); [`of`](Self::of) finds it in either. Only a person can meet it: pass
/// it on to [`BrowserOptions::with_claims`](super::BrowserOptions::with_claims) and store the new
/// refresh token. Text of the service, not secret; not printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimsChallenge(String);

impl ClaimsChallenge {
    /// From its JSON text, as the sign-in service gives it. `None` if it is no JSON object, or
    /// longer than 8 KiB.
    pub fn from_json(text: &str) -> Option<Self> {
        let object =
            text.len() <= LONGEST && serde_json::from_str::<Map<String, Value>>(text).is_ok();
        object.then(|| Self(text.to_owned()))
    }

    /// From the challenge of a refused call, `WWW-Authenticate: Bearer …, claims="…"`.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let lenient =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .filter_map(|value| parameter(value, "claims"))
            .filter(|encoded| encoded.len() <= 2 * LONGEST)
            .find_map(|encoded| {
                [alphabet::STANDARD, alphabet::URL_SAFE]
                    .iter()
                    .find_map(|letters| GeneralPurpose::new(letters, lenient).decode(encoded).ok())
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .and_then(|text| Self::from_json(&text))
            })
    }

    /// The challenge that came with a failed call, from the service or from its sign-in.
    pub fn of(error: &Error) -> Option<&Self> {
        error.claims().or_else(|| {
            let cause = std::error::Error::source(error)?;
            match cause.downcast_ref::<TokenError>()? {
                TokenError::Refused { claims, .. } => claims.as_ref(),
                _ => None,
            }
        })
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClaimsChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimsChallenge(…)")
    }
}

/// The quoted value of a parameter of a challenge.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    challenge.match_indices(name).find_map(|(at, _)| {
        let before = challenge.get(..at)?.chars().next_back();
        let starts = before.is_none_or(|c| c == ' ' || c == ',');
        let rest = challenge.get(at + name.len()..)?.strip_prefix("=\"")?;
        starts.then(|| rest.split('"').next()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"access_token":{"polids":{"essential":true,"values":["9ab03e19"]}}}"#;
    const BASE64: &str = "eyJhY2Nlc3NfdG9rZW4iOnsicG9saWRzIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWVzIjpbIjlhYjAzZTE5Il19fX0=";

    fn read(value: &str) -> Option<ClaimsChallenge> {
        let mut headers = HeaderMap::new();
        headers.append(
            header::WWW_AUTHENTICATE,
            "Basic realm=\"x\"".parse().unwrap(),
        );
        headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        ClaimsChallenge::of_headers(&headers)
    }

    #[test]
    fn a_challenge_is_found_in_its_header() {
        let wanted = ClaimsChallenge::from_json(JSON);
        assert!(wanted.is_some());
        for claims in [BASE64, BASE64.trim_end_matches('=')] {
            for value in [
                format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{claims}\""),
                format!("Bearer claims=\"{claims}\", error=\"insufficient_claims\""),
                format!("Bearer error=\"x\",claims=\"{claims}\""),
            ] {
                assert_eq!(read(&value), wanted, "{value}");
            }
        }
        assert!(!format!("{wanted:?}").contains("polids"));
    }

    #[test]
    fn what_is_no_challenge_is_passed_over() {
        let long = format!("Bearer claims=\"{}\"", "A".repeat(3 * LONGEST));
        for value in [
            "Bearer",
            "Bearer claims=",
            "Bearer claims=\"",
            "Bearer claims=\"!!!\"",
            "Bearer claims=\"WzFd\"",
            "Bearer claims=\"/w==\"",
            "Bearer myclaims=\"e30=\"",
            &long,
        ] {
            assert_eq!(read(value), None, "{value}");
        }
        for text in ["", "[]", "null", "{", "\"x\""] {
            assert_eq!(ClaimsChallenge::from_json(text), None, "{text}");
        }
    }
}
