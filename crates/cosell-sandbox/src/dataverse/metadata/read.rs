//! Questions about the schema: `$select`, `$filter`, `$expand`, casts.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::describe::types;
use crate::dataverse::Dataverse;
use crate::dataverse::pipeline::Actor;
use crate::dataverse::print::parse_query;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::{Reply, json as reply};
use crate::dataverse::request::Operation;
use crate::dataverse::schema::{Column, NAMESPACE, Table};
use crate::odata::{Collation, Filter, JsonRow, Query, parse_select, split_top_level};

/// Members that are only shown when they are expanded.
const EXPANDED: [&str; 7] = [
    "Attributes",
    "Keys",
    "ManyToOneRelationships",
    "OneToManyRelationships",
    "ManyToManyRelationships",
    "OptionSet",
    "GlobalOptionSet",
];

/// One step of a path: a name and what stands in its parentheses.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) key: Option<String>,
}

/// Does this path lead to definitions?
pub(in crate::dataverse) fn is_metadata(path: &str) -> bool {
    let first = path.split(['/', '(']).next().unwrap_or_default();
    matches!(
        first,
        "EntityDefinitions" | "RelationshipDefinitions" | "GlobalOptionSetDefinitions"
    )
}

pub(super) fn segments(path: &str) -> Result<Vec<Segment>, Refusal> {
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| Refusal::query("The request URI is not valid UTF-8."))?;
    let split = split_top_level(path.trim_end_matches('/'), '/');
    let cut = |(_, text): (usize, &str)| match text.split_once('(') {
        Some((name, rest)) => Segment {
            name: name.to_owned(),
            key: Some(rest.strip_suffix(')').unwrap_or_default().to_owned()),
        },
        None => Segment {
            name: text.to_owned(),
            key: None,
        },
    };
    Ok(split.into_iter().map(cut).collect())
}

/// The text in `LogicalName='…'` (or another name), or the id alone.
pub(super) fn key_text(key: &str) -> &str {
    let value = key.split_once('=').map_or(key, |(_, value)| value);
    value.trim().trim_matches('\'')
}

impl Dataverse {
    /// Any request about definitions.
    pub(in crate::dataverse) fn definitions(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
    ) -> Result<Reply, Refusal> {
        let path = segments(&operation.path)?;
        if operation.method == Method::GET {
            return self.read_definitions(actor.now, operation, &path);
        }
        if operation.references.is_some() {
            return Err(Refusal::not_simulated(
                "Changing definitions in a change set",
            ));
        }
        self.write_definitions(actor, operation, &path)
    }

    pub(super) fn table_of(&self, segment: &Segment) -> Result<Arc<Table>, Refusal> {
        let key = key_text(segment.key.as_deref().unwrap_or_default());
        let mut tables = self.schema.tables();
        let by_id = |table: &&Arc<Table>| {
            super::id_of("table", &table.name).to_string() == key.to_lowercase()
        };
        self.schema
            .table(key)
            .or_else(|| tables.find(by_id))
            .cloned()
            .ok_or_else(|| missing("entity", key))
    }

    fn read_definitions(
        &self,
        now: DateTime<Utc>,
        operation: &Operation<'_>,
        path: &[Segment],
    ) -> Result<Reply, Refusal> {
        let query = parse_query(operation)?;
        let Some((first, rest)) = path.split_first() else {
            return Err(Refusal::no_segment(""));
        };
        if first.name != "EntityDefinitions" {
            let values = if first.name == "RelationshipDefinitions" {
                self.describe_relationships(None)
            } else {
                self.definitions.choices.values().cloned().collect()
            };
            let cast = match rest {
                [] => None,
                [cast] if cast.name.starts_with(NAMESPACE) => Some(&*cast.name),
                [other, ..] => return Err(Refusal::no_segment(&other.name)),
            };
            return answer(operation, &query, values, (first, cast));
        }
        let strong = operation
            .headers
            .get("consistency")
            .is_some_and(|value| value == "Strong");
        let lag = if strong {
            TimeDelta::zero()
        } else {
            TimeDelta::from_std(self.options.metadata_lag).unwrap_or_default()
        };
        let view = View {
            dataverse: self,
            now,
            lag,
        };
        if first.key.is_none() {
            let tables = self
                .schema
                .tables()
                .map(|table| view.table(table, query.get("$expand")));
            return list(operation, &query, tables.collect());
        }
        let table = self.table_of(first)?;
        let Some((member, rest)) = rest.split_first() else {
            return one(operation, &query, view.table(&table, query.get("$expand")));
        };
        let (cast, rest) = match rest {
            [cast, rest @ ..] if cast.name.starts_with(NAMESPACE) => (Some(cast), rest),
            _ => (None, rest),
        };
        if let Some(extra) = rest.first() {
            return Err(Refusal::no_segment(&extra.name));
        }
        let cast = cast.map(|cast| cast.name.as_str());
        let values = view
            .member(&table, &member.name, cast)
            .ok_or_else(|| Refusal::no_segment(&member.name))?;
        answer(operation, &query, values, (member, cast))
    }

