//! A genuine post altered at will, and posts made up: only what was signed is believed.
#![no_main]

use std::sync::{Arc, LazyLock, Mutex};

use arbitrary::Arbitrary;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_fuzz::run;
use cosell_http::{Sleep, Transport, TransportError};
use cosell_referrals::webhook::{EventName, TrustAnchors, Verifier, VerifierOptions};
use cosell_sandbox::{Clock, InProcess, Options, SandboxHandle};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Headers to set (true) or to take away, by name and value.
    headers: Vec<(bool, Header<'a>, &'a [u8])>,
    body: Body<'a>,
}

#[derive(Arbitrary, Debug)]
enum Header<'a> {
    Signature,
    Authorization,
    Certificate,
    Algorithm,
    Other(&'a str),
}

#[derive(Arbitrary, Debug)]
enum Body<'a> {
    Genuine,
    Cut(u16),
    Flipped(u16, u8),
    Other(&'a [u8]),
}

/// The sandbox's time; a fetch is never too late.
#[derive(Debug)]
struct Patient(SandboxHandle);

#[async_trait]
impl Sleep for Patient {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, _: std::time::Duration) {
        std::future::pending::<()>().await;
    }
}

/// Keeps the last post.
#[derive(Debug, Default)]
struct Kept(Mutex<Option<(HeaderMap, Bytes)>>);

#[async_trait]
impl Transport for Kept {
    async fn send(&self, post: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = post.into_parts();
        *self.0.lock().expect("no panic under the lock") = Some((parts.headers, body));
        Ok(Response::new(Bytes::new()))
    }
}

struct World {
    verifier: Verifier,
    headers: HeaderMap,
    body: Bytes,
}

/// Keys take a second to make.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let start = DateTime::from_timestamp(1_790_000_000, 0).expect("in range");
    let sandbox = SandboxHandle::new(Options::default().with_clock(Clock::manual(start)));
    let events: Vec<&str> = EventName::REFERRALS.iter().map(EventName::as_str).collect();
    let root = sandbox.with(|sandbox| {
        let now = sandbox.now();
        let webhooks = sandbox.webhooks_mut();
        webhooks.take_over("https://hooks.fabrikam.example/pc", &events);
        let uri = "https://x.example/referrals/b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa";
        webhooks.post_event(now, "referral-updated", uri, "referral");
        webhooks.root_certificate()
    });
    let kept = Kept::default();
    assert_eq!(run(sandbox.deliver(&kept)), 1);
    let (headers, body) = kept.0.into_inner().expect("no panic").expect("a post");
    let mut options = VerifierOptions::default();
    options.fetches_per_minute = usize::MAX;
    let verifier = Verifier::new(
        TrustAnchors::from_pem(root.as_bytes()).expect("the sandbox's root"),
        Arc::new(InProcess::new(sandbox.clone())),
        Arc::new(Patient(sandbox)),
        options,
    )
    .expect("a verifier");
    run(verifier.verify(&headers, &body)).expect("the genuine post is believed");
    World {
        verifier,
        headers,
        body,
    }
});

fuzz_target!(|input: Input<'_>| {
    let world = &*WORLD;
    let mut headers = world.headers.clone();
    for (set, name, value) in &input.headers {
        let name = match name {
            Header::Signature => "x-ms-signature",
            Header::Authorization => "authorization",
            Header::Certificate => "x-ms-certificate-url",
            Header::Algorithm => "x-ms-signature-algorithm",
            Header::Other(name) => name,
        };
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            continue;
        };
        if let (true, Ok(value)) = (set, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        } else {
            headers.remove(name);
        }
    }
    let body = match input.body {
        Body::Genuine => world.body.clone(),
        Body::Cut(at) => world.body.slice(..usize::from(at).min(world.body.len())),
        Body::Flipped(at, mask) => {
            let mut body = world.body.to_vec();
            let at = usize::from(at) % body.len();
            body[at] ^= mask;
            body.into()
        }
        Body::Other(body) => Bytes::copy_from_slice(body),
    };
    if run(world.verifier.verify(&headers, &body)).is_ok() {
        assert_eq!(body, world.body, "only the signed body is believed");
    }
});
