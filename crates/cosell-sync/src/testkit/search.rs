//! The search through schedules, whatever world they are played in.
//!
//! A [`Stage`] knows how to play one round with something happening at some of its calls, and how
//! to leave the engine alone until it is quiet. The search plays every round within its
//! [`Bounds`], or some by seed, forgets states that it has seen, and makes a failing schedule
//! small before it is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{Broken, dice::Dice};
use crate::engine::lock;

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

impl Failure {
    /// A failure as it is told.
    pub fn new(broken: Broken, mut trace: Vec<String>) -> Self {
        trace.push(format!("broken: {broken}"));
        Self { broken, trace }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.broken)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// What is told of a run: always a hash, the text on demand.
#[derive(Clone, Debug, Default)]
pub struct Tale(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    hash: DefaultHasher,
    text: Option<Vec<String>>,
}

impl Tale {
    /// One that keeps the text.
    pub fn in_words() -> Self {
        let tale = Self::default();
        lock(&tale.0).text = Some(Vec::new());
        tale
    }

    /// Tells a line, if anybody listens.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(text) = &mut lock(&self.0).text {
            text.push(line());
        }
    }

    /// Adds to the hash.
    pub fn mark(&self, what: impl Hash) {
        what.hash(&mut lock(&self.0).hash);
    }

    /// The hash so far.
    pub fn hash(&self) -> u64 {
        lock(&self.0).hash.clone().finish()
    }

    /// The text so far.
    pub fn words(&self) -> Vec<String> {
        lock(&self.0).text.clone().unwrap_or_default()
    }
}

/// What happens at which calls of a round.
pub type Script<A> = Vec<(usize, A)>;

/// Counts against which bound?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Outside edits.
    AsEdit,
    /// Faults.
    AsFault,
}

/// What may still happen when a round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Outside edits.
    pub edits: u8,
    /// Faults.
    pub faults: u8,
}

/// A round that was played.
#[derive(Clone, Debug)]
pub struct Ran<N, A> {
    /// The world after it.
    pub node: N,
    /// What could have happened at each of its calls.
    pub may: Vec<Vec<A>>,
    /// Acts that end the round, with the world as they leave it: they need not be played.
    pub ends: Vec<(usize, A, N)>,
}

/// A world in which schedules are played.
pub trait Stage {
    /// The world between two rounds. Clones must not share what a round changes.
    type Node: Clone;
    /// What may happen at a call.
    type Act: Clone + fmt::Debug + PartialEq + Hash;

    /// In one line, for the head of a trace.
    fn name(&self) -> String;

    /// The world before the first round.
    ///
    /// # Errors
    /// A promise is broken already.
    fn start(&self, tale: &Tale) -> Result<Self::Node, Broken>;

    /// What an act counts as.
    fn counts(&self, act: &Self::Act) -> Counts;

    /// Plays one round.
    ///
    /// # Errors
    /// The first promise that it breaks.
    fn round(
        &self,
        node: &Self::Node,
        script: &[(usize, Self::Act)],
        left: Left,
        tale: &Tale,
    ) -> Result<Ran<Self::Node, Self::Act>, Broken>;

    /// What must hold in every state, asked once for each.
    ///
    /// # Errors
    /// The promise that does not.
    fn look(&self, node: &Self::Node) -> Result<(), Broken>;

    /// Leaves the engine alone until it is quiet, then asserts everything.
    ///
    /// # Errors
    /// The first promise that is broken.
    fn rest(&self, node: Self::Node, tale: &Tale) -> Result<(), Broken>;

    /// World, store and queue as one number.
    fn key(&self, node: &Self::Node) -> u64;
}

/// A place in the search.
#[derive(Clone)]
struct Place<N, A> {
    node: N,
    edits: u8,
    faults: u8,
    round: u8,
    path: Vec<Script<A>>,
    trace: u64,
}

type At<S> = Place<<S as Stage>::Node, <S as Stage>::Act>;

impl<N, A: Clone> Place<N, A> {
    fn is_spent(&self) -> bool {
        self.edits == 0 && self.faults == 0
    }

    fn found(&self, broken: Broken) -> Found<A> {
        Box::new((broken, self.path.clone()))
    }
}

/// A broken promise, with the way to it.
type Found<A> = Box<(Broken, Vec<Script<A>>)>;
type RanOn<S> = Ran<<S as Stage>::Node, <S as Stage>::Act>;
type Then<T, S> = Result<T, Found<<S as Stage>::Act>>;

struct Search<'a, S> {
    stage: &'a S,
    bounds: Bounds,
    tally: Tally,
    covered: BTreeMap<u64, u64>,
}

