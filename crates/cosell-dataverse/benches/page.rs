//! Decoding a page of 5,000 rows, the largest that the service gives.

use std::hint::black_box;

use cosell_dataverse::{PageOptions, Query, Table};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "../examples/support/mod.rs"]
mod support;

fn page(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let pages = support::Pages::new(5_000);
    let bytes = pages.bytes();
    let client = support::client(pages);
    let mut group = criterion.benchmark_group("page");
    group
        .throughput(Throughput::Bytes(bytes as u64))
        .sample_size(20);
    group.bench_function("read 5,000 rows of 12 columns", |bencher| {
        bencher.iter(|| {
            let rows = client.table(Table::OPPORTUNITY);
            let mut pages = rows.pages(&Query::select(["name"]), PageOptions::default());
            black_box(runtime.block_on(pages.next_page())).expect("a page")
        });
    });
    group.bench_function("read 5,000 rows and three columns of each", |bencher| {
        bencher.iter(|| {
            let rows = client.table(Table::OPPORTUNITY);
            let mut pages = rows.pages(&Query::select(["name"]), PageOptions::default());
            let page = runtime.block_on(pages.next_page()).expect("a page");
            for row in page.expect("rows").rows {
                black_box((
                    row.text("name").expect("a text"),
                    row.decimal("estimatedvalue").expect("a number"),
                    row.instant("modifiedon").expect("a moment"),
                ));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, page);
criterion_main!(benches);
