//! A person's answers to held fields.
//!
//! An answer is stored with the values that the person saw, and carried out by the next round
//! through an ordinary journalled write. Should either value change before that, or the service
//! refuse what was asked for, nothing is written: the field is held again and says which answer
//! came to nothing ([`Hold::unanswered`]).

use crate::{
    Answer, AuditEntry, AuditKind, Change, Engine, EngineError, FieldChange, FieldId, Hold,
    HoldKind, Pair, PairId, Resolution, Side, Source, dead::some_end,
};

/// An answer was not taken. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no such pair.
    #[error("there is no pair {}", .0.0)]
    NoPair(PairId),
    /// The field does not wait any more, or never did.
    #[error("the field {0} is not held: there is nothing to answer")]
    NotHeld(FieldId),
    /// The field is held with other values than those that were seen. Look at this one, and
    /// answer anew.
    #[error("the held values have changed since they were seen: look at them and answer anew")]
    Stale(Box<Hold>),
    /// The state could not be read or stored.
    #[error("the answer could not be stored")]
    Engine(#[from] EngineError),
}

/// Which held fields are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldFilter {
    /// Only those held for this cause.
    pub kind: Option<HoldKind>,
    /// Only this field.
    pub field: Option<FieldId>,
}

impl HoldFilter {
    /// Only those held for this cause.
    #[must_use]
    pub fn with_kind(mut self, kind: HoldKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only this field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<FieldId>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Is this one meant?
    pub fn meets(&self, field: &FieldId, hold: &Hold) -> bool {
        self.kind.is_none_or(|kind| kind == hold.cause.kind())
            && self.field.as_ref().is_none_or(|wanted| wanted == field)
    }
}

/// How far answering many fields got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedPage {
    /// Fields that were answered.
    pub resolved: usize,
    /// Fields that changed between reading and answering, and were left alone.
    pub changed: usize,
    /// Where the next page starts; `None`: that was the last.
    pub next: Option<PairId>,
}

impl Engine {
    /// Answers a held field, as it was seen in [`holds`](Self::holds). The next round carries the
    /// answer out. `by` is the person who decided, for the audit trail.
    ///
    /// A later answer replaces an earlier one. [`Resolution::Keep`] and [`Resolution::Write`] are
    /// a person's word also for moves that cannot be taken back, and for texts of which one side
    /// holds only a part. What a side cannot take stays held; the answer is kept until it can.
    ///
    /// # Errors
    /// See [`ResolveError`]; nothing is stored then. Cancel safety: the answer may be stored.
    pub async fn resolve(
        &self,
        pair: PairId,
        field: &FieldId,
        seen: &Hold,
        resolution: Resolution,
        by: &str,
    ) -> Result<(), ResolveError> {
        let _claim = self.claim(pair).await;
        let stored = self.store.pair(pair).await.map_err(EngineError::from)?;
        let mut stored = stored.ok_or(ResolveError::NoPair(pair))?;
        let Some(held) = stored.holds.get(field) else {
            return Err(ResolveError::NotHeld(field.clone()));
        };
        if held.left != seen.left || held.right != seen.right {
            return Err(ResolveError::Stale(Box::new(held.clone())));
        }
        let words = match &resolution {
            Resolution::Keep(Side::Left) => "the left value shall stand",
            Resolution::Keep(Side::Right) => "the right value shall stand",
            Resolution::Write(_) => "another value shall stand",
            Resolution::Leave => "both shall stay as they are",
        };
        let mut line = self.line(AuditKind::Decided, words).by(by);
        line.fields = vec![FieldChange::new(
            field.clone(),
            Some(held.left.clone()),
            Some(held.right.clone()),
        )];
        let answer = Answer {
            left: held.left.clone(),
            right: held.right.clone(),
            resolution,
            at: self.clock.now(),
        };
        stored.answers.insert(field.clone(), answer);
        self.store_and_hint(stored, line).await?;
        Ok(())
    }

    /// Answers all held fields that the filter means, among the `limit` pairs after `after`.
    /// `by` is the person who decided.
    ///
    /// # Errors
    /// As far as it got, answers are stored. Cancel safety: as [`resolve`](Self::resolve).
    pub async fn resolve_all(
        &self,
        filter: &HoldFilter,
        resolution: &Resolution,
        after: Option<PairId>,
        limit: usize,
        by: &str,
    ) -> Result<ResolvedPage, EngineError> {
        let (pairs, next) = self.holds(after, limit).await?;
        let mut page = ResolvedPage {
            next,
            ..ResolvedPage::default()
        };
        for pair in pairs {
            let meant = pair
                .holds
                .iter()
                .filter(|(field, hold)| filter.meets(field, hold));
            for (field, hold) in meant {
                let resolution = resolution.clone();
                match self.resolve(pair.id, field, hold, resolution, by).await {
                    Ok(()) => page.resolved += 1,
                    Err(ResolveError::Engine(error)) => return Err(error),
                    Err(_) => page.changed += 1,
                }
            }
        }
        Ok(page)
    }

    /// Stores a pair that a person changed, and the line that says so, to be looked at by the
    /// next round.
    pub(crate) async fn store_and_hint(
        &self,
        mut pair: Pair,
        line: AuditEntry,
    ) -> Result<(), EngineError> {
        pair.unsettle();
        let mut line = line.of_pair(&pair);
        let hint = some_end(&pair).map(|(side, id)| self.new_hint(side, id, Source::Person));
        if let Some(hint) = &hint {
            line.trace = hint.trace;
        }
        let mut batch = vec![Change::Pair(Box::new(pair)), self.audit_line(line)];
        batch.extend(hint.into_iter().flat_map(|hint| self.enqueue(hint)));
        self.commit_now(batch).await?;
        self.wake();
        Ok(())
    }
}
