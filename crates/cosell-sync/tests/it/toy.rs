//! One service in memory. The left one is like a referrals service: no stamps, ids of its own, a
//! create may be repeated. The right one is like a CRM: stamps, unique births, outcomes shown.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_sync::{
    Capabilities, Clock as _, Cursor, Deadline, Draft, FieldId, GroupId, Hint, HintPage, Life,
    Loss, Native, Observed, Outcome, PairKey, PartName, Patch, ReadError, Reason, ReasonCode,
    RecordId, RefusedField, Replica, Role, Settled, Side, Snapshot, Told, Value, Version,
    WriteError, WriteStamp, Written,
};

use crate::world::ToyClock;

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) fields: Snapshot,
    pub(crate) key: Option<PairKey>,
    pub(crate) version: u64,
    pub(crate) stamp: Option<WriteStamp>,
    pub(crate) life: Life,
    pub(crate) takes_part: bool,
    pub(crate) at: DateTime<Utc>,
    pub(crate) born: DateTime<Utc>,
    pub(crate) outcomes: Vec<Outcome>,
    /// It asks for a helper at the other end.
    pub(crate) asks: bool,
    /// It is such a helper.
    pub(crate) is_part: bool,
    group: Option<GroupId>,
    changed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct ToyState {
    pub(crate) rows: BTreeMap<String, Row>,
    gone: BTreeMap<String, u64>,
    changes: u64,
    made: u64,
    /// Errors for the next calls, by method.
    pub(crate) failing: BTreeMap<&'static str, Vec<Fault>>,
    pub(crate) malformed: Vec<String>,
    pub(crate) hidden: bool,
    /// Records made here get a group of their own.
    pub(crate) grouped: bool,
    /// No list shows helpers.
    pub(crate) hides_parts: bool,
    /// `find` does not show records younger than the find lag.
    pub(crate) finds_late: bool,
    pub(crate) expire_cursors: bool,
    /// What the next fetch shows instead: the record as it was.
    pub(crate) late_fetch: Option<Row>,
    /// A seller's edit that comes just before our next update.
    pub(crate) edit_before_update: Option<(FieldId, Value)>,
    /// A seller's edit that happens right after our next update.
    pub(crate) edit_after_update: Option<(FieldId, Value)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Fail,
    Throttle(Duration),
    /// The write takes effect, the answer is lost.
    LostAfter,
    /// The request is lost.
    LostBefore,
    NotSent,
    Panic,
}

#[derive(Debug)]
pub(crate) struct Toy {
    side: Side,
    clock: Arc<ToyClock>,
    pub(crate) state: Mutex<ToyState>,
}

impl Toy {
    pub(crate) fn new(side: Side, clock: Arc<ToyClock>) -> Self {
        Self {
            side,
            clock,
            state: Mutex::default(),
        }
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut ToyState) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// A record made by a person.
    pub(crate) fn add(&self, id: &str, fields: &[(&str, &str)]) {
        self.add_with_key(id, None, fields);
    }

    pub(crate) fn add_with_key(&self, id: &str, key: Option<&str>, fields: &[(&str, &str)]) {
        let now = self.clock.now();
        let fields = fields
            .iter()
            .map(|(field, value)| (FieldId::from(*field), Value::text(*value)))
            .collect();
        self.with(|state| {
            state.changes += 1;
            let row = Row {
                fields,
                key: key.map(PairKey::new),
                version: 1,
                stamp: None,
                life: Life::Open,
                takes_part: true,
                at: now,
                born: now,
                outcomes: Vec::new(),
                asks: false,
                is_part: false,
                group: None,
                changed: state.changes,
            };
            state.rows.insert(id.to_owned(), row);
        });
    }

