//! Certificates whose file lacks what lies between them and a root.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use cosell_http::Transport;
use cosell_referrals::webhook::{CertificateFault, FetchFault, Refusal, VerifierOptions};
use cosell_sandbox::{
    ErrorBody, Fault, FaultRule, Garbage, InProcess, Moment, ServiceName,
    webhooks::{CertificateFile, Options},
};
use http::{Request, StatusCode};

use super::support::World;

const ISSUER: &str = "https://www.microsoft.com/pkiops/certs/Sandbox%20Issuing%20CA%2001.crt";

fn apart(options: VerifierOptions) -> World {
    let service = Options::default().with_certificate_file(CertificateFile::IssuerElsewhere);
    World::with(service, options).registered()
}

fn unknown(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Certificate(CertificateFault::UnknownIssuer { .. })
    )
}

#[tokio::test]
async fn a_missing_issuer_is_fetched_once_from_the_address_that_the_certificate_names() {
    let world = apart(VerifierOptions::default());
    world.post().await.unwrap();
    // The certificate says http; the request goes over https.
    let asked = world.addresses();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].ends_with("pcnotifications-dispatch.microsoft.com.cer"));
    assert_eq!(asked[1], ISSUER);
    for _ in 0..5 {
        world.post().await.unwrap();
    }
    assert_eq!(world.fetched(), 2);
    assert_eq!(world.receiver.verifier.counts().certificate_fetches, 1);
}

#[tokio::test]
async fn issuers_are_fetched_from_the_listed_hosts_alone() {
    for hosts in [vec![], vec!["other.example".to_owned()]] {
        let world = apart(VerifierOptions::default().with_issuer_hosts(hosts));
        let refusal = world.post().await.unwrap_err();
        assert!(unknown(&refusal), "{refusal}");
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(world.fetched(), 1);
    }
}

#[tokio::test]
async fn an_issuer_can_be_given_in_the_place_of_being_fetched() {
    let world = apart(VerifierOptions::default());
    let request = Request::get(ISSUER).body(Bytes::new()).unwrap();
    let network = InProcess::new(world.sandbox.clone());
    let issuer = network.send(request).await.unwrap().into_body();
    let text = STANDARD.encode(issuer);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    let given = VerifierOptions::default()
        .with_issuer_hosts(Vec::new())
        .with_intermediates(pem);
    let world = apart(given);
    world.post().await.unwrap();
    assert_eq!(world.fetched(), 1);
}

#[tokio::test]
async fn an_issuers_host_in_trouble_is_no_forgery_and_odd_files_prove_nothing() {
    let world = apart(VerifierOptions::default());
    let strike = |world: &World, fault| {
        let rule = FaultRule::new(fault)
            .with_service(ServiceName::Webhooks)
            .with_path_contains("/pkiops/");
        world.sandbox.add_fault(rule);
    };
    let status = |status| Fault::Status {
        status,
        retry_after: None,
        at: Moment::BeforeEffect,
        body: ErrorBody::Empty,
    };
    strike(&world, status(503));
    let refusal = world.post().await.unwrap_err();
    let down = FetchFault::Status(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refusal, Refusal::Fetch(down));
    assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);

    for fault in [
        status(404),
        Fault::Garbage {
            form: Garbage::Html,
        },
        Fault::Garbage {
            form: Garbage::Empty,
        },
        Fault::Garbage {
            form: Garbage::Truncated,
        },
    ] {
        strike(&world, fault);
        let refusal = world.post().await.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED, "{refusal}");
    }
    // Partner Center comes again, and now the issuer is there.
    world.sandbox.advance(std::time::Duration::from_secs(60));
    world.post_again().await;
    assert!(world.told().last().unwrap().is_ok());
}
