//! What waits: the lines before the queue, and parked pairs.

use uuid::Uuid;

use super::{Store, commit, hint, moment, pair, put, queue};
use crate::{Change, ErrorKind, PairId, Park, QueuedHint, Side, Source};

/// A flood in one lane takes its turns only: every other lane and side comes up beside it.
pub async fn lanes_take_turns(store: Store) {
    let flood = (0..20).map(|number| QueuedHint {
        source: Source::Backfill,
        ..hint(&format!("bulk {number:02}"), 0)
    });
    let mut batch: Vec<_> = flood.map(Change::Enqueue).collect();
    for (name, side, source, due) in [
        ("change 1", Side::Left, Source::Changed, 10),
        ("change 2", Side::Left, Source::Changed, 11),
        ("there", Side::Right, Source::Changed, 12),
        ("asked", Side::Right, Source::Person, 13),
        ("not yet", Side::Left, Source::Told, 900),
    ] {
        batch.push(Change::Enqueue(QueuedHint {
            side,
            source,
            ..hint(name, due)
        }));
    }
    commit(&store, batch).await;
    let names = async |limit| -> Vec<String> {
        let due = store.due(moment(20), limit).await.expect("due");
        due.iter().map(|hint| hint.id.to_string()).collect()
    };
    assert_eq!(
        names(6).await,
        [
            "asked", "change 1", "there", "bulk 00", "change 2", "bulk 01"
        ],
        "lanes take turns, within each the earliest first"
    );
    assert_eq!(names(24).await.len(), 24, "all that is due comes up");
    // Work that was put off keeps its lane.
    let mut put_off = queue(&store).await.remove(0);
    put_off.due = moment(30);
    commit(
        &store,
        vec![Change::Postpone {
            hint: put_off.clone(),
        }],
    )
    .await;
    let due = store.due(moment(40), 1).await.expect("due").remove(0);
    assert_eq!((due.id, due.source), (put_off.id, put_off.source));
}

/// Parked pairs are listed in order of id, by kind, and counted by kind and whether given up.
pub async fn parks_are_counted_and_listed_by_cause(store: Store) {
    let parked = |number: u128, kind, dead, since| {
        let mut pair = pair(number, &format!("l{number}"), None);
        pair.park = Some(Park {
            kind,
            cause: "why".to_owned(),
            dead,
            since: moment(since),
            attempts: 1,
            retry_at: None,
            left: None,
            right: None,
        });
        pair
    };
    let one = parked(1, ErrorKind::Refused, false, 5);
    let batch = [
        one.clone(),
        parked(2, ErrorKind::Refused, false, 3),
        parked(3, ErrorKind::Refused, true, 9),
        parked(4, ErrorKind::Malformed, true, 1),
        pair(5, "l5", None),
    ];
    commit(&store, batch.iter().map(put).collect()).await;
    let list = async |kind, after: Option<u128>, limit| -> Vec<u128> {
        let after = after.map(|after| PairId(Uuid::from_u128(after)));
        let pairs = store.parked(kind, after, limit).await.expect("parked");
        pairs.iter().map(|pair| pair.id.0.as_u128()).collect()
    };
    assert_eq!(
        list(None, None, 9).await,
        [1, 2, 3, 4],
        "all that are parked"
    );
    assert_eq!(
        list(None, Some(2), 1).await,
        [3],
        "a page goes on after the last id"
    );
    assert_eq!(
        list(Some(ErrorKind::Malformed), None, 9).await,
        [4],
        "by kind"
    );
    let counts = async || -> Vec<(ErrorKind, bool, u64, i64)> {
        let mut counts = store.park_counts().await.expect("park_counts");
        counts.sort_by_key(|count| (count.kind, count.dead));
        let plain = |count: crate::ParkCount| {
            let since = (count.since - moment(0)).num_seconds();
            (count.kind, count.dead, count.pairs, since)
        };
        counts.into_iter().map(plain).collect()
    };
    assert_eq!(
        counts().await,
        [
            (ErrorKind::Malformed, true, 1, 1),
            (ErrorKind::Refused, false, 2, 3),
            (ErrorKind::Refused, true, 1, 9),
        ],
        "counted by kind, with the oldest"
    );
    let free = crate::Pair { park: None, ..one };
    commit(&store, vec![put(&free)]).await;
    assert_eq!(list(None, None, 9).await, [2, 3, 4], "a park that ended");
}
