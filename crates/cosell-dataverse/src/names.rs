//! Names of sets, columns and navigation properties, spelt as the service spells them.

/// Columns and values of `opportunity`.
pub mod opportunity {
    /// Primary key.
    pub const ID: &str = "opportunityid";
    /// Topic; at most 300 UTF-16 units.
    pub const NAME: &str = "name";
    /// Description; at most 2,000 UTF-16 units.
    pub const DESCRIPTION: &str = "description";
    /// Estimated revenue, in the row's currency.
    pub const ESTIMATED_VALUE: &str = "estimatedvalue";
    /// Estimated close date; a date without time.
    pub const ESTIMATED_CLOSE_DATE: &str = "estimatedclosedate";
    /// Actual revenue, set by closing.
    pub const ACTUAL_VALUE: &str = "actualvalue";
    /// Actual close date, set by closing; a date without time.
    pub const ACTUAL_CLOSE_DATE: &str = "actualclosedate";
    /// Probability in percent, 0 to 100.
    pub const CLOSE_PROBABILITY: &str = "closeprobability";
    /// State; see [`state`].
    pub const STATE: &str = "statecode";
    /// Status reason; see [`status`].
    pub const STATUS: &str = "statuscode";
    /// Is the estimated revenue computed from the products? Then a written value is undone.
    pub const REVENUE_IS_COMPUTED: &str = "isrevenuesystemcalculated";
    /// Lookup column and navigation name of the account.
    pub const ACCOUNT: &str = "parentaccountid";
    /// Lookup column and navigation name of the contact.
    pub const CONTACT: &str = "parentcontactid";
    /// Lookup column of the customer, an account or a contact. Read only under this name.
    pub const CUSTOMER: &str = "customerid";
    /// Navigation name of the customer when it is an account.
    pub const CUSTOMER_ACCOUNT: &str = "customerid_account";
    /// Lookup column and navigation name of the currency.
    pub const CURRENCY: &str = "transactioncurrencyid";
    /// Lookup column and navigation name of the owner.
    pub const OWNER: &str = "ownerid";
    /// Lookup column and navigation name of the lead it came from.
    pub const ORIGINATING_LEAD: &str = "originatingleadid";
    /// When it was created; whole seconds.
    pub const CREATED_ON: &str = "createdon";
    /// When it was last changed; whole seconds.
    pub const MODIFIED_ON: &str = "modifiedon";
    /// Lookup column of the user that changed it last.
    pub const MODIFIED_BY: &str = "modifiedby";
    /// Row version, the number inside the ETag.
    pub const VERSION: &str = "versionnumber";

    /// Values of [`STATE`].
    pub mod state {
        /// Open.
        pub const OPEN: i64 = 0;
        /// Won.
        pub const WON: i64 = 1;
        /// Lost.
        pub const LOST: i64 = 2;
    }

    /// Shipped values of [`STATUS`]; an organization may add its own.
    pub mod status {
        /// The default status of the state that a closing action leads to.
        pub const DEFAULT: i32 = -1;
        /// Open: in progress.
        pub const IN_PROGRESS: i32 = 1;
        /// Open: on hold.
        pub const ON_HOLD: i32 = 2;
        /// Won.
        pub const WON: i32 = 3;
        /// Lost: cancelled.
        pub const CANCELED: i32 = 4;
        /// Lost: sold by another.
        pub const OUT_SOLD: i32 = 5;
    }
}

/// Columns of `account`.
pub mod account {
    /// Primary key.
    pub const ID: &str = "accountid";
    /// Name; at most 160 UTF-16 units.
    pub const NAME: &str = "name";
    /// First line of the address.
    pub const LINE1: &str = "address1_line1";
    /// Second line of the address.
    pub const LINE2: &str = "address1_line2";
    /// City.
    pub const CITY: &str = "address1_city";
    /// State or province.
    pub const STATE_OR_PROVINCE: &str = "address1_stateorprovince";
    /// Postal code.
    pub const POSTAL_CODE: &str = "address1_postalcode";
    /// Country; free text unless the organization agreed on codes.
    pub const COUNTRY: &str = "address1_country";
}

/// Columns of `lead`.
pub mod lead {
    /// Primary key.
    pub const ID: &str = "leadid";
    /// What it is about, 300 characters: the name of the opportunity that it becomes.
    pub const SUBJECT: &str = "subject";
    /// Name of the company, 100 characters.
    pub const COMPANY: &str = "companyname";
    /// Amount of money; `estimatedvalue` is no money on a lead.
    pub const ESTIMATED_AMOUNT: &str = "estimatedamount";
    /// State.
    pub const STATE: &str = "statecode";
    /// Status reason.
    pub const STATUS: &str = "statuscode";
    /// Time of the last change.
    pub const MODIFIED_ON: &str = "modifiedon";

    /// Values of `statecode`.
    pub mod state {
        /// Being worked on.
        pub const OPEN: i64 = 0;
        /// It became an opportunity, or was closed as a success; read-only.
        pub const QUALIFIED: i64 = 1;
        /// Given up.
        pub const DISQUALIFIED: i64 = 2;
    }
}

/// Columns of `transactioncurrency`.
pub mod transaction_currency {
    /// Primary key.
    pub const ID: &str = "transactioncurrencyid";
    /// ISO 4217 code.
    pub const ISO_CODE: &str = "isocurrencycode";
    /// Decimal places of amounts, 0 to 10.
    pub const PRECISION: &str = "currencyprecision";
    /// Units of this currency for one unit of the organization's base currency.
    pub const EXCHANGE_RATE: &str = "exchangerate";
    /// 0 active, 1 inactive.
    pub const STATE: &str = "statecode";
}
