//! The contract of [`Replica`].
//!
//! The implementor writes a [`Bench`]: its replica over a test system of its own, and the hands of
//! the people who work there. [`every_check`] then runs the contract sentence by sentence. What a
//! replica says of itself in [`Capabilities`](crate::Capabilities) is believed: its lags are
//! waited for, and what it cannot do is not asked for.
//!
//! Not checked, as nothing outside can bring it about: answers that are not clear
//! ([`WriteError::Unknown`]), records that move, and parts.

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_mapping::{FieldId, Settled, Snapshot, Value};
use uuid::Uuid;

use crate::{
    Cursor, Deadline, Draft, Hint, Observed, PairKey, Patch, RecordId, Replica, WriteError,
    WriteStamp, Written,
};

/// Pages after which a replica that always has one more is taken to be stuck.
const PAGES: usize = 1_000;
/// How often a change is waited for, a find lag each time.
const PATIENCE: usize = 4;

/// A replica over a test system, and what people and time do there.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The replica.
    fn replica(&self) -> &dyn Replica;

    /// The present moment, by the clock that the replica holds deadlines against.
    fn now(&self) -> DateTime<Utc>;

    /// Lets time pass; on a clock moved by hand, at once.
    async fn wait(&self, time: Duration);

    /// Somebody makes a record that may be changed, takes part and names no record at the other
    /// end.
    async fn appear(&self) -> RecordId;

    /// Somebody sets a mapped field of a record to a value that it never had.
    async fn edit(&self, id: &RecordId);

    /// Somebody deletes a record; `false` where nobody can.
    async fn delete(&self, id: &RecordId) -> bool;

    /// The key of a record at the other end, another one with each call.
    fn key(&self) -> PairKey;

    /// An id as the service gives them, of a record that does not exist.
    fn unknown(&self) -> RecordId;

    /// The fields of a record at the other end, enough for one to be made here. The checks
    /// settle them first, as the engine does.
    async fn newborn(&self) -> Snapshot;

    /// New values for two fields or more of a record that appeared; best with one that does not
    /// fit as it is.
    fn changes(&self) -> Snapshot;

    /// A value that the side refuses in a field of a record that appeared: settling says that it
    /// cannot be held there, or only the service does.
    fn refused(&self) -> Option<(FieldId, Value)> {
        None
    }

    /// What a record that appeared holds in a place that no rule maps; `None` where there is no
    /// such place.
    async fn foreign(&self, _id: &RecordId) -> Option<String> {
        None
    }
}

/// Runs every check of this module, each on a bench of its own from `make`.
///
/// # Panics
/// When a sentence of the contract does not hold.
pub async fn every_check<B, F>(mut make: impl FnMut() -> F)
where
    B: Bench,
    F: Future<Output = B>,
{
    starting_over_tells_every_record(&make().await).await;
    a_change_is_hinted_and_the_cursor_moves(&make().await).await;
    a_deletion_is_told_where_it_is_promised(&make().await).await;
    a_fetch_is_the_truth(&make().await).await;
    an_id_that_names_nothing_is_none(&make().await).await;
    a_record_made_is_found_by_its_key(&make().await).await;
    a_second_birth_is_stale(&make().await).await;
    an_update_under_an_old_version_is_stale(&make().await).await;
    all_of_a_patch_takes_effect(&make().await).await;
    nothing_of_a_refused_patch_takes_effect(&make().await).await;
    nothing_leaves_after_the_deadline(&make().await).await;
    a_stamped_side_carries_the_stamp(&make().await).await;
    a_key_is_written_only_where_there_is_none(&make().await).await;
    settling_is_pure_and_true(&make().await).await;
    foreign_fields_stay(&make().await).await;
}

/// `None` starts over with all records.
pub async fn starting_over_tells_every_record(bench: &dyn Bench) {
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(bench.appear().await);
    }
    settle_down(bench).await;
    let (_, end) = read_all(bench, None).await;
    read_all(bench, Some(&end)).await;
    let (hints, _) = read_all(bench, None).await;
    for id in made {
        let told = is_told(bench, &hints, &id).await;
        assert!(told, "starting over tells every record, but not {id}");
    }
}

/// A change is hinted sooner or later, and the cursor moves with it.
pub async fn a_change_is_hinted_and_the_cursor_moves(bench: &dyn Bench) {
    let id = bench.appear().await;
    settle_down(bench).await;
    let (_, before) = read_all(bench, None).await;
    bench.edit(&id).await;
    told_since(bench, &before, &id, "a change").await;
    let (_, before) = read_all(bench, Some(&before)).await;
    let newcomer = bench.appear().await;
    told_since(bench, &before, &newcomer, "a new record").await;
}

