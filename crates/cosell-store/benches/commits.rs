//! Commits per second: the store against SQLite itself, with the same statements and settings.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use cosell_store::{Options, SqliteStore};
use cosell_sync::{
    AuditEntry, AuditKind, Change, FieldChange, FieldId, Images, Lease, Pair, PairId, RecordId,
    StateStore, TraceId, Value, Version,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use rusqlite::{Connection, TransactionBehavior, params};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// Pairs that are written in turn.
const PAIRS: u128 = 64;
/// Commits that wait together.
const TOGETHER: u64 = 8;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// A pair of the usual size, at a version.
fn pair(number: u128, version: u64) -> Pair {
    let mut pair = Pair::new(PairId(Uuid::from_u128(number)));
    pair.left.id = Some(RecordId::new(format!("left {number}")));
    pair.right.id = Some(RecordId::new(format!("right {number}")));
    pair.left.version = Some(Version::new(version.to_string()));
    for field in [
        "name",
        "value",
        "close_date",
        "description",
        "customer",
        "deal_state",
    ] {
        let value = Value::text(format!("what both sides held in {field} when they agreed"));
        let images = Images {
            left: value.clone(),
            right: value,
        };
        pair.base.insert(FieldId::from(field), images);
    }
    pair
}

fn line(pair: &Pair) -> AuditEntry {
    let words = "from the right side";
    let mut line = AuditEntry::new(TraceId::default(), now(), AuditKind::Updated, words);
    let value = |text: &str| Some(Value::text(text));
    line.fields = vec![FieldChange::new(
        FieldId::from("value"),
        value("84000 EUR"),
        value("91000 EUR"),
    )];
    line.of_pair(pair)
}

/// What one write of one pair commits: the pair, and its line of the audit trail.
fn batch(turn: u64) -> Vec<Change> {
    let pair = pair(u128::from(turn) % PAIRS, turn);
    let line = line(&pair);
    vec![Change::Pair(Box::new(pair)), Change::Audit(Box::new(line))]
}

async fn opened(path: &Path) -> (SqliteStore, Lease) {
    let store = SqliteStore::open(path, "bench", Options::default())
        .await
        .expect("a new file");
    let until = now() + TimeDelta::hours(1);
    let lease = store
        .lease("bench", now(), until)
        .await
        .expect("a free lease");
    for turn in 0..64 {
        store.commit(&lease, batch(turn)).await.expect("room");
    }
    (store, lease)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// The statements of such a commit, without the store. The values are at hand in their stored
/// form: what it costs to make them is the store's.
fn bare(connection: &mut Connection, turn: u64, pair_body: &str, line_body: &str) {
    let id = (u128::from(turn) % PAIRS).to_be_bytes();
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .expect("not locked");
    let text = |query: &str| {
        let mut statement = transaction.prepare_cached(query).expect("a statement");
        let mut rows = statement.query(params![id.as_slice()]).expect("rows");
        while rows.next().expect("a row").is_some() {}
    };
    transaction
        .prepare_cached("SELECT owner, until, epoch FROM engine")
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, String>(0)))
        .expect("the lease");
    transaction
        .prepare_cached(
            "INSERT INTO pairs (id, body, parked, dead, parked_s) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, parked = excluded.parked,
                dead = excluded.dead, parked_s = excluded.parked_s",
        )
        .and_then(|mut statement| {
            let nothing = None::<i64>;
            statement.execute(params![id.as_slice(), pair_body, nothing, nothing, nothing])
        })
        .expect("the pair");
    text("SELECT side, id FROM records WHERE pair = ?1");
    text("SELECT side, id FROM memberships WHERE pair = ?1");
    transaction
        .prepare_cached(
            "INSERT INTO audit (at_s, at_ns, kind, trace, pair, left_id, right_id, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut statement| {
            let number = u128::from(turn) % PAIRS;
            statement.execute(params![
                now().timestamp(),
                0,
                "updated",
                [0_u8; 16].as_slice(),
                id.as_slice(),
                format!("left {number}"),
                format!("right {number}"),
                line_body
            ])
        })
        .expect("the line");
    transaction.commit().expect("room");
}

fn commits(c: &mut Criterion) {
    let mut group = c.benchmark_group("commits");
    group.sample_size(30);

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("bare");
    drop(runtime().block_on(opened(&path)));
    let mut connection = Connection::open(&path).expect("the file");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
             PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
        )
        .expect("settings");
    let (pair_body, line_body) = {
        let pair = pair(1, 1);
        let text = |json: serde_json::Result<String>| json.expect("JSON");
        (
            text(serde_json::to_string(&pair)),
            text(serde_json::to_string(&line(&pair))),
        )
    };
    let mut turn = 0;
    group.throughput(Throughput::Elements(1));
    group.bench_function("bare rusqlite, one after the other", |b| {
        b.iter(|| {
            turn += 1;
            bare(&mut connection, turn, &pair_body, &line_body);
        });
    });

    let runtime = runtime();
    let (store, lease) = runtime.block_on(opened(&directory.path().join("store")));
    group.bench_function("store, one after the other", |b| {
        b.iter(|| {
            turn += 1;
            runtime
                .block_on(store.commit(&lease, batch(turn)))
                .expect("room");
        });
    });
    group.throughput(Throughput::Elements(TOGETHER));
    group.bench_function("store, 8 that wait together", |b| {
        b.iter(|| {
            let waiting = (0..TOGETHER).map(|_| {
                turn += 1;
                store.commit(&lease, batch(turn))
            });
            let answers = runtime.block_on(join_all(waiting));
            assert!(answers.iter().all(Result::is_ok));
        });
    });
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
