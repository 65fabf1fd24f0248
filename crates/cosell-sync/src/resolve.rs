//! Whose hint is it? The four questions before a birth.

use chrono::{DateTime, Utc};

use crate::{
    AuditEntry, AuditKind, Change, EngineError, ErrorKind, Event, Life, Observed, Pair, PairId,
    PairKey, QueuedHint, ReadError, RecordError, RecordId, Role, Side, SkippedRecord, Source,
    Version,
    claims::{Claim, Claims},
    drain::Worked,
    engine::after,
    round::{Committed, Round},
    turn::{Sight, Turn},
};

/// What a hint is about.
pub(crate) enum Found {
    /// A pair; the record, if it is not one of its known ends.
    Pair(PairId, Option<Box<Observed>>),
    /// A record without a pair that may found one, with the record it names at the other end.
    Newcomer(Box<Observed>, Option<Box<Observed>>),
    /// A record that founds no pair, for a reason people should know.
    Skip(Option<Version>, ErrorKind, String),
    /// Nothing to do, and why.
    Nothing(&'static str),
    /// Nothing to do, if what was read is not late.
    Doubtful,
    /// Other work holds it.
    Busy,
}

/// The version that was looked at, the kind of cause, and the cause.
type Skip = (Option<Version>, ErrorKind, String);

impl Round<'_> {
    pub(crate) async fn work(&self, hint: QueuedHint) -> Result<Worked, EngineError> {
        let mut claims = Claims::new(&self.engine.busy);
        if let Some(on) = self.first_sync_waits()
            && self
                .engine
                .store
                .pair_of(hint.side, &hint.id)
                .await?
                .is_none()
        {
            let due = self.after_brake(&on);
            self.postpone(&hint, due, hint.attempts, Vec::new()).await?;
            return Ok(Worked::Done);
        }
        let found = match self.resolve(&hint, &mut claims).await? {
            Ok(found) => found,
            Err(error) => {
                self.unreadable(&hint, error).await?;
                return Ok(Worked::Done);
            }
        };
        match found {
            Found::Busy => return Ok(Worked::Busy(hint)),
            Found::Nothing(why) => self.done_with(&hint, Err(why)).await?,
            Found::Doubtful => {
                let due = hint.late_until.unwrap_or(hint.due);
                self.postpone(&hint, due, hint.attempts, Vec::new()).await?;
            }
            Found::Skip(version, kind, cause) => {
                self.done_with(&hint, Ok((version, kind, cause))).await?;
            }
            Found::Pair(id, record) => {
                if !claims.add(Claim::Pair(id)) {
                    if let Some(record) = record {
                        self.keep_seen(hint.side, *record);
                    }
                    return Ok(Worked::Busy(hint));
                }
                // Read again: it may have changed before the claim.
                let Some(pair) = self.engine.store.pair(id).await? else {
                    return Ok(Worked::Busy(hint));
                };
                let turn = Turn::of_pair(self, hint, pair, record.map(|record| *record));
                turn.run().await?;
            }
            Found::Newcomer(record, partner) => {
                let skipped = self.engine.store.skip_of(hint.side, &record.id).await?;
                if partner.is_none() && waits_for_backfill(&hint, &record, skipped.as_ref()) {
                    let why = "it was there before the first sync: take it in with a backfill";
                    let skip = (Some(record.version), ErrorKind::Unlinked, why.to_owned());
                    self.done_with(&hint, Ok(skip)).await?;
                    return Ok(Worked::Done);
                }
                let pair = self.found(hint.side, &record, partner.as_deref());
                claims.add(Claim::Pair(pair.id));
                let mut turn = Turn::of_newcomer(self, hint, pair, record, partner);
                if let Some(skipped) = skipped {
                    turn.ride_along(Change::Unskip {
                        side: skipped.side,
                        id: skipped.id,
                    });
                }
                turn.run().await?;
            }
        }
        Ok(Worked::Done)
    }

