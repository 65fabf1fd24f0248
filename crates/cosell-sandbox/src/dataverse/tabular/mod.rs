//! Queries whose answers are tables of their own: FetchXML, `$apply`, SQL.
//!
//! Each form is read into a [`Plan`]: tables joined by columns, a test, what is shown. `plan` runs
//! it, `fetch`, `apply` and `sql` read and answer.

mod apply;
mod fetch;
mod plan;
mod sql;
mod test;

use std::sync::Arc;

use super::Dataverse;
use super::cell::quote;
use super::refusal::Refusal;
use super::reply::{Reply, json};
use super::request::{Operation, Prefer};
use super::schema::{NAMESPACE, Table};
use crate::odata::Query;

impl Dataverse {
    /// The answer, if the request asks in one of these ways.
    pub(super) fn tabular(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        query: &Query,
        prefer: &Prefer,
    ) -> Result<Option<Reply>, Refusal> {
        Ok(if let Some(text) = query.get("fetchXml") {
            Some(self.fetch(operation, table, text, prefer)?)
        } else if let Some(text) = query.get("sql") {
            Some(self.sql(operation, table, text, query)?)
        } else if let Some(text) = query.get("$apply") {
            Some(self.aggregated(operation, table, text, query)?)
        } else {
            None
        })
    }
}

fn no_column(table: &Table, name: &str) -> Refusal {
    Refusal::bad(
        "0x80041103",
        format!(
            "'{}' entity doesn't contain attribute with Name = '{name}' and NameMapping = 'Logical'.",
            table.name
        ),
    )
}

fn no_table(name: &str) -> Refusal {
    Refusal::bad(
        "0x80041102",
        format!("The entity with a name = '{name}' was not found in the MetadataCache."),
    )
}

/// The rows of an answer under its context, with what stands before and after them.
fn answer(operation: &Operation<'_>, table: &Table, more: &str, rows: &[String]) -> Reply {
    let context = format!("{}$metadata#{}", operation.base, table.set);
    json(format!(
        "{{\"@odata.context\":{}{more},\"value\":[{}]}}",
        quote(&context),
        rows.join(",")
    ))
}

/// A column of the whole, by its logical or its JSON name.
fn column_of<'a>(table: &'a Table, name: &str) -> Result<&'a super::schema::Column, Refusal> {
    let column = table.column(name).or_else(|| table.property(name));
    column.ok_or_else(|| no_column(table, name))
}

const LIMIT: usize = 50_000;

fn too_many() -> Refusal {
    Refusal::bad(
        "0x8004e023",
        "The maximum record limit is exceeded. Reduce the number of records.",
    )
}

fn namespaced(name: &str) -> String {
    format!("{NAMESPACE}{name}")
}
