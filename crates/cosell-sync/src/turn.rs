//! One pair in work: look, plan, at most one write, look again, until there is nothing to do.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Utc};

use crate::{
    BrakeOn, Change, ConflictEntry, EngineError, ErrorKind, Event, FieldId, FieldPlan, HoldCause,
    Newest, Observed, Outcome, Pair, PairState, Plan, QueuedHint, ReadError, RefusedField, Seen,
    Settle, Settled, Side, Value, View, Work,
    engine::after,
    observe::within,
    plan::plan,
    round::{Committed, Round},
};

/// How an end was seen in this turn.
pub(crate) enum Sight {
    /// Not looked at yet.
    Unknown,
    Present(Box<Observed>),
    Unborn,
    Gone,
    Hidden(String),
}

impl Sight {
    pub(crate) fn record(&self) -> Option<&Observed> {
        match self {
            Self::Present(record) => Some(record),
            Self::Unknown | Self::Unborn | Self::Gone | Self::Hidden(_) => None,
        }
    }

    fn is_vanished(&self) -> bool {
        matches!(self, Self::Gone | Self::Hidden(_))
    }

    fn view(&self) -> View<'_> {
        match self {
            Self::Present(record) => View::Present(record),
            Self::Unborn => View::Unborn,
            Self::Gone => View::Gone,
            Self::Hidden(why) => View::Hidden(why),
            Self::Unknown => View::Hidden("not looked at"),
        }
    }
}

/// Why a turn ends before there is nothing to do.
pub(crate) enum Halt {
    /// The round cannot go on.
    Engine(EngineError),
    /// A record of the pair belongs to another pair.
    Taken(String),
    /// Worked again at this moment.
    Later(DateTime<Utc>),
    /// Failed in a way that time may cure.
    Failed(Side, ErrorKind, String),
    /// The answer to a write is missing: its intent stays open, whatever it takes.
    Open(Side, String),
    /// Waits for a change.
    Park(Side, ErrorKind, String),
    /// It waits already, and for the same.
    StillParked,
    /// A brake is on.
    Braked(Box<BrakeOn>),
}

impl From<EngineError> for Halt {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

struct Ends<'a>(&'a dyn crate::Replica);

impl Settle for Ends<'_> {
    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        self.0.settle(field, wanted, now)
    }
}

/// Plans a pair as it was seen. An error is a plan that contradicts itself.
pub(crate) fn plan_pair(
    round: &Round<'_>,
    pair: &Pair,
    sights: &[Sight; 2],
    refused: &[(Side, RefusedField)],
) -> Result<Plan, String> {
    let ends = Side::BOTH.map(|side| Ends(round.engine.replica(side)));
    let records = Side::BOTH
        .into_iter()
        .filter_map(|side| Some((side, sights[side as usize].record()?)));
    let mut moved = Cow::Borrowed(pair);
    for (side, record) in records {
        if pair.has_moved(side, record) {
            moved.to_mut().becomes(side, record);
        }
    }
    let seen = Seen {
        pair: &moved,
        left: sights[0].view(),
        right: sights[1].view(),
        refused,
        now: round.now(),
    };
    let plan = plan(
        &seen,
        [&ends[0], &ends[1]],
        Side::BOTH.map(|side| round.capabilities(side)),
        &*round.engine.policy,
    );
    plan.verify(&seen)
        .map_err(|why| format!("the plan contradicts itself and was not carried out: {why}"))?;
    Ok(plan)
}

pub(crate) struct Turn<'r> {
    pub(crate) round: &'r Round<'r>,
    pub(crate) hint: QueuedHint,
    pub(crate) pair: Pair,
    /// As it was committed last.
    pub(crate) stored: Option<Pair>,
    pub(crate) sights: [Sight; 2],
    /// A record that names this pair's other end, met on the way here.
    pub(crate) met: Option<Observed>,
    pub(crate) refused: Vec<(Side, RefusedField)>,
    /// Was the end read from its service in this turn, and nothing written since?
    pub(crate) fetched: [bool; 2],
    /// Sides that were asked in this turn to take the key alone.
    pub(crate) keyed: [bool; 2],
    /// Goes with the next commit.
    pub(crate) riding: Vec<Change>,
    logged: Vec<ConflictEntry>,
    held_before: usize,
    /// Attempts of the park that this turn ended.
    pub(crate) tried: u32,
    /// Lines that this turn added to the audit trail.
    pub(crate) noted: usize,
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("pair", &self.pair.id)
            .finish_non_exhaustive()
    }
}

