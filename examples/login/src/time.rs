//! Time for the libraries.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_http::Sleep;
use cosell_sandbox::SandboxHandle;

/// Time as it passes.
#[derive(Debug)]
pub(crate) struct Real;

#[async_trait]
impl Sleep for Real {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The time of a double, which passes at once.
#[derive(Debug)]
pub(crate) struct OfTheDouble(pub(crate) SandboxHandle);

#[async_trait]
impl Sleep for OfTheDouble {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}
