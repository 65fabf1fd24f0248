//! People at work without the API: a Microsoft seller, a user of the portal.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::PartnerCenter;
use super::bind::bind_referral;
use super::options::{MsxId, UnknownFields};
use super::patch::Hand;
use super::refusal::Refusal;
use super::status::MICROSOFT;
use super::store::text;

/// A deal that a Microsoft seller sends to the partner.
///
/// ```
/// # use cosell_sandbox::partner_center::InboundDeal;
/// let mut deal = InboundDeal::new("Plant analytics", "Fabrikam Works Ltd");
/// deal.value = Some("84000".parse()?);
/// # Ok::<(), rust_decimal::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct InboundDeal {
    /// Name of the deal.
    pub name: String,
    /// Name of the customer.
    pub customer: String,
    /// First address line.
    pub line1: String,
    /// City.
    pub city: String,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country, two letters.
    pub country: String,
    /// Deal value.
    pub value: Option<Decimal>,
    /// ISO code of the currency.
    pub currency: String,
    /// Estimated closing date.
    pub closing: Option<NaiveDate>,
    /// Notes.
    pub notes: String,
    /// E-mail of the customer's contact.
    pub contact_email: Option<String>,
    /// Id of the partner's solution.
    pub solution: String,
    /// Microsoft's CRM id of the deal.
    pub msx_id: Option<String>,
}

impl Default for InboundDeal {
    fn default() -> Self {
        Self {
            name: "Inbound deal".into(),
            customer: "Fabrikam Works Ltd".into(),
            line1: "12 Harbour Road".into(),
            city: "Leeds".into(),
            state: None,
            postal_code: Some("LS1 4AB".into()),
            country: "GB".into(),
            value: Some(Decimal::from(50_000)),
            currency: "GBP".into(),
            closing: None,
            notes: "Sent by Microsoft.".into(),
            contact_email: None,
            solution: "SOL-10482-QRT".into(),
            msx_id: None,
        }
    }
}

impl InboundDeal {
    /// A deal of this name with this customer; the rest as by default.
    pub fn new(name: impl Into<String>, customer: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            customer: customer.into(),
            ..Self::default()
        }
    }

    fn body(&self) -> Value {
        let contact = self.contact_email.as_ref().map(|email| {
            json!({ "firstName": "Ada", "lastName": "Berg", "phoneNumber": "+441130000001", "email": email })
        });
        let closing = self.closing.map(|date| format!("{date}T00:00:00Z"));
        json!({
            "name": self.name,
            "type": "Shared",
            "qualification": "SalesQualified",
            "customerProfile": {
                "name": self.customer,
                "address": {
                    "addressLine1": self.line1, "city": self.city, "state": self.state,
                    "postalCode": self.postal_code, "country": self.country,
                },
                "team": contact.into_iter().collect::<Vec<_>>(),
            },
            "consent": {
                "consentToToShareInfoWithOthers": true,
                "consentToContact": true,
                "consentToMicrosoftToContactSpecificPartners": true,
                "consentToShareReferralWithMicrosoftSellers": true,
            },
            "details": {
                "notes": self.notes,
                "dealValue": self.value.map(|value| value.to_string()),
                "currency": self.currency,
                "closingDateTime": closing,
                "requirements": { "solutions": [ { "id": self.solution, "type": "Name" } ] },
            },
            "inviteContext": { "invitedBy": { "organizationId": MICROSOFT, "organizationName": "Microsoft" } },
        })
    }
}

impl PartnerCenter {
    /// A Microsoft seller sends a co-sell deal: New/Pending, owned by the partner. Returns its id.
    ///
    /// # Errors
    /// A value of the deal has not the form that the service holds.
    pub fn microsoft_sends(
        &mut self,
        now: DateTime<Utc>,
        deal: &InboundDeal,
    ) -> Result<Uuid, Refusal> {
        self.settle(now);
        let mut body = bind_referral(&deal.body(), UnknownFields::Refused)?;
        body["trackingInfo"]["microsoftMsxId"] = deal.msx_id.clone().into();
        let (id, engagement) = (self.store.id(), self.store.id());
        let (own_id, own_name) = self.organization();
        if self.options.inbound_has_microsoft_part {
            let mut part = body.clone();
            self.own_by(&mut part, MICROSOFT, "Microsoft");
            part.insert("status".into(), "Active".into());
            part.insert("substatus".into(), "Accepted".into());
            part.insert("direction".into(), "Outgoing".into());
            let part_id = self.store.id();
            self.add(now, part_id, engagement, part);
        }
        self.own_by(&mut body, &own_id, &own_name);
        body.insert("status".into(), "New".into());
        body.insert("substatus".into(), "Pending".into());
        body.insert("direction".into(), "Incoming".into());
        self.add(now, id, engagement, body);
        Ok(id)
    }

