//! Brakes as people meet them: which are on, why, and letting go of one by name; and the first
//! sync, which is asked for by name.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Brake, BrakeOn, Change, Counts, DryRun, Engine, EngineError, Event, PairState, QueuedHint,
    Side,
    brake::{Counted, Counters},
    engine::lock,
    round::Round,
    turn::Halt,
};

/// Hints put back to work at once when a brake is released; the rest falls due by itself.
const REQUEUED: usize = 100_000;

impl Engine {
    /// The brakes that are on, with cause and cure.
    ///
    /// Cancel safety: may be dropped.
    pub async fn brakes(&self) -> Result<Vec<BrakeOn>, EngineError> {
        let counters = Counters::load(self.store.counters().await?);
        let mut on = counters.all_on(&self.options.brakes, self.clock.now());
        if counters.is_first()
            && let Some(first) = self.first_sync(counters).await?
        {
            on.push(first);
        }
        Ok(on)
    }

    /// Lets go of a brake: what it counted is forgotten, and what waited for it is worked by the
    /// next round. Releasing [`Brake::FirstSync`] asks for the first sync. False: nothing was
    /// counted for it.
    ///
    /// Cancel safety: the brake may be released.
    pub async fn release(&self, brake: Brake) -> Result<bool, EngineError> {
        let mut stored = Counters::load(self.store.counters().await?);
        let mut batch = Vec::new();
        {
            let mut counters = lock(&self.counters);
            let counters = counters.as_mut().unwrap_or(&mut stored);
            if brake == Brake::FirstSync {
                if !counters.is_first() {
                    return Ok(false);
                }
                counters.waiting = 0;
                batch.push(counters.count(Counted::FirstSyncAsked, 0));
            } else {
                batch.push(counters.forget(Counted::Brake(brake), i64::MAX));
            }
        }
        let now = self.clock.now();
        for hint in self.store.due(DateTime::<Utc>::MAX_UTC, REQUEUED).await? {
            if hint.due > now {
                batch.push(Change::Enqueue(QueuedHint { due: now, ..hint }));
            }
        }
        self.commit_now(batch).await?;
        self.wake();
        Ok(true)
    }

    /// Counts one outside of a round.
    pub(crate) fn count_one(&self, of: Counted) -> Change {
        match lock(&self.counters).as_mut() {
            Some(counters) => counters.count(of, 0),
            None => Change::Count { of, slot: 0 },
        }
    }

    /// The brake of a first sync that was not asked for, if it is on.
    async fn first_sync(&self, mut counters: Counters) -> Result<Option<BrakeOn>, EngineError> {
        let Some(limit) = self.options.brakes.first_sync else {
            return Ok(None);
        };
        counters.waiting = self.newcomers(limit).await?;
        Ok(counters.is_on(Brake::FirstSync, &self.options.brakes, self.clock.now()))
    }

    /// Records that wait in the queue and belong to no pair, as far as it matters for a limit.
    async fn newcomers(&self, limit: u64) -> Result<u64, EngineError> {
        let most = usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_add(1_000);
        let queued = self.store.due(DateTime::<Utc>::MAX_UTC, most).await?;
        let mut waiting = queued.len();
        for side in Side::BOTH {
            let hints = queued.iter().filter(|hint| hint.side == side);
            let ids: Vec<_> = hints.map(|hint| hint.id.clone()).collect();
            if !ids.is_empty() {
                waiting -= self.store.known(side, &ids).await?.len();
            }
        }
        Ok(waiting as u64)
    }
}

