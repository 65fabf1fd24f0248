//! Each operation of the registration and each of its refusals, once over HTTP with the documented
//! answer, once against the double: requests and outcomes must be the same.

use std::sync::Arc;

use cosell_http::{ReqwestOptions, ReqwestTransport};
use cosell_referrals::{
    Error, ErrorKind,
    webhook::{EventName, Overwrite, RegisterError, Registration, Webhooks},
};
use cosell_sandbox::{
    ErrorBody, Fault, FaultRule, Moment, ServiceName,
    webhooks::{EVENTS, Options, PostOnExisting},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use wiremock::ResponseTemplate;

use super::support::{HOOK, World, wanted};
use crate::support::{OneToken, Still, serving};

const CORRELATION: &str = "5d8a7c1e-3f52-4d10-9b1e-6a0f6f0c2d77";
const THEIRS: &str = "https://hooks.contoso.example/other";

#[derive(Debug, PartialEq)]
enum Came {
    Events { all_of_referrals: bool },
    Registered { url: String, events: usize },
    Nothing,
    Sent,
    Validated { over: bool },
    Occupied { by: String },
    Failed(ErrorKind, u16),
}

struct Case {
    name: &'static str,
    double: World,
    call: fn(Webhooks) -> BoxFuture<'static, Result<Came, Error>>,
    /// The documented answers, in order; the last one again and again.
    canned: Vec<ResponseTemplate>,
    came: Came,
}

fn answer(status: u16, body: &serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/json")
}

fn fault(status: u16) -> ResponseTemplate {
    let body = json!({ "code": "2000", "description": "Said so.", "data": [], "source": "x" });
    answer(status, &body)
}

fn kept(url: &str) -> ResponseTemplate {
    answer(200, &json!({ "WebhookUrl": url, "WebhookEvents": EVENTS }))
}

fn written() -> ResponseTemplate {
    let body = json!({
        "SubscriberId": "e82cac64-dc67-4cd3-849b-78b6127dd57d",
        "WebhookUrl": HOOK,
        "WebhookEvents": EVENTS,
    });
    answer(200, &body)
}

fn world() -> World {
    World::new(Options::default())
}

fn taken() -> World {
    let world = world();
    world.sandbox.with(|sandbox| {
        sandbox.webhooks_mut().take_over(THEIRS, &EVENTS);
    });
    world
}

fn trouble(status: u16, retry_after: Option<u64>, body: ErrorBody) -> World {
    let world = world().registered();
    let fault = Fault::Status {
        status,
        retry_after,
        at: Moment::BeforeEffect,
        body,
    };
    let rule = FaultRule::new(fault).with_service(ServiceName::Webhooks);
    world.sandbox.add_fault(rule.with_times(None));
    world
}

fn registered(now: Registration) -> Came {
    Came::Registered {
        url: now.url,
        events: now.events.len(),
    }
}

fn read(webhooks: Webhooks) -> BoxFuture<'static, Result<Came, Error>> {
    Box::pin(async move {
        let read = webhooks.registration().await?;
        Ok(read.map_or(Came::Nothing, registered))
    })
}

fn create(webhooks: Webhooks) -> BoxFuture<'static, Result<Came, Error>> {
    Box::pin(async move { Ok(registered(webhooks.create(&wanted()).await?)) })
}

fn replace(webhooks: Webhooks) -> BoxFuture<'static, Result<Came, Error>> {
    Box::pin(async move { Ok(registered(webhooks.replace(&wanted()).await?)) })
}

fn send(webhooks: Webhooks) -> BoxFuture<'static, Result<Came, Error>> {
    Box::pin(async move { webhooks.send_validation_event().await.map(|_| Came::Sent) })
}

