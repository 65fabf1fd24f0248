//! Reads and writes multipart bodies: lines end in CRLF or LF, the last line must end too.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::refusal::Refusal;
use super::reply::Reply;

/// One part: its own headers and what follows them.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A request inside a part.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) fn unreadable() -> Refusal {
    Refusal::payload("", "System.ArgumentException: Stream was not readable.")
}

/// The boundary of a `multipart/mixed` content type, quoted or not.
pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (kind, parameters) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"'))
    })?;
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

/// Cuts a body at its boundary.
pub(super) fn parts(body: &Bytes, boundary: &str) -> Result<Vec<Part>, Refusal> {
    let opening = format!("--{boundary}");
    let closing = format!("--{boundary}--");
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(length) = body[at..].iter().position(|byte| *byte == b'\n') {
        let line = body[at..at + length].trim_ascii_end();
        let next = at + length + 1;
        let closes = line == closing.as_bytes();
        if closes || line == opening.as_bytes() {
            if let Some(start) = start {
                parts.push(part(&body.slice(start..at.max(start)))?);
            }
            if closes {
                return Ok(parts);
            }
            start = Some(next);
        }
        at = next;
    }
    Err(unreadable())
}

fn part(bytes: &Bytes) -> Result<Part, Refusal> {
    let (headers, at) = headers(bytes, 0)?;
    // The line end before a boundary belongs to the boundary.
    let body = bytes.slice(at..);
    let body = match body.as_ref() {
        [rest @ .., b'\r', b'\n'] | [rest @ .., b'\n'] => body.slice(..rest.len()),
        _ => body,
    };
    Ok(Part { headers, body })
}

/// Header lines from a place on, up to the blank line; gives where the body begins.
fn headers(bytes: &Bytes, mut at: usize) -> Result<(HeaderMap, usize), Refusal> {
    let mut headers = HeaderMap::new();
    while at < bytes.len() {
        let length = bytes[at..].iter().position(|byte| *byte == b'\n');
        let end = length.map_or(bytes.len(), |length| at + length);
        let line = bytes[at..end].trim_ascii();
        at = (end + 1).min(bytes.len());
        if line.is_empty() {
            break;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .ok_or_else(unreadable)?;
        let name = HeaderName::from_bytes(line[..colon].trim_ascii()).map_err(|_| unreadable())?;
        let value =
            HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).map_err(|_| unreadable())?;
        headers.append(name, value);
    }
    Ok((headers, at))
}

/// Reads the request in a part of `application/http`.
pub(super) fn inner(part: &Part) -> Result<Inner, Refusal> {
    let kind = part
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/http")) {
        return Err(unreadable());
    }
    let end = part
        .body
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(part.body.len());
    let line = str::from_utf8(&part.body[..end]).map_err(|_| unreadable())?;
    // Some clients leave blanks in the address; the version is what comes last.
    let line = line.trim();
    let (method, rest) = line.split_once(' ').ok_or_else(unreadable)?;
    let (target, version) = rest.rsplit_once(' ').ok_or_else(unreadable)?;
    let target = target.trim();
    if !version.starts_with("HTTP/") || target.is_empty() {
        return Err(unreadable());
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| unreadable())?;
    let (headers, at) = headers(&part.body, (end + 1).min(part.body.len()))?;
    Ok(Inner {
        method,
        target: target.replace(' ', "%20"),
        headers,
        body: part.body.slice(at..),
    })
}

/// Writes an answer as a part, without the boundary before it.
pub(super) fn write(out: &mut Vec<u8>, reply: &Reply, content_id: Option<&str>) {
    out.extend_from_slice(
        b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n",
    );
    if let Some(id) = content_id {
        line(out, "Content-ID", id.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    let status = reply.status();
    let reason = status.canonical_reason().unwrap_or("Unknown");
    out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).as_bytes());
    for (name, value) in reply.headers() {
        if name == CONTENT_TYPE && value.as_bytes().starts_with(b"application/json") {
            let streamed = [value.as_bytes(), b"; odata.streaming=true"].concat();
            line(out, "Content-Type", &streamed);
        } else {
            line(out, wire_name(name.as_str()), value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(reply.body());
    out.extend_from_slice(b"\r\n");
}

/// Header names as the service spells them in parts.
fn wire_name(name: &str) -> &str {
    match name {
        "odata-entityid" => "OData-EntityId",
        "odata-version" => "OData-Version",
        "location" => "Location",
        "etag" => "ETag",
        "content-type" => "Content-Type",
        "preference-applied" => "Preference-Applied",
        "req_id" => "REQ_ID",
        other => other,
    }
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
