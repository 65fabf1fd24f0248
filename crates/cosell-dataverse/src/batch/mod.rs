//! `$batch`: reads, single writes and change sets in one request, each with a fate of its own.

mod outcome;
mod read;
mod set;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cosell_http::{Answer, Call, Error, ErrorKind, Repeat, Sent, decode_json};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};
use uuid::Uuid;

use crate::{
    Dataverse, Op, Page, PageOptions, Query, Row, Table, Written, governor::Permit, input::Faults,
    page::PREFER,
};
use outcome::only;
use read::SetPart;

pub(crate) use outcome::not_known;
pub use set::{ChangeSet, ContentId};

const CHANGE_SET: &str = "dataverse.change_set";
const BATCH: &str = "dataverse.batch";

/// The service takes at most so many operations in one batch.
pub(crate) const MAX_OPS: usize = 1000;
/// Longest address of a read by itself, and of one inside a batch.
const LONGEST_ADDRESS: usize = 32_768;
const LONGEST_INSIDE: usize = 65_536;

/// Reads, single writes and change sets that go out in one request and run one after the other.
///
/// One that fails does not stop the others, and takes nothing back of them: only inside a
/// [`ChangeSet`] is it all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Set(ChangeSet),
    Alone(Box<Op>),
    Read(Get),
}

impl Entry {
    pub(crate) fn operations(&self) -> usize {
        match self {
            Self::Set(set) => set.len(),
            Self::Alone(_) | Self::Read(_) => 1,
        }
    }

    /// The read of a row, by a call that was checked.
    pub(crate) fn row(call: &Call) -> Self {
        Self::Read(Get {
            target: call.target.clone(),
            prefer: call.headers.get(PREFER).cloned(),
            wants: Wants::Row,
            faults: Faults::default(),
        })
    }
}

/// A read inside a batch.
#[derive(Clone, Debug)]
pub(crate) struct Get {
    target: String,
    prefer: Option<HeaderValue>,
    wants: Wants,
    faults: Faults,
}

#[derive(Clone, Debug)]
enum Wants {
    Row,
    Page,
    Answer,
}

impl Batch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a change set.
    #[must_use]
    pub fn with_set(mut self, set: ChangeSet) -> Self {
        self.entries.push(Entry::Set(set));
        self
    }

    /// Adds a write that stands alone.
    #[must_use]
    pub fn with_op(mut self, op: Op) -> Self {
        self.entries.push(Entry::Alone(Box::new(op)));
        self
    }

    /// Adds the read of the row `id` of `table`; only `select` and `expand` of `query` apply.
    #[must_use]
    pub fn with_row(self, table: &Table, id: Uuid, query: &Query) -> Self {
        let (options, mut faults) = query.render();
        table.check(&mut faults);
        query.check_single(&mut faults);
        let target = with_options(table.row_target(id), &options);
        self.with_get(target, None, Wants::Row, faults)
    }

    /// Adds the read of the first page of `query`.
    #[must_use]
    pub fn with_page(self, table: &Table, query: &Query, options: &PageOptions) -> Self {
        let (text, mut faults) = query.render();
        table.check(&mut faults);
        let prefer = options.prefer(None, &mut faults);
        let target = with_options(table.set().to_owned(), &text);
        self.with_get(target, prefer, Wants::Page, faults)
    }

    fn with_get(
        mut self,
        target: String,
        prefer: Option<HeaderValue>,
        wants: Wants,
        faults: Faults,
    ) -> Self {
        self.entries.push(Entry::Read(Get {
            target,
            prefer,
            wants,
            faults,
        }));
        self
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Are there no entries?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn operations(&self) -> usize {
        self.entries.iter().map(Entry::operations).sum()
    }

    fn check(&self) -> Faults {
        let mut faults = Faults::default();
        for entry in &self.entries {
            match entry {
                Entry::Set(set) => set.check(&mut faults),
                Entry::Alone(op) => op.check_alone(&mut faults),
                Entry::Read(get) => faults.extend(&get.faults),
            }
        }
        let ops = self.operations();
        if ops > MAX_OPS {
            faults.push(format!(
                "the batch has {ops} operations: the service takes {MAX_OPS}, send several batches"
            ));
        }
        faults
    }
}

