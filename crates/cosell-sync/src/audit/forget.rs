//! Removing what was kept of one record's content.

use serde::{Deserialize, Serialize};

use crate::{AuditKind, Change, Engine, EngineError, Pair, PairState, RecordId, Side};

/// What [`Engine::forget`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forgotten {
    /// Was anything known of the record?
    pub known: bool,
    /// Fields whose images were removed with all else.
    pub images: usize,
    /// Held fields that were removed.
    pub holds: usize,
    /// Why the images had to stay, if they did: the pair still syncs, and would sync the content
    /// back.
    pub kept: Option<String>,
}

impl Engine {
    /// Removes the content of a record and of its pair everywhere in the store: audit lines keep
    /// ids, times and kinds only; logged conflicts, skips and outcomes go. Base images, held
    /// values and a write under way go too once the pair no longer syncs (switch it off, or
    /// delete the record, and look at it in a round); until then
    /// [`kept`](Forgotten::kept) says so. Ids stay, so that nothing is created again.
    ///
    /// `by` is the person who asked, for the audit trail. Cancel safety: may be dropped; done
    /// whole or not at all.
    pub async fn forget(
        &self,
        side: Side,
        id: &RecordId,
        by: &str,
    ) -> Result<Forgotten, EngineError> {
        let mut done = Forgotten::default();
        let mut batch = Vec::new();
        let mut records = vec![(side, id.clone())];
        let mut line = self
            .line(AuditKind::Forgotten, "content removed")
            .of_record(side, id)
            .by(by);
        let found = self.store.pair_of(side, id).await?.map(|pair| pair.id);
        let _claim = match found {
            Some(pair) => Some(self.claim(pair).await),
            None => None,
        };
        if let Some(found) = found
            && let Some(mut pair) = self.store.pair(found).await?
        {
            done.known = true;
            records.extend(ids(&pair));
            let parts = pair.parts.values();
            records.extend(parts.filter_map(|part| Some((part.side, part.id.clone()?))));
            line = line.of_pair(&pair).on(side);
            empty(&mut pair, &mut done);
            batch.push(Change::Pair(Box::new(pair)));
        } else {
            done.known = self.store.skip_of(side, id).await?.is_some();
        }
        batch.push(Change::Forget {
            pair: found,
            records,
        });
        batch.push(self.audit_line(line));
        self.commit_now(batch).await?;
        Ok(done)
    }
}

fn ids(pair: &Pair) -> impl Iterator<Item = (Side, RecordId)> + '_ {
    Side::BOTH.into_iter().flat_map(|side| {
        let end = pair.end(side);
        let ids = end.id.iter().chain(&end.former).chain(&end.aliases);
        ids.map(move |id| (side, id.clone()))
    })
}

fn empty(pair: &mut Pair, done: &mut Forgotten) {
    for outcome in [&mut pair.outcome, &mut pair.shown].into_iter().flatten() {
        if !outcome.success {
            "(forgotten)".clone_into(&mut outcome.message);
        }
    }
    if let Some(park) = &mut pair.park {
        "(forgotten)".clone_into(&mut park.cause);
    }
    let syncs = match &pair.state {
        PairState::Active => Some("the pair still syncs: switch it off first"),
        PairState::Stopped { .. } | PairState::Waiting { .. } => pair.intent.is_some().then_some(
            "a write is not concluded: forget again when a round, or a person, has done so",
        ),
    };
    if let Some(why) = syncs {
        done.kept = Some(why.to_owned());
        return;
    }
    done.images = pair.base.len();
    done.holds = pair.holds.len();
    pair.base.clear();
    pair.holds.clear();
    pair.answers.clear();
    for part in pair.parts.values_mut() {
        done.images += part.fields.len();
        part.fields.clear();
        part.refusal = None;
    }
}
