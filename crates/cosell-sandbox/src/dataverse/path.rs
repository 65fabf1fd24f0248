//! Which resource a URL names.

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::cell::uuid;
use super::refusal::Refusal;
use super::schema::{Schema, Table};
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
    Row(Arc<Table>, Uuid),
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
}

const OPERATIONS: [&str; 4] = [
    "WhoAmI",
    "RetrieveCurrentOrganization",
    "WinOpportunity",
    "LoseOpportunity",
];

/// Reads the part of a path behind the version segment.
pub(super) fn parse(
    schema: &Schema,
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
        let table = schema
            .set(name)
            .ok_or_else(|| Refusal::no_segment(name))?
            .clone();
        let Some(key) = key else {
            return match (segments.next(), segments.next()) {
                (None, _) => Ok(Resource::Set(table)),
                (Some("$count"), None) => Ok(Resource::Count(table)),
                (Some(other), _) => Err(Refusal::no_segment(other)),
            };
        };
        let id = key_of(&table, key)?;
        (table, id)
    };
    let Some(member) = segments.next() else {
        return Ok(Resource::Row(table, id));
    };
    let last = segments.next();
    if let Some(extra) = segments.next() {
        return Err(Refusal::no_segment(extra));
    }
    below(table, id, member, last)
}

fn below(
    table: Arc<Table>,
    id: Uuid,
    member: &str,
    last: Option<&str>,
) -> Result<Resource, Refusal> {
    if let Some(column) = table.property(member) {
        let column = column.name.clone();
        return match last {
            None => Ok(Resource::Property {
                table,
                id,
                column,
                raw: false,
            }),
            Some("$value") => Ok(Resource::Property {
                table,
                id,
                column,
                raw: true,
            }),
            Some(other) => Err(Refusal::no_segment(other)),
        };
    }
    let name = member.split('(').next().unwrap_or_default();
    let Some((_, target)) = table.navigation(name) else {
        return Err(Refusal::no_segment(member));
    };
    let navigation = target.navigation.clone();
    match last {
        None => Ok(Resource::Navigation {
            table,
            id,
            navigation,
        }),
        Some("$ref") => Ok(Resource::Reference {
            table,
            id,
            navigation,
        }),
        Some(other) => Err(Refusal::no_segment(other)),
    }
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

fn key_of(table: &Table, key: &str) -> Result<Uuid, Refusal> {
    let text = match key.split_once('=') {
        // The key of a user is inherited from principal and has another name there.
        Some((name, value)) if name.trim() == &*table.key && &*table.name != "systemuser" => value,
        _ => key,
    };
    uuid(text.trim()).ok_or_else(|| {
        Refusal::query(format!(
            "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{0}'. \
             Ensure that the names and number of key properties match the declared or alternate \
             key properties for the resource 'Microsoft.Dynamics.CRM.{0}'.",
            table.name
        ))
    })
}

/// Reads the address of a row as it stands in `@odata.bind` and `@odata.id`: relative, from the
/// root, absolute, or a Content-ID.
pub(super) fn row(
    schema: &Schema,
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
    match parse(schema, relative, references)? {
        Resource::Row(table, id) => Ok((table, id)),
        _ => Err(Refusal::query(format!("'{link}' is no address of a row."))),
    }
}
