//! Events out of the service: what a webhook or a queue brings, read with distrust.
//!
//! An event is a hint. It may be late, doubled, out of order, trimmed, or forged, since the service
//! signs nothing: check the secret you registered, then read the row.

use std::fmt;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

/// Largest body that is read; the service itself trims at 256 KB.
const MOST_BYTES: usize = 512 * 1024;

/// A value in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventValue {
    /// No value.
    Null,
    /// Text, or an id.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A number or an amount; an event may round what has more than 15 digits.
    Number(Decimal),
    /// A choice, a state or a status reason.
    Choice(i64),
    /// Several choices.
    Choices(Vec<i64>),
    /// A moment; a date without time is its midnight in UTC.
    Instant(DateTime<Utc>),
    /// A row.
    Reference {
        /// Logical name of its table.
        table: String,
        /// Its id.
        id: Uuid,
    },
    /// A value of another kind, as JSON.
    Other(String),
}

/// Columns of a row as an event tells them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventRow {
    /// Logical name of the table.
    pub table: String,
    /// The row's id.
    pub id: Option<Uuid>,
    /// Columns in the order they came; of an update, those that were sent.
    pub columns: Vec<(String, EventValue)>,
}

impl EventRow {
    /// The value of a column; `None` when the event does not tell it.
    pub fn column(&self, name: &str) -> Option<&EventValue> {
        let mut columns = self.columns.iter();
        let found = columns.find(|(column, _)| column == name);
        found.map(|(_, value)| value)
    }
}

/// Names only: the values may be personal data.
impl fmt::Debug for EventRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("EventRow")
            .field("table", &self.table)
            .field("id", &self.id)
            .field("columns", &names)
            .finish()
    }
}

/// One event: the service's `RemoteExecutionContext`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What happened, such as `Create`, `Update`, `Delete`, `WinOpportunity`.
    pub message: String,
    /// Logical name of the table.
    pub table: String,
    /// Id of the row.
    pub id: Uuid,
    /// Id of the organization it happened in.
    pub organization: Option<Uuid>,
    /// Id of the operation: the same in a repeated delivery.
    pub operation: Option<Uuid>,
    /// User that the step ran as.
    pub user: Option<Uuid>,
    /// User whose action began it.
    pub initiating_user: Option<Uuid>,
    /// 1 for an action from outside, more for what other logic did.
    pub depth: Option<u64>,
    /// When it happened.
    pub at: Option<DateTime<Utc>>,
    /// The `tag` of the request that caused it, looked for along the whole chain.
    pub tag: Option<String>,
    /// What was written; a deletion tells no columns.
    pub target: Option<EventRow>,
    /// Registered images of the row before, by name.
    pub before: Vec<(String, EventRow)>,
    /// Registered images of the row after, by name.
    pub after: Vec<(String, EventRow)>,
    /// Was the event too large, so that target and images are missing?
    pub trimmed: bool,
}

/// A body is no event. Says nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The body is larger than any event.
    #[error("the body has {0} bytes: no event is so large, refuse it")]
    TooLarge(usize),
    /// The body is no JSON object, or nested too deep.
    #[error("the body is no JSON object: refuse it")]
    NotJson,
    /// What every event has is missing.
    #[error("the event has no usable {0}: refuse it")]
    Missing(&'static str),
    /// The headers name something else than the body.
    #[error("the headers and the body name different {0}: refuse it")]
    Contradiction(&'static str),
}

impl Event {
    /// Reads the body of a webhook call, and holds it against the call's headers where those are
    /// there. Bears any bytes.
    ///
    /// # Errors
    /// [`EventError`]
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, EventError> {
        if body.len() > MOST_BYTES {
            return Err(EventError::TooLarge(body.len()));
        }
        let context: Value = serde_json::from_slice(body).map_err(|_| EventError::NotJson)?;
        if !context.is_object() {
            return Err(EventError::NotJson);
        }
        let text = |name: &'static str| {
            let text = context[name].as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or(EventError::Missing(name))
        };
        let (message, table) = (text("MessageName")?, text("PrimaryEntityName")?);
        for (header, body, what) in [
            ("x-ms-dynamics-request-name", &message, "messages"),
            ("x-ms-dynamics-entity-name", &table, "tables"),
        ] {
            let told = headers.get(header);
            if told.is_some_and(|told| !told.as_bytes().eq_ignore_ascii_case(body.as_bytes())) {
                return Err(EventError::Contradiction(what));
            }
        }
        let named = |name: &str| guid(&context[name]);
        let target = pairs(&context["InputParameters"])
            .find(|(key, _)| *key == "Target")
            .and_then(|(_, value)| row(value));
        Ok(Self {
            id: named("PrimaryEntityId").ok_or(EventError::Missing("PrimaryEntityId"))?,
            organization: named("OrganizationId"),
            operation: named("OperationId"),
            user: named("UserId"),
            initiating_user: named("InitiatingUserId"),
            depth: context["Depth"].as_u64(),
            at: context["OperationCreatedOn"].as_str().and_then(instant),
            tag: tag(&context),
            target,
            before: images(&context["PreEntityImages"]),
            after: images(&context["PostEntityImages"]),
            trimmed: headers.contains_key("x-ms-dynamics-msg-size-exceeded"),
            message,
            table,
        })
    }
}

