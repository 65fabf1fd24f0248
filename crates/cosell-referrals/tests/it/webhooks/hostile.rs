use bytes::Bytes;
use cosell_referrals::webhook::{
    AddressFault, CertificateFault, FetchFault, Refusal, VerifierOptions,
};
use cosell_sandbox::{
    ErrorBody, Fault, FaultRule, Moment, ServiceName,
    webhooks::{Options, Signature},
};
use http::{HeaderMap, StatusCode};

use super::support::World;

/// A genuine post, kept for being altered.
async fn genuine() -> (World, HeaderMap, Bytes) {
    let world = World::new(Options::default()).registered();
    world.post().await.unwrap();
    let (headers, body) = world.last_post();
    (world, headers, body)
}

// R45
#[tokio::test]
async fn what_microsoft_did_not_sign_is_refused_with_401_and_counted() {
    let mut refused = 0;
    for (signature, expected) in [
        (Signature::Missing, "no signature"),
        (Signature::Forged, "does not fit"),
        (Signature::Truncated, "does not fit"),
        (Signature::OtherOrganization, "O=Contoso Ltd"),
        (Signature::UntrustedRoot, "chain"),
        (Signature::Expired, "expired"),
        (Signature::Sha1, "algorithm"),
        (Signature::Redirected, "redirects"),
    ] {
        let world = World::new(Options::default().with_signature(signature)).registered();
        let refusal = world.post().await.unwrap_err();
        assert!(
            refusal.to_string().contains(expected),
            "{signature:?}: {refusal}"
        );
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED, "{signature:?}");
        refused += world.receiver.verifier.counts().unproven;

        // The same receiver takes a genuine one.
        world.set(|options| options.signature = Signature::Genuine);
        world.post().await.unwrap();
        let counts = world.receiver.verifier.counts();
        assert_eq!((counts.accepted, counts.unproven), (1, 1), "{signature:?}");
    }
    assert_eq!(refused, 8);
}

// R47
#[tokio::test]
async fn certificates_are_fetched_from_the_listed_host_alone() {
    let (world, headers, body) = genuine().await;
    let fetched = world.fetched();
    for (address, fault) in [
        (
            "https://evil.example/cert/pcnotifications-dispatch.microsoft.com.cer",
            AddressFault::Host,
        ),
        (
            "http://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer",
            AddressFault::Scheme,
        ),
        (
            "https://169.254.169.254/latest/meta-data/",
            AddressFault::Number,
        ),
        ("http://127.0.0.1:8080/a.cer", AddressFault::Host),
        ("file:///etc/ssl/cert.pem", AddressFault::Unreadable),
    ] {
        let mut headers = headers.clone();
        headers.insert("x-ms-certificate-url", address.parse().unwrap());
        let refusal = world
            .receiver
            .verifier
            .verify(&headers, &body)
            .await
            .unwrap_err();
        assert_eq!(refusal, Refusal::Address(fault), "{address}");
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.fetched(), fetched);
}

#[tokio::test]
async fn no_byte_of_a_signed_post_may_change() {
    let (world, headers, body) = genuine().await;
    let verifier = &world.receiver.verifier;
    assert!(verifier.verify(&headers, &body).await.is_ok());
    for place in [0, body.len() / 2, body.len() - 1] {
        let mut changed = body.to_vec();
        changed[place] ^= 1;
        let refusal = verifier.verify(&headers, &Bytes::from(changed)).await;
        assert_eq!(refusal.unwrap_err(), Refusal::Mismatch);
        let refusal = verifier.verify(&headers, &body.slice(..place)).await;
        assert_eq!(refusal.unwrap_err(), Refusal::Mismatch);
    }
    let mut longer = body.to_vec();
    longer.push(b'\n');
    let refusal = verifier.verify(&headers, &Bytes::from(longer)).await;
    assert_eq!(refusal.unwrap_err(), Refusal::Mismatch);
}

#[tokio::test]
async fn five_megabytes_are_refused_unread() {
    let (world, mut headers, _) = genuine().await;
    let fetched = world.fetched();
    headers.insert(
        "x-ms-certificate-url",
        "https://3psostorageacct.blob.core.windows.net/cert/n"
            .parse()
            .unwrap(),
    );
    let refusal = world
        .receiver
        .verifier
        .verify(&headers, &Bytes::from(vec![b'{'; 5 * 1024 * 1024]))
        .await
        .unwrap_err();
    assert_eq!(refusal, Refusal::TooLarge { limit: 64 * 1024 });
    assert_eq!(refusal.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.fetched(), fetched);
}

