//! After an answer that never came: did the write land? Decided from what is seen, never guessed.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{Birth, Capabilities, FieldId, Intent, IntentKind, Observed, Patch, Value};

/// What a look at the written side showed.
#[derive(Clone, Debug)]
pub enum Look {
    /// The record as it is now.
    Record(Box<Observed>),
    /// The record is not there.
    Missing,
    /// What a search by key found after a create.
    Found(Vec<Observed>),
}

/// What is concluded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Recovery {
    /// The write took effect; this is the record.
    Landed(Box<Observed>),
    /// The write took no effect and never will: plan anew.
    NotLanded,
    /// The record is at another version and holds a part of what was sent: whoever put it there,
    /// both sides agreed on that part. Plan the rest anew.
    Overtaken(Box<Observed>),
    /// It may still take effect: look again at this moment.
    Wait(DateTime<Utc>),
    /// More than one record answers to the key: a person closes the younger.
    Duplicate(Vec<Observed>),
    /// It may have taken effect, and no list would ever show it: a person looks.
    Doubtful,
}

/// Judges an intent whose outcome is not known.
///
/// A record with a stamp answers by the stamp. One without answers by its version, and only
/// after the deadline, since a request may be slow on its way; then by its content.
pub fn recover(
    intent: &Intent,
    look: Look,
    capabilities: &Capabilities,
    now: DateTime<Utc>,
) -> Recovery {
    let landing = intent.until + capabilities.lateness;
    match &intent.kind {
        IntentKind::Create { birth, .. } => {
            let is_main = matches!(birth, Birth::Main { .. });
            let unique = is_main && capabilities.unique_birth;
            let mut found = match look {
                Look::Record(record) => vec![*record],
                Look::Missing => Vec::new(),
                Look::Found(records) => records,
            };
            match found.len() {
                // The service itself refuses the second of two, so that trying again is safe.
                0 if unique => Recovery::NotLanded,
                0 => match after(landing + capabilities.find_lag, now) {
                    Recovery::NotLanded if !is_main && !capabilities.lists_parts => {
                        Recovery::Doubtful
                    }
                    verdict => verdict,
                },
                1 => Recovery::Landed(Box::new(found.remove(0))),
                _ => Recovery::Duplicate(found),
            }
        }
        IntentKind::Update { seen, patch, .. } => {
            let record = match look {
                Look::Record(record) => record,
                Look::Found(mut records) if records.len() == 1 => Box::new(records.remove(0)),
                Look::Missing | Look::Found(_) => return after(landing, now),
            };
            if capabilities.stamped {
                if record.stamp == Some(intent.stamp) {
                    // The step of its own may still be on its way.
                    let landed = || Recovery::Landed(record.clone());
                    return if holds_apart(&record, patch, capabilities) {
                        landed()
                    } else {
                        match after(landing + capabilities.read_lag, now) {
                            Recovery::NotLanded => landed(),
                            wait => wait,
                        }
                    };
                }
                // The write was bound to `seen`: at another version it can no longer land.
                if record.version != *seen {
                    return Recovery::NotLanded;
                }
            } else if record.version != *seen {
                let mut sent = patch.fields.iter();
                let held = sent
                    .clone()
                    .filter(|field| is_held(&record, *field))
                    .count();
                return if sent.all(|field| is_held(&record, field)) {
                    Recovery::Landed(record)
                } else if held > 0 {
                    Recovery::Overtaken(record)
                } else {
                    Recovery::NotLanded
                };
            }
            after(landing + capabilities.read_lag, now)
        }
    }
}

/// Does the record hold a field that was sent?
pub(crate) fn is_held(record: &Observed, (field, value): (&FieldId, &Value)) -> bool {
    record.fields.get(field) == Some(value)
}

/// Does it hold what takes effect after the rest, if any of that was sent?
fn holds_apart(record: &Observed, patch: &Patch, capabilities: &Capabilities) -> bool {
    let sent = patch.fields.iter();
    sent.filter(|(field, _)| capabilities.apart.contains(field))
        .all(|field| is_held(record, field))
}

fn after(moment: DateTime<Utc>, now: DateTime<Utc>) -> Recovery {
    if now >= moment {
        Recovery::NotLanded
    } else {
        Recovery::Wait(moment.max(now + TICK))
    }
}

/// Waiting for a moment that is now must still be waiting.
const TICK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
