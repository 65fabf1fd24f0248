//! Replicas that break their contract, one breach each: named, and nobody else is hurt.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_sync::{
    Capabilities, Cursor, Deadline, Draft, ErrorKind, FieldId, FlapLimit, GroupId, HintPage,
    Observed, PairKey, PartName, Patch, ReadError, RecordId, Replica, Requeue, RoundReport,
    Settled, Side, Value, WriteError, WriteStamp, Written,
};

use crate::{
    toy::Toy,
    world::{World, drive},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Breach {
    /// A write that changes the record leaves its version.
    VersionStays,
    /// The page names records that are not there.
    UnknownIds,
    /// The page names each record twice.
    Twice,
    /// There is more, from the same place.
    CursorStands,
    /// There is more, for ever, in a circle.
    Circle,
    /// There is more, for ever, and nothing in it.
    Endless,
    /// Another pair's record is given for the one that was asked for.
    OtherRecord,
    /// Service time runs backwards.
    TimeRunsBack,
    /// Reading changes panics.
    Panics,
}

#[derive(Debug)]
struct Broken {
    inner: Arc<Toy>,
    breach: Breach,
    pages: AtomicU64,
}

impl Broken {
    fn new(inner: Arc<Toy>, breach: Breach) -> Arc<Self> {
        Arc::new(Self {
            inner,
            breach,
            pages: AtomicU64::new(0),
        })
    }
}

#[async_trait]
impl Replica for Broken {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let number = self.pages.fetch_add(1, Ordering::Relaxed);
        let own = since.filter(|cursor| cursor.as_str().parse::<u64>().is_ok());
        let mut page = self.inner.hints(own).await?;
        match self.breach {
            Breach::UnknownIds => {
                let mut unknown = page.hints.clone();
                for hint in &mut unknown {
                    hint.id = RecordId::new(format!("nobody-{}", hint.id));
                    hint.seen = None;
                }
                page.hints.extend(unknown);
            }
            Breach::Twice => page.hints.extend(page.hints.clone()),
            Breach::CursorStands => {
                page.more = true;
                page.cursor = since.cloned().unwrap_or(page.cursor);
            }
            Breach::Circle if !page.more => {
                page.more = true;
                page.cursor = Cursor::new(format!("x{}", number % 3));
            }
            Breach::Endless if !page.more => {
                page.more = true;
                page.cursor = Cursor::new(format!("x{number}"));
                page.hints.retain(|_| own.is_some());
            }
            Breach::Panics if number > 0 => panic!("a bug in the adapter"),
            _ => {}
        }
        Ok(page)
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        let asked = match self.breach {
            Breach::OtherRecord if id.as_str() == "b" => RecordId::new("c"),
            _ => id.clone(),
        };
        let mut record = self.inner.fetch(&asked).await?;
        if self.breach == Breach::TimeRunsBack
            && let Some(record) = &mut record
        {
            record.as_of -= TimeDelta::days(1);
        }
        Ok(record)
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        self.inner.find(key, floor).await
    }

    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.inner.create(key, stamp, draft, until).await
    }

    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
        self.inner.in_group(group).await
    }

    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        self.inner.create_part(of, name, stamp, draft, until).await
    }

    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let mut written = self.inner.update(seen, stamp, patch, until).await?;
        if self.breach == Breach::VersionStays
            && let Some(after) = &mut written.after
            && seen.id.as_str() == "b"
        {
            after.version = seen.version.clone();
        }
        Ok(written)
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        self.inner.settle(field, wanted, now)
    }
}

/// Two deals in step; then both are edited on both sides, in different fields, while the right
/// replica breaks its contract. Returns the worst round and the world.
fn breached(breach: Breach) -> (World, Vec<RoundReport>) {
    let world = World::new();
    for id in ["b", "c"] {
        let fields = [("name", id), ("value", "1"), ("note", "")];
        world.right.add(id, &fields);
    }
    world.settle();
    for left in world.left_ids() {
        world.left.edit(&left, "value", "2");
    }
    let replica = Broken::new(world.right.clone(), breach);
    let engine = world.engine_with(
        world.left.clone(),
        replica,
        world.store.clone(),
        world.options().with_max_pages(500),
    );
    let mut reports = Vec::new();
    for _ in 0..3 {
        world.clock.pass(Duration::from_secs(60));
        if reports.len() == 1 {
            world.right.edit("c", "name", "renamed");
        }
        reports.push(drive(engine.run_once()).expect("no hang").expect("goes on"));
    }
    (world, reports)
}

fn told(reports: &[RoundReport], kind: ErrorKind) -> Vec<String> {
    let errors = reports.iter().flat_map(|report| &report.errors);
    errors
        .filter(|error| error.kind == kind)
        .map(|error| error.cause.clone())
        .collect()
}

/// The other deal is in step, whatever the breach.
fn other_goes_on(world: &World) {
    let right = world.right.with(|state| state.rows["c"].clone());
    assert_eq!(right.fields[&FieldId::from("value")], Value::text("2"));
}

#[test]
fn a_version_that_stays_after_a_write_parks_the_pair() {
    let (world, reports) = breached(Breach::VersionStays);
    let causes = told(&reports, ErrorKind::Contract);
    assert!(causes[0].contains("still at version"), "{causes:?}");
    assert_eq!(reports[0].parked, 1, "that one, and no other");
    other_goes_on(&world);
}

