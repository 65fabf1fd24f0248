//! The audit trail, and how far jobs are.

use cosell_mapping::{FieldId, Value};
use uuid::Uuid;

use super::{Store, commit, id, lease, moment, pair, put};
use crate::{
    AuditEntry, AuditKind, AuditPlace, AuditQuery, Change, ConflictEntry, ErrorKind, FieldChange,
    PairId, RecordId, Rule, Side, SkippedRecord, Source, StoreError, TraceId, Version, WriteStamp,
};

fn line(number: u128, at: i64, kind: AuditKind) -> AuditEntry {
    AuditEntry::new(
        TraceId(Uuid::from_u128(number)),
        moment(at),
        kind,
        format!("line {number}"),
    )
}

fn add(entry: &AuditEntry) -> Change {
    Change::Audit(Box::new(entry.clone()))
}

async fn ask(store: &Store, query: AuditQuery) -> Vec<String> {
    let lines = store.audit(&query, None, 100).await.expect("audit");
    lines.into_iter().map(|(_, line)| line.message).collect()
}

/// Lines come back whole and in order, by record, pair, time, trace and kind, page by page; they
/// share the fate of their batch.
pub async fn lines_are_added_and_asked_for(store: Store) {
    let one = pair(1, "a", Some("b"));
    let mut full = line(1, 10, AuditKind::Updated)
        .of_pair(&one)
        .of_record(Side::Right, &id("b"));
    full.source = Some(Source::Told);
    full.fields = vec![FieldChange::new(
        FieldId::from_static("name"),
        Some(Value::text("x")),
        Some(Value::Null),
    )];
    full.before = Some(Version::new("v1"));
    full.after = Some(Version::new("v2"));
    full.stamp = Some(WriteStamp(Uuid::from_u128(9)));
    full.cause = Some(ErrorKind::Refused);
    full.code = Some("0x1".to_owned());
    full.request = Some("r".to_owned());
    full.by = Some("Ada".to_owned());
    let other = line(2, 30, AuditKind::Skipped).of_record(Side::Left, &id("b"));
    let last = line(1, 20, AuditKind::Parked).of_pair(&one);
    commit(&store, vec![add(&full), add(&other)]).await;
    commit(&store, vec![put(&one), add(&last)]).await;
    let all = store
        .audit(&AuditQuery::default(), None, 100)
        .await
        .expect("audit");
    let lines: Vec<_> = all.iter().map(|(_, line)| line.clone()).collect();
    assert_eq!(
        lines,
        [full.clone(), other.clone(), last.clone()],
        "whole, in order"
    );
    assert!(all.is_sorted_by(|a, b| a.0 < b.0), "places grow");
    let query = AuditQuery::default();
    let rest = store.audit(&query, Some(all[0].0), 1).await.expect("audit");
    assert_eq!(rest, [all[1].clone()], "a page goes on after its place");
    let query = AuditQuery::default().newest_first();
    let back = store.audit(&query, Some(all[2].0), 1).await.expect("audit");
    assert_eq!(back, [all[1].clone()], "a page goes back before its place");
    let query = AuditQuery::default;
    for (query, found) in [
        (
            query().with_record(Side::Right, id("b")),
            vec!["line 1", "line 1"],
        ),
        (query().with_record(Side::Left, id("b")), vec!["line 2"]),
        (query().with_pair(one.id), vec!["line 1", "line 1"]),
        (
            query().with_trace(TraceId(Uuid::from_u128(2))),
            vec!["line 2"],
        ),
        (query().with_kind(AuditKind::Parked), vec!["line 1"]),
        (
            query()
                .with_kind(AuditKind::Parked)
                .with_kind(AuditKind::Skipped)
                .newest_first(),
            vec!["line 1", "line 2"],
        ),
        (query().with_from(moment(20)), vec!["line 2", "line 1"]),
        (
            query().with_from(moment(11)).with_until(moment(30)),
            vec!["line 1"],
        ),
        (
            query().with_pair(one.id).with_kind(AuditKind::Skipped),
            vec![],
        ),
    ] {
        assert_eq!(ask(&store, query.clone()).await, found, "{query:?}");
    }
    // Refused with its batch.
    let held = lease(&store).await;
    let twin = pair(2, "a", None);
    let refused = store.commit(&held, vec![add(&full), put(&twin)]).await;
    assert!(
        matches!(refused, Err(StoreError::Taken { .. })),
        "{refused:?}"
    );
    assert_eq!(
        ask(&store, AuditQuery::default()).await.len(),
        3,
        "no line of it"
    );
}