impl FromIterator<Entry> for Batch {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}

impl FromIterator<ChangeSet> for Batch {
    fn from_iter<I: IntoIterator<Item = ChangeSet>>(sets: I) -> Self {
        Self {
            entries: sets.into_iter().map(Entry::Set).collect(),
        }
    }
}

impl FromIterator<Op> for Batch {
    fn from_iter<I: IntoIterator<Item = Op>>(ops: I) -> Self {
        Self {
            entries: ops.into_iter().map(Box::new).map(Entry::Alone).collect(),
        }
    }
}

/// What became of one entry of a batch.
#[derive(Debug)]
#[non_exhaustive]
pub enum BatchOutcome {
    /// It took effect; one answer for each operation of a change set, in order, or one for a
    /// single write.
    Applied(Vec<Written>),
    /// The row that was asked for.
    Row(Row),
    /// The page that was asked for.
    Page(Page),
    /// The service refused it; nothing of it took effect.
    Refused(Error),
    /// It may have taken effect: look before repeating. A read may be asked for again.
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
        if let Some(gatherer) = &self.gatherer {
            return gatherer.run_set(self, set, not_after).await;
        }
        self.change_set_held(set, not_after, Held::Not).await
    }

    pub(crate) async fn change_set_held(
        &self,
        set: &ChangeSet,
        not_after: Option<DateTime<Utc>>,
        held: Held,
    ) -> Result<Vec<Written>, Error> {
        let batch = Batch::new().with_set(set.clone());
        let (answer, parts) = self.send_batch(CHANGE_SET, &batch, not_after, held).await?;
        match self.outcome(CHANGE_SET, set, 0, &answer, only(parts)) {
            BatchOutcome::Refused(error) => Err(error),
            BatchOutcome::NotKnown(error) => Err(Arc::into_inner(error)
                .unwrap_or_else(|| not_known(CHANGE_SET, "the outcome cannot be read"))),
            BatchOutcome::Applied(written) => Ok(written),
            BatchOutcome::Row(_) | BatchOutcome::Page(_) => Ok(Vec::new()),
        }
    }

    /// Sends several reads, writes and change sets in one request; a refused one does not stop
    /// the others. The outcomes are in the order of the entries. At most 1,000 operations in all;
    /// small batches sent in parallel are faster than one large one.
    ///
    /// Cancel safety: a dropped call may have taken effect.
    ///
    /// # Errors
    /// [`Error`] when nothing took effect. What is in doubt is [`BatchOutcome::NotKnown`].
    pub async fn batch(
        &self,
        batch: &Batch,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Vec<BatchOutcome>, Error> {
        self.batch_held(batch, not_after, Held::Not).await
    }

    pub(crate) async fn batch_held(
        &self,
        batch: &Batch,
        not_after: Option<DateTime<Utc>>,
        held: Held,
    ) -> Result<Vec<BatchOutcome>, Error> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, parts) = match self.send_batch(BATCH, batch, not_after, held).await {
            Ok(sent) => sent,
            Err(error) if error.sent() == Sent::No => return Err(error),
            // The status is the one of the first failure where the service did not go on after
            // it: nothing is known of any single entry.
            Err(error) => return Ok(all_not_known(batch, error)),
        };
        let mut parts = match parts {
            Ok(parts) if parts.len() <= batch.len() => parts.into_iter(),
            Ok(_) => {
                let error = not_known(BATCH, "the answer has more parts than the batch had");
                return Ok(all_not_known(batch, error));
            }
            Err(fault) => return Ok(all_not_known(batch, not_known(BATCH, &fault))),
        };
        let mut offset = 0;
        let outcomes = batch.entries.iter().map(|entry| {
            let part = parts.next().ok_or_else(|| "its part is missing".to_owned());
            match entry {
                Entry::Set(set) => {
                    let outcome = self.outcome(BATCH, set, offset, &answer, part);
                    offset += set.ops.len();
                    outcome
                }
                Entry::Alone(op) => self.outcome_alone(op, &answer, part),
                Entry::Read(get) => self.outcome_read(get, &answer, part),
            }
        });
        Ok(outcomes.collect())
    }

    /// A read whose address may be too long to stand alone; then it goes inside a batch.
    pub(crate) async fn get(&self, call: Call) -> Result<Answer, Error> {
        let operation = call.operation;
        let length = self.http().base().as_str().len() + call.target.len();
        if length <= LONGEST_ADDRESS {
            return self.raw(call).await;
        }
        let mut faults = Faults::default();
        if length > LONGEST_INSIDE {
            faults.push(format!(
                "the address has {length} bytes: the service takes {LONGEST_INSIDE}, ask in \
                 several parts"
            ));
        }
        // Inside a batch a line end would end the address.
        if !call.target.bytes().all(|byte| byte.is_ascii_graphic()) {
            faults.push("the address holds a blank or a control character: encode it");
        }
        let prefer = call.headers.get(PREFER).cloned();
        let batch = Batch::new().with_get(call.target, prefer, Wants::Answer, faults);
        let (mut answer, parts) = self
            .send_batch(operation, &batch, call.not_after, Held::Not)
            .await?;
        match only(parts) {
            Ok(SetPart::Single(part)) if part.status.is_success() => {
                answer.status = part.status;
                answer.headers = part.headers;
                answer.body = part.body;
                Ok(answer)
            }
            Ok(SetPart::Single(part)) => Err(self.part_error(operation, &part)),
            Ok(SetPart::Many(_)) => Err(Error::malformed(
                operation,
                &answer,
                "the answer to a read is a change set's",
            )),
            Err(fault) => Err(Error::malformed(operation, &answer, fault)),
        }
    }

    pub(crate) async fn raw_held(&self, call: Call, held: Held) -> Result<Answer, Error> {
        match held {
            Held::Not => self.raw(call).await,
            Held::Place(place) => self.raw_in(call, place).await,
        }
    }

    /// The row of a read that found no company.
    pub(crate) async fn read_held(&self, get: &Get, held: Held) -> Result<Row, Error> {
        let operation = "dataverse.read";
        let call = Call::new(operation, Method::GET, get.target.clone(), Repeat::Safe);
        decode_json(operation, &self.raw_held(call, held).await?)
    }

    async fn send_batch(
        &self,
        operation: &'static str,
        batch: &Batch,
        not_after: Option<DateTime<Utc>>,
        held: Held,
    ) -> Result<(Answer, Result<Vec<SetPart>, String>), Error> {
        batch.check().into_result(operation)?;
        // Random, so that no body can hold them.
        let boundary = format!("batch_{}", Uuid::new_v4().simple());
        let inner = format!("changeset_{}", Uuid::new_v4().simple());
        let body = write::batch(self.http().base(), &boundary, &inner, &batch.entries);
        let kind = HeaderValue::try_from(format!("multipart/mixed; boundary=\"{boundary}\""))
            .map_err(|error| {
                Error::new(operation, ErrorKind::Invalid, Sent::No, error.to_string())
            })?;
        let only_reads = batch.entries.iter().all(|of| matches!(of, Entry::Read(_)));
        let repeat = if only_reads {
            Repeat::Safe
        } else {
            Repeat::IfNotSent
        };
        let mut call = Call::new(operation, Method::POST, "$batch", repeat)
            .with_body(kind, body)
            .with_not_after(not_after);
        if batch.len() > 1 {
            call = call.with_header(
                HeaderName::from_static("prefer"),
                HeaderValue::from_static("odata.continue-on-error"),
            );
        }
        let answer = self.raw_held(call, held).await?;
        let parts = read::set_parts(&content_type(&answer.headers), &answer.body);
        Ok((answer, parts))
    }
}

/// Has the caller a place of the governor already?
#[derive(Debug)]
pub(crate) enum Held {
    Not,
    Place(Option<Permit>),
}

pub(crate) fn with_options(target: String, options: &str) -> String {
    if options.is_empty() {
        target
    } else {
        format!("{target}?{options}")
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

fn all_not_known(batch: &Batch, error: Error) -> Vec<BatchOutcome> {
    let error = Arc::new(error);
    batch
        .entries
        .iter()
        .map(|_| BatchOutcome::NotKnown(Arc::clone(&error)))
        .collect()
}
