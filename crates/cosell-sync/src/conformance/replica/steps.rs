//! What the checks have in common: waiting, reading, writing, and saying what is wrong.

use chrono::TimeDelta;
use cosell_mapping::{Settled, Snapshot};
use uuid::Uuid;

use super::Bench;
use crate::{
    Cursor, Deadline, Draft, Hint, Observed, PairKey, Patch, RecordId, WriteStamp, Written,
};

/// Pages after which a replica that always has one more is taken to be stuck.
const PAGES: usize = 1_000;
/// How often a change is waited for, a find lag each time.
const PATIENCE: usize = 4;

pub(super) fn stamp(number: u128) -> WriteStamp {
    WriteStamp(Uuid::from_u128(number))
}

pub(super) fn soon(bench: &dyn Bench) -> Deadline {
    bench.now() + TimeDelta::minutes(1)
}

/// Waits until all that was done is shown by every kind of read.
pub(super) async fn settle_down(bench: &dyn Bench) {
    let able = bench.replica().capabilities();
    bench.wait(able.find_lag.max(able.read_lag)).await;
}

pub(super) async fn fetch(bench: &dyn Bench, id: &RecordId) -> Option<Observed> {
    let record = bench.replica().fetch(id).await;
    record.unwrap_or_else(|error| panic!("{id} can be read: {error}"))
}

/// The record as it is shown when the read lag has passed.
pub(super) async fn read(bench: &dyn Bench, id: &RecordId) -> Observed {
    bench.wait(bench.replica().capabilities().read_lag).await;
    let record = fetch(bench, id).await;
    record.unwrap_or_else(|| panic!("a fetch is the truth: {id} is there"))
}

/// All pages from a cursor on.
pub(super) async fn read_all(bench: &dyn Bench, since: Option<&Cursor>) -> (Vec<Hint>, Cursor) {
    let mut hints = Vec::new();
    let mut cursor = since.cloned();
    for _ in 0..PAGES {
        let page = bench.replica().hints(cursor.as_ref()).await;
        let page = page.unwrap_or_else(|error| panic!("hints can be read: {error}"));
        hints.extend(page.hints);
        if !page.more {
            return (hints, page.cursor);
        }
        cursor = Some(page.cursor);
    }
    panic!("hints come to an end: there are more after {PAGES} pages");
}

pub(super) async fn is_told(bench: &dyn Bench, hints: &[Hint], id: &RecordId) -> bool {
    let aliases = fetch(bench, id).await.map(|record| record.aliases);
    let aliases = aliases.unwrap_or_default();
    hints
        .iter()
        .any(|hint| hint.id == *id || aliases.contains(&hint.id))
}

pub(super) async fn told_since(
    bench: &dyn Bench,
    since: &Cursor,
    id: &RecordId,
    what: &str,
) -> Vec<Hint> {
    let mut cursor = since.clone();
    for _ in 0..PATIENCE {
        settle_down(bench).await;
        let (hints, end) = read_all(bench, Some(&cursor)).await;
        if is_told(bench, &hints, id).await {
            assert_ne!(end, *since, "the cursor moves with {what}");
            return hints;
        }
        cursor = end;
    }
    panic!("{what} is hinted sooner or later; that of {id} is not");
}

pub(super) async fn ids_of(bench: &dyn Bench, key: &PairKey) -> Vec<RecordId> {
    let found = bench.replica().find(key, None).await;
    let found = found.unwrap_or_else(|error| panic!("{key} can be looked for: {error}"));
    found.into_iter().map(|record| record.id).collect()
}

/// What the side makes of `wanted`, without what it cannot take.
pub(super) fn settled(bench: &dyn Bench, wanted: Snapshot, now: Option<&Observed>) -> Snapshot {
    let taken = wanted.into_iter().filter_map(|(field, value)| {
        let value = match bench.replica().settle(&field, &value, now) {
            Settled::Fits => value,
            Settled::Becomes { value, .. } => value,
            Settled::Cannot(_) => return None,
        };
        Some((field, value))
    });
    taken.collect()
}

pub(super) async fn draft(bench: &dyn Bench) -> Draft {
    let mut fields = bench.newborn().await;
    // Of nothing comes nothing.
    fields.retain(|_, value| !value.is_null());
    Draft {
        fields: settled(bench, fields, None),
        outcome: None,
    }
}

pub(super) fn patch(bench: &dyn Bench, now: &Observed) -> Patch {
    Patch {
        fields: settled(bench, bench.changes(), Some(now)),
        ..Patch::default()
    }
}

pub(super) async fn make(
    bench: &dyn Bench,
    key: &PairKey,
    stamp: WriteStamp,
    draft: &Draft,
) -> Written {
    let made = bench.replica().create(key, stamp, draft, soon(bench)).await;
    made.unwrap_or_else(|error| panic!("a record can be made for {key}: {error}"))
}

pub(super) async fn update(
    bench: &dyn Bench,
    seen: &Observed,
    stamp: WriteStamp,
    patch: &Patch,
) -> Written {
    let written = bench
        .replica()
        .update(seen, stamp, patch, soon(bench))
        .await;
    written.unwrap_or_else(|error| panic!("{} can be changed as it was seen: {error}", seen.id))
}

pub(super) fn holds(record: &Observed, fields: &Snapshot, what: &str) {
    for (field, value) in fields {
        let held = record.fields.get(field);
        assert_eq!(held, Some(value), "{what} {field} holds what was written");
    }
}

/// What a write answers is what a read shows.
pub(super) fn shows(written: &Written, read: &Observed) {
    if let Some(after) = &written.after {
        assert_eq!(
            after.fields, read.fields,
            "a write answers what a read shows"
        );
        // A service may touch a record by itself after it was made; that moves its time as well.
        assert!(
            after.version == read.version || after.as_of < read.as_of,
            "a write answers the version, {:?}, not {:?}",
            read.version,
            after.version
        );
    }
}

pub(super) async fn unchanged(bench: &dyn Bench, before: &Observed, rule: &str) {
    let now = read(bench, &before.id).await;
    assert_eq!(now.fields, before.fields, "{rule}");
    assert_eq!(now.version, before.version, "{rule}, not even the version");
}
