//! All deals of both services side by side, read straight from them.

use std::collections::{BTreeMap, BTreeSet};

use cosell_mapping::{FieldId, Settled, Snapshot, Value};
use cosell_sync::{
    Engine, EngineError, GroupId, Hold, Life, Observed, ReadError, RecordId, Replica, Role, Side,
};

use crate::{Dynamics, PartnerCenter};

/// Pairs asked from the store at once.
const BATCH: usize = 200;

/// How both services stand to each other.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Comparison {
    /// Deals that have a record on both sides.
    pub pairs: Vec<ComparedPair>,
    /// Opportunities that take part and name no referral, or one that is not there.
    pub opportunities_alone: Vec<RecordId>,
    /// Referrals that take part and are named by no opportunity.
    pub referrals_alone: Vec<RecordId>,
    /// Referrals that more than one opportunity names, or that carry one opportunity's id twice.
    pub doubles: Vec<Double>,
}

impl Comparison {
    /// Is every deal on both sides once, and equal but for held fields?
    pub fn is_equal(&self) -> bool {
        self.opportunities_alone.is_empty()
            && self.referrals_alone.is_empty()
            && self.doubles.is_empty()
            && self.pairs.iter().all(ComparedPair::is_equal)
    }
}

/// One deal on both sides.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ComparedPair {
    /// The referral.
    pub referral: RecordId,
    /// The opportunity.
    pub opportunity: RecordId,
    /// Fields that differ, beyond what one side cannot hold exactly.
    pub differences: Vec<Difference>,
}

impl ComparedPair {
    /// Does nothing differ but held fields?
    pub fn is_equal(&self) -> bool {
        self.differences
            .iter()
            .all(|difference| difference.held.is_some())
    }
}

/// A field that differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Difference {
    /// The field.
    pub field: FieldId,
    /// In the referral.
    pub referral: Value,
    /// In the opportunity.
    pub opportunity: Value,
    /// Why the engine leaves it so, if it does.
    pub held: Option<Hold>,
}

/// Records that stand for one deal twice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Double {
    /// Where they are.
    pub side: Side,
    /// The record at the other end that they name.
    pub of: RecordId,
    /// The records.
    pub records: Vec<RecordId>,
}

/// A comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A side could not be read.
    #[error("the {side:?} side could not be read")]
    Read {
        /// Which.
        side: Side,
        /// Why.
        source: ReadError,
    },
    /// What is remembered could not be read.
    #[error("the remembered holds could not be read")]
    Engine(#[from] EngineError),
}

pub(crate) async fn compare(
    engine: &Engine,
    referrals: &PartnerCenter,
    opportunities: &Dynamics,
) -> Result<Comparison, CompareError> {
    let holds = holds(engine).await?;
    let mut left = all(referrals, Side::Left).await?;
    let unlisted = unlisted_parts(engine, referrals, &left).await?;
    left.extend(unlisted);
    with_parts(&mut left);
    let right = all(opportunities, Side::Right).await?;
    let mut comparison = Comparison::default();
    let mut named: BTreeMap<&str, Vec<&Observed>> = BTreeMap::new();
    for row in right.values().filter(|row| row.takes_part) {
        match &row.key {
            Some(key) if left.contains_key(&RecordId::from(key.clone())) => {
                named.entry(key.as_str()).or_default().push(row);
            }
            _ => comparison.opportunities_alone.push(row.id.clone()),
        }
    }
    for (referral, rows) in &named {
        let referral = RecordId::new(*referral);
        if rows.len() > 1 {
            comparison.doubles.push(Double {
                side: Side::Right,
                of: referral.clone(),
                records: rows.iter().map(|row| row.id.clone()).collect(),
            });
        }
        for row in rows {
            let differences = differences(
                (referrals, &left[&referral]),
                (opportunities, row),
                holds.get(&row.id),
            );
            comparison.pairs.push(ComparedPair {
                referral: referral.clone(),
                opportunity: row.id.clone(),
                differences,
            });
        }
    }
    let mut claimed: BTreeMap<&str, Vec<RecordId>> = BTreeMap::new();
    for referral in left.values().filter(|referral| referral.role == Role::Main) {
        if referral.takes_part && !named.contains_key(referral.id.as_str()) {
            comparison.referrals_alone.push(referral.id.clone());
        }
        if let Some(key) = &referral.key {
            claimed
                .entry(key.as_str())
                .or_default()
                .push(referral.id.clone());
        }
    }
    for (of, records) in claimed.into_iter().filter(|(_, records)| records.len() > 1) {
        comparison.doubles.push(Double {
            side: Side::Left,
            of: RecordId::new(of),
            records,
        });
    }
    Ok(comparison)
}

