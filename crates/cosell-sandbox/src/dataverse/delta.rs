//! Change tracking: the first load, delta links, and when they expire.

use std::sync::Arc;

use chrono::{NaiveDateTime, TimeDelta};
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::Dataverse;
use super::cell::quote;
use super::pipeline::Actor;
use super::print::{annotations_applied, context, parse_query};
use super::query::{Cookie, next_link};
use super::refusal::Refusal;
use super::reply::{Reply, json};
use super::request::{MAX_PAGE, Operation, Prefer};
use super::schema::Table;
use super::shape::Shape;
use super::store::Row;
use crate::odata::Query;

const TIME: &str = "%m/%d/%Y %H:%M:%S";
/// What .NET leaves unencoded in a token.
const TOKEN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// One entry of a delta.
enum Change {
    Written(Arc<Row>),
    Deleted(u64, Uuid),
}

impl Dataverse {
    /// A tracked read: first load or delta, any page of it.
    pub(super) fn tracked(
        &self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        cookie: Option<Cookie>,
    ) -> Result<Reply, Refusal> {
        self.check_tracking(table)?;
        let query = parse_query(operation)?;
        only_select(&query)?;
        let prefer = Prefer::read(&operation.headers);
        let shape = Shape::read(self, table, &query)?;
        let links = prefer.annotations.is_empty() || self.options.delta_link_with_annotations;
        let view = View {
            links,
            operation,
            table,
            shape: &shape,
            prefer: &prefer,
        };
        match (cookie, query.get("$deltatoken")) {
            (
                Some(Cookie::Load {
                    page,
                    last,
                    version,
                }),
                _,
            ) => self.load(actor, &view, (page, Some(last), version)),
            (
                Some(Cookie::Delta {
                    page,
                    window,
                    after,
                    deletions,
                }),
                _,
            ) => self.delta(actor, &view, page, window, (after, deletions)),
            (Some(Cookie::Rows { .. }), _) => {
                Err(Refusal::query("Malformed XML in the Paging Cookie"))
            }
            (None, Some(token)) => {
                let from = self.read_token(actor, token)?;
                self.delta(actor, &view, 1, (from, self.store.version()), (from, false))
            }
            // The version is taken now: what changes while the load is paged is in the first delta.
            (None, None) => self.load(actor, &view, (1, None, self.store.version())),
        }
    }

    fn load(
        &self,
        actor: &Actor,
        view: &View<'_>,
        (page, last, version): (u32, Option<Uuid>, u64),
    ) -> Result<Reply, Refusal> {
        let rows = self.store.rows(&view.table.name);
        let size = view.prefer.max_page.unwrap_or(MAX_PAGE);
        let mut found: Vec<&Arc<Row>> = rows.after(last).take(size + 1).collect();
        let more = found.len() > size;
        found.truncate(size);
        let entries = found
            .iter()
            .map(|row| self.print(view.table, row, view.shape, view.prefer, None));
        let entries: Vec<String> = entries.collect::<Result<_, _>>()?;
        let link = match found.last().filter(|_| more) {
            Some(row) => Err(Cookie::Load {
                page: page + 1,
                last: row.id,
                version,
            }),
            None => Ok(version),
        };
        Ok(view.answer("", &entries, link, actor))
    }

    fn delta(
        &self,
        actor: &Actor,
        view: &View<'_>,
        page: u32,
        window: (u64, u64),
        (after, deletions): (u64, bool),
    ) -> Result<Reply, Refusal> {
        let rows = self.store.rows(&view.table.name);
        let size = view.prefer.max_page.unwrap_or(MAX_PAGE);
        let (from, to) = window;
        let mut changes = Vec::new();
        if !deletions {
            let written = rows.changed(after, to).take(size + 1);
            changes.extend(written.cloned().map(Change::Written));
        }
        // Deletions begin at the token, however far the written rows before them went.
        let start = if deletions { after } else { from };
        let room = (size + 1).saturating_sub(changes.len());
        let gone = rows.deleted(start, to).take(room);
        changes.extend(gone.map(|(version, id)| Change::Deleted(version, id)));
        let more = changes.len() > size;
        changes.truncate(size);
        let entries: Vec<String> = changes
            .iter()
            .map(|change| match change {
                Change::Written(row) => self.print(view.table, row, view.shape, view.prefer, None),
                Change::Deleted(_, id) => Ok(deletion(view, *id)),
            })
            .collect::<Result<_, _>>()?;
        let next = |after, deletions| {
            Err(Cookie::Delta {
                page: page + 1,
                window,
                after,
                deletions,
            })
        };
        let link = match changes.last().filter(|_| more) {
            Some(Change::Written(row)) => next(row.version, false),
            Some(Change::Deleted(version, _)) => next(*version, true),
            None => Ok(to),
        };
        Ok(view.answer("/$delta", &entries, link, actor))
    }

