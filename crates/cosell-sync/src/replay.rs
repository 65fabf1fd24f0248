//! Looking again: at what a window of the audit trail tells of, or at what changed meanwhile.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    AuditEntry, AuditKind, AuditQuery, Change, Engine, EngineError, RecordId, Side, Source,
    TraceId, round::Round,
};

/// Lines of the trail read at once.
const PAGE: usize = 500;

/// What a replay queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Replayed {
    /// Lines or listed records that were looked through.
    pub looked: u64,
    /// Records that were queued.
    pub queued: u64,
    /// Was the end reached? (Else: more pages than one call reads; narrow the window.)
    pub complete: bool,
}

impl Engine {
    /// Queues again every record that lines of the audit trail tell of: one event (by its trace),
    /// all of a record, all failures of a kind, or a window of time.
    ///
    /// What is replayed is the look, not the old content: the newest state is read and planned.
    /// Lines that come while it runs are not among them. `by` is the person who asks. When
    /// dropped or failed, what was queued stays so; calling it again does no harm.
    pub async fn replay(&self, query: &AuditQuery, by: &str) -> Result<Replayed, EngineError> {
        let now = self.clock.now();
        let mut query = query.clone();
        query.until = Some(query.until.map_or(now, |until| until.min(now)));
        query.newest_first = false;
        let mut done = Replayed::default();
        let mut after = None;
        for _ in 0..self.options.max_pages.max(1) {
            let page = self.store.audit(&query, after, PAGE).await?;
            let Some((last, _)) = page.last() else {
                done.complete = true;
                break;
            };
            after = Some(*last);
            done.looked += page.len() as u64;
            let records: BTreeSet<_> = page.iter().filter_map(|(_, line)| about(line)).collect();
            let mut pairs = BTreeSet::new();
            for (side, id) in records {
                // Both ends of a pair are one look.
                let pair = self.store.pair_of(side, &id).await?;
                if pair.is_some_and(|pair| !pairs.insert(pair.id)) {
                    continue;
                }
                self.look_at(side, &id, Source::Replay, "replayed", by)
                    .await?;
                done.queued += 1;
            }
        }
        Ok(done)
    }

    /// Queues every record of a side that its service says changed from `from` on and before
    /// `until`, whatever is remembered of it: after an outage, or when the trail is lost.
    ///
    /// Reads the side's whole list in a pass of its own; where the list does not tell times, all
    /// of it is queued.
    pub async fn replay_changes(
        &self,
        side: Side,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        by: &str,
    ) -> Result<Replayed, EngineError> {
        let round = Round::dry(self);
        let mut done = Replayed::default();
        let mut cursor = None;
        for _ in 0..self.options.max_pages.max(1) {
            let page = round.hints(side, cursor.as_ref()).await;
            let page = page.map_err(|error| EngineError::Side { side, error })?;
            for hint in page.hints {
                done.looked += 1;
                let seen = hint.seen.as_ref();
                let within = seen.is_none_or(|seen| from <= seen.as_of && seen.as_of < until);
                if within && hint.takes_part != Some(false) {
                    self.look_at(side, &hint.id, Source::Replay, "replayed", by)
                        .await?;
                    done.queued += 1;
                }
            }
            if !page.more || cursor.as_ref() == Some(&page.cursor) {
                done.complete = true;
                break;
            }
            cursor = Some(page.cursor);
        }
        Ok(done)
    }

    /// "Look at this record now", as a person asks for it; also where nothing seems to have
    /// changed. Durable when it returns.
    pub async fn look(&self, side: Side, id: &RecordId, by: &str) -> Result<TraceId, EngineError> {
        self.look_at(side, id, Source::Person, "to be looked at", by)
            .await
    }

    pub(crate) async fn look_at(
        &self,
        side: Side,
        id: &RecordId,
        source: Source,
        words: &str,
        by: &str,
    ) -> Result<TraceId, EngineError> {
        let found = self.store.pair_of(side, id).await?.map(|pair| pair.id);
        let _claim = match found {
            Some(pair) => Some(self.claim(pair).await),
            None => None,
        };
        let hint = self.new_hint(side, id.clone(), source);
        let trace = hint.trace;
        let mut line = self
            .line(AuditKind::Decided, words)
            .of_record(side, id)
            .by(by);
        line.trace = trace;
        let mut batch = Vec::new();
        if let Some(found) = found
            && let Some(mut pair) = self.store.pair(found).await?
        {
            line = line.of_pair(&pair);
            // Else a look that shows what is known would pass for an echo.
            pair.unsettle();
            batch.push(Change::Pair(Box::new(pair)));
        }
        batch.push(self.audit_line(line));
        batch.extend(self.enqueue(hint));
        self.commit_now(batch).await?;
        self.wake();
        Ok(trace)
    }
}

/// The record that a line is about, seen from the side it was about.
fn about(line: &AuditEntry) -> Option<(Side, RecordId)> {
    let end = |side| match side {
        Side::Left => line.left.clone(),
        Side::Right => line.right.clone(),
    };
    let mut sides = Side::BOTH;
    if line.side == Some(Side::Right) {
        sides.reverse();
    }
    sides.into_iter().find_map(|side| Some((side, end(side)?)))
}