/// A side that reports deletions hints them; a fetch tells whether it is true.
pub async fn a_deletion_is_told_where_it_is_promised(bench: &dyn Bench) {
    let id = bench.appear().await;
    settle_down(bench).await;
    let (_, before) = read_all(bench, None).await;
    if !bench.delete(&id).await {
        return;
    }
    bench.wait(bench.replica().capabilities().read_lag).await;
    let gone = fetch(bench, &id).await;
    assert!(gone.is_none(), "a deleted record is none, not {gone:?}");
    if bench.replica().capabilities().reports_deletions {
        let hints = told_since(bench, &before, &id, "a deletion").await;
        let told = hints.iter().any(|hint| hint.id == id && hint.gone);
        assert!(told, "a deletion is told as one: {hints:?}");
    }
}

/// A fetch shows the record as it is now, and a new version of it after each edit.
pub async fn a_fetch_is_the_truth(bench: &dyn Bench) {
    let id = bench.appear().await;
    let first = read(bench, &id).await;
    assert_eq!(first.id, id, "a fetch is about the record asked for");
    assert!(first.takes_part, "a record that appears takes part");
    let again = read(bench, &id).await;
    assert_eq!(
        first.version, again.version,
        "the version of a record that nobody changed stays"
    );
    assert_eq!(first.fields, again.fields, "reading twice shows the same");
    bench.edit(&id).await;
    let edited = read(bench, &id).await;
    assert_ne!(first.fields, edited.fields, "a fetch shows an edit");
    assert_ne!(
        first.version, edited.version,
        "an edit moves the version of the record"
    );
    for alias in &edited.aliases {
        let found = fetch(bench, alias).await.map(|record| record.id);
        assert_eq!(
            found.as_ref(),
            Some(&id),
            "a record is found by its alias {alias}"
        );
    }
}

/// An id that names nothing is none: one of a record that is not, and somebody else's text.
pub async fn an_id_that_names_nothing_is_none(bench: &dyn Bench) {
    bench.appear().await;
    let strange = ["?", "../x", "a'b or 1 eq 1", "0", " ", "Käufer/\u{1F4A1}#1"];
    let strange = strange.map(RecordId::new);
    for id in strange.iter().chain([&bench.unknown()]) {
        match bench.replica().fetch(id).await {
            Ok(None) => {}
            other => panic!("the id {id:?} names nothing, so it is none, not {other:?}"),
        }
    }
}

/// A record that was made is found by its key within the find lag, and holds what was asked for.
pub async fn a_record_made_is_found_by_its_key(bench: &dyn Bench) {
    let (key, other) = (bench.key(), bench.key());
    let draft = draft(bench).await;
    let made = make(bench, &key, stamp(1), &draft).await;
    settle_down(bench).await;
    let record = read(bench, &made.id).await;
    assert_eq!(
        record.key.as_ref(),
        Some(&key),
        "a record that was made names the record at the other end"
    );
    holds(&record, &draft.fields, "a record that was made");
    shows(&made, &record);
    let found = ids_of(bench, &key).await;
    assert!(
        found.contains(&made.id),
        "a record that was made is found by its key within the find lag, not only {found:?}"
    );
    let found = ids_of(bench, &other).await;
    assert!(
        !found.contains(&made.id),
        "a record is not found by the key of another"
    );
}

/// Where births are unique, a second create for one key is stale and makes nothing.
pub async fn a_second_birth_is_stale(bench: &dyn Bench) {
    if !bench.replica().capabilities().unique_birth {
        return;
    }
    let key = bench.key();
    let draft = draft(bench).await;
    let made = make(bench, &key, stamp(1), &draft).await;
    let second = bench
        .replica()
        .create(&key, stamp(2), &draft, soon(bench))
        .await;
    assert!(
        matches!(second, Err(WriteError::Stale)),
        "a second birth for one key is stale, not {second:?}"
    );
    settle_down(bench).await;
    let found = ids_of(bench, &key).await;
    assert_eq!(found, [made.id], "a second birth makes nothing");
}

/// An update takes effect only at the version that was seen, else it is stale and changes nothing.
pub async fn an_update_under_an_old_version_is_stale(bench: &dyn Bench) {
    let id = bench.appear().await;
    let old = read(bench, &id).await;
    let patch = patch(bench, &old);
    bench.edit(&id).await;
    let before = read(bench, &id).await;
    let late = bench
        .replica()
        .update(&old, stamp(1), &patch, soon(bench))
        .await;
    assert!(
        matches!(late, Err(WriteError::Stale)),
        "an update under an old version is stale, not {late:?}"
    );
    unchanged(bench, &before, "a stale update changes nothing").await;
    // Our own writes move the version as well.
    update(bench, &before, stamp(2), &patch).await;
    let after = read(bench, &id).await;
    if after.version != before.version {
        let late = bench
            .replica()
            .update(&before, stamp(3), &patch, soon(bench))
            .await;
        assert!(
            matches!(late, Err(WriteError::Stale)),
            "an update under the version before our own is stale, not {late:?}"
        );
    }
}

