//! What is posted to make things.

use serde_json::{Value, json};

use super::{ColumnSpec, KeySpec, NewColumn, PublisherSpec, TableSpec};

fn label(text: &str, language: u32) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.Label",
        "LocalizedLabels": [{
            "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel",
            "Label": text,
            "LanguageCode": language,
        }],
    })
}

fn optional() -> Value {
    json!({
        "Value": "None",
        "CanBeChanged": true,
        "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
    })
}

fn options(values: &[(i32, String)], language: u32) -> Value {
    let options: Vec<Value> = values
        .iter()
        .map(|(value, text)| json!({"Value": value, "Label": label(text, language)}))
        .collect();
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata",
        "IsGlobal": false,
        "OptionSetType": "Picklist",
        "Options": options,
    })
}

pub(super) fn publisher(spec: &PublisherSpec) -> Value {
    json!({
        "uniquename": spec.unique_name,
        "friendlyname": spec.label,
        "customizationprefix": spec.prefix,
        "customizationoptionvalueprefix": spec.option_prefix,
        "description": spec.description,
    })
}

pub(super) fn table(spec: &TableSpec, language: u32) -> Value {
    let head = Head {
        schema: &spec.name_column,
        label: "Name",
        description: "Name",
        language,
    };
    let mut name = head.text("Text", 200);
    name["IsPrimaryName"] = true.into();
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
        "SchemaName": spec.schema_name,
        "DisplayName": label(&spec.label, language),
        "DisplayCollectionName": label(&spec.plural, language),
        "Description": label(&spec.description, language),
        "OwnershipType": "UserOwned",
        "HasActivities": false,
        "HasNotes": false,
        "IsActivity": false,
        "ChangeTrackingEnabled": true,
        "Attributes": [name],
    })
}

/// What columns of all types have.
struct Head<'a> {
    schema: &'a str,
    label: &'a str,
    description: &'a str,
    language: u32,
}

impl Head<'_> {
    fn of(&self, cast: &str, kind: &str) -> Value {
        json!({
            "@odata.type": format!("Microsoft.Dynamics.CRM.{cast}AttributeMetadata"),
            "AttributeType": kind,
            "AttributeTypeName": {"Value": format!("{cast}Type")},
            "SchemaName": self.schema,
            "RequiredLevel": optional(),
            "DisplayName": label(self.label, self.language),
            "Description": label(self.description, self.language),
        })
    }

    fn text(&self, format: &str, max: u32) -> Value {
        let mut value = self.of("String", "String");
        value["MaxLength"] = max.into();
        value["FormatName"] = json!({"Value": format});
        value
    }
}

/// A column; not a lookup, which is made by its relationship.
pub(super) fn column(spec: &ColumnSpec, language: u32) -> Value {
    let head = Head {
        schema: &spec.schema_name,
        label: &spec.label,
        description: &spec.description,
        language,
    };
    let plain = |cast: &str| head.of(cast, cast);
    let with = |mut value: Value, members: Value| {
        if let (Some(value), Value::Object(members)) = (value.as_object_mut(), members) {
            value.extend(members);
        }
        value
    };
    let list = |cast: &str, kind: &str, values: &[(i32, String)]| {
        with(
            head.of(cast, kind),
            json!({"SourceTypeMask": 0, "OptionSet": options(values, language)}),
        )
    };
    match &spec.kind {
        NewColumn::Text(max) => head.text("Text", *max),
        NewColumn::Url(max) => head.text("Url", *max),
        NewColumn::Memo(max) => with(
            plain("Memo"),
            json!({"MaxLength": max, "Format": "TextArea", "ImeMode": "Disabled"}),
        ),
        NewColumn::Flag(no, yes) => with(
            plain("Boolean"),
            json!({
                "DefaultValue": false,
                "OptionSet": {
                    "TrueOption": {"Value": 1, "Label": label(yes, language)},
                    "FalseOption": {"Value": 0, "Label": label(no, language)},
                    "OptionSetType": "Boolean",
                },
            }),
        ),
        NewColumn::Choice(values) => list("Picklist", "Picklist", values),
        NewColumn::Choices(values) => list("MultiSelectPicklist", "Virtual", values),
        NewColumn::Integer(min, max) => with(
            plain("Integer"),
            json!({"Format": "None", "MinValue": min, "MaxValue": max}),
        ),
        NewColumn::BigInt => plain("BigInt"),
        NewColumn::Decimal(places) => with(
            plain("Decimal"),
            json!({
                "Precision": places,
                "MinValue": -100_000_000_000_i64,
                "MaxValue": 100_000_000_000_i64,
            }),
        ),
        NewColumn::Double => plain("Double"),
        NewColumn::Money => with(plain("Money"), json!({"PrecisionSource": 2})),
        NewColumn::Date => with(
            plain("DateTime"),
            json!({"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}),
        ),
        NewColumn::Instant => with(
            plain("DateTime"),
            json!({"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}),
        ),
        NewColumn::Lookup(_) => plain("Lookup"),
    }
}

/// The relationship behind a lookup.
pub(super) fn lookup(spec: &ColumnSpec, target: &str, language: u32) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "SchemaName": relationship_name(spec),
        "ReferencedEntity": target,
        "ReferencingEntity": spec.table,
        "CascadeConfiguration": {
            "Assign": "NoCascade", "Delete": "RemoveLink", "Merge": "NoCascade",
            "Reparent": "NoCascade", "Share": "NoCascade", "Unshare": "NoCascade",
        },
        "AssociatedMenuConfiguration": {
            "Behavior": "UseCollectionName", "Group": "Details", "Order": 10_000,
            "Label": label(&spec.label, language),
        },
        "Lookup": column(spec, language),
    })
}

/// `abc_table_Column`: unique, since tables and columns are.
fn relationship_name(spec: &ColumnSpec) -> String {
    let (prefix, rest) = spec
        .schema_name
        .split_once('_')
        .unwrap_or(("", &spec.schema_name));
    format!("{prefix}_{}_{rest}", spec.table)
}

pub(super) fn key(spec: &KeySpec, language: u32) -> Value {
    json!({
        "SchemaName": spec.schema_name,
        "DisplayName": label(&spec.label, language),
        "KeyAttributes": spec.columns,
    })
}

pub(super) fn option(
    table: &str,
    column: &str,
    (value, text): (i32, &str),
    solution: &str,
    language: u32,
) -> Value {
    json!({
        "EntityLogicalName": table,
        "AttributeLogicalName": column,
        "Value": value,
        "Label": label(text, language),
        "SolutionUniqueName": solution,
    })
}

pub(super) fn publish(tables: &[String]) -> Value {
    // Logical names: letters, digits and underscores, so nothing needs escaping.
    let tables: String = tables
        .iter()
        .map(|table| format!("<entity>{table}</entity>"))
        .collect();
    json!({
        "ParameterXml":
            format!("<importexportxml><entities>{tables}</entities></importexportxml>"),
    })
}
