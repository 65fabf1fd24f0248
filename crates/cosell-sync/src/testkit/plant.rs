//! Known mistakes, planted round a replica or the store, to show that the assertions can fail.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Settled, Value};

use super::{
    plant_store::PlantedStore,
    toy::observe,
    values::{STAGE, is_closed},
    world::World,
};
use crate::{
    Capabilities, Cursor, Deadline, Draft, GroupId, HintPage, Life, MemoryStore, Observed, PairKey,
    PartName, Patch, ReadError, RecordId, Replica, Side, StateStore, WriteError, WriteStamp,
    Written, engine::lock,
};

/// A known mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Plant {
    /// A create is sent without an intent in the journal.
    NoIntentBeforeCreate,
    /// An update is sent without an intent in the journal.
    NoIntentBeforeUpdate,
    /// The cursor is stored at once, the hints of its page with the next commit.
    CursorBeforeHints,
    /// The base takes over what an intent is about to write.
    BaseBeforeWrite,
    /// Versions that our writes replaced are forgotten.
    RetiredIgnored,
    /// A commit under a lost lease is let through.
    LeaseUnchecked,
    /// The base remembers one value for both sides.
    OneImageBase,
    /// A pair that is switched off forgets its other end.
    DroppedOnFlagOff,
    /// A value that gave way is not logged.
    LoserNotLogged,
    /// Which outcome is shown is forgotten.
    ShownForgotten,
    /// A worked hint leaves the queue before what it caused is stored.
    DequeuedFirst,
    /// The journal forgets what the other side held when a write was planned.
    ReadForgotten,
    /// When a record was seen last is forgotten, so that no read looks late.
    SeenTimeForgotten,
    /// An update does not name the version that was seen.
    NoIfMatch,
    /// After a lost create nothing is waited for.
    NoWaitAfterCreate,
    /// A late search is taken for the truth.
    LateFindBelieved,
    /// An answer that is not clear counts as a refusal.
    UnknownAsRefused,
    /// An answer that is not clear counts as never sent.
    UnknownAsNotSent,
    /// A page that fails counts as read to its end.
    CursorPastFailedPage,
    /// The cursor moves to the newest change while pages are left.
    CursorMovedMidPass,
    /// A record that is not there reads as one with empty fields.
    MissingReadAsEmpty,
    /// The record after a write is made up from what was sent, not seen.
    BaseFromSent,
    /// The key of a record is overlooked, so that the echo of a create founds a pair.
    EchoFounds,
    /// Bytes leave after the deadline.
    NoSendDeadline,
    /// A deletion is believed without a fetch.
    DeletionBelieved,
    /// An update writes a column that no rule names.
    ForeignBlanked,
    /// One record that breaks the model fails its whole page.
    BadRecordFailsPage,
    /// Nothing is counted and no limit is kept.
    BrakeIgnored,
    /// A set that both sides edited goes over whole instead of being merged.
    SetsOverwritten,
    /// A part is made without an intent of its own in the journal.
    NoIntentBeforePart,
    /// A close is taken for landed because the stamp of the write before it is there.
    CloseJudgedByStamp,
    /// What a new record was sent counts as seen on it, so that whatever moves it next is taken
    /// for a person's wish.
    AcceptWithoutBase,
    /// Two records that never met: the stage of the side without final stages stands.
    AcceptedAtFirstMeeting,
    /// A record is made final first, and what else changed is left for the next write.
    ReasonAfterClosing,
    /// What a record was before it moved is overlooked.
    FormerOverlooked,
    /// What a closed record names is overlooked.
    ClosedKeyOverlooked,
    /// A deal is not told the key that it was told while it was a lead.
    KeyLeftBehind,
    /// What a value becomes is asked of the record that our own write has closed.
    SettledWhenClosed,
    /// A closing that was answered leaves no base.
    ClosingForgotten,
    /// A key that did not arrive because the record had changed is not sent again.
    KeySentOnce,
    /// A new record that a late read does not show passes for one that is not there.
    LateReadBelieved,
}

