//! What waits and what was given up: counted by cause, listed, and let go again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    AuditKind, Change, Engine, EngineError, ErrorKind, Pair, PairId, RecordId, Side, Source,
};

/// Pairs looked at for one step of [`Engine::requeue`].
const PAGE: usize = 100;

/// How many pairs are parked for one kind of cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParkCount {
    /// The kind of cause.
    pub kind: ErrorKind,
    /// Given up after all attempts, or still waiting for its time or for a change.
    pub dead: bool,
    /// How many.
    pub pairs: u64,
    /// Since when the oldest of them waits.
    pub since: DateTime<Utc>,
}

impl ParkCount {
    /// A count.
    pub fn new(kind: ErrorKind, dead: bool, pairs: u64, since: DateTime<Utc>) -> Self {
        Self {
            kind,
            dead,
            pairs,
            since,
        }
    }
}

/// Which waiting work is let go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Requeue {
    /// All that is parked but what is in doubt, and all skipped records but those that wait for a
    /// backfill.
    All,
    /// All parked pairs and skipped records with this kind of cause. Of
    /// [`ErrorKind::Doubtful`] it says that somebody looked for each of them, and found none.
    Kind(ErrorKind),
    /// Only pairs that were given up.
    Dead,
}

/// What a requeue came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Requeued {
    /// Pairs that wait no more.
    pub pairs: u64,
    /// Skipped records that are looked at again.
    pub records: u64,
}

impl Engine {
    /// How many pairs wait for which kind of cause, and how many were given up.
    pub async fn park_counts(&self) -> Result<Vec<ParkCount>, EngineError> {
        Ok(self.store.park_counts().await?)
    }

    /// A page of parked pairs, and where the next page starts (`None`: that was the last).
    pub async fn parks(
        &self,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<(Vec<Pair>, Option<PairId>), EngineError> {
        self.parks_of(None, after, limit).await
    }

    /// As [`parks`](Self::parks), of one kind of cause if asked.
    pub async fn parks_of(
        &self,
        kind: Option<ErrorKind>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<(Vec<Pair>, Option<PairId>), EngineError> {
        let pairs = self.store.parked(kind, after, limit).await?;
        let full = limit > 0 && pairs.len() >= limit;
        let next = pairs.last().filter(|_| full).map(|pair| pair.id);
        Ok((pairs, next))
    }

    /// Ends the wait of a parked pair and queues it; false if there is no such parked pair.
    /// `by` is the person who decided, for the audit trail.
    ///
    /// Of a pair that waits in doubt ([`ErrorKind::Doubtful`]) it says that the person looked for
    /// the part, and that it is not there: it is asked for once more.
    pub async fn unpark(&self, pair: PairId, by: &str) -> Result<bool, EngineError> {
        let _claim = self.claim(pair).await;
        let Some(mut pair) = self.store.pair(pair).await? else {
            return Ok(false);
        };
        let Some(park) = pair.park.take() else {
            return Ok(false);
        };
        pair.turned.clear();
        let mut words = "to be tried again";
        if park.kind == ErrorKind::Doubtful {
            pair.intent = None;
            words = "looked for, and not there: to be asked for once more";
        }
        let line = self
            .line(AuditKind::Decided, words)
            .because(park.kind)
            .by(by);
        self.store_and_hint(pair, line).await?;
        Ok(true)
    }

    /// Lets go all that waits for the chosen causes, after they were cured: the end of a wave of
    /// refusals, a role given back, a mapping corrected.
    ///
    /// Pairs that do not change are parked again with the next look. Goes through the list once,
    /// in steps of their own: when dropped or failed, what was let go stays so, and calling it
    /// again does the rest.
    pub async fn requeue(&self, which: Requeue, by: &str) -> Result<Requeued, EngineError> {
        let kind = match which {
            Requeue::All | Requeue::Dead => None,
            Requeue::Kind(kind) => Some(kind),
        };
        let mut done = Requeued::default();
        let mut last = None;
        loop {
            let page = self.store.parked(kind, last, PAGE).await?;
            let Some(end) = page.last() else {
                break;
            };
            last = Some(end.id);
            for pair in page {
                let Some(park) = &pair.park else {
                    continue;
                };
                let chosen = match which {
                    Requeue::All => park.kind != ErrorKind::Doubtful,
                    Requeue::Kind(_) => true,
                    Requeue::Dead => park.dead && park.kind != ErrorKind::Doubtful,
                };
                if chosen && self.unpark(pair.id, by).await? {
                    done.pairs += 1;
                }
            }
        }
        if which != Requeue::Dead {
            self.requeue_skipped(kind, by, &mut done).await?;
        }
        Ok(done)
    }

    async fn requeue_skipped(
        &self,
        kind: Option<ErrorKind>,
        by: &str,
        done: &mut Requeued,
    ) -> Result<(), EngineError> {
        // Those that are let go leave the list, the others are stepped over.
        let mut stay = 0;
        // A round may skip a record anew meanwhile; it is let go once only.
        let mut gone = BTreeSet::new();
        loop {
            let page = self.store.skipped(stay, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            let mut batch = Vec::new();
            for record in page {
                // Records that wait for a backfill are taken in by that, or by their own name.
                if kind.map_or(record.kind == ErrorKind::Unlinked, |kind| {
                    record.kind != kind
                }) || !gone.insert((record.side, record.id.clone()))
                {
                    stay += 1;
                    continue;
                }
                done.records += 1;
                batch.extend(self.let_go(record.side, record.id, record.kind, by));
            }
            if !batch.is_empty() {
                self.commit_now(batch).await?;
                self.wake();
            }
        }
    }

    fn let_go(&self, side: Side, id: RecordId, kind: ErrorKind, by: &str) -> Vec<Change> {
        let hint = self.new_hint(side, id.clone(), Source::Person);
        let mut line = self
            .line(AuditKind::Decided, "to be looked at again")
            .of_record(side, &id)
            .because(kind)
            .by(by);
        line.trace = hint.trace;
        let mut changes = vec![Change::Unskip { side, id }, self.audit_line(line)];
        changes.extend(self.enqueue(hint));
        changes
    }
}

pub(crate) fn some_end(pair: &Pair) -> Option<(Side, RecordId)> {
    Side::BOTH
        .into_iter()
        .find_map(|side| Some((side, pair.end(side).id.clone()?)))
}
