//! Planning a pair of 25 fields beside decoding the two records that it compares.

use std::{collections::BTreeSet, fmt::Write as _, hint::black_box, time::Duration};

use chrono::DateTime;
use cosell::{
    CosellPolicy,
    mapping::{
        Context, Currencies, FieldId, FieldRule, FieldSet, LensSpec, Path, Record, RecordKind,
        Shape, TextShape,
    },
    sync::{
        Capabilities, End, Images, Life, Native, Observed, Pair, PairId, PairState, RecordId, Role,
        Seen, Settle, Settled, Side, Snapshot, Value, Version, View, plan,
    },
};
use criterion::{Criterion, criterion_group, criterion_main};
use uuid::Uuid;

const MORE: usize = 19;

/// The six fields of every deal and nineteen texts.
fn fields() -> FieldSet {
    let text = |kind, path: String| {
        let path: Path = path.parse().expect("a path");
        LensSpec::new(kind, Shape::Text(TextShape::new(path).with_limit(200)))
    };
    let mut rules: Vec<FieldRule> = FieldSet::default_connector().iter().cloned().collect();
    rules.extend((0..MORE).map(|number| {
        FieldRule::new(
            FieldId::from(format!("text{number}").as_str()),
            text(RecordKind::Referral, format!("details/text{number}")),
            text(RecordKind::Row, format!("new_text{number}")),
        )
    }));
    FieldSet::new(rules).expect("the rules stand together")
}

/// Both records as they come over the network, with everything else that comes along.
fn wire(edited: bool) -> [String; 2] {
    let (mut referral, mut row) = (String::new(), String::new());
    for number in 0..MORE {
        let _ = write!(
            referral,
            r#""text{number}":"A text of some length, number {number}","#
        );
        let text = if edited {
            "An edited text"
        } else {
            "A text of some length"
        };
        let _ = write!(row, r#""new_text{number}":"{text}, number {number}","#);
    }
    [
        format!(
            r#"{{"id":"b7a1f0d3-0000-4000-8000-000000000001","eTag":"\"7c00\"","name":"Fabrikam plant",
            "status":"Active","substatus":"Accepted","externalReferenceId":"7c1f0a52-0000-4000-8000-000000000002",
            "createdDateTime":"2026-09-30T22:15:00.1234567Z","updatedDateTime":"2026-09-30T22:15:00.1234567Z",
            "engagementId":"e7a1f0d3-0000-4000-8000-000000000003","organizationName":"Northwind",
            "consent":{{"consentToContact":true,"consentToShareReferralWithMicrosoftSellers":false}},
            "team":[{{"firstName":"Omar","lastName":"Diaz","email":"omar.diaz@fabrikam.example"}}],
            "details":{{{referral}"notes":"Two lines\nof notes","dealValue":84000.0,"currency":"EUR",
            "closingDateTime":"2026-12-31T00:00:00Z","requirements":{{"solutions":[{{"id":"SOL-1","type":"Name"}}]}}}},
            "customerProfile":{{"name":"Fabrikam Works Ltd","address":{{"addressLine1":"12 Harbour Road",
            "city":"Leeds","postalCode":"LS1 4AB","country":"GB"}}}}}}"#
        ),
        format!(
            r#"{{"@odata.etag":"W/\"900123\"","opportunityid":"7c1f0a52-0000-4000-8000-000000000002",{row}
            "name":"Fabrikam plant","statecode":0,"statuscode":1,"description":"Two lines\nof notes",
            "estimatedvalue":84000.00,"_transactioncurrencyid_value":"c1","isrevenuesystemcalculated":false,
            "estimatedclosedate":"2026-12-31","modifiedon":"2026-09-30T22:15:00Z",
            "parentaccountid":{{"name":"Fabrikam Works Ltd","address1_line1":"12 Harbour Road",
            "address1_city":"Leeds","address1_postalcode":"LS1 4AB","address1_country":"GB"}}}}"#
        ),
    ]
}

