//! Global choices, and the actions that change the options of a column.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::column::{label, listed, schema_name_of};
use super::id_of;
use super::read::{Segment, key_text, missing};
use crate::dataverse::Dataverse;
use crate::dataverse::operations::body;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::{Reply, empty, json as reply};
use crate::dataverse::request::Operation;
use crate::dataverse::schema::{Column, Kind, Status, Table};

type Options = Vec<(i32, String)>;

fn taken(number: i32) -> Refusal {
    Refusal::bad(
        "0x80048403",
        format!("An option with the value {number} exists already."),
    )
}

fn number(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|value| i32::try_from(value).ok())
}

impl Dataverse {
    /// The global choice at an address such as `/GlobalOptionSetDefinitions(…)`.
    pub(super) fn choice_at(&self, address: &str) -> Option<Value> {
        let key = address.split_once('(')?.1.strip_suffix(')')?;
        self.choice(key_text(key)).cloned()
    }

    fn choice(&self, key: &str) -> Option<&Value> {
        let mut choices = self.definitions.choices.values();
        choices.find(|choice| choice["Name"] == *key || choice["MetadataId"] == *key)
    }

    /// Makes, changes or deletes a global choice.
    pub(super) fn write_choice(
        &mut self,
        operation: &Operation<'_>,
        segment: &Segment,
    ) -> Result<Option<Uuid>, Refusal> {
        let key = segment.key.as_deref().map(key_text);
        match (&operation.method, key) {
            (&Method::POST, None) => {
                let mut value = body(operation)?;
                let name = schema_name_of(&value, "Name")?.to_owned();
                if self.definitions.choices.contains_key(&name) {
                    return Err(Refusal::bad(
                        "0x80044363",
                        format!("A global choice with the name {name} already exists."),
                    ));
                }
                listed(&value)?;
                let id = id_of("choice", &name);
                settle(&mut value, id);
                self.definitions.choices.insert(name, value);
                Ok(Some(id))
            }
            (&Method::PUT, Some(key)) => {
                let found = self
                    .choice(key)
                    .ok_or_else(|| missing("choice", key))?
                    .clone();
                let mut value = body(operation)?;
                let name = found["Name"].as_str().unwrap_or_default().to_owned();
                if value.get("Options").is_none() {
                    value["Options"] = found["Options"].clone();
                }
                listed(&value)?;
                value["Name"] = found["Name"].clone();
                settle(&mut value, id_of("choice", &name));
                self.definitions.choices.insert(name, value);
                Ok(None)
            }
            (&Method::DELETE, Some(key)) => {
                let found = self.choice(key).ok_or_else(|| missing("choice", key))?;
                let name = found["Name"].as_str().unwrap_or_default().to_owned();
                let used = self.definitions.columns.values().any(|posted| {
                    let address = posted.value["GlobalOptionSet@odata.bind"].as_str();
                    let choice = address.and_then(|address| self.choice_at(address));
                    choice.is_some_and(|choice| choice["Name"] == *name)
                });
                if used {
                    return Err(Refusal::bad(
                        "0x8004f01f",
                        format!(
                            "The OptionSet({name}) component cannot be deleted because it is \
                                 referenced by a column."
                        ),
                    ));
                }
                self.definitions.choices.remove(&name);
                Ok(None)
            }
            _ => Err(Refusal::wrong_verb(&operation.path)),
        }
    }

    /// The column that an action about options names.
    fn chosen(&self, value: &Value) -> Result<(Arc<Table>, Column), Refusal> {
        let named = |member: &str| value[member].as_str().unwrap_or_default();
        let table = self.schema.table(named("EntityLogicalName")).cloned();
        let table = table.ok_or_else(|| missing("entity", named("EntityLogicalName")))?;
        let name = named("AttributeLogicalName");
        let column = table.column(name).cloned();
        Ok((table, column.ok_or_else(|| missing("attribute", name))?))
    }

    fn install_options(&mut self, table: &Table, column: Column) {
        let mut table = Table::clone(table);
        table.install(column);
        self.replace(table);
        self.expire_delta_tokens();
    }

