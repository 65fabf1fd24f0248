//! Changes of the schema. Each makes all delta links void, as the service does.

use std::sync::Arc;

use chrono::TimeDelta;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::column::{self, schema_name};
use super::read::{Segment, key_text, missing};
use super::{Key, Posted, id_of};
use crate::dataverse::Dataverse;
use crate::dataverse::cell::Cell;
use crate::dataverse::operations::body;
use crate::dataverse::pipeline::Actor;
use crate::dataverse::print::parse_query;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::{Reply, empty, json as reply, put};
use crate::dataverse::request::Operation;
use crate::dataverse::schema::{Column, Kind, Table};
use crate::dataverse::tables;

/// Most alternate keys of a table.
const MAX_KEYS: usize = 10;

impl Dataverse {
    pub(super) fn write_definitions(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        path: &[Segment],
    ) -> Result<Reply, Refusal> {
        self.check_solution(operation)?;
        let names: Vec<&str> = path.iter().map(|segment| &*segment.name).collect();
        let posted = || {
            serde_json::from_slice::<Value>(&operation.body).map_err(|error| {
                Refusal::payload(
                    names.first().copied().unwrap_or_default(),
                    &error.to_string(),
                )
            })
        };
        let key = |at: usize| path.get(at).and_then(|segment| segment.key.as_deref());
        // A cast at the end says what the body says, too.
        let names = match names.as_slice() {
            [rest @ .., last] if last.starts_with("Microsoft.Dynamics.CRM.") => rest.to_vec(),
            _ => names.clone(),
        };
        let made = match (&operation.method, names.as_slice()) {
            (_, ["GlobalOptionSetDefinitions"]) => self.write_choice(operation, &path[0])?,
            (&Method::POST, ["EntityDefinitions"]) => Some(self.make_table(actor, posted()?)?),
            (&Method::POST, ["RelationshipDefinitions"]) => {
                Some(self.make_relationship(actor, &posted()?)?)
            }
            (&Method::PUT, ["RelationshipDefinitions"]) => {
                self.change_relationship(actor, key(0).unwrap_or_default(), posted()?)?;
                None
            }
            (&Method::DELETE, ["RelationshipDefinitions"]) => {
                self.drop_relationship(key(0).unwrap_or_default())?;
                None
            }
            (&Method::POST, ["EntityDefinitions", "Attributes"]) => {
                let table = self.table_of(&path[0])?;
                Some(self.make_column(actor, &table, posted()?)?)
            }
            (&Method::PUT, ["EntityDefinitions", "Attributes"]) => {
                let table = self.table_of(&path[0])?;
                let merge = merges_labels(operation);
                self.change_column(actor, &table, key(1).unwrap_or_default(), posted()?, merge)?;
                None
            }
            (&Method::DELETE, ["EntityDefinitions", "Attributes"]) => {
                let table = self.table_of(&path[0])?;
                self.drop_column(&table, key(1).unwrap_or_default())?;
                None
            }
            (&Method::POST, ["EntityDefinitions", "Keys"]) => {
                let table = self.table_of(&path[0])?;
                Some(self.make_key(actor, &table, &posted()?)?)
            }
            (&Method::DELETE, ["EntityDefinitions", "Keys"]) => {
                let table = self.table_of(&path[0])?;
                self.drop_key(&table, key(1).unwrap_or_default())?;
                None
            }
            (&Method::PUT, ["EntityDefinitions"]) => {
                let table = self.table_of(&path[0])?;
                self.change_table(actor, &table, posted()?, merges_labels(operation));
                None
            }
            (&Method::DELETE, ["EntityDefinitions"]) => {
                let table = self.table_of(&path[0])?;
                self.drop_table(&table)?;
                None
            }
            _ => return Err(Refusal::not_simulated("This change of a definition")),
        };
        self.expire_delta_tokens();
        let mut answer = empty(StatusCode::NO_CONTENT);
        if let Some(id) = made {
            let address = format!("{}{}({id})", operation.base, operation.path);
            put(&mut answer, "odata-entityid", &address);
        }
        Ok(answer)
    }

    /// A named solution must exist.
    fn check_solution(&self, operation: &Operation<'_>) -> Result<(), Refusal> {
        let Some(name) = operation.headers.get("mscrm.solutionuniquename") else {
            return Ok(());
        };
        self.check_solution_named(name.to_str().unwrap_or_default())
    }

    fn check_solution_named(&self, name: &str) -> Result<(), Refusal> {
        let known = self
            .store
            .rows("solution")
            .iter()
            .any(|row| row.get("uniquename").and_then(Cell::as_text) == Some(name));
        if known {
            return Ok(());
        }
        Err(Refusal::bad(
            "0x80040203",
            format!("The solution '{name}' was not found."),
        ))
    }

