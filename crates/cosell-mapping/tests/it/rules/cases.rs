//! The case table of the shipped connector mapping.

use std::collections::BTreeSet;

use cosell_mapping::{Loss, Record, Value, rules::Direct};

use super::samples::{connector, cx, referral, row};
use crate::support::with;

const TABLE: &str = include_str!("cases.txt");
const CASES: [&str; 5] = ["set", "changed", "emptied", "unknown", "too long"];

fn changed(mut record: Record, cell: &str) -> Record {
    if cell == "-" {
        return record;
    }
    for change in cell.split(";;") {
        let (place, json) = change.split_once('=').expect("place = JSON");
        record = with(record, place.trim(), &long(json.trim()));
    }
    record
}

/// `"x*2500"` is 2500 letters.
fn long(json: &str) -> String {
    match json.split_once("\"x*") {
        Some((before, rest)) => {
            let (count, after) = rest.split_once('"').expect("a closing quote");
            format!("{before}\"{}\"{after}", "x".repeat(count.parse().unwrap()))
        }
        None => json.to_owned(),
    }
}

fn word(direct: &Direct) -> String {
    match direct {
        Direct::Equal => "equal".to_owned(),
        Direct::Partial => "partial".to_owned(),
        Direct::OneWay => "one way".to_owned(),
        Direct::Unreadable(_) => "unreadable".to_owned(),
        Direct::Held(reason) => {
            let code = serde_json::to_value(reason.code).unwrap();
            format!("held {}", code.as_str().unwrap())
        }
        Direct::Write { value, loss, .. } => match value {
            Value::Text(text) if *loss == Some(Loss::Shortened) => {
                format!("shortened to {} units", text.encode_utf16().count())
            }
            Value::Text(text) if text.len() > 200 => {
                format!("writes {} units", text.encode_utf16().count())
            }
            value => format!("writes {value}").replace('\n', "⏎"),
        },
        other => format!("{other:?}"),
    }
}

// R57, R73, R98
#[test]
fn every_rule_of_the_connector_does_as_its_table_says() {
    let mapping = connector();
    let mut seen = BTreeSet::new();
    let mut covered = BTreeSet::new();
    let mut wrong = Vec::new();
    for (number, line) in TABLE.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [field, case, left, right, to_crm, back] = cells[..] else {
            panic!("line {}: six cells", number + 1);
        };
        assert!(CASES.contains(&case), "line {}: case {case}", number + 1);
        let first = seen.insert((field, case, left, right));
        assert!(first, "line {} stands twice", number + 1);
        covered.insert((field.to_owned(), case));
        if to_crm == "-" {
            continue;
        }
        let left = changed(referral(), left);
        let right = changed(row(), right);
        let told = mapping.explain(&left, &right, &cx());
        let told = told.fields.iter().find(|told| told.field.as_str() == field);
        let told = told.unwrap_or_else(|| panic!("line {}: no field {field}", number + 1));
        // Agreement is mutual: one settled form suffices.
        let found = if told.agrees() {
            ["equal".to_owned(), "equal".to_owned()]
        } else {
            [word(&told.to_crm), word(&told.to_partner_center)]
        };
        if found != [to_crm, back] {
            wrong.push(format!("line {}: {line}\n  found {found:?}", number + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for field in mapping.file().fields.keys() {
        for case in CASES {
            let pair = (field.to_string(), case);
            assert!(covered.contains(&pair), "{field} has no case {case}");
        }
    }
}

#[test]
fn the_samples_agree_in_every_field() {
    let told = connector().explain(&referral(), &row(), &cx());
    for field in &told.fields {
        assert!(field.agrees(), "{field:?}");
    }
    assert_eq!(told.fields.len(), 13);
}
