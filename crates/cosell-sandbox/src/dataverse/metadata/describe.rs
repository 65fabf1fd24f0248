//! The schema as JSON definitions.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::column::cast as cast_of;
use super::id_of;
use crate::dataverse::Dataverse;
use crate::dataverse::schema::{Column, Kind, Rounding, Table};

/// A column is a memo from here on; shipped texts are told apart by their length alone.
const MEMO: usize = 2000;

impl Dataverse {
    fn label(&self, table: &str, column: &str, value: Option<i32>, text: &str) -> Value {
        let base = self.options.language;
        let mut labels = vec![localized(text, base)];
        for extra in &self.options.labels {
            if extra.table == table && extra.column == column && extra.value == value {
                labels.push(localized(&extra.text, extra.language));
            }
        }
        json!({"LocalizedLabels": labels, "UserLocalizedLabel": localized(text, base)})
    }

    fn option(&self, table: &Table, column: &Column, value: i32, text: &str) -> Value {
        json!({"Value": value, "IsManaged": false,
               "Label": self.label(&table.name, &column.name, Some(value), text)})
    }

    fn option_set(&self, table: &Table, column: &Column) -> Option<Value> {
        let list = |options: &[(i32, String)], kind: &str| {
            let options: Vec<Value> = options
                .iter()
                .map(|(value, text)| self.option(table, column, *value, text))
                .collect();
            json!({"Name": format!("{}_{}", table.name, column.name), "IsGlobal": false,
                   "OptionSetType": kind, "Options": options})
        };
        Some(match &column.kind {
            Kind::Choice(options) | Kind::Choices(options) => list(options, "Picklist"),
            Kind::State(options) => {
                let mut set = list(options, "State");
                for (at, (value, _)) in options.iter().enumerate() {
                    set["Options"][at]["DefaultStatus"] = json!(table.status_of_state(*value));
                }
                set
            }
            Kind::Status(options) => {
                let flat: Vec<(i32, String)> = options
                    .iter()
                    .map(|status| (status.value, status.label.clone()))
                    .collect();
                let mut set = list(&flat, "Status");
                for (at, status) in options.iter().enumerate() {
                    set["Options"][at]["State"] = json!(status.state);
                }
                set
            }
            Kind::Boolean(no, yes) => json!({
                "IsGlobal": false, "OptionSetType": "Boolean",
                "FalseOption": self.option(table, column, 0, no),
                "TrueOption": self.option(table, column, 1, yes)}),
            _ => return None,
        })
    }

    pub(super) fn describe_column(&self, table: &Table, column: &Column) -> Value {
        let (cast, kind, type_name) = types(table, column);
        let made = self
            .definitions
            .columns
            .get(&(table.name.clone(), column.name.to_string()));
        let custom = made.is_some_and(|made| made.custom)
            || column.name.starts_with("msft_")
            || column.name.starts_with("cosell_")
            || self.installed(table, column);
        let mut value = json!({
            "@odata.type": format!("#Microsoft.Dynamics.CRM.{cast}AttributeMetadata"),
            "MetadataId": id_of("column", &format!("{}.{}", table.name, column.name)),
            "LogicalName": &*column.name, "SchemaName": &*column.name,
            "EntityLogicalName": &*table.name,
            "AttributeType": kind, "AttributeTypeName": {"Value": type_name},
            "IsValidForCreate": column.creatable, "IsValidForUpdate": column.updatable,
            "IsValidForRead": true,
            "IsPrimaryId": *column.name == *table.key, "IsPrimaryName": *column.name == *table.title,
            "IsCustomAttribute": custom, "IsManaged": !custom,
            "IsCustomizable": managed(true, "iscustomizable"),
            "IsValidForAdvancedFind": managed(true, "canmodifysearchsettings"),
            "IsAuditEnabled": managed(true, "canmodifyauditsettings"),
            "IsSecured": false, "IsLogical": false, "IsFilterable": true, "IsSearchable": true,
            "AttributeOf": null,
            "RequiredLevel": {"Value": if column.required { "SystemRequired" } else { "None" },
                "CanBeChanged": !column.required,
                "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings"},
            "DisplayName": self.label(&table.name, &column.name, None, &column.name),
            "Description": {"LocalizedLabels": [], "UserLocalizedLabel": null},
        });
        if let Value::Object(members) = &mut value {
            members.extend(limits(column));
            if let Some(set) = self.option_set(table, column) {
                members.insert("OptionSet".to_owned(), set);
                members.insert("GlobalOptionSet".to_owned(), Value::Null);
            }
            // What was posted is told back, but for what may have changed since.
            if let Some(made) = made
                && let Value::Object(posted) = &made.value
            {
                for (name, value) in posted {
                    match &**name {
                        "OptionSet" | "LogicalName" | "MetadataId" | "EntityLogicalName" => {}
                        "@odata.type" => {
                            let cast = format!("#Microsoft.Dynamics.CRM.{}", cast_of(&made.value));
                            members.insert(name.clone(), cast.into());
                        }
                        "GlobalOptionSet@odata.bind" => {
                            let address = value.as_str().unwrap_or_default();
                            let set = self.choice_at(address).unwrap_or_default();
                            members.insert("GlobalOptionSet".to_owned(), set);
                        }
                        _ => {
                            members.insert(name.clone(), value.clone());
                        }
                    }
                }
            }
        }
        value
    }