impl<'r> Turn<'r> {
    pub(crate) fn of_pair(
        round: &'r Round<'r>,
        hint: QueuedHint,
        pair: Pair,
        met: Option<Observed>,
    ) -> Self {
        Self {
            round,
            hint,
            stored: Some(pair.clone()),
            held_before: pair.holds.len(),
            pair,
            sights: [Sight::Unknown, Sight::Unknown],
            met,
            refused: Vec::new(),
            fetched: [false; 2],
            keyed: [false; 2],
            riding: Vec::new(),
            logged: Vec::new(),
            tried: 0,
            noted: 0,
        }
    }

    pub(crate) fn of_newcomer(
        round: &'r Round<'r>,
        hint: QueuedHint,
        pair: Pair,
        record: Box<Observed>,
        partner: Option<Box<Observed>>,
    ) -> Self {
        let side = hint.side;
        let mut turn = Self::of_pair(round, hint, pair, None);
        if partner.is_some() {
            turn.bound(side.other(), "the other end names it");
        }
        turn.stored = None;
        *turn.sight(side) = Sight::Present(record);
        *turn.sight(side.other()) = Sight::of(partner);
        turn
    }

    pub(crate) fn sight(&mut self, side: Side) -> &mut Sight {
        &mut self.sights[side as usize]
    }

    pub(crate) fn seen(&self, side: Side) -> Option<&Observed> {
        self.sights[side as usize].record()
    }

    /// Works the pair and stores how that ended.
    pub(crate) async fn run(mut self) -> Result<(), EngineError> {
        let round = self.round;
        let engine = round.engine;
        let span = engine.span(&Work::Pair {
            pair: self.pair.id,
            trace: self.hint.trace,
            left: self.pair.left.id.as_ref(),
            right: self.pair.right.id.as_ref(),
        });
        let begun = round.now();
        let (pair, lane) = (self.pair.id, self.hint.source.lane());
        let waited = engine.since(self.hint.due);
        let work = async {
            let mut end = self.go().await;
            // Storing the end of a turn may itself find a record taken.
            for _ in 0..2 {
                end = match end {
                    Ok(()) => return Ok(()),
                    Err(halt) => self.halt(halt).await,
                };
            }
            match end {
                Err(Halt::Engine(error)) => Err(error),
                Ok(()) | Err(_) => Ok(()),
            }
        };
        let result = within(span, work).await;
        let took = engine.since(begun);
        engine.observe(&Event::Pair {
            pair,
            lane,
            waited,
            took,
        });
        result
    }

    async fn go(&mut self) -> Result<(), Halt> {
        if self.pair.intent.is_some() {
            self.conclude().await?;
            self.pair.unsettle();
        }
        self.meet().await?;
        let part_news = self.part_news().await?;
        if self.pair.park.is_some() {
            if !self.park_is_over().await? {
                return self.stay_parked().await;
            }
            self.tried = self.pair.park.take().map_or(0, |park| park.attempts);
        } else if !part_news && self.says_nothing_new().await? {
            let put_off = self.sweep_again();
            if put_off.is_none() {
                self.note_nothing("only tells of what is known");
            }
            let change = put_off.unwrap_or_else(|| self.done());
            return self.save(vec![change]).await;
        }
        self.pair.unsettle();
        for _ in 0..self.round.engine.options.max_steps.max(1) {
            for side in Side::BOTH {
                self.look(side).await?;
            }
            self.take_over_parts();
            let plan = plan_pair(self.round, &self.pair, &self.sights, &self.refused)
                .map_err(|why| Halt::Park(self.hint.side, ErrorKind::Plan, why))?;
            self.adopt(&plan);
            match self.next_write(&plan) {
                Some(write) => self.send(write).await?,
                None => return self.finish().await,
            }
        }
        Err(Halt::Later(self.round.backoff(0)))
    }

