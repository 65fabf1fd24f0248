//! The client: sends calls, reads answers, follows links.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{
    Answer, Call, Client, ClientBuilder, Error, ErrorKind, Repeat, Sent, Sleep, TokenProvider,
    Transport, sign_in::Cloud,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ACCEPT, IF_NONE_MATCH, RETRY_AFTER},
};
use url::Url;
use uuid::Uuid;

use crate::{
    Governor, Op, Remedy, Rows, Table, Written,
    batch::Held,
    code_of,
    fault::read_fault,
    gather::Gatherer,
    governor::{Governed, Permit},
    schema::Cache,
    written::read_written,
};

const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");
const ODATA_MAX_VERSION: HeaderName = HeaderName::from_static("odata-maxversion");
/// Names the user to act for.
const CALLER: HeaderName = HeaderName::from_static("callerobjectid");
/// Tries of a read that the service refuses for a failure of its own.
const TRIES: u32 = 4;
const API_PATH: &str = "api/data/v9.2/";

/// A client of one Dataverse environment as one identity. Cheap to clone; clones share sign-in,
/// waits and retry budget.
#[derive(Clone, Debug)]
pub struct Dataverse {
    http: Client,
    governed: Option<Admission>,
    acting_for: Option<HeaderValue>,
    pub(crate) gatherer: Option<Arc<Gatherer>>,
    pub(crate) cache: Arc<Cache>,
}

/// How calls of this client come by their places.
#[derive(Clone, Debug)]
struct Admission {
    governor: Governor,
    sleep: Arc<dyn Sleep>,
    lane: u64,
}

impl Dataverse {
    /// Starts building a client for the environment at `environment`, such as
    /// `https://fabrikam-sales.crm4.dynamics.com`.
    ///
    /// `tokens` gives tokens for the scope [`Dataverse::scope`].
    pub fn builder(
        environment: Url,
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenProvider>,
        sleep: Arc<dyn Sleep>,
    ) -> DataverseBuilder {
        DataverseBuilder {
            environment,
            transport,
            tokens,
            sleep,
            governor: Governor::default(),
            configure: None,
        }
    }

    /// The scope to ask tokens for, `{environment}/.default`.
    pub fn scope(environment: &Url) -> String {
        let host = environment.host_str().unwrap_or_default();
        // The address of the API is another than that of the resource.
        let host = host.replacen(".api.", ".", 1);
        let port = environment.port().map(|port| format!(":{port}"));
        format!(
            "{}://{host}{}/.default",
            environment.scheme(),
            port.unwrap_or_default()
        )
    }

    /// The cloud that accounts of the environment sign in to, told by its address; the global one
    /// where the address says nothing else.
    pub fn cloud(environment: &Url) -> Cloud {
        let host = environment.host_str().unwrap_or_default();
        let host = host.to_ascii_lowercase();
        if host.ends_with(".microsoftdynamics.us") || host.ends_with(".appsplatform.us") {
            Cloud::UsGovernment
        } else if host.ends_with(".dynamics.cn") {
            Cloud::China
        } else {
            Cloud::Public
        }
    }

    /// A client over `http`, whose base address ends in `/api/data/v9.2/` and whose error reader
    /// is [`read_fault`]. It has no [`Governor`].
    pub fn new(http: Client) -> Self {
        Self {
            http,
            governed: None,
            acting_for: None,
            gatherer: None,
            cache: Arc::default(),
        }
    }

    /// What keeps this client within the service's limits.
    pub fn governor(&self) -> Option<&Governor> {
        self.governed.as_ref().map(|admission| &admission.governor)
    }

    /// The same client for another caller. Where calls wait for a place, lanes are served in
    /// turn, so that no caller starves another; a new client is in lane 0.
    #[must_use]
    pub fn in_lane(mut self, lane: u64) -> Self {
        if let Some(admission) = &mut self.governed {
            admission.lane = lane;
        }
        self
    }

    /// The pipeline underneath.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// The rows of `table`.
    pub fn table(&self, table: Table) -> Rows {
        Rows {
            client: self.clone(),
            table,
        }
    }

