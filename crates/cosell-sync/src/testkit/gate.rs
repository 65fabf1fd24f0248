//! Every call of a replica or the store passes here: counted, told, and gone wrong on demand.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::TimeDelta;
use futures_util::future::pending;

use super::{
    Edit, pause,
    search::Tale,
    world::{State, World},
};
use crate::{Side, engine::lock};

/// How far a clock jumps: most of a lease.
const JUMP: TimeDelta = TimeDelta::seconds(100);

/// What goes wrong at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The process dies right after the call.
    Crash,
    /// The request is lost; a write's answer is then not known.
    Lose,
    /// It takes effect, the answer is lost.
    LoseAnswer,
    /// The answer is lost, and the write takes effect only before the next round.
    Late,
    /// The write certainly did not leave.
    NotSent,
    /// A fetch shows the record as it was before its last change.
    Stale,
    /// A page tells of a deletion that never was.
    FalseGone,
    /// The cursor is no longer good.
    Expire,
    /// The process stands still here; another one takes over and does a whole round; then it
    /// goes on.
    Rival,
    /// The clock jumps by most of a lease.
    Jump,
    /// A fetch shows the record as late as it may be, several changes ago.
    Oldest,
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Crash,
        Self::Lose,
        Self::LoseAnswer,
        Self::Late,
        Self::NotSent,
        Self::Stale,
        Self::FalseGone,
        Self::Expire,
        Self::Rival,
        Self::Jump,
        Self::Oldest,
    ];
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// Of the deal with this number.
    Edit(Edit, u8),
    Fault(Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Hints,
    Fetch,
    Find,
    Create,
    Update,
    StoreRead,
    Lease,
    Commit,
}

/// One call, as the explorer needs to know it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: Kind,
    pub(super) side: Option<Side>,
    /// Edits of the menu that could come just before it.
    pub(super) edits: Vec<Edit>,
    /// A fetch: how many older states may be shown? Hints: is there a cursor?
    pub(super) older: usize,
}

impl Call {
    /// May it go wrong like this?
    pub(super) fn may(&self, fault: Fault) -> bool {
        use Kind::{Commit, Create, Fetch, Find, Hints, Lease, StoreRead, Update};
        match (fault, self.kind) {
            (Fault::Lose, _)
            | (Fault::Crash, Create | Update | Lease | Commit)
            | (Fault::LoseAnswer, Create | Update | Commit)
            | (Fault::Late | Fault::NotSent, Create | Update)
            | (Fault::Rival | Fault::Jump, Hints | Fetch | Find | Create | Update | Commit) => true,
            (Fault::Stale, Fetch) | (Fault::Expire, Hints) => self.older > 0,
            (Fault::Oldest, Fetch) => self.older > 1,
            (Fault::FalseGone, Hints) => self.older > 0 && self.side == Some(Side::Right),
            (_, StoreRead | Lease | _) => false,
        }
    }
}

/// Says what happens at a call.
pub(super) trait Source: fmt::Debug + Send + Sync {
    fn acts(&self, number: usize, call: &Call, state: &State) -> Vec<Act>;

    /// How often other work gets its turn before the call.
    fn pauses(&self, number: usize) -> u64;
}

/// What happens is settled beforehand.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed(pub(super) Vec<(usize, Act)>);

impl Source for Fixed {
    fn acts(&self, number: usize, _: &Call, _: &State) -> Vec<Act> {
        let now = self.0.iter().filter(|(at, _)| *at == number);
        now.map(|(_, act)| *act).collect()
    }

    fn pauses(&self, _: usize) -> u64 {
        0
    }
}

type Rival = Box<dyn Fn() + Send + Sync>;

pub(super) struct Gate {
    pub(super) world: Arc<World>,
    pub(super) tale: Tale,
    who: &'static str,
    menu: Vec<Edit>,
    source: Arc<dyn Source>,
    calls: Mutex<Vec<Call>>,
    dead: AtomicBool,
    rival: Option<Rival>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Gate {
    pub(super) fn new(
        who: &'static str,
        world: Arc<World>,
        tale: Tale,
        menu: Vec<Edit>,
        source: Arc<dyn Source>,
        rival: Option<Rival>,
    ) -> Self {
        Self {
            world,
            tale,
            who,
            menu,
            source,
            calls: Mutex::default(),
            dead: AtomicBool::new(false),
            rival,
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// The calls since the last time they were taken.
    pub(super) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.calls))
    }

    /// Before a call. Lets outside edits happen; says how the call goes wrong.
    pub(super) async fn enter(
        &self,
        kind: Kind,
        side: Option<Side>,
        older: usize,
        says: impl FnOnce() -> String,
    ) -> Option<Fault> {
        if self.is_dead() {
            return pending().await;
        }
        let (number, call, acts) = {
            let mut calls = lock(&self.calls);
            let state = self.world.state();
            let edits = match side {
                Some(side) => {
                    let menu = self.menu.iter().copied();
                    menu.filter(|edit| edit.side() == side && state.can(*edit, 0))
                        .collect()
                }
                None => Vec::new(),
            };
            let call = Call {
                kind,
                side,
                edits,
                older,
            };
            let acts = self.source.acts(calls.len(), &call, &state);
            calls.push(call.clone());
            (calls.len() - 1, call, acts)
        };
        for _ in 0..self.source.pauses(number) {
            pause().await;
        }
        if self.is_dead() {
            return pending().await;
        }
        let mut fault = None;
        for act in acts {
            // A schedule made smaller may ask for what cannot happen here any more.
            if matches!(act, Act::Fault(bad) if !call.may(bad)) {
                continue;
            }
            self.tale.mark((self.who, act));
            match act {
                Act::Edit(edit, deal) => {
                    let says = self.world.state().edit(edit, deal);
                    self.tale.tell(|| format!("  >> {says}"));
                }
                Act::Fault(bad) => fault = Some(bad),
            }
        }
        self.tale.mark((self.who, kind, side));
        self.tale.tell(|| {
            let bad = fault.map_or_else(String::new, |bad| format!("   << {bad:?}"));
            format!("  {} {}{bad}", self.who, says())
        });
        if fault.is_some() {
            self.world.state().may_forget_closing();
        }
        match fault {
            Some(Fault::Rival) => {
                if let Some(rival) = &self.rival {
                    rival();
                }
                None
            }
            Some(Fault::Jump) => {
                self.world.state().now += JUMP;
                None
            }
            fault => fault,
        }
    }

    /// After a call that took effect: the process may die here.
    pub(super) async fn leave(&self, fault: Option<Fault>) {
        if fault == Some(Fault::Crash) {
            self.dead.store(true, Ordering::Release);
            pending::<()>().await;
        }
    }
}
