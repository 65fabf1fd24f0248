//! How all pairs stand: read fresh from both sides, with the cause and the repair of each
//! difference.

use std::collections::{BTreeMap, VecDeque};

use cosell_mapping::FieldId;
use futures_core::Stream;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use crate::{
    Engine, EngineError, ErrorKind, FieldPlan, Hold, Pair, PairId, PairState, ReadError, RecordId,
    Side, Source, Value, Why,
    dead::some_end,
    round::Round,
    turn::{Sight, plan_pair},
};

/// Pairs read from the store at once.
const PAGE: usize = 100;

/// A pair that is not in step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The pair.
    pub pair: PairId,
    /// The left record.
    pub left: Option<RecordId>,
    /// The right record.
    pub right: Option<RecordId>,
    /// Why it is not in step.
    pub cause: Cause,
    /// What is proposed.
    pub repair: Repair,
}

/// Why a pair is not in step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// Fields differ, and a round would carry them over.
    Differs {
        /// Those fields, with what both sides hold.
        fields: Vec<Difference>,
    },
    /// Fields wait for a person or a change.
    Held {
        /// Those fields.
        fields: BTreeMap<FieldId, Hold>,
    },
    /// A side has no record yet.
    Missing {
        /// That side.
        side: Side,
    },
    /// The pair waits.
    Parked {
        /// The kind of cause.
        kind: ErrorKind,
        /// Given up?
        dead: bool,
        /// The cause.
        why: String,
    },
    /// The last write is not concluded.
    Open {
        /// The side it goes to.
        side: Side,
    },
    /// It is switched off, a record is gone or cannot be seen.
    Apart {
        /// Why.
        why: String,
    },
    /// A record cannot be read.
    Unreadable {
        /// Its side.
        side: Side,
        /// Why.
        why: String,
    },
    /// The planner contradicts itself: a defect to report.
    Plan {
        /// How.
        why: String,
    },
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// The field.
    pub field: FieldId,
    /// On the left.
    pub left: Value,
    /// On the right.
    pub right: Value,
    /// Who moved, or that the policy decides.
    pub why: Why,
}

/// What is proposed for a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repair {
    /// Look again: a round carries it over by ordinary writes.
    LookAgain,
    /// Cure the cause, then let it go.
    Unpark,
    /// A person decides, or the records are changed.
    Decide,
    /// Nothing: it is as somebody wanted it.
    Nothing,
}

/// A page of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reconciled {
    /// Pairs that are not in step.
    pub findings: Vec<Finding>,
    /// Pairs that were looked at.
    pub looked: u64,
    /// Where the next page starts; `None`: that was the last.
    pub next: Option<PairId>,
}

impl Engine {
    /// Compares the `limit` pairs after `after`: reads both records of each, plans, and tells
    /// what is not in step. Writes nothing.
    ///
    /// Costs two reads a pair. A record that cannot be read is a finding; the error is that the
    /// store failed. Cancel safety: may be dropped; `next` may be stored to go on.
    pub async fn reconcile(
        &self,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Reconciled, EngineError> {
        let pairs = self.store.pairs(after, limit).await?;
        let full = limit > 0 && pairs.len() >= limit;
        let mut page = Reconciled {
            next: pairs.last().filter(|_| full).map(|pair| pair.id),
            ..Reconciled::default()
        };
        let round = Round::dry(self);
        for pair in pairs {
            page.looked += 1;
            let Some((cause, repair)) = round.stands(&pair).await else {
                continue;
            };
            page.findings.push(Finding {
                pair: pair.id,
                left: pair.left.id,
                right: pair.right.id,
                cause,
                repair,
            });
        }
        Ok(page)
    }

    /// As [`reconcile`](Self::reconcile) over all pairs, one finding after the other, holding one
    /// page in memory.
    pub fn reconcile_all(&self) -> impl Stream<Item = Result<Finding, EngineError>> + Send + '_ {
        let start = (VecDeque::new(), None, false);
        stream::try_unfold(start, move |(mut found, mut after, mut over)| async move {
            loop {
                if let Some(finding) = found.pop_front() {
                    return Ok(Some((finding, (found, after, over))));
                }
                if over {
                    return Ok(None);
                }
                let page = self.reconcile(after, PAGE).await?;
                found = page.findings.into();
                over = page.next.is_none();
                after = page.next;
            }
        })
    }

