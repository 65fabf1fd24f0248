//! Deal registration: added by a patch once a deal is won, looked at by Microsoft's review team,
//! edited while it is sent back.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::PartnerCenter;
use super::options::{SalesStages, Validation};
use super::patch::Operation;
use super::refusal::Refusal;
use super::status::MICROSOFT;
use super::store::text;

/// Paths within a registration that may be edited; the published list knows the first one only.
const PATHS: &[&str] = &[
    "/registrations/-",
    "/registrations/0/contract/startDateTime",
    "/registrations/0/contract/endDateTime",
    "/registrations/0/contract/signDateTime",
    "/registrations/0/contract/term",
    "/registrations/0/contract/value",
    "/registrations/0/solutionDetails/0/value",
    "/registrations/0/solutionDetails/0/currency",
    "/registrations/0/solutionDetails/0/isDeployedOnAzure",
    "/registrations/0/solutionDetails/0/primaryDeploymentOn",
    "/registrations/0/solutionDetails/0/pricingModel",
    "/registrations/0/solutionDetails/0/marketplaceTransactionDetails/isMarketplaceTransacted",
    "/registrations/0/solutionDetails/0/marketplaceTransactionDetails/marketplaceTransactionDateTime",
];

/// Least value of a deal, and of a year of a contract, in dollars.
const LEAST: f64 = 25_000.0;
/// A contract worth more a year is looked at by somebody.
const AUTOMATIC: f64 = 1_000_000.0;

/// What the review team does to a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Review {
    /// Lets it pass.
    Pass,
    /// Lets it fail, with the reason.
    Fail(String),
    /// Sends it back to be edited, with the reason.
    SendBack(String),
    /// Takes one that was approved without a look into review.
    Recall,
    /// Closes it.
    Close,
}

impl Review {
    /// The statuses that this may be done in, the status afterwards, and its date.
    fn step(&self) -> (&'static [&'static str], &'static str, Option<&'static str>) {
        match self {
            Self::Pass => (&["ReviewPending"], "Passed", Some("passedDateTime")),
            Self::Fail(_) => (&["ReviewPending"], "Failed", Some("failedDateTime")),
            Self::SendBack(_) => (
                &["ReviewPending"],
                "ActionRequired",
                Some("actionRequiredDateTime"),
            ),
            Self::Recall => (
                &["Approved"],
                "ReviewPending",
                Some("reviewPendingDateTime"),
            ),
            Self::Close => (&["Approved", "Passed", "Failed"], "Closed", None),
        }
    }
}

/// Is this a path of a registration that may be written?
pub(super) fn is_path(path: &str) -> bool {
    PATHS.contains(&path)
}

/// The path as it is published, whatever case it came in.
pub(super) fn published(path: &str) -> Option<&'static str> {
    let mut known = PATHS.iter();
    known
        .find(|known| known.eq_ignore_ascii_case(path))
        .copied()
}

impl PartnerCenter {
    /// Microsoft's review team does something to the registration of a referral.
    ///
    /// # Errors
    /// There is no such referral, or its registration stands elsewhere.
    pub fn review(&mut self, now: DateTime<Utc>, id: Uuid, review: &Review) -> Result<(), Refusal> {
        self.settle(now);
        let body = self.store.body(id).ok_or_else(Refusal::not_found)?;
        let (from, to, date) = review.step();
        let status = body["registrations"][0]["status"].as_str();
        if !status.is_some_and(|status| from.contains(&status)) {
            return Err(Refusal::invalid(
                "registrations",
                format!("The registration cannot become {to}."),
            ));
        }
        let reason = match review {
            Review::Fail(reason) | Review::SendBack(reason) => Value::from(reason.as_str()),
            Review::Pass | Review::Recall | Review::Close => Value::Null,
        };
        self.store.write(now, id, |at, body| {
            body["registrations"][0]["statusReason"] = reason;
            stand(body, to, date, at);
        });
        Ok(())
    }

