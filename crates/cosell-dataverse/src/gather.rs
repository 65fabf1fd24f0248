//! Gathers the single calls of many callers into batches, without the callers noticing.
//!
//! Callers that come at the same time form a *company*; the first starts its clock. When the time
//! is over, or the company is full, and there is a place among the requests of the user, all go out
//! in one `$batch`, and everyone gets an answer of their own. Nothing runs on the side: whoever
//! waits for the company drives it, so that a caller that goes away leaves the rest unharmed.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use cosell_http::{Error, ErrorKind, Sent};
use futures_channel::oneshot;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, select},
};

use crate::{
    Batch, BatchOutcome, ChangeSet, Dataverse, Op, Row, Written,
    batch::{Entry, Held, MAX_OPS, not_known},
    input::Faults,
};

/// How often a call that the service refuses for lack of patience is sent.
const ROUNDS: u32 = 5;

/// How a [`gathering`](Dataverse::gathering) client makes batches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatherOptions {
    /// Operations in one batch at most, 2 to 1,000; 100 by default. Small batches in parallel are
    /// faster than large ones.
    pub most: usize,
    /// How long the first call waits for company; 5 milliseconds by default. With zero, calls
    /// share a batch only while there is no place for another request.
    pub linger: Duration,
}

impl Default for GatherOptions {
    fn default() -> Self {
        Self {
            most: 100,
            linger: Duration::from_millis(5),
        }
    }
}

impl GatherOptions {
    /// Sets how many operations go into one batch.
    #[must_use]
    pub fn with_most(mut self, operations: usize) -> Self {
        self.most = operations.clamp(2, MAX_OPS);
        self
    }

    /// Sets how long the first call waits for company.
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }
}

impl Dataverse {
    /// The same client, but single calls of all its clones that come at the same time share
    /// requests: writes and reads of one row, actions and change sets. Each caller gets the
    /// answer, the error and the doubt of its own call, as if it had gone alone; a deadline holds
    /// for its own call.
    ///
    /// Worth it for many independent calls: the service counts a batch as one request. Rows of
    /// one table without conditions are still faster by
    /// [`Rows::create_multiple`](crate::Rows::create_multiple).
    ///
    /// Cancel safety: a call dropped before its batch has gone is not sent; later it may take
    /// effect.
    #[must_use]
    pub fn gathering(mut self, options: GatherOptions) -> Self {
        self.gatherer = Some(Arc::new(Gatherer {
            options,
            open: Mutex::default(),
        }));
        self
    }
}

/// Where callers find company.
pub(crate) struct Gatherer {
    options: GatherOptions,
    open: Mutex<Option<Company>>,
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gatherer").field(&self.options).finish()
    }
}

#[derive(Clone)]
struct Company {
    jobs: Arc<Jobs>,
    driver: Shared<BoxFuture<'static, ()>>,
}

/// The calls of one company.
#[derive(Default)]
struct Jobs {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Has it gone? Then nobody joins.
    closed: bool,
    jobs: Vec<Option<Job>>,
    operations: usize,
    full: Option<oneshot::Sender<()>>,
}

struct Job {
    entry: Entry,
    not_after: Option<DateTime<Utc>>,
    answer: oneshot::Sender<Result<BatchOutcome, Error>>,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody joins any more; the calls whose callers are still there.
    fn close(&self) -> Vec<Job> {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.drain(..).flatten().collect()
    }
}

/// A caller's seat: given up, the call is not sent.
struct Seat {
    jobs: Arc<Jobs>,
    at: usize,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.jobs.lock();
        if !state.closed
            && let Some(job) = state.jobs.get_mut(self.at).and_then(Option::take)
        {
            state.operations -= job.entry.operations();
        }
    }
}

