//! Fields that go to and fro: two automations that undo each other, through us.
//!
//! A write that brings a field of a record a value which we wrote there before is a turn. More
//! turns of one field than the limit, within the window, and the pair is parked and the field
//! named: nothing that the engine could write would end it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use cosell_mapping::{FieldId, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Pair, Patch, Side};

/// Writes remembered per pair.
const KEPT: usize = 128;

/// How often a field may go to and fro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlapLimit {
    /// Turns of one field within the window; `None` is no limit.
    pub turns: Option<u32>,
    /// The window.
    pub window: Duration,
}

impl Default for FlapLimit {
    /// Five turns within an hour.
    fn default() -> Self {
        Self {
            turns: Some(5),
            window: Duration::from_secs(3_600),
        }
    }
}

impl FlapLimit {
    /// So many turns within a window.
    pub fn new(turns: Option<u32>, window: Duration) -> Self {
        Self { turns, window }
    }
}

/// A field that we wrote lately. The value itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    /// The field.
    pub field: FieldId,
    /// The side that was written.
    pub side: Side,
    /// Stands for the value: equal for equal values.
    pub value: Uuid,
    /// When.
    pub at: DateTime<Utc>,
}

fn stands_for(value: &Value) -> Uuid {
    let text = serde_json::to_vec(value).unwrap_or_default();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &text)
}

impl Pair {
    /// Notes that these fields were written.
    pub(crate) fn note_turns(
        &mut self,
        side: Side,
        patch: &Patch,
        limit: &FlapLimit,
        now: DateTime<Utc>,
    ) {
        if limit.turns.is_none() {
            return;
        }
        let window = TimeDelta::from_std(limit.window).unwrap_or(TimeDelta::MAX);
        self.turned
            .retain(|turned| now.signed_duration_since(turned.at) < window);
        for (field, value) in &patch.fields {
            self.turned.push(Turned {
                field: field.clone(),
                side,
                value: stands_for(value),
                at: now,
            });
        }
        let surplus = self.turned.len().saturating_sub(KEPT);
        self.turned.drain(..surplus);
    }

    /// The field of this patch that has gone to and fro too often, and how often.
    pub(crate) fn flapping(
        &self,
        side: Side,
        patch: &Patch,
        limit: &FlapLimit,
        now: DateTime<Utc>,
    ) -> Option<(FieldId, u32)> {
        let turns = limit.turns?;
        let window = TimeDelta::from_std(limit.window).unwrap_or(TimeDelta::MAX);
        patch.fields.iter().find_map(|(field, value)| {
            let value = stands_for(value);
            let same = self.turned.iter().filter(|turned| {
                turned.field == *field
                    && turned.side == side
                    && turned.value == value
                    && now.signed_duration_since(turned.at) < window
            });
            let count = u32::try_from(same.count()).unwrap_or(u32::MAX);
            (count > turns).then(|| (field.clone(), count))
        })
    }
}