    /// The description of one column, for who changes it.
    pub(super) fn column_by(&self, table: &Table, key: &str) -> Option<Column> {
        let key = key_text(key).to_lowercase();
        let mut columns = table.columns.iter();
        let found = columns.find(|column| {
            *column.name == *key
                || super::id_of("column", &format!("{}.{}", table.name, column.name)).to_string()
                    == key
        });
        found.cloned()
    }
}

/// All definitions of a kind, those of a cast, or the one that a key names.
fn answer(
    operation: &Operation<'_>,
    query: &Query,
    mut values: Vec<Value>,
    (segment, cast): (&Segment, Option<&str>),
) -> Result<Reply, Refusal> {
    if let Some(cast) = cast {
        let kind = format!("#{cast}");
        values.retain(|value| value["@odata.type"] == *kind);
    }
    let Some(key) = &segment.key else {
        return list(operation, query, values);
    };
    let key = key_text(key);
    let names = ["LogicalName", "SchemaName", "Name", "MetadataId"];
    let found = values
        .into_iter()
        .find(|value| names.iter().any(|name| value[name] == *key));
    one(
        operation,
        query,
        found.ok_or_else(|| missing(&segment.name, key))?,
    )
}

pub(super) fn missing(what: &str, key: &str) -> Refusal {
    Refusal::new(
        http::StatusCode::NOT_FOUND,
        "0x80060888",
        format!("Could not find {what} with the specified name: '{key}'."),
    )
}

struct View<'a> {
    dataverse: &'a Dataverse,
    now: DateTime<Utc>,
    lag: TimeDelta,
}

impl View<'_> {
    /// Spares the description of columns that a cast will not show.
    fn may_be(&self, table: &Table, column: &Column, cast: &str) -> bool {
        let made = (table.name.clone(), column.name.to_string());
        self.dataverse.definitions.columns.contains_key(&made)
            || cast
                .strip_prefix(NAMESPACE)
                .and_then(|cast| cast.strip_suffix("AttributeMetadata"))
                == Some(types(table, column).0)
    }

    /// The table, with the members that are expanded.
    fn table(&self, table: &Arc<Table>, expand: Option<&str>) -> Value {
        let mut value = self.dataverse.describe_table(table);
        let asked = |name: &&&str| expand.is_some_and(|text| text.contains(**name));
        for name in EXPANDED[..5].iter().filter(asked) {
            value[name] = Value::Array(self.member(table, name, None).unwrap_or_default());
        }
        value
    }

    fn member(&self, table: &Arc<Table>, name: &str, cast: Option<&str>) -> Option<Vec<Value>> {
        let settled = |column: &str| {
            let definitions = &self.dataverse.definitions;
            definitions.settled(&table.name, column, self.now, self.lag)
        };
        Some(match name {
            "Attributes" => table
                .columns
                .iter()
                .filter(|column| settled(&column.name))
                .filter(|column| cast.is_none_or(|cast| self.may_be(table, column, cast)))
                .map(|column| self.dataverse.describe_column(table, column))
                .collect(),
            "Keys" => self.dataverse.describe_keys(table, self.now),
            "ManyToOneRelationships" | "OneToManyRelationships" | "ManyToManyRelationships" => {
                self.dataverse.describe_relationships(Some((table, name)))
            }
            _ => return None,
        })
    }
}