impl Plant {
    pub(super) fn replica(
        self,
        side: Side,
        inner: Arc<dyn Replica>,
        world: &Arc<World>,
    ) -> Arc<dyn Replica> {
        Arc::new(PlantedReplica {
            plant: self,
            side,
            inner,
            world: world.clone(),
            wanted: Mutex::default(),
            gone: Mutex::default(),
            keyed: AtomicBool::new(false),
        })
    }

    /// A store with this mistake in it, if it is one that shows there.
    pub fn store(self, truth: &Arc<MemoryStore>) -> Arc<dyn StateStore> {
        Arc::new(PlantedStore::new(self, truth.clone()))
    }
}

#[derive(Debug)]
struct PlantedReplica {
    plant: Plant,
    side: Side,
    inner: Arc<dyn Replica>,
    world: Arc<World>,
    /// What was wanted, by field and settled form.
    wanted: Mutex<BTreeMap<(FieldId, Value), Value>>,
    gone: Mutex<Vec<RecordId>>,
    /// A key was sent, perhaps in vain.
    keyed: AtomicBool,
}

impl PlantedReplica {
    /// The newest state, asked past the gate: a mistake makes no calls of its own.
    fn version_now(&self, id: &RecordId) -> Option<String> {
        let state = self.world.state();
        let row = state.side(self.side).rows.get(id.as_str())?;
        Some(row.version_text())
    }

    fn observed(&self, mut record: Observed) -> Observed {
        match self.plant {
            Plant::EchoFounds => record.key = None,
            Plant::FormerOverlooked => record.former.clear(),
            Plant::ClosedKeyOverlooked if record.life == Life::Closed => record.key = None,
            _ => {}
        }
        record
    }

    fn answer(&self, result: Result<Written, WriteError>) -> Result<Written, WriteError> {
        match (self.plant, result) {
            (Plant::UnknownAsRefused, Err(WriteError::Unknown(message))) => {
                Err(WriteError::Refused {
                    message,
                    fields: Vec::new(),
                })
            }
            (Plant::UnknownAsNotSent, Err(WriteError::Unknown(why))) => {
                Err(WriteError::NotSent(why))
            }
            (_, result) => result.map(|written| Written {
                after: written.after.map(|record| self.observed(record)),
                ..written
            }),
        }
    }

    fn deadline(&self, until: Deadline) -> Deadline {
        if self.plant == Plant::NoSendDeadline {
            until + chrono::TimeDelta::days(365)
        } else {
            until
        }
    }
}

