//! The toy services as benches of the conformance suite: what the explorer plays with keeps the
//! contract that it is said to keep.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Snapshot, Value};

use super::{
    Edit, Scenario,
    cast::open_gate,
    search::Tale,
    toy::Toy,
    values::{FIELDS, REFUSED},
    world::{State, World},
};
use crate::{Clock as _, PairKey, RecordId, Replica, Side, conformance::replica::Bench};

/// One toy service without an engine.
#[derive(Debug)]
pub struct ToyBench {
    side: Side,
    replica: Arc<dyn Replica>,
    world: Arc<World>,
    made: AtomicU8,
}

impl ToyBench {
    /// The service of one side: the left is like a referrals service, the right like a CRM.
    pub fn new(side: Side) -> Self {
        let world = Arc::new(World::new(State::begin(Scenario::Many(0), None)));
        let gate = open_gate(&world, &Tale::default());
        Self {
            side,
            replica: Arc::new(Toy { side, gate }),
            world,
            made: AtomicU8::new(0),
        }
    }

    /// Puts something around the replica, such as a mistake that a check shall catch.
    #[must_use]
    pub fn wrapped(mut self, wrap: impl FnOnce(Arc<dyn Replica>) -> Arc<dyn Replica>) -> Self {
        self.replica = wrap(self.replica);
        self
    }

    fn next(&self) -> u8 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    fn edit(&self, id: &RecordId, edit: Edit) {
        let mut state = self.world.state();
        let deal = state.deals.get(&(self.side, id.as_str().to_owned()));
        if let Some(deal) = deal.copied() {
            state.edit(edit, deal);
        }
    }
}

#[async_trait]
impl Bench for ToyBench {
    fn replica(&self) -> &dyn Replica {
        &*self.replica
    }

    fn now(&self) -> DateTime<Utc> {
        self.world.now()
    }

    async fn wait(&self, time: Duration) {
        self.world.sleep(time).await;
    }

    async fn appear(&self) -> RecordId {
        let deal = self.next();
        let id = format!("deal-{deal}");
        self.world.state().born(self.side, &id, deal, None);
        RecordId::new(id)
    }

    async fn edit(&self, id: &RecordId) {
        self.edit(id, Edit::Note(self.side));
    }

    async fn delete(&self, id: &RecordId) -> bool {
        self.edit(id, Edit::Delete(self.side));
        true
    }

    fn key(&self) -> PairKey {
        PairKey::new(format!("there-{}", self.next()))
    }

    fn unknown(&self) -> RecordId {
        RecordId::new("deal-200")
    }

    async fn newborn(&self) -> Snapshot {
        let fields = FIELDS.into_iter().map(|field| {
            let value = Value::text(format!("{field} of a new one"));
            (FieldId::from(field), value)
        });
        fields.collect()
    }

    fn changes(&self) -> Snapshot {
        let values = [
            ("name", "much longer than it may be"),
            ("value", "12.5"),
            ("note", "another"),
        ];
        let values = values.map(|(field, value)| (FieldId::from(field), Value::text(value)));
        values.into()
    }

    fn refused(&self) -> Option<(FieldId, Value)> {
        Some((FieldId::from("date"), Value::text(REFUSED)))
    }

    async fn foreign(&self, id: &RecordId) -> Option<String> {
        let state = self.world.state();
        let row = state.side(self.side).rows.get(id.as_str());
        row.map(|row| row.foreign.to_string())
    }
}
