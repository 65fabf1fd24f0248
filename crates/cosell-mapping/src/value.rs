//! Canonical values: what two records are compared by.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Name of a field that both sides share, such as `value` or `close_date`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldId(Cow<'static, str>);

impl FieldId {
    /// A name known at compile time.
    pub const fn from_static(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for FieldId {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl From<&str> for FieldId {
    fn from(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An amount in a currency: one value, never merged apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Exact amount in units of the currency. Equality ignores trailing zeros.
    pub amount: Decimal,
    /// ISO 4217 code in capitals.
    pub currency: String,
}

/// A field's value as both sides understand it.
///
/// Empty text and absence are both [`Value::Null`]; text has LF line ends and no HTML entities.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Value {
    /// Nothing there.
    #[default]
    Null,
    /// Text, never empty.
    Text(String),
    /// A plain number.
    Number(Decimal),
    /// An amount with its currency.
    Money(Money),
    /// A calendar date.
    Date(NaiveDate),
    /// A moment.
    Instant(DateTime<Utc>),
    /// Yes or no.
    Flag(bool),
    /// One word of a closed list, such as a deal state.
    Choice(String),
    /// Named parts that travel as one, such as an address.
    Parts(BTreeMap<String, Value>),
    /// Things without order.
    Set(BTreeSet<Value>),
}

impl Value {
    /// Text, or [`Value::Null`] when empty.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::Null
        } else {
            Self::Text(text)
        }
    }

    /// An amount with its currency.
    pub fn money(amount: Decimal, currency: impl Into<String>) -> Self {
        Self::Money(Money {
            amount,
            currency: currency.into(),
        })
    }

    /// Is nothing there?
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("(empty)"),
            Self::Text(text) | Self::Choice(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Money(money) => write!(f, "{} {}", money.amount, money.currency),
            Self::Date(date) => write!(f, "{date}"),
            Self::Instant(moment) => write!(f, "{}", moment.to_rfc3339()),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
            Self::Parts(parts) => {
                let mut rest = false;
                for value in parts.values().filter(|value| !value.is_null()) {
                    if std::mem::replace(&mut rest, true) {
                        f.write_str(", ")?;
                    }
                    write!(f, "{value}")?;
                }
                Ok(())
            }
            Self::Set(items) => {
                let mut rest = false;
                for value in items {
                    if std::mem::replace(&mut rest, true) {
                        f.write_str(", ")?;
                    }
                    write!(f, "{value}")?;
                }
                Ok(())
            }
        }
    }
}

/// The mapped fields of one record as it was seen.
pub type Snapshot = BTreeMap<FieldId, Value>;

/// What would become of a wanted value on one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// The side can hold it exactly.
    Fits,
    /// The side would hold something else instead.
    Becomes {
        /// What it would hold.
        value: Value,
        /// What got lost on the way.
        loss: Loss,
    },
    /// The side cannot take it now.
    Cannot(Reason),
}

/// How a settled value differs from the wanted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Another form of the same thing (rounded, trimmed, another spelling): an edit of the
    /// settled value may go back over the original.
    Rounded,
    /// A part was left out: an edit of the shortened value must never be written over the whole.
    Shortened,
}

/// Why a side cannot take a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people: names the rule and the cure, without personal data.
    pub detail: String,
}

impl Reason {
    /// A reason.
    pub fn new(code: ReasonCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

/// Kinds of [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReasonCode {
    /// The service has no way to change it.
    NotWritable,
    /// Fixed since creation or since sharing.
    Frozen,
    /// The record is closed.
    Closed,
    /// The service is not known to accept an empty value here.
    CannotClear,
    /// The value has no counterpart there, such as a currency without a row.
    Unmappable,
    /// Computed by the platform.
    Computed,
    /// A move that the service does not allow.
    IllegalMove,
    /// The value breaks a rule of the service.
    Invalid,
}
