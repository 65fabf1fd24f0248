//! `POST`: rules of content, and what the service makes of a new referral.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::PartnerCenter;
use super::bind::bind_referral;
use super::options::Validation;
use super::refusal::Refusal;
use super::status::MICROSOFT;
use super::store::{Duty, text};

/// Days until nobody's answer is taken for none, counted from midnight.
const EXPIRY: TimeDelta = TimeDelta::days(14);

impl PartnerCenter {
    /// Creates a referral from a posted body.
    pub(super) fn create(&mut self, now: DateTime<Utc>, body: &Value) -> Result<Uuid, Refusal> {
        for name in ["type", "customerProfile", "consent", "details"] {
            let given = body.as_object().and_then(|all| {
                all.iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
            });
            if given.is_none_or(Value::is_null) {
                return Err(Refusal::invalid(name, "The property is required."));
            }
        }
        let mut bound = bind_referral(body, self.options.unknown_fields)?;
        let for_microsoft = is_for_microsoft(&bound);
        if self.options.validation == Validation::Strict {
            complete(&bound, for_microsoft)?;
        }
        let engagement = self.engagement_of(&bound, for_microsoft)?;
        let id = self.store.id();
        let engagement = engagement.unwrap_or_else(|| self.store.id());
        let organization = self.organization();
        if for_microsoft {
            self.own_by(&mut bound, MICROSOFT, "Microsoft");
            bound.insert("status".into(), "New".into());
            bound.insert("substatus".into(), "Pending".into());
        } else {
            let own = (organization.0.clone(), organization.1.clone());
            self.own_by(&mut bound, &own.0, &own.1);
            // Whatever was posted: an own deal starts accepted.
            bound.insert("status".into(), "Active".into());
            bound.insert("substatus".into(), "Accepted".into());
        }
        bound.insert("statusReason".into(), Value::Null);
        bound.insert("direction".into(), "Outgoing".into());
        self.derive_type(&mut bound);
        if bound["inviteContext"]["invitedBy"].is_null() {
            bound["inviteContext"]["invitedBy"] =
                json!({ "organizationId": organization.0, "organizationName": organization.1 });
        }
        let at = self.add(now, id, engagement, bound);
        if for_microsoft && self.options.invitation_moves_own {
            let own: Vec<Uuid> = self
                .store
                .engagement(engagement)
                .filter(|(_, body)| body["organizationId"] != MICROSOFT)
                .map(|(id, _)| id)
                .collect();
            for id in own {
                self.store.write(at, id, |_, _| {});
            }
        }
        Ok(id)
    }

    /// The type by the consent, where the service derives it.
    pub(super) fn derive_type(&self, body: &mut Map<String, Value>) {
        if self.options.type_follows_consent {
            let shared = body["consent"]["consentToShareReferralWithMicrosoftSellers"] == true;
            let word = if shared { "Shared" } else { "Independent" };
            body.insert("type".into(), word.into());
        }
    }

    /// Stores a referral whose owner and state are settled; returns its time.
    pub(super) fn add(
        &mut self,
        now: DateTime<Utc>,
        id: Uuid,
        engagement: Uuid,
        mut body: Map<String, Value>,
    ) -> DateTime<Utc> {
        let url = "https://api.partner.microsoft.com/v1.0/engagements/referrals";
        body.insert("id".into(), id.to_string().into());
        body.insert("engagementId".into(), engagement.to_string().into());
        body.insert(
            "links".into(),
            json!({
                "relatedReferrals": { "uri": format!("{url}?$filter=engagementId eq {engagement}"), "method": "GET" },
                "self": { "uri": format!("{url}/{id}"), "method": "GET" },
            }),
        );
        // What only informs is answered by nobody, and runs out by nothing.
        let open = body["status"] == "New" && !super::leads::is_informational(&body);
        let at = self.store.insert(now, id, engagement, body, |at, body| {
            if open {
                body.insert("expirationDateTime".into(), text(expiry(at)).into());
            } else {
                body.insert("acceptedDateTime".into(), text(at).into());
            }
        });
        if open {
            self.store.schedule(expiry(at), id, Duty::Expire);
        }
        if let Some(delay) = self
            .options
            .matching_delay
            .and_then(|delay| TimeDelta::from_std(delay).ok())
        {
            self.store.schedule(at + delay, id, Duty::Match);
        }
        at
    }

    pub(super) fn own_by(&self, body: &mut Map<String, Value>, id: &str, name: &str) {
        body.insert("organizationId".into(), id.into());
        body.insert("organizationName".into(), name.into());
    }

    fn engagement_of(
        &self,
        bound: &Map<String, Value>,
        for_microsoft: bool,
    ) -> Result<Option<Uuid>, Refusal> {
        let Some(given) = bound["engagementId"]
            .as_str()
            .filter(|given| !given.is_empty())
        else {
            return if for_microsoft && self.options.validation == Validation::Strict {
                Err(Refusal::invalid(
                    "engagementId",
                    "A referral for Microsoft needs the engagement of the own one.",
                ))
            } else {
                Ok(None)
            };
        };
        let own = self.organization().0;
        let known = Uuid::try_parse(given).ok().filter(|id| {
            self.store
                .engagement(*id)
                .any(|(_, body)| body["organizationId"] == own.as_str())
        });
        match known {
            Some(id) => Ok(Some(id)),
            None => Err(Refusal::invalid(
                "engagementId",
                "There is no such engagement.",
            )),
        }
    }
}

