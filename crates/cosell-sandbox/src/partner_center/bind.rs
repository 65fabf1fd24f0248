//! How a caller's JSON is bound to the field tables.
//!
//! Names are matched without regard to case, as the service does; what comes out has the
//! canonical spelling, every property present, and nothing that only the service may set.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::fields::{Absent, By, Field, REFERRAL, Shape};
use super::options::UnknownFields;
use super::refusal::Refusal;

/// Binds a whole referral as posted.
pub(super) fn bind_referral(
    body: &Value,
    unknown: UnknownFields,
) -> Result<Map<String, Value>, Refusal> {
    match bind_object(REFERRAL, body, "", unknown)? {
        Value::Object(bound) => Ok(bound),
        _ => Err(Refusal::invalid("referral", "The body must be an object.")),
    }
}

/// Binds one value; `path` names it in refusals.
pub(super) fn bind(
    shape: &Shape,
    value: &Value,
    path: &str,
    unknown: UnknownFields,
) -> Result<Value, Refusal> {
    let wrong = |wanted: &str| Refusal::invalid(path, format!("The value must be {wanted}."));
    match (shape, value) {
        (Shape::Any, _) | (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => {
            Ok(value.clone())
        }
        (Shape::List(_), Value::Null) => Ok(Value::Array(Vec::new())),
        // Samples of the service show `"ids": {}` where a list stands.
        (Shape::List(_), Value::Object(empty)) if empty.is_empty() => Ok(Value::Array(Vec::new())),
        (Shape::List(item), Value::Array(items)) => {
            let mut bound = Vec::with_capacity(items.len());
            for (index, value) in items.iter().enumerate() {
                if value.is_null() {
                    return Err(Refusal::invalid(
                        &format!("{path}[{index}]"),
                        "The item is null.",
                    ));
                }
                bound.push(bind(item, value, &format!("{path}[{index}]"), unknown)?);
            }
            Ok(Value::Array(bound))
        }
        (_, Value::Null) => Ok(Value::Null),
        (Shape::Object(fields), Value::Object(_)) => bind_object(fields, value, path, unknown),
        (Shape::Number, Value::Number(number)) => number
            .as_f64()
            .map(Value::from)
            .ok_or_else(|| wrong("a number")),
        (Shape::Number, Value::String(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::from(number)),
            _ => Err(wrong("a number")),
        },
        (Shape::Moment, Value::String(text)) => moment(text)
            .map(Value::String)
            .ok_or_else(|| wrong("a UTC date and time")),
        (Shape::Choice(words), Value::String(word)) => {
            if words.contains(&word.as_str()) {
                Ok(value.clone())
            } else {
                Err(wrong(&format!("one of {}", words.join(", "))))
            }
        }
        (Shape::Text | Shape::Choice(_), _) => Err(wrong("a string")),
        (Shape::Flag, _) => Err(wrong("true or false")),
        (Shape::Number, _) => Err(wrong("a number")),
        (Shape::Moment, _) => Err(wrong("a UTC date and time")),
        (Shape::Object(_), _) => Err(wrong("an object")),
        (Shape::List(_), _) => Err(wrong("an array")),
    }
}

fn bind_object(
    fields: &[Field],
    value: &Value,
    path: &str,
    unknown: UnknownFields,
) -> Result<Value, Refusal> {
    let Value::Object(given) = value else {
        return Err(Refusal::invalid(
            if path.is_empty() { "referral" } else { path },
            "The value must be an object.",
        ));
    };
    let mut bound = blank(fields);
    for (name, value) in given {
        let Some(field) = fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
        else {
            if unknown == UnknownFields::Refused && !name.starts_with('@') {
                return Err(Refusal::invalid(
                    &joined(path, name),
                    "There is no such property.",
                ));
            }
            continue;
        };
        // What only the service sets is ignored; null asks for what stands there anyway.
        if field.by == By::Service || (value.is_null() && !matches!(field.absent, Absent::Null)) {
            continue;
        }
        let value = bind(&field.shape, value, &joined(path, field.name), unknown)?;
        bound.insert(field.name.to_owned(), value);
    }
    Ok(Value::Object(bound))
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn blank(fields: &[Field]) -> Map<String, Value> {
    fields
        .iter()
        .map(|field| (field.name.to_owned(), absent(field)))
        .collect()
}

fn absent(field: &Field) -> Value {
    match (&field.absent, &field.shape) {
        (Absent::False, _) => Value::Bool(false),
        (Absent::Word(word), _) => Value::from(*word),
        (Absent::EmptyList, _) => Value::Array(Vec::new()),
        (Absent::Filled, Shape::Object(fields)) => Value::Object(blank(fields)),
        (Absent::Null | Absent::Filled, _) => Value::Null,
    }
}

fn moment(text: &str) -> Option<String> {
    let at = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    Some(at.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
}
