//! Places for requests, handed out to lanes in turn and within a lane in order.

use std::{collections::VecDeque, sync::Arc};

use futures_channel::oneshot;

use super::Shared;

/// The right to have one request out. Gives its place back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.lock().slots.taken -= 1;
        Shared::hand_out(&self.shared);
    }
}

#[derive(Debug)]
struct Lane {
    key: u64,
    waiting: VecDeque<oneshot::Sender<Permit>>,
}

/// Who has a place and who waits for one.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    taken: u32,
    /// The lane at the front is served next.
    lanes: VecDeque<Lane>,
}

impl Slots {
    pub(crate) fn taken(&self) -> u32 {
        self.taken
    }

    pub(crate) fn waiting(&self) -> usize {
        let still_there = |sender: &&oneshot::Sender<Permit>| !sender.is_canceled();
        self.lanes
            .iter()
            .map(|lane| lane.waiting.iter().filter(still_there).count())
            .sum()
    }

    fn queue(&mut self, key: u64, sender: oneshot::Sender<Permit>) {
        match self.lanes.iter_mut().find(|lane| lane.key == key) {
            Some(lane) => lane.waiting.push_back(sender),
            None => self.lanes.push_back(Lane {
                key,
                waiting: [sender].into(),
            }),
        }
    }

    /// Whose turn it is; callers that went away are passed over.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        while let Some(mut lane) = self.lanes.pop_front() {
            let next = lane.waiting.pop_front();
            if !lane.waiting.is_empty() {
                self.lanes.push_back(lane);
            }
            if let Some(sender) = next.filter(|sender| !sender.is_canceled()) {
                return Some(sender);
            }
        }
        None
    }
}

impl Shared {
    /// Waits for a place.
    pub(super) async fn take(this: &Arc<Self>, lane: u64) -> Permit {
        loop {
            let (sender, receiver) = oneshot::channel();
            this.lock().slots.queue(lane, sender);
            Self::hand_out(this);
            // The sender is only ever dropped by sending: an error cannot come, and trying again
            // is right if it does.
            if let Ok(permit) = receiver.await {
                return permit;
            }
        }
    }

    /// Gives free places to those who wait.
    pub(super) fn hand_out(this: &Arc<Self>) {
        loop {
            let next = {
                let mut state = this.lock();
                let free = state.slots.taken < state.pace.limit();
                let next = free.then(|| state.slots.next()).flatten();
                state.slots.taken += u32::from(next.is_some());
                next
            };
            let Some(sender) = next else { return };
            // Outside the lock: a permit that nobody takes gives its place back by locking.
            drop(sender.send(Permit {
                shared: this.clone(),
            }));
        }
    }
}
