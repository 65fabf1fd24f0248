//! Work on the parts of a pair: records beside its two ends.
//!
//! A part is found by listing its group, made with an intent of its own, and looked at like an
//! end. Once its id is known, that it is missing from a list means nothing.

use chrono::{DateTime, Utc};

use crate::{
    Change, Draft, ErrorKind, GroupId, Intent, Life, Observed, Outcome, PairState, Part, PartName,
    PartPlan, Plan, QueuedHint, ReadError, RecordId, Side, Source,
    engine::after,
    send::{Delivered, Outgoing},
    turn::{Halt, Sight, Turn},
};

impl Turn<'_> {
    /// Looks at the part that the hint is about, if it is about one; true when it moved.
    pub(crate) async fn part_news(&mut self) -> Result<bool, Halt> {
        let (side, id) = (self.hint.side, self.hint.id.clone());
        let Some(part) = self.pair.part_of(side, &id) else {
            return Ok(false);
        };
        let known = part.version.clone();
        if part.id.as_ref() != Some(&id)
            || self.hint.version.is_some() && self.hint.version == known
        {
            return Ok(false);
        }
        let record = match self.round.take_seen(side, &id) {
            Some(record) => record,
            None => match self.round.fetch(side, &id).await {
                Ok(Some(record)) => record,
                // Not to be seen at present: it stays what it was.
                Ok(None) | Err(ReadError::NotVisible(_)) => return Ok(false),
                Err(error) => return Err(self.unreadable(side, &error)),
            },
        };
        self.pair.adopt_part(side, &record);
        let part = self.pair.part_of(side, &id);
        let moved = part.is_some_and(|part| part.version != known);
        if moved {
            self.pair.unsettle();
        }
        Ok(moved)
    }

    /// Parts that a page showed beside the ends.
    pub(crate) fn take_over_parts(&mut self) {
        for side in Side::BOTH {
            let group = self.seen(side).and_then(|record| record.group.clone());
            let Some(group) = group else {
                continue;
            };
            for record in self.round.take_seen_parts(side, &group) {
                self.pair.adopt_part(side, &record);
            }
        }
    }

    /// What is asked for is remembered; a part that nobody asks for any more, and that was not
    /// made yet, is forgotten.
    pub(crate) fn adopt_wishes(&mut self, plan: &Plan) {
        self.pair.wishes.clone_from(&plan.wishes);
        if plan.state != PairState::Active {
            return;
        }
        for (name, part) in &plan.parts {
            match part {
                PartPlan::Make { side, .. } => {
                    let parts = &mut self.pair.parts;
                    parts
                        .entry(name.clone())
                        .or_insert_with(|| Part::new(*side));
                }
                PartPlan::Waits => {
                    self.pair.parts.remove(name);
                }
                PartPlan::Known | PartPlan::Held { .. } => {}
            }
        }
    }

    /// Makes a part, if both ends still ask for it and its group shows none.
    pub(crate) async fn make_part(
        &mut self,
        side: Side,
        name: PartName,
        group: GroupId,
        draft: Draft,
    ) -> Result<(), Halt> {
        // It cannot be taken back: what was read a while ago is not enough.
        if self.fetched != [true; 2] {
            for end in Side::BOTH {
                if let Some(id) = self.pair.end(end).id.clone() {
                    self.round.take_seen(end, &id);
                }
                *self.sight(end) = Sight::Unknown;
            }
            return Ok(());
        }
        let found = match self.round.parts_named(side, &group, &name).await {
            Ok(found) => found,
            Err(error) => return Err(self.unreadable(side, &error)),
        };
        if !found.is_empty() {
            self.parts_found(side, &found);
            return Ok(());
        }
        let write = Outgoing::Part(side, name.clone(), group, draft);
        if let Delivered::Refused(message, fields) = self.deliver(write).await? {
            let reasons = fields.iter();
            let reasons = reasons.map(|one| format!("{}: {}", one.field, one.reason.detail));
            let cause = std::iter::once(message).chain(reasons).collect::<Vec<_>>();
            let cause = cause.join("; ");
            self.error(side, ErrorKind::Refused, format!("part {name}: {cause}"));
            if let Some(part) = self.pair.parts.get_mut(&name) {
                part.refusal = Some(crate::Refusal {
                    cause,
                    since: self.round.now(),
                    left: None,
                    right: None,
                });
            }
        }
        Ok(())
    }

    /// The group shows the part already: it is taken, not made a second time.
    pub(crate) fn parts_found(&mut self, side: Side, found: &[Observed]) {
        self.bound(side, "its group shows the part");
        for record in found {
            self.pair.adopt_part(side, record);
        }
        if found.len() > 1 {
            let ids: Vec<_> = found.iter().map(|record| record.id.as_str()).collect();
            let cause = format!(
                "records {} are one part of the deal; the oldest is followed, close the others",
                ids.join(", ")
            );
            self.error(side, ErrorKind::Duplicate, cause);
        }
    }

    pub(crate) fn part_landed(&mut self, intent: &Intent, id: &RecordId, after: Option<&Observed>) {
        let crate::IntentKind::Create {
            birth: crate::Birth::Part { name, .. },
            ..
        } = &intent.kind
        else {
            return;
        };
        self.pair.intent = None;
        self.fetched = [false; 2];
        // Making it may have moved the record that it belongs to.
        *self.sight(intent.side) = Sight::Unknown;
        self.round.report(|report| report.births += 1);
        let parts = &mut self.pair.parts;
        let part = parts
            .entry(name.clone())
            .or_insert_with(|| Part::new(intent.side));
        part.id = Some(id.clone());
        part.refusal = None;
        if let Some(record) = after {
            self.pair.adopt_part(intent.side, record);
        }
        self.pair.outcome = Some(Outcome {
            message: format!("asked {name}"),
            ..self.outcome_now(intent.side.other(), "")
        });
    }

    /// From now on a refused part is asked for again when either end moves.
    pub(crate) fn tie_refusals(&mut self) {
        let (left, right) = (
            self.pair.left.version.clone(),
            self.pair.right.version.clone(),
        );
        for part in self.pair.parts.values_mut() {
            if let Some(refusal) = &mut part.refusal {
                refusal.left.clone_from(&left);
                refusal.right.clone_from(&right);
            }
        }
    }

    pub(crate) fn part_refusals(&self) -> impl Iterator<Item = String> {
        let refused = self.pair.parts.iter();
        refused.filter_map(|(name, part)| Some(format!("{name}: {}", part.refusal.as_ref()?.cause)))
    }

    /// Open parts whose changes no list tells, with the moment at which each is to be looked at
    /// again.
    fn unlisted_parts(&self) -> impl Iterator<Item = (Side, &RecordId, DateTime<Utc>)> {
        let active = self.pair.state == PairState::Active;
        let parts = self.pair.parts.values().filter(move |_| active);
        parts.filter_map(|part| {
            let able = self.round.capabilities(part.side);
            let id = part.id.as_ref()?;
            let due = || after(self.round.now(), able.part_sweep);
            (part.life == Life::Open && !able.lists_parts).then(|| (part.side, id, due()))
        })
    }

    /// The hint in work is about such a part: it stays in the queue, for another day.
    pub(crate) fn sweep_again(&self) -> Option<Change> {
        let own = (self.hint.side, &self.hint.id);
        let mut parts = self.unlisted_parts();
        let (side, id, due) = parts.find(|part| (part.0, part.1) == own)?;
        Some(Change::Postpone {
            hint: self.sweep(side, id, due),
        })
    }

    /// Hints for the other ones. One that is in the queue already stays due when it was.
    pub(crate) fn sweeps_to_come(&self) -> Vec<Change> {
        let own = (self.hint.side, &self.hint.id);
        let others = self.unlisted_parts().filter(|part| (part.0, part.1) != own);
        others
            .map(|(side, id, due)| Change::Enqueue(self.sweep(side, id, due)))
            .collect()
    }

    fn sweep(&self, side: Side, id: &RecordId, due: DateTime<Utc>) -> QueuedHint {
        QueuedHint {
            source: Source::Sweep,
            trace: self.hint.trace,
            side,
            id: id.clone(),
            version: None,
            gone: false,
            late_until: None,
            due: self.round.later(due),
            attempts: 0,
            turn: self.hint.turn,
        }
    }
}
