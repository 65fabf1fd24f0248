//! Trying a mapping: one pair of records explained field by field, many pairs counted.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Access, Context, FieldId, FieldRule, Lens, LensSpec, Loss, Reason, Record, RecordKind, Settled,
    Value,
};

use super::{ContentHash, Mapping, guide::steps};

/// What would become of a field's value in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Direct {
    /// It is there already, or its settled form is.
    Equal,
    /// This would be written.
    Write {
        /// What the record would hold.
        value: Value,
        /// What would get lost.
        loss: Option<Loss>,
        /// The places and the JSON text that each would get.
        places: BTreeMap<String, String>,
    },
    /// The other side holds only the beginning of this side's value, so nothing goes back.
    Partial,
    /// The record cannot take it now.
    Held(Reason),
    /// The rule does not go this way.
    OneWay,
    /// A record breaks the model.
    Unreadable(String),
}

impl fmt::Display for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal => f.write_str("nothing, it is there"),
            Self::Write {
                value,
                loss,
                places,
            } => {
                write!(f, "{value}")?;
                match loss {
                    Some(Loss::Shortened) => f.write_str(" (shortened)")?,
                    Some(Loss::Rounded) => f.write_str(" (in another form)")?,
                    None => {}
                }
                for (place, text) in places {
                    write!(f, "; {place} = {text}")?;
                }
                Ok(())
            }
            Self::Partial => f.write_str("nothing, only the beginning stands on the other side"),
            Self::Held(reason) => write!(f, "nothing, {}", reason.detail),
            Self::OneWay => f.write_str("nothing, the rule does not go this way"),
            Self::Unreadable(fault) => write!(f, "nothing, unreadable: {fault}"),
        }
    }
}

/// One field of one pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExplainedField {
    /// The field.
    pub field: FieldId,
    /// Where its rule stands, as file, line and column, when it came from a file.
    pub rule: Option<String>,
    /// What the referral holds; `None` where it cannot be read.
    pub referral: Option<Value>,
    /// What the CRM row holds; `None` where it cannot be read.
    pub crm: Option<Value>,
    /// What the rule does in the referral.
    pub referral_steps: Vec<String>,
    /// What the rule does in the row.
    pub crm_steps: Vec<String>,
    /// What the referral's value would do to the row.
    pub to_crm: Direct,
    /// What the row's value would do to the referral.
    pub to_partner_center: Direct,
}

impl ExplainedField {
    /// Do both sides agree?
    pub fn agrees(&self) -> bool {
        let equal = |direct: &Direct| *direct == Direct::Equal;
        equal(&self.to_crm) || equal(&self.to_partner_center)
    }
}

/// One pair, field by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explained {
    /// The mapping's name and version.
    pub mapping: String,
    /// What the mapping says.
    pub hash: ContentHash,
    /// Its fields.
    pub fields: Vec<ExplainedField>,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", self.mapping, self.hash)?;
        let shown = |value: &Option<Value>| {
            let text = value.as_ref().map(ToString::to_string);
            text.unwrap_or_else(|| "(unreadable)".to_owned())
        };
        for field in &self.fields {
            match &field.rule {
                Some(rule) => writeln!(f, "\n{} ({rule})", field.field)?,
                None => writeln!(f, "\n{}", field.field)?,
            }
            writeln!(f, "  referral: {}", shown(&field.referral))?;
            for step in &field.referral_steps {
                writeln!(f, "    - {step}")?;
            }
            writeln!(f, "  CRM: {}", shown(&field.crm))?;
            for step in &field.crm_steps {
                writeln!(f, "    - {step}")?;
            }
            if field.agrees() {
                writeln!(f, "  both sides agree")?;
            } else {
                writeln!(f, "  to the CRM: {}", field.to_crm)?;
                writeln!(f, "  to Partner Center: {}", field.to_partner_center)?;
            }
        }
        Ok(())
    }
}

/// What a mapping would do to many pairs, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Preview {
    /// How many pairs were looked at.
    pub pairs: usize,
    /// Pairs in which some field differs.
    pub differing: usize,
    /// Counts by field.
    pub fields: BTreeMap<FieldId, Tally>,
}

/// Counts of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// Both sides agree.
    pub equal: usize,
    /// The referral's value could go to the CRM.
    pub to_crm: usize,
    /// The CRM's value could go to Partner Center.
    pub to_partner_center: usize,
    /// They differ and neither way is open.
    pub held: usize,
    /// A record breaks the model.
    pub unreadable: usize,
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} pairs, {} differ", self.pairs, self.differing)?;
        for (field, tally) in &self.fields {
            let Tally {
                equal,
                to_crm,
                to_partner_center,
                held,
                unreadable,
            } = tally;
            writeln!(
                f,
                "{field}: {equal} equal, {to_crm} to the CRM, {to_partner_center} to Partner \
                 Center, {held} held, {unreadable} unreadable"
            )?;
        }
        Ok(())
    }
}

