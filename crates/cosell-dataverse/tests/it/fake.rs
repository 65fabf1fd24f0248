//! A transport that gives scripted answers and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_dataverse::Dataverse;
use cosell_http::{AccessToken, Sent, Sleep, TokenError, TokenProvider, Transport, TransportError};
use http::{Request, Response};
use url::Url;

pub(crate) const ORG: &str = "https://fabrikam-sales.crm4.dynamics.com";
pub(crate) const API: &str = "https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/";
pub(crate) const DEAL: &str = "7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34";

/// What the script holds: an answer, or none with what is known of the request's fate.
type Line = Result<Response<Bytes>, Sent>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    lines: Arc<Mutex<VecDeque<Line>>>,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Script {
    pub(crate) fn of(lines: impl IntoIterator<Item = Line>) -> (Self, Dataverse) {
        Self::on(lines, Arc::new(Still))
    }

    /// With a clock that waits.
    pub(crate) fn on(
        lines: impl IntoIterator<Item = Line>,
        sleep: Arc<dyn Sleep>,
    ) -> (Self, Dataverse) {
        let script = Self {
            lines: Arc::new(Mutex::new(lines.into_iter().collect())),
            requests: Arc::default(),
        };
        let client = Dataverse::builder(
            Url::parse(ORG).unwrap(),
            Arc::new(script.clone()),
            Arc::new(Token),
            sleep,
        );
        (script, client.build().unwrap())
    }

    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request.
    pub(crate) fn request(&self) -> Request<Bytes> {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.into_iter().next().unwrap()
    }

    /// Method, address below the API, and body of every request.
    pub(crate) fn told(&self) -> Vec<String> {
        self.requests()
            .iter()
            .map(|request| {
                let uri = request.uri().to_string();
                let target = uri.strip_prefix(API).unwrap_or(&uri);
                let body = String::from_utf8_lossy(request.body());
                format!("{} {target} {body}", request.method())
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.requests.lock().unwrap().push(request);
        let line = self.lines.lock().unwrap().pop_front();
        line.expect("more requests than the script has answers")
            .map_err(|sent| TransportError::new(sent, "the script loses the answer"))
    }
}

#[derive(Debug)]
pub(crate) struct Token;

#[async_trait]
impl TokenProvider for Token {
    async fn token(&self, _refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let end = DateTime::<Utc>::MAX_UTC;
        Ok(AccessToken::new("sesame".to_owned().into(), end))
    }
}

/// A clock that stands still, and waits that are over at once.
#[derive(Debug)]
pub(crate) struct Still;

#[async_trait]
impl Sleep for Still {
    fn now(&self) -> DateTime<Utc> {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    async fn sleep(&self, _duration: Duration) {}
}

/// An answer with a JSON body (or none) and further headers.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Line {
    let mut response = Response::builder()
        .status(status)
        .header("odata-version", "4.0")
        .header("req_id", "req-1");
    if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
        response = response.header("content-type", "application/json; odata.metadata=minimal");
    }
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap())
}

pub(crate) fn json(body: &str) -> Line {
    answer(200, &[], body)
}

/// A refusal with the service's code.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Line {
    answer(status, &[], &refusal_body(code, message))
}

pub(crate) fn refusal_body(code: &str, message: &str) -> String {
    serde_json::json!({"error": {"code": code, "message": message}}).to_string()
}

pub(crate) fn deal() -> uuid::Uuid {
    DEAL.parse().unwrap()
}

pub(crate) fn header<'r>(request: &'r Request<Bytes>, name: &str) -> Vec<&'r str> {
    let values = request.headers().get_all(name);
    values.iter().map(|value| value.to_str().unwrap()).collect()
}