    /// What the document did to the registrations of a referral, judged and completed.
    pub(super) fn register(
        &mut self,
        now: DateTime<Utc>,
        after: &mut Map<String, Value>,
        operations: &[Operation],
    ) -> Result<(), Refusal> {
        let ours = || operations.iter().filter(|one| one.is_registration());
        let Some(first) = ours().next() else {
            return Ok(());
        };
        let adds = ours().any(|one| one.appends);
        let count = after["registrations"].as_array().map_or(0, Vec::len);
        if adds && count > 1 {
            return Err(Refusal::invalid(
                "registrations",
                "The deal is registered already.",
            ));
        }
        if !adds && after["registrations"][0]["status"] != "ActionRequired" {
            return Err(Refusal::invalid(
                &first.target,
                "A registration can be edited only when it was sent back.",
            ));
        }
        if after["status"] != "Closed" || after["substatus"] != "Won" {
            return Err(Refusal::invalid("registrations", "The deal is not won."));
        }
        if self.options.validation == Validation::Strict {
            if adds {
                self.eligible(now, after)?;
            }
            let invited = self.invited(after);
            lawful(now, after, invited)?;
        }
        if adds {
            after["registrations"][0]["id"] = self.store.id().to_string().into();
            after["registrations"][0]["registrationDateTime"] = text(now).into();
        }
        if adds && !needs_review(&after["registrations"][0]) {
            stand(after, "Approved", Some("approvedDateTime"), now);
        } else {
            stand(after, "ReviewPending", Some("reviewPendingDateTime"), now);
        }
        Ok(())
    }

    /// What of the deal itself forbids a registration.
    fn eligible(&self, now: DateTime<Utc>, body: &Map<String, Value>) -> Result<(), Refusal> {
        if body["consent"]["consentToShareReferralWithMicrosoftSellers"] != true {
            return Err(Refusal::invalid(
                "consent.consentToShareReferralWithMicrosoftSellers",
                "A private deal cannot be registered.",
            ));
        }
        let details = &body["details"];
        if details["currency"] == "USD" && details["dealValue"].as_f64() < Some(LEAST) {
            return Err(Refusal::invalid(
                "details.dealValue",
                "The deal is worth less than 25,000 USD.",
            ));
        }
        let created = moment(&body["createdDateTime"]);
        // Won by the same document: now.
        let closed = moment(&body["closedDateTime"]).unwrap_or(now);
        if let Some(created) = created
            && closed - created < TimeDelta::hours(72)
        {
            return Err(Refusal::invalid(
                "closedDateTime",
                "The deal was won within 72 hours.",
            ));
        }
        let answered = self.microsofts(body).next().is_none()
            || self
                .microsofts(body)
                .any(|part| part["substatus"] == "Accepted" || part["substatus"] == "Won");
        if !answered {
            return Err(Refusal::invalid(
                "registrations",
                "Microsoft has not accepted the deal.",
            ));
        }
        Ok(())
    }

    /// When Microsoft was invited.
    fn invited(&self, body: &Map<String, Value>) -> Option<DateTime<Utc>> {
        self.microsofts(body)
            .filter_map(|part| moment(&part["createdDateTime"]))
            .min()
    }

    fn microsofts(&self, body: &Map<String, Value>) -> impl Iterator<Item = &Value> {
        let engagement = body["engagementId"].as_str().map(Uuid::try_parse);
        let engagement = engagement.and_then(Result::ok).unwrap_or_default();
        self.store
            .engagement(engagement)
            .map(|(_, body)| body)
            .filter(|body| body["organizationId"] == MICROSOFT)
    }

    /// Is the sales stage of a vocabulary that is taken?
    pub(super) fn sales_stage(&self, body: &Map<String, Value>) -> Result<(), Refusal> {
        let words: &[&str] = match self.options.sales_stages {
            SalesStages::Any => return Ok(()),
            SalesStages::Words => &["Qualify", "Develop", "Propose", "Close"],
            SalesStages::Percentages => &["10", "20", "40", "60", "80", "100"],
        };
        match body["salesStage"].as_str() {
            Some(stage) if !words.contains(&stage) => Err(Refusal::invalid(
                "salesStage",
                format!("The value must be one of {}.", words.join(", ")),
            )),
            _ => Ok(()),
        }
    }
}

/// Puts a registration into a status, on the referral too.
fn stand(body: &mut Map<String, Value>, status: &str, date: Option<&str>, at: DateTime<Utc>) {
    body.insert("registrationStatus".into(), status.into());
    let registration = &mut body["registrations"][0];
    registration["status"] = status.into();
    if let Some(date) = date {
        registration["statusHistory"][date] = text(at).into();
    }
}

