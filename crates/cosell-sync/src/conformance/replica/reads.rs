//! What a replica tells: hints, and records by id and by key.

use super::{
    Bench,
    steps::{
        draft, fetch, holds, ids_of, is_told, make, read, read_all, settle_down, shows, stamp,
        told_since,
    },
};
use crate::RecordId;

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
