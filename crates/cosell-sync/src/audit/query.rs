//! Asking the audit trail.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{AuditEntry, AuditKind, Engine, EngineError, PairId, RecordId, Side, TraceId};

/// Where a line stands in the audit trail; grows with every line and may be stored to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuditPlace(pub u64);

/// Which lines of the audit trail. Conditions add up; an empty query asks for all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditQuery {
    /// Lines about this record.
    pub record: Option<(Side, RecordId)>,
    /// Lines about this pair.
    pub pair: Option<PairId>,
    /// Lines of this trace.
    pub trace: Option<TraceId>,
    /// Lines of these kinds; empty: of any.
    pub kinds: BTreeSet<AuditKind>,
    /// Lines from this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Lines before this moment.
    pub until: Option<DateTime<Utc>>,
    /// The newest line first, else the oldest.
    pub newest_first: bool,
}

impl AuditQuery {
    /// About a record.
    #[must_use]
    pub fn with_record(mut self, side: Side, id: RecordId) -> Self {
        self.record = Some((side, id));
        self
    }

    /// About a pair.
    #[must_use]
    pub fn with_pair(mut self, pair: PairId) -> Self {
        self.pair = Some(pair);
        self
    }

    /// Of a trace.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceId) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Of this kind, besides others named.
    #[must_use]
    pub fn with_kind(mut self, kind: AuditKind) -> Self {
        self.kinds.insert(kind);
        self
    }

    /// From this moment on.
    #[must_use]
    pub fn with_from(mut self, from: DateTime<Utc>) -> Self {
        self.from = Some(from);
        self
    }

    /// Before this moment.
    #[must_use]
    pub fn with_until(mut self, until: DateTime<Utc>) -> Self {
        self.until = Some(until);
        self
    }

    /// The newest line first.
    #[must_use]
    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    /// Does a line answer it?
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        self.record.as_ref().is_none_or(|(side, id)| {
            let end = match side {
                Side::Left => &entry.left,
                Side::Right => &entry.right,
            };
            end.as_ref() == Some(id)
        }) && self.pair.is_none_or(|pair| entry.pair == Some(pair))
            && self.trace.is_none_or(|trace| entry.trace == trace)
            && (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && self.from.is_none_or(|from| entry.at >= from)
            && self.until.is_none_or(|until| entry.at < until)
    }
}

/// A page of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditPage {
    /// The lines, each with its place.
    pub entries: Vec<(AuditPlace, AuditEntry)>,
    /// Where the next page starts; `None`: there was nothing beyond these when it was asked.
    pub next: Option<AuditPlace>,
}

impl Engine {
    /// A page of the audit trail, beyond the place `after`, at most `limit` lines.
    ///
    /// The place of the last line may be stored, to go on from there later with what came since.
    /// Cancel safety: may be dropped.
    pub async fn audit(
        &self,
        query: &AuditQuery,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<AuditPage, EngineError> {
        let entries = self.store.audit(query, after, limit).await?;
        let full = limit > 0 && entries.len() >= limit;
        let next = entries.last().filter(|_| full).map(|(place, _)| *place);
        Ok(AuditPage { entries, next })
    }
}