    /// How much a delta link would bring.
    pub(super) fn count_changes(
        &self,
        actor: &Actor,
        table: &Table,
        token: &str,
    ) -> Result<usize, Refusal> {
        self.check_tracking(table)?;
        let from = self.read_token(actor, token)?;
        let to = self.store.version();
        let rows = self.store.rows(&table.name);
        Ok(rows.changed(from, to).count() + rows.deleted(from, to).count())
    }

    fn check_tracking(&self, table: &Table) -> Result<(), Refusal> {
        if self.options.tracked.contains(&*table.name) {
            return Ok(());
        }
        Err(Refusal::bad(
            "0x80072491",
            format!("Entity {} isn't enabled for change tracking.", table.name),
        ))
    }

    /// The version in a token that is still good.
    fn read_token(&self, actor: &Actor, token: &str) -> Result<u64, Refusal> {
        let parts = token.split_once('!').and_then(|(version, time)| {
            let time = NaiveDateTime::parse_from_str(time, TIME).ok()?;
            Some((version.parse::<u64>().ok()?, time.and_utc()))
        });
        let Some((version, issued)) = parts else {
            return Err(Refusal::query(format!(
                "The delta token '{token}' is not valid."
            )));
        };
        let days = self
            .store
            .row("organization", self.options.organization_id)
            .and_then(|row| row.get("expirechangetrackingindays")?.as_int())
            .unwrap_or(self.options.delta_days);
        let old = TimeDelta::try_days(days).is_some_and(|life| actor.now - issued > life);
        if old || version < self.metadata_version {
            return Err(Refusal::new(
                self.options.expired_delta_status,
                "0x80044352",
                "Version stamp associated with the client has expired. Please perform a full sync.",
            ));
        }
        Ok(version)
    }
}

fn only_select(query: &Query) -> Result<(), Refusal> {
    let other = query.iter().map(|(name, _)| name).find(|name| {
        name.starts_with('$') && !matches!(*name, "$select" | "$deltatoken" | "$skiptoken")
    });
    match other {
        None => Ok(()),
        Some(name) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "0x80060888",
            format!(
                "The \"{name}\" query parameter isn't supported when Change Tracking is enabled."
            ),
        )),
    }
}

fn deletion(view: &View<'_>, id: Uuid) -> String {
    let context = format!(
        "{}$metadata#{}/$deletedEntity",
        view.operation.base, view.table.set
    );
    format!(
        "{{\"@odata.context\":{},\"id\":\"{id}\",\"reason\":\"deleted\"}}",
        quote(&context)
    )
}

/// What a tracked answer needs beside its entries.
struct View<'a> {
    /// Does the last page have a delta link?
    links: bool,
    operation: &'a Operation<'a>,
    table: &'a Table,
    shape: &'a Shape,
    prefer: &'a Prefer,
}

impl View<'_> {
    /// One page; `link` is the version for the delta link of the last page, else the cookie of the next.
    fn answer(
        &self,
        suffix: &str,
        entries: &[String],
        link: Result<u64, Cookie>,
        actor: &Actor,
    ) -> Reply {
        let link = match link {
            Ok(version) if self.links => {
                format!(
                    "\"@odata.deltaLink\":{},",
                    quote(&self.delta_link(version, actor))
                )
            }
            Ok(_) => String::new(),
            Err(cookie) => {
                let address = next_link(self.operation, &cookie);
                format!("\"@odata.nextLink\":{},", quote(&address))
            }
        };
        let context = context(&self.operation.base, &self.table.set, self.shape, suffix);
        let mut reply = json(format!(
            "{{\"@odata.context\":{},{link}\"value\":[{}]}}",
            quote(&context),
            entries.join(",")
        ));
        let applied = self.prefer.track_changes.then_some("odata.track-changes");
        annotations_applied(&mut reply, self.prefer, applied);
        reply
    }

    fn delta_link(&self, version: u64, actor: &Actor) -> String {
        let token = format!("{version}!{}", actor.now.format(TIME));
        let token = utf8_percent_encode(&token, TOKEN).to_string();
        let token = lower_hex(&token);
        let select = self
            .operation
            .query
            .split('&')
            .find(|option| option.starts_with("$select=") || option.starts_with("%24select="));
        let select = select
            .map(|option| format!("{option}&"))
            .unwrap_or_default();
        format!(
            "{}{}?{select}$deltatoken={token}",
            self.operation.base, self.table.set
        )
    }
}

/// Percent escapes in lower case, as .NET writes them.
fn lower_hex(text: &str) -> String {
    text.to_ascii_lowercase()
}
