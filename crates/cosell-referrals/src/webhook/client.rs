//! The registration API.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use cosell_http::{
    Answer, Call, Client, Error, ErrorKind, Repeat, Sent, Sleep, TokenProvider, Transport,
    decode_json,
};
use http::{HeaderName, HeaderValue, Method, header};
use url::Url;

use super::{EventName, Registration, Standing, Validation, ValidationOptions, read_error};
use crate::{FieldError, wire::Object};

const PRODUCTION: &str = "https://api.partnercenter.microsoft.com/webhooks/v1/";
const REGISTRATION: &str = "registration";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Validation events that the service takes within a minute.
const VALIDATIONS: usize = 2;

/// The webhook registration of a tenant. Cheap to clone; clones share the limit of validation
/// events.
///
/// | operation | request | method |
/// |---|---|---|
/// | events there are | `GET registration/events` | [`known_events`](Self::known_events) |
/// | read | `GET registration` | [`registration`](Self::registration) |
/// | create | `POST registration` | [`create`](Self::create) |
/// | replace | `PUT registration` | [`replace`](Self::replace) |
/// | either, as needed | | [`register`](Self::register) |
/// | validation event | `POST registration/validationEvents` | [`send_validation_event`](Self::send_validation_event) |
/// | its delivery | `GET registration/validationEvents/{id}` | [`validation`](Self::validation), [`validate`](Self::validate) |
///
/// All need a token for the audience `https://api.partnercenter.microsoft.com`, which is not that
/// of referrals; an application's or a user's. There is no way to delete a registration.
///
/// Cancel safety of every method: reads may be dropped; a dropped write may have taken effect.
#[derive(Clone, Debug)]
pub struct Webhooks {
    http: Client,
    sleep: Arc<dyn Sleep>,
    validations: Arc<Mutex<VecDeque<DateTime<Utc>>>>,
}

/// May [`Webhooks::register`] take the place of another address?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// No: an address of somebody else is an error that shows it.
    No,
    /// Yes: the registration that there was is given back.
    Yes,
}

/// A registration is in place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registered {
    /// The registration as it is now.
    pub now: Registration,
    /// The one whose place it took; none if there was none, or nothing had to be written.
    pub before: Option<Registration>,
    /// Was anything written?
    pub written: bool,
}

