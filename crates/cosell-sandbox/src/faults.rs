//! Trouble on demand: which requests it strikes, and what it does to them.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::{Deserialize, Serialize};

use crate::ServiceName;

/// Does a fault strike before the service acts, or after?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The service never sees the request.
    #[default]
    BeforeEffect,
    /// The service has acted; only its answer is touched.
    AfterEffect,
}

/// What an error answer's body looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// The service's own form.
    #[default]
    Service,
    /// The short JSON of a gateway in front of it.
    Gateway,
    /// A gateway's HTML page.
    Html,
    /// Nothing.
    Empty,
}

/// How an answer of the service is spoiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garbage {
    /// An HTML page with status 200 in the place of JSON.
    Html,
    /// The first half of the answer, as if it were whole.
    Truncated,
    /// Whole in length, but not JSON any more.
    Malformed,
    /// An empty body.
    Empty,
    /// The connection closes in the middle of the body.
    Cut,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// The service acts at once, its answer takes its time. Adds to other faults.
    Latency {
        /// Milliseconds.
        millis: u64,
    },
    /// An error answer: 429, 500, 502, 503, 504 or any other status.
    Status {
        /// HTTP status, 400 to 599.
        status: u16,
        /// Seconds for the `Retry-After` header.
        #[serde(default)]
        retry_after: Option<u64>,
        /// Before or after the effect.
        #[serde(default)]
        at: Moment,
        /// Form of the body.
        #[serde(default)]
        body: ErrorBody,
    },
    /// Dataverse refuses with a code of its own, under the status and with the words that usually
    /// go with it: a plug-in, the database, a role.
    Code {
        /// Such as `0x80044150`.
        #[serde(with = "hexadecimal")]
        code: u32,
        /// Before or after the effect.
        #[serde(default)]
        at: Moment,
    },
    /// The connection closes without an answer.
    LoseAnswer {
        /// Before or after the effect.
        #[serde(default)]
        at: Moment,
    },
    /// The request, or its answer, is held until released or dropped.
    Hold {
        /// Before or after the effect.
        #[serde(default)]
        at: Moment,
    },
    /// The service acts, but its answer is spoiled.
    Garbage {
        /// How.
        form: Garbage,
    },
    /// Partner Center lists show the state as it was so long ago. Adds to other faults.
    LateList {
        /// Seconds.
        seconds: u64,
    },
}

impl Fault {
    /// The fault's name as in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Status { .. } => "status",
            Self::Code { .. } => "code",
            Self::LoseAnswer { .. } => "lose_answer",
            Self::Hold { .. } => "hold",
            Self::Garbage { .. } => "garbage",
            Self::LateList { .. } => "late_list",
        }
    }
}

/// Codes as the service prints them.
mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(code: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("0x{code:08x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        u32::from_str_radix(digits, 16)
            .map_err(|_| D::Error::custom(format!("'{text}' is no code such as 0x80044150")))
    }
}

/// Which requests a fault strikes. What is not given matches all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FaultRule {
    /// What happens.
    pub fault: Fault,
    /// Only requests to these services; empty for all.
    #[serde(default)]
    pub services: Vec<ServiceName>,
    /// Only this method, in any case.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path and query, as sent, contain this.
    #[serde(default)]
    pub path_contains: Option<String>,
    /// Only requests whose body contains this.
    #[serde(default)]
    pub body_contains: Option<String>,
    /// Only the request with this number over all services (see the log).
    #[serde(default)]
    pub number: Option<u64>,
    /// Let so many matching requests pass first.
    #[serde(default)]
    pub skip: u64,
    /// Strike so many times (default 1); `null` for every time.
    #[serde(default = "once")]
    pub times: Option<u64>,
}

#[allow(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn once() -> Option<u64> {
    Some(1)
}

impl FaultRule {
    /// Strikes the next request, once.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            services: Vec::new(),
            method: None,
            path_contains: None,
            body_contains: None,
            number: None,
            skip: 0,
            times: once(),
        }
    }

    /// Only requests to `service`; may be said several times.
    #[must_use]
    pub fn with_service(mut self, service: ServiceName) -> Self {
        self.services.push(service);
        self
    }

    /// Only this method.
    #[must_use]
    pub fn with_method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only requests whose path and query contain `part`.
    #[must_use]
    pub fn with_path_contains(mut self, part: impl Into<String>) -> Self {
        self.path_contains = Some(part.into());
        self
    }

    /// Only requests whose body contains `part`.
    #[must_use]
    pub fn with_body_contains(mut self, part: impl Into<String>) -> Self {
        self.body_contains = Some(part.into());
        self
    }

    /// Only the request with this number over all services.
    #[must_use]
    pub fn with_number(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }

    /// Let so many matching requests pass first.
    #[must_use]
    pub fn with_skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Strike so many times; `None` for every time.
    #[must_use]
    pub fn with_times(mut self, times: Option<u64>) -> Self {
        self.times = times;
        self
    }

    fn matches(&self, service: ServiceName, number: u64, request: &Request<Bytes>) -> bool {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let method = request.method().as_str();
        (self.services.is_empty() || self.services.contains(&service))
            && self.number.is_none_or(|wanted| wanted == number)
            && self
                .method
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path_contains
                .as_ref()
                .is_none_or(|part| path.contains(part.as_str()))
            && self
                .body_contains
                .as_ref()
                .is_none_or(|part| contains(request.body(), part.as_bytes()))
    }
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    part.is_empty() || body.windows(part.len()).any(|window| window == part)
}

/// Names a rule while it is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ActiveFault {
    /// Its name.
    pub id: FaultId,
    /// How often it has struck.
    pub struck: u64,
    /// The rule, with `skip` and `times` as they are left.
    pub rule: FaultRule,
}

/// What is to be done with one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) latency: Duration,
    pub(crate) late_list: Option<Duration>,
    pub(crate) fault: Option<Fault>,
    pub(crate) name: Option<&'static str>,
}

/// The rules in force, in the order they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    last: u64,
    active: Vec<ActiveFault>,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) -> FaultId {
        self.last += 1;
        let id = FaultId(self.last);
        self.active.push(ActiveFault {
            id,
            struck: 0,
            rule,
        });
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.id != id);
        self.active.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    pub(crate) fn active(&self) -> &[ActiveFault] {
        &self.active
    }

    /// Judges one request. Latencies and late lists add up; of the others, the first rule that
    /// matches decides, and later rules do not count this request.
    pub(crate) fn judge(
        &mut self,
        service: ServiceName,
        number: u64,
        request: &Request<Bytes>,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        for active in &mut self.active {
            let adds = matches!(
                active.rule.fault,
                Fault::Latency { .. } | Fault::LateList { .. }
            );
            if !adds && verdict.fault.is_some() {
                continue;
            }
            if active.rule.times == Some(0) || !active.rule.matches(service, number, request) {
                continue;
            }
            if active.rule.skip > 0 {
                active.rule.skip -= 1;
                continue;
            }
            if let Some(times) = &mut active.rule.times {
                *times -= 1;
            }
            active.struck += 1;
            match active.rule.fault {
                Fault::Latency { millis } => {
                    verdict.latency = verdict
                        .latency
                        .saturating_add(Duration::from_millis(millis));
                }
                Fault::LateList { seconds } => {
                    verdict.late_list = Some(Duration::from_secs(seconds));
                }
                fault => verdict.fault = Some(fault),
            }
            if !adds || verdict.name.is_none() {
                verdict.name = Some(active.rule.fault.name());
            }
        }
        // A spent rule is of no more use; one with times left, or for ever, stays.
        self.active.retain(|active| active.rule.times != Some(0));
        verdict
    }
}
