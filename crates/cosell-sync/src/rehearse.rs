//! The dry run: the same questions and the same plans, and nothing written anywhere.

use std::collections::BTreeSet;

use crate::{
    DryRun, EngineError, ErrorKind, Pair, PlannedPair, QueuedHint, ReadError, RecordError, Side,
    SkippedRecord, Source,
    claims::Claims,
    resolve::Found,
    round::Round,
    turn::{Sight, plan_pair},
};

/// Queued hints looked at in one dry run.
const HINTS_LIMIT: usize = 10_000;

impl Round<'_> {
    pub(crate) async fn rehearse(&self) -> Result<DryRun, EngineError> {
        let mut dry = DryRun {
            complete: true,
            ..DryRun::default()
        };
        let mut planned = BTreeSet::new();
        let queued = self.engine.store.due(self.now(), HINTS_LIMIT).await?;
        dry.complete &= queued.len() < HINTS_LIMIT;
        // As in a round: a record that names its partner is met before the partner.
        let mut queued = queued;
        queued.sort_by_key(|hint| self.capabilities(hint.side).unique_birth);
        for hint in queued {
            self.rehearse_hint(hint, &mut planned, &mut dry).await?;
        }
        let mut sides = Side::BOTH;
        sides.sort_by_key(|side| self.capabilities(*side).unique_birth);
        for side in sides {
            self.rehearse_side(side, &mut planned, &mut dry).await?;
        }
        self.report(|report| {
            dry.left = report.left;
            dry.right = report.right;
        });
        Ok(dry)
    }

    async fn rehearse_side(
        &self,
        side: Side,
        planned: &mut BTreeSet<(Side, crate::RecordId)>,
        dry: &mut DryRun,
    ) -> Result<(), EngineError> {
        let mut cursor = self.engine.store.cursor(side).await?;
        for _ in 0..self.engine.options.max_pages.max(1) {
            let page = match self.hints(side, cursor.as_ref()).await {
                Ok(page) => page,
                Err(ReadError::CursorExpired(_)) if cursor.is_some() => {
                    cursor = None;
                    continue;
                }
                Err(error) => {
                    dry.complete = false;
                    dry.errors.push(trouble(side, None, &error));
                    return Ok(());
                }
            };
            for hint in self.sift(side, page.hints, Source::Changed).await? {
                self.rehearse_hint(hint, planned, dry).await?;
            }
            self.forget_seen();
            if !page.more || cursor.as_ref() == Some(&page.cursor) {
                return Ok(());
            }
            cursor = Some(page.cursor);
        }
        dry.complete = false;
        Ok(())
    }

    async fn rehearse_hint(
        &self,
        hint: QueuedHint,
        planned: &mut BTreeSet<(Side, crate::RecordId)>,
        dry: &mut DryRun,
    ) -> Result<(), EngineError> {
        let side = hint.side;
        if planned.contains(&(side, hint.id.clone())) {
            return Ok(());
        }
        let nobody = std::sync::Mutex::default();
        let found = match self.resolve(&hint, &mut Claims::new(&nobody)).await? {
            Ok(found) => found,
            Err(error) => {
                dry.errors.push(trouble(side, Some(hint.id), &error));
                return Ok(());
            }
        };
        let mut sights = [Sight::Unknown, Sight::Unknown];
        let (known, pair) = match found {
            Found::Nothing(_) | Found::Doubtful | Found::Busy => return Ok(()),
            Found::Skip(version, kind, cause) => {
                dry.skipped.push(SkippedRecord {
                    side,
                    id: hint.id,
                    version,
                    kind,
                    cause,
                    at: self.now(),
                });
                return Ok(());
            }
            Found::Pair(id, met) => {
                let Some(mut pair) = self.engine.store.pair(id).await? else {
                    return Ok(());
                };
                if pair.intent.is_some() {
                    if !dry.open.contains(&id) {
                        dry.open.push(id);
                    }
                    return Ok(());
                }
                if let Some(record) = met.filter(|record| record.role.part().is_some()) {
                    pair.adopt_part(side, &record);
                }
                (Some(id), pair)
            }
            Found::Newcomer(record, partner) => {
                let pair = self.found(side, &record, partner.as_deref());
                sights[side as usize] = Sight::Present(record);
                sights[side.other() as usize] = Sight::of(partner);
                (None, pair)
            }
        };
        for side in Side::BOTH {
            if matches!(sights[side as usize], Sight::Unknown) {
                match self.sight_of(&pair, side).await {
                    Ok(sight) => sights[side as usize] = sight,
                    Err(error) => {
                        let id = pair.end(side).id.clone();
                        dry.errors.push(trouble(side, id, &error));
                        return Ok(());
                    }
                }
            }
            if let Some(id) = &pair.end(side).id
                && !planned.insert((side, id.clone()))
            {
                return Ok(());
            }
        }
        let plan = match plan_pair(self, &pair, &sights, &[]) {
            Ok(plan) => plan,
            Err(cause) => {
                dry.errors.push(RecordError {
                    side,
                    id: Some(hint.id),
                    kind: ErrorKind::Plan,
                    cause,
                });
                return Ok(());
            }
        };
        dry.pairs.push(PlannedPair {
            pair: known,
            plan,
            left: pair.left.id,
            right: pair.right.id,
        });
        Ok(())
    }

    pub(crate) async fn sight_of(&self, pair: &Pair, side: Side) -> Result<Sight, ReadError> {
        let Some(id) = &pair.end(side).id else {
            return Ok(Sight::Unborn);
        };
        if let Some(record) = self.take_seen(side, id) {
            return Ok(Sight::Present(Box::new(record)));
        }
        match self.fetch(side, id).await {
            Ok(Some(record)) => Ok(Sight::Present(Box::new(record))),
            Ok(None) => Ok(Sight::Gone),
            Err(ReadError::NotVisible(why)) => Ok(Sight::Hidden(why)),
            Err(error) => Err(error),
        }
    }
}

fn trouble(side: Side, id: Option<crate::RecordId>, error: &ReadError) -> RecordError {
    RecordError {
        side,
        id,
        kind: match error {
            ReadError::Malformed(_) => ErrorKind::Malformed,
            _ => ErrorKind::Read,
        },
        cause: error.to_string(),
    }
}
