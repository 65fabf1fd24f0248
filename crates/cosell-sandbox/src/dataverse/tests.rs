//! The service as a client meets it, by theme.

mod batch;
mod closing;
mod csdl;
mod delta;
mod events;
mod files;
mod keys;
mod limits;
mod metadata;
mod money;
mod people;
mod products;
mod queries;
mod quirks;
mod refusals;
mod related;
mod schema;
mod tabular;
mod writes;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Request, Response};
use serde_json::Value;
use uuid::Uuid;

use super::{DEFAULT_APPLICATION, Dataverse, Options};
use crate::service::{Caller, Service, TokenFault};

const ORG: &str = "https://fabrikam-sales.crm4.dynamics.com";
const BASE: &str = "https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/";
const DEAL: &str = "7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34";

struct Sandbox {
    environment: Dataverse,
    now: DateTime<Utc>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{}",
            self.text
        );
        self
    }
}

fn caller() -> Caller {
    Caller {
        tenant: Uuid::nil(),
        object_id: Uuid::nil(),
        app_id: DEFAULT_APPLICATION.to_string(),
        user: None,
        mfa: false,
        roles: Vec::new(),
    }
}

impl Sandbox {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        Self {
            environment: Dataverse::new(options),
            now: "2025-08-22T08:10:44.7Z".parse().unwrap(),
        }
    }

    fn pass(&mut self, time: TimeDelta) {
        self.now += time;
    }

    fn send(
        &mut self,
        caller: Result<&Caller, TokenFault>,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let target = if target.starts_with("https://") {
            target.to_owned()
        } else if target.starts_with('/') {
            format!("{ORG}{target}")
        } else {
            format!("{BASE}{target}")
        };
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        self.environment.handle(self.now, caller, &request).into()
    }

    fn call(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(Ok(&caller()), method, target, headers, body)
    }

    fn get(&mut self, target: &str) -> Answer {
        self.call("GET", target, &[], "")
    }

    fn post(&mut self, target: &str, body: &str) -> Answer {
        self.call("POST", target, &[], body)
    }

    fn patch(&mut self, target: &str, body: &str) -> Answer {
        self.call("PATCH", target, &[], body)
    }

    /// Creates a row and gives its id.
    #[track_caller]
    fn made(&mut self, set: &str, body: &str) -> String {
        let answer = self.post(set, body).expect(204);
        let address = answer.header("odata-entityid");
        address.split(['(', ')']).nth(1).unwrap().to_owned()
    }

    /// The version that the row has now.
    #[track_caller]
    fn tag(&mut self, row: &str) -> String {
        self.get(&format!("{row}?$select=versionnumber"))
            .expect(200)
            .header("etag")
            .to_owned()
    }
}

fn deal() -> String {
    format!("opportunities({DEAL})")
}

/// A sandbox that holds one deal under a known id.
fn with_deal(options: Options) -> Sandbox {
    let mut sandbox = Sandbox::with(options);
    sandbox.made(
        "opportunities",
        &format!(r#"{{"opportunityid":"{DEAL}","name":"Deal A","estimatedvalue":125000.00}}"#),
    );
    sandbox
}
