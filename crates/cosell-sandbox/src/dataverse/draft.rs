//! From a request body to cells: names first, then navigation, then types, as the service checks them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::options::ReadOnlyColumns;
use super::path::{self, References};
use super::refusal::Refusal;
use super::related::Related;
use super::schema::Table;
use super::store::Cells;
use super::value;

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Update,
}

/// A checked body. Cells hold [`Cell::Null`] where the body clears a column.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) id: Option<Uuid>,
    pub(super) cells: Cells,
    /// Rows to be made first, which columns of this one then point to.
    pub(super) parents: Vec<(Arc<str>, Arc<Table>, Draft)>,
    /// Rows to be made afterwards, in collections of this one.
    pub(super) children: Vec<(Related, Draft)>,
}

/// Deepest nesting of new rows in one body.
const MAX_DEPTH: usize = 8;

/// What the reader needs to know of the environment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) environment: &'a Dataverse,
    pub(super) read_only: ReadOnlyColumns,
    pub(super) references: Option<&'a References>,
}

/// Members of a JSON object, values still as written.
pub(super) type Members = BTreeMap<String, Box<RawValue>>;

/// Reads a JSON object.
pub(super) fn members(set: &str, body: &[u8]) -> Result<Members, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::payload(
            set,
            "System.ArgumentException: Stream was not readable.",
        ));
    }
    serde_json::from_slice(body).map_err(|error| {
        Refusal::payload(
            set,
            &format!("Microsoft.OData.ODataException: Invalid JSON. {error}"),
        )
    })
}

/// Reads the body of a create or an update.
pub(super) fn read(
    setting: Setting<'_>,
    table: &Table,
    body: &[u8],
    purpose: Purpose,
) -> Result<Draft, Refusal> {
    read_at(setting, table, body, purpose, 0)
}

fn read_at(
    setting: Setting<'_>,
    table: &Table,
    body: &[u8],
    purpose: Purpose,
    depth: usize,
) -> Result<Draft, Refusal> {
    let members = members(&table.set, body)?;
    for name in members.keys() {
        known(setting.environment, table, name)?;
    }
    let mut draft = Draft::default();
    for (name, raw) in &members {
        if let Some(navigation) = navigation_of(name) {
            bind(setting, table, navigation, raw, &mut draft)?;
        }
    }
    for (name, raw) in &members {
        if name.contains('@') {
            continue;
        }
        if let Some((column, target)) = table.navigation(name) {
            if raw.get() != "null" {
                let target = setting.environment.schema.table(&target.table);
                let target = target.ok_or_else(|| Refusal::no_segment(name))?.clone();
                let made = nested(setting, &target, raw, (purpose, depth))?;
                draft.parents.push((column.name.clone(), target, made));
                continue;
            }
            if column.required {
                value::read(table, column, raw)?;
            }
            draft.cells.entry(column.name.clone()).or_insert(Cell::Null);
            continue;
        }
        let Some(column) = table.property(name) else {
            if let Some(related) = setting.environment.schema.related(&table.name, name) {
                let items: Vec<Box<RawValue>> = serde_json::from_str(raw.get())
                    .map_err(|_| Refusal::payload(&table.set, NO_COLLECTION))?;
                for item in &items {
                    let made = nested(setting, related.table(), item, (purpose, depth))?;
                    draft.children.push((related.clone(), made));
                }
            }
            continue;
        };
        let allowed = match purpose {
            Purpose::Create => column.creatable,
            Purpose::Update => column.updatable,
        };
        if *column.name == *table.key {
            if let Cell::Id(id) = value::read(table, column, raw)? {
                draft.id = Some(id);
            }
        } else if allowed {
            draft
                .cells
                .insert(column.name.clone(), value::read(table, column, raw)?);
        } else if setting.read_only == ReadOnlyColumns::Refused {
            return Err(Refusal::bad(
                "0x80040203",
                format!("The property '{name}' of '{}' cannot be set.", table.name),
            ));
        }
    }
    Ok(draft)
}

const NO_COLLECTION: &str =
    "Microsoft.OData.ODataException: An array of rows is expected for a collection.";

/// A row inside a body.
fn nested(
    setting: Setting<'_>,
    table: &Table,
    raw: &RawValue,
    (purpose, depth): (Purpose, usize),
) -> Result<Draft, Refusal> {
    if purpose == Purpose::Update {
        return Err(Refusal::payload(
            &table.set,
            "Microsoft.OData.ODataException: Related rows cannot be created in an update.",
        ));
    }
    if depth == MAX_DEPTH {
        return Err(Refusal::payload(
            &table.set,
            "Microsoft.OData.ODataException: The rows are nested too deep.",
        ));
    }
    read_at(
        setting,
        table,
        raw.get().as_bytes(),
        Purpose::Create,
        depth + 1,
    )
}

/// The navigation property of a `name@odata.bind`.
fn navigation_of(name: &str) -> Option<&str> {
    name.strip_suffix("@odata.bind")
}

fn known(environment: &Dataverse, table: &Table, name: &str) -> Result<(), Refusal> {
    if name.starts_with('@') || navigation_of(name).is_some() {
        return Ok(());
    }
    let property = name.split('@').next().unwrap_or_default();
    if table.property(property).is_some()
        || table.navigation(property).is_some()
        || environment.schema.related(&table.name, property).is_some()
    {
        return Ok(());
    }
    Err(Refusal::bad(
        "0x80048d19",
        format!(
            "An error occurred while validating input parameters: Microsoft.OData.ODataException: \
             Invalid property '{property}' was found in entity 'Microsoft.Dynamics.CRM.{}'. Does \
             not support untyped value in non-open type.",
            table.name
        ),
    ))
}

fn bind(
    setting: Setting<'_>,
    table: &Table,
    navigation: &str,
    raw: &RawValue,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    let Some((column, target)) = table.navigation(navigation) else {
        return Err(Refusal::payload(
            &table.set,
            &format!(
                "Microsoft.OData.ODataException: An undeclared property '{navigation}' which only \
                 has property annotations in the payload but no property value was found in the \
                 payload. In OData, only declared navigation properties and declared named streams \
                 can be represented as properties without values."
            ),
        ));
    };
    if raw.get() == "null" {
        draft.cells.entry(column.name.clone()).or_insert(Cell::Null);
        return Ok(());
    }
    let link: String = serde_json::from_str(raw.get()).map_err(|_| {
        Refusal::payload(
            &table.set,
            "Microsoft.OData.ODataException: The value of '@odata.bind' is no string.",
        )
    })?;
    let (found, id) = path::row(setting.environment, &link, setting.references)?;
    if found.name != target.table {
        return Err(Refusal::payload(
            &table.set,
            &format!(
                "Microsoft.OData.ODataException: '{link}' is no address of the type that the \
                 navigation property '{navigation}' expects, 'Microsoft.Dynamics.CRM.{}'.",
                target.table
            ),
        ));
    }
    // Each navigation name of a column that points to several tables fills the same column.
    draft
        .cells
        .insert(column.name.clone(), Cell::Ref(found.name.clone(), id));
    Ok(())
}
