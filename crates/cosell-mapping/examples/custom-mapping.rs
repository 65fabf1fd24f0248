//! A partner's own mapping: own columns, a value map, a registered function; checked against the
//! columns of the CRM, explained on one deal, previewed over several, promoted by its hash.
//!
//! Run with `cargo run -p cosell-mapping --example custom-mapping`.

use std::sync::Arc;

use cosell_mapping::{
    Context, Currencies, Function, Reason, ReasonCode, Record, Value,
    rules::{Approval, Column, ColumnKind, Loader, Mapping, Registry, Schema, Source, differences},
};

const MINE: &str = r#"
name = "contoso"
version = "3"
base = "minimal"
remove = ["customer"]              # accounts come from our ERP

[fields.value.crm]
path = "new_dealvalue"             # our own column instead of the estimated revenue

[fields.stage]
about = "Our sales stage, as our sellers call it."
transform = "choice"
fallback = "Qualify"
referral = "salesStage"
crm = { path = "new_stage", form = "label" }
values = { Qualify = "Qualified", Develop = "In work", Propose = "Quoted", Close = "Closing" }

[fields.campaign]
about = "Our campaign number without its prefix."
transform = "text"
referral = "campaignId"
crm = { path = "new_campaign", limit = 20, function = "without-prefix" }

[fields.origin]
transform = "text"
direction = "to-crm"
referral = { constant = "Partner Center" }
crm = { path = "new_origin", write = "while-empty" }
"#;

/// The CRM stores `42` where the referral says `CMP-42`.
#[derive(Debug)]
struct WithoutPrefix;

impl Function for WithoutPrefix {
    fn read(&self, stored: &Value) -> Value {
        match stored {
            Value::Text(number) => Value::text(format!("CMP-{number}")),
            other => other.clone(),
        }
    }

    fn write(&self, value: &Value) -> Result<Value, Reason> {
        match value {
            Value::Text(text) => match text.strip_prefix("CMP-") {
                Some(number) if !number.is_empty() => Ok(Value::text(number)),
                _ => Err(Reason::new(
                    ReasonCode::Invalid,
                    "a campaign begins with CMP-: correct it in Partner Center",
                )),
            },
            other => Ok(other.clone()),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::default().with_function("without-prefix", Arc::new(WithoutPrefix));
    let loaded = Loader::default().load(&Source::new("contoso.toml", MINE))?;
    let mapping = Mapping::from_loaded(&loaded, &registry)?;
    println!(
        "{} {}: {}\n",
        mapping.file().name,
        mapping.file().version,
        mapping.hash()
    );

    // Check: here against a few columns, in a program against the CRM's live metadata.
    let text = |units| Column::new(ColumnKind::Text).with_length(units);
    let stages = ["Qualified", "In work", "Quoted", "Closing", "Parked"];
    let columns = [
        ("name", text(300)),
        ("description", text(2000)),
        ("new_dealvalue", Column::new(ColumnKind::Number)),
        (
            "_transactioncurrencyid_value",
            Column::new(ColumnKind::Lookup),
        ),
        (
            "transactioncurrencyid@odata.bind",
            Column::new(ColumnKind::Bind),
        ),
        ("isrevenuesystemcalculated", Column::new(ColumnKind::Flag)),
        ("estimatedclosedate", Column::new(ColumnKind::Date)),
        (
            "new_stage",
            Column::new(ColumnKind::Choice).with_words(stages),
        ),
        ("new_campaign", text(10)),
        ("new_origin", text(50)),
    ];
    let mut schema = Schema::of_referrals();
    for (path, column) in columns {
        schema = schema.with_column(path.parse()?, column);
    }
    println!("Check:\n{}\n", mapping.check(&schema));

    // Try: one deal, field by field.
    let referral: Record = serde_json::from_str(
        r#"{"name": "Plant analytics", "status": "Active", "substatus": "Accepted",
            "salesStage": "Propose", "campaignId": "CMP-42",
            "details": {"dealValue": 84000, "currency": "EUR", "notes": "first call done"}}"#,
    )?;
    let row: Record = serde_json::from_str(
        r#"{"name": "✔ Plant analytics", "statecode": 0, "statuscode": 1, "new_stage": 2,
            "new_dealvalue": 91000, "_transactioncurrencyid_value": "c1", "new_campaign": "42"}"#,
    )?;
    let column = "new_stage".parse::<cosell_mapping::Path>()?;
    let cx = stages.iter().zip(1..).fold(
        Context::default().with_currencies(Currencies::default().with("EUR", "c1", 2)),
        |cx, (label, number)| cx.with_choice(column.clone(), number, *label),
    );
    println!("Explain: {}", mapping.explain(&referral, &row, &cx));

    // Preview: what a sample of deals would see.
    let quiet: Record = serde_json::from_str(
        r#"{"name": "Plant analytics", "statecode": 0, "statuscode": 1, "new_stage": 3,
            "new_dealvalue": 84000, "_transactioncurrencyid_value": "c1", "new_campaign": "42",
            "description": "first call done", "new_origin": "Fair"}"#,
    )?;
    let deals = [(&referral, &row), (&referral, &quiet)];
    println!("Preview: {}", mapping.preview(deals, &cx));

    // Promote: what differs from the base, and the hash that production accepts.
    let base = Loader::default().load(&Source::new(
        "base.toml",
        "name = \"base\"\nversion = \"0\"\nbase = \"minimal\"",
    ))?;
    println!("Against the base:");
    for difference in differences(&base.file, mapping.file()) {
        println!("  {difference}");
    }
    Approval::reviewed([mapping.hash().clone()]).admit(&mapping)?;
    Ok(())
}
