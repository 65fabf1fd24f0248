//! Values read from JSON text and printed as JSON text, digits untouched on the way.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, SecondsFormat, SubsecRound, Utc};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::cell::{Cell, quote, round, uuid};
use super::refusal::Refusal;
use super::schema::{Column, Kind, Table};

impl Cell {
    /// JSON text of the value in a column of this kind.
    pub(super) fn print(&self, kind: &Kind) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Text(text) => quote(text),
            Self::Int(number) => number.to_string(),
            Self::Bool(flag) => flag.to_string(),
            Self::Decimal(number) => {
                let scale = match kind {
                    Kind::Money { .. } => 4,
                    Kind::Decimal { scale, .. } => *scale,
                    _ => number.scale(),
                };
                fixed(*number, scale).to_string()
            }
            Self::Date(date) => format!("\"{}\"", date.format("%Y-%m-%d")),
            Self::Instant(instant) => {
                format!("\"{}\"", instant.to_rfc3339_opts(SecondsFormat::Secs, true))
            }
            Self::Id(id) | Self::Ref(_, id) => format!("\"{id}\""),
        }
    }
}

fn fixed(number: Decimal, scale: u32) -> Decimal {
    let mut number = round(number, scale);
    number.rescale(scale);
    number
}

/// Oldest date that the platform stores.
fn first_date() -> NaiveDate {
    NaiveDate::from_ymd_opt(1753, 1, 1).unwrap_or(NaiveDate::MIN)
}

/// Reads what a request body holds for a column.
pub(super) fn read(table: &Table, column: &Column, raw: &RawValue) -> Result<Cell, Refusal> {
    let text = raw.get();
    if text == "null" {
        return if column.required {
            Err(Refusal::bad(
                "0x80040200",
                format!(
                    "Attribute: {} of entity: {} cannot be set to NULL.",
                    column.name, table.name
                ),
            ))
        } else {
            Ok(Cell::Null)
        };
    }
    let reader = Reader {
        table,
        column,
        text,
    };
    match &column.kind {
        Kind::Text { max } => reader.string(*max),
        Kind::Integer { min, max } => reader.integer(*min, *max).map(Cell::Int),
        Kind::BigInt => reader.whole("Edm.Int64").map(Cell::Int),
        Kind::Choice(options) | Kind::State(options) => {
            reader.choice(options.iter().map(|(value, _)| *value))
        }
        Kind::Choices(options) => reader.choices(options),
        Kind::Status(options) => reader.choice(options.iter().map(|status| status.value)),
        Kind::Decimal { min, max, scale } => reader
            .number(*min, *max)
            .map(|number| Cell::Decimal(round(number, *scale))),
        // Rounding waits until the currency is known.
        Kind::Money { min, max, .. } => reader.number(*min, *max).map(Cell::Decimal),
        Kind::Boolean(..) => match text {
            "true" => Ok(Cell::Bool(true)),
            "false" => Ok(Cell::Bool(false)),
            _ => Err(reader.mistyped("Edm.Boolean")),
        },
        Kind::Date => reader.date(),
        Kind::Instant => reader.instant(),
        Kind::Id | Kind::File { .. } => reader.id(),
        Kind::Lookup(_) => Err(Refusal::query(
            "CRM do not support direct update of Entity Reference properties, Use Navigation \
             properties instead.",
        )),
    }
}

struct Reader<'a> {
    table: &'a Table,
    column: &'a Column,
    text: &'a str,
}

