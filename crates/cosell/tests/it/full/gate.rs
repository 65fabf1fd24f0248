//! Every request and every commit passes here: counted, told, and gone wrong on demand.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use cosell_sandbox::ServiceName;
use futures_util::future::pending;

use super::{edits::Edit, world::World};
use cosell::sync::{
    Side,
    testkit::{pause, search::Tale},
};

/// What goes wrong at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// The process dies before it.
    Crash,
    /// It is lost on its way.
    Lose,
    /// It takes effect, the answer is lost.
    LoseAnswer,
    /// 429 with a wait; nothing took effect.
    Throttle,
    /// 503; nothing took effect.
    Unavailable,
    /// 500, after it took effect.
    ServerError,
    /// A list shows the state of a minute ago.
    LateList,
    /// The delta link is no longer good.
    Expire,
    /// The process stands still before the bytes leave; another one takes over and does a whole
    /// round; then it goes on.
    Rival,
    /// The clock jumps by most of a lease.
    Jump,
}

impl Fault {
    pub(crate) const ALL: [Self; 10] = [
        Self::Crash,
        Self::Lose,
        Self::LoseAnswer,
        Self::Throttle,
        Self::Unavailable,
        Self::ServerError,
        Self::LateList,
        Self::Expire,
        Self::Rival,
        Self::Jump,
    ];
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    /// Of the deal with this number.
    Edit(Edit, u8),
    Fault(Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A page of referrals.
    List,
    /// A page behind a delta link.
    Delta,
    Read,
    Write,
    Commit,
}

/// One call, as whoever decides what happens needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub(crate) kind: Kind,
    pub(crate) side: Option<Side>,
}

impl Call {
    pub(crate) fn of_request(service: ServiceName, method: &http::Method, path: &str) -> Self {
        let side = match service {
            ServiceName::PartnerCenter => Side::Left,
            _ => Side::Right,
        };
        let kind = if method != http::Method::GET {
            Kind::Write
        } else if side == Side::Left
            && path
                .split('?')
                .next()
                .is_some_and(|path| path.ends_with("referrals"))
        {
            Kind::List
        } else if path.contains("$deltatoken") {
            Kind::Delta
        } else {
            Kind::Read
        };
        Self {
            kind,
            side: Some(side),
        }
    }

    /// May it go wrong like this?
    pub(crate) fn may(self, fault: Fault) -> bool {
        use Kind::{Commit, Delta, List, Write};
        match fault {
            Fault::Crash | Fault::Lose => true,
            Fault::LoseAnswer => matches!(self.kind, Write | Commit),
            Fault::Throttle | Fault::Unavailable | Fault::Rival => self.kind != Commit,
            Fault::ServerError => self.kind == Write,
            Fault::LateList => self.kind == List,
            Fault::Expire => self.kind == Delta,
            Fault::Jump => matches!(self.kind, List | Delta | Commit),
        }
    }
}

/// Says what happens at a call.
pub(crate) trait Source: fmt::Debug + Send + Sync {
    fn acts(&self, number: usize, call: Call, world: &World) -> Vec<Act>;

    /// How often other work gets its turn before the call.
    fn pauses(&self, number: usize) -> u64;

    /// Does the process stand still before this call, while a rival takes over?
    fn stands_still(&self, number: usize) -> bool;

    /// Told of a call right before it is made, or goes wrong.
    fn before(&self, number: usize, world: &World);
}

/// What happens is settled beforehand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fixed(pub(crate) Vec<(usize, Act)>);

impl Source for Fixed {
    fn acts(&self, number: usize, _: Call, _: &World) -> Vec<Act> {
        let now = self.0.iter().filter(|(at, _)| *at == number);
        now.map(|(_, act)| *act).collect()
    }

    fn pauses(&self, _: usize) -> u64 {
        0
    }

    fn stands_still(&self, number: usize) -> bool {
        self.0.contains(&(number, Act::Fault(Fault::Rival)))
    }