impl Round<'_> {
    /// Counters as they are stored; afterwards only this engine changes them.
    pub(crate) async fn load_counters(&self) -> Result<(), EngineError> {
        let stored = self.engine.store.counters().await?;
        *lock(&self.engine.counters) = Some(Counters::load(stored));
        Ok(())
    }

    pub(crate) fn counters<T>(&self, ask: impl FnOnce(&mut Counters) -> T) -> T {
        ask(lock(&self.engine.counters).get_or_insert_default())
    }

    /// Is a first sync neither asked for nor done?
    pub(crate) fn is_first_sync(&self) -> bool {
        self.engine.options.brakes.first_sync.is_some() && self.counters(|all| all.is_first())
    }

    /// Before anything is made or bound: how many records is this first sync about?
    pub(crate) async fn count_newcomers(&self) -> Result<(), EngineError> {
        if let Some(limit) = self.engine.options.brakes.first_sync
            && self.is_first_sync()
        {
            let waiting = self.engine.newcomers(limit).await?;
            self.counters(|counters| counters.waiting = waiting);
        }
        Ok(())
    }

    /// Does the first sync have to be asked for?
    pub(crate) fn first_sync_waits(&self) -> Option<BrakeOn> {
        let (options, now) = (&self.engine.options.brakes, self.now());
        let on = self.counters(|all| all.is_on(Brake::FirstSync, options, now))?;
        self.braked(&on);
        Some(on)
    }

    /// Both sides were read to their ends and no newcomer waits: the first sync is over.
    pub(crate) async fn end_first_sync(&self) -> Result<(), EngineError> {
        if self.counters(|all| all.has(Counted::FirstSyncDone)) {
            return Ok(());
        }
        for side in Side::BOTH {
            let read = self.engine.memory(side, |_| {}).caught_up;
            if !read || self.engine.store.newcomers_wait(side).await? {
                return Ok(());
            }
        }
        // Nothing was there yet: the first records are still to come.
        if self.engine.store.pairs(None, 1).await?.is_empty() {
            return Ok(());
        }
        let done = self.counters(|counters| {
            counters.waiting = 0;
            if counters.is_first() {
                return vec![counters.count(Counted::FirstSyncDone, 0)];
            }
            // What was asked for by name counts towards no limit.
            let brakes = Side::BOTH.map(|side| [Brake::Births(side), Brake::Changes(side)]);
            let mut done: Vec<_> = brakes
                .into_iter()
                .flatten()
                .map(|brake| counters.forget(Counted::Brake(brake), i64::MAX))
                .collect();
            done.push(counters.count(Counted::FirstSyncDone, 0));
            done
        });
        let _ = self.commit(done).await?;
        Ok(())
    }

    /// Tells of a brake once a round.
    pub(crate) fn braked(&self, on: &BrakeOn) {
        self.report(|report| {
            if report.brakes.iter().all(|told| told.brake != on.brake) {
                self.engine.observe(&Event::Braked { on });
                report.brakes.push(on.clone());
            }
        });
    }

    /// When what waits for a brake is looked at again, unless the brake is released before.
    pub(crate) fn after_brake(&self, on: &BrakeOn) -> DateTime<Utc> {
        let far = self.now() + TimeDelta::days(1);
        self.later(on.until.unwrap_or(far))
    }

    /// May this be written? Counts it if so; the changes go with the intent.
    pub(crate) fn ask_brakes(&self, brakes: &[Brake]) -> Result<Vec<Change>, Halt> {
        let (options, now) = (&self.engine.options.brakes, self.now());
        self.counters(|counters| counters.take(brakes, options, now))
            .map_err(Halt::Braked)
    }

    /// What the counters have to know when a pair is stored: it is new, or one of its records
    /// vanished.
    pub(crate) fn count_pair(
        &self,
        before: Option<&PairState>,
        after: &PairState,
        vanished: [bool; 2],
    ) -> Vec<Change> {
        let (options, now) = (&self.engine.options.brakes, self.now());
        let mut changes = Vec::new();
        self.counters(|counters| {
            if before.is_none() {
                changes.push(counters.count(Counted::Pairs, 0));
                if counters.is_first() {
                    counters.waiting = counters.waiting.saturating_sub(1);
                    changes.push(counters.count(Counted::Brake(Brake::FirstSync), 0));
                }
            }
            let vanishes = before == Some(&PairState::Active) && *after != PairState::Active;
            if vanishes && options.emptied.is_some() {
                for side in Side::BOTH {
                    if vanished[side as usize] {
                        changes.extend(counters.tally(Brake::Emptied(side), options, now));
                    }
                }
            }
        });
        changes
    }
}

impl DryRun {
    /// What would be done, by kind: to be looked at before a first sync is asked for.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            skipped: self.skipped.len() as u64,
            ..Counts::default()
        };
        for planned in &self.pairs {
            let plan = &planned.plan;
            match plan.create {
                Some((Side::Left, ..)) => counts.births_left += 1,
                Some((Side::Right, ..)) => counts.births_right += 1,
                None if planned.pair.is_none() => counts.binds += 1,
                None => {}
            }
            counts.changes_left += u64::from(plan.left.is_some());
            counts.changes_right += u64::from(plan.right.is_some());
            counts.holds += plan.holds.len() as u64;
            counts.conflicts += plan.conflicts.len() as u64;
        }
        counts
    }
}