impl Reader<'_> {
    fn mistyped(&self, wanted: &str) -> Refusal {
        let shown: String = self.text.chars().take(100).collect();
        Refusal::payload(
            &self.table.set,
            &format!(
                "Microsoft.OData.ODataException: Cannot convert the literal '{}' to the expected \
                 type '{wanted}'.",
                shown.trim_matches('"')
            ),
        )
    }

    fn out_of_range(&self, code: &'static str) -> Refusal {
        Refusal::bad(
            code,
            format!(
                "A validation error occurred.  The value {} of '{}' on record of type '{}' is \
                 outside the valid range.",
                self.text, self.column.name, self.table.name
            ),
        )
    }

    fn unquoted(&self, wanted: &str) -> Result<String, Refusal> {
        serde_json::from_str::<String>(self.text).map_err(|_| self.mistyped(wanted))
    }

    fn string(&self, max: usize) -> Result<Cell, Refusal> {
        let text = self.unquoted("Edm.String")?;
        if text.encode_utf16().count() > max {
            return Err(Refusal::bad(
                "0x80044331",
                format!(
                    "A validation error occurred.  The length of the '{}' attribute of the '{}' \
                     entity exceeded the maximum allowed length of '{max}'.",
                    self.column.name, self.table.name
                ),
            ));
        }
        if text
            .chars()
            .any(|letter| letter.is_control() && !"\t\r\n".contains(letter))
        {
            return Err(Refusal::bad(
                "0x80040278",
                format!(
                    "Invalid character in field '{}': a control character was found.",
                    self.column.name
                ),
            ));
        }
        Ok(Cell::text(&text))
    }

    fn whole(&self, wanted: &str) -> Result<i64, Refusal> {
        self.text.parse().map_err(|_| self.mistyped(wanted))
    }

    fn integer(&self, min: i32, max: i32) -> Result<i64, Refusal> {
        let number = self.whole("Edm.Int32")?;
        if number < i64::from(min) || number > i64::from(max) {
            return Err(self.out_of_range("0x8004432f"));
        }
        Ok(number)
    }

    fn choice(&self, mut options: impl Iterator<Item = i32>) -> Result<Cell, Refusal> {
        let number = self.whole("Edm.Int32")?;
        if options.any(|option| i64::from(option) == number) {
            Ok(Cell::Int(number))
        } else {
            Err(self.out_of_range("0x8004431a"))
        }
    }

    fn choices(&self, options: &[(i32, String)]) -> Result<Cell, Refusal> {
        let text = self.unquoted("Edm.String")?;
        let mut values = Vec::new();
        for value in text.split(',').filter(|value| !value.trim().is_empty()) {
            let value: i32 = value
                .trim()
                .parse()
                .map_err(|_| self.mistyped("Edm.Int32"))?;
            if !options.iter().any(|(option, _)| *option == value) {
                return Err(self.out_of_range("0x8004431a"));
            }
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values.sort_unstable();
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        Ok(Cell::text(&values.join(",")))
    }

    fn number(&self, min: Decimal, max: Decimal) -> Result<Decimal, Refusal> {
        if !self
            .text
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
        {
            return Err(self.mistyped("Edm.Decimal"));
        }
        Decimal::from_str(self.text)
            .or_else(|_| Decimal::from_scientific(self.text))
            .ok()
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| self.out_of_range("0x80044330"))
    }

    fn date(&self) -> Result<Cell, Refusal> {
        let text = self.unquoted("Edm.Date")?;
        if text.len() != 10 {
            return Err(self.mistyped("Edm.Date"));
        }
        let date =
            NaiveDate::parse_from_str(&text, "%Y-%m-%d").map_err(|_| self.mistyped("Edm.Date"))?;
        self.in_time(date)?;
        Ok(Cell::Date(date))
    }

    fn instant(&self) -> Result<Cell, Refusal> {
        let text = self.unquoted("Edm.DateTimeOffset")?;
        let instant = DateTime::parse_from_rfc3339(&text)
            .map_err(|_| self.mistyped("Edm.DateTimeOffset"))?
            .with_timezone(&Utc);
        self.in_time(instant.date_naive())?;
        Ok(Cell::Instant(instant.trunc_subsecs(0)))
    }

    fn in_time(&self, date: NaiveDate) -> Result<(), Refusal> {
        if date >= first_date() {
            return Ok(());
        }
        Err(Refusal::bad(
            "0x80040239",
            format!(
                "DateTime is less than minimum value supported by CrmDateTime. Actual value: {}, \
                 Minimum value supported: 01/01/1753 00:00:00",
                date.format("%m/%d/%Y")
            ),
        ))
    }

    fn id(&self) -> Result<Cell, Refusal> {
        let text = self.unquoted("Edm.Guid")?;
        uuid(&text)
            .map(Cell::Id)
            .ok_or_else(|| self.mistyped("Edm.Guid"))
    }
}
