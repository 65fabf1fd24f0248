//! Taking in records that exist already: asked for by name, counted first, resumable, at a rate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    AuditKind, Brake, Change, Cursor, Engine, EngineError, Event, Hint, HintPage, Life, ReadError,
    Role, Side, Source, StoreError, round::Round,
};

/// What a first read of a new store does with records that exist already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FirstSync {
    /// All of them are taken in.
    #[default]
    AtOnce,
    /// Records that name each other are linked; a record without a counterpart gets none until a
    /// backfill is asked for ([`Engine::backfill`]) or somebody changes it.
    LinksOnly,
}

/// What a backfill would look at; nothing was written to find out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Survey {
    /// The name it was asked for by.
    pub name: String,
    /// The left side's records.
    pub left: SideSurvey,
    /// The right side's records.
    pub right: SideSurvey,
    /// A backfill of this name broke off after so many records, and would go on from there.
    pub resumes_after: Option<u64>,
    /// Was all of both sides counted? (Else: more pages than one call reads.)
    pub complete: bool,
}

/// Records of one side, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SideSurvey {
    /// All that the side lists.
    pub records: u64,
    /// Those that belong to a pair.
    pub paired: u64,
    /// Of the others: those that name a record at the other side, and would be linked to it.
    pub named: u64,
    /// Of the others: those that would be made at the other side.
    pub unpaired: u64,
    /// Of the others: closed ones, parts, and such as take no part; nothing is done about them.
    pub left_alone: u64,
    /// Of the others: those of which the list does not tell enough; looking will show.
    pub unclear: u64,
}

/// How a backfill goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackfillOptions {
    /// Most records queued in a minute; 600 by default, 0 counts as 1.
    pub per_minute: u32,
    /// Only find links again; make no record.
    pub links_only: bool,
}

impl Default for BackfillOptions {
    fn default() -> Self {
        Self {
            per_minute: 600,
            links_only: false,
        }
    }
}

impl BackfillOptions {
    /// Sets [`per_minute`](Self::per_minute).
    #[must_use]
    pub fn with_per_minute(mut self, per_minute: u32) -> Self {
        self.per_minute = per_minute;
        self
    }

    /// Sets [`links_only`](Self::links_only).
    #[must_use]
    pub fn with_links_only(mut self, links_only: bool) -> Self {
        self.links_only = links_only;
        self
    }
}

/// What a backfill queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Backfilled {
    /// Records listed.
    pub records: u64,
    /// Records queued, to be worked by rounds.
    pub queued: u64,
    /// Is the end reached? Else it goes on when it is called again.
    pub finished: bool,
}

/// How far a backfill is, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    side: Side,
    cursor: Option<Cursor>,
    records: u64,
    queued: u64,
}

impl Engine {
    /// Counts what a backfill of this name would look at, by reading the lists of both sides.
    ///
    /// Writes nothing. Cancel safety: may be dropped.
    pub async fn survey(&self, name: &str) -> Result<Survey, EngineError> {
        let round = Round::dry(self);
        let mut survey = Survey {
            name: name.to_owned(),
            resumes_after: self.stored_place(name).await?.map(|place| place.records),
            complete: true,
            ..Survey::default()
        };
        for side in Side::BOTH {
            let mut cursor = None;
            let mut pages = self.options.max_pages.max(1);
            loop {
                if pages == 0 {
                    survey.complete = false;
                    break;
                }
                pages -= 1;
                let page = page(&round, side, cursor.as_ref()).await?;
                let counts = match side {
                    Side::Left => &mut survey.left,
                    Side::Right => &mut survey.right,
                };
                self.count(side, &page.hints, counts).await?;
                if !page.more || cursor.as_ref() == Some(&page.cursor) {
                    break;
                }
                cursor = Some(page.cursor);
            }
        }
        Ok(survey)
    }

    async fn count(
        &self,
        side: Side,
        hints: &[Hint],
        counts: &mut SideSurvey,
    ) -> Result<(), EngineError> {
        let ids: Vec<_> = hints.iter().map(|hint| hint.id.clone()).collect();
        let known = self.store.known(side, &ids).await?;
        for hint in hints.iter().filter(|hint| !hint.gone) {
            counts.records += 1;
            let count = if known.contains(&hint.id) {
                &mut counts.paired
            } else {
                match &hint.seen {
                    Some(seen) if !seen.takes_part || seen.role != Role::Main => {
                        &mut counts.left_alone
                    }
                    Some(seen) if seen.life != Life::Open => &mut counts.left_alone,
                    Some(seen) if seen.key.is_some() => &mut counts.named,
                    Some(_) => &mut counts.unpaired,
                    None if hint.takes_part == Some(false) => &mut counts.left_alone,
                    None => &mut counts.unclear,
                }
            };
            *count += 1;
        }
        Ok(())
    }