    pub(super) fn replace(&mut self, table: Table) {
        let known = self.schema.table(&table.name).cloned();
        for column in &table.columns {
            let before = known.as_ref().and_then(|known| known.column(&column.name));
            if before.is_none_or(|before| before.labels() != column.labels()) {
                self.map_labels_of(&table.name, column);
            }
        }
        if known.is_none() {
            for name in [
                "Create",
                "Update",
                "Delete",
                "CreateMultiple",
                "UpdateMultiple",
            ] {
                self.register_message(name, &table.name);
            }
        }
        Arc::make_mut(&mut self.schema).insert(table);
    }

    fn make_column(
        &mut self,
        actor: &Actor,
        table: &Arc<Table>,
        value: Value,
    ) -> Result<Uuid, Refusal> {
        let column = column::read(&value, &|address| self.choice_at(address))?;
        if table.column(&column.name).is_some() {
            return Err(Refusal::bad(
                "0x80047013",
                format!(
                    "An attribute with the specified name {} already exists for entity {}.",
                    column.name, table.name
                ),
            ));
        }
        let id = id_of("column", &format!("{}.{}", table.name, column.name));
        let name = (table.name.clone(), column.name.to_string());
        self.definitions
            .columns
            .insert(name, made_now(actor, value));
        let mut table = Table::clone(table);
        table.install(column);
        self.replace(table);
        Ok(id)
    }

    /// A PUT takes the place of the definition; what a column is cannot change.
    fn change_column(
        &mut self,
        actor: &Actor,
        table: &Arc<Table>,
        key: &str,
        mut value: Value,
        merge: bool,
    ) -> Result<(), Refusal> {
        let old = self.column_by(table, key);
        let old = old.ok_or_else(|| missing("attribute", key_text(key)))?;
        let told = self.describe_column(table, &old);
        let kind = told["@odata.type"].as_str().unwrap_or_default().to_owned();
        if value.get("@odata.type").is_none() {
            value["@odata.type"] = kind.clone().into();
        }
        if column::cast(&value) != column::cast(&told) {
            return Err(Refusal::bad(
                "0x80040203",
                format!(
                    "The type of the attribute '{}' cannot be changed.",
                    old.name
                ),
            ));
        }
        if merge {
            merge_labels(&told, &mut value, &["DisplayName", "Description"]);
        }
        let custom = told["IsCustomAttribute"] == true;
        if let Value::Object(members) = &mut value {
            // What a client may leave out stays as it was.
            for name in ["SchemaName", "OptionSet"] {
                if members.get(name).is_none_or(Value::is_null) {
                    members.insert(name.to_owned(), told[name].clone());
                }
            }
        }
        let changed = match &old.kind {
            Kind::Id | Kind::BigInt | Kind::Lookup(_) | Kind::State(_) | Kind::Status(_) => None,
            Kind::Money { .. } if !custom => None,
            _ => Some(column::read_named(&value, &old.name, &|address| {
                self.choice_at(address)
            })?),
        };
        let mut posted = made_now(actor, value);
        posted.custom = custom;
        let name = (table.name.clone(), old.name.to_string());
        if let Some(before) = self.definitions.columns.get(&name) {
            posted.at = before.at;
        }
        self.definitions.columns.insert(name, posted);
        if let Some(changed) = changed {
            let mut table = Table::clone(table);
            table.install(Column {
                kind: changed.kind,
                default: changed.default.or(old.default.clone()),
                ..old
            });
            self.replace(table);
        }
        Ok(())
    }

    /// The action `CreateEntities`: tables in the form with `Complex` types.
    pub(in crate::dataverse) fn create_entities(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
    ) -> Result<Reply, Refusal> {
        let query = parse_query(operation)?;
        if let Some(solution) = query.get("SolutionUniqueName") {
            self.check_solution_named(solution)?;
        }
        let value = body(operation)?;
        let entities = value["Entities"].as_array().cloned().unwrap_or_default();
        if entities.is_empty() {
            return Err(Refusal::bad("0x80040203", "The Entities are missing."));
        }
        let mut ids = Vec::new();
        for entity in entities {
            ids.push(self.make_table(actor, entity)?);
        }
        self.expire_delta_tokens();
        let kind = "Microsoft.Dynamics.CRM.CreateEntitiesResponse";
        let context = format!("{}$metadata#{kind}", operation.base);
        Ok(reply(
            json!({"@odata.context": context, "EntityIds": ids}).to_string(),
        ))
    }

