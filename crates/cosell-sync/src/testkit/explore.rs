//! The search: every schedule within the bounds, or some by seed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    Broken, Plant,
    dice::Dice,
    drive,
    gate::{Act, Call, Fault, Gate, Tale, Told, tell},
    judge,
    toy::{Kept, Toy},
    world::{Edit, Scenario, State, Wins, World},
};
use crate::{
    Engine, EngineOptions, IdSource, MemoryStore, Replica, RoundReport, Side, StateStore,
    engine::lock,
};

/// Between two rounds of a schedule: longer than the send window, shorter than the lags.
const PAUSE: Duration = Duration::from_secs(40);
/// Between two rounds afterwards, and while a rival takes over: longer than every lag and lease.
const LONG: Duration = Duration::from_secs(1_200);
/// Rounds after which the engine must have become quiet.
const SETTLE: usize = 14;

/// How far schedules go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Outside edits in one schedule, at most.
    pub edits: u8,
    /// Faults in one schedule, at most.
    pub faults: u8,
    /// Rounds in which they may happen.
    pub rounds: u8,
}

impl Bounds {
    /// Bounds.
    pub fn new(edits: u8, faults: u8, rounds: u8) -> Self {
        Self {
            edits,
            faults,
            rounds,
        }
    }
}

/// What was explored.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Schedules covered: run, or known to go on from a state already seen.
    pub schedules: u64,
    /// Rounds really run before the engine was left alone.
    pub rounds: u64,
    /// Different traces among them.
    pub traces: BTreeSet<u64>,
    /// Different states between rounds.
    pub states: BTreeSet<u64>,
    /// How long it took.
    pub time: Duration,
}

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.rounds += other.rounds;
        self.traces.extend(other.traces);
        self.states.extend(other.states);
        self.time += other.time;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} schedules, {} rounds run, {} distinct traces, {} distinct states, {:.1} s",
            self.schedules,
            self.rounds,
            self.traces.len(),
            self.states.len(),
            self.time.as_secs_f64()
        )
    }
}

/// A schedule that broke a promise.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The promise.
    pub broken: Broken,
    /// What happened, call by call.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.broken)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Runs schedules of one scenario.
#[derive(Clone, Debug)]
pub struct Explorer {
    scenario: Scenario,
    menu: Vec<Edit>,
    faults: Vec<Fault>,
    bounds: Bounds,
    plant: Option<Plant>,
}

type Script = Vec<(usize, Act)>;

/// Between two rounds.
#[derive(Clone, Debug)]
struct Node {
    state: State,
    store: Arc<MemoryStore>,
    edits: u8,
    faults: u8,
    round: u8,
    path: Vec<Script>,
    trace: u64,
}

struct Ran {
    node: Node,
    calls: Vec<Call>,
}

#[derive(Default)]
struct Search {
    tally: Tally,
    covered: BTreeMap<u64, u64>,
}

/// A broken promise, with the way to it.
type Found = Box<(Broken, Vec<Script>)>;

