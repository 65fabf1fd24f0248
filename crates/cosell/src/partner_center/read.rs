//! A referral as the engine sees it.

use cosell_mapping::RecordKind;
use cosell_referrals::{FieldError, Qualification, Referral, ReferralType, Status};
use cosell_sync::{GroupId, Life, Native, Observed, PairKey, RecordId, Role, Version};

use super::PartnerCenter;

/// The organization id and target id that stand for Microsoft.
const MICROSOFT: &str = "msft";

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
        let fields = self
            .fields
            .snapshot(RecordKind::Referral, referral.raw(), &self.context)
            .map_err(|wrong| faults.extend(wrong.iter().map(ToString::to_string)));
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
        let role = if self.is_part(&referral) {
            Role::Part
        } else {
            Role::Main
        };
        Ok(Observed {
            id: RecordId::new(id.to_lowercase()),
            takes_part: role == Role::Main && !is_lead(&referral),
            role,
            group: group.map(GroupId::new),
            key: key.filter(|key| !key.trim().is_empty()).map(|key| {
                // Ids of rows are compared as text, and the CRM writes them in small letters.
                PairKey::new(uuid::Uuid::try_parse(&key).map_or(key, |id| id.to_string()))
            }),
            aliases: Vec::new(),
            version: Version::new(version.as_str()),
            stamp: None,
            life: match status {
                Some(Status::Closed) => Life::Closed,
                _ => Life::Open,
            },
            as_of,
            fields,
            native: Native::new(referral),
        })
    }

    /// Does it belong to another organization's view, or is it addressed to Microsoft?
    fn is_part(&self, referral: &Referral) -> bool {
        let owner = referral.organization_id().ok().flatten();
        let foreign = owner.is_some_and(|owner| match &self.options.organization_id {
            Some(own) => !owner.eq_ignore_ascii_case(own),
            None => owner.eq_ignore_ascii_case(MICROSOFT),
        });
        let targets = referral.target().unwrap_or_default();
        foreign
            || targets.iter().any(|target| {
                target
                    .id()
                    .ok()
                    .flatten()
                    .is_some_and(|id| id.eq_ignore_ascii_case(MICROSOFT))
            })
    }
}

/// A lead is no deal yet: from the marketplace, or handed over by Microsoft to one partner.
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
