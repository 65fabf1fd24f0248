//! How fast the client is, against the double in process.
//!
//! ```sh
//! cargo run --release -p cosell-dataverse --example speed -- writes
//! cargo run --release -p cosell-dataverse --example speed -- batched
//! cargo run --release -p cosell-dataverse --example speed -- thousand
//! /usr/bin/time -v target/release/examples/speed stream 100000
//! ```
//!
//! - `writes`: 10,000 single creates under the service's limits, on a virtual clock, against the
//!   time that the limits allow.
//! - `batched`: the same creates by a gathering client; counts the requests.
//! - `thousand`: 1,000 rows by single calls, gathered, and in one message: requests, bytes, time.
//! - `stream N`: N rows read page by page, kept nowhere; tells the largest memory held.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_dataverse::{
    Columns, Dataverse, GatherOptions, Governor, GovernorOptions, PageOptions, Query, Table,
    WriteOptions,
};
use cosell_http::{RetryOptions, Sleep, Transport, TransportError};
use cosell_sandbox::{
    Caller, Service,
    dataverse::{DEFAULT_APPLICATION, Dataverse as Double, Limits, Options},
};
use http::{Request, Response};
use tokio::{task::JoinSet, time::Instant};

mod support;

const LONG: Duration = Duration::from_secs(3600);
const HINT: u32 = 8;

/// The runtime's paused time: it jumps to the next timer when nothing else can run.
#[derive(Clone, Debug)]
struct Virtual(Instant);

#[async_trait]
impl Sleep for Virtual {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::from_std(self.0.elapsed()).unwrap_or_default()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[derive(Clone, Debug)]
struct World {
    double: Arc<Mutex<Double>>,
    caller: Caller,
    clock: Virtual,
    operation: Duration,
    requests: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

#[async_trait]
impl Transport for World {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let head: usize = request
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        let line = request.uri().to_string().len() + 16;
        let body = request.body();
        // Each operation of a batch or a message takes its time.
        let text = String::from_utf8_lossy(body);
        let parts = text.matches("application/http").count();
        let rows = text.matches("@odata.type").count();
        let operations = parts.max(rows).max(1);
        let answer = match self.double.lock() {
            Ok(mut double) => double.handle(self.clock.now(), Ok(&self.caller), &request),
            Err(_) => {
                return Err(TransportError::new(
                    cosell_http::Sent::No,
                    "the double broke",
                ));
            }
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = head + line + body.len() + answer.body().len();
        self.bytes.fetch_add(sent, Ordering::Relaxed);
        if answer.status() == 429 {
            self.refused.fetch_add(1, Ordering::Relaxed);
        } else {
            let factor = u32::try_from(operations).unwrap_or(u32::MAX);
            tokio::time::sleep(self.operation * factor).await;
        }
        Ok(answer)
    }
}

impl World {
    fn new(limits: Limits) -> Self {
        let options = Options::default().with_limits(limits).with_dop_hint(HINT);
        Self {
            caller: Caller {
                tenant: options.tenant,
                object_id: options.users[0].object_id,
                app_id: DEFAULT_APPLICATION.to_string(),
                user: None,
                mfa: false,
                roles: Vec::new(),
            },
            double: Arc::new(Mutex::new(Double::new(options))),
            clock: Virtual(Instant::now()),
            operation: limits.operation,
            requests: Arc::default(),
            refused: Arc::default(),
            bytes: Arc::default(),
        }
    }

