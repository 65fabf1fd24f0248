//! The toy world as a stage for the search.

use std::{sync::Arc, time::Duration};

use super::{
    Assumption, Bounds, Broken, Edit, Failure, Plant, Scenario, Tally,
    cast::{self, LONG},
    drive,
    gate::{Act, Fault, Fixed, Gate},
    judge, mirror,
    search::{self, Counts, Left, Ran, Stage, Tale},
    world::{State, World},
};
use crate::{MemoryStore, RoundReport, Side};

/// Between two rounds of a schedule: longer than the send window, shorter than the lags.
const PAUSE: Duration = Duration::from_secs(40);
/// Rounds after which the engine must have become quiet.
const SETTLE: usize = 14;

/// Runs schedules of one scenario.
#[derive(Clone, Debug)]
pub struct Explorer {
    scenario: Scenario,
    menu: Vec<Edit>,
    faults: Vec<Fault>,
    bounds: Bounds,
    plant: Option<Plant>,
    without: Option<Assumption>,
}

impl Explorer {
    /// A scenario, the edits that may happen in it, and how far to go; with all faults.
    pub fn new(scenario: Scenario, menu: &[Edit], bounds: Bounds) -> Self {
        Self {
            scenario,
            menu: menu.to_vec(),
            faults: Fault::ALL.to_vec(),
            bounds,
            plant: None,
            without: None,
        }
    }

    /// Only these faults.
    #[must_use]
    pub fn with_faults(mut self, faults: &[Fault]) -> Self {
        self.faults = faults.to_vec();
        self
    }

    /// With a known mistake.
    #[must_use]
    pub fn with_plant(mut self, plant: Plant) -> Self {
        self.plant = Some(plant);
        self
    }

    /// In a world where this does not hold.
    #[must_use]
    pub fn without(mut self, assumption: Assumption) -> Self {
        self.without = Some(assumption);
        self
    }

    /// Every schedule within the bounds.
    ///
    /// # Errors
    /// A schedule that breaks a promise, as small as it could be made.
    pub fn exhaust(&self) -> Result<Tally, Box<Failure>> {
        search::exhaust(&Toys(self), self.bounds)
    }

    /// One schedule for each seed. The same seed gives the same schedule.
    ///
    /// # Errors
    /// As [`exhaust`](Self::exhaust).
    pub fn sample(&self, seeds: impl IntoIterator<Item = u64>) -> Result<Tally, Box<Failure>> {
        search::sample(&Toys(self), self.bounds, seeds)
    }
}

struct Toys<'a>(&'a Explorer);

impl Toys<'_> {
    fn settle(&self, node: &mut Node, tale: &Tale) -> Result<(), Broken> {
        let world = Arc::new(World::new(node.state.clone()));
        node.store = Arc::new(node.store.fork());
        let result = settle(&world, &node.store, self.0.plant, tale);
        node.state = world.state().clone();
        result
    }
}

/// Between two rounds.
#[derive(Clone, Debug)]
struct Node {
    state: State,
    store: Arc<MemoryStore>,
}

impl Stage for Toys<'_> {
    type Node = Node;
    type Act = Act;

    fn name(&self) -> String {
        let mut name = format!("{:?}", self.0.scenario);
        if let Some(plant) = self.0.plant {
            name += &format!(", {plant:?}");
        }
        if let Some(without) = self.0.without {
            name += &format!(", without {without:?}");
        }
        name
    }

    fn start(&self, tale: &Tale) -> Result<Node, Broken> {
        let mut node = Node {
            state: State::begin(self.0.scenario, self.0.without),
            store: Arc::new(MemoryStore::new()),
        };
        if self.0.scenario.is_in_step() {
            self.settle(&mut node, tale)?;
        }
        Ok(node)
    }

    fn counts(&self, act: &Act) -> Counts {
        match act {
            Act::Edit(..) => Counts::AsEdit,
            Act::Fault(_) => Counts::AsFault,
        }
    }

    fn round(
        &self,
        node: &Node,
        script: &[(usize, Act)],
        left: Left,
        tale: &Tale,
    ) -> Result<Ran<Node, Act>, Broken> {
        let mut next = Node {
            state: node.state.clone(),
            store: Arc::new(node.store.fork()),
        };
        let world = Arc::new(World::new(next.state));
        world.pass(PAUSE, tale);
        let menu = if left.edits > 0 {
            self.0.menu.clone()
        } else {
            Vec::new()
        };
        let gate = Arc::new(Gate::new(
            "worker",
            world.clone(),
            tale.clone(),
            menu,
            Arc::new(Fixed(script.to_vec())),
            Some(cast::rival(&world, &next.store, tale, self.0.plant)),
        ));
        let engine = cast::engine("worker", &gate, &next.store, self.0.plant);
        let result = drive(engine.run_once());
        drop(engine);
        cast::bury(&world);
        next.state = world.state().clone();
        let broken = match result {
            None if !gate.is_dead() => Some(Broken::new(1, "the round hangs")),
            _ => next.state.broken.clone(),
        };
        if let Some(broken) = broken {
            return Err(broken);
        }
        let may = gate.take_calls().into_iter().map(|call| {
            let faults = self.0.faults.iter().filter(|fault| call.may(**fault));
            let faults = faults.map(|fault| Act::Fault(*fault));
            let edits = call.edits.iter().map(|edit| Act::Edit(*edit, 0));
            edits.chain(faults).collect()
        });
        Ok(Ran {
            may: may.collect(),
            node: next,
            ends: Vec::new(),
        })
    }

    fn look(&self, node: &Node) -> Result<(), Broken> {
        mirror::mirrored(&node.state, &node.store.stored())
    }

    fn rest(&self, mut node: Node, tale: &Tale) -> Result<(), Broken> {
        self.settle(&mut node, tale)
    }

    fn key(&self, node: &Node) -> u64 {
        search::hash(Known(&node.state, &node.store))
    }
}

