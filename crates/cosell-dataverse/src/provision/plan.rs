//! What is missing, told before anything is done.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use cosell_http::Error;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{KeySpec, Provisioner, compare::plan_column};
use crate::{
    Filter, PageOptions, Query, Row, Table,
    schema::{ColumnType, KeyStatus, TableDefinition},
};

const OPERATION: &str = "dataverse.provision_plan";
const PUBLISHERS: Table = Table::from_static("publishers", "publisherid");
const SOLUTIONS: Table = Table::from_static("solutions", "solutionid");
/// Duplicate values listed at most.
const MOST_DUPLICATES: usize = 20;

/// One thing that will be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// To what: a unique name, a table, `table.column`, `table.key`.
    pub object: String,
    /// What it will be like.
    pub detail: String,
}

/// Kinds of steps, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Makes the publisher.
    CreatePublisher,
    /// Makes the solution.
    CreateSolution,
    /// Makes a table.
    CreateTable,
    /// Makes a column, or a lookup with its relationship.
    CreateColumn,
    /// Adds a value to one of our choices.
    AddValue,
    /// Makes an alternate key and waits for its index.
    CreateKey,
    /// Waits for the index of an alternate key that is there.
    AwaitKey,
    /// Builds the index of an alternate key again.
    ReactivateKey,
    /// Publishes the tables that were changed.
    Publish,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            Action::CreatePublisher => "create publisher",
            Action::CreateSolution => "create solution",
            Action::CreateTable => "create table",
            Action::CreateColumn => "create column",
            Action::AddValue => "add value to",
            Action::CreateKey => "create key",
            Action::AwaitKey => "wait for key",
            Action::ReactivateKey => "build again key",
            Action::Publish => "publish",
        };
        write!(f, "{action} {}: {}", self.object, self.detail)
    }
}

/// Whose a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// Another solution's; it is used and never touched.
    Existing,
    /// Ours, and there.
    Ours,
    /// Ours, and made by this plan.
    New,
}

/// Which column plays a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Binding {
    /// Logical name of the table.
    pub table: String,
    /// Logical name of the column.
    pub column: String,
    /// Whose it is.
    pub origin: Origin,
}

/// Why the plan cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Obstacle {
    /// What is in the way.
    pub object: String,
    /// Why, and the cure.
    pub reason: String,
}

/// What is missing in an environment. `Display` prints it whole; it may be stored and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// What will be done, in order.
    pub steps: Vec<Step>,
    /// Which column plays which role.
    pub roles: BTreeMap<String, Binding>,
    /// What is in the way; with any, nothing is done.
    pub obstacles: Vec<Obstacle>,
}

impl Plan {
    /// Is everything there?
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.obstacles.is_empty()
    }

    /// The column that plays `role`, there or to be made.
    pub fn column(&self, role: &str) -> Option<&str> {
        self.roles.get(role).map(|binding| binding.column.as_str())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            writeln!(f, "Nothing to do.")?;
        }
        for (at, step) in self.steps.iter().enumerate() {
            writeln!(f, "{}. {step}", at + 1)?;
        }
        for (role, binding) in &self.roles {
            let whose = match binding.origin {
                Origin::Existing => "existing, not ours",
                Origin::Ours => "ours",
                Origin::New => "new",
            };
            writeln!(f, "{role}: {}.{} ({whose})", binding.table, binding.column)?;
        }
        for obstacle in &self.obstacles {
            writeln!(f, "In the way: {}: {}", obstacle.object, obstacle.reason)?;
        }
        Ok(())
    }
}

impl Plan {
    pub(super) fn step(
        &mut self,
        action: Action,
        object: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.steps.push(Step {
            action,
            object: object.into(),
            detail: detail.into(),
        });
    }

    pub(super) fn obstacle(&mut self, object: impl Into<String>, reason: impl Into<String>) {
        self.obstacles.push(Obstacle {
            object: object.into(),
            reason: reason.into(),
        });
    }
}

type Tables = BTreeMap<String, Option<Arc<TableDefinition>>>;