    /// Changes the options of a column, or of a global choice that `OptionSetName` names and the
    /// columns that use it.
    fn with_options<T>(
        &mut self,
        value: &Value,
        change: impl Fn(&mut Options) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let Some(name) = value["OptionSetName"]
            .as_str()
            .filter(|name| !name.is_empty())
        else {
            let (table, mut column) = self.chosen(value)?;
            let (Kind::Choice(options) | Kind::Choices(options)) = &mut column.kind else {
                return Err(Refusal::bad("0x80040203", "The attribute has no options."));
            };
            let done = change(options)?;
            self.install_options(&table, column);
            return Ok(done);
        };
        let choice = self.choice(name).ok_or_else(|| missing("choice", name))?;
        let mut options = listed(choice)?;
        let done = change(&mut options)?;
        let language = self.options.language;
        let told: Vec<Value> = options
            .iter()
            .map(|(value, text)| {
                json!({"Value": value, "Label": {"LocalizedLabels": [{"Label": text,
                "LanguageCode": language}], "UserLocalizedLabel": {"Label": text,
                "LanguageCode": language}}})
            })
            .collect();
        if let Some(choice) = self.definitions.choices.get_mut(name) {
            choice["Options"] = told.into();
        }
        let users: Vec<(Arc<str>, String)> = self
            .definitions
            .columns
            .iter()
            .filter(|(_, posted)| {
                let address = posted.value["GlobalOptionSet@odata.bind"].as_str();
                let choice = address.and_then(|address| self.choice_at(address));
                choice.is_some_and(|choice| choice["Name"] == *name)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for (table, column) in users {
            let table = self.schema.table(&table).cloned();
            let found = table.and_then(|table| {
                let column = table.column(&column)?.clone();
                Some((table, column))
            });
            if let Some((table, mut column)) = found {
                if let Kind::Choice(old) | Kind::Choices(old) = &mut column.kind {
                    old.clone_from(&options);
                }
                self.install_options(&table, column);
            }
        }
        Ok(done)
    }

    /// The action `InsertOptionValue`.
    pub(in crate::dataverse) fn insert_option(
        &mut self,
        operation: &Operation<'_>,
    ) -> Result<Reply, Refusal> {
        let value = body(operation)?;
        let made = self.with_options(&value, |options| {
            let next = options.iter().map(|(value, _)| *value).max().unwrap_or(0) + 1;
            let made = number(&value["Value"]).unwrap_or(next);
            if options.iter().any(|(other, _)| *other == made) {
                return Err(taken(made));
            }
            options.push((made, label(&value["Label"])));
            Ok(made)
        })?;
        Ok(reply(json!({"NewOptionValue": made}).to_string()))
    }

    /// The actions `UpdateOptionValue`, `DeleteOptionValue` and `OrderOption`.
    pub(in crate::dataverse) fn change_options(
        &mut self,
        operation: &Operation<'_>,
        name: &str,
    ) -> Result<Reply, Refusal> {
        let value = body(operation)?;
        self.with_options(&value, |options| {
            if name == "OrderOption" {
                let order: Vec<i32> = value["Values"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(number)
                    .collect();
                let place = |value: i32| order.iter().position(|other| *other == value);
                options.sort_by_key(|(value, _)| place(*value).unwrap_or(usize::MAX));
                return Ok(());
            }
            let wanted = number(&value["Value"]);
            let at = options.iter().position(|(other, _)| Some(*other) == wanted);
            let at = at.ok_or_else(|| {
                Refusal::bad(
                    "0x80048404",
                    format!("There is no option {}.", value["Value"]),
                )
            })?;
            if name == "DeleteOptionValue" {
                options.remove(at);
            } else {
                options[at].1 = label(&value["Label"]);
            }
            Ok(())
        })?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// The action `InsertStatusValue`: a status reason of a state.
    pub(in crate::dataverse) fn insert_status(
        &mut self,
        operation: &Operation<'_>,
    ) -> Result<Reply, Refusal> {
        let value = body(operation)?;
        let (table, mut column) = self.chosen(&value)?;
        let Kind::Status(statuses) = &mut column.kind else {
            return Err(Refusal::bad(
                "0x80040203",
                "The attribute is no status reason.",
            ));
        };
        let next = statuses
            .iter()
            .map(|status| status.value)
            .max()
            .unwrap_or(0)
            + 1;
        let made = number(&value["Value"]).unwrap_or(next);
        if statuses.iter().any(|status| status.value == made) {
            return Err(taken(made));
        }
        let state = number(&value["StateCode"])
            .ok_or_else(|| Refusal::bad("0x80040203", "The StateCode is missing."))?;
        statuses.push(Status {
            value: made,
            state,
            label: label(&value["Label"]),
        });
        self.install_options(&table, column);
        Ok(reply(json!({"NewOptionValue": made}).to_string()))
    }
}

/// A global choice as it is told.
fn settle(value: &mut Value, id: Uuid) {
    value["@odata.type"] = "#Microsoft.Dynamics.CRM.OptionSetMetadata".into();
    value["MetadataId"] = id.to_string().into();
    value["IsGlobal"] = true.into();
    value["IsCustomOptionSet"] = true.into();
    if value.get("OptionSetType").is_none() {
        value["OptionSetType"] = "Picklist".into();
    }
}
