//! `WinOpportunity` and `LoseOpportunity`.

use std::sync::Arc;

use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::draft::{self, Draft, Purpose, Setting};
use super::path::References;
use super::pipeline::Actor;
use super::pipeline::Message;
use super::refusal::Refusal;
use super::rules::{self, OPPORTUNITY};
use super::schema::Table;
use super::store::Cells;

/// How a deal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Won,
    Lost,
}

impl Outcome {
    fn state(self) -> i32 {
        match self {
            Self::Won => 1,
            Self::Lost => 2,
        }
    }
}

impl Dataverse {
    /// Runs the action; `body` has `Status` and `OpportunityClose`.
    pub(super) fn close(
        &mut self,
        actor: &Actor,
        outcome: Outcome,
        body: &[u8],
        references: Option<&References>,
    ) -> Result<Uuid, Refusal> {
        let (deals, closes) = self.tables_of_closing()?;
        let mut members = draft::members(&closes.set, body)?;
        let status = members.remove("Status");
        let close = members.remove("OpportunityClose");
        if let Some(name) = members.keys().find(|name| !name.starts_with('@')) {
            return Err(Refusal::payload(
                &closes.set,
                &format!(
                    "Microsoft.OData.ODataException: The parameter '{name}' in the request payload \
                     is not a valid parameter for the operation."
                ),
            ));
        }
        let missing = |name: &str| {
            Refusal::bad(
                "0x80040203",
                format!("The required parameter '{name}' is missing."),
            )
        };
        let close = close.ok_or_else(|| missing("OpportunityClose"))?;
        let status = status.ok_or_else(|| missing("Status"))?;
        let setting = Setting {
            environment: self,
            read_only: self.options.read_only_columns,
            references,
        };
        let draft = draft::read(setting, &closes, close.get().as_bytes(), Purpose::Create)?;
        let Some((_, id)) = draft.cells.get("opportunityid").and_then(Cell::as_ref) else {
            return Err(Refusal::bad("0x80040500", "The opportunity is missing."));
        };
        let status = self.reason(&deals, outcome, status.get())?;
        self.finish(actor, &deals, &closes, id, (outcome, status), draft)?;
        Ok(id)
    }

    fn tables_of_closing(&self) -> Result<(Arc<Table>, Arc<Table>), Refusal> {
        match (
            self.schema.table(OPPORTUNITY),
            self.schema.table("opportunityclose"),
        ) {
            (Some(deals), Some(closes)) => Ok((deals.clone(), closes.clone())),
            _ => Err(Refusal::no_segment("WinOpportunity")),
        }
    }

    /// The status reason that is asked for; -1 is the default of the state.
    fn reason(&self, deals: &Table, outcome: Outcome, raw: &str) -> Result<i32, Refusal> {
        let state = outcome.state();
        let wanted: i32 = raw.parse().map_err(|_| {
            Refusal::payload(
                &deals.set,
                &format!(
                    "Microsoft.OData.ODataException: Cannot convert the literal '{}' to the \
                     expected type 'Edm.Int32'.",
                    raw.chars().take(40).collect::<String>()
                ),
            )
        })?;
        let status = if wanted == -1 {
            deals.status_of_state(state).unwrap_or(wanted)
        } else {
            wanted
        };
        if deals.state_of_status(status) == Some(state) {
            return Ok(status);
        }
        Err(Refusal::bad(
            "0x80048408",
            format!(
                "{status} is not a valid status code for state code {} on {}.",
                rules::state_label(deals, state),
                deals.name
            ),
        ))
    }

    fn finish(
        &mut self,
        actor: &Actor,
        deals: &Table,
        closes: &Table,
        id: Uuid,
        (outcome, status): (Outcome, i32),
        mut draft: Draft,
    ) -> Result<(), Refusal> {
        let before = self.existing(deals, id)?;
        if before.get("statecode").and_then(Cell::as_int) != Some(0) {
            return Err(Refusal::bad(
                "0x80040515",
                "The opportunity is already closed.",
            ));
        }
        let whole = |value: i32| Cell::Int(i64::from(value));
        let close = &mut draft.cells;
        if !close.contains_key("transactioncurrencyid")
            && let Some(currency) = before.get("transactioncurrencyid")
        {
            rules::set(close, "transactioncurrencyid", currency.clone());
        }
        let revenue = close
            .get("actualrevenue")
            .filter(|cell| **cell != Cell::Null)
            .cloned();
        let ended = match close.get("actualend") {
            Some(Cell::Instant(end)) => end.date_naive(),
            _ => actor.now.date_naive(),
        };
        rules::set(close, "opportunitystatecode", whole(outcome.state()));
        rules::set(close, "opportunitystatuscode", whole(status));
        rules::set(close, "statecode", Cell::Int(1));
        rules::set(close, "statuscode", Cell::Int(2));
        let told = draft.cells.clone();
        self.create(actor, closes, None, draft)?;
        let message = match outcome {
            Outcome::Won => Message::Win,
            Outcome::Lost => Message::Lose,
        };
        self.happened(actor, message, deals, id, Some(&before), Some(&told));
        let mut changes = Cells::new();
        rules::set(&mut changes, "statecode", whole(outcome.state()));
        rules::set(&mut changes, "statuscode", whole(status));
        rules::set(&mut changes, "actualclosedate", Cell::Date(ended));
        let estimated = || before.get("estimatedvalue").cloned();
        let actual = revenue.or_else(|| (outcome == Outcome::Won).then(estimated).flatten());
        if let Some(actual) = actual {
            rules::set(&mut changes, "actualvalue", actual);
        }
        self.apply(actor, deals, &before, &changes)
    }
}
