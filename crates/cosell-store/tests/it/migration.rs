//! Files of older versions.

use cosell_store::OpenError;
use cosell_sync::{
    AuditQuery, Change, Cursor, ErrorKind, Lane, LogStore as _, PairId, PairStore as _,
    QueueStore as _, Side, Source, StateStore as _, TraceId,
};
use uuid::Uuid;

use crate::support::{Place, lease, moment, put};

const FIRST: &str = include_str!("first_version.sql");

fn first() -> Place {
    let place = Place::new();
    place.raw().execute_batch(FIRST).unwrap();
    place
}

#[tokio::test]
async fn a_file_of_the_first_version_is_brought_up_whole() {
    let place = first();
    let store = place.open().await;
    let pairs = store.pairs(None, 9).await.unwrap();
    assert_eq!(pairs.len(), 2);
    let park = pairs[0].park.clone().unwrap();
    assert_eq!(
        (park.kind, park.dead, park.attempts),
        (ErrorKind::Other, false, 2)
    );
    let parked = store.parked(Some(ErrorKind::Other), None, 9).await.unwrap();
    assert_eq!(parked, [pairs[0].clone()]);
    let counts = store.park_counts().await.unwrap();
    assert_eq!(
        (counts.len(), counts[0].pairs, counts[0].since),
        (1, 1, park.since)
    );
    let cursor = store.cursor(Side::Left).await.unwrap();
    assert_eq!(cursor, Some(Cursor::new("page 7")));
    let due = store.due(moment(0), 9).await.unwrap().remove(0);
    assert_eq!(
        (due.source, due.source.lane(), due.turn),
        (Source::Changed, Lane::Changes, 4)
    );
    assert_eq!(due.trace, TraceId::default());
    let skipped = store.skipped(0, 9).await.unwrap();
    assert_eq!((skipped.len(), skipped[0].kind), (1, ErrorKind::Other));
    assert_eq!(store.conflicts(0, 9).await.unwrap().len(), 1);
    assert!(
        store
            .audit(&AuditQuery::default(), None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    // And it goes on from there.
    let held = lease(&store, "one").await;
    assert_eq!(held.epoch, 3, "the lease is still its owner's");
    let forget = Change::Forget {
        pair: Some(PairId(Uuid::from_u128(1))),
        records: Vec::new(),
    };
    let dequeue = Change::Dequeue {
        side: due.side,
        id: due.id,
        turn: due.turn,
    };
    store
        .commit(&held, vec![put(&pairs[1]), forget, dequeue])
        .await
        .unwrap();
    assert!(
        store.conflicts(0, 9).await.unwrap().is_empty(),
        "it was told whose they are"
    );
    drop(store);
    let version: i64 = place
        .raw()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 2);
    place.open().await;
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_old_file_as_it_was() {
    let place = first();
    // Something is in the way of the second step.
    place
        .raw()
        .execute_batch("CREATE TABLE places (mine)")
        .unwrap();
    let refused = place.try_open().await;
    assert!(matches!(refused, Err(OpenError::Failed(_))), "{refused:?}");
    let raw = place.raw();
    let version: i64 = raw
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
    let columns = "SELECT count(*) FROM pragma_table_info('pairs')";
    let columns: i64 = raw.query_row(columns, [], |row| row.get(0)).unwrap();
    assert_eq!(columns, 2, "nothing of the step is there");
    raw.execute_batch("DROP TABLE places").unwrap();
    place.open().await;
}
