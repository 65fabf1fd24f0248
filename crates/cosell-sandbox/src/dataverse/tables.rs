//! The tables of a simulated environment, written from the table reference of Dynamics 365 Sales.

mod deal;
mod platform;
mod sales;

use rust_decimal::Decimal;

use super::cell::Cell;
use super::options::Options;
use super::schema::{Column, Kind, Schema, Status, Table, labelled};

/// All tables, with the columns that the options install.
pub(super) fn install(options: &Options) -> Schema {
    let mut tables = vec![
        deal::opportunity(),
        deal::opportunity_close(),
        deal::opportunity_product(),
        account(),
        contact(),
        lead(),
        annotation(),
        currency(),
        user(),
        business_unit(),
        organization(),
        publisher(),
        solution(),
    ];
    tables.extend(sales::tables());
    tables.extend(platform::tables());
    if !options.connector_columns {
        let added = |column: &Column| {
            column.name.starts_with("msft_") || column.name.starts_with("cosell_")
        };
        for table in &mut tables {
            let names: Vec<_> = table
                .columns
                .iter()
                .filter(|column| added(column))
                .collect();
            let names: Vec<_> = names
                .into_iter()
                .map(|column| column.name.clone())
                .collect();
            for name in names {
                *table = table.without(&name);
            }
        }
    }
    for (name, column) in &options.columns {
        for table in tables.iter_mut().filter(|table| *table.name == **name) {
            table.install(column.clone());
        }
    }
    let mut schema = Schema::default();
    for table in tables {
        schema.insert(table);
    }
    for (name, pairs, sides) in ACROSS {
        schema.connect(name, pairs, sides);
    }
    schema
}

/// Relationships of many to many: name, table of the pairs, both sides.
const ACROSS: [(&str, &str, [&str; 2]); 3] = [
    (
        "opportunitycompetitors_association",
        "opportunitycompetitors",
        ["opportunity", "competitor"],
    ),
    (
        "accountleads_association",
        "accountleads",
        ["account", "lead"],
    ),
    (
        "contactleads_association",
        "contactleads",
        ["contact", "lead"],
    ),
];

fn texts<'a>(max: usize, names: &'a [&str]) -> impl Iterator<Item = Column> + use<'a> {
    names.iter().map(move |name| Column::text(name, max))
}

fn flags<'a>(names: &'a [&str]) -> impl Iterator<Item = Column> + use<'a> {
    names.iter().map(|name| Column::boolean(name))
}

fn dates<'a>(names: &'a [&str]) -> impl Iterator<Item = Column> + use<'a> {
    names.iter().map(|name| Column::date(name))
}

/// Money between two bounds given in whole units.
fn money(name: &str, min: i64, max: i64) -> Column {
    Column::money(name, Decimal::from(min), Decimal::from(max))
}

const TRILLION: i64 = 1_000_000_000_000;

fn state(options: &[(i32, &str)]) -> Column {
    Column::new("statecode", Kind::State(labelled(options)))
        .update_only()
        .required()
        .starting_at(Cell::Int(0))
}

fn status(first: i32, options: &[(i32, i32, &str)]) -> Column {
    let options = options
        .iter()
        .map(|(value, state, label)| Status {
            value: *value,
            state: *state,
            label: (*label).to_owned(),
        })
        .collect();
    Column::new("statuscode", Kind::Status(options))
        .required()
        .starting_at(Cell::Int(i64::from(first)))
}

fn active() -> [Column; 2] {
    [
        state(&[(0, "Active"), (1, "Inactive")]),
        status(1, &[(1, 0, "Active"), (2, 1, "Inactive")]),
    ]
}

/// What every user-owned table has.
fn owned() -> Vec<Column> {
    let user = |name: &str| Column::lookup(name, "systemuser", name).read_only();
    vec![
        Column::lookup("ownerid", "systemuser", "ownerid").required(),
        user("owninguser"),
        Column::lookup("owningbusinessunit", "businessunit", "owningbusinessunit").read_only(),
        user("createdby"),
        user("modifiedby"),
        user("createdonbehalfby"),
        user("modifiedonbehalfby"),
        Column::instant("createdon").read_only(),
        Column::instant("modifiedon").read_only(),
        Column::new("versionnumber", Kind::BigInt).read_only(),
        Column::instant("overriddencreatedon").create_only(),
        Column::integer("importsequencenumber", i32::MIN, i32::MAX).create_only(),
    ]
}

