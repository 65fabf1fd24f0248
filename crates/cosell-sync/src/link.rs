//! Putting two records together that a person knows to belong together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    AuditKind, Change, Counted, Engine, EngineError, Observed, Pair, PairId, RecordId, Role, Side,
    Source,
    claims::{Claim, Claims},
    round::Round,
};

/// What [`Engine::adopt`] came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Adopted {
    /// They are a pair now; the next round compares them.
    Linked(PairId),
    /// They were one before.
    Already(PairId),
    /// They were left as they are; says why.
    Refused(String),
}

impl Engine {
    /// Links two records that exist on both sides and do not name each other, such as a deal whose
    /// referral is only pasted text. `by` is the person who confirmed it.
    ///
    /// Refused where either record belongs to another pair, names another record, founds no pair,
    /// or is not there. Nothing is written to the sides here: a round compares the records as at
    /// a first meeting, and fills the identifiers. Cancel safety: may be dropped; done whole or
    /// not at all.
    pub async fn adopt(
        &self,
        left: &RecordId,
        right: &RecordId,
        by: &str,
    ) -> Result<Adopted, EngineError> {
        let mut claims = self.claim_both(left, right).await;
        let owners = [
            self.store.pair_of(Side::Left, left).await?,
            self.store.pair_of(Side::Right, right).await?,
        ];
        match owners {
            [None, None] => {}
            [Some(left), Some(right)] if left.id == right.id => {
                return Ok(Adopted::Already(left.id));
            }
            [owner, _] => {
                let which = if owner.is_some() { left } else { right };
                let why = format!("{which} belongs to another pair");
                return Ok(Adopted::Refused(why));
            }
        }
        let round = Round::dry(self);
        let mut found = Vec::new();
        for (side, id, other) in [(Side::Left, left, right), (Side::Right, right, left)] {
            match round.fetch(side, id).await {
                Ok(Some(record)) => match unfit(&record, other) {
                    Some(why) => return Ok(Adopted::Refused(why)),
                    None => found.push(record),
                },
                Ok(None) => return Ok(Adopted::Refused(format!("there is no record {id}"))),
                Err(error) => return Err(EngineError::Side { side, error }),
            }
        }
        let [left, right] = &found[..] else {
            return Ok(Adopted::Refused("a record is not there".to_owned()));
        };
        if let Some(why) = self.in_other_group(left, right).await? {
            return Ok(Adopted::Refused(why));
        }
        let pair: Pair = round.found(Side::Left, left, Some(right));
        claims.add(Claim::Pair(pair.id));
        let hint = self.new_hint(Side::Left, left.id.clone(), Source::Person);
        let mut line = self
            .line(AuditKind::Decided, "linked by a person")
            .of_pair(&pair)
            .by(by);
        line.trace = hint.trace;
        let id = pair.id;
        let mut batch = vec![self.audit_line(line)];
        for record in [(Side::Left, &left.id), (Side::Right, &right.id)] {
            let (side, id) = (record.0, record.1.clone());
            batch.push(Change::Unskip { side, id });
        }
        batch.push(Change::Pair(Box::new(pair)));
        batch.push(self.count_one(Counted::Pairs));
        batch.extend(self.enqueue(hint));
        self.commit_now(batch).await?;
        self.wake();
        Ok(Adopted::Linked(id))
    }

    async fn claim_both(&self, left: &RecordId, right: &RecordId) -> Claims<'_> {
        loop {
            let mut claims = Claims::new(&self.busy);
            if claims.add(Claim::Record(Side::Left, left.clone()))
                && claims.add(Claim::Record(Side::Right, right.clone()))
            {
                return claims;
            }
            drop(claims);
            self.clock.sleep(Duration::from_millis(100)).await;
        }
    }

    async fn in_other_group(
        &self,
        left: &Observed,
        right: &Observed,
    ) -> Result<Option<String>, EngineError> {
        for (side, record) in [(Side::Left, left), (Side::Right, right)] {
            if let Some(group) = &record.group
                && self.store.pair_in_group(side, group).await?.is_some()
            {
                let why = format!("the group {group} of {} belongs to another pair", record.id);
                return Ok(Some(why));
            }
        }
        Ok(None)
    }
}

/// Why a record may not be linked to `other`.
fn unfit(record: &Observed, other: &RecordId) -> Option<String> {
    if record.role != Role::Main {
        return Some(format!("{} is a part of another deal", record.id));
    }
    let key = record.key.as_ref()?;
    (key.as_str() != other.as_str()).then(|| {
        format!(
            "{} names {key}; clear that first, if it is wrong",
            record.id
        )
    })
}
