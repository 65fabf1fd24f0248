//! Every call of a replica or the store passes here: counted, told, and gone wrong on demand.

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::pending;

use super::world::{Edit, World};
use crate::{Side, engine::lock};

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
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Crash,
        Self::Lose,
        Self::LoseAnswer,
        Self::Late,
        Self::NotSent,
        Self::Stale,
        Self::FalseGone,
        Self::Expire,
        Self::Rival,
    ];
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Edit(Edit),
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
    /// A fetch: is there an older state to be shown? Hints: is there a cursor?
    pub(super) older: bool,
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
            | (Fault::Rival, Hints | Fetch | Find | Create | Update | Commit) => true,
            (Fault::Stale, Fetch) | (Fault::Expire, Hints) => self.older,
            (Fault::FalseGone, Hints) => self.older && self.side == Some(Side::Right),
            (_, StoreRead | Lease | _) => false,
        }
    }
}

/// What was told of a run: always a hash, the text on demand.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) hash: DefaultHasher,
    pub(super) text: Option<Vec<String>>,
}

pub(super) type Tale = Arc<Mutex<Told>>;

pub(super) fn tell(tale: &Tale, line: impl FnOnce() -> String) {
    if let Some(text) = &mut lock(tale).text {
        text.push(line());
    }
}

type Rival = Box<dyn Fn() + Send + Sync>;

pub(super) struct Gate {
    pub(super) world: Arc<World>,
    pub(super) tale: Tale,
    who: &'static str,
    menu: Vec<Edit>,
    script: Vec<(usize, Act)>,
    calls: Mutex<Vec<Call>>,
    dead: AtomicBool,
    rival: Option<Rival>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("script", &self.script)
            .finish_non_exhaustive()
    }
}

impl Gate {
    pub(super) fn new(
        who: &'static str,
        world: Arc<World>,
        tale: Tale,
        menu: Vec<Edit>,
        script: Vec<(usize, Act)>,
        rival: Option<Rival>,
    ) -> Self {
        Self {
            world,
            tale,
            who,
            menu,
            script,
            calls: Mutex::default(),
            dead: AtomicBool::new(false),
            rival,
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    /// Before a call. Lets outside edits happen; says how the call goes wrong.
    pub(super) async fn enter(
        &self,
        kind: Kind,
        side: Option<Side>,
        older: bool,
        says: impl FnOnce() -> String,
    ) -> Option<Fault> {
        if self.is_dead() {
            return pending().await;
        }
        let number = {
            let mut calls = lock(&self.calls);
            let edits = match side {
                Some(side) if !self.menu.is_empty() => {
                    let state = self.world.state();
                    let menu = self.menu.iter().copied();
                    menu.filter(|edit| edit.side() == side && state.can(*edit))
                        .collect()
                }
                _ => Vec::new(),
            };
            calls.push(Call {
                kind,
                side,
                edits,
                older,
            });
            calls.len() - 1
        };
        let mut fault = None;
        for (_, act) in self.script.iter().filter(|(at, _)| *at == number) {
            (self.who, act).hash(&mut lock(&self.tale).hash);
            match act {
                Act::Edit(edit) => {
                    let says = self.world.state().edit(*edit);
                    tell(&self.tale, || format!("  >> {says}"));
                }
                Act::Fault(bad) => fault = Some(*bad),
            }
        }
        (self.who, kind, side).hash(&mut lock(&self.tale).hash);
        tell(&self.tale, || {
            let bad = fault.map_or_else(String::new, |bad| format!("   << {bad:?}"));
            format!("  {} {}{bad}", self.who, says())
        });
        if fault == Some(Fault::Rival) {
            if let Some(rival) = &self.rival {
                rival();
            }
            return None;
        }
        fault
    }

    /// After a call that took effect: the process may die here.
    pub(super) async fn leave(&self, fault: Option<Fault>) {
        if fault == Some(Fault::Crash) {
            self.dead.store(true, Ordering::Release);
            pending::<()>().await;
        }
    }
}
