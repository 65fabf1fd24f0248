//! Each operation and each row of the error tables, once as an exchange over HTTP with the
//! documented answer, once against the double: requests and outcomes must be the same.
//!
//! So neither the canned answers nor the double can drift from what the client is held to.
//!
//! Above six hundred lines, for it is one table: each operation has its row here and nowhere else, so
//! that one that is missing shows.

use std::{sync::Arc, time::Duration};

use cosell_http::{
    ReqwestOptions, ReqwestTransport, Sleep, Transport,
    sign_in::{
        CachedTokens, ClientCredentials, ENTRA_AUTHORITY, MemoryRefreshToken, RefreshToken,
        TokenEndpoint,
    },
};
use cosell_referrals::{
    AssistanceRequestCode, CoSellDeal, Contract, CreateOptions, Deployment, Error, ErrorKind,
    ErrorReason, Help, ListOptions, LossReason, Member, NewReferral, PartnerLedDeal, Patch,
    PatchOptions, PricingModel, RawMap, Referral, Referrals, RegisteredSolution, Registration,
    RegistrationEdit, RegistrationStatus, Sent, State, is_stale,
};
use cosell_sandbox::{
    Act, CLIENT_ID, CLIENT_SECRET, ErrorBody, Fault, FaultRule, InProcess, Moment, REFERRALS_USER,
    REFRESH_TOKEN, SandboxHandle, ServiceName, TENANT,
    partner_center::{Mfa, NextLink, Options, Review},
};
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::{
    sandbox::{SandboxTime, create, sandbox},
    support::{ETAG, ID, OneToken, SAMPLE, Still, serving},
};

/// What a call came to, in words that both worlds must agree on.
#[derive(Clone, Debug, PartialEq)]
enum Came {
    Page {
        items: usize,
        more: bool,
    },
    Referral(State),
    Registration(RegistrationStatus),
    /// Done without an answer, or there is none.
    Nothing,
    Stale,
    Failed {
        kind: ErrorKind,
        status: u16,
        code: &'static str,
        target: &'static str,
        sent: Sent,
    },
}

/// The double in its position, a client of it, and the id of the referral that it is about.
type Position = (SandboxHandle, Referrals, String);

struct Case {
    name: &'static str,
    double: BoxFuture<'static, Position>,
    call: fn(Referrals, String) -> BoxFuture<'static, Came>,
    /// The documented answers, in order; the last one again and again.
    canned: Vec<ResponseTemplate>,
    came: Came,
}

fn answer(status: u16, body: impl Into<String>) -> ResponseTemplate {
    let body: String = body.into();
    let answer = ResponseTemplate::new(status);
    if body.is_empty() {
        answer
    } else {
        answer.set_body_raw(body, "application/json")
    }
}

/// An error of the API as the documents show it.
fn fault(status: u16, code: &str, target: Option<&str>) -> ResponseTemplate {
    let body = json!({ "error": {
        "code": code, "message": "Said so.", "target": target, "innerError": null,
    } });
    answer(status, body.to_string())
}

/// The sample in a state.
fn body(state: &State, registration: &str) -> String {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["status"] = state.status.as_str().into();
    body["substatus"] = state.substatus.as_str().into();
    body["registrationStatus"] = registration.into();
    body.to_string()
}

fn canned_referral(status: u16, state: &State) -> Vec<ResponseTemplate> {
    vec![answer(status, body(state, "None"))]
}

fn failed(
    kind: ErrorKind,
    status: u16,
    code: &'static str,
    target: &'static str,
    sent: Sent,
) -> Came {
    Came::Failed {
        kind,
        status,
        code,
        target,
        sent,
    }
}

/// A refusal that says what it is about.
fn refused(status: u16, code: &'static str, target: &'static str) -> Came {
    let kind = match status {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        _ => ErrorKind::Refused,
    };
    failed(kind, status, code, target, Sent::Answered)
}

