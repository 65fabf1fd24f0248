//! Certificates kept, and the brakes on fetching more.
//!
//! Only a certificate that was proven is kept, so nobody can push a good one out with bad ones.
//! Fetches of addresses that are not kept are few per minute: a stream of forged posts with ever
//! new addresses does not become a stream of requests.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, future::BoxFuture, future::Shared};
use url::Url;

use super::{Refusal, certificate::Certificate, fetch::Fetcher};

type Fetched = Result<Arc<Certificate>, Refusal>;
type Flight = Shared<BoxFuture<'static, Fetched>>;

/// After this time a kept certificate that a signature does not fit is fetched anew: the file
/// behind an address may have been renewed.
const RENEWED_AFTER: TimeDelta = TimeDelta::minutes(5);

/// After a failed renewal, the kept one serves this long before the next try.
const PAUSE: TimeDelta = TimeDelta::minutes(1);

pub(super) struct Cache {
    fetcher: Arc<Fetcher>,
    keep_for: TimeDelta,
    capacity: usize,
    per_minute: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: BTreeMap<String, Kept>,
    /// Fetches under way; many posts may wait for one.
    flights: BTreeMap<String, Flight>,
    /// Times of the last fetches of unknown addresses.
    started: VecDeque<DateTime<Utc>>,
    /// All fetches.
    fetches: u64,
}

struct Kept {
    certificate: Arc<Certificate>,
    fetched: DateTime<Utc>,
    /// Last fetch, successful or not.
    tried: DateTime<Utc>,
    used: DateTime<Utc>,
}

/// A certificate, and whether it was fetched for this post.
pub(super) struct Found {
    pub(super) certificate: Arc<Certificate>,
    pub(super) fresh: bool,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Cache")
            .field("kept", &state.kept.len())
            .field("under_way", &state.flights.len())
            .finish_non_exhaustive()
    }
}

impl Cache {
    pub(super) fn new(
        fetcher: Arc<Fetcher>,
        keep_for: TimeDelta,
        capacity: usize,
        per_minute: usize,
    ) -> Self {
        Self {
            fetcher,
            keep_for,
            capacity: capacity.max(1),
            per_minute,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fetches(&self) -> u64 {
        self.state().fetches
    }

    /// The certificate at `url`, kept or fetched.
    pub(super) async fn get(&self, url: &Url, now: DateTime<Utc>) -> Result<Found, Refusal> {
        let kept = {
            let mut state = self.state();
            let kept = state.kept.get_mut(url.as_str());
            kept.map(|kept| {
                kept.used = now;
                let stale = now - kept.fetched >= self.keep_for && now - kept.tried >= PAUSE;
                (Arc::clone(&kept.certificate), stale)
            })
        };
        let found = |certificate, fresh| Ok(Found { certificate, fresh });
        match kept {
            Some((certificate, false)) => found(certificate, false),
            // A host that is down for a while must not silence a certificate that is good.
            Some((certificate, true)) => match self.fetch(url, now, false).await {
                Ok(renewed) => found(renewed, true),
                Err(_) => found(certificate, false),
            },
            None => found(self.fetch(url, now, true).await?, true),
        }
    }

    /// Fetches the certificate at `url` anew, if the kept one is old enough for it to have changed.
    pub(super) async fn renew(&self, url: &Url, now: DateTime<Utc>) -> Option<Arc<Certificate>> {
        let due = self
            .state()
            .kept
            .get(url.as_str())
            .is_some_and(|kept| now - kept.tried >= RENEWED_AFTER);
        if !due {
            return None;
        }
        self.fetch(url, now, false).await.ok()
    }

    async fn fetch(&self, url: &Url, now: DateTime<Utc>, unknown: bool) -> Fetched {
        let flight = self.board(url, now, unknown)?;
        let fetched = flight.await;
        let mut state = self.state();
        state.flights.remove(url.as_str());
        match &fetched {
            Ok(certificate) => state.keep(url, certificate, now, self.capacity),
            Err(_) => {
                if let Some(kept) = state.kept.get_mut(url.as_str()) {
                    kept.tried = now;
                }
            }
        }
        fetched
    }

    /// Joins the fetch that is under way, or starts one.
    fn board(&self, url: &Url, now: DateTime<Utc>, unknown: bool) -> Result<Flight, Refusal> {
        let mut state = self.state();
        // Whoever waited for these has gone; nobody would ever end them.
        state
            .flights
            .retain(|_, flight| flight.strong_count().is_some_and(|waiting| waiting > 1));
        if let Some(flight) = state.flights.get(url.as_str()) {
            return Ok(flight.clone());
        }
        if unknown {
            let minute = TimeDelta::minutes(1);
            while state.started.front().is_some_and(|at| now - *at >= minute) {
                state.started.pop_front();
            }
            if state.started.len() >= self.per_minute {
                return Err(Refusal::Busy);
            }
            state.started.push_back(now);
        }
        state.fetches += 1;
        let fetcher = Arc::clone(&self.fetcher);
        let address = url.clone();
        let flight = async move { fetcher.certificate(&address).await }
            .boxed()
            .shared();
        state.flights.insert(url.to_string(), flight.clone());
        Ok(flight)
    }
}

impl State {
    fn keep(
        &mut self,
        url: &Url,
        certificate: &Arc<Certificate>,
        now: DateTime<Utc>,
        capacity: usize,
    ) {
        if !self.kept.contains_key(url.as_str()) && self.kept.len() >= capacity {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
                self.kept.remove(&oldest);
            }
        }
        let kept = Kept {
            certificate: Arc::clone(certificate),
            fetched: now,
            tried: now,
            used: now,
        };
        self.kept.insert(url.to_string(), kept);
    }
}