fn in_currency() -> [Column; 2] {
    [
        Column::lookup(
            "transactioncurrencyid",
            "transactioncurrency",
            "transactioncurrencyid",
        ),
        rate("exchangerate").read_only(),
    ]
}

fn rate(name: &str) -> Column {
    Column::decimal(
        name,
        Decimal::new(1, 12),
        Decimal::from(100_000_000_000_i64),
        12,
    )
}

fn address() -> impl Iterator<Item = Column> {
    [
        ("address1_line1", 250),
        ("address1_line2", 250),
        ("address1_line3", 250),
        ("address1_city", 80),
        ("address1_stateorprovince", 50),
        ("address1_postalcode", 20),
        ("address1_country", 80),
        ("address1_county", 50),
    ]
    .into_iter()
    .map(|(name, max)| Column::text(name, max))
}

fn account() -> Table {
    let columns = [
        Column::text("name", 160),
        Column::text("accountnumber", 20),
        Column::text("telephone1", 50),
        Column::text("emailaddress1", 100),
        Column::text("websiteurl", 200),
        Column::text("description", 2000),
        money("revenue", 0, 100 * TRILLION),
        Column::integer("numberofemployees", 0, 1_000_000_000),
        Column::integer("industrycode", 1, 33),
        Column::lookup("primarycontactid", "contact", "primarycontactid"),
        Column::lookup("parentaccountid", "account", "parentaccountid"),
        Column::boolean("merged").read_only(),
        Column::lookup("masterid", "account", "masterid").read_only(),
    ];
    Table::new(
        ["account", "accounts", "accountid", "name"],
        columns
            .into_iter()
            .chain(address())
            .chain(active())
            .chain(owned())
            .chain(in_currency()),
    )
}

fn contact() -> Table {
    let columns = texts(
        50,
        &[
            "firstname",
            "middlename",
            "lastname",
            "telephone1",
            "mobilephone",
        ],
    )
    .chain(texts(
        100,
        &[
            "jobtitle",
            "emailaddress1",
            "emailaddress2",
            "emailaddress3",
        ],
    ))
    .chain([
        Column::text("fullname", 160).read_only(),
        Column::lookups(
            "parentcustomerid",
            &[
                ("account", "parentcustomerid_account"),
                ("contact", "parentcustomerid_contact"),
            ],
        ),
        Column::boolean("merged").read_only(),
        Column::lookup("masterid", "contact", "masterid").read_only(),
    ]);
    Table::new(
        ["contact", "contacts", "contactid", "fullname"],
        columns
            .chain(address())
            .chain(active())
            .chain(owned())
            .chain(in_currency()),
    )
}

fn lead() -> Table {
    let columns = texts(50, &["firstname", "middlename", "lastname", "telephone1"])
        .chain(texts(100, &["companyname", "emailaddress1", "jobtitle"]))
        .chain([
            Column::text("subject", 300),
            Column::text("fullname", 160).read_only(),
            Column::text("mobilephone", 20),
            Column::text("description", 2000),
            money("estimatedamount", 0, TRILLION),
            // Deprecated, and no money: the amount is the one above.
            Column::decimal("estimatedvalue", Decimal::ZERO, Decimal::from(TRILLION), 2),
            // Its labels are the wrong way round in the service, too.
            Column::new("confirminterest", Kind::Boolean("Yes".into(), "No".into())),
            Column::date("estimatedclosedate"),
            Column::choice("leadqualitycode", &[(1, "Hot"), (2, "Warm"), (3, "Cold")])
                .starting_at(Cell::Int(2)),
            Column::lookup("parentaccountid", "account", "parentaccountid"),
            Column::lookup("parentcontactid", "contact", "parentcontactid"),
            Column::boolean("merged").read_only(),
            Column::lookup("masterid", "lead", "masterid").read_only(),
            Column::lookup(
                "qualifyingopportunityid",
                "opportunity",
                "qualifyingopportunityid",
            ),
            state(&[(0, "Open"), (1, "Qualified"), (2, "Disqualified")]),
            status(
                1,
                &[
                    (1, 0, "New"),
                    (2, 0, "Contacted"),
                    (3, 1, "Qualified"),
                    (4, 2, "Lost"),
                    (5, 2, "Cannot Contact"),
                    (6, 2, "No Longer Interested"),
                    (7, 2, "Canceled"),
                ],
            ),
        ]);
    Table::new(
        ["lead", "leads", "leadid", "fullname"],
        columns
            .chain(address())
            .chain(owned())
            .chain(in_currency())
            .chain(deal::kept_by_the_connector()),
    )
}

