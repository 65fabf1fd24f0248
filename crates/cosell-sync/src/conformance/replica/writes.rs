//! What a replica writes: whole or not at all, over what was seen, in time, as settled.

use chrono::TimeDelta;
use cosell_mapping::{Settled, Snapshot, Value};

use super::{
    Bench,
    steps::{
        draft, holds, ids_of, make, patch, read, settle_down, shows, soon, stamp, unchanged, update,
    },
};
use crate::{Patch, WriteError};

/// Where births are unique, a second create for one key is stale and makes nothing.
pub async fn a_second_birth_is_stale(bench: &dyn Bench) {
    if !bench.replica().capabilities().unique_birth {
        return;
    }
    let key = bench.key();
    let draft = draft(bench).await;
    let made = make(bench, &key, stamp(1), &draft).await;
    let second = bench
        .replica()
        .create(&key, stamp(2), &draft, soon(bench))
        .await;
    assert!(
        matches!(second, Err(WriteError::Stale)),
        "a second birth for one key is stale, not {second:?}"
    );
    settle_down(bench).await;
    let found = ids_of(bench, &key).await;
    assert_eq!(found, [made.id], "a second birth makes nothing");
}

/// An update takes effect only at the version that was seen, else it is stale and changes nothing.
pub async fn an_update_under_an_old_version_is_stale(bench: &dyn Bench) {
    let id = bench.appear().await;
    let old = read(bench, &id).await;
    let patch = patch(bench, &old);
    bench.edit(&id).await;
    let before = read(bench, &id).await;
    let late = bench
        .replica()
        .update(&old, stamp(1), &patch, soon(bench))
        .await;
    assert!(
        matches!(late, Err(WriteError::Stale)),
        "an update under an old version is stale, not {late:?}"
    );
    unchanged(bench, &before, "a stale update changes nothing").await;
    // Our own writes move the version as well.
    update(bench, &before, stamp(2), &patch).await;
    let after = read(bench, &id).await;
    if after.version != before.version {
        let late = bench
            .replica()
            .update(&before, stamp(3), &patch, soon(bench))
            .await;
        assert!(
            matches!(late, Err(WriteError::Stale)),
            "an update under the version before our own is stale, not {late:?}"
        );
    }
}

/// All of a patch takes effect, and nothing else.
pub async fn all_of_a_patch_takes_effect(bench: &dyn Bench) {
    let id = bench.appear().await;
    let before = read(bench, &id).await;
    let patch = patch(bench, &before);
    assert!(
        patch.fields.len() > 1,
        "the bench gives changes of two fields or more that the side takes, not {:?}",
        patch.fields
    );
    let written = update(bench, &before, stamp(1), &patch).await;
    assert_eq!(written.id, id, "an update answers for its own record");
    let after = read(bench, &id).await;
    holds(&after, &patch.fields, "all of a patch takes effect:");
    shows(&written, &after);
    for (field, value) in &before.fields {
        if !patch.fields.contains_key(field) {
            let now = after.fields.get(field);
            assert_eq!(now, Some(value), "{field}, which no patch names, stays");
        }
    }
}

/// Nothing of a patch takes effect when one of its fields is refused.
pub async fn nothing_of_a_refused_patch_takes_effect(bench: &dyn Bench) {
    let Some((field, value)) = bench.refused() else {
        return;
    };
    let id = bench.appear().await;
    let before = read(bench, &id).await;
    let mut patch = patch(bench, &before);
    patch.fields.insert(field, value);
    let refused = bench
        .replica()
        .update(&before, stamp(1), &patch, soon(bench))
        .await;
    assert!(
        matches!(refused, Err(WriteError::Refused { .. })),
        "a value that the service refuses is refused, not {refused:?}"
    );
    unchanged(bench, &before, "nothing of a refused patch takes effect").await;
}

