//! One date: a day in the CRM, a moment that means a day in Partner Center.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde_json::value::RawValue;

use crate::{
    Assignment, Context, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, cannot_clear, wrong_kind},
    record::{fault, read, text_at},
};

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DateForm {
    /// `2026-09-30`.
    Day,
    /// `2026-09-30T00:00:00Z`.
    Moment,
}

/// How a date stands in a record. Both forms are read, whichever is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DateShape {
    /// Where.
    pub path: Path,
    /// The form that is written.
    pub form: DateForm,
    /// The first day that the service takes.
    pub earliest: Option<NaiveDate>,
    /// The date can be emptied.
    pub clears: bool,
}

impl DateShape {
    /// A referral's moment that means a date; it is not emptied.
    pub fn moment(path: Path) -> Self {
        Self {
            path,
            form: DateForm::Moment,
            earliest: None,
            clears: false,
        }
    }

    /// A date column of the CRM, which knows no day before 1753.
    pub fn day(path: Path) -> Self {
        Self {
            path,
            form: DateForm::Day,
            earliest: NaiveDate::from_ymd_opt(1753, 1, 1),
            clears: true,
        }
    }

    pub(super) fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault> {
        let Some(text) = text_at(record, &self.path)? else {
            return Ok(Value::Null);
        };
        match parse(text.trim(), cx) {
            Some(date) => Ok(Value::Date(date)),
            None => {
                let raw = read(record, &self.path)?.unwrap_or(RawValue::NULL);
                Err(fault(&self.path, "a date or a moment", raw))
            }
        }
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let date = match wanted {
            Value::Date(date) => *date,
            Value::Null => {
                return match now {
                    None => Ok(Form::exact(Value::Null, Vec::new())),
                    Some(_) if self.clears || cx.clearable.contains(&self.path) => {
                        Ok(Form::exact(Value::Null, vec![Assignment::null(&self.path)]))
                    }
                    Some(_) => Err(cannot_clear(&self.path)),
                };
            }
            _ => return Err(wrong_kind("a date")),
        };
        let text = match self.form {
            _ if !in_calendar(date) || self.earliest.is_some_and(|earliest| date < earliest) => {
                None
            }
            DateForm::Day => Some(date.to_string()),
            DateForm::Moment => cx
                .zone
                .moment_of(date)
                .filter(|moment| in_calendar(moment.date_naive()))
                .map(|moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true)),
        };
        let Some(text) = text else {
            return Err(Reason::new(
                ReasonCode::Invalid,
                format!(
                    "{date} is outside the dates that {} takes ({} to 9999-12-31): correct it on \
                     the other side",
                    self.path,
                    self.earliest.unwrap_or(FIRST),
                ),
            ));
        };
        let assignment = Assignment::new(&self.path, &text);
        Ok(Form::exact(Value::Date(date), vec![assignment]))
    }
}

const FIRST: NaiveDate = NaiveDate::from_ymd_opt(1, 1, 1).expect("a day of the calendar");

/// Four-digit years only: other years have no form that both services read.
fn in_calendar(date: NaiveDate) -> bool {
    (1..=9999).contains(&date.year())
}

fn parse(text: &str, cx: &Context) -> Option<NaiveDate> {
    let date = if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        cx.zone.date_of(moment.with_timezone(&Utc))
    } else if let Ok(moment) = text.parse::<NaiveDateTime>() {
        // Services also leave the zone out where they mean UTC.
        cx.zone.date_of(moment.and_utc())
    } else {
        text.parse().ok()
    };
    date.filter(|date| in_calendar(*date))
}
