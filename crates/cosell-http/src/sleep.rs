//! Time comes in from outside, so that no test waits for real.

use std::{fmt, sync::Arc, time::Duration};

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

#[async_trait]
impl<T: Sleep + ?Sized> Sleep for Arc<T> {
    fn now(&self) -> DateTime<Utc> {
        (**self).now()
    }

    async fn sleep(&self, duration: Duration) {
        (**self).sleep(duration).await;
    }
}

#[async_trait]
impl<T: Sleep + ?Sized> Sleep for Box<T> {
    fn now(&self) -> DateTime<Utc> {
        (**self).now()
    }

    async fn sleep(&self, duration: Duration) {
        (**self).sleep(duration).await;
    }
}