    /// Queues the records that exist on both sides, page by page, so that rounds take them in:
    /// linked where they name each other, made at the other side where they do not, left alone
    /// where they are closed or take no part.
    ///
    /// A first sync that its [brake](crate::BrakeOptions::first_sync) holds is asked for by this,
    /// unless only links are wanted, and what is queued here counts towards no limit on births
    /// and changes; writes that cannot be taken back keep theirs.
    ///
    /// The survey is what the person saw who asks, `by` their name. How far it is, is stored with
    /// every page: after a crash or when it was dropped, a call with a survey of the same name
    /// goes on from there. Rounds go on meanwhile; waits between pages keep to the rate, and the
    /// queue works it in a lane of its own, so that new changes do not wait for it.
    pub async fn backfill(
        &self,
        survey: &Survey,
        options: BackfillOptions,
        by: &str,
    ) -> Result<Backfilled, EngineError> {
        let name = &survey.name;
        let round = Round::dry(self);
        let source = if options.links_only {
            Source::Relink
        } else {
            Source::Backfill
        };
        // A record that names its partner is met before the partner.
        let mut sides = Side::BOTH;
        sides.sort_by_key(|side| round.capabilities(*side).unique_birth);
        let mut place = match self.stored_place(name).await? {
            Some(place) => place,
            None => {
                if !options.links_only {
                    // A first sync that waits to be asked for by name: this asks.
                    self.release(Brake::FirstSync).await?;
                }
                let words = format!(
                    "backfill {name:?} of {} and {} records",
                    survey.left.records, survey.right.records
                );
                let line = self.line(AuditKind::Decided, &words).by(by);
                self.commit_now(vec![self.audit_line(line)]).await?;
                Place {
                    side: sides[0],
                    cursor: None,
                    records: 0,
                    queued: 0,
                }
            }
        };
        let mut pages = self.options.max_pages.max(1);
        loop {
            let mut done = Backfilled {
                records: place.records,
                queued: place.queued,
                finished: false,
            };
            if pages == 0 {
                return Ok(done);
            }
            pages -= 1;
            let side = place.side;
            let page = page(&round, side, place.cursor.as_ref()).await?;
            let last = !page.more || place.cursor.as_ref() == Some(&page.cursor);
            place.records += page.hints.len() as u64;
            let kept = round.sift(side, page.hints, source).await?;
            round.forget_seen();
            let queued = kept.len() as u64;
            place.queued += queued;
            (done.records, done.queued) = (place.records, place.queued);
            place.cursor = Some(page.cursor);
            if last {
                place.cursor = None;
                done.finished = side == sides[1];
                place.side = sides[1];
            }
            let mut batch: Vec<_> = kept
                .into_iter()
                .flat_map(|hint| self.enqueue(hint))
                .collect();
            batch.push(Change::Place {
                job: job(name),
                place: if done.finished {
                    None
                } else {
                    Some(serde_json::to_string(&place).map_err(|error| unwritable(&error))?)
                },
            });
            self.commit_now(batch).await?;
            self.wake();
            self.observe(&Event::Progress {
                job: name,
                done: done.records,
                of: survey
                    .complete
                    .then_some(survey.left.records + survey.right.records),
            });
            if done.finished {
                return Ok(done);
            }
            let rate = f64::from(options.per_minute.max(1));
            #[allow(clippy::cast_precision_loss)] // a page is no longer than some thousands
            let minutes = queued as f64 / rate;
            if queued > 0 {
                self.clock
                    .sleep(Duration::from_secs_f64(minutes * 60.0))
                    .await;
            }
        }
    }

    async fn stored_place(&self, name: &str) -> Result<Option<Place>, EngineError> {
        let stored = self.store.place(&job(name)).await?;
        let place = stored.map(|text| serde_json::from_str(&text)).transpose();
        place.map_err(|error| {
            let text = format!("how far backfill {name:?} is cannot be read ({error})");
            StoreError::Damaged(text).into()
        })
    }
}

fn job(name: &str) -> String {
    format!("backfill {name}")
}

fn unwritable(error: &serde_json::Error) -> EngineError {
    StoreError::Failed(format!("a place has no stored form: {error}")).into()
}

async fn page(
    round: &Round<'_>,
    side: Side,
    cursor: Option<&Cursor>,
) -> Result<HintPage, EngineError> {
    round
        .hints(side, cursor)
        .await
        .map_err(|error: ReadError| EngineError::Side { side, error })
}