fn of_error(error: &Error) -> Came {
    if is_stale(error) {
        return Came::Stale;
    }
    let word = |text: Option<&str>| -> &'static str { text.unwrap_or_default().to_owned().leak() };
    Came::Failed {
        kind: error.kind(),
        status: error.status().map_or(0, |status| status.as_u16()),
        code: word(error.code()),
        target: word(error.target()),
        sent: error.sent(),
    }
}

fn of_referral(read: Result<Option<Referral>, Error>) -> Came {
    match read {
        Ok(Some(referral)) => Came::Referral(referral.state().unwrap()),
        Ok(None) => Came::Nothing,
        Err(error) => of_error(&error),
    }
}

fn of_registration(read: Result<Option<Referral>, Error>) -> Came {
    match read {
        Ok(Some(referral)) => Came::Registration(referral.registration_status().unwrap().unwrap()),
        Ok(None) => Came::Nothing,
        Err(error) => of_error(&error),
    }
}

async fn patch(client: &Referrals, id: &str, patch: Patch, options: PatchOptions) -> Came {
    let patched = client.patch(id, &patch, options).await;
    of_referral(patched.map(|patched| patched.referral))
}

fn plain() -> Options {
    Options::default().with_matching_delay(None)
}

fn draft() -> NewReferral {
    let text = include_str!("samples/private_deal.json");
    NewReferral::from_raw(serde_json::from_str(text).unwrap())
}

fn help() -> CoSellDeal {
    let help = Help::new(AssistanceRequestCode::QuotesOrLicensing);
    CoSellDeal::new(draft(), help).with_solution_play("area", "play")
}

/// An own deal, active.
async fn own(options: Options) -> Position {
    let (double, client) = sandbox(options);
    let (id, _) = create(&client).await;
    (double, client, id)
}

/// A deal that Microsoft sent, pending.
async fn inbound() -> Position {
    let (double, client) = sandbox(plain());
    let sent = double.act(&Act::MicrosoftSends(Box::default())).unwrap();
    (double, client, sent.id.unwrap())
}

/// An own deal that could be registered, won.
async fn won() -> Position {
    let (double, client) = sandbox(plain());
    let mut body: Value = serde_json::to_value(draft()).unwrap();
    body["details"]["currency"] = "USD".into();
    let deal = PartnerLedDeal::new(NewReferral::from_raw(serde_json::from_value(body).unwrap()));
    let made = client.create_draft(&deal, CreateOptions::default()).await;
    let id = made.unwrap().id().unwrap().unwrap();
    double.advance(Duration::from_secs(4 * 24 * 3600));
    let options = PatchOptions::default;
    let win = client.patch(&id, &Patch::new().win(), options()).await;
    win.unwrap();
    (double, client, id)
}

fn registration() -> Registration {
    let day = |text: &str| format!("{text}T00:00:00Z").parse().unwrap();
    let contract = Contract::perpetual(840_000, "USD", day("2026-03-09"), day("2026-03-09"));
    let sold = RegisteredSolution::new(
        "SOL-10482-QRT",
        800_000,
        "USD",
        Deployment::Customer,
        PricingModel::PayAsYouGo,
    );
    Registration::new(&contract, &[sold])
}

/// A registration that was sent back.
async fn sent_back() -> Position {
    let (double, client, id) = registrable().await;
    let register = Patch::new().register(&registration());
    let options = PatchOptions::default();
    client.patch(&id, &register, options).await.unwrap();
    double.with(|double| {
        let now = double.now();
        let review = Review::SendBack("Wrong price".into());
        let center = double.partner_center_mut();
        center.review(now, id.parse().unwrap(), &review).unwrap();
    });
    (double, client, id)
}

/// As [`won`], without rules of dates: the contract's are fixed.
async fn registrable() -> Position {
    let (double, client, id) = won().await;
    double.with(|double| {
        let options = double.partner_center_mut().options_mut();
        options.validation = cosell_sandbox::partner_center::Validation::Lenient;
    });
    (double, client, id)
}

