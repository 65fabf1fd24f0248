//! One organization's view of a lead or deal.

use std::fmt;

use chrono::{DateTime, Utc};

use serde_json::value::RawValue;

use crate::{
    CallToAction, Consent, CustomerProfile, Details, Direction, FieldError, InviteContext, Links,
    Member, Qualification, Quality, ReferralSource, ReferralType, Registration, RegistrationStatus,
    Status, Substatus, Tag, Target, TrackingInfo,
    wire::{At, Object, Wire, wire_object},
};

wire_object! {
    /// A referral as the service gave it.
    Referral {
        /// Id, a GUID.
        id: String = "id";
        /// The group of referrals about the same need of the same customer.
        engagement_id: String = "engagementId";
        /// The organization whose view this is; `msft` for Microsoft.
        organization_id: String = "organizationId";
        /// Its name.
        organization_name: String = "organizationName";
        /// Name of the deal. Texts may come HTML-escaped.
        name: String = "name";
        /// The partner's own id for the deal; free text.
        external_reference_id: String = "externalReferenceId";
        /// When it was created, service time.
        created_date_time: DateTime<Utc> = "createdDateTime";
        /// When it last changed, service time.
        updated_date_time: DateTime<Utc> = "updatedDateTime";
        /// When it expires unless somebody reacts; incoming new ones only.
        expiration_date_time: DateTime<Utc> = "expirationDateTime";
        /// When it was accepted.
        accepted_date_time: DateTime<Utc> = "acceptedDateTime";
        /// When it was closed.
        closed_date_time: DateTime<Utc> = "closedDateTime";
        /// Where it stands.
        status: Status = "status";
        /// The finer step.
        substatus: Substatus = "substatus";
        /// Why, in free text.
        status_reason: String = "statusReason";
        /// Who can see it (`type` on the wire).
        referral_type: ReferralType = "type";
        /// Who has qualified it.
        qualification: Qualification = "qualification";
        /// Incoming or outgoing.
        direction: Direction = "direction";
        /// The customer.
        customer_profile: CustomerProfile = "customerProfile";
        /// What was agreed to.
        consent: Consent = "consent";
        /// The deal itself.
        details: Details = "details";
        /// People of one's own organization.
        team: [Member] = "team";
        /// How a party was invited.
        invite_context: InviteContext = "inviteContext";
        /// Whom or what it is addressed to.
        target: [Target] = "target";
        /// Version, for a conditional [`patch`](crate::Referrals::patch). List items may lack it.
        etag: ETag = "eTag";
        /// Ids of the deal in other systems.
        tracking_info: TrackingInfo = "trackingInfo";
        /// Go-to-market program.
        referral_program: String = "referralProgram";
        /// Stage: words (`Qualify`) or percentages (`40`), as somebody sent it; a
        /// [`SalesStage`](crate::SalesStage) reads either.
        sales_stage: String = "salesStage";
        /// Marketing campaign.
        campaign_id: String = "campaignId";
        /// Partner location.
        mpn_id: String = "mpnId";
        /// Where a lead of the marketplace came from. Alone it does not tell that it is one: see
        /// [`category`](Self::category).
        referral_source: ReferralSource = "referralSource";
        /// What the customer of a lead of the marketplace clicked on.
        call_to_action: CallToAction = "callToAction";
        /// Is it marked with a heart in the portal?
        favorite: bool = "favorite";
        /// How good a lead is thought to be.
        quality: Quality = "quality";
        /// Is a lead thought to be spam?
        is_spam: bool = "isSpam";
        /// Marks of the portal.
        tags: [Tag] = "tags";
        /// Deal registrations.
        registrations: [Registration] = "registrations";
        /// Where the deal registration stands.
        registration_status: RegistrationStatus = "registrationStatus";
        /// Does the service register the deal by itself?
        is_auto_registration_enabled: bool = "isAutoRegistrationEnabled";
        /// A request for an exception from the rules of registration; of a shape that is not
        /// published.
        exception: Box<RawValue> = "exception";
        /// By what it was changed last.
        last_modified_via: String = "lastModifiedVia";
        /// Undocumented.
        last_run_id: String = "lastRunId";
        /// By what it was created.
        created_via: String = "createdVia";
        /// How confidential it is; only `None` has been seen.
        deal_sensitivity: String = "dealSensitivity";
        /// The service's own links; not to be followed as they are.
        links: Links = "links";
        /// Address of the service's description of this object.
        odata_context: String = "@odata.context";
    }
}

impl Referral {
    /// Reads a referral from the body of an answer or from storage.
    ///
    /// # Errors
    /// [`FieldError`] only if it is no JSON object; members are judged when they are asked for.
    pub fn from_json(body: &[u8]) -> Result<Self, FieldError> {
        Object::decode(body, "referral").map(Self)
    }
}

/// Version of a referral as its `eTag` property gives it, quotes included.
///
/// Opaque. It changes with every write, also with the service's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// From the value of `eTag`, exactly as the service gave it, quotes included.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, quotes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Wire for ETag {
    fn read(raw: &RawValue, at: &At<'_>) -> Result<Option<Self>, FieldError> {
        String::read(raw, at).map(|text| text.map(Self))
    }

    fn write(&self) -> Box<RawValue> {
        self.0.write()
    }
}
