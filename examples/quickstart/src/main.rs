//! Watch deals being kept in step between Partner Center and Dynamics 365.
//!
//! The interesting part for a program of one's own is `world.rs`: how the libraries are put
//! together. `story.rs` says what people do, `play.rs` lets them, `show.rs` prints.

mod args;
mod bulk;
mod control;
mod failure;
mod play;
mod show;
mod sides;
mod story;
mod sync;
mod world;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Arguments, failure::Failure, show::Show, world::World};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("quickstart: {}", failure.text());
            ExitCode::from(failure.code())
        }
    }
}

/// Does what was asked for. False: it was done, and the two services do not agree.
async fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let world = World::open(arguments).await?;
    let show = Show::new(arguments.json);
    if arguments.sync_only {
        sync::alone(&world, &show, arguments.watch).await
    } else if let Some(deals) = arguments.deals {
        bulk::run(&world, &show, deals).await
    } else {
        play::story(&world, &show).await
    }
}
