//! What is known of two records that belong together.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Snapshot, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Answer, Birth, Draft, End, ErrorKind, Hold, Images, Life, Observed, Outcome, PartName, Patch,
    RecordId, Side, TraceId, Turned, Version, WriteStamp,
};

/// Id of a pair; stays the same when an end moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairId(pub Uuid);

/// Two records that belong together, with all that is remembered about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Its id.
    pub id: PairId,
    /// Does it sync?
    pub state: PairState,
    /// The left end.
    pub left: End,
    /// The right end.
    pub right: End,
    /// Per field, what each side was seen to hold when they last agreed.
    pub base: BTreeMap<FieldId, Images>,
    /// Fields whose images come from the journal of a birth: what was sent and what it was read
    /// from, not what both records were seen to hold after it.
    #[serde(default)]
    pub presumed: BTreeSet<FieldId>,
    /// Fields that wait for a person or a change.
    pub holds: BTreeMap<FieldId, Hold>,
    /// Answers of a person to held fields, not carried out yet.
    #[serde(default)]
    pub answers: BTreeMap<FieldId, Answer>,
    /// Records beside the two ends.
    #[serde(default)]
    pub parts: BTreeMap<PartName, Part>,
    /// Parts that were asked for when both ends were last seen together; `None` before that.
    #[serde(default)]
    pub wishes: Option<BTreeSet<PartName>>,
    /// The end that was made for the other one by us; `None` when they were bound.
    #[serde(default)]
    pub born: Option<Side>,
    /// The write under way, at most one.
    pub intent: Option<Intent>,
    /// What we wrote lately, to notice fields that go to and fro.
    #[serde(default)]
    pub turned: Vec<Turned>,
    /// Why the pair waits, if it does.
    pub park: Option<Park>,
    /// How the last attempt went.
    pub outcome: Option<Outcome>,
    /// The outcome that a side shows.
    pub shown: Option<Outcome>,
}

impl Pair {
    /// A pair without ends.
    pub fn new(id: PairId) -> Self {
        Self {
            id,
            state: PairState::Active,
            left: End::default(),
            right: End::default(),
            base: BTreeMap::new(),
            presumed: BTreeSet::new(),
            holds: BTreeMap::new(),
            answers: BTreeMap::new(),
            parts: BTreeMap::new(),
            wishes: None,
            born: None,
            intent: None,
            turned: Vec::new(),
            park: None,
            outcome: None,
            shown: None,
        }
    }

    /// Every id under which a record of this pair is known on one side: present, former, child
    /// rows, parts.
    pub fn ids(&self, side: Side) -> impl Iterator<Item = &RecordId> {
        let end = self.end(side);
        let parts = self.parts.values().filter(move |part| part.side == side);
        let parts = parts.flat_map(|part| part.id.iter().chain(&part.others));
        end.id
            .iter()
            .chain(&end.former)
            .chain(&end.aliases)
            .chain(parts)
    }

    /// One end.
    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// One end, to be changed.
    pub fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    /// Is this another record than the one that this end was, into which it has turned?
    pub(crate) fn has_moved(&self, side: Side, record: &Observed) -> bool {
        let id = self.end(side).id.as_ref();
        id.is_some_and(|id| *id != record.id)
    }

    /// The end is this record from now on. What a service left behind when it made one record of
    /// another was cleared by nobody: such a field meets anew, and its value goes over again.
    pub(crate) fn becomes(&mut self, side: Side, record: &Observed) {
        if self.has_moved(side, record) {
            self.base.retain(|field, images| {
                let lost = record.fields.get(field).is_some_and(Value::is_null);
                !lost || images.of(side).is_null()
            });
        }
        self.end_mut(side).moves_to(&record.id);
    }

    /// Marks the pair as not finished: until versions are noted again, no hint of it passes for
    /// an echo.
    pub(crate) fn unsettle(&mut self) {
        self.left.version = None;
        self.right.version = None;
    }

    /// The part whose record this is.
    pub(crate) fn part_of(&self, side: Side, id: &RecordId) -> Option<&Part> {
        let mut parts = self.parts.values();
        parts.find(|part| {
            part.side == side && (part.id.as_ref() == Some(id) || part.others.contains(id))
        })
    }

    /// The part that says what `field` holds on `side`, in the place of the pair's own record.
    pub(crate) fn supplier(&self, side: Side, field: &FieldId) -> Option<&PartName> {
        let mut parts = self.parts.iter();
        let supplies = |part: &Part| {
            let value = part.fields.get(field);
            part.side == side && value.is_some_and(|value| !value.is_null())
        };
        parts.find(|(_, part)| supplies(part)).map(|(name, _)| name)
    }

