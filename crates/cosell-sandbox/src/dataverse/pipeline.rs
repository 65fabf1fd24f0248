//! Who does what to a row: the actor, the message, and what happened by it.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use super::cell::Cell;
use super::store::{Cells, Row};

/// Who acts, and when.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) now: DateTime<Utc>,
    /// Whose rights count, and who is named in the rows.
    pub(super) user: Uuid,
    /// Who really calls, when it acts for `user`.
    pub(super) behalf: Option<Uuid>,
    /// What the request gave to be found in the events that it causes.
    pub(super) tag: Option<Arc<str>>,
    /// Does the request keep custom logic from running?
    pub(super) quiet: bool,
    /// Steps that the request keeps from running.
    pub(super) skipped: Vec<Uuid>,
}

impl Actor {
    pub(super) fn new(now: DateTime<Utc>, user: Uuid) -> Self {
        Self {
            now,
            user,
            behalf: None,
            tag: None,
            quiet: false,
            skipped: Vec::new(),
        }
    }

    pub(super) fn stamp(&self) -> Cell {
        Cell::Instant(self.now.trunc_subsecs(0))
    }

    pub(super) fn reference(&self) -> Cell {
        Cell::Ref(Arc::from("systemuser"), self.user)
    }

    /// The real caller, who is only named when it acts for somebody else.
    pub(super) fn real(&self) -> Cell {
        self.behalf
            .map_or(Cell::Null, |user| Cell::Ref(Arc::from("systemuser"), user))
    }
}

/// The message whose pipeline ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Create,
    Update,
    Delete,
    Win,
    Lose,
}

impl Message {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::Win => "WinOpportunity",
            Self::Lose => "LoseOpportunity",
        }
    }
}

/// One message about one row.
#[derive(Clone, Debug)]
pub(super) struct Happening {
    pub(super) message: Message,
    pub(super) table: Arc<str>,
    pub(super) id: Uuid,
    pub(super) before: Option<Arc<Row>>,
    pub(super) after: Option<Arc<Row>>,
    /// Columns that the message set. Of a closing: those of its activity.
    pub(super) changed: Cells,
    pub(super) actor: Actor,
}
