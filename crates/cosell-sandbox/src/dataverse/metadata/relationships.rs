//! Relationships: told, made, changed and deleted.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::column::schema_name;
use super::read::{key_text, missing};
use super::{Posted, id_of};
use crate::dataverse::Dataverse;
use crate::dataverse::pipeline::Actor;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::schema::{Across, Column, Table, Target};

impl Dataverse {
    /// All relationships, or those that a table has on one side.
    pub(super) fn describe_relationships(&self, of: Option<(&Table, &str)>) -> Vec<Value> {
        let mut all = Vec::new();
        let wanted = |kind: &str| of.is_none_or(|(_, name)| name == kind);
        for table in self.schema.tables().filter(|table| !table.intersect) {
            for column in &table.columns {
                for target in column.targets() {
                    let fits = match of {
                        None => true,
                        Some((of, "ManyToOneRelationships")) => of.name == table.name,
                        Some((of, "OneToManyRelationships")) => of.name == target.table,
                        Some(_) => false,
                    };
                    if fits {
                        all.push(self.one_to_many(table, column, target));
                    }
                }
            }
        }
        if wanted("ManyToManyRelationships") {
            let across = self.schema.all_across().filter(|across| {
                of.is_none_or(|(of, _)| across.sides.iter().any(|(side, _)| *side == of.name))
            });
            all.extend(across.map(|across| self.many_to_many(across)));
        }
        all
    }

    fn one_to_many(&self, table: &Table, column: &Column, target: &Target) -> Value {
        let key = self.schema.table(&target.table).map(|table| &*table.key);
        let value = json!({
            "@odata.type": "#Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
            "MetadataId": id_of("relationship", &target.relationship),
            "SchemaName": &*target.relationship,
            "ReferencingEntity": &*table.name, "ReferencingAttribute": &*column.name,
            "ReferencedEntity": &*target.table, "ReferencedAttribute": key,
            "ReferencingEntityNavigationPropertyName": &*target.navigation,
            "ReferencedEntityNavigationPropertyName": &*target.relationship,
            "RelationshipType": "OneToManyRelationship",
            "IsValidForAdvancedFind": true, "IsHierarchical": false,
            "CascadeConfiguration": {"Assign": "NoCascade", "Delete": "RemoveLink",
                "Merge": "NoCascade", "Reparent": "NoCascade", "Share": "NoCascade",
                "Unshare": "NoCascade"},
        });
        self.posted_over(&target.relationship, value)
    }

    fn many_to_many(&self, across: &Across) -> Value {
        let [(first, one), (second, other)] = &across.sides;
        let value = json!({
            "@odata.type": "#Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata",
            "MetadataId": id_of("relationship", &across.name),
            "SchemaName": &*across.name,
            "Entity1LogicalName": &**first, "Entity2LogicalName": &**second,
            "Entity1IntersectAttribute": &**one, "Entity2IntersectAttribute": &**other,
            "Entity1NavigationPropertyName": &*across.name,
            "Entity2NavigationPropertyName": &*across.name,
            "IntersectEntityName": &*across.table,
            "RelationshipType": "ManyToManyRelationship",
            "IsValidForAdvancedFind": true,
        });
        self.posted_over(&across.name, value)
    }

    /// What was posted is told back, where it says more than the schema.
    fn posted_over(&self, name: &str, mut value: Value) -> Value {
        let posted = self.definitions.relationships.get(name);
        value["IsCustomRelationship"] = posted.is_some_and(|posted| posted.custom).into();
        value["IsManaged"] = posted.is_none_or(|posted| !posted.custom).into();
        if let Some(posted) = posted {
            for name in [
                "CascadeConfiguration",
                "AssociatedMenuConfiguration",
                "Entity1AssociatedMenuConfiguration",
                "Entity2AssociatedMenuConfiguration",
                "IsValidForAdvancedFind",
                "IsHierarchical",
            ] {
                if let Some(told) = posted.value.get(name) {
                    value[name] = told.clone();
                }
            }
        }
        value
    }