/// A registration is not in place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another address is registered, and was not to be overwritten. Nothing was written.
    #[error(
        "events of the tenant go to {}; overwrite it if nobody needs that, or share one receiver",
        existing.url
    )]
    Occupied {
        /// The registration that there is.
        existing: Registration,
    },
    /// The call failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Webhooks {
    /// Starts building a client for production.
    pub fn builder(
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenProvider>,
        sleep: Arc<dyn Sleep>,
    ) -> WebhooksBuilder {
        WebhooksBuilder {
            base: None,
            transport,
            tokens,
            sleep,
        }
    }

    /// The client below, for calls that have no method here.
    pub fn raw(&self) -> &Client {
        &self.http
    }

    /// Names of all events that can be registered for, those of other parts of Partner Center
    /// included.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn known_events(&self) -> Result<Vec<EventName>, Error> {
        const OPERATION: &str = "webhooks.events";
        let call = Call::new(OPERATION, Method::GET, "registration/events", Repeat::Safe);
        let answer = self.http.call(accepting(call)).await?;
        decode_json(OPERATION, &answer)
    }

    /// The registration as it is now; `None` if there is none.
    ///
    /// # Errors
    /// [`Error`]. A 404 without the service's own error body is an error of kind
    /// [`ErrorKind::NotFound`], so that a faulty network never looks like a lost registration.
    pub async fn registration(&self) -> Result<Option<Registration>, Error> {
        const OPERATION: &str = "webhooks.registration";
        let call = Call::new(OPERATION, Method::GET, REGISTRATION, Repeat::Safe);
        match self.http.call(accepting(call)).await {
            Ok(answer) if is_nothing(&answer) => Ok(None),
            Ok(answer) => read(OPERATION, &answer, Registration::read).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound && error.code().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates the registration. What happens where one exists is not documented: it may be
    /// overwritten or refused; [`register`](Self::register) looks first.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if [`Registration::check`] objects (nothing was sent); else
    /// [`Error`].
    pub async fn create(&self, wanted: &Registration) -> Result<Registration, Error> {
        // The same registration twice is one registration; repeating does no harm.
        self.write("webhooks.create", Method::POST, wanted).await
    }

    /// Puts `wanted` in the place of the registration that there is.
    ///
    /// # Errors
    /// As [`create`](Self::create); [`ErrorKind::NotFound`] if there is none.
    pub async fn replace(&self, wanted: &Registration) -> Result<Registration, Error> {
        self.write("webhooks.replace", Method::PUT, wanted).await
    }

    /// Sees to it that `wanted` is registered, and writes only if it is not.
    ///
    /// An address of somebody else is replaced only with [`Overwrite::Yes`]. At the wanted address
    /// missing events are added, and others that are registered there stay.
    ///
    /// The service has no conditional write: of two callers at the same time the later one wins. A
    /// [`Guard`](super::Guard) notices.
    ///
    /// # Errors
    /// [`RegisterError::Occupied`], or what failed.
    pub async fn register(
        &self,
        wanted: &Registration,
        overwrite: Overwrite,
    ) -> Result<Registered, RegisterError> {
        check("webhooks.register", wanted)?;
        let found = self.registration().await?;
        match self.settle(wanted, found, overwrite).await {
            // Somebody registered between our look and our write: look once more.
            Err(RegisterError::Failed(error)) if error.kind() == ErrorKind::Conflict => {
                let found = self.registration().await?;
                self.settle(wanted, found, overwrite).await
            }
            settled => settled,
        }
    }

    async fn settle(
        &self,
        wanted: &Registration,
        found: Option<Registration>,
        overwrite: Overwrite,
    ) -> Result<Registered, RegisterError> {
        let now = match (wanted.compare(found.as_ref()), found.clone()) {
            (Standing::AsWanted { .. }, Some(now)) => {
                return Ok(Registered {
                    now,
                    before: None,
                    written: false,
                });
            }
            (Standing::Incomplete { more, .. }, _) => self.replace(&wanted.joined(&more)).await?,
            (Standing::Foreign { found }, _) if overwrite == Overwrite::No => {
                return Err(RegisterError::Occupied { existing: found });
            }
            (Standing::Foreign { .. }, _) => self.replace(wanted).await?,
            (Standing::Missing | Standing::AsWanted { .. }, _) => self.create(wanted).await?,
        };
        Ok(Registered {
            now,
            before: found,
            written: true,
        })
    }

    /// Asks for a validation event and returns the id under which its delivery can be followed.
    ///
    /// The registration must name [`EventName::TestCreated`]. The service takes two such calls a
    /// minute; a third one waits here until its time has come.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send_validation_event(&self) -> Result<String, Error> {
        const OPERATION: &str = "webhooks.send_validation_event";
        while let Some(wait) = self.take_turn() {
            self.sleep.sleep(wait).await;
        }
        let call = Call::new(
            OPERATION,
            Method::POST,
            "registration/validationEvents",
            Repeat::IfNotSent,
        )
        .with_header(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        let answer = self.http.call(accepting(call)).await?;
        read(OPERATION, &answer, |object| {
            object
                .field::<String>("correlationId")?
                .ok_or_else(|| FieldError::new("correlationId", "an id", "nothing"))
        })
    }

    /// What became of a validation event. Kept by the service for seven days.
    ///
    /// # Errors
    /// [`Error`]; [`ErrorKind::NotFound`] for an id that is unknown, or too old.
    pub async fn validation(&self, correlation_id: &str) -> Result<Validation, Error> {
        const OPERATION: &str = "webhooks.validation";
        let id = crate::link::segment(correlation_id);
        let target = format!("registration/validationEvents/{id}");
        let call = Call::new(OPERATION, Method::GET, target, Repeat::Safe);
        let answer = self.http.call(accepting(call)).await?;
        read(OPERATION, &answer, |object| {
            Validation::read(object, correlation_id)
        })
    }

    /// Asks for a validation event and waits until the receiver took it, its posts are over, or
    /// patience is: look at [`Validation::delivered`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn validate(&self, options: ValidationOptions) -> Result<Validation, Error> {
        let id = self.send_validation_event().await?;
        let patience = TimeDelta::from_std(options.patience).unwrap_or(TimeDelta::MAX);
        let until = self.sleep.now().checked_add_signed(patience);
        loop {
            let validation = self.validation(&id).await?;
            let out_of_time = until.is_some_and(|until| self.sleep.now() >= until);
            if validation.is_over() || out_of_time {
                return Ok(validation);
            }
            // A pause of nothing would ask without end.
            self.sleep
                .sleep(options.every.max(Duration::from_millis(100)))
                .await;
        }
    }

    /// Notes a validation event that is sent now, or says how long to wait.
    fn take_turn(&self) -> Option<Duration> {
        let now = self.sleep.now();
        let minute = TimeDelta::minutes(1);
        let mut sent = self
            .validations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while sent.front().is_some_and(|at| now - *at >= minute) {
            sent.pop_front();
        }
        if let Some(first) = sent.front()
            && sent.len() >= VALIDATIONS
        {
            return Some((*first + minute - now).to_std().unwrap_or_default());
        }
        sent.push_back(now);
        None
    }

    async fn write(
        &self,
        operation: &'static str,
        method: Method,
        wanted: &Registration,
    ) -> Result<Registration, Error> {
        check(operation, wanted)?;
        let call = Call::new(operation, method, REGISTRATION, Repeat::Safe)
            .with_body(JSON, wanted.write());
        let answer = self.http.call(accepting(call)).await?;
        let mut now = read(operation, &answer, Registration::read)?;
        // The answer leaves the flag out; a write sets it, so it is known.
        if now.signature_in_own_header.is_none() {
            now.signature_in_own_header = Some(wanted.signature_in_own_header.unwrap_or(false));
        }
        Ok(now)
    }

    pub(super) fn sleep(&self) -> &Arc<dyn Sleep> {
        &self.sleep
    }
}

