use std::sync::Arc;

use cosell_sync::{MemoryStore, StateStore, conformance};

#[tokio::test]
async fn the_memory_store_keeps_the_contract() {
    conformance::store(async || Arc::new(MemoryStore::new()) as Arc<dyn StateStore>).await;
}
