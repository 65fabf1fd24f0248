//! A toy world, and an explorer that runs the engine through every schedule of few outside edits
//! and faults in it.
//!
//! The toy has what real services have: a record of several rows whose version moves with any of
//! them, hints under the ids of child rows, writes that move no version, an end without stamps
//! that refuses no second birth, values that do not fit, a search that finds late, reads that
//! show an older state, pages that repeat what was told, requests that land after their answer
//! was given up.
//!
//! [`Explorer::exhaust`] runs *every* schedule within its [`Bounds`]; [`Explorer::sample`] runs
//! some, chosen by seed. After each schedule the engine is left alone until it is quiet, and the
//! promises of the project's specification are asserted. [`Simulation`] plays long stories of many
//! deals with two workers, by seed. [`Plant`] switches on known mistakes, to show that the
//! assertions can fail; [`Assumption`] takes away what the promises assume, to show what it is for.
//! The search ([`search`]) and the telling of stories ([`story`]) play in any world.
//!
//! # What is a schedule
//! An outside edit happens just before any call to its own side (calls to the other side and to
//! the store cannot tell the difference). A fault happens at any call of a replica or the store.
//! A crash is placed after each call that changes something; between two such calls nothing
//! differs. The engine is made anew for each round. States already seen (world, store, queue,
//! edits and faults left) are not explored again: their schedules are counted, not run.

mod assume;
mod bench;
mod cast;
mod dice;
mod edits;
mod explore;
mod gate;
mod judge;
mod kept;
mod mirror;
mod plant;
mod plant_store;
mod scenario;
pub mod search;
mod simulate;
pub mod story;
mod tap;
mod toy;
mod values;
mod world;
mod writes;

use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

pub use assume::Assumption;
pub use bench::ToyBench;
pub use dice::Dice;
pub use edits::Edit;
pub use explore::Explorer;
pub use gate::Fault;
pub use plant::Plant;
pub use scenario::Scenario;
pub use search::{Bounds, Failure, Tally};
pub use simulate::Simulation;
pub use story::Simulated;
pub use tap::CommitTap;

/// A promise that a schedule broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// Its number in the specification.
    pub promise: u8,
    /// What was seen.
    pub what: String,
}

impl Broken {
    /// A promise by number, and what was seen.
    pub fn new(promise: u8, what: impl Into<String>) -> Self {
        Self {
            promise,
            what: what.into(),
        }
    }

    /// The promise in two or three words.
    pub fn name(&self) -> &'static str {
        match self.promise {
            1 => "convergence",
            2 => "quiet",
            3 => "no lost edit",
            4 => "no invented value",
            5 => "no false conflict",
            6 => "one record per key and side",
            7 => "every step may run twice",
            8 => "a crash keeps all other promises",
            9 => "no cursor passes a hint that is not durable",
            10 => "the base holds only what was seen",
            11 => "symmetry",
            12 => "totality",
            13 => "foreign data stays",
            14 => "brakes",
            15 => "one write in flight, no commit under a lost lease",
            16 => "a bad record delays nobody else",
            20 => "same seed, same trace",
            _ => "another promise",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        write!(f, "promise {} ({name}): {}", self.promise, self.what)
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Lets other work have its turn.
pub async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs a future until it is done, or until nothing moves any more: then there is none.
pub fn drive<T>(future: impl Future<Output = T>) -> Option<T> {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    while woken.0.swap(false, Ordering::AcqRel) {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return Some(done);
        }
    }
    None
}
