//! Metrics for the `metrics` facade.

use metrics::{counter, gauge, histogram};

use super::{Event, Observer, Span, Work};
use crate::Side;

/// Makes metrics through the `metrics` facade; which recorder takes them is the program's choice.
///
/// Every metric has the label `scope`, so that tenants are apart. Names, kinds, units and labels
/// stand in the crate's README.
#[derive(Clone, Debug)]
pub struct Metered {
    scope: String,
}

impl Metered {
    /// For the engine of this scope, such as tenant and organization.
    pub fn new(scope: impl Into<String>) -> Self {
        Self {
            scope: scope.into(),
        }
    }
}

fn word(side: Option<Side>) -> &'static str {
    match side {
        Some(Side::Left) => "left",
        Some(Side::Right) => "right",
        None => "none",
    }
}

impl Observer for Metered {
    // Counts far beyond 2^52 are not expected of a gauge.
    #[allow(clippy::cast_precision_loss)]
    fn event(&self, event: &Event<'_>) {
        let scope = || self.scope.clone();
        match *event {
            Event::Round { took, .. } => {
                counter!("cosell_rounds_total", "scope" => scope(), "outcome" => "done")
                    .increment(1);
                histogram!("cosell_round_seconds", "scope" => scope()).record(took);
            }
            Event::RoundFailed { .. } => {
                counter!("cosell_rounds_total", "scope" => scope(), "outcome" => "failed")
                    .increment(1);
            }
            Event::Call {
                side,
                call,
                outcome,
                took,
                ..
            } => {
                let labels = [
                    ("scope", scope()),
                    ("side", word(Some(side)).to_owned()),
                    ("call", call.as_str().to_owned()),
                    ("outcome", outcome.as_str().to_owned()),
                ];
                counter!("cosell_calls_total", &labels).increment(1);
                histogram!("cosell_call_seconds", &labels).record(took);
            }
            Event::Pair {
                lane, waited, took, ..
            } => {
                let lane = lane.as_str();
                histogram!("cosell_hint_wait_seconds", "scope" => scope(), "lane" => lane)
                    .record(waited);
                histogram!("cosell_pair_seconds", "scope" => scope()).record(took);
            }
            Event::Trouble { side, kind, .. } => {
                let labels = [
                    ("scope", scope()),
                    ("side", word(Some(side)).to_owned()),
                    ("kind", kind.as_str().to_owned()),
                ];
                counter!("cosell_troubles_total", &labels).increment(1);
            }
            Event::Braked { on } => {
                let brake = on.brake.to_string();
                counter!("cosell_brakes_total", "scope" => scope(), "brake" => brake).increment(1);
            }
            Event::Line(line) => {
                let labels = [
                    ("scope", scope()),
                    ("kind", line.kind.as_str().to_owned()),
                    ("side", word(line.side).to_owned()),
                ];
                counter!("cosell_audit_lines_total", &labels).increment(1);
            }
            Event::Restart { side, .. } => {
                counter!("cosell_restarts_total", "scope" => scope(), "side" => word(Some(side)))
                    .increment(1);
            }
            Event::Progress { job, done, of } => {
                let job = job.to_owned();
                gauge!("cosell_job_done", "scope" => scope(), "job" => job.clone())
                    .set(done as f64);
                if let Some(of) = of {
                    gauge!("cosell_job_records", "scope" => scope(), "job" => job).set(of as f64);
                }
            }
            Event::LeaseKept { .. } => {}
        }
    }

    fn span(&self, _: &Work<'_>) -> Option<Span> {
        None
    }
}
