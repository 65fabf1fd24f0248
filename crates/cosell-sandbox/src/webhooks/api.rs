//! The registration API.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::{
    EVENTS, OTHER_EVENTS, Registration, Validation, Webhooks,
    options::{NoRegistration, PostOnExisting},
};
use crate::service::{Caller, TokenFault};

const ROOT: &str = "/webhooks/v1/registration";
const MAX_BODY: usize = 64 * 1024;

struct Refusal {
    status: StatusCode,
    code: &'static str,
    description: String,
    retry_after: Option<i64>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            code,
            description: description.into(),
            retry_after: None,
        }
    }

    fn invalid(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "2000", description)
    }

    fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "900404",
            "No registration was found for the tenant.",
        )
    }

    fn body(&self) -> Value {
        match self.retry_after {
            Some(seconds) => json!({
                "statusCode": self.status.as_u16(),
                "message": format!("Rate limit is exceeded. Try again in {seconds} seconds."),
            }),
            None => json!({
                "code": self.code,
                "description": self.description,
                "data": [],
                "source": "PartnerApiServiceCore",
            }),
        }
    }
}

impl Webhooks {
    pub(super) fn api(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        let number = self.id();
        let reply = self.route(now, caller, request);
        let (status, body, retry_after) = match &reply {
            // Nothing to say: no body.
            Ok(Value::Null) => (StatusCode::OK, String::new(), None),
            Ok(body) => (StatusCode::OK, body.to_string(), None),
            Err(refusal) => (
                refusal.status,
                refusal.body().to_string(),
                refusal.retry_after,
            ),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        headers.insert(
            HeaderName::from_static("x-locale"),
            HeaderValue::from_static("en-US"),
        );
        if let Ok(number) = HeaderValue::try_from(number.to_string()) {
            headers.insert("ms-requestid", number);
        }
        if let Some(id) = request.headers().get("ms-correlationid") {
            headers.insert("ms-correlationid", id.clone());
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer error=\"invalid_token\""),
            );
        }
        response
    }

    fn route(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> Result<Value, Refusal> {
        self.admit(caller)?;
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, "900404", "No such resource.");
        let rest = request
            .uri()
            .path()
            .strip_prefix(ROOT)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .ok_or_else(unknown)?;
        let get = request.method() == Method::GET;
        let post = request.method() == Method::POST;
        match rest.trim_matches('/') {
            "" if get => match (&self.registration, self.options.no_registration) {
                (Some(held), _) => Ok(shown(held, self.options.subscriber_id_on_read)),
                (None, NoRegistration::NotFound) => Err(Refusal::not_found()),
                (None, NoRegistration::EmptyObject) => Ok(json!({})),
                (None, NoRegistration::Nothing) => Ok(Value::Null),
            },
            "" if post => {
                if self.registration.is_some()
                    && self.options.post_on_existing == PostOnExisting::Conflict
                {
                    return Err(Refusal::new(
                        StatusCode::CONFLICT,
                        "2409",
                        "A registration exists for the tenant.",
                    ));
                }
                self.register(request)
            }
            "" if request.method() == Method::PUT => {
                if self.registration.is_none() {
                    return Err(Refusal::not_found());
                }
                self.register(request)
            }
            "events" if get => Ok(EVENTS.iter().chain(&OTHER_EVENTS).copied().collect()),
            "validationEvents" if post => self.validate(now),
            "" | "events" | "validationEvents" => Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "900405",
                "The resource does not support this method.",
            )),
            deeper => {
                let id = deeper
                    .strip_prefix("validationEvents/")
                    .filter(|_| get)
                    .and_then(|id| Uuid::try_parse(id).ok())
                    .ok_or_else(unknown)?;
                self.validation(id).ok_or_else(unknown)
            }
        }
    }

    fn admit(&self, caller: Result<&Caller, TokenFault>) -> Result<(), Refusal> {
        let caller = caller.map_err(|_| {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "900401",
                "The access token is missing, expired or made for another resource.",
            )
        })?;
        let may = caller.user.is_none()
            || caller
                .roles
                .iter()
                .any(|role| self.options.roles.contains(role));
        if may {
            Ok(())
        } else {
            Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "900308",
                "The caller has insufficient privileges for this operation.",
            ))
        }
    }

    fn register(&mut self, request: &Request<Bytes>) -> Result<Value, Refusal> {
        if request.body().len() > MAX_BODY {
            return Err(Refusal::invalid("The body is too large."));
        }
        let body: Map<String, Value> = serde_json::from_slice(request.body())
            .map_err(|error| Refusal::invalid(format!("The body is no JSON object: {error}.")))?;
        // The service binds names without regard to case; a sample of its own depends on it.
        let member = |name: &str| {
            body.iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map_or(&Value::Null, |(_, value)| value)
        };
        let url = member("WebhookUrl")
            .as_str()
            .filter(|url| {
                Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
                    && url.parse::<http::Uri>().is_ok()
            })
            .ok_or_else(|| Refusal::invalid("WebhookUrl must be an absolute address."))?;
        let events = member("WebhookEvents")
            .as_array()
            .ok_or_else(|| Refusal::invalid("WebhookEvents must be a list."))?;
        if events.is_empty() && !self.options.empty_events {
            return Err(Refusal::invalid("WebhookEvents is empty."));
        }
        let mut named = Vec::new();
        for event in events {
            let known = EVENTS
                .iter()
                .chain(&OTHER_EVENTS)
                .find(|known| event.as_str() == Some(known))
                .ok_or_else(|| Refusal::invalid(format!("Event {event} is not known.")))?;
            named.push((*known).to_owned());
        }
        let flag = member("SignatureTokenToMsSignatureHeader");
        let in_own_header = match flag {
            Value::Null => false,
            Value::Bool(flag) => *flag,
            // The Events connector sends text.
            Value::String(text) => text.eq_ignore_ascii_case("true"),
            _ => {
                return Err(Refusal::invalid(
                    "SignatureTokenToMsSignatureHeader must be true or false.",
                ));
            }
        };
        let subscriber_id = match &self.registration {
            Some(held) => held.subscriber_id,
            None => self.id(),
        };
        let registration = Registration {
            subscriber_id,
            url: url.to_owned(),
            events: named,
            signature_in_own_header: in_own_header,
        };
        let shown = shown(&registration, true);
        self.registration = Some(registration);
        Ok(shown)
    }

    fn validate(&mut self, now: DateTime<Utc>) -> Result<Value, Refusal> {
        let minute = TimeDelta::minutes(1);
        while self.validated.front().is_some_and(|at| now - *at >= minute) {
            self.validated.pop_front();
        }
        if self.validated.len() >= self.options.validations_per_minute {
            let first = self.validated.front().copied().unwrap_or(now);
            let wait = (first + minute - now).num_milliseconds();
            let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "429", "");
            refusal.retry_after = Some((wait + 999) / 1000);
            return Err(refusal);
        }
        let held = self.registration.as_ref().ok_or_else(Refusal::not_found)?;
        if !held.events.iter().any(|event| event == "test-created") {
            return Err(Refusal::invalid("Not registered for test-created."));
        }
        let url = held.url.clone();
        self.validated.push_back(now);
        let id = self.id();
        let made = Validation {
            made: now,
            url,
            over: false,
            results: Vec::new(),
        };
        self.validations.insert(id, made);
        let uri = "https://api.partnercenter.microsoft.com/webhooks/v1/registration/test";
        self.post(now, now, "test-created", uri, "test", Some(id));
        Ok(json!({ "correlationId": id }))
    }

    fn validation(&self, id: Uuid) -> Option<Value> {
        let held = self.validations.get(&id)?;
        Some(json!({
            "correlationId": id,
            "partnerId": Uuid::from_u64_pair(self.options.seed, 0x7061_7274_6e65_7273),
            "status": if held.over { "completed" } else { "inProgress" },
            "callbackUrl": held.url,
            "results": held.results,
        }))
    }
}

fn shown(registration: &Registration, with_id: bool) -> Value {
    let mut shown = json!({
        "WebhookUrl": registration.url,
        "WebhookEvents": registration.events,
    });
    if with_id {
        shown["SubscriberId"] = registration.subscriber_id.to_string().into();
    }
    shown
}