/// The position of `inner`, seen by somebody else.
async fn seen_by(who: Who, options: Options) -> Position {
    let (double, _, id) = own(options).await;
    if who == Who::WithoutFactor {
        double.with(|double| {
            for user in &mut double.sign_in_mut().users {
                user.mfa = false;
            }
        });
    }
    if who == Who::WithoutRole {
        let user = REFERRALS_USER.to_owned();
        let roles = Vec::new();
        double.act(&Act::AdminRoles { user, roles }).unwrap();
    }
    let transport: Arc<dyn Transport> = Arc::new(InProcess::new(double.clone()));
    let time: Arc<dyn Sleep> = Arc::new(SandboxTime(double.clone()));
    let endpoint = TokenEndpoint::entra(
        &ENTRA_AUTHORITY.parse().unwrap(),
        &TENANT.to_string(),
        Arc::clone(&transport),
        Arc::clone(&time),
    )
    .unwrap();
    let scope = match who {
        Who::OfOtherAudience => "https://api.partnercenter.microsoft.com/.default offline_access",
        _ => "https://api.partner.microsoft.com/.default offline_access",
    };
    let tokens = if who == Who::Application {
        let scope = "https://api.partner.microsoft.com/.default";
        let grant = ClientCredentials::new(endpoint, CLIENT_ID, CLIENT_SECRET.into(), scope);
        CachedTokens::new(Arc::new(grant), Arc::clone(&time))
    } else {
        let store = MemoryRefreshToken::new(REFRESH_TOKEN.into());
        let secret = Some(CLIENT_SECRET.into());
        let grant = RefreshToken::new(endpoint, CLIENT_ID, secret, scope, store);
        CachedTokens::new(Arc::new(grant), Arc::clone(&time))
    };
    let client = Referrals::builder(transport, Arc::new(tokens), time);
    (double, client.build().unwrap(), id)
}

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Application,
    OfOtherAudience,
    WithoutFactor,
    WithoutRole,
}

async fn stranger(options: Options) -> Position {
    let (double, client) = sandbox(options);
    let id = double.with(|double| {
        let now = double.now();
        let center = double.partner_center_mut();
        center.stranger_sends(now, &Default::default()).unwrap()
    });
    (double, client, id.to_string())
}

/// The double under a fault that stays.
async fn trouble(status: u16, retry_after: Option<u64>, body: ErrorBody) -> Position {
    let (double, client, id) = own(plain()).await;
    let fault = Fault::Status {
        status,
        retry_after,
        at: Moment::BeforeEffect,
        body,
    };
    let rule = FaultRule::new(fault).with_service(ServiceName::PartnerCenter);
    double.add_fault(rule.with_times(None));
    (double, client, id)
}

fn get(client: Referrals, id: String) -> BoxFuture<'static, Came> {
    Box::pin(async move { of_referral(client.get(&id).await) })
}

fn post(client: Referrals, _: String) -> BoxFuture<'static, Came> {
    Box::pin(async move {
        let made = client.create(&draft(), CreateOptions::default()).await;
        of_referral(made.map(Some))
    })
}

fn close(client: Referrals, id: String, change: Patch) -> BoxFuture<'static, Came> {
    Box::pin(async move { patch(&client, &id, change, PatchOptions::default()).await })
}

