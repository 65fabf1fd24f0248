//! Posts that wait, are under way, or were given up.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::options::{DeliveryOrder, Options};

/// Posts given up that are remembered.
const REMEMBERED: usize = 1000;

/// One event on its way to one receiver.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) number: u64,
    /// Tries so far, the one under way included.
    pub(super) attempt: u32,
    pub(super) url: String,
    pub(super) in_own_header: bool,
    pub(super) body: Bytes,
    /// The validation that this post belongs to.
    pub(super) validation: Option<Uuid>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    last: u64,
    waiting: BTreeMap<(DateTime<Utc>, u64), Post>,
    under_way: BTreeMap<u64, Post>,
    given_up: VecDeque<Post>,
}

impl Queue {
    pub(super) fn add(&mut self, due: DateTime<Utc>, mut post: Post) {
        self.last += 1;
        post.number = self.last;
        self.waiting.insert((due, post.number), post);
    }

    /// Takes what is due, in the order in which it is to go out.
    pub(super) fn take(&mut self, now: DateTime<Utc>, options: &Options) -> Vec<Post> {
        let later = self.waiting.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.waiting, later);
        let mut taken: Vec<Post> = due.into_values().collect();
        match options.order {
            DeliveryOrder::AsHappened => {}
            DeliveryOrder::Reversed => taken.reverse(),
            DeliveryOrder::Shuffled => taken.sort_by_key(|post| {
                let mix = options.seed ^ post.number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                mix.wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(31)
            }),
        }
        for post in &mut taken {
            post.attempt += 1;
            self.under_way.insert(post.number, post.clone());
        }
        taken
    }

    /// Ends a try. Returns the post, and whether it is over.
    pub(super) fn end(
        &mut self,
        now: DateTime<Utc>,
        number: u64,
        success: bool,
        options: &Options,
    ) -> Option<(Post, bool)> {
        let post = self.under_way.remove(&number)?;
        if success {
            return Some((post, true));
        }
        if post.attempt >= options.attempts {
            if self.given_up.len() >= REMEMBERED {
                self.given_up.pop_front();
            }
            self.given_up.push_back(post.clone());
            return Some((post, true));
        }
        let doublings = post.attempt.saturating_sub(1).min(20);
        let wait = options.first_retry.saturating_mul(1 << doublings);
        self.waiting
            .insert((later(now, wait), number), post.clone());
        Some((post, false))
    }

    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    pub(super) fn given_up(&self) -> impl Iterator<Item = &Post> {
        self.given_up.iter()
    }
}

pub(super) fn later(moment: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| moment.checked_add_signed(by))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
