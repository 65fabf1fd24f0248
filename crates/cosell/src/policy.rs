//! Who wins when both sides moved: the one place where that is decided for co-sell deals.
//!
//! The engine asks only when it cannot know: both sides edited a field since they last agreed,
//! or the two records meet for the first time and differ. What may be chosen per field is
//! [`FieldPolicy`]; the rules of the deal's state are here.

use std::{collections::BTreeSet, time::Duration};

use cosell_mapping::{
    DealState, FieldId, Value, field,
    rules::{self, Direction, Mapping, Transform},
};
use cosell_sync::{FieldPolicies, FieldPolicy, MergePolicy, Ruling, Side, Stray, Three, Verdict};

/// The side of Partner Center in every engine that this crate builds.
pub const REFERRAL: Side = Side::Left;
/// The side of the CRM in every engine that this crate builds.
pub const CRM: Side = Side::Right;

/// The policy of a co-sell integration: one answer per field.
///
/// The deal's state is not open to choice: a closed referral is final, a first meeting goes from
/// the referral to the CRM, anything else waits for a person, and no move of a referral can be
/// taken back.
#[derive(Clone, Debug)]
pub struct CosellPolicy {
    fields: FieldPolicies,
    /// Fields that say where the deal stands.
    states: BTreeSet<FieldId>,
}

impl Default for CosellPolicy {
    /// The CRM wins: it is where the partner's sellers work.
    fn default() -> Self {
        Self::new(FieldPolicy::wins(CRM))
    }
}

/// Edits of both sides within this time count as simultaneous where the newest stands.
const SIMULTANEOUS: Duration = Duration::from_secs(60);

impl CosellPolicy {
    /// The same answer for every field.
    pub fn new(otherwise: FieldPolicy) -> Self {
        let policy = Self {
            fields: FieldPolicies::new(otherwise),
            states: BTreeSet::new(),
        };
        policy.with_state(field::DEAL_STATE)
    }

    /// Another answer for one field. For the deal's state this changes nothing.
    #[must_use]
    pub fn with_field(mut self, field: FieldId, policy: FieldPolicy) -> Self {
        if !self.states.contains(&field) {
            self.fields = self.fields.with_field(field, policy);
        }
        self
    }

    fn with_state(mut self, field: FieldId) -> Self {
        let policy = FieldPolicy::own("rules of the deal's state", |_, three| state(&three))
            .with_first_meeting(FieldPolicy::wins(REFERRAL))
            .with_irreversible(REFERRAL);
        self.fields = self.fields.with_field(field.clone(), policy);
        self.states.insert(field);
        self
    }
}

impl From<&Mapping> for CosellPolicy {
    /// What the rules say, field by field.
    fn from(mapping: &Mapping) -> Self {
        let mut policy = Self::default();
        for (field, rule) in &mapping.file().fields {
            if rule.transform == Transform::State {
                policy = policy.with_state(field.clone());
                continue;
            }
            if let Some(stray) = mapping.stray(field) {
                let leader = match rule.direction {
                    Direction::ToPartnerCenter => CRM,
                    _ => REFERRAL,
                };
                let stray = match stray {
                    rules::Stray::Leave => Stray::Left,
                    _ => Stray::PutBack,
                };
                policy = policy.with_field(field.clone(), FieldPolicy::led_by(leader, stray));
                continue;
            }
            let answer = match rule.conflict {
                // Whoever wins: a yes in Partner Center is for ever, and goes back to the CRM.
                _ if rule.referral.one_way == Some(true) => {
                    FieldPolicy::switch().with_irreversible(REFERRAL)
                }
                rules::Conflict::PartnerCenter => FieldPolicy::wins(REFERRAL),
                rules::Conflict::Newest => FieldPolicy::newest(SIMULTANEOUS),
                rules::Conflict::Hold => FieldPolicy::hold(),
                rules::Conflict::Merge if rule.transform == Transform::Set => FieldPolicy::sets(),
                rules::Conflict::Merge => FieldPolicy::lines(),
                _ => FieldPolicy::wins(CRM),
            };
            policy = policy.with_field(field.clone(), answer);
        }
        policy
    }
}

fn state(three: &Three<'_>) -> Verdict {
    if DealState::try_from(three.of(REFERRAL)).is_ok_and(DealState::is_closed) {
        return Verdict::Keep(REFERRAL);
    }
    Verdict::Hold("the deal was moved on both sides; choose the state that is true".to_owned())
}

impl MergePolicy for CosellPolicy {
    fn writable(&self, field: &FieldId, side: Side) -> bool {
        self.fields.writable(field, side)
    }

    fn decide(&self, field: &FieldId, three: Three<'_>) -> Ruling {
        self.fields.decide(field, three)
    }

    fn object(&self, field: &FieldId, moved: Side, three: Three<'_>) -> Option<Ruling> {
        self.fields.object(field, moved, three)
    }

    fn irreversible(&self, field: &FieldId, side: Side, from: &Value, to: &Value) -> bool {
        self.fields.irreversible(field, side, from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use cosell_sync::{Images, Rule};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    #[test]
    fn the_crm_wins_unless_a_field_says_otherwise() {
        let policy = CosellPolicy::default().with_field(field::NAME, FieldPolicy::wins(REFERRAL));
        let (a, b) = (Value::text("a"), Value::text("b"));
        let three = Three::new(None, (&a, now()), (&b, now()));
        assert_eq!(policy.decide(&field::VALUE, three).rule, Rule::Wins(CRM));
        assert_eq!(
            policy.decide(&field::NAME, three).rule,
            Rule::Wins(REFERRAL)
        );
    }

    #[test]
    fn the_state_goes_from_the_referral_at_first_and_when_it_is_closed() {
        let policy = CosellPolicy::default().with_field(field::DEAL_STATE, FieldPolicy::wins(CRM));
        let decide = |base: Option<&Images>, left: DealState, right: DealState| {
            let (left, right) = (Value::from(left), Value::from(right));
            let three = Three::new(base, (&left, now()), (&right, now()));
            policy.decide(&field::DEAL_STATE, three).verdict
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
        let (from, to) = (
            Value::from(DealState::Accepted),
            Value::from(DealState::Won),
        );
        assert!(policy.irreversible(&field::DEAL_STATE, REFERRAL, &from, &to));
        assert!(!policy.irreversible(&field::DEAL_STATE, CRM, &from, &to));
    }
}
