//! From the service's answers to definitions.

use std::collections::BTreeMap;

use cosell_http::{Call, Error, Repeat, decode_json};
use futures_util::future::try_join_all;
use http::{HeaderName, HeaderValue, Method};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    ChoiceSet, ChoiceValue, ColumnDefinition, ColumnType, Consistency, DateBehavior, KeyDefinition,
    KeyStatus, Label, LookupDefinition, TableDefinition,
};
use crate::{Dataverse, input::Faults};

const OPERATION: &str = "dataverse.schema_table";

const TABLE: &str = "$select=LogicalName,SchemaName,EntitySetName,ObjectTypeCode,\
PrimaryIdAttribute,PrimaryNameAttribute,ChangeTrackingEnabled,IsOptimisticConcurrencyEnabled,\
IsCustomEntity&$expand=Attributes($select=LogicalName,SchemaName,AttributeType,AttributeTypeName,\
IsValidForCreate,IsValidForUpdate,IsValidForRead,RequiredLevel,IsCustomAttribute,IsManaged,\
DisplayName),Keys($select=SchemaName,KeyAttributes,EntityKeyIndexStatus),\
ManyToOneRelationships($select=SchemaName,ReferencingAttribute,ReferencedEntity,\
ReferencingEntityNavigationPropertyName)";

