//! The audit trail's table.

use chrono::{DateTime, Utc};
use cosell_sync::{AuditEntry, AuditPlace, AuditQuery, PairId, RecordId, Side, StoreError};
use rusqlite::{Connection, ToSql, params};

use crate::{
    error::failed,
    read::{self, key},
    write::{body, number, run, signed},
};

pub(crate) fn add(connection: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT INTO audit (at_s, at_ns, kind, trace, pair, left_id, right_id, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            entry.at.timestamp(),
            entry.at.timestamp_subsec_nanos(),
            entry.kind.as_str(),
            entry.trace.0.as_bytes(),
            entry.pair.map(key),
            entry.left.as_ref().map(RecordId::as_str),
            entry.right.as_ref().map(RecordId::as_str),
            body(entry)?
        ],
    )
}

pub(crate) fn prune(
    connection: &Connection,
    before: Option<DateTime<Utc>>,
    keep: Option<u64>,
    at_most: u64,
) -> Result<(), StoreError> {
    if let Some(before) = before {
        run(
            connection,
            "DELETE FROM audit WHERE seq IN (
                SELECT seq FROM audit WHERE (at_s, at_ns) < (?1, ?2) ORDER BY seq LIMIT ?3)",
            params![
                before.timestamp(),
                before.timestamp_subsec_nanos(),
                signed(at_most)
            ],
        )?;
    }
    if let Some(keep) = keep {
        run(
            connection,
            "DELETE FROM audit WHERE seq IN (
                SELECT seq FROM audit
                WHERE seq <= (SELECT seq FROM sqlite_sequence WHERE name = 'audit') - ?1
                ORDER BY seq LIMIT ?2)",
            params![signed(keep), signed(at_most)],
        )?;
    }
    Ok(())
}

pub(crate) fn forget(
    connection: &Connection,
    pair: Option<PairId>,
    records: &[(Side, RecordId)],
) -> Result<(), StoreError> {
    if let Some(pair) = pair {
        let pair = key(pair);
        run(
            connection,
            "DELETE FROM conflicts WHERE pair = ?1",
            params![pair],
        )?;
        blank(connection, "pair = ?1", &[&pair])?;
    }
    for (side, id) in records {
        run(
            connection,
            "DELETE FROM skips WHERE side = ?1 AND id = ?2",
            params![number(*side), id.as_str()],
        )?;
        blank(connection, of_record(*side), &[&id.as_str()])?;
    }
    Ok(())
}

fn of_record(side: Side) -> &'static str {
    match side {
        Side::Left => "left_id = ?1",
        Side::Right => "right_id = ?1",
    }
}

fn blank(connection: &Connection, which: &str, one: &[&dyn ToSql]) -> Result<(), StoreError> {
    let query = format!("SELECT seq, body FROM audit WHERE {which}");
    for (place, mut entry) in lines(connection, &query, one)? {
        entry.forget();
        run(
            connection,
            "UPDATE audit SET body = ?1 WHERE seq = ?2",
            params![body(&entry)?, signed(place.0)],
        )?;
    }
    Ok(())
}

/// Lines that answer `query`, see [`cosell_sync::LogStore::audit`].
pub(crate) fn find(
    connection: &Connection,
    query: &AuditQuery,
    after: Option<AuditPlace>,
    limit: usize,
) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
    let mut conditions = vec!["TRUE".to_owned()];
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut bind = |condition: &str, value: Box<dyn ToSql>| {
        values.push(value);
        condition.replace("?1", &format!("?{}", values.len()))
    };
    if let Some((side, id)) = &query.record {
        let id = Box::new(id.as_str().to_owned());
        conditions.push(bind(of_record(*side), id));
    }
    if let Some(pair) = query.pair {
        conditions.push(bind("pair = ?1", Box::new(key(pair))));
    }
    if let Some(trace) = query.trace {
        conditions.push(bind("trace = ?1", Box::new(trace.0.as_bytes().to_vec())));
    }
    if !query.kinds.is_empty() {
        let kinds: Vec<_> = query
            .kinds
            .iter()
            .map(|kind| bind("?1", Box::new(kind.as_str())))
            .collect();
        conditions.push(format!("kind IN ({})", kinds.join(", ")));
    }
    for (moment, order) in [(query.from, ">="), (query.until, "<")] {
        if let Some(moment) = moment {
            let seconds = bind("?1", Box::new(moment.timestamp()));
            let nanos = bind("?1", Box::new(moment.timestamp_subsec_nanos()));
            conditions.push(format!("(at_s, at_ns) {order} ({seconds}, {nanos})"));
        }
    }
    let (beyond, order) = if query.newest_first {
        ("seq < ?1", "DESC")
    } else {
        ("seq > ?1", "ASC")
    };
    if let Some(after) = after {
        conditions.push(bind(beyond, Box::new(signed(after.0))));
    }
    let limit = bind("?1", Box::new(read::count(limit)));
    let query = format!(
        "SELECT seq, body FROM audit WHERE {} ORDER BY seq {order} LIMIT {limit}",
        conditions.join(" AND ")
    );
    let values: Vec<&dyn ToSql> = values.iter().map(|value| &**value).collect();
    lines(connection, &query, &values)
}

fn lines(
    connection: &Connection,
    query: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
    let mut statement = connection.prepare_cached(query).map_err(failed)?;
    let mut rows = statement.query(values).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let seq: i64 = row.get(0).map_err(failed)?;
        let text: String = row.get(1).map_err(failed)?;
        let place = AuditPlace(u64::try_from(seq).unwrap_or_default());
        found.push((place, read::parse("audit line", &text)?));
    }
    Ok(found)
}
