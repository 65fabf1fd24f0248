//! `GET /v1.0/engagements/referrals`: options, order, filter, pages.
//!
//! A skip token names the place where the page ended, not a number of rows, and carries the query:
//! the link of the documentation repeats none of its options.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fields;
use super::filters::{judged, no_property, updated_since};
use super::options::{Count, ListItems, NextLink, Options, Top};
use super::refusal::Refusal;
use super::store::{Key, Order, Store, View};
use crate::odata::{
    Collation, Filter, JsonRow, Literal, ODataError, OrderBy, Query, parse_orderby, parse_select,
};

const MAX_TOP: u64 = 1000;

/// Answers a list; `sees` is what the caller may see of what there is.
pub(super) fn list(
    store: &Store,
    options: &Options,
    now: DateTime<Utc>,
    base: &str,
    raw_query: &str,
    sees: impl Fn(&Value) -> bool,
) -> Result<Vec<u8>, Refusal> {
    let (raw, resume) = match Query::parse(raw_query)
        .map_err(|error| refused(&error))?
        .get("$skiptoken")
    {
        None => (raw_query.to_owned(), None),
        Some(token) => {
            let resume = Resume::read(token)
                .ok_or_else(|| Refusal::invalid("$skiptoken", "The skip token is not valid."))?;
            (resume.query.clone(), Some(resume))
        }
    };
    let request = Request::read(&raw, options)?;
    let (order, engagement, since) = request.narrowing();
    let view = View {
        order,
        horizon: View::horizon(now, options.list_lag),
        since: since.filter(|_| matches!(order, Order::Updated { .. })),
        engagement,
    };

    let left = resume
        .as_ref()
        .map_or(request.limit(options), |resume| resume.left);
    let size = match (options.top, request.top) {
        (Top::PageSize, Some(top)) => usize::try_from(top).unwrap_or(usize::MAX),
        _ => options.page_size.max(1),
    };
    let size = left.map_or(size, |left| size.min(left));
    let mut skip = if resume.is_some() { 0 } else { request.skip };
    let after = resume.as_ref().map(|resume| resume.after);

    let mut page: Vec<Cow<'_, Value>> = Vec::with_capacity(size.min(1024));
    let mut last = None;
    let mut more = false;
    let mut total = 0_u64;
    let count_all = options.count == Count::Total && request.count;
    for (key, body) in store.listed(&view) {
        let full = page.len() == size;
        let passed = after.is_some_and(|after| {
            if order.descending() {
                key >= after
            } else {
                key <= after
            }
        });
        if passed && !count_all {
            continue;
        }
        if !sees(&body) || !request.accepts(&body)? {
            continue;
        }
        total += 1;
        if passed {
            continue;
        }
        if skip > 0 {
            skip -= 1;
        } else if full {
            more = true;
            if !count_all {
                break;
            }
        } else {
            last = Some(key);
            page.push(body);
        }
    }

    let left = left.map(|left| left - page.len());
    let next = match last {
        Some(after) if more && left != Some(0) => Some(Resume {
            query: raw,
            after,
            left,
        }),
        _ => None,
    };
    let count = match options.count {
        Count::Page => Some(page.len() as u64),
        Count::Total => count_all.then_some(total),
    };
    Ok(request.render(options, base, &page, count, next.as_ref()))
}

struct Request {
    filter: Option<Filter>,
    order: Order,
    select: Option<Vec<String>>,
    top: Option<u64>,
    skip: u64,
    count: bool,
}

impl Request {
    fn read(raw: &str, options: &Options) -> Result<Self, Refusal> {
        let query = Query::parse(raw).map_err(|error| refused(&error))?;
        for (name, _) in query.iter() {
            let known = matches!(
                name,
                "$filter"
                    | "$orderby"
                    | "$select"
                    | "$top"
                    | "$skip"
                    | "$count"
                    | "$expand"
                    | "$skiptoken"
            );
            if name.starts_with('$') && !known {
                return Err(Refusal::invalid(name, "The query option is not supported."));
            }
        }
        let filter = query.filter().map_err(|error| at("$filter", &error))?;
        let filter = match filter {
            Some(filter) => judged(filter, options)?,
            None => None,
        };
        let top = query.number("$top").map_err(|error| at("$top", &error))?;
        if top.is_some_and(|top| top > MAX_TOP) {
            return Err(Refusal::invalid(
                "$top",
                format!("The limit for $top is {MAX_TOP}."),
            ));
        }
        let select = query.get("$select").map(selection).transpose()?;
        Ok(Self {
            filter,
            order: query.get("$orderby").map_or(Ok(Order::Any), ordering)?,
            select,
            top,
            skip: query
                .number("$skip")
                .map_err(|error| at("$skip", &error))?
                .unwrap_or(0),
            count: query
                .switch("$count")
                .map_err(|error| at("$count", &error))?
                .unwrap_or(false),
        })
    }

