//! The transport for the clients, without a socket.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{BodyLimit, Sent, Transport as _};
use cosell_sandbox::{
    Act, Clock, Fault, FaultRule, InProcess, Moment, Options, SandboxHandle, ServiceName,
    partner_center::InboundDeal,
};
use http::Request;

fn sandbox() -> SandboxHandle {
    let start: DateTime<Utc> = "2026-03-09T14:00:00Z".parse().unwrap();
    SandboxHandle::new(Options::default().with_clock(Clock::manual(start)))
}

fn get(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).unwrap()
}

const REFERRALS: &str = "https://api.partner.microsoft.com/v1.0/engagements/referrals";
const ROWS: &str = "https://fabrikam-sales.crm4.dynamics.com/api/data/v9.2/opportunities";

// G9
#[tokio::test]
async fn host_names_lead_to_the_services() {
    let sandbox = sandbox();
    let transport = InProcess::new(sandbox.clone());
    for uri in [
        REFERRALS,
        ROWS,
        "https://login.microsoftonline.com/t/oauth2/v2.0/token",
    ] {
        transport.send(get(uri)).await.unwrap();
    }
    let services: Vec<_> = sandbox.log().iter().map(|entry| entry.service).collect();
    let expected = [
        ServiceName::PartnerCenter,
        ServiceName::Dataverse,
        ServiceName::SignIn,
    ];
    assert_eq!(services, expected);
    let error = transport
        .send(get("https://dynamics.com.evil.example/"))
        .await
        .unwrap_err();
    assert_eq!(error.sent(), Sent::No);
    assert_eq!(sandbox.log().len(), 3);
}

#[tokio::test]
async fn lost_answer_leaves_the_effect_open() {
    let sandbox = sandbox();
    for at in [Moment::BeforeEffect, Moment::AfterEffect] {
        sandbox.add_fault(FaultRule::new(Fault::LoseAnswer { at }));
    }
    let transport = InProcess::new(sandbox.clone());
    for _ in 0..2 {
        let error = transport.send(get(REFERRALS)).await.unwrap_err();
        assert_eq!(error.sent(), Sent::Maybe);
    }
    transport.send(get(REFERRALS)).await.unwrap();
}

#[tokio::test]
async fn latency_moves_the_clock_instead_of_the_test() {
    let sandbox = sandbox();
    sandbox.add_fault(FaultRule::new(Fault::Latency { millis: 90_000 }));
    let before = sandbox.now();
    let transport = InProcess::new(sandbox.clone());
    transport.send(get(ROWS)).await.unwrap();
    assert_eq!((sandbox.now() - before).num_seconds(), 90);
}

#[tokio::test]
async fn body_limit_is_kept() {
    let transport = InProcess::new(sandbox());
    let mut request = get(REFERRALS);
    request.extensions_mut().insert(BodyLimit(3));
    assert!(transport.send(request).await.is_err());
}

#[test]
fn fork_goes_its_own_way() {
    let sandbox = sandbox();
    let fork = sandbox.fork();
    fork.advance(std::time::Duration::from_secs(5));
    fork.add_fault(FaultRule::new(Fault::Latency { millis: 1 }));
    assert_ne!(sandbox.now(), fork.now());
    assert!(sandbox.with(|sandbox| sandbox.faults().is_empty()));
}

#[test]
fn same_seed_gives_the_same_ids() {
    let sent = |seed| {
        let start: DateTime<Utc> = "2026-03-09T14:00:00Z".parse().unwrap();
        let options = Options::default()
            .with_clock(Clock::manual(start))
            .with_seed(seed);
        let deal = InboundDeal::new("Plant analytics", "Adatum");
        let sandbox = SandboxHandle::new(options);
        let sent = sandbox.act(&Act::MicrosoftSends(Box::new(deal))).unwrap();
        (sent, sandbox.with(|sandbox| sandbox.referrals_json()))
    };
    assert_eq!(sent(7), sent(7));
    assert_ne!(sent(7).0, sent(8).0);
}