pub(super) fn fault(fault: &crate::odata::ODataError) -> Refusal {
    Refusal::query(fault.message())
}

/// Leaves what `$select` and `$expand` ask for.
fn shape(value: Value, select: Option<&str>, expand: Option<&str>) -> Result<Value, Refusal> {
    let Value::Object(members) = value else {
        return Ok(value);
    };
    let select = select.map(parse_select).transpose();
    let select = select.map_err(|error| fault(&error))?;
    if let Some(name) = select.iter().flatten().find(|name| {
        // A member of a type that this one is derived into needs the cast.
        !members.contains_key(*name) && !value_may_lack(name)
    }) {
        return Err(Refusal::query(format!(
            "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.AttributeMetadata'."
        )));
    }
    let mut expansions = Vec::new();
    for (_, part) in split_top_level(expand.unwrap_or_default(), ',') {
        let (name, options) = part.split_once('(').unwrap_or((part, ""));
        if !name.trim().is_empty() {
            expansions.push((name.trim(), options.strip_suffix(')').unwrap_or(options)));
        }
    }
    let mut shown = Map::new();
    for (name, value) in members {
        let expansion = expansions.iter().find(|(wanted, _)| *wanted == name);
        if let Some((_, options)) = expansion {
            shown.insert(name, expanded(value, options)?);
        } else if !EXPANDED.contains(&&*name) {
            let asked = select.as_ref().is_none_or(|names| names.contains(&name));
            if asked || name == "MetadataId" || name == "@odata.type" {
                shown.insert(name, value);
            }
        }
    }
    Ok(Value::Object(shown))
}

/// Members that some column types have and others lack: no error in a list of casts.
fn value_may_lack(name: &str) -> bool {
    matches!(name, "DisplayCollectionName" | "Description")
}

fn expanded(value: Value, options: &str) -> Result<Value, Refusal> {
    let (mut select, mut filter) = (None, None);
    for (_, option) in split_top_level(options, ';') {
        match option.trim().split_once('=') {
            Some(("$select", value)) => select = Some(value),
            Some(("$filter", value)) => filter = Some(value),
            None if option.trim().is_empty() => {}
            _ => {
                return Err(Refusal::query(
                    "Only $select and $filter can be expanded with.",
                ));
            }
        }
    }
    match value {
        Value::Array(values) => {
            let kept = filtered(values, filter, &Query::default())?;
            let shaped: Result<_, _> = kept
                .into_iter()
                .map(|value| shape(value, select, None))
                .collect();
            Ok(Value::Array(shaped?))
        }
        other => shape(other, select, None),
    }
}

fn filtered(
    values: Vec<Value>,
    filter: Option<&str>,
    query: &Query,
) -> Result<Vec<Value>, Refusal> {
    let Some(filter) = filter else {
        return Ok(values);
    };
    let filter = Filter::parse(filter, query).map_err(|error| fault(&error))?;
    let mut kept = Vec::new();
    for value in values {
        let fits = filter.matches(&JsonRow(&value), Collation::Sql);
        if fits.map_err(|error| fault(&error))? {
            kept.push(value);
        }
    }
    Ok(kept)
}

fn list(operation: &Operation<'_>, query: &Query, values: Vec<Value>) -> Result<Reply, Refusal> {
    let kept = filtered(values, query.get("$filter"), query)?;
    let shaped: Result<Vec<_>, _> = kept
        .into_iter()
        .map(|value| shape(value, query.get("$select"), query.get("$expand")))
        .collect();
    let context = format!("{}$metadata#{}", operation.base, operation.path);
    Ok(reply(
        json!({"@odata.context": context, "value": shaped?}).to_string(),
    ))
}

fn one(operation: &Operation<'_>, query: &Query, value: Value) -> Result<Reply, Refusal> {
    let mut value = shape(value, query.get("$select"), query.get("$expand"))?;
    let context = format!("{}$metadata#{}/$entity", operation.base, operation.path);
    value["@odata.context"] = context.into();
    Ok(reply(value.to_string()))
}
