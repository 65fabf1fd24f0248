//! Webhooks: from a change in Partner Center to the queues of all environments, and to the CRM.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell::{
    Cosell, Receiver,
    http::{
        Sent, Sleep, Transport, TransportError,
        sign_in::{CachedTokens, ClientCredentials, ENTRA_AUTHORITY, TokenEndpoint},
    },
    referrals::webhook::{
        EventName, Guard, GuardOptions, Overwrite, Registration, Repair, TrustAnchors, Verifier,
        VerifierOptions, Webhooks,
    },
    sync::{Clock, EngineOptions, MemoryStore, StateStore},
};
use cosell_sandbox::{
    Act, CLIENT_ID, CLIENT_SECRET, InProcess, SandboxHandle, ServiceName, TENANT,
    partner_center::InboundDeal, webhooks::Signature,
};
use http::{Request, Response};
use tower::ServiceExt as _;

use crate::world::{builder, builder_of, options};

const HOOK: &str = "https://hooks.fabrikam.example/partner-center";

/// The sandbox's time for those who wait for something else than time.
#[derive(Debug)]
struct Patient(SandboxHandle);

#[async_trait]
impl Sleep for Patient {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl Clock for Patient {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

/// A server with the router of the receiver, reached without a socket.
#[derive(Debug)]
struct Server(Router);

#[async_trait]
impl Transport for Server {
    async fn send(&self, post: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let answer = self.0.clone().oneshot(post.map(Body::from)).await;
        let answer = answer.map_err(|_| TransportError::new(Sent::No, "no server"))?;
        let status = answer.status();
        let mut plain = Response::new(Bytes::new());
        *plain.status_mut() = status;
        Ok(plain)
    }
}

fn webhooks(sandbox: &SandboxHandle) -> Webhooks {
    let network: Arc<dyn Transport> = Arc::new(InProcess::new(sandbox.clone()));
    let time: Arc<dyn Sleep> = Arc::new(Patient(sandbox.clone()));
    let endpoint = TokenEndpoint::entra(
        &ENTRA_AUTHORITY.parse().unwrap(),
        &TENANT.to_string(),
        network.clone(),
        time.clone(),
    );
    let scope = "https://api.partnercenter.microsoft.com/.default";
    let grant = ClientCredentials::new(endpoint.unwrap(), CLIENT_ID, CLIENT_SECRET.into(), scope);
    let tokens = CachedTokens::new(Arc::new(grant), time.clone());
    Webhooks::builder(network, Arc::new(tokens), time)
        .build()
        .unwrap()
}

fn verifier(sandbox: &SandboxHandle) -> Verifier {
    let root = sandbox.with(|sandbox| sandbox.webhooks().root_certificate());
    Verifier::new(
        TrustAnchors::from_pem(root.as_bytes()).unwrap(),
        Arc::new(InProcess::new(sandbox.clone())),
        Arc::new(Patient(sandbox.clone())),
        VerifierOptions::default(),
    )
    .unwrap()
}

fn opportunities(sandbox: &SandboxHandle) -> usize {
    sandbox.with(|sandbox| sandbox.dataverse().rows("opportunity").len())
}

fn send_deal(sandbox: &SandboxHandle) {
    let deal = InboundDeal::new("Plant analytics", "Adatum Corporation");
    sandbox.act(&Act::MicrosoftSends(Box::new(deal))).unwrap();
}

// R4
#[tokio::test]
async fn a_deal_that_microsoft_sends_arrives_without_a_poll() {
    let sandbox = SandboxHandle::new(options());
    let store: Arc<dyn StateStore> = Arc::new(MemoryStore::new());
    // Polls once, when it starts, and never again: its clock wakes nobody.
    let cosell = builder(&sandbox, store)
        .clock(Arc::new(Patient(sandbox.clone())))
        .engine(EngineOptions::default().with_owner("test"))
        .connect()
        .await
        .unwrap();
    let cosell = Arc::new(cosell);
    let receiver = Receiver::new(verifier(&sandbox), [("production", cosell.clone())]);
    let server = Server(receiver.router("/partner-center"));
    let wanted = Registration::new(HOOK);
    let registered = webhooks(&sandbox).register(&wanted, Overwrite::No).await;
    assert!(registered.unwrap().written);

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        cosell.run(shutdown).await
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    send_deal(&sandbox);
    let sent = sandbox.with(|sandbox| sandbox.last_number());
    assert_eq!(opportunities(&sandbox), 0);
    assert!(sandbox.deliver(&server).await > 0);
    let made = async {
        while opportunities(&sandbox) == 0 {
            tokio::task::yield_now().await;
        }
    };
    let patience = tokio::time::timeout(Duration::from_secs(30), made);
    patience.await.expect("the event woke the engine");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    let listed = sandbox.log().iter().any(|one| {
        one.number > sent
            && one.service == ServiceName::PartnerCenter
            && one.path.contains("$orderby=updatedDateTime")
    });
    assert!(!listed, "nobody polled after the deal was sent");
    assert_eq!(
        sandbox.with(|sandbox| sandbox.webhooks().given_up().count()),
        0
    );
}

// R44, R53, G6
#[tokio::test]
async fn one_guarded_receiver_feeds_several_environments_and_works_later() {
    let (sandbox, staging) = (SandboxHandle::new(options()), SandboxHandle::new(options()));
    let stores: [Arc<dyn StateStore>; 2] =
        [Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new())];
    let mut environments = Vec::new();
    for (name, crm, store) in [
        ("production", &sandbox, &stores[0]),
        ("staging", &staging, &stores[1]),
    ] {
        let cosell = builder_of(&sandbox, crm, store.clone()).connect().await;
        environments.push((name, Arc::new(cosell.unwrap())));
    }
    let receiver = Receiver::new(verifier(&sandbox), environments.clone());
    let server = Server(receiver.clone().router("/partner-center"));
    let api = webhooks(&sandbox);
    let wanted = Registration::new(HOOK);
    api.register(&wanted, Overwrite::No).await.unwrap();

