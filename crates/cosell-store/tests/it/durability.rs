//! What was committed is there: after closing, after a crash, in a backup, under load.

use chrono::TimeDelta;
use cosell_store::{OpenError, SqliteStore};
use cosell_sync::{
    AuditEntry, AuditKind, AuditQuery, Change, FieldChange, FieldId, GroupId, Images,
    LogStore as _, Pair, PairStore as _, QueueStore as _, RecordId, Side, StateStore as _,
    StoreError, TraceId, Value,
};

use crate::support::{Place, SCOPE, enqueue, lease, moment, options, pair, put};

#[tokio::test]
async fn all_is_there_after_opening_again() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    let batch = vec![put(&pair(1)), enqueue("h", moment(3))];
    store.commit(&held, batch).await.unwrap();
    let first = store.due(moment(9), 9).await.unwrap().remove(0);
    drop(store);

    let store = place.open().await;
    assert_eq!(store.pairs(None, 9).await.unwrap(), [pair(1)]);
    assert_eq!(
        store.due(moment(9), 9).await.unwrap(),
        std::slice::from_ref(&first)
    );
    let renewed = lease(&store, "one").await;
    assert_eq!(renewed, held, "the lease is still its owner's");
    let refused = store.lease("two", moment(1), moment(60)).await;
    assert!(matches!(refused, Err(StoreError::Held { .. })));

    // Turns never come twice, also where the queue was empty in between.
    let dequeue = Change::Dequeue {
        side: first.side,
        id: first.id.clone(),
        turn: first.turn,
    };
    store.commit(&held, vec![dequeue]).await.unwrap();
    drop(store);
    let store = place.open().await;
    store
        .commit(&held, vec![enqueue("h", moment(3))])
        .await
        .unwrap();
    assert!(store.due(moment(9), 9).await.unwrap()[0].turn > first.turn);
}

#[tokio::test]
async fn a_commit_survives_the_death_of_the_process() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    store.commit(&held, vec![put(&pair(1))]).await.unwrap();
    // What a dead process leaves behind: the files as they stand, never closed.
    for end in ["", "-wal"] {
        let of = |name: &str| place.path(&format!("{name}{end}"));
        std::fs::copy(of("state.cosell"), of("dead.cosell")).unwrap();
    }
    let dead = SqliteStore::open(place.path("dead.cosell"), SCOPE, options())
        .await
        .unwrap();
    assert_eq!(dead.pairs(None, 9).await.unwrap(), [pair(1)]);
}

#[tokio::test]
async fn a_dropped_call_is_still_carried_out() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    {
        let commit = store.commit(&held, vec![put(&pair(1))]);
        futures_now(commit);
    }
    // Calls are answered in order, so this one comes after it.
    assert_eq!(store.pairs(None, 9).await.unwrap(), [pair(1)]);
}

/// Polls once, then drops.
fn futures_now(future: impl Future) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = std::pin::pin!(future).as_mut().poll(&mut context);
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_to_another_process_is_fenced() {
    let place = Place::new();
    let (one, two) = (place.open().await, place.open().await);
    let old = lease(&one, "one").await;
    let refused = two.lease("two", moment(59), moment(99)).await;
    assert!(matches!(refused, Err(StoreError::Held { owner, .. }) if owner == "one"));
    let new = two.lease("two", moment(60), moment(120)).await.unwrap();
    let refused = one.commit(&old, vec![put(&pair(1))]).await;
    assert!(matches!(refused, Err(StoreError::Fenced)));
    two.commit(&new, vec![put(&pair(2))]).await.unwrap();
    assert_eq!(one.pairs(None, 9).await.unwrap(), [pair(2)]);
    one.release(&old).await.unwrap();
    let refused = one.lease("one", moment(61), moment(99)).await;
    assert!(
        matches!(refused, Err(StoreError::Held { .. })),
        "an old lease frees nothing"
    );
}

