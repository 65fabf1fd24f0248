//! What was asked of the sandbox, and how often.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use http::Method;
use serde::{Deserialize, Serialize};

/// The services that the sandbox stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceName {
    /// The token endpoint.
    SignIn,
    /// Partner Center referrals.
    PartnerCenter,
    /// The Dataverse Web API.
    Dataverse,
    /// Partner Center's webhook registration, and the certificates it signs with.
    Webhooks,
}

impl ServiceName {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::SignIn,
        Self::PartnerCenter,
        Self::Dataverse,
        Self::Webhooks,
    ];

    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::PartnerCenter => "partner_center",
            Self::Dataverse => "dataverse",
            Self::Webhooks => "webhooks",
        }
    }
}

/// One request, without its body and headers: those may hold what no log should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// Number of the request over all services, from 1.
    pub number: u64,
    /// When it arrived, in sandbox time.
    pub at: DateTime<Utc>,
    /// Service.
    pub service: ServiceName,
    /// HTTP method.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Status of the answer; none when no answer was sent, or not yet.
    pub status: Option<u16>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// Name of the fault that struck, such as `lose_answer`.
    pub fault: Option<&'static str>,
}

/// Requests to one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServiceCount {
    /// All requests.
    pub requests: u64,
    /// GET and HEAD.
    pub reads: u64,
    /// All other methods. One `$batch` counts once.
    pub writes: u64,
    /// Answers of 400 and above, and answers that were lost.
    pub failures: u64,
}

/// Requests since the counts were last set to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Token endpoint.
    pub sign_in: ServiceCount,
    /// Partner Center.
    pub partner_center: ServiceCount,
    /// Dataverse.
    pub dataverse: ServiceCount,
    /// Webhook registration and certificates.
    pub webhooks: ServiceCount,
}

impl Counts {
    /// The counts of one service.
    pub fn of(&self, service: ServiceName) -> ServiceCount {
        match service {
            ServiceName::SignIn => self.sign_in,
            ServiceName::PartnerCenter => self.partner_center,
            ServiceName::Dataverse => self.dataverse,
            ServiceName::Webhooks => self.webhooks,
        }
    }

    fn of_mut(&mut self, service: ServiceName) -> &mut ServiceCount {
        match service {
            ServiceName::SignIn => &mut self.sign_in,
            ServiceName::PartnerCenter => &mut self.partner_center,
            ServiceName::Dataverse => &mut self.dataverse,
            ServiceName::Webhooks => &mut self.webhooks,
        }
    }
}

/// The newest requests, and the counts.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    entries: VecDeque<LogEntry>,
    capacity: usize,
    last: u64,
    counts: Counts,
}

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            capacity,
            last: 0,
            counts: Counts::default(),
        }
    }

    /// Enters a request that has just arrived and returns its number.
    pub(crate) fn arrived(
        &mut self,
        at: DateTime<Utc>,
        service: ServiceName,
        request: &http::Request<bytes::Bytes>,
    ) -> u64 {
        self.last += 1;
        let count = self.counts.of_mut(service);
        count.requests += 1;
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            count.reads += 1;
        } else {
            count.writes += 1;
        }
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        let path = request.uri().path_and_query();
        self.entries.push_back(LogEntry {
            number: self.last,
            at,
            service,
            method: request.method().to_string(),
            path: path.map_or_else(|| "/".to_owned(), ToString::to_string),
            status: None,
            request_bytes: request.body().len() as u64,
            response_bytes: 0,
            fault: None,
        });
        self.last
    }

    /// Notes that `fault` strikes request `number`.
    pub(crate) fn struck(&mut self, number: u64, fault: &'static str) {
        if let Some(entry) = self.entry_mut(number) {
            entry.fault = Some(fault);
        }
    }

    /// Notes the end of request `number`: the answer, or none.
    pub(crate) fn ended(
        &mut self,
        number: u64,
        service: ServiceName,
        response: Option<&http::Response<bytes::Bytes>>,
    ) {
        let failed = response.is_none_or(|response| response.status().as_u16() >= 400);
        if failed {
            self.counts.of_mut(service).failures += 1;
        }
        if let (Some(entry), Some(response)) = (self.entry_mut(number), response) {
            entry.status = Some(response.status().as_u16());
            entry.response_bytes = response.body().len() as u64;
        }
    }

    fn entry_mut(&mut self, number: u64) -> Option<&mut LogEntry> {
        let first = self.entries.front()?.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        self.entries.get_mut(place)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn reset_counts(&mut self) {
        self.counts = Counts::default();
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }
}
