//! Reading what changed: pages of hints into the durable queue, cursor and hints together.

use crate::{
    Change, Cursor, EngineError, ErrorKind, Event, FirstSync, Hint, QueuedHint, ReadError, Side,
    Source,
    contract::PageWatch,
    engine::after,
    round::{Committed, Round},
};

/// Pairs queued at once when a side has to be looked at whole.
const PAIR_PAGE: usize = 200;

/// Under this name stands that the first pass over a side has begun, or was read to its end.
fn first_pass(side: Side) -> &'static str {
    match side {
        Side::Left => "first pass left",
        Side::Right => "first pass right",
    }
}

const BEGUN: &str = "begun";

/// The reading of one side in one round.
struct Pass {
    side: Side,
    cursor: Option<Cursor>,
    from_start: bool,
    /// What its hints are: links only, in the first pass of a store that asks for it.
    source: Source,
    pages_left: usize,
    more: bool,
    watch: PageWatch,
}

impl Round<'_> {
    /// Reads both sides, page by page in turn, and works the queue after every turn, so that
    /// records from the pages are worked before they are forgotten.
    pub(crate) async fn read_sides(&self) -> Result<(), EngineError> {
        let mut passes = Vec::new();
        for side in Side::BOTH {
            let cursor = self.engine.store.cursor(side).await?;
            // A first pass may take several rounds.
            let links_only = self.engine.options.first_sync == FirstSync::LinksOnly
                && match self.engine.store.place(first_pass(side)).await?.as_deref() {
                    None => cursor.is_none(),
                    Some(place) => place == BEGUN,
                };
            passes.push(Pass {
                side,
                from_start: cursor.is_none(),
                source: if links_only {
                    Source::Relink
                } else {
                    Source::Changed
                },
                cursor,
                pages_left: self.engine.options.max_pages.max(1),
                more: true,
                watch: PageWatch::default(),
            });
        }
        // A record there may name one here that does not know it yet (a store begun anew). It is
        // bound before the other side gives birth to a second one that nothing would refuse.
        let first = self.is_first_sync();
        for pass in &mut passes {
            let careful = !self.capabilities(pass.side).unique_birth;
            while pass.from_start && careful && pass.more && !first && !self.is_stopping() {
                self.read_page(pass).await?;
                self.drain().await?;
                self.forget_seen();
            }
        }
        while passes.iter().any(|pass| pass.more) && !self.is_stopping() {
            for pass in &mut passes {
                if pass.more {
                    self.read_page(pass).await?;
                }
            }
            // A first sync is counted before anything is done about it.
            if !first {
                self.drain().await?;
                self.forget_seen();
            }
        }
        Ok(())
    }

    async fn read_page(&self, pass: &mut Pass) -> Result<(), EngineError> {
        let side = pass.side;
        if pass.pages_left == 0 {
            pass.more = false;
            return Ok(());
        }
        pass.pages_left -= 1;
        // Until a page says otherwise: what the rest of the side holds is not known.
        self.engine.memory(side, |memory| memory.caught_up = false);
        let page = match self.hints(side, pass.cursor.as_ref()).await {
            Ok(page) => page,
            Err(ReadError::CursorExpired(why)) if !pass.from_start => {
                self.engine.observe(&Event::Restart { side, why: &why });
                self.queue_all_pairs(side).await?;
                let forget = Change::Cursor { side, cursor: None };
                let Committed::Stored = self.commit(vec![forget]).await? else {
                    return Ok(());
                };
                pass.cursor = None;
                pass.from_start = true;
                return Ok(());
            }
            Err(error) => {
                pass.more = false;
                let kind = match error {
                    ReadError::Malformed(_) => ErrorKind::Malformed,
                    _ => ErrorKind::Read,
                };
                self.record_error(side, None, kind, error.to_string());
                return Ok(());
            }
        };
        let breach = pass.watch.breach(pass.cursor.as_ref(), &page);
        pass.more = page.more && breach.is_none();
        self.watch_page(side, &page);
        if let Some(cause) = breach {
            self.page_breach(side, None, cause);
        }
        let kept = self.sift(side, page.hints, pass.source).await?;
        let mut batch: Vec<_> = kept
            .into_iter()
            .flat_map(|hint| self.engine.enqueue(hint))
            .collect();
        if pass.cursor.as_ref() != Some(&page.cursor) {
            batch.push(Change::Cursor {
                side,
                cursor: Some(page.cursor.clone()),
            });
            batch.extend(self.engine.prune());
        }
        if pass.source == Source::Relink {
            let place = if page.more { BEGUN } else { "done" };
            batch.push(Change::Place {
                job: first_pass(side).to_owned(),
                place: Some(place.to_owned()),
            });
        }
        pass.cursor = Some(page.cursor);
        if let Committed::Stored = self.commit(batch).await? {
            let caught_up = !page.more;
            self.engine
                .memory(side, |memory| memory.caught_up = caught_up);
        }
        Ok(())
    }

    /// Keeps the hints that may mean work.
    pub(crate) async fn sift(
        &self,
        side: Side,
        hints: Vec<Hint>,
        source: Source,
    ) -> Result<Vec<QueuedHint>, EngineError> {
        let store = &self.engine.store;
        let ids: Vec<_> = hints.iter().map(|hint| hint.id.clone()).collect();
        let known = if ids.is_empty() {
            Default::default()
        } else {
            store.known(side, &ids).await?
        };
        let late_until = after(self.now(), self.capabilities(side).read_lag);
        let mut kept = Vec::new();
        for hint in hints {
            if known.contains(&hint.id) {
                if self.is_echo(side, &hint).await? {
                    self.report(|report| report.echoes += 1);
                    continue;
                }
            } else if self.is_part_of_known(side, &hint).await? {
                // Belongs to a pair that does not know it yet.
            } else if hint.gone || hint.takes_part == Some(false) {
                if let Some(record) = hint.seen
                    && record.role.part().is_some()
                    && let Some(group) = record.group.clone()
                {
                    self.keep_seen_part(side, group, record);
                }
                self.report(|report| report.dropped += 1);
                continue;
            }
            // What has no version is told of again within the overlap.
            let doubts = hint.gone || hint.version.is_some();
            kept.push(QueuedHint {
                version: hint.version,
                gone: hint.gone,
                late_until: doubts.then_some(late_until),
                ..self.engine.new_hint(side, hint.id, source)
            });
            if let Some(record) = hint.seen {
                self.keep_seen(side, record);
            }
        }
        Ok(kept)
    }

    async fn is_part_of_known(&self, side: Side, hint: &Hint) -> Result<bool, EngineError> {
        let Some(record) = &hint.seen else {
            return Ok(false);
        };
        let (Some(_), Some(group)) = (record.role.part(), &record.group) else {
            return Ok(false);
        };
        Ok(self
            .engine
            .store
            .pair_in_group(side, group)
            .await?
            .is_some())
    }

    async fn is_echo(&self, side: Side, hint: &Hint) -> Result<bool, EngineError> {
        let version = hint
            .version
            .as_ref()
            .or_else(|| hint.seen.as_ref().map(|seen| &seen.version));
        let (false, Some(version)) = (hint.gone, version) else {
            return Ok(false);
        };
        let Some(pair) = self.engine.store.pair_of(side, &hint.id).await? else {
            return Ok(false);
        };
        if let Some(part) = pair.part_of(side, &hint.id) {
            let followed = part.id.as_ref() == Some(&hint.id);
            return Ok(!followed || pair.is_settled() && part.version.as_ref() == Some(version));
        }
        let end = pair.end(side);
        let lag = self.capabilities(side).read_lag;
        Ok(end.id.as_ref() == Some(&hint.id)
            && pair.intent.is_none()
            && end.is_echo(version, lag, self.now()))
    }

    /// Rows missing from a pass that starts over may be gone: every pair is looked at. Queued
    /// before the cursor is forgotten, so that a crash in between only does it twice.
    async fn queue_all_pairs(&self, side: Side) -> Result<(), EngineError> {
        let mut last = None;
        loop {
            let pairs = self.engine.store.pairs(last, PAIR_PAGE).await?;
            let Some(end) = pairs.last() else {
                return Ok(());
            };
            last = Some(end.id);
            let batch = pairs
                .into_iter()
                .filter_map(|mut pair| pair.end_mut(side).id.take())
                .map(|id| self.engine.new_hint(side, id, Source::Sweep))
                .flat_map(|hint| self.engine.enqueue(hint))
                .collect();
            let _ = self.commit(batch).await?;
        }
    }
}
