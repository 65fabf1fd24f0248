//! Partner Center's webhooks: one registration, signed posts to its address, validation events.
//!
//! Served are `/webhooks/v1/registration` with what lies below it, the certificates below `/cert/`,
//! and those of their issuers below `/pkiops/certs/`. What happens to referrals becomes posts that wait, in sandbox time, until somebody
//! takes them ([`Sandbox::take_deliveries`](crate::Sandbox::take_deliveries)) and reports how they
//! ended. A post that fails is tried again with a growing delay, ten times in all.

mod api;
#[cfg(feature = "transport")]
mod deliver;
mod keys;
mod options;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

pub use options::{
    CertificateFile, DeliveryOrder, NoRegistration, Options, PostOnExisting, ResourceUri, Signature,
};

use crate::{
    partner_center::{Change, PartnerCenter},
    service::{Caller, Service, TokenFault},
};
use keys::Keys;
use queue::{Post, Queue, later};

/// The events of referrals, and that of a validation.
pub const EVENTS: [&str; 5] = [
    "referral-created",
    "referral-updated",
    "related-referral-created",
    "related-referral-updated",
    "test-created",
];

/// Events of the same service that have nothing to do with referrals.
const OTHER_EVENTS: [&str; 4] = [
    "subscription-updated",
    "invoice-ready",
    "azure-fraud-event-detected",
    "usagerecords-thresholdExceeded",
];

/// The one registration of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration {
    /// `SubscriberId`.
    pub subscriber_id: Uuid,
    /// Where posts go.
    pub url: String,
    /// Events that are posted.
    pub events: Vec<String>,
    /// Is the signature in `x-ms-signature` instead of `Authorization`?
    pub signature_in_own_header: bool,
}

/// A post that is to go out now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// Names it when its end is reported.
    pub number: u64,
    /// Number of the try, from 1.
    pub attempt: u32,
    /// The post, with an absolute address.
    pub request: Request<Bytes>,
}

/// How a try of a post ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The receiver answered; 2xx is success.
    Answered(StatusCode),
    /// No answer came.
    NoAnswer,
}

/// A validation event and what became of its posts.
#[derive(Clone, Debug)]
struct Validation {
    made: DateTime<Utc>,
    url: String,
    over: bool,
    results: Vec<Value>,
}

/// The whole webhook side. A clone is a fork.
#[derive(Clone, Debug)]
pub struct Webhooks {
    options: Options,
    keys: Keys,
    registration: Option<Registration>,
    queue: Queue,
    validations: BTreeMap<Uuid, Validation>,
    validated: VecDeque<DateTime<Utc>>,
    drawn: u64,
}

