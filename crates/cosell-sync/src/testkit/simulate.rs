//! Long stories of many deals, two workers and every kind of trouble, by seed.
//!
//! A seed says how many deals there are, how often something happens, who works when and how
//! much time passes. What happened is noted, so that a story that fails can be played again with
//! less and less of it (see [`story`](super::story)).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    Broken, Dice, Edit, Failure, Fault, Plant, Scenario, cast, drive,
    explore::{Known, settle},
    gate::{Act, Call, Gate, Source},
    search::{Tale, hash},
    story::{Played, Simulated, Teller, deals, odds, tell, turn},
    values::STAGE,
    world::{State, World},
};
use crate::{Engine, EngineError, MemoryStore, Side, engine::lock};

/// Longer than a lease.
const LEASE_ENDS: Duration = Duration::from_secs(130);

/// Something that happened: in which round, at which of its calls.
type Deed = (u64, usize, Act);

/// Plays stories in the toy world.
#[derive(Clone, Debug)]
pub struct Simulation {
    rounds: u64,
    staged: bool,
    plant: Option<Plant>,
}

impl Simulation {
    /// Stories of so many rounds.
    pub fn new(rounds: u64) -> Self {
        Self {
            rounds,
            staged: false,
            plant: None,
        }
    }

    /// Of deals that are accepted and closed for ever, and of leads among them.
    #[must_use]
    pub fn with_stages(mut self) -> Self {
        self.staged = true;
        self
    }

    /// With a known mistake.
    #[must_use]
    pub fn with_plant(mut self, plant: Plant) -> Self {
        self.plant = Some(plant);
        self
    }

    /// One story for each seed, played twice: both must leave the same trace.
    ///
    /// # Errors
    /// The first story that breaks a promise, with what is not needed for that left out.
    pub fn run(&self, seeds: impl IntoIterator<Item = u64>) -> Result<Simulated, Box<Failure>> {
        tell(&Toys(self), seeds)
    }
}

struct Toys<'a>(&'a Simulation);

impl Teller for Toys<'_> {
    type Deed = Deed;

    fn head(&self, seed: u64) -> String {
        let stages = if self.0.staged { " with stages" } else { "" };
        format!("{} deals{stages}, {:?}", deals(seed), self.0.plant)
    }

    fn play(&self, seed: u64, deeds: Option<Vec<Deed>>, tale: &Tale) -> Played<Deed> {
        let chance = Arc::new(Chance {
            seed,
            round: AtomicU64::new(0),
            replayed: deeds.is_some(),
            deeds: Mutex::new(deeds.unwrap_or_default()),
        });
        let scenario = if self.0.staged {
            Scenario::Staged(deals(seed))
        } else {
            Scenario::Many(deals(seed))
        };
        let world = World::new(State::begin(scenario, None));
        let story = Story {
            world: Arc::new(world),
            store: Arc::new(MemoryStore::new()),
            chance,
            tale,
            plant: self.0.plant,
        };
        let (result, steps) = story.play(self.0.rounds);
        let state = story.world.state().clone();
        let deeds = std::mem::take(&mut *lock(&story.chance.deeds));
        Played {
            result,
            edits: deeds.iter().filter(|deed| is_edit(deed)).count(),
            deeds,
            deals: deals(seed),
            steps,
            hash: hash((tale.hash(), Known(&state, &story.store))),
        }
    }
}

fn is_edit((.., act): &Deed) -> bool {
    matches!(act, Act::Edit(..))
}

struct Story<'a> {
    world: Arc<World>,
    store: Arc<MemoryStore>,
    chance: Arc<Chance>,
    tale: &'a Tale,
    plant: Option<Plant>,
}

