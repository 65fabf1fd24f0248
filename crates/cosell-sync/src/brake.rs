//! Limits on mass effects, counted over a sliding window before a write is begun.
//!
//! A brake that is on stops new writes of its kind. It stops no reading, no recovery of a write
//! that is under way, and forgets nothing: what waits for it is put off. It lets go when a person
//! [releases](crate::Engine::release) it by name, or when enough of the window has passed. The
//! counters are in the store, counted in the same commit as the intent of the write, so that a
//! restart neither forgets nor doubles them.

use std::{collections::BTreeMap, fmt, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Change, Side};

/// Parts of a window that are counted apart.
const SLOTS: i64 = 12;

/// The name of a brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Brake {
    /// A store without pairs met more records than a first sync makes unasked. No record is made
    /// or bound until somebody says so.
    FirstSync,
    /// Too many records were made on this side.
    Births(Side),
    /// Too many records of this side were changed.
    Changes(Side),
    /// Too many writes to this side that cannot be taken back.
    Finals(Side),
    /// Many known records of this side are gone or cannot be seen. Nothing is written anywhere.
    Emptied(Side),
}

impl Brake {
    const ALL: [Self; 9] = [
        Self::FirstSync,
        Self::Births(Side::Left),
        Self::Births(Side::Right),
        Self::Changes(Side::Left),
        Self::Changes(Side::Right),
        Self::Finals(Side::Left),
        Self::Finals(Side::Right),
        Self::Emptied(Side::Left),
        Self::Emptied(Side::Right),
    ];
}

impl fmt::Display for Brake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, side) = match self {
            Self::FirstSync => return f.write_str("first-sync"),
            Self::Births(side) => ("births", side),
            Self::Changes(side) => ("changes", side),
            Self::Finals(side) => ("finals", side),
            Self::Emptied(side) => ("emptied", side),
        };
        let side = match side {
            Side::Left => "left",
            Side::Right => "right",
        };
        write!(f, "{kind}-{side}")
    }
}

/// How much may happen on one side within the window. `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrakeOptions {
    /// The sliding window.
    pub window: Duration,
    /// Records made on a side.
    pub births: Option<u64>,
    /// Records changed on a side.
    pub changes: Option<u64>,
    /// Writes to a side that cannot be taken back; such a write counts as a birth or a change
    /// as well.
    pub finals: Option<u64>,
    /// Known records of a side that may vanish or become invisible, whatever their share.
    pub emptied: Option<u64>,
    /// Beyond those: the share of all known pairs, in percent.
    pub emptied_percent: u64,
    /// Records that a first sync makes or binds without being asked for by name. While a first
    /// sync runs that was asked for, births and changes have no limit. A
    /// [backfill](crate::Engine::backfill) asks for it, too.
    pub first_sync: Option<u64>,
}

impl Default for BrakeOptions {
    /// Within an hour and on a side: 200 births, 2,000 changes, 25 writes that cannot be taken
    /// back, 10 vanished records and a fifth of all; 100 records in a first sync.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(3_600),
            births: Some(200),
            changes: Some(2_000),
            finals: Some(25),
            emptied: Some(10),
            emptied_percent: 20,
            first_sync: Some(100),
        }
    }
}

impl BrakeOptions {
    /// No brakes at all: for a sandbox, or where somebody else counts.
    pub fn none() -> Self {
        Self {
            births: None,
            changes: None,
            finals: None,
            emptied: None,
            first_sync: None,
            ..Self::default()
        }
    }

    /// Sets [`window`](Self::window).
    #[must_use]
    pub fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Sets [`births`](Self::births).
    #[must_use]
    pub fn with_births(mut self, births: Option<u64>) -> Self {
        self.births = births;
        self
    }

    /// Sets [`changes`](Self::changes).
    #[must_use]
    pub fn with_changes(mut self, changes: Option<u64>) -> Self {
        self.changes = changes;
        self
    }

    /// Sets [`finals`](Self::finals).
    #[must_use]
    pub fn with_finals(mut self, finals: Option<u64>) -> Self {
        self.finals = finals;
        self
    }

    /// Sets [`emptied`](Self::emptied) and [`emptied_percent`](Self::emptied_percent).
    #[must_use]
    pub fn with_emptied(mut self, records: Option<u64>, percent: u64) -> Self {
        self.emptied = records;
        self.emptied_percent = percent;
        self
    }

