//! Many deals: made on both sides, synced, timed.

use std::time::{Duration, Instant};

use cosell::sync::BrakeOptions;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::{
    control::Counts,
    failure::Failure,
    show::Show,
    sync::{Tally, until_quiet},
    world::World,
};

const ACCOUNTS: u32 = 10;
const GLANCE: Duration = Duration::from_millis(250);

pub(crate) struct Timed {
    pub(crate) deals: u32,
    pub(crate) seconds: f64,
    pub(crate) tally: Tally,
    pub(crate) calls: Counts,
}

impl Timed {
    pub(crate) fn deals_a_second(&self) -> f64 {
        f64::from(self.deals) / self.seconds.max(0.001)
    }
}

/// `--deals N`. True if both services agree at the end.
pub(crate) async fn run(world: &World, show: &Show, deals: u32) -> Result<bool, Failure> {
    // So many deals are asked for by name.
    let connected = world.connect_braked(BrakeOptions::none()).await?;
    show.opening(&world.places());
    make(world, show, deals).await?;

    let control = &world.control;
    let before = control.counts().await?;
    // A record for each, and what comes back to the rows that had none of the identifiers.
    let bar = bar(
        show,
        "writes",
        u64::from(deals) + u64::from(deals.div_ceil(2)),
    );
    let start = Instant::now();
    let tally = {
        let mut sync = std::pin::pin!(until_quiet(&connected));
        loop {
            tokio::select! {
                tally = &mut sync => break tally?,
                () = tokio::time::sleep(GLANCE), if show.is_lively() => {
                    let calls = control.counts().await?.since(before);
                    bar.set_position(calls.partner_center.writes + calls.dataverse.writes);
                }
            }
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let calls = control.counts().await?.since(before);
    show.timed(&Timed {
        deals,
        seconds,
        tally,
        calls,
    });
    let comparison = connected
        .cosell
        .compare()
        .await
        .map_err(|error| Failure::of("the two services cannot be compared", &error))?;
    show.comparison(&comparison);
    show.verdict(comparison.is_equal(), 0);
    Ok(comparison.is_equal())
}

/// Half of them by the CRM seller, half by a Microsoft seller.
async fn make(world: &World, show: &Show, deals: u32) -> Result<(), Failure> {
    let control = &world.control;
    let mut accounts = Vec::new();
    for number in 1..=ACCOUNTS {
        let row = json!({
            "name": format!("Customer {number}"),
            "address1_line1": format!("{number} High Street"),
            "address1_city": "Leeds",
            "address1_postalcode": format!("LS{number} 4AB"),
            "address1_country": "GB",
        });
        let act = json!({ "do": "crm_create", "table": "account", "row": row });
        accounts.push(control.act(&act).await?);
    }
    let bar = bar(show, "deals", u64::from(deals));
    for (number, account) in (1..=deals).zip(accounts.iter().cycle()) {
        let act = if number % 2 == 1 {
            json!({ "do": "crm_create", "table": "opportunity", "row": {
                "name": format!("Deal {number}"),
                "description": format!("Deal number {number}."),
                "estimatedvalue": 10_000 + number,
                "estimatedclosedate": "2027-06-30",
                "parentaccountid@odata.bind": format!("/accounts({account})"),
                "msft_microsoftpartnercenterreferralsync": true,
            }})
        } else {
            json!({ "do": "microsoft_sends",
                "name": format!("Deal {number}"),
                "customer": format!("Buyer {}", number % ACCOUNTS),
                "value": (10_000 + number).to_string(),
                "currency": "EUR",
                "closing": "2027-06-30",
                "notes": format!("Deal number {number}."),
            })
        };
        control.act(&act).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// A bar on a terminal, nothing elsewhere.
fn bar(show: &Show, what: &'static str, length: u64) -> ProgressBar {
    let target = if show.is_lively() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{prefix:>7} {bar:40} {pos}/{len} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(length), target)
        .with_style(style)
        .with_prefix(what)
}
