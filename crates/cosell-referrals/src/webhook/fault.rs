//! What the webhook API's refusals say, and what they mean.

use bytes::Bytes;
use cosell_http::ServiceFault;
use http::{HeaderMap, StatusCode};

use crate::wire::Object;

/// Longest text taken over from a body.
const LONGEST: usize = 1024;

/// Bodies above this are no error bodies of the service.
const LARGEST: usize = 256 * 1024;

/// Reads an error body of the webhook API: `code`, a number or text, and `description`.
///
/// For a [`cosell_http::Client`] that is set up by hand; the builder of
/// [`Webhooks`](super::Webhooks) sets it by itself.
pub fn read_error(status: StatusCode, _: &HeaderMap, body: &Bytes) -> ServiceFault {
    let mut fault = ServiceFault::default();
    if body.len() <= LARGEST
        && let Ok(object) = Object::decode(body, "error")
    {
        let text = |name| object.field::<String>(name).ok().flatten();
        let cut = |text: String| text.chars().take(LONGEST).collect::<String>();
        fault.code = text("code").map(cut);
        fault.message = text("description").or_else(|| text("message")).map(cut);
    }
    let advice = match status {
        StatusCode::UNAUTHORIZED => {
            "Partner Center: the token must be made for the audience \
             https://api.partnercenter.microsoft.com, which is not that of referrals"
        }
        StatusCode::FORBIDDEN => {
            "Partner Center: webhooks are registered by an application, or by a user who is \
             Referrals Admin, Admin agent, Sales agent, Helpdesk agent or Billing Admin"
        }
        _ => return fault,
    };
    fault.message = Some(match fault.message.take() {
        Some(message) => format!("{message} ({advice})"),
        None => advice.to_owned(),
    });
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &'static str) -> ServiceFault {
        let status = StatusCode::from_u16(status).unwrap();
        read_error(
            status,
            &HeaderMap::new(),
            &Bytes::from_static(body.as_bytes()),
        )
    }

    #[test]
    fn codes_are_numbers_or_text() {
        for body in [
            r#"{"code":900308,"description":"no","data":[],"source":"x"}"#,
            r#"{"Code":"900308","Description":"no"}"#,
        ] {
            let fault = read(400, body);
            assert_eq!(fault.code.as_deref(), Some("900308"), "{body}");
            assert_eq!(fault.message.as_deref(), Some("no"), "{body}");
        }
        let gateway = read(429, r#"{"statusCode":429,"message":"Rate limit"}"#);
        assert_eq!(
            (gateway.code, gateway.message.as_deref()),
            (None, Some("Rate limit"))
        );
        for body in ["", "<html>", "[", "null"] {
            assert_eq!(read(500, body), ServiceFault::default(), "{body}");
        }
    }

    #[test]
    fn wrong_audience_and_role_are_explained() {
        assert!(read(401, "").message.unwrap().contains("partnercenter"));
        assert!(read(403, "").message.unwrap().contains("Referrals Admin"));
    }
}
