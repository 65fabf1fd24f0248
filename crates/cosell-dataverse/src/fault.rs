//! Reads the service's error bodies.

use bytes::Bytes;
use cosell_http::ServiceFault;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

use crate::batch;

/// Longer texts are traces, not messages.
const MAX_MESSAGE: usize = 2000;

/// The error reader for a [`cosell_http::Client`] that talks to Dataverse. Bears any bytes: JSON
/// of either form, the web page of a gateway, nothing at all, and the answer to a batch that was
/// stopped at its first failure.
pub fn read_fault(_status: StatusCode, headers: &HeaderMap, body: &Bytes) -> ServiceFault {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if kind
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("multipart/")
    {
        return match batch::first_failure(kind, body) {
            Some(body) => read_plain(&body),
            None => ServiceFault::default(),
        };
    }
    read_plain(body)
}

fn read_plain(body: &Bytes) -> ServiceFault {
    let mut fault = ServiceFault::default();
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        fault.message = page_title(body);
        return fault;
    };
    let error = json.get("error").unwrap_or(&json);
    let text = |names: [&str; 2]| {
        names
            .into_iter()
            .find_map(|name| error.get(name)?.as_str())
            .map(tidy)
            .filter(|text| !text.is_empty())
    };
    fault.code = text(["code", "Code"]);
    fault.message = text(["message", "Message"]);
    fault.target = fault.message.as_deref().and_then(named_column);
    fault
}

/// The column that a message names. The service has no field for it, only these phrases.
fn named_column(message: &str) -> Option<String> {
    const PHRASES: [&str; 5] = [
        "length of the '",
        "property named '",
        "Invalid property '",
        "undeclared property '",
        "attribute '",
    ];
    PHRASES.into_iter().find_map(|phrase| {
        let (_, tail) = message.split_once(phrase)?;
        let (name, _) = tail.split_once('\'')?;
        let fits = !name.is_empty()
            && name.len() <= 128
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_@.".contains(c));
        fits.then(|| name.to_owned())
    })
}

/// What a gateway's web page says in its title.
fn page_title(body: &Bytes) -> Option<String> {
    if body.trim_ascii().is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(8192)]);
    let lower = text.to_ascii_lowercase();
    if !lower.trim_start().starts_with('<') {
        return Some("an answer that is no JSON".to_owned());
    }
    let title = lower.find("<title>").map(|at| at + "<title>".len());
    let title = title.and_then(|start| {
        let end = lower[start..].find("</title>")?;
        Some(tidy(&text[start..start + end]))
    });
    Some(match title {
        Some(title) if !title.is_empty() => format!("a web page instead of JSON: {title}"),
        _ => "a web page instead of JSON".to_owned(),
    })
}

/// One line without control characters, cut at a bound.
fn tidy(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE)
        .collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> ServiceFault {
        read_fault(
            StatusCode::BAD_REQUEST,
            &HeaderMap::new(),
            &Bytes::copy_from_slice(body.as_bytes()),
        )
    }

    #[test]
    fn every_form_of_body_is_read() {
        let cases: [(&str, Option<&str>, Option<&str>); 9] = [
            (
                r#"{"error":{"code":"0x80060882","message":"The version differs.","@Microsoft.PowerApps.CDS.TraceText":"…"}}"#,
                Some("0x80060882"),
                Some("The version differs."),
            ),
            (
                r#"{"error":{"code":"","message":"No HTTP resource was found."}}"#,
                None,
                Some("No HTTP resource was found."),
            ),
            (
                r#"{"Message":"An error has occurred."}"#,
                None,
                Some("An error has occurred."),
            ),
            ("", None, None),
            (
                "<html><head><TITLE>502 Bad\nGateway</TITLE></head></html>",
                None,
                Some("a web page instead of JSON: 502 Bad Gateway"),
            ),
            ("<p>", None, Some("a web page instead of JSON")),
            ("upstream failed", None, Some("an answer that is no JSON")),
            (r#"{"error":"text"}"#, None, None),
            (r#"[1,2]"#, None, None),
        ];
        for (body, code, message) in cases {
            let fault = read(body);
            assert_eq!(fault.code.as_deref(), code, "{body}");
            assert_eq!(fault.message.as_deref(), message, "{body}");
        }
    }

    #[test]
    fn the_column_that_a_message_names_is_the_target() {
        let cases = [
            (
                "A validation error occurred.  The length of the 'name' attribute of the 'opportunity' entity exceeded the maximum allowed length of '300'.",
                Some("name"),
            ),
            (
                "Could not find a property named 'Name' on type 'Microsoft.Dynamics.CRM.opportunity'.",
                Some("Name"),
            ),
            (
                "An undeclared property 'abc_partner' which only has property annotations",
                Some("abc_partner"),
            ),
            ("Principal user is missing prvWriteOpportunity", None),
        ];
        for (message, target) in cases {
            let body = serde_json::json!({"error": {"code": "0x1", "message": message}});
            assert_eq!(read(&body.to_string()).target.as_deref(), target);
        }
    }

    #[test]
    fn long_messages_are_cut() {
        let body = serde_json::json!({"error": {"message": "x".repeat(10_000)}});
        assert_eq!(read(&body.to_string()).message.unwrap().len(), MAX_MESSAGE);
    }
}