    // Somebody else registers, and the guard takes the registration back.
    sandbox.with(|sandbox| {
        let events: Vec<_> = EventName::REFERRALS.iter().map(EventName::as_str).collect();
        let webhooks = sandbox.webhooks_mut();
        webhooks.take_over("https://hooks.contoso.example/x", &events);
    });
    let options = GuardOptions::default().with_repair(Repair::Taken);
    let guard = Guard::new(api, wanted, options);
    assert!(guard.check().await.unwrap().repaired);

    send_deal(&sandbox);
    sandbox.reset_counts();
    staging.reset_counts();
    assert!(sandbox.deliver(&server).await > 0);
    // Queued, durably, and nobody was asked for anything.
    for store in &stores {
        assert!(store.next_due().await.unwrap().is_some());
    }
    let counts = sandbox.counts();
    assert_eq!(counts.partner_center.requests, 0);
    assert_eq!(
        (
            counts.dataverse.requests,
            staging.counts().dataverse.requests
        ),
        (0, 0)
    );
    assert_eq!((opportunities(&sandbox), opportunities(&staging)), (0, 0));

    for (name, cosell) in &environments {
        let report = cosell.run_once().await.unwrap();
        assert!(report.errors.is_empty(), "{name}: {report:#?}");
    }
    assert_eq!((opportunities(&sandbox), opportunities(&staging)), (1, 1));
}

// G7
#[tokio::test]
async fn what_is_not_signed_by_microsoft_reaches_no_queue() {
    let sandbox = SandboxHandle::new(options());
    let store: Arc<dyn StateStore> = Arc::new(MemoryStore::new());
    let cosell = builder(&sandbox, store.clone()).connect().await.unwrap();
    let cosell: Arc<Cosell> = Arc::new(cosell);
    let receiver = Receiver::new(verifier(&sandbox), [("production", cosell)]);
    let server = Server(receiver.clone().router("/partner-center"));
    webhooks(&sandbox)
        .register(&Registration::new(HOOK), Overwrite::No)
        .await
        .unwrap();
    for signature in [
        Signature::Forged,
        Signature::Missing,
        Signature::Truncated,
        Signature::OtherOrganization,
        Signature::Expired,
        Signature::Sha1,
    ] {
        sandbox.with(|sandbox| {
            let now = sandbox.now();
            let webhooks = sandbox.webhooks_mut();
            webhooks.options_mut().signature = signature;
            let uri = "https://x.example/referrals/b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa";
            webhooks.post_event(now, "referral-updated", uri, "referral");
        });
        assert_eq!(sandbox.deliver(&server).await, 1, "{signature:?}");
        assert!(store.next_due().await.unwrap().is_none(), "{signature:?}");
    }
    assert_eq!(receiver.verifier().counts().unproven, 6);

    // A genuine one about something else is taken, and passed to nobody.
    sandbox.with(|sandbox| {
        let now = sandbox.now();
        let webhooks = sandbox.webhooks_mut();
        webhooks.options_mut().signature = Signature::Genuine;
        webhooks.post_event(
            now,
            "invoice-ready",
            "https://x.example/invoices/1",
            "invoice",
        );
    });
    sandbox.deliver(&server).await;
    assert_eq!(receiver.verifier().counts().accepted, 1);
    assert!(store.next_due().await.unwrap().is_none());
}
