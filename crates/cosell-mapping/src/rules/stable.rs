//! Does a rule come to rest? Asked of every rule whose lenses are not all our own.
//!
//! The shipped shapes keep the laws by their tests. A registered function, a registered lens and
//! a map with a way back of its own may not, so they are tried out with values made for them
//! before the mapping is taken: what they say they would hold must be what they hold, and a value
//! that went through both sides must stay.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::value::to_raw_value;

use crate::{
    Access, ChoiceForm, ChoiceShape, Context, Currencies, FieldRule, Lens, LensSpec, Record,
    RecordKind, Shape, Value, apply,
    laws::{self, Service, Violation},
};

use super::Fault;

/// What a rule does that it must not, with the value that showed it.
pub(super) fn check(rule: &FieldRule) -> Option<Fault> {
    let sides = [RecordKind::Referral, RecordKind::Row];
    if !sides.iter().any(|kind| foreign(&rule.lens(*kind).shape)) {
        return None;
    }
    let cx = context(rule);
    let mut values: Vec<Value> = Vec::new();
    for kind in sides {
        values.extend(probes(&rule.lens(kind).shape));
    }
    for value in &values {
        let tried = sides
            .iter()
            .find_map(|kind| one_side(rule.lens(*kind), value, &values, &cx).err())
            .or_else(|| both_sides(rule, value, &cx).err());
        if let Some(violation) = tried {
            return Some(Fault::new(
                format!("fields.{}", rule.field),
                format!("the rule does not come to rest: {violation}"),
                "let reading undo writing, so that the two sides cannot change each other for ever",
            ));
        }
    }
    None
}

/// Is something in it that its own tests do not vouch for?
fn foreign(shape: &Shape) -> bool {
    match shape {
        Shape::Function(_) | Shape::Custom(_) => true,
        Shape::Choice(choice) => choice
            .to
            .iter()
            .any(|(word, there)| choice.back.get(there) != Some(word)),
        _ => false,
    }
}

fn one_side(
    lens: &LensSpec,
    value: &Value,
    values: &[Value],
    cx: &Context,
) -> Result<(), Violation> {
    let service = service(lens);
    let open = open(lens.kind);
    laws::check(lens, None, value, cx, &service)?;
    laws::check(lens, Some(&open), value, cx, &service)?;
    // Records that hold something else already.
    for held in values.iter().take(6) {
        let Ok(assignments) = lens.put(Some(&open), held, cx) else {
            continue;
        };
        let mut record = open.clone();
        if apply(&mut record, &assignments).is_ok() {
            service(&mut record, false);
            laws::check(lens, Some(&record), value, cx, &service)?;
        }
    }
    Ok(())
}

fn both_sides(rule: &FieldRule, value: &Value, cx: &Context) -> Result<(), Violation> {
    let (referral, row) = (open(RecordKind::Referral), open(RecordKind::Row));
    let services = (service(&rule.referral), service(&rule.row));
    let here = (
        &rule.referral as &dyn Lens,
        Some(&referral),
        &services.0 as Service<'_>,
    );
    let there = (
        &rule.row as &dyn Lens,
        Some(&row),
        &services.1 as Service<'_>,
    );
    // A side that is only read ends the journey.
    if rule.referral.access == Access::Never || rule.row.access == Access::Never {
        return Ok(());
    }
    laws::stable_through_both(here, there, value, cx)?;
    laws::stable_through_both(there, here, value, cx)
}

/// A record that takes writes.
fn open(kind: RecordKind) -> Record {
    let text = match kind {
        RecordKind::Referral => r#"{"status":"Active","substatus":"Accepted"}"#,
        RecordKind::Row => r#"{"statecode":0,"statuscode":1}"#,
    };
    serde_json::from_str(text).unwrap_or_default()
}