impl Story<'_> {
    fn play(&self, rounds: u64) -> (Result<(), Broken>, u64) {
        let mut workers: [Option<(Engine, Arc<Gate>)>; 2] = [None, None];
        let mut steps = 0;
        for round in 0..rounds {
            self.chance.round.store(round, Ordering::Relaxed);
            let (number, pause) = turn(self.chance.seed, round);
            self.world.pass(pause, self.tale);
            let owner = ["first", "second"][number];
            self.tale
                .tell(|| format!("round {round}, the {owner} worker"));
            let worker = &mut workers[number];
            let (engine, gate) = worker.get_or_insert_with(|| self.start(owner));
            let result = drive(engine.run_once());
            steps += gate.take_calls().len() as u64;
            if let Some(broken) = self.world.state().broken.clone() {
                return (Err(broken), steps);
            }
            match result {
                None if !gate.is_dead() => {
                    return (Err(Broken::new(1, "the round hangs")), steps);
                }
                None => {
                    cast::bury(&self.world);
                    *worker = None;
                }
                // The other one died with it.
                Some(Err(EngineError::Held { .. })) => self.world.pass(LEASE_ENDS, self.tale),
                Some(Ok(_) | Err(_)) => cast::bury(&self.world),
            }
        }
        drop(workers);
        self.world.pass(LEASE_ENDS, self.tale);
        let rest = settle(&self.world, &self.store, self.plant, self.tale);
        (rest, steps)
    }

    fn start(&self, owner: &'static str) -> (Engine, Arc<Gate>) {
        let gate = Arc::new(Gate::new(
            owner,
            self.world.clone(),
            self.tale.clone(),
            Vec::new(),
            self.chance.clone(),
            Some(cast::rival(&self.world, &self.store, self.tale, self.plant)),
        ));
        let engine = cast::engine(owner, &gate, &self.store, self.plant);
        (engine, gate)
    }
}

/// What happens, as the dice fall, or as it was noted.
#[derive(Debug)]
struct Chance {
    seed: u64,
    round: AtomicU64,
    replayed: bool,
    deeds: Mutex<Vec<Deed>>,
}

impl Chance {
    fn roll(&self, round: u64, number: usize, call: &Call, state: &State) -> Vec<Act> {
        let [edits, faults] = odds(self.seed);
        let mut dice = Dice::at(self.seed, &[4, round, number as u64]);
        let mut acts = Vec::new();
        if dice.below(edits) == 0 {
            let deal = dice.below(u64::from(deals(self.seed))) as u8;
            let side = if dice.below(2) == 0 {
                Side::Left
            } else {
                Side::Right
            };
            let moves = state
                .done
                .iter()
                .filter(|done| done.deal == deal && done.field == Some(STAGE));
            let moves = moves.count();
            let stage = state.staged && moves < MOVES && dice.below(4) == 0;
            let edit = if stage {
                stage_edit(&mut dice, side)
            } else {
                field_edit(&mut dice, side)
            };
            if state.can(edit, deal) {
                acts.push(Act::Edit(edit, deal));
            }
        }
        if dice.below(faults) == 0 {
            let possible = Fault::ALL.map(|fault| call.may(fault).then_some(fault));
            let possible: Vec<Fault> = possible.into_iter().flatten().collect();
            acts.extend(dice.pick(&possible).map(|fault| Act::Fault(*fault)));
        }
        acts
    }
}

/// No more moves of the stage than this in one deal: its way is short.
const MOVES: usize = 3;

fn stage_edit(dice: &mut Dice, side: Side) -> Edit {
    match dice.below(8) {
        0..=2 => Edit::Accept(side),
        3 => Edit::Pause,
        4 => Edit::Win(side),
        5 => Edit::Lose(side),
        6 => Edit::Reopen,
        _ => Edit::Qualify,
    }
}

fn field_edit(dice: &mut Dice, side: Side) -> Edit {
    match dice.below(70) {
        0 => Edit::Delete(side),
        1..=3 => Edit::Off(side),
        4..=8 => Edit::On(side),
        9..=19 => Edit::Name(side),
        20..=29 => Edit::Note(side),
        30..=44 => Edit::Tags(side),
        45..=54 => Edit::Date(side),
        _ => Edit::Value(side),
    }
}

impl Source for Chance {
    fn acts(&self, number: usize, call: &Call, state: &State) -> Vec<Act> {
        let round = self.round.load(Ordering::Relaxed);
        let mut deeds = lock(&self.deeds);
        if self.replayed {
            let now = deeds
                .iter()
                .filter(|deed| (deed.0, deed.1) == (round, number));
            let can = |act: &Act| match act {
                Act::Edit(edit, deal) => state.can(*edit, *deal),
                Act::Fault(fault) => call.may(*fault),
            };
            return now.map(|(.., act)| *act).filter(can).collect();
        }
        let acts = self.roll(round, number, call, state);
        deeds.extend(acts.iter().map(|act| (round, number, *act)));
        acts
    }

    fn pauses(&self, number: usize) -> u64 {
        let round = self.round.load(Ordering::Relaxed);
        Dice::at(self.seed, &[5, round, number as u64]).below(3)
    }
}
