//! Partner Center referrals: a double written from the public record, with field tables of its
//! own and one switch per fact that the record leaves open.
//!
//! Served are `GET` and `POST` on `/v1.0/engagements/referrals`, `GET`, `PATCH` and the obsolete
//! `PUT` on `/v1.0/engagements/referrals/{id}`. People at work without the API (a Microsoft seller,
//! its review team, a customer in the marketplace, a user of the portal) are methods of [`PartnerCenter`]. Nothing happens between
//! calls: what the service does on its own is done, with its own time, when the next call comes.

mod actors;
mod answer;
mod bind;
mod create;
mod fields;
mod filters;
mod leads;
mod list;
mod options;
mod patch;
mod refusal;
mod registrations;
mod replace;
mod status;
mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Method, Request, Response, StatusCode, header};
use serde_json::Value;
use uuid::Uuid;

pub use actors::InboundDeal;
pub use leads::{InboundLead, LeadKind};
pub use options::{
    Clearing, Count, Filters, ListItems, Mfa, MsxId, NextLink, Omitted, Options, Received,
    ReferenceFilter, SalesStages, Top, UnknownFields, Validation,
};
pub use refusal::Refusal;
pub use registrations::Review;

use crate::service::{Caller, Service, TokenFault};
use answer::Reply;
use patch::Hand;
use status::MICROSOFT;
pub(crate) use store::Change;
use store::{Duty, Store, text};

const COLLECTION: &str = "/v1.0/engagements/referrals";
const MAX_BODY: usize = 1024 * 1024;

/// The whole service. A clone is a fork: same state, same future for the same calls.
#[derive(Clone, Debug)]
pub struct PartnerCenter {
    options: Options,
    store: Store,
}

impl PartnerCenter {
    /// A service without referrals.
    pub fn new(options: Options) -> Self {
        let store = Store::new(options.seed);
        Self { options, store }
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The settings, to change a switch while it runs. The seed has had its effect already.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Runs `work` with lists that are late by `lag`, or by the set lag if that is longer.
    pub fn with_list_lag<T>(&mut self, lag: Duration, work: impl FnOnce(&mut Self) -> T) -> T {
        let usual = self.options.list_lag;
        self.options.list_lag = usual.max(lag);
        let result = work(self);
        self.options.list_lag = usual;
        result
    }

    /// Every referral as it is now, oldest first, those of Microsoft included.
    pub fn referrals(&self) -> impl Iterator<Item = &Value> {
        self.store.bodies()
    }

    /// One referral as it is now.
    pub fn referral(&self, id: Uuid) -> Option<&Value> {
        self.store.body(id)
    }

    /// Does what is due at `now`: account matching, expiry.
    pub fn settle(&mut self, now: DateTime<Utc>) {
        while let Some((when, id, duty)) = self.store.next_due(now) {
            match duty {
                Duty::Match => self.store.write(when, id, |_, body| {
                    body["customerProfile"]["isMatchingComplete"] = true.into();
                }),
                Duty::Expire => {
                    if self
                        .store
                        .body(id)
                        .is_some_and(|body| body["status"] == "New")
                    {
                        let hides = self.options.expired_leads_lose_people;
                        self.store.write(when, id, |at, body| {
                            body.insert("status".into(), "Closed".into());
                            body.insert("substatus".into(), "Expired".into());
                            body.insert("closedDateTime".into(), text(at).into());
                            if hides && leads::is_lead(body) {
                                body["customerProfile"]["team"] = Value::Array(Vec::new());
                            }
                        });
                    }
                }
            }
        }
    }

    /// Takes the changes since the last time; from the first time on they are gathered.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        self.store.take_changes()
    }

    /// Does the organization hold a referral of this engagement?
    pub(crate) fn takes_part(&self, engagement: Uuid) -> bool {
        let own = self.organization().0;
        self.store
            .engagement(engagement)
            .any(|(_, body)| body["organizationId"] == own)
    }

    fn organization(&self) -> (String, String) {
        (
            self.options.organization_id.to_string(),
            self.options.organization_name.clone(),
        )
    }