async fn register(webhooks: Webhooks, overwrite: Overwrite) -> Result<Came, Error> {
    match webhooks.register(&wanted(), overwrite).await {
        Ok(done) => Ok(registered(done.now)),
        Err(RegisterError::Occupied { existing }) => Ok(Came::Occupied { by: existing.url }),
        Err(RegisterError::Failed(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn ours() -> Came {
    Came::Registered {
        url: HOOK.into(),
        events: 5,
    }
}

fn cases() -> Vec<Case> {
    let case = |name, double, call, canned, came| Case {
        name,
        double,
        call,
        canned,
        came,
    };
    let mut without_test = wanted();
    without_test
        .events
        .retain(|event| *event != EventName::TestCreated);
    let without_test = {
        let names: Vec<_> = without_test.events.iter().map(EventName::as_str).collect();
        let world = world();
        world.sandbox.with(|sandbox| {
            sandbox.webhooks_mut().take_over(HOOK, &names);
        });
        world
    };
    let validation = json!({
        "correlationId": CORRELATION,
        "status": "inProgress",
        "callbackUrl": HOOK,
        "results": [],
    });
    let events = json!(EVENTS.iter().chain(&["invoice-ready"]).collect::<Vec<_>>());
    vec![
        case(
            "events there are",
            world(),
            |webhooks| {
                Box::pin(async move {
                    let known = webhooks.known_events().await?;
                    let all_of_referrals = EventName::REFERRALS
                        .iter()
                        .all(|event| known.contains(event));
                    Ok(Came::Events { all_of_referrals })
                })
            },
            vec![answer(200, &events)],
            Came::Events {
                all_of_referrals: true,
            },
        ),
        case("read", world().registered(), read, vec![kept(HOOK)], ours()),
        case(
            "read nothing",
            world(),
            read,
            vec![fault(404)],
            Came::Nothing,
        ),
        case("create", world(), create, vec![written()], ours()),
        case(
            "create where there is one",
            World::new(Options::default().with_post_on_existing(PostOnExisting::Conflict))
                .registered(),
            create,
            vec![fault(409)],
            Came::Failed(ErrorKind::Conflict, 409),
        ),
        case("replace", taken(), replace, vec![written()], ours()),
        case(
            "replace nothing",
            world(),
            replace,
            vec![fault(404)],
            Came::Failed(ErrorKind::NotFound, 404),
        ),
        case(
            "register",
            world(),
            |webhooks| Box::pin(register(webhooks, Overwrite::No)),
            vec![fault(404), written()],
            ours(),
        ),
        case(
            "register where there is another",
            taken(),
            |webhooks| Box::pin(register(webhooks, Overwrite::No)),
            vec![kept(THEIRS)],
            Came::Occupied { by: THEIRS.into() },
        ),
        case(
            "register over another",
            taken(),
            |webhooks| Box::pin(register(webhooks, Overwrite::Yes)),
            vec![kept(THEIRS), written()],
            ours(),
        ),
        case(
            "validation event",
            world().registered(),
            send,
            vec![answer(200, &json!({ "correlationId": CORRELATION }))],
            Came::Sent,
        ),
        case(
            "validation event that nobody wants",
            without_test,
            send,
            vec![fault(400)],
            Came::Failed(ErrorKind::Refused, 400),
        ),
        case(
            "what became of it",
            world().registered(),
            |webhooks| {
                Box::pin(async move {
                    let id = webhooks.send_validation_event().await?;
                    let over = webhooks.validation(&id).await?.is_over();
                    Ok(Came::Validated { over })
                })
            },
            vec![
                answer(200, &json!({ "correlationId": CORRELATION })),
                answer(200, &validation),
            ],
            Came::Validated { over: false },
        ),
        case(
            "what became of none",
            world().registered(),
            |webhooks| {
                Box::pin(async move {
                    let over = webhooks.validation(CORRELATION).await?.is_over();
                    Ok(Came::Validated { over })
                })
            },
            vec![fault(404)],
            Came::Failed(ErrorKind::NotFound, 404),
        ),
        case(
            "a token of another audience",
            trouble(401, None, ErrorBody::Service),
            read,
            vec![fault(401)],
            Came::Failed(ErrorKind::Denied, 401),
        ),
        case(
            "no role",
            trouble(403, None, ErrorBody::Service),
            create,
            vec![fault(403)],
            Came::Failed(ErrorKind::Denied, 403),
        ),
        case(
            "too many calls",
            trouble(429, Some(57), ErrorBody::Gateway),
            read,
            vec![
                answer(429, &json!({ "statusCode": 429, "message": "Rate limit." }))
                    .insert_header("retry-after", "57"),
            ],
            Came::Failed(ErrorKind::Throttled, 429),
        ),
        case(
            "trouble",
            trouble(500, None, ErrorBody::Empty),
            replace,
            vec![ResponseTemplate::new(500)],
            Came::Failed(ErrorKind::Service, 500),
        ),
    ]
}

fn came(outcome: Result<Came, Error>) -> Came {
    outcome.unwrap_or_else(|error| {
        Came::Failed(
            error.kind(),
            error.status().map_or(0, |status| status.as_u16()),
        )
    })
}

fn request(method: &str, path: &str) -> String {
    let known = path.rsplit_once("/validationEvents/");
    let path = known.map_or(path.to_owned(), |(before, _)| {
        format!("{before}/validationEvents/{{id}}")
    });
    format!("{method} {path}")
}

#[tokio::test]
async fn documented_answers_and_the_double_agree_on_registrations() {
    for case in cases() {
        let server = serving(&case.canned).await;
        let transport = ReqwestTransport::new(ReqwestOptions::default()).unwrap();
        let client = Webhooks::builder(Arc::new(transport), Arc::new(OneToken), Arc::new(Still))
            .base(server.uri().parse().unwrap())
            .build()
            .unwrap();
        assert_eq!(
            came((case.call)(client).await),
            case.came,
            "{}: HTTP",
            case.name
        );
        let seen = server.received_requests().await.unwrap();
        let seen: Vec<_> = seen
            .iter()
            .map(|one| {
                assert!(one.headers.contains_key("ms-correlationid"));
                request(one.method.as_str(), one.url.path())
            })
            .collect();

        let double = &case.double.sandbox;
        let before = double.with(|double| double.last_number());
        let outcome = (case.call)(case.double.webhooks.clone()).await;
        assert_eq!(came(outcome), case.came, "{}: the double", case.name);
        let log = double.log();
        let asked: Vec<_> = log
            .iter()
            .filter(|one| one.number > before && one.service == ServiceName::Webhooks)
            .map(|one| request(&one.method, &one.path))
            .collect();
        assert_eq!(seen, asked, "{}", case.name);
    }
}
