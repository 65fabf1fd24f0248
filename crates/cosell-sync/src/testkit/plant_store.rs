//! Known mistakes of the engine that show in what it stores.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_mapping::FieldId;

use super::{
    Plant,
    values::{STAGE, is_closed},
};
use crate::{
    AuditEntry, AuditPlace, AuditQuery, Birth, Change, ConflictEntry, Counter, Cursor, ErrorKind,
    GroupId, Images, IntentKind, Lease, LogStore, MemoryStore, Pair, PairId, PairState, PairStore,
    ParkCount, QueueStore, QueuedHint, RecordId, Side, SkippedRecord, StateStore, StoreError,
    engine::lock,
};

#[derive(Debug)]
pub(super) struct PlantedStore {
    plant: Plant,
    inner: Arc<MemoryStore>,
    kept_back: Mutex<Vec<Change>>,
}

impl PlantedStore {
    pub(super) fn new(plant: Plant, inner: Arc<MemoryStore>) -> Self {
        Self {
            plant,
            inner,
            kept_back: Mutex::default(),
        }
    }

    fn spoil(&self, pair: &mut Pair) {
        match self.plant {
            Plant::NoIntentBeforeCreate | Plant::NoIntentBeforeUpdate => {
                let creates = self.plant == Plant::NoIntentBeforeCreate;
                pair.intent
                    .take_if(|intent| matches!(intent.kind, IntentKind::Create { .. }) == creates);
            }
            Plant::NoIntentBeforePart => {
                let is_part = |birth: &Birth| matches!(birth, Birth::Part { .. });
                pair.intent.take_if(|intent| {
                    matches!(&intent.kind, IntentKind::Create { birth, .. } if is_part(birth))
                });
            }
            Plant::BaseBeforeWrite => {
                if let Some(intent) = &pair.intent
                    && let IntentKind::Update { patch, .. } = &intent.kind
                {
                    let side = intent.side;
                    for (field, value) in &patch.fields {
                        if let Some(images) = pair.base.get_mut(field) {
                            let there = images.of(side.other()).clone();
                            *images = Images::seen_from(side, value.clone(), there);
                        }
                    }
                }
            }
            Plant::RetiredIgnored => {
                pair.left.retired.clear();
                pair.right.retired.clear();
            }
            Plant::OneImageBase => {
                for images in pair.base.values_mut() {
                    images.left = images.right.clone();
                }
            }
            Plant::DroppedOnFlagOff => {
                if matches!(pair.state, PairState::Stopped { .. }) {
                    pair.left.id = None;
                    pair.left.version = None;
                    pair.base.clear();
                }
            }
            Plant::ReadForgotten => {
                if let Some(intent) = &mut pair.intent {
                    intent.read.clear();
                }
            }
            Plant::SeenTimeForgotten => {
                pair.left.newest = None;
                pair.right.newest = None;
            }
            Plant::ShownForgotten => pair.shown = None,
            Plant::AcceptWithoutBase => pair.presumed.clear(),
            Plant::SettledWhenClosed | Plant::ClosingForgotten => self.spoil_closing(pair),
            _ => {}
        }
    }
}

impl PlantedStore {
    /// What a closing that is concluded leaves in the base.
    fn spoil_closing(&self, pair: &mut Pair) {
        let stored = self.inner.stored().pairs;
        let Some(before) = stored.into_iter().find(|before| before.id == pair.id) else {
            return;
        };
        let Some(intent) = before.intent else {
            return;
        };
        let IntentKind::Update { patch, .. } = &intent.kind else {
            return;
        };
        let again = pair.intent.as_ref();
        if again.is_some_and(|again| again.stamp == intent.stamp) || !is_closed(&patch.fields) {
            return;
        }
        let stage = FieldId::from(STAGE);
        if pair.base.get(&stage) == before.base.get(&stage) {
            return;
        }
        for (field, sent) in &patch.fields {
            let (read, over) = (intent.read.get(field), intent.over.get(field));
            let (Some(read), Some(over)) = (read, over) else {
                continue;
            };
            let becomes = *field != stage && read != sent;
            if self.plant == Plant::SettledWhenClosed && becomes {
                let images = Images::seen_from(intent.side, over.clone(), read.clone());
                pair.base.insert(field.clone(), images);
                // Acted upon with the next look, which is not long in coming.
                pair.end_mut(intent.side).version = None;
            }
        }
        if let (Plant::ClosingForgotten, Some(images)) = (self.plant, before.base.get(&stage)) {
            pair.base.insert(stage, images.clone());
        }
    }
}