    /// The raw door: sends `call` with the sign-in and the headers of this client. A relative
    /// target is below `/api/data/v9.2/`.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn raw(&self, call: Call) -> Result<Answer, Error> {
        let place = self.place(call.operation).await?;
        self.raw_in(call, place).await
    }

    /// Sends `call` in a place that was waited for. The place is held over all tries: a call that
    /// waits for its next try is still one of those that the service is busy with.
    pub(crate) async fn raw_in(
        &self,
        mut call: Call,
        _place: Option<Permit>,
    ) -> Result<Answer, Error> {
        let standard = [
            (ACCEPT, "application/json"),
            (ODATA_MAX_VERSION, "4.0"),
            (ODATA_VERSION, "4.0"),
            // Literally: without it an intermediary may serve stale related rows.
            (IF_NONE_MATCH, "null"),
        ];
        for (name, value) in standard {
            if !call.headers.contains_key(&name) {
                call.headers.insert(name, HeaderValue::from_static(value));
            }
        }
        if let Some(user) = &self.acting_for {
            call.headers.insert(CALLER, user.clone());
        }
        let mut wait = Duration::from_secs(1);
        for _ in 1..TRIES {
            match self.http.call(call.clone()).await {
                Err(error) if call.repeat == Repeat::Safe && passes(&error) => {
                    self.wait(wait).await;
                    wait *= 2;
                }
                outcome => return outcome,
            }
        }
        self.http.call(call).await
    }

    /// Waits for a place among the requests of this user; a client without a governor has no
    /// such bound.
    pub(crate) async fn place(&self, operation: &'static str) -> Result<Option<Permit>, Error> {
        let Some(Admission {
            governor,
            sleep,
            lane,
        }) = &self.governed
        else {
            return Ok(None);
        };
        governor
            .admit(*lane, sleep.as_ref())
            .await
            .map(Some)
            .map_err(|paused| {
                // Reads like the refusal that this call was spared.
                let seconds = paused.0.as_secs_f64().ceil();
                let mut headers = HeaderMap::new();
                if let Ok(wait) = HeaderValue::try_from(seconds.to_string()) {
                    headers.insert(RETRY_AFTER, wait);
                }
                let body = format!(
                    "{{\"error\":{{\"code\":\"\",\"message\":\"the service asked this user to wait \
                     {seconds} s: nothing was sent, try again then\"}}}}"
                );
                self.http.part_error(
                    operation,
                    StatusCode::TOO_MANY_REQUESTS,
                    &headers,
                    &body.into(),
                )
            })
    }

    /// Sends one operation, alone or, from a [`gathering`](Self::gathering) client, in company.
    /// No byte leaves after `not_after`.
    ///
    /// Cancel safety: a dropped call may have taken effect.
    ///
    /// # Errors
    /// [`Error`]; after `sent()` other than `No`, look at the row before repeating.
    pub async fn run(&self, op: &Op, not_after: Option<DateTime<Utc>>) -> Result<Written, Error> {
        if let Some(gatherer) = &self.gatherer {
            return gatherer.run(self, op, not_after).await;
        }
        self.run_held(op, not_after, Held::Not).await
    }

    pub(crate) async fn run_held(
        &self,
        op: &Op,
        not_after: Option<DateTime<Utc>>,
        held: Held,
    ) -> Result<Written, Error> {
        let call = op.to_call(self.http.base())?.with_not_after(not_after);
        let answer = self.raw_held(call, held).await?;
        read_written(op, answer.status, &answer.headers, &answer.body)
            .map_err(|message| Error::malformed(op.operation, &answer, message))
    }

    /// Waits, where this client has a clock to wait by.
    pub(crate) async fn wait(&self, time: Duration) {
        if let Some(admission) = &self.governed {
            admission.sleep.sleep(time).await;
        }
    }

    /// Shows the governor an answer inside another one.
    pub(crate) fn tell_governor(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes) {
        if let Some(admission) = &self.governed {
            let now = admission.sleep.now();
            admission.governor.saw(now, status, headers, body);
        }
    }

    /// The same client acting for another user: the rows it writes are that user's. The identity
    /// needs the role Delegate; what may be done is what both may do.
    ///
    /// `user` is the object id in Entra (`azureactivedirectoryobjectid`), not the row's id.
    #[must_use]
    pub fn acting_for(mut self, user: Uuid) -> Self {
        self.acting_for = HeaderValue::try_from(user.to_string()).ok();
        // Company shares one identity.
        self.gatherer = None;
        self
    }

    /// The present moment, where this client has a clock.
    pub(crate) fn now(&self) -> Option<DateTime<Utc>> {
        Some(self.governed.as_ref()?.sleep.now())
    }

    /// Is `link` an address of this environment? Any other must never see the token.
    pub(crate) fn owns(&self, link: &str) -> bool {
        let base = self.http.base();
        base.join(link).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.origin() == base.origin()
                && url.username().is_empty()
                && url.password().is_none()
        })
    }

    /// Refuses to follow a stored link that leads elsewhere.
    pub(crate) fn check_link(&self, operation: &'static str, link: &str) -> Result<(), Error> {
        if self.owns(link) {
            return Ok(());
        }
        Err(Error::new(
            operation,
            ErrorKind::Invalid,
            Sent::No,
            "the link leads to another origin than this environment: it was stored for another \
             environment or tampered with; start reading anew",
        ))
    }
}