    /// A user of the portal makes a deal; the body is that of a `POST`. Returns its id.
    ///
    /// # Errors
    /// What the service refuses.
    pub fn portal_creates(&mut self, now: DateTime<Utc>, body: &Value) -> Result<Uuid, Refusal> {
        self.settle(now);
        self.create(now, body)
    }

    /// A user of the portal edits a referral. The document is that of a `PATCH`, with the same
    /// rules; in the portal the name can be changed, too.
    ///
    /// # Errors
    /// What the service refuses; nothing has changed then.
    pub fn portal_edit(
        &mut self,
        now: DateTime<Utc>,
        id: Uuid,
        operations: &Value,
    ) -> Result<(), Refusal> {
        self.settle(now);
        self.patch(now, id, operations, Hand::Portal)
    }

    /// A Microsoft seller accepts the invitation of this engagement; Microsoft's CRM id appears
    /// where [`Options::msx_id`](super::Options::msx_id) says. Returns the id of Microsoft's referral.
    ///
    /// # Errors
    /// No referral of the engagement waits for Microsoft.
    pub fn microsoft_accepts(
        &mut self,
        now: DateTime<Utc>,
        engagement: Uuid,
    ) -> Result<Uuid, Refusal> {
        let id = self.waiting_for_microsoft(now, engagement)?;
        let number = self.store.id().as_u128() % 10_000_000_000;
        let msx = format!("7-{number:010}");
        self.store.write(now, id, |at, body| {
            body.insert("status".into(), "Active".into());
            body.insert("substatus".into(), "Accepted".into());
            body.insert("acceptedDateTime".into(), text(at).into());
            body["trackingInfo"]["microsoftMsxId"] = msx.clone().into();
        });
        if self.options.msx_id == MsxId::Both {
            let others: Vec<Uuid> = self
                .store
                .engagement(engagement)
                .map(|(other, _)| other)
                .filter(|other| *other != id)
                .collect();
            for other in others {
                self.store.write(now, other, |_, body| {
                    body["trackingInfo"]["microsoftMsxId"] = msx.clone().into();
                });
            }
        }
        Ok(id)
    }

    /// A Microsoft seller declines the invitation of this engagement. Returns the id of
    /// Microsoft's referral.
    ///
    /// # Errors
    /// No referral of the engagement waits for Microsoft.
    pub fn microsoft_declines(
        &mut self,
        now: DateTime<Utc>,
        engagement: Uuid,
        reason: &str,
    ) -> Result<Uuid, Refusal> {
        let id = self.waiting_for_microsoft(now, engagement)?;
        self.store.write(now, id, |at, body| {
            body.insert("status".into(), "Closed".into());
            body.insert("substatus".into(), "Declined".into());
            body.insert("statusReason".into(), reason.into());
            body.insert("closedDateTime".into(), text(at).into());
        });
        Ok(id)
    }

    /// Another organization has a referral: nobody of the partner may see it. Returns its id.
    ///
    /// # Errors
    /// A value of the deal has not the form that the service holds.
    pub fn stranger_sends(
        &mut self,
        now: DateTime<Utc>,
        deal: &InboundDeal,
    ) -> Result<Uuid, Refusal> {
        self.settle(now);
        let mut body = bind_referral(&deal.body(), UnknownFields::Refused)?;
        let (id, engagement, stranger) = (self.store.id(), self.store.id(), self.store.id());
        self.own_by(&mut body, &stranger.to_string(), "Contoso Partners");
        body.insert("status".into(), "Active".into());
        body.insert("substatus".into(), "Accepted".into());
        body.insert("direction".into(), "Outgoing".into());
        self.add(now, id, engagement, body);
        Ok(id)
    }

    fn waiting_for_microsoft(
        &mut self,
        now: DateTime<Utc>,
        engagement: Uuid,
    ) -> Result<Uuid, Refusal> {
        self.settle(now);
        self.store
            .engagement(engagement)
            .find(|(_, body)| body["organizationId"] == MICROSOFT && body["status"] == "New")
            .map(|(id, _)| id)
            .ok_or_else(Refusal::not_found)
    }
}