    fn installed(&self, table: &Table, column: &Column) -> bool {
        let mut installed = self.options.columns.iter();
        installed.any(|(name, other)| **name == *table.name && other.name == column.name)
    }

    pub(super) fn describe_table(&self, table: &Table) -> Value {
        let made = self.definitions.tables.get(&table.name);
        let custom = made.is_some_and(|made| made.custom);
        let mut value = json!({
            "@odata.type": "#Microsoft.Dynamics.CRM.EntityMetadata",
            "MetadataId": id_of("table", &table.name),
            "LogicalName": &*table.name, "SchemaName": &*table.name,
            "EntitySetName": &*table.set, "LogicalCollectionName": &*table.set,
            "PrimaryIdAttribute": &*table.key, "PrimaryNameAttribute": &*table.title,
            "ObjectTypeCode": type_code(&table.name),
            "ChangeTrackingEnabled": self.options.tracked.contains(&*table.name),
            "CanChangeTrackingBeEnabled": {"Value": true},
            "IsOptimisticConcurrencyEnabled": true,
            "IsCustomEntity": custom, "IsManaged": !custom,
            "IsPrivate": false, "IsIntersect": table.intersect, "IsActivity": false,
            "IsValidForAdvancedFind": !table.intersect, "IsLogicalEntity": false,
            "HasNotes": true, "HasActivities": true, "TableType": "Standard",
            "IsCustomizable": managed(true, "iscustomizable"),
            "IsAuditEnabled": managed(false, "canmodifyauditsettings"),
            "IsDuplicateDetectionEnabled": managed(true, "canmodifyduplicatedetectionsettings"),
            "PrimaryImageAttribute": null,
            "DisplayCollectionName": self.label(&table.name, "", None, &table.set),
            "Description": {"LocalizedLabels": [], "UserLocalizedLabel": null},
            "OwnershipType": if table.column("ownerid").is_some() { "UserOwned" } else { "OrganizationOwned" },
            "DisplayName": self.label(&table.name, "", None, &table.name),
        });
        if let (Value::Object(members), Some(posted)) = (&mut value, made)
            && let Value::Object(posted) = &posted.value
        {
            for name in [
                "SchemaName",
                "DisplayName",
                "DisplayCollectionName",
                "Description",
                "HasNotes",
                "HasActivities",
                "IsAuditEnabled",
            ] {
                if let Some(value) = posted.get(name) {
                    members.insert(name.to_owned(), value.clone());
                }
            }
        }
        value
    }

    pub(super) fn describe_keys(&self, table: &Table, now: DateTime<Utc>) -> Vec<Value> {
        let describe = |key: &super::Key| {
            json!({"MetadataId": key.id, "SchemaName": key.schema_name,
                   "LogicalName": key.schema_name.to_lowercase(), "DisplayName": key.label,
                   "EntityLogicalName": &*table.name, "KeyAttributes": key.columns,
                   "EntityKeyIndexStatus": key.status(now)})
        };
        let keys = self.definitions.keys(&table.name).iter();
        keys.map(describe).collect()
    }
}

/// A property that a solution can lock.
fn managed(value: bool, name: &str) -> Value {
    json!({"Value": value, "CanBeChanged": true, "ManagedPropertyLogicalName": name})
}

