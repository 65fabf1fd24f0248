//! Spans and events for `tracing`.

use super::{Event, Observer, Outcome, Span, Work};
use crate::RecordId;

/// Makes `tracing` spans and events, all with the target `cosell_sync`.
///
/// | span | level | fields |
/// |---|---|---|
/// | `round` | info | `owner` |
/// | `pair`, within `round` | info | `id`, `trace`, `left`, `right` |
///
/// | event | level | fields |
/// |---|---|---|
/// | `round done` | info | `births`, `binds`, `updates`, `parked`, `postponed`, `errors`, `seconds` |
/// | `the round could not go on` | warn | `error`, `wait_seconds` |
/// | `call` | debug | `side`, `call`, `outcome`, `seconds` |
/// | `call failed` | warn | as `call`, and `error` |
/// | `pair worked` | debug | `lane`, `waited_seconds`, `seconds` |
/// | `record trouble` | warn | `side`, `id`, `kind` |
/// | `brake on` | warn | `brake`, `count`, `limit` |
/// | `audit` | info | `kind`, `trace`, `side`, `cause`, `message` |
/// | `reading starts over` | info | `side`, `why` |
/// | `progress` | info | `job`, `done`, `of` |
/// | `the lease was not given back` | debug | `error` |
#[derive(Clone, Copy, Debug, Default)]
pub struct Traced;

const TARGET: &str = "cosell_sync";

impl Observer for Traced {
    fn event(&self, event: &Event<'_>) {
        match *event {
            Event::Round { report, took } => tracing::info!(
                target: TARGET,
                births = report.births,
                binds = report.binds,
                updates = report.updates,
                parked = report.parked,
                postponed = report.postponed,
                errors = report.errors.len() as u64 + report.more_errors,
                seconds = took.as_secs_f64(),
                "round done"
            ),
            Event::RoundFailed { error, wait } => tracing::warn!(
                target: TARGET,
                %error,
                wait_seconds = wait.as_secs_f64(),
                "the round could not go on"
            ),
            Event::Call {
                side,
                call,
                outcome,
                error,
                took,
                ..
            } => {
                let (call, seconds) = (call.as_str(), took.as_secs_f64());
                if outcome == Outcome::Done {
                    let outcome = outcome.as_str();
                    tracing::debug!(target: TARGET, ?side, call, outcome, seconds, "call");
                } else {
                    let outcome = outcome.as_str();
                    tracing::warn!(target: TARGET, ?side, call, outcome, seconds, error, "call failed");
                }
            }
            Event::Pair {
                lane, waited, took, ..
            } => tracing::debug!(
                target: TARGET,
                ?lane,
                waited_seconds = waited.as_secs_f64(),
                seconds = took.as_secs_f64(),
                "pair worked"
            ),
            Event::Trouble { side, id, kind } => tracing::warn!(
                target: TARGET,
                ?side,
                id = id.map(RecordId::as_str),
                kind = kind.as_str(),
                "record trouble"
            ),
            Event::Braked { on } => tracing::warn!(
                target: TARGET,
                brake = %on.brake,
                count = on.count,
                limit = on.limit,
                "brake on"
            ),
            Event::Line(line) => tracing::info!(
                target: TARGET,
                kind = line.kind.as_str(),
                trace = %line.trace,
                side = line.side.map(tracing::field::debug),
                cause = line.cause.map(crate::ErrorKind::as_str),
                message = line.message,
            ),
            Event::Restart { side, why } => {
                tracing::info!(target: TARGET, ?side, why, "reading starts over");
            }
            Event::Progress { job, done, of } => {
                tracing::info!(target: TARGET, job, done, of, "progress");
            }
            Event::LeaseKept { error } => {
                tracing::debug!(target: TARGET, error, "the lease was not given back");
            }
        }
    }

    fn span(&self, work: &Work<'_>) -> Option<Span> {
        let span = match *work {
            Work::Round { owner } => tracing::info_span!(target: TARGET, "round", owner),
            Work::Pair {
                pair,
                trace,
                left,
                right,
            } => tracing::info_span!(
                target: TARGET,
                "pair",
                id = %pair.0,
                %trace,
                left = left.map(RecordId::as_str),
                right = right.map(RecordId::as_str),
            ),
        };
        Some(Box::new(move |step| span.in_scope(step)))
    }
}