/// All of a patch takes effect, and nothing else.
pub async fn all_of_a_patch_takes_effect(bench: &dyn Bench) {
    let id = bench.appear().await;
    let before = read(bench, &id).await;
    let patch = patch(bench, &before);
    assert!(
        patch.fields.len() > 1,
        "the bench gives changes of two fields or more that the side takes, not {:?}",
        patch.fields
    );
    let written = update(bench, &before, stamp(1), &patch).await;
    assert_eq!(written.id, id, "an update answers for its own record");
    let after = read(bench, &id).await;
    holds(&after, &patch.fields, "all of a patch takes effect:");
    shows(&written, &after);
    for (field, value) in &before.fields {
        if !patch.fields.contains_key(field) {
            let now = after.fields.get(field);
            assert_eq!(now, Some(value), "{field}, which no patch names, stays");
        }
    }
}

/// Nothing of a patch takes effect when one of its fields is refused.
pub async fn nothing_of_a_refused_patch_takes_effect(bench: &dyn Bench) {
    let Some((field, value)) = bench.refused() else {
        return;
    };
    let id = bench.appear().await;
    let before = read(bench, &id).await;
    let mut patch = patch(bench, &before);
    patch.fields.insert(field, value);
    let refused = bench
        .replica()
        .update(&before, stamp(1), &patch, soon(bench))
        .await;
    assert!(
        matches!(refused, Err(WriteError::Refused { .. })),
        "a value that the service refuses is refused, not {refused:?}"
    );
    unchanged(bench, &before, "nothing of a refused patch takes effect").await;
}

/// After its deadline no byte of a write leaves.
pub async fn nothing_leaves_after_the_deadline(bench: &dyn Bench) {
    let id = bench.appear().await;
    let before = read(bench, &id).await;
    let (key, draft) = (bench.key(), draft(bench).await);
    let past = bench.now() - TimeDelta::seconds(1);
    let patch = patch(bench, &before);
    let late = bench
        .replica()
        .update(&before, stamp(1), &patch, past)
        .await;
    assert!(
        matches!(late, Err(WriteError::NotSent(_))),
        "no update leaves after the deadline; this is not sent, not {late:?}"
    );
    unchanged(bench, &before, "no update leaves after the deadline").await;
    let late = bench.replica().create(&key, stamp(2), &draft, past).await;
    assert!(
        matches!(late, Err(WriteError::NotSent(_))),
        "no create leaves after the deadline; this is not sent, not {late:?}"
    );
    settle_down(bench).await;
    let found = ids_of(bench, &key).await;
    assert!(found.is_empty(), "no create leaves after the deadline");
}

/// A side that is stamped carries the stamp of our last write.
pub async fn a_stamped_side_carries_the_stamp(bench: &dyn Bench) {
    if !bench.replica().capabilities().stamped {
        return;
    }
    let draft = draft(bench).await;
    let made = make(bench, &bench.key(), stamp(1), &draft).await;
    let born = read(bench, &made.id).await;
    assert_eq!(
        born.stamp,
        Some(stamp(1)),
        "a stamped side carries the stamp of the create"
    );
    let id = bench.appear().await;
    let before = read(bench, &id).await;
    update(bench, &before, stamp(2), &patch(bench, &before)).await;
    let after = read(bench, &id).await;
    assert_eq!(
        after.stamp,
        Some(stamp(2)),
        "a stamped side carries the stamp of the last update"
    );
}

/// The key of a patch is written where there is none, and never over another text.
pub async fn a_key_is_written_only_where_there_is_none(bench: &dyn Bench) {
    let id = bench.appear().await;
    let keys = [bench.key(), bench.key()];
    for key in &keys {
        let seen = read(bench, &id).await;
        let patch = Patch {
            key: Some(key.clone()),
            ..Patch::default()
        };
        update(bench, &seen, stamp(1), &patch).await;
        let now = read(bench, &id).await;
        assert_eq!(
            now.key.as_ref(),
            Some(&keys[0]),
            "a key is written where there is none, and never over another"
        );
    }
}

/// Settling is pure; what it says becomes of a value is what a read shows after the write.
pub async fn settling_is_pure_and_true(bench: &dyn Bench) {
    let id = bench.appear().await;
    for (field, wanted) in bench.changes() {
        let seen = read(bench, &id).await;
        let settle = |value: &Value| bench.replica().settle(&field, value, Some(&seen));
        let said = settle(&wanted);
        assert_eq!(
            said,
            settle(&wanted),
            "settling {field} twice says the same"
        );
        let value = match said {
            Settled::Fits => wanted,
            Settled::Becomes { value, .. } => {
                let again = settle(&value);
                assert_eq!(
                    again,
                    Settled::Fits,
                    "what {field} becomes stays what it is, {value:?}"
                );
                value
            }
            Settled::Cannot(_) => continue,
        };
        let fields = Snapshot::from([(field.clone(), value)]);
        let patch = Patch {
            fields: fields.clone(),
            ..Patch::default()
        };
        update(bench, &seen, stamp(1), &patch).await;
        let after = read(bench, &id).await;
        holds(&after, &fields, "a read shows what settling said:");
    }
}

