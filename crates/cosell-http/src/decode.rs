//! Reading a JSON answer into a type, with the place that does not fit.

use serde::de::DeserializeOwned;

use crate::{Answer, Error, error::clip};

/// Reads the answer's body as JSON.
///
/// Nesting is bounded (128 levels), so no document exhausts the stack. Text after the document
/// is refused.
///
/// # Errors
/// [`ErrorKind::Malformed`](crate::ErrorKind::Malformed) with the path, such as
/// `value[3].details.closingDateTime`, and what was expected there. Values of the document are
/// left out, since they may be personal data.
pub fn decode_json<T: DeserializeOwned>(
    operation: &'static str,
    answer: &Answer,
) -> Result<T, Error> {
    if answer.body.is_empty() {
        return Err(Error::malformed(
            operation,
            answer,
            "the answer is empty, JSON was expected",
        ));
    }
    let mut reader = serde_json::Deserializer::from_slice(&answer.body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let read = T::deserialize(tracked).and_then(|value| reader.end().map(|()| value));
    read.map_err(|fault| {
        let path = track.path().to_string();
        let message = format!(
            "{} at `{}`, line {} column {}",
            without_values(&fault),
            clip(&path, 200),
            fault.line(),
            fault.column()
        );
        Error::malformed(operation, answer, message)
    })
}

/// The parser's complaint without the text it complains about.
fn without_values(fault: &serde_json::Error) -> String {
    if !fault.is_data() {
        return if fault.is_eof() {
            "the JSON ends too early".into()
        } else {
            "not JSON".into()
        };
    }
    let text = fault.to_string();
    if text.starts_with("missing field") || text.starts_with("duplicate field") {
        let named = text.split(" at line ").next().unwrap_or_default();
        return clip(named, 200);
    }
    // The expected thing is named last, and by the type, never by the document.
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => {
            let expected = expected.split(" at line ").next().unwrap_or_default();
            clip(&format!("expected {expected}"), 200)
        }
        None => "a value that does not fit".into(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;
    use crate::{ErrorKind, Sent};

    #[derive(Debug, Deserialize)]
    struct Page {
        #[allow(dead_code)]
        value: Vec<Row>,
    }

    #[derive(Debug, Deserialize)]
    struct Row {
        #[allow(dead_code)]
        size: u32,
    }

    fn read(body: &str) -> Result<Page, Error> {
        decode_json(
            "pages.list",
            &Answer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: Bytes::copy_from_slice(body.as_bytes()),
                request_id: Some("r-1".into()),
                correlation: Uuid::nil(),
            },
        )
    }

    #[test]
    fn the_place_is_named_and_the_value_is_not() {
        for (body, told) in [
            (
                r#"{"value":[{"size":1},{"size":"Ann Lee"}]}"#,
                "expected u32 at `value[1].size`",
            ),
            (r#"{"value":[{}]}"#, "missing field `size` at `value[0]`"),
            (r#"{"value":[{"size":1}"#, "the JSON ends too early"),
            ("<html>Ann Lee</html>", "not JSON"),
            (r#"{"value":[]} Ann Lee"#, "not JSON"),
            ("", "empty"),
        ] {
            let error = read(body).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(told), "{body}: {text}");
            assert!(!text.contains("Ann"), "{text}");
            assert_eq!(error.kind(), ErrorKind::Malformed);
            assert_eq!(error.sent(), Sent::Answered);
            assert_eq!(error.request_id(), Some("r-1"));
        }
        assert!(read(r#"{"value":[{"size":1,"new":true}]}"#).is_ok());
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        let deep = "[".repeat(100_000);
        let error = read(&format!("{{\"value\":{deep}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from(deep),
            request_id: None,
            correlation: Uuid::nil(),
        };
        assert!(decode_json::<serde_json::Value>("x", &answer).is_err());
    }

    #[test]
    fn raw_values_keep_their_digits() {
        type Raw = std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>;
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(br#"{"a":922337203685477.5807,"b":{"c": [1]}}"#),
            request_id: None,
            correlation: Uuid::nil(),
        };
        let raw: Raw = decode_json("x", &answer).unwrap();
        assert_eq!(raw["a"].get(), "922337203685477.5807");
        assert_eq!(raw["b"].get(), r#"{"c": [1]}"#);
    }
}
