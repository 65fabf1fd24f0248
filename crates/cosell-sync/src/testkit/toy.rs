//! The toy services and the store as the engine reaches them.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Settled, Value};

use super::{
    Assumption,
    gate::{Fault, Gate, Kind},
    judge,
    world::{HELPER, Late, Row, World, capabilities, refusal, settle},
};
use crate::{
    AuditEntry, AuditPlace, AuditQuery, Capabilities, Change, Clock, ConflictEntry, Counter,
    Cursor, Deadline, Draft, ErrorKind, GroupId, Hint, HintPage, Lease, Life, LogStore,
    MemoryStore, Native, Observed, Pair, PairId, PairKey, PairStore, ParkCount, PartName, Patch,
    QueueStore, QueuedHint, ReadError, RecordId, Replica, Role, Side, SkippedRecord, StateStore,
    StoreError, Version, WriteError, WriteStamp, Written,
};

/// Hints on one page.
const PAGE: usize = 2;

#[derive(Debug)]
pub(super) struct Toy {
    pub(super) side: Side,
    pub(super) gate: Arc<Gate>,
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> DateTime<Utc> {
        self.state().now
    }

    // Time passes at once.
    async fn sleep(&self, duration: std::time::Duration) {
        self.state().now += duration;
    }
}

fn child_id(id: &str) -> RecordId {
    RecordId::new(format!("{id}/note"))
}

pub(super) fn observe(side: Side, id: &str, row: &Row) -> Observed {
    Observed {
        id: RecordId::new(id),
        role: if row.is_part {
            Role::Part { name: helper() }
        } else {
            Role::Main
        },
        group: row.grouped.then(|| GroupId::new(format!("g{}", row.deal))),
        key: row.key.clone(),
        former: Vec::new(),
        aliases: (side == Side::Right)
            .then(|| child_id(id))
            .into_iter()
            .collect(),
        version: Version::new(row.version_text()),
        stamp: row.stamp.filter(|_| side == Side::Right),
        life: Life::Open,
        takes_part: row.takes_part,
        as_of: row.at,
        fields: row.fields.clone(),
        wishes: row.asks.then(helper).into_iter().collect(),
        native: Native::none(),
    }
}

fn helper() -> PartName {
    PartName::new(HELPER)
}

fn no_answer() -> WriteError {
    WriteError::Unknown("no answer".into())
}

fn down() -> ReadError {
    ReadError::Failed("no answer".to_owned())
}

impl Toy {
    fn world(&self) -> &World {
        &self.gate.world
    }

    /// What a write may meet before it takes effect.
    fn before(&self, fault: Option<Fault>, until: Deadline) -> Result<(), WriteError> {
        match fault {
            Some(Fault::Lose) => return Err(no_answer()),
            Some(Fault::NotSent) => return Err(WriteError::NotSent("no connection".into())),
            _ => {}
        }
        if self.world().state().now > until {
            return Err(WriteError::NotSent("the deadline has passed".into()));
        }
        Ok(())
    }

    fn take_off(&self, deal: Option<u8>, until: Deadline) {
        let mut state = self.world().state();
        let Some(deal) = deal else {
            return;
        };
        let now = state.now;
        if state
            .flying
            .iter()
            .any(|(other, until)| *other == deal && *until >= now)
        {
            state.broken(15, format!("two writes of deal {deal} are on their way"));
        }
        state.flying.push((deal, until));
    }

    fn land(&self, deal: Option<u8>, until: Deadline) {
        let mut state = self.world().state();
        let flying = &mut state.flying;
        if let Some(at) = flying
            .iter()
            .position(|one| Some(one.0) == deal && one.1 == until)
        {
            flying.remove(at);
        }
    }
}

