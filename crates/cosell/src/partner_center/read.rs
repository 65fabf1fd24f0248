//! A referral as the engine sees it.

use std::collections::BTreeSet;

use cosell_mapping::{ReadFault, RecordKind, Snapshot, Value};
use cosell_referrals::{FieldError, Qualification, Referral, ReferralType, Status};
use cosell_sync::{GroupId, Life, Native, Observed, PairKey, PartName, RecordId, Role, Version};

use super::PartnerCenter;
use crate::lead::LEAD;

/// The organization id and target id that stand for Microsoft.
const MICROSOFT: &str = "msft";

/// Name of the part that is Microsoft's referral of a deal, and the place below which rules read
/// it.
pub(crate) const MICROSOFT_PART: &str = "microsoft";

impl PartnerCenter {
    /// Reads a whole referral.
    ///
    /// # Errors
    /// What is wrong with it, place by place, without values.
    pub(super) fn observe(&self, referral: Referral) -> Result<Observed, String> {
        let mut faults = Vec::new();
        let id = required(referral.id(), "id", &mut faults);
        let version = required(referral.etag(), "eTag", &mut faults);
        let as_of = required(referral.updated_date_time(), "updatedDateTime", &mut faults);
        let status = optional(referral.status(), &mut faults);
        let key = optional(referral.external_reference_id(), &mut faults);
        let group = optional(referral.engagement_id(), &mut faults);
        let role = self.role(&referral);
        let mut fields = self
            .snapshot(&role, &referral)
            .map_err(|wrong| faults.extend(wrong.iter().map(ToString::to_string)));
        let lead = role == Role::Main && is_lead(&referral);
        // Once it is answered, the CRM works it as an opportunity.
        if let (true, Ok(fields), Some(Status::New)) = (lead, &mut fields, &status) {
            fields.insert(LEAD, Value::Flag(true));
        }
        let (Some(id), Some(version), Some(as_of), Ok(fields)) = (id, version, as_of, fields)
        else {
            return Err(format!(
                "the referral breaks the model: {}",
                faults.join("; ")
            ));
        };
        if !faults.is_empty() {
            return Err(format!(
                "the referral breaks the model: {}",
                faults.join("; ")
            ));
        }
        Ok(Observed {
            id: RecordId::new(id.to_lowercase()),
            takes_part: role == Role::Main && !(lead && self.options.co_sell_only),
            role,
            group: group.map(GroupId::new),
            key: key.filter(|key| !key.trim().is_empty()).map(|key| {
                // Ids of rows are compared as text, and the CRM writes them in small letters.
                PairKey::new(uuid::Uuid::try_parse(&key).map_or(key, |id| id.to_string()))
            }),
            former: Vec::new(),
            aliases: Vec::new(),
            version: Version::new(version.as_str()),
            stamp: None,
            life: match status {
                Some(Status::Closed) => Life::Closed,
                _ => Life::Open,
            },
            as_of,
            fields,
            wishes: BTreeSet::new(),
            native: Native::new(referral),
        })
    }

    /// All fields of an own referral; of Microsoft's those that are read from it, with the whole
    /// of it below `microsoft/`.
    fn snapshot(&self, role: &Role, referral: &Referral) -> Result<Snapshot, Vec<ReadFault>> {
        let kind = RecordKind::Referral;
        let Role::Part { name } = role else {
            return self.fields.snapshot(kind, referral.raw(), &self.context);
        };
        if name.as_str() != MICROSOFT_PART {
            return Ok(Snapshot::new());
        }
        let mut record = referral.raw().clone();
        if let Ok(whole) = serde_json::value::to_raw_value(&record) {
            record.insert(MICROSOFT_PART.to_owned(), whole);
        }
        let mut fields = self.fields.snapshot(kind, &record, &self.context)?;
        fields.retain(|field, _| {
            self.from_microsoft.contains(field) || self.options.microsoft_fields.contains(field)
        });
        Ok(fields)
    }

    /// A referral of another organization, or addressed to Microsoft, is no deal of its own.
    fn role(&self, referral: &Referral) -> Role {
        let part = |name: String| Role::Part {
            name: PartName::new(name),
        };
        let is_microsoft = |id: &str| id.eq_ignore_ascii_case(MICROSOFT);
        let owner = referral.organization_id().ok().flatten();
        let targets = referral.target().unwrap_or_default();
        let invites = targets.iter().any(|target| {
            let id = target.id().ok().flatten();
            id.is_some_and(|id| is_microsoft(&id))
        });
        match (owner, &self.options.organization_id) {
            (Some(owner), _) if is_microsoft(&owner) => part(MICROSOFT_PART.to_owned()),
            _ if invites => part(MICROSOFT_PART.to_owned()),
            (Some(owner), Some(own)) if !owner.eq_ignore_ascii_case(own) => {
                part(format!("organization {}", owner.to_lowercase()))
            }
            _ => Role::Main,
        }
    }
}

/// A lead is no deal with Microsoft's sellers: from the marketplace, or handed over by Microsoft to one partner.
fn is_lead(referral: &Referral) -> bool {
    let independent = matches!(
        referral.referral_type(),
        Ok(Some(ReferralType::Independent))
    );
    let inviter = referral
        .invite_context()
        .ok()
        .flatten()
        .and_then(|context| context.invited_by().ok().flatten())
        .and_then(|inviter| inviter.organization_id().ok().flatten());
    let by_microsoft = inviter.is_some_and(|inviter| inviter.eq_ignore_ascii_case(MICROSOFT));
    independent
        && match referral.qualification() {
            Ok(Some(Qualification::Direct)) => true,
            Ok(Some(Qualification::MarketingQualified | Qualification::SalesQualified)) => {
                by_microsoft
            }
            _ => false,
        }
}

fn required<T>(
    read: Result<Option<T>, FieldError>,
    place: &str,
    faults: &mut Vec<String>,
) -> Option<T> {
    let before = faults.len();
    let value = optional(read, faults);
    if value.is_none() && faults.len() == before {
        faults.push(format!("{place}: is missing"));
    }
    value
}

fn optional<T>(read: Result<Option<T>, FieldError>, faults: &mut Vec<String>) -> Option<T> {
    read.unwrap_or_else(|fault| {
        faults.push(fault.to_string());
        None
    })
}
