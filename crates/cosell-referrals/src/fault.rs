//! What refusals say, and what they mean for the caller.

use bytes::Bytes;
use cosell_http::{Error, ServiceFault};
use http::{HeaderMap, StatusCode, header};

use crate::wire::{At, Object, Wire};

/// Longest text taken over from a body; the service promises 1024 characters.
const LONGEST: usize = 1024;

/// Bodies above this are no error bodies of the service.
const LARGEST: usize = 256 * 1024;

/// Nested errors below this depth say nothing that is of use.
const DEEPEST: usize = 4;

/// Was the change refused because the referral is no longer at the version it names?
///
/// Then nothing took effect: read the referral again and decide anew.
pub fn is_stale(error: &Error) -> bool {
    error.status() == Some(StatusCode::PRECONDITION_FAILED)
        || error.code().is_some_and(|code| {
            code.eq_ignore_ascii_case("preconditionFailed")
                || code.eq_ignore_ascii_case("resourceModified")
        })
}

/// Reads an error body of the Referrals API or of the gateway before it.
///
/// For a [`cosell_http::Client`] that is set up by hand; [`Referrals::builder`] sets it by itself.
/// What a gateway answers by itself (HTML, nothing, a bare message) leaves the code empty.
///
/// [`Referrals::builder`]: crate::Referrals::builder
pub fn read_error(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> ServiceFault {
    let mut fault = if body.len() <= LARGEST {
        read_body(body)
    } else {
        ServiceFault::default().with_message("an answer too large for an error")
    };
    let advice = advice(status, headers, &fault);
    if !advice.is_empty() {
        fault.message = Some(match fault.message.take() {
            Some(message) => format!("{message} ({advice})"),
            None => advice,
        });
    }
    fault
}

fn read_body(body: &Bytes) -> ServiceFault {
    let Ok(object) = Object::decode(body, "error") else {
        return not_json(body);
    };
    match object.field::<Nested>("error") {
        Ok(Some(Nested(error))) => read_nested(&error),
        // The gateway's own errors, and those of the older host.
        _ => {
            let mut fault = ServiceFault::default();
            fault.code = object.field("code").ok().flatten();
            fault.message = text(&object, "message").or_else(|| text(&object, "description"));
            fault
        }
    }
}

fn read_nested(error: &Object) -> ServiceFault {
    let mut fault = ServiceFault::default();
    fault.code = text(error, "code");
    fault.target = text(error, "target");
    fault.message = text(error, "message");
    let mut inner = error.field::<Nested>("innerError").ok().flatten();
    for _ in 0..DEEPEST {
        let Some(Nested(error)) = inner else { break };
        let parts = [text(&error, "code"), text(&error, "message")];
        let said = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        if !said.is_empty() {
            fault.message = Some(match fault.message.take() {
                Some(message) => format!("{message}; {said}"),
                None => said,
            });
        }
        inner = error.field("innerError").ok().flatten();
    }
    fault
}

fn not_json(body: &Bytes) -> ServiceFault {
    let body = String::from_utf8_lossy(body);
    let body = body.trim();
    let fault = ServiceFault::default();
    if body.is_empty() {
        fault
    } else if body.starts_with('<') {
        fault.with_message(
            "a web page instead of an answer of the service: a gateway, or a wrong address",
        )
    } else {
        fault.with_message(cut(body))
    }
}

/// What an operator should look at, where the status or text is a known symptom.
fn advice(status: StatusCode, headers: &HeaderMap, fault: &ServiceFault) -> String {
    let said = |words: &str| {
        [&fault.message, &fault.code]
            .into_iter()
            .flatten()
            .any(|text| text.to_ascii_lowercase().contains(words))
    };
    let challenge = headers
        .get(header::WWW_AUTHENTICATE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if said("user information") || said("900329") {
        "Partner Center: referrals need the token of a signed-in user, not of an application alone"
            .to_owned()
    } else if said("900421") || challenge.to_ascii_lowercase().contains("mfa") {
        "Partner Center: sign in again with multi-factor authentication".to_owned()
    } else if status == StatusCode::FORBIDDEN {
        "Partner Center: the user needs the role Referrals Admin or Referrals User, and a place \
         on the deal's team for the latter"
            .to_owned()
    } else if status == StatusCode::UNAUTHORIZED {
        "Partner Center: the token must be a user's, for the audience \
         https://api.partner.microsoft.com"
            .to_owned()
    } else {
        String::new()
    }
}

fn text(object: &Object, name: &str) -> Option<String> {
    let text: Option<String> = object.field(name).ok().flatten();
    text.map(|text| cut(&text))
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// An object on the way down an error body.
struct Nested(Object);

impl Wire for Nested {
    fn read(
        raw: &serde_json::value::RawValue,
        at: &At<'_>,
    ) -> Result<Option<Self>, crate::FieldError> {
        Object::read(raw, at).map(|object| Some(Self(object)))
    }

    fn write(&self) -> Box<serde_json::value::RawValue> {
        self.0.write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> ServiceFault {
        read_error(
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            &Bytes::copy_from_slice(body.as_bytes()),
        )
    }

    #[test]
    fn the_services_body_is_read_whatever_the_case_of_its_keys() {
        let body = r#"{"error":{"code":"preconditionFailed","message":"does not match",
            "target":"ETag","innererror":{"code":"99918","message":"Etag value did not Match",
            "details":null}}}"#;
        let fault = read(412, body);
        assert_eq!(fault.code.as_deref(), Some("preconditionFailed"));
        assert_eq!(fault.target.as_deref(), Some("ETag"));
        assert_eq!(
            fault.message.as_deref(),
            Some("does not match; 99918 Etag value did not Match")
        );
        assert_eq!(
            read(404, r#"{"Error":{"Code":"itemNotFound"}}"#)
                .code
                .as_deref(),
            Some("itemNotFound")
        );
    }

    #[test]
    fn a_gateway_has_no_code() {
        for (status, body, message) in [
            (
                429,
                r#"{"statusCode":429,"message":"Rate limit"}"#,
                Some("Rate limit"),
            ),
            (500, r#"{"message":"down"}"#, Some("down")),
            (500, "upstream timed out", Some("upstream timed out")),
            (500, "", None),
        ] {
            let fault = read(status, body);
            assert_eq!(fault.message.as_deref(), message, "{body}");
            assert_eq!(fault.code, None, "{body}");
        }
        let page = read(502, "<!DOCTYPE html><title>Bad gateway</title>");
        assert!(page.message.unwrap().contains("web page"));
    }

    #[test]
    fn no_body_is_too_strange() {
        let deep = format!(
            "{}{}",
            r#"{"error":{"innerError":"#.repeat(5000),
            "}".repeat(10_000)
        );
        for body in [
            deep.as_str(),
            "[",
            "null",
            r#"{"error":"text"}"#,
            r#"{"error":{"code":[]}}"#,
        ] {
            assert_eq!(read(500, body).code, None);
        }
        let large = format!("{{\"message\":\"{}\"}}", "x".repeat(LARGEST));
        assert!(read(500, &large).message.unwrap().len() < LONGEST);
    }

    // R11
    #[test]
    fn a_missing_role_is_named_with_its_side() {
        let body = r#"{"error":{"code":"accessDenied","message":"no","target":"referral"}}"#;
        let message = read(403, body).message.unwrap();
        assert!(message.contains("Partner Center") && message.contains("Referrals Admin"));
    }

    #[test]
    fn wrong_tokens_are_explained() {
        let app_only = read(400, r#"{"message":"token missing user information"}"#);
        assert!(app_only.message.unwrap().contains("signed-in user"));
        let mfa = read(401, r#"{"code":"900421","description":"MFA required"}"#);
        assert!(mfa.message.unwrap().contains("multi-factor"));
        assert!(read(401, "").message.unwrap().contains("audience"));
    }
}
