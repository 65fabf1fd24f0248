//! Reads the answer to a batch.
//!
//! Tolerant in form (LF or CRLF, quoted boundary or not, folded headers, missing ids), strict in
//! what counts: a part that is not closed by a boundary is not there.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// More parts than any batch has, but no more than can be held.
const MAX_PARTS: usize = 2000;
const MAX_HEADERS: usize = 200;
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// What the service says about one change set.
#[derive(Debug)]
pub(super) enum SetPart {
    /// One plain answer: the refusal of the whole set.
    Single(Part),
    /// One answer for each operation.
    Many(Vec<Part>),
}

/// One answer inside a batch.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) content_id: Option<String>,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The parts of the outer body, in order. An error says what is wrong with the form.
pub(super) fn set_parts(content_type: &str, body: &Bytes) -> Result<Vec<SetPart>, String> {
    split(content_type, body)?
        .into_iter()
        .map(|chunk| {
            let (headers, rest) = headers(&chunk)?;
            let kind = text(&headers, "content-type");
            if is_multipart(&kind) {
                let parts = split(&kind, &rest)?;
                let parts = parts.into_iter().map(|chunk| part(&chunk));
                Ok(SetPart::Many(parts.collect::<Result<_, _>>()?))
            } else {
                answer(&headers, &rest).map(SetPart::Single)
            }
        })
        .collect()
}

fn part(chunk: &Bytes) -> Result<Part, String> {
    let (headers, rest) = headers(chunk)?;
    answer(&headers, &rest)
}

/// Reads an `application/http` part.
fn answer(part_headers: &HeaderMap, chunk: &Bytes) -> Result<Part, String> {
    let start = chunk
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(chunk.len());
    let chunk = chunk.slice(start..);
    let (status_line, rest) = take_line(&chunk);
    let status = std::str::from_utf8(&status_line)
        .ok()
        .filter(|line| line.starts_with("HTTP/"))
        .and_then(|line| line.split_ascii_whitespace().nth(1))
        .and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok())
        .ok_or("a part does not start with an HTTP status line")?;
    let (headers, body) = headers(&rest)?;
    let content_id = Some(text(part_headers, "content-id"))
        .filter(|id| !id.is_empty())
        .or_else(|| Some(text(&headers, "content-id")).filter(|id| !id.is_empty()));
    let body = if body.trim_ascii().is_empty() {
        Bytes::new()
    } else {
        body
    };
    Ok(Part {
        content_id,
        status,
        headers,
        body,
    })
}

/// Cuts a multipart body at its boundaries.
fn split(content_type: &str, body: &Bytes) -> Result<Vec<Bytes>, String> {
    let boundary = boundary(content_type)
        .ok_or("the answer to the batch is no multipart body with a boundary")?;
    let mut parts = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let Some(closing) = delimiter(line, boundary.as_bytes()) else {
            continue;
        };
        if let Some(from) = open {
            if parts.len() == MAX_PARTS {
                return Err(format!("the answer has more than {MAX_PARTS} parts"));
            }
            parts.push(body.slice(from..line_end(body, from, start)));
        }
        open = Some(at);
        if closing {
            return Ok(parts);
        }
    }
    match (open, parts.is_empty()) {
        // Cut off: what was closed by a boundary is whole, the last part is not counted.
        (Some(_), false) => Ok(parts),
        (Some(_), true) => Err("the answer to the batch is cut off".to_owned()),
        (None, _) => Err("the answer to the batch does not hold its own boundary".to_owned()),
    }
}

/// Is the line a delimiter, and is it the closing one?
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let tail = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match tail.trim_ascii() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// The line end before a delimiter belongs to the delimiter.
fn line_end(body: &Bytes, from: usize, delimiter: usize) -> usize {
    let mut end = delimiter;
    if end > from && body[end - 1] == b'\n' {
        end -= 1;
        if end > from && body[end - 1] == b'\r' {
            end -= 1;
        }
    }
    end
}

fn is_multipart(content_type: &str) -> bool {
    content_type
        .trim_start()
        .get(.."multipart/".len())
        .is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
}

fn boundary(content_type: &str) -> Option<String> {
    if !is_multipart(content_type) {
        return None;
    }
    let (_, parameters) = content_type.split_once(';')?;
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let value = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .unwrap_or(value);
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.to_owned())
    })?;
    ((1..=200).contains(&boundary.len())).then_some(boundary)
}

/// Reads header lines up to the empty one; what stands after it is the rest.
fn headers(chunk: &Bytes) -> Result<(HeaderMap, Bytes), String> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut rest = chunk.clone();
    let mut bytes = 0;
    loop {
        if rest.is_empty() {
            break;
        }
        let (line, next) = take_line(&rest);
        rest = next;
        if line.is_empty() {
            break;
        }
        bytes += line.len();
        if bytes > MAX_HEADER_BYTES || lines.len() > MAX_HEADERS {
            return Err("a part of the answer has too many headers".to_owned());
        }
        let folded = line
            .first()
            .is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        match lines.last_mut() {
            Some(last) if folded => {
                last.push(b' ');
                last.extend_from_slice(line.trim_ascii());
            }
            _ => lines.push(line.to_vec()),
        }
    }
    let mut map = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Err("a part of the answer has a header line without a colon".to_owned());
        };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        // Headers that no HTTP library can hold are none of those that are looked at.
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    Ok((map, rest))
}

/// The first line without its end, and what follows.
fn take_line(chunk: &Bytes) -> (Bytes, Bytes) {
    match chunk.iter().position(|byte| *byte == b'\n') {
        None => (chunk.clone(), Bytes::new()),
        Some(end) => {
            let line = chunk.slice(..end);
            let line = match line.last() {
                Some(b'\r') => line.slice(..end - 1),
                _ => line,
            };
            (line, chunk.slice(end + 1..))
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