    /// A record that names the other end, which has none here yet, is that end.
    async fn meet(&mut self) -> Result<(), Halt> {
        let side = self.hint.side;
        if let Some(record) = self.met.take() {
            if record.role.part().is_some() {
                self.pair.adopt_part(side, &record);
                self.pair.unsettle();
            } else if self.moves_here(side, &record) {
                self.pair.becomes(side, &record);
                *self.sight(side) = Sight::Present(Box::new(record));
                self.pair.unsettle();
            } else if self.pair.end(side).id.is_none() {
                self.pair.end_mut(side).id = Some(record.id.clone());
                self.bound(side, "it names the pair's other end");
                *self.sight(side) = Sight::Present(Box::new(record));
                self.pair.unsettle();
            } else if self.pair.end(side).id.as_ref() != Some(&record.id) {
                // Looked at again as what it is by now: a second record under one key.
                let mut again = self
                    .round
                    .engine
                    .new_hint(side, record.id, self.hint.source);
                again.trace = self.hint.trace;
                for change in self.round.engine.enqueue(again) {
                    self.ride_along(change);
                }
            }
        }
        Ok(())
    }

    /// Is this record what the end on `side` has become?
    fn moves_here(&self, side: Side, record: &Observed) -> bool {
        let end = self.pair.end(side);
        end.id.as_ref().is_some_and(|id| {
            *id != record.id && !end.former.contains(&record.id) && record.former.contains(id)
        })
    }

    /// Looks at the hinted end only, where that can settle the matter.
    async fn says_nothing_new(&mut self) -> Result<bool, Halt> {
        let side = self.hint.side;
        let end = self.pair.end(side);
        if !self.pair.is_settled() || self.pair.state != PairState::Active || self.outcome_is_due()
        {
            return Ok(false);
        }
        if self.pair.part_of(side, &self.hint.id).is_some() {
            return Ok(true);
        }
        let own = end.id.as_ref() == Some(&self.hint.id);
        if let (true, false, Some(version)) = (own, self.hint.gone, &self.hint.version)
            && end.is_echo(
                version,
                self.round.capabilities(side).read_lag,
                self.round.now(),
            )
        {
            self.round.report(|report| report.echoes += 1);
            return Ok(true);
        }
        self.look(side).await?;
        let seen = self.seen(side).map(|record| &record.version);
        Ok(seen.is_some() && seen == self.pair.end(side).version.as_ref())
    }

    pub(crate) async fn look(&mut self, side: Side) -> Result<(), Halt> {
        if !matches!(self.sight(side), Sight::Unknown) {
            return Ok(());
        }
        let round = self.round;
        let end = self.pair.end(side);
        let Some(id) = end.id.clone() else {
            *self.sight(side) = Sight::Unborn;
            return Ok(());
        };
        let lag = round.capabilities(side).read_lag;
        if let Some(record) = round.take_seen(side, &id)
            && !end.may_be_older(&record)
            && !end.is_stale(&record.version, lag, round.now())
        {
            *self.sight(side) = Sight::Present(Box::new(record));
            return Ok(());
        }
        let fetched = round.fetch(side, &id).await;
        self.fetched[side as usize] = true;
        *self.sight(side) = match fetched {
            Ok(record) => match (self.may_be_late(side, record.as_ref()), record) {
                (Some(late), _) => return Err(Halt::Later(late)),
                (None, Some(record)) => Sight::Present(Box::new(record)),
                (None, None) => Sight::Gone,
            },
            Err(ReadError::NotVisible(why)) => Sight::Hidden(why),
            Err(error) => return Err(self.unreadable(side, &error)),
        };
        Ok(())
    }

