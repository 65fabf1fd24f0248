//! Questions to the stored state.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use cosell_sync::{
    ConflictEntry, Counter, Cursor, ErrorKind, GroupId, Lane, Pair, PairId, ParkCount, QueuedHint,
    RecordId, Side, SkippedRecord, StoreError,
};
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use serde::de::DeserializeOwned;

use crate::{
    error::{failed, unreadable},
    write::number,
};

pub(crate) fn pair(connection: &Connection, id: PairId) -> Result<Option<Pair>, StoreError> {
    one(
        connection,
        "pair",
        "SELECT body FROM pairs WHERE id = ?1",
        params![key(id)],
    )
}

pub(crate) fn pair_of(
    connection: &Connection,
    side: Side,
    record: &RecordId,
) -> Result<Option<Pair>, StoreError> {
    one(
        connection,
        "pair",
        "SELECT pairs.body FROM records JOIN pairs ON pairs.id = records.pair
         WHERE records.side = ?1 AND records.id = ?2",
        params![number(side), record.as_str()],
    )
}

pub(crate) fn pair_in_group(
    connection: &Connection,
    side: Side,
    group: &GroupId,
) -> Result<Option<Pair>, StoreError> {
    one(
        connection,
        "pair",
        "SELECT pairs.body FROM memberships JOIN pairs ON pairs.id = memberships.pair
         WHERE memberships.side = ?1 AND memberships.id = ?2
         ORDER BY memberships.seq LIMIT 1",
        params![number(side), group.as_str()],
    )
}

pub(crate) fn known(
    connection: &Connection,
    side: Side,
    records: Vec<RecordId>,
) -> Result<BTreeSet<RecordId>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM records WHERE side = ?1 AND id = ?2")
        .map_err(failed)?;
    let mut known = BTreeSet::new();
    for record in records {
        if statement
            .exists(params![number(side), record.as_str()])
            .map_err(failed)?
        {
            known.insert(record);
        }
    }
    Ok(known)
}

pub(crate) fn pairs(
    connection: &Connection,
    after: Option<PairId>,
    limit: usize,
) -> Result<Vec<Pair>, StoreError> {
    match after {
        None => many(
            connection,
            "pair",
            "SELECT body FROM pairs ORDER BY id LIMIT ?1",
            params![count(limit)],
        ),
        Some(after) => many(
            connection,
            "pair",
            "SELECT body FROM pairs WHERE id > ?1 ORDER BY id LIMIT ?2",
            params![key(after), count(limit)],
        ),
    }
}

pub(crate) fn cursor(connection: &Connection, side: Side) -> Result<Option<Cursor>, StoreError> {
    let cursor: Option<String> = connection
        .prepare_cached("SELECT cursor FROM cursors WHERE side = ?1")
        .and_then(|mut statement| {
            statement
                .query_row(params![number(side)], |row| row.get(0))
                .optional()
        })
        .map_err(failed)?;
    Ok(cursor.map(Cursor::new))
}

pub(crate) fn due(
    connection: &Connection,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<QueuedHint>, StoreError> {
    let line = |(lane, side)| {
        many(
            connection,
            "hint",
            "SELECT body FROM hints WHERE lane = ?1 AND side = ?2 AND (due_s, due_ns) <= (?3, ?4)
             ORDER BY due_s, due_ns, turn LIMIT ?5",
            params![
                lane_number(lane),
                number(side),
                now.timestamp(),
                now.timestamp_subsec_nanos(),
                count(limit)
            ],
        )
    };
    let lines = Lane::lines().map(line).collect::<Result<_, _>>()?;
    Ok(Lane::take_turns(lines, limit))
}

pub(crate) fn lane_number(lane: Lane) -> i64 {
    match lane {
        Lane::Prompt => 0,
        Lane::Changes => 1,
        // A lane that is not known here waits longest.
        _ => 2,
    }
}

pub(crate) fn parked(
    connection: &Connection,
    kind: Option<ErrorKind>,
    after: Option<PairId>,
    limit: usize,
) -> Result<Vec<Pair>, StoreError> {
    // An id is never empty, so that all of them come after none.
    let after = after.map(key).unwrap_or_default();
    match kind {
        None => many(
            connection,
            "pair",
            "SELECT body FROM pairs WHERE parked IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2",
            params![after, count(limit)],
        ),
        Some(kind) => many(
            connection,
            "pair",
            "SELECT body FROM pairs WHERE parked = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            params![kind.as_str(), after, count(limit)],
        ),
    }
}

pub(crate) fn park_counts(connection: &Connection) -> Result<Vec<ParkCount>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            // Beside a minimum, SQLite takes the other columns from the row that holds it.
            "SELECT count(*), min(parked_s), body FROM pairs WHERE parked IS NOT NULL
             GROUP BY parked, dead",
        )
        .map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let pairs: i64 = row.get(0).map_err(failed)?;
        let body: String = row.get(2).map_err(failed)?;
        let oldest: Pair = parse("pair", &body)?;
        counts.extend(oldest.park.map(|park| {
            let pairs = u64::try_from(pairs).unwrap_or_default();
            ParkCount::new(park.kind, park.dead, pairs, park.since)
        }));
    }
    Ok(counts)
}

