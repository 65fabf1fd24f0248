//! Doubles: a clock that moves by hand, a transport that plays a script, counted tokens.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_http::{
    AccessToken, Call, Client, ClientBuilder, Repeat, RetryOptions, Sent, Sleep, TokenError,
    TokenProvider, Transport, TransportError,
};
use http::{Method, Request, Response};
use tokio::sync::watch;
use url::Url;

/// What happened, in order, over all doubles that share it.
pub(crate) type Diary = Arc<Mutex<Vec<String>>>;

/// Time that passes only while someone sleeps (`flowing`) or when told to (`still`).
#[derive(Debug)]
pub(crate) struct Clock {
    now: watch::Sender<DateTime<Utc>>,
    flows: bool,
    pub(crate) sleeps: Mutex<Vec<Duration>>,
    diary: Diary,
}

impl Clock {
    pub(crate) fn flowing(diary: &Diary) -> Arc<Self> {
        Self::new(true, diary)
    }

    pub(crate) fn still() -> Arc<Self> {
        Self::new(false, &Diary::default())
    }

    fn new(flows: bool, diary: &Diary) -> Arc<Self> {
        Arc::new(Self {
            now: watch::Sender::new("2026-03-09T12:00:00Z".parse().unwrap()),
            flows,
            sleeps: Mutex::default(),
            diary: Arc::clone(diary),
        })
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.now
            .send_modify(|now| *now += TimeDelta::from_std(by).unwrap());
    }

    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.sleeps.lock().unwrap().clone()
    }
}

#[async_trait]
impl Sleep for Clock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        self.sleeps.lock().unwrap().push(duration);
        self.diary
            .lock()
            .unwrap()
            .push(format!("sleep {}s", duration.as_secs()));
        let until = self.now() + TimeDelta::from_std(duration).unwrap();
        if self.flows {
            self.advance(duration);
        }
        let mut now = self.now.subscribe();
        now.wait_for(|now| *now >= until).await.unwrap();
    }
}

/// Plays answers in order, then 200s, and keeps the requests.
#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Result<Response<Bytes>, TransportError>>>,
    pub(crate) requests: Mutex<Vec<Request<Bytes>>>,
    diary: Diary,
}

impl Script {
    pub(crate) fn of(
        diary: &Diary,
        answers: impl IntoIterator<Item = Result<Response<Bytes>, TransportError>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            requests: Mutex::default(),
            diary: Arc::clone(diary),
        })
    }

    pub(crate) fn sent(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// A header of request number `index`.
    pub(crate) fn header(&self, index: usize, name: &str) -> Option<String> {
        let requests = self.requests.lock().unwrap();
        let value = requests[index].headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.diary.lock().unwrap().push("send".into());
        self.requests.lock().unwrap().push(request);
        let next = self.answers.lock().unwrap().pop_front();
        next.unwrap_or_else(|| status(200))
    }
}

pub(crate) fn status(code: u16) -> Result<Response<Bytes>, TransportError> {
    Ok(Response::builder().status(code).body(Bytes::new()).unwrap())
}

pub(crate) fn json(code: u16, body: impl Into<Bytes>) -> Result<Response<Bytes>, TransportError> {
    Ok(Response::builder()
        .status(code)
        .header("content-type", "application/json; charset=utf-8")
        .body(body.into())
        .unwrap())
}

pub(crate) fn with_header(
    code: u16,
    name: &str,
    value: &str,
) -> Result<Response<Bytes>, TransportError> {
    Ok(Response::builder()
        .status(code)
        .header(name, value)
        .body(Bytes::new())
        .unwrap())
}

pub(crate) fn lost(sent: Sent) -> Result<Response<Bytes>, TransportError> {
    Err(TransportError::new(sent, "the wire is cut"))
}

/// Gives `token-1`, `token-2`, … ; a new one only when the last was refused.
#[derive(Debug)]
pub(crate) struct Tokens {
    number: AtomicU32,
    pub(crate) refused: Mutex<Vec<bool>>,
    pub(crate) failures: Mutex<VecDeque<TokenError>>,
    diary: Diary,
}

impl Tokens {
    pub(crate) fn new(diary: &Diary) -> Arc<Self> {
        Arc::new(Self {
            number: AtomicU32::new(1),
            refused: Mutex::default(),
            failures: Mutex::default(),
            diary: Arc::clone(diary),
        })
    }
}

#[async_trait]
impl TokenProvider for Tokens {
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        self.diary.lock().unwrap().push("token".into());
        self.refused.lock().unwrap().push(refused.is_some());
        if let Some(failure) = self.failures.lock().unwrap().pop_front() {
            return Err(failure);
        }
        if refused.is_some() {
            self.number.fetch_add(1, Ordering::SeqCst);
        }
        let number = self.number.load(Ordering::SeqCst);
        Ok(AccessToken::new(
            format!("token-{number}").into(),
            DateTime::<Utc>::MAX_UTC,
        ))
    }
}

/// A client and the doubles under it.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) clock: Arc<Clock>,
    pub(crate) script: Arc<Script>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) diary: Diary,
}

pub(crate) const BASE: &str = "https://service.example/v1.0/";

impl Bench {
    pub(crate) fn new(
        answers: impl IntoIterator<Item = Result<Response<Bytes>, TransportError>>,
    ) -> Self {
        Self::with(answers, |builder| builder)
    }

    pub(crate) fn with(
        answers: impl IntoIterator<Item = Result<Response<Bytes>, TransportError>>,
        set: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let diary = Diary::default();
        let clock = Clock::flowing(&diary);
        Self::over(answers, clock, diary, set)
    }

    pub(crate) fn over(
        answers: impl IntoIterator<Item = Result<Response<Bytes>, TransportError>>,
        clock: Arc<Clock>,
        diary: Diary,
        set: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let script = Script::of(&diary, answers);
        let tokens = Tokens::new(&diary);
        let builder = Client::builder(
            Url::parse(BASE).unwrap(),
            script.clone(),
            tokens.clone(),
            clock.clone(),
        )
        .retry(RetryOptions::default().with_seed(7));
        Self {
            client: set(builder).build().unwrap(),
            clock,
            script,
            tokens,
            diary,
        }
    }
}

pub(crate) fn get(target: &str) -> Call {
    call(target, Repeat::Safe)
}

pub(crate) fn call(target: &str, repeat: Repeat) -> Call {
    Call::new("test.call", Method::GET, target, repeat)
}