impl Mapping {
    /// What the rules make of one pair as it is now: for each field what was read, what would be
    /// written where, and why nothing would be. Nobody's history is known here, so both
    /// directions are told; which one is taken, the engine decides by what moved.
    pub fn explain(&self, referral: &Record, row: &Record, cx: &Context) -> Explained {
        let fields = self.fields.iter();
        Explained {
            mapping: format!("{} {}", self.file.name, self.file.version),
            hash: self.hash().clone(),
            fields: fields
                .map(|rule| self.explain_field(rule, referral, row, cx))
                .collect(),
        }
    }

    /// What the rules would make of many pairs.
    pub fn preview<'a>(
        &self,
        pairs: impl IntoIterator<Item = (&'a Record, &'a Record)>,
        cx: &Context,
    ) -> Preview {
        let mut preview = Preview::default();
        for (referral, row) in pairs {
            preview.pairs += 1;
            let mut differs = false;
            for rule in self.fields.iter() {
                let told = self.explain_field(rule, referral, row, cx);
                let tally = preview.fields.entry(told.field.clone()).or_default();
                if told.referral.is_none() || told.crm.is_none() {
                    tally.unreadable += 1;
                    continue;
                }
                if told.agrees() {
                    tally.equal += 1;
                    continue;
                }
                differs = true;
                let writes = |direct: &Direct| usize::from(matches!(direct, Direct::Write { .. }));
                let (to_crm, back) = (writes(&told.to_crm), writes(&told.to_partner_center));
                tally.to_crm += to_crm;
                tally.to_partner_center += back;
                tally.held += usize::from(to_crm + back == 0);
            }
            preview.differing += usize::from(differs);
        }
        preview
    }

    fn explain_field(
        &self,
        rule: &FieldRule,
        referral: &Record,
        row: &Record,
        cx: &Context,
    ) -> ExplainedField {
        let place = self.places.get(&format!("fields.{}", rule.field));
        let left = rule.referral.get(referral, cx);
        let right = rule.row.get(row, cx);
        let (to_crm, to_partner_center) = match (&left, &right) {
            (Ok(left), Ok(right)) => (
                direct(rule, RecordKind::Row, left, right, (row, referral), cx),
                direct(rule, RecordKind::Referral, right, left, (referral, row), cx),
            ),
            (Err(fault), _) | (_, Err(fault)) => {
                let unreadable = Direct::Unreadable(fault.to_string());
                (unreadable.clone(), unreadable)
            }
        };
        ExplainedField {
            field: rule.field.clone(),
            rule: place.map(ToString::to_string),
            referral: left.ok(),
            crm: right.ok(),
            referral_steps: steps(&rule.referral),
            crm_steps: steps(&rule.row),
            to_crm,
            to_partner_center,
        }
    }
}

/// What `wanted` would do to the record `here`, which holds `held`.
fn direct(
    rule: &FieldRule,
    kind: RecordKind,
    wanted: &Value,
    held: &Value,
    (here, there): (&Record, &Record),
    cx: &Context,
) -> Direct {
    let lens = rule.lens(kind);
    let settled = lens.settle(wanted, Some(here), cx);
    match &settled {
        _ if wanted == held => return Direct::Equal,
        Settled::Becomes { value, .. } if value == held => return Direct::Equal,
        _ if lens.access == Access::Never => return Direct::OneWay,
        Settled::Cannot(reason) => return Direct::Held(reason.clone()),
        Settled::Fits | Settled::Becomes { .. } => {}
    }
    if is_beginning(other(rule, kind), held, wanted, there, cx) {
        return Direct::Partial;
    }
    let (value, loss) = match settled {
        Settled::Becomes { value, loss } => (value, Some(loss)),
        Settled::Fits | Settled::Cannot(_) => (wanted.clone(), None),
    };
    match lens.put(Some(here), wanted, cx) {
        Err(reason) => Direct::Held(reason),
        Ok(assignments) => Direct::Write {
            value,
            loss,
            places: assignments
                .iter()
                .map(|assignment| (assignment.path.to_string(), assignment.value.to_string()))
                .collect(),
        },
    }
}

fn other(rule: &FieldRule, kind: RecordKind) -> &LensSpec {
    match kind {
        RecordKind::Referral => &rule.row,
        RecordKind::Row => &rule.referral,
    }
}

/// Does the other record hold only the beginning of what stands here?
fn is_beginning(
    there: &LensSpec,
    whole: &Value,
    beginning: &Value,
    record: &Record,
    cx: &Context,
) -> bool {
    matches!(
        there.settle(whole, Some(record), cx),
        Settled::Becomes { value, loss: Loss::Shortened } if value == *beginning
    )
}