/// What no rule maps stays as it is.
pub async fn foreign_fields_stay(bench: &dyn Bench) {
    let id = bench.appear().await;
    let Some(held) = bench.foreign(&id).await else {
        return;
    };
    let seen = read(bench, &id).await;
    update(bench, &seen, stamp(1), &patch(bench, &seen)).await;
    let now = bench.foreign(&id).await;
    assert_eq!(now, Some(held), "foreign fields stay as they are");
}

fn stamp(number: u128) -> WriteStamp {
    WriteStamp(Uuid::from_u128(number))
}

fn soon(bench: &dyn Bench) -> Deadline {
    bench.now() + TimeDelta::minutes(1)
}

/// Waits until all that was done is shown by every kind of read.
async fn settle_down(bench: &dyn Bench) {
    let able = bench.replica().capabilities();
    bench.wait(able.find_lag.max(able.read_lag)).await;
}

async fn fetch(bench: &dyn Bench, id: &RecordId) -> Option<Observed> {
    let record = bench.replica().fetch(id).await;
    record.unwrap_or_else(|error| panic!("{id} can be read: {error}"))
}

/// The record as it is shown when the read lag has passed.
async fn read(bench: &dyn Bench, id: &RecordId) -> Observed {
    bench.wait(bench.replica().capabilities().read_lag).await;
    let record = fetch(bench, id).await;
    record.unwrap_or_else(|| panic!("a fetch is the truth: {id} is there"))
}

/// All pages from a cursor on.
async fn read_all(bench: &dyn Bench, since: Option<&Cursor>) -> (Vec<Hint>, Cursor) {
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

async fn is_told(bench: &dyn Bench, hints: &[Hint], id: &RecordId) -> bool {
    let aliases = fetch(bench, id).await.map(|record| record.aliases);
    let aliases = aliases.unwrap_or_default();
    hints
        .iter()
        .any(|hint| hint.id == *id || aliases.contains(&hint.id))
}

async fn told_since(bench: &dyn Bench, since: &Cursor, id: &RecordId, what: &str) -> Vec<Hint> {
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

async fn ids_of(bench: &dyn Bench, key: &PairKey) -> Vec<RecordId> {
    let found = bench.replica().find(key, None).await;
    let found = found.unwrap_or_else(|error| panic!("{key} can be looked for: {error}"));
    found.into_iter().map(|record| record.id).collect()
}

/// What the side makes of `wanted`, without what it cannot take.
fn settled(bench: &dyn Bench, wanted: Snapshot, now: Option<&Observed>) -> Snapshot {
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

async fn draft(bench: &dyn Bench) -> Draft {
    let mut fields = bench.newborn().await;
    // Of nothing comes nothing.
    fields.retain(|_, value| !value.is_null());
    Draft {
        fields: settled(bench, fields, None),
        outcome: None,
    }
}

fn patch(bench: &dyn Bench, now: &Observed) -> Patch {
    Patch {
        fields: settled(bench, bench.changes(), Some(now)),
        ..Patch::default()
    }
}

async fn make(bench: &dyn Bench, key: &PairKey, stamp: WriteStamp, draft: &Draft) -> Written {
    let made = bench.replica().create(key, stamp, draft, soon(bench)).await;
    made.unwrap_or_else(|error| panic!("a record can be made for {key}: {error}"))
}

async fn update(bench: &dyn Bench, seen: &Observed, stamp: WriteStamp, patch: &Patch) -> Written {
    let written = bench
        .replica()
        .update(seen, stamp, patch, soon(bench))
        .await;
    written.unwrap_or_else(|error| panic!("{} can be changed as it was seen: {error}", seen.id))
}

fn holds(record: &Observed, fields: &Snapshot, what: &str) {
    for (field, value) in fields {
        let held = record.fields.get(field);
        assert_eq!(held, Some(value), "{what} {field} holds what was written");
    }
}

/// What a write answers is what a read shows.
fn shows(written: &Written, read: &Observed) {
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

async fn unchanged(bench: &dyn Bench, before: &Observed, rule: &str) {
    let now = read(bench, &before.id).await;
    assert_eq!(now.fields, before.fields, "{rule}");
    assert_eq!(now.version, before.version, "{rule}, not even the version");
}
