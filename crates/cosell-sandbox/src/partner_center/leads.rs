//! Leads: from a customer in the marketplace, from Microsoft's marketing, from a seller who hands one
//! over. They belong to one partner alone, and nobody works along.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::PartnerCenter;
use super::bind::bind_referral;
use super::options::UnknownFields;
use super::refusal::Refusal;
use super::status::MICROSOFT;

/// Where a lead comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeadKind {
    /// A customer used the partner's business profile.
    Profile,
    /// A customer acted on an offer; what it was says [`InboundLead::call_to_action`].
    #[default]
    Offer,
    /// Microsoft's marketing qualified it.
    Marketing,
    /// A Microsoft seller hands it over.
    Seller,
}

/// A lead that arrives for the partner.
///
/// The words of source and call to action are not published, so any text is taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct InboundLead {
    /// Where it comes from.
    pub kind: LeadKind,
    /// Name of the lead.
    pub name: String,
    /// Name of the customer.
    pub customer: String,
    /// City.
    pub city: String,
    /// Country, two letters.
    pub country: String,
    /// E-mail of the customer's contact; nobody if absent.
    pub contact_email: Option<String>,
    /// What the service found out about that address: `Valid`, `Invalid`, `Spam`, `Unknown`.
    pub email_validation: String,
    /// The marketplace, of offers.
    pub source: String,
    /// What the customer clicked on, of offers.
    pub call_to_action: String,
    /// Id of the offer.
    pub offer: String,
    /// `High`, `Low` or `Unknown`.
    pub quality: String,
    /// Is it thought to be spam?
    pub spam: bool,
    /// Did the customer ask to be contacted?
    pub wants_contact: bool,
    /// Notes.
    pub notes: String,
}

impl Default for InboundLead {
    fn default() -> Self {
        Self {
            kind: LeadKind::Offer,
            name: "Inbound lead".into(),
            customer: "Fabrikam Works Ltd".into(),
            city: "Leeds".into(),
            country: "GB".into(),
            contact_email: Some("ada.berg@fabrikam.example".into()),
            email_validation: "Valid".into(),
            source: "AzureMarketplace".into(),
            call_to_action: "ContactMe".into(),
            offer: "northwind.plant-insight".into(),
            quality: "Unknown".into(),
            spam: false,
            wants_contact: false,
            notes: "From the marketplace.".into(),
        }
    }
}

impl InboundLead {
    /// A lead of this kind; the rest as by default.
    pub fn new(kind: LeadKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    fn body(&self) -> Value {
        let (qualification, inviter) = match self.kind {
            LeadKind::Profile | LeadKind::Offer => ("Direct", Value::Null),
            LeadKind::Marketing => ("MarketingQualified", microsoft()),
            LeadKind::Seller => ("SalesQualified", microsoft()),
        };
        let contact = self.contact_email.as_ref().map(|email| {
            json!({ "firstName": "Ada", "lastName": "Berg", "phoneNumber": "+441130000001", "email": email })
        });
        let offers: Vec<_> = (self.kind == LeadKind::Offer)
            .then(|| json!({ "id": self.offer }))
            .into_iter()
            .collect();
        let target = match self.kind {
            LeadKind::Profile => json!([{ "type": "BusinessProfileLocation", "id": LOCATION }]),
            _ => json!([]),
        };
        json!({
            "name": self.name,
            "type": "Independent",
            "qualification": qualification,
            "customerProfile": {
                "name": self.customer,
                "address": { "city": self.city, "country": self.country },
                "team": contact.into_iter().collect::<Vec<_>>(),
            },
            "consent": {
                "consentToToShareInfoWithOthers": true,
                "consentToContact": true,
                "consentToMicrosoftToContactSpecificPartners": true,
                "consentToShareReferralWithMicrosoftSellers": false,
            },
            "details": { "notes": self.notes, "requirements": { "offers": offers } },
            "target": target,
            "inviteContext": { "invitedBy": inviter },
        })
    }
}

/// The partner's own location, to which leads of the profile are addressed.
const LOCATION: &str = "9f4c1f60-5a0e-4c55-8f43-0d3b6a7c2e11";

fn microsoft() -> Value {
    json!({ "organizationId": MICROSOFT, "organizationName": "Microsoft" })
}

/// Did a customer make it, or Microsoft hand it over, for this partner alone?
pub(super) fn is_lead(body: &Map<String, Value>) -> bool {
    body["type"] == "Independent" && body["direction"] == "Incoming"
}

/// Did a customer make it?
pub(super) fn is_marketplace_lead(body: &Map<String, Value>) -> bool {
    is_lead(body) && body["qualification"] == "Direct"
}

/// Does it only inform? Of the offers, nothing but "Contact me" waits for an answer.
pub(super) fn is_informational(body: &Map<String, Value>) -> bool {
    is_marketplace_lead(body)
        && body["callToAction"]
            .as_str()
            .is_some_and(|word| !word.eq_ignore_ascii_case("ContactMe"))
}

impl PartnerCenter {
    /// A lead arrives: New/Pending, owned by the partner. Returns its id.
    ///
    /// # Errors
    /// A value of the lead has not the form that the service holds.
    pub fn lead_arrives(
        &mut self,
        now: DateTime<Utc>,
        lead: &InboundLead,
    ) -> Result<Uuid, Refusal> {
        self.settle(now);
        let mut body = bind_referral(&lead.body(), UnknownFields::Refused)?;
        if lead.kind == LeadKind::Offer {
            body.insert("referralSource".into(), lead.source.as_str().into());
            body.insert("callToAction".into(), lead.call_to_action.as_str().into());
        }
        body.insert("quality".into(), lead.quality.as_str().into());
        body.insert("isSpam".into(), lead.spam.into());
        body["details"]["customerRequestedContact"] = lead.wants_contact.into();
        if let Some(contact) = body["customerProfile"]["team"].get_mut(0) {
            contact["emailValidationStatus"] = lead.email_validation.as_str().into();
            contact["phoneValidationStatus"] = "Unknown".into();
        }
        let (own_id, own_name) = self.organization();
        self.own_by(&mut body, &own_id, &own_name);
        body.insert("status".into(), "New".into());
        body.insert("substatus".into(), "Pending".into());
        body.insert("direction".into(), "Incoming".into());
        let (id, engagement) = (self.store.id(), self.store.id());
        self.add(now, id, engagement, body);
        Ok(id)
    }
}
