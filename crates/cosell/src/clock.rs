//! Real time, once for the clients and once for the engine.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// The system's clock and tokio's timer. Needs a tokio runtime with time enabled.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTime;

#[async_trait]
impl cosell_http::Sleep for TokioTime {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[async_trait]
impl cosell_sync::Clock for TokioTime {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
