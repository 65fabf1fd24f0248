//! One post, with its certificate cached: `cargo bench -p cosell-referrals --bench verify`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::Sleep;
use cosell_referrals::webhook::{Refusal, TrustAnchors, Verifier, VerifierOptions};
use cosell_sandbox::{Act, InProcess, Options, SandboxHandle, webhooks::EVENTS};
use criterion::{Criterion, criterion_group, criterion_main};

#[derive(Debug)]
struct Still(DateTime<Utc>);

#[async_trait]
impl Sleep for Still {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }

    async fn sleep(&self, _duration: Duration) {
        std::future::pending::<()>().await;
    }
}

fn verify(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime of one thread");
    let sandbox = SandboxHandle::new(Options::default());
    let root = sandbox.with(|sandbox| {
        sandbox
            .webhooks_mut()
            .take_over("https://hooks.fabrikam.example/pc", &EVENTS);
        sandbox.webhooks().root_certificate()
    });
    sandbox
        .act(&Act::MicrosoftSends(Box::default()))
        .expect("the default deal is good");
    let post = sandbox.with(|sandbox| sandbox.take_deliveries().remove(0).request);
    let verifier = Verifier::new(
        TrustAnchors::from_pem(root.as_bytes()).expect("one root"),
        Arc::new(InProcess::new(sandbox.clone())),
        Arc::new(Still(sandbox.now())),
        VerifierOptions::default(),
    )
    .expect("the default options are good");
    let (headers, body) = (post.headers().clone(), post.body().clone());
    runtime
        .block_on(verifier.verify(&headers, &body))
        .expect("a genuine post");

    let mut group = criterion.benchmark_group("one post, its certificate cached");
    group.bench_function("genuine", |bencher| {
        bencher.iter(|| {
            runtime
                .block_on(verifier.verify(&headers, &body))
                .expect("genuine")
        });
    });
    let mut changed = body.to_vec();
    changed.push(b' ');
    let changed = Bytes::from(changed);
    group.bench_function("forged", |bencher| {
        bencher.iter(|| {
            let refused = runtime.block_on(verifier.verify(&headers, &changed));
            assert_eq!(refused.expect_err("forged"), Refusal::Mismatch);
        });
    });
    let mut unsigned = headers.clone();
    unsigned.remove("authorization");
    group.bench_function("unsigned", |bencher| {
        bencher.iter(|| {
            let refused = runtime.block_on(verifier.verify(&unsigned, &body));
            assert_eq!(refused.expect_err("unsigned"), Refusal::NoSignature);
        });
    });
    group.finish();
    assert_eq!(verifier.counts().certificate_fetches, 1);
}

criterion_group!(benches, verify);
criterion_main!(benches);
