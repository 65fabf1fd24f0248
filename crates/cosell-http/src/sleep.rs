//! Time comes in from outside, so that no test waits for real.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// The clock and the waiting of a client.
#[async_trait]
pub trait Sleep: fmt::Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;

    /// Returns after `duration`. Cancel safety: may be dropped at any time.
    async fn sleep(&self, duration: Duration);
}