impl Gatherer {
    /// A single write.
    pub(crate) async fn run(
        &self,
        client: &Dataverse,
        op: &Op,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Written, Error> {
        let mut faults = Faults::default();
        op.check_alone(&mut faults);
        faults.into_result(op.operation)?;
        let entry = Entry::Alone(Box::new(op.clone()));
        let outcome = self.call(client, entry, not_after, op.operation).await?;
        let written = match outcome {
            BatchOutcome::Applied(mut written) => written.pop(),
            _ => None,
        };
        written.ok_or_else(|| not_known(op.operation, "the answer is another's"))
    }

    /// A change set.
    pub(crate) async fn run_set(
        &self,
        client: &Dataverse,
        set: &ChangeSet,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Vec<Written>, Error> {
        let operation = "dataverse.change_set";
        let mut faults = Faults::default();
        set.check(&mut faults);
        faults.into_result(operation)?;
        let entry = Entry::Set(set.clone());
        match self.call(client, entry, not_after, operation).await? {
            BatchOutcome::Applied(written) => Ok(written),
            _ => Err(not_known(operation, "the answer is another's")),
        }
    }

    /// A read of one row that was checked.
    pub(crate) async fn read(&self, client: &Dataverse, entry: Entry) -> Result<Row, Error> {
        let operation = "dataverse.read";
        match self.call(client, entry, None, operation).await? {
            BatchOutcome::Row(row) => Ok(row),
            _ => Err(not_known(operation, "the answer is another's")),
        }
    }

    async fn call(
        &self,
        client: &Dataverse,
        entry: Entry,
        not_after: Option<DateTime<Utc>>,
        operation: &'static str,
    ) -> Result<BatchOutcome, Error> {
        let (answer, mut wait) = oneshot::channel();
        let job = Job {
            entry,
            not_after,
            answer,
        };
        let (_seat, driver) = self.join(client, job);
        // The answer may come before the company is done with everybody.
        match select(&mut wait, driver).await {
            Either::Left((Ok(outcome), _)) => outcome,
            _ => wait
                .try_recv()
                .ok()
                .flatten()
                .unwrap_or_else(|| Err(not_known(operation, "the call lost its company"))),
        }
    }

    /// A seat in the company that is open, or in a new one.
    fn join(&self, client: &Dataverse, job: Job) -> (Seat, Shared<BoxFuture<'static, ()>>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let most = self.options.most;
        let operations = job.entry.operations();
        let fits = |company: &&Company| {
            let state = company.jobs.lock();
            !state.closed && state.operations + operations <= most
        };
        let company = match open.as_ref().filter(fits) {
            Some(company) => company.clone(),
            None => self.found(client),
        };
        let mut state = company.jobs.lock();
        state.operations += operations;
        state.jobs.push(Some(job));
        let at = state.jobs.len() - 1;
        if state.operations >= most
            && let Some(full) = state.full.take()
        {
            // Nobody hears it where the time is over already.
            full.send(()).ok();
        }
        drop(state);
        let seat = Seat {
            jobs: company.jobs.clone(),
            at,
        };
        let driver = company.driver.clone();
        *open = Some(company);
        (seat, driver)
    }

    fn found(&self, client: &Dataverse) -> Company {
        let (full, is_full) = oneshot::channel();
        let jobs = Arc::new(Jobs::default());
        jobs.lock().full = Some(full);
        let mut alone = client.clone();
        alone.gatherer = None;
        let driver = drive(alone, jobs.clone(), self.options.linger, is_full);
        Company {
            jobs,
            driver: driver.boxed().shared(),
        }
    }
}

async fn drive(
    client: Dataverse,
    jobs: Arc<Jobs>,
    linger: Duration,
    is_full: oneshot::Receiver<()>,
) {
    if !linger.is_zero() {
        select(pin!(client.wait(linger)), is_full).await;
    }
    // Whoever comes while there is no place still finds company.
    let place = client.place("dataverse.batch").await;
    let mut work = jobs.close();
    let mut held = match place {
        Ok(place) => Held::Place(place),
        Err(error) => return fail(work, &error),
    };
    for round in 1..=ROUNDS {
        work = in_time(work, client.now());
        if work.is_empty() {
            return;
        }
        let sent = send(&client, &work, std::mem::replace(&mut held, Held::Not)).await;
        let outcomes = match sent {
            Ok(outcomes) => outcomes,
            // Only the nearest deadline has passed.
            Err(error) if error.kind() == ErrorKind::TooLate => {
                let nearest = work.iter().filter_map(|job| job.not_after).min();
                let (late, rest) = work.into_iter().partition(|job| job.not_after == nearest);
                fail(late, &error);
                work = rest;
                continue;
            }
            Err(error) => return fail(work, &error),
        };
        let mut again = Vec::new();
        let mut wait = Duration::ZERO;
        for (job, outcome) in work.into_iter().zip(outcomes) {
            let answer = match outcome {
                BatchOutcome::Refused(error)
                    if error.kind() == ErrorKind::Throttled && round < ROUNDS =>
                {
                    wait = wait.max(error.retry_after().unwrap_or(Duration::from_secs(1)));
                    again.push(job);
                    continue;
                }
                BatchOutcome::Refused(error) => Err(error),
                BatchOutcome::NotKnown(error) => {
                    Err(Arc::try_unwrap(error).unwrap_or_else(|error| error.twin()))
                }
                outcome => Ok(outcome),
            };
            // A caller that went away wants no answer.
            job.answer.send(answer).ok();
        }
        work = again;
        if !work.is_empty() {
            client.wait(wait).await;
        }
    }
}

async fn send(client: &Dataverse, work: &[Job], held: Held) -> Result<Vec<BatchOutcome>, Error> {
    if let [job] = work {
        // Without company it goes as it would have gone alone.
        let outcome = match &job.entry {
            Entry::Alone(op) => {
                let written = client.run_held(op, job.not_after, held).await;
                written.map(|written| BatchOutcome::Applied(vec![written]))
            }
            Entry::Set(set) => {
                let written = client.change_set_held(set, job.not_after, held).await;
                written.map(BatchOutcome::Applied)
            }
            Entry::Read(get) => {
                let row = client.read_held(get, held).await;
                row.map(BatchOutcome::Row)
            }
        };
        return outcome.map(|outcome| vec![outcome]);
    }
    let batch: Batch = work.iter().map(|job| job.entry.clone()).collect();
    let nearest = work.iter().filter_map(|job| job.not_after).min();
    client.batch_held(&batch, nearest, held).await
}

/// Those whose deadline has not passed; the others are told.
fn in_time(work: Vec<Job>, now: Option<DateTime<Utc>>) -> Vec<Job> {
    let late = |job: &Job| job.not_after.zip(now).is_some_and(|(end, now)| now > end);
    let (late, rest): (Vec<_>, _) = work.into_iter().partition(late);
    let error = Error::new(
        "dataverse.batch",
        ErrorKind::TooLate,
        Sent::No,
        "the moment after which nothing may be sent has passed",
    );
    fail(late, &error);
    rest
}

fn fail(jobs: Vec<Job>, error: &Error) {
    for job in jobs {
        job.answer.send(Err(error.twin())).ok();
    }
}