struct Through<'a>(&'a FieldSet, &'a Context, RecordKind);

impl Settle for Through<'_> {
    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        let now = now.expect("both records are there");
        let record = now.native.get::<Record>().expect("a record");
        let read = (record, &now.fields[field]);
        self.0.settle_read(self.2, field, wanted, read, self.1)
    }
}

fn observed(id: &str, record: Record, fields: Snapshot) -> Observed {
    Observed {
        id: RecordId::new(id),
        role: Role::Main,
        group: None,
        key: None,
        aliases: Vec::new(),
        former: Vec::new(),
        version: Version::new("1"),
        stamp: None,
        life: Life::Open,
        takes_part: true,
        as_of: DateTime::UNIX_EPOCH,
        fields,
        native: Native::new(record),
        wishes: BTreeSet::new(),
    }
}

fn compare(c: &mut Criterion) {
    let set = fields();
    assert_eq!(set.iter().count(), 25);
    let cx = Context::default().with_currencies(Currencies::default().with("EUR", "c1", 2));
    let kinds = [RecordKind::Referral, RecordKind::Row];
    let decode = |wire: &[String; 2]| {
        [0, 1].map(|side| serde_json::from_str::<Record>(&wire[side]).expect("an object"))
    };
    let read = |records: &[Record; 2]| {
        [0, 1].map(|side| {
            set.snapshot(kinds[side], &records[side], &cx)
                .expect("readable")
        })
    };
    let same = wire(false);
    c.bench_function("decode two records of 25 fields", |b| {
        b.iter(|| decode(black_box(&same)));
    });
    c.bench_function("decode them and read them through the lenses", |b| {
        b.iter(|| read(&decode(black_box(&same))));
    });
    for (name, edited) in [("nothing moved", false), ("19 of 25 moved", true)] {
        let base = read(&decode(&same));
        let records = decode(&wire(edited));
        let [left, right] = read(&records);
        let [referral, row] = records;
        let (left, right) = (observed("l", referral, left), observed("r", row, right));
        let images = base[0].iter().map(|(field, value)| {
            let right = base[1].get(field).cloned().unwrap_or_default();
            (
                field.clone(),
                Images::seen_from(Side::Left, value.clone(), right),
            )
        });
        let pair = Pair {
            id: PairId(Uuid::nil()),
            state: PairState::Active,
            left: End {
                id: Some(RecordId::new("l")),
                ..End::default()
            },
            right: End {
                id: Some(RecordId::new("r")),
                ..End::default()
            },
            base: images.collect(),
            ..blank()
        };
        let seen = Seen {
            left: View::Present(&left),
            right: View::Present(&right),
            ..unseen(&pair)
        };
        let ends = [Through(&set, &cx, kinds[0]), Through(&set, &cx, kinds[1])];
        let able = Capabilities::default();
        let policy = CosellPolicy::default();
        c.bench_function(&format!("plan a pair of 25 fields, {name}"), |b| {
            b.iter(|| {
                plan(
                    black_box(&seen),
                    [&ends[0], &ends[1]],
                    [&able, &able],
                    &policy,
                )
            });
        });
    }
}

/// A pair without anything in it.
fn blank() -> Pair {
    let json = serde_json::json!({
        "id": Uuid::nil(), "state": "active", "base": {}, "holds": {}, "intent": null, "park": null,
        "left": { "id": null, "former": [], "aliases": [], "group": null, "version": null,
            "retired": [], "written": null },
        "right": { "id": null, "former": [], "aliases": [], "group": null, "version": null,
            "retired": [], "written": null },
        "outcome": null, "shown": null,
    });
    serde_json::from_value(json).expect("a pair")
}

fn unseen(pair: &Pair) -> Seen<'_> {
    Seen {
        pair,
        left: View::Unborn,
        right: View::Unborn,
        refused: &[],
        now: DateTime::UNIX_EPOCH,
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = compare
}
criterion_main!(benches);
