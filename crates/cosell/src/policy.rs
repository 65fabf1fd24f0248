//! Who wins when both sides moved: the one place where that is decided for co-sell deals.
//!
//! The engine asks only when it cannot know: both sides edited a field since they last agreed,
//! or the two records meet for the first time and differ.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use cosell_mapping::{
    DealState, FieldId, Value, field,
    rules::{self, Mapping, Transform},
};
use cosell_sync::{MergePolicy, Side, Three, Verdict};

/// The side of Partner Center in every engine that this crate builds.
pub const REFERRAL: Side = Side::Left;
/// The side of the CRM in every engine that this crate builds.
pub const CRM: Side = Side::Right;

/// What becomes of a field that was edited on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// The CRM's value stands.
    CrmWins,
    /// The referral's value stands.
    ReferralWins,
    /// The value of the record that changed last stands, by the services' own times; within a
    /// minute of each other they count as simultaneous and a person decides. At a first meeting
    /// nothing is known to be newer: a person decides.
    Newest,
    /// A person decides.
    Hold,
}

/// The policy of a co-sell integration: one answer per field.
///
/// The deal's state is not open to choice: a closed referral is final, a first meeting goes from
/// the referral to the CRM, anything else waits for a person.
#[derive(Clone, Debug)]
pub struct CosellPolicy {
    otherwise: Conflict,
    fields: BTreeMap<FieldId, Conflict>,
    /// Fields that say where the deal stands.
    states: BTreeSet<FieldId>,
    /// Fields whose yes cannot be taken back in Partner Center.
    one_way: BTreeSet<FieldId>,
}

impl Default for CosellPolicy {
    /// The CRM wins: it is where the partner's sellers work.
    fn default() -> Self {
        Self::new(Conflict::CrmWins)
    }
}

impl CosellPolicy {
    /// The same answer for every field.
    pub fn new(otherwise: Conflict) -> Self {
        Self {
            otherwise,
            fields: BTreeMap::new(),
            states: BTreeSet::from([field::DEAL_STATE]),
            one_way: BTreeSet::new(),
        }
    }

    /// Another answer for one field.
    #[must_use]
    pub fn with_field(mut self, field: FieldId, conflict: Conflict) -> Self {
        self.fields.insert(field, conflict);
        self
    }

    fn state(three: &Three<'_>) -> Verdict {
        let closed = DealState::try_from(three.left).is_ok_and(DealState::is_closed);
        if three.base.is_none() || closed {
            return Verdict::Keep(REFERRAL);
        }
        Verdict::Hold("the deal was moved on both sides; choose the state that is true".to_owned())
    }
}

impl From<&Mapping> for CosellPolicy {
    /// What the rules say, field by field.
    fn from(mapping: &Mapping) -> Self {
        let mut policy = Self::default();
        for (field, rule) in &mapping.file().fields {
            let conflict = match rule.conflict {
                rules::Conflict::PartnerCenter => Conflict::ReferralWins,
                rules::Conflict::Newest => Conflict::Newest,
                rules::Conflict::Hold => Conflict::Hold,
                _ => Conflict::CrmWins,
            };
            policy.fields.insert(field.clone(), conflict);
            if rule.transform == Transform::State {
                policy.states.insert(field.clone());
            }
            if rule.referral.one_way == Some(true) {
                policy.one_way.insert(field.clone());
            }
        }
        policy
    }
}

impl MergePolicy for CosellPolicy {
    fn writable(&self, _: &FieldId, _: Side) -> bool {
        true
    }

    fn decide(&self, field: &FieldId, three: Three<'_>) -> Verdict {
        if self.states.contains(field) {
            return Self::state(&three);
        }
        if three.base.is_none() {
            match (three.left.is_null(), three.right.is_null()) {
                (true, false) => return Verdict::Keep(Side::Right),
                (false, true) => return Verdict::Keep(Side::Left),
                _ => {}
            }
        }
        match self.fields.get(field).copied().unwrap_or(self.otherwise) {
            Conflict::CrmWins => Verdict::Keep(CRM),
            Conflict::ReferralWins => Verdict::Keep(REFERRAL),
            Conflict::Newest if three.base.is_some() => newest(&three),
            Conflict::Newest | Conflict::Hold => {
                Verdict::Hold("edited on both sides; choose the value that is true".to_owned())
            }
        }
    }