    /// Asks the four questions. The claims are taken before the answers they protect are read.
    pub(crate) async fn resolve(
        &self,
        hint: &QueuedHint,
        claims: &mut Claims<'_>,
    ) -> Result<Result<Found, ReadError>, EngineError> {
        let side = hint.side;
        let store = &self.engine.store;
        if !claims.add(Claim::Record(side, hint.id.clone())) {
            return Ok(Ok(Found::Busy));
        }
        if let Some(pair) = store.pair_of(side, &hint.id).await? {
            return Ok(Ok(Found::Pair(pair.id, None)));
        }
        if let Some(version) = &hint.version
            && let Some(skipped) = store.skip_of(side, &hint.id).await?
            && skipped.version.as_ref() == Some(version)
            && (skipped.kind != ErrorKind::Unlinked || hint.source.is_routine())
            && self.doubted_until(&skipped).is_none()
        {
            return Ok(Ok(Found::Nothing("skipped before, and unchanged since")));
        }
        let record = match self.take_seen(side, &hint.id) {
            Some(record) => record,
            None => match self.fetch(side, &hint.id).await {
                Ok(Some(record)) => record,
                Ok(None) if !hint.gone && self.is_early(hint) => return Ok(Ok(Found::Doubtful)),
                Ok(None) => return Ok(Ok(Found::Nothing("there is no such record"))),
                Err(error) => return Ok(Err(error)),
            },
        };
        let missed = hint.version.as_ref() != Some(&record.version);
        let mut claim = claims.add(Claim::Record(side, record.id.clone()));
        if let Some(key) = &record.key {
            claim &= claims.add(Claim::Record(side.other(), key.clone().into()));
        }
        if let Some(group) = &record.group {
            claim &= claims.add(Claim::Group(side, group.clone()));
        }
        if !claim {
            self.keep_seen(side, record);
            return Ok(Ok(Found::Busy));
        }
        let found = self.question(side, record).await?;
        Ok(found.map(|found| match found {
            Found::Nothing(_) | Found::Skip(..) if missed && self.is_early(hint) => Found::Doubtful,
            found => found,
        }))
    }

    /// The named record may only be missing from a late read: until when?
    fn doubted_until(&self, skipped: &SkippedRecord) -> Option<DateTime<Utc>> {
        let until = after(skipped.at, self.capabilities(skipped.side.other()).read_lag);
        (skipped.kind == ErrorKind::NamesNothing && self.now() < until).then_some(until)
    }

    /// May a read not show yet what the hint told of?
    pub(crate) fn is_early(&self, hint: &QueuedHint) -> bool {
        hint.late_until.is_some_and(|end| self.now() < end)
    }

    async fn question(
        &self,
        side: Side,
        record: Observed,
    ) -> Result<Result<Found, ReadError>, EngineError> {
        let store = &self.engine.store;
        if let Some(pair) = store.pair_of(side, &record.id).await? {
            return Ok(Ok(Found::Pair(pair.id, None)));
        }
        for former in &record.former {
            if let Some(pair) = store.pair_of(side, former).await? {
                return Ok(Ok(if pair.end(side).id.as_ref() == Some(former) {
                    Found::Pair(pair.id, Some(Box::new(record)))
                } else {
                    let cause = format!("{former}, which it came from, became another record");
                    Found::Skip(Some(record.version.clone()), ErrorKind::Claimed, cause)
                }));
            }
        }
        if let Some(group) = &record.group
            && let Some(pair) = store.pair_in_group(side, group).await?
        {
            return Ok(Ok(if record.role.part().is_some() {
                Found::Pair(pair.id, Some(Box::new(record)))
            } else {
                Found::Skip(
                    Some(record.version.clone()),
                    ErrorKind::Claimed,
                    format!("its group {group} belongs to another pair; a person decides"),
                )
            }));
        }
        if record.role != Role::Main {
            return Ok(Ok(Found::Nothing("a part of no pair known here")));
        }
        if let Some(key) = &record.key
            && let Some(pair) = store.pair_of(side.other(), &key.clone().into()).await?
        {
            return Ok(Ok(if pair.end(side).id.is_none() {
                Found::Pair(pair.id, Some(Box::new(record)))
            } else {
                claimed(&record, key)
            }));
        }
        if !record.takes_part {
            return Ok(Ok(Found::Nothing("it does not take part")));
        }
        match record.key.clone() {
            None if record.life == Life::Closed => Ok(Ok(Found::Nothing(CLOSED))),
            None => Ok(Ok(Found::Newcomer(Box::new(record), None))),
            // What names an open record is that one's other end, closed or not.
            Some(key) => self.partner(side, record, &key).await,
        }
    }

