//! What the transforms do beyond the shipped mapping, and the laws over all of them.

use std::sync::Arc;

use cosell_mapping::{
    Context, Function, Keys, Lens, Reason, Record, Value, apply,
    laws::{self, Service},
    rules::{Direct, Mapping, Registry},
};
use proptest::{option, prelude::*, sample::select};
use rust_decimal::Decimal;

use super::samples::{mapping, mapping_with, rule};
use crate::support::record;

/// Everything that a rule can be, in one file.
const ALL: &str = r#"
name = "all"
version = "1"

[fields.trimmed]
transform = "text"
referral = { path = "a", trim = true, limit = 8 }
crm = { path = "a", trim = true, limit = 12, default = "nothing" }

[fields.refusing]
transform = "text"
referral = "b"
crm = { path = "b", limit = 5, too-long = "refuse" }

[fields.country]
transform = "text"
referral = { path = "c", country = true }
crm = { path = "c", country = true, trim = true }

[fields.person]
transform = "text"
referral = "d"
crm = { paths = ["d1", "d2", "d3"], limit = 6 }

[fields.number]
transform = "number"
referral = { path = "e", decimals = 4 }
crm = { path = "e", decimals = 1, empty = "keep" }

[fields.moment]
transform = "instant"
referral = "f"
crm = "f"

[fields.flag]
transform = "flag"
referral = { path = "g", absent = false }
crm = { path = "g", one-way = true }

[fields.stage]
transform = "choice"
fallback = "Qualify"
referral = "h"
crm = { path = "h", form = "label" }
values = { Qualify = "Qualified", Develop = "In work", Propose = "Quoted" }

[fields.kind]
transform = "choice"
unknown = "hold"
referral = "i"
crm = "i"
values = { A = "1", B = "2" }

[fields.owner]
transform = "lookup"
referral = { path = "j", trim = true }
crm = { table = "user", path = "_j_value", bind = "j@odata.bind", entity-set = "systemusers" }

[fields.ids]
transform = "set"
referral = { path = "k", key = "id", new = { type = "Solution" } }
crm = { path = "k", limit = 40 }

[fields.people]
transform = "set"
referral = { path = "l", key = "email", fold = true, members = { mail = "email", first = "firstName" }, most = 3, empty = "clear" }
crm = { path = "l", key = "mail", fold = true, members = { mail = "mail", first = "first" } }

[fields.team]
transform = "set"
referral = { path = "s", key = "email", fold = true, members = { mail = "email", first = "firstName" }, grows = true }
crm = { path = "s", key = "mail", members = { mail = "mail", first = "first" }, complete = true }

[fields.implied]
transform = "flag"
referral = { path = "r", absent = false }
crm = { path = "r", implied-by = "other" }

[fields.silent]
transform = "choice"
unknown = "hold"
referral = { path = "t", nothing = ["Z"] }
crm = { path = "t", nothing = ["9", "x"] }
values = { A = "1", B = "2" }

[fields.once]
transform = "text"
referral = "m"
crm = { path = "m", write = "while-empty", only-if = { path = "statecode", is = ["0"] } }

[fields.later]
transform = "text"
referral = { path = "n", write = "update" }
crm = { path = "n", write = "create" }

[fields.made]
transform = "text"
direction = "to-crm"
referral = { template = "{a} ({e})" }
crm = { path = "o", limit = 20 }

[fields.fixed]
transform = "date"
direction = "to-partner-center"
referral = "p"
crm = { constant = "2026-09-30" }

[fields.loud]
transform = "text"
referral = "q"
crm = { path = "q", function = "loud" }
"#;

#[derive(Debug)]
struct Loud;

impl Function for Loud {
    fn read(&self, stored: &Value) -> Value {
        match stored {
            Value::Text(text) => Value::text(text.to_lowercase()),
            other => other.clone(),
        }
    }

    fn write(&self, value: &Value) -> Result<Value, Reason> {
        Ok(match value {
            Value::Text(text) => Value::text(text.to_uppercase()),
            other => other.clone(),
        })
    }
}

fn all() -> Mapping {
    mapping_with(
        ALL,
        &Registry::default().with_function("loud", Arc::new(Loud)),
    )
    .unwrap()
}