#[tokio::test]
async fn a_replay_is_the_same_event_again() {
    let (world, headers, body) = genuine().await;
    let first = world.told()[0].clone().unwrap();
    world
        .sandbox
        .advance(std::time::Duration::from_secs(30 * 24 * 60 * 60));
    let again = world
        .receiver
        .verifier
        .verify(&headers, &body)
        .await
        .unwrap();
    assert_eq!(first.key(), again.key());
}

// R47
#[tokio::test]
async fn a_thousand_certificate_addresses_cause_ten_fetches_and_silence_nobody() {
    let (world, headers, body) = genuine().await;
    let known = world.fetched();
    let verifier = &world.receiver.verifier;
    let mut statuses = std::collections::BTreeMap::new();
    for number in 0..1000 {
        let address = format!("https://3psostorageacct.blob.core.windows.net/cert/{number}.cer");
        let mut headers = headers.clone();
        headers.insert("x-ms-certificate-url", address.parse().unwrap());
        let refusal = verifier.verify(&headers, &body).await.unwrap_err();
        *statuses.entry(refusal.status().as_u16()).or_insert(0) += 1;
    }
    // The genuine certificate's own fetch was the first of the minute's ten.
    assert_eq!(world.fetched() - known, 9);
    assert_eq!(statuses, [(401, 9), (503, 991)].into());
    assert!(verifier.verify(&headers, &body).await.is_ok());
    assert_eq!(verifier.counts().postponed, 991);
    let shown = format!("{verifier:?}");
    assert!(shown.contains("kept: 1"), "{shown}");
}

#[tokio::test]
async fn a_certificate_host_in_trouble_is_no_forgery() {
    for (status, answered) in [(503, 503), (500, 503), (429, 503), (404, 401)] {
        let world = World::new(Options::default()).registered();
        world.sandbox.add_fault(
            FaultRule::new(Fault::Status {
                status,
                retry_after: None,
                at: Moment::BeforeEffect,
                body: ErrorBody::Empty,
            })
            .with_service(ServiceName::Webhooks),
        );
        let refusal = world.post().await.unwrap_err();
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(refusal, Refusal::Fetch(FetchFault::Status(status)));
        assert_eq!(refusal.status().as_u16(), answered);
    }
    let world = World::new(Options::default()).registered();
    world.sandbox.add_fault(
        FaultRule::new(Fault::LoseAnswer {
            at: Moment::BeforeEffect,
        })
        .with_service(ServiceName::Webhooks),
    );
    let refusal = world.post().await.unwrap_err();
    assert_eq!(refusal, Refusal::Fetch(FetchFault::Unreachable));
    // Partner Center comes again.
    world.sandbox.advance(std::time::Duration::from_secs(10));
    world.sandbox.deliver(&world.receiver).await;
    assert!(world.told().last().unwrap().is_ok());
}

#[tokio::test]
async fn files_that_are_no_certificates_are_refused() {
    use cosell_sandbox::Garbage;
    for form in [Garbage::Html, Garbage::Truncated, Garbage::Empty] {
        let world = World::new(Options::default()).registered();
        world
            .sandbox
            .add_fault(FaultRule::new(Fault::Garbage { form }).with_service(ServiceName::Webhooks));
        let refusal = world.post().await.unwrap_err();
        assert_eq!(
            refusal,
            Refusal::Certificate(CertificateFault::Unreadable),
            "{form:?}"
        );
    }
    let mut tight = VerifierOptions::default();
    tight.certificate_limit = 100;
    let world = World::with(Options::default(), tight).registered();
    let refusal = world.post().await.unwrap_err();
    assert!(matches!(refusal, Refusal::Fetch(_)), "{refusal}");
}

#[tokio::test]
async fn a_name_can_be_demanded() {
    let other = VerifierOptions::default().with_subject_names(vec!["other.example".into()]);
    let world = World::with(Options::default(), other).registered();
    let refusal = world.post().await.unwrap_err();
    assert!(
        refusal.to_string().contains("pcnotifications-dispatch"),
        "{refusal}"
    );
    let right = vec!["pcnotifications-dispatch.microsoft.com".to_owned()];
    let right = VerifierOptions::default().with_subject_names(right);
    let world = World::with(Options::default(), right).registered();
    assert!(world.post().await.is_ok());
}