fn operations() -> Vec<Case> {
    let page = |next: &str| {
        let mut page = json!({ "value": [serde_json::from_str::<Value>(SAMPLE).unwrap()] });
        if !next.is_empty() {
            page["@odata.nextLink"] = next.into();
        }
        answer(200, page.to_string())
    };
    vec![
        Case {
            name: "list",
            double: Box::pin(own(plain())),
            call: |client, _| {
                Box::pin(async move {
                    let page = client.first_page(&ListOptions::default()).await.unwrap();
                    Came::Page {
                        items: page.items.len(),
                        more: page.next.is_some(),
                    }
                })
            },
            canned: vec![page("")],
            came: Came::Page {
                items: 1,
                more: false,
            },
        },
        Case {
            name: "list, the next page",
            double: Box::pin(async {
                let options = plain()
                    .with_page_size(1)
                    .with_next_link(NextLink::Documented);
                let (double, client, id) = own(options).await;
                create(&client).await;
                (double, client, id)
            }),
            call: |client, _| {
                Box::pin(async move {
                    let first = client.first_page(&ListOptions::default()).await.unwrap();
                    let next = first.next.unwrap();
                    let page = client.next_page(&next).await.unwrap();
                    Came::Page {
                        items: page.items.len(),
                        more: page.next.is_some(),
                    }
                })
            },
            canned: vec![page("/v1.0/referrals?$skiptoken=q7Pw2LkZ%2fA"), page("")],
            came: Came::Page {
                items: 1,
                more: false,
            },
        },
        Case {
            name: "get",
            double: Box::pin(own(plain())),
            call: get,
            canned: canned_referral(200, &State::ACCEPTED),
            came: Came::Referral(State::ACCEPTED),
        },
        Case {
            name: "create, 200",
            double: Box::pin(own(plain())),
            call: post,
            canned: canned_referral(200, &State::ACCEPTED),
            came: Came::Referral(State::ACCEPTED),
        },
        Case {
            name: "create, 201",
            double: Box::pin(own(plain().with_create_status(StatusCode::CREATED))),
            call: post,
            canned: canned_referral(201, &State::ACCEPTED),
            came: Came::Referral(State::ACCEPTED),
        },
        Case {
            name: "invite Microsoft",
            double: Box::pin(async {
                let (double, client) = sandbox(plain());
                let own = client.create_draft(&help(), CreateOptions::default()).await;
                let id = own.unwrap().engagement_id().unwrap().unwrap();
                (double, client, id)
            }),
            call: |client, engagement| {
                Box::pin(async move {
                    let invitation = help().invitation(&engagement);
                    let options = CreateOptions::default();
                    of_referral(client.create_draft(&invitation, options).await.map(Some))
                })
            },
            canned: canned_referral(200, &State::PENDING),
            came: Came::Referral(State::PENDING),
        },
        Case {
            name: "patch with an answer",
            double: Box::pin(own(plain())),
            call: |client, id| {
                let newcomer =
                    Member::new("Mei", "Tan", "+6560000001", "mei.tan@northwind.example");
                let change = Patch::new().with_deal_value(91_000).with_team(&[newcomer]);
                close(client, id, change.share_with_microsoft_sellers())
            },
            canned: canned_referral(200, &State::ACCEPTED),
            came: Came::Referral(State::ACCEPTED),
        },
        Case {
            name: "patch without an answer",
            double: Box::pin(own(plain())),
            call: |client, id| {
                Box::pin(async move {
                    let options = PatchOptions::default().with_representation(false);
                    patch(&client, &id, Patch::new().with_notes("More."), options).await
                })
            },
            canned: vec![answer(204, "")],
            came: Came::Nothing,
        },
        Case {
            name: "accept",
            double: Box::pin(inbound()),
            call: |client, id| close(client, id, Patch::new().accept()),
            canned: canned_referral(200, &State::ACCEPTED),
            came: Came::Referral(State::ACCEPTED),
        },
        Case {
            name: "decline",
            double: Box::pin(inbound()),
            call: |client, id| close(client, id, Patch::new().decline(LossReason::NotACustomer)),
            canned: canned_referral(200, &State::DECLINED),
            came: Came::Referral(State::DECLINED),
        },
        Case {
            name: "win",
            double: Box::pin(own(plain())),
            call: |client, id| close(client, id, Patch::new().win()),
            canned: canned_referral(200, &State::WON),
            came: Came::Referral(State::WON),
        },
        Case {
            name: "lose",
            double: Box::pin(own(plain())),
            call: |client, id| close(client, id, Patch::new().lose(LossReason::Others)),
            canned: canned_referral(200, &State::LOST),
            came: Came::Referral(State::LOST),
        },
        Case {
            name: "close as error",
            double: Box::pin(own(plain())),
            call: |client, id| {
                let change = Patch::new().close_as_error(ErrorReason::TestReferral);
                close(client, id, change)
            },
            canned: canned_referral(200, &State::ERROR),
            came: Came::Referral(State::ERROR),
        },
        Case {
            name: "register",
            double: Box::pin(registrable()),
            call: |client, id| {
                Box::pin(async move {
                    let change = Patch::new().register(&registration());
                    let patched = client.patch(&id, &change, PatchOptions::default()).await;
                    of_registration(patched.map(|patched| patched.referral))
                })
            },
            canned: vec![answer(200, body(&State::WON, "ReviewPending"))],
            came: Came::Registration(RegistrationStatus::ReviewPending),
        },
        Case {
            name: "edit a registration",
            double: Box::pin(sent_back()),
            call: |client, id| {
                Box::pin(async move {
                    let edit = RegistrationEdit::default().with_contract_value(900_000);
                    let change = Patch::new().edit_registration(&edit);
                    let patched = client.patch(&id, &change, PatchOptions::default()).await;
                    of_registration(patched.map(|patched| patched.referral))
                })
            },
            canned: vec![answer(200, body(&State::WON, "ReviewPending"))],
            came: Came::Registration(RegistrationStatus::ReviewPending),
        },
    ]
}