impl Provisioner {
    /// Compares the blueprint with what is there. Reads only.
    ///
    /// # Errors
    /// [`Error`]; kind `Invalid` with all faults of the blueprint.
    pub async fn plan(&self) -> Result<Plan, Error> {
        self.blueprint.check(OPERATION)?;
        let mut plan = Plan::default();
        self.plan_solution(&mut plan).await?;
        let tables = self.read_tables().await?;
        for spec in &self.blueprint.tables {
            if tables.get(&spec.logical_name()).is_none_or(Option::is_none) {
                let detail = format!("\"{}\", owned by users, followed", spec.label);
                plan.step(Action::CreateTable, spec.logical_name(), detail);
            }
        }
        for spec in &self.blueprint.columns {
            let ours = self.makes_table(&spec.table);
            match tables.get(&spec.table).and_then(Option::as_ref) {
                None if !ours => plan.obstacle(
                    &spec.table,
                    "there is no such table: install what brings it, or leave its columns out",
                ),
                table => plan_column(&mut plan, spec, table.map(AsRef::as_ref)),
            }
        }
        for spec in &self.blueprint.keys {
            let table = tables.get(&spec.table).and_then(Option::as_ref);
            self.plan_key(&mut plan, spec, table.map(AsRef::as_ref))
                .await?;
        }
        plan.steps.sort_by_key(|step| step.action);
        let touched: BTreeSet<&str> = plan
            .steps
            .iter()
            .filter(|step| {
                matches!(
                    step.action,
                    Action::CreateTable | Action::CreateColumn | Action::AddValue
                )
            })
            .filter_map(|step| step.object.split('.').next())
            .collect();
        if !touched.is_empty() {
            let tables: Vec<&str> = touched.into_iter().collect();
            plan.step(Action::Publish, tables.join(","), "so that forms show it");
        }
        Ok(plan)
    }

