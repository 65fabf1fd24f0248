//! A row as the service sent it, under typed accessors.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The version of a row, as the service writes it (`W/"58213377"`). Opaque.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ETag(String);

impl ETag {
    /// The version whose text is `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, with its quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A column holds something else than what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column} holds {found}, expected {expected}")]
#[non_exhaustive]
pub struct ColumnError {
    /// The column.
    pub column: String,
    /// What was asked for.
    pub expected: &'static str,
    /// What is there, in kind; never the value, which may be personal data.
    pub found: String,
}

/// One row. What the accessors do not know is kept byte for byte and written back by `Serialize`.
///
/// Every accessor gives `None` for a column that is null *or was not read*; [`Row::has`] tells
/// the two apart.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row {
    members: BTreeMap<String, Box<RawValue>>,
}

impl Row {
    /// Was the column read (null or not)?
    pub fn has(&self, column: &str) -> bool {
        self.members.contains_key(column)
    }

    /// The JSON of a member as the service sent it.
    pub fn json(&self, member: &str) -> Option<&RawValue> {
        self.members.get(member).map(AsRef::as_ref)
    }

    /// All members with their JSON, annotations too, by name.
    pub fn members(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.members
            .iter()
            .map(|(name, json)| (name.as_str(), json.as_ref()))
    }

    /// Text.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no text.
    pub fn text(&self, column: &str) -> Result<Option<String>, ColumnError> {
        self.parse(column, "text", |json| serde_json::from_str(json).ok())
    }

    /// A decimal or an amount of money, exact to the last digit and with the digits it was
    /// written with.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no number of at most 28 digits.
    pub fn decimal(&self, column: &str) -> Result<Option<Decimal>, ColumnError> {
        self.parse(column, "a decimal number of at most 28 digits", |json| {
            let digits = unquoted(json);
            Decimal::from_str_exact(digits)
                .or_else(|_| Decimal::from_scientific(digits))
                .ok()
        })
    }

    /// A whole number, a choice, a state or a version number.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no whole number of 64 bits.
    pub fn integer(&self, column: &str) -> Result<Option<i64>, ColumnError> {
        self.parse(column, "a whole number", |json| unquoted(json).parse().ok())
    }

    /// Yes or no.
    ///
    /// # Errors
    /// [`ColumnError`] when it is neither.
    pub fn flag(&self, column: &str) -> Result<Option<bool>, ColumnError> {
        self.parse(column, "true or false", |json| json.parse().ok())
    }

    /// A date without time.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no date, or a moment: which date a moment falls on depends on
    /// a zone that only the caller can know.
    pub fn date(&self, column: &str) -> Result<Option<NaiveDate>, ColumnError> {
        self.parse(column, "a date such as 2025-06-30", |json| {
            NaiveDate::parse_from_str(quoted(json)?, "%Y-%m-%d").ok()
        })
    }

    /// A moment.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no moment.
    pub fn instant(&self, column: &str) -> Result<Option<DateTime<Utc>>, ColumnError> {
        self.parse(column, "a moment such as 2025-03-04T09:15:42Z", |json| {
            let moment = DateTime::parse_from_rfc3339(quoted(json)?).ok()?;
            Some(moment.with_timezone(&Utc))
        })
    }

    /// An id.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no id.
    pub fn guid(&self, column: &str) -> Result<Option<Uuid>, ColumnError> {
        self.parse(column, "an id", |json| Uuid::try_parse(quoted(json)?).ok())
    }

    /// The id that the lookup column `lookup` points at; reads `_lookup_value`.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no id.
    pub fn lookup(&self, lookup: &str) -> Result<Option<Uuid>, ColumnError> {
        self.guid(&format!("_{lookup}_value"))
    }

    /// The related row read along under the navigation name `navigation`.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no object.
    pub fn related(&self, navigation: &str) -> Result<Option<Self>, ColumnError> {
        self.parse(navigation, "a related row", |json| {
            serde_json::from_str(json).ok()
        })
    }

    /// The related rows read along under the navigation name `navigation`.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no array of objects.
    pub fn related_rows(&self, navigation: &str) -> Result<Option<Vec<Self>>, ColumnError> {
        self.parse(navigation, "an array of related rows", |json| {
            serde_json::from_str(json).ok()
        })
    }

    /// The row's version, for conditional writes.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no text.
    pub fn etag(&self) -> Result<Option<ETag>, ColumnError> {
        Ok(self.text("@odata.etag")?.map(ETag))
    }

    /// The `versionnumber` column; grows with every write in the whole database.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no whole number.
    pub fn version_number(&self) -> Result<Option<i64>, ColumnError> {
        self.integer("versionnumber")
    }

    /// The label of a column's value in the caller's language; only when annotations were asked
    /// for.
    ///
    /// # Errors
    /// [`ColumnError`] when it is no text.
    pub fn formatted(&self, column: &str) -> Result<Option<String>, ColumnError> {
        self.text(&format!(
            "{column}@OData.Community.Display.V1.FormattedValue"
        ))
    }

    fn parse<T>(
        &self,
        column: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ColumnError> {
        let Some(json) = self.members.get(column) else {
            return Ok(None);
        };
        if json.get() == "null" {
            return Ok(None);
        }
        match read(json.get()) {
            Some(value) => Ok(Some(value)),
            None => Err(ColumnError {
                column: column.to_owned(),
                expected,
                found: kind_of(json.get()),
            }),
        }
    }
}

/// Names only: the values may be personal data.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Row ")?;
        f.debug_set().entries(self.members.keys()).finish()
    }
}

