//! A write whose answer is missing is looked for before anything else is done.

use chrono::TimeDelta;

use crate::{
    Birth, ErrorKind, IntentKind, Look, ReadError, Recovery,
    recover::recover,
    turn::{Halt, Sight, Turn},
};

impl Turn<'_> {
    /// Ends with no intent open, or with a later look.
    pub(crate) async fn conclude(&mut self) -> Result<(), Halt> {
        let Some(intent) = self.pair.intent.clone() else {
            return Ok(());
        };
        let round = self.round;
        let side = intent.side;
        let look = match &intent.kind {
            IntentKind::Update { id, .. } => match round.fetch(side, id).await {
                Ok(Some(record)) => Look::Record(Box::new(record)),
                Ok(None) | Err(ReadError::NotVisible(_)) => Look::Missing,
                Err(error) => return Err(self.unreadable_intent(side, &error)),
            },
            IntentKind::Create {
                birth: Birth::Main { key },
                ..
            } => {
                // The floor is service time; a day covers any clock and zone trouble.
                let floor = intent.floor.map(|floor| floor - TimeDelta::days(1));
                match round.find(side, key, floor).await {
                    Ok(mut found) => {
                        // The record that led here may be missing from a late listing.
                        if let Some(met) = self.met.clone()
                            && self.hint.side == side
                            && found.iter().all(|record| record.id != met.id)
                        {
                            found.push(met);
                        }
                        Look::Found(found)
                    }
                    Err(error) => return Err(self.unreadable_intent(side, &error)),
                }
            }
        };
        match recover(&intent, look, round.capabilities(side), round.now()) {
            Recovery::Landed(record) => {
                let id = record.id.clone();
                let after = match &intent.kind {
                    IntentKind::Update { .. } => Sight::Present(*record),
                    // What a search shows may be late; only a fetch is the truth.
                    IntentKind::Create { .. } => Sight::Unknown,
                };
                self.landed(intent, id, after);
                Ok(())
            }
            Recovery::NotLanded => {
                self.pair.intent = None;
                if self.hint.attempts >= round.engine.options.retry_attempts {
                    let cause = "writes are never answered; see the service's health".to_owned();
                    return Err(Halt::Park(side, ErrorKind::Unknown, cause));
                }
                Ok(())
            }
            Recovery::Wait(moment) => Err(Halt::Later(moment.max(round.backoff(0)))),
            Recovery::Duplicate(found) => {
                self.pair.intent = None;
                Err(self.duplicate(side, found))
            }
        }
    }

    /// An open intent is never given up: it is looked at again and again.
    fn unreadable_intent(&self, side: crate::Side, error: &ReadError) -> Halt {
        match self.unreadable(side, error) {
            Halt::Failed(side, _, cause) | Halt::Park(side, _, cause) => Halt::Open(side, cause),
            halt => halt,
        }
    }
}