#[async_trait]
impl Replica for Toy {
    fn capabilities(&self) -> Capabilities {
        capabilities(self.side)
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let side = self.side;
        let says = || format!("{side:?}.hints since {:?}", since.map(Cursor::as_str));
        let fault = self
            .gate
            .enter(Kind::Hints, Some(side), since.is_some(), says)
            .await;
        match fault {
            Some(Fault::Lose) => return Err(down()),
            Some(Fault::Expire) => return Err(ReadError::CursorExpired("too old".to_owned())),
            _ => {}
        }
        let since: u64 = since
            .and_then(|cursor| cursor.as_str().parse().ok())
            .unwrap_or(0);
        // The list side tells its last change once more.
        let from = if side == Side::Left {
            since.saturating_sub(1)
        } else {
            since
        };
        let state = self.world().state();
        let there = state.side(side);
        let mut changes: Vec<(u64, Hint)> = Vec::new();
        let mut lies = Vec::new();
        for (id, row) in &there.rows {
            let hint = Hint {
                id: RecordId::new(id),
                version: Some(Version::new(row.version_text())),
                takes_part: Some(row.takes_part),
                gone: false,
                seen: (side == Side::Left).then(|| observe(side, id, row)),
            };
            if fault == Some(Fault::FalseGone) && row.deal == 0 {
                lies.push(Hint {
                    gone: true,
                    seen: None,
                    ..hint.clone()
                });
            }
            let child = Hint {
                id: child_id(id),
                version: None,
                seen: None,
                ..hint.clone()
            };
            changes.push((row.changed, hint));
            changes.push((row.child_changed, child));
        }
        for (id, at) in there
            .gone
            .iter()
            .filter(|_| side == Side::Right && since > 0)
        {
            let hint = Hint {
                id: RecordId::new(id),
                version: None,
                takes_part: None,
                gone: true,
                seen: None,
            };
            changes.push((*at, hint));
        }
        changes.retain(|(at, _)| *at > from);
        changes.sort_by_key(|(at, _)| *at);
        let more = changes.len() > PAGE;
        changes.truncate(PAGE);
        let cursor = changes.last().map_or(since, |(at, _)| (*at).max(since));
        Ok(HintPage {
            hints: lies
                .into_iter()
                .chain(changes.into_iter().map(|(_, hint)| hint))
                .collect(),
            cursor: Cursor::new(cursor.to_string()),
            more,
        })
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        let side = self.side;
        let own = id.as_str().trim_end_matches("/note");
        let lag = capabilities(side).read_lag;
        let older = {
            let state = self.world().state();
            let row = state.side(side).rows.get(own);
            let late = state.lacks(Assumption::ReadLag);
            row.is_some_and(|row| row.before.is_some() && late || state.now < row.at + lag)
        };
        let says = || format!("{side:?}.fetch {id}");
        let fault = self.gate.enter(Kind::Fetch, Some(side), older, says).await;
        if fault == Some(Fault::Lose) {
            return Err(down());
        }
        let state = self.world().state();
        let mut row = state.side(side).rows.get(own);
        if fault == Some(Fault::Stale) {
            row = row.and_then(|row| row.before.as_deref());
        }
        match row {
            Some(row) if row.malformed => {
                Err(ReadError::Malformed("value: not a number".to_owned()))
            }
            row => Ok(row.map(|row| observe(side, own, row))),
        }
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        let side = self.side;
        let says = || format!("{side:?}.find {key}");
        let fault = self.gate.enter(Kind::Find, Some(side), false, says).await;
        if fault == Some(Fault::Lose) {
            return Err(down());
        }
        let state = self.world().state();
        let late = if state.lacks(Assumption::FindLag) {
            10
        } else {
            1
        };
        let lag = capabilities(side).find_lag * late;
        // As late as it may be.
        let shown = state.side(side).rows.iter().filter(|(_, row)| {
            row.key.as_ref() == Some(key)
                && floor.is_none_or(|floor| row.at >= floor)
                && row.born + lag <= state.now
        });
        Ok(shown.map(|(id, row)| observe(side, id, row)).collect())
    }

    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
        let side = self.side;
        let says = || format!("{side:?}.in_group {group}");
        let fault = self.gate.enter(Kind::Find, Some(side), false, says).await;
        if fault == Some(Fault::Lose) {
            return Err(down());
        }
        let lag = capabilities(side).find_lag;
        let state = self.world().state();
        // As late as it may be.
        let rows = state.side(side).rows.iter();
        let shown = rows.filter(|(_, row)| row.born + lag <= state.now);
        let records = shown.map(|(id, row)| observe(side, id, row));
        Ok(records
            .filter(|record| record.group.as_ref() == Some(group))
            .collect())
    }

    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        _: WriteStamp,
        _: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let (side, own) = (self.side, of.id.as_str());
        let deal = self
            .world()
            .state()
            .deals
            .get(&(side, own.to_owned()))
            .copied();
        self.take_off(deal, until);
        let says = || format!("{side:?}.create_part {name} of {own}");
        let fault = self.gate.enter(Kind::Create, Some(side), false, says).await;
        self.land(deal, until);
        self.before(fault, until)?;
        if fault == Some(Fault::Late) {
            let late = Late::Part(side, own.to_owned(), until);
            self.world().state().late.push(late);
            return Err(no_answer());
        }
        let made = self.world().state().create_part(side, own);
        self.gate.leave(fault).await;
        if fault == Some(Fault::LoseAnswer) {
            return Err(no_answer());
        }
        let id = made.ok_or(WriteError::Stale)?;
        let state = self.world().state();
        let row = state.side(side).rows.get(&id);
        Ok(Written {
            after: row.map(|row| observe(side, &id, row)),
            moved_to: None,
            id: RecordId::new(id),
        })
    }

    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let side = self.side;
        let partner = (side.other(), key.as_str().to_owned());
        let deal = self.world().state().deals.get(&partner).copied();
        self.take_off(deal, until);
        let says = || format!("{side:?}.create for {key} {}", words(&draft.fields));
        let fault = self.gate.enter(Kind::Create, Some(side), false, says).await;
        self.land(deal, until);
        self.before(fault, until)?;
        if let Some(refused) = refusal(&draft.fields) {
            return Err(refused);
        }
        if fault == Some(Fault::Late) {
            let late = Late::Create(side, key.clone(), stamp, draft.clone(), until);
            self.world().state().late.push(late);
            return Err(no_answer());
        }
        let made = self.world().state().create(side, key, stamp, draft);
        self.gate.leave(fault).await;
        if fault == Some(Fault::LoseAnswer) {
            return Err(no_answer());
        }
        let id = made.ok_or(WriteError::Stale)?;
        let state = self.world().state();
        let row = state.side(side).rows.get(&id);
        Ok(Written {
            after: row.map(|row| observe(side, &id, row)),
            moved_to: None,
            id: RecordId::new(id),
        })
    }

    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let (side, id, version) = (self.side, seen.id.as_str(), seen.version.as_str());
        let deal = self
            .world()
            .state()
            .deals
            .get(&(side, id.to_owned()))
            .copied();
        self.take_off(deal, until);
        let says = || {
            let fields = words(&patch.fields);
            let more = match (&patch.key, &patch.outcome) {
                (None, None) => "",
                (Some(_), None) => " + key",
                (None, Some(_)) => " + outcome",
                (Some(_), Some(_)) => " + key + outcome",
            };
            format!("{side:?}.update {id} at {version} {fields}{more}")
        };
        let fault = self.gate.enter(Kind::Update, Some(side), false, says).await;
        self.land(deal, until);
        self.before(fault, until)?;
        if let Some(refused) = refusal(&patch.fields) {
            return Err(refused);
        }
        if fault == Some(Fault::Late) {
            let (id, version) = (id.to_owned(), version.to_owned());
            let late = Late::Update(side, id, version, stamp, patch.clone(), until);
            self.world().state().late.push(late);
            return Err(no_answer());
        }
        let landed = self.world().state().update(side, id, version, stamp, patch);
        self.gate.leave(fault).await;
        if fault == Some(Fault::LoseAnswer) {
            return Err(no_answer());
        }
        if !landed {
            return Err(WriteError::Stale);
        }
        let state = self.world().state();
        let row = state.side(side).rows.get(id);
        Ok(Written {
            id: seen.id.clone(),
            moved_to: None,
            // One side answers with the record, the other has to be asked.
            after: row
                .filter(|_| side == Side::Left)
                .map(|row| observe(side, id, row)),
        })
    }

    fn settle(&self, field: &FieldId, wanted: &Value, _: Option<&Observed>) -> Settled {
        settle(self.side, field.as_str(), wanted)
    }
}

