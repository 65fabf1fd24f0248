//! What becomes of a value on a record, and how to get there.

use crate::{Assignment, Loss, Record, Value};

/// What a shape makes of a wanted value.
pub(crate) struct Form {
    /// What would be read afterwards.
    pub(crate) value: Value,
    /// How that differs from what was wanted, if it does.
    pub(crate) loss: Loss,
    /// How to get there.
    pub(crate) assignments: Vec<Assignment>,
}

impl Form {
    pub(crate) fn exact(value: Value, assignments: Vec<Assignment>) -> Self {
        Self::lossy(value, Loss::Rounded, assignments)
    }

    pub(crate) fn lossy(value: Value, loss: Loss, assignments: Vec<Assignment>) -> Self {
        Self {
            value,
            loss,
            assignments,
        }
    }
}

/// The record that a value is formed for.
#[derive(Clone, Copy)]
pub(crate) struct Now<'a> {
    pub(crate) record: &'a Record,
    pub(crate) value: &'a Value,
}
