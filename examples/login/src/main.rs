//! Signs a person in once and keeps the refresh token for unattended runs.
//!
//! `flow.rs` is the part for a program of one's own; `double.rs` plays the person where
//! `--sandbox` is given.

mod args;
mod double;
mod flow;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Arguments;

/// What ends the program: one sentence for the person in front of it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match flow::run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("login: {failure}");
            ExitCode::FAILURE
        }
    }
}