    fn answer(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> Result<Reply, Refusal> {
        let sight = self.admit(caller)?;
        let rest = request
            .uri()
            .path()
            .strip_prefix(COLLECTION)
            .ok_or_else(Refusal::no_such_route)?;
        let base = answer::base(request);
        if rest.is_empty() || rest == "/" {
            return match *request.method() {
                Method::GET => {
                    let query = request.uri().query().unwrap_or_default();
                    let own = self.organization().0;
                    let (microsoft, leads) = (
                        self.options.lists_show_microsoft,
                        self.options.lists_show_leads,
                    );
                    let sees = |body: &Value| {
                        sight.sees(&own, body)
                            && (microsoft || body["organizationId"] != MICROSOFT)
                            && (leads || !body.as_object().is_some_and(leads::is_marketplace_lead))
                    };
                    list::list(&self.store, &self.options, now, &base, query, sees).map(Reply::json)
                }
                Method::POST => {
                    let body = json_body(request, false)?;
                    let id = self.create(now, &body)?;
                    self.note_caller(request, id, true);
                    let text = self
                        .store
                        .body(id)
                        .map(Value::to_string)
                        .unwrap_or_default();
                    Ok(Reply {
                        status: self.options.create_status,
                        body: text.into_bytes(),
                    })
                }
                _ => Err(Refusal::method_not_allowed()),
            };
        }
        // The Power Platform connector really sends one or two slashes behind the id.
        let rest = rest.strip_prefix('/').ok_or_else(Refusal::no_such_route)?;
        let id = rest
            .strip_suffix("//")
            .or_else(|| rest.strip_suffix('/'))
            .unwrap_or(rest);
        if id.contains('/') {
            return Err(Refusal::no_such_route());
        }
        if !matches!(*request.method(), Method::GET | Method::PATCH | Method::PUT) {
            return Err(Refusal::method_not_allowed());
        }
        let id = Uuid::try_parse(id).map_err(|_| match self.options.malformed_id {
            StatusCode::NOT_FOUND => Refusal::not_found(),
            _ => Refusal::invalid("id", "The id must be a GUID."),
        })?;
        let body = self.store.body(id).ok_or_else(Refusal::not_found)?;
        if !sight.sees(&self.organization().0, body) {
            return Err(match self.options.foreign {
                StatusCode::FORBIDDEN => Refusal::denied("No access to the referral."),
                _ => Refusal::not_found(),
            });
        }
        if *request.method() == Method::GET {
            let looks = self.options.received == Received::OnRead
                && body["direction"] == "Incoming"
                && body["substatus"] == "Pending";
            if looks {
                self.store.write(now, id, |_, body| {
                    body.insert("substatus".into(), "Received".into());
                });
            }
            return Ok(self.represent(id, &base));
        }
        let lists = self.options.if_match_lists;
        if *request.method() == Method::PUT {
            if !request.headers().contains_key(header::IF_MATCH) {
                return Err(Refusal::without_if_match(self.options.put_without_if_match));
            }
            check_if_match(request, body, lists)?;
            let document = json_body(request, false)?;
            self.replace(now, id, &document)?;
            self.note_caller(request, id, false);
            return Ok(self.represent(id, &base));
        }
        check_if_match(request, body, lists)?;
        let document = json_body(request, self.options.json_patch_type)?;
        self.patch(now, id, &document, Hand::Api)?;
        self.note_caller(request, id, false);
        if wants_representation(request) {
            Ok(self.represent(id, &base))
        } else {
            Ok(Reply {
                status: StatusCode::NO_CONTENT,
                body: Vec::new(),
            })
        }
    }

    /// Who wrote, where that shows. Part of the write that it tells of.
    fn note_caller(&mut self, request: &Request<Bytes>, id: Uuid, created: bool) {
        let caller = request.headers().get("x-caller-id");
        if let Some(caller) = caller.and_then(|caller| caller.to_str().ok())
            && self.options.caller_id_shows
        {
            self.store.amend(id, |body| {
                if created {
                    body.insert("createdVia".into(), caller.into());
                }
                body.insert("lastModifiedVia".into(), caller.into());
            });
        }
    }

    fn represent(&self, id: Uuid, base: &str) -> Reply {
        let mut body = self.store.body(id).cloned().unwrap_or_default();
        body["@odata.context"] = format!("{base}/v1.0/$metadata#Referrals/$entity").into();
        Reply::json(body.to_string().into_bytes())
    }

    /// Who may come in, and what they see.
    fn admit<'a>(&self, caller: Result<&'a Caller, TokenFault>) -> Result<Sight<'a>, Refusal> {
        let caller = caller.map_err(|fault| {
            Refusal::unauthenticated(match fault {
                TokenFault::Missing => "The Authorization header is missing.",
                TokenFault::Expired => "The access token is expired.",
                TokenFault::WrongAudience => "The access token was made for another resource.",
                TokenFault::Unknown => "The access token is not valid.",
            })
        })?;
        let Some(email) = caller.user.as_deref() else {
            return Err(Refusal::without_user(self.options.app_only));
        };
        if !caller.mfa && self.options.mfa != Mfa::NotDemanded {
            return Err(Refusal::without_mfa());
        }
        let has = |role: &str| caller.roles.iter().any(|known| known == role);
        let admin = has("ReferralsAdmin");
        if !admin && !has("ReferralsUser") {
            return Err(Refusal::denied("The user has no referrals role."));
        }
        let own_tenant = self
            .options
            .tenant
            .is_none_or(|tenant| tenant == caller.tenant);
        Ok(Sight {
            admin,
            own_tenant,
            email,
        })
    }
}