    /// What `field` holds on `side`, where `record` is the pair's own record: a part that holds
    /// something goes before it.
    pub(crate) fn value<'a>(
        &'a self,
        side: Side,
        record: &'a Observed,
        field: &FieldId,
    ) -> Option<&'a Value> {
        let of_part = |part: &'a Part| part.fields.get(field);
        match self.supplier(side, field) {
            Some(name) => self.parts.get(name).and_then(of_part),
            None => record.fields.get(field).or_else(|| {
                let mut parts = self.parts.values().filter(|part| part.side == side);
                parts.find_map(of_part)
            }),
        }
    }

    /// Takes over a part's record as it was seen. A second record of the same part is only
    /// remembered, unless the first one is closed and this one is not.
    pub(crate) fn adopt_part(&mut self, side: Side, record: &Observed) {
        let Some(name) = record.role.part() else {
            return;
        };
        let part = self
            .parts
            .entry(name.clone())
            .or_insert_with(|| Part::new(side));
        let second = part.id.as_ref().is_some_and(|id| *id != record.id);
        if !second && part.as_of > Some(record.as_of) {
            return;
        }
        if second && !(part.life == Life::Closed && record.life == Life::Open) {
            if !part.others.contains(&record.id) {
                part.others.push(record.id.clone());
            }
            return;
        }
        part.others.retain(|other| *other != record.id);
        part.others
            .extend(part.id.take().filter(|id| *id != record.id));
        part.id = Some(record.id.clone());
        part.version = Some(record.version.clone());
        part.as_of = Some(record.as_of);
        part.life = record.life;
        part.fields.clone_from(&record.fields);
        part.refusal = None;
    }

    /// Was all that was seen of the pair taken into account, with nothing left to do?
    pub(crate) fn is_settled(&self) -> bool {
        self.intent.is_none()
            && self.park.is_none()
            && Side::BOTH
                .into_iter()
                .all(|side| self.end(side).version.is_some())
    }
}

/// Does a pair sync?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PairState {
    /// Both ways.
    Active,
    /// Switched off at one end, or a record is gone; everything is kept.
    Stopped {
        /// Why, for people.
        why: String,
    },
    /// A record cannot be seen at present; everything is kept.
    Waiting {
        /// Why, for people.
        why: String,
    },
}

/// A record of a deal beside its two ends, such as the referral by which Microsoft is invited.
///
/// Once its id is known, that it is missing from a list means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it lives.
    pub side: Side,
    /// Its record; `None` while it is asked for and not made yet.
    pub id: Option<RecordId>,
    /// Further records that claim to be the same part.
    pub others: Vec<RecordId>,
    /// The version last taken into account.
    pub version: Option<Version>,
    /// Service time of what was last seen.
    pub as_of: Option<DateTime<Utc>>,
    /// Is it open, as last seen?
    pub life: Life,
    /// What it was last seen to hold.
    pub fields: Snapshot,
    /// Why it could not be made.
    pub refusal: Option<Refusal>,
}

impl Part {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            id: None,
            others: Vec::new(),
            version: None,
            as_of: None,
            life: Life::Open,
            fields: Snapshot::new(),
            refusal: None,
        }
    }
}

/// The service refused to make a part. It is asked again when either end changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the service said.
    pub cause: String,
    /// When.
    pub since: DateTime<Utc>,
    /// Version of the left end then; `None` until the work on the pair is done.
    pub left: Option<Version>,
    /// See `left`.
    pub right: Option<Version>,
}

impl Refusal {
    /// Does it still stand while the ends are at these versions?
    pub(crate) fn stands(&self, left: &Version, right: &Version) -> bool {
        let same = |then: &Option<Version>, now| then.as_ref().is_none_or(|then| then == now);
        same(&self.left, left) && same(&self.right, right)
    }
}

/// A write that was stored before it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Stamp of this write.
    pub stamp: WriteStamp,
    /// The trace it belongs to, whoever concludes it.
    #[serde(default)]
    pub trace: TraceId,
    /// The side written to.
    pub side: Side,
    /// What is written.
    pub kind: IntentKind,
    /// Newest service time known of that side when the intent was made; a search for what the
    /// write made starts a day before it.
    pub floor: Option<DateTime<Utc>>,
    /// No byte leaves after this moment.
    pub until: DateTime<Utc>,
    /// What the other side was seen to hold in the fields that are written: with what is
    /// written, the base that a write leaves even when its answer is lost.
    #[serde(default)]
    pub read: BTreeMap<FieldId, Value>,
    /// What the written side was seen to hold in those fields.
    #[serde(default)]
    pub over: BTreeMap<FieldId, Value>,
    /// Fields whose value is neither the other side's nor what that becomes here, but the
    /// policy's own.
    #[serde(default)]
    pub own: BTreeSet<FieldId>,
}

impl Intent {
    pub(crate) fn fields(&self) -> &Snapshot {
        match &self.kind {
            IntentKind::Create { draft, .. } => &draft.fields,
            IntentKind::Update { patch, .. } => &patch.fields,
        }
    }
}

/// What an intent writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentKind {
    /// A new record.
    Create {
        /// Why.
        birth: Birth,
        /// With this content.
        draft: Draft,
    },
    /// A change.
    Update {
        /// The record.
        id: RecordId,
        /// The version it was seen at.
        seen: Version,
        /// The change.
        patch: Patch,
    },
}

/// A pair that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Park {
    /// The kind of cause, to count and requeue by.
    pub kind: ErrorKind,
    /// Why, for people: what happened, where, the cure.
    pub cause: String,
    /// Given up after all its attempts: nothing but a change of a record or a person ends it.
    pub dead: bool,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Tried again by itself at this moment; `None`: only after a change.
    pub retry_at: Option<DateTime<Utc>>,
    /// Versions of both ends when it was parked; another one ends the park.
    pub left: Option<Version>,
    /// See `left`.
    pub right: Option<Version>,
}
