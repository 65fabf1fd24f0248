//! `opportunity` with the connector's columns, and `opportunityclose`.

use rust_decimal::Decimal;

use super::super::cell::Cell;
use super::super::schema::{Column, Kind, Table};
use super::{TRILLION, dates, flags, in_currency, money, owned, state, status, texts};

pub(super) fn opportunity() -> Table {
    Table::new(
        ["opportunity", "opportunities", "opportunityid", "name"],
        opportunity_core()
            .into_iter()
            .chain(opportunity_choices())
            .chain(opportunity_numbers())
            .chain(opportunity_flags())
            .chain(owned())
            .chain(in_currency())
            .chain(connector()),
    )
}

fn opportunity_core() -> Vec<Column> {
    let mut columns = vec![
        Column::text("name", 300),
        Column::lookups(
            "customerid",
            &[
                ("account", "customerid_account"),
                ("contact", "customerid_contact"),
            ],
        ),
        Column::lookup("parentaccountid", "account", "parentaccountid"),
        Column::lookup("parentcontactid", "contact", "parentcontactid"),
        Column::lookup("originatingleadid", "lead", "originatingleadid"),
        Column::lookup("pricelevelid", "pricelevel", "pricelevelid"),
        state(&[(0, "Open"), (1, "Won"), (2, "Lost")]),
        status(
            1,
            &[
                (1, 0, "In Progress"),
                (2, 0, "On Hold"),
                (3, 1, "Won"),
                (4, 2, "Canceled"),
                (5, 2, "Out-Sold"),
            ],
        ),
        Column::text("stepname", 200),
        Column::text("traversedpath", 1250),
        Column::text("emailaddress", 100),
        Column::instant("lastonholdtime"),
    ];
    columns.extend(texts(
        2000,
        &[
            "description",
            "customerneed",
            "currentsituation",
            "proposedsolution",
            "customerpainpoints",
            "quotecomments",
            "qualificationcomments",
        ],
    ));
    columns.extend(dates(&[
        "estimatedclosedate",
        "actualclosedate",
        "finaldecisiondate",
    ]));
    columns.extend(["stepid", "processid", "stageid"].map(|name| Column::new(name, Kind::Id)));
    columns.extend(
        [
            "schedulefollowup_prospect",
            "schedulefollowup_qualify",
            "scheduleproposalmeeting",
        ]
        .map(Column::instant),
    );
    columns
}

fn opportunity_numbers() -> Vec<Column> {
    let mut columns = vec![
        money("estimatedvalue", -TRILLION, TRILLION),
        money("actualvalue", -TRILLION, TRILLION),
        money("budgetamount", 0, TRILLION),
        money("discountamount", 0, TRILLION),
        money("freightamount", 0, TRILLION),
        Column::decimal("discountpercentage", Decimal::ZERO, Decimal::ONE_HUNDRED, 2),
        Column::integer("closeprobability", 0, 100),
        Column::integer("teamsfollowed", 0, i32::MAX),
        Column::integer("timezoneruleversionnumber", -1, i32::MAX),
        Column::integer("utcconversiontimezonecode", -1, i32::MAX),
    ];
    columns.extend(
        [
            "totalamount",
            "totalamountlessfreight",
            "totaldiscountamount",
            "totallineitemamount",
            "totallineitemdiscountamount",
            "totaltax",
        ]
        .map(|name| money(name, -TRILLION, TRILLION).read_only()),
    );
    columns
}

fn opportunity_choices() -> Vec<Column> {
    vec![
        Column::choice(
            "salesstage",
            &[(0, "Qualify"), (1, "Develop"), (2, "Propose"), (3, "Close")],
        ),
        Column::choice("salesstagecode", &[(1, "Default Value")]),
        Column::choice(
            "budgetstatus",
            &[
                (0, "No Committed Budget"),
                (1, "May Buy"),
                (2, "Can Buy"),
                (3, "Will Buy"),
            ],
        ),
        Column::choice(
            "purchaseprocess",
            &[(0, "Individual"), (1, "Committee"), (2, "Unknown")],
        ),
        Column::choice(
            "purchasetimeframe",
            &[
                (0, "Immediate"),
                (1, "This Quarter"),
                (2, "Next Quarter"),
                (3, "This Year"),
                (4, "Unknown"),
            ],
        ),
        Column::choice(
            "timeline",
            &[
                (0, "Immediate"),
                (1, "This Quarter"),
                (2, "Next Quarter"),
                (3, "This Year"),
                (4, "Not known"),
            ],
        ),
        Column::choice(
            "need",
            &[
                (0, "Must have"),
                (1, "Should have"),
                (2, "Good to have"),
                (3, "No need"),
            ],
        ),
        Column::choice(
            "opportunityratingcode",
            &[(1, "Hot"), (2, "Warm"), (3, "Cold")],
        )
        .starting_at(Cell::Int(2)),
        Column::choice("prioritycode", &[(1, "Default Value")]),
        Column::choice(
            "initialcommunication",
            &[(0, "Contacted"), (1, "Not Contacted")],
        ),
        Column::choice(
            "msdyn_forecastcategory",
            &[
                (100_000_001, "Pipeline"),
                (100_000_002, "Best case"),
                (100_000_003, "Committed"),
                (100_000_004, "Omitted"),
                (100_000_005, "Won"),
                (100_000_006, "Lost"),
            ],
        ),
        Column::choice(
            "skippricecalculation",
            &[(0, "DoPriceCalcAlways"), (1, "SkipPriceCalcOnRetrieve")],
        ),
        Column::integer("pricingerrorcode", 0, 38),
    ]
}

