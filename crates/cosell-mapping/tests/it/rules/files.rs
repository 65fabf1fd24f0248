//! Reading files: TOML and JSON, layers, hashes, differences, comments, the field guide.

use chrono::{TimeZone, Utc};
use cosell_mapping::{
    FieldSet, Lens, ReasonCode, RecordKind, Shape, field,
    rules::{
        Approval, CONNECTOR, Change, Conflict, Direction, Loader, MINIMAL, Mapping, MappingFile,
        Moment, PartRule, PartSide, Registry, Rewrite, Rule, Scalar, Side, Source, StateBirth,
        Transform, Write, differences, json_schema,
    },
};

use super::samples::{connector, cx, mapping, minimal, referral};
use crate::support::with;

/// Parts in order of their names, as a file has them.
fn ordered(fields: &FieldSet) -> FieldSet {
    let rules = fields.iter().cloned().map(|mut rule| {
        for lens in [&mut rule.referral, &mut rule.row] {
            if let Shape::Parts(shape) = &mut lens.shape {
                shape.parts.sort_by(|a, b| a.name.cmp(&b.name));
            }
        }
        rule
    });
    FieldSet::new(rules.collect()).unwrap()
}

#[test]
fn the_shipped_files_are_the_shipped_rules() {
    let rules = ordered(&FieldSet::default_connector());
    assert_eq!(*minimal().fields(), rules);
    for rule in rules.iter() {
        assert_eq!(connector().fields().rule(&rule.field), Some(rule));
    }
}

// R54
#[test]
fn one_file_holds_four_rule_sets() {
    let mapping = connector();
    let set = |direction, moment| -> Vec<String> {
        let set = mapping.file().rule_set(direction, moment);
        set.into_iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        set(Direction::ToPartnerCenter, Moment::Create),
        [
            "close_date",
            "contacts",
            "customer",
            "deal_state",
            "description",
            "help",
            "name",
            "solutions",
            "team",
            "value",
            "visible"
        ]
    );
    assert_eq!(
        set(Direction::ToPartnerCenter, Moment::Update),
        [
            "close_date",
            "contacts",
            "deal_state",
            "description",
            "solutions",
            "team",
            "value",
            "visible"
        ]
    );
    assert_eq!(set(Direction::ToCrm, Moment::Create).len(), 11);
    assert_eq!(
        set(Direction::ToCrm, Moment::Update),
        [
            "close_date",
            "deal_state",
            "description",
            "help",
            "microsoft_id",
            "name",
            "program",
            "solutions",
            "value",
            "visible"
        ]
    );
}

const MINE: &str = r#"
name = "contoso"
version = "7"
base = "connector"
remove = ["program", "description.crm.limit"]

[fields.value]
conflict = "partner-center"
crm = { path = "new_dealvalue" }     # everything else as the base says

[fields.parts_ordered]
transform = "number"
direction = "to-crm"
referral = "details/parts"
crm = { path = "new_parts", decimals = 0 }
"#;

fn crm<'a>(mapping: &'a Mapping, field: &str) -> &'a Side {
    &mapping.file().fields[&field.into()].crm
}

// R55, R58, R59
#[test]
fn a_file_overrides_removes_and_adds_and_keeps_the_rest() {
    let mine = mapping(MINE).unwrap();
    assert_eq!(crm(&mine, "value").path.as_deref(), Some("new_dealvalue"));
    assert_eq!(
        crm(&mine, "value").currency_bind.as_deref(),
        Some("transactioncurrencyid@odata.bind")
    );
    assert_eq!(
        mine.conflict(&"value".into()),
        Some(Conflict::PartnerCenter)
    );
    assert_eq!(mine.conflict(&"program".into()), None);
    assert_eq!(crm(&mine, "description").limit, None);
    assert_eq!(crm(&mine, "parts_ordered").decimals, Some(0));
    assert_eq!(crm(&mine, "name"), crm(&connector(), "name"));
    let places = mine.fields().rule(&"value".into()).unwrap();
    let places = places.lens(RecordKind::Row).writes();
    assert!(
        places
            .iter()
            .any(|path| path.to_string() == "new_dealvalue")
    );
}

