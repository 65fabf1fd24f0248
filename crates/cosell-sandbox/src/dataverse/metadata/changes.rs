//! `RetrieveMetadataChanges`: definitions under a query, always all of them.

use serde_json::{Map, Value, json};

use crate::dataverse::Dataverse;
use crate::dataverse::operations::parameter;
use crate::dataverse::pipeline::Actor;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::{Reply, json as reply};
use crate::dataverse::request::Operation;

impl Dataverse {
    pub(in crate::dataverse) fn metadata_changes(
        &self,
        actor: &Actor,
        operation: &Operation<'_>,
    ) -> Result<Reply, Refusal> {
        let query = parameter(operation, "Query")?
            .ok_or_else(|| Refusal::bad("0x0", "Request message has unresolved parameters."))?;
        let query: Value =
            serde_json::from_str(&query).map_err(|error| Refusal::query(error.to_string()))?;
        let mut tables = Vec::new();
        for table in self.schema.tables() {
            let mut value = self.describe_table(table);
            if !fits(&value, &query["Criteria"])? {
                continue;
            }
            if names(&query["Properties"], "Attributes") {
                let mut columns = Vec::new();
                for column in &table.columns {
                    let value = self.describe_column(table, column);
                    if fits(&value, &query["AttributeQuery"]["Criteria"])? {
                        columns.push(shown(value, &query["AttributeQuery"]["Properties"]));
                    }
                }
                value["Attributes"] = columns.into();
            }
            if names(&query["Properties"], "Keys") {
                value["Keys"] = self.describe_keys(table, actor.now).into();
            }
            for name in [
                "ManyToOneRelationships",
                "OneToManyRelationships",
                "ManyToManyRelationships",
            ] {
                if names(&query["Properties"], name) {
                    value[name] = self.describe_relationships(Some((table, name))).into();
                }
            }
            tables.push(shown(value, &query["Properties"]));
        }
        let kind = "Microsoft.Dynamics.CRM.RetrieveMetadataChangesResponse";
        let context = format!("{}$metadata#{kind}", operation.base);
        Ok(reply(
            json!({"@odata.context": context, "EntityMetadata": tables,
                   "ServerVersionStamp": self.metadata_version.to_string(),
                   "DeletedMetadata": Value::Null})
            .to_string(),
        ))
    }
}

/// Are these properties asked for by name?
fn names(properties: &Value, name: &str) -> bool {
    let listed = properties["PropertyNames"].as_array();
    properties["AllProperties"] == true
        || listed.is_some_and(|listed| listed.iter().any(|listed| listed == name))
}

/// What of a definition is asked for, and what names it.
fn shown(value: Value, properties: &Value) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    if properties["AllProperties"] == true {
        return Value::Object(members);
    }
    let kept: Map<String, Value> = members
        .into_iter()
        .filter(|(name, _)| {
            name == "MetadataId" || name == "@odata.type" || names(properties, name)
        })
        .collect();
    Value::Object(kept)
}

fn fits(value: &Value, criteria: &Value) -> Result<bool, Refusal> {
    let conditions = criteria["Conditions"].as_array();
    let either = criteria["FilterOperator"] == "Or";
    let mut results = Vec::new();
    for condition in conditions.into_iter().flatten() {
        let name = condition["PropertyName"].as_str().unwrap_or_default();
        let wanted = condition["Value"]
            .get("Value")
            .unwrap_or(&condition["Value"]);
        let same = value[name] == *wanted
            || value[name].as_str().map(str::to_lowercase)
                == wanted.as_str().map(str::to_lowercase);
        results.push(match condition["ConditionOperator"].as_str() {
            Some("Equals") => same,
            Some("NotEquals") => !same,
            other => {
                return Err(Refusal::not_simulated(&format!(
                    "The metadata condition '{}'",
                    other.unwrap_or_default()
                )));
            }
        });
    }
    Ok(if either && !results.is_empty() {
        results.contains(&true)
    } else {
        !results.contains(&false)
    })
}