#[test]
fn ids_that_nobody_knows_are_dropped() {
    let (world, reports) = breached(Breach::UnknownIds);
    assert!(reports.iter().all(|report| report.errors.is_empty()));
    assert_eq!(world.queued(), 0);
    other_goes_on(&world);
}

#[test]
fn a_record_named_twice_in_a_page_is_told_and_worked_once() {
    let (world, reports) = breached(Breach::Twice);
    let causes = told(&reports, ErrorKind::Contract);
    assert!(causes[0].contains("twice"), "{causes:?}");
    let updates: u64 = reports.iter().map(|report| report.left.updates).sum();
    assert_eq!(updates, 1, "the rename of one deal");
    other_goes_on(&world);
}

#[test]
fn pages_without_end_stop_the_reading_of_that_side_and_say_why() {
    for (breach, words) in [
        (Breach::CursorStands, "stands still"),
        (Breach::Circle, "gave before"),
        (Breach::Endless, "bring nothing"),
    ] {
        let (world, reports) = breached(breach);
        let causes = told(&reports, ErrorKind::Contract);
        assert!(causes[0].contains(words), "{breach:?}: {causes:?}");
        assert!(
            reports.iter().all(|report| report.right.pages < 150),
            "{breach:?}"
        );
        other_goes_on(&world);
    }
}

#[test]
fn another_pairs_record_for_the_one_asked_for_is_not_taken() {
    let (world, reports) = breached(Breach::OtherRecord);
    let causes = told(&reports, ErrorKind::Claimed);
    assert!(causes[0].contains("another pair"), "{causes:?}");
    let right = world.right.with(|state| state.rows["b"].clone());
    assert_eq!(right.fields[&FieldId::from("name")], Value::text("b"));
    other_goes_on(&world);
}

#[test]
fn time_that_runs_backwards_is_told() {
    let (world, reports) = breached(Breach::TimeRunsBack);
    let causes = told(&reports, ErrorKind::Contract);
    assert!(causes[0].contains("set back"), "{causes:?}");
    other_goes_on(&world);
}

#[test]
fn a_panic_in_reading_changes_stops_that_side_only() {
    let (world, reports) = breached(Breach::Panics);
    let causes = told(&reports, ErrorKind::Malformed);
    assert!(causes[0].contains("panicked"), "{causes:?}");
    other_goes_on(&world);
}

/// Rounds in which an automation on the right undoes every write, and whether the last was quiet.
fn fight(limit: FlapLimit) -> (World, bool) {
    let world = World::in_step();
    world
        .right
        .add("c", &[("name", "other"), ("value", "1"), ("note", "")]);
    world.settle();
    let engine = world.engine_with(
        world.left.clone(),
        world.right.clone(),
        world.store.clone(),
        world.options().with_flaps(limit),
    );
    let mut quiet = true;
    for number in 0..20 {
        world.clock.pass(Duration::from_secs(1));
        let left = world.pairs()[0].left.id.clone().unwrap().to_string();
        // A plug-in on either side insists on a value of its own.
        for (side, id, value) in [(Side::Left, left.as_str(), "77"), (Side::Right, "b", "88")] {
            let insists = |state: &crate::toy::ToyState| {
                state.rows[id].fields[&FieldId::from("value")] != Value::text(value)
            };
            if number % 2 == u8::from(side == Side::Right) && world.toy(side).with(|s| insists(s)) {
                world.toy(side).edit(id, "value", value);
            }
        }
        world.clock.pass(Duration::from_secs(20));
        let report = drive(engine.run_once()).unwrap().unwrap();
        quiet = report.left.writes() + report.right.writes() == 0;
    }
    (world, quiet)
}

#[test]
fn a_field_that_goes_to_and_fro_parks_its_pair_and_is_named() {
    let (world, _) = fight(FlapLimit::default());
    let parked: Vec<_> = world
        .pairs()
        .into_iter()
        .filter_map(|pair| pair.park)
        .collect();
    assert_eq!(parked.len(), 1);
    assert!(
        parked[0].cause.contains("the field value goes to and fro"),
        "{}",
        parked[0].cause
    );
}

#[test]
fn a_pair_that_is_let_go_after_flapping_is_counted_anew() {
    for one_by_one in [true, false] {
        let (world, _) = fight(FlapLimit::default());
        let mut pairs = world.pairs().into_iter();
        let pair = pairs.find(|pair| pair.park.is_some()).unwrap();
        let engine = world.engine();
        if one_by_one {
            assert!(drive(engine.unpark(pair.id, "Ada")).unwrap().unwrap());
        } else {
            let flapping = Requeue::Kind(ErrorKind::Flapping);
            let done = drive(engine.requeue(flapping, "Ada")).unwrap().unwrap();
            assert_eq!(done.pairs, 1);
        }
        let report = world.round();
        assert_eq!(report.left.writes() + report.right.writes(), 1);
        world.settle();
        world.assert_in_step();
    }
}

#[test]
fn without_the_flap_limit_it_never_ends() {
    let none = FlapLimit::new(None, Duration::from_secs(3_600));
    let (world, quiet) = fight(none);
    assert!(world.pairs().iter().all(|pair| pair.park.is_none()));
    assert!(!quiet, "still writing after twenty rounds");
}
