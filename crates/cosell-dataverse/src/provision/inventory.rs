//! What is there after provisioning, with versions.

use std::{collections::BTreeMap, fmt};

use cosell_http::Error;

use super::{Binding, Origin, Plan, Provisioner};
use crate::{Dataverse, PageOptions, Query, Table, VERSION, schema::KeyStatus};

const SOLUTIONS: Table = Table::from_static("solutions", "solutionid");

/// A solution that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstalledSolution {
    /// Unique name.
    pub unique_name: String,
    /// Label.
    pub label: String,
    /// Version of four numbers.
    pub version: String,
}

/// What is there. `Display` prints it whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inventory {
    /// Version of this library.
    pub library: &'static str,
    /// Version of the service, where it tells.
    pub service: Option<String>,
    /// Version of the whole schema, where the service tells.
    pub schema: Option<String>,
    /// All solutions.
    pub solutions: Vec<InstalledSolution>,
    /// Which column plays which role of the blueprint, of those that are there.
    pub roles: BTreeMap<String, Binding>,
    /// Alternate keys of the blueprint that are there, as `table.key`, with their indexes' state.
    pub keys: Vec<(String, KeyStatus)>,
    /// What the blueprint wants and is not there.
    pub missing: Plan,
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |version: &Option<String>| version.clone().unwrap_or_else(|| "?".to_owned());
        writeln!(f, "Library {}", self.library)?;
        writeln!(f, "Service {}", told(&self.service))?;
        writeln!(f, "Schema {}", told(&self.schema))?;
        for solution in &self.solutions {
            let InstalledSolution {
                unique_name,
                label,
                version,
            } = solution;
            writeln!(f, "Solution {unique_name} {version} (\"{label}\")")?;
        }
        for (role, binding) in &self.roles {
            writeln!(f, "{role}: {}.{}", binding.table, binding.column)?;
        }
        for (key, status) in &self.keys {
            writeln!(f, "Key {key}: {status:?}")?;
        }
        for step in &self.missing.steps {
            writeln!(f, "Missing: {step}")?;
        }
        Ok(())
    }
}

impl Dataverse {
    /// All solutions that are installed, in the order of their unique names.
    ///
    /// # Errors
    /// [`Error`]; kind `Denied` where the identity may not read them. Cancel safety: may be
    /// dropped.
    pub async fn solutions(&self) -> Result<Vec<InstalledSolution>, Error> {
        let query = Query::select(["uniquename", "friendlyname", "version"]);
        let rows = self.table(SOLUTIONS);
        let mut items = rows.pages(&query, PageOptions::default()).items();
        let mut solutions = Vec::new();
        while let Some(row) = items.next_row().await? {
            let text = |column: &str| row.text(column).ok().flatten().unwrap_or_default();
            solutions.push(InstalledSolution {
                unique_name: text("uniquename"),
                label: text("friendlyname"),
                version: text("version"),
            });
        }
        solutions.sort_by(|one, other| one.unique_name.cmp(&other.unique_name));
        Ok(solutions)
    }
}

impl Provisioner {
    /// Lists what is there, with versions. Reads only.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn inventory(&self) -> Result<Inventory, Error> {
        let missing = self.plan().await?;
        let mut keys = Vec::new();
        for spec in &self.blueprint.keys {
            let table = self.client.schema().table_if_there(&spec.table).await?;
            let found = table.iter().flat_map(|table| &table.keys).find(|key| {
                key.schema_name.eq_ignore_ascii_case(&spec.schema_name)
                    || key.columns == spec.columns
            });
            keys.extend(found.map(|key| {
                let name = format!("{}.{}", spec.table, key.schema_name);
                (name, key.status.clone())
            }));
        }
        let there = |(_, binding): &(&String, &Binding)| binding.origin != Origin::New;
        let roles = missing.roles.iter().filter(there);
        Ok(Inventory {
            library: VERSION,
            // Not every environment tells; that is no reason to tell nothing.
            service: self
                .client
                .organization()
                .await
                .ok()
                .and_then(|told| told.version),
            schema: self.client.schema().version().await?,
            solutions: self.client.solutions().await?,
            roles: roles.map(|(role, at)| (role.clone(), at.clone())).collect(),
            keys,
            missing,
        })
    }
}
