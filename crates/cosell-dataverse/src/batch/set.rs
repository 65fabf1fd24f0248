//! Change sets: operations that take effect together or not at all.

use crate::{Op, input::Faults};

/// An operation's place in its change set, for others of the set to point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentId(u32);

impl ContentId {
    /// The operation in place `place`, counted from 1.
    #[cfg(test)]
    pub(crate) fn nth(place: u32) -> Self {
        Self(place)
    }

    /// The number on the wire, `offset` operations after the start of the batch.
    pub(crate) fn number(self, offset: u32) -> u32 {
        self.0.saturating_add(offset)
    }
}

/// Operations that take effect together or not at all, in their order.
#[derive(Clone, Debug, Default)]
pub struct ChangeSet {
    pub(super) ops: Vec<Op>,
}

impl ChangeSet {
    /// No operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation; what it returns lets later operations of this set point at the row it
    /// makes: [`Columns::bind_content`](crate::Columns::bind_content), [`Op::update_made`],
    /// [`LinkTo::Made`](crate::LinkTo::Made).
    pub fn push(&mut self, op: Op) -> ContentId {
        self.ops.push(op);
        ContentId(u32::try_from(self.ops.len()).unwrap_or(u32::MAX))
    }

    /// Adds an operation.
    #[must_use]
    pub fn with(mut self, op: Op) -> Self {
        self.push(op);
        self
    }

    /// Number of operations.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Are there no operations?
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        if self.ops.is_empty() {
            faults.push("a change set has no operation: leave it out");
        }
        for (at, op) in self.ops.iter().enumerate() {
            let place = at + 1;
            faults.extend(&op.faults);
            for made_by in op.content_refs() {
                match self.ops[..at].get((made_by.0 as usize).wrapping_sub(1)) {
                    None => faults.push(format!(
                        "operation {place} points at operation {}: only earlier operations of the \
                         same change set can be pointed at",
                        made_by.0
                    )),
                    Some(target) if target.returning.is_some() => faults.push(format!(
                        "operation {place} points at operation {}, which returns its row: the \
                         service breaks such references, read the row afterwards instead",
                        made_by.0
                    )),
                    Some(_) => {}
                }
            }
        }
    }
}
