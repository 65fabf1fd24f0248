//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

/// Watch deals being kept in step between a Partner Center and a Dynamics 365.
///
/// Both services are a local double; what works on them are the real libraries, over HTTP, with
/// their state in a file. The exit code is 0 only if both services agree at the end, 2 if it
/// could not begin (arguments, addresses, sign-in), 1 for anything else.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// No story: make N deals, half of them on either side, and time how long the sync takes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) deals: Option<u32>,
    /// Keep the sync's state in this SQLite file [default: a temporary one]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Control address of a running `cosell-sandbox` [default: a double within this process]
    #[arg(long, value_name = "URL")]
    pub(crate) sandbox: Option<String>,
    /// No story: sync until nothing is left to do
    #[arg(long, requires = "sandbox", conflicts_with = "deals")]
    pub(crate) sync_only: bool,
    /// With --sync-only: go on until Ctrl-C
    #[arg(long, requires = "sync_only")]
    pub(crate) watch: bool,
    /// Print for programs: one JSON document a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) timing: Timing,
}

/// How patient the sync is. A double answers at once, so that these are short; the defaults of
/// the libraries are those for the real services.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Timing")]
pub(crate) struct Timing {
    /// How long after its journal entry a write may leave; a lease lasts twice as long
    #[arg(long, value_name = "MS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(10..=600_000))]
    send_window_ms: u64,
    /// How late lists and reads may be, and how long a request may be under way
    #[arg(long, value_name = "MS", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(0..=600_000))]
    lag_ms: u64,
}

impl Timing {
    pub(crate) fn send_window(self) -> Duration {
        Duration::from_millis(self.send_window_ms)
    }

    pub(crate) fn lag(self) -> Duration {
        Duration::from_millis(self.lag_ms)
    }
}