    fn before(&self, _: usize, _: &World) {}
}

pub(crate) struct Gate {
    pub(crate) world: Arc<World>,
    pub(crate) tale: Tale,
    who: &'static str,
    source: Arc<dyn Source>,
    calls: Mutex<Vec<Call>>,
    dead: AtomicBool,
    /// The answer to the commit under way gets lost.
    answer_lost: AtomicBool,
    /// Writes whose bytes have left and that have not arrived: in no time, for who leaves in time
    /// arrives in time.
    in_the_air: AtomicUsize,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("who", &self.who)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Gate {
    pub(crate) fn new(
        who: &'static str,
        world: Arc<World>,
        tale: Tale,
        source: Arc<dyn Source>,
    ) -> Arc<Self> {
        Arc::new(Self {
            world,
            tale,
            who,
            source,
            calls: Mutex::default(),
            dead: AtomicBool::new(false),
            answer_lost: AtomicBool::new(false),
            in_the_air: AtomicUsize::new(0),
        })
    }

    /// One at which nothing happens.
    pub(crate) fn open(who: &'static str, world: &Arc<World>, tale: &Tale) -> Arc<Self> {
        Self::new(who, world.clone(), tale.clone(), Arc::new(Fixed::default()))
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(crate) fn lose_next_answer(&self) {
        self.answer_lost.store(true, Ordering::Release);
    }

    pub(crate) fn takes_lost_answer(&self) -> bool {
        self.answer_lost.swap(false, Ordering::AcqRel)
    }

    /// The calls since the last time they were taken.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// The moment before the bytes of the next request leave. Here the process may stand still.
    pub(crate) fn before_bytes(&self) {
        let number = self.calls.lock().unwrap().len();
        let alone = self.in_the_air.load(Ordering::Acquire) == 0;
        if !self.is_dead() && alone && self.source.stands_still(number) {
            self.tale.mark((self.who, "stands still"));
            self.world.rival(&self.tale);
        }
    }

    /// A write has arrived, or never will.
    pub(crate) fn arrived(&self) {
        self.in_the_air.fetch_sub(1, Ordering::AcqRel);
    }

    /// Before a call. Lets outside edits happen; says how the call goes wrong.
    pub(crate) async fn enter(&self, call: Call, says: impl FnOnce() -> String) -> Option<Fault> {
        if self.is_dead() {
            return pending().await;
        }
        let in_the_air = match call.kind {
            Kind::Write => self.in_the_air.fetch_add(1, Ordering::AcqRel) + 1,
            _ => self.in_the_air.load(Ordering::Acquire),
        };
        let (number, acts) = {
            let mut calls = self.calls.lock().unwrap();
            let number = calls.len();
            calls.push(call);
            (number, self.source.acts(number, call, &self.world))
        };
        for _ in 0..self.source.pauses(number) {
            pause().await;
        }
        if self.is_dead() {
            return pending().await;
        }
        let mut fault = None;
        for act in acts {
            self.tale.mark((self.who, act));
            match act {
                Act::Edit(edit, deal) => {
                    let said = self.world.edit(edit, deal);
                    self.tale.tell(|| format!("  >> {said}"));
                }
                Act::Fault(bad) => fault = Some(bad),
            }
        }
        self.source.before(number, &self.world);
        let says = says();
        self.tale.mark((self.who, call, &says));
        self.tale.tell(|| {
            let bad = fault.map_or_else(String::new, |bad| format!("   << {bad:?}"));
            format!("  {} {says}{bad}", self.who)
        });
        match fault {
            Some(Fault::Crash) => {
                self.dead.store(true, Ordering::Release);
                pending().await
            }
            Some(Fault::Jump) => {
                // Its own bytes were checked against the clock before.
                if in_the_air == 0 {
                    self.world.jump();
                }
                None
            }
            fault => fault,
        }
    }
}