    /// The plan once more: empty when everything is there as the blueprint says.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn verify(&self) -> Result<Plan, Error> {
        self.plan().await
    }

    fn makes_table(&self, table: &str) -> bool {
        let mut tables = self.blueprint.tables.iter();
        tables.any(|spec| spec.logical_name() == table)
    }

    async fn read_tables(&self) -> Result<Tables, Error> {
        let own = self
            .blueprint
            .tables
            .iter()
            .map(super::TableSpec::logical_name);
        let columns = self.blueprint.columns.iter().map(|spec| spec.table.clone());
        let keys = self.blueprint.keys.iter().map(|spec| spec.table.clone());
        let names: BTreeSet<String> = own.chain(columns).chain(keys).collect();
        let mut tables = Tables::new();
        for name in names {
            let table = self.client.schema().table_now(&name).await?;
            tables.insert(name, table);
        }
        Ok(tables)
    }

    pub(super) async fn named(
        &self,
        table: &Table,
        unique_name: &str,
        columns: &[&str],
    ) -> Result<Option<Row>, Error> {
        let query = Query::select(columns.iter().copied())
            .with_filter(Filter::eq("uniquename", unique_name));
        let rows = self.client.table(table.clone());
        rows.pages(&query, PageOptions::default())
            .items()
            .next_row()
            .await
    }

    pub(super) async fn publisher_id(&self) -> Result<Option<Uuid>, Error> {
        let name = &self.blueprint.publisher.unique_name;
        let row = self.named(&PUBLISHERS, name, &["publisherid"]).await?;
        Ok(row.and_then(|row| row.guid("publisherid").ok()?))
    }

    async fn plan_solution(&self, plan: &mut Plan) -> Result<(), Error> {
        let publisher = &self.blueprint.publisher;
        let prefix = "customizationprefix";
        let row = self
            .named(
                &PUBLISHERS,
                &publisher.unique_name,
                &["publisherid", prefix],
            )
            .await?;
        match row {
            None => plan.step(
                Action::CreatePublisher,
                &publisher.unique_name,
                format!(
                    "\"{}\", prefix {}, choice values from {}",
                    publisher.label,
                    publisher.prefix,
                    u64::from(publisher.option_prefix) * 10_000
                ),
            ),
            Some(row) => {
                let there = row.text(prefix).ok().flatten().unwrap_or_default();
                if there != publisher.prefix {
                    plan.obstacle(
                        &publisher.unique_name,
                        format!(
                            "the publisher is there with prefix {there:?}: take that prefix, or \
                             another unique name"
                        ),
                    );
                }
            }
        }
        let solution = &self.blueprint.solution;
        let row = self
            .named(&SOLUTIONS, &solution.unique_name, &["solutionid"])
            .await?;
        if row.is_none() {
            let detail = format!("\"{}\", version {}", solution.label, solution.version);
            plan.step(Action::CreateSolution, &solution.unique_name, detail);
        }
        Ok(())
    }

    async fn plan_key(
        &self,
        plan: &mut Plan,
        spec: &KeySpec,
        table: Option<&TableDefinition>,
    ) -> Result<(), Error> {
        let object = format!("{}.{}", spec.table, spec.schema_name);
        let on = format!("on {}", spec.columns.join(", "));
        let Some(table) = table else {
            if self.makes_table(&spec.table) {
                plan.step(Action::CreateKey, object, on);
            }
            return Ok(());
        };
        let mut keys = table.keys.iter();
        let same = |name: &str| name.eq_ignore_ascii_case(&spec.schema_name);
        match keys.find(|key| same(&key.schema_name) || key.columns == spec.columns) {
            Some(key) if key.columns != spec.columns => plan.obstacle(
                object,
                format!(
                    "the key is there on other columns ({})",
                    key.columns.join(", ")
                ),
            ),
            Some(key) if key.status == KeyStatus::Active => {}
            Some(key) if !same(&key.schema_name) => plan.obstacle(
                object,
                format!(
                    "the key {} on the same columns is not active",
                    key.schema_name
                ),
            ),
            found => {
                let duplicates = self.duplicates(spec, table).await?;
                if !duplicates.is_empty() {
                    plan.obstacle(
                        object,
                        format!(
                            "rows have equal values, make them differ first: {}",
                            duplicates.join("; ")
                        ),
                    );
                    return Ok(());
                }
                let action = match found.map(|key| &key.status) {
                    None => Action::CreateKey,
                    Some(KeyStatus::Failed) => Action::ReactivateKey,
                    Some(_) => Action::AwaitKey,
                };
                plan.step(action, object, on);
            }
        }
        Ok(())
    }

    /// Values that several rows have, with the rows' ids; rows that lack one are not compared.
    async fn duplicates(
        &self,
        spec: &KeySpec,
        table: &TableDefinition,
    ) -> Result<Vec<String>, Error> {
        if !spec
            .columns
            .iter()
            .all(|name| table.columns.contains_key(name))
        {
            return Ok(Vec::new());
        }
        let property = |name: &String| match table.columns.get(name).map(|column| &column.kind) {
            Some(ColumnType::Lookup { .. }) => format!("_{name}_value"),
            _ => name.clone(),
        };
        let columns: Vec<String> = spec.columns.iter().map(property).collect();
        let set = columns.iter().map(|name| Filter::is_not_null(name));
        let query = Query::select(columns.iter().chain([&table.key])).with_filter(
            set.reduce(Filter::and)
                .unwrap_or_else(|| Filter::is_not_null(&table.key)),
        );
        let rows = self.client.table(table.table());
        let mut items = rows.pages(&query, PageOptions::default()).items();
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        while let Some(row) = items.next_row().await? {
            let values: Option<Vec<&str>> = columns
                .iter()
                .map(|name| row.json(name).map(serde_json::value::RawValue::get))
                .collect();
            let id = row.text(&table.key).ok().flatten();
            if let (Some(values), Some(id)) = (values, id) {
                // The service compares without case.
                seen.entry(values.join(", ").to_lowercase())
                    .or_default()
                    .push(id);
            }
        }
        let twins = seen.into_iter().filter(|(_, ids)| ids.len() > 1);
        let told = twins.map(|(value, ids)| format!("{value} in {}", ids.join(", ")));
        Ok(told.take(MOST_DUPLICATES).collect())
    }
}
