//! Functions and actions that are bound to nothing, or to one row.

use std::sync::Arc;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Dataverse;
use super::cell::{self, Cell};
use super::closing::Outcome;
use super::pipeline::Actor;
use super::print::parse_query;
use super::refusal::Refusal;
use super::reply::{Reply, empty, json as reply};
use super::request::Operation;
use super::rules::{self, OPPORTUNITY};
use super::schema::{NAMESPACE, Table};
use super::store::Cells;
use crate::odata::split_top_level;

/// The text of a function's parameter, from the path or through an alias from the query.
pub(super) fn parameter(operation: &Operation<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let path = percent_decode_str(&operation.path).decode_utf8_lossy();
    let inside = path.split_once('(').map_or("", |(_, rest)| rest);
    let inside = inside.strip_suffix(')').unwrap_or(inside);
    let query = parse_query(operation)?;
    for (_, pair) in split_top_level(inside, ',') {
        let Some((key, value)) = pair.split_once('=') else {
            continue;
        };
        if key.trim() == name {
            let value = value.trim();
            return Ok(if value.starts_with('@') {
                query.get(value).map(str::to_owned)
            } else {
                Some(value.to_owned())
            });
        }
    }
    Ok(None)
}

pub(super) fn body(operation: &Operation<'_>) -> Result<Value, Refusal> {
    serde_json::from_slice(&operation.body)
        .map_err(|error| Refusal::payload(&operation.path, &error.to_string()))
}

fn unresolved() -> Refusal {
    Refusal::bad("0x0", "Request message has unresolved parameters.")
}

