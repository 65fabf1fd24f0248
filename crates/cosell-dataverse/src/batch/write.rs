//! Writes a `multipart/mixed` batch. Every line ends in CRLF, the very last one too: without it
//! the service drops the last change set and says nothing.

use bytes::Bytes;
use url::Url;

use super::{Entry, Get};
use crate::{Op, op::Body};

/// The body of a batch. `base` is the address of the API, with a slash at the end.
pub(super) fn batch(base: &Url, boundary: &str, inner: &str, entries: &[Entry]) -> Bytes {
    let mut writer = Writer {
        base,
        text: Vec::new(),
    };
    let mut number = 0u32;
    for (at, entry) in entries.iter().enumerate() {
        writer.line(&["--", boundary]);
        match entry {
            Entry::Alone(op) => writer.operation(op, None, 0),
            Entry::Read(get) => writer.read(get),
            Entry::Set(set) => {
                let inner = format!("{inner}_{at}");
                writer.line(&["Content-Type: multipart/mixed; boundary=\"", &inner, "\""]);
                writer.line(&[]);
                let offset = number;
                for op in &set.ops {
                    number += 1;
                    writer.line(&["--", &inner]);
                    // Unique in the whole batch, since the service may look references up there.
                    writer.operation(op, Some(number), offset);
                }
                writer.line(&["--", &inner, "--"]);
                writer.line(&[]);
            }
        }
    }
    writer.line(&["--", boundary, "--"]);
    writer.text.into()
}

struct Writer<'a> {
    base: &'a Url,
    text: Vec<u8>,
}

impl Writer<'_> {
    fn operation(&mut self, op: &Op, content_id: Option<u32>, offset: u32) {
        self.line(&["Content-Type: application/http"]);
        self.line(&["Content-Transfer-Encoding: binary"]);
        if let Some(number) = content_id {
            self.line(&["Content-ID: ", &number.to_string()]);
        }
        self.line(&[]);
        let target = op.full_target(offset);
        // What an earlier operation made is named without an address.
        let base = if op.at.is_some() {
            ""
        } else {
            self.base.path()
        };
        self.line(&[op.method.as_str(), " ", base, &target, " HTTP/1.1"]);
        match op.body {
            Body::None => {}
            Body::Entry(_) => self.line(&["Content-Type: application/json; type=entry"]),
            Body::Parameters(_) | Body::Link(_) => self.line(&["Content-Type: application/json"]),
        }
        for (name, value) in &op.full_headers() {
            self.header(name.as_str(), value.as_bytes());
        }
        self.line(&[]);
        let body = op.body.to_bytes(offset, self.base);
        self.text.extend_from_slice(&body);
        self.line(&[]);
    }

    fn read(&mut self, get: &Get) {
        self.line(&["Content-Type: application/http"]);
        self.line(&["Content-Transfer-Encoding: binary"]);
        self.line(&[]);
        // A link of the service is followed as it is.
        let base = if get.target.contains("://") {
            ""
        } else {
            self.base.path()
        };
        self.line(&["GET ", base, &get.target, " HTTP/1.1"]);
        self.line(&["Accept: application/json"]);
        if let Some(prefer) = &get.prefer {
            self.header("prefer", prefer.as_bytes());
        }
        self.line(&[]);
        self.line(&[]);
    }

    fn header(&mut self, name: &str, value: &[u8]) {
        self.text.extend_from_slice(canonical(name).as_bytes());
        self.text.extend_from_slice(b": ");
        self.text.extend_from_slice(value);
        self.line(&[]);
    }

    fn line(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.extend_from_slice(part.as_bytes());
        }
        self.text.extend_from_slice(b"\r\n");
    }
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
