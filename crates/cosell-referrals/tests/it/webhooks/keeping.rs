use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use cosell_http::{Transport, TransportError};
use cosell_referrals::webhook::{Refusal, TrustAnchors, Verifier, VerifierOptions};
use cosell_sandbox::{
    ErrorBody, Fault, FaultRule, InProcess, Moment, ServiceName,
    webhooks::{CertificateFile, Options, Signature},
};
use futures_util::future::join_all;
use http::{Request, Response};

use super::support::{Patient, World};

const HOUR: Duration = Duration::from_secs(60 * 60);

// R47
#[tokio::test]
async fn a_certificate_is_fetched_once_a_day() {
    let world = World::new(Options::default()).registered();
    for _ in 0..5 {
        world.post().await.unwrap();
    }
    assert_eq!(world.fetched(), 1);
    world.sandbox.advance(23 * HOUR);
    world.post().await.unwrap();
    assert_eq!(world.fetched(), 1);
    world.sandbox.advance(HOUR);
    world.post().await.unwrap();
    assert_eq!(world.fetched(), 2);
}

#[tokio::test]
async fn all_forms_of_the_file_are_read() {
    for file in [
        CertificateFile::Der,
        CertificateFile::Base64,
        CertificateFile::Pem,
        CertificateFile::PemChain,
    ] {
        let world = World::new(Options::default().with_certificate_file(file)).registered();
        assert!(world.post().await.is_ok(), "{file:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_down_does_not_silence_a_good_certificate() {
    let world = World::new(Options::default()).registered();
    world.post().await.unwrap();
    world.sandbox.add_fault(
        FaultRule::new(Fault::Status {
            status: 503,
            retry_after: None,
            at: Moment::BeforeEffect,
            body: ErrorBody::Empty,
        })
        .with_service(ServiceName::Webhooks)
        .with_times(None),
    );
    world.sandbox.advance(25 * HOUR);
    world.post().await.unwrap();
    world.post().await.unwrap();
    // One try a minute is enough.
    assert_eq!(world.fetched(), 2);
}

#[tokio::test]
async fn a_kept_certificate_ends_with_its_time() {
    let keep = VerifierOptions::default().with_keep_certificates_for(Duration::MAX);
    let world = World::with(Options::default(), keep).registered();
    world.post().await.unwrap();
    // To the year 2050.
    world.sandbox.advance(24 * 365 * 24 * HOUR);
    let refusal = world.post().await.unwrap_err();
    assert!(refusal.to_string().contains("expired"), "{refusal}");
}

#[tokio::test]
async fn forged_posts_cause_one_fetch_in_five_minutes() {
    let world = World::new(Options::default()).registered();
    world.post().await.unwrap();
    world.set(|options| options.signature = Signature::Forged);
    for _ in 0..20 {
        assert_eq!(world.post().await.unwrap_err(), Refusal::Mismatch);
    }
    assert_eq!(world.fetched(), 1);
    world.sandbox.advance(Duration::from_secs(5 * 60));
    // Tries of the posts above come again; none is taken.
    world.sandbox.deliver(&world.receiver).await;
    assert_eq!(world.fetched(), 2);
    assert_eq!(world.receiver.verifier.counts().accepted, 1);
}

/// Serves the file that is set.
#[derive(Debug)]
struct Host {
    file: Mutex<Option<Bytes>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Transport for Host {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let file = self.file.lock().unwrap().clone();
        match file {
            Some(file) => Ok(Response::new(file)),
            None => std::future::pending().await,
        }
    }
}

async fn file(world: &World) -> Bytes {
    let url = world
        .sandbox
        .with(|sandbox| sandbox.webhooks().options().certificate_url.clone());
    let request = Request::get(url).body(Bytes::new()).unwrap();
    InProcess::new(world.sandbox.clone())
        .send(request)
        .await
        .unwrap()
        .into_body()
}

/// A verifier that trusts both worlds and fetches from `host`.
fn verifier(worlds: &[&World], host: &Arc<Host>) -> Verifier {
    let roots: String = worlds
        .iter()
        .map(|world| {
            world
                .sandbox
                .with(|sandbox| sandbox.webhooks().root_certificate())
        })
        .collect();
    Verifier::new(
        TrustAnchors::from_pem(roots.as_bytes()).unwrap(),
        Arc::clone(host) as _,
        Arc::new(Patient(worlds[0].sandbox.clone())),
        VerifierOptions::default(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_certificate_renewed_under_its_address_is_noticed() {
    let old = World::new(Options::default()).registered();
    let new = World::apart().registered();
    old.post().await.unwrap();
    new.post().await.unwrap();
    let host = Arc::new(Host {
        file: Mutex::new(Some(file(&old).await)),
        asked: AtomicUsize::new(0),
    });
    let verifier = verifier(&[&old, &new], &host);
    let ((headers, body), (new_headers, new_body)) = (old.last_post(), new.last_post());
    assert!(verifier.verify(&headers, &body).await.is_ok());

    *host.file.lock().unwrap() = Some(file(&new).await);
    assert_eq!(
        verifier.verify(&new_headers, &new_body).await.unwrap_err(),
        Refusal::Mismatch
    );
    old.sandbox.advance(Duration::from_secs(5 * 60));
    assert!(verifier.verify(&new_headers, &new_body).await.is_ok());
    assert_eq!(host.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn many_posts_at_once_share_one_fetch_and_who_leaves_blocks_nobody() {
    let world = World::new(Options::default()).registered();
    world.post().await.unwrap();
    let (headers, body) = world.last_post();
    let host = Arc::new(Host {
        file: Mutex::new(None),
        asked: AtomicUsize::new(0),
    });
    let verifier = verifier(&[&world], &host);
    for _ in 0..3 {
        // The host hangs, and the caller hangs up.
        let left = tokio::time::timeout(Duration::from_millis(1), verifier.verify(&headers, &body));
        assert!(left.await.is_err());
    }
    assert_eq!(host.asked.load(Ordering::Relaxed), 3);
    *host.file.lock().unwrap() = Some(file(&world).await);
    let all = join_all((0..50).map(|_| verifier.verify(&headers, &body))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(host.asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_certificate_can_be_fetched_ahead() {
    let world = World::new(Options::default()).registered();
    let verifier = &world.receiver.verifier;
    let url = world
        .sandbox
        .with(|sandbox| sandbox.webhooks().options().certificate_url.clone());
    verifier.prefetch(&url).await.unwrap();
    assert!(verifier.prefetch("https://evil.example/").await.is_err());
    world.post().await.unwrap();
    assert_eq!(world.fetched(), 1);
}
