//! A service that answers from a list, and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{AccessToken, Sent, Sleep, TokenError, TokenProvider, Transport, TransportError};
use cosell_referrals::{Referral, Referrals, State, Violations};
use http::{Request, Response};
use serde_json::Value;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

pub(crate) const ID: &str = "b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa";
pub(crate) const ETAG: &str = "\"7c00a91f-0000-0d00-0000-69aedbc70000\"";
pub(crate) const SAMPLE: &str = include_str!("samples/referral.json");

/// What the service does with the next request.
#[derive(Debug)]
pub(crate) enum Turn {
    Answer(u16, String),
    /// Any bytes, with these headers.
    Bytes(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The request was sent, and no answer came.
    Lost,
}

/// A service that answers from a list.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    turns: Mutex<VecDeque<Turn>>,
    seen: Mutex<Vec<Request<Bytes>>>,
}

impl Scripted {
    pub(crate) fn new(turns: impl IntoIterator<Item = Turn>) -> Arc<Self> {
        Arc::new(Self {
            turns: Mutex::new(turns.into_iter().collect()),
            seen: Mutex::default(),
        })
    }

    pub(crate) fn answering(status: u16, body: &str) -> Arc<Self> {
        Self::new([Turn::Answer(status, body.to_owned())])
    }

    /// A client of production with this service in its place.
    pub(crate) fn client(self: &Arc<Self>) -> Referrals {
        Referrals::builder(Arc::clone(self) as _, Arc::new(OneToken), Arc::new(Still))
            .build()
            .unwrap()
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Addresses that were asked for.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .map(|request| request.uri().to_string())
            .collect()
    }

    /// Every request so far, in order.
    pub(crate) fn taken(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// The only request.
    pub(crate) fn request(&self) -> Request<Bytes> {
        let mut seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.seen.lock().unwrap().push(request);
        match self.turns.lock().unwrap().pop_front() {
            Some(Turn::Answer(status, body)) => Ok(Response::builder()
                .status(status)
                .body(Bytes::from(body))
                .unwrap()),
            Some(Turn::Bytes(status, headers, body)) => {
                let mut answer = Response::builder().status(status);
                for (name, value) in headers {
                    answer = answer.header(name, value);
                }
                Ok(answer.body(Bytes::from(body)).unwrap())
            }
            Some(Turn::Lost) => Err(TransportError::new(Sent::Maybe, "connection lost")),
            None => panic!("a request too many"),
        }
    }
}

/// Always the same token.
#[derive(Debug)]
pub(crate) struct OneToken;

#[async_trait]
impl TokenProvider for OneToken {
    async fn token(&self, _refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        Ok(AccessToken::new(
            "secret-token".into(),
            DateTime::<Utc>::MAX_UTC,
        ))
    }
}

/// A clock that stands still; waiting takes no time.
#[derive(Debug)]
pub(crate) struct Still;

#[async_trait]
impl Sleep for Still {
    fn now(&self) -> DateTime<Utc> {
        "2026-03-09T15:00:00Z".parse().unwrap()
    }

    async fn sleep(&self, _duration: Duration) {}
}

/// The sample in another state, changed.
pub(crate) fn sample_in(state: &State, change: impl FnOnce(&mut Value)) -> Referral {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["status"] = state.status.as_str().into();
    body["substatus"] = state.substatus.as_str().into();
    change(&mut body);
    Referral::from_json(body.to_string().as_bytes()).unwrap()
}

/// The sample in another state.
pub(crate) fn plain(state: &State) -> Referral {
    sample_in(state, |_| {})
}

/// The fields of broken rules, in their order.
pub(crate) fn fields(result: Result<(), Violations>) -> Vec<String> {
    let violations = result.unwrap_err();
    violations
        .list()
        .iter()
        .map(|one| one.field.clone())
        .collect()
}

/// A server that gives these answers in order, the last one again and again.
pub(crate) async fn serving(canned: &[ResponseTemplate]) -> MockServer {
    let server = MockServer::start().await;
    let (last, first) = canned.split_last().unwrap();
    for answer in first {
        let mock = Mock::given(any()).respond_with(answer.clone());
        mock.up_to_n_times(1).mount(&server).await;
    }
    let mock = Mock::given(any()).respond_with(last.clone());
    mock.mount(&server).await;
    server
}
