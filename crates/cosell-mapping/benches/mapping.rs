//! What a mapping costs: reading and compiling files, a deal there and back, one field.

use std::{fmt::Write as _, hint::black_box};

use cosell_mapping::{
    Context, Currencies, Lens, Record, RecordKind,
    rules::{CONNECTOR, Loader, Mapping, Registry, Source},
};
use criterion::{Criterion, criterion_group, criterion_main};

const REFERRAL: &str = r#"{"id":"b7a1f0d3","name":"Fabrikam &amp; Sons","status":"Active",
    "substatus":"Accepted","referralProgram":"Partner Led",
    "consent":{"consentToShareReferralWithMicrosoftSellers":true},
    "details":{"notes":"line one\r\nline two","dealValue":84000.0,"currency":"EUR",
    "closingDateTime":"2026-09-30T22:15:00Z","requirements":{"solutions":[{"id":"SOL-15974-MQF"}]}},
    "customerProfile":{"name":"Fabrikam Works Ltd","address":{"addressLine1":"12 Harbour Road",
    "city":"Leeds","postalCode":"LS1 4AB","country":"GB"}}}"#;
const ROW: &str = r#"{"opportunityid":"7c1f0a52","name":"old","statecode":0,"statuscode":1,
    "description":"old","estimatedvalue":1.0,"_transactioncurrencyid_value":"c1",
    "estimatedclosedate":"2026-01-01","parentaccountid":{"name":"Fabrikam Works Ltd"}}"#;

fn record(json: &str) -> Record {
    serde_json::from_str(json).expect("a sample is an object")
}

fn mapping(source: &Source) -> Mapping {
    let loaded = Loader::default().load(source).expect("the file is read");
    Mapping::from_loaded(&loaded, &Registry::default()).expect("the rules are fit for use")
}

/// A mapping of so many rules.
fn large(rules: usize) -> Source {
    let mut text = String::from("name = \"large\"\nversion = \"1\"\n");
    for rule in 0..rules {
        let _ = write!(
            text,
            "[fields.f{rule}]\ntransform = \"text\"\nreferral = \"details/f{rule}\"\n\
             crm = {{ path = \"new_f{rule}\", limit = 100 }}\n"
        );
    }
    Source::new("large.toml", text)
}

fn files(c: &mut Criterion) {
    let connector = Source::new("connector.toml", CONNECTOR);
    c.bench_function("read and compile the connector mapping", |b| {
        b.iter(|| mapping(black_box(&connector)));
    });
    let large = large(200);
    c.bench_function("read and compile 200 rules", |b| {
        b.iter(|| mapping(black_box(&large)));
    });
}

fn deals(c: &mut Criterion) {
    let mapping = mapping(&Source::new("connector.toml", CONNECTOR));
    let fields = mapping.fields();
    let cx = Context::default().with_currencies(Currencies::default().with("EUR", "c1", 2));
    let (referral, row) = (record(REFERRAL), record(ROW));
    let snapshot = fields
        .snapshot(RecordKind::Referral, &referral, &cx)
        .expect("readable");
    let held = fields
        .snapshot(RecordKind::Row, &row, &cx)
        .expect("readable");
    c.bench_function("a referral to a row, every field", |b| {
        b.iter(|| {
            let snapshot = fields.snapshot(RecordKind::Referral, black_box(&referral), &cx);
            for (field, value) in snapshot.iter().flatten() {
                black_box(
                    fields
                        .put(RecordKind::Row, [(field, value)], Some(&row), &cx)
                        .ok(),
                );
            }
        });
    });
    c.bench_function("a row back to a referral, every field", |b| {
        b.iter(|| {
            let snapshot = fields.snapshot(RecordKind::Row, black_box(&row), &cx);
            for (field, value) in snapshot.iter().flatten() {
                let put = fields.put(RecordKind::Referral, [(field, value)], Some(&referral), &cx);
                black_box(put.ok());
            }
        });
    });
    for rule in fields.iter() {
        let lens = rule.lens(RecordKind::Row);
        let (wanted, now) = (&snapshot[&rule.field], &held[&rule.field]);
        c.bench_function(&format!("settle a changed {}", rule.field), |b| {
            b.iter(|| lens.settle(black_box(wanted), Some(&row), &cx));
        });
        c.bench_function(&format!("settle an unchanged {}", rule.field), |b| {
            b.iter(|| lens.settle(black_box(now), Some(&row), &cx));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = files, deals
}
criterion_main!(benches);
