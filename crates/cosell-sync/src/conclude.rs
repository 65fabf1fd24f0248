//! A write whose answer is missing is looked for before anything else is done.

use chrono::TimeDelta;

use crate::{
    AuditKind, Birth, ErrorKind, FieldId, Images, Intent, IntentKind, Look, Observed, ReadError,
    Recovery, Side,
    recover::{is_held, recover},
    turn::{Halt, Sight, Turn},
};

impl Turn<'_> {
    /// Ends with no intent open, with a later look, or with a park until a person looked.
    pub(crate) async fn conclude(&mut self) -> Result<(), Halt> {
        let Some(intent) = self.pair.intent.clone() else {
            return Ok(());
        };
        self.judge_intent(&intent).await?;
        // What was in doubt is not any more.
        self.pair
            .park
            .take_if(|park| park.kind == ErrorKind::Doubtful);
        Ok(())
    }

    async fn judge_intent(&mut self, intent: &Intent) -> Result<(), Halt> {
        let round = self.round;
        let side = intent.side;
        let look = match &intent.kind {
            IntentKind::Update { id, .. } => {
                // What a page showed before is older than what is read now.
                round.take_seen(side, id);
                match round.fetch(side, id).await {
                    Ok(Some(record)) => {
                        let stamped = record.stamp == Some(intent.stamp);
                        if let (false, Some(late)) =
                            (stamped, self.may_be_late(side, Some(&record)))
                        {
                            return Err(Halt::Later(late));
                        }
                        self.pair.end_mut(side).has_shown(&record);
                        Look::Record(Box::new(record))
                    }
                    Ok(None) | Err(ReadError::NotVisible(_)) => Look::Missing,
                    Err(error) => return Err(self.unreadable_intent(side, &error)),
                }
            }
            IntentKind::Create {
                birth: Birth::Main { key },
                ..
            } => {
                // The floor is service time; a day covers any clock and zone trouble.
                let floor = intent.floor.map(|floor| floor - TimeDelta::days(1));
                match round.find(side, key, floor).await {
                    Ok(found) => Look::Found(self.with_met(side, found)),
                    Err(error) => return Err(self.unreadable_intent(side, &error)),
                }
            }
            IntentKind::Create {
                birth: Birth::Part { name, group },
                ..
            } => match round.parts_named(side, group, name).await {
                Ok(mut found) => {
                    let met = self.met.as_ref();
                    if met.is_some_and(|met| {
                        met.role.part() == Some(name) && met.group.as_ref() == Some(group)
                    }) {
                        found = self.with_met(side, found);
                    }
                    Look::Found(found)
                }
                Err(error) => return Err(self.unreadable_intent(side, &error)),
            },
        };
        match recover(intent, look, round.capabilities(side), round.now()) {
            Recovery::Landed(record) => {
                if let IntentKind::Create {
                    birth: Birth::Part { .. },
                    ..
                } = &intent.kind
                {
                    self.note_landed(intent, &record.id, Some(&record), true);
                    self.part_landed(intent, &record.id, Some(&record));
                    return Ok(());
                }
                let id = record.id.clone();
                self.note_landed(intent, &id, Some(&record), true);
                self.base_of_landed(intent, Some(&record), false);
                let after = match &intent.kind {
                    IntentKind::Update { .. } => Sight::Present(record),
                    // What a search shows may be late; only a fetch is the truth.
                    IntentKind::Create { .. } => {
                        self.pair.end_mut(side).has_shown(&record);
                        Sight::Unknown
                    }
                };
                self.landed(intent.clone(), id, after);
                Ok(())
            }
            Recovery::Overtaken(record) => {
                self.base_of_written(intent, Some(&record), false);
                let arrived = |field: &FieldId| {
                    let sent = intent.fields().get_key_value(field);
                    sent.is_some_and(|sent| is_held(&record, sent))
                };
                self.pair.answers.retain(|field, _| !arrived(field));
                self.pair.intent = None;
                let told = "was overtaken by an edit, or took no effect";
                self.note_write(intent, AuditKind::NotLanded, told);
                Ok(())
            }
            Recovery::NotLanded => {
                self.pair.intent = None;
                self.note_write(intent, AuditKind::NotLanded, "took no effect");
                if self.hint.attempts >= round.engine.options.retry_attempts {
                    let cause = "writes are never answered; see the service's health".to_owned();
                    return Err(Halt::Park(side, ErrorKind::Unknown, cause));
                }
                Ok(())
            }
            Recovery::Wait(moment) => Err(Halt::Later(moment.max(round.backoff(0)))),
            Recovery::Duplicate(found) => {
                if let IntentKind::Create {
                    birth: Birth::Part { .. },
                    ..
                } = &intent.kind
                {
                    self.pair.intent = None;
                    self.parts_found(side, &found);
                    return Ok(());
                }
                self.pair.intent = None;
                Err(self.duplicate(side, found))
            }
            Recovery::Doubtful => Err(self.in_doubt(intent)),
        }
    }

    /// With the record that led here, which may be missing from a late listing.
    fn with_met(&self, side: Side, mut found: Vec<Observed>) -> Vec<Observed> {
        if let Some(met) = &self.met
            && self.hint.side == side
            && found.iter().all(|record| record.id != met.id)
        {
            found.push(met.clone());
        }
        found
    }

    /// A part was asked for, no answer came, and no list would show it. To ask again by machine
    /// could invite somebody twice.
    fn in_doubt(&self, intent: &Intent) -> Halt {
        let known = self.pair.park.as_ref();
        if known.is_some_and(|park| park.kind == ErrorKind::Doubtful) {
            return Halt::StillParked;
        }
        let side = intent.side;
        let (name, group) = match &intent.kind {
            IntentKind::Create {
                birth: Birth::Part { name, group },
                ..
            } => (name.as_str(), group.as_str()),
            IntentKind::Create { .. } | IntentKind::Update { .. } => ("", ""),
        };
        let own = self.pair.end(side).id.as_ref();
        let cause = format!(
            "no answer came when the part {name} of group {group} was asked for ({side:?} side, \
             beside record {}), and lists there do not show such records: it may be there or not; \
             look for it there by hand. If it is there, look at it here by its id (Engine::look); \
             if not, let the pair go on (Engine::unpark), and it is asked for once more",
            own.map_or("unknown", |id| id.as_str()),
        );
        Halt::Park(side, ErrorKind::Doubtful, cause)
    }

    /// Both sides agreed when the write landed, whatever people have done since: without that,
    /// the next edit on the other side would look like a conflict.
    /// `answered`: the service said that all of the write took effect.
    pub(crate) fn base_of_landed(
        &mut self,
        intent: &Intent,
        record: Option<&Observed>,
        answered: bool,
    ) {
        self.base_of_written(intent, record, answered);
        let sent = intent.fields();
        // What a person answered is done.
        self.pair
            .answers
            .retain(|field, _| !sent.contains_key(field));
    }

    fn base_of_written(&mut self, intent: &Intent, record: Option<&Observed>, answered: bool) {
        let sent = intent.fields();
        let born = matches!(intent.kind, IntentKind::Create { .. });
        let side = intent.side;
        let apart = &self.round.capabilities(side).apart;
        let stamped = self.round.capabilities(side).stamped;
        let by_stamp = stamped && record.is_none_or(|record| record.stamp == Some(intent.stamp));
        for (field, read) in &intent.read {
            let Some(sent) = sent.get(field) else {
                continue;
            };
            let seen = record.and_then(|record| record.fields.get(field));
            // A record that has no such field holds nothing of what was sent for it.
            if record.is_some() && seen.is_none() {
                continue;
            }
            let proven = if apart.contains(field) {
                // Of a step of its own a stamp proves nothing; and a service may answer after the
                // first of two.
                answered && (by_stamp || record.is_none())
            } else {
                answered || by_stamp
            };
            if !proven && seen != Some(sent) {
                continue;
            }
            let images = if !intent.own.contains(field) {
                Images::seen_from(side, sent.clone(), read.clone())
            } else {
                // A value of the policy's own is on its way to both sides. From now on it counts
                // as an edit of the side that has it, so that it goes over to the other one, or
                // meets an edit there, as any edit does.
                let over = intent.over.get(field).cloned().unwrap_or_default();
                Images::seen_from(side, over, read.clone())
            };
            self.pair.base.insert(field.clone(), images);
            if born {
                self.pair.presumed.insert(field.clone());
            }
        }
    }

    /// An open intent is never given up: it is looked at again and again.
    fn unreadable_intent(&mut self, side: Side, error: &ReadError) -> Halt {
        match self.unreadable(side, error) {
            Halt::Failed(side, kind, cause) | Halt::Park(side, kind, cause) => {
                let line = self.line(AuditKind::Failed, cause.clone());
                self.note(line.on(side).because(kind));
                Halt::Open(side, cause)
            }
            halt => halt,
        }
    }
}
