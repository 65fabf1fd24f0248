//! How a turn ends that could not do all: put off, or parked until something changes.

use chrono::{DateTime, Utc};

use crate::{
    AuditKind, EngineError, ErrorKind, Park, Side,
    turn::{Halt, Turn},
};

impl Turn<'_> {
    /// Work on the pair panicked.
    pub(crate) async fn panicked(mut self, text: String) -> Result<(), EngineError> {
        let side = self.hint.side;
        match self.halt(Halt::Park(side, ErrorKind::Panic, text)).await {
            Err(Halt::Engine(error)) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(crate) async fn park_is_over(&mut self) -> Result<bool, Halt> {
        let Some(park) = self.pair.park.clone() else {
            return Ok(true);
        };
        if park.retry_at.is_some_and(|at| at <= self.round.now()) {
            return Ok(true);
        }
        for side in Side::BOTH {
            self.look(side).await?;
        }
        let version = |side| self.seen(side).map(|record| record.version.clone());
        Ok(version(Side::Left) != park.left || version(Side::Right) != park.right)
    }

    pub(crate) async fn stay_parked(&mut self) -> Result<(), Halt> {
        self.note_nothing("still parked");
        let retry = self.pair.park.as_ref().and_then(|park| park.retry_at);
        let change = match retry {
            Some(due) => self.put_off(due, 0),
            None => self.done(),
        };
        self.save(vec![change]).await
    }

    pub(crate) async fn halt(&mut self, halt: Halt) -> Result<(), Halt> {
        let attempts = self.hint.attempts + 1;
        let limit = self.round.engine.options.retry_attempts;
        match halt {
            Halt::Engine(_) => Err(halt),
            Halt::StillParked => self.stay_parked().await,
            Halt::Braked(on) => {
                self.round.braked(&on);
                let due = self.round.after_brake(&on);
                let change = self.put_off(due, self.hint.attempts);
                self.save(vec![change]).await
            }
            Halt::Later(due) => {
                let change = self.put_off(due, self.hint.attempts);
                self.save(vec![change]).await
            }
            Halt::Failed(side, kind, cause) => {
                self.error(side, kind, cause.clone());
                // A write that failed has its line.
                if kind != ErrorKind::NotSent {
                    let line = self.line(AuditKind::Failed, cause.clone());
                    self.note(line.on(side).because(kind));
                }
                if attempts < limit {
                    let due = self.round.backoff(self.hint.attempts);
                    let change = self.put_off(due, attempts);
                    return self.save(vec![change]).await;
                }
                self.park(kind, cause, None).await
            }
            Halt::Open(side, cause) => {
                self.error(side, ErrorKind::Unknown, cause);
                let due = self.round.backoff(self.hint.attempts);
                let change = self.put_off(due, attempts);
                self.save(vec![change]).await
            }
            Halt::Park(side, kind, cause) => {
                self.error(side, kind, cause.clone());
                let tried = self.tried + 1;
                // Time cures neither a refusal nor a double nor a doubt: a change or a person does.
                let lasting = matches!(
                    kind,
                    ErrorKind::Duplicate
                        | ErrorKind::Refused
                        | ErrorKind::Flapping
                        | ErrorKind::Contract
                        | ErrorKind::Doubtful
                );
                let retry = (tried < limit && !lasting).then(|| self.round.backoff(self.tried));
                self.park(kind, cause, retry).await
            }
            Halt::Taken(cause) => {
                self.error(self.hint.side, ErrorKind::Claimed, cause.clone());
                self.riding.clear();
                let line = self.line(AuditKind::Failed, cause.clone());
                let line = line.because(ErrorKind::Claimed);
                let Some(stored) = self.stored.clone() else {
                    // Somebody else founded the pair: the hint finds it.
                    let due = self.round.backoff(self.hint.attempts);
                    let hint = self.hint.clone();
                    let line = vec![self.round.engine.audit_line(line)];
                    return Ok(self.round.postpone(&hint, due, attempts, line).await?);
                };
                self.note(line);
                self.pair = stored;
                if attempts < limit {
                    let due = self.round.backoff(self.hint.attempts);
                    let change = self.put_off(due, attempts);
                    return self.save(vec![change]).await;
                }
                self.park(ErrorKind::Claimed, cause, None).await
            }
        }
    }

    async fn park(
        &mut self,
        kind: ErrorKind,
        cause: String,
        retry_at: Option<DateTime<Utc>>,
    ) -> Result<(), Halt> {
        self.round.report(|report| report.parked += 1);
        // The park ends when what is seen now changes; an end that cannot be seen counts as such.
        for side in Side::BOTH {
            let _ = self.look(side).await;
        }
        self.note_versions();
        let version = |side| self.seen(side).map(|record| record.version.clone());
        let attempts = self.tried + 1;
        self.pair.park = Some(Park {
            kind,
            cause,
            dead: retry_at.is_none()
                && attempts.max(self.hint.attempts + 1) >= self.round.engine.options.retry_attempts,
            since: self.round.now(),
            attempts,
            retry_at,
            left: version(Side::Left),
            right: version(Side::Right),
        });
        self.stay_parked().await
    }
}
