//! From a request to an operation and back: who calls, what is named, which answer.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use uuid::Uuid;

use super::limits::Throttle;
use super::pipeline::Actor;
use super::refusal::Refusal;
use super::reply::{Reply, put, refused};
use super::request::{Operation, Prefer, origin, versioned};
use super::{Dataverse, batch};
use crate::service::{Caller, Service, TokenFault};

/// Longest address outside of a batch, in bytes.
const MAX_ADDRESS: usize = 32 * 1024;
/// Largest body that is read; the limit of the gateway.
const MAX_BODY: usize = 128 * 1024 * 1024;

impl Service for Dataverse {
    fn handle(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> Reply {
        self.now = now;
        let (mut reply, user) = self.answer(now, caller, request);
        self.settle();
        let request_id = self.request_ids.next().to_string();
        let service_id = self.request_ids.next().to_string();
        let limits = self.options.limits.unwrap_or_default();
        let (requests, time) = self.loads.left(&limits, user);
        for (name, value) in [
            ("odata-version", "4.0"),
            ("req_id", &*request_id),
            ("x-ms-service-request-id", &*service_id),
            ("x-ms-dop-hint", &*self.options.dop_hint.to_string()),
            (
                "x-ms-ratelimit-burst-remaining-xrm-requests",
                &*requests.to_string(),
            ),
            (
                "x-ms-ratelimit-time-remaining-xrm-requests",
                &*format!("{time}.00"),
            ),
        ] {
            put(&mut reply, name, value);
        }
        put(
            &mut reply,
            "set-cookie",
            "ARRAffinity=sandbox; Path=/; HttpOnly; Secure; SameSite=None",
        );
        reply
    }
}

impl Dataverse {
    fn answer(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> (Reply, Option<Uuid>) {
        let origin = origin(request);
        let caller = match caller {
            Ok(caller) => caller,
            Err(fault) => return (self.challenge(fault, &origin), None),
        };
        let prefer = Prefer::read(request.headers());
        let user = match self.user_of(caller) {
            Ok(user) => user,
            Err(refusal) => return (refused(&refusal, &prefer), None),
        };
        if let Err(throttle) = self.admit(now, user, request) {
            let mut reply = refused(&throttle.refusal, &prefer);
            let wait = if self
                .options
                .limits
                .is_some_and(|limits| limits.wait_as_date)
            {
                let then = now + throttle.retry_after;
                then.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
            } else {
                throttle.retry_after.as_secs().to_string()
            };
            put(&mut reply, RETRY_AFTER.as_str(), &wait);
            return (reply, Some(user));
        }
        let result = self.obey(&Actor::new(now, user), request, &origin);
        let reply = result.unwrap_or_else(|refusal| refused(&refusal, &prefer));
        (reply, Some(user))
    }

    fn admit(
        &mut self,
        now: DateTime<Utc>,
        user: Uuid,
        request: &Request<Bytes>,
    ) -> Result<(), Throttle> {
        let batch = request.uri().path().ends_with("/$batch");
        let operations = if batch {
            let marks = request.body().windows(b" HTTP/1.1\r".len());
            marks.filter(|text| *text == b" HTTP/1.1\r").count()
        } else {
            1
        };
        let limits = self.options.limits;
        let enforced = limits.is_some();
        let limits = limits.unwrap_or_default();
        self.loads
            .admit(&limits, enforced, user, now, operations.max(1))
    }

    fn obey(
        &mut self,
        actor: &Actor,
        request: &Request<Bytes>,
        origin: &str,
    ) -> Result<Reply, Refusal> {
        if request.body().len() > MAX_BODY {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "",
                "Request Entity Too Large",
            ));
        }
        let address = request.uri().path_and_query();
        if address.is_some_and(|address| address.as_str().len() > MAX_ADDRESS) {
            return Err(Refusal::new(
                StatusCode::URI_TOO_LONG,
                "",
                "The request URI is too long: send it inside of a batch.",
            ));
        }
        let (version, path) = versioned(request.uri().path())?;
        self.base = format!("{origin}/api/data/{version}/");
        let operation = Operation {
            method: request.method().clone(),
            path: path.to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
            body: request.body().clone(),
            base: self.base.clone(),
            references: None,
        };
        if path.trim_end_matches('/') == "$batch" {
            return batch::run(self, actor, &operation);
        }
        Ok(self.perform(actor, &operation))
    }

    /// Runs one operation; a refused one leaves nothing behind.
    pub(super) fn perform(&mut self, actor: &Actor, operation: &Operation<'_>) -> Reply {
        let mark = self.mark();
        let actor = self.acting(actor, operation);
        let result = actor.and_then(|actor| {
            self.user = actor.user;
            self.route(&actor, operation)
        });
        result.unwrap_or_else(|refusal| {
            self.roll_back(mark);
            refused(&refusal, &Prefer::read(&operation.headers))
        })
    }
}
