//! What lenses must know beyond the two records: plain data that an adapter fills.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, Utc};

use crate::Path;

/// What lenses must know beyond the record at hand.
///
/// The default knows no currencies, dates in UTC, the lengths of the shipped columns, and takes
/// nothing for granted that the services do not promise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// Currencies that the CRM has a row for.
    pub currencies: Currencies,
    /// The zone in which a moment is a date.
    pub zone: DateZone,
    /// Lengths of text columns in UTF-16 units, as read from the CRM's metadata; they go before
    /// the lengths that a rule names.
    pub text_limits: BTreeMap<Path, usize>,
    /// Places that are proven to take an empty value although no contract says so.
    pub clearable: BTreeSet<Path>,
    /// Places that are proven to be writable after creation although no contract lists them,
    /// such as a referral's `name`.
    pub patchable: BTreeSet<Path>,
    /// Labels of choice columns by number, as read from the CRM's metadata.
    pub choices: BTreeMap<Path, BTreeMap<i64, String>>,
    /// Keys of rows that rules look up, by the name that the rules give the table.
    pub lookups: BTreeMap<String, Keys>,
    /// The CRM refuses edits of won and lost rows. Most organizations allow them.
    pub closed_rows_frozen: bool,
}

impl Context {
    /// With these currencies.
    #[must_use]
    pub fn with_currencies(mut self, currencies: Currencies) -> Self {
        self.currencies = currencies;
        self
    }

    /// With this zone.
    #[must_use]
    pub fn with_zone(mut self, zone: DateZone) -> Self {
        self.zone = zone;
        self
    }

    /// With this length of a text column.
    #[must_use]
    pub fn with_text_limit(mut self, path: Path, units: usize) -> Self {
        self.text_limits.insert(path, units);
        self
    }

    /// With a place that is proven to take an empty value.
    #[must_use]
    pub fn with_clearable(mut self, path: Path) -> Self {
        self.clearable.insert(path);
        self
    }

    /// With a place that is proven to be writable after creation.
    #[must_use]
    pub fn with_patchable(mut self, path: Path) -> Self {
        self.patchable.insert(path);
        self
    }

    /// With one option of a choice column.
    #[must_use]
    pub fn with_choice(mut self, path: Path, number: i64, label: impl Into<String>) -> Self {
        self.choices
            .entry(path)
            .or_default()
            .insert(number, label.into());
        self
    }

    /// With the keys of a table.
    #[must_use]
    pub fn with_lookup(mut self, table: impl Into<String>, keys: Keys) -> Self {
        self.lookups.insert(table.into(), keys);
        self
    }

    /// With a CRM that refuses edits of won and lost rows.
    #[must_use]
    pub fn with_closed_rows_frozen(mut self, frozen: bool) -> Self {
        self.closed_rows_frozen = frozen;
        self
    }
}

/// The currencies of a CRM, found by ISO code and by row id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Currencies {
    by_code: BTreeMap<String, Currency>,
    by_id: BTreeMap<String, String>,
}

/// One currency row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    /// Id of the row.
    pub id: String,
    /// Decimals of an amount.
    pub precision: u32,
}

impl Currencies {
    /// With one more row: its ISO 4217 code, id and decimals.
    #[must_use]
    pub fn with(mut self, code: &str, id: impl Into<String>, precision: u32) -> Self {
        let code = code.to_ascii_uppercase();
        let id = id.into();
        self.by_id.insert(id.to_ascii_lowercase(), code.clone());
        self.by_code.insert(code, Currency { id, precision });
        self
    }

    /// The row for an ISO code.
    pub fn of_code(&self, code: &str) -> Option<&Currency> {
        self.by_code.get(code)
    }

    /// The ISO code of a row.
    pub fn code_of(&self, id: &str) -> Option<&str> {
        self.by_id.get(&id.to_ascii_lowercase()).map(String::as_str)
    }
}

/// The rows of a table that rules look up, found by key and by id. Keys are compared without
/// regard to case and blanks at the ends; a key that two rows share finds none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    ids: BTreeMap<String, Option<String>>,
    keys: BTreeMap<String, String>,
}

impl Keys {
    /// With one more row: its key and id.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, id: impl Into<String>) -> Self {
        let (key, id) = (key.into(), id.into());
        let known = self.ids.entry(folded(&key));
        known
            .and_modify(|first| {
                if first.as_deref() != Some(&id) {
                    *first = None;
                }
            })
            .or_insert_with(|| Some(id.clone()));
        self.keys.insert(id.to_ascii_lowercase(), key);
        self
    }

    /// The row with a key, if there is one and only one.
    pub fn id_of(&self, key: &str) -> Option<&str> {
        self.ids.get(&folded(key))?.as_deref()
    }

    /// The key of a row.
    pub fn key_of(&self, id: &str) -> Option<&str> {
        self.keys.get(&id.to_ascii_lowercase()).map(String::as_str)
    }
}

fn folded(key: &str) -> String {
    key.trim().to_lowercase()
}

/// The zone in which a moment is a date; UTC unless said otherwise.
///
/// A fixed distance from UTC: a close date means a day of the contract, not of a wall clock, so
/// summer time would only move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateZone(FixedOffset);

impl DateZone {
    /// So many minutes east of UTC; `None` for a day or more.
    pub fn east_of_utc(minutes: i32) -> Option<Self> {
        FixedOffset::east_opt(minutes.checked_mul(60)?).map(Self)
    }

    /// The date of a moment; `None` at the ends of the calendar.
    pub(crate) fn date_of(self, moment: DateTime<Utc>) -> Option<NaiveDate> {
        moment
            .naive_utc()
            .checked_add_offset(self.0)
            .map(|local| local.date())
    }

    /// A moment of that date: midnight UTC where that is still the same date here, as the service
    /// writes it, else midnight here.
    pub(crate) fn moment_of(self, date: NaiveDate) -> Option<DateTime<Utc>> {
        let midnight = date.and_time(NaiveTime::MIN);
        if self.date_of(midnight.and_utc()) == Some(date) {
            return Some(midnight.and_utc());
        }
        midnight
            .checked_sub_offset(self.0)
            .map(|moment| moment.and_utc())
    }
}

impl Default for DateZone {
    fn default() -> Self {
        Self(FixedOffset::east_opt(0).expect("zero is within a day"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn currencies_are_found_both_ways() {
        let currencies = Currencies::default().with("eur", "AA-11", 2);
        assert_eq!(currencies.of_code("EUR").unwrap().id, "AA-11");
        assert_eq!(currencies.code_of("aa-11"), Some("EUR"));
        assert_eq!(currencies.code_of("bb-22"), None);
    }

    proptest! {
        // R99
        #[test]
        fn a_date_never_drifts_in_any_zone(days in 0_i64..3_600_000, minutes in -1439_i32..1440) {
            let date = NaiveDate::from_ymd_opt(1, 1, 2).unwrap() + chrono::Duration::days(days);
            let zone = DateZone::east_of_utc(minutes).unwrap();
            let moment = zone.moment_of(date).unwrap();
            prop_assert_eq!(zone.date_of(moment), Some(date));
        }
    }
}