    pub(super) fn make_relationship(
        &mut self,
        actor: &Actor,
        value: &Value,
    ) -> Result<Uuid, Refusal> {
        let name = schema_name(value)?.to_owned();
        let known = self.describe_relationships(None);
        if known.iter().any(|known| known["SchemaName"] == *name) {
            return Err(Refusal::bad(
                "0x80044363",
                format!("A relationship with the name {name} already exists."),
            ));
        }
        let kind = value["@odata.type"].as_str().unwrap_or_default();
        if kind.ends_with("ManyToManyRelationshipMetadata") {
            self.connect_tables(value, &name)?;
        } else {
            self.make_lookup(actor, value, &name)?;
        }
        let posted = Posted {
            value: value.clone(),
            at: actor.now,
            custom: true,
        };
        self.definitions.relationships.insert(name.clone(), posted);
        Ok(id_of("relationship", &name))
    }

    fn connect_tables(&mut self, value: &Value, name: &str) -> Result<(), Refusal> {
        let side = |member: &str| {
            let side = value[member].as_str().unwrap_or_default();
            let table = self.schema.table(side).cloned();
            table.ok_or_else(|| missing("entity", side))
        };
        let (first, second) = (side("Entity1LogicalName")?, side("Entity2LogicalName")?);
        let table = value["IntersectEntityName"].as_str();
        let table = table.unwrap_or(name).to_lowercase();
        if self.schema.table(&table).is_some() {
            return Err(Refusal::bad(
                "0x80044363",
                format!("An entity with the specified name {table} already exists."),
            ));
        }
        let sides = [&*first.name, &*second.name];
        Arc::make_mut(&mut self.schema).connect(name, &table, sides);
        Ok(())
    }

    fn make_lookup(&mut self, actor: &Actor, value: &Value, name: &str) -> Result<(), Refusal> {
        let lookup = &value["Lookup"];
        let navigation = schema_name(lookup)?.to_owned();
        let named = |member: &str| {
            let name = value[member].as_str().unwrap_or_default();
            let table = self.schema.table(name).cloned();
            table.ok_or_else(|| missing("entity", name))
        };
        let (target, table) = (named("ReferencedEntity")?, named("ReferencingEntity")?);
        let column = navigation.to_lowercase();
        if table.column(&column).is_some() {
            return Err(Refusal::bad(
                "0x80047013",
                format!("An attribute with the specified name {column} already exists."),
            ));
        }
        let posted = Posted {
            value: lookup.clone(),
            at: actor.now,
            custom: true,
        };
        let key = (table.name.clone(), column.clone());
        self.definitions.columns.insert(key, posted);
        let mut table = Table::clone(&table);
        let made = Column::lookup(&column, &target.name, &navigation).related_by(name);
        table.install(made);
        self.replace(table);
        Ok(())
    }

    /// The relationship behind a key, as it is told.
    fn relationship(&self, key: &str) -> Result<Value, Refusal> {
        let key = key_text(key);
        let known = self.describe_relationships(None);
        let found = known
            .into_iter()
            .find(|known| known["SchemaName"] == *key || known["MetadataId"] == *key);
        found.ok_or_else(|| missing("relationship", key))
    }

    /// Labels, menus and cascades can change; the tables cannot.
    pub(super) fn change_relationship(
        &mut self,
        actor: &Actor,
        key: &str,
        value: Value,
    ) -> Result<(), Refusal> {
        let found = self.relationship(key)?;
        let name = found["SchemaName"].as_str().unwrap_or_default().to_owned();
        let posted = Posted {
            value,
            at: actor.now,
            custom: found["IsCustomRelationship"] == true,
        };
        self.definitions.relationships.insert(name, posted);
        Ok(())
    }

    pub(super) fn drop_relationship(&mut self, key: &str) -> Result<(), Refusal> {
        let found = self.relationship(key)?;
        let name = found["SchemaName"].as_str().unwrap_or_default();
        if found["IsCustomRelationship"] != true {
            return Err(Refusal::bad(
                "0x8004f01f",
                "The component cannot be deleted: it is not custom.",
            ));
        }
        self.definitions.relationships.remove(name);
        if self.schema.across(name).is_some() {
            Arc::make_mut(&mut self.schema).disconnect(name);
            return Ok(());
        }
        let table = found["ReferencingEntity"].as_str().unwrap_or_default();
        let column = found["ReferencingAttribute"].as_str().unwrap_or_default();
        if let Some(table) = self.schema.table(table).cloned() {
            let key = (table.name.clone(), column.to_owned());
            self.definitions.columns.remove(&key);
            self.replace(table.without(column));
        }
        Ok(())
    }
}