fn refusals() -> Vec<Case> {
    let faulty = |client: Referrals, _: String| -> BoxFuture<'static, Came> {
        Box::pin(async move {
            let text = include_str!("samples/private_deal.json");
            let mut body: Value = serde_json::from_str(text).unwrap();
            body["customerProfile"]["address"]["country"] = "GBR".into();
            let raw: RawMap = serde_json::from_value(body).unwrap();
            let made = client.create_raw(&raw, CreateOptions::default()).await;
            of_referral(made.map(Some))
        })
    };
    let edit = |client, id| close(client, id, Patch::new().with_notes("x"));
    let mut cases = vec![
        Case {
            name: "400, the field is named",
            double: Box::pin(own(plain())),
            call: faulty,
            canned: vec![answer(400, include_str!("samples/error_invalid.json"))],
            came: refused(400, "invalidRequest", "customerProfile.address.country"),
        },
        Case {
            name: "400, a path that is not published",
            double: Box::pin(own(plain())),
            call: |client, id| close(client, id, Patch::new().with_name("Another")),
            canned: vec![fault(400, "invalidRequest", Some("name"))],
            came: refused(400, "invalidRequest", "name"),
        },
        Case {
            name: "400, a closed referral",
            double: Box::pin(won()),
            call: edit,
            canned: vec![fault(400, "invalidRequest", Some("details.notes"))],
            came: refused(400, "invalidRequest", "details.notes"),
        },
        Case {
            name: "400, an illegal move",
            double: Box::pin(won()),
            call: |client, id| close(client, id, Patch::new().accept()),
            canned: vec![fault(400, "invalidRequest", Some("status"))],
            came: refused(400, "invalidRequest", "status"),
        },
        Case {
            name: "409, an illegal move",
            double: Box::pin(async {
                let (double, client, id) = won().await;
                double.with(|double| {
                    let options = double.partner_center_mut().options_mut();
                    options.illegal_move = StatusCode::CONFLICT;
                });
                (double, client, id)
            }),
            call: |client, id| close(client, id, Patch::new().accept()),
            canned: vec![fault(409, "invalidRequest", Some("status"))],
            came: refused(409, "invalidRequest", "status"),
        },
        Case {
            name: "400, an id that is none",
            double: Box::pin(async {
                let (double, client, _) = own(plain()).await;
                (double, client, "no-guid".to_owned())
            }),
            call: get,
            canned: vec![fault(400, "invalidRequest", Some("id"))],
            came: refused(400, "invalidRequest", "id"),
        },
        Case {
            name: "401, another audience",
            double: Box::pin(seen_by(Who::OfOtherAudience, plain())),
            call: get,
            canned: vec![fault(401, "unauthenticated", None)],
            came: refused(401, "unauthenticated", ""),
        },
        Case {
            name: "401, no second factor",
            double: Box::pin(seen_by(Who::WithoutFactor, plain())),
            call: get,
            canned: vec![fault(401, "900421", None)],
            came: refused(401, "900421", ""),
        },
        Case {
            name: "401, no second factor and no body",
            double: Box::pin(seen_by(
                Who::WithoutFactor,
                plain().with_mfa(Mfa::DemandedWithoutBody),
            )),
            call: get,
            canned: vec![
                answer(401, "").insert_header("www-authenticate", "Bearer error=\"invalid_token\""),
            ],
            came: refused(401, "", ""),
        },
        Case {
            name: "403, no role",
            double: Box::pin(seen_by(Who::WithoutRole, plain())),
            call: get,
            canned: vec![fault(403, "accessDenied", Some("referral"))],
            came: refused(403, "accessDenied", "referral"),
        },
        Case {
            name: "403, another organization's",
            double: Box::pin(stranger(plain().with_foreign(StatusCode::FORBIDDEN))),
            call: get,
            canned: vec![fault(403, "accessDenied", Some("referral"))],
            came: refused(403, "accessDenied", "referral"),
        },
        Case {
            name: "404, another organization's",
            double: Box::pin(stranger(plain())),
            call: get,
            canned: vec![answer(404, include_str!("samples/error_not_found.json"))],
            came: Came::Nothing,
        },
        Case {
            name: "404, of a write",
            double: Box::pin(async {
                let (double, client, _) = own(plain()).await;
                (
                    double,
                    client,
                    "00000000-0000-4000-8000-000000000000".into(),
                )
            }),
            call: edit,
            canned: vec![answer(404, include_str!("samples/error_not_found.json"))],
            came: refused(404, "itemNotFound", "referral"),
        },
        Case {
            name: "412",
            double: Box::pin(own(plain())),
            call: |client, id| {
                Box::pin(async move {
                    let tag = cosell_referrals::ETag::new("\"0-0-0-0\"");
                    let options = PatchOptions::default().with_if_match(tag);
                    patch(&client, &id, Patch::new().with_notes("x"), options).await
                })
            },
            canned: vec![answer(412, include_str!("samples/error_stale.json"))],
            came: Came::Stale,
        },
        Case {
            name: "413",
            double: Box::pin(own(plain())),
            call: |client, id| {
                let notes = "x".repeat(1024 * 1024);
                close(client, id, Patch::new().with_notes(notes))
            },
            canned: vec![fault(413, "invalidRequest", Some("body"))],
            came: refused(413, "invalidRequest", "body"),
        },
    ];
    for (name, status) in [
        ("400, no user in the token", 400),
        ("401, no user in the token", 401),
        ("403, no user in the token", 403),
    ] {
        let code = match status {
            400 => "invalidRequest",
            401 => "unauthenticated",
            _ => "accessDenied",
        };
        let reading = plain().with_app_only(StatusCode::from_u16(status).unwrap());
        cases.push(Case {
            name,
            double: Box::pin(seen_by(Who::Application, reading)),
            call: get,
            canned: vec![fault(status, code, Some("Authorization"))],
            came: refused(status, code, "Authorization"),
        });
    }
    cases
}