/// A failure that passes although its status says that the request is at fault: a database that
/// fails over answers 400.
fn passes(error: &Error) -> bool {
    error.kind() == ErrorKind::Refused
        && code_of(error).is_some_and(|code| code.remedy() == Remedy::TryLater)
}

type Configure = Box<dyn FnOnce(ClientBuilder) -> ClientBuilder + Send>;

/// Builds a [`Dataverse`] client.
pub struct DataverseBuilder {
    environment: Url,
    transport: Arc<dyn Transport>,
    tokens: Arc<dyn TokenProvider>,
    sleep: Arc<dyn Sleep>,
    governor: Governor,
    configure: Option<Configure>,
}

impl DataverseBuilder {
    /// Shares `governor` with the other clients of the same user in the same environment.
    #[must_use]
    pub fn governor(mut self, governor: Governor) -> Self {
        self.governor = governor;
        self
    }

    /// Adjusts the pipeline underneath (retries, limits, user agent).
    #[must_use]
    pub fn http(
        mut self,
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder + Send + 'static,
    ) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// Finishes.
    ///
    /// # Errors
    /// [`Error`] of kind `Invalid` when the address is no environment's or neither https nor
    /// loopback.
    pub fn build(self) -> Result<Dataverse, Error> {
        let base = api_base(&self.environment)?;
        let transport = Governed::new(self.transport, self.sleep.clone(), self.governor.clone());
        let mut builder =
            Client::builder(base, Arc::new(transport), self.tokens, self.sleep.clone())
                .error_reader(read_fault)
                .correlation_header(HeaderName::from_static("x-ms-client-request-id"));
        if let Some(configure) = self.configure {
            builder = configure(builder);
        }
        Ok(Dataverse {
            http: builder.build()?,
            governed: Some(Admission {
                governor: self.governor,
                sleep: self.sleep,
                lane: 0,
            }),
            acting_for: None,
            gatherer: None,
            cache: Arc::default(),
        })
    }
}

impl fmt::Debug for DataverseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataverseBuilder")
            .field("environment", &self.environment.host_str())
            .finish_non_exhaustive()
    }
}

fn api_base(environment: &Url) -> Result<Url, Error> {
    let path = environment.path().trim_matches('/');
    let plain = environment.query().is_none() && environment.fragment().is_none();
    if !plain || !(path.is_empty() || path == API_PATH.trim_end_matches('/')) {
        return Err(Error::new(
            "dataverse.build",
            ErrorKind::Invalid,
            Sent::No,
            "the environment address has a path or a query: give the address of the environment \
             alone, such as https://contoso.crm4.dynamics.com",
        ));
    }
    let mut base = environment.clone();
    base.set_path(API_PATH);
    Ok(base)
}
