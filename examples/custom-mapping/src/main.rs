//! A partner's own mapping, from the file to the sync: read, checked, tried on live deals,
//! recorded, promoted by its hash, at work.
//!
//! `fabrikam.toml` is the mapping, `functions.rs` what it calls; `services.rs` stands for the
//! services.

mod functions;
mod services;

use std::{error::Error, process::ExitCode};

use chrono::Utc;
use cosell::{
    Cosell,
    mapping::rules::{Approval, Change, Loader, Mapping, Source, differences},
};

use services::Services;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("custom-mapping: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads a mapping file; faults name line, column and cure.
fn load(name: &str, text: &str) -> Result<Mapping, Box<dyn Error>> {
    let loaded = Loader::default().load(&Source::new(name, text))?;
    Ok(Mapping::from_loaded(&loaded, &functions::registry())?)
}

async fn run() -> Result<(), Box<dyn Error>> {
    // Another file may be named; it is read in the place of fabrikam.toml.
    let (name, text) = match std::env::args().nth(1) {
        Some(path) => (path.clone(), std::fs::read_to_string(&path)?),
        None => (
            "fabrikam.toml".to_owned(),
            include_str!("../fabrikam.toml").to_owned(),
        ),
    };
    let mine = load(&name, &text)?;
    println!(
        "# {} {}\n{}",
        mine.file().name,
        mine.file().version,
        mine.hash()
    );

    println!("\n# Against Microsoft's connector");
    let connector = Mapping::connector();
    for difference in differences(connector.file(), mine.file()) {
        println!("{difference}");
    }

    // Until now the deals are synced by the connector's own mapping.
    let services = Services::new()?;
    let before = services.builder()?.mapping(connector).connect().await?;
    until_quiet(&before).await?;

    println!("\n# A slip of the pen, as the check against the live services tells it");
    let slip = text.replace("new_dealvalue", "new_dealvalu");
    let trial = before.try_out(load(&name, &slip)?).await?;
    println!("{}", trial.check());

    println!("\n# Check");
    let trial = before.try_out(mine.clone()).await?;
    let report = trial.check();
    match report.is_empty() {
        true => println!("nothing to say"),
        false => println!("{report}"),
    }
    if report.errors().next().is_some() {
        return Err("the mapping does not fit the services".into());
    }

    println!("\n# Explain: the first deal");
    let pair = before.compare().await?.pairs.into_iter().next();
    let pair = pair.ok_or("there is no deal on both sides")?;
    let opportunity = pair.opportunity.as_str().parse()?;
    println!("{}", trial.explain_opportunity(opportunity).await?);

    println!("# Preview: the deals that changed last");
    print!("{}", trial.preview(50).await?);

    println!("\n# Change record");
    let change = Change::new(
        "ana@fabrikam.example",
        Utc::now(),
        Some(before.mapping()),
        &mine,
    );
    println!("{change}");

    println!("\n# Production takes what was reviewed, and nothing else");
    let production = Approval::reviewed([mine.hash().clone()]);
    let touched = load(
        &name,
        &format!("{text}\n[fields.program]\nconflict = \"crm\"\n"),
    )?;
    let refused = services
        .builder()?
        .mapping(touched)
        .approval(production.clone());
    match refused.connect().await {
        Err(error) => println!("{error}"),
        Ok(_) => return Err("a mapping that nobody reviewed was taken".into()),
    }

    println!("\n# At work");
    let after = services
        .builder()?
        .mapping(mine)
        .approval(production)
        .connect()
        .await?;
    // Nothing moved at either end, so every deal is looked at once for the new fields.
    after.look_again("ana@fabrikam.example").await?;
    let writes = until_quiet(&after).await?;
    println!("{writes} writes, then none");
    let comparison = after.compare().await?;
    println!("{} deals on both sides", comparison.pairs.len());
    match comparison.is_equal() {
        true => Ok(()),
        false => Err(format!("the services differ: {comparison:#?}").into()),
    }
}

/// Runs rounds until one has nothing to do; how many writes there were.
async fn until_quiet(cosell: &Cosell) -> Result<u64, Box<dyn Error>> {
    let mut writes = 0;
    for _ in 0..20 {
        let round = cosell.run_once().await?;
        if let Some(error) = round.errors.first() {
            return Err(format!("a deal could not be synced: {error:?}").into());
        }
        if round.is_quiet() {
            return Ok(writes);
        }
        writes += round.left.writes() + round.right.writes();
    }
    Err("the sync does not come to rest".into())
}