    /// Sets [`first_sync`](Self::first_sync).
    #[must_use]
    pub fn with_first_sync(mut self, records: Option<u64>) -> Self {
        self.first_sync = records;
        self
    }

    fn slot_seconds(&self) -> i64 {
        let seconds = i64::try_from(self.window.as_secs()).unwrap_or(i64::MAX);
        (seconds / SLOTS).max(1)
    }

    pub(crate) fn slot(&self, now: DateTime<Utc>) -> i64 {
        now.timestamp().div_euclid(self.slot_seconds())
    }

    fn limit(&self, brake: Brake, pairs: u64) -> Option<u64> {
        match brake {
            Brake::FirstSync => self.first_sync,
            Brake::Births(_) => self.births,
            Brake::Changes(_) => self.changes,
            Brake::Finals(_) => self.finals,
            Brake::Emptied(_) => self
                .emptied
                .map(|least| least.max(pairs.saturating_mul(self.emptied_percent) / 100)),
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Counted {
    /// What a brake counts. Of a first sync: records made or bound so far.
    Brake(Brake),
    /// Pairs that are known.
    Pairs,
    /// A first sync was asked for by name.
    FirstSyncAsked,
    /// The first sync is done.
    FirstSyncDone,
}

/// A counter as the store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// What is counted.
    pub of: Counted,
    /// The part of time it was counted in; 0 where time does not matter.
    pub slot: i64,
    /// How often.
    pub count: u64,
}

/// A brake that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BrakeOn {
    /// Its name, to release it by.
    pub brake: Brake,
    /// How many were counted; of a first sync, how many wait as well.
    pub count: u64,
    /// How many are allowed.
    pub limit: u64,
    /// When it lets go by itself; `None`: only when it is released.
    pub until: Option<DateTime<Utc>>,
    /// What happened, for people.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
}

impl fmt::Display for BrakeOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "brake {}: {}; {}", self.brake, self.cause, self.cure)
    }
}

/// The counters of one engine, as they are in the store or about to be.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: BTreeMap<(Counted, i64), u64>,
    /// Newcomers that wait in the queue while a first sync is not asked for.
    pub(crate) waiting: u64,
}

impl Counters {
    pub(crate) fn load(counters: Vec<Counter>) -> Self {
        let counts = counters
            .into_iter()
            .map(|counter| ((counter.of, counter.slot), counter.count))
            .collect();
        Self { counts, waiting: 0 }
    }

    pub(crate) fn has(&self, of: Counted) -> bool {
        self.counts.contains_key(&(of, 0))
    }

    fn get(&self, of: Counted) -> u64 {
        self.counts.get(&(of, 0)).copied().unwrap_or_default()
    }

    /// Is a first sync neither asked for nor done?
    pub(crate) fn is_first(&self) -> bool {
        !self.has(Counted::FirstSyncAsked) && !self.has(Counted::FirstSyncDone)
    }

    /// Counts one, in memory and with the change that stores it.
    pub(crate) fn count(&mut self, of: Counted, slot: i64) -> Change {
        *self.counts.entry((of, slot)).or_default() += 1;
        Change::Count { of, slot }
    }

    /// Forgets what was counted before `slot`.
    pub(crate) fn forget(&mut self, of: Counted, before: i64) -> Change {
        self.counts
            .retain(|(counted, slot), _| *counted != of || *slot >= before);
        Change::Uncount { of, before }
    }

    /// Counted within the window, and the oldest slot of it with a count.
    fn counted(&self, brake: Brake, options: &BrakeOptions, now: DateTime<Utc>) -> (u64, i64) {
        let of = Counted::Brake(brake);
        if brake == Brake::FirstSync {
            return (self.get(of) + self.waiting, 0);
        }
        let newest = options.slot(now);
        // One more than make a window, so that none of it is missed.
        let mut window = self.counts.range((of, newest - SLOTS)..=(of, i64::MAX));
        let oldest = window.next();
        let first = oldest.map_or(0, |(_, count)| *count);
        let rest: u64 = window.map(|(_, count)| *count).sum();
        (first + rest, oldest.map_or(newest, |((_, slot), _)| *slot))
    }

