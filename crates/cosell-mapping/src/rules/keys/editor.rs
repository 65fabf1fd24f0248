//! The table of members as a JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::{FILE, Key, Kind, LONGEST, PART, PART_SIDE, RULE, SIDE};

/// The JSON Schema of mapping files (draft 2020-12), for editors that complete and check.
pub fn json_schema() -> Value {
    let side = json!({"oneOf": [{"type": "string"}, object(SIDE, &[])]});
    let part_side = json!({"oneOf": [{"type": "string"}, object(PART_SIDE, &["path"])]});
    let mut part = object(PART, &["referral", "crm"]);
    let mut rule = object(RULE, &[]);
    for name in ["referral", "crm"] {
        part["properties"][name] = part_side.clone();
        rule["properties"][name] = side.clone();
    }
    rule["properties"]["parts"] = json!({"type": "object", "additionalProperties": part});
    let mut file = object(FILE, &["name", "version"]);
    file["properties"]["fields"] = json!({
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,63}$"},
        "additionalProperties": rule,
    });
    file["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    file["title"] = "cosell mapping".into();
    file
}

fn object(keys: &[Key], required: &[&str]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let mut schema = schema_of(key.kind);
            let only = key.on.iter().map(|transform| transform.word());
            let on: Vec<&str> = only.collect();
            let about = if on.is_empty() {
                key.about.to_owned()
            } else {
                format!("{} (for {})", key.about, on.join(", "))
            };
            schema["description"] = about.into();
            (key.name.to_owned(), schema)
        })
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn schema_of(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string", "maxLength": LONGEST}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Count => json!({"type": "integer", "minimum": 0}),
        Kind::Number => json!({"type": "integer"}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Scalar => json!({"type": ["string", "integer", "boolean"]}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Map => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Only => json!({
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "is": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["path", "is"],
            "additionalProperties": false,
        }),
        Kind::Table => json!({"type": "object"}),
    }
}