fn words<'a>(fields: impl IntoIterator<Item = (&'a FieldId, &'a Value)>) -> String {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(field, value)| format!("{field}={value}"))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

/// The store behind the gate, watched at every commit.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) inner: Arc<dyn StateStore>,
    pub(super) truth: Arc<MemoryStore>,
    pub(super) gate: Arc<Gate>,
}

fn locked() -> StoreError {
    StoreError::Failed("disk full; make room".to_owned())
}

macro_rules! read {
    ($self:ident, $call:ident($($argument:expr),*)) => {{
        let says = || concat!("store.", stringify!($call)).to_owned();
        match $self.gate.enter(Kind::StoreRead, None, false, says).await {
            Some(Fault::Lose) => Err(locked()),
            _ => $self.inner.$call($($argument),*).await,
        }
    }};
}

#[async_trait]
impl StateStore for Kept {
    async fn lease(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Lease, StoreError> {
        let says = || "store.lease".to_owned();
        let fault = self.gate.enter(Kind::Lease, None, false, says).await;
        if fault == Some(Fault::Lose) {
            return Err(locked());
        }
        let lease = self.inner.lease(owner, now, until).await;
        self.gate.leave(fault).await;
        lease
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let says = || "store.release".to_owned();
        let fault = self.gate.enter(Kind::Lease, None, false, says).await;
        if fault == Some(Fault::Lose) {
            return Err(locked());
        }
        self.inner.release(lease).await
    }

    async fn cursor(&self, side: Side) -> Result<Option<Cursor>, StoreError> {
        read!(self, cursor(side))
    }

    async fn counters(&self) -> Result<Vec<Counter>, StoreError> {
        read!(self, counters())
    }

    async fn place(&self, job: &str) -> Result<Option<String>, StoreError> {
        read!(self, place(job))
    }

    async fn commit(&self, lease: &Lease, batch: Vec<Change>) -> Result<(), StoreError> {
        let says = || format!("store.commit {}", batch_words(&batch));
        let fault = self.gate.enter(Kind::Commit, None, false, says).await;
        if fault == Some(Fault::Lose) {
            return Err(locked());
        }
        let epoch = self.truth.stored().epoch;
        let result = self.inner.commit(lease, batch).await;
        let stored = self.truth.stored();
        {
            let mut state = self.gate.world.state();
            if result.is_ok() && lease.epoch < epoch {
                let what = format!("a commit under epoch {} while {epoch} rules", lease.epoch);
                state.broken(15, what);
            }
            judge::watch(&mut state, &stored);
        }
        self.gate.leave(fault).await;
        if fault == Some(Fault::LoseAnswer) {
            return Err(locked());
        }
        result
    }
}

#[async_trait]
impl PairStore for Kept {
    async fn pair(&self, id: PairId) -> Result<Option<Pair>, StoreError> {
        read!(self, pair(id))
    }