#[async_trait]
impl Replica for PlantedReplica {
    fn capabilities(&self) -> Capabilities {
        let mut able = self.inner.capabilities();
        match self.plant {
            Plant::NoWaitAfterCreate => {
                able.find_lag = std::time::Duration::ZERO;
                able.lateness = std::time::Duration::ZERO;
            }
            Plant::LateFindBelieved => able.unique_birth = true,
            Plant::CloseJudgedByStamp => able.apart.clear(),
            _ => {}
        }
        able
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let newest = Cursor::new(self.world.state().side(self.side).changes.to_string());
        let mut page = match self.inner.hints(since).await {
            Err(_) if self.plant == Plant::CursorPastFailedPage => HintPage {
                hints: Vec::new(),
                cursor: newest.clone(),
                more: false,
            },
            result => result?,
        };
        match self.plant {
            Plant::CursorMovedMidPass => page.cursor = newest,
            Plant::BadRecordFailsPage => {
                let state = self.world.state();
                let rows = &state.side(self.side).rows;
                let bad = |id: &RecordId| rows.get(id.as_str()).is_some_and(|row| row.malformed);
                if page.hints.iter().any(|hint| bad(&hint.id)) {
                    return Err(ReadError::Malformed("a record of the page".to_owned()));
                }
            }
            Plant::DeletionBelieved => {
                let gone = page.hints.iter().filter(|hint| hint.gone);
                lock(&self.gone).extend(gone.map(|hint| hint.id.clone()));
            }
            _ => {}
        }
        for hint in &mut page.hints {
            hint.seen = hint.seen.take().map(|record| self.observed(record));
        }
        Ok(page)
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        match self.plant {
            Plant::DeletionBelieved if lock(&self.gone).contains(id) => return Ok(None),
            _ => {}
        }
        let record = self
            .inner
            .fetch(id)
            .await?
            .map(|record| self.observed(record));
        if record.is_some() || self.plant != Plant::MissingReadAsEmpty {
            return Ok(record);
        }
        let state = self.world.state();
        let of = |side: Side| state.side(side).rows.values().next().cloned();
        let empty = of(self.side)
            .or_else(|| of(self.side.other()))
            .map(|mut row| {
                row.fields
                    .values_mut()
                    .for_each(|value| *value = Value::Null);
                observe(self.side, id.as_str(), &row)
            });
        Ok(empty)
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        let found = self.inner.find(key, floor).await?;
        Ok(found
            .into_iter()
            .map(|record| self.observed(record))
            .collect())
    }

    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
        self.inner.in_group(group).await
    }

    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let until = self.deadline(until);
        let made = self.inner.create_part(of, name, stamp, draft, until);
        self.answer(made.await)
    }

    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let until = self.deadline(until);
        self.answer(self.inner.create(key, stamp, draft, until).await)
    }

    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let mut seen = seen.clone();
        let mut patch = patch.clone();
        if self.plant == Plant::ForeignBlanked {
            patch.fields.insert(FieldId::from("foreign"), Value::Null);
        }
        let keyed = self.keyed.load(Ordering::Relaxed);
        match self.plant {
            Plant::KeySentOnce if keyed => patch.key = None,
            Plant::KeyLeftBehind if keyed && !seen.former.is_empty() => patch.key = None,
            _ => {}
        }
        let on_left = self.side == Side::Left;
        let mut left_over = false;
        if self.plant == Plant::ReasonAfterClosing && on_left && is_closed(&patch.fields) {
            let all = patch.fields.len();
            patch.fields.retain(|field, _| field.as_str() == STAGE);
            left_over = patch.fields.len() < all;
        }
        let result = loop {
            let result = self
                .inner
                .update(&seen, stamp, &patch, self.deadline(until))
                .await;
            if self.plant == Plant::NoIfMatch
                && matches!(result, Err(WriteError::Stale))
                && let Some(version) = self.version_now(&seen.id)
            {
                seen.version = crate::Version::new(version);
                continue;
            }
            break result;
        };
        let in_vain = matches!(result, Err(WriteError::Stale));
        let counts = in_vain || self.plant == Plant::KeyLeftBehind;
        self.keyed
            .fetch_or(counts && patch.key.is_some(), Ordering::Relaxed);
        let mut written = self.answer(result)?;
        if left_over {
            // Planned anew, for the next write.
            return Err(WriteError::Stale);
        }
        if self.plant == Plant::BaseFromSent && written.after.is_none() {
            written.after = self.inner.fetch(&written.id).await.ok().flatten();
        }
        if self.plant == Plant::BaseFromSent
            && let Some(after) = &mut written.after
        {
            for (field, value) in &patch.fields {
                let key = (field.clone(), value.clone());
                let wanted = lock(&self.wanted).get(&key).cloned();
                after
                    .fields
                    .insert(field.clone(), wanted.unwrap_or_else(|| value.clone()));
            }
        }
        Ok(written)
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        let settled = self.inner.settle(field, wanted, now);
        if let Settled::Becomes { value, .. } = &settled {
            lock(&self.wanted).insert((field.clone(), value.clone()), wanted.clone());
        }
        settled
    }
}
