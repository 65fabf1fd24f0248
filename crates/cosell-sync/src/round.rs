//! One round: what it may use, and what it has done so far.

use std::{
    collections::BTreeMap,
    sync::{Mutex, atomic::Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Capabilities, Change, Engine, EngineError, Event, GroupId, Lease, Observed, RecordId,
    RoundReport, Side, StoreError, Work,
    engine::{after, lock},
    observe::within,
};

/// Records kept from pages of hints, to spare fetches until they are worked.
const SEEN_KEPT: usize = 5_000;

pub(crate) struct Round<'e> {
    pub(crate) engine: &'e Engine,
    capabilities: [Capabilities; 2],
    /// `None` in a rehearsal, which therefore cannot commit.
    lease: Mutex<Option<Lease>>,
    report: Mutex<RoundReport>,
    seen: Mutex<BTreeMap<(Side, RecordId), Observed>>,
    /// Parts shown by pages before anybody knew whose they are.
    seen_parts: Mutex<BTreeMap<(Side, GroupId), Vec<Observed>>>,
}

impl<'e> Round<'e> {
    pub(crate) fn new(engine: &'e Engine, lease: Lease) -> Self {
        let round = Self::dry(engine);
        *lock(&round.lease) = Some(lease);
        round
    }

    /// A rehearsal.
    pub(crate) fn dry(engine: &'e Engine) -> Self {
        Self {
            engine,
            capabilities: Side::BOTH.map(|side| engine.replica(side).capabilities()),
            lease: Mutex::new(None),
            report: Mutex::default(),
            seen: Mutex::default(),
            seen_parts: Mutex::default(),
        }
    }

    pub(crate) async fn go(&self, read: bool) -> Result<RoundReport, EngineError> {
        let engine = self.engine;
        let span = engine.span(&Work::Round {
            owner: &engine.owner,
        });
        let begun = self.now();
        let work = async {
            self.load_counters().await?;
            if read {
                self.read_sides().await?;
            }
            self.count_newcomers().await?;
            self.drain().await?;
            self.end_first_sync().await?;
            let report = lock(&self.report).clone();
            engine.observe(&Event::Round {
                report: &report,
                took: engine.since(begun),
            });
            Ok(report)
        };
        within(span, work).await
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.engine.clock.now()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.engine.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn capabilities(&self, side: Side) -> &Capabilities {
        &self.capabilities[side as usize]
    }

    /// The side whose outcome display is kept up to date; with two, the right one.
    pub(crate) fn shower(&self) -> Option<Side> {
        [Side::Right, Side::Left]
            .into_iter()
            .find(|side| self.capabilities(*side).shows_outcome)
    }

    pub(crate) fn report<T>(&self, change: impl FnOnce(&mut RoundReport) -> T) -> T {
        change(&mut lock(&self.report))
    }

    /// Keeps a record from a page, unless a newer one is there.
    pub(crate) fn keep_seen(&self, side: Side, record: Observed) {
        let mut seen = lock(&self.seen);
        let key = (side, record.id.clone());
        if seen.get(&key).is_some_and(|kept| kept.as_of > record.as_of) {
            return;
        }
        if seen.len() < SEEN_KEPT || seen.contains_key(&key) {
            seen.insert(key, record);
        }
    }

    pub(crate) fn take_seen(&self, side: Side, id: &RecordId) -> Option<Observed> {
        lock(&self.seen).remove(&(side, id.clone()))
    }

    /// Keeps a part whose group is not known yet: its pair may be founded by the same page.
    pub(crate) fn keep_seen_part(&self, side: Side, group: GroupId, record: Observed) {
        let mut parts = lock(&self.seen_parts);
        if parts.len() < SEEN_KEPT {
            parts.entry((side, group)).or_default().push(record);
        }
    }

    pub(crate) fn take_seen_parts(&self, side: Side, group: &GroupId) -> Vec<Observed> {
        let mut parts = lock(&self.seen_parts);
        parts.remove(&(side, group.clone())).unwrap_or_default()
    }

    pub(crate) fn forget_seen(&self) {
        lock(&self.seen).clear();
        lock(&self.seen_parts).clear();
    }

    /// Makes sure that the lease lasts beyond `moment`.
    pub(crate) async fn keep_lease(&self, moment: DateTime<Utc>) -> Result<(), EngineError> {
        let Some(lease) = lock(&self.lease).clone() else {
            return Err(EngineError::LeaseLost);
        };
        if lease.until > moment {
            return Ok(());
        }
        let renewed = match self.engine.take_lease().await {
            Err(EngineError::Held { .. }) => return Err(EngineError::LeaseLost),
            result => result?,
        };
        // Another engine had it in between: what was read before may be out of date.
        if renewed.epoch != lease.epoch {
            return Err(EngineError::LeaseLost);
        }
        *lock(&self.lease) = Some(renewed);
        Ok(())
    }

    /// Commits; [`StoreError::Taken`] is the caller's to handle, all else ends the round.
    pub(crate) async fn commit(&self, batch: Vec<Change>) -> Result<Committed, EngineError> {
        if batch.is_empty() {
            return Ok(Committed::Stored);
        }
        let half = TimeDelta::from_std(self.engine.options.lease / 2).unwrap_or_default();
        self.keep_lease(self.now() + half).await?;
        let Some(lease) = lock(&self.lease).clone() else {
            return Err(EngineError::LeaseLost);
        };
        match self.engine.store.commit(&lease, batch).await {
            Ok(()) => Ok(Committed::Stored),
            Err(StoreError::Taken { side, id }) => Ok(Committed::Taken(side, id)),
            Err(error) => Err(error.into()),
        }
    }

    /// A moment that is certainly later than this drain's beginning.
    pub(crate) fn later(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        due.max(self.now() + TimeDelta::milliseconds(1))
    }

    pub(crate) fn backoff(&self, attempts: u32) -> DateTime<Utc> {
        after(self.now(), self.engine.options.backoff(attempts))
    }
}

#[must_use]
pub(crate) enum Committed {
    Stored,
    /// A record of a pair belongs to another pair; nothing was stored.
    Taken(Side, RecordId),
}
