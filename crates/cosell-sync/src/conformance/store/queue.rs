//! The queue: a key in it once, in its order, and nothing newer lost.

use uuid::Uuid;

use super::{Store, commit, hint, moment, pair, queue};
use crate::{Change, QueuedHint, Side, Source, TraceId, Version};

/// A record is in the queue once, due at the earlier of both moments, with a new turn.
pub async fn a_key_is_queued_once(store: Store) {
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
        late_until: Some(moment(90)),
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
    assert_eq!(
        joined.late_until,
        Some(moment(90)),
        "reads may be late until the later moment"
    );
    for (told, kept) in [("v1", Some("v1")), ("v2", None), ("v3", Some("v3"))] {
        let next = QueuedHint {
            version: Some(Version::new(told)),
            ..hint("h", 70)
        };
        commit(&store, vec![Change::Enqueue(next)]).await;
        let joined = queue(&store).await.remove(0);
        assert_eq!(
            joined.version,
            kept.map(Version::new),
            "of two told versions neither, until the next one is told"
        );
    }
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
pub async fn due_hints_come_earliest_first(store: Store) {
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
pub async fn newcomers_are_told_from_known_records(store: Store) {
    let waits = async |side| store.newcomers_wait(side).await.expect("newcomers_wait");
    let known = Change::Pair(Box::new(pair(1, "known", None)));
    commit(&store, vec![known, Change::Enqueue(hint("known", 0))]).await;
    assert!(!waits(Side::Left).await, "a known record is no newcomer");
    commit(&store, vec![Change::Enqueue(hint("new", 900))]).await;
    assert!(waits(Side::Left).await, "a newcomer waits, due or not");
    assert!(!waits(Side::Right).await, "on its own side only");
}

/// Taking out or putting off names the turn that was worked; a hint that came meanwhile stays.
pub async fn a_worked_turn_leaves_newer_hints(store: Store) {
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