    /// The record that a newcomer names.
    async fn partner(
        &self,
        side: Side,
        record: Observed,
        key: &PairKey,
    ) -> Result<Result<Found, ReadError>, EngineError> {
        let named = RecordId::from(key.clone());
        let fetched = match self.take_seen(side.other(), &named) {
            Some(partner) => Ok(Some(partner)),
            None => self.fetch(side.other(), &named).await,
        };
        let partner = match fetched {
            Ok(Some(partner)) => partner,
            Ok(None) if record.life == Life::Closed => return Ok(Ok(Found::Nothing(CLOSED))),
            Ok(None) => {
                let cause = format!(
                    "names {key} at the other side, where no such record is; correct or clear it"
                );
                let version = Some(record.version.clone());
                return Ok(Ok(Found::Skip(version, ErrorKind::NamesNothing, cause)));
            }
            Err(error) => return Ok(Err(error)),
        };
        if [record.life, partner.life] == [Life::Closed; 2] {
            return Ok(Ok(Found::Nothing(CLOSED)));
        }
        // Under another id than the named one (it moved): perhaps a known pair's.
        if let Some(pair) = self.engine.store.pair_of(side.other(), &partner.id).await? {
            return Ok(Ok(if pair.end(side).id.is_none() {
                Found::Pair(pair.id, Some(Box::new(record)))
            } else {
                claimed(&record, key)
            }));
        }
        // A copied record carries the key of its original, which the other end names.
        if let Some(original) = partner.key.clone().map(RecordId::from)
            && original != record.id
        {
            match self.fetch(side, &original).await {
                Ok(Some(original)) if original.id != record.id => {
                    return Ok(Ok(claimed(&record, key)));
                }
                Ok(_) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Found::Newcomer(
            Box::new(record),
            Some(Box::new(partner)),
        )))
    }

    /// A new pair, not stored yet.
    pub(crate) fn found(&self, side: Side, record: &Observed, partner: Option<&Observed>) -> Pair {
        let mut pair = Pair::new(PairId(self.engine.options.ids.next()));
        pair.end_mut(side).id = Some(record.id.clone());
        pair.end_mut(side.other()).id = partner.map(|partner| partner.id.clone());
        pair
    }

    /// Takes the hint out of the queue, with the reason why its record founds no pair: one that
    /// people should know, or one that is as it should be.
    async fn done_with(
        &self,
        hint: &QueuedHint,
        why: Result<Skip, &'static str>,
    ) -> Result<(), EngineError> {
        let (side, id) = (hint.side, hint.id.clone());
        let stored = self.engine.store.skip_of(side, &id).await?;
        let done = Change::Dequeue {
            side,
            id: id.clone(),
            turn: hint.turn,
        };
        let mut batch = Vec::new();
        match (why, stored) {
            (Ok((version, kind, cause)), stored) => {
                let line = self.line(hint, AuditKind::Skipped, cause.clone());
                batch.push(self.engine.audit_line(line.because(kind)));
                let known = stored.filter(|old| old.version == version && old.cause == cause);
                let is_new = known.is_none();
                let skipped = known.unwrap_or_else(|| SkippedRecord {
                    side,
                    id,
                    version,
                    kind,
                    cause,
                    at: self.now(),
                });
                batch.push(match self.doubted_until(&skipped) {
                    Some(due) => Change::Postpone {
                        hint: QueuedHint {
                            due: self.later(due),
                            ..hint.clone()
                        },
                    },
                    None => done,
                });
                if is_new {
                    self.report(|report| report.skipped += 1);
                    batch.push(Change::Skip(skipped));
                }
            }
            (Err(why), stored) => {
                batch.push(done);
                let line = self.line(hint, AuditKind::Nothing, why.to_owned());
                batch.push(self.engine.audit_line(line));
                // Still the version that was skipped: the reason stands.
                if let Some(stored) = stored
                    && (hint.version.is_none() || stored.version != hint.version)
                {
                    batch.push(Change::Unskip { side, id });
                }
            }
        }
        let _ = self.commit(batch).await?;
        Ok(())
    }

