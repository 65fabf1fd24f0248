//! The referrals, their indexes, their recent past, and what is due later.
//!
//! Bodies are shared behind [`Arc`]: a fork of the whole state and a page of a list copy pointers.
//! The past, which only late lists read, is kept as text: a parsed body takes six times the room.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Sort key: hundreds of nanoseconds since 1970, then the id.
pub(super) type Key = (i64, Uuid);

/// How long superseded versions are kept for late lists, and how many of one referral.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);
const REMEMBERED_VERSIONS: usize = 64;

/// One state of a referral, valid from `at`.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) at: DateTime<Utc>,
    pub(super) body: Arc<Value>,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    created: i64,
    current: Version,
    past: Vec<(DateTime<Utc>, Arc<str>)>,
}

impl Record {
    /// The time of the state at `horizon`; `None` as horizon means now.
    fn shown_at(&self, horizon: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        match horizon {
            Some(limit) if self.current.at > limit => self.earlier(limit).map(|(at, _)| *at),
            _ => Some(self.current.at),
        }
    }

    /// The state at `horizon`.
    fn shown(&self, horizon: Option<DateTime<Utc>>) -> Option<Cow<'_, Value>> {
        match horizon {
            Some(limit) if self.current.at > limit => serde_json::from_str(&self.earlier(limit)?.1)
                .ok()
                .map(Cow::Owned),
            _ => Some(Cow::Borrowed(&*self.current.body)),
        }
    }

    fn earlier(&self, limit: DateTime<Utc>) -> Option<&(DateTime<Utc>, Arc<str>)> {
        self.past.iter().rev().find(|(at, _)| *at <= limit)
    }
}

/// A referral was made or changed: what the service tells its subscribers.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) at: DateTime<Utc>,
    pub(crate) id: Uuid,
    pub(crate) engagement: Option<Uuid>,
    /// Organization that the referral belongs to.
    pub(crate) owner: String,
    pub(crate) created: bool,
}

/// What the service does on its own later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    Match,
    Expire,
}