    /// A change made by a person.
    pub(crate) fn touch(&self, id: &str, change: impl FnOnce(&mut Row)) {
        let now = self.clock.now();
        self.with(|state| {
            state.changes += 1;
            let changed = state.changes;
            let row = state.rows.get_mut(id).unwrap();
            change(row);
            row.version += 1;
            row.at = now;
            row.changed = changed;
        });
    }

    pub(crate) fn edit(&self, id: &str, field: &str, value: &str) {
        let (field, value) = (FieldId::from(field), Value::text(value));
        self.touch(id, |row| {
            row.fields.insert(field, value);
        });
    }

    pub(crate) fn delete(&self, id: &str) {
        self.with(|state| {
            state.changes += 1;
            state.rows.remove(id);
            state.gone.insert(id.to_owned(), state.changes);
        });
    }

    pub(crate) fn fail(&self, method: &'static str, faults: &[Fault]) {
        self.with(|state| {
            let mut faults = faults.to_vec();
            faults.reverse();
            state.failing.insert(method, faults);
        });
    }

    fn fault(&self, method: &'static str) -> Option<Fault> {
        self.with(|state| state.failing.get_mut(method)?.pop())
    }

    fn read_fault(&self, method: &'static str) -> Result<(), ReadError> {
        match self.fault(method) {
            None => Ok(()),
            Some(Fault::Throttle(after)) => Err(ReadError::Throttled { after }),
            Some(Fault::Panic) => panic!("a bug in the adapter"),
            Some(_) => Err(ReadError::Failed("down".to_owned())),
        }
    }

    fn observe(&self, id: &str, row: &Row) -> Observed {
        Observed {
            id: RecordId::new(id),
            role: if row.is_part {
                Role::Part { name: helper() }
            } else {
                Role::Main
            },
            group: row.group.clone(),
            key: row.key.clone(),
            former: Vec::new(),
            aliases: Vec::new(),
            version: Version::new(row.version.to_string()),
            stamp: row.stamp.filter(|_| self.side == Side::Right),
            life: row.life,
            takes_part: row.takes_part,
            as_of: row.at,
            fields: row.fields.clone(),
            wishes: row.asks.then(helper).into_iter().collect(),
            native: Native::none(),
        }
    }

    /// A helper in the group of `of`, as our own create or somebody else makes it.
    pub(crate) fn add_helper(&self, of: &str) -> RecordId {
        let group = self.with(|state| state.rows[of].group.clone());
        let id = self.with(|state| {
            state.made += 1;
            format!("helper-{}", state.made)
        });
        self.add(&id, &[("status", "asked")]);
        self.with(|state| {
            let row = state.rows.get_mut(&id).unwrap();
            (row.group, row.is_part, row.takes_part) = (group, true, false);
        });
        RecordId::new(id)
    }

    /// Ids of all helpers.
    pub(crate) fn helpers(&self) -> Vec<String> {
        self.with(|state| {
            let helpers = state.rows.iter().filter(|(_, row)| row.is_part);
            helpers.map(|(id, _)| id.clone()).collect()
        })
    }

    fn refuse(fields: &Snapshot) -> Result<(), WriteError> {
        for (field, value) in fields {
            if *value == Value::text("poison") {
                return Err(WriteError::Refused {
                    message: Told::from("the platform refuses this row")
                        .with_code(Some("0x80040217".to_owned()))
                        .with_request(Some("req-7".to_owned())),
                    fields: Vec::new(),
                });
            }
            if *value == Value::text("bad") {
                return Err(WriteError::Refused {
                    message: "a field is refused".into(),
                    fields: vec![RefusedField {
                        field: field.clone(),
                        reason: Reason::new(ReasonCode::Invalid, "not a good value"),
                    }],
                });
            }
        }
        Ok(())
    }

