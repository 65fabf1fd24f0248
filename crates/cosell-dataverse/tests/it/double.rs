//! The double of the service with a clock that waiting moves.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_dataverse::Dataverse;
use cosell_http::{Sent, Sleep, Transport, TransportError};
use cosell_sandbox::{
    Caller, Service,
    dataverse::{DEFAULT_APPLICATION, Dataverse as Double, Options},
};
use http::{Request, Response};

use crate::fake::{ORG, Token};

/// What goes wrong with a request whose method and address contain these texts.
pub(crate) type Trouble = (&'static str, &'static str, u16);

#[derive(Clone, Debug)]
pub(crate) struct World {
    double: Arc<Mutex<Double>>,
    caller: Caller,
    now: Arc<Mutex<DateTime<Utc>>>,
    told: Arc<Mutex<Vec<(String, Bytes)>>>,
    trouble: Arc<Mutex<Option<Trouble>>>,
    canned: Arc<Mutex<Vec<Canned>>>,
}

/// Addresses that contain a text, and the answer to them.
type Canned = (&'static str, u16, String);

impl World {
    pub(crate) fn new(options: Options) -> (Self, Dataverse) {
        Self::at(ORG, options)
    }

    /// An environment at another address.
    pub(crate) fn at(address: &str, options: Options) -> (Self, Dataverse) {
        let world = Self {
            caller: Caller {
                tenant: options.tenant,
                object_id: options.users[0].object_id,
                app_id: DEFAULT_APPLICATION.to_string(),
                user: None,
                mfa: false,
                roles: Vec::new(),
            },
            double: Arc::new(Mutex::new(Double::new(options))),
            now: Arc::new(Mutex::new("2026-01-01T12:00:00Z".parse().unwrap())),
            told: Arc::default(),
            trouble: Arc::default(),
            canned: Arc::default(),
        };
        let client = world.client(address);
        (world, client)
    }

    fn client(&self, address: &str) -> Dataverse {
        Dataverse::builder(
            address.parse().unwrap(),
            Arc::new(self.clone()),
            Arc::new(Token),
            Arc::new(self.clone()),
        )
        .build()
        .unwrap()
    }

    /// Another world that is now as this one is.
    pub(crate) fn fork(&self) -> (Self, Dataverse) {
        let world = Self {
            double: Arc::new(Mutex::new(self.double.lock().unwrap().clone())),
            caller: self.caller.clone(),
            now: Arc::new(Mutex::new(self.now())),
            told: Arc::default(),
            trouble: Arc::default(),
            canned: Arc::default(),
        };
        let client = world.client(ORG);
        (world, client)
    }

    /// The requests since the last look: method and address below the API.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        told.into_iter().map(|(line, _)| line).collect()
    }

    /// What was posted where since the last look.
    pub(crate) fn posts(&self) -> Vec<(String, serde_json::Value)> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        let posts = told.into_iter().filter_map(|(line, body)| {
            let address = line.strip_prefix("POST ")?.to_owned();
            Some((address, serde_json::from_slice(&body).unwrap()))
        });
        posts.collect()
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        let mut told = self.told();
        told.retain(|line| !line.starts_with("GET "));
        told
    }

    /// The events that are due, each taken as delivered.
    pub(crate) fn events(&self) -> Vec<Request<Bytes>> {
        let now = self.now() + TimeDelta::minutes(1);
        let mut double = self.double.lock().unwrap();
        let posts = double.take_events(now);
        for post in &posts {
            double.report_event(now, post.number, Some(http::StatusCode::OK));
        }
        posts.into_iter().map(|post| post.request).collect()
    }

    /// Requests whose address contains `text` get this answer instead of the double's.
    pub(crate) fn answer(&self, text: &'static str, status: u16, body: &str) {
        let mut canned = self.canned.lock().unwrap();
        canned.retain(|(other, ..)| *other != text);
        canned.push((text, status, body.to_owned()));
    }

    /// The next matching request gets this status (0: its answer is lost after the effect).
    pub(crate) fn trouble(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = Some(trouble);
    }
}

#[async_trait]
impl Transport for World {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let address = request.uri().to_string();
        let below = address.split("/api/data/v9.2/").nth(1).unwrap_or_default();
        let line = format!("{} {below}", request.method());
        let sent = (line.clone(), request.body().clone());
        self.told.lock().unwrap().push(sent);
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let strikes = |(method, text, _): &mut Trouble| {
            line.starts_with(*method) && (line.contains(*text) || body.contains(*text))
        };
        let trouble = self.trouble.lock().unwrap().take_if(strikes);
        if let Some((_, _, status)) = trouble.filter(|(_, _, status)| *status > 0) {
            let code = if status == 400 { "0x80071151" } else { "" };
            let body = crate::fake::refusal_body(code, "not now");
            return Ok(Response::builder()
                .status(status)
                .body(body.into())
                .unwrap());
        }
        let canned = self.canned.lock().unwrap();
        if let Some((_, status, body)) = canned.iter().find(|(text, ..)| below.contains(text)) {
            return Ok(Response::builder()
                .status(*status)
                .body(body.clone().into())
                .unwrap());
        }
        drop(canned);
        let answer = self
            .double
            .lock()
            .unwrap()
            .handle(self.now(), Ok(&self.caller), &request);
        match trouble {
            Some(_) => Err(TransportError::new(Sent::Maybe, "lost")),
            None => Ok(answer),
        }
    }
}

#[async_trait]
impl Sleep for World {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.now.lock().unwrap() += TimeDelta::from_std(duration).unwrap();
    }
}
