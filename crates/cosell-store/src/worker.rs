//! The thread that owns the connection. Calls come through a channel and are answered in order.
//!
//! Commits that wait together share one transaction, so the disk is asked to be sure once for all
//! of them; each is still stored or refused by itself.

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, Sender, channel},
    thread::{Builder, JoinHandle},
};

use cosell_sync::{Change, Lease, StoreError};
use futures_channel::oneshot;
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    error::{OpenError, failed, failed_at_the_end},
    open::{self, Options},
    write,
};

/// Most commits that share a transaction.
const SHARE: usize = 64;

type Answer = Result<(), StoreError>;

/// What the thread is asked to do.
enum Job {
    Run(Box<dyn FnOnce(&mut Connection) + Send>),
    Commit(Commit),
}

struct Commit {
    lease: Lease,
    batch: Vec<Change>,
    answer: oneshot::Sender<Answer>,
}

/// The thread's handle. Dropping it waits until all calls are done and the file is closed.
pub(crate) struct Worker {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread and opens the file on it.
    pub(crate) async fn start(
        path: PathBuf,
        scope: String,
        options: Options,
    ) -> Result<Self, OpenError> {
        let (jobs, inbox) = channel();
        let (opened, opening) = oneshot::channel();
        let thread =
            Builder::new()
                .name("cosell-store".to_owned())
                .spawn(move || match open::open(&path, &scope, &options) {
                    Err(error) => drop(opened.send(Err(error))),
                    Ok(connection) => {
                        if opened.send(Ok(())).is_ok() {
                            work(connection, &inbox);
                        }
                    }
                })?;
        let worker = Self {
            jobs: Some(jobs),
            thread: Some(thread),
        };
        match opening.await {
            Ok(Ok(())) => Ok(worker),
            Ok(Err(error)) => Err(error),
            Err(oneshot::Canceled) => Err(OpenError::Failed(ended().into())),
        }
    }

    /// Runs `call` on the thread. Dropping the future does not stop it.
    pub(crate) async fn run<T, F>(&self, call: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Run(Box::new(move |connection| {
            // Nobody waits any more where the future was dropped.
            let _ = answer.send(call(connection));
        })));
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Commits on the thread. Dropping the future does not stop it.
    pub(crate) async fn commit(&self, lease: Lease, batch: Vec<Change>) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Commit(Commit {
            lease,
            batch,
            answer,
        }));
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    fn send(&self, job: Job) {
        // Where the thread has ended, the job's own channel says so.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was answered to its caller.
            let _ = thread.join();
        }
    }
}

fn ended() -> &'static str {
    "the store's thread has ended unexpectedly: open the store again"
}

fn gone() -> StoreError {
    StoreError::Failed(ended().to_owned())
}

fn work(mut connection: Connection, inbox: &Receiver<Job>) {
    let mut next = inbox.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Run(call) => call(&mut connection),
            Job::Commit(first) => {
                let mut waiting = vec![first];
                while waiting.len() < SHARE {
                    match inbox.try_recv() {
                        Ok(Job::Commit(more)) => waiting.push(more),
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                commit(&mut connection, waiting);
            }
        }
        next = next.or_else(|| inbox.recv().ok());
    }
    // Only tidies: what the log still holds is read from there by the next opener.
    let _ = connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
}

/// Commits all that wait, together if that goes well, else one by one.
fn commit(connection: &mut Connection, waiting: Vec<Commit>) {
    let forgets = waiting.iter().any(|commit| {
        let mut changes = commit.batch.iter();
        changes.any(|change| matches!(change, Change::Forget { .. }))
    });
    let answers = match waiting.as_slice() {
        [_] => None,
        several => together(connection, several),
    };
    let answers = answers.unwrap_or_else(|| {
        waiting
            .iter()
            .map(|commit| alone(connection, commit))
            .collect()
    });
    if forgets {
        // What was forgotten goes from the log, too; where somebody still reads the old state,
        // with the next checkpoint.
        let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    for (commit, answer) in waiting.into_iter().zip(answers) {
        let _ = commit.answer.send(answer);
    }
}

fn alone(connection: &mut Connection, commit: &Commit) -> Answer {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    write::batch(&transaction, &commit.lease, &commit.batch)?;
    transaction.commit().map_err(failed_at_the_end)
}

/// `None`: nothing of them was stored, and each may be tried alone.
fn together(connection: &mut Connection, commits: &[Commit]) -> Option<Vec<Answer>> {
    let mut transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .ok()?;
    let mut answers = Vec::with_capacity(commits.len());
    for commit in commits {
        let savepoint = transaction.savepoint().ok()?;
        let answer = write::batch(&savepoint, &commit.lease, &commit.batch);
        match answer {
            Ok(()) => savepoint.commit().ok()?,
            // Some errors of the disk end the whole transaction.
            Err(_) if savepoint.is_autocommit() => return None,
            Err(_) => savepoint.finish().ok()?,
        }
        answers.push(answer);
    }
    match transaction.commit() {
        Ok(()) => Some(answers),
        Err(error) => {
            // Whether it is stored is not known, so it is not tried again.
            let told = failed_at_the_end(error).to_string();
            Some(
                answers
                    .into_iter()
                    .map(|answer| answer.and_then(|()| Err(StoreError::Failed(told.clone()))))
                    .collect(),
            )
        }
    }
}