// R60, R63
#[test]
fn the_columns_of_a_new_account_are_rules() {
    let text = r#"name = "mine"
version = "1"
base = "connector"
[fields.customer.parts.country]
crm = "parentaccountid/new_countrycode"
[fields.customer.parts.size]
referral = "customerProfile/size"
crm = "parentaccountid/numberofemployees"
"#;
    let mapping = mapping(text).unwrap();
    let rule = mapping.fields().rule(&field::CUSTOMER).unwrap();
    let mut sample = referral();
    let customer = rule.referral.get(&sample, &cx()).unwrap();
    let written = rule.row.put(None, &customer, &cx()).unwrap();
    let written: Vec<String> = written
        .iter()
        .map(|assignment| format!("{} = {}", assignment.path, assignment.value))
        .collect();
    assert_eq!(
        written,
        [
            r#"parentaccountid/address1_city = "Leeds""#,
            r#"parentaccountid/new_countrycode = "GB""#,
            r#"parentaccountid/address1_line1 = "12 Harbour Road""#,
            r#"parentaccountid/name = "Fabrikam Works Ltd""#,
            r#"parentaccountid/address1_postalcode = "LS1 4AB""#,
        ]
    );
    // A country that is none reaches no referral.
    sample = with(sample, "customerProfile/address/country", r#""Utopia""#);
    let utopia = rule.referral.get(&sample, &cx()).unwrap();
    let refused = rule.referral.put(None, &utopia, &cx()).unwrap_err();
    assert_eq!(refused.code, ReasonCode::Invalid);
    assert!(refused.detail.contains("ISO 3166 alpha-2"));
}

// R67, G11
#[test]
fn a_newer_base_never_overwrites_what_a_file_says() {
    let newer = CONNECTOR.replace("version = \"1.0.0\"", "version = \"2.0.0\"")
        + "[fields.value]\ntransform = \"money\"\nconflict = \"hold\"\ncrm = { path = \"msft_value\" }\n\
           [fields.name]\ntransform = \"text\"\ncrm = { limit = 200 }\n\
           [fields.region]\ntransform = \"text\"\ndirection = \"to-crm\"\n\
           referral = \"customerProfile/address/region\"\ncrm = \"msft_region\"\n";
    let loader = Loader::default().with_base("connector", Source::new("connector.toml", newer));
    let loaded = loader.load(&Source::new("mine.toml", MINE)).unwrap();
    let after = Mapping::from_loaded(&loaded, &Registry::default()).unwrap();
    let before = mapping(MINE).unwrap();
    assert_eq!(crm(&after, "value"), crm(&before, "value"));
    assert_eq!(
        after.conflict(&"value".into()),
        Some(Conflict::PartnerCenter)
    );
    assert_eq!(after.conflict(&"program".into()), None);
    assert_eq!(crm(&after, "name").limit, Some(200));
    let differences: Vec<String> = differences(before.file(), after.file())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        differences,
        [
            "name.crm.limit was 300 and is now 200",
            "region is new: a rule of \"text\"",
        ]
    );
}

// R29
#[test]
fn a_mapping_goes_to_production_unchanged_or_not_at_all() {
    let staged = mapping(MINE).unwrap();
    let production = Approval::reviewed([staged.hash().clone()]);
    // What staging hands over is the whole, layers gone, as JSON.
    let export = serde_json::to_string_pretty(staged.file()).unwrap();
    let imported = mapping(&export).unwrap();
    assert_eq!(imported.hash(), staged.hash());
    assert_eq!(imported.fields(), staged.fields());
    assert_eq!(production.admit(&imported), Ok(()));

    let touched = mapping(&export.replace("new_dealvalue", "new_dealvalue2")).unwrap();
    let refused = production.admit(&touched).unwrap_err();
    assert!(
        refused.to_string().contains(touched.hash().as_str()),
        "{refused}"
    );
    assert_eq!(Approval::default().admit(&touched), Ok(()));
    // Layout and words for people are no content.
    let commented = mapping(&format!("# reviewed\n{MINE}")).unwrap();
    assert_eq!(commented.hash(), staged.hash());
}