    fn make_table(&mut self, actor: &Actor, value: Value) -> Result<Uuid, Refusal> {
        let schema = schema_name(&value)?;
        let name = schema.to_lowercase();
        if self.schema.table(&name).is_some() {
            return Err(Refusal::bad(
                "0x80044363",
                format!("An entity with the specified name {name} already exists."),
            ));
        }
        let attributes = value["Attributes"].as_array().cloned().unwrap_or_default();
        let title = attributes
            .iter()
            .find(|attribute| attribute["IsPrimaryName"] == true)
            .ok_or_else(|| Refusal::bad("0x80040203", "The primary name attribute is missing."))?;
        let choices = |address: &str| self.choice_at(address);
        let columns: Vec<Column> = attributes
            .iter()
            .map(|attribute| column::read(attribute, &choices))
            .collect::<Result<_, _>>()?;
        let title = schema_name(title)?.to_lowercase();
        // As the service names sets: an ending that is one already gets another.
        let set = match &*name {
            name if name.ends_with('s') => format!("{name}es"),
            name if name.ends_with('y') => format!("{}ies", &name[..name.len() - 1]),
            name => format!("{name}s"),
        };
        let key = format!("{name}id");
        let table = Table::new(
            [&name, &set, &key, &title],
            columns.into_iter().chain(tables::custom()),
        );
        for attribute in attributes {
            let logical = schema_name(&attribute)?.to_lowercase();
            let key = (table.name.clone(), logical);
            self.definitions
                .columns
                .insert(key, made_now(actor, attribute));
        }
        if value["ChangeTrackingEnabled"] == true {
            let options = Arc::make_mut(&mut self.options);
            options.tracked.insert(name.clone());
        }
        let posted = made_now(actor, value);
        self.definitions.tables.insert(table.name.clone(), posted);
        self.replace(table);
        Ok(id_of("table", &name))
    }

    /// Labels can change, and change tracking can be switched on.
    fn change_table(&mut self, actor: &Actor, table: &Table, mut value: Value, merge: bool) {
        if value["ChangeTrackingEnabled"] == true {
            let options = Arc::make_mut(&mut self.options);
            options.tracked.insert(table.name.to_string());
        }
        let told = self.describe_table(table);
        if merge {
            let labels = ["DisplayName", "DisplayCollectionName", "Description"];
            merge_labels(&told, &mut value, &labels);
        }
        let mut posted = made_now(actor, value);
        posted.custom = told["IsCustomEntity"] == true;
        posted.value["SchemaName"] = told["SchemaName"].clone();
        self.definitions.tables.insert(table.name.clone(), posted);
    }

    fn drop_table(&mut self, table: &Table) -> Result<(), Refusal> {
        let custom = self.definitions.tables.get(&table.name);
        if custom.is_none_or(|posted| !posted.custom) {
            return Err(Refusal::bad(
                "0x8004f01f",
                "The component cannot be deleted: it is not custom.",
            ));
        }
        Arc::make_mut(&mut self.schema).remove(&table.name);
        self.definitions.tables.remove(&table.name);
        self.definitions.keys.remove(&table.name);
        self.definitions
            .columns
            .retain(|(name, _), _| *name != table.name);
        self.store.forget(&table.name);
        let known: Vec<String> = self
            .describe_relationships(None)
            .iter()
            .filter_map(|known| known["SchemaName"].as_str().map(str::to_owned))
            .collect();
        let relationships = &mut self.definitions.relationships;
        relationships.retain(|name, _| known.contains(name));
        Ok(())
    }