    /// May what was read be older than what was seen before or written by us? Until then it may;
    /// should the service's clock be ahead of ours, that is longer by as much.
    pub(crate) fn may_be_late(&self, side: Side, read: Option<&Observed>) -> Option<DateTime<Utc>> {
        let end = self.pair.end(side);
        let (now, lag) = (self.round.now(), self.round.capabilities(side).read_lag);
        let doubtful = read.is_none_or(|record| {
            end.may_be_older(record) || end.is_stale(&record.version, lag, now)
        });
        let seen = end.newest.as_ref().map(|newest| after(newest.as_of, lag));
        let late = end.lag_end(lag).max(seen);
        late.filter(|late| doubtful && now < *late)
    }

    pub(crate) fn unreadable(&self, side: Side, error: &ReadError) -> Halt {
        let text = error.to_string();
        match error {
            ReadError::Throttled { after: wait } => Halt::Later(after(self.round.now(), *wait)),
            ReadError::Malformed(_) => Halt::Park(side, ErrorKind::Malformed, text),
            ReadError::NotVisible(_) | ReadError::CursorExpired(_) | ReadError::Failed(_) => {
                Halt::Failed(side, ErrorKind::Read, text)
            }
        }
    }

    fn adopt(&mut self, plan: &Plan) {
        self.pair.state = plan.state.clone();
        self.pair.base = plan.base.clone();
        self.pair.holds = plan.holds.clone();
        self.pair.answers = plan.answers.clone();
        for (field, stale) in &plan.stale {
            let why = match &stale.refused {
                Some(reason) => format!("the service refuses it ({})", reason.detail),
                None => "its values have changed since".to_owned(),
            };
            let cause = format!(
                "{field}: the answer to the held field was not carried out: {why}; look at the \
                 field again and answer anew"
            );
            self.error(self.hint.side, ErrorKind::StaleAnswer, cause);
        }
        for side in Side::BOTH {
            let Some(record) = self.sights[side as usize].record() else {
                continue;
            };
            self.watch_time(side, record);
            if self.pair.end(side).id.as_ref() != Some(&record.id) {
                // The key went to the record that this one has been.
                self.keyed[side as usize] = false;
            }
            let end = self.pair.end_mut(side);
            end.moves_to(&record.id);
            end.aliases.clone_from(&record.aliases);
            if record.group.is_some() {
                end.group.clone_from(&record.group);
            }
            end.newest = Some(Newest::of(record));
        }
        let is_seen = |field: &FieldId| plan.fields.get(field) == Some(&FieldPlan::Agreed);
        self.pair.presumed.retain(|field| !is_seen(field));
        self.adopt_wishes(plan);
        for entry in &plan.conflicts {
            // Our own writes in between move the times, not the conflict.
            let logged = self.logged.iter().any(|old| {
                let old = ConflictEntry {
                    at: entry.at,
                    left_as_of: entry.left_as_of,
                    right_as_of: entry.right_as_of,
                    ..old.clone()
                };
                old == *entry
            });
            if !logged {
                self.round.report(|report| report.conflicts += 1);
                self.note_conflict(entry);
                self.logged.push(entry.clone());
                self.riding.push(Change::Conflict(Box::new(entry.clone())));
            }
        }
    }

    async fn finish(&mut self) -> Result<(), Halt> {
        self.note_versions();
        self.tie_refusals();
        let new_holds = self.pair.holds.len().saturating_sub(self.held_before);
        self.round.report(|report| report.holds += new_holds as u64);
        self.note_nothing("in step");
        // Nobody hints when a right is given back.
        let hidden = matches!(self.pair.state, PairState::Waiting { .. });
        let change = if hidden {
            let due = after(self.round.now(), self.round.engine.options.backoff_max);
            self.put_off(due, 0)
        } else {
            self.sweep_again().unwrap_or_else(|| self.done())
        };
        let mut changes = vec![change];
        changes.extend(self.sweeps_to_come());
        self.save(changes).await
    }