/// Numbers arrive as text where a gateway was told to spare clients large numbers.
fn unquoted(json: &str) -> &str {
    quoted(json).unwrap_or(json)
}

/// The inside of a JSON string that needs no unescaping.
fn quoted(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

fn kind_of(json: &str) -> String {
    match json.as_bytes().first() {
        Some(b'"') => format!("text of {} bytes", json.len().saturating_sub(2)),
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        Some(b't' | b'f') => "true or false".to_owned(),
        _ => "a number".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = r#"{"@odata.etag":"W/\"58213377\"","name":"Northwind ERP renewal","estimatedvalue":125000.0000,"_parentaccountid_value":"1d0a6c8e-54f7-4c1b-8f22-90b3e7d4a611","opportunityid":"7c1f0a52-3b9e-4f0d-9a61-5d2f8e0b1c34","abc_unknown":{"deep":[1.10,922337203685477.5807]},"closeprobability":null,"big":922337203685477.5807,"small":1.5E-3,"estimatedclosedate":"2025-06-30","modifiedon":"2025-03-04T10:15:42+01:00","versionnumber":9007199254740993,"parentaccountid":{"name":"Northwind","accountid":"1d0a6c8e-54f7-4c1b-8f22-90b3e7d4a611"}}"#;

    fn sample() -> Row {
        serde_json::from_str(SAMPLE).unwrap()
    }

    #[test]
    fn every_type_is_read() {
        let row = sample();
        assert_eq!(row.etag().unwrap().unwrap().as_str(), "W/\"58213377\"");
        assert_eq!(row.text("name").unwrap().unwrap(), "Northwind ERP renewal");
        assert_eq!(
            row.lookup("parentaccountid").unwrap().unwrap(),
            Uuid::from_u128(0x1d0a6c8e_54f7_4c1b_8f22_90b3e7d4a611)
        );
        let date = NaiveDate::from_ymd_opt(2025, 6, 30);
        assert_eq!(row.date("estimatedclosedate").unwrap(), date);
        let moment = row.instant("modifiedon").unwrap().unwrap();
        assert_eq!(moment.to_rfc3339(), "2025-03-04T09:15:42+00:00");
        assert_eq!(
            row.version_number().unwrap(),
            Some(9_007_199_254_740_993),
            "past 2^53"
        );
        let account = row.related("parentaccountid").unwrap().unwrap();
        assert_eq!(account.text("name").unwrap().unwrap(), "Northwind");
    }

    #[test]
    fn money_is_exact() {
        let row = sample();
        for (column, text) in [
            ("estimatedvalue", "125000.0000"),
            ("big", "922337203685477.5807"),
            ("small", "0.0015"),
        ] {
            assert_eq!(row.decimal(column).unwrap().unwrap().to_string(), text);
        }
    }

    #[test]
    fn null_and_unread_are_none_and_told_apart() {
        let row = sample();
        assert_eq!(row.integer("closeprobability"), Ok(None));
        assert!(row.has("closeprobability"));
        assert_eq!(row.integer("statecode"), Ok(None));
        assert!(!row.has("statecode"));
    }

    #[test]
    fn wrong_kinds_are_named_without_their_value() {
        let row = sample();
        let error = row.decimal("name").unwrap_err();
        assert_eq!(
            error.to_string(),
            "column name holds text of 21 bytes, expected a decimal number of at most 28 digits"
        );
        for error in [
            row.text("estimatedvalue").unwrap_err(),
            row.guid("name").unwrap_err(),
            row.date("modifiedon").unwrap_err(),
            row.instant("estimatedclosedate").unwrap_err(),
            row.flag("name").unwrap_err(),
            row.integer("estimatedvalue").unwrap_err(),
            row.related("name").unwrap_err(),
        ] {
            assert!(!error.to_string().contains("Northwind"), "{error}");
        }
        assert!(!format!("{row:?}").contains("Northwind"));
    }

    #[test]
    fn unknown_columns_survive_byte_for_byte() {
        let back = serde_json::to_string(&sample()).unwrap();
        assert!(back.contains(r#""abc_unknown":{"deep":[1.10,922337203685477.5807]}"#));
        assert!(back.contains(r#""estimatedvalue":125000.0000"#));
        assert_eq!(back.len(), SAMPLE.len());
    }

    proptest! {
        #[test]
        fn no_value_makes_an_accessor_panic(value in prop_oneof![
            "-?[0-9]{1,40}(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?",
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
            "\"[0-9TZ:+.-]{0,30}\"",
            Just("{}".to_owned()), Just("[]".to_owned()), Just("true".to_owned()),
        ]) {
            let Ok(row) = serde_json::from_str::<Row>(&format!("{{\"x\":{value}}}")) else {
                return Ok(());
            };
            let _ = (row.text("x"), row.decimal("x"), row.integer("x"), row.flag("x"));
            let _ = (row.date("x"), row.instant("x"), row.guid("x"), row.related("x"));
            let _ = row.related_rows("x");
            prop_assert_eq!(serde_json::to_string(&row).unwrap(), format!("{{\"x\":{value}}}"));
        }
    }
}