/// The old end goes by age and by count, a bounded number at once; places are never used again.
pub async fn old_lines_go_by_age_and_count(store: Store) {
    let lines = (1..=6).map(|number| add(&line(number, number as i64 * 10, AuditKind::Nothing)));
    commit(&store, lines.collect()).await;
    let prune = |before: Option<i64>, keep, at_most| Change::Prune {
        before: before.map(moment),
        keep,
        at_most,
    };
    commit(&store, vec![prune(Some(30), None, 1)]).await;
    assert_eq!(
        ask(&store, AuditQuery::default()).await.len(),
        5,
        "at most so many"
    );
    commit(&store, vec![prune(Some(30), None, 99)]).await;
    let left = ask(&store, AuditQuery::default()).await;
    assert_eq!(left, ["line 3", "line 4", "line 5", "line 6"], "by age");
    commit(&store, vec![prune(None, Some(2), 99)]).await;
    assert_eq!(
        ask(&store, AuditQuery::default()).await,
        ["line 5", "line 6"],
        "by count"
    );
    commit(&store, vec![prune(None, Some(0), 99)]).await;
    assert!(
        ask(&store, AuditQuery::default()).await.is_empty(),
        "none is kept"
    );
    commit(&store, vec![add(&line(7, 70, AuditKind::Nothing))]).await;
    let after = Some(AuditPlace(6));
    let new = store
        .audit(&AuditQuery::default(), after, 9)
        .await
        .expect("audit");
    assert_eq!(
        new.len(),
        1,
        "a stored place is good also after all lines went"
    );
}

/// Forgetting removes content and leaves that something happened; others keep theirs.
pub async fn forgetting_leaves_no_content(store: Store) {
    let entry = |pair: u128| ConflictEntry {
        pair: PairId(Uuid::from_u128(pair)),
        field: FieldId::from_static("name"),
        base: None,
        left: Value::text("secret"),
        right: Value::Null,
        left_as_of: moment(0),
        right_as_of: moment(0),
        rule: Rule::Newest,
        kept: None,
        value: None,
        at: moment(0),
    };
    let skip = |name: &str| {
        Change::Skip(SkippedRecord {
            side: Side::Left,
            id: id(name),
            version: None,
            kind: ErrorKind::Malformed,
            cause: "secret".to_owned(),
            at: moment(0),
        })
    };
    let with_field = |mut line: AuditEntry| {
        let secret = Some(Value::text("secret"));
        line.fields = vec![FieldChange::new(FieldId::from_static("name"), None, secret)];
        line
    };
    let one = pair(1, "a", Some("b"));
    let lines = [
        with_field(line(1, 1, AuditKind::Updated).of_pair(&one)),
        with_field(line(2, 2, AuditKind::Skipped).of_record(Side::Left, &RecordId::new("child"))),
        with_field(line(3, 3, AuditKind::Updated).of_pair(&pair(2, "x", None))),
    ];
    let mut batch: Vec<_> = lines.iter().map(add).collect();
    batch.extend([entry(1), entry(2)].map(|entry| Change::Conflict(Box::new(entry))));
    batch.extend(["child", "other"].map(skip));
    commit(&store, batch).await;
    let forget = Change::Forget {
        pair: Some(one.id),
        records: vec![(Side::Left, id("a")), (Side::Left, id("child"))],
    };
    commit(&store, vec![forget]).await;
    let all = store
        .audit(&AuditQuery::default(), None, 9)
        .await
        .expect("audit");
    for (place, line) in &all[..2] {
        assert!(line.fields.is_empty(), "line {place:?} keeps no field");
        assert_eq!(line.message, "(forgotten)", "nor words");
    }
    assert_eq!(all[0].1.kind, AuditKind::Updated, "that it happened stays");
    assert_eq!(all[2].1, lines[2], "another pair's line stays whole");
    let conflicts = store.conflicts(0, 9).await.expect("conflicts");
    assert_eq!(conflicts, [entry(2)], "another pair's conflict stays");
    let skipped = store.skipped(0, 9).await.expect("skipped");
    assert_eq!(skipped.len(), 1, "another record's skip stays");
}

/// Every job has a place of its own, which can be forgotten.
pub async fn places_are_kept_per_job(store: Store) {
    let set = |job: &str, place: Option<&str>| Change::Place {
        job: job.to_owned(),
        place: place.map(str::to_owned),
    };
    commit(&store, vec![set("a", Some("1")), set("b", Some("2"))]).await;
    commit(&store, vec![set("a", Some("3")), set("b", None)]).await;
    assert_eq!(store.place("a").await.expect("place").as_deref(), Some("3"));
    assert_eq!(store.place("b").await.expect("place"), None, "forgotten");
}
