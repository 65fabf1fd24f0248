//! The check before start: everything that an integration needs in an environment, and all that is
//! missing at once.

use std::{collections::BTreeMap, fmt, sync::Arc};

use cosell_http::{Call, Error, ErrorKind, Repeat, decode_json};
use http::Method;
use serde::Deserialize;
use uuid::Uuid;

use crate::{Dataverse, Filter, PageOptions, Query, Table, WhoAmI, schema::TableDefinition};

const OPERATION: &str = "dataverse.readiness";

/// What may be done with the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Right {
    /// Read rows.
    Read,
    /// Make rows.
    Create,
    /// Change rows.
    Write,
    /// Delete rows.
    Delete,
    /// Point rows of this table at others.
    Append,
    /// Let rows of others point at this table's.
    AppendTo,
    /// Give rows another owner.
    Assign,
}

impl Right {
    fn word(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Create => "Create",
            Self::Write => "Write",
            Self::Delete => "Delete",
            Self::Append => "Append",
            Self::AppendTo => "AppendTo",
            Self::Assign => "Assign",
        }
    }

    /// The privilege that gives this right on `table`, in lower case. Some shipped tables go by an
    /// older name, and the lines of a deal by the deal.
    fn privilege(self, table: &str) -> String {
        let table = match table {
            "annotation" => "note",
            "systemuser" => "user",
            "opportunityproduct" => "opportunity",
            other => other,
        };
        format!("prv{}{table}", self.word().to_lowercase())
    }
}

/// What is needed of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableNeed {
    /// Logical name.
    pub table: String,
    /// What will be done with its rows.
    pub rights: Vec<Right>,
    /// Logical names of the columns that will be read or written.
    pub columns: Vec<String>,
    /// Will its changes be followed? Then rows of the whole organization must be readable.
    pub followed: bool,
}

impl TableNeed {
    /// The table with the logical name `table`, for `rights`.
    pub fn new(table: &str, rights: impl IntoIterator<Item = Right>) -> Self {
        Self {
            table: table.to_owned(),
            rights: rights.into_iter().collect(),
            columns: Vec::new(),
            followed: false,
        }
    }

    /// Adds columns that have to be there.
    #[must_use]
    pub fn with_columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Its changes will be followed.
    #[must_use]
    pub fn followed(mut self) -> Self {
        self.followed = true;
        self
    }
}

/// What an integration needs in an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Needs {
    /// Tables.
    pub tables: Vec<TableNeed>,
    /// ISO 4217 codes of currencies that amounts come in.
    pub currencies: Vec<String>,
    /// E-mail addresses of people who have to be users.
    pub people: Vec<String>,
}

impl Needs {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a table.
    #[must_use]
    pub fn with_table(mut self, table: TableNeed) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds currencies.
    #[must_use]
    pub fn with_currencies<S: Into<String>>(mut self, codes: impl IntoIterator<Item = S>) -> Self {
        self.currencies.extend(codes.into_iter().map(Into::into));
        self
    }

    /// Adds people.
    #[must_use]
    pub fn with_people<S: Into<String>>(mut self, emails: impl IntoIterator<Item = S>) -> Self {
        self.people.extend(emails.into_iter().map(Into::into));
        self
    }
}

/// Something that is missing; `Display` says what and the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// A question could not be asked.
    #[error("{what} could not be checked: {error}")]
    NotChecked {
        /// The question.
        what: String,
        /// Why.
        error: String,
    },
    /// There is no such table.
    #[error("there is no table {table}: install what brings it, or provision it")]
    NoTable {
        /// Logical name.
        table: String,
    },
    /// There is no such column.
    #[error("table {table} has no column {column}: provision it, or change the mapping")]
    NoColumn {
        /// Logical name of the table.
        table: String,
        /// Logical name of the column.
        column: String,
    },
    /// The identity lacks a right.
    #[error("{right:?} on {table} is missing: grant the identity's role the privilege {privilege}")]
    NoRight {
        /// Logical name of the table.
        table: String,
        /// The right.
        right: Right,
        /// Name of the privilege, in lower case.
        privilege: String,
    },
    /// A right reaches only some rows, and following changes needs all.
    #[error(
        "Read on {table} does not reach the whole organization, which following its changes needs: \
         raise the depth of {privilege} to organization"
    )]
    NotOrganizationWide {
        /// Logical name of the table.
        table: String,
        /// Name of the privilege, in lower case.
        privilege: String,
    },
    /// Change tracking is off.
    #[error(
        "changes of {table} cannot be followed: let an administrator enable change tracking for it"
    )]
    NotTracked {
        /// Logical name of the table.
        table: String,
    },
    /// There is no active currency with this code.
    #[error(
        "there is no active currency {code}: add it in the environment, or map its amounts otherwise"
    )]
    NoCurrency {
        /// ISO 4217 code.
        code: String,
    },
    /// There is no enabled user with this address.
    #[error(
        "{email} is no enabled user of the environment: add the user, or map the person otherwise"
    )]
    NoUser {
        /// E-mail address.
        email: String,
    },
}