    fn before_write(&self, method: &'static str) -> Result<bool, WriteError> {
        match self.fault(method) {
            None => Ok(false),
            Some(Fault::LostAfter) => Ok(true),
            Some(Fault::Throttle(after)) => Err(WriteError::Throttled { after }),
            Some(Fault::NotSent) => Err(WriteError::NotSent("no connection".into())),
            Some(Fault::Panic) => panic!("a bug in the adapter"),
            Some(Fault::LostBefore | Fault::Fail) => Err(WriteError::Unknown("no answer".into())),
        }
    }
}

fn helper() -> PartName {
    PartName::new("helper")
}

#[async_trait]
impl Replica for Toy {
    fn capabilities(&self) -> Capabilities {
        let mut able = Capabilities::default();
        able.lists_parts = !self.with(|state| state.hides_parts);
        if self.side == Side::Right {
            able.unique_birth = true;
            able.stamped = true;
            able.shows_outcome = true;
            able.wants_key = true;
            able.reports_deletions = true;
            able.find_lag = Duration::ZERO;
            able.read_lag = Duration::ZERO;
        }
        able
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        self.read_fault("hints")?;
        let since: u64 = since.map_or(0, |cursor| cursor.as_str().parse().unwrap());
        self.with(|state| {
            if std::mem::take(&mut state.expire_cursors) && since > 0 {
                return Err(ReadError::CursorExpired("too old".to_owned()));
            }
            let rows = state
                .rows
                .iter()
                .map(|(id, row)| (row.changed, id, Some(row)));
            let gone = state.gone.iter().map(|(id, changed)| (*changed, id, None));
            let reports_gone = self.side == Side::Right && since > 0;
            let mut changed: Vec<_> = rows
                .chain(gone.filter(|_| reports_gone))
                .filter(|(changed, ..)| *changed > since)
                .filter(|(.., row)| !(state.hides_parts && row.is_some_and(|row| row.is_part)))
                .collect();
            changed.sort_by_key(|(changed, ..)| *changed);
            let more = changed.len() > 2;
            changed.truncate(2);
            let cursor = changed.last().map_or(since, |(changed, ..)| *changed);
            let hints = changed.into_iter().map(|(_, id, row)| Hint {
                id: RecordId::new(id),
                version: row.map(|row| Version::new(row.version.to_string())),
                takes_part: row.map(|row| row.takes_part),
                gone: row.is_none(),
                seen: row
                    .filter(|_| !state.malformed.contains(id))
                    .map(|row| self.observe(id, row)),
            });
            Ok(HintPage {
                hints: hints.collect(),
                cursor: Cursor::new(cursor.to_string()),
                more,
            })
        })
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        self.read_fault("fetch")?;
        self.with(|state| {
            if state.hidden {
                return Err(ReadError::NotVisible("a role was taken away".to_owned()));
            }
            if state.malformed.iter().any(|bad| bad == id.as_str()) {
                return Err(ReadError::Malformed("value: not a number".to_owned()));
            }
            let late = state.late_fetch.take();
            let row = late.as_ref().or_else(|| state.rows.get(id.as_str()));
            Ok(row.map(|row| self.observe(id.as_str(), row)))
        })
    }

    async fn find(
        &self,
        key: &PairKey,
        floor: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        self.read_fault("find")?;
        let lag = self.capabilities().find_lag;
        let now = self.clock.now();
        self.with(|state| {
            let rows = state.rows.iter().filter(|(_, row)| {
                row.key.as_ref() == Some(key)
                    && floor.is_none_or(|floor| row.at >= floor)
                    && !(state.finds_late && row.born + lag > now)
            });
            Ok(rows.map(|(id, row)| self.observe(id, row)).collect())
        })
    }

    async fn in_group(&self, group: &GroupId) -> Result<Vec<Observed>, ReadError> {
        self.read_fault("in_group")?;
        self.with(|state| {
            let rows = state.rows.iter().filter(|(_, row)| {
                row.group.as_ref() == Some(group) && !(state.hides_parts && row.is_part)
            });
            Ok(rows.map(|(id, row)| self.observe(id, row)).collect())
        })
    }

