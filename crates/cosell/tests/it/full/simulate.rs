//! Long stories of many deals on the whole stack, by seed.

use std::{
    io::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cosell::{
    http::RetryOptions,
    sync::{
        Engine, EngineError,
        testkit::{
            Broken, Dice, Plant as Stored, drive,
            search::Tale,
            story::{self, Played, Teller, odds, tell, turn},
        },
    },
};

use super::{
    edits::Edit,
    facts::By,
    gate::{Act, Call, Fault, Gate, Source},
    judge, key, long,
    plants::Plant,
    stage::{Node, Scenario, begin, settle},
    world::World,
};

/// Longer than a lease.
const LEASE_ENDS: Duration = Duration::from_secs(130);
/// Rounds of one story.
const ROUNDS: u64 = 10;

/// How many deals: up to 50 in the long job, up to 10 otherwise.
fn deals(seed: u64) -> u8 {
    story::deals(seed).min(if long() { 50 } else { 10 })
}

/// Something that happened: in which round, at which of its calls.
type Deed = (u64, usize, Act);

/// Tells stories of the whole stack.
struct Stories {
    rounds: u64,
    plant: Option<Plant>,
}

impl Teller for Stories {
    type Deed = Deed;

    fn head(&self, seed: u64) -> String {
        format!("{} deals, {:?}", deals(seed), self.plant)
    }

    fn play(&self, seed: u64, deeds: Option<Vec<Deed>>, tale: &Tale) -> Played<Deed> {
        let chance = Arc::new(Chance {
            seed,
            round: AtomicU64::new(0),
            replayed: deeds.is_some(),
            deeds: Mutex::new(deeds.unwrap_or_default()),
        });
        let (start, mut setup) =
            begin(Scenario::Many(deals(seed)), self.plant, seed).expect("deals are only opened");
        // As a user runs it: some repeats inside the clients, and several pairs at once.
        setup.retry = RetryOptions::default().with_seed(seed);
        setup.parallelism = 8;
        let story = Story {
            world: start.play(&setup),
            chance,
            tale,
        };
        let (result, steps) = story.play(self.rounds);
        let last = Node::of(&story.world);
        let deeds = std::mem::take(&mut *story.chance.deeds.lock().unwrap());
        Played {
            result,
            edits: deeds
                .iter()
                .filter(|deed| matches!(deed.2, Act::Edit(..)))
                .count(),
            deeds,
            deals: deals(seed),
            steps,
            hash: tale.hash() ^ key::key(&last),
        }
    }
}

struct Story<'a> {
    world: Arc<World>,
    chance: Arc<Chance>,
    tale: &'a Tale,
}

impl Story<'_> {
    fn play(&self, rounds: u64) -> (Result<(), Broken>, u64) {
        let mut workers: [Option<(Engine, Arc<Gate>)>; 2] = [None, None];
        let mut steps = 0;
        for round in 0..rounds {
            self.chance.round.store(round, Ordering::Relaxed);
            let (number, pause) = turn(self.chance.seed, round);
            self.world.pass(pause);
            // What the services did by themselves meanwhile.
            self.world.look(By::Person);
            let owner = ["first", "second"][number];
            self.tale
                .tell(|| format!("round {round}, the {owner} worker"));
            let worker = &mut workers[number];
            let (engine, gate) = worker.get_or_insert_with(|| self.start(owner));
            let result = drive(engine.run_once());
            steps += gate.take_calls().len() as u64;
            if let Some(broken) = self.world.facts.lock().unwrap().broken.clone() {
                return (Err(broken), steps);
            }
            match result {
                None if !gate.is_dead() => {
                    return (Err(Broken::new(1, "the round hangs")), steps);
                }
                None => *worker = None,
                // The other one died with it.
                Some(Err(EngineError::Held { .. })) => self.world.pass(LEASE_ENDS),
                Some(Ok(_) | Err(_)) => {}
            }
            let node = Node::of(&self.world);
            if let Err(broken) = judge::look(&node, &self.world.setup) {
                return (Err(broken), steps);
            }
        }
        drop(workers);
        self.world.pass(LEASE_ENDS);
        (settle(&self.world, self.tale), steps)
    }

    fn start(&self, owner: &'static str) -> (Engine, Arc<Gate>) {
        let (world, tale) = (self.world.clone(), self.tale.clone());
        let gate = Gate::new(owner, world, tale, self.chance.clone());
        (self.world.engine(owner, &gate), gate)
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
    fn noted(&self, round: u64, number: usize) -> Vec<Act> {
        let deeds = self.deeds.lock().unwrap();
        let now = deeds
            .iter()
            .filter(|deed| (deed.0, deed.1) == (round, number));
        now.map(|(.., act)| *act).collect()
    }

    fn note(&self, round: u64, number: usize, acts: &[Act]) {
        let mut deeds = self.deeds.lock().unwrap();
        deeds.extend(acts.iter().map(|act| (round, number, *act)));
    }

    fn roll(&self, round: u64, number: usize, call: Call, world: &World) -> Vec<Act> {
        let [edits, faults] = odds(self.seed);
        let mut dice = Dice::at(self.seed, &[4, round, number as u64]);
        let mut acts = Vec::new();
        // A round of this world has fewer calls than one of the toys.
        if dice.below(edits / 4) == 0 {
            let deal = dice.below(u64::from(deals(self.seed))) as u8;
            let edit = dice.pick(&Edit::ALL).copied().unwrap_or(Edit::CrmValue);
            // Deals that are gone or closed make dull stories.
            let rare = matches!(edit, Edit::Delete | Edit::CrmLoses | Edit::PortalLoses)
                || matches!(
                    edit,
                    Edit::CrmWins | Edit::PortalWins | Edit::PortalDeclines
                );
            let facts = world.facts.lock().unwrap();
            let record = facts.record(edit.side(), deal);
            if record.is_some_and(|record| edit.can(record)) && (!rare || dice.below(8) == 0) {
                acts.push(Act::Edit(edit, deal));
            }
        }
        if dice.below(faults) == 0 {
            let mut possible = Fault::ALL.to_vec();
            possible.retain(|fault| call.may(*fault) && *fault != Fault::Rival);
            acts.extend(dice.pick(&possible).map(|fault| Act::Fault(*fault)));
        }
        acts
    }
}

