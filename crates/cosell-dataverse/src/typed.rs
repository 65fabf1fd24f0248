//! Typed views of rows of well-known tables. The row stays whole underneath: columns without an
//! accessor here are read through [`Row`]'s own, byte for byte as they came.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{ColumnError, Row, Table};

type Read<T> = Result<Option<T>, ColumnError>;

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident of $table:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty = $read:ident($column:literal);)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name(Row);

        impl $name {
            /// The table.
            pub const TABLE: Table = Table::$table;

            /// Columns to select so that every accessor has what it reads.
            pub const COLUMNS: &'static [&'static str] = &[$(select!($read $column)),*];

            /// The row underneath.
            pub fn row(&self) -> &Row {
                &self.0
            }

            /// Gives the row back.
            pub fn into_row(self) -> Row {
                self.0
            }

            /// The row's id.
            ///
            /// # Errors
            /// [`ColumnError`] when the key column holds no id.
            pub fn id(&self) -> Read<Uuid> {
                self.0.guid(Self::TABLE.key())
            }

            $(
                $(#[$field_doc])*
                ///
                /// # Errors
                /// [`ColumnError`] when the column holds something else.
                pub fn $field(&self) -> Read<$type> {
                    self.0.$read($column)
                }
            )*
        }

        impl From<Row> for $name {
            fn from(row: Row) -> Self {
                Self(row)
            }
        }
    )*};
}

macro_rules! select {
    (lookup $column:literal) => {
        concat!("_", $column, "_value")
    };
    ($read:ident $column:literal) => {
        $column
    };
}

typed! {
    /// A deal.
    Opportunity of OPPORTUNITY {
        /// Topic.
        name: String = text("name");
        /// Description.
        description: String = text("description");
        /// Estimated revenue, in the row's currency.
        estimated_value: Decimal = decimal("estimatedvalue");
        /// Actual revenue, set by closing.
        actual_value: Decimal = decimal("actualvalue");
        /// Estimated close date.
        estimated_close_date: NaiveDate = date("estimatedclosedate");
        /// Actual close date, set by closing.
        actual_close_date: NaiveDate = date("actualclosedate");
        /// Probability in percent.
        close_probability: i64 = integer("closeprobability");
        /// State: 0 open, 1 won, 2 lost.
        state: i64 = integer("statecode");
        /// Status reason.
        status: i64 = integer("statuscode");
        /// Is the estimated revenue computed from the products?
        revenue_is_computed: bool = flag("isrevenuesystemcalculated");
        /// Account or contact that is the customer.
        customer: Uuid = lookup("customerid");
        /// Account.
        account: Uuid = lookup("parentaccountid");
        /// Contact.
        contact: Uuid = lookup("parentcontactid");
        /// Currency.
        currency: Uuid = lookup("transactioncurrencyid");
        /// Owner.
        owner: Uuid = lookup("ownerid");
        /// Lead that it came from.
        originating_lead: Uuid = lookup("originatingleadid");
        /// When it was made.
        created_on: DateTime<Utc> = instant("createdon");
        /// When it was last changed.
        modified_on: DateTime<Utc> = instant("modifiedon");
        /// Who changed it last.
        modified_by: Uuid = lookup("modifiedby");
        /// Row version.
        version: i64 = integer("versionnumber");
    }

    /// A company.
    Account of ACCOUNT {
        /// Name.
        name: String = text("name");
        /// Number that the organization gave.
        number: String = text("accountnumber");
        /// Web address.
        website: String = text("websiteurl");
        /// First line of the address.
        line1: String = text("address1_line1");
        /// City.
        city: String = text("address1_city");
        /// State or province.
        state_or_province: String = text("address1_stateorprovince");
        /// Postal code.
        postal_code: String = text("address1_postalcode");
        /// Country.
        country: String = text("address1_country");
        /// State: 0 active, 1 inactive.
        state: i64 = integer("statecode");
    }

    /// A person at a company.
    Contact of CONTACT {
        /// First name.
        first_name: String = text("firstname");
        /// Last name.
        last_name: String = text("lastname");
        /// Full name, computed.
        full_name: String = text("fullname");
        /// First e-mail address.
        email: String = text("emailaddress1");
        /// Telephone.
        telephone: String = text("telephone1");
        /// Job title.
        job_title: String = text("jobtitle");
        /// Account or contact that it belongs to.
        customer: Uuid = lookup("parentcustomerid");
    }

    /// A lead.
    Lead of LEAD {
        /// Topic.
        subject: String = text("subject");
        /// Company.
        company: String = text("companyname");
        /// First name.
        first_name: String = text("firstname");
        /// Last name.
        last_name: String = text("lastname");
        /// First e-mail address.
        email: String = text("emailaddress1");
        /// Estimated amount; the column `estimatedvalue` is a deprecated binary fraction.
        estimated_amount: Decimal = decimal("estimatedamount");
        /// Estimated close date.
        estimated_close_date: NaiveDate = date("estimatedclosedate");
        /// State: 0 open, 1 qualified, 2 disqualified.
        state: i64 = integer("statecode");
        /// Status reason.
        status: i64 = integer("statuscode");
        /// Opportunity that it was qualified to.
        opportunity: Uuid = lookup("qualifyingopportunityid");
        /// Currency.
        currency: Uuid = lookup("transactioncurrencyid");
    }

    /// A currency.
    TransactionCurrency of TRANSACTION_CURRENCY {
        /// ISO 4217 code.
        iso_code: String = text("isocurrencycode");
        /// Name.
        name: String = text("currencyname");
        /// Symbol.
        symbol: String = text("currencysymbol");
        /// Decimal places, 0 to 10.
        precision: i64 = integer("currencyprecision");
        /// Units for one unit of the organization's base currency.
        exchange_rate: Decimal = decimal("exchangerate");
        /// State: 0 active, 1 inactive.
        state: i64 = integer("statecode");
    }

    /// A user, or the application user of an app registration.
    SystemUser of SYSTEM_USER {
        /// Full name.
        full_name: String = text("fullname");
        /// E-mail address.
        email: String = text("internalemailaddress");
        /// Sign-in name.
        sign_in_name: String = text("domainname");
        /// Object id in Entra.
        object_id: Uuid = guid("azureactivedirectoryobjectid");
        /// Client id, of an application user.
        application_id: Uuid = guid("applicationid");
        /// May it no longer sign in?
        is_disabled: bool = flag("isdisabled");
    }

    /// A product on a deal.
    OpportunityProduct of OPPORTUNITY_PRODUCT {
        /// The deal.
        opportunity: Uuid = lookup("opportunityid");
        /// Product of the catalogue.
        product: Uuid = lookup("productid");
        /// Name of a product that is not of the catalogue.
        description: String = text("productdescription");
        /// Is it not of the catalogue?
        is_write_in: bool = flag("isproductoverridden");
        /// Quantity.
        quantity: Decimal = decimal("quantity");
        /// Price of one.
        price_per_unit: Decimal = decimal("priceperunit");
        /// Amount after discounts and tax.
        extended_amount: Decimal = decimal("extendedamount");
    }

    /// A note.
    Annotation of ANNOTATION {
        /// Subject.
        subject: String = text("subject");
        /// Text, which may hold markup.
        text: String = text("notetext");
        /// File name, where it holds a file.
        file_name: String = text("filename");
        /// Media type of the file.
        mime_type: String = text("mimetype");
        /// Does it hold a file?
        is_document: bool = flag("isdocument");
        /// Row that it belongs to.
        object: Uuid = lookup("objectid");
    }
}
