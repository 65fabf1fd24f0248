//! Collections: filter, order, pages.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Dataverse;
use super::cell::quote;
use super::pipeline::Actor;
use super::print::{annotations_applied, context, parse_query};
use super::refusal::Refusal;
use super::reply::{Reply, json, put};
use super::request::{MAX_PAGE, Operation, Prefer};
use super::schema::Table;
use super::search::{Search, SortKey, query_fault};
use super::shape::Shape;
use super::store::Row;
use crate::odata::Query;

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

impl Dataverse {
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