fn cx() -> Context {
    let path = || "h".parse().unwrap();
    Context::default()
        .with_choice(path(), 1, "Qualified")
        .with_choice(path(), 2, "in work")
        .with_choice(path(), 3, "Quoted")
        .with_lookup(
            "user",
            Keys::default()
                .with("ada@contoso.example", "U1")
                .with("bob@contoso.example", "U2")
                .with("twin@contoso.example", "U3")
                .with("Twin@contoso.example", "U4"),
        )
}

fn service(record: &mut Record, _: bool) {
    let Some(bound) = record.remove("j@odata.bind") else {
        return;
    };
    let row: Option<String> = serde_json::from_str(bound.get()).unwrap();
    let id = row.map(|row| row["/systemusers(".len()..row.len() - 1].to_owned());
    let id = serde_json::value::to_raw_value(&id).unwrap();
    record.insert("_j_value".into(), id);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[ a-cA-C\\r\\n&;,]{0,16}",
        select(vec![
            "DE",
            "gb",
            " fr ",
            "ada@contoso.example",
            "twin@contoso.example",
            "A",
            "Develop",
            ""
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let person = (text(), option::of(text())).prop_map(|(mail, first)| {
        let first = first.map_or(Value::Null, Value::text);
        Value::Parts(
            [
                ("mail".to_owned(), Value::text(mail)),
                ("first".to_owned(), first),
            ]
            .into(),
        )
    });
    let thing = prop_oneof![text().prop_map(Value::text), person];
    prop_oneof![
        Just(Value::Null),
        text().prop_map(Value::text),
        select(vec!["Qualify", "Develop", "A", "B", "C", "unknown: x"])
            .prop_map(|word| Value::Choice(word.to_owned())),
        (-5_000_000_i64..5_000_000, 0_u32..6).prop_map(|(n, s)| Value::Number(Decimal::new(n, s))),
        any::<bool>().prop_map(Value::Flag),
        (0_i64..4_000_000_000, 0_u32..1_000_000_000)
            .prop_map(|(s, n)| Value::Instant(chrono::DateTime::from_timestamp(s, n).unwrap())),
        (1_i32..730_000)
            .prop_map(|d| Value::Date(chrono::NaiveDate::from_num_days_from_ce_opt(d).unwrap())),
        prop::collection::btree_set(thing, 0..4).prop_map(Value::Set),
    ]
}

fn places() -> impl Strategy<Value = Record> {
    let names = select(vec![
        "a",
        "b",
        "c",
        "d",
        "d1",
        "d2",
        "e",
        "f",
        "g",
        "h",
        "i",
        "_j_value",
        "k",
        "l",
        "m",
        "n",
        "q",
        "r",
        "s",
        "t",
        "other",
        "statecode",
    ]);
    let json = prop_oneof![
        text().prop_map(|text| serde_json::to_string(&text).unwrap()),
        select(vec![
            "null",
            "1",
            "2",
            "9",
            "-12.34567",
            "true",
            "false",
            "\"2026-09-30T10:00:00.5Z\"",
            "\"U1\"",
            "\"u2\"",
            "[]",
            r#"[{"id":"x","name":1.50},{"name":"no id"},{"id":"y"}]"#,
            r#"[{"email":"A@b.c","firstName":"A","z":{"q": 1.0}},{"email":"d@e.f"}]"#,
            r#"[{"mail":"a@b.c","first":"B"},{"mail":"a@b.c","first":"C"}]"#,
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::btree_map(names.prop_map(str::to_owned), json, 0..10).prop_map(|members| {
        members
            .into_iter()
            .map(|(name, json)| (name, serde_json::from_str(&json).unwrap()))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_transform_keeps_the_laws(
        mapping in Just(all()), referral in option::weighted(0.8, places()),
        row in option::weighted(0.8, places()), wanted in value(),
    ) {
        for rule in mapping.fields().iter() {
            let check = |lens, record: &Option<Record>| {
                laws::check(lens, record.as_ref(), &wanted, &cx(), &service)
            };
            prop_assert_eq!(check(&rule.referral, &referral), Ok(()), "{} referral", rule.field);
            prop_assert_eq!(check(&rule.row, &row), Ok(()), "{} row", rule.field);
        }
    }

    #[test]
    fn every_transform_comes_to_rest(
        mapping in Just(all()), referral in option::weighted(0.8, places()),
        row in option::weighted(0.8, places()), wanted in value(),
    ) {
        for rule in mapping.fields().iter() {
            let left = (&rule.referral as &dyn Lens, referral.as_ref(), &service as Service<'_>);
            let right = (&rule.row as &dyn Lens, row.as_ref(), &service as Service<'_>);
            prop_assert_eq!(laws::stable_through_both(left, right, &wanted, &cx()), Ok(()), "{}", rule.field);
            prop_assert_eq!(laws::stable_through_both(right, left, &wanted, &cx()), Ok(()), "{}", rule.field);
        }
    }
}

/// What one field would do, in short.
fn tried(field: &str, referral: &str, row: &str) -> [String; 2] {
    let told = all().explain(&record(referral), &record(row), &cx());
    let told = told
        .fields
        .iter()
        .find(|told| told.field.as_str() == field)
        .unwrap();
    [&told.to_crm, &told.to_partner_center].map(|direct| match direct {
        Direct::Write { places, .. } => places
            .iter()
            .map(|(place, json)| format!("{place} = {json}"))
            .collect::<Vec<_>>()
            .join("; "),
        Direct::Held(reason) => serde_json::to_value(reason.code)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned(),
        other => format!("{other:?}"),
    })
}

// R56
#[test]
fn each_transform_writes_what_it_says() {
    for (field, referral, row, to_crm, back) in [
        (
            "trimmed",
            r#"{"a":" x "}"#,
            "{}",
            r#"a = "x""#,
            "cannot_clear",
        ),
        (
            "refusing",
            r#"{"b":"too long"}"#,
            "{}",
            "invalid",
            "cannot_clear",
        ),
        (
            "country",
            r#"{"c":"de"}"#,
            r#"{"c":"Germany"}"#,
            r#"c = "DE""#,
            "invalid",
        ),
        (
            "person",
            r#"{"d":"Ada King Noel Byron"}"#,
            "{}",
            r#"d1 = "Ada"; d2 = "King"; d3 = "Noel B""#,
            "cannot_clear",
        ),
        ("number", r#"{"e":1.25}"#, r#"{"e":7}"#, "e = 1.3", "e = 7"),
        (
            "moment",
            r#"{"f":"2026-09-30T12:00:00+02:00"}"#,
            "{}",
            r#"f = "2026-09-30T10:00:00Z""#,
            "cannot_clear",
        ),
        ("flag", r#"{}"#, r#"{"g":true}"#, "illegal_move", "g = true"),
        (
            "stage",
            r#"{"h":"Propose"}"#,
            r#"{"h":2}"#,
            "h = 3",
            r#"h = "Develop""#,
        ),
        (
            "stage",
            r#"{"h":"Sing"}"#,
            r#"{"h":2}"#,
            "h = 1",
            r#"h = "Develop""#,
        ),
        (
            "kind",
            r#"{"i":"C"}"#,
            r#"{"i":"2"}"#,
            "unmappable",
            r#"i = "B""#,
        ),
        (
            "owner",
            r#"{"j":"Bob@Contoso.example"}"#,
            "{}",
            r#"j@odata.bind = "/systemusers(U2)""#,
            "cannot_clear",
        ),
        (
            "owner",
            r#"{"j":"twin@contoso.example"}"#,
            r#"{"_j_value":"U1"}"#,
            "unmappable",
            r#"j = "ada@contoso.example""#,
        ),
        (
            "once",
            r#"{"m":"x"}"#,
            r#"{"statecode":1}"#,
            "not_writable",
            "cannot_clear",
        ),
        (
            "later",
            r#"{"n":"x"}"#,
            r#"{"n":"y"}"#,
            "not_writable",
            r#"n = "y""#,
        ),
        (
            "made",
            r#"{"a":"Deal","e":12.5}"#,
            "{}",
            r#"o = "Deal (12.5)""#,
            "OneWay",
        ),
        (
            "fixed",
            "{}",
            "{}",
            "OneWay",
            r#"p = "2026-09-30T00:00:00Z""#,
        ),
        ("loud", r#"{"q":"hi"}"#, "{}", r#"q = "HI""#, "cannot_clear"),
        (
            "ids",
            r#"{"k":[{"id":"b"},{"id":"a"}]}"#,
            r#"{"k":"c;a"}"#,
            r#"k = "a; b""#,
            r#"k = [{"id":"a"},{"id":"c","type":"Solution"}]"#,
        ),
    ] {
        let back = back.to_owned();
        assert_eq!(
            tried(field, referral, row),
            [to_crm.to_owned(), back],
            "{field} {referral} {row}"
        );
    }
    // What stands already is right where a rule only fills.
    let told = all().explain(&record(r#"{"m":"x"}"#), &record(r#"{"m":"y"}"#), &cx());
    assert!(
        told.fields
            .iter()
            .find(|told| told.field.as_str() == "once")
            .unwrap()
            .agrees()
    );
}

// R76
#[test]
fn product_texts_are_sets_whatever_parts_the_ids() {
    for text in ["a,b;c", "a\\nb\\r\\nc", " c ;; b , a "] {
        let row = record(&format!(r#"{{"k":"{text}"}}"#));
        let lens = &all().fields().rule(&"ids".into()).unwrap().row.clone();
        let set = ["a", "b", "c"].map(Value::text);
        assert_eq!(lens.get(&row, &cx()), Ok(Value::Set(set.into())));
    }
}

#[test]
fn people_keep_what_the_crm_cannot_hold() {
    let referral = record(
        r#"{"l":[{"email":"Ada@b.c","firstName":"Ada","contactPreference":{"locale": "de"}},{"phone":"no mail"},{"email":"x@y.z"}]}"#,
    );
    let row =
        record(r#"{"l":[{"mail":"ada@b.c","first":"Augusta"},{"mail":"new@b.c","first":"N"}]}"#);
    let mut written = referral.clone();
    let mapping = all();
    let rule = mapping.fields().rule(&"people".into()).unwrap();
    let wanted = rule.row.get(&row, &cx()).unwrap();
    let assignments = rule.referral.put(Some(&referral), &wanted, &cx()).unwrap();
    apply(&mut written, &assignments).unwrap();
    assert_eq!(
        written["l"].get(),
        r#"[{"contactPreference":{"locale": "de"},"email":"ada@b.c","firstName":"Augusta"},{"phone":"no mail"},{"email":"new@b.c","firstName":"N"}]"#
    );
    assert_eq!(rule.referral.get(&written, &cx()), Ok(wanted));
}

#[test]
fn an_account_is_found_by_name_and_postal_code() {
    let text = rule(
        r#"transform = "lookup"
direction = "to-crm"
referral = { template = "{customerProfile/name}|{customerProfile/address/postalCode}" }
crm = { table = "account", path = "_parentaccountid_value", bind = "parentaccountid_account@odata.bind", entity-set = "accounts" }"#,
    );
    let mapping = mapping(&text).unwrap();
    let cx = Context::default().with_lookup(
        "account",
        Keys::default().with("Fabrikam Works Ltd|LS1 4AB", "A1"),
    );
    let told = mapping.explain(&super::samples::referral(), &record("{}"), &cx);
    let Direct::Write { places, .. } = &told.fields[0].to_crm else {
        panic!("{told}");
    };
    assert_eq!(
        places["parentaccountid_account@odata.bind"],
        r#""/accounts(A1)""#
    );
}

// R65
#[test]
fn one_pair_is_explained_as_value_and_text() {
    let told = all().explain(&record(r#"{"a":"x"}"#), &record(r#"{"a":"y"}"#), &cx());
    let text = told.to_string();
    for line in [
        "\ntrimmed (mine.toml:5:9)\n  referral: x\n",
        "  CRM: y\n",
        "    - blanks at both ends are no part of it\n",
        "  to the CRM: x; a = \"x\"\n",
        "  to Partner Center: y; a = \"y\"\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let stored = serde_json::to_string(&told).unwrap();
    assert_eq!(
        serde_json::from_str::<cosell_mapping::rules::Explained>(&stored).unwrap(),
        told
    );
}

#[test]
fn many_pairs_are_counted_by_field() {
    let pairs = [
        (r#"{"a":"x"}"#, r#"{"a":"x"}"#),
        (r#"{"a":"x"}"#, r#"{"a":"y"}"#),
        (r#"{"a":7}"#, r#"{"a":"y"}"#),
        (r#"{"i":"C","e":1}"#, r#"{"i":"Z","e":2}"#),
    ]
    .map(|(left, right)| (record(left), record(right)));
    let preview = all().preview(pairs.iter().map(|(left, right)| (left, right)), &cx());
    assert_eq!(preview.pairs, 4);
    let tally = &preview.fields[&"trimmed".into()];
    assert_eq!(
        (
            tally.equal,
            tally.to_crm,
            tally.to_partner_center,
            tally.held,
            tally.unreadable
        ),
        (2, 1, 1, 0, 1)
    );
    assert_eq!(preview.fields[&"kind".into()].held, 1);
    assert!(
        preview
            .to_string()
            .contains("trimmed: 2 equal, 1 to the CRM")
    );
}