/// What a gateway or a service in trouble answers, to a read that is tried again and to a write
/// that is not.
fn troubles() -> Vec<Case> {
    use ErrorKind as K;
    let gateway = |status: u16| {
        let body = json!({ "statusCode": status, "message": "Rate limit is exceeded." });
        answer(status, body.to_string())
    };
    let html = |status| {
        ResponseTemplate::new(status).set_body_raw("<html>Unavailable</html>", "text/html")
    };
    let mut cases = Vec::new();
    // A read was tried before, and the last answer says nothing about the first try.
    for (call, answered) in [
        (
            get as fn(Referrals, String) -> BoxFuture<'static, Came>,
            Sent::Maybe,
        ),
        (post, Sent::Answered),
    ] {
        for (name, status, wait, style, canned, kind, code, sent) in [
            (
                "429 of the gateway",
                429,
                Some(7),
                ErrorBody::Gateway,
                gateway(429).insert_header("retry-after", "7"),
                K::Throttled,
                "",
                Sent::No,
            ),
            (
                "429 of the service",
                429,
                Some(7),
                ErrorBody::Service,
                fault(429, "serviceNotAvailable", None).insert_header("retry-after", "7"),
                K::Throttled,
                "serviceNotAvailable",
                Sent::No,
            ),
            (
                "500",
                500,
                None,
                ErrorBody::Service,
                fault(500, "generalException", None),
                K::Service,
                "generalException",
                answered,
            ),
            (
                "502 as a web page",
                502,
                None,
                ErrorBody::Html,
                html(502),
                K::Service,
                "",
                answered,
            ),
            (
                "503",
                503,
                None,
                ErrorBody::Service,
                fault(503, "serviceNotAvailable", None),
                K::Service,
                "serviceNotAvailable",
                answered,
            ),
            (
                "503 that says how long",
                503,
                Some(7),
                ErrorBody::Service,
                fault(503, "serviceNotAvailable", None).insert_header("retry-after", "7"),
                K::Throttled,
                "serviceNotAvailable",
                Sent::No,
            ),
            (
                "504 without a body",
                504,
                None,
                ErrorBody::Empty,
                answer(504, ""),
                K::Service,
                "",
                answered,
            ),
            (
                "509",
                509,
                None,
                ErrorBody::Gateway,
                gateway(509),
                K::Service,
                "",
                answered,
            ),
        ] {
            cases.push(Case {
                name,
                double: Box::pin(trouble(status, wait, style)),
                call,
                canned: vec![canned],
                came: failed(kind, status, code, "", sent),
            });
        }
    }
    cases
}

