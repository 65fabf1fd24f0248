//! From the parts of an answer to the fates of a batch's entries.

use std::sync::Arc;

use cosell_http::{Answer, Error, ErrorKind, Sent, decode_json};

use super::{
    BATCH, BatchOutcome, ChangeSet, Get, Wants,
    read::{Part, SetPart},
};
use crate::{Dataverse, Op, page::read_body, written::read_written};

impl Dataverse {
    pub(super) fn outcome(
        &self,
        operation: &'static str,
        set: &ChangeSet,
        offset: usize,
        answer: &Answer,
        part: Result<SetPart, String>,
    ) -> BatchOutcome {
        let parts = match part {
            Ok(SetPart::Single(part)) => vec![part],
            Ok(SetPart::Many(parts)) => parts,
            Err(fault) => return in_doubt(operation, answer, &fault),
        };
        // One failure is the failure of all: the set is one transaction.
        if let Some(failed) = parts.iter().find(|part| !part.status.is_success()) {
            return self.failed(operation, failed);
        }
        if parts.len() != set.ops.len() {
            let fault = format!(
                "the answer has {} of {} operations",
                parts.len(),
                set.ops.len()
            );
            return in_doubt(operation, answer, &fault);
        }
        let mut written = Vec::with_capacity(parts.len());
        for (at, (op, part)) in set.ops.iter().zip(&parts).enumerate() {
            let expected = (offset + at + 1).to_string();
            if part.content_id.as_ref().is_some_and(|id| *id != expected) {
                let fault = "the answers are not in the order of the operations";
                return in_doubt(operation, answer, fault);
            }
            match read_written(op, part.status, &part.headers, &part.body) {
                Ok(one) => written.push(one),
                Err(fault) => {
                    return in_doubt(operation, answer, &format!("operation {}: {fault}", at + 1));
                }
            }
        }
        BatchOutcome::Applied(written)
    }

    pub(super) fn outcome_alone(
        &self,
        op: &Op,
        answer: &Answer,
        part: Result<SetPart, String>,
    ) -> BatchOutcome {
        match single(part) {
            Err(fault) => in_doubt(op.operation, answer, &fault),
            Ok(part) if !part.status.is_success() => self.failed(op.operation, &part),
            Ok(part) => match read_written(op, part.status, &part.headers, &part.body) {
                Ok(written) => BatchOutcome::Applied(vec![written]),
                Err(fault) => in_doubt(op.operation, answer, &fault),
            },
        }
    }

    pub(super) fn outcome_read(
        &self,
        get: &Get,
        answer: &Answer,
        part: Result<SetPart, String>,
    ) -> BatchOutcome {
        let part = match single(part) {
            Err(fault) => return in_doubt(BATCH, answer, &fault),
            Ok(part) if !part.status.is_success() => {
                return BatchOutcome::Refused(self.part_error(BATCH, &part));
            }
            Ok(part) => part,
        };
        let mut answer = answer.clone();
        answer.status = part.status;
        answer.headers = part.headers;
        answer.body = part.body;
        let read = match get.wants {
            Wants::Row => decode_json(BATCH, &answer).map(BatchOutcome::Row),
            Wants::Page | Wants::Answer => read_body(BATCH, &answer).and_then(|page| {
                let next = page.next_link(self, BATCH, &answer)?;
                Ok(BatchOutcome::Page(page.into_page(next)))
            }),
        };
        read.unwrap_or_else(BatchOutcome::Refused)
    }

    fn failed(&self, operation: &'static str, part: &Part) -> BatchOutcome {
        let error = self.part_error(operation, part);
        self.tell_governor(part.status, &part.headers, &part.body);
        let refused = part.status.is_client_error() && error.kind() != ErrorKind::Service;
        if refused || error.sent() == Sent::No {
            BatchOutcome::Refused(error)
        } else {
            BatchOutcome::NotKnown(Arc::new(error))
        }
    }

    pub(super) fn part_error(&self, operation: &'static str, part: &Part) -> Error {
        self.http()
            .part_error(operation, part.status, &part.headers, &part.body)
    }
}

/// The one part of a batch of one entry.
pub(super) fn only(parts: Result<Vec<SetPart>, String>) -> Result<SetPart, String> {
    parts.and_then(|mut parts| match (parts.pop(), parts.len()) {
        (Some(part), 0) => Ok(part),
        (None, _) => Err("its part is missing".to_owned()),
        (Some(_), more) => Err(format!("the answer has {more} parts too many")),
    })
}

fn single(part: Result<SetPart, String>) -> Result<Part, String> {
    match part? {
        SetPart::Single(part) => Ok(part),
        SetPart::Many(_) => Err("the answer to a single operation is a change set's".to_owned()),
    }
}

fn in_doubt(operation: &'static str, answer: &Answer, fault: &str) -> BatchOutcome {
    let request = answer.request_id.as_deref().unwrap_or("unknown");
    let message = format!("{fault} [request {request}]");
    BatchOutcome::NotKnown(Arc::new(not_known(operation, &message)))
}

pub(crate) fn not_known(operation: &'static str, fault: &str) -> Error {
    Error::new(
        operation,
        ErrorKind::Malformed,
        Sent::Maybe,
        format!("{fault}: it may have taken effect, look before repeating"),
    )
}
