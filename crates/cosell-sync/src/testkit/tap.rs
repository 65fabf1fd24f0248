//! Commits in the hands of a harness.

use std::fmt;

use async_trait::async_trait;

use crate::{Change, StoreError};

/// Asked around every commit of a [`MemoryStore`](crate::MemoryStore) that is
/// [tapped](crate::MemoryStore::tapped).
#[async_trait]
pub trait CommitTap: fmt::Debug + Send + Sync {
    /// Before anything is stored. An error is the commit's, and nothing is stored.
    async fn before(&self, batch: &[Change]) -> Result<(), StoreError>;

    /// After all is stored. An error is the commit's: its answer is lost.
    async fn after(&self) -> Result<(), StoreError>;
}
