//! Collections: filter, order, pages.

use std::cmp::Ordering;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Dataverse;
use super::cell::{Cell, quote};
use super::functions::{self, FilterRow};
use super::print::{annotations_applied, context, parse_query};
use super::refusal::Refusal;
use super::reply::{Reply, json, put};
use super::request::{MAX_PAGE, Operation, Prefer};
use super::rows::Actor;
use super::schema::Table;
use super::shape::Shape;
use super::store::Row;
use crate::odata::{Collation, Filter, ODataError, Query, parse_orderby};

/// Where the next page begins. Clients see it as opaque text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Cookie {
    /// After this row in the order of the query.
    Rows {
        page: u32,
        keys: Vec<SortKey>,
        last: Uuid,
    },
    /// The first load of change tracking: by id; the delta link will start at `version`.
    Load { page: u32, last: Uuid, version: u64 },
    /// A delta over a window of versions, after what was shown of its rows or of its deletions.
    Delta {
        page: u32,
        window: (u64, u64),
        after: u64,
        deletions: bool,
    },
}

impl Cookie {
    fn page(&self) -> u32 {
        match self {
            Self::Rows { page, .. } | Self::Load { page, .. } | Self::Delta { page, .. } => *page,
        }
    }

    /// The cookie in the clothes that the service gives it, encoded for a URL.
    fn token(&self) -> String {
        let inner = serde_json::to_vec(self).unwrap_or_default();
        let tracking = if matches!(self, Self::Rows { .. }) {
            "False"
        } else {
            "True"
        };
        let text = format!(
            "<cookie pagenumber=\"{}\" pagingcookie=\"{}\" istracking=\"{tracking}\" />",
            self.page(),
            URL_SAFE_NO_PAD.encode(inner)
        );
        utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string()
    }

    /// Reads a decoded skiptoken.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let inner = text
            .split_once("pagingcookie=\"")
            .and_then(|(_, rest)| rest.split('"').next())
            .and_then(|inner| URL_SAFE_NO_PAD.decode(inner).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        inner.ok_or_else(|| Refusal::query("Malformed XML in the Paging Cookie"))
    }
}

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

    /// `GET` of a collection.
    pub(super) fn collection(
        &self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
    ) -> Result<Reply, Refusal> {
        let query = parse_query(operation)?;
        let prefer = Prefer::read(&operation.headers);
        if let Some(reply) = self.tabular(operation, table, &query, &prefer)? {
            return Ok(reply);
        }
        let cookie = query.get("$skiptoken").map(Cookie::read).transpose()?;
        let tracked = !matches!(cookie, None | Some(Cookie::Rows { .. }));
        if tracked || prefer.track_changes || query.get("$deltatoken").is_some() {
            return self.tracked(actor, operation, table, cookie);
        }
        self.page_of(operation, (table, None), &query, cookie)
    }

    /// One page of a table, or of these rows of it.
    pub(super) fn page_of(
        &self,
        operation: &Operation<'_>,
        (table, within): (&Arc<Table>, Option<&[Arc<Row>]>),
        query: &Query,
        cookie: Option<Cookie>,
    ) -> Result<Reply, Refusal> {
        let prefer = Prefer::read(&operation.headers);
        supported(query)?;
        let search = Search::read(self, table, query)?;
        let shape = Shape::read(self, table, query)?;
        let count = query
            .switch("$count")
            .map_err(query_fault)?
            .unwrap_or(false);
        let top = query.number("$top").map_err(query_fault)?;
        let top = top.map(|top| usize::try_from(top).unwrap_or(MAX_PAGE).min(MAX_PAGE));
        // With a page size the server pages, and $top is not looked at.
        let (size, paged) = match (prefer.max_page, top) {
            (Some(size), _) => (size, true),
            (None, Some(top)) => (top, false),
            (None, None) => (MAX_PAGE, true),
        };
        let (page_number, after) = match cookie {
            Some(Cookie::Rows { page, keys, last }) => (page, Some((keys, last))),
            _ => (1, None),
        };
        let from = (&**table, within);
        let mut found = search.run(self, from, after.as_ref(), Some(size + 1))?;
        let total = count.then(|| self.total(from, &search)).transpose()?;
        let more = paged && found.len() > size;
        found.truncate(size);
        let mut body = format!(
            "{{\"@odata.context\":{}",
            quote(&context(&operation.base, &table.set, &shape, ""))
        );
        if let Some(total) = total {
            body.push_str(&format!(",\"@odata.count\":{}", total.min(MAX_PAGE)));
        }
        count_annotations(&mut body, &prefer, total);
        if prefer.wants("Microsoft.Dynamics.CRM.globalmetadataversion") {
            body.push_str(&format!(
                ",\"@Microsoft.Dynamics.CRM.globalmetadataversion\":\"{}\"",
                self.metadata_version
            ));
        }
        let rows: Vec<String> = found
            .iter()
            .map(|(_, row)| self.print(table, row, &shape, &prefer, None))
            .collect::<Result<_, _>>()?;
        body.push_str(&format!(",\"value\":[{}]", rows.join(",")));
        if let Some((keys, last)) = found.pop()
            && more
        {
            let cookie = Cookie::Rows {
                page: page_number + 1,
                keys,
                last: last.id,
            };
            body.push_str(&format!(
                ",\"@odata.nextLink\":{}",
                quote(&next_link(operation, &cookie))
            ));
        }
        body.push('}');
        let mut reply = json(body);
        let size = prefer
            .max_page
            .map(|size| format!("odata.maxpagesize={size}"));
        annotations_applied(&mut reply, &prefer, size.as_deref());
        Ok(reply)
    }

    /// How many rows there are, counted beyond the largest page.
    fn total(
        &self,
        (table, within): (&Table, Option<&[Arc<Row>]>),
        search: &Search,
    ) -> Result<usize, Refusal> {
        match (&search.filter, within) {
            (None, None) => Ok(self.store.rows(&table.name).len()),
            (None, Some(rows)) => Ok(rows.len()),
            _ => Ok(search.run(self, (table, within), None, None)?.len()),
        }
    }

    /// `GET` of `…/$count`.
    pub(super) fn count_rows(
        &self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
    ) -> Result<Reply, Refusal> {
        let query = parse_query(operation)?;
        let number = match query.get("$deltatoken") {
            Some(token) => self.count_changes(actor, table, token)?,
            None => {
                supported(&query)?;
                self.total((table, None), &Search::read(self, table, &query)?)?
                    .min(MAX_PAGE)
            }
        };
        let mut reply = json(number.to_string());
        put(&mut reply, "content-type", "text/plain");
        Ok(reply)
    }
}