    fn limit(&self, options: &Options) -> Option<usize> {
        match options.top {
            Top::Limit => self
                .top
                .map(|top| usize::try_from(top).unwrap_or(usize::MAX)),
            Top::PageSize => None,
        }
    }

    /// What of the filter an index can answer.
    fn narrowing(&self) -> (Order, Option<Uuid>, Option<DateTime<Utc>>) {
        let Some(filter) = &self.filter else {
            return (self.order, None, None);
        };
        let engagement = match filter.required(&["engagementId"]) {
            Some(Literal::Text(text)) => Uuid::try_parse(text).ok(),
            Some(Literal::Guid(id)) => Some(*id),
            _ => None,
        };
        (self.order, engagement, updated_since(filter.expr()))
    }

    fn accepts(&self, body: &Value) -> Result<bool, Refusal> {
        self.filter.as_ref().map_or(Ok(true), |filter| {
            filter
                .matches(&JsonRow(body), Collation::Ordinal)
                .map_err(|error| at("$filter", &error))
        })
    }

    fn render(
        &self,
        options: &Options,
        base: &str,
        page: &[Cow<'_, Value>],
        count: Option<u64>,
        next: Option<&Resume>,
    ) -> Vec<u8> {
        let context = format!("{base}/v1.0/$metadata#Referrals");
        let mut out = format!("{{\"@odata.context\":{}", Value::from(context)).into_bytes();
        if let Some(count) = count {
            out.extend_from_slice(format!(",\"@odata.count\":{count}").as_bytes());
        }
        out.extend_from_slice(b",\"value\":[");
        for (index, body) in page.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let item = Item {
                body,
                select: self.select.as_deref(),
                items: options.list_items,
            };
            // Writing JSON text of a JSON value to memory has nothing that could fail.
            let _ = serde_json::to_writer(&mut out, &item);
        }
        out.push(b']');
        if let Some(next) = next {
            let link = match options.next_link {
                NextLink::Clean => format!(
                    "{base}/v1.0/engagements/referrals?$skiptoken={}",
                    next.token()
                ),
                NextLink::Documented => {
                    let host = base.split_once("://").map_or(base, |(_, host)| host);
                    format!("http://{host}/v1.0/referrals?$skiptoken={}", next.token())
                }
            };
            out.extend_from_slice(format!(",\"@odata.nextLink\":{}", Value::from(link)).as_bytes());
        }
        out.push(b'}');
        out
    }
}

/// A referral as a list shows it.
struct Item<'a> {
    body: &'a Value,
    select: Option<&'a [String]>,
    items: ListItems,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(all) = self.body else {
            return self.body.serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in all {
            let left_out = match self.items {
                ListItems::Full => false,
                ListItems::WithoutETag => name == "eTag",
                ListItems::WithoutETagAndTeam => name == "eTag" || name == "team",
            };
            let selected = self
                .select
                .is_none_or(|names| names.iter().any(|known| known == name || known == "*"));
            if selected && !left_out {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// Where a page ended.
struct Resume {
    query: String,
    after: Key,
    left: Option<usize>,
}

impl Resume {
    /// Standard base64, percent-encoded: a client that encodes a link anew breaks it.
    fn token(&self) -> String {
        let text = json!([self.query, self.after.0, self.after.1, self.left]).to_string();
        let coded = STANDARD.encode(text);
        coded
            .replace('+', "%2b")
            .replace('/', "%2f")
            .replace('=', "%3d")
    }

    fn read(token: &str) -> Option<Self> {
        let text = STANDARD.decode(token).ok()?;
        let (query, ticks, id, left) =
            serde_json::from_slice::<(String, i64, Uuid, Option<usize>)>(&text).ok()?;
        Some(Self {
            query,
            after: (ticks, id),
            left,
        })
    }
}

fn refused(error: &ODataError) -> Refusal {
    at("query", error)
}

fn at(option: &str, error: &ODataError) -> Refusal {
    Refusal::invalid(option, error.message())
}

fn ordering(text: &str) -> Result<Order, Refusal> {
    let keys = parse_orderby(text).map_err(|error| at("$orderby", &error))?;
    let [OrderBy { path, descending }] = keys.as_slice() else {
        return Err(Refusal::invalid("$orderby", "One property is supported."));
    };
    match path
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["createdDateTime"] => Ok(Order::Created {
            descending: *descending,
        }),
        ["updatedDateTime"] => Ok(Order::Updated {
            descending: *descending,
        }),
        _ => Err(Refusal::invalid(
            "$orderby",
            "Supported are createdDateTime and updatedDateTime.",
        )),
    }
}

fn selection(text: &str) -> Result<Vec<String>, Refusal> {
    let names = parse_select(text).map_err(|error| at("$select", &error))?;
    match names
        .iter()
        .find(|name| *name != "*" && !fields::is_top_level(name))
    {
        Some(unknown) => Err(Refusal::invalid("$select", no_property(unknown))),
        None => Ok(names),
    }
}
