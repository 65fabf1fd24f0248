//! The contract of [`StateStore`]. Every check takes an empty store.

mod audit;
mod pairs;
mod queue;
mod waiting;

use std::{future::Future, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use cosell_mapping::{FieldId, Value};
use uuid::Uuid;

pub use audit::{
    forgetting_leaves_no_content, lines_are_added_and_asked_for, old_lines_go_by_age_and_count,
    places_are_kept_per_job,
};
pub use pairs::{
    a_batch_is_all_or_nothing, a_record_has_one_pair, pairs_are_kept_whole, records_find_their_pair,
};
pub use queue::{
    a_key_is_queued_once, a_worked_turn_leaves_newer_hints, due_hints_come_earliest_first,
    newcomers_are_told_from_known_records,
};
pub use waiting::{lanes_take_turns, parks_are_counted_and_listed_by_cause};

use crate::{
    Brake, Change, ConflictEntry, Counted, Cursor, ErrorKind, Lease, Pair, PairId, QueuedHint,
    RecordId, Rule, Side, SkippedRecord, Source, StateStore, StoreError, TraceId, Version,
};

type Store = Arc<dyn StateStore>;

/// Runs every check of this module, each on a store of its own from `make`.
///
/// # Panics
/// When a rule is broken.
pub async fn store<F>(mut make: impl FnMut() -> F)
where
    F: Future<Output = Arc<dyn StateStore>>,
{
    one_holder_at_a_time(make().await).await;
    a_lost_lease_commits_nothing(make().await).await;
    pairs_are_kept_whole(make().await).await;
    records_find_their_pair(make().await).await;
    a_record_has_one_pair(make().await).await;
    a_batch_is_all_or_nothing(make().await).await;
    a_key_is_queued_once(make().await).await;
    due_hints_come_earliest_first(make().await).await;
    newcomers_are_told_from_known_records(make().await).await;
    a_worked_turn_leaves_newer_hints(make().await).await;
    cursors_are_kept_per_side(make().await).await;
    conflicts_and_skips_are_listed(make().await).await;
    counters_add_up_and_are_forgotten(make().await).await;
    lanes_take_turns(make().await).await;
    parks_are_counted_and_listed_by_cause(make().await).await;
    lines_are_added_and_asked_for(make().await).await;
    old_lines_go_by_age_and_count(make().await).await;
    forgetting_leaves_no_content(make().await).await;
    places_are_kept_per_job(make().await).await;
}

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
}

fn id(text: &str) -> RecordId {
    RecordId::new(text)
}

async fn lease(store: &Store) -> Lease {
    store
        .lease("one", moment(0), moment(60))
        .await
        .expect("a free lease is given")
}

async fn commit(store: &Store, batch: Vec<Change>) {
    let lease = lease(store).await;
    store
        .commit(&lease, batch)
        .await
        .expect("the holder of the lease may commit");
}

fn pair(number: u128, left: &str, right: Option<&str>) -> Pair {
    let mut pair = Pair::new(PairId(Uuid::from_u128(number)));
    pair.left.id = Some(id(left));
    pair.right.id = right.map(id);
    pair
}

fn put(pair: &Pair) -> Change {
    Change::Pair(Box::new(pair.clone()))
}

fn hint(name: &str, due: i64) -> QueuedHint {
    QueuedHint {
        side: Side::Left,
        id: id(name),
        version: None,
        gone: false,
        due: moment(due),
        attempts: 0,
        source: Source::Changed,
        trace: TraceId(Uuid::from_u128(7)),
        turn: 0,
        late_until: None,
    }
}

async fn queue(store: &Store) -> Vec<QueuedHint> {
    store.due(moment(1_000_000), 100).await.expect("due")
}

/// The lease is held by one owner until it ends or is given back.
pub async fn one_holder_at_a_time(store: Arc<dyn StateStore>) {
    let first = lease(&store).await;
    let renewed = store
        .lease("one", moment(30), moment(90))
        .await
        .expect("renewal");
    assert_eq!(renewed.epoch, first.epoch, "a renewal keeps the epoch");
    assert_eq!(renewed.until, moment(90), "a renewal moves the end");
    match store.lease("two", moment(80), moment(140)).await {
        Err(StoreError::Held { owner, until }) => {
            assert_eq!(
                (owner.as_str(), until),
                ("one", moment(90)),
                "says who holds it"
            );
        }
        other => panic!("a held lease was given to another: {other:?}"),
    }
    let second = store
        .lease("two", moment(91), moment(150))
        .await
        .expect("it has ended");
    assert!(
        second.epoch > first.epoch,
        "a change of holder grows the epoch"
    );
    store.release(&second).await.expect("release");
    let third = store.lease("three", moment(92), moment(150)).await;
    let third = third.expect("a lease given back is free");
    assert!(
        third.epoch > second.epoch,
        "the epoch grows also after a release"
    );
    store
        .release(&second)
        .await
        .expect("releasing an old lease is no error");
    let held = store.lease("four", moment(93), moment(150)).await;
    assert!(
        matches!(held, Err(StoreError::Held { .. })),
        "an old lease gives nothing back"
    );
}

