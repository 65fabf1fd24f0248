//! Answers: empty, a body, a refusal.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::cell::quote;
use super::refusal::Refusal;
use super::request::Prefer;

pub(super) type Reply = Response<Bytes>;

/// Sets a header; a value that no header can hold is left out.
pub(super) fn put(reply: &mut Reply, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_str(value),
    ) {
        reply.headers_mut().insert(name, value);
    }
}

pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = status;
    reply
}

pub(super) fn json(body: String) -> Reply {
    let mut reply = Response::new(Bytes::from(body));
    put(
        &mut reply,
        CONTENT_TYPE.as_str(),
        "application/json; odata.metadata=minimal",
    );
    reply
}

pub(super) fn tagged(body: String, version: u64) -> Reply {
    let mut reply = json(body);
    put(&mut reply, ETAG.as_str(), &format!("W/\"{version}\""));
    reply
}

/// The error body; its annotations only where they are asked for.
pub(super) fn refused(refusal: &Refusal, prefer: &Prefer) -> Reply {
    let mut body = format!(
        "{{\"error\":{{\"code\":{},\"message\":{}",
        quote(refusal.code()),
        quote(refusal.message())
    );
    for (name, value) in [
        ("Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus", "0"),
        ("Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode", "0"),
        (
            "Microsoft.PowerApps.CDS.HelpLink",
            "http://go.microsoft.com/fwlink/?LinkID=398563",
        ),
    ] {
        if prefer.wants(name) {
            body.push_str(&format!(",\"@{name}\":\"{value}\""));
        }
    }
    body.push_str("}}");
    let mut reply = json(body);
    *reply.status_mut() = refusal.status();
    reply
}
