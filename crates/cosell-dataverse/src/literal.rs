//! A value as it goes to the service, in a body or in a filter.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use uuid::Uuid;

/// One value of a column, exact.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Literal {
    /// No value.
    Null,
    /// Text; the service stores empty text as null.
    Text(String),
    /// A decimal or an amount of money; written digit for digit.
    Decimal(Decimal),
    /// A whole number or a choice.
    Integer(i64),
    /// Yes or no.
    Flag(bool),
    /// A date without time.
    Date(NaiveDate),
    /// A moment.
    Instant(DateTime<Utc>),
    /// An id.
    Guid(Uuid),
}

impl Literal {
    /// The JSON text of the value.
    pub(crate) fn to_json(&self) -> Box<RawValue> {
        let text = match self {
            Self::Null => "null".to_owned(),
            Self::Text(text) => quote(text),
            Self::Decimal(number) => number.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Date(date) => quote(&date_text(*date)),
            Self::Instant(moment) => quote(&instant_text(*moment)),
            Self::Guid(id) => quote(&id.to_string()),
        };
        raw(text)
    }

    /// The text of the value inside `$filter`, before percent-encoding.
    pub(crate) fn to_filter(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Decimal(number) => number.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Date(date) => date_text(*date),
            Self::Instant(moment) => instant_text(*moment),
            Self::Guid(id) => id.to_string(),
        }
    }
}

/// A JSON string.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Wraps text that is JSON by construction.
pub(crate) fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_default()
}

fn date_text(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

fn instant_text(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

macro_rules! literal_from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Literal {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

literal_from! {
    &str => Text,
    String => Text,
    &String => Text,
    Decimal => Decimal,
    i32 => Integer,
    i64 => Integer,
    bool => Flag,
    NaiveDate => Date,
    DateTime<Utc> => Instant,
    Uuid => Guid,
}

impl<T: Into<Self>> From<Option<T>> for Literal {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_digit() {
        let amount = Decimal::from_str_exact("922337203685477.5807").unwrap();
        assert_eq!(
            Literal::from(amount).to_json().get(),
            "922337203685477.5807"
        );
    }

    #[test]
    fn dates_carry_no_time_and_moments_carry_the_zone() {
        let date = NaiveDate::from_ymd_opt(2025, 6, 30).unwrap();
        assert_eq!(Literal::from(date).to_json().get(), "\"2025-06-30\"");
        let moment = date.and_hms_opt(9, 15, 42).unwrap().and_utc();
        assert_eq!(Literal::from(moment).to_filter(), "2025-06-30T09:15:42Z");
    }

    #[test]
    fn nothing_is_null_and_quotes_are_doubled() {
        assert_eq!(Literal::from(None::<i64>).to_json().get(), "null");
        assert_eq!(Literal::from("O'Brien").to_filter(), "'O''Brien'");
    }
}