    /// Carries out what a finding proposes: queues its pair, so that a round reads it anew and
    /// writes what is needed through the journal like any other change. False where a person has
    /// to decide. `by` is the person who asks.
    pub async fn repair(&self, finding: &Finding, by: &str) -> Result<bool, EngineError> {
        match finding.repair {
            Repair::Decide | Repair::Nothing => Ok(false),
            Repair::Unpark => self.unpark(finding.pair, by).await,
            Repair::LookAgain => {
                let Some(pair) = self.store.pair(finding.pair).await? else {
                    return Ok(false);
                };
                let Some((side, id)) = some_end(&pair) else {
                    return Ok(false);
                };
                let words = "to be repaired";
                self.look_at(side, &id, Source::Reconcile, words, by)
                    .await?;
                Ok(true)
            }
        }
    }
}

impl Round<'_> {
    /// `None`: in step.
    async fn stands(&self, pair: &Pair) -> Option<(Cause, Repair)> {
        let park = pair.park.as_ref();
        let in_doubt = park.is_some_and(|park| park.kind == ErrorKind::Doubtful);
        if let Some(intent) = pair.intent.as_ref().filter(|_| !in_doubt) {
            return Some((Cause::Open { side: intent.side }, Repair::LookAgain));
        }
        if let Some(park) = park {
            let cause = Cause::Parked {
                kind: park.kind,
                dead: park.dead,
                why: park.cause.clone(),
            };
            // To let go of a doubt says that somebody looked.
            let repair = if in_doubt {
                Repair::Decide
            } else {
                Repair::Unpark
            };
            return Some((cause, repair));
        }
        let mut sights = [Sight::Unknown, Sight::Unknown];
        for side in Side::BOTH {
            match self.sight_of(pair, side).await {
                Ok(sight) => sights[side as usize] = sight,
                Err(error) => return Some(unreadable(side, &error)),
            }
        }
        let plan = match plan_pair(self, pair, &sights, &[]) {
            Ok(plan) => plan,
            Err(why) => return Some((Cause::Plan { why }, Repair::Decide)),
        };
        match &plan.state {
            PairState::Active => {}
            PairState::Stopped { why } | PairState::Waiting { why } => {
                // A pair that is not known to stand apart learns it from a look.
                let known = pair.state == plan.state;
                let repair = if known {
                    Repair::Nothing
                } else {
                    Repair::LookAgain
                };
                return Some((Cause::Apart { why: why.clone() }, repair));
            }
        }
        if let Some((side, ..)) = plan.create {
            return Some((Cause::Missing { side }, Repair::LookAgain));
        }
        let value = |side: Side, field: &FieldId| {
            let record = sights[side as usize].record();
            let value = record.and_then(|record| record.fields.get(field));
            value.cloned().unwrap_or_default()
        };
        let differs: Vec<_> = plan
            .fields
            .iter()
            .filter_map(|(field, fate)| match fate {
                FieldPlan::Write { why, .. } => Some(Difference {
                    field: field.clone(),
                    left: value(Side::Left, field),
                    right: value(Side::Right, field),
                    why: *why,
                }),
                _ => None,
            })
            .collect();
        if !differs.is_empty() {
            return Some((Cause::Differs { fields: differs }, Repair::LookAgain));
        }
        (!plan.holds.is_empty()).then_some((Cause::Held { fields: plan.holds }, Repair::Decide))
    }
}

fn unreadable(side: Side, error: &ReadError) -> (Cause, Repair) {
    let why = error.to_string();
    (Cause::Unreadable { side, why }, Repair::LookAgain)
}
