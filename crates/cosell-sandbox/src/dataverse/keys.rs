//! Alternate keys: rows found by their values, and no two rows with the same.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Dataverse;
use super::cell::{self, Cell, quote};
use super::refusal::Refusal;
use super::schema::{Column, Kind, Table};
use super::store::Cells;
use super::value;
use crate::odata::split_top_level;

/// What a value in an address cannot hold, encoded or not.
const UNFIT: &str = "/<>*%&:\\?+";

/// What key values lead to.
#[derive(Clone, Debug)]
pub(super) enum Keyed {
    Row(Uuid),
    /// No row; the values, for one to be made.
    Absent(Cells),
}

fn invalid(table: &Table) -> Refusal {
    Refusal::query(format!(
        "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{0}'. \
         Ensure that the names and number of key properties match the declared or alternate \
         key properties for the resource 'Microsoft.Dynamics.CRM.{0}'.",
        table.name
    ))
}

/// The key of a row as its id, in any of the forms that name the primary key.
fn primary(table: &Table, key: &str) -> Option<Uuid> {
    let text = match key.split_once('=') {
        // The key of a user is inherited from principal and has another name there.
        Some((name, value)) if name.trim() == &*table.key && &*table.name != "systemuser" => value,
        _ => key,
    };
    cell::uuid(text.trim())
}

impl Dataverse {
    /// Reads what stands in the parentheses behind a set's name.
    pub(super) fn keyed(&self, table: &Table, key: &str) -> Result<Keyed, Refusal> {
        if let Some(id) = primary(table, key) {
            return Ok(Keyed::Row(id));
        }
        let mut values = Cells::new();
        for (_, pair) in split_top_level(key, ',') {
            let (name, value) = pair.split_once('=').ok_or_else(|| invalid(table))?;
            let column = table.property(name.trim()).ok_or_else(|| invalid(table))?;
            let value = literal(table, column, value.trim())?;
            values.insert(column.name.clone(), value);
        }
        let names: Vec<&str> = values.keys().map(AsRef::as_ref).collect();
        let mut keys = self.definitions.keys(&table.name).iter();
        let found = keys.find(|key| {
            let mut columns: Vec<&str> = key.columns.iter().map(String::as_str).collect();
            columns.sort_unstable();
            columns == names
        });
        match found {
            None => return Err(invalid(table)),
            Some(key) if !key.is_active(self.now) => {
                return Err(Refusal::bad(
                    "0x80060890",
                    "The entity key is not defined, or its index is not active.",
                ));
            }
            Some(_) => {}
        }
        let mut rows = self.store.rows(&table.name).iter();
        let row = rows.find(|row| {
            values
                .iter()
                .all(|(name, value)| same(row.get(name), value))
        });
        Ok(row.map_or(Keyed::Absent(values), |row| Keyed::Row(row.id)))
    }

    /// No other row may have the same values of an active key.
    pub(super) fn check_keys(&self, table: &Table, id: Uuid, cells: &Cells) -> Result<(), Refusal> {
        for key in self.definitions.keys(&table.name) {
            if !key.is_active(self.now) {
                continue;
            }
            let values: Option<BTreeMap<&str, &Cell>> = key
                .columns
                .iter()
                .map(|name| {
                    let cell = cells.get(name.as_str()).filter(|cell| **cell != Cell::Null);
                    Some((name.as_str(), cell?))
                })
                .collect();
            let Some(values) = values else { continue };
            let mut rows = self.store.rows(&table.name).iter();
            let taken = rows.any(|row| {
                row.id != id
                    && values
                        .iter()
                        .all(|(name, value)| same(row.get(name), value))
            });
            if taken {
                return Err(Refusal::new(
                    StatusCode::PRECONDITION_FAILED,
                    "0x80060892",
                    format!(
                        "Entity Key {} violated. A record with the same value for {} already \
                         exists. A duplicate record cannot be created. Select one or more unique \
                         values and try again.",
                        key.columns.join(", "),
                        key.columns.join(", ")
                    ),
                ));
            }
        }
        Ok(())
    }
}

pub(super) fn not_found(table: &Table) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "0x80060891",
        format!(
            "A record with the specified key values does not exist in {} entity",
            table.name
        ),
    )
}

/// Texts are the same in any case, as the database compares them.
fn same(there: Option<&Cell>, wanted: &Cell) -> bool {
    match (there, wanted) {
        (Some(Cell::Text(there)), Cell::Text(wanted)) => {
            there.to_lowercase() == wanted.to_lowercase()
        }
        (Some(Cell::Ref(_, there)), Cell::Ref(_, wanted) | Cell::Id(wanted)) => there == wanted,
        (Some(there), wanted) => there == wanted,
        (None, _) => false,
    }
}

fn literal(table: &Table, column: &Column, text: &str) -> Result<Cell, Refusal> {
    let quoted = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    if let Kind::Lookup(_) = column.kind {
        return cell::uuid(text).map(Cell::Id).ok_or_else(|| invalid(table));
    }
    let json = match (&column.kind, quoted) {
        (Kind::Text { .. }, Some(text)) => {
            if text.contains(|letter| UNFIT.contains(letter)) {
                return Err(invalid(table));
            }
            quote(&text.replace("''", "'"))
        }
        (Kind::Date | Kind::Instant, None) => quote(text),
        (Kind::Integer { .. } | Kind::Decimal { .. } | Kind::Choice(_), None) => text.to_owned(),
        _ => return Err(invalid(table)),
    };
    let raw = RawValue::from_string(json).map_err(|_| invalid(table))?;
    value::read(table, column, &raw)
}
