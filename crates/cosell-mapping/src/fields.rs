//! Field rules: which value stands where on both sides, and who may write it.

use std::collections::BTreeMap;

use crate::{
    Assignment, Context, DateShape, FieldId, Lens, LensSpec, MoneyShape, Part, PartsShape, Path,
    ReadFault, Reason, ReasonCode, Record, RecordKind, ReferralState, RowState, Settled, Shape,
    Snapshot, TextShape, Value,
};

/// Names of the fields of [`FieldSet::default_connector`].
pub mod field {
    use crate::FieldId;

    /// The deal's name.
    pub const NAME: FieldId = FieldId::from_static("name");
    /// The deal's value with its currency.
    pub const VALUE: FieldId = FieldId::from_static("value");
    /// The day on which the deal is expected to close.
    pub const CLOSE_DATE: FieldId = FieldId::from_static("close_date");
    /// Notes on the deal.
    pub const DESCRIPTION: FieldId = FieldId::from_static("description");
    /// Where the deal stands, see [`DealState`](crate::DealState).
    pub const DEAL_STATE: FieldId = FieldId::from_static("deal_state");
    /// The customer's name and address.
    pub const CUSTOMER: FieldId = FieldId::from_static("customer");
}

/// Which record's value may be changed by the sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authority {
    /// Both.
    Shared,
    /// The referral leads: only the row is written.
    Referral,
    /// The row leads: only the referral is written.
    Row,
}

impl Authority {
    /// May the sync write this record?
    pub fn may_write(self, kind: RecordKind) -> bool {
        match self {
            Self::Shared => true,
            Self::Referral => kind == RecordKind::Row,
            Self::Row => kind == RecordKind::Referral,
        }
    }
}

/// One field: a lens for either record, and who may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldRule {
    /// The field.
    pub field: FieldId,
    /// How it stands in a referral.
    pub referral: LensSpec,
    /// How it stands in a CRM row.
    pub row: LensSpec,
    /// Who may be written.
    pub authority: Authority,
}

impl FieldRule {
    /// A field that goes both ways.
    pub fn new(field: FieldId, referral: LensSpec, row: LensSpec) -> Self {
        Self {
            field,
            referral,
            row,
            authority: Authority::Shared,
        }
    }

    /// With another authority.
    #[must_use]
    pub fn with_authority(mut self, authority: Authority) -> Self {
        self.authority = authority;
        self
    }

    /// The lens for one record.
    pub fn lens(&self, kind: RecordKind) -> &LensSpec {
        match kind {
            RecordKind::Referral => &self.referral,
            RecordKind::Row => &self.row,
        }
    }
}

/// Rules that cannot stand together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleFault {
    /// Two rules for one field.
    #[error("field {0} has two rules: remove one")]
    Twice(FieldId),
    /// Two rules write one place.
    #[error("fields {first} and {second} both write {path}: let one of them go")]
    Overlap {
        /// The earlier field.
        first: FieldId,
        /// The later field.
        second: FieldId,
        /// The place.
        path: Path,
    },
    /// A lens stands on the wrong side of its rule.
    #[error("field {field}: a lens for the other record stands under {under:?}: swap them")]
    WrongSide {
        /// The field.
        field: FieldId,
        /// The side of the rule.
        under: RecordKind,
    },
}

/// A place that a service refuses, told with its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The field.
    pub field: FieldId,
    /// Why the record cannot take its value.
    pub reason: Reason,
}

/// All fields that two records share, in order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    rules: BTreeMap<FieldId, FieldRule>,
}

impl FieldSet {
    /// These rules.
    ///
    /// # Errors
    /// All faults at once: a field twice, a place that two rules write, a lens on the wrong side.
    pub fn new(rules: Vec<FieldRule>) -> Result<Self, Vec<RuleFault>> {
        let mut faults = Vec::new();
        let mut set = Self::default();
        for rule in rules {
            for kind in [RecordKind::Referral, RecordKind::Row] {
                if rule.lens(kind).kind != kind {
                    faults.push(RuleFault::WrongSide {
                        field: rule.field.clone(),
                        under: kind,
                    });
                }
                set.overlaps(&rule, kind, &mut faults);
            }
            let field = rule.field.clone();
            if set.rules.insert(field.clone(), rule).is_some() {
                faults.push(RuleFault::Twice(field));
            }
        }
        if faults.is_empty() {
            Ok(set)
        } else {
            Err(faults)
        }
    }

    fn overlaps(&self, rule: &FieldRule, kind: RecordKind, faults: &mut Vec<RuleFault>) {
        let places = rule.lens(kind).writes();
        for other in self
            .rules
            .values()
            .filter(|other| other.field != rule.field)
        {
            for theirs in other.lens(kind).writes() {
                if places
                    .iter()
                    .any(|path| path.covers(&theirs) || theirs.covers(path))
                {
                    faults.push(RuleFault::Overlap {
                        first: other.field.clone(),
                        second: rule.field.clone(),
                        path: theirs,
                    });
                }
            }
        }
    }

