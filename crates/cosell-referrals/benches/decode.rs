//! From the bytes of a page to records: `cargo bench -p cosell-referrals --bench decode`.

mod common;

use std::hint::black_box;

use cosell_referrals::{FieldError, ListOptions, Referral};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What a sync reads of each referral.
fn read(referral: &Referral) -> Result<(), FieldError> {
    let details = referral.details()?.unwrap_or_default();
    let customer = referral.customer_profile()?.unwrap_or_default();
    black_box((
        (referral.id()?, referral.etag()?, referral.state()),
        (referral.updated_date_time()?, referral.category()?),
        (details.deal_value()?, details.currency()?, details.notes()?),
        (details.closing_date_time()?, details.requirements()?),
        (customer.name()?, customer.address()?, customer.team()?),
        (referral.team()?, referral.external_reference_id()?),
    ));
    Ok(())
}

fn decode(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime of one thread");
    let body = common::page(100, None);
    let bytes = u64::try_from(body.len()).unwrap_or_default();
    let referrals = common::client(move |_| body.clone());
    let options = ListOptions::default();

    let mut group = criterion.benchmark_group("page of 100 referrals");
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            runtime
                .block_on(referrals.first_page(&options))
                .expect("a page")
        });
    });
    group.bench_function("decode, and read what a sync reads", |bencher| {
        bencher.iter(|| {
            let page = runtime
                .block_on(referrals.first_page(&options))
                .expect("a page");
            for referral in &page.items {
                read(referral).expect("the sample is good");
            }
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("one referral");
    group.throughput(Throughput::Bytes(common::SAMPLE.len() as u64));
    let decode = || Referral::from_json(common::SAMPLE.as_bytes()).expect("the sample is good");
    group.bench_function("decode", |bencher| bencher.iter(decode));
    let referral = decode();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| serde_json::to_string(&referral).expect("text"));
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
