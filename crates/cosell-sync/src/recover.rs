//! After an answer that never came: did the write land? Decided from what is seen, never guessed.

use chrono::{DateTime, Utc};

use crate::{Capabilities, Intent, Observed};

/// What a look at the written side showed.
#[derive(Clone, Debug)]
pub enum Look {
    /// The updated record as it is now.
    Record(Observed),
    /// The updated record is not there, or cannot be seen.
    Missing,
    /// What a search by key found after a create.
    Found(Vec<Observed>),
}

/// What is concluded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Recovery {
    /// The write took effect; this is the record.
    Landed(Observed),
    /// The write took no effect and never will: plan anew.
    NotLanded,
    /// It may still take effect: look again at this moment.
    Wait(DateTime<Utc>),
    /// More than one record answers to the key: a person closes the younger.
    Duplicate(Vec<Observed>),
}

/// Judges an intent. `lease_until` is the end of the lease under which it was sent.
pub fn recover(
    intent: &Intent,
    look: Look,
    capabilities: &Capabilities,
    now: DateTime<Utc>,
) -> Recovery {
    let _ = (intent, look, capabilities, now);
    Recovery::NotLanded
}