impl Dataverse {
    pub(super) fn operate(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        method: &Method,
        name: &str,
    ) -> Result<Reply, Refusal> {
        let outcome = match (name, method) {
            ("WhoAmI", &Method::GET) => return Ok(self.who_am_i(actor, operation)),
            ("RetrieveCurrentOrganization", &Method::GET) => {
                return self.current_organization(operation);
            }
            ("RetrieveTotalRecordCount", &Method::GET) => return self.record_counts(operation),
            ("RetrieveVersion", &Method::GET) => return Ok(version(operation)),
            ("RetrieveMetadataChanges", &Method::GET) => {
                return self.metadata_changes(actor, operation);
            }
            ("BulkDelete", &Method::POST) => return self.bulk_delete(actor, operation),
            ("Merge", &Method::POST) => return self.merge(actor, operation),
            ("PublishXml" | "PublishAllXml" | "AddSolutionComponent", &Method::POST) => {
                return Ok(empty(StatusCode::NO_CONTENT));
            }
            ("ReactivateEntityKey", &Method::POST) => {
                return self.reactivate_key(actor, operation);
            }
            ("CreateEntities", &Method::POST) => return self.create_entities(actor, operation),
            ("InsertOptionValue", &Method::POST) => return self.insert_option(operation),
            ("InsertStatusValue", &Method::POST) => return self.insert_status(operation),
            ("UpdateOptionValue" | "DeleteOptionValue" | "OrderOption", &Method::POST) => {
                return self.change_options(operation, name);
            }
            ("WinOpportunity", &Method::POST) => Outcome::Won,
            ("LoseOpportunity", &Method::POST) => Outcome::Lost,
            _ => return Err(Refusal::wrong_verb(&operation.path)),
        };
        if operation.references.is_some() && !self.options.actions_in_change_sets {
            return Err(Refusal::query(format!(
                "The action '{name}' is not supported inside a change set."
            )));
        }
        self.close(actor, outcome, &operation.body, operation.references)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn operate_on_row(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        method: &Method,
        (table, id): (&Arc<Table>, Uuid),
        name: &str,
    ) -> Result<Reply, Refusal> {
        let name = name.split('(').next().unwrap_or_default();
        match (&*table.name, name, method) {
            ("lead", "QualifyLead", &Method::POST) => self.qualify(actor, operation, table, id),
            (OPPORTUNITY, "CalculateActualValueOpportunity", &Method::POST) => {
                let row = self.existing(table, id)?;
                let value = row.get("actualvalue").and_then(Cell::as_decimal);
                let context = format!(
                    "{}$metadata#{NAMESPACE}CalculateActualValueOpportunityResponse",
                    operation.base
                );
                Ok(reply(format!(
                    "{{\"@odata.context\":{},\"{}\":{}}}",
                    cell::quote(&context),
                    self.options.actual_value_member,
                    value.unwrap_or(Decimal::ZERO)
                )))
            }
            _ => Err(Refusal::no_segment(name)),
        }
    }

    /// Exact here, where the service gives a count that is up to a day old.
    fn record_counts(&self, operation: &Operation<'_>) -> Result<Reply, Refusal> {
        let names = parameter(operation, "EntityNames")?.ok_or_else(unresolved)?;
        let names: Vec<String> =
            serde_json::from_str(&names.replace('\'', "\"")).map_err(|_| unresolved())?;
        let mut values = Vec::new();
        for name in &names {
            if !self.has_table(name) {
                return Err(Refusal::bad(
                    "0x80041102",
                    format!("The entity with a name = '{name}' was not found."),
                ));
            }
            values.push(self.store.rows(name).len());
        }
        let context = format!(
            "{}$metadata#{NAMESPACE}RetrieveTotalRecordCountResponse",
            operation.base
        );
        Ok(reply(
            json!({"@odata.context": context, "EntityRecordCountCollection": {
                "Count": names.len(), "IsReadOnly": false, "Keys": names, "Values": values}})
            .to_string(),
        ))
    }

    /// Deletes what the queries name, at once, and leaves a job that has succeeded. Rows that
    /// cannot be deleted stay, and the job has failed.
    fn bulk_delete(&mut self, actor: &Actor, operation: &Operation<'_>) -> Result<Reply, Refusal> {
        let body = body(operation)?;
        let queries = body["QuerySet"].as_array().cloned().unwrap_or_default();
        let (mut done, mut failed) = (0, 0);
        for query in &queries {
            let name = query["EntityName"].as_str().unwrap_or_default();
            let table = self.schema.table(name).cloned();
            let table = table.ok_or_else(|| {
                Refusal::bad(
                    "0x80041102",
                    format!("The entity with a name = '{name}' was not found."),
                )
            })?;
            for id in self.queried(&table, &query["Criteria"])? {
                let mark = self.mark();
                match self.delete(actor, &table, id) {
                    Ok(()) => done += 1,
                    Err(_) => {
                        self.roll_back(mark);
                        failed += 1;
                    }
                }
            }
        }
        let job = self.ids.next();
        let name = body["JobName"].as_str().unwrap_or("Bulk delete");
        let message = format!("{done} rows deleted, {failed} failed.");
        self.job(job, name, &message, failed == 0, None);
        let context = format!("{}$metadata#{NAMESPACE}BulkDeleteResponse", operation.base);
        Ok(reply(
            json!({"@odata.context": context, "JobId": job}).to_string(),
        ))
    }

    /// The rows that a query expression names: conditions that a column is one of some values.
    fn queried(&self, table: &Table, criteria: &Value) -> Result<Vec<Uuid>, Refusal> {
        let conditions = criteria["Conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut found: Vec<_> = self.store.rows(&table.name).iter().collect();
        for condition in &conditions {
            let name = condition["AttributeName"].as_str().unwrap_or_default();
            let operator = condition["Operator"].as_str().unwrap_or_default();
            let column = table.column(name).ok_or_else(|| {
                Refusal::bad(
                    "0x80041103",
                    format!(
                        "'{}' entity doesn't contain attribute with Name = '{name}'.",
                        table.name
                    ),
                )
            })?;
            if !matches!(operator, "In" | "Equal") {
                return Err(Refusal::not_simulated(&format!(
                    "The operator '{operator}' of a query expression"
                )));
            }
            let values: Vec<String> = condition["Values"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|value| value.get("Value").unwrap_or(value))
                .map(|value| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                })
                .map(|text| text.to_lowercase())
                .collect();
            found.retain(|row| {
                let cell = row.get(&column.name);
                let text =
                    cell.map(|cell| cell.print(&column.kind).trim_matches('"').to_lowercase());
                text.is_some_and(|text| values.contains(&text))
            });
        }
        Ok(found.into_iter().map(|row| row.id).collect())
    }

    /// Leaves a row of a finished job.
    pub(super) fn job(
        &mut self,
        id: Uuid,
        name: &str,
        message: &str,
        success: bool,
        of: Option<(Uuid, (&Arc<str>, Uuid))>,
    ) {
        let Some(table) = self.schema.table("asyncoperation").cloned() else {
            return;
        };
        let mut cells = Cells::new();
        let now = Cell::Instant(chrono::SubsecRound::trunc_subsecs(self.now, 0));
        for (column, cell) in [
            ("asyncoperationid", Cell::Id(id)),
            ("name", Cell::text(name)),
            ("message", Cell::text(message)),
            ("statecode", Cell::Int(3)),
            ("statuscode", Cell::Int(if success { 30 } else { 31 })),
            ("createdon", now.clone()),
            ("completedon", now),
        ] {
            rules::set(&mut cells, column, cell);
        }
        if let Some((step, (table, row))) = of {
            let step = Cell::Ref(Arc::from("sdkmessageprocessingstep"), step);
            rules::set(&mut cells, "owningextensionid", step);
            if **table == *OPPORTUNITY {
                let row = Cell::Ref(table.clone(), row);
                rules::set(&mut cells, "regardingobjectid", row);
            }
        }
        self.store.put(&table.name, id, cells);
    }

    /// `Merge`: the subordinate row is switched off and points to its master.
    fn merge(&mut self, actor: &Actor, operation: &Operation<'_>) -> Result<Reply, Refusal> {
        let body = body(operation)?;
        let kind = body["Target"]["@odata.type"].as_str().unwrap_or_default();
        let name = kind.trim_start_matches('#').trim_start_matches(NAMESPACE);
        let table = self.schema.table(name).cloned();
        let table = table.filter(|table| table.column("masterid").is_some());
        let table = table
            .ok_or_else(|| Refusal::bad("0x80040203", format!("'{name}' cannot be merged.")))?;
        let id = |member: &str| {
            let id = body[member][&*table.key].as_str().and_then(cell::uuid);
            id.ok_or_else(|| Refusal::bad("0x80040203", format!("'{member}' has no id.")))
        };
        let (target, subordinate) = (id("Target")?, id("Subordinate")?);
        self.existing(&table, target)?;
        let before = self.existing(&table, subordinate)?;
        if target == subordinate || before.get("merged") == Some(&Cell::Bool(true)) {
            return Err(Refusal::bad("0x80040203", "The rows cannot be merged."));
        }
        let mut changes = Cells::new();
        let state = if name == "lead" { 2 } else { 1 };
        let status = table.status_of_state(state).unwrap_or(2);
        for (column, cell) in [
            ("merged", Cell::Bool(true)),
            ("masterid", Cell::Ref(table.name.clone(), target)),
            ("statecode", Cell::Int(state.into())),
            ("statuscode", Cell::Int(status.into())),
        ] {
            rules::set(&mut changes, column, cell);
        }
        self.apply(actor, &table, &before, &changes)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

fn version(operation: &Operation<'_>) -> Reply {
    let context = format!(
        "{}$metadata#{NAMESPACE}RetrieveVersionResponse",
        operation.base
    );
    reply(json!({"@odata.context": context, "Version": "9.2.25031.156"}).to_string())
}