/// The first rule that a registration breaks.
fn lawful(
    now: DateTime<Utc>,
    body: &Map<String, Value>,
    invited: Option<DateTime<Utc>>,
) -> Result<(), Refusal> {
    let registration = &body["registrations"][0];
    let contract = &registration["contract"];
    let refuse =
        |name: &str, why: &str| Err(Refusal::invalid(&format!("registrations[0].{name}"), why));
    if registration["type"].is_null() {
        return refuse("type", "A value is required.");
    }
    let value = contract["value"].as_f64().unwrap_or_default();
    if value <= 0.0 {
        return refuse("contract.value", "The value must be positive.");
    }
    if contract["currency"]
        .as_str()
        .is_none_or(|code| code.len() != 3)
    {
        return refuse("contract.currency", "Currency must be a three letter code.");
    }
    let Some(signed) = moment(&contract["signDateTime"]) else {
        return refuse("contract.signDateTime", "A value is required.");
    };
    let begun = moment(&body["createdDateTime"]).max(invited);
    if signed > now
        || now - signed > TimeDelta::days(60)
        || begun.is_some_and(|begun| signed < begun)
    {
        return refuse("contract.signDateTime", "The date is out of range.");
    }
    let Some(start) = moment(&contract["startDateTime"]) else {
        return refuse("contract.startDateTime", "A value is required.");
    };
    if now - start > TimeDelta::days(90) {
        return refuse("contract.startDateTime", "The date is out of range.");
    }
    let end = moment(&contract["endDateTime"]);
    match contract["term"].as_str() {
        None => return refuse("contract.term", "A value is required."),
        Some("Finite") if end.is_none() => {
            return refuse("contract.endDateTime", "A finite contract has an end.");
        }
        _ if end.is_some_and(|end| end < start) => {
            return refuse("contract.endDateTime", "The end lies before the start.");
        }
        _ => {}
    }
    if contract["currency"] == "USD" && annual(contract).is_some_and(|annual| annual <= LEAST) {
        return refuse("contract.value", "The contract is worth too little.");
    }
    let sold = registration["solutionDetails"].as_array();
    let Some(sold) = sold.filter(|sold| !sold.is_empty()) else {
        return refuse("solutionDetails", "At least one solution is required.");
    };
    for solution in sold {
        let share = solution["value"].as_f64().unwrap_or_default();
        let sale = &solution["marketplaceTransactionDetails"];
        if solution["id"].as_str().is_none_or(str::is_empty) {
            return refuse("solutionDetails", "Solution ID is required.");
        } else if share <= 0.0 || share > value {
            return refuse("solutionDetails", "The value exceeds the contract's.");
        } else if solution["isDeployedOnAzure"] != true {
            return refuse("solutionDetails", "The solution is not deployed on Azure.");
        } else if sale["isMarketplaceTransacted"] == true
            && sale["marketplaceTransactionDateTime"].is_null()
        {
            return refuse("solutionDetails", "The date of the transaction is missing.");
        }
    }
    Ok(())
}

/// Does somebody have to look at it?
fn needs_review(registration: &Value) -> bool {
    let by_use = registration["solutionDetails"]
        .as_array()
        .is_some_and(|sold| sold.iter().any(|one| one["pricingModel"] == "PayAsYouGo"));
    let contract = &registration["contract"];
    let large =
        contract["currency"] == "USD" && annual(contract).is_some_and(|annual| annual > AUTOMATIC);
    by_use || large
}

/// Value of a year; a contract without end counts for six.
fn annual(contract: &Value) -> Option<f64> {
    let value = contract["value"].as_f64()?;
    if contract["term"] == "Perpetual" {
        return Some(value / 6.0);
    }
    let (start, end) = (
        moment(&contract["startDateTime"])?,
        moment(&contract["endDateTime"])?,
    );
    let days = u16::try_from((end - start).num_days() + 1).ok()?;
    match days {
        0 => None,
        365 | 366 => Some(value),
        _ => Some(value * 365.0 / f64::from(days)),
    }
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}