    fn irreversible(&self, field: &FieldId, side: Side, from: &Value, to: &Value) -> bool {
        let final_there = self.states.contains(field) || self.one_way.contains(field);
        final_there && side == REFERRAL && from != to
    }
}

fn newest(three: &Three<'_>) -> Verdict {
    let ahead = three.left_as_of - three.right_as_of;
    if ahead.abs() <= TimeDelta::minutes(1) {
        return Verdict::Hold("edited on both sides within a minute".to_owned());
    }
    Verdict::Keep(if ahead > TimeDelta::zero() {
        Side::Left
    } else {
        Side::Right
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use cosell_sync::Images;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
    }

    fn ask(
        policy: &CosellPolicy,
        base: bool,
        left: (&Value, i64),
        right: (&Value, i64),
    ) -> Verdict {
        let images = Images {
            left: Value::text("base"),
            right: Value::text("base"),
        };
        let three = Three::new(
            base.then_some(&images),
            (left.0, at(left.1)),
            (right.0, at(right.1)),
        );
        policy.decide(&FieldId::from("value"), three)
    }

    #[test]
    fn each_answer_of_a_field() {
        let (a, b) = (Value::text("a"), Value::text("b"));
        for (conflict, expected) in [
            (Conflict::CrmWins, Verdict::Keep(CRM)),
            (Conflict::ReferralWins, Verdict::Keep(REFERRAL)),
            (Conflict::Newest, Verdict::Keep(REFERRAL)),
        ] {
            assert_eq!(
                ask(&CosellPolicy::new(conflict), true, (&a, 9), (&b, 2)),
                expected
            );
        }
        let newest = CosellPolicy::new(Conflict::Newest);
        assert_eq!(ask(&newest, true, (&a, 2), (&b, 9)), Verdict::Keep(CRM));
        for (policy, base, times) in [
            (CosellPolicy::new(Conflict::Hold), true, (9, 2)),
            (newest.clone(), true, (3, 2)),
            (newest, false, (9, 2)),
        ] {
            let verdict = ask(&policy, base, (&a, times.0), (&b, times.1));
            assert!(matches!(verdict, Verdict::Hold(_)), "{policy:?}");
        }
    }

    #[test]
    fn at_a_first_meeting_something_beats_nothing() {
        let (a, none) = (Value::text("a"), Value::Null);
        let policy = CosellPolicy::new(Conflict::Hold);
        assert_eq!(
            ask(&policy, false, (&a, 0), (&none, 0)),
            Verdict::Keep(Side::Left)
        );
        assert_eq!(
            ask(&policy, false, (&none, 0), (&a, 0)),
            Verdict::Keep(Side::Right)
        );
    }

    #[test]
    fn the_state_goes_from_the_referral_at_first_and_when_it_is_closed() {
        let policy = CosellPolicy::default();
        let decide = |base: Option<&Images>, left: DealState, right: DealState| {
            let (left, right) = (Value::from(left), Value::from(right));
            policy.decide(
                &field::DEAL_STATE,
                Three::new(base, (&left, at(0)), (&right, at(0))),
            )
        };
        let accepted = Value::from(DealState::Accepted);
        let base = Images {
            left: accepted.clone(),
            right: accepted,
        };
        assert_eq!(
            decide(None, DealState::Accepted, DealState::Pending),
            Verdict::Keep(REFERRAL)
        );
        assert_eq!(
            decide(Some(&base), DealState::Lost, DealState::Won),
            Verdict::Keep(REFERRAL)
        );
        assert!(matches!(
            decide(Some(&base), DealState::Pending, DealState::Won),
            Verdict::Hold(_)
        ));
    }
}