/// Leaves the engine alone until it is quiet, then asserts everything.
pub(super) fn settle(
    world: &Arc<World>,
    store: &Arc<MemoryStore>,
    plant: Option<Plant>,
    tale: &Tale,
) -> Result<(), Broken> {
    let quiet = (0..SETTLE).find_map(|number| {
        tale.tell(|| "  .. the engine is left alone".to_owned());
        // The first time within all lags, then beyond them.
        let wait = if number == 0 { Duration::ZERO } else { LONG };
        match undisturbed(world, store, plant, wait, tale) {
            Ok(report) if number > 0 && is_quiet(&report) && !waits(world, store) => Some(Ok(())),
            Ok(_) => None,
            Err(broken) => Some(Err(broken)),
        }
    });
    quiet.unwrap_or_else(|| {
        let what = format!("no quiet after {SETTLE} rounds");
        Err(Broken::new(1, what))
    })?;
    let stored = store.stored();
    let state = world.state().clone();
    judge::quiet(&state, &stored)?;
    mirror::mirrored(&state, &stored)?;
    again(world, store, plant, tale)
}

/// Is something put off until a brake lets go?
fn waits(world: &World, store: &MemoryStore) -> bool {
    world.state().may_make.is_some() && !store.stored().hints.is_empty()
}

fn undisturbed(
    world: &Arc<World>,
    store: &Arc<MemoryStore>,
    plant: Option<Plant>,
    wait: Duration,
    tale: &Tale,
) -> Result<RoundReport, Broken> {
    world.pass(PAUSE, tale);
    world.state().now += wait;
    let engine = cast::engine("worker", &cast::open_gate(world, tale), store, plant);
    let result = drive(engine.run_once());
    if let Some(broken) = &world.state().broken {
        return Err(broken.clone());
    }
    match result {
        Some(Ok(report)) => Ok(report),
        Some(Err(error)) => Err(Broken::new(8, format!("the round ends with: {error}"))),
        None => Err(Broken::new(8, "the round hangs")),
    }
}

/// Everything hinted once more must cause no write.
fn again(
    world: &Arc<World>,
    store: &Arc<MemoryStore>,
    plant: Option<Plant>,
    tale: &Tale,
) -> Result<(), Broken> {
    tale.tell(|| "  .. every record is hinted once more".to_owned());
    let writes = world.state().writes;
    let engine = cast::engine("worker", &cast::open_gate(world, tale), store, plant);
    for side in Side::BOTH {
        let ids: Vec<_> = world.state().side(side).rows.keys().cloned().collect();
        for id in ids {
            let hinted = drive(engine.hint(side, &crate::RecordId::new(id)));
            if !matches!(hinted, Some(Ok(_))) {
                return Err(Broken::new(8, format!("a hint is not taken: {hinted:?}")));
            }
        }
    }
    drop(engine);
    undisturbed(world, store, plant, LONG, tale)?;
    if world.state().writes != writes {
        let what = "a second look at everything writes something";
        return Err(Broken::new(7, what));
    }
    undisturbed(world, store, plant, LONG, tale)?;
    if world.state().writes != writes {
        return Err(Broken::new(2, "one more round writes something"));
    }
    Ok(())
}

fn is_quiet(report: &RoundReport) -> bool {
    let writes = report.left.writes() + report.right.writes();
    writes == 0 && report.postponed == 0
}

/// World, store and queue as they are hashed. Left out: counters that only make names, and what
/// was told.
pub(super) struct Known<'a>(pub(super) &'a State, pub(super) &'a MemoryStore);

impl std::hash::Hash for Known<'_> {
    fn hash<H: std::hash::Hasher>(&self, hash: &mut H) {
        let Self(state, store) = self;
        (
            state.now,
            &state.sides,
            &state.done,
            &state.held,
            &state.outside,
            &state.asked,
            &state.closings,
        )
            .hash(hash);
        let stored = store.stored();
        let turns = stored.hints.iter().map(|hint| crate::QueuedHint {
            turn: 0,
            ..hint.clone()
        });
        let turns: Vec<_> = turns.collect();
        let text = format!(
            "{:?}{:?}{:?}{:?}{turns:?}{:?}",
            state.late, stored.pairs, stored.cursors, stored.conflicts, stored.skipped
        );
        text.hash(hash);
        // Elsewhere no limit is near.
        if state.may_make.is_some() {
            format!("{:?}{:?}", state.made_left, stored.counters).hash(hash);
        }
    }
}
