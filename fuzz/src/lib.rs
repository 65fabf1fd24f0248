//! What the fuzz targets share: a service that answers what the fuzzer says, and a clock that
//! stands still.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{AccessToken, Sleep, TokenError, TokenProvider, Transport, TransportError};
use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Response, Uri, header::CONTENT_TYPE};

/// Answers every request with the same bytes, and remembers the last address.
#[derive(Debug)]
pub struct Parrot {
    content_type: Option<HeaderValue>,
    body: Bytes,
    asked: Mutex<Option<Uri>>,
}

impl Parrot {
    /// A service that says `body`, of the type `content_type` if that is a header's value.
    pub fn new(content_type: &[u8], body: &[u8]) -> Arc<Self> {
        Arc::new(Self {
            content_type: HeaderValue::from_bytes(content_type).ok(),
            body: Bytes::copy_from_slice(body),
            asked: Mutex::default(),
        })
    }

    /// The address of the last request.
    pub fn asked(&self) -> Option<Uri> {
        self.asked.lock().expect("no panic under the lock").clone()
    }
}

#[async_trait]
impl Transport for Parrot {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        *self.asked.lock().expect("no panic under the lock") = Some(request.uri().clone());
        let mut answer = Response::new(self.body.clone());
        if let Some(content_type) = &self.content_type {
            answer
                .headers_mut()
                .insert(CONTENT_TYPE, content_type.clone());
        }
        Ok(answer)
    }
}

/// Always the same token.
#[derive(Debug)]
pub struct OneToken;

#[async_trait]
impl TokenProvider for OneToken {
    async fn token(&self, _: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        Ok(AccessToken::new("token".into(), DateTime::<Utc>::MAX_UTC))
    }
}

/// A clock that stands still; waiting takes no time.
#[derive(Debug)]
pub struct Still;

#[async_trait]
impl Sleep for Still {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).expect("in range")
    }

    async fn sleep(&self, _: Duration) {}
}

/// Runs what never waits.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing here waits")
}

/// Reads OData text literals back: the texts between quotes, doubled quotes undone, and what
/// stands around them. `None` where a quote is open at the end.
pub fn literals(filter: &str) -> Option<(Vec<String>, String)> {
    let mut texts = Vec::new();
    let mut rest = String::new();
    let mut chars = filter.chars().peekable();
    while let Some(next) = chars.next() {
        if next != '\'' {
            rest.push(next);
            continue;
        }
        let mut text = String::new();
        loop {
            match chars.next()? {
                '\'' if chars.peek() == Some(&'\'') => {
                    chars.next();
                    text.push('\'');
                }
                '\'' => break,
                other => text.push(other),
            }
        }
        texts.push(text);
        rest.push('?');
    }
    Some((texts, rest))
}

/// One option of the last request's query, decoded.
pub fn option(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query()?;
    let value = query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let key = percent_encoding::percent_decode_str(key)
            .decode_utf8()
            .ok()?;
        (key == name).then_some(value)
    })?;
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    Some(decoded.expect("what we encode is UTF-8").into_owned())
}
