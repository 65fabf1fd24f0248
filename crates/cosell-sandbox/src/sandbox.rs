//! The services, their sign-in, one clock, and what stands between them and a caller.

use std::{collections::BTreeMap, fmt, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    ActiveFault, Clock, Counts, Fault, FaultId, FaultRule, LogEntry, Moment, Options, Service,
    ServiceName,
    accounts::SignInOptions,
    dataverse::{self, Dataverse},
    faults::{Faults, Verdict},
    log::Log,
    partner_center::PartnerCenter,
    sign_in, spoiled,
    tokens::Tokens,
    webhooks::{Delivered, Delivery, Webhooks},
};

/// Numbers of Dataverse's posts begin here, those of Partner Center at 1.
const EVENTS: u64 = 1 << 48;

/// What becomes of a request, for whoever brought it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// This answer.
    Answer(Response<Bytes>),
    /// No answer: the connection is to be closed.
    LoseAnswer,
    /// The answer comes when somebody releases the request; ask [`Sandbox::take_released`].
    Hold(HeldId),
    /// The rest after this time.
    Delay {
        /// How long.
        by: Duration,
        /// What then.
        then: Box<Outcome>,
    },
}

/// Names a held request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HeldId(pub u64);

/// A request that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HeldRequest {
    /// Its name.
    pub id: HeldId,
    /// Number of the request, as in the log.
    pub number: u64,
    /// Service.
    pub service: ServiceName,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Held before or after its effect.
    pub at: Moment,
    /// Is the caller still there? A killed process or a time-out ends that.
    pub caller_waits: bool,
}

#[derive(Clone, Debug)]
struct Held {
    view: HeldRequest,
    request: Request<Bytes>,
    late_list: Option<Duration>,
    /// The answer, once the service has acted.
    answer: Option<Response<Bytes>>,
}

/// What a released request ends with: its answer, or none when it was dropped.
pub type Released = Option<Response<Bytes>>;

/// The double of both services. Synchronous and without socket or thread; a fork of it is a
/// clone. See [`SandboxHandle`](crate::SandboxHandle) for sharing one.
#[derive(Clone)]
pub struct Sandbox {
    clock: Clock,
    sign_in: SignInOptions,
    tokens: Tokens,
    partner_center: PartnerCenter,
    dataverse: Dataverse,
    dataverse_organization: Uuid,
    webhooks: Webhooks,
    faults: Faults,
    log: Log,
    last_held: u64,
    held: BTreeMap<HeldId, Held>,
    released: BTreeMap<HeldId, Released>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("clock", &self.clock)
            .field("requests", &self.log.last())
            .field("faults", &self.faults.active().len())
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A fresh sandbox.
    pub fn new(options: Options) -> Self {
        let now = options.clock.now();
        let mut partner_center = PartnerCenter::new(options.partner_center);
        // From here on changes are gathered; there are none yet.
        partner_center.take_changes();
        Self {
            tokens: Tokens::new(options.seed, now, &options.sign_in),
            clock: options.clock,
            partner_center,
            webhooks: Webhooks::new(options.webhooks),
            dataverse_organization: options.dataverse.organization_id,
            dataverse: Dataverse::new(options.dataverse.with_tenant(options.sign_in.tenant)),
            sign_in: options.sign_in,
            faults: Faults::default(),
            log: Log::new(options.log_capacity),
            last_held: 0,
            held: BTreeMap::new(),
            released: BTreeMap::new(),
        }
    }

    /// Takes one request for `service`. Its URI must be absolute: links in the answer are built
    /// from it.
    pub fn handle(&mut self, service: ServiceName, request: Request<Bytes>) -> Outcome {
        let number = self.log.arrived(self.clock.now(), service, &request);
        let verdict = self.faults.judge(service, number, &request);
        if let Some(name) = verdict.name {
            self.log.struck(number, name);
        }
        let latency = verdict.latency;
        let outcome = self.strike(service, number, request, &verdict);
        match &outcome {
            Outcome::Answer(response) => self.log.ended(number, service, Some(response)),
            Outcome::LoseAnswer => self.log.ended(number, service, None),
            Outcome::Hold(_) | Outcome::Delay { .. } => {}
        }
        // Who holds a request decides how long it takes.
        if latency.is_zero() || matches!(outcome, Outcome::Hold(_)) {
            return outcome;
        }
        Outcome::Delay {
            by: latency,
            then: Box::new(outcome),
        }
    }