/// A commit under a lease that another owner took over is refused, whole.
pub async fn a_lost_lease_commits_nothing(store: Arc<dyn StateStore>) {
    let old = lease(&store).await;
    let taken = store
        .lease("two", moment(61), moment(120))
        .await
        .expect("it has ended");
    let refused = store.commit(&old, vec![put(&pair(1, "a", None))]).await;
    assert!(
        matches!(refused, Err(StoreError::Fenced)),
        "fenced, not {refused:?}"
    );
    let pairs = store.pairs(None, 10).await.expect("pairs");
    assert!(pairs.is_empty(), "a fenced commit stored a pair");
    store
        .commit(&taken, vec![put(&pair(1, "a", None))])
        .await
        .expect("the new holder may commit");
}

/// Each side has a cursor of its own, which can be forgotten.
pub async fn cursors_are_kept_per_side(store: Arc<dyn StateStore>) {
    let set = |side, cursor: Option<&str>| Change::Cursor {
        side,
        cursor: cursor.map(Cursor::new),
    };
    commit(
        &store,
        vec![set(Side::Left, Some("l")), set(Side::Right, Some("r"))],
    )
    .await;
    commit(&store, vec![set(Side::Left, None)]).await;
    assert_eq!(
        store.cursor(Side::Left).await.expect("cursor"),
        None,
        "forgotten"
    );
    let right = store.cursor(Side::Right).await.expect("cursor");
    assert_eq!(right, Some(Cursor::new("r")), "the other side's stays");
}

/// Counters add up by kind and slot; old slots can be forgotten.
pub async fn counters_add_up_and_are_forgotten(store: Arc<dyn StateStore>) {
    let births = Counted::Brake(Brake::Births(Side::Left));
    let changes = Counted::Brake(Brake::Births(Side::Right));
    let count = |of, slot| Change::Count { of, slot };
    commit(
        &store,
        vec![count(births, -3), count(births, 7), count(changes, 7)],
    )
    .await;
    commit(&store, vec![count(births, 7)]).await;
    let all = async || {
        let mut counters = store.counters().await.expect("counters");
        counters.sort_by_key(|counter| (counter.of, counter.slot));
        let plain = counters.into_iter();
        plain
            .map(|counter| (counter.of, counter.slot, counter.count))
            .collect::<Vec<_>>()
    };
    let expected = [(births, -3, 1), (births, 7, 2), (changes, 7, 1)];
    assert_eq!(all().await, expected, "each kind and slot by itself");
    let forget = Change::Uncount {
        of: births,
        before: 7,
    };
    commit(&store, vec![forget]).await;
    assert_eq!(all().await, expected[1..], "slots before are forgotten");
}

/// Conflicts are listed oldest first, skipped records by side and id.
pub async fn conflicts_and_skips_are_listed(store: Arc<dyn StateStore>) {
    let entry = |text: &str| ConflictEntry {
        pair: PairId(Uuid::from_u128(1)),
        field: FieldId::from_static("name"),
        base: None,
        left: Value::text(text),
        right: Value::Null,
        left_as_of: moment(1),
        right_as_of: moment(2),
        rule: Rule::Own("ours".to_owned()),
        kept: Some(Side::Left),
        value: Some(Value::text(text)),
        at: moment(0),
    };
    let skip = |name: &str, cause: &str| SkippedRecord {
        side: Side::Left,
        id: id(name),
        version: Some(Version::new("v")),
        kind: ErrorKind::Claimed,
        cause: cause.to_owned(),
        at: moment(0),
    };
    let batch = vec![
        Change::Conflict(Box::new(entry("first"))),
        Change::Conflict(Box::new(entry("second"))),
        Change::Skip(skip("b", "old")),
        Change::Skip(skip("a", "why")),
        Change::Skip(skip("b", "new")),
    ];
    commit(&store, batch).await;
    let all = store.conflicts(0, 10).await.expect("conflicts");
    assert_eq!(all, [entry("first"), entry("second")], "oldest first");
    let second = store.conflicts(1, 10).await.expect("conflicts");
    assert_eq!(second, [entry("second")], "after the first `skip`");
    let all = store.skipped(0, 10).await.expect("skipped");
    assert_eq!(
        all,
        [skip("a", "why"), skip("b", "new")],
        "one per record, by id"
    );
    let unskip = Change::Unskip {
        side: Side::Left,
        id: id("a"),
    };
    commit(&store, vec![unskip]).await;
    let gone = store.skip_of(Side::Left, &id("a")).await.expect("skip_of");
    assert_eq!(gone, None, "forgotten");
    let kept = store.skip_of(Side::Left, &id("b")).await.expect("skip_of");
    assert_eq!(kept, Some(skip("b", "new")), "the other one stays");
    let other = store.skip_of(Side::Right, &id("b")).await.expect("skip_of");
    assert_eq!(other, None, "sides have records of their own");
}
