//! Rules that would never come to rest are found and named before they are used.

use std::sync::Arc;

use cosell_mapping::{
    Assignment, Context, Function, Lens, Path, ReadFault, Reason, Record, Settled, Value, read,
    rules::Registry,
};
use rust_decimal::Decimal;

use super::samples::{mapping, mapping_with, rule};

/// A function made of two.
#[derive(Debug)]
struct Made(fn(&Value) -> Value, fn(&Value) -> Value);

impl Function for Made {
    fn read(&self, stored: &Value) -> Value {
        self.0(stored)
    }

    fn write(&self, value: &Value) -> Result<Value, Reason> {
        Ok(self.1(value))
    }
}

fn same(value: &Value) -> Value {
    value.clone()
}

fn text(value: &Value, change: impl Fn(&str) -> String) -> Value {
    match value {
        Value::Text(text) => Value::text(change(text)),
        other => other.clone(),
    }
}

fn number(value: &Value, change: impl Fn(Decimal) -> Decimal) -> Value {
    match value {
        Value::Number(number) => Value::Number(change(*number)),
        other => other.clone(),
    }
}

fn registry(name: &str, function: Made) -> Registry {
    Registry::default().with_function(name, Arc::new(function))
}

fn found(transform: &str, function: Made) -> String {
    let text = format!(
        "transform = \"{transform}\"\nreferral = \"a\"\ncrm = {{ path = \"b\", function = \"planted\" }}"
    );
    match mapping_with(&rule(&text), &registry("planted", function)) {
        Ok(_) => "taken".to_owned(),
        Err(faults) => faults.to_string(),
    }
}

#[test]
fn planted_unstable_rules_are_named_with_the_value_that_shows_it() {
    // Net to gross and back, both cut to cents: every turn loses one.
    let rounds = Made(
        |value| {
            number(value, |net| {
                (net * Decimal::new(119, 2)).trunc_with_scale(2)
            })
        },
        |value| {
            number(value, |gross| {
                (gross / Decimal::new(119, 2)).trunc_with_scale(2)
            })
        },
    );
    let told = found("number", rounds);
    assert!(
        told.starts_with("mine.toml:3:9: fields.x: the rule does not come to rest: "),
        "{told}"
    );
    assert!(told.contains("wanted Number("), "{told}");

    let trims = Made(same, |value| {
        text(value, |text| text.chars().skip(1).collect())
    });
    let told = found("text", trims);
    assert!(
        told.contains("does not come to rest: SettleOnce: wanted Text("),
        "{told}"
    );

    let grows = Made(|value| text(value, |text| format!("{text}!")), same);
    let told = found("text", grows);
    assert!(told.contains("does not come to rest"), "{told}");
}

#[test]
fn a_map_whose_way_back_leads_elsewhere_is_refused() {
    let turns = "transform = \"choice\"\nunknown = \"hold\"\nreferral = \"a\"\ncrm = \"b\"\n\
        values = { A = \"1\", B = \"2\" }\nback = { 1 = \"B\", 2 = \"A\" }";
    let told = mapping(&rule(turns)).unwrap_err().to_string();
    assert!(
        told.contains("fields.x: the rule does not come to rest: SettleOnce: wanted Choice(\"A\")"),
        "{told}"
    );
    // Two words that become one, with the way back said, come to rest.
    let falls = turns
        .replace("B = \"2\"", "B = \"1\"")
        .replace("back = { 1 = \"B\", 2 = \"A\" }", "back = { 1 = \"B\" }");
    assert!(mapping(&rule(&falls)).is_ok());
}

#[test]
fn functions_that_come_to_rest_are_taken() {
    let rounds = Made(same, |value| number(value, |number| number.floor()));
    assert_eq!(found("number", rounds), "taken");
    let cases = Made(
        |value| text(value, str::to_lowercase),
        |value| text(value, str::to_uppercase),
    );
    let told = found("text", cases);
    assert_eq!(told, "taken");
}

/// A lens that forgets to say what it cannot hold.
#[derive(Debug)]
struct Cuts;

impl Lens for Cuts {
    fn reads(&self) -> Vec<Path> {
        vec!["b".parse().unwrap()]
    }

    fn writes(&self) -> Vec<Path> {
        self.reads()
    }

    fn get(&self, record: &Record, _: &Context) -> Result<Value, ReadFault> {
        let raw = read(record, &self.reads()[0])?;
        let text = raw.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        Ok(text.map_or(Value::Null, Value::text))
    }

    fn put(
        &self,
        now: Option<&Record>,
        value: &Value,
        cx: &Context,
    ) -> Result<Vec<Assignment>, Reason> {
        if now.is_some_and(|now| self.get(now, cx).as_ref() == Ok(value)) {
            return Ok(Vec::new());
        }
        let text: String = value.to_string().chars().take(2).collect();
        Ok(vec![Assignment {
            path: self.reads()[0].clone(),
            value: serde_json::value::to_raw_value(&text).unwrap(),
        }])
    }

    fn settle(&self, _: &Value, _: Option<&Record>, _: &Context) -> Settled {
        Settled::Fits
    }
}

#[test]
fn a_lens_that_breaks_a_law_is_refused_by_its_field() {
    let text =
        rule("transform = \"custom\"\nreferral = { lens = \"cuts\" }\ncrm = { lens = \"cuts\" }");
    let registry = Registry::default().with_lens("cuts", Arc::new(Cuts));
    let told = mapping_with(&text, &registry).unwrap_err().to_string();
    assert!(
        told.contains("fields.x: the rule does not come to rest: GetAfterPut"),
        "{told}"
    );
}