impl Explorer {
    /// A scenario, the edits that may happen in it, and how far to go; with all faults.
    pub fn new(scenario: Scenario, menu: &[Edit], bounds: Bounds) -> Self {
        Self {
            scenario,
            menu: menu.to_vec(),
            faults: Fault::ALL.to_vec(),
            bounds,
            plant: None,
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

    /// Every schedule within the bounds.
    ///
    /// # Errors
    /// The first schedule that breaks a promise.
    pub fn exhaust(&self) -> Result<Tally, Box<Failure>> {
        let begun = clock();
        let mut search = Search::default();
        search.tally.schedules = self
            .start(&Tale::default())
            .and_then(|node| self.explore(&mut search, &node))
            .map_err(|found| self.retell(*found))?;
        search.tally.time = begun.elapsed();
        Ok(search.tally)
    }

    /// One schedule for each seed. The same seed gives the same schedule.
    ///
    /// # Errors
    /// The first schedule that breaks a promise.
    pub fn sample(&self, seeds: impl IntoIterator<Item = u64>) -> Result<Tally, Box<Failure>> {
        let begun = clock();
        let mut search = Search::default();
        for seed in seeds {
            self.start(&Tale::default())
                .and_then(|node| self.wander(&mut search, node, seed))
                .map_err(|found| self.retell(*found))?;
        }
        search.tally.time = begun.elapsed();
        Ok(search.tally)
    }

    fn start(&self, tale: &Tale) -> Result<Node, Found> {
        let mut node = Node {
            state: State::begin(self.scenario),
            store: Arc::new(MemoryStore::new()),
            edits: self.bounds.edits,
            faults: self.bounds.faults,
            round: 0,
            path: Vec::new(),
            trace: 0,
        };
        if self.scenario == Scenario::InStep || self.scenario == Scenario::Neighbour {
            self.settle(&mut node, tale)?;
        }
        Ok(node)
    }

    /// Counts the schedules from here on.
    fn explore(&self, search: &mut Search, node: &Node) -> Result<u64, Found> {
        let key = node.key();
        if let Some(count) = search.covered.get(&key) {
            return Ok(*count);
        }
        search.tally.states.insert(key);
        let stored = node.store.stored();
        judge::mirrored(&node.state, &stored).map_err(|broken| node.found(broken))?;
        let count = if node.is_spent() || node.round == self.bounds.rounds {
            let mut rest = node.clone();
            self.settle(&mut rest, &Tale::default())?;
            1
        } else {
            self.branch(search, node, &Script::new())?
        };
        search.covered.insert(key, count);
        Ok(count)
    }

    /// The round with this script, and with everything that may come after its last act.
    fn branch(&self, search: &mut Search, node: &Node, script: &Script) -> Result<u64, Found> {
        let ran = self.round(node, script, &Tale::default())?;
        search.tally.rounds += 1;
        search.tally.traces.insert(ran.node.trace);
        let mut count = self.explore(search, &ran.node)?;
        for act in self.acts(&ran, script) {
            let mut longer = script.clone();
            longer.push(act);
            count += self.branch(search, node, &longer)?;
        }
        Ok(count)
    }

    /// What may happen next in a round that ran like this.
    fn acts(&self, ran: &Ran, script: &Script) -> Script {
        let from = match script.last() {
            None => 0,
            Some((at, Act::Edit(_))) => *at,
            Some((at, Act::Fault(_))) => at + 1,
        };
        let mut acts = Script::new();
        for (at, call) in ran.calls.iter().enumerate().skip(from) {
            if ran.node.edits > 0 {
                acts.extend(call.edits.iter().map(|edit| (at, Act::Edit(*edit))));
            }
            if ran.node.faults > 0 {
                let faults = self.faults.iter().filter(|fault| call.may(**fault));
                acts.extend(faults.map(|fault| (at, Act::Fault(*fault))));
            }
        }
        acts
    }

    fn wander(&self, search: &mut Search, mut node: Node, seed: u64) -> Result<(), Found> {
        let mut dice = Dice(seed);
        while node.round < self.bounds.rounds && !node.is_spent() {
            let mut script = Script::new();
            let mut ran = self.round(&node, &script, &Tale::default())?;
            // About one round in three goes on undisturbed.
            while dice.below(3) > 0 {
                let acts = self.acts(&ran, &script);
                let Some(act) = dice.pick(&acts) else {
                    break;
                };
                script.push(*act);
                ran = self.round(&node, &script, &Tale::default())?;
            }
            search.tally.rounds += 1;
            node = ran.node;
            search.tally.states.insert(node.key());
        }
        search.tally.traces.insert(node.trace);
        search.tally.schedules += 1;
        self.settle(&mut node, &Tale::default())
    }

    /// One round of a schedule.
    fn round(&self, node: &Node, script: &Script, tale: &Tale) -> Result<Ran, Found> {
        node.trace.hash(&mut lock(tale).hash);
        let mut next = node.clone();
        next.store = Arc::new(node.store.fork());
        next.path.push(script.clone());
        next.round += 1;
        next.state.now += PAUSE;
        for line in next.state.land_late() {
            tell(tale, || format!("  .. {line}"));
        }
        for (_, act) in script {
            match act {
                Act::Edit(_) => next.edits = next.edits.saturating_sub(1),
                Act::Fault(_) => next.faults = next.faults.saturating_sub(1),
            }
        }
        let world = Arc::new(World::new(next.state.clone()));
        let menu = if node.edits == 0 { &[][..] } else { &self.menu };
        let rival = self.rival(&world, &next.store, tale);
        let gate = Arc::new(Gate::new(
            "worker",
            world.clone(),
            tale.clone(),
            menu.to_vec(),
            script.clone(),
            Some(rival),
        ));
        let engine = self.engine("worker", &gate, &next.store);
        let result = drive(engine.run_once());
        drop(engine);
        next.state = world.state().clone();
        next.state.flying.clear();
        next.trace = lock(tale).hash.clone().finish();
        let broken = match result {
            None if !gate.is_dead() => Some(Broken::new(1, "the round hangs")),
            _ => next.state.broken.clone(),
        };
        if let Some(broken) = broken {
            return Err(next.found(broken));
        }
        Ok(Ran {
            node: next,
            calls: gate.calls(),
        })
    }

    /// Leaves the engine alone until it is quiet, then asserts everything.
    fn settle(&self, node: &mut Node, tale: &Tale) -> Result<(), Found> {
        let world = Arc::new(World::new(node.state.clone()));
        node.store = Arc::new(node.store.fork());
        let gate = || {
            let (world, tale) = (world.clone(), tale.clone());
            Arc::new(Gate::new(
                "worker",
                world,
                tale,
                Vec::new(),
                Script::new(),
                None,
            ))
        };
        let quiet = (0..SETTLE).find_map(|number| {
            tell(tale, || "  .. the engine is left alone".to_owned());
            // The first time within all lags, then beyond them.
            let wait = if number == 0 { Duration::ZERO } else { LONG };
            match self.undisturbed(&world, node, &gate(), wait) {
                Ok(report) if number > 0 && is_quiet(&report) => Some(Ok(())),
                Ok(_) => None,
                Err(broken) => Some(Err(broken)),
            }
        });
        let unquiet = || Err(Broken::new(1, format!("no quiet after {SETTLE} rounds")));
        let mut result = quiet.unwrap_or_else(unquiet);
        if result.is_ok() {
            let stored = node.store.stored();
            let state = world.state().clone();
            result = judge::quiet(&state, &stored)
                .and_then(|()| judge::mirrored(&state, &stored))
                .and_then(|()| self.again(&world, node, &gate(), tale));
        }
        node.state = world.state().clone();
        result.map_err(|broken| node.found(broken))
    }

    fn undisturbed(
        &self,
        world: &Arc<World>,
        node: &Node,
        gate: &Arc<Gate>,
        wait: Duration,
    ) -> Result<RoundReport, Broken> {
        let late = {
            let mut state = world.state();
            state.now += PAUSE;
            let late = state.land_late();
            state.now += wait;
            late
        };
        for line in late {
            tell(&gate.tale, || format!("  .. {line}"));
        }
        let engine = self.engine("worker", gate, &node.store);
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
        &self,
        world: &Arc<World>,
        node: &Node,
        gate: &Arc<Gate>,
        tale: &Tale,
    ) -> Result<(), Broken> {
        tell(tale, || "  .. every record is hinted once more".to_owned());
        let writes = world.state().writes;
        let engine = self.engine("worker", gate, &node.store);
        for side in Side::BOTH {
            let ids: Vec<_> = world.state().side(side).rows.keys().cloned().collect();
            for id in ids {
                let hinted = drive(engine.hint(side, &crate::RecordId::new(id)));
                if !matches!(hinted, Some(Ok(()))) {
                    return Err(Broken::new(8, format!("a hint is not taken: {hinted:?}")));
                }
            }
        }
        self.undisturbed(world, node, gate, LONG)?;
        if world.state().writes != writes {
            return Err(Broken::new(
                7,
                "a second look at everything writes something",
            ));
        }
        self.undisturbed(world, node, gate, LONG)?;
        if world.state().writes != writes {
            return Err(Broken::new(2, "one more round writes something"));
        }
        Ok(())
    }

    fn engine(&self, owner: &str, gate: &Arc<Gate>, truth: &Arc<MemoryStore>) -> Engine {
        let [left, right] = Side::BOTH.map(|side| {
            let toy: Arc<dyn Replica> = Arc::new(Toy {
                side,
                gate: gate.clone(),
            });
            match self.plant {
                Some(plant) => plant.replica(side, toy, &gate.world),
                None => toy,
            }
        });
        let inner: Arc<dyn StateStore> = match self.plant {
            Some(plant) => plant.store(truth),
            None => truth.clone(),
        };
        let store = Arc::new(Kept {
            inner,
            truth: truth.clone(),
            gate: gate.clone(),
        });
        let ids = gate.world.clone();
        let options = EngineOptions::default()
            .with_owner(owner)
            .with_ids(IdSource::new(move || {
                let mut state = ids.state();
                state.ids += 1;
                Uuid::from_u128(state.ids)
            }));
        let policy = Arc::new(Wins(Side::Right));
        Engine::builder(left, right, store, policy, gate.world.clone())
            .options(options)
            .build()
    }

    /// Another worker, which finds the lease ended and does a round of its own.
    fn rival(
        &self,
        world: &Arc<World>,
        store: &Arc<MemoryStore>,
        tale: &Tale,
    ) -> Box<dyn Fn() + Send + Sync> {
        let (explorer, world, store, tale) =
            (self.clone(), world.clone(), store.clone(), tale.clone());
        Box::new(move || {
            world.state().now += LONG;
            tell(&tale, || {
                "  .. it stands still; a rival takes over".to_owned()
            });
            let (there, told) = (world.clone(), tale.clone());
            let gate = Gate::new("rival", there, told, Vec::new(), Script::new(), None);
            let engine = explorer.engine("rival", &Arc::new(gate), &store);
            if drive(engine.run_once()).is_none() {
                world.state().broken(8, "the rival hangs");
            }
        })
    }

    /// A failing schedule once more, with every call told.
    fn retell(&self, found: (Broken, Vec<Script>)) -> Box<Failure> {
        let (broken, path) = found;
        let tale = Tale::new(Mutex::new(Told {
            text: Some(vec![format!("{:?}, {:?}", self.scenario, self.plant)]),
            ..Told::default()
        }));
        if let Ok(mut node) = self.start(&tale) {
            let mut over = false;
            for (number, script) in path.iter().enumerate() {
                tell(&tale, || format!("round {}", number + 1));
                match self.round(&node, script, &tale) {
                    Ok(ran) => node = ran.node,
                    Err(_) => over = true,
                }
            }
            if !over {
                let _ = self.settle(&mut node, &tale);
            }
        }
        let mut trace = lock(&tale).text.take().unwrap_or_default();
        trace.push(format!("broken: {broken}"));
        Box::new(Failure { broken, trace })
    }
}

fn is_quiet(report: &RoundReport) -> bool {
    let writes = report.left.writes() + report.right.writes();
    writes == 0 && report.postponed == 0
}

impl Node {
    fn is_spent(&self) -> bool {
        self.edits == 0 && self.faults == 0
    }

    fn found(&self, broken: Broken) -> Found {
        Box::new((broken, self.path.clone()))
    }

    /// World, store and queue, and what may still happen. Left out: counters that only make
    /// names, and what was told.
    fn key(&self) -> u64 {
        let state = &self.state;
        let mut hash = DefaultHasher::new();
        (self.edits, self.faults).hash(&mut hash);
        if !self.is_spent() {
            self.round.hash(&mut hash);
        }
        (
            state.now,
            &state.sides,
            &state.done,
            &state.held,
            &state.outside,
        )
            .hash(&mut hash);
        let stored = self.store.stored();
        let turns = stored.hints.iter().map(|hint| crate::QueuedHint {
            turn: 0,
            ..hint.clone()
        });
        let turns: Vec<_> = turns.collect();
        let text = format!(
            "{:?}{:?}{:?}{:?}{turns:?}{:?}",
            state.late, stored.pairs, stored.cursors, stored.conflicts, stored.skipped
        );
        text.hash(&mut hash);
        hash.finish()
    }
}

/// How long an exploration took is for people; nothing is decided by it.
#[expect(clippy::disallowed_methods, reason = "told, never decided by")]
fn clock() -> Instant {
    Instant::now()
}
