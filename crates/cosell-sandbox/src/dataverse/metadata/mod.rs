//! Definitions of tables, columns, keys and relationships: read and written over the Web API.
//!
//! `describe` prints what the schema holds, `read` answers questions about it, `csdl` prints it
//! whole, `changes` answers `RetrieveMetadataChanges`; `write` changes tables, columns and keys,
//! `relationships` and `choices` what their names say; `column` reads a posted column.

mod changes;
mod choices;
mod column;
mod csdl;
mod describe;
mod read;
mod relationships;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

pub(super) use describe::type_code;
pub(super) use read::is_metadata;

/// What is known of the schema beside the tables themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions {
    /// What was posted for columns made over the API, by table and logical name.
    columns: BTreeMap<(Arc<str>, String), Posted>,
    /// What was posted for tables.
    tables: BTreeMap<Arc<str>, Posted>,
    /// What was posted for relationships, by schema name.
    relationships: BTreeMap<String, Posted>,
    /// Global choices, by name.
    choices: BTreeMap<String, Value>,
    keys: BTreeMap<Arc<str>, Vec<Key>>,
}

/// A posted definition, and when.
#[derive(Clone, Debug)]
struct Posted {
    value: Value,
    at: DateTime<Utc>,
    /// Made over the API, not only changed.
    custom: bool,
}

/// An alternate key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    id: Uuid,
    schema_name: String,
    /// Logical names.
    pub(super) columns: Vec<String>,
    label: Value,
    active_at: DateTime<Utc>,
    broken: bool,
}

impl Key {
    pub(super) fn status(&self, now: DateTime<Utc>) -> &'static str {
        match (self.broken, now >= self.active_at) {
            (true, true) => "Failed",
            (false, true) => "Active",
            (_, false) => "Pending",
        }
    }

    pub(super) fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.status(now) == "Active"
    }
}

impl Definitions {
    pub(super) fn keys(&self, table: &str) -> &[Key] {
        self.keys.get(table).map_or(&[], Vec::as_slice)
    }

    /// Is the column known everywhere by now? Other servers of the service learn of it later.
    fn settled(&self, table: &Arc<str>, column: &str, now: DateTime<Utc>, lag: TimeDelta) -> bool {
        self.columns
            .get(&(table.clone(), column.to_owned()))
            .is_none_or(|posted| posted.at + lag <= now)
    }
}

/// A name's id, the same in every run.
fn id_of(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{kind}:{name}").as_bytes())
}
