//! Writes a `multipart/mixed` batch. Every line ends in CRLF, the very last one too: without it
//! the service drops the last change set and says nothing.

use bytes::Bytes;

use super::ChangeSet;
use crate::op::Body;

/// The body of a batch. `base_path` is the path of the API, with slashes at both ends.
pub(super) fn batch(base_path: &str, boundary: &str, inner: &str, sets: &[ChangeSet]) -> Bytes {
    let mut text = Vec::new();
    let mut number = 0u32;
    for (at, set) in sets.iter().enumerate() {
        let inner = format!("{inner}_{at}");
        line(&mut text, &["--", boundary]);
        line(
            &mut text,
            &["Content-Type: multipart/mixed; boundary=\"", &inner, "\""],
        );
        line(&mut text, &[]);
        let offset = number;
        for op in &set.ops {
            number += 1;
            line(&mut text, &["--", &inner]);
            line(&mut text, &["Content-Type: application/http"]);
            line(&mut text, &["Content-Transfer-Encoding: binary"]);
            // Unique in the whole batch, since the service may look references up there.
            line(&mut text, &["Content-ID: ", &number.to_string()]);
            line(&mut text, &[]);
            let target = op.full_target();
            line(
                &mut text,
                &[op.method.as_str(), " ", base_path, &target, " HTTP/1.1"],
            );
            match op.body {
                Body::None => {}
                Body::Entry(_) => line(&mut text, &["Content-Type: application/json; type=entry"]),
                Body::Parameters(_) => line(&mut text, &["Content-Type: application/json"]),
            }
            for (name, value) in &op.full_headers() {
                text.extend_from_slice(canonical(name.as_str()).as_bytes());
                text.extend_from_slice(b": ");
                text.extend_from_slice(value.as_bytes());
                line(&mut text, &[]);
            }
            line(&mut text, &[]);
            text.extend_from_slice(&op.body.to_bytes(offset));
            line(&mut text, &[]);
        }
        line(&mut text, &["--", &inner, "--"]);
        line(&mut text, &[]);
    }
    line(&mut text, &["--", boundary, "--"]);
    text.into()
}

fn line(text: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(b"\r\n");
}

/// Spelt as the documentation spells them: an HTTP server folds the case of names, a parser of
/// batch parts need not.
fn canonical(name: &str) -> String {
    let mut upper = true;
    name.chars()
        .map(|c| {
            let c = if upper { c.to_ascii_uppercase() } else { c };
            upper = c == '-';
            c
        })
        .collect()
}