// By value, to stand in `map_err` by name.
#[allow(clippy::needless_pass_by_value)]
fn query_fault(fault: ODataError) -> Refusal {
    Refusal::query(fault.message())
}

fn supported(query: &Query) -> Result<(), Refusal> {
    for (name, _) in query.iter() {
        match name {
            "$select" | "$filter" | "$orderby" | "$expand" | "$top" | "$count" | "$skiptoken" => {}
            "savedQuery" | "userQuery" => {
                return Err(Refusal::not_simulated(&format!(
                    "The query option '{name}'"
                )));
            }
            _ if name.starts_with('$') => {
                return Err(Refusal::query(format!(
                    "The query parameter {name} is not supported"
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The link to the next page: the request's own options, as they came, and the token.
pub(super) fn next_link(operation: &Operation<'_>, cookie: &Cookie) -> String {
    let mut options: Vec<&str> = operation
        .query
        .split('&')
        .filter(|option| {
            let name = option.split('=').next().unwrap_or_default();
            let name = percent_decode_str(name).decode_utf8_lossy();
            !name.is_empty() && name != "$skiptoken" && name != "$deltatoken"
        })
        .collect();
    let token = format!("$skiptoken={}", cookie.token());
    options.push(&token);
    format!("{}{}?{}", operation.base, operation.path, options.join("&"))
}

/// What an annotation of the collection tells about its length.
pub(super) fn count_annotations(body: &mut String, prefer: &Prefer, total: Option<usize>) {
    if prefer.wants("Microsoft.Dynamics.CRM.totalrecordcount") {
        let shown = total.map_or_else(|| "-1".to_owned(), |total| total.min(MAX_PAGE).to_string());
        body.push_str(&format!(
            ",\"@Microsoft.Dynamics.CRM.totalrecordcount\":{shown}"
        ));
    }
    if prefer.wants("Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded") {
        let exceeded = total.is_some_and(|total| total > MAX_PAGE);
        body.push_str(&format!(
            ",\"@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded\":{exceeded}"
        ));
    }
}

/// `$filter` and `$orderby`, names checked.
#[derive(Clone, Debug)]
pub(super) struct Search {
    filter: Option<Filter>,
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
