//! Posts that wait or are under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// One event on its way to one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) step: Uuid,
    /// Does a job that succeeded leave no row?
    pub(super) automatic: bool,
    pub(super) name: String,
    pub(super) table: Arc<str>,
    pub(super) message: &'static str,
    pub(super) row: Uuid,
    pub(super) operation: Uuid,
    /// The body, whole or cut down, and whether it was cut down.
    pub(super) body: (Bytes, bool),
    /// Tries so far.
    pub(super) attempts: u32,
}

#[derive(Clone, Debug, Default)]
pub(in crate::dataverse) struct Queue {
    last: u64,
    waiting: BTreeMap<(DateTime<Utc>, u64), Post>,
    under_way: BTreeMap<u64, Post>,
}

impl Queue {
    pub(super) fn add(&mut self, due: DateTime<Utc>, post: Post) {
        self.last += 1;
        self.waiting.insert((due, self.last), post);
    }

    pub(super) fn take(&mut self, now: DateTime<Utc>, reversed: bool) -> Vec<(u64, Post)> {
        let later = self.waiting.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.waiting, later);
        let mut taken: Vec<(u64, Post)> = due
            .into_iter()
            .map(|((_, number), mut post)| {
                post.attempts += 1;
                (number, post)
            })
            .collect();
        if reversed {
            taken.reverse();
        }
        for (number, post) in &taken {
            self.under_way.insert(*number, post.clone());
        }
        taken
    }

    pub(super) fn end(&mut self, number: u64) -> Option<Post> {
        self.under_way.remove(&number)
    }

    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }
}

pub(super) fn later(moment: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let by = TimeDelta::from_std(by).ok();
    let later = by.and_then(|by| moment.checked_add_signed(by));
    later.unwrap_or(DateTime::<Utc>::MAX_UTC)
}
