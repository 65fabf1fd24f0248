//! What needs a hand on the connection.

use std::sync::mpsc;

use cosell_sync::Side;
use futures_util::future::{join, join_all};
use uuid::Uuid;

use super::*;

async fn open(directory: &Path) -> (SqliteStore, Lease) {
    let store = SqliteStore::open(directory.join("state"), "here", Options::default())
        .await
        .unwrap();
    let now = DateTime::UNIX_EPOCH;
    let lease = store.lease("one", now, now).await.unwrap();
    (store, lease)
}

async fn pages(store: &SqliteStore, most: i64) {
    let set = move |connection: &Connection| {
        connection
            .pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
            .map_err(failed)
    };
    store.ask(set).await.unwrap();
}

fn large(side: Side) -> Vec<Change> {
    vec![Change::Cursor {
        side,
        cursor: Some(Cursor::new("x".repeat(200_000))),
    }]
}

#[tokio::test]
async fn a_full_disk_stores_nothing_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lease) = open(directory.path()).await;
    pages(&store, 1).await;
    let both = join(
        store.commit(&lease, large(Side::Left)),
        store.commit(&lease, large(Side::Right)),
    );
    let (left, right) = both.await;
    for answer in [left, right] {
        let error = answer.unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
    }
    assert_eq!(store.cursor(Side::Left).await.unwrap(), None);
    pages(&store, 1_000_000).await;
    store.commit(&lease, large(Side::Left)).await.unwrap();
    assert!(store.cursor(Side::Left).await.unwrap().is_some());
}

#[tokio::test]
async fn a_panic_on_the_thread_is_an_error_to_the_caller() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lease) = open(directory.path()).await;
    let panics = |_: &Connection| -> Result<(), StoreError> { panic!("for the test") };
    for _ in 0..2 {
        let error = store.ask(panics).await.unwrap_err();
        assert!(
            error.to_string().contains("open the store again"),
            "{error}"
        );
    }
    let error = store.commit(&lease, large(Side::Left)).await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)));
    drop(store);
    open(directory.path()).await;
}

#[tokio::test]
async fn commits_are_flushed_to_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    let settings = |connection: &Connection| {
        let read = |name: &str| {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .map_err(failed)
        };
        Ok((
            read("journal_mode")?,
            read("synchronous")?,
            read("foreign_keys")?,
        ))
    };
    let (journal, synchronous, keys) = store.ask(settings).await.unwrap();
    assert_eq!(journal, "wal".to_owned().into());
    assert_eq!((synchronous, keys), (2.into(), 1.into()));
}

fn pair(number: u128, alias: Option<&str>) -> Pair {
    let mut pair = Pair::new(PairId(Uuid::from_u128(number)));
    pair.left.id = Some(RecordId::new(format!("left {number}")));
    pair.left.aliases.extend(alias.map(RecordId::new));
    pair
}

#[tokio::test]
async fn commits_that_wait_together_are_each_stored_or_refused_by_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let (store, held) = open(directory.path()).await;
    let fenced = Lease {
        epoch: held.epoch + 1,
        ..held.clone()
    };
    let batch = |number: u128, alias| {
        let cursor = Change::Cursor {
            side: Side::Left,
            cursor: Some(Cursor::new(number.to_string())),
        };
        vec![cursor, Change::Pair(Box::new(pair(number, alias)))]
    };
    // The thread is kept busy until all of them stand in the queue.
    let (open_gate, gate) = mpsc::channel::<()>();
    let busy = store.ask(move |_| {
        let _ = gate.recv();
        Ok(())
    });
    let commits = join_all([
        store.commit(&held, batch(1, None)),
        store.commit(&held, batch(2, Some("left 1"))),
        store.commit(&held, batch(3, None)),
        store.commit(&fenced, batch(4, None)),
        store.commit(&held, batch(5, None)),
        store.commit(&held, batch(6, Some("left 5"))),
    ]);
    let release = async move { drop(open_gate) };
    let (_, (answers, ())) = join(busy, join(commits, release)).await;
    let words: Vec<&str> = answers
        .iter()
        .map(|answer| match answer {
            Ok(()) => "stored",
            Err(StoreError::Taken { .. }) => "taken",
            Err(StoreError::Fenced) => "fenced",
            Err(other) => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        words,
        ["stored", "taken", "stored", "fenced", "stored", "taken"]
    );
    let pairs = store.pairs(None, 9).await.unwrap();
    assert_eq!(pairs, [pair(1, None), pair(3, None), pair(5, None)]);
    let cursor = store.cursor(Side::Left).await.unwrap();
    assert_eq!(cursor, Some(Cursor::new("5")), "of the last one stored");
}