/// After its deadline no byte of a write leaves.
pub async fn nothing_leaves_after_the_deadline(bench: &dyn Bench) {
    let id = bench.appear().await;
    let before = read(bench, &id).await;
    let (key, draft) = (bench.key(), draft(bench).await);
    let past = bench.now() - TimeDelta::seconds(1);
    let patch = patch(bench, &before);
    let late = bench
        .replica()
        .update(&before, stamp(1), &patch, past)
        .await;
    assert!(
        matches!(late, Err(WriteError::NotSent(_))),
        "no update leaves after the deadline; this is not sent, not {late:?}"
    );
    unchanged(bench, &before, "no update leaves after the deadline").await;
    let late = bench.replica().create(&key, stamp(2), &draft, past).await;
    assert!(
        matches!(late, Err(WriteError::NotSent(_))),
        "no create leaves after the deadline; this is not sent, not {late:?}"
    );
    settle_down(bench).await;
    let found = ids_of(bench, &key).await;
    assert!(found.is_empty(), "no create leaves after the deadline");
}

/// A side that is stamped carries the stamp of our last write.
pub async fn a_stamped_side_carries_the_stamp(bench: &dyn Bench) {
    if !bench.replica().capabilities().stamped {
        return;
    }
    let draft = draft(bench).await;
    let made = make(bench, &bench.key(), stamp(1), &draft).await;
    let born = read(bench, &made.id).await;
    assert_eq!(
        born.stamp,
        Some(stamp(1)),
        "a stamped side carries the stamp of the create"
    );
    let id = bench.appear().await;
    let before = read(bench, &id).await;
    update(bench, &before, stamp(2), &patch(bench, &before)).await;
    let after = read(bench, &id).await;
    assert_eq!(
        after.stamp,
        Some(stamp(2)),
        "a stamped side carries the stamp of the last update"
    );
}

/// The key of a patch is written where there is none, and never over another text.
pub async fn a_key_is_written_only_where_there_is_none(bench: &dyn Bench) {
    let id = bench.appear().await;
    let keys = [bench.key(), bench.key()];
    for key in &keys {
        let seen = read(bench, &id).await;
        let patch = Patch {
            key: Some(key.clone()),
            ..Patch::default()
        };
        update(bench, &seen, stamp(1), &patch).await;
        let now = read(bench, &id).await;
        assert_eq!(
            now.key.as_ref(),
            Some(&keys[0]),
            "a key is written where there is none, and never over another"
        );
    }
}

/// Settling is pure; what it says becomes of a value is what a read shows after the write.
pub async fn settling_is_pure_and_true(bench: &dyn Bench) {
    let id = bench.appear().await;
    for (field, wanted) in bench.changes() {
        let seen = read(bench, &id).await;
        let settle = |value: &Value| bench.replica().settle(&field, value, Some(&seen));
        let said = settle(&wanted);
        assert_eq!(
            said,
            settle(&wanted),
            "settling {field} twice says the same"
        );
        let value = match said {
            Settled::Fits => wanted,
            Settled::Becomes { value, .. } => {
                let again = settle(&value);
                assert_eq!(
                    again,
                    Settled::Fits,
                    "what {field} becomes stays what it is, {value:?}"
                );
                value
            }
            Settled::Cannot(_) => continue,
        };
        let fields = Snapshot::from([(field.clone(), value)]);
        let patch = Patch {
            fields: fields.clone(),
            ..Patch::default()
        };
        update(bench, &seen, stamp(1), &patch).await;
        let after = read(bench, &id).await;
        holds(&after, &fields, "a read shows what settling said:");
    }
}

/// What no rule maps stays as it is.
pub async fn foreign_fields_stay(bench: &dyn Bench) {
    let id = bench.appear().await;
    let Some(held) = bench.foreign(&id).await else {
        return;
    };
    let seen = read(bench, &id).await;
    update(bench, &seen, stamp(1), &patch(bench, &seen)).await;
    let now = bench.foreign(&id).await;
    assert_eq!(now, Some(held), "foreign fields stay as they are");
}
