//! One sandbox shared by a transport, a server and the people in it.

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response};

use crate::{
    Act, ActError, Acted, Counts, FaultId, FaultRule, HeldId, HeldRequest, LogEntry, Options,
    Outcome, Sandbox, ServiceName,
};

/// A shared [`Sandbox`]. Clones are the same sandbox.
#[derive(Clone)]
pub struct SandboxHandle {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    sandbox: Sandbox,
    waiting: Vec<Waker>,
}

impl fmt::Debug for SandboxHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().sandbox.fmt(f)
    }
}

/// The connection closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed before an answer was sent")]
pub struct AnswerLost;

impl SandboxHandle {
    /// Starts a sandbox.
    pub fn new(options: Options) -> Self {
        Self::of(Sandbox::new(options))
    }

    /// Shares a sandbox.
    pub fn of(sandbox: Sandbox) -> Self {
        let waiting = Vec::new();
        Self {
            shared: Arc::new(Mutex::new(Shared { sandbox, waiting })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic elsewhere must not turn into a second one here.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the sandbox itself. Nobody else gets at it meanwhile, so `work` must be short and
    /// must not use this handle.
    pub fn with<T>(&self, work: impl FnOnce(&mut Sandbox) -> T) -> T {
        let (done, waiting) = {
            let mut shared = self.lock();
            let done = work(&mut shared.sandbox);
            (done, std::mem::take(&mut shared.waiting))
        };
        // Every change may be the one that somebody waits for; they look and wait on.
        for waker in waiting {
            waker.wake();
        }
        done
    }

    /// A sandbox of its own with the same state.
    pub fn fork(&self) -> Self {
        Self::of(self.lock().sandbox.clone())
    }

    /// Returns what `look` finds, as soon as it finds something. It is asked anew after each
    /// change. Cancel safety: may be dropped at any time.
    async fn wait_for<T>(&self, mut look: impl FnMut(&mut Sandbox) -> Option<T> + Send) -> T {
        poll_fn(|context: &mut Context<'_>| {
            let mut shared = self.lock();
            if let Some(found) = look(&mut shared.sandbox) {
                return Poll::Ready(found);
            }
            let waker = context.waker();
            if !shared.waiting.iter().any(|known| known.will_wake(waker)) {
                shared.waiting.push(waker.clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Takes a request to its end: lets latencies pass with `pause` and waits while it is held.
    ///
    /// # Errors
    /// [`AnswerLost`] when the connection is to be closed without an answer.
    ///
    /// Cancel safety: dropping the future is a caller hanging up. What the service did stays
    /// done; a held request stays held and may still take effect.
    pub async fn answer<P>(
        &self,
        service: ServiceName,
        request: Request<Bytes>,
        mut pause: impl FnMut(Duration) -> P + Send,
    ) -> Result<Response<Bytes>, AnswerLost>
    where
        P: Future<Output = ()> + Send,
    {
        let mut outcome = self.with(|sandbox| sandbox.handle(service, request));
        loop {
            match outcome {
                Outcome::Answer(response) => return Ok(response),
                Outcome::LoseAnswer => return Err(AnswerLost),
                Outcome::Delay { by, then } => {
                    pause(by).await;
                    outcome = *then;
                }
                Outcome::Hold(id) => return self.until_released(id).await,
            }
        }
    }

    async fn until_released(&self, id: HeldId) -> Result<Response<Bytes>, AnswerLost> {
        let _gone = HangUp { handle: self, id };
        self.wait_for(|sandbox| sandbox.take_released(id))
            .await
            .ok_or(AnswerLost)
    }

    /// The requests held now, oldest first.
    pub fn held(&self) -> Vec<HeldRequest> {
        self.lock().sandbox.held()
    }

    /// Waits until a request is held, and returns the oldest. Cancel safety: may be dropped.
    pub async fn wait_until_held(&self) -> HeldRequest {
        self.wait_for(|sandbox| sandbox.held().into_iter().next())
            .await
    }

    /// See [`Sandbox::release`].
    pub fn release(&self, id: HeldId) -> bool {
        self.with(|sandbox| sandbox.release(id))
    }

    /// See [`Sandbox::drop_held`].
    pub fn drop_held(&self, id: HeldId) -> bool {
        self.with(|sandbox| sandbox.drop_held(id))
    }

    /// Puts a fault rule in force.
    pub fn add_fault(&self, rule: FaultRule) -> FaultId {
        self.with(|sandbox| sandbox.add_fault(rule))
    }

    /// Takes a fault rule out of force.
    pub fn remove_fault(&self, id: FaultId) -> bool {
        self.with(|sandbox| sandbox.remove_fault(id))
    }

    /// Takes all fault rules out of force.
    pub fn clear_faults(&self) {
        self.with(Sandbox::clear_faults);
    }

    /// The newest requests, oldest first.
    pub fn log(&self) -> Vec<LogEntry> {
        self.lock().sandbox.log().cloned().collect()
    }

    /// Requests per service since the last reset.
    pub fn counts(&self) -> Counts {
        self.lock().sandbox.counts()
    }

    /// Sets the counts to zero.
    pub fn reset_counts(&self) {
        self.with(Sandbox::reset_counts);
    }

    /// The present moment of the sandbox.
    pub fn now(&self) -> DateTime<Utc> {
        self.lock().sandbox.now()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.with(|sandbox| sandbox.advance(by));
    }

    /// Lets one of the people in the sandbox do something.
    ///
    /// # Errors
    /// [`ActError`] when the service refuses it.
    pub fn act(&self, act: &Act) -> Result<Acted, ActError> {
        self.with(|sandbox| sandbox.act(act))
    }
}

/// Tells the sandbox that a caller has gone, when dropped.
struct HangUp<'a> {
    handle: &'a SandboxHandle,
    id: HeldId,
}

impl Drop for HangUp<'_> {
    fn drop(&mut self) {
        self.handle.with(|sandbox| sandbox.caller_gone(self.id));
    }
}
