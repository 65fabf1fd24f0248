//! Rounds until nothing is left to do.

use std::{future::pending, pin::pin, time::Duration};

use chrono::{DateTime, Utc};
use cosell::{
    Cosell,
    sync::{EngineError, QueueStore as _, RoundReport},
};
use serde::Serialize;

use crate::{
    failure::{Failure, with_causes},
    show::Show,
    world::{Connected, World},
};

/// Waits longer than this are left to the next start.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks while watching.
const GLANCE: Duration = Duration::from_secs(1);
/// Rounds in a row that bring nothing but errors.
const MOST_FAILURES: u32 = 5;

/// What the rounds came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Tally {
    pub(crate) rounds: u64,
    pub(crate) births: u64,
    pub(crate) updates: u64,
    pub(crate) conflicts: u64,
    pub(crate) partner_center_writes: u64,
    pub(crate) dynamics_writes: u64,
    /// What went wrong on the way; the rounds after it took care of it.
    pub(crate) errors: Vec<String>,
    /// When the next record is due that waits longer than this program does.
    pub(crate) waiting_until: Option<DateTime<Utc>>,
}

impl Tally {
    fn add(&mut self, report: &RoundReport) {
        self.rounds += 1;
        self.births += report.births;
        self.updates += report.updates;
        self.conflicts += report.conflicts;
        self.partner_center_writes += report.left.writes();
        self.dynamics_writes += report.right.writes();
        let errors = report.errors.iter().map(|error| error.cause.clone());
        self.errors.extend(errors);
    }

    pub(crate) fn writes(&self) -> u64 {
        self.partner_center_writes + self.dynamics_writes
    }
}

/// Runs rounds until one writes nothing and no record waits.
pub(crate) async fn until_quiet(connected: &Connected) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut failures = 0;
    loop {
        let report = match connected.cosell.run_once().await {
            // A sync that died holds its lease until it ends.
            Err(EngineError::Held { until, .. }) if wait_for(until).is_some() => {
                tokio::time::sleep(wait_for(until).unwrap_or_default()).await;
                continue;
            }
            report => report.map_err(|error| Failure::of("the sync stopped", &error))?,
        };
        tally.add(&report);
        let quiet = report.is_quiet();
        let next = connected
            .store
            .next_due()
            .await
            .map_err(|error| Failure::of("the state cannot be read", &error))?;
        let failed = !report.errors.is_empty() && report.left.writes() + report.right.writes() == 0;
        failures = if failed { failures + 1 } else { 0 };
        if failures > MOST_FAILURES {
            let last = tally.errors.pop().unwrap_or_default();
            return Err(Failure::work(format!("the sync makes no progress: {last}")));
        }
        match next {
            None if quiet => return Ok(tally),
            None if failed => tokio::time::sleep(Duration::from_millis(200)).await,
            None => {}
            Some(due) => match wait_for(due) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    tally.waiting_until = Some(due);
                    return Ok(tally);
                }
            },
        }
    }
}

/// How long until then; none if that is too long.
fn wait_for(moment: DateTime<Utc>) -> Option<Duration> {
    let wait = (moment - Utc::now()).to_std().unwrap_or_default();
    (wait <= PATIENCE).then(|| wait.max(Duration::from_millis(10)))
}

/// `--sync-only`.
pub(crate) async fn alone(world: &World, show: &Show, watch: bool) -> Result<bool, Failure> {
    let connected = world.connect().await?;
    let tally = until_quiet(&connected).await?;
    show.synced(&tally);
    show.parked(&parked(&connected.cosell).await?);
    if watch {
        show.say("In step. Watching both sides; Ctrl-C ends it.");
        watching(&connected, show).await;
    }
    Ok(true)
}

/// Looks again and again, and tells what was done. `Cosell::run` does this for a program that has
/// nothing to tell.
async fn watching(connected: &Connected, show: &Show) {
    let mut stop = pin!(async {
        // Without the signal there is no way to ask for an end but the process's own.
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    });
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(GLANCE) => {}
        }
        match until_quiet(connected).await {
            Ok(tally) if tally.writes() == 0 && tally.errors.is_empty() => {}
            Ok(tally) => show.synced(&tally),
            // A service that is away for a while comes back.
            Err(failure) => show.say(failure.text()),
        }
    }
}

/// Pairs that wait for a change or a person, and why.
async fn parked(cosell: &Cosell) -> Result<Vec<String>, Failure> {
    let mut parked = Vec::new();
    let mut after = None;
    loop {
        let (pairs, next) = cosell
            .engine()
            .parks(after, 200)
            .await
            .map_err(|error| Failure::work(with_causes(&error)))?;
        parked.extend(pairs.into_iter().filter_map(|pair| Some(pair.park?.cause)));
        match next {
            Some(next) => after = Some(next),
            None => return Ok(parked),
        }
    }
}