/// Order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nobody asked: any order, here by id.
    Any,
    Created {
        descending: bool,
    },
    Updated {
        descending: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Store {
    records: BTreeMap<Uuid, Record>,
    by_created: BTreeSet<Key>,
    by_updated: BTreeSet<Key>,
    by_engagement: BTreeMap<Uuid, Vec<Uuid>>,
    due: BTreeMap<(DateTime<Utc>, u64), (Uuid, Duty)>,
    /// Gathered once somebody takes them; nobody does where the service stands alone.
    changes: Option<Vec<Change>>,
    last: DateTime<Utc>,
    seed: u64,
    drawn: u64,
}

impl Store {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            records: BTreeMap::new(),
            by_created: BTreeSet::new(),
            by_updated: BTreeSet::new(),
            by_engagement: BTreeMap::new(),
            due: BTreeMap::new(),
            changes: None,
            last: DateTime::UNIX_EPOCH,
            seed,
            drawn: 0,
        }
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        mix(self.seed ^ mix(self.drawn))
    }

    /// A fresh id.
    pub(super) fn id(&mut self) -> Uuid {
        let (high, low) = (self.draw(), self.draw());
        uuid::Builder::from_u128((u128::from(high) << 64) | u128::from(low))
            .with_variant(uuid::Variant::RFC4122)
            .with_version(uuid::Version::Random)
            .into_uuid()
    }

    /// The time of a write: the clock in steps of 100 ns, and never the same twice, because no two
    /// writes of the service share an instant even where a caller's clock stands still.
    fn stamp(&mut self, now: DateTime<Utc>) -> DateTime<Utc> {
        let rest = i64::from(now.timestamp_subsec_nanos() % 100);
        let whole = now - TimeDelta::nanoseconds(rest);
        self.last = whole.max(self.last + TimeDelta::nanoseconds(100));
        self.last
    }

    /// Stores a new referral and returns its time of creation. `fill` gets the time and may
    /// complete the body.
    pub(super) fn insert(
        &mut self,
        now: DateTime<Utc>,
        id: Uuid,
        engagement: Uuid,
        mut body: Map<String, Value>,
        fill: impl FnOnce(DateTime<Utc>, &mut Map<String, Value>),
    ) -> DateTime<Utc> {
        let at = self.stamp(now);
        body.insert("createdDateTime".into(), text(at).into());
        fill(at, &mut body);
        let current = self.version(at, body);
        let created = ticks(at);
        self.by_created.insert((created, id));
        self.by_updated.insert((created, id));
        self.by_engagement.entry(engagement).or_default().push(id);
        self.records.insert(
            id,
            Record {
                created,
                current,
                past: Vec::new(),
            },
        );
        self.note(at, id, true);
        at
    }

    /// Takes the changes since the last time; from the first time on they are gathered.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        self.changes.replace(Vec::new()).unwrap_or_default()
    }

    fn note(&mut self, at: DateTime<Utc>, id: Uuid, created: bool) {
        let Some(changes) = &mut self.changes else {
            return;
        };
        let Some(record) = self.records.get(&id) else {
            return;
        };
        let text = |name: &str| record.current.body[name].as_str();
        changes.push(Change {
            at,
            id,
            engagement: text("engagementId").and_then(|id| id.parse().ok()),
            owner: text("organizationId").unwrap_or_default().to_owned(),
            created,
        });
    }

    /// Changes a referral: `edit` gets the time and the body; tag and time of update are renewed.
    pub(super) fn write(
        &mut self,
        now: DateTime<Utc>,
        id: Uuid,
        edit: impl FnOnce(DateTime<Utc>, &mut Map<String, Value>),
    ) {
        let Some(mut body) = self.body(id).and_then(Value::as_object).cloned() else {
            return;
        };
        let at = self.stamp(now);
        edit(at, &mut body);
        let next = self.version(at, body);
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        self.by_updated.remove(&(ticks(record.current.at), id));
        self.by_updated.insert((ticks(at), id));
        let last = std::mem::replace(&mut record.current, next);
        record.past.push((last.at, last.body.to_string().into()));
        // The newest version that is older than the limit is still what a late list shows.
        let needed = record
            .past
            .partition_point(|(at_then, _)| *at_then <= at - REMEMBERED);
        let surplus = record.past.len().saturating_sub(REMEMBERED_VERSIONS);
        record.past.drain(..needed.saturating_sub(1).max(surplus));
        self.note(at, id, false);
    }

    /// Completes the newest version of a referral, as part of the write that made it.
    pub(super) fn amend(&mut self, id: Uuid, edit: impl FnOnce(&mut Map<String, Value>)) {
        if let Some(record) = self.records.get_mut(&id)
            && let Value::Object(body) = Arc::make_mut(&mut record.current.body)
        {
            edit(body);
        }
    }

    fn version(&mut self, at: DateTime<Utc>, mut body: Map<String, Value>) -> Version {
        let drawn = self.draw() >> 32;
        let seconds = at.timestamp();
        body.insert(
            "eTag".into(),
            format!("\"{drawn:08x}-0000-0d00-0000-{seconds:08x}0000\"").into(),
        );
        body.insert("updatedDateTime".into(), text(at).into());
        Version {
            at,
            body: Arc::new(Value::Object(body)),
        }
    }

    pub(super) fn body(&self, id: Uuid) -> Option<&Value> {
        self.records.get(&id).map(|record| &*record.current.body)
    }

    /// Every referral as it is now, oldest first.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &Value> {
        self.by_created.iter().filter_map(|(_, id)| self.body(*id))
    }

    /// The referrals of an engagement as they are now, oldest first.
    pub(super) fn engagement(&self, id: Uuid) -> impl Iterator<Item = (Uuid, &Value)> {
        let ids = self
            .by_engagement
            .get(&id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        ids.iter().filter_map(|id| Some((*id, self.body(*id)?)))
    }

    /// Notes that something is due.
    pub(super) fn schedule(&mut self, when: DateTime<Utc>, id: Uuid, duty: Duty) {
        let number = self.draw();
        self.due.insert((when, number), (id, duty));
    }

    /// Takes the next duty that is due at `now`.
    pub(super) fn next_due(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Uuid, Duty)> {
        let entry = self
            .due
            .first_entry()
            .filter(|entry| entry.key().0 <= now)?;
        let ((when, _), (id, duty)) = entry.remove_entry();
        Some((when, id, duty))
    }

    /// The referrals as a list shows them, in order. `since` drops those whose update is older,
    /// where that spares work; `engagement` narrows to one engagement.
    pub(super) fn listed(
        &self,
        view: &View,
    ) -> Box<dyn Iterator<Item = (Key, Cow<'_, Value>)> + '_> {
        let horizon = view.horizon;
        let shown = move |id: &Uuid| self.records.get(id)?.shown(horizon);
        if let Some(engagement) = view.engagement {
            let ids = self
                .by_engagement
                .get(&engagement)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let mut found: Vec<(Key, Cow<'_, Value>)> = ids
                .iter()
                .filter_map(|id| Some((self.key(view.order, *id, horizon)?, shown(id)?)))
                .collect();
            found.sort_unstable_by_key(|(key, _)| *key);
            return directed(found.into_iter(), view.order.descending());
        }
        match view.order {
            Order::Any => Box::new(
                self.records
                    .keys()
                    .filter_map(move |id| Some(((0, *id), shown(id)?))),
            ),
            Order::Created { descending } => directed(
                self.by_created
                    .iter()
                    .filter_map(move |key| Some((*key, shown(&key.1)?))),
                descending,
            ),
            Order::Updated { descending } => self.by_update(view, descending),
        }
    }

    fn by_update(
        &self,
        view: &View,
        descending: bool,
    ) -> Box<dyn Iterator<Item = (Key, Cow<'_, Value>)> + '_> {
        let from = (view.since.map_or(i64::MIN, ticks), Uuid::nil());
        let to = (view.horizon.map_or(i64::MAX, ticks), Uuid::max());
        // An empty range, seen from before all writes, is no range to a B-tree.
        if from > to {
            return Box::new(std::iter::empty());
        }
        let body = |key: &Key| {
            let record = self.records.get(&key.1)?;
            Some((*key, Cow::Borrowed(&*record.current.body)))
        };
        let settled = self.by_updated.range(from..=to).filter_map(body);
        let mut earlier: Vec<(Key, Cow<'_, Value>)> = match view.horizon {
            None => Vec::new(),
            // Changed after the horizon: shown as they were, where they were.
            Some(_) => self
                .by_updated
                .range((std::ops::Bound::Excluded(to), std::ops::Bound::Unbounded))
                .filter_map(|(_, id)| {
                    let record = self.records.get(id)?;
                    let at = record.shown_at(view.horizon)?;
                    Some(((ticks(at), *id), record.shown(view.horizon)?))
                })
                .filter(|(key, _)| *key >= from)
                .collect(),
        };
        earlier.sort_unstable_by_key(|(key, _)| *key);
        if descending {
            earlier.reverse();
            Box::new(Merged {
                a: settled.rev().peekable(),
                b: earlier.into_iter().peekable(),
                descending,
            })
        } else {
            Box::new(Merged {
                a: settled.peekable(),
                b: earlier.into_iter().peekable(),
                descending,
            })
        }
    }

    fn key(&self, order: Order, id: Uuid, horizon: Option<DateTime<Utc>>) -> Option<Key> {
        let record = self.records.get(&id)?;
        Some(match order {
            Order::Any => (0, id),
            Order::Created { .. } => (record.created, id),
            Order::Updated { .. } => (ticks(record.shown_at(horizon)?), id),
        })
    }
}

/// What a list looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) order: Order,
    pub(super) horizon: Option<DateTime<Utc>>,
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) engagement: Option<Uuid>,
}

impl Order {
    pub(super) fn descending(self) -> bool {
        matches!(
            self,
            Self::Created { descending: true } | Self::Updated { descending: true }
        )
    }
}

impl View {
    /// The state that a list shows at `now` when it lags.
    pub(super) fn horizon(now: DateTime<Utc>, lag: Duration) -> Option<DateTime<Utc>> {
        let lag = TimeDelta::from_std(lag)
            .unwrap_or(REMEMBERED)
            .min(REMEMBERED);
        (!lag.is_zero()).then(|| now - lag)
    }
}

fn directed<'a, T: 'a>(
    items: impl DoubleEndedIterator<Item = T> + 'a,
    descending: bool,
) -> Box<dyn Iterator<Item = T> + 'a> {
    if descending {
        Box::new(items.rev())
    } else {
        Box::new(items)
    }
}

/// Two sorted sequences as one.
struct Merged<A: Iterator, B: Iterator> {
    a: std::iter::Peekable<A>,
    b: std::iter::Peekable<B>,
    descending: bool,
}

impl<T, A, B> Iterator for Merged<A, B>
where
    A: Iterator<Item = (Key, T)>,
    B: Iterator<Item = (Key, T)>,
{
    type Item = (Key, T);

    fn next(&mut self) -> Option<Self::Item> {
        match (self.a.peek(), self.b.peek()) {
            (Some((a, _)), Some((b, _))) if (a < b) == self.descending => self.b.next(),
            (Some(_), _) => self.a.next(),
            (None, _) => self.b.next(),
        }
    }
}

/// A time as the service writes it: seven digits of fraction and `Z`.
pub(super) fn text(at: DateTime<Utc>) -> String {
    format!(
        "{}.{:07}Z",
        at.format("%Y-%m-%dT%H:%M:%S"),
        at.timestamp_subsec_nanos() / 100
    )
}

fn ticks(at: DateTime<Utc>) -> i64 {
    at.timestamp() * 10_000_000 + i64::from(at.timestamp_subsec_nanos() / 100)
}

/// The finalizer of SplitMix64: spreads consecutive numbers over all 64 bits.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
