use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{FromRef, State},
    http::{Request, StatusCode},
    routing::post,
};
use bytes::Bytes;
use cosell_referrals::webhook::{EventName, Verifier, axum::VerifiedEvent};
use cosell_sandbox::{
    Act,
    webhooks::{DeliveryOrder, Options, ResourceUri, Signature},
};
use std::sync::Arc;
use tower::ServiceExt as _;

use super::support::World;

// R46, R48
#[tokio::test]
async fn events_arrive_under_every_reading_of_the_service() {
    for own_header in [false, true] {
        for style in [ResourceUri::Documented, ResourceUri::Rest] {
            let world = World::new(Options::default().with_resource_uri(style));
            let wanted = super::support::wanted().with_signature_in_own_header(own_header);
            world.webhooks.create(&wanted).await.unwrap();
            let sent = world
                .sandbox
                .act(&Act::MicrosoftSends(Box::default()))
                .unwrap();
            assert_eq!(world.sandbox.deliver(&world.receiver).await, 2);
            let told = world.told();
            let (related, own) = (told[0].as_ref().unwrap(), told[1].as_ref().unwrap());
            assert_eq!(related.name(), &EventName::RelatedReferralCreated);
            assert_eq!(own.name(), &EventName::ReferralCreated);
            assert_eq!(own.referral_id(), sent.id.as_deref());
            assert_eq!(own.resource_name().as_deref(), Some("referral"));
            assert!(own.changed_at().is_some());
        }
    }
}

// R49
#[tokio::test]
async fn events_of_other_parts_of_partner_center_are_taken() {
    let world = World::new(Options::default()).registered();
    world.sandbox.with(|sandbox| {
        let now = sandbox.now();
        let uri = "https://api.partnercenter.microsoft.com/v1/invoices/D0123/";
        sandbox
            .webhooks_mut()
            .post_event(now, "invoice-ready", uri, "invoice");
    });
    world.sandbox.deliver(&world.receiver).await;
    let told = world.told();
    let event = told[0].as_ref().unwrap();
    assert_eq!(event.name().as_str(), "invoice-ready");
    assert_eq!(event.referral_id(), None);
    assert_eq!(
        world
            .sandbox
            .with(|sandbox| sandbox.webhooks().given_up().count()),
        0
    );
}

/// Trap 7: one save causes several calls.
#[tokio::test]
async fn repeated_and_reordered_posts_are_told_apart_by_their_keys() {
    let options = Options::default()
        .with_duplicates(9)
        .with_order(DeliveryOrder::Shuffled);
    let world = World::new(options).registered();
    for _ in 0..3 {
        world
            .sandbox
            .act(&Act::MicrosoftSends(Box::default()))
            .unwrap();
        world.sandbox.advance(Duration::from_secs(1));
    }
    assert_eq!(world.sandbox.deliver(&world.receiver).await, 60);
    let told = world.told();
    let keys: BTreeSet<_> = told
        .iter()
        .map(|event| event.as_ref().unwrap().key().clone())
        .collect();
    assert_eq!(keys.len(), 6);
}

#[derive(Clone)]
struct App {
    verifier: Verifier,
    seen: Arc<Mutex<Vec<EventName>>>,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

async fn hook(State(app): State<App>, VerifiedEvent(event): VerifiedEvent) -> StatusCode {
    app.seen.lock().unwrap().push(event.name().clone());
    StatusCode::NO_CONTENT
}

// R45
#[tokio::test]
async fn an_axum_handler_sees_only_what_microsoft_signed() {
    let world = World::new(Options::default()).registered();
    let app = App {
        verifier: world.receiver.verifier.clone(),
        seen: Arc::default(),
    };
    let router = Router::new()
        .route("/pc", post(hook))
        .with_state(app.clone());
    let answer = async |request: Request<Body>| {
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1024)
            .await
            .unwrap();
        assert!(body.is_empty());
        status.as_u16()
    };
    let request = |body: Body| {
        let (headers, _) = world.last_post();
        let mut request = Request::post("/pc").body(body).unwrap();
        *request.headers_mut() = headers;
        request
    };

    world.post().await.unwrap();
    let (_, good) = world.last_post();
    assert_eq!(answer(request(good.clone().into())).await, 204);
    assert_eq!(answer(request(Bytes::from_static(b"{}").into())).await, 401);
    assert_eq!(
        answer(request(vec![b' '; 5 * 1024 * 1024].into())).await,
        413
    );
    assert_eq!(
        answer(Request::post("/pc").body(good.clone().into()).unwrap()).await,
        401
    );
    let mut nameless = request(good.into());
    nameless.headers_mut().remove("x-ms-certificate-url");
    assert_eq!(answer(nameless).await, 400);
    let broken = futures_util::stream::iter([
        Ok(Bytes::from_static(b"{")),
        Err(std::io::Error::other("gone")),
    ]);
    assert_eq!(answer(request(Body::from_stream(broken))).await, 400);
    world.set(|options| options.signature = Signature::Forged);
    world.post().await.unwrap_err();
    let (_, forged) = world.last_post();
    assert_eq!(answer(request(forged.into())).await, 401);

    assert_eq!(*app.seen.lock().unwrap(), [EventName::ReferralUpdated]);
    let counts = app.verifier.counts();
    assert_eq!(
        (counts.accepted, counts.unproven, counts.unreadable),
        (2, 4, 3)
    );
}