    /// The fields that every deal has: name, value with currency, close date, description, state,
    /// customer.
    pub fn default_connector() -> Self {
        let referral = |shape| LensSpec::new(RecordKind::Referral, shape);
        let row = |shape| LensSpec::new(RecordKind::Row, shape);
        let at = Path::known;
        let rules = [
            FieldRule::new(
                field::NAME,
                referral(Shape::Text(
                    TextShape::new(at("name")).of_referral().required(),
                ))
                .at_creation(ReasonCode::NotWritable),
                row(Shape::Text(
                    TextShape::new(at("name")).with_limit(300).with_tick(),
                )),
            ),
            FieldRule::new(
                field::VALUE,
                referral(Shape::Money(MoneyShape::coded(
                    at("details/dealValue"),
                    at("details/currency"),
                ))),
                row(Shape::Money(
                    MoneyShape::looked_up(
                        at("estimatedvalue"),
                        at("_transactioncurrencyid_value"),
                        at("transactioncurrencyid@odata.bind"),
                    )
                    .with_computed(at("isrevenuesystemcalculated")),
                )),
            ),
            FieldRule::new(
                field::CLOSE_DATE,
                referral(Shape::Date(DateShape::moment(at(
                    "details/closingDateTime",
                )))),
                row(Shape::Date(DateShape::day(at("estimatedclosedate")))),
            ),
            FieldRule::new(
                field::DESCRIPTION,
                referral(Shape::Text(
                    TextShape::new(at("details/notes")).of_referral(),
                )),
                row(Shape::Text(
                    TextShape::new(at("description")).with_limit(2000),
                )),
            ),
            FieldRule::new(
                field::DEAL_STATE,
                referral(Shape::ReferralState(ReferralState::default())),
                row(Shape::RowState(RowState::default())),
            ),
            FieldRule::new(
                field::CUSTOMER,
                referral(Shape::Parts(referral_customer())).at_creation(ReasonCode::Frozen),
                row(Shape::Parts(row_customer())).at_creation(ReasonCode::NotWritable),
            ),
        ];
        Self {
            rules: rules
                .into_iter()
                .map(|rule| (rule.field.clone(), rule))
                .collect(),
        }
    }

    /// The rules, in order of their fields' names.
    pub fn iter(&self) -> impl Iterator<Item = &FieldRule> {
        self.rules.values()
    }

    /// The rule of one field.
    pub fn rule(&self, field: &FieldId) -> Option<&FieldRule> {
        self.rules.get(field)
    }

    /// All places that reading a record looks at.
    pub fn reads(&self, kind: RecordKind) -> Vec<Path> {
        let paths = self.iter().flat_map(|rule| rule.lens(kind).reads());
        paths.collect()
    }

    /// All fields of a record.
    ///
    /// # Errors
    /// All places where the record breaks the model.
    pub fn snapshot(
        &self,
        kind: RecordKind,
        record: &Record,
        cx: &Context,
    ) -> Result<Snapshot, Vec<ReadFault>> {
        let mut snapshot = Snapshot::new();
        let mut faults = Vec::new();
        for rule in self.iter() {
            match rule.lens(kind).get(record, cx) {
                Ok(value) => {
                    snapshot.insert(rule.field.clone(), value);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            Ok(snapshot)
        } else {
            Err(faults)
        }
    }

    /// What would become of `wanted` in a field of the record (`None`: of a new one).
    pub fn settle(
        &self,
        kind: RecordKind,
        field: &FieldId,
        wanted: &Value,
        record: Option<&Record>,
        cx: &Context,
    ) -> Settled {
        match self.rule(field) {
            Some(rule) => rule.lens(kind).settle(wanted, record, cx),
            None => Settled::Cannot(no_rule(field)),
        }
    }

    /// As [`settle`](Self::settle) on a record that is there, of which `held` was read before.
    pub fn settle_read(
        &self,
        kind: RecordKind,
        field: &FieldId,
        wanted: &Value,
        (record, held): (&Record, &Value),
        cx: &Context,
    ) -> Settled {
        match self.rule(field) {
            Some(rule) => rule.lens(kind).settle_read(wanted, record, held, cx),
            None => Settled::Cannot(no_rule(field)),
        }
    }

    /// What to assign so that the record (`None`: a new one) holds `fields`.
    ///
    /// # Errors
    /// All fields that the record cannot take now; nothing should be written then.
    pub fn put<'a>(
        &self,
        kind: RecordKind,
        fields: impl IntoIterator<Item = (&'a FieldId, &'a Value)>,
        record: Option<&Record>,
        cx: &Context,
    ) -> Result<Vec<Assignment>, Vec<Refusal>> {
        let mut assignments = Vec::new();
        let mut refusals = Vec::new();
        for (field, value) in fields {
            let put = self
                .rule(field)
                .ok_or_else(|| no_rule(field))
                .and_then(|rule| rule.lens(kind).put(record, value, cx));
            match put {
                Ok(more) => assignments.extend(more),
                Err(reason) => refusals.push(Refusal {
                    field: field.clone(),
                    reason,
                }),
            }
        }
        if refusals.is_empty() {
            Ok(assignments)
        } else {
            Err(refusals)
        }
    }
}

fn no_rule(field: &FieldId) -> Reason {
    Reason::new(
        ReasonCode::Unmappable,
        format!("no rule maps the field {field}: add one"),
    )
}

fn referral_customer() -> PartsShape {
    let part = |name, path| Part::new(name, Path::known(path));
    PartsShape::new(vec![
        part("name", "customerProfile/name").required(),
        part("line1", "customerProfile/address/addressLine1"),
        part("city", "customerProfile/address/city"),
        part("state", "customerProfile/address/state"),
        part("postal_code", "customerProfile/address/postalCode"),
        part("country", "customerProfile/address/country")
            .country()
            .required(),
    ])
    .with_entities()
}

fn row_customer() -> PartsShape {
    let part = |name, path, limit| Part::new(name, Path::known(path)).with_limit(limit);
    PartsShape::new(vec![
        part("name", "parentaccountid/name", 160),
        part("line1", "parentaccountid/address1_line1", 250),
        part("city", "parentaccountid/address1_city", 80),
        part("state", "parentaccountid/address1_stateorprovince", 50),
        part("postal_code", "parentaccountid/address1_postalcode", 20),
        part("country", "parentaccountid/address1_country", 80).country(),
    ])
}

#[cfg(test)]
mod tests;
