//! `$filter` and `$orderby`: which rows, in which order.

use std::cmp::Ordering;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::functions::{self, FilterRow};
use super::refusal::Refusal;
use super::schema::Table;
use super::store::Row;
use crate::odata::{Collation, Filter, ODataError, Query, parse_orderby};

/// A value by which rows are put in order. Null comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum SortKey {
    Null,
    Number(Decimal),
    Text(String),
}

impl Dataverse {
    pub(super) fn sort_key(&self, cell: Option<&Cell>) -> SortKey {
        match cell {
            None | Some(Cell::Null) => SortKey::Null,
            Some(Cell::Int(number)) => SortKey::Number((*number).into()),
            Some(Cell::Decimal(number)) => SortKey::Number(*number),
            Some(Cell::Bool(flag)) => SortKey::Number(i64::from(*flag).into()),
            Some(Cell::Instant(instant)) => SortKey::Number(instant.timestamp().into()),
            Some(Cell::Text(text)) => SortKey::Text(text.to_lowercase()),
            Some(Cell::Date(date)) => SortKey::Text(date.to_string()),
            Some(Cell::Id(id)) => SortKey::Text(id.to_string()),
            // A lookup sorts by the name of what it points to.
            Some(Cell::Ref(table, id)) => {
                let title = self.schema.table(table).map(|table| &table.title);
                let row = self.store.row(table, *id);
                match title
                    .zip(row)
                    .and_then(|(title, row)| row.get(title)?.as_text())
                {
                    Some(name) => SortKey::Text(name.to_lowercase()),
                    None => SortKey::Null,
                }
            }
        }
    }
}

// By value, to stand in `map_err` by name.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn query_fault(fault: ODataError) -> Refusal {
    Refusal::query(fault.message())
}

/// `$filter` and `$orderby`, names checked.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) filter: Option<Filter>,
    /// Path and direction, descending or not.
    order: Vec<(Vec<String>, bool)>,
}

pub(super) type Found = (Vec<SortKey>, Arc<Row>);

impl Search {
    pub(super) fn read(
        environment: &Dataverse,
        table: &Table,
        query: &Query,
    ) -> Result<Self, Refusal> {
        let filter = query.filter().map_err(query_fault)?;
        if let Some(filter) = &filter {
            functions::check(environment, table, filter.expr()).map_err(query_fault)?;
        }
        let mut order = Vec::new();
        for key in query
            .get("$orderby")
            .map(parse_orderby)
            .transpose()
            .map_err(query_fault)?
            .unwrap_or_default()
        {
            functions::resolve(environment, table, &key.path).map_err(query_fault)?;
            order.push((key.path, key.descending));
        }
        Ok(Self { filter, order })
    }

    /// Rows in order, beginning after a position, at most so many; of the whole table, or of
    /// these rows, which are in order of their ids.
    pub(super) fn run(
        &self,
        environment: &Dataverse,
        (table, within): (&Table, Option<&[Arc<Row>]>),
        after: Option<&(Vec<SortKey>, Uuid)>,
        limit: Option<usize>,
    ) -> Result<Vec<Found>, Refusal> {
        let by_id = self.order.is_empty();
        let start = after.filter(|_| by_id).map(|(_, last)| *last);
        let rows: Box<dyn Iterator<Item = &Arc<Row>>> = match within {
            None => Box::new(environment.store.rows(&table.name).after(start)),
            Some(rows) => Box::new(
                rows.iter()
                    .filter(move |row| start.is_none_or(|start| row.id > start)),
            ),
        };
        let mut found = Vec::new();
        for row in rows {
            let view = FilterRow {
                environment,
                table,
                row,
                now: environment.now,
            };
            if let Some(filter) = &self.filter
                && !filter.matches(&view, Collation::Sql).map_err(query_fault)?
            {
                continue;
            }
            let keys: Vec<SortKey> = self
                .order
                .iter()
                .map(|(path, _)| environment.sort_key(view.cell(path)))
                .collect();
            let entry = (keys, row.clone());
            if let Some((keys, last)) = after
                && !by_id
                && self.compare((&entry.0, row.id), (keys, *last)) != Ordering::Greater
            {
                continue;
            }
            found.push(entry);
            if by_id && limit == Some(found.len()) {
                break;
            }
        }
        if !by_id {
            found.sort_by(|(left, a), (right, b)| self.compare((left, a.id), (right, b.id)));
            found.truncate(limit.unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    fn compare(&self, left: (&[SortKey], Uuid), right: (&[SortKey], Uuid)) -> Ordering {
        let keys = left
            .0
            .iter()
            .zip(right.0)
            .zip(&self.order)
            .map(
                |((a, b), (_, descending))| {
                    if *descending { b.cmp(a) } else { a.cmp(b) }
                },
            );
        keys.fold(Ordering::Equal, Ordering::then)
            .then(left.1.cmp(&right.1))
    }
}
