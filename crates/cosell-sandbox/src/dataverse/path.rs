//! Which resource a URL names.

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::Dataverse;
use super::bulk::NAMESPACE;
use super::keys::{self, Keyed};
use super::refusal::Refusal;
use super::schema::Table;
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
}

const OPERATIONS: [&str; 7] = [
    "WhoAmI",
    "RetrieveCurrentOrganization",
    "WinOpportunity",
    "LoseOpportunity",
    "PublishXml",
    "PublishAllXml",
    "InsertOptionValue",
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