/// Every schedule within the bounds.
///
/// # Errors
/// A schedule that breaks a promise, as small as it could be made.
pub fn exhaust<S: Stage>(stage: &S, bounds: Bounds) -> Result<Tally, Box<Failure>> {
    search(stage, bounds, |search| {
        let start = search.start()?;
        search.tally.schedules = search.explore(&start)?;
        Ok(())
    })
}

/// One schedule for each seed. The same seed gives the same schedule.
///
/// # Errors
/// As [`exhaust`].
pub fn sample<S: Stage>(
    stage: &S,
    bounds: Bounds,
    seeds: impl IntoIterator<Item = u64>,
) -> Result<Tally, Box<Failure>> {
    search(stage, bounds, |search| {
        let start = search.start()?;
        seeds
            .into_iter()
            .try_for_each(|seed| search.wander(start.clone(), seed))
    })
}

fn search<S: Stage>(
    stage: &S,
    bounds: Bounds,
    run: impl FnOnce(&mut Search<'_, S>) -> Then<(), S>,
) -> Result<Tally, Box<Failure>> {
    let begun = clock();
    let mut search = Search {
        stage,
        bounds,
        tally: Tally::default(),
        covered: BTreeMap::new(),
    };
    match run(&mut search) {
        Ok(()) => {
            search.tally.time = begun.elapsed();
            Ok(search.tally)
        }
        Err(found) => Err(Box::new(told(stage, *found))),
    }
}

impl<S: Stage> Search<'_, S> {
    fn start(&self) -> Then<At<S>, S> {
        let start = self.stage.start(&Tale::default());
        let node = start.map_err(|broken| Box::new((broken, Vec::new())))?;
        Ok(Place {
            node,
            edits: self.bounds.edits,
            faults: self.bounds.faults,
            round: 0,
            path: Vec::new(),
            trace: 0,
        })
    }

    fn key(&self, at: &At<S>) -> u64 {
        let round = if at.is_spent() { 0 } else { at.round };
        hash((self.stage.key(&at.node), at.edits, at.faults, round))
    }

    /// Counts the schedules from here on.
    fn explore(&mut self, at: &At<S>) -> Then<u64, S> {
        let key = self.key(at);
        if let Some(count) = self.covered.get(&key) {
            return Ok(*count);
        }
        self.tally.states.insert(key);
        let failed = |broken| at.found(broken);
        self.stage.look(&at.node).map_err(failed)?;
        let count = if at.is_spent() || at.round == self.bounds.rounds {
            let rest = self.stage.rest(at.node.clone(), &Tale::default());
            rest.map_err(failed)?;
            1
        } else {
            self.branch(at, &Script::new())?
        };
        self.covered.insert(key, count);
        Ok(count)
    }

    /// The round with this script, and with everything that may come after its last act.
    fn branch(&mut self, at: &At<S>, script: &Script<S::Act>) -> Then<u64, S> {
        let (next, ran) = self.play(at, script)?;
        let mut count = self.explore(&next)?;
        for act in self.acts(&next, &ran, script) {
            let mut longer = script.clone();
            longer.push(act);
            count += match self.ended(at, &ran, &longer) {
                Some(dead) => self.explore(&dead)?,
                None => self.branch(at, &longer)?,
            };
        }
        Ok(count)
    }

    fn play(&mut self, at: &At<S>, script: &Script<S::Act>) -> Then<(At<S>, RanOn<S>), S> {
        let tale = Tale::default();
        let mut next = self.after(at, script);
        let left = Left {
            edits: at.edits,
            faults: at.faults,
        };
        let ran = self.stage.round(&at.node, script, left, &tale);
        let ran = ran.map_err(|broken| next.found(broken))?;
        self.tally.rounds += 1;
        next.node = ran.node.clone();
        next.trace = hash((at.trace, tale.hash()));
        self.tally.traces.insert(next.trace);
        Ok((next, ran))
    }

    /// Where a script leads, its world apart.
    fn after(&self, at: &At<S>, script: &Script<S::Act>) -> At<S> {
        let mut next = at.clone();
        next.path.push(script.clone());
        next.round += 1;
        for (_, act) in script {
            let left = match self.stage.counts(act) {
                Counts::AsEdit => &mut next.edits,
                Counts::AsFault => &mut next.faults,
            };
            *left = left.saturating_sub(1);
        }
        next
    }

    /// The place after a script whose last act ends the round in a way that is known.
    fn ended(
        &mut self,
        at: &At<S>,
        ran: &Ran<S::Node, S::Act>,
        script: &Script<S::Act>,
    ) -> Option<At<S>> {
        let (last, act) = script.last()?;
        let (.., node) = ran
            .ends
            .iter()
            .find(|(call, end, _)| call == last && end == act)?;
        let mut next = self.after(at, script);
        next.node = node.clone();
        next.trace = hash((at.trace, script));
        self.tally.traces.insert(next.trace);
        Some(next)
    }

    /// What may happen next in a round that ran like this.
    fn acts(
        &self,
        next: &At<S>,
        ran: &Ran<S::Node, S::Act>,
        script: &Script<S::Act>,
    ) -> Script<S::Act> {
        let from = match script.last() {
            None => 0,
            Some((at, act)) => match self.stage.counts(act) {
                Counts::AsEdit => *at,
                Counts::AsFault => at + 1,
            },
        };
        let open = |act: &S::Act| match self.stage.counts(act) {
            Counts::AsEdit => next.edits > 0,
            Counts::AsFault => next.faults > 0,
        };
        let calls = ran.may.iter().enumerate().skip(from);
        let acts = calls.flat_map(|(at, acts)| acts.iter().map(move |act| (at, act.clone())));
        acts.filter(|(_, act)| open(act)).collect()
    }

    fn wander(&mut self, mut at: At<S>, seed: u64) -> Then<(), S> {
        let mut dice = Dice(seed);
        while at.round < self.bounds.rounds && !at.is_spent() {
            let mut script = Script::new();
            let (mut next, mut ran) = self.play(&at, &script)?;
            // About one round in three goes on undisturbed.
            while dice.below(3) > 0 {
                let acts = self.acts(&next, &ran, &script);
                let Some(act) = dice.pick(&acts) else {
                    break;
                };
                script.push(act.clone());
                (next, ran) = self.play(&at, &script)?;
            }
            at = next;
            let key = self.key(&at);
            self.tally.states.insert(key);
        }
        self.tally.schedules += 1;
        let rest = self.stage.rest(at.node.clone(), &Tale::default());
        rest.map_err(|broken| at.found(broken))
    }
}

