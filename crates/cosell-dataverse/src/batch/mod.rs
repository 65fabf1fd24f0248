//! `$batch`: change sets, each applied whole or not at all.

mod read;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{Answer, Call, Error, ErrorKind, Repeat, Sent};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};
use uuid::Uuid;

use crate::{Dataverse, Op, Written, input::Faults, written::read_written};
use read::{Part, SetPart};

const CHANGE_SET: &str = "dataverse.change_set";
const BATCH: &str = "dataverse.batch";

/// The service takes at most so many operations in one batch.
const MAX_OPS: usize = 1000;

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
    ops: Vec<Op>,
}

impl ChangeSet {
    /// No operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation; what it returns lets later operations of this set point at the row it
    /// makes ([`Columns::bind_content`](crate::Columns::bind_content)).
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

    fn check(&self, faults: &mut Faults) {
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

/// What became of one change set of a batch.
#[derive(Debug)]
pub enum SetOutcome {
    /// It took effect; one answer for each operation, in order.
    Applied(Vec<Written>),
    /// The service refused it; nothing of it took effect.
    Refused(Error),
    /// It may have taken effect: look before repeating.
    NotKnown(Arc<Error>),
}

impl Dataverse {
    /// Sends one change set. No byte leaves after `not_after`. Errors read as those of a single
    /// call: code, status, message and `sent()`.
    ///
    /// Cancel safety: a dropped call may have taken effect.
    ///
    /// # Errors
    /// [`Error`]; nothing of the set took effect when it says so by `sent()` or by a 4xx status.
    pub async fn change_set(
        &self,
        set: &ChangeSet,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Vec<Written>, Error> {
        let sets = std::slice::from_ref(set);
        let (answer, parts) = self.send_batch(CHANGE_SET, sets, not_after).await?;
        let part = parts.and_then(|mut parts| match (parts.pop(), parts.len()) {
            (Some(part), 0) => Ok(part),
            (None, _) => Err("the change set's part is missing".to_owned()),
            (Some(_), more) => Err(format!("the answer has {more} parts too many")),
        });
        let outcome = self.outcome(CHANGE_SET, set, 0, &answer, part);
        match outcome {
            SetOutcome::Applied(written) => Ok(written),
            SetOutcome::Refused(error) => Err(error),
            SetOutcome::NotKnown(error) => Err(Arc::into_inner(error)
                .unwrap_or_else(|| not_known(CHANGE_SET, "the outcome cannot be read"))),
        }
    }

    /// Sends several change sets in one request; a refused one does not stop the others. The
    /// outcomes are in the order of `sets`. At most 1,000 operations in all; a few sets at a time
    /// sent in parallel are faster than many in one request.
    ///
    /// Cancel safety: a dropped call may have taken effect.
    ///
    /// # Errors
    /// [`Error`] when none of the sets took effect. What is in doubt is
    /// [`SetOutcome::NotKnown`].
    pub async fn batch(
        &self,
        sets: &[ChangeSet],
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Vec<SetOutcome>, Error> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, parts) = match self.send_batch(BATCH, sets, not_after).await {
            Ok(sent) => sent,
            Err(error) if error.sent() == Sent::No => return Err(error),
            // The status is the one of the first failure where the service did not go on after
            // it: nothing is known of any single set.
            Err(error) => return Ok(all_not_known(sets, error)),
        };
        let mut parts = match parts {
            Ok(parts) if parts.len() <= sets.len() => parts.into_iter(),
            Ok(_) => {
                let error = not_known(BATCH, "the answer has more parts than the batch had");
                return Ok(all_not_known(sets, error));
            }
            Err(fault) => return Ok(all_not_known(sets, not_known(BATCH, &fault))),
        };
        let mut offset = 0;
        let outcomes = sets.iter().map(|set| {
            let part = parts
                .next()
                .ok_or_else(|| "the change set's part is missing".to_owned());
            let outcome = self.outcome(BATCH, set, offset, &answer, part);
            offset += set.ops.len();
            outcome
        });
        Ok(outcomes.collect())
    }

    async fn send_batch(
        &self,
        operation: &'static str,
        sets: &[ChangeSet],
        not_after: Option<DateTime<Utc>>,
    ) -> Result<(Answer, Result<Vec<SetPart>, String>), Error> {
        let mut faults = Faults::default();
        for set in sets {
            set.check(&mut faults);
        }
        let ops: usize = sets.iter().map(ChangeSet::len).sum();
        if ops > MAX_OPS {
            faults.push(format!(
                "the batch has {ops} operations: the service takes {MAX_OPS}, send several batches"
            ));
        }
        faults.into_result(operation)?;
        // Random, so that no body can hold them.
        let boundary = format!("batch_{}", Uuid::new_v4().simple());
        let inner = format!("changeset_{}", Uuid::new_v4().simple());
        let body = write::batch(self.http().base().path(), &boundary, &inner, sets);
        let kind = HeaderValue::try_from(format!("multipart/mixed; boundary=\"{boundary}\""))
            .map_err(|error| {
                Error::new(operation, ErrorKind::Invalid, Sent::No, error.to_string())
            })?;
        let mut call = Call::new(operation, Method::POST, "$batch", Repeat::IfNotSent)
            .with_body(kind, body)
            .with_not_after(not_after);
        if sets.len() > 1 {
            call = call.with_header(
                HeaderName::from_static("prefer"),
                HeaderValue::from_static("odata.continue-on-error"),
            );
        }
        let answer = self.raw(call).await?;
        let parts = read::set_parts(&content_type(&answer.headers), &answer.body);
        Ok((answer, parts))
    }

    fn outcome(
        &self,
        operation: &'static str,
        set: &ChangeSet,
        offset: usize,
        answer: &Answer,
        part: Result<SetPart, String>,
    ) -> SetOutcome {
        let in_doubt = |fault: &str| {
            let request = answer.request_id.as_deref().unwrap_or("unknown");
            let message = format!("{fault} [request {request}]");
            SetOutcome::NotKnown(Arc::new(not_known(operation, &message)))
        };
        let parts = match part {
            Ok(SetPart::Single(part)) => vec![part],
            Ok(SetPart::Many(parts)) => parts,
            Err(fault) => return in_doubt(&fault),
        };
        // One failure is the failure of all: the set is one transaction.
        if let Some(failed) = parts.iter().find(|part| !part.status.is_success()) {
            let error = self.part_error(operation, failed);
            let refused = failed.status.is_client_error() && error.kind() != ErrorKind::Service;
            return if refused || error.sent() == Sent::No {
                SetOutcome::Refused(error)
            } else {
                SetOutcome::NotKnown(Arc::new(error))
            };
        }
        if parts.len() != set.ops.len() {
            return in_doubt(&format!(
                "the answer has {} of {} operations",
                parts.len(),
                set.ops.len()
            ));
        }
        let mut written = Vec::with_capacity(parts.len());
        for (at, (op, part)) in set.ops.iter().zip(&parts).enumerate() {
            let expected = (offset + at + 1).to_string();
            if part.content_id.as_ref().is_some_and(|id| *id != expected) {
                return in_doubt("the answers are not in the order of the operations");
            }
            match read_written(op, part.status, &part.headers, &part.body) {
                Ok(one) => written.push(one),
                Err(fault) => return in_doubt(&format!("operation {}: {fault}", at + 1)),
            }
        }
        SetOutcome::Applied(written)
    }

    fn part_error(&self, operation: &'static str, part: &Part) -> Error {
        self.http()
            .part_error(operation, part.status, &part.headers, &part.body)
    }
}

/// The body of the first failed part of a batch's answer, for the error reader.
pub(crate) fn first_failure(kind: &str, body: &Bytes) -> Option<Bytes> {
    let sets = read::set_parts(kind, body).ok()?;
    sets.into_iter()
        .flat_map(|set| match set {
            SetPart::Single(part) => vec![part],
            SetPart::Many(parts) => parts,
        })
        .find(|part| !part.status.is_success())
        .map(|part| part.body)
}

fn content_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn not_known(operation: &'static str, fault: &str) -> Error {
    Error::new(
        operation,
        ErrorKind::Malformed,
        Sent::Maybe,
        format!("{fault}: it may have taken effect, look before repeating"),
    )
}

fn all_not_known(sets: &[ChangeSet], error: Error) -> Vec<SetOutcome> {
    let error = Arc::new(error);
    sets.iter()
        .map(|_| SetOutcome::NotKnown(Arc::clone(&error)))
        .collect()
}
