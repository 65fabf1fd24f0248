//! The contract of the port, as the engine's own suite checks it.

use std::sync::Arc;

use cosell_sync::{StateStore, conformance};

use crate::support::{SCOPE, options};

#[tokio::test]
async fn the_store_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let mut number = 0;
    conformance::store(|| {
        number += 1;
        let path = directory.path().join(format!("{number}.cosell"));
        async move {
            let store = cosell_store::SqliteStore::open(path, SCOPE, options()).await;
            Arc::new(store.unwrap()) as Arc<dyn StateStore>
        }
    })
    .await;
    assert!(number > 5, "every check had a store of its own");
}
