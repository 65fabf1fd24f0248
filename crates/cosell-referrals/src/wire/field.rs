//! How one value is read and written: liberal on the way in, exact on the way out.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Timelike, Utc};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::object::{FieldError, encode, kind_of};

/// A value of the service. `None` from `read` is empty text, which the service uses for null.
pub(crate) trait Wire: Sized {
    fn read(raw: &RawValue, at: &At<'_>) -> Result<Option<Self>, FieldError>;

    fn write(&self) -> Box<RawValue>;
}

/// Where a value stands; written out only when somebody asks.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    parent: &'a str,
    name: &'a str,
    index: Option<usize>,
}

impl<'a> At<'a> {
    pub(crate) fn member(parent: &'a str, name: &'a str) -> Self {
        Self {
            parent,
            name,
            index: None,
        }
    }

    pub(crate) fn item(self, index: usize) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }

    pub(crate) fn wrong(&self, expected: &'static str, raw: &RawValue) -> FieldError {
        FieldError::new(self.to_string(), expected, kind_of(raw.get()))
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.parent.is_empty() {
            write!(f, "{}.", self.parent)?;
        }
        f.write_str(self.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

/// The text of a JSON string, or the digits of a number: ids arrive as either.
fn text(raw: &RawValue) -> Option<String> {
    match kind_of(raw.get()) {
        "text" => serde_json::from_str(raw.get()).ok(),
        "a number" => Some(raw.get().to_owned()),
        _ => None,
    }
}

impl Wire for String {
    fn read(raw: &RawValue, at: &At<'_>) -> Result<Option<Self>, FieldError> {
        let text = text(raw).ok_or_else(|| at.wrong("text", raw))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn write(&self) -> Box<RawValue> {
        encode(self.as_str())
    }
}

impl Wire for Box<RawValue> {
    /// Whatever stands there, untouched.
    fn read(raw: &RawValue, _: &At<'_>) -> Result<Option<Self>, FieldError> {
        Ok(Some(raw.to_owned()))
    }

    fn write(&self) -> Box<RawValue> {
        self.clone()
    }
}

impl Wire for bool {
    fn read(raw: &RawValue, at: &At<'_>) -> Result<Option<Self>, FieldError> {
        if let Ok(flag) = serde_json::from_str(raw.get()) {
            return Ok(Some(flag));
        }
        match text(raw).as_deref().map(str::trim) {
            Some("") => Ok(None),
            Some(word) if word.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(word) if word.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(at.wrong("true or false", raw)),
        }
    }

    fn write(&self) -> Box<RawValue> {
        encode(self)
    }
}

impl Wire for Decimal {
    fn read(raw: &RawValue, at: &At<'_>) -> Result<Option<Self>, FieldError> {
        let wrong = || {
            at.wrong(
                "a number of at most 28 digits, or such a number as text",
                raw,
            )
        };
        let text = text(raw).ok_or_else(wrong)?;
        match text.trim() {
            "" => Ok(None),
            digits => exact(digits).map(Some).ok_or_else(wrong),
        }
    }

    fn write(&self) -> Box<RawValue> {
        RawValue::from_string(self.to_string()).unwrap_or_default()
    }
}

/// The number that `digits` spells, or nothing if it cannot be held exactly.
fn exact(digits: &str) -> Option<Decimal> {
    let Some((mantissa, exponent)) = digits.split_once(['e', 'E']) else {
        return Decimal::from_str_exact(digits).ok();
    };
    let mut number = Decimal::from_str_exact(mantissa).ok()?;
    if number.is_zero() {
        return Some(Decimal::ZERO);
    }
    let scale = i64::from(number.scale()) - i64::from(exponent.parse::<i32>().ok()?);
    if let Ok(scale) = u32::try_from(scale) {
        number.set_scale(scale).ok()?;
        return Some(number);
    }
    number.set_scale(0).ok()?;
    let power = u32::try_from(-scale).ok().filter(|power| *power < 29)?;
    (0..power).try_fold(number, |number, _| number.checked_mul(Decimal::TEN))
}

impl Wire for DateTime<Utc> {
    fn read(raw: &RawValue, at: &At<'_>) -> Result<Option<Self>, FieldError> {
        let wrong = || at.wrong("a date and time", raw);
        let text = text(raw).ok_or_else(wrong)?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        // The service means UTC, also where a sample leaves the zone or the time away.
        DateTime::parse_from_rfc3339(text)
            .map(|moment| moment.to_utc())
            .or_else(|_| text.parse::<NaiveDateTime>().map(|moment| moment.and_utc()))
            .or_else(|_| {
                text.parse::<NaiveDate>()
                    .map(|day| day.and_time(NaiveTime::MIN).and_utc())
            })
            .map(Some)
            .map_err(|_| wrong())
    }

    fn write(&self) -> Box<RawValue> {
        encode(&instant(*self))
    }
}

/// As the samples write it: whole seconds where there is no fraction.
pub(crate) fn instant(moment: DateTime<Utc>) -> String {
    let precision = if moment.nanosecond() == 0 {
        SecondsFormat::Secs
    } else {
        SecondsFormat::Micros
    };
    moment.to_rfc3339_opts(precision, true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<T: Wire>(json: &str) -> Result<Option<T>, FieldError> {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        T::read(&raw, &At::member("details", "it"))
    }

    #[test]
    fn money_is_exact_as_number_text_or_exponent() {
        for (json, spelt) in [
            ("84000.0", "84000.0"),
            ("\"10000\"", "10000"),
            ("922337203685477.5807", "922337203685477.5807"),
            ("8.4e4", "84000"),
            ("8.4E-2", "0.084"),
            ("0e999999999", "0"),
        ] {
            let money: Decimal = read(json).unwrap().unwrap();
            assert_eq!(money.to_string(), spelt, "{json}");
        }
        assert_eq!(read::<Decimal>("\"\""), Ok(None));
        for json in ["true", "\"ten\"", "1e400", "1e-400", "[1]", "1e99999999999"] {
            assert!(read::<Decimal>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn moments_carry_seven_digits_and_may_lack_a_zone() {
        let long: DateTime<Utc> = read("\"2026-03-09T14:22:31.4412087Z\"").unwrap().unwrap();
        assert_eq!(long.nanosecond(), 441_208_700);
        for json in [
            "\"2026-09-30T00:00:00\"",
            "\"2026-09-30\"",
            "\"2026-09-30T02:00:00+02:00\"",
        ] {
            let day: DateTime<Utc> = read(json).unwrap().unwrap();
            assert_eq!(instant(day), "2026-09-30T00:00:00Z", "{json}");
        }
        let wrong = read::<DateTime<Utc>>("17").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "details.it: expected a date and time, found a number"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(text in ".+", units: i64, scale in 0u32..18) {
            prop_assert_eq!(String::read(&text.write(), &At::member("", "x")), Ok(Some(text)));
            let money = Decimal::new(units, scale);
            prop_assert_eq!(Decimal::read(&money.write(), &At::member("", "x")), Ok(Some(money)));
        }

        #[test]
        fn no_number_makes_the_reader_panic(
            json in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?",
        ) {
            let _ = read::<Decimal>(&json);
        }
    }
}