impl Source for Chance {
    fn acts(&self, number: usize, call: Call, world: &World) -> Vec<Act> {
        let round = self.round.load(Ordering::Relaxed);
        if self.replayed {
            let mut acts = self.noted(round, number);
            acts.retain(|act| match act {
                Act::Edit(..) => true,
                Act::Fault(fault) => *fault != Fault::Rival && call.may(*fault),
            });
            return acts;
        }
        let acts = self.roll(round, number, call, world);
        self.note(round, number, &acts);
        acts
    }

    fn pauses(&self, number: usize) -> u64 {
        let round = self.round.load(Ordering::Relaxed);
        Dice::at(self.seed, &[5, round, number as u64]).below(3)
    }

    fn stands_still(&self, number: usize) -> bool {
        let round = self.round.load(Ordering::Relaxed);
        let rival = Act::Fault(Fault::Rival);
        if self.replayed {
            return self.noted(round, number).contains(&rival);
        }
        let [_, faults] = odds(self.seed);
        let now = Dice::at(self.seed, &[6, round, number as u64]).below(faults * 12) == 0;
        let new = now && !self.noted(round, number).contains(&rival);
        if new {
            self.note(round, number, &[rival]);
        }
        new
    }

    fn before(&self, _: usize, _: &World) {}
}

/// Seeds that failed once, each with the reason; they are played for ever.
fn kept() -> impl Iterator<Item = u64> {
    let lines = include_str!("seeds.txt").lines();
    lines.filter_map(|line| line.split('#').next()?.trim().parse().ok())
}

/// Stories from here on, and how many: `COSELL_SEEDS=200..400`.
fn wanted() -> std::ops::Range<u64> {
    let wanted = std::env::var("COSELL_SEEDS").ok().and_then(|wanted| {
        let (from, to) = wanted.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    wanted.unwrap_or(0..if long() { 2_000 } else { 100 })
}

#[test]
fn stories_of_the_whole_stack_keep_every_promise() {
    let stories = |rounds| Stories {
        rounds,
        plant: None,
    };
    if let Err(failure) = tell(&stories(3 * ROUNDS), kept()) {
        panic!("{failure}");
    }
    let rounds = if long() { 3 * ROUNDS } else { ROUNDS };
    match tell(&stories(rounds), wanted()) {
        Ok(done) => drop(writeln!(std::io::stderr(), "full simulation: {done}")),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn a_story_of_the_whole_stack_that_fails_is_told_with_little_in_it() {
    let stories = Stories {
        rounds: 2 * ROUNDS,
        plant: Some(Plant::Stored(Stored::LoserNotLogged)),
    };
    let failure = tell(&stories, 0..100).expect_err("caught");
    assert_eq!(failure.broken.promise, 3, "{failure}");
    let edits = failure.trace.iter().filter(|line| line.contains(">>"));
    assert!(edits.count() <= 12, "{failure}");
}