    fn strike(
        &mut self,
        service: ServiceName,
        number: u64,
        request: Request<Bytes>,
        verdict: &Verdict,
    ) -> Outcome {
        let late = verdict.late_list;
        match verdict.fault {
            Some(Fault::Status {
                status,
                retry_after,
                at,
                body,
            }) => {
                if at == Moment::AfterEffect {
                    self.act_on(service, &request, late);
                }
                Outcome::Answer(spoiled::error(service, status, retry_after, body))
            }
            Some(Fault::Code { code, at }) => {
                if at == Moment::AfterEffect {
                    self.act_on(service, &request, late);
                }
                Outcome::Answer(dataverse::coded(code))
            }
            Some(Fault::LoseAnswer { at }) => {
                if at == Moment::AfterEffect {
                    self.act_on(service, &request, late);
                }
                Outcome::LoseAnswer
            }
            Some(Fault::Hold { at }) => {
                let answer =
                    (at == Moment::AfterEffect).then(|| self.act_on(service, &request, late));
                Outcome::Hold(self.hold(service, number, at, request, late, answer))
            }
            Some(Fault::Garbage { form }) => {
                Outcome::Answer(spoiled::spoil(self.act_on(service, &request, late), form))
            }
            Some(Fault::Latency { .. } | Fault::LateList { .. }) | None => {
                Outcome::Answer(self.act_on(service, &request, late))
            }
        }
    }

    /// Lets the service itself act.
    fn act_on(
        &mut self,
        service: ServiceName,
        request: &Request<Bytes>,
        late_list: Option<Duration>,
    ) -> Response<Bytes> {
        let now = self.clock.now();
        let caller = self
            .tokens
            .caller(now, service, request, &self.sign_in.users);
        let caller = caller.as_ref().map_err(|fault| *fault);
        match service {
            ServiceName::SignIn => sign_in::handle(now, &self.sign_in, &mut self.tokens, request),
            ServiceName::PartnerCenter => {
                let answer = match late_list {
                    Some(lag) => self
                        .partner_center
                        .with_list_lag(lag, |service| service.handle(now, caller, request)),
                    None => self.partner_center.handle(now, caller, request),
                };
                self.notice_changes();
                answer
            }
            ServiceName::Dataverse => self.dataverse.handle(now, caller, request),
            ServiceName::Webhooks => {
                // What changed before a registration is posted by the one before it.
                self.notice_changes();
                self.webhooks.handle(now, caller, request)
            }
        }
    }

    fn hold(
        &mut self,
        service: ServiceName,
        number: u64,
        at: Moment,
        request: Request<Bytes>,
        late_list: Option<Duration>,
        answer: Option<Response<Bytes>>,
    ) -> HeldId {
        self.last_held += 1;
        let id = HeldId(self.last_held);
        let path = request.uri().path_and_query();
        let view = HeldRequest {
            id,
            number,
            service,
            method: request.method().to_string(),
            path: path.map_or_else(|| "/".to_owned(), ToString::to_string),
            at,
            caller_waits: true,
        };
        let held = Held {
            view,
            request,
            late_list,
            answer,
        };
        self.held.insert(id, held);
        id
    }

    /// The requests held now, oldest first.
    pub fn held(&self) -> Vec<HeldRequest> {
        self.held.values().map(|held| held.view.clone()).collect()
    }

    /// Lets a held request go on: held before its effect, the service acts now, even if the
    /// caller has gone (a request that was on its way); then its answer goes out. False when
    /// there is none of this name.
    pub fn release(&mut self, id: HeldId) -> bool {
        let Some(held) = self.held.remove(&id) else {
            return false;
        };
        let service = held.view.service;
        let answer = match held.answer {
            Some(answer) => answer,
            None => self.act_on(service, &held.request, held.late_list),
        };
        self.log.ended(held.view.number, service, Some(&answer));
        if held.view.caller_waits {
            self.released.insert(id, Some(answer));
        }
        true
    }

    /// Ends a held request without an answer; held before its effect, it never has one. False
    /// when there is none of this name.
    pub fn drop_held(&mut self, id: HeldId) -> bool {
        let Some(held) = self.held.remove(&id) else {
            return false;
        };
        self.log.ended(held.view.number, held.view.service, None);
        if held.view.caller_waits {
            self.released.insert(id, None);
        }
        true
    }

    /// What a held request ended with, once; `None` while it is held.
    pub fn take_released(&mut self, id: HeldId) -> Option<Released> {
        self.released.remove(&id)
    }

