//! One batch of changes, inside a transaction that the caller ends.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cosell_sync::{Change, Lease, Pair, PairId, QueuedHint, RecordId, Side, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::{
    audit,
    error::{failed, unreadable},
    read,
};

/// Stores a batch if the lease is the newest; on an error the caller rolls back.
pub(crate) fn batch(
    connection: &Connection,
    lease: &Lease,
    batch: &[Change],
) -> Result<(), StoreError> {
    if !holds(connection, lease)? {
        return Err(StoreError::Fenced);
    }
    pairs(connection, batch)?;
    for change in batch {
        match change {
            Change::Pair(_) => Ok(()),
            Change::Cursor {
                side,
                cursor: Some(cursor),
            } => run(
                connection,
                "INSERT INTO cursors (side, cursor) VALUES (?1, ?2)
                 ON CONFLICT (side) DO UPDATE SET cursor = excluded.cursor",
                params![number(*side), cursor.as_str()],
            ),
            Change::Cursor { side, cursor: None } => run(
                connection,
                "DELETE FROM cursors WHERE side = ?1",
                params![number(*side)],
            ),
            Change::Enqueue(hint) => enqueue(connection, hint),
            Change::Dequeue { side, id, turn } => run(
                connection,
                "DELETE FROM hints WHERE side = ?1 AND id = ?2 AND turn = ?3",
                params![number(*side), id.as_str(), signed(*turn)],
            ),
            Change::Postpone { hint } => postpone(connection, hint),
            Change::Conflict(entry) => run(
                connection,
                "INSERT INTO conflicts (pair, body) VALUES (?1, ?2)",
                params![read::key(entry.pair), body(entry)?],
            ),
            Change::Count { of, slot } => run(
                connection,
                "INSERT INTO counters (counted, slot, count) VALUES (?1, ?2, 1)
                 ON CONFLICT (counted, slot) DO UPDATE SET count = count + 1",
                params![body(of)?, slot],
            ),
            Change::Uncount { of, before } => run(
                connection,
                "DELETE FROM counters WHERE counted = ?1 AND slot < ?2",
                params![body(of)?, before],
            ),
            Change::Skip(record) => run(
                connection,
                "INSERT INTO skips (side, id, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (side, id) DO UPDATE SET body = excluded.body",
                params![number(record.side), record.id.as_str(), body(record)?],
            ),
            Change::Unskip { side, id } => run(
                connection,
                "DELETE FROM skips WHERE side = ?1 AND id = ?2",
                params![number(*side), id.as_str()],
            ),
            Change::Audit(entry) => audit::add(connection, entry),
            Change::Place {
                job,
                place: Some(place),
            } => run(
                connection,
                "INSERT INTO places (job, place) VALUES (?1, ?2)
                 ON CONFLICT (job) DO UPDATE SET place = excluded.place",
                params![job, place],
            ),
            Change::Place { job, place: None } => run(
                connection,
                "DELETE FROM places WHERE job = ?1",
                params![job],
            ),
            Change::Prune {
                before,
                keep,
                at_most,
            } => audit::prune(connection, *before, *keep, *at_most),
            Change::Forget { pair, records } => audit::forget(connection, *pair, records),
            other => Err(StoreError::Failed(format!(
                "this store does not know the change {other:?}: update it"
            ))),
        }?;
    }
    Ok(())
}

