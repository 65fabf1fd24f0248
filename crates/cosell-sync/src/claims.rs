//! What is in work: a pair, and a record or group that may found one, once at a time.

use std::{collections::BTreeSet, sync::Mutex};

use crate::{GroupId, PairId, RecordId, Side, engine::lock};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    Pair(PairId),
    Record(Side, RecordId),
    Group(Side, GroupId),
}

/// Claims of one piece of work, given up when dropped, also by a dropped future.
pub(crate) struct Claims<'a> {
    busy: &'a Mutex<BTreeSet<Claim>>,
    mine: Vec<Claim>,
}

impl<'a> Claims<'a> {
    pub(crate) fn new(busy: &'a Mutex<BTreeSet<Claim>>) -> Self {
        Self {
            busy,
            mine: Vec::new(),
        }
    }

    /// False when other work holds it.
    pub(crate) fn add(&mut self, claim: Claim) -> bool {
        if self.mine.contains(&claim) {
            return true;
        }
        let free = lock(self.busy).insert(claim.clone());
        if free {
            self.mine.push(claim);
        }
        free
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        let mut busy = lock(self.busy);
        for claim in &self.mine {
            busy.remove(claim);
        }
    }
}
