//! The contract of [`Replica`].
//!
//! The implementor writes a [`Bench`]: its replica over a test system of its own, and the hands of
//! the people who work there. [`every_check`] then runs the contract sentence by sentence. What a
//! replica says of itself in [`Capabilities`](crate::Capabilities) is believed: its lags are
//! waited for, and what it cannot do is not asked for.
//!
//! Not checked, as nothing outside can bring it about: answers that are not clear
//! ([`WriteError::Unknown`](crate::WriteError::Unknown)), records that move, and parts.

mod reads;
mod steps;
mod writes;

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_mapping::{FieldId, Snapshot, Value};

pub use reads::{
    a_change_is_hinted_and_the_cursor_moves, a_deletion_is_told_where_it_is_promised,
    a_fetch_is_the_truth, a_record_made_is_found_by_its_key, an_id_that_names_nothing_is_none,
    starting_over_tells_every_record,
};
pub use writes::{
    a_key_is_written_only_where_there_is_none, a_second_birth_is_stale,
    a_stamped_side_carries_the_stamp, all_of_a_patch_takes_effect,
    an_update_under_an_old_version_is_stale, foreign_fields_stay,
    nothing_leaves_after_the_deadline, nothing_of_a_refused_patch_takes_effect,
    settling_is_pure_and_true,
};

use crate::{PairKey, RecordId, Replica};

/// A replica over a test system, and what people and time do there.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The replica.
    fn replica(&self) -> &dyn Replica;

    /// The present moment, by the clock that the replica holds deadlines against.
    fn now(&self) -> DateTime<Utc>;

    /// Lets time pass; on a clock moved by hand, at once.
    async fn wait(&self, time: Duration);

    /// Somebody makes a record that may be changed, takes part and names no record at the other
    /// end.
    async fn appear(&self) -> RecordId;

    /// Somebody sets a mapped field of a record to a value that it never had.
    async fn edit(&self, id: &RecordId);

    /// Somebody deletes a record; `false` where nobody can.
    async fn delete(&self, id: &RecordId) -> bool;

    /// The key of a record at the other end, another one with each call.
    fn key(&self) -> PairKey;

    /// An id as the service gives them, of a record that does not exist.
    fn unknown(&self) -> RecordId;

    /// The fields of a record at the other end, enough for one to be made here. The checks
    /// settle them first, as the engine does.
    async fn newborn(&self) -> Snapshot;

    /// New values for two fields or more of a record that appeared; best with one that does not
    /// fit as it is.
    fn changes(&self) -> Snapshot;

    /// A value that the side refuses in a field of a record that appeared: settling says that it
    /// cannot be held there, or only the service does.
    fn refused(&self) -> Option<(FieldId, Value)> {
        None
    }

    /// What a record that appeared holds in a place that no rule maps; `None` where there is no
    /// such place.
    async fn foreign(&self, _id: &RecordId) -> Option<String> {
        None
    }
}

/// Runs every check of this module, each on a bench of its own from `make`.
///
/// # Panics
/// When a sentence of the contract does not hold.
pub async fn every_check<B, F>(mut make: impl FnMut() -> F)
where
    B: Bench,
    F: Future<Output = B>,
{
    starting_over_tells_every_record(&make().await).await;
    a_change_is_hinted_and_the_cursor_moves(&make().await).await;
    a_deletion_is_told_where_it_is_promised(&make().await).await;
    a_fetch_is_the_truth(&make().await).await;
    an_id_that_names_nothing_is_none(&make().await).await;
    a_record_made_is_found_by_its_key(&make().await).await;
    a_second_birth_is_stale(&make().await).await;
    an_update_under_an_old_version_is_stale(&make().await).await;
    all_of_a_patch_takes_effect(&make().await).await;
    nothing_of_a_refused_patch_takes_effect(&make().await).await;
    nothing_leaves_after_the_deadline(&make().await).await;
    a_stamped_side_carries_the_stamp(&make().await).await;
    a_key_is_written_only_where_there_is_none(&make().await).await;
    settling_is_pure_and_true(&make().await).await;
    foreign_fields_stay(&make().await).await;
}