/// Takes or renews the lease, see [`cosell_sync::StateStore::lease`].
pub(crate) fn lease(
    connection: &Connection,
    owner: &str,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Lease, StoreError> {
    let (held, epoch) = held(connection)?;
    let epoch = match held {
        Some(held) if held.owner == owner => epoch,
        Some(held) if held.until > now => {
            return Err(StoreError::Held {
                owner: held.owner,
                until: held.until,
            });
        }
        Some(_) | None => epoch + 1,
    };
    run(
        connection,
        "UPDATE engine SET owner = ?1, until = ?2, epoch = ?3",
        params![owner, until.to_rfc3339(), signed(epoch)],
    )?;
    Ok(Lease {
        owner: owner.to_owned(),
        epoch,
        until,
    })
}

/// Gives the lease back, if it is the newest.
pub(crate) fn release(connection: &Connection, lease: &Lease) -> Result<(), StoreError> {
    run(
        connection,
        "UPDATE engine SET owner = NULL, until = NULL WHERE owner = ?1 AND epoch = ?2",
        params![lease.owner, signed(lease.epoch)],
    )
}

fn holds(connection: &Connection, lease: &Lease) -> Result<bool, StoreError> {
    let (held, _) = held(connection)?;
    Ok(held.is_some_and(|held| held.owner == lease.owner && held.epoch == lease.epoch))
}

fn held(connection: &Connection) -> Result<(Option<Lease>, u64), StoreError> {
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (owner, until, epoch): (Option<String>, Option<String>, i64) = connection
        .prepare_cached("SELECT owner, until, epoch FROM engine")
        .and_then(|mut statement| statement.query_row([], row))
        .map_err(failed)?;
    let damaged =
        || StoreError::Damaged("the stored lease cannot be read: restore a backup".into());
    let epoch = u64::try_from(epoch).map_err(|_| damaged())?;
    let (Some(owner), Some(until)) = (owner, until) else {
        return Ok((None, epoch));
    };
    let until = DateTime::parse_from_rfc3339(&until).map_err(|_| damaged())?;
    let lease = Lease {
        owner,
        epoch,
        until: until.to_utc(),
    };
    Ok((Some(lease), epoch))
}

type RecordKey = (i64, String);

/// Stores the pairs of a batch, the last one of each id.
///
/// First all records that any of them gives up, then all that any takes: a record may move from
/// one pair to another in one batch, in whatever order.
fn pairs(connection: &Connection, batch: &[Change]) -> Result<(), StoreError> {
    let newest: BTreeMap<PairId, &Pair> = batch
        .iter()
        .filter_map(|change| match change {
            Change::Pair(pair) => Some((pair.id, &**pair)),
            _ => None,
        })
        .collect();
    let mut added = Vec::new();
    for (id, pair) in &newest {
        run(
            connection,
            "INSERT INTO pairs (id, body, parked, dead, parked_s) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, parked = excluded.parked,
                dead = excluded.dead, parked_s = excluded.parked_s",
            params![
                read::key(*id),
                body(pair)?,
                pair.park.as_ref().map(|park| park.kind.as_str()),
                pair.park.as_ref().map(|park| park.dead),
                pair.park.as_ref().map(|park| park.since.timestamp()),
            ],
        )?;
        let wanted = records(pair);
        let stored = keys(
            connection,
            "SELECT side, id FROM records WHERE pair = ?1",
            *id,
        )?;
        for (side, record) in stored.difference(&wanted) {
            run(
                connection,
                "DELETE FROM records WHERE side = ?1 AND id = ?2",
                params![side, record],
            )?;
        }
        added.extend(wanted.difference(&stored).cloned().map(|key| (*id, key)));
        memberships(connection, pair)?;
    }
    for (pair, (side, record)) in added {
        take(connection, pair, side, &record)?;
    }
    Ok(())
}

fn take(connection: &Connection, pair: PairId, side: i64, record: &str) -> Result<(), StoreError> {
    let taken = connection
        .prepare_cached("INSERT OR IGNORE INTO records (side, id, pair) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| statement.execute(params![side, record, read::key(pair)]))
        .map_err(failed)?;
    if taken == 1 {
        return Ok(());
    }
    Err(StoreError::Taken {
        side: if side == number(Side::Left) {
            Side::Left
        } else {
            Side::Right
        },
        id: RecordId::new(record),
    })
}

fn memberships(connection: &Connection, pair: &Pair) -> Result<(), StoreError> {
    let wanted: BTreeSet<RecordKey> = Side::BOTH
        .into_iter()
        .filter_map(|side| {
            let group = pair.end(side).group.as_ref()?;
            Some((number(side), group.as_str().to_owned()))
        })
        .collect();
    let stored = keys(
        connection,
        "SELECT side, id FROM memberships WHERE pair = ?1",
        pair.id,
    )?;
    for (side, group) in stored.difference(&wanted) {
        run(
            connection,
            "DELETE FROM memberships WHERE side = ?1 AND id = ?2 AND pair = ?3",
            params![side, group, read::key(pair.id)],
        )?;
    }
    for (side, group) in wanted.difference(&stored) {
        run(
            connection,
            "INSERT INTO memberships (side, id, pair) VALUES (?1, ?2, ?3)",
            params![side, group, read::key(pair.id)],
        )?;
    }
    Ok(())
}

/// All ids under which a pair's records are known.
fn records(pair: &Pair) -> BTreeSet<RecordKey> {
    Side::BOTH
        .into_iter()
        .flat_map(|side| {
            pair.ids(side)
                .map(move |id| (number(side), id.as_str().to_owned()))
        })
        .collect()
}

fn keys(
    connection: &Connection,
    query: &str,
    pair: PairId,
) -> Result<BTreeSet<RecordKey>, StoreError> {
    let mut statement = connection.prepare_cached(query).map_err(failed)?;
    statement
        .query_map(params![read::key(pair)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .and_then(Iterator::collect)
        .map_err(failed)
}

fn enqueue(connection: &Connection, hint: &QueuedHint) -> Result<(), StoreError> {
    let turn: i64 = connection
        .prepare_cached("UPDATE engine SET turn = turn + 1 RETURNING turn")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(failed)?;
    let mut hint = hint.clone();
    hint.turn = u64::try_from(turn).map_err(|_| {
        StoreError::Damaged("the queue's turn is negative: restore a backup".into())
    })?;
    let queued: Option<String> = connection
        .prepare_cached("SELECT body FROM hints WHERE side = ?1 AND id = ?2")
        .and_then(|mut statement| {
            let key = params![number(hint.side), hint.id.as_str()];
            statement.query_row(key, |row| row.get(0)).optional()
        })
        .map_err(failed)?;
    if let Some(queued) = queued {
        let queued: QueuedHint =
            serde_json::from_str(&queued).map_err(|error| unreadable("hint", &error))?;
        hint.join(&queued);
    }
    put_hint(connection, &hint)
}

fn postpone(connection: &Connection, hint: &QueuedHint) -> Result<(), StoreError> {
    let same_turn = connection
        .prepare_cached("SELECT 1 FROM hints WHERE side = ?1 AND id = ?2 AND turn = ?3")
        .and_then(|mut statement| {
            statement.exists(params![
                number(hint.side),
                hint.id.as_str(),
                signed(hint.turn)
            ])
        })
        .map_err(failed)?;
    if same_turn {
        put_hint(connection, hint)?;
    }
    Ok(())
}

fn put_hint(connection: &Connection, hint: &QueuedHint) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT OR REPLACE INTO hints (side, id, due_s, due_ns, turn, lane, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            number(hint.side),
            hint.id.as_str(),
            hint.due.timestamp(),
            hint.due.timestamp_subsec_nanos(),
            signed(hint.turn),
            read::lane_number(hint.source.lane()),
            body(hint)?
        ],
    )
}

pub(crate) fn run(
    connection: &Connection,
    statement: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<(), StoreError> {
    connection
        .prepare_cached(statement)
        .and_then(|mut statement| statement.execute(parameters))
        .map(drop)
        .map_err(failed)
}

pub(crate) fn body<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Failed(format!("a value has no stored form: {error}")))
}

/// Left before right, as listings are ordered.
pub(crate) fn number(side: Side) -> i64 {
    match side {
        Side::Left => 0,
        Side::Right => 1,
    }
}

/// Counters begin at one and never come near the end of either range.
pub(crate) fn signed(counter: u64) -> i64 {
    i64::try_from(counter).unwrap_or(i64::MAX)
}