fn accepting(call: Call) -> Call {
    call.with_header(header::ACCEPT, HeaderValue::from_static("*/*"))
}

/// Some services say 200 and nothing where there is nothing.
fn is_nothing(answer: &Answer) -> bool {
    let body = answer.body.trim_ascii();
    body.is_empty() || body == b"null" || body == b"{}"
}

fn check(operation: &'static str, wanted: &Registration) -> Result<(), Error> {
    wanted.check().map_err(|violations| {
        Error::new(
            operation,
            ErrorKind::Invalid,
            Sent::No,
            "breaks rules of the service",
        )
        .with_source(violations)
    })
}

fn read<T>(
    operation: &'static str,
    answer: &Answer,
    how: impl FnOnce(&Object) -> Result<T, FieldError>,
) -> Result<T, Error> {
    Object::decode(&answer.body, "answer")
        .and_then(|object| how(&object))
        .map_err(|fault| {
            Error::malformed(operation, answer, "the answer was not understood").with_source(fault)
        })
}

/// Builds a [`Webhooks`].
#[derive(Debug)]
pub struct WebhooksBuilder {
    base: Option<Url>,
    transport: Arc<dyn Transport>,
    tokens: Arc<dyn TokenProvider>,
    sleep: Arc<dyn Sleep>,
}

impl WebhooksBuilder {
    /// Another address than production: the folder in which `registration` lies, or a host alone,
    /// for which the path is filled in.
    #[must_use]
    pub fn base(mut self, base: Url) -> Self {
        self.base = Some(base);
        self
    }

    /// Finishes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the address is neither https nor loopback.
    pub fn build(self) -> Result<Webhooks, Error> {
        let base = match self.base {
            Some(base) if base.path() == "/" => base.join("/webhooks/v1/"),
            Some(base) => Ok(base),
            None => Url::parse(PRODUCTION),
        };
        let base = base.map_err(|error| {
            Error::new("webhooks.build", ErrorKind::Invalid, Sent::No, "no address")
                .with_source(error)
        })?;
        let http = Client::builder(base, self.transport, self.tokens, Arc::clone(&self.sleep))
            .error_reader(read_error)
            .correlation_header(HeaderName::from_static("ms-correlationid"))
            .build()?;
        Ok(Webhooks {
            http,
            sleep: self.sleep,
            validations: Arc::default(),
        })
    }
}