fn opportunity_flags() -> Vec<Column> {
    let mut columns: Vec<Column> = flags(&[
        "decisionmaker",
        "evaluatefit",
        "confirminterest",
        "pursuitdecision",
        "developproposal",
        "completefinalproposal",
        "completeinternalreview",
        "presentproposal",
        "presentfinalproposal",
        "captureproposalfeedback",
        "resolvefeedback",
        "filedebrief",
        "sendthankyounote",
        "identifycompetitors",
        "identifycustomercontacts",
        "identifypursuitteam",
        "participatesinworkflow",
    ])
    .collect();
    columns.push(Column::new(
        "isrevenuesystemcalculated",
        Kind::Boolean("User Provided".into(), "System Calculated".into()),
    ));
    columns
}

/// What the connector keeps on every row that it syncs, and the column where the sync leaves its
/// stamp. On a lead the names are those of an opportunity: no text tells of others.
pub(super) fn kept_by_the_connector() -> Vec<Column> {
    vec![
        Column::boolean("msft_microsoftpartnercenterreferralsync"),
        Column::text("msft_microsoftpartnercenterreferralidentifier", 100),
        Column::text("msft_microsoftpartnercenterreferrallink", 500),
        Column::text("msft_microsoftpartnercenterreferralsyncaudit", 100_000),
        Column::text("cosell_writestamp", 100),
    ]
}

/// The columns that Microsoft's connector solution adds to an opportunity.
fn connector() -> impl Iterator<Item = Column> {
    let more = [
        Column::text("msft_microsoftpartnercenterreferralprogram", 100),
        Column::text("msft_microsoftcrmidentifier", 100),
        Column::new(
            "msft_microsoftpartnercenterreferralvisible",
            Kind::Boolean("Not visible".into(), "Visible to Microsoft sellers".into()),
        ),
        // The real integers are not published; only the publisher's prefix is known.
        Column::choice(
            "msft_microsoftpartnercenterhelp",
            &[
                (299_600_000, "Workload Specific Value Proposition"),
                (299_600_001, "Customer Technical Architecture"),
                (299_600_002, "Proof Of Concept or Demo"),
                (299_600_003, "Quotes or Licensing"),
                (299_600_004, "Post Sales Customer Success"),
                (299_600_005, "General or Other"),
            ],
        ),
        Column::text("msft_microsoftpartnercentersolutions", 4000),
    ];
    kept_by_the_connector().into_iter().chain(more)
}

pub(super) fn opportunity_product() -> Table {
    let wide = Decimal::from(100_000_000_000_i64);
    let columns = [
        Column::lookup("opportunityid", "opportunity", "opportunityid").required(),
        Column::lookup("productid", "product", "productid"),
        Column::lookup("uomid", "uom", "uomid"),
        Column::boolean("isproductoverridden").create_only(),
        Column::boolean("ispriceoverridden"),
        Column::text("productdescription", 500),
        Column::text("opportunityproductname", 500),
        Column::text("description", 2000),
        Column::decimal("quantity", -wide, wide, 5),
        money("priceperunit", -TRILLION, TRILLION),
        money("manualdiscountamount", 0, 100 * TRILLION),
        money("tax", -TRILLION, TRILLION),
        money("extendedamount", -TRILLION, TRILLION).read_only(),
        Column::integer("lineitemnumber", 0, 1_000_000_000),
    ];
    Table::new(
        [
            "opportunityproduct",
            "opportunityproducts",
            "opportunityproductid",
            "opportunityproductname",
        ],
        columns.into_iter().chain(owned()).chain(in_currency()),
    )
}

pub(super) fn opportunity_close() -> Table {
    let columns = [
        Column::text("subject", 200),
        money("actualrevenue", -TRILLION, TRILLION),
        Column::instant("actualend"),
        Column::text("description", 2000),
        Column::lookup("opportunityid", "opportunity", "opportunityid"),
        Column::lookup("competitorid", "competitor", "competitorid"),
        Column::text("category", 250),
        Column::choice(
            "opportunitystatecode",
            &[(0, "Open"), (1, "Won"), (2, "Lost")],
        ),
        Column::choice(
            "opportunitystatuscode",
            &[
                (1, "In Progress"),
                (2, "On Hold"),
                (3, "Won"),
                (4, "Canceled"),
                (5, "Out-Sold"),
            ],
        ),
        state(&[(0, "Open"), (1, "Completed"), (2, "Canceled")]),
        status(
            1,
            &[(1, 0, "Open"), (2, 1, "Completed"), (3, 2, "Canceled")],
        ),
    ];
    Table::new(
        [
            "opportunityclose",
            "opportunitycloses",
            "activityid",
            "subject",
        ],
        columns.into_iter().chain(owned()).chain(in_currency()),
    )
}