    fn make_key(
        &mut self,
        actor: &Actor,
        table: &Arc<Table>,
        value: &Value,
    ) -> Result<Uuid, Refusal> {
        let name = schema_name(value)?.to_owned();
        let listed = value["KeyAttributes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let columns: Vec<String> = listed
            .iter()
            .filter_map(|column| column.as_str().map(str::to_owned))
            .collect();
        let keys = self.definitions.keys(&table.name);
        if keys.iter().any(|key| key.schema_name == name) {
            return Err(Refusal::bad(
                "0x80060893",
                format!("A key with the name {name} already exists."),
            ));
        }
        if keys.iter().any(|key| key.columns == columns) {
            return Err(Refusal::bad(
                "0x80060894",
                "A key with the selected attributes already exists.",
            ));
        }
        let fits = |column: &String| {
            table
                .column(column)
                .is_some_and(|column| match column.kind {
                    Kind::Text { max } => max <= 450,
                    Kind::Integer { .. }
                    | Kind::Decimal { .. }
                    | Kind::Date
                    | Kind::Instant
                    | Kind::Choice(_)
                    | Kind::Lookup(_) => true,
                    _ => false,
                })
        };
        if columns.is_empty() || keys.len() >= MAX_KEYS || !columns.iter().all(fits) {
            return Err(Refusal::bad(
                "0x80060895",
                "The key cannot be created with these attributes.",
            ));
        }
        let id = id_of("key", &format!("{}.{name}", table.name));
        let delay = TimeDelta::from_std(self.options.key_index_delay).unwrap_or_default();
        let key = Key {
            id,
            broken: self.has_twins(&table.name, &columns),
            schema_name: name,
            columns,
            label: value["DisplayName"].clone(),
            active_at: actor.now + delay,
        };
        self.definitions
            .keys
            .entry(table.name.clone())
            .or_default()
            .push(key);
        Ok(id)
    }

    fn drop_key(&mut self, table: &Table, key: &str) -> Result<(), Refusal> {
        let key = key_text(key).to_lowercase();
        let keys = self.definitions.keys.entry(table.name.clone()).or_default();
        let before = keys.len();
        keys.retain(|other| other.id.to_string() != key && other.schema_name.to_lowercase() != key);
        if keys.len() == before {
            return Err(missing("key", &key));
        }
        Ok(())
    }

    /// The action `ReactivateEntityKey`: builds the index of a key anew.
    pub(in crate::dataverse) fn reactivate_key(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
    ) -> Result<Reply, Refusal> {
        let value = body(operation)?;
        let text = |member: &str| value[member].as_str().unwrap_or_default().to_lowercase();
        let (table, name) = (text("EntityLogicalName"), text("EntityKeyLogicalName"));
        let mut keys = self.definitions.keys(&table).iter();
        let key = keys.find(|key| key.schema_name.to_lowercase() == name);
        let key = key.ok_or_else(|| missing("key", &name))?;
        let (id, columns) = (key.id, key.columns.clone());
        let broken = self.has_twins(&table, &columns);
        let delay = TimeDelta::from_std(self.options.key_index_delay).unwrap_or_default();
        let keys = self.definitions.keys.get_mut(table.as_str());
        for key in keys.into_iter().flatten().filter(|key| key.id == id) {
            key.broken = broken;
            key.active_at = actor.now + delay;
        }
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Do two rows have the same values? Rows with a null are not compared.
    fn has_twins(&self, table: &str, columns: &[String]) -> bool {
        let mut seen = Vec::new();
        for row in self.store.rows(table).iter() {
            let values: Option<Vec<String>> = columns
                .iter()
                .map(|column| {
                    row.get(column)
                        .map(|cell| format!("{cell:?}").to_lowercase())
                })
                .collect();
            seen.extend(values);
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        seen.len() < all
    }

    fn drop_column(&mut self, table: &Arc<Table>, key: &str) -> Result<(), Refusal> {
        let column = self.column_by(table, key);
        let name = column
            .ok_or_else(|| missing("attribute", key_text(key)))?
            .name;
        let made = (table.name.clone(), name.to_string());
        let keyed = self.definitions.keys(&table.name).iter();
        if keyed
            .flat_map(|key| &key.columns)
            .any(|column| **column == *name)
        {
            return Err(Refusal::bad(
                "0x8004f01f",
                format!(
                    "The Attribute({name}) component cannot be deleted because it is referenced by a key."
                ),
            ));
        }
        let custom = self.definitions.columns.get(&made);
        if custom.is_none_or(|posted| !posted.custom) {
            return Err(Refusal::bad(
                "0x8004f01f",
                "The component cannot be deleted: it is not custom.",
            ));
        }
        self.definitions.columns.remove(&made);
        self.replace(table.without(&name));
        Ok(())
    }
}

fn made_now(actor: &Actor, value: Value) -> Posted {
    Posted {
        value,
        at: actor.now,
        custom: true,
    }
}

fn merges_labels(operation: &Operation<'_>) -> bool {
    let merge = operation.headers.get("mscrm.mergelabels");
    merge.is_some_and(|merge| merge.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Keeps the labels of languages that the new definition does not name.
fn merge_labels(old: &Value, new: &mut Value, names: &[&str]) {
    for name in names {
        let Some(labels) = new[name]["LocalizedLabels"].as_array_mut() else {
            continue;
        };
        for label in old[name]["LocalizedLabels"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let language = &label["LanguageCode"];
            if labels
                .iter()
                .all(|known| known["LanguageCode"] != *language)
            {
                labels.push(label.clone());
            }
        }
    }
}
