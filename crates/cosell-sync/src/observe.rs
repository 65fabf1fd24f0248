//! What an engine tells while it works: progress, counts, timings, errors.
//!
//! An [`Observer`] is told of every round, every call to a side, every pair that was worked and
//! every line of the audit trail. [`Silent`] does nothing and is the default; [`Tally`] counts in
//! memory; `Traced` (feature `tracing`) makes spans and events, `Metered` (feature `metrics`)
//! makes metrics. Several can listen at once: a `Vec` of observers is one.

#[cfg(feature = "metrics")]
mod metered;
mod tally;
#[cfg(feature = "tracing")]
mod traced;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    AuditEntry, BrakeOn, EngineError, ErrorKind, Lane, PairId, ReadError, RecordId, RoundReport,
    Side, TraceId, WriteError,
};

#[cfg(feature = "metrics")]
pub use metered::Metered;
pub use tally::{CallTally, ErrorTally, Tally, TallyReport};
#[cfg(feature = "tracing")]
pub use traced::Traced;

/// Listens to an engine.
///
/// Called in the midst of the work: it must be quick, must not block and must not panic. What it
/// is told carries no field values except those that the audit trail's mask lets pass.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &Event<'_>);

    /// A piece of work begins. What is returned is called at every step of it, round the step
    /// itself, and dropped when the work ends; `None` for no interest.
    fn span(&self, work: &Work<'_>) -> Option<Span>;
}

/// Runs round every step of a piece of work; must call what it is given, once.
pub type Span = Box<dyn FnMut(&mut dyn FnMut()) + Send>;

/// A piece of work that takes many steps.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Work<'a> {
    /// A round.
    Round {
        /// The engine's name.
        owner: &'a str,
    },
    /// A pair in work.
    Pair {
        /// The pair.
        pair: PairId,
        /// What led to it.
        trace: TraceId,
        /// The left record.
        left: Option<&'a RecordId>,
        /// The right record.
        right: Option<&'a RecordId>,
    },
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A round ended well.
    Round {
        /// What it did.
        report: &'a RoundReport,
        /// How long it took.
        took: Duration,
    },
    /// A round could not go on; the engine tries again.
    RoundFailed {
        /// Why.
        error: &'a EngineError,
        /// After this time.
        wait: Duration,
    },
    /// A side was called.
    Call {
        /// The side; a write to it is a change in its direction.
        side: Side,
        /// What was called.
        call: Call,
        /// How that went.
        outcome: Outcome,
        /// The error in words.
        error: Option<&'a str>,
        /// How long it took.
        took: Duration,
        /// When it ended.
        at: chrono::DateTime<chrono::Utc>,
    },
    /// A pair was worked.
    Pair {
        /// The pair.
        pair: PairId,
        /// Where its hint waited.
        lane: Lane,
        /// How long the hint was due before it was worked.
        waited: Duration,
        /// How long the work took.
        took: Duration,
    },
    /// A record is in trouble; it is in the round's report, too.
    Trouble {
        /// Where.
        side: Side,
        /// The record; `None` when a page of changes could not be read.
        id: Option<&'a RecordId>,
        /// What kind of trouble.
        kind: ErrorKind,
    },
    /// A brake is on; told once a round, and in the round's report, too.
    Braked {
        /// The brake, with cause and cure.
        on: &'a BrakeOn,
    },
    /// A line goes into the audit trail.
    Line(&'a AuditEntry),
    /// The place to go on reading from was lost: the side is read from its start.
    Restart {
        /// The side.
        side: Side,
        /// Why.
        why: &'a str,
    },
    /// A long job went on.
    Progress {
        /// Its name.
        job: &'a str,
        /// Records it has done.
        done: u64,
        /// Of how many, where that is known.
        of: Option<u64>,
    },
    /// The lease could not be given back; it ends by itself.
    LeaseKept {
        /// Why.
        error: &'a str,
    },
}

/// What was asked of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Call {
    /// A page of changes.
    Hints,
    /// A record by id.
    Fetch,
    /// Records by key.
    Find,
    /// A new record.
    Create,
    /// A changed record.
    Update,
}

impl Call {
    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hints => "hints",
            Self::Fetch => "fetch",
            Self::Find => "find",
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Well.
    Done,
    /// The service asks to wait.
    Throttled,
    /// The place to go on reading from is no longer good.
    Expired,
    /// The record may not be seen.
    NotVisible,
    /// The answer breaks the model.
    Malformed,
    /// Failed with no effect; may pass.
    Failed,
    /// Not sent.
    NotSent,
    /// The record was not as it was seen.
    Stale,
    /// The service refused the content.
    Refused,
    /// The answer is missing.
    Unanswered,
}

impl Outcome {
    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Throttled => "throttled",
            Self::Expired => "expired",
            Self::NotVisible => "not_visible",
            Self::Malformed => "malformed",
            Self::Failed => "failed",
            Self::NotSent => "not_sent",
            Self::Stale => "stale",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
        }
    }
}

impl From<&ReadError> for Outcome {
    fn from(error: &ReadError) -> Self {
        match error {
            ReadError::Throttled { .. } => Self::Throttled,
            ReadError::CursorExpired(_) => Self::Expired,
            ReadError::NotVisible(_) => Self::NotVisible,
            ReadError::Malformed(_) => Self::Malformed,
            ReadError::Failed(_) => Self::Failed,
        }
    }
}

impl From<&WriteError> for Outcome {
    fn from(error: &WriteError) -> Self {
        match error {
            WriteError::NotSent(_) => Self::NotSent,
            WriteError::Stale => Self::Stale,
            WriteError::Refused { .. } => Self::Refused,
            WriteError::Throttled { .. } => Self::Throttled,
            WriteError::Unknown(_) => Self::Unanswered,
        }
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event<'_>) {}

    fn span(&self, _: &Work<'_>) -> Option<Span> {
        None
    }
}

macro_rules! forward_observer {
    ($pointer:ident) => {
        impl<T: Observer + ?Sized> Observer for $pointer<T> {
            fn event(&self, event: &Event<'_>) {
                (**self).event(event);
            }

            fn span(&self, work: &Work<'_>) -> Option<Span> {
                (**self).span(work)
            }
        }
    };
}

forward_observer!(Arc);
forward_observer!(Box);

impl<T: Observer> Observer for Vec<T> {
    fn event(&self, event: &Event<'_>) {
        for observer in self {
            observer.event(event);
        }
    }

    /// The first one's spans are the outermost.
    fn span(&self, work: &Work<'_>) -> Option<Span> {
        self.iter()
            .rev()
            .filter_map(|observer| observer.span(work))
            .reduce(|mut inner, mut outer| {
                Box::new(move |step: &mut dyn FnMut()| outer(&mut || inner(step)))
            })
    }
}

/// Runs `work` inside of a span, if there is one.
pub(crate) async fn within<T>(span: Option<Span>, work: impl Future<Output = T> + Send) -> T {
    match span {
        None => work.await,
        Some(span) => {
            let work = Box::pin(work);
            Spanned { span, work }.await
        }
    }
}

struct Spanned<'a, T> {
    span: Span,
    work: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
}

impl<T> Future for Spanned<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Self { span, work } = &mut *self;
        let mut result = None;
        span(&mut || result = Some(work.as_mut().poll(context)));
        // A span that forgot its step must not stop the work.
        result.unwrap_or_else(|| work.as_mut().poll(context))
    }
}