impl Webhooks {
    /// A service without registration.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            keys: Keys::default(),
            registration: None,
            queue: Queue::default(),
            validations: BTreeMap::new(),
            validated: VecDeque::new(),
            drawn: 0,
        }
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The settings, to change a switch while it runs.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// The registration, if there is one.
    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_ref()
    }

    /// Somebody with another client registers an address of theirs: the posts go there now.
    pub fn take_over(&mut self, url: impl Into<String>, events: &[&str]) {
        self.registration = Some(Registration {
            subscriber_id: self.id(),
            url: url.into(),
            events: events.iter().copied().map(Into::into).collect(),
            signature_in_own_header: false,
        });
    }

    /// Somebody takes the registration away.
    pub fn forget_registration(&mut self) {
        self.registration = None;
    }

    /// The root certificate that a receiver has to trust, as PEM text. It is made with the first
    /// use, and the same for all forks.
    pub fn root_certificate(&self) -> String {
        self.keys.root()
    }

    /// Bodies of the posts that were given up, oldest first.
    pub fn given_up(&self) -> impl Iterator<Item = &Bytes> {
        self.queue.given_up().map(|post| &post.body)
    }

    /// When the next post is due.
    pub fn next_delivery(&self) -> Option<DateTime<Utc>> {
        self.queue.next_due()
    }

    /// Turns changes of referrals into posts, where somebody is registered for them.
    pub(crate) fn notice(
        &mut self,
        now: DateTime<Utc>,
        changes: Vec<Change>,
        partner_center: &PartnerCenter,
    ) {
        let own = partner_center.options().organization_id.to_string();
        for change in changes {
            let Some(registration) = &self.registration else {
                return;
            };
            let related = change.owner != own;
            let concerns = || {
                change
                    .engagement
                    .is_some_and(|engagement| partner_center.takes_part(engagement))
            };
            if related && !concerns() {
                continue;
            }
            let name = match (related, change.created) {
                (false, true) => "referral-created",
                (false, false) => "referral-updated",
                (true, true) => "related-referral-created",
                (true, false) => "related-referral-updated",
            };
            if !registration.events.iter().any(|event| event == name) {
                continue;
            }
            let base = match self.options.resource_uri {
                ResourceUri::Documented => {
                    "https://api.partnercenter.microsoft.com/engagements/v1/referrals"
                }
                ResourceUri::Rest => "https://api.partner.microsoft.com/v1.0/engagements/referrals",
            };
            let uri = format!("{base}/{}", change.id);
            self.post(now, change.at, name, &uri, "referral", None);
        }
    }

    /// Posts any event, known or not, to the registered address.
    pub fn post_event(&mut self, now: DateTime<Utc>, name: &str, uri: &str, resource: &str) {
        self.post(now, now, name, uri, resource, None);
    }

    fn post(
        &mut self,
        now: DateTime<Utc>,
        at: DateTime<Utc>,
        name: &str,
        uri: &str,
        resource: &str,
        validation: Option<Uuid>,
    ) {
        let Some(registration) = &self.registration else {
            return;
        };
        let text = |text: &str| Value::from(text).to_string();
        let body = format!(
            "{{\n    \"EventName\": {},\n    \"ResourceUri\": {},\n    \"ResourceName\": {},\n    \
             \"AuditUri\": null,\n    \"ResourceChangeUtcDate\": \"{}+00:00\"\n}}",
            text(name),
            text(uri),
            text(resource),
            time(at)
        );
        let post = Post {
            number: 0,
            attempt: 0,
            url: registration.url.clone(),
            in_own_header: registration.signature_in_own_header,
            body: Bytes::from(body),
            validation,
        };
        // Where the clock stands still, changes are stamped a little ahead of it.
        let due = later(at.min(now), self.options.delay);
        for _ in 0..self.options.duplicates {
            self.queue.add(due, post.clone());
        }
        self.queue.add(due, post);
    }

    /// Takes the posts that are due at `now`, signed. The end of each is to be reported.
    pub fn take(&mut self, now: DateTime<Utc>) -> Vec<Delivery> {
        let taken = self.queue.take(now, &self.options);
        taken
            .into_iter()
            .filter_map(|post| {
                Some(Delivery {
                    number: post.number,
                    attempt: post.attempt,
                    request: self.request(&post)?,
                })
            })
            .collect()
    }

    /// Reports how a try ended. Unknown numbers are passed over.
    pub fn report(&mut self, now: DateTime<Utc>, number: u64, how: Delivered) {
        let success = matches!(how, Delivered::Answered(status) if status.is_success());
        let Some((post, over)) = self.queue.end(now, number, success, &self.options) else {
            return;
        };
        let Some(validation) = post.validation.and_then(|id| self.validations.get_mut(&id)) else {
            return;
        };
        let (code, unreachable) = match how {
            Delivered::Answered(status) => (net_name(status), false),
            Delivered::NoAnswer => ("RequestTimeout".to_owned(), true),
        };
        validation.over |= over;
        validation.results.push(json!({
            "responseCode": code,
            "responseMessage": "",
            "systemError": unreachable,
            "dateTimeUtc": time(now),
        }));
    }

    fn request(&self, post: &Post) -> Option<Request<Bytes>> {
        let how = self.options.signature;
        let signature = format!("Signature {}", self.keys.sign(&post.body, how));
        let certificate = match how {
            Signature::OtherOrganization => self.beside_certificate("contoso.cer"),
            Signature::UntrustedRoot => self.beside_certificate("untrusted.cer"),
            Signature::Expired => self.beside_certificate("expired.cer"),
            Signature::Redirected => self.beside_certificate("moved.cer"),
            Signature::Genuine
            | Signature::Forged
            | Signature::Truncated
            | Signature::Sha1
            | Signature::Missing => self.options.certificate_url.clone(),
        };
        let algorithm = match how {
            Signature::Sha1 => "rsa-sha1",
            _ => "rsa-sha256",
        };
        let mut body = post.body.clone();
        if how == Signature::Truncated {
            body.truncate(body.len() / 2);
        }
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&post.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-ms-certificate-url", certificate)
            .header("x-ms-signature-algorithm", algorithm);
        if how != Signature::Missing {
            let name = if post.in_own_header {
                "x-ms-signature"
            } else {
                "authorization"
            };
            request = request.header(name, signature);
        }
        request.body(body).ok()
    }

    /// Another file in the folder of the certificate.
    fn beside_certificate(&self, name: &str) -> String {
        let url = &self.options.certificate_url;
        let folder = url.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{name}")
    }

    /// An id that follows from the seed.
    fn id(&mut self) -> Uuid {
        self.drawn += 1;
        let space = Uuid::from_u64_pair(0x0077_6562_686f_6f6b, self.options.seed);
        Uuid::new_v5(&space, &self.drawn.to_be_bytes())
    }
}

impl Service for Webhooks {
    fn handle(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        if let Some(name) = request.uri().path().strip_prefix("/cert/") {
            return self.certificate(name);
        }
        if let Some(name) = request.uri().path().strip_prefix("/pkiops/certs/") {
            return self.issuer(name);
        }
        // Kept for seven days by the service.
        self.validations
            .retain(|_, validation| now - validation.made < TimeDelta::days(7));
        self.api(now, caller, request)
    }
}

impl Webhooks {
    fn certificate(&self, name: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        if name == "moved.cer" {
            *response.status_mut() = StatusCode::FOUND;
            if let Ok(to) = HeaderValue::try_from(&self.options.certificate_url) {
                response.headers_mut().insert(header::LOCATION, to);
            }
        } else if let Some(file) = self.keys.file(name, self.options.certificate_file) {
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            );
            *response.body_mut() = Bytes::from(file);
        } else {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        response
    }
}

impl Webhooks {
    /// The certificate of an issuer, where the signing certificate says that it is.
    fn issuer(&self, name: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        match self.keys.issuer(name) {
            Some(file) => *response.body_mut() = Bytes::from(file),
            None => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        response
    }
}

/// Seven digits of fraction, no zone.
fn time(at: DateTime<Utc>) -> String {
    format!(
        "{}.{:07}",
        at.format("%Y-%m-%dT%H:%M:%S"),
        at.timestamp_subsec_nanos() / 100
    )
}

/// The name of a status in .NET, such as `NotFound`.
fn net_name(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => reason.chars().filter(char::is_ascii_alphanumeric).collect(),
        None => status.as_u16().to_string(),
    }
}
