//! A mapping held against what the services have.

use cosell_mapping::rules::{Column, ColumnKind, Mapping, Schema};

use super::samples::{connector, mapping};

fn column(schema: Schema, path: &str, column: Column) -> Schema {
    schema.with_column(path.parse().unwrap(), column)
}

/// The columns of the connector mapping, as an organization has them.
fn live() -> Schema {
    use ColumnKind::{Bind, Choice, Date, Flag, Lookup, Number, Text};
    let text = |units| Column::new(Text).with_length(units);
    let help = [
        "Workload Specific Value Proposition",
        "Customer Technical Architecture",
        "Proof Of Concept or Demo",
        "Quotes or Licensing",
        "Post Sales Customer Success",
        "General or Other",
    ];
    [
        ("name", text(300).required()),
        ("description", text(2000)),
        ("estimatedvalue", Column::new(Number).with_decimals(2)),
        (
            "_transactioncurrencyid_value",
            Column::new(Lookup).read_only(),
        ),
        ("transactioncurrencyid@odata.bind", Column::new(Bind)),
        ("isrevenuesystemcalculated", Column::new(Flag)),
        ("estimatedclosedate", Column::new(Date)),
        ("parentaccountid/name", text(160)),
        ("parentaccountid/address1_line1", text(250)),
        ("parentaccountid/address1_city", text(80)),
        ("parentaccountid/address1_stateorprovince", text(50)),
        ("parentaccountid/address1_postalcode", text(20)),
        ("parentaccountid/address1_country", text(80)),
        (
            "msft_microsoftpartnercenterreferralvisible",
            Column::new(Flag),
        ),
        (
            "msft_microsoftpartnercenterhelp",
            Column::new(Choice).with_words(help),
        ),
        ("msft_microsoftpartnercenterreferralprogram", text(100)),
        ("msft_microsoftcrmidentifier", text(100)),
        ("msft_microsoftpartnercentersolutions", text(2000)),
        ("parentcontactid/emailaddress1", text(100).read_only()),
        ("parentcontactid/firstname", text(50).read_only()),
        ("parentcontactid/lastname", text(50).read_only()),
        ("parentcontactid/telephone1", text(50).read_only()),
        ("owninguser/internalemailaddress", text(100).read_only()),
        ("owninguser/firstname", text(64).read_only()),
        ("owninguser/lastname", text(64).read_only()),
        ("owninguser/mobilephone", text(64).read_only()),
    ]
    .into_iter()
    .fold(Schema::of_referrals(), |schema, (path, shape)| {
        column(schema, path, shape)
    })
}

fn report(mapping: &Mapping, schema: &Schema) -> Vec<String> {
    mapping
        .check(schema)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_shipped_mapping_fits_the_contract_and_the_solution() {
    assert_eq!(
        report(&connector(), &live()),
        [
            "mine.toml:91:1: warning: fields.contacts.referral.path: customerProfile/team is fixed once the deal was shared: expect the field to be held from then on"
        ]
    );
}

const WRONG: &str = r#"name = "mine"
version = "1"
base = "connector"
remove = ["contacts"]
[fields.name.referral]
write = "always"

[fields.value.crm]
path = "new_value"

[fields.description.crm]
limit = 4000

[fields.close_date]
crm = "new_when"

[fields.program]
direction = "both"
referral = "registrationStatus"

[fields.help]
values = { GeneralOrOther = "Anything else" }

[fields.rank]
transform = "number"
referral = "details/rank"
crm = "new_rank"

[fields.people]
transform = "set"
direction = "to-partner-center"
referral = { path = "customerProfile/team", key = "email", fold = true }
crm = "new_contacts"
"#;

// R64, R68
#[test]
fn everything_that_does_not_fit_is_told_at_once() {
    let live = [
        ("new_value", Column::new(ColumnKind::Text).with_length(100)),
        ("new_when", Column::new(ColumnKind::Moment)),
        ("new_rank", Column::new(ColumnKind::Number).read_only()),
        (
            "new_contacts",
            Column::new(ColumnKind::Text).with_length(500),
        ),
        ("new_mandatory", Column::new(ColumnKind::Choice).required()),
    ]
    .into_iter()
    .fold(live(), |schema, (path, shape)| column(schema, path, shape));
    let mapping = mapping(WRONG).unwrap();
    assert_eq!(
        report(&mapping, &live),
        [
            "mine.toml:5:2: fields: a new CRM row needs new_mandatory, and no rule fills it: add a rule, for instance one with a constant on the other side",
            "mine.toml:6:1: fields.name.referral.write: name is none of the paths that may be patched: write write = \"create\"",
            "mine.toml:9:1: fields.value.crm.path: new_value holds Text, the rule wants [Number]: choose another transform, form or place",
            "mine.toml:12:1: fields.description.crm.limit: description holds 2000 UTF-16 units, the rule allows 4000: write limit = 2000",
            "mine.toml:15:1: fields.close_date.crm.path: new_when holds Moment, the rule wants [Date]: choose another transform, form or place",
            "mine.toml:19:1: fields.program.referral.path: registrationStatus can only be read: write direction = \"to-crm\"",
            "mine.toml:22:1: fields.help.values: msft_microsoftpartnercenterhelp has no option \"Anything else\": add the option there, or correct the word",
            "mine.toml:22:1: warning: fields.help.values: msft_microsoftpartnercenterhelp also has General or Other: map them too; until then they are held",
            "mine.toml:26:1: fields.rank.referral.path: a referral has no details/rank: name a place of the contract",
            "mine.toml:27:1: fields.rank.crm.path: new_rank can only be read: write direction = \"to-partner-center\"",
            "mine.toml:32:14: warning: fields.people.referral.path: customerProfile/team is fixed once the deal was shared: expect the field to be held from then on",
        ]
    );
}

// R61
#[test]
fn a_mandatory_column_is_filled_by_a_rule_with_a_constant() {
    let schema = column(
        live(),
        "new_mandatory",
        Column::new(ColumnKind::Text).required(),
    );
    let wanting = connector().check(&schema);
    assert_eq!(wanting.errors().count(), 1);
    assert_eq!(wanting.warnings().count(), 1, "the contacts");
    let text = r#"name = "mine"
version = "1"
base = "connector"
[fields.origin]
transform = "text"
direction = "to-crm"
referral = { constant = "Partner Center" }
crm = { path = "new_mandatory", write = "while-empty" }
"#;
    assert!(
        mapping(text)
            .unwrap()
            .check(&schema)
            .errors()
            .next()
            .is_none()
    );
}
