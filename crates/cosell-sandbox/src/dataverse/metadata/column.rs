//! A posted column, read into the schema's terms.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::dataverse::cell::Cell;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::schema::{Column, Kind, Rounding, money_bound};

const TRILLION: i64 = 1_000_000_000_000;

/// A schema name has a prefix of letters and digits, and an underscore.
pub(super) fn schema_name(value: &Value) -> Result<&str, Refusal> {
    schema_name_of(value, "SchemaName")
}

pub(super) fn schema_name_of<'a>(value: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    let name = value[member].as_str().unwrap_or_default();
    let prefix = name.split_once('_').map_or("", |(prefix, _)| prefix);
    let fits = (2..=8).contains(&prefix.len())
        && prefix.starts_with(|first: char| first.is_ascii_alphabetic())
        && prefix.chars().all(|letter| letter.is_ascii_alphanumeric())
        && prefix != "mscrm"
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if fits {
        return Ok(name);
    }
    Err(Refusal::bad(
        "0x80044366",
        format!(
            "The name '{name}' is not prefixed with a valid customization prefix. Ensure that the \
             attribute name begins with a prefix of a publisher."
        ),
    ))
}

/// The first label, or none.
pub(super) fn label(value: &Value) -> String {
    value["LocalizedLabels"][0]["Label"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Options of a global choice, by the id or name in its address.
pub(super) type Choices<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// The cast of a posted column; the form with `Complex` is that of `CreateEntities`.
pub(super) fn cast(value: &Value) -> &str {
    let cast = value["@odata.type"].as_str().unwrap_or_default();
    let cast = cast.trim_start_matches('#');
    let cast = cast.trim_start_matches("Microsoft.Dynamics.CRM.");
    cast.strip_prefix("Complex").unwrap_or(cast)
}

pub(super) fn read(value: &Value, choices: Choices<'_>) -> Result<Column, Refusal> {
    read_named(value, &schema_name(value)?.to_lowercase(), choices)
}

pub(super) fn read_named(
    value: &Value,
    name: &str,
    choices: Choices<'_>,
) -> Result<Column, Refusal> {
    let cast = cast(value);
    let whole = |member: &str, default: i64| value[member].as_i64().unwrap_or(default);
    let bound = |member: &str, default: i64| {
        let text = value[member].to_string();
        let number = text.parse().or_else(|_| Decimal::from_scientific(&text));
        number.unwrap_or(Decimal::from(default))
    };
    let small = |member: &str, default: i32| {
        i32::try_from(whole(member, default.into())).unwrap_or(default)
    };
    let scale = u32::try_from(whole("Precision", 2)).unwrap_or(2).min(10);
    let length = |default: i64, most: i64| {
        let length = whole("MaxLength", default);
        if (1..=most).contains(&length) {
            Ok(usize::try_from(length).unwrap_or(0))
        } else {
            Err(Refusal::bad(
                "0x80040203",
                format!("MaxLength {length} of '{name}' is not between 1 and {most}."),
            ))
        }
    };
    let kind = match cast.strip_suffix("AttributeMetadata").unwrap_or_default() {
        "String" => Kind::Text {
            max: length(100, 4000)?,
        },
        "Memo" => Kind::Text {
            max: length(2000, 1_048_576)?,
        },
        "Integer" => Kind::Integer {
            min: small("MinValue", i32::MIN),
            max: small("MaxValue", i32::MAX),
        },
        "BigInt" => Kind::BigInt,
        "Decimal" | "Double" => Kind::Decimal {
            min: bound("MinValue", -100_000_000_000),
            max: bound("MaxValue", 100_000_000_000),
            scale,
        },
        "Money" => Kind::Money {
            min: bound("MinValue", -TRILLION).max(-money_bound()),
            max: bound("MaxValue", TRILLION).min(money_bound()),
            rounding: if whole("PrecisionSource", 2) == 0 {
                Rounding::Own(scale.min(4))
            } else {
                Rounding::Currency
            },
        },
        "Boolean" => Kind::Boolean(
            boolean_label(&value["OptionSet"]["FalseOption"], "No"),
            boolean_label(&value["OptionSet"]["TrueOption"], "Yes"),
        ),
        "Picklist" => Kind::Choice(options(value, choices)?),
        "MultiSelectPicklist" => Kind::Choices(options(value, choices)?),
        "File" => Kind::File {
            max_kilobytes: whole("MaxSizeInKB", 32_768),
        },
        "DateTime" => match value["DateTimeBehavior"]["Value"].as_str() {
            Some("DateOnly") => Kind::Date,
            _ => Kind::Instant,
        },
        other => {
            return Err(Refusal::not_simulated(&format!(
                "Creating a column of type '{other}'"
            )));
        }
    };
    let mut column = Column::new(name, kind);
    if matches!(column.kind, Kind::File { .. }) {
        column = column.read_only();
    }
    if let Some(default) = value["DefaultValue"].as_bool() {
        column = column.starting_at(Cell::Bool(default));
    }
    Ok(column)
}

fn boolean_label(option: &Value, default: &str) -> Arc<str> {
    let text = label(&option["Label"]);
    Arc::from(if text.is_empty() { default } else { &text })
}

fn options(value: &Value, choices: Choices<'_>) -> Result<Vec<(i32, String)>, Refusal> {
    let global = value["GlobalOptionSet@odata.bind"].as_str();
    let set = match global {
        Some(address) => choices(address).ok_or_else(|| {
            Refusal::bad(
                "0x80040203",
                format!("There is no global choice '{address}'."),
            )
        })?,
        None => value["OptionSet"].clone(),
    };
    listed(&set)
}

/// The options of a set, values and labels.
pub(super) fn listed(set: &Value) -> Result<Vec<(i32, String)>, Refusal> {
    let posted = set["Options"]
        .as_array()
        .ok_or_else(|| Refusal::bad("0x80040203", "The OptionSet of the column is missing."))?;
    let mut options: Vec<(i32, String)> = Vec::new();
    for option in posted {
        let number = option["Value"]
            .as_i64()
            .and_then(|value| i32::try_from(value).ok());
        let number = number
            .ok_or_else(|| Refusal::bad("0x80048402", "The Value of an option is out of range."))?;
        if options.iter().any(|(other, _)| *other == number) {
            return Err(Refusal::bad(
                "0x80048403",
                format!("An option with the value {number} exists already."),
            ));
        }
        options.push((number, label(&option["Label"])));
    }
    Ok(options)
}