/// What the check before start found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Readiness {
    /// Who the identity is there; `None` when it could not sign in, and then nothing else was
    /// asked.
    pub who: Option<WhoAmI>,
    /// All that is missing.
    pub faults: Vec<Unready>,
    /// Rights that the service did not tell, so that only using them will show: told apart, since
    /// they are no fault.
    pub unproven: Vec<String>,
}

impl Readiness {
    /// Is nothing missing?
    pub fn is_ready(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready() {
            writeln!(f, "Ready.")?;
        }
        for fault in &self.faults {
            writeln!(f, "Missing: {fault}")?;
        }
        for right in &self.unproven {
            writeln!(f, "Not proven: {right}")?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrivilegesBody {
    #[serde(default)]
    role_privileges: Vec<PrivilegeBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrivilegeBody {
    privilege_name: Option<String>,
    privilege_id: Option<Uuid>,
    #[serde(default)]
    depth: serde_json::Value,
}

impl PrivilegeBody {
    /// The depth comes as a word or as a number.
    fn is_global(&self) -> bool {
        self.depth
            .as_str()
            .is_some_and(|word| word == "Global" || word == "3")
            || self.depth.as_u64() == Some(3)
    }
}

/// Privileges by name in lower case, with whether they reach the whole organization.
type Held = BTreeMap<String, bool>;

impl Dataverse {
    /// Asks for everything that `needs` names and tells all that is missing at once. Reads only.
    ///
    /// Rights are read from the identity's privileges. Where the service does not tell them,
    /// reading is tried with one row of each table, and the other rights are
    /// [`unproven`](Readiness::unproven).
    ///
    /// Cancel safety: may be dropped.
    pub async fn readiness(&self, needs: &Needs) -> Readiness {
        let mut found = Readiness::default();
        let who = match self.who_am_i().await {
            Ok(who) => who,
            Err(error) => {
                found.faults.push(not_checked("sign-in", &error));
                return found;
            }
        };
        let held = match self.privileges(who.user_id, needs).await {
            Ok(held) => held,
            Err(error) => {
                // A refusal says that the function is not offered or not allowed: the rights are
                // tried then. Anything else is a question that was not answered.
                let refused = matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::Denied | ErrorKind::Refused
                ) || error.status().is_some_and(|status| status.as_u16() == 501);
                if !refused {
                    found
                        .faults
                        .push(not_checked("the identity's privileges", &error));
                }
                None
            }
        };
        for need in &needs.tables {
            self.check_table(need, held.as_ref(), &mut found).await;
        }
        self.check_names(needs, &mut found).await;
        found.who = Some(who);
        found
    }

    async fn check_table(&self, need: &TableNeed, held: Option<&Held>, found: &mut Readiness) {
        let table = match self.schema().table_if_there(&need.table).await {
            Ok(Some(table)) => table,
            Ok(None) => {
                let table = need.table.clone();
                found.faults.push(Unready::NoTable { table });
                return;
            }
            Err(error) => {
                let what = format!("the table {}", need.table);
                found.faults.push(not_checked(&what, &error));
                return;
            }
        };
        for column in &need.columns {
            if !table.columns.contains_key(column) {
                found.faults.push(Unready::NoColumn {
                    table: need.table.clone(),
                    column: column.clone(),
                });
            }
        }
        if need.followed && !table.change_tracking {
            let table = need.table.clone();
            found.faults.push(Unready::NotTracked { table });
        }
        match held {
            Some(held) => check_rights(need, held, found),
            None => self.try_rights(need, &table, found).await,
        }
    }

    /// Without the list of privileges only reading can be tried without doing harm.
    async fn try_rights(
        &self,
        need: &TableNeed,
        table: &Arc<TableDefinition>,
        found: &mut Readiness,
    ) {
        for right in need.rights.iter().filter(|right| **right != Right::Read) {
            found.unproven.push(format!("{right:?} on {}", need.table));
        }
        if need.followed {
            found
                .unproven
                .push(format!("{} is readable as a whole", need.table));
        }
        if !need.rights.contains(&Right::Read) && !need.followed {
            return;
        }
        let query = Query::select([table.key.as_str()]).with_top(1);
        let rows = self.table(table.table());
        match rows.pages(&query, PageOptions::default()).next_page().await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Denied => {
                let right = Right::Read;
                found.faults.push(Unready::NoRight {
                    table: need.table.clone(),
                    right,
                    privilege: right.privilege(&need.table),
                });
            }
            Err(error) => {
                let what = format!("reading {}", need.table);
                found.faults.push(not_checked(&what, &error));
            }
        }
    }

    async fn check_names(&self, needs: &Needs, found: &mut Readiness) {
        let codes: Vec<&str> = needs.currencies.iter().map(String::as_str).collect();
        match self.missing_currencies(&codes).await {
            Ok(missing) => {
                let missing = missing.into_iter().map(|code| Unready::NoCurrency { code });
                found.faults.extend(missing);
            }
            Err(error) => found.faults.push(not_checked("the currencies", &error)),
        }
        let people: Vec<&str> = needs.people.iter().map(String::as_str).collect();
        match self.missing_users(&people).await {
            Ok(missing) => {
                let missing = missing.into_iter().map(|email| Unready::NoUser { email });
                found.faults.extend(missing);
            }
            Err(error) => found.faults.push(not_checked("the users", &error)),
        }
    }

    /// The identity's privileges; `None` when the service gives none that can be named.
    async fn privileges(&self, user: Uuid, needs: &Needs) -> Result<Option<Held>, Error> {
        let target = format!("systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges");
        let call = Call::new(OPERATION, Method::GET, target, Repeat::Safe);
        let body: PrivilegesBody = decode_json(OPERATION, &self.raw(call).await?)?;
        let mut held = Held::new();
        let mut nameless = Vec::new();
        for privilege in &body.role_privileges {
            let name = privilege.privilege_name.as_deref().unwrap_or_default();
            match (name.is_empty(), privilege.privilege_id) {
                (false, _) => {
                    let wide = held.entry(name.to_lowercase()).or_default();
                    *wide |= privilege.is_global();
                }
                (true, Some(id)) => nameless.push((id, privilege.is_global())),
                (true, None) => {}
            }
        }
        if !nameless.is_empty() {
            // Older versions give ids alone.
            for (name, id) in self.privilege_ids(needs).await? {
                let found = nameless.iter().filter(|(other, _)| *other == id);
                for (_, global) in found {
                    let wide = held.entry(name.clone()).or_default();
                    *wide |= global;
                }
            }
        }
        Ok((!body.role_privileges.is_empty()).then_some(held))
    }

    async fn privilege_ids(&self, needs: &Needs) -> Result<Vec<(String, Uuid)>, Error> {
        let wanted: Vec<String> = needs
            .tables
            .iter()
            .flat_map(|need| wanted(need).map(|right| right.privilege(&need.table)))
            .collect();
        let table = Table::from_static("privileges", "privilegeid");
        let rows = self.table(table);
        let mut ids = Vec::new();
        for some in wanted.chunks(40) {
            let names = some.iter().map(|name| Filter::eq("name", name.as_str()));
            let Some(filter) = names.reduce(Filter::or) else {
                continue;
            };
            let query = Query::select(["privilegeid", "name"]).with_filter(filter);
            let mut items = rows.pages(&query, PageOptions::default()).items();
            while let Some(row) = items.next_row().await? {
                let name = row.text("name").ok().flatten();
                let id = row.guid("privilegeid").ok().flatten();
                ids.extend(name.map(|name| name.to_lowercase()).zip(id));
            }
        }
        Ok(ids)
    }
}

fn wanted(need: &TableNeed) -> impl Iterator<Item = Right> + '_ {
    let read = need.followed.then_some(Right::Read);
    let named = need.rights.iter().copied();
    named.chain(read.filter(|_| !need.rights.contains(&Right::Read)))
}

fn check_rights(need: &TableNeed, held: &Held, found: &mut Readiness) {
    for right in wanted(need) {
        let privilege = right.privilege(&need.table);
        let table = need.table.clone();
        match held.get(&privilege) {
            None => found.faults.push(Unready::NoRight {
                table,
                right,
                privilege,
            }),
            Some(false) if right == Right::Read && need.followed => {
                found
                    .faults
                    .push(Unready::NotOrganizationWide { table, privilege });
            }
            Some(_) => {}
        }
    }
}

fn not_checked(what: &str, error: &Error) -> Unready {
    Unready::NotChecked {
        what: what.to_owned(),
        error: error.to_string(),
    }
}
