//! Who plays in the toy world: an engine, its gate, and another engine that may take over.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    Assumption, Plant, drive,
    gate::{Fixed, Gate},
    kept::Kept,
    search::Tale,
    toy::Toy,
    values::{STAGE, WINDOW, policy},
    world::World,
};
use crate::{
    BrakeOptions, Clock, Engine, EngineOptions, FieldPolicy, IdSource, MemoryStore, Replica, Side,
    StateStore,
};

/// Longer than every lag and lease.
pub(super) const LONG: Duration = Duration::from_secs(1_200);

/// The clock of a machine that is ahead.
#[derive(Debug)]
struct Ahead(Arc<World>, TimeDelta);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + self.1
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }
}

pub(super) fn engine(
    owner: &str,
    gate: &Arc<Gate>,
    truth: &Arc<MemoryStore>,
    plant: Option<Plant>,
) -> Engine {
    engine_by(owner, gate, truth, plant, gate.world.clone())
}

fn engine_by(
    owner: &str,
    gate: &Arc<Gate>,
    truth: &Arc<MemoryStore>,
    plant: Option<Plant>,
    clock: Arc<dyn Clock>,
) -> Engine {
    // No lease means that nobody's commit is refused.
    let lawless = gate.world.state().lacks(Assumption::OneEngine);
    let plant = plant.or(lawless.then_some(Plant::LeaseUnchecked));
    let [left, right] = Side::BOTH.map(|side| {
        let toy: Arc<dyn Replica> = Arc::new(Toy {
            side,
            gate: gate.clone(),
        });
        match plant {
            Some(plant) => plant.replica(side, toy, &gate.world),
            None => toy,
        }
    });
    let inner: Arc<dyn StateStore> = match plant {
        Some(plant) => plant.store(truth),
        None => truth.clone(),
    };
    let store = Arc::new(Kept {
        inner,
        truth: truth.clone(),
        gate: gate.clone(),
    });
    let ids = gate.world.clone();
    let may_make = gate.world.state().may_make;
    // Most scenarios begin with a first sync that was asked for.
    let mut brakes = BrakeOptions::default()
        .with_window(WINDOW)
        .with_first_sync(None);
    if may_make.is_some() && plant != Some(Plant::BrakeIgnored) {
        brakes = brakes.with_births(may_make).with_first_sync(Some(100));
    }
    let options = EngineOptions::default()
        .with_owner(owner)
        .with_brakes(brakes)
        // One for all: it leads nowhere, and would make every state another one.
        .with_trace_ids(IdSource::new(Uuid::nil))
        .with_ids(IdSource::new(move || {
            let mut state = ids.state();
            state.ids += 1;
            Uuid::from_u128(state.ids)
        }));
    let mut policy = policy(Side::Right);
    if plant == Some(Plant::SetsOverwritten) {
        policy = policy.with_field("tags", FieldPolicy::wins(Side::Right));
    }
    if plant == Some(Plant::AcceptedAtFirstMeeting) {
        policy = policy.with_field(STAGE, FieldPolicy::wins(Side::Right));
    }
    Engine::builder(left, right, store, Arc::new(policy), clock)
        .options(options)
        .build()
}

/// Another worker, which finds the lease ended and does a round of its own while the first one
/// stands still.
pub(super) fn rival(
    world: &Arc<World>,
    store: &Arc<MemoryStore>,
    tale: &Tale,
    plant: Option<Plant>,
) -> Box<dyn Fn() + Send + Sync> {
    let (world, store, tale) = (world.clone(), store.clone(), tale.clone());
    Box::new(move || {
        let mut clock: Arc<dyn Clock> = world.clone();
        let without = world.state().without;
        match without {
            // Its clock says that the lease has ended.
            Some(Assumption::SteadyClock) => {
                let ahead = TimeDelta::from_std(LONG).unwrap_or_default();
                clock = Arc::new(Ahead(world.clone(), ahead));
            }
            // It asks for no lease.
            Some(Assumption::OneEngine) => store.drop_lease(),
            _ => world.state().now += LONG,
        }
        tale.tell(|| "  .. it stands still; a rival takes over".to_owned());
        let source = Arc::new(Fixed::default());
        let gate = Gate::new(
            "rival",
            world.clone(),
            tale.clone(),
            Vec::new(),
            source,
            None,
        );
        let engine = engine_by("rival", &Arc::new(gate), &store, plant, clock);
        if drive(engine.run_once()).is_none() {
            world.state().broken(8, "the rival hangs");
        }
    })
}

impl World {
    /// Some time passes; requests on their way may land.
    pub(super) fn pass(&self, wait: Duration, tale: &Tale) {
        let late = {
            let mut state = self.state();
            state.now += wait;
            state.land_late()
        };
        for line in late {
            tale.tell(|| format!("  .. {line}"));
        }
    }
}

/// Forgets the writes that a dead process had on their way.
pub(super) fn bury(world: &World) {
    world.state().flying.clear();
}

/// A gate at which nothing happens.
pub(super) fn open_gate(world: &Arc<World>, tale: &Tale) -> Arc<Gate> {
    let source = Arc::new(Fixed::default());
    let (world, tale) = (world.clone(), tale.clone());
    Arc::new(Gate::new("worker", world, tale, Vec::new(), source, None))
}
