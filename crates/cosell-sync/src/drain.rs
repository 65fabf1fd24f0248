//! Working the queue: many records at once, each of them once at a time.

use std::{
    collections::{BTreeSet, VecDeque},
    panic::AssertUnwindSafe,
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};

use crate::{EngineError, Lane, QueuedHint, RecordId, Side, calls::panic_text, round::Round};

/// What became of a hint.
pub(crate) enum Worked {
    Done,
    /// Its pair or record is in work; try again when something else is done.
    Busy(QueuedHint),
}

/// Hints worked between two looks for prompt ones that came meanwhile.
const SLICE: usize = 256;
/// Prompt hints of different records taken up in one drain beyond those it began with.
const PROMPTED: usize = 10_000;

type Key = (Side, RecordId, u64);
type Work<'a> = BoxFuture<'a, (Key, Result<Worked, EngineError>)>;

impl Round<'_> {
    /// Works all hints that are due. After an error that ends the round, and on shutdown, no new
    /// work is begun; work under way is finished.
    ///
    /// What comes meanwhile waits for the next drain, so that this one ends. Only what somebody
    /// waits for is taken up in between, each record once: a long drain must not stand before it.
    pub(crate) async fn drain(&self) -> Result<(), EngineError> {
        let options = &self.engine.options;
        let mut ready: VecDeque<QueuedHint> = VecDeque::new();
        let mut busy: Vec<QueuedHint> = Vec::new();
        let mut running: FuturesUnordered<Work<'_>> = FuturesUnordered::new();
        // Taken from the queue and not done with.
        let mut begun: BTreeSet<Key> = BTreeSet::new();
        let mut prompted: BTreeSet<(Side, RecordId)> = BTreeSet::new();
        let mut worked = 0;
        let started = self.now();
        let mut failed = None;
        loop {
            let open = failed.is_none() && !self.is_stopping();
            if open && ready.is_empty() {
                // Those in work are still in the queue and come first.
                let limit = options.drain_batch.max(1) + running.len() + busy.len();
                match self.engine.store.due(started, limit).await {
                    Ok(due) => ready.extend(
                        due.into_iter()
                            .filter(|hint| begun.insert((hint.side, hint.id.clone(), hint.turn))),
                    ),
                    Err(error) => {
                        failed = Some(error.into());
                        continue;
                    }
                }
            }
            if open && worked >= SLICE && prompted.len() < PROMPTED {
                worked = 0;
                match self.engine.store.due(self.now(), SLICE).await {
                    Ok(due) => {
                        let prompt = due.into_iter().filter(|hint| {
                            hint.source.lane() == Lane::Prompt
                                && prompted.insert((hint.side, hint.id.clone()))
                                && begun.insert((hint.side, hint.id.clone(), hint.turn))
                        });
                        for hint in prompt {
                            ready.push_front(hint);
                        }
                    }
                    Err(error) => failed = Some(error.into()),
                }
            }
            while open && running.len() < options.parallelism.max(1) {
                let Some(hint) = ready.pop_front() else {
                    break;
                };
                let key = (hint.side, hint.id.clone(), hint.turn);
                running.push(Box::pin(async { (key, self.work_safely(hint).await) }));
            }
            match running.next().await {
                None if failed.is_some() || self.is_stopping() || ready.is_empty() => break,
                None => {}
                Some((key, result)) => {
                    match result {
                        // This may have been what the busy ones wait for.
                        Ok(Worked::Done) => {
                            worked += 1;
                            begun.remove(&key);
                            ready.extend(busy.drain(..));
                        }
                        Ok(Worked::Busy(hint)) => busy.push(hint),
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn work_safely(&self, hint: QueuedHint) -> Result<Worked, EngineError> {
        let kept = hint.clone();
        match AssertUnwindSafe(self.work(hint)).catch_unwind().await {
            Ok(result) => result,
            Err(panic) => {
                self.after_panic(kept, panic_text(&*panic)).await?;
                Ok(Worked::Done)
            }
        }
    }
}
