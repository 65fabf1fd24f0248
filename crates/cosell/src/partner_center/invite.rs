//! Inviting Microsoft into a deal: the connected referral.

use cosell_mapping::{Lens as _, Record, RecordKind, apply};
use cosell_referrals::{
    AssistanceRequestCode, CreateOptions, DealKind, Draft as _, Help, Invitation, NewReferral,
    RawMap, Referral,
};
use cosell_sync::{Deadline, Draft, Observed, PartName, WriteError, Written};

use super::{
    PartnerCenter,
    read::MICROSOFT_PART,
    write::{refused_whole, text},
};
use crate::failure;

/// What of the own referral goes into the connected one. The rest is the service's, or the key
/// of the own one.
const CARRIED: [&str; 9] = [
    "name",
    "qualification",
    "customerProfile",
    "consent",
    "details",
    "team",
    "campaignId",
    "referralProgram",
    "inviteContext",
];

/// What the service keeps for itself in a customer's profile.
const KEPT_BY_SERVICE: [&str; 3] = ["isMatchingComplete", "isMaccEligible", "activities"];

impl PartnerCenter {
    pub(super) async fn invite(
        &self,
        of: &Observed,
        name: &PartName,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        if name.as_str() != MICROSOFT_PART {
            return Err(refused_whole(&format!(
                "nobody but Microsoft is invited, not {name}"
            )));
        }
        let (Some(own), Some(engagement)) = (of.native.get::<Referral>(), &of.group) else {
            let why = "the referral was not read by this side, or has no engagement";
            return Err(WriteError::NotSent(why.into()));
        };
        let deal = NewReferral::from_raw(carried(own.raw()));
        let help = Help::new(self.help_code(draft)?);
        let mut invitation = Invitation::new(&deal, engagement.as_str(), &help, DealKind::CoSell);
        if let Ok(Some(organization)) = own.organization_id() {
            invitation = invitation.with_invited_by(organization);
        }
        let options = CreateOptions::default().with_not_after(until);
        invitation
            .check(options.profile)
            .map_err(|violations| self.refused(&violations))?;
        let made = self
            .client
            .create_draft(&invitation, options)
            .await
            .map_err(|error| self.failed(&error))?;
        self.written(made)
    }

    /// What the CRM asks for, in the service's word.
    fn help_code(&self, draft: &Draft) -> Result<AssistanceRequestCode, WriteError> {
        let mut asked = RawMap::new();
        for (field, value) in &draft.fields {
            let Some(rule) = self.fields.rule(field) else {
                continue;
            };
            let writes = rule.lens(RecordKind::Referral).writes();
            if writes.iter().all(|path| path.root() != "inviteContext") {
                continue;
            }
            let put = self
                .fields
                .put(RecordKind::Referral, [(field, value)], None, &self.context)
                .map_err(failure::refused)?;
            apply(&mut asked, &put).map_err(|fault| refused_whole(&fault.to_string()))?;
        }
        let context: RawMap = asked
            .get("inviteContext")
            .and_then(|json| serde_json::from_str(json.get()).ok())
            .unwrap_or_default();
        let code = context
            .get("assistanceRequestCode")
            .and_then(|json| text(json));
        Ok(code.map_or(AssistanceRequestCode::GeneralOrOther, |code| {
            AssistanceRequestCode::from(code.as_str())
        }))
    }
}

fn carried(own: &Record) -> RawMap {
    let mut raw = RawMap::new();
    for member in CARRIED {
        let Some(json) = own.get(member) else {
            continue;
        };
        raw.insert(member.to_owned(), json.clone());
    }
    if let Some(profile) = raw.get("customerProfile")
        && let Ok(mut profile) = serde_json::from_str::<RawMap>(profile.get())
    {
        for member in KEPT_BY_SERVICE {
            profile.remove(member);
        }
        if let Ok(json) = serde_json::value::to_raw_value(&profile) {
            raw.insert("customerProfile".to_owned(), json);
        }
    }
    raw
}