/// Casts that bring more than the column alone tells, with what to read of each.
const CASTS: [(&str, &str); 13] = [
    ("String", "$select=LogicalName,MaxLength"),
    ("Memo", "$select=LogicalName,MaxLength"),
    ("Integer", "$select=LogicalName,MinValue,MaxValue"),
    ("Decimal", "$select=LogicalName,Precision,MinValue,MaxValue"),
    ("Double", "$select=LogicalName"),
    (
        "Money",
        "$select=LogicalName,Precision,PrecisionSource,MinValue,MaxValue",
    ),
    ("DateTime", "$select=LogicalName,DateTimeBehavior"),
    ("Lookup", "$select=LogicalName,Targets"),
    ("Boolean", "$select=LogicalName&$expand=OptionSet"),
    (
        "Picklist",
        "$select=LogicalName&$expand=OptionSet,GlobalOptionSet",
    ),
    (
        "MultiSelectPicklist",
        "$select=LogicalName&$expand=OptionSet,GlobalOptionSet",
    ),
    ("State", "$select=LogicalName&$expand=OptionSet"),
    ("Status", "$select=LogicalName&$expand=OptionSet"),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableBody {
    logical_name: String,
    schema_name: Option<String>,
    entity_set_name: Option<String>,
    object_type_code: Option<i32>,
    primary_id_attribute: Option<String>,
    primary_name_attribute: Option<String>,
    change_tracking_enabled: Option<bool>,
    is_optimistic_concurrency_enabled: Option<bool>,
    is_custom_entity: Option<bool>,
    #[serde(default)]
    attributes: Vec<ColumnBody>,
    #[serde(default)]
    keys: Vec<KeyBody>,
    #[serde(default)]
    many_to_one_relationships: Vec<LookupBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ColumnBody {
    logical_name: String,
    schema_name: Option<String>,
    attribute_type: Option<String>,
    attribute_type_name: Option<Named>,
    is_valid_for_create: Option<bool>,
    is_valid_for_update: Option<bool>,
    is_valid_for_read: Option<bool>,
    required_level: Option<Named>,
    is_custom_attribute: Option<bool>,
    is_managed: Option<bool>,
    #[serde(default)]
    display_name: Label,
    metadata_id: Option<Uuid>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyBody {
    schema_name: String,
    #[serde(default)]
    key_attributes: Vec<String>,
    entity_key_index_status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LookupBody {
    schema_name: String,
    referencing_attribute: String,
    referenced_entity: String,
    referencing_entity_navigation_property_name: Option<String>,
}

#[derive(Deserialize)]
struct DetailPage {
    value: Vec<Detail>,
}

/// What a cast brings.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    logical_name: String,
    max_length: Option<u32>,
    precision: Option<u32>,
    precision_source: Option<u32>,
    min_value: Option<Box<RawValue>>,
    max_value: Option<Box<RawValue>>,
    date_time_behavior: Option<Named>,
    #[serde(default)]
    targets: Vec<String>,
    option_set: Option<OptionSetBody>,
    global_option_set: Option<OptionSetBody>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionSetBody {
    is_global: Option<bool>,
    options: Option<Vec<OptionBody>>,
    false_option: Option<OptionBody>,
    true_option: Option<OptionBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionBody {
    value: i32,
    #[serde(default)]
    label: Label,
    state: Option<i32>,
}

pub(super) async fn table(
    client: &Dataverse,
    table: &str,
    consistency: Consistency,
) -> Result<TableDefinition, Error> {
    let mut faults = Faults::default();
    faults.check_name("table", table);
    faults.into_result(OPERATION)?;
    let at = format!("EntityDefinitions(LogicalName='{table}')");
    let answer = get(client, &format!("{at}?{TABLE}"), consistency).await?;
    let body: TableBody = decode_json(OPERATION, &answer)?;
    let (Some(set), Some(key)) = (&body.entity_set_name, &body.primary_id_attribute) else {
        let fault = "the definition names no entity set or no primary key";
        return Err(Error::malformed(OPERATION, &answer, fault));
    };
    let (set, key) = (set.clone(), key.clone());
    let there = |cast: &str| body.attributes.iter().any(|column| column.cast() == cast);
    let reads = CASTS
        .iter()
        .filter(|(cast, _)| there(cast))
        .map(|(cast, options)| {
            let target =
                format!("{at}/Attributes/Microsoft.Dynamics.CRM.{cast}AttributeMetadata?{options}");
            async move {
                let answer = get(client, &target, consistency).await?;
                decode_json::<DetailPage>(OPERATION, &answer)
            }
        });
    let mut details: BTreeMap<String, Detail> = try_join_all(reads)
        .await?
        .into_iter()
        .flat_map(|page| page.value)
        .map(|detail| (detail.logical_name.clone(), detail))
        .collect();
    let columns = body.attributes.into_iter().map(|column| {
        let detail = details.remove(&column.logical_name).unwrap_or_default();
        (column.logical_name.clone(), column.finish(detail))
    });
    Ok(TableDefinition {
        columns: columns.collect(),
        schema_name: body
            .schema_name
            .unwrap_or_else(|| body.logical_name.clone()),
        logical_name: body.logical_name,
        set,
        key,
        name_column: body.primary_name_attribute,
        type_code: body.object_type_code,
        change_tracking: body.change_tracking_enabled.unwrap_or_default(),
        optimistic_concurrency: body.is_optimistic_concurrency_enabled.unwrap_or_default(),
        custom: body.is_custom_entity.unwrap_or_default(),
        keys: body.keys.into_iter().map(KeyBody::finish).collect(),
        lookups: body
            .many_to_one_relationships
            .into_iter()
            .filter_map(LookupBody::finish)
            .collect(),
    })
}

async fn get(
    client: &Dataverse,
    target: &str,
    consistency: Consistency,
) -> Result<cosell_http::Answer, Error> {
    let mut call = Call::new(OPERATION, Method::GET, target, Repeat::Safe);
    if consistency == Consistency::Strong {
        call = call.with_header(
            HeaderName::from_static("consistency"),
            HeaderValue::from_static("Strong"),
        );
    }
    client.raw(call).await
}

impl ColumnBody {
    /// The name of the column's type, as a cast spells it.
    fn cast(&self) -> &str {
        let name = self.attribute_type_name.as_ref();
        let name = name.and_then(|name| name.value.as_deref());
        match (self.attribute_type.as_deref().unwrap_or_default(), name) {
            ("Customer" | "Owner", _) => "Lookup",
            // Columns of newer types are all called virtual.
            ("Virtual" | "", Some(name)) => name.strip_suffix("Type").unwrap_or(name),
            (kind, _) => kind,
        }
    }

    fn finish(self, detail: Detail) -> ColumnDefinition {
        let cast = self.cast().to_owned();
        let level = self.required_level.and_then(|level| level.value);
        ColumnDefinition {
            kind: detail.kind(&cast),
            schema_name: self
                .schema_name
                .unwrap_or_else(|| self.logical_name.clone()),
            logical_name: self.logical_name,
            label: self.display_name,
            creatable: self.is_valid_for_create.unwrap_or(true),
            updatable: self.is_valid_for_update.unwrap_or(true),
            readable: self.is_valid_for_read.unwrap_or(true),
            required: level.as_deref() == Some("SystemRequired"),
            asked_for: level.as_deref() == Some("ApplicationRequired"),
            custom: self.is_custom_attribute.unwrap_or_default(),
            managed: self.is_managed.unwrap_or_default(),
            id: self.metadata_id,
        }
    }
}

impl Detail {
    fn kind(self, cast: &str) -> ColumnType {
        let decimal = |raw: &Option<Box<RawValue>>| {
            let text = raw.as_ref()?.get().trim_matches('"');
            let number = Decimal::from_str_exact(text);
            number.or_else(|_| Decimal::from_scientific(text)).ok()
        };
        let small = |raw: &Option<Box<RawValue>>| raw.as_ref()?.get().parse().ok();
        let (min, max) = (decimal(&self.min_value), decimal(&self.max_value));
        match cast {
            "String" => ColumnType::Text {
                max: self.max_length,
            },
            "Memo" => ColumnType::Memo {
                max: self.max_length,
            },
            "Integer" => ColumnType::Integer {
                min: small(&self.min_value),
                max: small(&self.max_value),
            },
            "BigInt" => ColumnType::BigInt,
            "Decimal" => ColumnType::Decimal {
                precision: self.precision,
                min,
                max,
            },
            "Double" => ColumnType::Double,
            "Money" => ColumnType::Money {
                precision: self.precision,
                source: self.precision_source,
                min,
                max,
            },
            "Boolean" => {
                let set = self.option_set.unwrap_or_default();
                let label = |option: Option<OptionBody>| option.map(|option| option.label);
                ColumnType::Flag {
                    no: label(set.false_option).unwrap_or_default(),
                    yes: label(set.true_option).unwrap_or_default(),
                }
            }
            "Picklist" => ColumnType::Choice(self.choices()),
            "MultiSelectPicklist" => ColumnType::Choices(self.choices()),
            "State" => ColumnType::State(self.choices()),
            "Status" => ColumnType::Status(self.choices()),
            "DateTime" => {
                let behavior = self.date_time_behavior.and_then(|named| named.value);
                ColumnType::DateTime(match behavior.as_deref() {
                    Some("DateOnly") => DateBehavior::DateOnly,
                    Some("TimeZoneIndependent") => DateBehavior::TimeZoneIndependent,
                    Some("UserLocal") | None => DateBehavior::UserLocal,
                    Some(other) => DateBehavior::Other(other.to_owned()),
                })
            }
            "Lookup" => ColumnType::Lookup {
                targets: self.targets,
            },
            "Uniqueidentifier" => ColumnType::Guid,
            other => ColumnType::Other(other.to_owned()),
        }
    }

    fn choices(self) -> ChoiceSet {
        let local = self.option_set.unwrap_or_default();
        let body = match self.global_option_set {
            Some(global) if local.options.is_none() => global,
            _ => local,
        };
        let values = body.options.unwrap_or_default().into_iter();
        ChoiceSet {
            global: body.is_global.unwrap_or_default(),
            values: values
                .map(|option| ChoiceValue {
                    value: option.value,
                    label: option.label,
                    state: option.state,
                })
                .collect(),
        }
    }
}

impl KeyBody {
    fn finish(self) -> KeyDefinition {
        KeyDefinition {
            schema_name: self.schema_name,
            columns: self.key_attributes,
            status: match self.entity_key_index_status.as_deref() {
                Some("Pending") | None => KeyStatus::Pending,
                Some("InProgress") => KeyStatus::InProgress,
                Some("Active") => KeyStatus::Active,
                Some("Failed") => KeyStatus::Failed,
                Some(other) => KeyStatus::Other(other.to_owned()),
            },
        }
    }
}

impl LookupBody {
    fn finish(self) -> Option<LookupDefinition> {
        Some(LookupDefinition {
            column: self.referencing_attribute,
            target: self.referenced_entity,
            navigation: self.referencing_entity_navigation_property_name?,
            relationship: self.schema_name,
        })
    }
}