    async fn pair_of(&self, side: Side, record: &RecordId) -> Result<Option<Pair>, StoreError> {
        read!(self, pair_of(side, record))
    }

    async fn pair_in_group(&self, side: Side, group: &GroupId) -> Result<Option<Pair>, StoreError> {
        read!(self, pair_in_group(side, group))
    }

    async fn known(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> Result<BTreeSet<RecordId>, StoreError> {
        read!(self, known(side, records))
    }

    async fn pairs(&self, after: Option<PairId>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        read!(self, pairs(after, limit))
    }

    async fn parked(
        &self,
        kind: Option<ErrorKind>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        read!(self, parked(kind, after, limit))
    }

    async fn park_counts(&self) -> Result<Vec<ParkCount>, StoreError> {
        read!(self, park_counts())
    }
}

#[async_trait]
impl QueueStore for Kept {
    async fn due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<QueuedHint>, StoreError> {
        read!(self, due(now, limit))
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        read!(self, next_due())
    }

    async fn newcomers_wait(&self, side: Side) -> Result<bool, StoreError> {
        read!(self, newcomers_wait(side))
    }
}

#[async_trait]
impl LogStore for Kept {
    async fn conflicts(&self, skip: usize, limit: usize) -> Result<Vec<ConflictEntry>, StoreError> {
        read!(self, conflicts(skip, limit))
    }

    async fn skipped(&self, skip: usize, limit: usize) -> Result<Vec<SkippedRecord>, StoreError> {
        read!(self, skipped(skip, limit))
    }

    async fn skip_of(
        &self,
        side: Side,
        record: &RecordId,
    ) -> Result<Option<SkippedRecord>, StoreError> {
        read!(self, skip_of(side, record))
    }

    async fn audit(
        &self,
        query: &AuditQuery,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>, StoreError> {
        read!(self, audit(query, after, limit))
    }
}

fn batch_words(batch: &[Change]) -> String {
    let words: Vec<_> = batch
        .iter()
        .map(|change| match change {
            Change::Pair(pair) => {
                let intent = pair.intent.as_ref();
                let writes = intent
                    .map_or_else(String::new, |intent| format!(" to write {:?}", intent.side));
                let park = if pair.park.is_some() { " parked" } else { "" };
                format!("pair{writes}{park}")
            }
            Change::Cursor { side, cursor } => {
                format!("cursor {side:?} {:?}", cursor.as_ref().map(Cursor::as_str))
            }
            Change::Enqueue(hint) => format!("enqueue {:?} {}", hint.side, hint.id),
            Change::Dequeue { side, id, .. } => format!("dequeue {side:?} {id}"),
            Change::Postpone { hint } => format!("postpone {:?} {}", hint.side, hint.id),
            Change::Conflict(entry) => format!("conflict {}", entry.field),
            Change::Count { of, .. } => format!("count {of:?}"),
            Change::Uncount { of, .. } => format!("uncount {of:?}"),
            Change::Skip(record) => format!("skip {:?} {}", record.side, record.id),
            Change::Unskip { side, id } => format!("unskip {side:?} {id}"),
            Change::Audit(entry) => format!("line {}", entry.kind.as_str()),
            Change::Place { job, .. } => format!("place of {job}"),
            Change::Prune { .. } => "prune".to_owned(),
            Change::Forget { .. } => "forget".to_owned(),
        })
        .collect();
    format!("[{}]", words.join(", "))
}
