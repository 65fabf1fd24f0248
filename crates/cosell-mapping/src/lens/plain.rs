//! One plain thing at one place: a number, a moment, a flag.

use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, SubsecRound, Utc};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::{
    Assignment, Context, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, emptied, wrong_kind},
    record::{decimal_at, fault, flag_at, read, text_at},
};

/// How a number stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NumberShape {
    /// Where.
    pub path: Path,
    /// Decimals that the place holds; more are rounded, half away from zero.
    pub decimals: Option<u32>,
    /// The number can be emptied.
    pub clears: bool,
}

impl NumberShape {
    /// A number of any precision that can be emptied.
    pub fn new(path: Path) -> Self {
        Self {
            path,
            decimals: None,
            clears: true,
        }
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        Ok(decimal_at(record, &self.path)?.map_or(Value::Null, Value::Number))
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let number: Decimal = match wanted {
            Value::Null => return emptied(&self.path, self.clears, now, cx),
            Value::Number(number) => *number,
            _ => return Err(wrong_kind("a number")),
        };
        let number = match self.decimals {
            Some(decimals) => {
                number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
            }
            None => number,
        }
        .normalize();
        Ok(Form::exact(
            Value::Number(number),
            vec![Assignment::decimal(&self.path, number)],
        ))
    }
}

/// How a moment stands in a record: written in UTC to the second, never as a date.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstantShape {
    /// Where.
    pub path: Path,
    /// The moment can be emptied.
    pub clears: bool,
}

impl InstantShape {
    /// A moment that can be emptied.
    pub fn new(path: Path) -> Self {
        Self { path, clears: true }
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let Some(text) = text_at(record, &self.path)? else {
            return Ok(Value::Null);
        };
        let text = text.trim();
        // Services also leave the zone out where they mean UTC.
        let moment = DateTime::parse_from_rfc3339(text)
            .map(|moment| moment.with_timezone(&Utc))
            .or_else(|_| text.parse::<NaiveDateTime>().map(|moment| moment.and_utc()));
        match moment {
            Ok(moment) if in_calendar(moment) => Ok(Value::Instant(moment)),
            _ => {
                let raw = read(record, &self.path)?.unwrap_or(serde_json::value::RawValue::NULL);
                Err(fault(
                    &self.path,
                    "a moment such as 2026-09-30T12:00:00Z",
                    raw,
                ))
            }
        }
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let moment = match wanted {
            Value::Null => return emptied(&self.path, self.clears, now, cx),
            Value::Instant(moment) => moment.trunc_subsecs(0),
            _ => return Err(wrong_kind("a moment")),
        };
        if !in_calendar(moment) {
            return Err(Reason::new(
                ReasonCode::Invalid,
                format!(
                    "{} takes moments of the years 1 to 9999: correct it on the other side",
                    self.path
                ),
            ));
        }
        let text = moment.to_rfc3339_opts(SecondsFormat::Secs, true);
        Ok(Form::exact(
            Value::Instant(moment),
            vec![Assignment::new(&self.path, &text)],
        ))
    }
}

fn in_calendar(moment: DateTime<Utc>) -> bool {
    (1..=9999).contains(&moment.year())
}

/// How a flag stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlagShape {
    /// Where.
    pub path: Path,
    /// What absence means; without it absence is empty.
    pub absent: Option<bool>,
    /// Yes is for ever: it never goes back to no.
    pub one_way: bool,
    /// A place that makes it yes while it is filled, such as a wish that implies consent.
    pub implied_by: Option<Path>,
    /// The flag can be emptied.
    pub clears: bool,
}

impl FlagShape {
    /// A flag that can be emptied.
    pub fn new(path: Path) -> Self {
        Self {
            path,
            absent: None,
            one_way: false,
            implied_by: None,
            clears: true,
        }
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let flag = flag_at(record, &self.path)?.or(self.absent);
        if self.implied(record)?.is_some() {
            return Ok(Value::Flag(true));
        }
        Ok(flag.map_or(Value::Null, Value::Flag))
    }

    /// The place that makes it yes in this record, if one does.
    fn implied(&self, record: &Record) -> Result<Option<&Path>, ReadFault> {
        let Some(path) = &self.implied_by else {
            return Ok(None);
        };
        let filled = read(record, path)?.is_some_and(|raw| raw.get() != "\"\"");
        Ok(filled.then_some(path))
    }

    pub(super) fn reads(&self) -> Vec<Path> {
        let implied = self.implied_by.iter();
        std::iter::once(&self.path)
            .chain(implied)
            .cloned()
            .collect()
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let implied = now.and_then(|now| self.implied(now.record).ok().flatten());
        if let (Some(filled), false) = (implied, *wanted == Value::Flag(true)) {
            return Err(Reason::new(
                ReasonCode::IllegalMove,
                format!(
                    "{} is yes while {filled} is filled: empty that first",
                    self.path
                ),
            ));
        }
        let flag = match (wanted, self.absent) {
            (Value::Flag(flag), _) => *flag,
            (Value::Null, Some(flag)) => flag,
            (Value::Null, None) => return emptied(&self.path, self.clears, now, cx),
            _ => return Err(wrong_kind("yes or no")),
        };
        let is_set = now.is_some_and(|now| *now.value == Value::Flag(true));
        if self.one_way && is_set && !flag {
            return Err(Reason::new(
                ReasonCode::IllegalMove,
                format!(
                    "{} was said yes to for ever: set it back to yes on the other side",
                    self.path
                ),
            ));
        }
        Ok(Form::exact(
            Value::Flag(flag),
            vec![Assignment::new(&self.path, &flag)],
        ))
    }
}
