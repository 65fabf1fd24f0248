//! Files that are refused, and errors that say what to do.

use std::io::{Seek, SeekFrom, Write};

use cosell_store::{OpenError, SqliteStore};
use cosell_sync::{PairStore as _, StateStore as _, StoreError};

use crate::support::{Place, SCOPE, lease, options, pair, put};

async fn stored(place: &Place) {
    let store = place.open().await;
    let held = lease(&store, "one").await;
    let pairs = (0..200).map(|number| put(&pair(number))).collect();
    store.commit(&held, pairs).await.unwrap();
}

fn overwrite(place: &Place, at: u64, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(place.file())
        .unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

// R132
#[tokio::test]
async fn a_file_of_another_scope_is_refused() {
    let place = Place::new();
    stored(&place).await;
    let refused = SqliteStore::open(place.file(), "tenant-2", options()).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the state file belongs to tenant-1/organization-1, not to tenant-2: give each scope a \
         file of its own"
    );
    assert_eq!(
        place.open().await.pairs(None, 1000).await.unwrap().len(),
        200
    );
}

#[tokio::test]
async fn what_is_no_store_is_refused_and_left_alone() {
    let place = Place::new();
    let text = "a letter to a customer, long enough to be no header of any kind. ".repeat(20);
    std::fs::write(place.file(), &text).unwrap();
    assert!(matches!(place.try_open().await, Err(OpenError::NotAStore)));
    assert_eq!(std::fs::read_to_string(place.file()).unwrap(), text);

    std::fs::remove_file(place.file()).unwrap();
    place
        .raw()
        .execute_batch("CREATE TABLE recipes (name)")
        .unwrap();
    let before = std::fs::read(place.file()).unwrap();
    assert!(matches!(place.try_open().await, Err(OpenError::NotAStore)));
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}

#[tokio::test]
async fn a_broken_header_and_broken_pages_are_refused() {
    let place = Place::new();
    stored(&place).await;
    let whole = std::fs::read(place.file()).unwrap();

    overwrite(&place, 0, b"not a database!!");
    assert!(matches!(place.try_open().await, Err(OpenError::NotAStore)));

    std::fs::write(place.file(), &whole).unwrap();
    for page in 2..whole.len() as u64 / 4096 {
        overwrite(&place, page * 4096, &[0xff; 64]);
    }
    assert!(matches!(place.try_open().await, Err(OpenError::Damaged(_))));
    // Without the check it shows at the first question, as an error all the same.
    let unchecked = options().with_check(false);
    let store = SqliteStore::open(place.file(), SCOPE, unchecked).await;
    match store {
        Err(OpenError::Damaged(_)) => {}
        Err(other) => panic!("{other:?}"),
        Ok(store) => {
            let pairs = store.pairs(None, 1000).await;
            assert!(matches!(pairs, Err(StoreError::Damaged(_))), "{pairs:?}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_without_the_right_to_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    stored(&place).await;
    std::fs::set_permissions(place.file(), PermissionsExt::from_mode(0o400)).unwrap();
    // A privileged user may write it all the same.
    let privileged = std::fs::OpenOptions::new()
        .write(true)
        .open(place.file())
        .is_ok();
    let opened = place.try_open().await;
    match opened {
        Ok(_) => assert!(privileged),
        Err(error) => assert!(
            !privileged && matches!(error, OpenError::ReadOnly),
            "{error:?}"
        ),
    }
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_alone() {
    let place = Place::new();
    stored(&place).await;
    place
        .raw()
        .pragma_update(None, "user_version", 7_000)
        .unwrap();
    let refused = place.try_open().await;
    assert!(matches!(
        refused,
        Err(OpenError::Newer {
            found: 7_000,
            known: 2
        })
    ));
    let version: i64 = place
        .raw()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 7_000);
}

#[tokio::test]
async fn a_place_that_does_not_exist_is_named_as_such() {
    let place = Place::new();
    let refused = SqliteStore::open(place.path("no/such/file"), SCOPE, options()).await;
    assert!(matches!(refused, Err(OpenError::Unreachable(_))));
    let refused = SqliteStore::open(place.path(""), SCOPE, options()).await;
    assert!(
        matches!(refused, Err(OpenError::Unreachable(_))),
        "a directory: {refused:?}"
    );
}

#[tokio::test]
async fn a_file_that_another_process_keeps_locked_stores_nothing_and_says_so() {
    let place = Place::new();
    let store = place.open().await;
    let held = lease(&store, "one").await;
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.commit(&held, vec![put(&pair(1))]).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Locked(text) if text.contains("another process")),
        "{refused}"
    );
    // Reading goes on meanwhile, and writing afterwards.
    assert!(store.pairs(None, 9).await.unwrap().is_empty());
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(&held, vec![put(&pair(1))]).await.unwrap();
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_named_without_its_content() {
    let place = Place::new();
    stored(&place).await;
    place
        .raw()
        .execute_batch(r#"UPDATE pairs SET body = '{"id": "Ada Berg"}' WHERE id = x'00000000000000000000000000000007'"#)
        .unwrap();
    let store = place.open().await;
    let damaged = store.pair(pair(7).id).await.unwrap_err();
    assert!(matches!(&damaged, StoreError::Damaged(text) if text.contains("pair")));
    assert!(!damaged.to_string().contains("Ada"), "{damaged}");
    assert!(
        store.pair(pair(8).id).await.unwrap().is_some(),
        "the others are there"
    );
}