/// What a caller sees of the referrals.
struct Sight<'a> {
    admin: bool,
    own_tenant: bool,
    email: &'a str,
}

impl Sight<'_> {
    fn sees(&self, own: &str, body: &Value) -> bool {
        let ours = body["organizationId"] == own || body["organizationId"] == MICROSOFT;
        self.own_tenant && ours && (self.admin || self.on_team(&body["team"]))
    }

    /// A user without the admin role sees the deals on whose team the own address stands.
    fn on_team(&self, team: &Value) -> bool {
        team.as_array().is_some_and(|team| {
            team.iter().any(|member| {
                member["email"]
                    .as_str()
                    .is_some_and(|email| email.eq_ignore_ascii_case(self.email))
            })
        })
    }
}

impl Service for PartnerCenter {
    fn handle(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        self.settle(now);
        let number = self.store.id();
        let bare_mfa = self.options.mfa == Mfa::DemandedWithoutBody;
        let reply = self.answer(now, caller, request);
        answer::finish(now, number, request, &reply, bare_mfa)
    }
}

fn json_body(request: &Request<Bytes>, patch_type: bool) -> Result<Value, Refusal> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default()
        .trim();
    let known = kind.eq_ignore_ascii_case("application/json")
        || patch_type && kind.eq_ignore_ascii_case("application/json-patch+json");
    if !known {
        return Err(Refusal::media_type());
    }
    if request.body().len() > MAX_BODY {
        return Err(Refusal::too_large());
    }
    serde_json::from_slice(request.body())
        .map_err(|error| Refusal::invalid("body", format!("The body is no JSON: {error}.")))
}

/// Strong comparison with the tag as it stands in the JSON value, its quotes included.
fn check_if_match(request: &Request<Bytes>, body: &Value, lists: bool) -> Result<(), Refusal> {
    let mut given = request
        .headers()
        .get_all(header::IF_MATCH)
        .iter()
        .peekable();
    if given.peek().is_none() {
        return Ok(());
    }
    let tag = body["eTag"].as_str().unwrap_or_default();
    let matches = given.any(|line| {
        line.to_str().is_ok_and(|line| {
            if !lists {
                return line.trim() == tag;
            }
            line.split(',')
                .map(str::trim)
                .any(|one| one == "*" || (!one.is_empty() && one == tag))
        })
    });
    if matches {
        Ok(())
    } else {
        Err(Refusal::stale())
    }
}

fn wants_representation(request: &Request<Bytes>) -> bool {
    request.headers().get_all("Prefer").iter().any(|line| {
        line.to_str().is_ok_and(|line| {
            line.split(',')
                .any(|one| one.trim().eq_ignore_ascii_case("return=representation"))
        })
    })
}