    async fn create_part(
        &self,
        of: &Observed,
        name: &PartName,
        _: WriteStamp,
        _: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        assert!(self.clock.now() <= until, "no byte leaves too late");
        assert_eq!(*name, helper(), "nobody asks for another");
        let lost = self.before_write("create_part")?;
        let id = self.add_helper(of.id.as_str());
        if lost {
            return Err(WriteError::Unknown("no answer".into()));
        }
        let after = self.with(|state| self.observe(id.as_str(), &state.rows[id.as_str()]));
        Ok(Written {
            id,
            moved_to: None,
            after: Some(after),
        })
    }

    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        assert!(
            self.clock.now() <= until,
            "no byte leaves after the deadline"
        );
        let lost = self.before_write("create")?;
        Self::refuse(&draft.fields)?;
        let unique = self.capabilities().unique_birth;
        let id = self.with(|state| {
            if unique && state.rows.values().any(|row| row.key.as_ref() == Some(key)) {
                return Err(WriteError::Stale);
            }
            state.made += 1;
            Ok(format!(
                "{}-{}",
                if unique { "crm" } else { "pc" },
                state.made
            ))
        })?;
        self.add_with_key(&id, Some(key.as_str()), &[]);
        let written = self.with(|state| {
            let row = state.rows.get_mut(&id).unwrap();
            row.fields.clone_from(&draft.fields);
            for field in ["name", "value", "note"] {
                row.fields.entry(FieldId::from(field)).or_default();
            }
            row.stamp = Some(stamp);
            row.outcomes.extend(draft.outcome.clone());
            row.group = state.grouped.then(|| GroupId::new(format!("g-{id}")));
            self.observe(&id, row)
        });
        if lost {
            return Err(WriteError::Unknown("no answer".into()));
        }
        Ok(Written {
            id: written.id.clone(),
            moved_to: None,
            after: Some(written),
        })
    }

    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        assert!(
            self.clock.now() <= until,
            "no byte leaves after the deadline"
        );
        let lost = self.before_write("update")?;
        Self::refuse(&patch.fields)?;
        let id = seen.id.as_str();
        let early_edit = self.with(|state| state.edit_before_update.take());
        if let Some((field, value)) = early_edit {
            self.touch(id, |row| {
                row.fields.insert(field, value);
            });
        }
        let current = self.with(|state| {
            let row = state.rows.get(id).ok_or(WriteError::Stale)?;
            (row.version.to_string() == seen.version.as_str())
                .then_some(())
                .ok_or(WriteError::Stale)
        });
        current?;
        self.touch(id, |row| {
            row.fields.extend(patch.fields.clone());
            if row.key.is_none() {
                row.key.clone_from(&patch.key);
            }
            row.outcomes.extend(patch.outcome.clone());
            row.stamp = Some(stamp);
        });
        let late_edit = self.with(|state| state.edit_after_update.take());
        let edited = late_edit.is_some();
        if let Some((field, value)) = late_edit {
            self.touch(id, |row| {
                row.fields.insert(field, value);
            });
        }
        if lost {
            return Err(WriteError::Unknown("no answer".into()));
        }
        let after = self.with(|state| self.observe(id, &state.rows[id]));
        Ok(Written {
            id: seen.id.clone(),
            moved_to: None,
            after: (!edited).then_some(after),
        })
    }

    fn settle(&self, field: &FieldId, wanted: &Value, _: Option<&Observed>) -> Settled {
        if let (Side::Left, "brief", Value::Text(text)) = (self.side, field.as_str(), wanted)
            && text.len() > 6
        {
            return Settled::Becomes {
                value: Value::text(&text[..6]),
                loss: Loss::Shortened,
            };
        }
        if *wanted == Value::text("unholdable") && self.side == Side::Left {
            return Settled::Cannot(Reason::new(ReasonCode::Unmappable, "no such thing there"));
        }
        Settled::Fits
    }
}
