//! Makes so many rows one by one against a served sandbox, then reads them one by one, and prints
//! the seconds of both. `interop/compare` sets it beside other people's clients.
//!
//! `SANDBOX` holds the line that `cosell-sandbox --json` prints, `SSL_CERT_FILE` the authority of a
//! sandbox that is served over TLS.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use cosell_dataverse::{Columns, Dataverse, Query, Table, WriteOptions};
use cosell_http::{
    ReqwestOptions, ReqwestTransport, Sleep,
    sign_in::{App, CachedTokens, ClientCredentials, TokenEndpoint},
};
use cosell_sandbox::{CLIENT_ID, CLIENT_SECRET, TENANT};
use rust_decimal::Decimal;
use uuid::Uuid;

#[derive(Debug)]
struct Time;

#[async_trait::async_trait]
impl Sleep for Time {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let count: u32 = std::env::args().nth(1).ok_or("how many rows?")?.parse()?;
    let told: serde_json::Value = serde_json::from_str(&std::env::var("SANDBOX")?)?;
    let address = |name: &str| {
        told["endpoints"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut options = ReqwestOptions::default();
    if let Ok(authority) = std::env::var("SSL_CERT_FILE") {
        options = options.with_root_certificates(std::fs::read(authority)?);
    }
    let transport = Arc::new(ReqwestTransport::new(options)?);
    let sign_in = address("sign_in").parse()?;
    let endpoint = TokenEndpoint::entra(
        &sign_in,
        &TENANT.to_string(),
        transport.clone(),
        Arc::new(Time),
    )?;
    let app = App::with_secret(endpoint, CLIENT_ID, CLIENT_SECRET.to_owned().into());
    let scope = format!("{}/.default", address("dataverse"));
    let credentials = Arc::new(ClientCredentials::of(app, scope));
    let tokens = Arc::new(CachedTokens::new(credentials, Arc::new(Time)));
    let environment = address("dataverse").parse()?;
    let client = Dataverse::builder(environment, transport, tokens, Arc::new(Time)).build()?;
    client.who_am_i().await?;

    let deals = client.table(Table::OPPORTUNITY);
    let mut ids: Vec<Uuid> = Vec::new();
    let begun = Instant::now();
    for number in 0..count {
        let columns = Columns::new()
            .set("name", format!("Deal {number}"))
            .set("estimatedvalue", Decimal::from(number))
            .set("description", "Made to be counted");
        let written = deals.create(None, columns, WriteOptions::default()).await?;
        ids.extend(written.id);
    }
    let made = begun.elapsed();
    let begun = Instant::now();
    let columns = Query::select(["name", "estimatedvalue"]);
    for id in ids {
        deals.read(id, &columns).await?;
    }
    println!("{} {}", made.as_secs_f64(), begun.elapsed().as_secs_f64());
    Ok(())
}
