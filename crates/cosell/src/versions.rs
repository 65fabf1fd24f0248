//! Which library, mapping and schema work together.

use std::fmt;

use cosell_dataverse::{Dataverse, provision::InstalledSolution};
use cosell_http::{Error, ErrorKind};
use cosell_mapping::rules::{ContentHash, Mapping};

use crate::Cosell;

/// What works together, for a report or an audit. `Display` prints it whole, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Versions {
    /// Version of this library: one for all its crates.
    pub library: &'static str,
    /// The mapping's name.
    pub mapping: String,
    /// The mapping's version, in the words of its owner.
    pub mapping_version: String,
    /// What the mapping says, as one short text: another whenever a rule changes, even where its
    /// owner forgot to raise the version.
    pub mapping_hash: ContentHash,
    /// Version of the CRM's service, such as `9.2.25031.156`; `None` where it may not be asked.
    pub service: Option<String>,
    /// Version of the CRM's whole schema: another after every change of a table or column. Its
    /// form is the service's own, only to be compared. `None` where the service tells none.
    pub schema: Option<String>,
    /// The CRM's installed solutions by unique name, among them the one that brought the
    /// connector's columns; `None` where the identity may not read them (`prvReadSolution`).
    pub solutions: Option<Vec<InstalledSolution>>,
}

impl Versions {
    /// The installed solution with this unique name, in any case of letters.
    pub fn solution(&self, unique_name: &str) -> Option<&InstalledSolution> {
        let mut solutions = self.solutions.iter().flatten();
        solutions.find(|solution| solution.unique_name.eq_ignore_ascii_case(unique_name))
    }

    async fn read(mapping: &Mapping, client: &Dataverse) -> Result<Self, Error> {
        Ok(Self {
            library: env!("CARGO_PKG_VERSION"),
            mapping: mapping.file().name.clone(),
            mapping_version: mapping.file().version.clone(),
            mapping_hash: mapping.hash().clone(),
            service: permitted(client.service_version().await)?,
            schema: client.schema().version().await?,
            solutions: permitted(client.solutions().await)?,
        })
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |version: &Option<String>| version.clone().unwrap_or_else(|| "?".to_owned());
        writeln!(f, "Library {}", self.library)?;
        writeln!(
            f,
            "Mapping {} {} ({})",
            self.mapping, self.mapping_version, self.mapping_hash
        )?;
        writeln!(f, "Service {}", told(&self.service))?;
        writeln!(f, "Schema {}", told(&self.schema))?;
        let Some(solutions) = &self.solutions else {
            return writeln!(f, "Solutions ?");
        };
        for solution in solutions {
            let InstalledSolution {
                unique_name,
                label,
                version,
                ..
            } = solution;
            writeln!(f, "Solution {unique_name} {version} (\"{label}\")")?;
        }
        Ok(())
    }
}

/// What the identity may not know is left out; every other failure is one.
fn permitted<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(told) => Ok(Some(told)),
        Err(error) if error.kind() == ErrorKind::Denied => Ok(None),
        Err(error) => Err(error),
    }
}

impl Cosell {
    /// The versions of the library, of the mapping in use, and of what the CRM has now: three
    /// small reads of it, nothing is written.
    ///
    /// # Errors
    /// [`Error`] when the CRM cannot be read. What the identity may not see is `None`, no error.
    /// Cancel safety: may be dropped.
    pub async fn versions(&self) -> Result<Versions, Error> {
        Versions::read(self.mapping(), self.dynamics().client()).await
    }
}