fn expiry(at: DateTime<Utc>) -> DateTime<Utc> {
    (at.date_naive() + EXPIRY)
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
}

pub(super) fn is_for_microsoft(body: &Map<String, Value>) -> bool {
    body["target"].as_array().is_some_and(|targets| {
        targets
            .iter()
            .any(|target| target["id"] == MICROSOFT && target["type"] == "BusinessProfileLocation")
    })
}

/// The first thing that a portal user could not have left out.
pub(super) fn complete(body: &Map<String, Value>, for_microsoft: bool) -> Result<(), Refusal> {
    let whole = Value::Object(body.clone());
    let required = |path: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        match whole.pointer(&pointer).and_then(Value::as_str) {
            Some(text) if !text.trim().is_empty() => Ok(()),
            _ => Err(Refusal::invalid(path, "A value is required.")),
        }
    };
    for path in [
        "name",
        "customerProfile.name",
        "customerProfile.address.addressLine1",
        "customerProfile.address.city",
        "customerProfile.address.country",
        "details.notes",
        "details.currency",
        "details.closingDateTime",
    ] {
        required(path)?;
    }
    let country = whole["customerProfile"]["address"]["country"]
        .as_str()
        .unwrap_or_default();
    if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(Refusal::invalid(
            "customerProfile.address.country",
            "Country must be a two letter code.",
        ));
    }
    let details = &whole["details"];
    deal_value(details)?;
    currency(details)?;
    if whole["consent"]["consentToToShareInfoWithOthers"] != true {
        return Err(Refusal::invalid(
            "consent.consentToToShareInfoWithOthers",
            "Without this consent no deal is created.",
        ));
    }
    solutions(details)?;
    let attributes = &details["requirements"]["additionalRequirements"]["attributes"];
    let has_intent = attributes.as_array().is_some_and(|all| {
        all.iter()
            .any(|one| one["type"] == "CustomerMarketplaceIntent" && !blank(&one["id"]))
    });
    if !has_intent {
        return Err(Refusal::invalid(
            "details.requirements.additionalRequirements.attributes",
            "CustomerMarketplaceIntent is required.",
        ));
    }
    members(&whole["team"], "team", true)?;
    members(
        &whole["customerProfile"]["team"],
        "customerProfile.team",
        for_microsoft,
    )?;
    if for_microsoft
        && matches!(
            whole["inviteContext"]["assistanceRequestCode"].as_str(),
            None | Some("Unknown")
        )
    {
        return Err(Refusal::invalid(
            "inviteContext.assistanceRequestCode",
            "A value is required.",
        ));
    }
    Ok(())
}

/// The deal value is there and positive.
pub(super) fn deal_value(details: &Value) -> Result<(), Refusal> {
    match details["dealValue"].as_f64() {
        Some(value) if value > 0.0 => Ok(()),
        _ => Err(Refusal::invalid(
            "details.dealValue",
            "The value must be positive.",
        )),
    }
}

/// The currency is a code of three letters.
pub(super) fn currency(details: &Value) -> Result<(), Refusal> {
    let code = details["currency"].as_str().unwrap_or_default();
    if code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase()) {
        Ok(())
    } else {
        Err(Refusal::invalid(
            "details.currency",
            "Currency must be a three letter code.",
        ))
    }
}

/// At least one solution, at most fifty, each with an id.
pub(super) fn solutions(details: &Value) -> Result<(), Refusal> {
    let path = "details.requirements.solutions";
    let all = details["requirements"]["solutions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if all.is_empty() || all.iter().any(|one| blank(&one["id"])) {
        return Err(Refusal::invalid(path, "Solution ID is required."));
    }
    if all.len() > 50 {
        return Err(Refusal::invalid(path, "At most 50 solutions are allowed."));
    }
    Ok(())
}

/// People: each with name, phone and e-mail, at most fifty.
pub(super) fn members(team: &Value, path: &str, required: bool) -> Result<(), Refusal> {
    let all = team.as_array().map(Vec::as_slice).unwrap_or_default();
    if required && all.is_empty() {
        return Err(Refusal::invalid(path, "At least one person is required."));
    }
    if all.len() > 50 {
        return Err(Refusal::invalid(path, "At most 50 people are allowed."));
    }
    for (index, one) in all.iter().enumerate() {
        for name in ["firstName", "lastName", "phoneNumber", "email"] {
            if blank(&one[name]) {
                return Err(Refusal::invalid(
                    &format!("{path}[{index}].{name}"),
                    "A value is required.",
                ));
            }
        }
    }
    Ok(())
}

fn blank(value: &Value) -> bool {
    value.as_str().is_none_or(|text| text.trim().is_empty())
}
