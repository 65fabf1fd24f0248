//! Which resource a URL names.

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::Dataverse;
use super::cell::{self, Cell};
use super::keys::{self, Keyed};
use super::refusal::Refusal;
use super::related::Related;
use super::schema::{NAMESPACE, Table};
use super::store::Cells;
use crate::odata::split_top_level;

/// Rows that earlier operations of a change set made, by Content-ID.
pub(super) type References = BTreeMap<String, (Arc<Table>, Uuid)>;

/// What a path names.
#[derive(Clone, Debug)]
pub(super) enum Resource {
    ServiceDocument,
    /// A function or action, without its parentheses.
    Operation(String),
    Set(Arc<Table>),
    Count(Arc<Table>),
    /// An action bound to a set, without its namespace.
    OnSet(Arc<Table>, String),
    /// An action bound to a row, without its namespace.
    OnRow(Arc<Table>, Uuid, String),
    Row(Arc<Table>, Uuid),
    /// A row by an alternate key that no row has.
    Absent(Arc<Table>, Cells),
    Property {
        table: Arc<Table>,
        id: Uuid,
        column: Arc<str>,
        raw: bool,
    },
    Navigation {
        table: Arc<Table>,
        id: Uuid,
        navigation: Arc<str>,
    },
    /// `…/navigation/$ref`
    Reference {
        table: Arc<Table>,
        id: Uuid,
        navigation: Arc<str>,
    },
    /// A collection of related rows.
    Collection {
        table: Arc<Table>,
        id: Uuid,
        related: Related,
        /// One of them.
        member: Option<Uuid>,
        end: End,
    },
}

impl Resource {
    /// The table whose rows are meant.
    pub(super) fn table(&self) -> Option<&Arc<Table>> {
        match self {
            Self::ServiceDocument | Self::Operation(_) => None,
            Self::Set(table)
            | Self::Count(table)
            | Self::OnSet(table, _)
            | Self::OnRow(table, ..)
            | Self::Row(table, _)
            | Self::Absent(table, _)
            | Self::Property { table, .. }
            | Self::Navigation { table, .. }
            | Self::Reference { table, .. } => Some(table),
            Self::Collection { related, .. } => Some(related.table()),
        }
    }
}

/// What of a collection is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Rows,
    Count,
    Reference,
}

/// Functions and actions that are bound to nothing.
const OPERATIONS: [&str; 19] = [
    "WhoAmI",
    "RetrieveCurrentOrganization",
    "RetrieveTotalRecordCount",
    "RetrieveVersion",
    "RetrieveMetadataChanges",
    "WinOpportunity",
    "LoseOpportunity",
    "BulkDelete",
    "Merge",
    "PublishXml",
    "PublishAllXml",
    "CreateEntities",
    "InsertOptionValue",
    "UpdateOptionValue",
    "DeleteOptionValue",
    "OrderOption",
    "InsertStatusValue",
    "ReactivateEntityKey",
    "AddSolutionComponent",
];

/// Reads the part of a path behind the version segment.
pub(super) fn parse(
    environment: &Dataverse,
    path: &str,
    references: Option<&References>,
) -> Result<Resource, Refusal> {
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| Refusal::query("The request URI is not valid UTF-8."))?;
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Ok(Resource::ServiceDocument);
    }
    let mut segments = split_top_level(path, '/')
        .into_iter()
        .map(|(_, segment)| segment);
    let first = segments.next().unwrap_or_default();
    let (table, id) = if let Some(name) = first.strip_prefix('$') {
        reference(references, name)?
    } else {
        let (name, key) = match first.split_once('(') {
            // An open bracket that nothing closes names no key.
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or_default())),
            None => (first, None),
        };
        if OPERATIONS.contains(&name) {
            return Ok(Resource::Operation(name.to_owned()));
        }
        let table = environment
            .schema
            .set(name)
            .ok_or_else(|| Refusal::no_segment(name))?
            .clone();
        let Some(key) = key else {
            return match (segments.next(), segments.next()) {
                (None, _) => Ok(Resource::Set(table)),
                (Some("$count"), None) => Ok(Resource::Count(table)),
                (Some(action), None) if action.starts_with(NAMESPACE) => {
                    let name = action.trim_start_matches(NAMESPACE).to_owned();
                    Ok(Resource::OnSet(table, name))
                }
                (Some(other), _) => Err(Refusal::no_segment(other)),
            };
        };
        match environment.keyed(&table, key)? {
            Keyed::Row(id) => (table, id),
            Keyed::Absent(values) if segments.next().is_none() => {
                return Ok(Resource::Absent(table, values));
            }
            Keyed::Absent(_) => return Err(keys::not_found(&table)),
        }
    };
    let Some(member) = segments.next() else {
        return Ok(Resource::Row(table, id));
    };
    if let Some(name) = member.strip_prefix(NAMESPACE) {
        return Ok(Resource::OnRow(table, id, name.to_owned()));
    }
    let rest: Vec<&str> = segments.collect();
    below(environment, table, id, member, &rest)
}

