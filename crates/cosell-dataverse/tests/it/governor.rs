//! The governor against the double's limits, on a virtual clock.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use cosell_dataverse::{
    Columns, Dataverse, Governor, GovernorOptions, Op, Table, Throttled, WriteOptions,
};
use cosell_http::{ErrorKind, RetryOptions, Sent, Sleep, Transport, TransportError};
use cosell_sandbox::{
    Caller, Service,
    dataverse::{DEFAULT_APPLICATION, Dataverse as Double, Limits, Options},
};
use http::{Request, Response};
use tokio::{task::JoinSet, time::Instant};

use crate::fake::{ORG, Token, answer};

/// The runtime's paused time: it jumps to the next timer when nothing else can run.
#[derive(Clone, Debug)]
pub(crate) struct Virtual(pub(crate) Instant);

#[async_trait]
impl Sleep for Virtual {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::from_std(self.0.elapsed()).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) double: Arc<Mutex<Double>>,
    clock: Virtual,
    takes: Duration,
    caller: Caller,
    pub(crate) statuses: Arc<Mutex<Vec<u16>>>,
}

#[async_trait]
impl Transport for World {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let now = self.clock.now();
        let answer = self
            .double
            .lock()
            .unwrap()
            .handle(now, Ok(&self.caller), &request);
        self.statuses.lock().unwrap().push(answer.status().as_u16());
        if answer.status() != 429 {
            tokio::time::sleep(self.takes).await;
        }
        Ok(answer)
    }
}

impl World {
    pub(crate) fn new(limits: Limits, hint: u32) -> Self {
        let options = Options::default().with_limits(limits).with_dop_hint(hint);
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
            takes: limits.operation,
            statuses: Arc::default(),
        }
    }

    pub(crate) fn client(&self, governor: &Governor) -> Dataverse {
        let clock: Arc<dyn Sleep> = Arc::new(self.clock.clone());
        Dataverse::builder(
            ORG.parse().unwrap(),
            Arc::new(self.clone()),
            Arc::new(Token),
            clock,
        )
        .governor(governor.clone())
        .http(|http| http.retry(RetryOptions::default().with_longest_wait(LONG)))
        .build()
        .unwrap()
    }

    /// Seconds that so many creates take, all asked for at once.
    async fn create(&self, client: &Dataverse, rows: usize) -> f64 {
        let began = Instant::now();
        let mut work = JoinSet::new();
        for number in 0..rows {
            let table = client.table(Table::OPPORTUNITY);
            let columns = Columns::new().set("name", format!("Deal {number}"));
            work.spawn(async move { table.create(None, columns, WriteOptions::default()).await });
        }
        while let Some(done) = work.join_next().await {
            done.unwrap().unwrap();
        }
        began.elapsed().as_secs_f64()
    }

    pub(crate) fn refused(&self) -> usize {
        let statuses = self.statuses.lock().unwrap();
        statuses.iter().filter(|status| **status == 429).count()
    }
}

const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn patient() -> Governor {
    Governor::new(GovernorOptions::default().with_longest_wait(LONG))
}

#[tokio::test(start_paused = true)]
async fn writes_are_as_fast_as_the_limits_allow() {
    let limits = Limits::default()
        .with_window(Duration::from_secs(30))
        .with_requests(600)
        .with_operation(Duration::from_millis(20));
    let world = World::new(limits, 8);
    let client = world.client(&patient());
    let took = world.create(&client, 1000).await;
    // The first 600 as fast as eight at once can, the other 400 once the window lets them.
    let bound = 30.0 + 400.0 / 8.0 * 0.020;
    assert!(took <= 1.05 * bound, "{took} s, bound {bound} s");
    let refused = world.refused();
    assert!(refused <= 10, "{refused} of 1000 refused");
    let report = client.governor().unwrap().report();
    assert_eq!((report.limit, report.hint), (8, Some(8)));
    assert_eq!(report.throttled.requests, refused as u64);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_bears_fewer_at_once_than_it_says_is_found_out() {
    let limits = Limits::default()
        .with_requests(u32::MAX)
        .with_at_once(5)
        .with_operation(Duration::from_millis(50));
    let world = World::new(limits, 16);
    let client = world.client(&patient());
    let took = world.create(&client, 2000).await;
    let bound = 2000.0 / 5.0 * 0.050;
    assert!(took <= 1.25 * bound, "{took} s, bound {bound} s");
    let refused = world.refused();
    assert!(refused <= 20, "{refused} of 2000 refused");
    assert_eq!(client.governor().unwrap().report().limit, 5);
}

#[tokio::test(start_paused = true)]
async fn a_wait_named_to_one_client_holds_for_all_of_the_user() {
    let limits = Limits::default()
        .with_window(Duration::from_secs(60))
        .with_requests(10);
    let world = World::new(limits, 8);
    let governor = patient();
    let (one, other) = (world.client(&governor), world.client(&governor));
    world.create(&one, 10).await;
    let refusal = Op::delete(
        &Table::ACCOUNT,
        uuid::Uuid::nil(),
        &cosell_dataverse::Condition::None,
    );
    let (first, second) = tokio::join!(one.run(&refusal, None), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        other.who_am_i().await
    });
    assert_eq!(first.unwrap_err().kind(), ErrorKind::NotFound);
    second.unwrap();
    assert_eq!(world.refused(), 1, "the second client asked in vain");

    // Who will not wait so long is told, and nothing goes out.
    let hasty = Governor::new(GovernorOptions::default().with_longest_wait(Duration::from_secs(5)));
    let (one, other) = (world.client(&hasty), world.client(&hasty));
    world.create(&one, 8).await;
    let before = world.statuses.lock().unwrap().len();
    let waiting = tokio::spawn(async move { one.who_am_i().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let told = other.who_am_i().await.unwrap_err();
    assert_eq!((told.kind(), told.sent()), (ErrorKind::Throttled, Sent::No));
    let wait = told.retry_after().unwrap().as_secs();
    assert!((50..60).contains(&wait), "{wait}");
    assert_eq!(world.statuses.lock().unwrap().len(), before + 1);
    waiting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_much_to_do_starves_nobody() {
    let limits = Limits::default().with_operation(Duration::from_secs(1));
    let world = World::new(limits, 4);
    let client = world.client(&Governor::new(GovernorOptions::default().with_cap(2)));
    client.who_am_i().await.unwrap();
    let began = Instant::now();
    let bulk = {
        let (world, client) = (world.clone(), client.clone());
        tokio::spawn(async move { world.create(&client, 100).await })
    };
    tokio::task::yield_now().await;
    let quick = client.in_lane(7);
    quick.who_am_i().await.unwrap();
    let waited = began.elapsed();
    assert!(waited <= Duration::from_secs(2), "{waited:?}");
    let took = bulk.await.unwrap();
    assert!((50.0..=51.5).contains(&took), "two at once: {took}");
}

#[tokio::test]
async fn reasons_of_refusals_are_told_apart() {
    let body = |code: &str| crate::fake::refusal_body(code, "no");
    let wait = [("retry-after", "1")];
    let (_, client) = crate::fake::Script::of([
        answer(429, &wait, &body("0x80072322")),
        answer(429, &wait, &body("0x80072321")),
        answer(429, &wait, &body("0x80072326")),
        answer(503, &wait, "<html>"),
    ]);
    let error = client.who_am_i().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    let Throttled {
        requests,
        time,
        at_once,
        other,
        ..
    } = client.governor().unwrap().report().throttled;
    assert_eq!([requests, time, at_once, other], [1; 4]);
}
