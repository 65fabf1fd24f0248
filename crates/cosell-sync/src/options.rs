//! How an engine behaves where its user may choose.

use std::{fmt, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{BrakeOptions, FirstSync, FlapLimit, Mask, Retention};

/// Settings of an [`Engine`](crate::Engine). Every one has a careful default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Name under which the store's lease is held; must differ between processes that share a
    /// store. `None`: a new name for every engine. A fixed name lets a restarted process go on at
    /// once instead of waiting for the lease to end.
    pub owner: Option<String>,
    /// Pairs in work at once.
    pub parallelism: usize,
    /// How long after the journal entry the bytes of a write may leave.
    pub send_window: Duration,
    /// How long a lease lasts before it has to be renewed; at least twice the send window.
    pub lease: Duration,
    /// How often `run` asks both sides for changes.
    pub poll_interval: Duration,
    /// First wait after a failure that time may cure; doubled with every attempt.
    pub backoff_base: Duration,
    /// Longest such wait.
    pub backoff_max: Duration,
    /// Plans made for one pair before others get their turn.
    pub max_steps: usize,
    /// Pages of changes read from one side in one round; the rest follows in the next.
    pub max_pages: usize,
    /// Hints taken from the queue at once.
    pub drain_batch: usize,
    /// Replaced versions remembered per end.
    pub retired_kept: usize,
    /// Attempts before a record waits for a change or a person.
    pub retry_attempts: u32,
    /// How often a field may go to and fro.
    pub flaps: FlapLimit,
    /// Limits on mass effects.
    pub brakes: BrakeOptions,
    /// Makes write stamps and pair ids.
    pub ids: IdSource,
    /// Makes trace ids.
    pub trace_ids: IdSource,
    /// What of a field's value is kept in the audit trail.
    pub mask: Mask,
    /// How long the audit trail is kept.
    pub retention: Retention,
    /// What a new store does with records that exist already.
    pub first_sync: FirstSync,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            owner: None,
            parallelism: 8,
            send_window: Duration::from_secs(30),
            lease: Duration::from_secs(120),
            poll_interval: Duration::from_secs(60),
            backoff_base: Duration::from_secs(5),
            backoff_max: Duration::from_secs(900),
            max_steps: 8,
            max_pages: 1_000,
            drain_batch: 64,
            retired_kept: 8,
            retry_attempts: 12,
            flaps: FlapLimit::default(),
            brakes: BrakeOptions::default(),
            ids: IdSource::random(),
            trace_ids: IdSource::new(Uuid::now_v7),
            mask: Mask::default(),
            retention: Retention::default(),
            first_sync: FirstSync::default(),
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $with:ident, $field:ident: $type:ty;)*) => {
        impl EngineOptions {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $with(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*

            /// Sets [`owner`](Self::owner).
            #[must_use]
            pub fn with_owner(mut self, owner: impl Into<String>) -> Self {
                self.owner = Some(owner.into());
                self
            }
        }
    };
}

with! {
    /// Sets [`parallelism`](Self::parallelism); 0 counts as 1.
    with_parallelism, parallelism: usize;
    /// Sets [`send_window`](Self::send_window).
    with_send_window, send_window: Duration;
    /// Sets [`lease`](Self::lease).
    with_lease, lease: Duration;
    /// Sets [`poll_interval`](Self::poll_interval).
    with_poll_interval, poll_interval: Duration;
    /// Sets [`backoff_base`](Self::backoff_base).
    with_backoff_base, backoff_base: Duration;
    /// Sets [`backoff_max`](Self::backoff_max).
    with_backoff_max, backoff_max: Duration;
    /// Sets [`max_steps`](Self::max_steps); 0 counts as 1.
    with_max_steps, max_steps: usize;
    /// Sets [`max_pages`](Self::max_pages); 0 counts as 1.
    with_max_pages, max_pages: usize;
    /// Sets [`drain_batch`](Self::drain_batch); 0 counts as 1.
    with_drain_batch, drain_batch: usize;
    /// Sets [`retired_kept`](Self::retired_kept).
    with_retired_kept, retired_kept: usize;
    /// Sets [`retry_attempts`](Self::retry_attempts).
    with_retry_attempts, retry_attempts: u32;
    /// Sets [`flaps`](Self::flaps).
    with_flaps, flaps: FlapLimit;
    /// Sets [`brakes`](Self::brakes).
    with_brakes, brakes: BrakeOptions;
    /// Sets [`ids`](Self::ids).
    with_ids, ids: IdSource;
    /// Sets [`trace_ids`](Self::trace_ids).
    with_trace_ids, trace_ids: IdSource;
    /// Sets [`mask`](Self::mask).
    with_mask, mask: Mask;
    /// Sets [`retention`](Self::retention).
    with_retention, retention: Retention;
    /// Sets [`first_sync`](Self::first_sync).
    with_first_sync, first_sync: FirstSync;
}

impl EngineOptions {
    /// The wait before attempt number `attempts` + 1.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        self.backoff_base
            .saturating_mul(2_u32.saturating_pow(attempts.min(20)))
            .min(self.backoff_max)
    }
}

/// Where new ids come from.
#[derive(Clone)]
pub struct IdSource(Arc<dyn Fn() -> Uuid + Send + Sync>);

impl IdSource {
    /// Random ones.
    pub fn random() -> Self {
        Self::new(Uuid::new_v4)
    }

    /// Any function that never gives one twice; a seeded one makes a run repeatable.
    pub fn new(next: impl Fn() -> Uuid + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    pub(crate) fn next(&self) -> Uuid {
        (self.0)()
    }
}

impl fmt::Debug for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdSource")
    }
}