fn annotation() -> Table {
    let columns = [
        Column::text("subject", 500),
        Column::text("notetext", 100_000),
        Column::text("filename", 255),
        Column::text("mimetype", 256),
        Column::text("documentbody", 1_073_741_823),
        Column::boolean("isdocument"),
        Column::lookups(
            "objectid",
            &[
                ("account", "objectid_account"),
                ("contact", "objectid_contact"),
                ("lead", "objectid_lead"),
                ("opportunity", "objectid_opportunity"),
            ],
        ),
    ];
    Table::new(
        ["annotation", "annotations", "annotationid", "subject"],
        columns.into_iter().chain(owned()),
    )
}

fn currency() -> Table {
    let columns = [
        Column::text("currencyname", 100).required(),
        Column::text("isocurrencycode", 5).required(),
        Column::text("currencysymbol", 10),
        Column::integer("currencyprecision", 0, 10)
            .required()
            .starting_at(Cell::Int(2)),
        rate("exchangerate").required(),
        Column::choice("currencytype", &[(0, "System"), (1, "Custom")]).starting_at(Cell::Int(0)),
    ];
    Table::new(
        [
            "transactioncurrency",
            "transactioncurrencies",
            "transactioncurrencyid",
            "currencyname",
        ],
        columns.into_iter().chain(active()).chain(owned()),
    )
}

fn user() -> Table {
    let columns = [
        Column::text("fullname", 200),
        Column::text("firstname", 256),
        Column::text("lastname", 256),
        Column::text("mobilephone", 64),
        Column::text("internalemailaddress", 100),
        Column::text("domainname", 1024),
        Column::new("azureactivedirectoryobjectid", Kind::Id),
        Column::new("applicationid", Kind::Id),
        Column::boolean("isdisabled"),
        Column::choice(
            "accessmode",
            &[
                (0, "Read-Write"),
                (1, "Administrative"),
                (2, "Read"),
                (3, "Support User"),
                (4, "Non-interactive"),
                (5, "Delegated Admin"),
            ],
        ),
        // Inherited from principal, whose key it is.
        Column::new("ownerid", Kind::Id).read_only(),
        Column::lookup("businessunitid", "businessunit", "businessunitid"),
        Column::instant("createdon").read_only(),
        Column::instant("modifiedon").read_only(),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["systemuser", "systemusers", "systemuserid", "fullname"],
        columns,
    )
}

/// What a table made over the API has beside its own columns.
pub(super) fn custom() -> Vec<Column> {
    active().into_iter().chain(owned()).collect()
}

fn publisher() -> Table {
    let columns = [
        Column::text("friendlyname", 256),
        Column::text("uniquename", 256).required(),
        Column::text("customizationprefix", 8).required(),
        Column::integer("customizationoptionvalueprefix", 10_000, 99_999),
        Column::text("description", 2000),
        Column::boolean("isreadonly").read_only(),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["publisher", "publishers", "publisherid", "friendlyname"],
        columns,
    )
}

fn solution() -> Table {
    let columns = [
        Column::text("friendlyname", 256),
        Column::text("uniquename", 65).required(),
        Column::text("version", 256).required(),
        Column::text("description", 2000),
        Column::boolean("ismanaged").read_only(),
        Column::lookup("publisherid", "publisher", "publisherid").required(),
        Column::instant("installedon").read_only(),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["solution", "solutions", "solutionid", "friendlyname"],
        columns,
    )
}

fn business_unit() -> Table {
    let columns = [
        Column::text("name", 160),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["businessunit", "businessunits", "businessunitid", "name"],
        columns,
    )
}

fn organization() -> Table {
    let columns = [
        Column::text("name", 160),
        Column::lookup("basecurrencyid", "transactioncurrency", "basecurrencyid").read_only(),
        Column::integer("expirechangetrackingindays", 0, 365),
        Column::integer("currencydecimalprecision", 0, 4),
        Column::integer("pricingdecimalprecision", 0, 4),
        Column::integer("languagecode", 0, i32::MAX),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["organization", "organizations", "organizationid", "name"],
        columns,
    )
}