/// Plays a schedule whole.
fn play_all<S: Stage>(stage: &S, path: &[Script<S::Act>], tale: &Tale) -> Result<(), Broken> {
    let mut node = stage.start(tale)?;
    for (number, script) in path.iter().enumerate() {
        tale.tell(|| format!("round {}", number + 1));
        // No copies are wanted of what is only played.
        let none = Left {
            edits: 0,
            faults: 0,
        };
        node = stage.round(&node, script, none, tale)?.node;
    }
    stage.look(&node)?;
    stage.rest(node, tale)
}

/// A failing schedule made small and played once more, with every call told.
fn told<S: Stage>(stage: &S, (broken, path): (Broken, Vec<Script<S::Act>>)) -> Failure {
    let rounds = path.len();
    let acts: Vec<_> = path.into_iter().enumerate().collect();
    let acts = acts
        .into_iter()
        .flat_map(|(round, script)| script.into_iter().map(move |(at, act)| (round, at, act)))
        .collect();
    let schedule = |acts: &[(usize, usize, S::Act)]| {
        let mut path = vec![Script::new(); rounds];
        for (round, at, act) in acts {
            path[*round].push((*at, act.clone()));
        }
        path
    };
    let fails = |acts: &[(usize, usize, S::Act)]| {
        let played = play_all(stage, &schedule(acts), &Tale::default());
        played.is_err_and(|again| again.promise == broken.promise)
    };
    let acts = shrink(acts, fails);
    let tale = Tale::in_words();
    tale.tell(|| stage.name());
    let again = play_all(stage, &schedule(&acts), &tale);
    // What does not fail twice in the same way is told as it was found.
    Failure::new(again.err().unwrap_or(broken), tale.words())
}

/// Leaves out of `acts` what is not needed to fail: halves first, then smaller pieces, then one
/// by one, until nothing more can go.
pub fn shrink<A: Clone>(mut acts: Vec<A>, mut fails: impl FnMut(&[A]) -> bool) -> Vec<A> {
    let mut piece = acts.len().div_ceil(2).max(1);
    loop {
        let mut shorter = false;
        let mut from = 0;
        while from < acts.len() {
            let to = (from + piece).min(acts.len());
            let mut fewer = acts.clone();
            fewer.drain(from..to);
            if fails(&fewer) {
                acts = fewer;
                shorter = true;
            } else {
                from = to;
            }
        }
        if piece == 1 && !shorter {
            return acts;
        }
        piece = if piece == 1 { 1 } else { piece.div_ceil(2) };
    }
}

pub(super) fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// How long an exploration took is for people; nothing is decided by it.
#[expect(clippy::disallowed_methods, reason = "told, never decided by")]
pub(super) fn clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::shrink;

    #[test]
    fn what_is_not_needed_to_fail_is_left_out() {
        let fails = |acts: &[u32]| acts.contains(&3) && acts.contains(&17);
        assert_eq!(shrink((0..40).collect(), fails), [3, 17]);
        assert_eq!(shrink(vec![5], |_| true), Vec::<u32>::new());
        assert_eq!(shrink(Vec::<u32>::new(), |_| true), Vec::<u32>::new());
    }
}