#[tokio::test]
async fn a_record_may_move_between_pairs_in_one_batch() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    let (mut one, mut two) = (pair(1), pair(2));
    one.left.aliases.push(RecordId::new("child"));
    one.left.group = Some(GroupId::new("g"));
    two.left.group = Some(GroupId::new("g"));
    store
        .commit(&held, vec![put(&one), put(&two)])
        .await
        .unwrap();
    let in_group = store
        .pair_in_group(Side::Left, &GroupId::new("g"))
        .await
        .unwrap();
    assert_eq!(in_group.unwrap().id, one.id, "who came first answers");

    two.left.aliases = std::mem::take(&mut one.left.aliases);
    one.left.group = None;
    store
        .commit(&held, vec![put(&two), put(&one)])
        .await
        .unwrap();
    let owner = store
        .pair_of(Side::Left, &RecordId::new("child"))
        .await
        .unwrap();
    assert_eq!(owner.unwrap().id, two.id);
    let in_group = store
        .pair_in_group(Side::Left, &GroupId::new("g"))
        .await
        .unwrap();
    assert_eq!(in_group.unwrap().id, two.id, "the next one answers");
}

#[tokio::test]
async fn moments_are_exact_to_the_last_digit() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    let due = moment(0) + TimeDelta::nanoseconds(123_456_789);
    store.commit(&held, vec![enqueue("h", due)]).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(due));
    assert!(
        store
            .due(due - TimeDelta::nanoseconds(1), 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.due(due, 9).await.unwrap()[0].due, due);
}

#[tokio::test]
async fn a_backup_is_a_whole_store_and_replaces_nothing() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    store.commit(&held, vec![put(&pair(1))]).await.unwrap();
    let to = place.path("copy.cosell");
    // A copy that broke off earlier is in nobody's way.
    std::fs::write(place.path("copy.cosell.partial"), "half").unwrap();
    store.backup(&to).await.unwrap();
    assert!(!place.path("copy.cosell.partial").exists());
    store.commit(&held, vec![put(&pair(2))]).await.unwrap();

    assert!(matches!(store.backup(&to).await, Err(OpenError::Exists)));
    let nowhere = store.backup(place.path("no/such/copy")).await;
    assert!(
        matches!(nowhere, Err(OpenError::Unreachable(_))),
        "{nowhere:?}"
    );
    let copy = SqliteStore::open(&to, SCOPE, options()).await.unwrap();
    assert_eq!(copy.pairs(None, 9).await.unwrap(), [pair(1)]);
}

// R130
#[tokio::test]
async fn what_was_forgotten_is_in_no_byte_of_the_files() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    let mut one = pair(1);
    let line = |pair: &Pair| {
        let trace = TraceId::default();
        let mut line = AuditEntry::new(trace, moment(0), AuditKind::Updated, "for Ada Berg");
        let name = Some(Value::text("Ada Berg"));
        line.fields = vec![FieldChange::new(FieldId::from("name"), None, name)];
        Change::Audit(Box::new(line.of_pair(pair)))
    };
    for turn in 0..40 {
        let images = Images {
            left: Value::text(format!("Ada Berg {turn}")),
            right: Value::Null,
        };
        one.base.insert(FieldId::from("name"), images);
        store
            .commit(&held, vec![put(&one), line(&one)])
            .await
            .unwrap();
    }
    let anywhere = || {
        ["", "-wal"].iter().any(|end| {
            let bytes = std::fs::read(place.path(&format!("state.cosell{end}"))).unwrap();
            bytes.windows(8).any(|window| window == b"Ada Berg")
        })
    };
    assert!(anywhere());
    one.base.clear();
    let forget = Change::Forget {
        pair: Some(one.id),
        records: Vec::new(),
    };
    store.commit(&held, vec![put(&one), forget]).await.unwrap();
    assert!(!anywhere(), "neither in the file nor in its log");
    let lines = store.audit(&AuditQuery::default(), None, 99).await.unwrap();
    assert_eq!(lines.len(), 40, "that something happened stays");
}

#[tokio::test]
async fn closing_leaves_one_file() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    store.commit(&held, vec![put(&pair(1))]).await.unwrap();
    assert!(place.path("state.cosell-wal").exists());
    drop(store);
    assert!(!place.path("state.cosell-wal").exists());
}
