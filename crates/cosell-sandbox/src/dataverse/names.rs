//! Schema names of relationships, by which collections are called, too.

/// Schema names of shipped relationships by target, referring table and column. All others are
/// called after the three.
const NAMES: [(&str, &str, &str, &str); 26] = [
    (
        "account",
        "opportunity",
        "customerid",
        "opportunity_customer_accounts",
    ),
    (
        "account",
        "opportunity",
        "parentaccountid",
        "opportunity_parent_account",
    ),
    (
        "contact",
        "opportunity",
        "customerid",
        "opportunity_customer_contacts",
    ),
    (
        "contact",
        "opportunity",
        "parentcontactid",
        "opportunity_parent_contact",
    ),
    (
        "lead",
        "opportunity",
        "originatingleadid",
        "opportunity_originating_lead",
    ),
    (
        "opportunity",
        "lead",
        "qualifyingopportunityid",
        "lead_qualifying_opportunity",
    ),
    (
        "opportunity",
        "opportunityproduct",
        "opportunityid",
        "product_opportunities",
    ),
    (
        "opportunity",
        "opportunityclose",
        "opportunityid",
        "Opportunity_OpportunityClose",
    ),
    (
        "opportunity",
        "annotation",
        "objectid",
        "Opportunity_Annotation",
    ),
    ("account", "annotation", "objectid", "Account_Annotation"),
    ("contact", "annotation", "objectid", "Contact_Annotation"),
    ("lead", "annotation", "objectid", "Lead_Annotation"),
    (
        "account",
        "contact",
        "parentcustomerid",
        "contact_customer_accounts",
    ),
    (
        "contact",
        "contact",
        "parentcustomerid",
        "contact_customer_contacts",
    ),
    (
        "account",
        "account",
        "parentaccountid",
        "account_parent_account",
    ),
    (
        "contact",
        "account",
        "primarycontactid",
        "account_primary_contact",
    ),
    ("account", "lead", "parentaccountid", "lead_parent_account"),
    ("contact", "lead", "parentcontactid", "lead_parent_contact"),
    ("systemuser", "opportunity", "ownerid", "user_opportunity"),
    ("systemuser", "account", "ownerid", "user_accounts"),
    (
        "transactioncurrency",
        "opportunity",
        "transactioncurrencyid",
        "transactioncurrency_opportunity",
    ),
    (
        "transactioncurrency",
        "account",
        "transactioncurrencyid",
        "transactioncurrency_account",
    ),
    (
        "pricelevel",
        "opportunity",
        "pricelevelid",
        "price_level_opportunties",
    ),
    (
        "product",
        "opportunityproduct",
        "productid",
        "product_opportunity_products",
    ),
    ("publisher", "solution", "publisherid", "publisher_solution"),
    (
        "businessunit",
        "systemuser",
        "businessunitid",
        "business_unit_system_users",
    ),
];

pub(super) fn name(target: &str, table: &str, column: &str) -> String {
    let known = NAMES
        .iter()
        .find(|(to, from, by, _)| (*to, *from, *by) == (target, table, column));
    known.map_or_else(
        || format!("{target}_{table}_{column}"),
        |(.., name)| (*name).to_owned(),
    )
}
