//! Several environments in one process, picked by name.

use std::collections::BTreeMap;

use cosell_http::{Error, ErrorKind, Sent};

use crate::Dataverse;

/// Clients of several environments by name, such as `staging` and `production`.
///
/// ```
/// # use cosell_dataverse::{Dataverse, Environments};
/// # fn show(staging: Dataverse, production: Dataverse) -> Result<(), cosell_http::Error> {
/// let environments = Environments::new()
///     .with("staging", staging)?
///     .with("production", production)?;
/// let client = environments.get("staging")?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Environments {
    clients: BTreeMap<String, Dataverse>,
}

impl Environments {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an environment.
    ///
    /// # Errors
    /// [`Error`] of kind `Invalid` when the name is taken, or when another name stands for the
    /// same address: a name that is meant for a trial must not lead to the real thing.
    pub fn with(mut self, name: impl Into<String>, client: Dataverse) -> Result<Self, Error> {
        let name = name.into();
        if self.clients.contains_key(&name) {
            return Err(invalid(format!(
                "the environment {name:?} is there already: give each a name of its own"
            )));
        }
        let base = client.http().base();
        let twin = self
            .clients
            .iter()
            .find(|(_, other)| other.http().base() == base);
        if let Some((twin, _)) = twin {
            return Err(invalid(format!(
                "the environments {twin:?} and {name:?} have one address: give each its own"
            )));
        }
        self.clients.insert(name, client);
        Ok(self)
    }

    /// The client of the environment `name`.
    ///
    /// # Errors
    /// [`Error`] of kind `Invalid` that lists the names there are.
    pub fn get(&self, name: &str) -> Result<&Dataverse, Error> {
        self.clients.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.names().collect();
            invalid(format!(
                "there is no environment {name:?}: there are {}",
                known.join(", ")
            ))
        })
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.clients.keys().map(String::as_str)
    }
}

fn invalid(message: String) -> Error {
    Error::new(
        "dataverse.environments",
        ErrorKind::Invalid,
        Sent::No,
        message,
    )
}
