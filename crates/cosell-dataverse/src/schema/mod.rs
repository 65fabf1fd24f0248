//! What the environment says about its own tables: columns, choices, keys, lookups.

mod choice;
mod definition;
mod read;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cosell_http::{Call, Error, ErrorKind, Repeat, decode_json};
use http::{HeaderName, HeaderValue, Method, header::ACCEPT};
use serde::Deserialize;

use crate::{Dataverse, csdl::Csdl};

pub use choice::{
    ChoiceError, ChoiceSet, ChoiceValue, ChoiceWanted, ENGLISH, Label, ResolvedBy, ResolvedChoice,
};
pub use definition::{
    ColumnDefinition, ColumnType, DateBehavior, KeyDefinition, KeyStatus, LookupDefinition,
    SchemaError, TableDefinition,
};

const VERSION: &str = "dataverse.schema_version";
/// Largest model that is read.
const CSDL_BYTES: u64 = 64 * 1024 * 1024;

/// Definitions read so far, shared by the clones of a client.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    version: Option<String>,
    language: Option<u32>,
    tables: BTreeMap<String, Arc<TableDefinition>>,
    csdl: Option<Arc<Csdl>>,
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads definitions and keeps them. Made by [`Dataverse::schema`]; clones of a client share what
/// was read.
#[derive(Clone, Debug)]
pub struct Schema {
    client: Dataverse,
}

impl Dataverse {
    /// The definitions of this environment's tables.
    pub fn schema(&self) -> Schema {
        Schema {
            client: self.clone(),
        }
    }
}

/// Does a read wait until every server of the service knows of the last change?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consistency {
    Eventual,
    Strong,
}

#[derive(Deserialize)]
struct VersionPage {
    #[serde(rename = "@Microsoft.Dynamics.CRM.globalmetadataversion")]
    version: Option<String>,
    #[serde(default)]
    value: Vec<Organization>,
}

#[derive(Deserialize)]
struct NamesPage {
    value: Vec<Name>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Name {
    logical_name: String,
}

#[derive(Deserialize)]
struct Organization {
    languagecode: Option<u32>,
}

impl Schema {
    /// The definition of the table with the logical name `table`, such as `opportunity`. Read
    /// once (one request and one more for each type of column) and then kept; see
    /// [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when there is no such table.
    pub async fn table(&self, table: &str) -> Result<Arc<TableDefinition>, Error> {
        if let Some(known) = self.client.cache.lock().tables.get(table) {
            return Ok(known.clone());
        }
        let read = read::table(&self.client, table, Consistency::Eventual).await?;
        Ok(self.keep(read))
    }

    /// Like [`table`](Self::table), but `None` when there is no such table.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn table_if_there(&self, table: &str) -> Result<Option<Arc<TableDefinition>>, Error> {
        match self.table(table).await {
            Ok(table) => Ok(Some(table)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Those of `tables` whose changes cannot be followed: an administrator has to enable change
    /// tracking for them, or they are not there.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn untracked(&self, tables: &[&str]) -> Result<Vec<String>, Error> {
        let operation = "dataverse.schema_tracked";
        let target = "EntityDefinitions?$select=LogicalName&\
                      $filter=ChangeTrackingEnabled%20eq%20true";
        let call = Call::new(operation, Method::GET, target, Repeat::Safe);
        let page: NamesPage = decode_json(operation, &self.client.raw(call).await?)?;
        let tracked = |table: &&&str| page.value.iter().any(|name| name.logical_name == **table);
        let untracked = tables.iter().filter(|table| !tracked(table));
        Ok(untracked.map(|table| (*table).to_owned()).collect())
    }

    /// The version of the whole schema: another after every change of any table.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn version(&self) -> Result<Option<String>, Error> {
        Ok(self.organization().await?.version)
    }

    /// Like [`table`](Self::table), read anew and after every change made so far; `None` when
    /// there is no such table. Takes up to half a minute just after a change.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn table_now(&self, table: &str) -> Result<Option<Arc<TableDefinition>>, Error> {
        self.client.cache.lock().tables.remove(table);
        match read::table(&self.client, table, Consistency::Strong).await {
            Ok(read) => Ok(Some(self.keep(read))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn keep(&self, read: TableDefinition) -> Arc<TableDefinition> {
        let read = Arc::new(read);
        let mut cache = self.client.cache.lock();
        cache.tables.insert(read.logical_name.clone(), read.clone());
        read
    }

    /// Asks for the version of the whole schema, one cheap request, and forgets all definitions
    /// when it moved. True when it did. Call it at the start of a run, and after a write was
    /// refused for an unknown column.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn refresh(&self) -> Result<bool, Error> {
        let page = self.organization().await?;
        let mut cache = self.client.cache.lock();
        let moved = page.version.is_none() || cache.version != page.version;
        if moved {
            cache.tables.clear();
            cache.csdl = None;
        }
        cache.version = page.version;
        Ok(moved)
    }

    /// The whole model (`$metadata`) with its annotations: several megabytes, read once and kept
    /// until [`refresh`](Self::refresh) sees the schema move.
    ///
    /// # Errors
    /// [`Error`]; kind `Malformed` when the answer is no model.
    pub async fn csdl(&self) -> Result<Arc<Csdl>, Error> {
        if let Some(known) = &self.client.cache.lock().csdl {
            return Ok(known.clone());
        }
        let operation = "dataverse.schema_csdl";
        let target = "$metadata?annotations=true";
        let call = Call::new(operation, Method::GET, target, Repeat::Safe)
            .with_header(ACCEPT, HeaderValue::from_static("application/xml"))
            .with_body_limit(CSDL_BYTES);
        let answer = self.client.raw(call).await?;
        let read = Csdl::read(&answer.body)
            .map_err(|fault| Error::malformed(operation, &answer, fault.to_string()))?;
        let read = Arc::new(read);
        self.client.cache.lock().csdl = Some(read.clone());
        Ok(read)
    }

    /// The language code of the organization, such as 1033 (English) or 1043 (Dutch). Kept.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn base_language(&self) -> Result<u32, Error> {
        let known = self.client.cache.lock().language;
        if let Some(known) = known {
            return Ok(known);
        }
        let page = self.organization().await?;
        let row = page.value.first().and_then(|row| row.languagecode);
        let language = row.unwrap_or(ENGLISH);
        self.client.cache.lock().language = Some(language);
        Ok(language)
    }

    async fn organization(&self) -> Result<VersionPage, Error> {
        let call = Call::new(
            VERSION,
            Method::GET,
            "organizations?$select=organizationid,languagecode",
            Repeat::Safe,
        )
        .with_header(
            HeaderName::from_static("prefer"),
            HeaderValue::from_static(
                "odata.include-annotations=\"Microsoft.Dynamics.CRM.globalmetadataversion\"",
            ),
        );
        decode_json(VERSION, &self.client.raw(call).await?)
    }
}