fn localized(text: &str, language: i64) -> Value {
    json!({"Label": text, "LanguageCode": language, "IsManaged": true})
}

/// Cast, `AttributeType`, `AttributeTypeName`.
pub(super) fn types(table: &Table, column: &Column) -> (&'static str, &'static str, &'static str) {
    match &column.kind {
        Kind::File { .. } => ("File", "Virtual", "FileType"),
        Kind::Id if *column.name == *table.key => ("", "Uniqueidentifier", "UniqueidentifierType"),
        Kind::Id => (
            "UniqueIdentifier",
            "Uniqueidentifier",
            "UniqueidentifierType",
        ),
        Kind::Text { max } if *max >= MEMO => ("Memo", "Memo", "MemoType"),
        Kind::Text { .. } => ("String", "String", "StringType"),
        Kind::Integer { .. } => ("Integer", "Integer", "IntegerType"),
        Kind::BigInt => ("BigInt", "BigInt", "BigIntType"),
        Kind::Decimal { .. } => ("Decimal", "Decimal", "DecimalType"),
        Kind::Money { .. } => ("Money", "Money", "MoneyType"),
        Kind::Boolean(..) => ("Boolean", "Boolean", "BooleanType"),
        Kind::Choice(_) => ("Picklist", "Picklist", "PicklistType"),
        Kind::Choices(_) => ("MultiSelectPicklist", "Virtual", "MultiSelectPicklistType"),
        Kind::State(_) => ("State", "State", "StateType"),
        Kind::Status(_) => ("Status", "Status", "StatusType"),
        Kind::Date | Kind::Instant => ("DateTime", "DateTime", "DateTimeType"),
        Kind::Lookup(_) if *column.name == *"ownerid" => ("Lookup", "Owner", "OwnerType"),
        Kind::Lookup(targets) if targets.len() > 1 => ("Lookup", "Customer", "CustomerType"),
        Kind::Lookup(_) => ("Lookup", "Lookup", "LookupType"),
    }
}

fn limits(column: &Column) -> Map<String, Value> {
    let value = match &column.kind {
        Kind::Text { max } => json!({"MaxLength": max, "FormatName": {"Value": "Text"}}),
        Kind::Integer { min, max } => json!({"MinValue": min, "MaxValue": max, "Format": "None"}),
        Kind::Decimal { min, max, scale } => {
            json!({"MinValue": min, "MaxValue": max, "Precision": scale})
        }
        Kind::Money { min, max, rounding } => {
            let (precision, source) = match rounding {
                Rounding::Own(scale) => (*scale, 0),
                Rounding::Currency => (2, 2),
            };
            json!({"MinValue": min, "MaxValue": max, "Precision": precision,
                   "PrecisionSource": source})
        }
        Kind::Date => json!({"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}),
        Kind::Instant => {
            json!({"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}})
        }
        Kind::Lookup(targets) => {
            let mut tables: Vec<&str> = targets.iter().map(|target| &*target.table).collect();
            tables.dedup();
            json!({"Targets": tables})
        }
        Kind::Boolean(..) => json!({"DefaultValue": false}),
        Kind::File { max_kilobytes } => json!({"MaxSizeInKB": max_kilobytes}),
        _ => json!({}),
    };
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Object type codes of shipped tables; those of custom ones differ in every environment.
pub(in crate::dataverse) fn type_code(table: &str) -> u32 {
    match table {
        "account" => 1,
        "contact" => 2,
        "opportunity" => 3,
        "lead" => 4,
        "annotation" => 5,
        "systemuser" => 8,
        "team" => 9,
        "businessunit" => 10,
        "competitor" => 123,
        "organization" => 1019,
        "pricelevel" => 1022,
        "product" => 1024,
        "uom" => 1055,
        "uomschedule" => 1056,
        "stringmap" => 1043,
        "opportunityproduct" => 1083,
        "opportunityclose" => 4208,
        "sdkmessage" => 4606,
        "sdkmessagefilter" => 4607,
        "sdkmessageprocessingstep" => 4608,
        "sdkmessageprocessingstepimage" => 4615,
        "serviceendpoint" => 4618,
        "asyncoperation" => 4700,
        "publisher" => 7101,
        "solution" => 7100,
        "transactioncurrency" => 9105,
        custom => {
            let sum = custom.bytes().fold(0_u32, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(byte.into())
            });
            10_000 + sum % 10_000
        }
    }
}
