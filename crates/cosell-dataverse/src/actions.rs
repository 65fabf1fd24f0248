//! Closing actions, and who we are.

use std::fmt;

use chrono::{DateTime, Utc};
use cosell_http::{Call, Error, Repeat, decode_json};
use http::Method;
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use crate::{Columns, Condition, Dataverse, Literal, Op, Table, Written, literal};

/// What is written down about a closing, in the row of `opportunityclose` that it makes.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CloseDetails {
    /// Subject; at most 200 UTF-16 units.
    pub subject: Option<String>,
    /// Actual revenue in the opportunity's currency; a win takes the estimated one when absent.
    pub actual_revenue: Option<Decimal>,
    /// When it was closed; today when absent.
    pub actual_end: Option<DateTime<Utc>>,
    /// Free text; at most 2,000 UTF-16 units.
    pub description: Option<String>,
    /// Further columns of `opportunityclose`.
    pub more: Columns,
}

impl CloseDetails {
    /// Sets the subject.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets the actual revenue.
    #[must_use]
    pub fn with_actual_revenue(mut self, revenue: Decimal) -> Self {
        self.actual_revenue = Some(revenue);
        self
    }

    /// Sets when it was closed.
    #[must_use]
    pub fn with_actual_end(mut self, end: DateTime<Utc>) -> Self {
        self.actual_end = Some(end);
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets further columns, such as a binding of `competitorid`.
    #[must_use]
    pub fn with_more(mut self, columns: Columns) -> Self {
        self.more = columns;
        self
    }

    fn columns(&self) -> Columns {
        let given: [(&str, Literal); 4] = [
            ("subject", self.subject.clone().into()),
            ("actualrevenue", self.actual_revenue.into()),
            ("actualend", self.actual_end.into()),
            ("description", self.description.clone().into()),
        ];
        given
            .into_iter()
            .filter(|(_, value)| *value != Literal::Null)
            .fold(self.more.clone(), |columns, (name, value)| {
                columns.set(name, value)
            })
    }
}

/// Names only, as for all columns.
impl fmt::Debug for CloseDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CloseDetails")
            .field(&self.columns())
            .finish()
    }
}

/// The identity behind the client's token, and its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WhoAmI {
    /// The user (an application user too).
    pub user_id: Uuid,
    /// The organization: the environment's own id, another in every copy.
    pub organization_id: Uuid,
    /// The user's business unit.
    pub business_unit_id: Uuid,
    /// How many requests at once the environment recommends.
    pub parallelism_hint: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WhoAmIBody {
    user_id: Uuid,
    organization_id: Uuid,
    business_unit_id: Uuid,
}

impl Op {
    /// Closes the opportunity `id` as won; `status` is a status reason of the state won, see
    /// [`status`](crate::names::opportunity::status).
    ///
    /// The action carries no version: an edit between reading and closing goes unnoticed unless
    /// a conditional write stands before it in the same change set. A repeat after a reopen makes
    /// a second `opportunityclose` row.
    pub fn win_opportunity(id: Uuid, status: i32, details: &CloseDetails) -> Self {
        close("WinOpportunity", id, status, details).named("dataverse.win_opportunity")
    }

    /// Opens the closed opportunity `id` again, with the status reason `status` of the state
    /// open. The service clears what closing had set.
    pub fn reopen_opportunity(id: Uuid, status: i32, condition: &Condition) -> Self {
        let columns = Columns::new().set("statecode", 0).set("statuscode", status);
        let mut op = Self::update(&Table::OPPORTUNITY, id, columns, condition)
            .named("dataverse.reopen_opportunity");
        if matches!(condition, Condition::None | Condition::MustNotExist) {
            op.faults.push(
                "reopening under this condition could make a row: name a version, or MustExist",
            );
        }
        op
    }

    /// Closes the opportunity `id` as lost; `status` is a status reason of the state lost. See
    /// [`win_opportunity`](Self::win_opportunity).
    pub fn lose_opportunity(id: Uuid, status: i32, details: &CloseDetails) -> Self {
        close("LoseOpportunity", id, status, details).named("dataverse.lose_opportunity")
    }
}

fn close(action: &str, id: Uuid, status: i32, details: &CloseDetails) -> Op {
    let columns = details
        .columns()
        .bind("opportunityid", &Table::OPPORTUNITY, id);
    let parameters = Columns::new()
        .set("Status", status)
        .set_json("OpportunityClose", literal::raw(columns.to_json()));
    let mut op = Op::action(action, parameters);
    op.faults.extend(columns.faults());
    op
}

impl Dataverse {
    /// Closes an opportunity as won; see [`Op::win_opportunity`].
    ///
    /// # Errors
    /// [`Error`]; code [`OpportunityIsAlreadyClosed`](crate::ErrorCode::OpportunityIsAlreadyClosed)
    /// when it is closed, won or lost.
    pub async fn win_opportunity(
        &self,
        id: Uuid,
        status: i32,
        details: &CloseDetails,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Written, Error> {
        self.run(&Op::win_opportunity(id, status, details), not_after)
            .await
    }

    /// Closes an opportunity as lost; see [`Op::lose_opportunity`].
    ///
    /// # Errors
    /// [`Error`]; code [`OpportunityIsAlreadyClosed`](crate::ErrorCode::OpportunityIsAlreadyClosed)
    /// when it is closed, won or lost.
    pub async fn lose_opportunity(
        &self,
        id: Uuid,
        status: i32,
        details: &CloseDetails,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Written, Error> {
        self.run(&Op::lose_opportunity(id, status, details), not_after)
            .await
    }

    /// Who the token's identity is here. The cheapest proof that address, sign-in and user fit.
    ///
    /// # Errors
    /// [`Error`]; kind `Denied` with code
    /// [`UserNotMemberOfOrg`](crate::ErrorCode::UserNotMemberOfOrg) when the environment has no
    /// application user for the identity.
    pub async fn who_am_i(&self) -> Result<WhoAmI, Error> {
        let operation = "dataverse.who_am_i";
        let answer = self
            .raw(Call::new(operation, Method::GET, "WhoAmI", Repeat::Safe))
            .await?;
        let body: WhoAmIBody = decode_json(operation, &answer)?;
        let hint = answer.headers.get("x-ms-dop-hint");
        Ok(WhoAmI {
            user_id: body.user_id,
            organization_id: body.organization_id,
            business_unit_id: body.business_unit_id,
            parallelism_hint: hint.and_then(|hint| hint.to_str().ok()?.trim().parse().ok()),
        })
    }
}
