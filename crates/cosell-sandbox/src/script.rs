//! A script: who does what, and when. Written in TOML, checked whole before it is played.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Act;

/// A checked script. [`Player`](crate::Player) plays it.
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) patience: Duration,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) when: When,
    pub(crate) action: String,
    pub(crate) label: Option<String>,
    /// The act as JSON, with references still in it.
    pub(crate) template: Value,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    /// From the start.
    At(Duration),
    /// From the step before.
    After(Duration),
}

/// A script cannot be played. Names every fault that was found, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptError {
    /// The faults, in the order of the script.
    pub faults: Vec<ScriptFault>,
}

/// One fault of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptFault {
    /// Number of the step, from 1; none when the file as a whole cannot be read.
    pub step: Option<usize>,
    /// What is wrong, and the cure.
    pub message: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            match fault.step {
                Some(step) => write!(f, "step {step}: {}", fault.message)?,
                None => write!(f, "script: {}", fault.message)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_patience")]
    patience_seconds: f64,
    #[serde(default)]
    step: Vec<FileStep>,
}

fn default_patience() -> f64 {
    60.0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileStep {
    #[serde(default)]
    at: Option<f64>,
    #[serde(default)]
    after: Option<f64>,
    who: String,
    action: String,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    fields: toml::Table,
}

impl Script {
    /// Reads and checks a script.
    ///
    /// # Errors
    /// [`ScriptError`] with all faults: unreadable TOML, unknown people or actions, missing or
    /// unknown fields, labels used before they are given or given twice.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let file: File = toml::from_str(text).map_err(|error| ScriptError {
            faults: vec![ScriptFault {
                step: None,
                message: error.to_string().trim_end().to_owned(),
            }],
        })?;
        let mut faults = Vec::new();
        let patience = seconds(file.patience_seconds).unwrap_or_else(|message| {
            faults.push(ScriptFault {
                step: None,
                message: format!("patience_seconds: {message}"),
            });
            Duration::ZERO
        });
        let mut labels = BTreeSet::new();
        let mut steps = Vec::new();
        for (place, step) in file.step.into_iter().enumerate() {
            match read_step(step, &mut labels) {
                Ok(step) => steps.push(step),
                Err(messages) => faults.extend(messages.into_iter().map(|message| ScriptFault {
                    step: Some(place + 1),
                    message,
                })),
            }
        }
        if faults.is_empty() {
            Ok(Self { patience, steps })
        } else {
            Err(ScriptError { faults })
        }
    }

    /// How many steps it has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Has it no steps?
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

fn seconds(number: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number)
        .ok()
        // A year: beyond it a typing error is likelier than patience.
        .filter(|time| *time <= Duration::from_secs(366 * 24 * 3600))
        .ok_or_else(|| format!("{number} is no number of seconds between 0 and a year"))
}

fn read_step(step: FileStep, labels: &mut BTreeSet<String>) -> Result<Step, Vec<String>> {
    let mut faults = Vec::new();
    let when = match (step.at, step.after) {
        (Some(_), Some(_)) => Err("say either `at` or `after`, not both".to_owned()),
        (Some(at), None) => seconds(at).map(When::At),
        (None, Some(after)) => seconds(after).map(When::After),
        (None, None) => Ok(When::After(Duration::ZERO)),
    };
    let when = when.unwrap_or_else(|message| {
        faults.push(message);
        When::After(Duration::ZERO)
    });
    let mut fields: Map<String, Value> = step
        .fields
        .into_iter()
        .map(|(name, value)| (name, json_of(value)))
        .collect();
    let action = format!("{}_{}", step.who, step.action);
    fields.insert("do".into(), action.clone().into());
    let template = Value::Object(fields);
    // Every reference stands for an id, so one does for checking the shape.
    let trial = replace(&template, &mut |reference| {
        if !labels.contains(reference.label) {
            faults.push(format!(
                "label ${} is not given by an earlier step (write $$ for a plain $)",
                reference.label
            ));
        }
        Some("00000000-0000-0000-0000-000000000000".to_owned())
    });
    if let Some(Err(error)) = trial.map(serde_json::from_value::<Act>) {
        faults.push(format!("{action}: {error}"));
    }
    if let Some(label) = &step.label
        && !labels.insert(label.clone())
    {
        faults.push(format!("label {label:?} is given twice"));
    }
    if faults.is_empty() {
        Ok(Step {
            when,
            action,
            label: step.label,
            template,
        })
    } else {
        Err(faults)
    }
}

fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(name, value)| (name, json_of(value)))
            .collect(),
    }
}

/// A `$label` or `$label.part` that is a text, or a `${label}` or `${label.part}` inside one.
pub(crate) struct Reference<'a> {
    pub(crate) label: &'a str,
    pub(crate) part: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn read(text: &'a str) -> Self {
        match text.split_once('.') {
            Some((label, part)) => Self {
                label,
                part: Some(part),
            },
            None => Self {
                label: text,
                part: None,
            },
        }
    }
}

/// A copy of `value` with all references replaced; `None` when one of them stands for nothing yet.
pub(crate) fn replace(
    value: &Value,
    look: &mut impl FnMut(Reference<'_>) -> Option<String>,
) -> Option<Value> {
    Some(match value {
        Value::String(text) => replace_in_text(text, look)?.into(),
        Value::Array(items) => {
            let mut copy = Vec::with_capacity(items.len());
            for item in items {
                copy.push(replace(item, look)?);
            }
            Value::Array(copy)
        }
        Value::Object(members) => {
            let mut copy = Map::new();
            for (name, member) in members {
                copy.insert(name.clone(), replace(member, look)?);
            }
            Value::Object(copy)
        }
        other => other.clone(),
    })
}

fn replace_in_text(
    text: &str,
    look: &mut impl FnMut(Reference<'_>) -> Option<String>,
) -> Option<String> {
    match text.strip_prefix('$') {
        Some(rest) if rest.starts_with('$') => return Some(rest.to_owned()),
        Some(rest) if !rest.starts_with('{') => return look(Reference::read(rest)),
        _ => {}
    }
    let mut copy = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((reference, tail)) = after.split_once('}') else {
            break;
        };
        copy.push_str(before);
        copy.push_str(&look(Reference::read(reference))?);
        rest = tail;
    }
    copy.push_str(rest);
    Some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_stand_for_a_text_or_inside_one() {
        let look = |text: &str| {
            replace_in_text(text, &mut |reference| match reference.label {
                "deal" => Some(format!("<{}>", reference.part.unwrap_or("id"))),
                _ => None,
            })
        };
        for (text, expected) in [
            ("$deal", "<id>"),
            ("$deal.referral", "<referral>"),
            ("/accounts(${deal})", "/accounts(<id>)"),
            ("${deal} and ${deal.referral}", "<id> and <referral>"),
            ("$$deal", "$deal"),
            ("5 $ a piece", "5 $ a piece"),
            ("an open ${deal", "an open ${deal"),
        ] {
            assert_eq!(look(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(look("/accounts(${nobody})"), None);
    }
}
