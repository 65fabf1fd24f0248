//! Writing: journal first, then the bytes, then what became of them.

use crate::{
    AuditKind, Birth, Brake, Draft, EngineError, ErrorKind, GroupId, HoldCause, Intent, IntentKind,
    Observed, Outcome, PairKey, PairState, PartName, PartPlan, Patch, Plan, RefusedField, Settled,
    Side, Snapshot, Source, Value, WriteError, WriteStamp, Written,
    engine::after,
    turn::{Halt, Sight, Turn},
};

/// The next write of a pair.
pub(crate) enum Outgoing {
    Create(Side, PairKey, Draft),
    Part(Side, PartName, GroupId, Draft),
    Update(Side, Patch),
}

/// What became of a write whose answer is clear.
pub(crate) enum Delivered {
    Landed,
    /// The record was not as it was seen.
    Stale,
    Refused(String, Vec<RefusedField>),
}

impl Turn<'_> {
    pub(crate) fn outcome_is_due(&self) -> bool {
        self.round.shower().is_some()
            && self.pair.outcome.as_ref().is_some_and(|outcome| {
                !self
                    .pair
                    .shown
                    .as_ref()
                    .is_some_and(|shown| shown.same_as(outcome))
            })
    }

    pub(crate) fn next_write(&mut self, plan: &Plan) -> Option<Outgoing> {
        if plan.state != PairState::Active {
            return None;
        }
        if let Some((side, key, draft)) = plan.create.clone() {
            return Some(self.birth(side, key, draft));
        }
        // The side that shows outcomes comes last, and so shows how the other one went.
        let last = self.round.shower().unwrap_or(Side::Right);
        for side in [last.other(), last] {
            if let Some(patch) = plan.patch(side).filter(|patch| !patch.is_empty()) {
                // A side that took the key once and shows none has no place for it now.
                if patch.fields.is_empty()
                    && std::mem::replace(&mut self.keyed[side as usize], true)
                {
                    continue;
                }
                let mut patch = patch.clone();
                patch.outcome = self.outcome_for(side, &patch);
                return Some(Outgoing::Update(side, patch));
            }
        }
        for (name, part) in &plan.parts {
            if let PartPlan::Make { side, group, draft } = part {
                let (name, group) = (name.clone(), group.clone());
                return Some(Outgoing::Part(*side, name, group, draft.clone()));
            }
        }
        self.judge();
        let shower = self.round.shower()?;
        let due = self.outcome_is_due() && self.seen(shower).is_some();
        due.then(|| Outgoing::Update(shower, self.outcome_alone()))
    }

    fn birth(&self, side: Side, key: PairKey, mut draft: Draft) -> Outgoing {
        if self.round.capabilities(side).shows_outcome {
            draft.outcome = Some(self.outcome_now(side.other(), "created"));
        }
        Outgoing::Create(side, key, draft)
    }

    fn outcome_for(&self, side: Side, patch: &Patch) -> Option<Outcome> {
        if !self.round.capabilities(side).shows_outcome {
            return None;
        }
        if patch.fields.is_empty() {
            return self.pair.outcome.clone().filter(|_| self.outcome_is_due());
        }
        Some(self.outcome_now(side.other(), "updated"))
    }

    fn outcome_alone(&self) -> Patch {
        Patch {
            outcome: self.pair.outcome.clone(),
            ..Patch::default()
        }
    }

    /// Nothing is left to carry: does the last outcome still say how the pair is?
    fn judge(&mut self) {
        let refused = self.pair.holds.values().find_map(|hold| match hold.cause {
            HoldCause::Refused { side, .. } => Some(side),
            _ => None,
        });
        let parts = self.pair.parts.values();
        let refused = refused.or(parts
            .filter(|part| part.refusal.is_some())
            .map(|part| part.side)
            .next());
        let failed = self.pair.outcome.as_ref().filter(|last| !last.success);
        let Some(from) = refused.map(Side::other).or(failed.map(|last| last.from)) else {
            return;
        };
        let now = self.outcome_now(from, "in step");
        if !self
            .pair
            .outcome
            .as_ref()
            .is_some_and(|last| last.same_as(&now))
        {
            self.pair.outcome = Some(now);
        }
    }

    pub(crate) async fn send(&mut self, write: Outgoing) -> Result<(), Halt> {
        let shows_only = matches!(&write, Outgoing::Update(_, patch)
            if patch.fields.is_empty() && patch.key.is_none());
        if let Outgoing::Part(side, name, group, draft) = write {
            return self.make_part(side, name, group, draft).await;
        }
        let (side, sent) = match &write {
            Outgoing::Part(side, _, _, draft) | Outgoing::Create(side, _, draft) => {
                (*side, draft.fields.keys().cloned().collect())
            }
            Outgoing::Update(side, patch) => {
                (*side, patch.fields.keys().cloned().collect::<Vec<_>>())
            }
        };
        if let Outgoing::Create(side, key, _) = &write
            && self.births_blindly(*side).await?
            && self.bind_named(*side, key).await?
        {
            return Ok(());
        }
        let (message, fields) = match self.deliver(write).await? {
            Delivered::Landed | Delivered::Stale => return Ok(()),
            Delivered::Refused(message, fields) => (message, fields),
        };
        if shows_only {
            // Not worth a second try: the next change carries the next outcome.
            self.pair.shown.clone_from(&self.pair.outcome);
            self.error(side, ErrorKind::Refused, message);
            return Ok(());
        }
        let news: Vec<_> = fields
            .into_iter()
            .filter(|refused| sent.contains(&refused.field))
            .map(|refused| (side, refused))
            .filter(|refused| !self.refused.contains(refused))
            .collect();
        if news.is_empty() {
            return self.refused_whole(side, message).await;
        }
        self.error(side, ErrorKind::Refused, message);
        self.refused.extend(news);
        Ok(())
    }

    /// Parks the pair and tells people, where a side can.
    async fn refused_whole(&mut self, side: Side, message: String) -> Result<(), Halt> {
        self.pair.outcome = Some(Outcome {
            at: self.round.now(),
            from: side.other(),
            success: false,
            message: message.clone(),
        });
        if let Some(shower) = self.round.shower()
            && self.outcome_is_due()
        {
            for _ in 0..2 {
                self.look(shower).await?;
                if self.seen(shower).is_none() {
                    break;
                }
                let show = Outgoing::Update(shower, self.outcome_alone());
                match self.deliver(show).await? {
                    Delivered::Stale => {}
                    Delivered::Landed => break,
                    Delivered::Refused(..) => {
                        self.pair.shown.clone_from(&self.pair.outcome);
                        break;
                    }
                }
            }
            // The versions after this write are the ones that the park is tied to.
            self.look(shower).await?;
        }
        Err(Halt::Park(side, ErrorKind::Refused, message))
    }

    /// A field that goes to and fro is written no more.
    fn watch_flaps(&self, write: &Outgoing) -> Result<(), Halt> {
        let Outgoing::Update(side, patch) = write else {
            return Ok(());
        };
        let (limit, now) = (&self.round.engine.options.flaps, self.round.now());
        let Some((field, turns)) = self.pair.flapping(*side, patch, limit, now) else {
            return Ok(());
        };
        let cause = format!(
            "the field {field} goes to and fro: one value was written to the {side:?} side {turns} \
             times lately, and was undone each time; find what undoes it, then let the pair go on"
        );
        Err(Halt::Park(*side, ErrorKind::Flapping, cause))
    }

    /// The brakes that a write must pass.
    fn brakes_of(&self, write: &Outgoing) -> Vec<Brake> {
        let policy = &self.round.engine.policy;
        let mut brakes = match write {
            Outgoing::Create(side, ..) => vec![Brake::Births(*side)],
            // Whom a part invites cannot be uninvited.
            Outgoing::Part(side, ..) => {
                vec![Brake::Births(*side), Brake::Finals(*side)]
            }
            Outgoing::Update(side, patch) => {
                let now = self.seen(*side).map(|record| &record.fields);
                let is_final = patch.fields.iter().any(|(field, to)| {
                    let from = now.and_then(|fields| fields.get(field));
                    policy.irreversible(field, *side, from.unwrap_or(&Value::Null), to)
                });
                let mut brakes = vec![Brake::Changes(*side)];
                brakes.extend(is_final.then_some(Brake::Finals(*side)));
                brakes
            }
        };
        // Counted and asked for by name already.
        if self.hint.source == Source::Backfill {
            brakes.retain(|brake| matches!(brake, Brake::Finals(_)));
        }
        brakes
    }

    /// One write. On return the answer is clear and the intent is over; it stays open only with
    /// [`Halt::Open`] and errors of the store.
    pub(crate) async fn deliver(&mut self, write: Outgoing) -> Result<Delivered, Halt> {
        let round = self.round;
        self.watch_flaps(&write)?;
        let counted = round.ask_brakes(&self.brakes_of(&write))?;
        let until = after(round.now(), round.engine.options.send_window);
        round.keep_lease(until).await?;
        let (side, kind) = match write {
            Outgoing::Create(side, key, draft) => {
                let birth = Birth::Main { key };
                (side, IntentKind::Create { birth, draft })
            }
            Outgoing::Part(side, name, group, draft) => {
                let birth = Birth::Part { name, group };
                (side, IntentKind::Create { birth, draft })
            }
            Outgoing::Update(side, patch) => {
                let Some(seen) = self.seen(side) else {
                    return Ok(Delivered::Stale);
                };
                let (id, seen) = (seen.id.clone(), seen.version.clone());
                (side, IntentKind::Update { id, seen, patch })
            }
        };
        let sent = match &kind {
            IntentKind::Create { draft, .. } => &draft.fields,
            IntentKind::Update { patch, .. } => &patch.fields,
        };
        let held = |side: Side| -> Snapshot {
            let Some(record) = self.seen(side) else {
                return Snapshot::new();
            };
            let value = |field| self.pair.value(side, record, field);
            sent.keys()
                .filter_map(|field| Some((field.clone(), value(field)?.clone())))
                .collect()
        };
        let is_part = matches!(
            &kind,
            IntentKind::Create {
                birth: Birth::Part { .. },
                ..
            }
        );
        // A part is written over nothing, and proves nothing about the ends.
        let (read, over) = if is_part {
            (Snapshot::new(), Snapshot::new())
        } else {
            (held(side.other()), held(side))
        };
        let replica = round.engine.replica(side);
        let now = self.seen(side);
        let own = read.iter().filter(|(field, read)| {
            let sent = &sent[*field];
            let becomes =
                |settled| matches!(settled, Settled::Becomes { value, .. } if value == *sent);
            *read != sent && !becomes(replica.settle(field, read, now))
        });
        let own = own.map(|(field, _)| field.clone()).collect();
        let intent = Intent {
            stamp: WriteStamp(round.engine.options.ids.next()),
            trace: self.hint.trace,
            side,
            kind,
            floor: round
                .engine
                .memory(side, |_| {})
                .newest
                .max(self.pair.end(side).newest.as_ref().map(|it| it.as_of)),
            until,
            read,
            over,
            own,
        };
        self.pair.intent = Some(intent.clone());
        self.save(counted).await?;
        let result = match &intent.kind {
            IntentKind::Create {
                birth: Birth::Main { key },
                draft,
            } => round.create(side, key, intent.stamp, draft, until).await,
            IntentKind::Create {
                birth: Birth::Part { name, .. },
                draft,
            } => match self.seen(side) {
                Some(of) => {
                    let (of, stamp) = ((side, of), intent.stamp);
                    round.create_part(of, name, stamp, draft, until).await
                }
                None => Err(WriteError::Stale),
            },
            IntentKind::Update { patch, .. } => match self.seen(side) {
                Some(seen) => round.update(side, seen, intent.stamp, patch, until).await,
                None => Err(WriteError::Stale),
            },
        };
        if !matches!(result, Err(WriteError::Unknown(_))) {
            self.pair.intent = None;
        }
        match result {
            Ok(Written { id, after, .. }) if is_part => {
                self.note_landed(&intent, &id, after.as_ref(), false);
                self.part_landed(&intent, &id, after.as_ref());
                Ok(Delivered::Landed)
            }
            Ok(Written {
                id,
                moved_to,
                after,
            }) => {
                let id = moved_to.unwrap_or(id);
                self.note_landed(&intent, &id, after.as_ref(), false);
                self.base_of_landed(&intent, after.as_ref(), true);
                let before = self.seen(side).cloned();
                let kind = intent.kind.clone();
                let after = match after {
                    Some(record) => Sight::Present(Box::new(record)),
                    None => Sight::Unknown,
                };
                self.landed(intent, id, after);
                if let IntentKind::Update { patch, .. } = &kind {
                    self.watch_write(side, before.as_ref(), patch, self.seen(side))?;
                }
                Ok(Delivered::Landed)
            }
            Err(WriteError::NotSent(why)) => {
                self.note_failed(&intent, AuditKind::Failed, ErrorKind::NotSent, &why);
                Err(Halt::Failed(side, ErrorKind::NotSent, why.text))
            }
            Err(WriteError::Throttled { after: wait }) => {
                Err(Halt::Later(after(round.now(), wait)))
            }
            Err(WriteError::Unknown(why)) => {
                self.note_failed(&intent, AuditKind::Unanswered, ErrorKind::Unknown, &why);
                Err(Halt::Open(side, why.text))
            }
            Err(WriteError::Refused { message, fields }) => {
                self.note_failed(&intent, AuditKind::Refused, ErrorKind::Refused, &message);
                Ok(Delivered::Refused(message.text, fields))
            }
            Err(WriteError::Stale) => {
                self.note_write(&intent, AuditKind::Stale, "not as it was seen; read again");
                match &intent.kind {
                    IntentKind::Create {
                        birth: Birth::Main { key },
                        ..
                    } => self.bind_existing(side, key).await?,
                    IntentKind::Create { .. } => *self.sight(side) = Sight::Unknown,
                    IntentKind::Update { .. } => {
                        *self.sight(side) = Sight::Unknown;
                        // A key that was with it did not arrive either.
                        self.keyed[side as usize] = false;
                    }
                }
                Ok(Delivered::Stale)
            }
        }
    }

    /// Could the side hold a record for this one that nobody has told of yet? Where the service
    /// refuses no second record, that is asked before one is made.
    async fn births_blindly(&self, side: Side) -> Result<bool, Halt> {
        let engine = self.round.engine;
        if self.round.capabilities(side).unique_birth {
            return Ok(false);
        }
        let caught_up = engine.memory(side, |_| {}).caught_up;
        let waiting = engine.store.newcomers_wait(side).await;
        Ok(!caught_up || waiting.map_err(EngineError::from)?)
    }

    /// A create was refused because the record exists: find it and bind it.
    async fn bind_existing(&mut self, side: Side, key: &PairKey) -> Result<(), Halt> {
        if self.bind_named(side, key).await? {
            return Ok(());
        }
        let cause = format!(
            "the service says that a record for {key} exists, but shows none: perhaps it was \
             deleted; restore it, or clear the identifier"
        );
        Err(Halt::Park(side, ErrorKind::Refused, cause))
    }

    /// Binds the record that names the pair's other end, if there is one.
    async fn bind_named(&mut self, side: Side, key: &PairKey) -> Result<bool, Halt> {
        let mut found = match self.round.find(side, key, None).await {
            Ok(found) => found,
            Err(error) => return Err(self.unreadable(side, &error)),
        };
        if found.len() > 1 {
            return Err(self.duplicate(side, found));
        }
        let Some(record) = found.pop() else {
            return Ok(false);
        };
        let end = self.pair.end_mut(side);
        end.has_shown(&record);
        end.id = Some(record.id);
        self.bound(side, "it names the pair's other end");
        *self.sight(side) = Sight::Unknown;
        Ok(true)
    }

    /// More than one record answers to the pair's key: the oldest stays, a person decides.
    pub(crate) fn duplicate(&mut self, side: Side, mut found: Vec<Observed>) -> Halt {
        found.sort_by(|a, b| (a.as_of, &a.id).cmp(&(b.as_of, &b.id)));
        let ids: Vec<_> = found.iter().map(|record| record.id.as_str()).collect();
        let cause = format!(
            "records {} answer to one key; close the younger as duplicate",
            ids.join(", ")
        );
        if let Some(oldest) = found.into_iter().next() {
            self.pair.end_mut(side).id = Some(oldest.id.clone());
            *self.sight(side) = Sight::Present(Box::new(oldest));
        }
        Halt::Park(side, ErrorKind::Duplicate, cause)
    }

    /// A write took effect: notes all that follows from it except the new base.
    pub(crate) fn landed(&mut self, intent: Intent, id: crate::RecordId, after: Sight) {
        let side = intent.side;
        let now = self.round.now();
        let kept = self.round.engine.options.retired_kept;
        self.pair.intent = None;
        self.fetched = [false; 2];
        self.fetched[side as usize] = after.record().is_some();
        let end = self.pair.end_mut(side);
        end.written = Some(now);
        let outcome = match intent.kind {
            IntentKind::Create { draft, .. } => {
                end.id = Some(id);
                self.pair.born = Some(side);
                self.round.report(|report| report.births += 1);
                Some(draft.outcome).map(|shown| (shown, "created"))
            }
            IntentKind::Update { seen, patch, .. } => {
                let moved = after.record().is_none_or(|record| record.version != seen);
                if moved && !end.retired.contains(&seen) {
                    end.retired.push(seen);
                    let surplus = end.retired.len().saturating_sub(kept);
                    end.retired.drain(..surplus);
                }
                match after.record() {
                    Some(record) => self.pair.becomes(side, record),
                    None => end.moves_to(&id),
                }
                let carries = !patch.fields.is_empty();
                if carries {
                    self.round.report(|report| report.updates += 1);
                    let limit = &self.round.engine.options.flaps;
                    self.pair.note_turns(side, &patch, limit, now);
                }
                (carries || patch.outcome.is_some()).then_some((patch.outcome, "updated"))
            }
        };
        if let Some((shown, message)) = outcome {
            let outcome = match shown {
                Some(shown) => {
                    if self.round.shower() == Some(side) {
                        self.pair.shown = Some(shown.clone());
                    }
                    shown
                }
                None => self.outcome_now(side.other(), message),
            };
            self.pair.outcome = Some(outcome);
        }
        *self.sight(side) = after;
    }
}
