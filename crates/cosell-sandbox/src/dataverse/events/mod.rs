//! What happened to rows, told to webhooks once it is final.
//!
//! Steps are registered as rows, as over the Web API: an endpoint, a step on a message and a table,
//! images. `context` writes the body, `queue` keeps the posts that wait. Whoever owns the sandbox
//! takes what is due ([`Dataverse::take_events`]) and reports how it ended.

mod context;
mod queue;
mod request;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, StatusCode};
use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::pipeline::{Actor, Happening, Message};
use super::refusal::Refusal;
use super::schema::Table;
use super::store::{Cells, Row};

use queue::Post;
pub(super) use queue::Queue;

const STEP: &str = "sdkmessageprocessingstep";

/// Jobs that a step has ended, in statuses of the service.
const TIMED_OUT: &str = "0x80050202";
const NO_SUCCESS: &str = "0x80050201";

/// A post of an event, ready to be sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventPost {
    /// Names it when its end is reported.
    pub number: u64,
    /// Number of the try, from 1.
    pub attempt: u32,
    /// What is to be sent.
    pub request: Request<Bytes>,
}

impl Dataverse {
    pub(super) fn happened(
        &mut self,
        actor: &Actor,
        message: Message,
        table: &Table,
        id: Uuid,
        before: Option<&Row>,
        changed: Option<&Cells>,
    ) {
        if actor.quiet || self.store.rows(STEP).len() == 0 {
            return;
        }
        self.happenings.push(Happening {
            message,
            table: table.name.clone(),
            id,
            before: before.cloned().map(Arc::new),
            after: self.store.row(&table.name, id).cloned(),
            changed: changed.cloned().unwrap_or_default(),
            actor: actor.clone(),
        });
    }

    /// Makes everything so far final, and queues what has to be told of it.
    pub(super) fn settle(&mut self) {
        self.store.commit();
        for happening in std::mem::take(&mut self.happenings) {
            for step in self.steps_for(&happening) {
                self.queue_post(&happening, &step);
            }
        }
    }

    fn steps_for(&self, happening: &Happening) -> Vec<Arc<Row>> {
        let name = |row: &Row, column: &str, table: &str, member: &str| -> Option<String> {
            let (_, id) = row.get(column)?.as_ref()?;
            let cell = self.store.row(table, id)?.get(member)?;
            cell.as_text().map(str::to_owned)
        };
        let fits = |step: &Row| {
            let message = name(step, "sdkmessageid", "sdkmessage", "name");
            let table = name(
                step,
                "sdkmessagefilterid",
                "sdkmessagefilter",
                "primaryobjecttypecode",
            );
            let listed = step.get("filteringattributes").and_then(Cell::as_text);
            let touched = happening.message != Message::Update
                || listed.is_none_or(|listed| {
                    let mut columns = listed.split(',').map(str::trim);
                    columns.any(|column| happening.changed.contains_key(column))
                });
            step.get("statecode") == Some(&Cell::Int(0))
                && message.as_deref() == Some(happening.message.name())
                && table.is_none_or(|table| *table == *happening.table)
                && touched
                && !happening.actor.skipped.contains(&step.id)
        };
        let mut steps: Vec<Arc<Row>> = self
            .store
            .rows(STEP)
            .iter()
            .filter(|step| fits(step))
            .cloned()
            .collect();
        steps.sort_by_key(|step| step.get("rank").and_then(Cell::as_int));
        steps
    }

    fn queue_post(&mut self, happening: &Happening, step: &Arc<Row>) {
        let operation = self.request_ids.next();
        let post = Post {
            step: step.id,
            automatic: step.get("asyncautodelete") == Some(&Cell::Bool(true)),
            name: step
                .get("name")
                .and_then(Cell::as_text)
                .unwrap_or_default()
                .to_owned(),
            table: happening.table.clone(),
            message: happening.message.name(),
            row: happening.id,
            operation,
            body: self.context(happening, step, operation),
            attempts: 0,
        };
        let due = queue::later(self.now, self.options.event_delay);
        for _ in 0..self.options.event_copies.max(1) {
            self.events.add(due, post.clone());
        }
    }

    /// Takes the posts that are due at `now`. The end of each is to be reported.
    pub fn take_events(&mut self, now: DateTime<Utc>) -> Vec<EventPost> {
        self.now = now;
        let posts = self.events.take(now, self.options.events_reversed);
        let mut ready = Vec::new();
        for (number, post) in posts {
            match self.event_request(&post) {
                Ok(request) => ready.push(EventPost {
                    number,
                    attempt: post.attempts,
                    request,
                }),
                Err((code, reason)) => {
                    self.events.end(number);
                    self.end_job(&post, Some((code, reason)));
                }
            }
        }
        self.settle();
        ready
    }

    /// Tells how a post ended: a status, or none when no answer came in time. A gateway's answer is
    /// worth one try more; anything else ends the job.
    pub fn report_event(&mut self, now: DateTime<Utc>, number: u64, status: Option<StatusCode>) {
        self.now = now;
        let Some(mut post) = self.events.end(number) else {
            return;
        };
        let success = status.is_some_and(|status| status.is_success());
        let again = matches!(status.map(|status| status.as_u16()), Some(502..=504));
        if again && post.attempts < 2 {
            let due = queue::later(now, self.options.event_retry);
            post.attempts = post.attempts.max(1);
            self.events.add(due, post);
            return;
        }
        let failure = match status {
            _ if success => None,
            Some(status) => Some((
                NO_SUCCESS,
                format!("The webhook call failed because of an unsuccessful status code: {status}"),
            )),
            None => Some((
                TIMED_OUT,
                "The webhook call failed because the http request timed out at client side."
                    .to_owned(),
            )),
        };
        self.end_job(&post, failure);
        self.settle();
    }

    /// When the next post is due.
    pub fn next_event(&self) -> Option<DateTime<Utc>> {
        self.events.next_due()
    }

    fn end_job(&mut self, post: &Post, failure: Option<(&'static str, String)>) {
        if failure.is_none() && post.automatic {
            return;
        }
        let success = failure.is_none();
        let message = failure.map_or_else(String::new, |(code, text)| format!("{code}: {text}"));
        self.job(
            post.operation,
            &post.name,
            &message,
            success,
            Some((post.step, (&post.table, post.row))),
        );
    }

    /// What a step may be, before it is stored.
    pub(super) fn check_step(&self, table: &Table, cells: &Cells) -> Result<(), Refusal> {
        if &*table.name != STEP {
            return Ok(());
        }
        let int = |name: &str| cells.get(name).and_then(Cell::as_int);
        if int("mode") == Some(0) {
            return Err(Refusal::not_simulated("A synchronous step"));
        }
        if int("stage") != Some(40) {
            return Err(Refusal::bad(
                "0x80044184",
                "Only the stage PostOperation is supported for asynchronous steps.",
            ));
        }
        Ok(())
    }
}