/// What stands behind the address of a row.
fn below(
    environment: &Dataverse,
    table: Arc<Table>,
    id: Uuid,
    member: &str,
    rest: &[&str],
) -> Result<Resource, Refusal> {
    if let Some(column) = table.property(member) {
        let column = column.name.clone();
        let raw = match rest {
            [] => false,
            ["$value"] => true,
            [other, ..] => return Err(Refusal::no_segment(other)),
        };
        return Ok(Resource::Property {
            table,
            id,
            column,
            raw,
        });
    }
    let name = member.split('(').next().unwrap_or_default();
    if let Some(related) = environment.schema.related(&table.name, name) {
        return collection(table, id, related, member, rest);
    }
    let Some((column, target)) = table.navigation(name) else {
        return Err(Refusal::no_segment(member));
    };
    let navigation = target.navigation.clone();
    match rest {
        [] => Ok(Resource::Navigation {
            table,
            id,
            navigation,
        }),
        ["$ref"] => Ok(Resource::Reference {
            table,
            id,
            navigation,
        }),
        [member, rest @ ..] => {
            let row = environment.existing(&table, id)?;
            let found = row.get(&column.name).and_then(Cell::as_ref);
            let (name, id) = found
                .filter(|(name, _)| **name == target.table)
                .ok_or_else(|| Refusal::no_segment(member))?;
            let table = environment.schema.table(name).cloned();
            let table = table.ok_or_else(|| Refusal::no_segment(member))?;
            below(environment, table, id, member, rest)
        }
    }
}

fn collection(
    table: Arc<Table>,
    id: Uuid,
    related: Related,
    member: &str,
    rest: &[&str],
) -> Result<Resource, Refusal> {
    let end = match rest {
        [] => End::Rows,
        ["$count"] => End::Count,
        ["$ref"] => End::Reference,
        [other, ..] => return Err(Refusal::no_segment(other)),
    };
    let member = match member.split_once('(') {
        None => None,
        Some((_, key)) => {
            let key = key.strip_suffix(')').and_then(cell::uuid);
            Some(key.ok_or_else(|| Refusal::no_segment(member))?)
        }
    };
    Ok(Resource::Collection {
        table,
        id,
        related,
        member,
        end,
    })
}

fn reference(references: Option<&References>, name: &str) -> Result<(Arc<Table>, Uuid), Refusal> {
    references
        .and_then(|known| known.get(name))
        .cloned()
        .ok_or_else(|| {
            if references.is_some() {
                Refusal::bad(
                    "0x80048d19",
                    format!("Content-ID Reference: '${name}' does not exist in the batch context."),
                )
            } else {
                Refusal::no_segment(&format!("${name}"))
            }
        })
}

/// Reads the address of a row as it stands in `@odata.bind` and `@odata.id`: relative, from the
/// root, absolute, or a Content-ID.
pub(super) fn row(
    environment: &Dataverse,
    link: &str,
    references: Option<&References>,
) -> Result<(Arc<Table>, Uuid), Refusal> {
    let relative = match link.find("/api/data/v") {
        Some(at) => {
            let rest = &link[at + "/api/data/".len()..];
            rest.split_once('/').map_or("", |(_, path)| path)
        }
        None => link.trim_start_matches('/'),
    };
    match parse(environment, relative, references)? {
        Resource::Row(table, id) => Ok((table, id)),
        Resource::Absent(table, _) => Err(keys::not_found(&table)),
        _ => Err(Refusal::query(format!("'{link}' is no address of a row."))),
    }
}