    /// Notes that nobody waits for this held request's answer any more.
    pub fn caller_gone(&mut self, id: HeldId) {
        self.released.remove(&id);
        if let Some(held) = self.held.get_mut(&id) {
            held.view.caller_waits = false;
        }
    }

    /// Puts a fault rule in force.
    pub fn add_fault(&mut self, rule: FaultRule) -> FaultId {
        self.faults.add(rule)
    }

    /// Takes a fault rule out of force. False when it is not (or no longer) in force.
    pub fn remove_fault(&mut self, id: FaultId) -> bool {
        self.faults.remove(id)
    }

    /// Takes all fault rules out of force. Held requests stay held.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The fault rules in force. A rule whose times are spent is no longer listed.
    pub fn faults(&self) -> &[ActiveFault] {
        self.faults.active()
    }

    /// The newest requests, oldest first.
    pub fn log(&self) -> impl Iterator<Item = &LogEntry> {
        self.log.entries()
    }

    /// Number of the last request.
    pub fn last_number(&self) -> u64 {
        self.log.last()
    }

    /// Requests per service since the last reset.
    pub fn counts(&self) -> Counts {
        self.log.counts()
    }

    /// Sets the counts to zero. Request numbers go on.
    pub fn reset_counts(&mut self) {
        self.log.reset_counts();
    }

    /// The present moment of the sandbox.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves the clock forward.
    pub fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
    }

    /// The settings of the sign-in service.
    pub fn sign_in(&self) -> &SignInOptions {
        &self.sign_in
    }

    /// The settings of the sign-in service, to change who may sign in.
    pub fn sign_in_mut(&mut self) -> &mut SignInOptions {
        &mut self.sign_in
    }

    /// Makes every access token unknown to the services.
    pub fn withdraw_access_tokens(&mut self) {
        self.tokens.withdraw_access();
    }

    /// Ends all sessions of a user: access and refresh tokens.
    pub fn revoke_user(&mut self, upn: &str) {
        self.tokens.withdraw_user(upn);
    }

    /// Partner Center's state.
    pub fn partner_center(&self) -> &PartnerCenter {
        &self.partner_center
    }

    /// Partner Center, for its actors.
    pub fn partner_center_mut(&mut self) -> &mut PartnerCenter {
        &mut self.partner_center
    }

    /// The webhook side's state.
    pub fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    /// The webhook side, to change its switches and to take its registration over.
    pub fn webhooks_mut(&mut self) -> &mut Webhooks {
        self.notice_changes();
        &mut self.webhooks
    }

    /// Takes the posts of both services that are due: webhooks of Partner Center, signed, and
    /// events of Dataverse. The end of each is to be
    /// told with [`report_delivery`](Self::report_delivery), else it counts as under way for ever.
    pub fn take_deliveries(&mut self) -> Vec<Delivery> {
        let now = self.now();
        self.partner_center.settle(now);
        self.notice_changes();
        let mut due = self.webhooks.take(now);
        let events = self.dataverse.take_events(now).into_iter();
        due.extend(events.map(|post| Delivery {
            number: EVENTS + post.number,
            attempt: post.attempt,
            request: post.request,
        }));
        due
    }

    /// Tells how a post ended. One of Partner Center that failed is due again later, ten times in
    /// all; one of Dataverse once, and only after an answer of a gateway.
    pub fn report_delivery(&mut self, number: u64, how: Delivered) {
        let now = self.now();
        let Some(event) = number.checked_sub(EVENTS) else {
            self.webhooks.report(now, number, how);
            return;
        };
        let status = match how {
            Delivered::Answered(status) => Some(status),
            Delivered::NoAnswer => None,
        };
        self.dataverse.report_event(now, event, status);
    }

    fn notice_changes(&mut self) {
        let changes = self.partner_center.take_changes();
        if !changes.is_empty() {
            let now = self.now();
            self.webhooks.notice(now, changes, &self.partner_center);
        }
    }

    /// Dataverse's state.
    pub fn dataverse(&self) -> &Dataverse {
        &self.dataverse
    }

    /// Organization id of the Dataverse environment.
    pub fn dataverse_organization(&self) -> Uuid {
        self.dataverse_organization
    }

    /// Dataverse, for its actors.
    pub fn dataverse_mut(&mut self) -> &mut Dataverse {
        &mut self.dataverse
    }
}
