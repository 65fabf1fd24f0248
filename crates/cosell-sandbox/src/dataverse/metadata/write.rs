//! Changes of the schema. Each makes all delta links void, as the service does.

use std::sync::Arc;

use chrono::TimeDelta;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::column::{self, label, schema_name};
use super::read::{Segment, key_text, missing};
use super::{Key, Posted, id_of};
use crate::dataverse::Dataverse;
use crate::dataverse::cell::Cell;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::{Reply, empty, json as reply, put};
use crate::dataverse::request::Operation;
use crate::dataverse::rows::Actor;
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
        let body = || {
            serde_json::from_slice::<Value>(&operation.body).map_err(|error| {
                Refusal::payload(
                    names.first().copied().unwrap_or_default(),
                    &error.to_string(),
                )
            })
        };
        let made = match (&operation.method, names.as_slice()) {
            (&Method::POST, ["EntityDefinitions"]) => Some(self.make_table(actor, body()?)?),
            (&Method::POST, ["RelationshipDefinitions"]) => {
                Some(self.make_lookup(actor, &body()?)?)
            }
            (&Method::POST, ["EntityDefinitions", "Attributes"]) => {
                let table = self.table_of(&path[0])?;
                Some(self.make_column(actor, &table, body()?)?)
            }
            (&Method::POST, ["EntityDefinitions", "Keys"]) => {
                let table = self.table_of(&path[0])?;
                Some(self.make_key(actor, &table, &body()?)?)
            }
            (&Method::PUT, ["EntityDefinitions"]) => {
                let table = self.table_of(&path[0])?;
                if body()?["ChangeTrackingEnabled"] == true {
                    let options = Arc::make_mut(&mut self.options);
                    options.tracked.insert(table.name.to_string());
                }
                None
            }
            (&Method::DELETE, ["EntityDefinitions", "Attributes"]) => {
                let table = self.table_of(&path[0])?;
                self.drop_column(&table, path[1].key.as_deref().unwrap_or_default())?;
                None
            }
            (&Method::DELETE, ["EntityDefinitions", "Keys"]) => {
                let table = self.table_of(&path[0])?;
                let key = key_text(path[1].key.as_deref().unwrap_or_default()).to_owned();
                let keys = self.definitions.keys.entry(table.name.clone()).or_default();
                let before = keys.len();
                keys.retain(|other| {
                    other.id.to_string() != key && other.schema_name.to_lowercase() != key
                });
                if keys.len() == before {
                    return Err(missing("key", &key));
                }
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
        let name = name.to_str().unwrap_or_default();
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

    fn replace(&mut self, table: Table) {
        Arc::make_mut(&mut self.schema).insert(table);
    }

    fn make_column(
        &mut self,
        actor: &Actor,
        table: &Arc<Table>,
        value: Value,
    ) -> Result<Uuid, Refusal> {
        let column = column::read(&value)?;
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
        let posted = Posted {
            value,
            at: actor.now,
        };
        self.definitions.columns.insert(name, posted);
        let mut table = Table::clone(table);
        table.install(column);
        self.replace(table);
        Ok(id)
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
        let columns: Vec<Column> = attributes
            .iter()
            .map(column::read)
            .collect::<Result<_, _>>()?;
        let title = schema_name(title)?.to_lowercase();
        let set = format!("{}s", name.strip_suffix('s').map_or(&*name, |_| &*name));
        let key = format!("{name}id");
        let table = Table::new(
            [&name, &set, &key, &title],
            columns.into_iter().chain(tables::custom()),
        );
        for attribute in attributes {
            let logical = schema_name(&attribute)?.to_lowercase();
            let posted = Posted {
                value: attribute,
                at: actor.now,
            };
            self.definitions
                .columns
                .insert((table.name.clone(), logical), posted);
        }
        if value["ChangeTrackingEnabled"] == true {
            let options = Arc::make_mut(&mut self.options);
            options.tracked.insert(name.clone());
        }
        let posted = Posted {
            value,
            at: actor.now,
        };
        self.definitions.tables.insert(table.name.clone(), posted);
        self.replace(table);
        Ok(id_of("table", &name))
    }

    fn make_lookup(&mut self, actor: &Actor, value: &Value) -> Result<Uuid, Refusal> {
        schema_name(value)?;
        let lookup = &value["Lookup"];
        let navigation = schema_name(lookup)?.to_owned();
        let named = |member: &str| {
            let name = value[member].as_str().unwrap_or_default();
            let table = self.schema.table(name).cloned();
            table.ok_or_else(|| missing("entity", name))
        };
        let (target, table) = (named("ReferencedEntity")?, named("ReferencingEntity")?);
        let name = navigation.to_lowercase();
        if table.column(&name).is_some() {
            return Err(Refusal::bad(
                "0x80047013",
                format!("An attribute with the specified name {name} already exists."),
            ));
        }
        let posted = Posted {
            value: lookup.clone(),
            at: actor.now,
        };
        self.definitions
            .columns
            .insert((table.name.clone(), name.clone()), posted);
        let mut table = Table::clone(&table);
        table.install(Column::lookup(&name, &target.name, &navigation));
        self.replace(table);
        Ok(id_of("relationship", &navigation))
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
        let name = key_text(key);
        let made = (table.name.clone(), name.to_owned());
        if table.column(name).is_none() {
            return Err(missing("attribute", name));
        }
        let keyed = self.definitions.keys(&table.name).iter();
        if keyed
            .flat_map(|key| &key.columns)
            .any(|column| column == name)
        {
            return Err(Refusal::bad(
                "0x8004f01f",
                format!(
                    "The Attribute({name}) component cannot be deleted because it is referenced by a key."
                ),
            ));
        }
        if self.definitions.columns.remove(&made).is_none() {
            return Err(Refusal::bad(
                "0x8004f01f",
                "The component cannot be deleted: it is not custom.",
            ));
        }
        self.replace(table.without(name));
        Ok(())
    }

    /// The action `InsertOptionValue`.
    pub(in crate::dataverse) fn insert_option(
        &mut self,
        operation: &Operation<'_>,
    ) -> Result<Reply, Refusal> {
        let value: Value = serde_json::from_slice(&operation.body)
            .map_err(|error| Refusal::payload("InsertOptionValue", &error.to_string()))?;
        let named = |member: &str| value[member].as_str().unwrap_or_default();
        let table = self.schema.table(named("EntityLogicalName")).cloned();
        let table = table.ok_or_else(|| missing("entity", named("EntityLogicalName")))?;
        let name = named("AttributeLogicalName");
        let mut column = table
            .column(name)
            .cloned()
            .ok_or_else(|| missing("attribute", name))?;
        let (Kind::Choice(options) | Kind::Choices(options)) = &mut column.kind else {
            return Err(Refusal::bad("0x80040203", "The attribute has no options."));
        };
        let number = value["Value"]
            .as_i64()
            .and_then(|value| i32::try_from(value).ok());
        let next = options.iter().map(|(value, _)| *value).max().unwrap_or(0) + 1;
        let number = number.unwrap_or(next);
        if options.iter().any(|(other, _)| *other == number) {
            return Err(Refusal::bad(
                "0x80048403",
                format!("An option with the value {number} exists already."),
            ));
        }
        options.push((number, label(&value["Label"])));
        let mut table = Table::clone(&table);
        table.install(column);
        self.replace(table);
        self.expire_delta_tokens();
        Ok(reply(json!({"NewOptionValue": number}).to_string()))
    }
}
