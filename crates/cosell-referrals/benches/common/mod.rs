//! A service that costs nothing: answers from memory, a clock that stands still.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{AccessToken, Sleep, TokenError, TokenProvider, Transport, TransportError};
use cosell_referrals::Referrals;
use http::{Request, Response};

pub(crate) const SAMPLE: &str = include_str!("../../tests/it/samples/referral.json");

/// Answers each request with the page that its address asks for.
pub(crate) struct Pages<F>(pub(crate) F);

impl<F> std::fmt::Debug for Pages<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pages")
    }
}

#[async_trait]
impl<F: Fn(&str) -> Bytes + Send + Sync + 'static> Transport for Pages<F> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let query = request.uri().query().unwrap_or_default();
        Ok(Response::new((self.0)(query)))
    }
}

#[derive(Debug)]
struct OneToken;

#[async_trait]
impl TokenProvider for OneToken {
    async fn token(&self, _refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        Ok(AccessToken::new("token".into(), DateTime::<Utc>::MAX_UTC))
    }
}

#[derive(Debug)]
struct Still;

#[async_trait]
impl Sleep for Still {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    async fn sleep(&self, _duration: Duration) {}
}

/// A client whose pages come from `page`.
pub(crate) fn client(page: impl Fn(&str) -> Bytes + Send + Sync + 'static) -> Referrals {
    Referrals::builder(Arc::new(Pages(page)), Arc::new(OneToken), Arc::new(Still))
        .build()
        .expect("the address of production is good")
}

/// A page of `items` referrals, and the link to the next one.
pub(crate) fn page(items: usize, next: Option<usize>) -> Bytes {
    let rows = vec![SAMPLE; items].join(",");
    let next = next.map(|number| {
        let host = "http://api.partner.microsoft.com/v1.0/referrals";
        format!(r#","@odata.nextLink":"{host}?$skiptoken={number}""#)
    });
    Bytes::from(format!(
        r#"{{"value":[{rows}]{}}}"#,
        next.unwrap_or_default()
    ))
}