#[async_trait]
impl StateStore for PlantedStore {
    async fn lease(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Lease, StoreError> {
        self.inner.lease(owner, now, until).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let kept_back = std::mem::take(&mut *lock(&self.kept_back));
        if !kept_back.is_empty() {
            self.inner.commit(lease, kept_back).await?;
        }
        self.inner.release(lease).await
    }

    async fn cursor(&self, side: Side) -> Result<Option<Cursor>, StoreError> {
        self.inner.cursor(side).await
    }

    async fn counters(&self) -> Result<Vec<Counter>, StoreError> {
        self.inner.counters().await
    }

    async fn place(&self, job: &str) -> Result<Option<String>, StoreError> {
        self.inner.place(job).await
    }

    async fn commit(&self, lease: &Lease, mut batch: Vec<Change>) -> Result<(), StoreError> {
        for change in &mut batch {
            if let Change::Pair(pair) = change {
                self.spoil(pair);
            }
        }
        let mut lease = lease.clone();
        match self.plant {
            Plant::LeaseUnchecked => {
                // Taken again by the one who lost it, as if nobody had been there meanwhile.
                let taken = self.inner.lease(&lease.owner, lease.until, lease.until);
                lease = taken.await?;
            }
            Plant::LoserNotLogged => batch.retain(|change| !matches!(change, Change::Conflict(_))),
            Plant::CursorBeforeHints => {
                let mut waiting = lock(&self.kept_back);
                let late = std::mem::take(&mut *waiting);
                if batch
                    .iter()
                    .any(|change| matches!(change, Change::Cursor { .. }))
                {
                    let is_hint = |change: &Change| matches!(change, Change::Enqueue(_));
                    let (hints, rest) = batch.into_iter().partition(is_hint);
                    *waiting = hints;
                    batch = rest;
                }
                batch.splice(0..0, late);
            }
            Plant::LateReadBelieved => {
                for change in &mut batch {
                    if let Change::Enqueue(hint) = change {
                        hint.late_until = None;
                    }
                }
            }
            Plant::DequeuedFirst => {
                // As soon as an intent is stored, the hint is thought to be done with.
                let begun = batch
                    .iter()
                    .any(|change| matches!(change, Change::Pair(pair) if pair.intent.is_some()));
                if begun {
                    for hint in self.inner.stored().hints {
                        batch.push(Change::Dequeue {
                            side: hint.side,
                            id: hint.id,
                            turn: hint.turn,
                        });
                    }
                }
            }
            _ => {}
        }
        self.inner.commit(&lease, batch).await
    }
}

#[async_trait]
impl PairStore for PlantedStore {
    async fn pair(&self, id: PairId) -> Result<Option<Pair>, StoreError> {
        self.inner.pair(id).await
    }

    async fn pair_of(&self, side: Side, record: &RecordId) -> Result<Option<Pair>, StoreError> {
        self.inner.pair_of(side, record).await
    }

    async fn pair_in_group(&self, side: Side, group: &GroupId) -> Result<Option<Pair>, StoreError> {
        self.inner.pair_in_group(side, group).await
    }

    async fn known(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> Result<BTreeSet<RecordId>, StoreError> {
        self.inner.known(side, records).await
    }

    async fn pairs(&self, after: Option<PairId>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.inner.pairs(after, limit).await
    }

    async fn parked(
        &self,
        kind: Option<ErrorKind>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        self.inner.parked(kind, after, limit).await
    }

    async fn park_counts(&self) -> Result<Vec<ParkCount>, StoreError> {
        self.inner.park_counts().await
    }
}

#[async_trait]
impl QueueStore for PlantedStore {
    async fn due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<QueuedHint>, StoreError> {
        self.inner.due(now, limit).await
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.inner.next_due().await
    }

    async fn newcomers_wait(&self, side: Side) -> Result<bool, StoreError> {
        self.inner.newcomers_wait(side).await
    }
}

#[async_trait]
impl LogStore for PlantedStore {
    async fn conflicts(&self, skip: usize, limit: usize) -> Result<Vec<ConflictEntry>, StoreError> {
        self.inner.conflicts(skip, limit).await
    }

    async fn skipped(&self, skip: usize, limit: usize) -> Result<Vec<SkippedRecord>, StoreError> {
        self.inner.skipped(skip, limit).await
    }

    async fn skip_of(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<SkippedRecord>, StoreError> {
        self.inner.skip_of(side, record).await
    }

    async fn audit(
        &self,
        query: &AuditQuery,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
        self.inner.audit(query, after, limit).await
    }
}