fn guid(value: &Value) -> Option<Uuid> {
    Uuid::try_parse(value.as_str()?).ok()
}

fn pairs(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let pairs = value.as_array().map_or(&[][..], Vec::as_slice);
    pairs
        .iter()
        .filter_map(|pair| Some((pair["key"].as_str()?, &pair["value"])))
}

/// The chain is as deep as the JSON reader lets it be, and that is bounded.
fn tag(context: &Value) -> Option<String> {
    let mut at = Some(context);
    while let Some(context) = at {
        let mut variables = pairs(&context["SharedVariables"]);
        if let Some((_, tag)) = variables.find(|(key, _)| *key == "tag") {
            return tag.as_str().map(str::to_owned);
        }
        at = context.get("ParentContext");
    }
    None
}

fn images(value: &Value) -> Vec<(String, EventRow)> {
    pairs(value)
        .filter_map(|(key, value)| Some((key.to_owned(), row(value)?)))
        .collect()
}

/// An entity, or the reference that a deletion has in its place.
fn row(value: &Value) -> Option<EventRow> {
    Some(EventRow {
        table: value["LogicalName"].as_str()?.to_owned(),
        id: guid(&value["Id"]),
        columns: pairs(&value["Attributes"])
            .map(|(key, value)| (key.to_owned(), event_value(value)))
            .collect(),
    })
}

fn event_value(value: &Value) -> EventValue {
    let other = || EventValue::Other(value.to_string());
    match value {
        Value::Null => EventValue::Null,
        Value::Bool(flag) => EventValue::Flag(*flag),
        Value::Number(_) => number(value).map_or_else(other, EventValue::Number),
        Value::String(text) => {
            instant(text).map_or_else(|| EventValue::Text(text.clone()), EventValue::Instant)
        }
        Value::Array(items) => {
            let choices: Option<Vec<i64>> =
                items.iter().map(|item| item["Value"].as_i64()).collect();
            choices
                .filter(|choices| !choices.is_empty())
                .map_or_else(other, EventValue::Choices)
        }
        Value::Object(_) => {
            let kind = value["__type"].as_str().unwrap_or_default();
            let known = match kind.split(':').next().unwrap_or_default() {
                "OptionSetValue" => value["Value"].as_i64().map(EventValue::Choice),
                "Money" => number(&value["Value"]).map(EventValue::Number),
                "EntityReference" => {
                    value["LogicalName"]
                        .as_str()
                        .zip(guid(&value["Id"]))
                        .map(|(table, id)| EventValue::Reference {
                            table: table.to_owned(),
                            id,
                        })
                }
                _ => None,
            };
            known.unwrap_or_else(other)
        }
    }
}

fn number(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    let exact = Decimal::from_str_exact(&text);
    exact.or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// `/Date(1741079743000)/`, perhaps with an offset, which does not move the moment.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end = inner
        .char_indices()
        .skip(1)
        .find(|(_, letter)| matches!(letter, '+' | '-'));
    let millis = &inner[..end.map_or(inner.len(), |(at, _)| at)];
    DateTime::from_timestamp_millis(millis.parse().ok()?)
}
