//! What the engine wants written, as one request to the service.

use cosell_mapping::{Assignment, RecordKind, apply};
use cosell_referrals::{
    CreateOptions, ETag, NewReferral, Patch as WirePatch, PatchOptions, RawMap, Referral, Status,
    Violations,
};
use cosell_sync::{
    Deadline, Draft, Observed, PairKey, Patch, Reason, ReasonCode, RecordId, RefusedField,
    WriteError, Written,
};
use serde_json::value::{RawValue, to_raw_value};

use super::PartnerCenter;
use crate::failure::{self, field_at};

impl PartnerCenter {
    pub(super) async fn create_referral(
        &self,
        key: &PairKey,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let assignments = self
            .fields
            .put(RecordKind::Referral, &draft.fields, None, &self.context)
            .map_err(failure::refused)?;
        let mut raw = self.options.new_deals.raw();
        apply(&mut raw, &assignments).map_err(|fault| refused_whole(&fault.to_string()))?;
        let referral = NewReferral::from_raw(with_consent(raw));
        let referral = referral.with_external_reference_id(key.as_str());
        referral
            .check()
            .map_err(|violations| self.refused(&violations))?;
        if !has_solution(&referral) {
            return Err(refused_whole(
                "details.requirements.solutions: a deal needs at least one solution; name those \
                 of new deals with NewDeals::with_solutions",
            ));
        }
        let options = CreateOptions::default().with_not_after(until);
        let made = self
            .client
            .create(&referral, options)
            .await
            .map_err(|error| self.failed(&error))?;
        self.written(made)
    }

    pub(super) async fn patch_referral(
        &self,
        seen: &Observed,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let Some(referral) = seen.native.get::<Referral>() else {
            return Err(WriteError::NotSent(
                "the referral was not read by this side".into(),
            ));
        };
        let assignments = self
            .fields
            .put(
                RecordKind::Referral,
                &patch.fields,
                Some(referral.raw()),
                &self.context,
            )
            .map_err(failure::refused)?;
        let wire = self.wire_patch(referral, &assignments, patch.key.as_ref())?;
        if wire.is_empty() {
            return Ok(Written {
                id: seen.id.clone(),
                moved_to: None,
                after: Some(seen.clone()),
            });
        }
        let options = PatchOptions::default()
            .with_if_match(ETag::new(seen.version.as_str()))
            .with_not_after(until);
        let patched = self
            .client
            .patch(seen.id.as_str(), &wire, options)
            .await
            .map_err(|error| self.failed(&error))?;
        match patched.referral {
            Some(referral) => self.written(referral),
            None => Ok(Written {
                id: seen.id.clone(),
                moved_to: None,
                after: None,
            }),
        }
    }

    fn wire_patch(
        &self,
        referral: &Referral,
        assignments: &[Assignment],
        key: Option<&PairKey>,
    ) -> Result<WirePatch, WriteError> {
        let mut wire = WirePatch::new();
        for assignment in assignments {
            wire = wire
                .with_json(&assignment.path.pointer(), assignment.value.clone())
                .map_err(|violations| self.refused(&violations))?;
        }
        let assigned = |member: &str| {
            assignments
                .iter()
                .find(|assignment| assignment.path.root() == member)
                .and_then(|assignment| text(&assignment.value))
        };
        let substatus = assigned("substatus");
        if matches!(substatus.as_deref(), Some("Declined" | "Lost"))
            && assigned("statusReason").is_none()
        {
            wire = wire.with_status_reason(self.options.closing_reason.clone());
        }
        // Before acceptance the deal is still Microsoft's: nothing but the answer goes there.
        let accepted = matches!(referral.status(), Ok(Some(Status::Active)))
            || assigned("status").as_deref() == Some("Active");
        let empty = referral
            .external_reference_id()
            .is_ok_and(|reference| reference.is_none_or(|reference| reference.trim().is_empty()));
        if let Some(key) = key.filter(|_| accepted && empty) {
            wire = wire.with_external_reference_id(key.as_str());
        }
        Ok(wire)
    }

    /// The service acted; what it shows may still be unreadable.
    pub(super) fn written(&self, referral: Referral) -> Result<Written, WriteError> {
        let id = referral.id().ok().flatten();
        match (self.observe(referral), id) {
            (Ok(after), _) => Ok(Written {
                id: after.id.clone(),
                moved_to: None,
                after: Some(after),
            }),
            (Err(_), Some(id)) => Ok(Written {
                moved_to: None,
                id: RecordId::new(id.to_lowercase()),
                after: None,
            }),
            (Err(fault), None) => Err(WriteError::Unknown(fault.into())),
        }
    }

    pub(super) fn failed(&self, error: &cosell_http::Error) -> WriteError {
        failure::write_error(error, RecordKind::Referral, &self.fields)
    }

    /// Rules of the service that the client checks before it sends.
    pub(super) fn refused(&self, violations: &Violations) -> WriteError {
        let fields = violations
            .list()
            .iter()
            .filter_map(|violation| {
                let field = field_at(&violation.field, RecordKind::Referral, &self.fields)?;
                let reason = Reason::new(ReasonCode::Invalid, violation.to_string());
                Some(RefusedField { field, reason })
            })
            .collect();
        WriteError::Refused {
            message: violations.to_string().into(),
            fields,
        }
    }
}

/// People of the customer are named only where the customer consented to be contacted.
fn with_consent(mut raw: RawMap) -> RawMap {
    let referral = NewReferral::from_raw(raw.clone());
    let consent = referral.consent().ok().flatten();
    let may = consent.is_some_and(|consent| matches!(consent.contact(), Ok(Some(true))));
    if let (false, Ok(Some(customer))) = (may, referral.customer_profile())
        && let Ok(json) = to_raw_value(customer.with_team(&[]).raw())
    {
        raw.insert("customerProfile".to_owned(), json);
    }
    raw
}

/// The service refuses a deal without one, and says so only after the call.
fn has_solution(referral: &NewReferral) -> bool {
    let requirements = referral
        .details()
        .ok()
        .flatten()
        .and_then(|details| details.requirements().ok().flatten());
    requirements
        .and_then(|requirements| requirements.solutions().ok())
        .is_some_and(|solutions| !solutions.is_empty())
}

pub(super) fn refused_whole(message: &str) -> WriteError {
    WriteError::Refused {
        message: message.into(),
        fields: Vec::new(),
    }
}

pub(super) fn text(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}
