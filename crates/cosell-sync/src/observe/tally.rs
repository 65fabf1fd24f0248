//! Counts in memory, for programs that show them in their own way.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Call, Event, Observer, Outcome, Span, Work};
use crate::{AuditKind, Side};

/// Counts what an engine does: calls by side, kind and outcome with their times, lines of the
/// audit trail by kind and side, errors grouped by action and kind. Starts at nothing with the
/// process; its size does not depend on how much is done.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    rounds: u64,
    rounds_failed: u64,
    pairs: u64,
    longest_wait: Duration,
    calls: BTreeMap<(Side, Call, Outcome), CallTally>,
    errors: BTreeMap<(Side, Call, Outcome), ErrorTally>,
    lines: BTreeMap<(AuditKind, Option<Side>), u64>,
    jobs: BTreeMap<String, (u64, Option<u64>)>,
}

/// What a [`Tally`] has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TallyReport {
    /// Rounds that ended well.
    pub rounds: u64,
    /// Rounds that could not go on.
    pub rounds_failed: u64,
    /// Pairs that were worked.
    pub pairs: u64,
    /// The longest time that a hint was due before it was worked.
    pub longest_wait: Duration,
    /// Calls by side, kind and outcome.
    pub calls: Vec<CallTally>,
    /// What went wrong, by action and kind.
    pub errors: Vec<ErrorTally>,
    /// Lines of the audit trail, by kind and side.
    pub lines: Vec<(AuditKind, Option<Side>, u64)>,
    /// Jobs: name, records done, of how many.
    pub jobs: Vec<(String, u64, Option<u64>)>,
}

/// Calls of one kind that went one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallTally {
    /// The side; of a write, the direction.
    pub side: Side,
    /// What was called.
    pub call: Call,
    /// How it went.
    pub outcome: Outcome,
    /// How often.
    pub count: u64,
    /// How long all of them took.
    pub total: Duration,
    /// How long the longest took.
    pub longest: Duration,
}

/// Errors of one action and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorTally {
    /// The side.
    pub side: Side,
    /// The action.
    pub call: Call,
    /// The kind.
    pub outcome: Outcome,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: DateTime<Utc>,
    /// The last one in words.
    pub detail: String,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was counted so far.
    pub fn report(&self) -> TallyReport {
        let counts = self.counts();
        TallyReport {
            rounds: counts.rounds,
            rounds_failed: counts.rounds_failed,
            pairs: counts.pairs,
            longest_wait: counts.longest_wait,
            calls: counts.calls.values().cloned().collect(),
            errors: counts.errors.values().cloned().collect(),
            lines: counts
                .lines
                .iter()
                .map(|((kind, side), count)| (*kind, *side, *count))
                .collect(),
            jobs: counts
                .jobs
                .iter()
                .map(|(job, (done, of))| (job.clone(), *done, *of))
                .collect(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Tally {
    fn event(&self, event: &Event<'_>) {
        let mut counts = self.counts();
        match *event {
            Event::Round { .. } => counts.rounds += 1,
            Event::RoundFailed { .. } => counts.rounds_failed += 1,
            Event::Call {
                side,
                call,
                outcome,
                error,
                took,
                at,
            } => {
                let key = (side, call, outcome);
                let tally = counts.calls.entry(key).or_insert_with(|| CallTally {
                    side,
                    call,
                    outcome,
                    count: 0,
                    total: Duration::ZERO,
                    longest: Duration::ZERO,
                });
                tally.count += 1;
                tally.total += took;
                tally.longest = tally.longest.max(took);
                if outcome == Outcome::Done {
                    return;
                }
                let errors = counts.errors.entry(key).or_insert_with(|| ErrorTally {
                    side,
                    call,
                    outcome,
                    count: 0,
                    last: at,
                    detail: String::new(),
                });
                errors.count += 1;
                errors.last = at;
                errors.detail = error.unwrap_or_default().to_owned();
            }
            Event::Pair { waited, .. } => {
                counts.pairs += 1;
                counts.longest_wait = counts.longest_wait.max(waited);
            }
            Event::Line(line) => *counts.lines.entry((line.kind, line.side)).or_default() += 1,
            Event::Progress { job, done, of } => {
                counts.jobs.insert(job.to_owned(), (done, of));
            }
            Event::Trouble { .. }
            | Event::Braked { .. }
            | Event::Restart { .. }
            | Event::LeaseKept { .. } => {}
        }
    }

    fn span(&self, _: &Work<'_>) -> Option<Span> {
        None
    }
}
