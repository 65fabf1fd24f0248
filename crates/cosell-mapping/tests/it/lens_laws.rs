//! The laws over generated records and values, and lenses that break them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use cosell_mapping::{
    Assignment, Context, FieldSet, Lens, Loss, Path, ReadFault, Reason, Record, RecordKind,
    Settled, Value, apply, field,
    laws::{self, Law},
    read,
};
use proptest::{option, prelude::*, sample::select};
use rust_decimal::Decimal;

use crate::support::{REFERRAL, ROW, cx, money, record, referral, row};

/// What the services do with a write: a bound currency can be read, a new deal is accepted.
fn service(record: &mut Record, new: bool) {
    if let Some(bound) = record.remove("transactioncurrencyid@odata.bind") {
        let id = bound.get().trim_matches('"').to_owned();
        let id = id
            .trim_start_matches("/transactioncurrencies(")
            .trim_end_matches(')');
        let value = serde_json::value::to_raw_value(id).unwrap();
        record.insert("_transactioncurrencyid_value".into(), value);
    }
    if new && record.contains_key("substatus") {
        record.insert(
            "status".into(),
            serde_json::from_str(r#""Active""#).unwrap(),
        );
        record.insert(
            "substatus".into(),
            serde_json::from_str(r#""Accepted""#).unwrap(),
        );
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[ \\r\\n✔✘✓&;a-c]{0,14}",
        "(&amp;|&lt;|&#38;|lt;|x){0,6}",
        "[a-z😀]{280,330}",
        "[a-z😀]{1990,2010}",
    ]
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (-400_000_i32..4_000_000).prop_map(|days| NaiveDate::from_num_days_from_ce_opt(days).unwrap())
}

fn amount() -> impl Strategy<Value = Decimal> {
    (-3_000_000_000_000_000_i64..3_000_000_000_000_000, 0_u32..7)
        .prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

fn currency() -> impl Strategy<Value = &'static str> {
    select(vec!["EUR", "JPY", "KWD", "USD", "eur", ""])
}

/// Values of every kind, whatever the field: a lens must not trip over any.
fn value() -> impl Strategy<Value = Value> {
    let part = select(vec![
        "name",
        "line1",
        "city",
        "state",
        "postal_code",
        "country",
        "other",
    ]);
    prop_oneof![
        Just(Value::Null),
        text().prop_map(Value::text),
        amount().prop_map(Value::Number),
        (amount(), currency()).prop_map(|(amount, currency)| Value::money(amount, currency)),
        day().prop_map(Value::Date),
        select(vec!["pending", "accepted", "won", "lost", "Closed/Merged"])
            .prop_map(|word| Value::Choice(word.to_owned())),
        prop::collection::btree_map(
            part.prop_map(str::to_owned),
            text().prop_map(Value::text),
            0..6
        )
        .prop_map(Value::Parts),
        Just(Value::Flag(true)),
    ]
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

/// Places of a record with generated JSON, some taken away, some unknown ones added.
fn changes(kind: RecordKind) -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let texts: &[&str] = match kind {
        REFERRAL => &[
            "name",
            "details/notes",
            "customerProfile/name",
            "customerProfile/address/country",
            "customerProfile/address/state",
            "future/deep",
        ],
        ROW => &[
            "name",
            "description",
            "parentaccountid/name",
            "parentaccountid/address1_country",
            "parentaccountid/address1_stateorprovince",
            "new_custom",
        ],
    };
    let plain: Vec<(&str, Vec<&str>)> = match kind {
        REFERRAL => vec![
            (
                "status",
                vec![r#""New""#, r#""Active""#, r#""Closed""#, r#""Paused""#],
            ),
            (
                "substatus",
                vec![
                    r#""Pending""#,
                    r#""Accepted""#,
                    r#""Won""#,
                    r#""Lost""#,
                    "null",
                ],
            ),
            (
                "details/dealValue",
                vec!["null", "0", "12.5", r#""10000""#, "1e3", "0.00001"],
            ),
            (
                "details/currency",
                vec!["null", r#""EUR""#, r#""usd""#, r#""??""#],
            ),
            (
                "details/closingDateTime",
                vec!["null", r#""2026-09-30T12:30:00Z""#, r#""2026-01-01""#],
            ),
            ("details", vec!["null", "{}", r#"{"only":[1.10]}"#]),
        ],
        ROW => vec![
            ("statecode", vec!["0", "1", "2", "9"]),
            (
                "statuscode",
                vec!["1", "2", "3", "4", "5", "727000001", "null"],
            ),
            (
                "estimatedvalue",
                vec!["null", "0.0000", "12.5000", "99.9999"],
            ),
            (
                "_transactioncurrencyid_value",
                vec![
                    "null",
                    r#""e0000000-0000-0000-0000-000000000003""#,
                    r#""x""#,
                ],
            ),
            ("isrevenuesystemcalculated", vec!["true", "false", "null"]),
            (
                "estimatedclosedate",
                vec!["null", r#""2026-01-01""#, r#""2026-01-01T05:00:00Z""#],
            ),
            ("parentaccountid", vec!["null", "{}"]),
        ],
    };
    let texts =
        (select(texts.to_vec()), option::of(text())).prop_map(|(path, text)| (path, json(&text)));
    let plain = select(plain)
        .prop_flat_map(|(path, texts)| (Just(path), select(texts).prop_map(str::to_owned)));
    prop::collection::vec(prop_oneof![texts, plain], 0..5)
}

fn changed(mut record: Record, changes: Vec<(&str, String)>) -> Record {
    for (path, json) in changes {
        let assignment = Assignment {
            path: path.parse().unwrap(),
            value: serde_json::from_str(&json).unwrap(),
        };
        apply(&mut record, &[assignment]).unwrap();
    }
    record
}

fn any_referral() -> impl Strategy<Value = Option<Record>> {
    option::weighted(
        0.9,
        changes(REFERRAL).prop_map(|changes| changed(referral(), changes)),
    )
}

fn any_row() -> impl Strategy<Value = Option<Record>> {
    option::weighted(
        0.9,
        changes(ROW).prop_map(|changes| changed(row(), changes)),
    )
}

fn contexts() -> impl Strategy<Value = Context> {
    (any::<bool>(), any::<bool>(), -1439_i32..1440).prop_map(|(proven, frozen, minutes)| {
        let cx = cx()
            .with_closed_rows_frozen(frozen)
            .with_zone(cosell_mapping::DateZone::east_of_utc(minutes).unwrap());
        if !proven {
            return cx;
        }
        [
            "name",
            "details/notes",
            "details/dealValue",
            "details/closingDateTime",
            "estimatedvalue",
        ]
        .into_iter()
        .map(|path| path.parse::<Path>().unwrap())
        .fold(cx, |cx, path| {
            cx.with_clearable(path.clone()).with_patchable(path)
        })
    })
}

/// Every place of a record that no rule writes, with its text.
fn foreign(record: &Record, kind: RecordKind) -> BTreeMap<String, String> {
    let fields = FieldSet::default_connector();
    let places: Vec<Path> = fields
        .iter()
        .flat_map(|rule| rule.lens(kind).writes())
        .collect();
    let mut found = BTreeMap::new();
    let mut todo: Vec<Vec<String>> = record.keys().map(|root| vec![root.clone()]).collect();
    while let Some(segments) = todo.pop() {
        let text = segments
            .iter()
            .map(|segment| segment.replace('~', "~0").replace('/', "~1"))
            .collect::<Vec<_>>()
            .join("/");
        let path: Path = text.parse().unwrap();
        if places.contains(&path) {
            continue;
        }
        let raw = read(record, &path).unwrap().map_or("null", |raw| raw.get());
        if places.iter().any(|place| path.covers(place)) {
            let members: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(raw).unwrap_or_default();
            todo.extend(members.into_keys().map(|member| {
                let mut segments = segments.clone();
                segments.push(member);
                segments
            }));
        } else {
            found.insert(text, raw.to_owned());
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_default_lens_keeps_the_laws(
        referral in any_referral(), row in any_row(), wanted in value(), cx in contexts(),
    ) {
        for rule in FieldSet::default_connector().iter() {
            let check = |lens, record: &Option<Record>| {
                laws::check(lens, record.as_ref(), &wanted, &cx, &service)
            };
            prop_assert_eq!(check(&rule.referral, &referral), Ok(()), "{} referral", rule.field);
            prop_assert_eq!(check(&rule.row, &row), Ok(()), "{} row", rule.field);
        }
    }

    #[test]
    fn what_one_side_holds_settles_and_rests_on_the_other(
        referral in any_referral(), row in any_row(), wanted in value(), cx in contexts(),
    ) {
        for rule in FieldSet::default_connector().iter() {
            let left = (&rule.referral as &dyn Lens, referral.as_ref(), &service as laws::Service<'_>);
            let right = (&rule.row as &dyn Lens, row.as_ref(), &service as laws::Service<'_>);
            let held = [
                referral.as_ref().and_then(|record| rule.referral.get(record, &cx).ok()),
                row.as_ref().and_then(|record| rule.row.get(record, &cx).ok()),
                Some(wanted.clone()),
            ];
            for value in held.into_iter().flatten() {
                prop_assert_eq!(laws::stable_through_both(left, right, &value, &cx), Ok(()), "{}", rule.field);
                prop_assert_eq!(laws::stable_through_both(right, left, &value, &cx), Ok(()), "{}", rule.field);
            }
        }
    }

    #[test]
    fn foreign_members_survive_every_put(
        referral in any_referral(), row in any_row(), wanted in value(), cx in contexts(),
    ) {
        for rule in FieldSet::default_connector().iter() {
            for (kind, record) in [(REFERRAL, &referral), (ROW, &row)] {
                let Some(record) = record else { continue };
                let Ok(assignments) = rule.lens(kind).put(Some(record), &wanted, &cx) else { continue };
                let mut written = record.clone();
                apply(&mut written, &assignments).unwrap();
                prop_assert_eq!(foreign(record, kind), foreign(&written, kind));
            }
        }
    }

    #[test]
    fn any_json_is_read_without_panic(json in "[\\[\\]{}\",:a-z0-9.eE+-]{0,40}") {
        let Ok(raw) = serde_json::from_str::<Box<serde_json::value::RawValue>>(&json) else {
            return Ok(());
        };
        for kind in [REFERRAL, ROW] {
            let fields = FieldSet::default_connector();
            for path in fields.reads(kind) {
                let mut record = Record::new();
                record.insert(path.root().to_owned(), raw.clone());
                let _ = fields.snapshot(kind, &record, &cx());
            }
        }
    }
}

/// A text lens with one thing wrong.
#[derive(Debug)]
enum Bad {
    CutsUnsaid,
    ForgetsTheRecord,
    WritesElsewhere,
    SaysNoButWrites,
    GrowsEveryTime,
    NeverWrites,
}

impl Lens for Bad {
    fn reads(&self) -> Vec<Path> {
        vec!["text".parse().unwrap()]
    }

    fn writes(&self) -> Vec<Path> {
        self.reads()
    }

    fn get(&self, record: &Record, _: &Context) -> Result<Value, ReadFault> {
        let raw = read(record, &self.reads()[0])?;
        Ok(Value::text(
            raw.map(|raw| raw.get().trim_matches('"'))
                .unwrap_or_default(),
        ))
    }

    fn put(
        &self,
        record: Option<&Record>,
        value: &Value,
        cx: &Context,
    ) -> Result<Vec<Assignment>, Reason> {
        let same = record.is_some_and(|record| self.get(record, cx).as_ref() == Ok(value));
        let text = value.to_string();
        let (path, text) = match self {
            Self::ForgetsTheRecord => ("text", text),
            _ if same => return Ok(Vec::new()),
            Self::CutsUnsaid => ("text", text.chars().take(2).collect()),
            Self::WritesElsewhere => ("name", text),
            Self::GrowsEveryTime => ("text", text + "!"),
            Self::NeverWrites => return Ok(Vec::new()),
            Self::SaysNoButWrites => ("text", text),
        };
        Ok(vec![Assignment {
            path: path.parse().unwrap(),
            value: serde_json::value::to_raw_value(&text).unwrap(),
        }])
    }

    fn settle(&self, wanted: &Value, record: Option<&Record>, cx: &Context) -> Settled {
        let same = record.is_some_and(|record| self.get(record, cx).as_ref() == Ok(wanted));
        match self {
            _ if same => Settled::Fits,
            Self::SaysNoButWrites => {
                Settled::Cannot(Reason::new(cosell_mapping::ReasonCode::Frozen, "no"))
            }
            Self::GrowsEveryTime => Settled::Becomes {
                value: Value::text(format!("{wanted}!")),
                loss: Loss::Rounded,
            },
            _ => Settled::Fits,
        }
    }
}

#[test]
fn bad_lenses_are_caught_each_by_its_law() {
    let here = record(r#"{"text":"old"}"#);
    let new = Value::text("newer");
    for (bad, law) in [
        (Bad::CutsUnsaid, Law::GetAfterPut),
        (Bad::ForgetsTheRecord, Law::PutOfGot),
        (Bad::WritesElsewhere, Law::OwnPlaces),
        (Bad::SaysNoButWrites, Law::OneVoice),
        (Bad::GrowsEveryTime, Law::SettleOnce),
        (Bad::NeverWrites, Law::GetAfterPut),
    ] {
        let caught = laws::check(&bad, Some(&here), &new, &cx(), &|_, _| {});
        assert_eq!(caught.unwrap_err().law, law, "{bad:?}");
    }
}

#[test]
fn two_sides_that_undo_each_other_are_caught() {
    let here = record(r#"{"text":"old"}"#);
    let grows = (
        &Bad::GrowsEveryTime as &dyn Lens,
        Some(&here),
        &service as laws::Service<'_>,
    );
    let caught = laws::stable_through_both(grows, grows, &Value::text("x"), &cx());
    assert_eq!(caught.unwrap_err().law, Law::StableThroughBoth);
}

#[test]
fn a_service_that_changes_a_value_breaks_the_law_of_its_lens() {
    let fields = FieldSet::default_connector();
    let lens = fields.rule(&field::VALUE).unwrap().lens(ROW);
    let truncates = |record: &mut Record, _: bool| {
        record.insert("estimatedvalue".into(), serde_json::from_str("1").unwrap());
    };
    let caught = laws::check(
        lens,
        Some(&row()),
        &money("12.34", "EUR"),
        &cx(),
        &truncates,
    );
    assert_eq!(caught.unwrap_err().law, Law::GetAfterPut);
}
