//! Where a hint came from, how urgent that makes it, and the id that follows it.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{QueuedHint, Side};

/// Follows a hint to every line of the audit trail that came of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TraceId(pub Uuid);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a hint came from, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// A person asked.
    Person,
    /// The service told, by webhook or queue.
    Told,
    /// It stood in a page of changes.
    Changed,
    /// A window of the past is looked at again.
    Replay,
    /// A difference that the comparison of all pairs found.
    Reconcile,
    /// Every pair is looked at, since a place to go on reading from was lost; or a part, since no
    /// list tells of it.
    Sweep,
    /// Existing records are taken in.
    Backfill,
    /// Links are found again; makes no record.
    Relink,
}

impl Source {
    /// Does it speak of a record without anybody having asked for that record?
    pub(crate) fn is_routine(self) -> bool {
        match self {
            Self::Told | Self::Changed | Self::Sweep | Self::Relink => true,
            Self::Person | Self::Replay | Self::Reconcile | Self::Backfill => false,
        }
    }

    /// Where it stands in line.
    pub fn lane(self) -> Lane {
        match self {
            Self::Person | Self::Told => Lane::Prompt,
            Self::Changed => Lane::Changes,
            Self::Replay | Self::Reconcile | Self::Sweep | Self::Backfill | Self::Relink => {
                Lane::Bulk
            }
        }
    }
}

/// Lines before the queue's counter. They take turns, so that no flood in one starves the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lane {
    /// Somebody waits for it.
    Prompt,
    /// What the polls bring.
    Changes,
    /// Work by the thousand.
    Bulk,
}

impl Lane {
    /// All, most urgent first.
    pub const ALL: [Self; 3] = [Self::Prompt, Self::Changes, Self::Bulk];

    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Changes => "changes",
            Self::Bulk => "bulk",
        }
    }

    /// Every lane of every side, in the order in which they take turns.
    pub fn lines() -> impl Iterator<Item = (Self, Side)> {
        Self::ALL
            .into_iter()
            .flat_map(|lane| Side::BOTH.map(|side| (lane, side)))
    }

    /// Lets lines take turns: the first of each, then the second of each, at most `limit`. Within
    /// a turn the more urgent lane comes first, then what is due earlier.
    pub fn take_turns(lines: Vec<Vec<QueuedHint>>, limit: usize) -> Vec<QueuedHint> {
        let mut lines: Vec<_> = lines.into_iter().map(Vec::into_iter).collect();
        let mut taken = Vec::new();
        loop {
            let mut turn: Vec<_> = lines.iter_mut().filter_map(Iterator::next).collect();
            if turn.is_empty() || taken.len() >= limit {
                taken.truncate(limit);
                return taken;
            }
            turn.sort_by_key(|hint| (hint.source.lane(), hint.due, hint.turn));
            taken.append(&mut turn);
        }
    }
}
