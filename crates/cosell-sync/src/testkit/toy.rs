//! The toy services as the engine reaches them.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Settled, Value};

use super::{
    Assumption,
    gate::{Fault, Gate, Kind},
    values::{HELPER, capabilities, is_closed, refusal, settle},
    world::{Row, State, World},
    writes::{Effect, Late},
};
use crate::{
    Capabilities, Clock, Cursor, Deadline, Draft, GroupId, Hint, HintPage, Life, Native, Observed,
    PairKey, PartName, Patch, ReadError, RecordId, Replica, Role, Side, Version, WriteError,
    WriteStamp, Written,
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
        former: row.former.iter().map(RecordId::new).collect(),
        aliases: (side == Side::Right)
            .then(|| child_id(id))
            .into_iter()
            .collect(),
        version: Version::new(row.version_text()),
        stamp: row.stamp.filter(|_| side == Side::Right),
        life: if is_closed(&row.fields) {
            Life::Closed
        } else {
            Life::Open
        },
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

    /// The step of its own that closes a record on the right. What was written before it stands,
    /// so that no failure of it is clear.
    async fn close(
        &self,
        deal: Option<u8>,
        id: &str,
        stage: &Value,
        until: Deadline,
    ) -> Result<(), WriteError> {
        self.take_off(deal, until);
        let says = || format!("Right.close {id} as {stage}");
        let side = Some(Side::Right);
        let fault = self.gate.enter(Kind::Update, side, 0, says).await;
        self.land(deal, until);
        if self.before(fault, until).is_err() {
            return Err(no_answer());
        }
        if fault == Some(Fault::Late) {
            let late = Late::Close(id.to_owned(), stage.clone(), until);
            self.world().state().late.push(late);
            return Err(no_answer());
        }
        let closed = self.world().state().close(id, stage);
        self.gate.leave(fault).await;
        if fault == Some(Fault::LoseAnswer) || !closed {
            return Err(no_answer());
        }
        Ok(())
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
            .enter(Kind::Hints, Some(side), usize::from(since.is_some()), says)
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
            // What happens to the deal is told of under the lead's id once more.
            for former in &row.former {
                let lead = Hint {
                    id: RecordId::new(former),
                    ..child.clone()
                };
                changes.push((row.changed, lead));
            }
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
        let older = |state: &State| {
            let row = state.row(side, own);
            let late = state.lacks(Assumption::ReadLag);
            row.map_or(0, |(_, row)| {
                let late = usize::from(late && row.before.is_some());
                row.older(side, state.now).max(late)
            })
        };
        let may = older(&self.world().state());
        let says = || format!("{side:?}.fetch {id}");
        let fault = self.gate.enter(Kind::Fetch, Some(side), may, says).await;
        if fault == Some(Fault::Lose) {
            return Err(down());
        }
        let state = self.world().state();
        // Time may have passed since the call began.
        let back = match fault {
            Some(Fault::Stale) => older(&state).min(1),
            Some(Fault::Oldest) => older(&state),
            _ => 0,
        };
        let Some((own, mut row)) = state.row(side, own) else {
            return Ok(None);
        };
        for _ in 0..back {
            let Some(before) = row.before.as_deref() else {
                return Ok(None);
            };
            row = before;
        }
        if row.malformed {
            return Err(ReadError::Malformed("value: not a number".to_owned()));
        }
        Ok(Some(observe(side, own, row)))
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        let side = self.side;
        let says = || format!("{side:?}.find {key}");
        let fault = self.gate.enter(Kind::Find, Some(side), 0, says).await;
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
        let fault = self.gate.enter(Kind::Find, Some(side), 0, says).await;
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
        let fault = self.gate.enter(Kind::Create, Some(side), 0, says).await;
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
        let fault = self.gate.enter(Kind::Create, Some(side), 0, says).await;
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
        let fault = self.gate.enter(Kind::Update, Some(side), 0, says).await;
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
        let (now, then) = match landed {
            Effect::Stale => return Err(WriteError::Stale),
            Effect::Closed => {
                return Err(WriteError::Refused {
                    message: "the record is closed".into(),
                    fields: Vec::new(),
                });
            }
            Effect::Landed { id, then } => (id, then),
        };
        if let Some(stage) = then {
            self.close(deal, id, &stage, until).await?;
        }
        let state = self.world().state();
        let row = state.side(side).rows.get(&now);
        Ok(Written {
            id: seen.id.clone(),
            moved_to: (now != id).then(|| RecordId::new(&now)),
            // One side answers with the record; the other, which may show it late, has to be
            // asked.
            after: row
                .filter(|_| side == Side::Right)
                .map(|row| observe(side, &now, row)),
        })
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        let now = now.map(|now| &now.fields);
        settle(self.side, field.as_str(), wanted, now)
    }
}

fn words<'a>(fields: impl IntoIterator<Item = (&'a FieldId, &'a Value)>) -> String {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(field, value)| format!("{field}={value}"))
        .collect();
    format!("{{{}}}", fields.join(", "))
}