// R66
#[test]
fn a_change_is_recorded_with_author_time_and_difference() {
    let at = Utc.with_ymd_and_hms(2026, 11, 23, 9, 30, 0).unwrap();
    let change = Change::new(
        "ada@contoso.example",
        at,
        Some(&connector()),
        &mapping(MINE).unwrap(),
    );
    let told = change.to_string();
    for line in [
        "2026-11-23T09:30:00Z ada@contoso.example: sha256:",
        "\n  description.crm.limit is gone; it was 2000",
        "\n  program is gone; it was a rule of \"text\"",
        "\n  parts_ordered is new: a rule of \"number\"",
        "\n  value.conflict is new: \"partner-center\"",
        "\n  value.crm.path was \"estimatedvalue\" and is now \"new_dealvalue\"",
        "\n  the mapping's name was \"connector\" and is now \"contoso\"",
        "\n  the mapping's version was \"1.0.0\" and is now \"7\"",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    let stored: Change = serde_json::from_str(&serde_json::to_string(&change).unwrap()).unwrap();
    assert_eq!(stored, change);
}

#[test]
fn a_rewrite_keeps_the_ends_of_lines() {
    for text in [
        "name = \"a\"\nversion = \"1\"\n",
        "name = \"a\"\nversion = \"1\"",
        "name = \"a\" # ours\r\nversion = \"1\"\r\n",
        "name = \"a\"\r\nversion = \"1\"",
        "\u{feff}name = \"a\"\nversion = \"\"\"1\n\"\"\"",
        "# nothing",
    ] {
        let rewrite = Rewrite::of(&Source::new("mine.toml", text)).unwrap();
        assert_eq!(rewrite.text(), text);
    }
}

#[test]
fn a_rewrite_keeps_comments_and_order() {
    let mut rewrite = Rewrite::of(&Source::new("mine.toml", MINE)).unwrap();
    rewrite
        .set("fields.value.crm.path", &Scalar::Text("new_amount".into()))
        .unwrap();
    rewrite.set("version", &Scalar::Text("8".into())).unwrap();
    assert!(rewrite.remove("fields.parts_ordered"));
    assert!(!rewrite.remove("fields.parts_ordered"));
    assert!(rewrite.set("name.inner", &Scalar::Flag(true)).is_err());
    let wanted = MINE
        .replace("new_dealvalue", "new_amount")
        .replace("version = \"7\"", "version = \"8\"");
    let wanted = wanted.split("\n[fields.parts_ordered]").next().unwrap();
    assert_eq!(rewrite.text(), wanted);
    assert!(mapping(&rewrite.text()).is_ok());
}

#[test]
fn the_builder_makes_what_the_file_says() {
    let at = PartSide::at;
    let customer = Rule::new(
        Transform::Parts,
        Side::default()
            .with_write(Write::Create)
            .with_later(cosell_mapping::rules::Later::Frozen),
        Side::default().with_write(Write::Create),
    )
    .with_part(
        "name",
        PartRule::new(
            at("customerProfile/name").required(),
            at("parentaccountid/name").with_limit(160),
        ),
    )
    .with_part(
        "country",
        PartRule::new(
            at("customerProfile/address/country").required(),
            at("parentaccountid/address1_country").with_limit(80),
        )
        .country(),
    );
    let built = MappingFile::new("mine", "1")
        .with(
            "deal_state",
            Rule::new(
                Transform::State,
                Side::default().with_birth(StateBirth::Pending),
                Side::default(),
            ),
        )
        .with("customer", customer);
    let parts = MINIMAL.find("[fields.customer]").unwrap();
    let state = MINIMAL.find("[fields.deal_state]").unwrap();
    let text = format!(
        "name = \"mine\"\nversion = \"1\"\n{}",
        &MINIMAL[state.min(parts)..]
    );
    let text = format!("{text}\n");
    let read = Loader::default()
        .load(&Source::new("m.toml", text))
        .unwrap();
    let mut read = read.file;
    for rule in read.fields.values_mut() {
        rule.about.clear();
        rule.parts
            .retain(|name, _| ["name", "country"].contains(&name.as_str()));
    }
    assert_eq!(built, read);
    assert!(Mapping::compile(&built, &Registry::default()).is_ok());
}

#[test]
fn json_and_toml_say_the_same() {
    let json = serde_json::to_string(mapping(CONNECTOR).unwrap().file()).unwrap();
    let read = mapping(&json).unwrap();
    assert_eq!(read.file(), connector().file());
    assert_eq!(read.hash(), connector().hash());
}

#[test]
fn the_schema_for_editors_knows_every_member_that_shipped_files_use() {
    let schema = json_schema();
    let side =
        &schema["properties"]["fields"]["additionalProperties"]["properties"]["crm"]["oneOf"][1];
    for name in ["path", "currency-bind", "too-long", "only-if", "entity-set"] {
        assert!(
            side["properties"][name]["description"].is_string(),
            "{name}"
        );
    }
    assert_eq!(side["additionalProperties"], false);
    // Whatever the model writes, the schema knows.
    let file = serde_json::to_value(connector().file()).unwrap();
    for rule in file["fields"].as_object().unwrap().values() {
        let known = &schema["properties"]["fields"]["additionalProperties"]["properties"];
        for (name, value) in rule.as_object().unwrap() {
            assert!(known[name].is_object(), "{name}");
            if ["referral", "crm"].contains(&name.as_str()) {
                for name in value.as_object().unwrap().keys() {
                    assert!(side["properties"][name].is_object(), "{name}");
                }
            }
        }
    }
}

#[test]
fn the_schema_file_for_editors_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/mapping.schema.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap_or_default();
    assert!(
        written == json_schema(),
        "write it anew with `cargo run -p cosell-mapping --example mapping-schema > \
         crates/cosell-mapping/mappings/mapping.schema.json`"
    );
}

#[test]
fn the_field_guide_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/connector.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let current = connector().guide();
    assert!(
        written == current,
        "mappings/connector.md is not what the mapping says; write it anew with \
         `cargo run -p cosell-mapping --example field-guide > crates/cosell-mapping/mappings/connector.md`"
    );
}