    /// A line about a hinted record, in the hint's trace.
    fn line(&self, hint: &QueuedHint, kind: AuditKind, message: String) -> AuditEntry {
        AuditEntry::new(hint.trace, self.now(), kind, message).of_record(hint.side, &hint.id)
    }

    /// A record without a pair that cannot be read.
    pub(crate) async fn unreadable(
        &self,
        hint: &QueuedHint,
        error: ReadError,
    ) -> Result<(), EngineError> {
        let text = error.to_string();
        let kind = match error {
            ReadError::Throttled { after: wait } => {
                let due = after(self.now(), wait);
                return self.postpone(hint, due, hint.attempts, Vec::new()).await;
            }
            ReadError::NotVisible(_) => {
                let skip = (hint.version.clone(), ErrorKind::NotVisible, text);
                return self.done_with(hint, Ok(skip)).await;
            }
            ReadError::Malformed(_) => ErrorKind::Malformed,
            ReadError::CursorExpired(_) | ReadError::Failed(_) => ErrorKind::Read,
        };
        self.record_error(hint.side, Some(hint.id.clone()), kind, text.clone());
        let given_up = hint.attempts + 1 >= self.engine.options.retry_attempts;
        if kind == ErrorKind::Malformed || given_up {
            let skip = (hint.version.clone(), kind, text);
            return self.done_with(hint, Ok(skip)).await;
        }
        let line = self.line(hint, AuditKind::Failed, text).because(kind);
        let line = self.engine.audit_line(line);
        self.postpone(
            hint,
            self.backoff(hint.attempts),
            hint.attempts + 1,
            vec![line],
        )
        .await
    }

    /// Work on a record panicked outside of its replica's calls (in a policy, or in settling).
    pub(crate) async fn after_panic(
        &self,
        hint: QueuedHint,
        text: String,
    ) -> Result<(), EngineError> {
        let pair = self.engine.store.pair_of(hint.side, &hint.id).await?;
        match pair {
            Some(pair) => Turn::of_pair(self, hint, pair, None).panicked(text).await,
            None => {
                self.record_error(
                    hint.side,
                    Some(hint.id.clone()),
                    ErrorKind::Panic,
                    text.clone(),
                );
                let skip = (hint.version.clone(), ErrorKind::Panic, text);
                self.done_with(&hint, Ok(skip)).await
            }
        }
    }

    pub(crate) async fn postpone(
        &self,
        hint: &QueuedHint,
        due: DateTime<Utc>,
        attempts: u32,
        mut with: Vec<Change>,
    ) -> Result<(), EngineError> {
        self.report(|report| report.postponed += 1);
        let hint = QueuedHint {
            due: self.later(due),
            attempts,
            ..hint.clone()
        };
        with.push(Change::Postpone { hint });
        match self.commit(with).await? {
            Committed::Stored | Committed::Taken(..) => Ok(()),
        }
    }

    pub(crate) fn record_error(
        &self,
        side: Side,
        id: Option<RecordId>,
        kind: ErrorKind,
        cause: String,
    ) {
        self.engine.observe(&Event::Trouble {
            side,
            id: id.as_ref(),
            kind,
        });
        self.report(|report| {
            report.error(RecordError {
                side,
                id,
                kind,
                cause,
            });
        });
    }
}

const CLOSED: &str = "closed records found no pair";

/// A list that shows a record once more, unchanged, is no reason to take it in.
fn waits_for_backfill(
    hint: &QueuedHint,
    record: &Observed,
    skipped: Option<&SkippedRecord>,
) -> bool {
    let unchanged = skipped.is_some_and(|skipped| {
        skipped.kind == ErrorKind::Unlinked && skipped.version.as_ref() == Some(&record.version)
    });
    hint.source == Source::Relink || (unchanged && hint.source.is_routine())
}

fn claimed(record: &Observed, key: &PairKey) -> Found {
    let cause =
        format!("claims {key}, which belongs to another record; clear it here, or close the copy");
    Found::Skip(Some(record.version.clone()), ErrorKind::Claimed, cause)
}

impl Sight {
    pub(crate) fn of(partner: Option<Box<Observed>>) -> Self {
        partner.map_or(Self::Unborn, Self::Present)
    }
}