    fn client(&self) -> Dataverse {
        let governor = Governor::new(GovernorOptions::default().with_longest_wait(LONG));
        let environment = support::ORG.parse().expect("an address");
        let transport = Arc::new(self.clone());
        let clock = Arc::new(self.clock.clone());
        Dataverse::builder(environment, transport, Arc::new(support::Token), clock)
            .governor(governor)
            .http(|http| http.retry(RetryOptions::default().with_longest_wait(LONG)))
            .build()
            .expect("a client")
    }
}

fn row(number: usize) -> Columns {
    Columns::new()
        .set("name", format!("Deal {number}"))
        .set("closeprobability", 40)
}

/// So many creates, all asked for at once.
async fn create(client: &Dataverse, rows: usize) {
    let mut work = JoinSet::new();
    for number in 0..rows {
        let table = client.table(Table::OPPORTUNITY);
        work.spawn(async move {
            let options = WriteOptions::default();
            table.create(None, row(number), options).await.map(drop)
        });
    }
    while let Some(done) = work.join_next().await {
        done.expect("a task").expect("a row");
    }
}

async fn writes(rows: usize) {
    let operation = Duration::from_millis(20);
    let limits = Limits::default().with_operation(operation);
    let world = World::new(limits);
    let began = Instant::now();
    create(&world.client(), rows).await;
    let took = began.elapsed().as_secs_f64();
    let (window, allowed) = (limits.window.as_secs_f64(), limits.requests as usize);
    let each = operation.as_secs_f64() / f64::from(HINT);
    // As many as the window lets through as fast as the places allow, and again in each window.
    let full = (rows.saturating_sub(1)) / allowed;
    let bound = full as f64 * window + (rows - full * allowed) as f64 * each;
    let requests = world.requests.load(Ordering::Relaxed);
    let refused = world.refused.load(Ordering::Relaxed);
    println!(
        "{rows} single writes: {took:.2} s of virtual time, bound {bound:.2} s, ratio {:.4}; \
         {requests} requests, {refused} of them refused ({:.3} %)",
        took / bound,
        100.0 * refused as f64 / requests as f64
    );
}

async fn batched(rows: usize, most: usize) {
    let world = World::new(Limits::default().with_operation(Duration::from_millis(20)));
    let client = world
        .client()
        .gathering(GatherOptions::default().with_most(most));
    let began = Instant::now();
    create(&client, rows).await;
    println!(
        "{rows} writes gathered by {most}: {} requests, least possible {}; {:.2} s of virtual time",
        world.requests.load(Ordering::Relaxed),
        rows.div_ceil(most),
        began.elapsed().as_secs_f64()
    );
}

async fn thousand() {
    for way in [
        "single calls",
        "gathered by 100",
        "gathered by 1000",
        "one message",
    ] {
        let world = World::new(Limits::default().with_operation(Duration::from_millis(20)));
        let client = world.client();
        let gathered = |most| {
            let options = GatherOptions::default().with_most(most);
            client.clone().gathering(options)
        };
        let began = Instant::now();
        let real = std::time::Instant::now();
        match way {
            "single calls" => create(&client, 1000).await,
            "gathered by 100" => create(&gathered(100), 1000).await,
            "gathered by 1000" => create(&gathered(1000), 1000).await,
            _ => {
                let rows = (0..1000).map(|number| (None, row(number))).collect();
                let made = client
                    .table(Table::OPPORTUNITY)
                    .create_multiple("opportunity", rows, &WriteOptions::default())
                    .await;
                assert_eq!(made.expect("rows").len(), 1000);
            }
        }
        println!(
            "1,000 rows by {way}: {} requests, {} bytes, {:.2} s of virtual time, {:.1} ms by \
             the clock",
            world.requests.load(Ordering::Relaxed),
            world.bytes.load(Ordering::Relaxed),
            began.elapsed().as_secs_f64(),
            real.elapsed().as_secs_f64() * 1000.0
        );
    }
}

async fn stream(rows: usize) {
    let pages = support::Pages::new(rows);
    let page = pages.bytes();
    let client = support::client(pages);
    let table = client.table(Table::OPPORTUNITY);
    let query = Query::select(["name"]);
    let mut items = table.pages(&query, PageOptions::default()).items();
    let began = std::time::Instant::now();
    let mut seen = 0usize;
    while let Some(row) = items.next_row().await.expect("a row") {
        seen += usize::from(row.has("name"));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "{seen} rows in pages of {page} bytes in {:.0} ms; {}",
        began.elapsed().as_secs_f64() * 1000.0,
        peak.unwrap_or("peak memory not told here")
    );
}

fn main() {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_else(|| "writes".to_owned());
    let number = words.next().and_then(|word| word.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(what != "stream")
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        match what.as_str() {
            "writes" => writes(number.unwrap_or(10_000)).await,
            "batched" => batched(number.unwrap_or(10_000), 100).await,
            "thousand" => thousand().await,
            "stream" => stream(number.unwrap_or(100_000)).await,
            other => eprintln!("{other}: give writes, batched, thousand or stream"),
        }
    });
}
