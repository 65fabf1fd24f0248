//! The tables, and how an older file becomes a newer one.
//!
//! Bodies are JSON of the engine's own types; beside them stand only the columns that something
//! is found or ordered by. A moment is two whole numbers, so that it sorts exactly.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::OpenError;

/// "This SQLite file is a cosell store", in the file's header.
pub(crate) const APPLICATION: i32 = i32::from_be_bytes(*b"cosl");

/// Each entry takes a file one version up. Entries that were released are never changed.
const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- One row: who may write, how often that changed hands, and the last turn of the queue.
    CREATE TABLE engine (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        owner TEXT,
        until TEXT,
        epoch INTEGER NOT NULL,
        turn INTEGER NOT NULL
    ) STRICT;
    INSERT INTO engine (one, epoch, turn) VALUES (1, 0, 0);

    CREATE TABLE pairs (
        id BLOB PRIMARY KEY CHECK (length(id) = 16),
        body TEXT NOT NULL
    ) STRICT;

    -- Present, former and alias ids alike: each record has one pair.
    CREATE TABLE records (
        side INTEGER NOT NULL,
        id TEXT NOT NULL,
        pair BLOB NOT NULL REFERENCES pairs (id),
        PRIMARY KEY (side, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX records_of_pair ON records (pair);

    -- In order of entry: the pair that came first answers for its group.
    CREATE TABLE memberships (
        seq INTEGER PRIMARY KEY,
        side INTEGER NOT NULL,
        id TEXT NOT NULL,
        pair BLOB NOT NULL REFERENCES pairs (id),
        UNIQUE (side, id, pair)
    ) STRICT;
    CREATE INDEX memberships_of_pair ON memberships (pair);

    CREATE TABLE cursors (
        side INTEGER PRIMARY KEY,
        cursor TEXT NOT NULL
    ) STRICT;

    CREATE TABLE hints (
        side INTEGER NOT NULL,
        id TEXT NOT NULL,
        due_s INTEGER NOT NULL,
        due_ns INTEGER NOT NULL,
        turn INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (side, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hints_by_due ON hints (due_s, due_ns, turn);

    CREATE TABLE conflicts (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        body TEXT NOT NULL
    ) STRICT;

    -- What brakes count, by part of time.
    CREATE TABLE counters (
        counted TEXT NOT NULL,
        slot INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (counted, slot)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE skips (
        side INTEGER NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (side, id)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Why pairs are parked: to list and count them without a look at every body.
    ALTER TABLE pairs ADD COLUMN parked TEXT;
    ALTER TABLE pairs ADD COLUMN dead INTEGER;
    ALTER TABLE pairs ADD COLUMN parked_s INTEGER;
    UPDATE pairs SET
        body = json_set(body, '$.park.kind', 'other', '$.park.dead', json('false')),
        parked = 'other',
        dead = 0,
        parked_s = unixepoch(json_extract(body, '$.park.since'))
    WHERE json_type(body, '$.park') = 'object';
    CREATE INDEX pairs_parked ON pairs (parked, id) WHERE parked IS NOT NULL;

    -- Which line a hint waits in.
    ALTER TABLE hints ADD COLUMN lane INTEGER NOT NULL DEFAULT 1;
    UPDATE hints SET body = json_set(
        body,
        '$.source', 'changed',
        '$.trace', '00000000-0000-0000-0000-000000000000'
    );
    CREATE INDEX hints_by_lane ON hints (lane, side, due_s, due_ns, turn);

    UPDATE skips SET body = json_set(body, '$.kind', 'other');

    ALTER TABLE conflicts ADD COLUMN pair BLOB;
    UPDATE conflicts SET
        pair = unhex(replace(json_extract(body, '$.pair'), '-', '')),
        body = json_set(
            body,
            '$.left_as_of', json_extract(body, '$.at'),
            '$.right_as_of', json_extract(body, '$.at'),
            '$.rule', json('{\"own\":\"not kept by the version that logged it\"}')
        );
    CREATE INDEX conflicts_of_pair ON conflicts (pair);

    CREATE TABLE places (
        job TEXT PRIMARY KEY,
        place TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- AUTOINCREMENT: a place that was told is never used again.
    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at_s INTEGER NOT NULL,
        at_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        trace BLOB NOT NULL,
        pair BLOB,
        left_id TEXT,
        right_id TEXT,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_time ON audit (at_s, at_ns);
    CREATE INDEX audit_by_trace ON audit (trace);
    CREATE INDEX audit_by_pair ON audit (pair) WHERE pair IS NOT NULL;
    CREATE INDEX audit_by_left ON audit (left_id) WHERE left_id IS NOT NULL;
    CREATE INDEX audit_by_right ON audit (right_id) WHERE right_id IS NOT NULL;
",
];

/// The version this crate writes.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// Brings the file to [`VERSION`] and makes sure that it belongs to `scope`, in one transaction.
pub(crate) fn prepare(connection: &mut Connection, scope: &str) -> Result<(), OpenError> {
    // The first look takes no lock for writing: most files are as they should be.
    if header(connection)? == (APPLICATION, VERSION) {
        return same_scope(connection, scope);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (application, version) = header(&transaction)?;
    if version > VERSION && application == APPLICATION {
        return Err(OpenError::Newer {
            found: version,
            known: VERSION,
        });
    }
    if application != APPLICATION {
        if !is_blank(&transaction)? {
            return Err(OpenError::NotAStore);
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
    }
    let done = usize::try_from(version).map_err(|_| OpenError::NotAStore)?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.execute(
        "INSERT OR IGNORE INTO meta (key, value) VALUES ('scope', ?1)",
        [scope],
    )?;
    same_scope(&transaction, scope)?;
    transaction.commit()?;
    Ok(())
}

fn header(connection: &Connection) -> Result<(i32, i64), OpenError> {
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((application, version))
}

fn is_blank(transaction: &Transaction<'_>) -> Result<bool, OpenError> {
    let objects: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(objects == 0 && version == 0)
}

fn same_scope(connection: &Connection, scope: &str) -> Result<(), OpenError> {
    let found: String =
        connection.query_row("SELECT value FROM meta WHERE key = 'scope'", [], |row| {
            row.get(0)
        })?;
    if found == scope {
        Ok(())
    } else {
        Err(OpenError::OtherScope {
            found,
            wanted: scope.to_owned(),
        })
    }
}