/// A request in words that are the same in both worlds.
fn request(method: &str, target: &str, id: &str) -> String {
    let target = target.split("skiptoken=").next().unwrap_or_default();
    format!("{method} {}", target.replace(id, "{id}"))
}

/// The case over HTTP, with the documented answers.
async fn over_http(case: &Case) -> (Came, Vec<String>) {
    let server = serving(&case.canned).await;
    let transport = ReqwestTransport::new(ReqwestOptions::default()).unwrap();
    let client = Referrals::builder(Arc::new(transport), Arc::new(OneToken), Arc::new(Still))
        .base(server.uri().parse().unwrap())
        .build()
        .unwrap();
    let came = (case.call)(client, ID.to_owned()).await;
    let seen = server.received_requests().await.unwrap();
    for one in &seen {
        assert_eq!(one.headers["authorization"], "Bearer secret-token");
        assert!(one.headers.contains_key("client-request-id"));
        let conditional = one.headers.get("if-match");
        assert!(conditional.is_none_or(|tag| tag != ETAG || one.method == "PATCH"));
    }
    let seen = seen.iter().map(|one| {
        let query = one.url.query().map(|query| format!("?{query}"));
        let target = format!("{}{}", one.url.path(), query.unwrap_or_default());
        request(one.method.as_str(), &target, ID)
    });
    (came, seen.collect())
}

/// The case against the double.
async fn against_the_double(position: Position, case: &Case) -> (Came, Vec<String>) {
    let (double, client, id) = position;
    let before = double.with(|double| double.last_number());
    let came = (case.call)(client, id.clone()).await;
    let log = double.log();
    let ours = log
        .iter()
        .filter(|one| one.number > before && one.service == ServiceName::PartnerCenter);
    (
        came,
        ours.map(|one| request(&one.method, &one.path, &id))
            .collect(),
    )
}

async fn agree(cases: Vec<Case>) {
    for mut case in cases {
        let position = std::mem::replace(&mut case.double, Box::pin(std::future::pending()));
        let (came, asked) = over_http(&case).await;
        assert_eq!(came, case.came, "{}: over HTTP", case.name);
        let (came, asked_again) = against_the_double(position.await, &case).await;
        assert_eq!(came, case.came, "{}: the double", case.name);
        assert_eq!(asked, asked_again, "{}", case.name);
    }
}

#[tokio::test]
async fn documented_answers_and_the_double_agree_on_every_operation() {
    agree(operations()).await;
}

#[tokio::test]
async fn documented_answers_and_the_double_agree_on_every_refusal() {
    agree(refusals()).await;
}

#[tokio::test]
async fn documented_answers_and_the_double_agree_on_every_trouble() {
    agree(troubles()).await;
}