    pub(crate) fn note_versions(&mut self) {
        for side in Side::BOTH {
            let version = self.seen(side).map(|record| record.version.clone());
            if version.is_some() {
                self.pair.end_mut(side).version = version;
            }
        }
    }

    pub(crate) fn error(&self, side: Side, kind: ErrorKind, cause: String) {
        let id = self.pair.end(side).id.clone();
        // What is not there yet is known by the record it would be made for.
        let (side, id) = match id {
            Some(id) => (side, Some(id)),
            None => (side.other(), self.pair.end(side.other()).id.clone()),
        };
        self.round.record_error(side, id, kind, cause);
    }

    /// The hint leaves the queue, unless what was read may be late and does not show what the
    /// source told of: then it is read once more.
    pub(crate) fn done(&self) -> Change {
        match self.hint.late_until {
            Some(end) if self.round.is_early(&self.hint) && !self.is_shown() => {
                self.put_off(end, self.hint.attempts)
            }
            _ => Change::Dequeue {
                side: self.hint.side,
                id: self.hint.id.clone(),
                turn: self.hint.turn,
            },
        }
    }

    /// Was what the source told of seen?
    fn is_shown(&self) -> bool {
        let (side, id) = (self.hint.side, &self.hint.id);
        let end = self.pair.end(side);
        if let Some(part) = self.pair.part_of(side, id) {
            let followed = part.id.as_ref() == Some(id);
            return !followed || self.hint.version.is_some() && self.hint.version == part.version;
        }
        if end.id.as_ref() != Some(id) {
            return end.former.contains(id);
        }
        match &self.hint.version {
            Some(told) => {
                let seen = self.seen(side).map(|record| &record.version);
                seen.or(end.version.as_ref()) == Some(told) || end.retired.contains(told)
            }
            None => self.hint.gone && self.sights[side as usize].is_vanished(),
        }
    }

    pub(crate) fn put_off(&self, due: DateTime<Utc>, attempts: u32) -> Change {
        self.round.report(|report| report.postponed += 1);
        Change::Postpone {
            hint: QueuedHint {
                due: self.round.later(due),
                attempts,
                ..self.hint.clone()
            },
        }
    }

    /// Commits the pair, if it changed, with all that rides along.
    pub(crate) async fn save(&mut self, with: Vec<Change>) -> Result<(), Halt> {
        let mut batch = Vec::new();
        let changed = self.stored.as_ref() != Some(&self.pair);
        if changed {
            let before = self.stored.as_ref().map(|pair| &pair.state);
            // One that waited to be born was never in step with another: it is no loss.
            let whole = Side::BOTH.map(|side| self.pair.end(side).id.is_some()) == [true; 2];
            let vanished = Side::BOTH.map(|side| whole && self.sights[side as usize].is_vanished());
            batch.extend(self.round.count_pair(before, &self.pair.state, vanished));
            batch.push(Change::Pair(Box::new(self.pair.clone())));
            self.note_differences();
        }
        batch.append(&mut self.riding);
        batch.extend(with);
        match self.round.commit(batch).await? {
            Committed::Stored => {
                if changed {
                    self.stored = Some(self.pair.clone());
                }
                Ok(())
            }
            Committed::Taken(side, id) => Err(Halt::Taken(format!(
                "record {id} ({side:?}) belongs to another pair"
            ))),
        }
    }

    /// What people should read about the pair now.
    pub(crate) fn outcome_now(&self, from: Side, message: &str) -> Outcome {
        let refused: Vec<String> = self
            .pair
            .holds
            .iter()
            .filter_map(|(field, hold)| match &hold.cause {
                HoldCause::Refused { reason, .. } => Some(format!("{field}: {}", reason.detail)),
                _ => None,
            })
            .chain(self.part_refusals())
            .collect();
        Outcome {
            at: self.round.now(),
            from,
            success: refused.is_empty(),
            message: if refused.is_empty() {
                message.to_owned()
            } else {
                refused.join("; ")
            },
        }
    }
}