fn differences(
    (referrals, referral): (&PartnerCenter, &Observed),
    (opportunities, row): (&Dynamics, &Observed),
    holds: Option<&BTreeMap<FieldId, Hold>>,
) -> Vec<Difference> {
    let fields: BTreeSet<&FieldId> = referral.fields.keys().chain(row.fields.keys()).collect();
    let becomes = |settled: Settled, held: &Value| matches!(settled, Settled::Becomes { value, .. } if value == *held);
    fields
        .into_iter()
        // A lead lacks some fields.
        .filter(|field| {
            let both = [&referral.fields, &row.fields];
            both.iter().all(|fields| fields.contains_key(*field))
        })
        .filter_map(|field| {
            let left = referral.fields.get(field).cloned().unwrap_or_default();
            let right = row.fields.get(field).cloned().unwrap_or_default();
            let agree = left == right
                || becomes(opportunities.settle(field, &left, Some(row)), &right)
                || becomes(referrals.settle(field, &right, Some(referral)), &left);
            (!agree).then(|| Difference {
                field: field.clone(),
                referral: left,
                opportunity: right,
                held: holds.and_then(|holds| holds.get(field)).cloned(),
            })
        })
        .collect()
}

/// Every record of a side, from a pass of its own.
async fn all(
    replica: &dyn Replica,
    side: Side,
) -> Result<BTreeMap<RecordId, Observed>, CompareError> {
    let failed = |source| CompareError::Read { side, source };
    let mut records = BTreeMap::new();
    let mut cursor = None;
    loop {
        let page = replica.hints(cursor.as_ref()).await.map_err(failed)?;
        for hint in page.hints.into_iter().filter(|hint| !hint.gone) {
            if hint.takes_part == Some(false) && hint.seen.is_none() {
                continue;
            }
            let seen = match hint.seen {
                Some(seen) => Some(seen),
                None => replica.fetch(&hint.id).await.map_err(failed)?,
            };
            records.extend(seen.map(|seen| (seen.id.clone(), seen)));
        }
        if !page.more {
            return Ok(records);
        }
        cursor = Some(page.cursor);
    }
}

/// Parts that lists do not show, as far as the engine knows of them.
async fn unlisted_parts(
    engine: &Engine,
    replica: &dyn Replica,
    listed: &BTreeMap<RecordId, Observed>,
) -> Result<BTreeMap<RecordId, Observed>, CompareError> {
    let mut parts = BTreeMap::new();
    if replica.capabilities().lists_parts {
        return Ok(parts);
    }
    for own in listed.values().filter(|record| record.takes_part) {
        let Some(pair) = engine.pair_of(Side::Left, &own.id).await? else {
            continue;
        };
        let known = pair
            .parts
            .into_values()
            .filter(|part| part.side == Side::Left);
        for id in known.filter_map(|part| part.id) {
            match replica.fetch(&id).await {
                Ok(part) => parts.extend(part.map(|part| (id, part))),
                // As for the engine: it stays what it was.
                Err(ReadError::NotVisible(_)) => {}
                Err(source) => {
                    let side = Side::Left;
                    return Err(CompareError::Read { side, source });
                }
            }
        }
    }
    Ok(parts)
}

/// What a part holds goes before what its deal's own referral holds, as in the engine.
fn with_parts(records: &mut BTreeMap<RecordId, Observed>) {
    let mut parts: Vec<&Observed> = records
        .values()
        .filter(|it| it.role != Role::Main)
        .collect();
    // A later one is written over an earlier one: closed parts give way to open ones.
    parts.sort_by_key(|part| part.life == Life::Open);
    let mut told: BTreeMap<GroupId, Snapshot> = BTreeMap::new();
    for part in parts {
        let Some(group) = part.group.clone() else {
            continue;
        };
        let fields = part.fields.iter().filter(|(_, value)| !value.is_null());
        let fields = fields.map(|(field, value)| (field.clone(), value.clone()));
        told.entry(group).or_default().extend(fields);
    }
    for record in records.values_mut().filter(|it| it.role == Role::Main) {
        let told = record.group.as_ref().and_then(|group| told.get(group));
        record.fields.extend(told.cloned().unwrap_or_default());
    }
}

/// What the engine holds, by opportunity.
async fn holds(
    engine: &Engine,
) -> Result<BTreeMap<RecordId, BTreeMap<FieldId, Hold>>, EngineError> {
    let mut holds = BTreeMap::new();
    let mut after = None;
    loop {
        let (pairs, next) = engine.holds(after, BATCH).await?;
        for pair in pairs {
            holds.extend(pair.right.id.map(|id| (id, pair.holds)));
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(holds),
        }
    }
}
