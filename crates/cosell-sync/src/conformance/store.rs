//! The contract of [`StateStore`]. Every check takes an empty store.

use std::{future::Future, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use cosell_mapping::{FieldId, Value};
use uuid::Uuid;

use crate::{
    Answer, Brake, Change, ConflictEntry, Counted, Cursor, ErrorKind, GroupId, Hold, HoldCause,
    Images, Lease, Life, Outcome, Pair, PairId, PairState, Park, Part, PartName, QueuedHint,
    RecordId, Resolution, Rule, Side, SkippedRecord, Source, StateStore, StoreError, TraceId,
    Version,
};

mod audit;
mod waiting;

pub use audit::{
    forgetting_leaves_no_content, lines_are_added_and_asked_for, old_lines_go_by_age_and_count,
    places_are_kept_per_job,
};
pub use waiting::{lanes_take_turns, parks_are_counted_and_listed_by_cause};

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

/// A pair comes back as it was stored.
pub async fn pairs_are_kept_whole(store: Arc<dyn StateStore>) {
    let mut full = pair(1, "a", Some("b"));
    let field = FieldId::from_static("name");
    let at = moment(5);
    full.state = PairState::Stopped {
        why: "switched off".to_owned(),
    };
    full.left.version = Some(Version::new("v1"));
    full.left.retired = vec![Version::new("v0")];
    full.left.written = Some(at);
    full.left.as_of = Some(at);
    full.base.insert(
        field.clone(),
        Images {
            left: Value::text("x"),
            right: Value::Null,
        },
    );
    full.holds.insert(
        field,
        Hold {
            left: Value::text("x"),
            right: Value::text("y"),
            cause: HoldCause::Policy {
                why: "both".to_owned(),
            },
            since: at,
            unanswered: None,
        },
    );
    full.answers.insert(
        FieldId::from_static("note"),
        Answer {
            left: Value::text("x"),
            right: Value::text("y"),
            resolution: Resolution::Keep(Side::Left),
            at,
        },
    );
    full.park = Some(Park {
        kind: ErrorKind::Refused,
        dead: false,
        cause: "refused".to_owned(),
        since: at,
        attempts: 2,
        retry_at: Some(at),
        left: Some(Version::new("v1")),
        right: None,
    });
    full.outcome = Some(Outcome {
        at,
        from: Side::Left,
        success: false,
        message: "refused".to_owned(),
    });
    commit(&store, vec![put(&full)]).await;
    let read = store.pair(full.id).await.expect("pair");
    assert_eq!(read, Some(full), "a pair must come back as it was stored");
    let none = store.pair(PairId(Uuid::from_u128(9))).await.expect("pair");
    assert_eq!(none, None, "an unknown pair is none");
}

/// A pair is found by present, former and alias ids and by group, per side, and pages through.
pub async fn records_find_their_pair(store: Arc<dyn StateStore>) {
    let mut one = pair(1, "a", Some("b"));
    one.left.former = vec![id("old")];
    one.left.aliases = vec![id("child")];
    one.right.group = Some(GroupId::new("g"));
    let two = pair(2, "c", None);
    commit(&store, vec![put(&one), put(&two)]).await;
    for name in ["a", "old", "child"] {
        let found = store.pair_of(Side::Left, &id(name)).await.expect("pair_of");
        assert_eq!(found.map(|pair| pair.id), Some(one.id), "by {name}");
    }
    let swapped = store.pair_of(Side::Right, &id("a")).await.expect("pair_of");
    assert!(swapped.is_none(), "ids are per side");
    let group = GroupId::new("g");
    let found = store
        .pair_in_group(Side::Right, &group)
        .await
        .expect("group");
    assert_eq!(found.map(|pair| pair.id), Some(one.id), "by group");
    let found = store
        .pair_in_group(Side::Left, &group)
        .await
        .expect("group");
    assert!(found.is_none(), "groups are per side");
    let asked = [id("a"), id("child"), id("nobody"), id("c")];
    let known = store.known(Side::Left, &asked).await.expect("known");
    assert_eq!(
        known.len(),
        3,
        "known tells exactly those in a pair: {known:?}"
    );
    assert!(!known.contains("nobody"), "nobody is in no pair");
    let first = store.pairs(None, 1).await.expect("pairs");
    assert_eq!(first.len(), 1, "at most the limit");
    let rest = store.pairs(Some(first[0].id), 10).await.expect("pairs");
    assert_eq!(rest.len(), 1, "a page goes on after the last id");
    assert!(first[0].id < rest[0].id, "in order of id");
    // A part belongs to the pair like its ends do, by each of its ids.
    let mut with_part = one.clone();
    let part = Part {
        side: Side::Left,
        id: Some(id("part")),
        others: vec![id("second")],
        version: None,
        as_of: None,
        life: Life::Open,
        fields: Default::default(),
        refusal: None,
    };
    with_part.parts.insert(PartName::new("helper"), part);
    commit(&store, vec![put(&with_part)]).await;
    for name in ["part", "second"] {
        let found = store.pair_of(Side::Left, &id(name)).await.expect("pair_of");
        assert_eq!(found.as_ref(), Some(&with_part), "by the part {name}");
        let swapped = store.pair_of(Side::Right, &id(name)).await;
        assert!(swapped.expect("pair_of").is_none(), "part ids are per side");
    }
    // An id that an end gave up leads nowhere, unless it is kept as former.
    one.left.aliases.clear();
    commit(&store, vec![put(&one)]).await;
    let found = store
        .pair_of(Side::Left, &id("child"))
        .await
        .expect("pair_of");
    assert!(found.is_none(), "an alias given up leads nowhere");
    let found = store.pair_of(Side::Left, &id("part")).await;
    assert!(
        found.expect("pair_of").is_none(),
        "nor does a part that is no more"
    );
}

/// A second pair with a record of the first is refused, also within one batch.
pub async fn a_record_has_one_pair(store: Arc<dyn StateStore>) {
    let one = pair(1, "a", Some("b"));
    commit(&store, vec![put(&one)]).await;
    let lease = lease(&store).await;
    for taken in [pair(2, "a", None), pair(2, "x", Some("b"))] {
        let refused = store.commit(&lease, vec![put(&taken)]).await;
        assert!(
            matches!(refused, Err(StoreError::Taken { .. })),
            "taken, not {refused:?}"
        );
    }
    let twins = vec![put(&pair(3, "t", None)), put(&pair(4, "t", None))];
    let refused = store.commit(&lease, twins).await;
    assert!(
        matches!(refused, Err(StoreError::Taken { .. })),
        "taken within one batch, not {refused:?}"
    );
    store
        .commit(&lease, vec![put(&one)])
        .await
        .expect("a pair keeps its own records");
    let pairs = store.pairs(None, 10).await.expect("pairs");
    assert_eq!(pairs.len(), 1, "a refused pair was stored");
}

/// Nothing of a refused batch is stored, whatever the order.
pub async fn a_batch_is_all_or_nothing(store: Arc<dyn StateStore>) {
    commit(&store, vec![put(&pair(1, "a", None))]).await;
    let lease = lease(&store).await;
    let batch = vec![
        Change::Cursor {
            side: Side::Left,
            cursor: Some(Cursor::new("c")),
        },
        Change::Enqueue(hint("h", 0)),
        put(&pair(2, "b", None)),
        put(&pair(3, "a", None)),
    ];
    let refused = store.commit(&lease, batch).await;
    assert!(
        matches!(refused, Err(StoreError::Taken { .. })),
        "taken, not {refused:?}"
    );
    assert_eq!(
        store.cursor(Side::Left).await.expect("cursor"),
        None,
        "no cursor"
    );
    assert!(queue(&store).await.is_empty(), "no hint");
    assert_eq!(
        store.pairs(None, 10).await.expect("pairs").len(),
        1,
        "no pair"
    );
}

/// A record is in the queue once, due at the earlier of both moments, with a new turn.
pub async fn a_key_is_queued_once(store: Arc<dyn StateStore>) {
    commit(&store, vec![Change::Enqueue(hint("h", 10))]).await;
    let before = queue(&store).await;
    commit(&store, vec![Change::Enqueue(hint("h", 50))]).await;
    let after = queue(&store).await;
    assert_eq!(after.len(), 1, "one record is queued once");
    assert_eq!(after[0].due, moment(10), "due at the earlier moment");
    assert_ne!(
        after[0].turn, before[0].turn,
        "every enqueue has a turn of its own"
    );
    commit(&store, vec![Change::Enqueue(hint("h", 5))]).await;
    assert_eq!(
        queue(&store).await[0].due,
        moment(5),
        "due at the earlier moment"
    );
    let urgent = QueuedHint {
        source: Source::Person,
        trace: TraceId(Uuid::from_u128(8)),
        ..hint("h", 70)
    };
    commit(&store, vec![Change::Enqueue(urgent)]).await;
    commit(&store, vec![Change::Enqueue(hint("h", 70))]).await;
    let joined = queue(&store).await.remove(0);
    assert_eq!(
        joined.source,
        Source::Person,
        "the more urgent source stays"
    );
    assert_eq!(joined.trace, before[0].trace, "the first trace stays");
    let other = QueuedHint {
        side: Side::Right,
        ..hint("h", 5)
    };
    commit(&store, vec![Change::Enqueue(other)]).await;
    assert_eq!(
        queue(&store).await.len(),
        2,
        "sides have records of their own"
    );
}

/// Hints come when they are due, earliest first, at most as many as asked for.
pub async fn due_hints_come_earliest_first(store: Arc<dyn StateStore>) {
    assert_eq!(
        store.next_due().await.expect("next_due"),
        None,
        "nothing is due"
    );
    let batch = [("late", 30), ("early", 10), ("middle", 20)];
    let batch = batch.map(|(name, due)| Change::Enqueue(hint(name, due)));
    commit(&store, batch.into()).await;
    let names = |hints: Vec<QueuedHint>| -> Vec<String> {
        hints.iter().map(|hint| hint.id.to_string()).collect()
    };
    let due = names(store.due(moment(20), 10).await.expect("due"));
    assert_eq!(due, ["early", "middle"], "what is due, earliest first");
    let due = names(store.due(moment(20), 1).await.expect("due"));
    assert_eq!(due, ["early"], "at most the limit");
    let next = store.next_due().await.expect("next_due");
    assert_eq!(next, Some(moment(10)), "the earliest moment");
}

/// A hint about a record without a pair is told from one about a known record, per side.
pub async fn newcomers_are_told_from_known_records(store: Arc<dyn StateStore>) {
    let waits = async |side| store.newcomers_wait(side).await.expect("newcomers_wait");
    let known = Change::Pair(Box::new(pair(1, "known", None)));
    commit(&store, vec![known, Change::Enqueue(hint("known", 0))]).await;
    assert!(!waits(Side::Left).await, "a known record is no newcomer");
    commit(&store, vec![Change::Enqueue(hint("new", 900))]).await;
    assert!(waits(Side::Left).await, "a newcomer waits, due or not");
    assert!(!waits(Side::Right).await, "on its own side only");
}

/// Taking out or putting off names the turn that was worked; a hint that came meanwhile stays.
pub async fn a_worked_turn_leaves_newer_hints(store: Arc<dyn StateStore>) {
    commit(&store, vec![Change::Enqueue(hint("h", 0))]).await;
    let worked = queue(&store).await.remove(0);
    let dequeue = Change::Dequeue {
        side: worked.side,
        id: worked.id.clone(),
        turn: worked.turn,
    };
    let postpone = Change::Postpone {
        hint: QueuedHint {
            due: moment(40),
            attempts: 3,
            ..worked.clone()
        },
    };
    commit(&store, vec![postpone.clone()]).await;
    let put_off = queue(&store).await.remove(0);
    assert_eq!(
        (put_off.due, put_off.attempts),
        (moment(40), 3),
        "it is put off"
    );
    assert_eq!(put_off.turn, worked.turn, "putting off keeps the turn");
    commit(&store, vec![Change::Enqueue(hint("h", 1))]).await;
    commit(&store, vec![dequeue, postpone]).await;
    let newer = queue(&store).await;
    assert_eq!(newer.len(), 1, "a newer hint stays");
    assert_eq!(newer[0].due, moment(1), "a newer hint is not put off");
    let dequeue = Change::Dequeue {
        side: newer[0].side,
        id: newer[0].id.clone(),
        turn: newer[0].turn,
    };
    commit(&store, vec![dequeue.clone(), dequeue]).await;
    assert!(
        queue(&store).await.is_empty(),
        "the worked turn is taken out"
    );
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