pub(crate) fn place(connection: &Connection, job: &str) -> Result<Option<String>, StoreError> {
    connection
        .prepare_cached("SELECT place FROM places WHERE job = ?1")
        .and_then(|mut statement| statement.query_row([job], |row| row.get(0)).optional())
        .map_err(failed)
}

pub(crate) fn next_due(connection: &Connection) -> Result<Option<DateTime<Utc>>, StoreError> {
    let next: Option<QueuedHint> = one(
        connection,
        "hint",
        "SELECT body FROM hints ORDER BY due_s, due_ns, turn LIMIT 1",
        &[],
    )?;
    Ok(next.map(|hint| hint.due))
}

pub(crate) fn newcomers_wait(connection: &Connection, side: Side) -> Result<bool, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM hints AS hint WHERE hint.side = ?1 AND NOT EXISTS (
                SELECT 1 FROM records WHERE records.side = hint.side AND records.id = hint.id))",
        )
        .map_err(failed)?;
    statement
        .query_row([number(side)], |row| row.get(0))
        .map_err(failed)
}

pub(crate) fn counters(connection: &Connection) -> Result<Vec<Counter>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT counted, slot, count FROM counters ORDER BY counted, slot")
        .map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let of: String = row.get(0).map_err(failed)?;
        let count: i64 = row.get(2).map_err(failed)?;
        found.push(Counter {
            of: parse("counter", &of)?,
            slot: row.get(1).map_err(failed)?,
            count: u64::try_from(count).unwrap_or_default(),
        });
    }
    Ok(found)
}

pub(crate) fn conflicts(
    connection: &Connection,
    skip: usize,
    limit: usize,
) -> Result<Vec<ConflictEntry>, StoreError> {
    many(
        connection,
        "conflict",
        "SELECT body FROM conflicts ORDER BY seq LIMIT ?1 OFFSET ?2",
        params![count(limit), count(skip)],
    )
}

pub(crate) fn skipped(
    connection: &Connection,
    skip: usize,
    limit: usize,
) -> Result<Vec<SkippedRecord>, StoreError> {
    many(
        connection,
        "skipped record",
        "SELECT body FROM skips ORDER BY side, id LIMIT ?1 OFFSET ?2",
        params![count(limit), count(skip)],
    )
}

pub(crate) fn skip_of(
    connection: &Connection,
    side: Side,
    record: &RecordId,
) -> Result<Option<SkippedRecord>, StoreError> {
    one(
        connection,
        "skipped record",
        "SELECT body FROM skips WHERE side = ?1 AND id = ?2",
        params![number(side), record.as_str()],
    )
}

/// A pair's id as it is stored, in the order of the ids.
pub(crate) fn key(id: PairId) -> Vec<u8> {
    id.0.as_bytes().to_vec()
}

pub(crate) fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn one<T: DeserializeOwned>(
    connection: &Connection,
    what: &str,
    query: &str,
    parameters: &[&dyn ToSql],
) -> Result<Option<T>, StoreError> {
    let body: Option<String> = connection
        .prepare_cached(query)
        .and_then(|mut statement| statement.query_row(parameters, |row| row.get(0)).optional())
        .map_err(failed)?;
    body.map(|body| parse(what, &body)).transpose()
}

fn many<T: DeserializeOwned>(
    connection: &Connection,
    what: &str,
    query: &str,
    parameters: &[&dyn ToSql],
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(query).map_err(failed)?;
    let mut rows = statement.query(parameters).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let body: String = row.get(0).map_err(failed)?;
        found.push(parse(what, &body)?);
    }
    Ok(found)
}

pub(crate) fn parse<T: DeserializeOwned>(what: &str, body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body).map_err(|error| unreadable(what, &error))
}