/// What the service makes of a write: a bound row can be read by its column.
fn service(lens: &LensSpec) -> impl Fn(&mut Record, bool) + use<> {
    let bound = match &lens.shape {
        Shape::Lookup(shape) => Some((shape.id.clone(), shape.bind.clone())),
        _ => None,
    };
    move |record: &mut Record, _: bool| {
        let Some((id, bind)) = &bound else { return };
        if let Some(row) = record.remove(bind.root()) {
            let row = row.get().trim_matches('"');
            let found = row.split(['(', ')']).nth(1);
            if let Ok(found) = to_raw_value(&found) {
                record.insert(id.root().to_owned(), found);
            }
        }
    }
}

fn context(rule: &FieldRule) -> Context {
    let mut cx = Context::default().with_currencies(
        Currencies::default()
            .with("EUR", "eur", 2)
            .with("JPY", "jpy", 0),
    );
    for kind in [RecordKind::Referral, RecordKind::Row] {
        let Some(choice) = choice_of(&rule.lens(kind).shape) else {
            continue;
        };
        if choice.form == ChoiceForm::Label {
            let labels: BTreeSet<&String> = choice.to.values().chain(choice.back.keys()).collect();
            let labels: BTreeMap<i64, String> = labels.into_iter().cloned().enumerate().fold(
                BTreeMap::new(),
                |mut labels, (index, label)| {
                    labels.insert(i64::try_from(index).unwrap_or_default(), label);
                    labels
                },
            );
            cx.choices.insert(choice.path.clone(), labels);
        }
    }
    cx
}

fn choice_of(shape: &Shape) -> Option<&ChoiceShape> {
    match shape {
        Shape::Choice(choice) => Some(choice),
        Shape::Function(function) => choice_of(&function.inner),
        _ => None,
    }
}

/// Values that show what goes wrong, for one shape.
fn probes(shape: &Shape) -> Vec<Value> {
    let texts = || {
        [
            "a",
            "abc",
            " both ends ",
            "Two Words",
            "x, y; z",
            "line\nline",
            "ÄÖÜ ß 😀",
            "محمد",
            "12.345",
            "R&D",
            "yes",
            "2026-09-30",
            "A",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ]
        .into_iter()
        .map(Value::text)
    };
    let numbers = || {
        [
            (0, 0),
            (1, 0),
            (-7, 0),
            (100, 0),
            (5, 1),
            (12_345, 3),
            (1, 4),
            (99_999, 2),
            (333_333, 6),
        ]
        .into_iter()
        .map(|(digits, scale)| Decimal::new(digits, scale))
    };
    let dates = || {
        [(1999, 12, 31), (2026, 1, 1), (2028, 2, 29)]
            .into_iter()
            .filter_map(|(y, m, d)| NaiveDate::from_ymd_opt(y, m, d))
    };
    let moments = || {
        [0, 1_790_000_001]
            .into_iter()
            .filter_map(|s| DateTime::<Utc>::from_timestamp(s, 0))
    };
    let mut values = vec![Value::Null];
    match shape {
        Shape::Choice(choice) => {
            values.extend(choice.to.keys().cloned().map(Value::Choice));
        }
        Shape::Function(function) => {
            // What the inner shape stores, as the function reads it, and the plain kinds.
            let inner = probes(&function.inner);
            values.extend(inner.iter().map(|value| function.function.item.read(value)));
            values.extend(inner);
        }
        Shape::Text(_) | Shape::Join(_) => values.extend(texts()),
        Shape::Number(_) => values.extend(numbers().map(Value::Number)),
        Shape::Money(_) => values.extend(numbers().map(|number| Value::money(number, "EUR"))),
        Shape::Date(_) => values.extend(dates().map(Value::Date)),
        Shape::Instant(_) => values.extend(moments().map(Value::Instant)),
        Shape::Flag(_) => values.extend([true, false].map(Value::Flag)),
        Shape::Custom(_) => {
            values.extend(texts());
            values.extend(numbers().map(Value::Number));
            values.extend(numbers().map(|number| Value::money(number, "EUR")));
            values.extend(dates().map(Value::Date));
            values.extend(moments().map(Value::Instant));
            values.extend([true, false].map(Value::Flag));
        }
        _ => {}
    }
    values.dedup();
    values
}
