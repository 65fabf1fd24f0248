//! Pairs: kept whole, found by every id, each record in one of them.

use cosell_mapping::{FieldId, Value};
use uuid::Uuid;

use super::{Store, commit, hint, id, lease, moment, pair, put, queue};
use crate::{
    Answer, Change, Cursor, ErrorKind, GroupId, Hold, HoldCause, Images, Life, Newest, Outcome,
    PairId, PairState, Park, Part, PartName, Resolution, Side, StoreError, Version,
};

/// A pair comes back as it was stored.
pub async fn pairs_are_kept_whole(store: Store) {
    let mut full = pair(1, "a", Some("b"));
    let field = FieldId::from_static("name");
    let at = moment(5);
    full.state = PairState::Stopped {
        why: "switched off".to_owned(),
    };
    full.left.version = Some(Version::new("v1"));
    full.left.retired = vec![Version::new("v0")];
    full.left.written = Some(at);
    full.left.newest = Some(Newest {
        version: Version::new("v1"),
        as_of: at,
    });
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
pub async fn records_find_their_pair(store: Store) {
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
pub async fn a_record_has_one_pair(store: Store) {
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
pub async fn a_batch_is_all_or_nothing(store: Store) {
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