    /// The brake, if it is on: one more would be too many.
    pub(crate) fn is_on(
        &self,
        brake: Brake,
        options: &BrakeOptions,
        now: DateTime<Utc>,
    ) -> Option<BrakeOn> {
        let asked = self.has(Counted::FirstSyncAsked) && !self.has(Counted::FirstSyncDone);
        let lifted = match brake {
            Brake::FirstSync => !self.is_first(),
            Brake::Births(_) | Brake::Changes(_) => asked,
            Brake::Finals(_) | Brake::Emptied(_) => false,
        };
        let limit = options
            .limit(brake, self.get(Counted::Pairs))
            .filter(|_| !lifted)?;
        let (count, oldest) = self.counted(brake, options, now);
        // A first sync counts what waits, itself among it.
        let full = match brake {
            Brake::FirstSync => count > limit,
            _ => count >= limit,
        };
        if !full {
            return None;
        }
        let until = (oldest + SLOTS + 1).saturating_mul(options.slot_seconds());
        let until = (brake != Brake::FirstSync)
            .then(|| DateTime::from_timestamp(until, 0))
            .flatten();
        let (cause, cure) = words(brake, count, limit);
        Some(BrakeOn {
            brake,
            count,
            limit,
            until,
            cause,
            cure,
        })
    }

    /// All brakes that are on.
    pub(crate) fn all_on(&self, options: &BrakeOptions, now: DateTime<Utc>) -> Vec<BrakeOn> {
        let brakes = Brake::ALL.into_iter();
        brakes
            .filter_map(|brake| self.is_on(brake, options, now))
            .collect()
    }

    /// Asks all brakes that concern a write, and counts it if none is on.
    pub(crate) fn take(
        &mut self,
        brakes: &[Brake],
        options: &BrakeOptions,
        now: DateTime<Utc>,
    ) -> Result<Vec<Change>, Box<BrakeOn>> {
        let emptied = Side::BOTH.map(Brake::Emptied);
        for brake in emptied.iter().chain(brakes) {
            if let Some(on) = self.is_on(*brake, options, now) {
                return Err(Box::new(on));
            }
        }
        let mut changes = Vec::new();
        for brake in brakes {
            if options.limit(*brake, 0).is_some() && *brake != Brake::FirstSync {
                changes.extend(self.tally(*brake, options, now));
            }
        }
        Ok(changes)
    }

    /// Counts one for a brake in the present slot, and forgets those that no window reaches.
    pub(crate) fn tally(
        &mut self,
        brake: Brake,
        options: &BrakeOptions,
        now: DateTime<Utc>,
    ) -> Vec<Change> {
        let (of, slot) = (Counted::Brake(brake), options.slot(now));
        let mut changes = Vec::new();
        let begun = !self.counts.contains_key(&(of, slot));
        let old = self.counts.range((of, i64::MIN)..(of, slot - SLOTS)).next();
        if begun && old.is_some() {
            changes.push(self.forget(of, slot - SLOTS));
        }
        changes.push(self.count(of, slot));
        changes
    }
}

fn words(brake: Brake, count: u64, limit: u64) -> (String, String) {
    let release = format!("release the brake {brake}, or wait");
    match brake {
        Brake::FirstSync => (
            format!("a first sync meets {count} records, and {limit} are taken in unasked"),
            "look at what would be done (the counts of a dry run), then release the brake \
             first-sync; or survey and backfill at a rate"
                .to_owned(),
        ),
        Brake::Births(side) => (
            format!("{count} records were made on the {side:?} side within the window, of {limit}"),
            format!("see whether they are wanted; {release}"),
        ),
        Brake::Changes(side) => (
            format!("{count} changes went to the {side:?} side within the window, of {limit}"),
            format!("see whether something rewrites records in bulk; {release}"),
        ),
        Brake::Finals(side) => (
            format!(
                "{count} writes that cannot be taken back went to the {side:?} side within the \
                 window, of {limit}"
            ),
            format!("see whether people wanted them; {release}"),
        ),
        Brake::Emptied(side) => (
            format!(
                "{count} known records of the {side:?} side are gone or cannot be seen, of {limit}"
            ),
            format!("check the roles of the identity and whether records were deleted; {release}"),
        ),
    }
}

/// What a dry run would do, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Records that would be made on the left.
    pub births_left: u64,
    /// Records that would be made on the right.
    pub births_right: u64,
    /// Records on both sides that would be bound to each other.
    pub binds: u64,
    /// Records that would be changed on the left.
    pub changes_left: u64,
    /// Records that would be changed on the right.
    pub changes_right: u64,
    /// Fields that would wait.
    pub holds: u64,
    /// Values that would give way.
    pub conflicts: u64,
    /// Records that would found no pair, for a reason.
    pub skipped: u64,
}
