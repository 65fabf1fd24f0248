//! Qualifying and disqualifying a lead.

use chrono::{DateTime, Utc};
use cosell_http::{Call, Error, Repeat, decode_json};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Columns, Condition, Dataverse, Op, Row, Table};

/// What qualifying a lead makes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QualifyLead {
    /// Make an account of the lead's company.
    pub account: bool,
    /// Make a contact of the lead's person.
    pub contact: bool,
    /// Make an opportunity.
    pub opportunity: bool,
    /// Status reason of the state qualified; 3 is the shipped one.
    pub status: i32,
    /// Currency of the opportunity; the service chooses when absent.
    pub currency: Option<Uuid>,
    /// Account that is the opportunity's customer, where none is made.
    pub customer: Option<Uuid>,
}

impl Default for QualifyLead {
    fn default() -> Self {
        Self {
            account: true,
            contact: true,
            opportunity: true,
            status: 3,
            currency: None,
            customer: None,
        }
    }
}

impl QualifyLead {
    /// Uses this account as the customer instead of making one.
    #[must_use]
    pub fn with_customer(mut self, account: Uuid) -> Self {
        self.customer = Some(account);
        self.account = false;
        self
    }

    /// Sets the opportunity's currency.
    #[must_use]
    pub fn with_currency(mut self, currency: Uuid) -> Self {
        self.currency = Some(currency);
        self
    }

    /// Sets whether a contact is made.
    #[must_use]
    pub fn with_contact(mut self, make: bool) -> Self {
        self.contact = make;
        self
    }
}

/// The rows that qualifying made; `None` where none was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Qualified {
    /// The account.
    pub account: Option<Uuid>,
    /// The contact.
    pub contact: Option<Uuid>,
    /// The opportunity.
    pub opportunity: Option<Uuid>,
}

#[derive(serde::Deserialize)]
struct Made {
    #[serde(default)]
    value: Vec<Row>,
}

impl Op {
    /// Disqualifies the lead `id`; `status` is a status reason of the state disqualified, 4 to 7
    /// of the shipped ones. `condition` may be `MustExist` or a version.
    pub fn disqualify_lead(id: Uuid, status: i32, condition: &Condition) -> Self {
        let columns = Columns::new().set("statecode", 2).set("statuscode", status);
        let mut op =
            Self::update(&Table::LEAD, id, columns, condition).named("dataverse.disqualify_lead");
        if matches!(condition, Condition::None | Condition::MustNotExist) {
            op.faults.push(
                "disqualifying under this condition could make a row: name a version, or MustExist",
            );
        }
        op
    }
}

impl Dataverse {
    /// Qualifies the lead `id` and tells what was made of it.
    ///
    /// Not to be repeated blindly: after a lost answer, read the lead's state and the opportunity
    /// whose originating lead it is.
    ///
    /// # Errors
    /// [`Error`]; code [`CannotQualifyLead`](crate::ErrorCode::CannotQualifyLead) when it is
    /// closed, or a right is missing.
    pub async fn qualify_lead(
        &self,
        id: Uuid,
        options: &QualifyLead,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Qualified, Error> {
        let operation = "dataverse.qualify_lead";
        let point = |table: &str, key: &str, id: Option<Uuid>| {
            id.map_or(
                Value::Null,
                |id| json!({"@odata.type": format!("Microsoft.Dynamics.CRM.{table}"), key: id}),
            )
        };
        let body = json!({
            "CreateAccount": options.account,
            "CreateContact": options.contact,
            "CreateOpportunity": options.opportunity,
            "Status": options.status,
            "OpportunityCurrencyId":
                point("transactioncurrency", "transactioncurrencyid", options.currency),
            "OpportunityCustomerId": point("account", "accountid", options.customer),
            "SourceCampaignId": null,
            "ProcessInstanceId": null,
        });
        let target = format!("leads({id})/Microsoft.Dynamics.CRM.QualifyLead");
        let call = Call::new(operation, Method::POST, target, Repeat::IfNotSent)
            .with_body(
                HeaderValue::from_static("application/json"),
                body.to_string(),
            )
            .with_not_after(not_after);
        let answer = self.raw(call).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Qualified::default());
        }
        let made: Made = decode_json(operation, &answer)?;
        let find = |key: &str| {
            let mut rows = made.value.iter();
            rows.find_map(|row| {
                let kind = row.text("@odata.type").ok().flatten()?;
                let table = key.strip_suffix("id").unwrap_or(key);
                kind.ends_with(&format!(".{table}"))
                    .then(|| row.guid(key).ok().flatten())?
            })
        };
        Ok(Qualified {
            account: find("accountid"),
            contact: find("contactid"),
            opportunity: find("opportunityid"),
        })
    }
}
