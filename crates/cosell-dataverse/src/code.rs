//! The service's error codes.

mod remedy;

use std::fmt;

use cosell_http::Error;

pub use remedy::Remedy;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        /// An error code of the service. Switch on it first and on the status second: the
        /// statuses vary between releases.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
            /// A code without a name here.
            Other(u32),
        }

        impl ErrorCode {
            /// The code with the number `number`.
            pub fn from_number(number: u32) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// The code's number.
            pub fn number(self) -> u32 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Other(number) => number,
                }
            }
        }

        #[cfg(test)]
        const ALL: &[ErrorCode] = &[$(ErrorCode::$name),*];
    };
}

codes! {
    /// There is no such row (or the identity may not see it).
    ObjectDoesNotExist = 0x8004_0217;
    /// There is no row with these key values.
    RecordNotFoundByEntityKey = 0x8006_0891;
    /// A row with this id exists.
    DuplicateRecord = 0x8004_0237;
    /// Another row has these values of an alternate key.
    DuplicateRecordEntityKey = 0x8006_0892;
    /// A duplicate detection rule matched.
    DuplicateRecordsFound = 0x8004_0333;
    /// The row is not at the version that the write named.
    ConcurrencyVersionMismatch = 0x8006_0882;
    /// The table knows no versions: write without condition.
    OptimisticConcurrencyNotEnabled = 0x8006_088D;
    /// An argument does not fit.
    InvalidArgument = 0x8004_0203;
    /// A required column has no value.
    RequiredFieldMissing = 0x8004_0200;
    /// Something unexpected inside the service.
    UnExpected = 0x8004_0216;
    /// The user lacks a privilege; the message names it.
    PrivilegeDenied = 0x8004_0220;
    /// The user lacks access to this row.
    InvalidAccessRights = 0x8004_020D;
    /// The environment has no user for the identity.
    UserNotMemberOfOrg = 0x8007_2560;
    /// The user has no security role.
    UserNotAssignedRoles = 0x8004_2F09;
    /// The user is disabled.
    SystemUserDisabled = 0x8004_A112;
    /// A plug-in of the customer refused; the message is its own.
    IsvAborted = 0x8004_0265;
    /// The row is still referred to.
    CannotDeleteDueToAssociation = 0x8004_0227;
    /// The row is read-only.
    CannotUpdateBecauseReadOnly = 0x8004_022E;
    /// A text is longer than its column.
    StringLengthTooLong = 0x8004_4331;
    /// A whole number is out of its column's range.
    IntegerValueOutOfRange = 0x8004_432F;
    /// A decimal is out of its column's range.
    DecimalValueOutOfRange = 0x8004_4330;
    /// A choice has no such value.
    PicklistValueOutOfRange = 0x8004_431A;
    /// A date is before 1753 or no date.
    InvalidDateTime = 0x8004_0239;
    /// A text holds control characters.
    InvalidCharactersInField = 0x8004_0278;
    /// A value is not of its column's type.
    IncorrectAttributeValueType = 0x8004_4354;
    /// There is no such column.
    QueryBuilderNoAttribute = 0x8004_1103;
    /// The status reason does not belong to the state.
    InvalidStateCodeStatusCode = 0x8004_8408;
    /// Closing by writing the state: use the closing actions.
    CannotUseOpportunitySetStateMessage = 0x8010_0005;
    /// The opportunity is closed, won or lost.
    OpportunityIsAlreadyClosed = 0x8004_0515;
    /// The opportunity cannot be closed.
    OpportunityCannotBeClosed = 0x8004_0516;
    /// The opportunity is open.
    OpportunityAlreadyInOpenState = 0x8004_051A;
    /// The currency is fixed by products, quotes or orders.
    CannotUpdateOpportunityCurrency = 0x8004_8479;
    /// A row with amounts needs a currency.
    CurrencyRequired = 0x8004_8CFB;
    /// The currency is not valid here.
    InvalidCurrency = 0x8004_8CFC;
    /// The change tracking cursor is too old, or the table's columns changed: start anew.
    ExpiredVersionStamp = 0x8004_4352;
    /// Change tracking is off for the table.
    ChangeTrackingNotEnabledForEntity = 0x8007_2491;
    /// Too many requests in five minutes.
    ThrottlingBurstRequestLimitExceeded = 0x8007_2322;
    /// Too much execution time in five minutes.
    ThrottlingTimeExceeded = 0x8007_2321;
    /// Too many requests at once: lower the parallelism.
    ThrottlingConcurrencyLimitExceeded = 0x8007_2326;
    /// A generic database error, such as a deadlock or a failover.
    SqlError = 0x8004_4150;
    /// A database time-out.
    SqlTimeout = 0x8004_4151;
    /// The body does not fit the table: an unknown column or navigation name.
    InvalidPayload = 0x8004_8D19;
    /// The address or the query does not fit.
    InvalidQuery = 0x8006_0888;
    /// There is no such set or action.
    ResourceNotFound = 0x8006_088A;
    /// The write names no version where the service wants one.
    ConcurrencyVersionNotProvided = 0x8006_0883;
    /// The alternate key is missing, or its index is not ready.
    EntityKeyNotDefined = 0x8006_0890;
    /// An alternate key has this name.
    EntityKeyNameExists = 0x8006_0893;
    /// An alternate key has these columns.
    EntityKeyWithSelectedAttributesExists = 0x8006_0894;
    /// The alternate key cannot be used so.
    InvalidEntityKeyOperation = 0x8006_088F;
    /// Several rows have the values of an alternate key: repair the data.
    MultipleRecordsFoundByEntityKey = 0x8006_089D;
    /// The service does not have this.
    NotImplemented = 0x8004_0219;
    /// The identity may not do this.
    InvalidUserAuth = 0x8004_0204;
    /// The identity may not do this.
    UnmanagedIdsAccessDenied = 0x8004_8306;
    /// The identity may not do this.
    AccessDenied = 0x8004_8405;
    /// The identity may not do this.
    CrmSecurityError = 0x8004_0256;
    /// The identity may not do this.
    UnauthorizedAccess = 0x8004_0277;
    /// The user is disabled.
    UserNotEnabled = 0x8004_0225;
    /// The caller may not act for another user.
    CannotActOnBehalfOfAnotherUser = 0x8004_A110;
    /// The user may not set a secured column of a new row.
    ColumnSecurityCreateMissing = 0x8004_F502;
    /// The user may not read a secured column.
    ColumnSecurityReadMissing = 0x8004_F504;
    /// The user may not change a secured column.
    ColumnSecurityUpdateMissing = 0x8004_F507;
    /// A plug-in of the customer failed.
    IsvUnExpected = 0x8004_0224;
    /// A plug-in took too long.
    PluginTimeout = 0x8004_4171;
    /// A plug-in took too long.
    PluginWorkerTimeout = 0x8004_4172;
    /// A plug-in took too long.
    PluginHostTimeout = 0x8004_4173;
    /// Logic triggers itself without end.
    InfiniteLoop = 0x8004_4182;
    /// The row cannot be deleted: it is read-only.
    CannotDeleteBecauseReadOnly = 0x8004_0228;
    /// A text is longer than the database takes.
    SqlCharLengthTooLong = 0x8007_3001;
    /// A flag is neither of its values.
    BooleanOptionOutOfRange = 0x8004_431C;
    /// A text is no e-mail address.
    InvalidEmailAddressFormat = 0x8004_4192;
    /// There is no such table.
    QueryBuilderNoEntity = 0x8004_1102;
    /// The action names no opportunity.
    OpportunityMissing = 0x8004_0500;
    /// The customer is neither account nor contact.
    OpportunityParentInvalid = 0x8004_0504;
    /// The opportunity has no customer.
    OpportunityParentMissing = 0x8004_0505;
    /// The account is the customer of an opportunity.
    AccountIsCustomer = 0x8004_0511;
    /// The contact is the customer of an opportunity.
    ContactIsCustomer = 0x8004_0512;
    /// The currency is not that of the price list.
    PriceListCurrencyMismatch = 0x8004_8CF6;
    /// The price list's currency is not that of the row.
    RowCurrencyMismatch = 0x8004_8CEF;
    /// The database refuses for lack of resources.
    SqlResourceLimit = 0x8007_2323;
    /// The database refuses for lack of resources.
    SqlResourceLimitExceeded = 0x8007_2324;
    /// The server is busy.
    ServerBusy = 0x8004_A001;
    /// A column has this name.
    DuplicateAttributeSchemaName = 0x8004_7013;
    /// A table has this name.
    SchemaNameIsNotUnique = 0x8004_4363;
    /// A name does not begin with a publisher's prefix.
    InvalidNamePrefix = 0x8004_4366;
    /// Others depend on what is to be deleted.
    CannotDeleteInUseComponent = 0x8004_F01F;
    /// Another customization runs.
    SolutionConcurrencyFailure = 0x8007_1151;
    /// The lead cannot be qualified, often for want of a right.
    CannotQualifyLead = 0x8008_1018;
    /// A webhook's listener answered with no success.
    WebhookRefused = 0x8005_0201;
    /// A webhook's listener did not answer in time.
    WebhookTimedOut = 0x8005_0202;
    /// The headers set for a webhook are not valid.
    WebhookHeadersInvalid = 0x8005_0203;
    /// The query parameters set for a webhook are not valid.
    WebhookQueryInvalid = 0x8005_0204;
    /// A webhook's listener could not be reached.
    WebhookPostFailed = 0x8005_0205;
    /// Webhooks are switched off.
    WebhookPostDisabled = 0x8005_0206;
    /// An event was too large for a webhook.
    WebhookTooLarge = 0x8005_0207;
    /// An aggregate reads more than 50,000 rows.
    AggregateTooLarge = 0x8004_E023;
    /// A catalogue product needs a price list on the opportunity.
    PriceListMissing = 0x8004_3B12;
    /// The value of an option is not within the publisher's range.
    OptionValueOutOfRange = 0x8004_8402;
    /// There is a currency with this code.
    DuplicateCurrencyCode = 0x8004_8CF3;
    /// This is no currency code.
    InvalidCurrencyCode = 0x8004_8CF2;
    /// The rate of the base currency is fixed.
    BaseCurrencyRateFixed = 0x8004_8CF5;
    /// The base currency stays active.
    BaseCurrencyStaysActive = 0x8004_8CF4;
    /// An amount is too large in the base currency.
    BaseCurrencyOverflow = 0x8004_8CEC;
    /// An amount is too small in the base currency.
    BaseCurrencyUnderflow = 0x8004_8CEB;
}

impl ErrorCode {
    /// Reads `0x80040217` in any case; `None` for an empty or zero code and for other text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))?;
        match u32::from_str_radix(digits, 16) {
            Ok(0) | Err(_) => None,
            Ok(number) => Some(Self::from_number(number)),
        }
    }
}

/// `0x80040217 ObjectDoesNotExist`
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08X}", self.number())?;
        match self {
            Self::Other(_) => Ok(()),
            named => write!(f, " {named:?}"),
        }
    }
}

/// The service's code of a failure; `None` when it gave none (some refusals have an empty code).
pub fn code_of(error: &Error) -> Option<ErrorCode> {
    ErrorCode::parse(error.code()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_any_case_and_kept_when_unknown() {
        for text in ["0x80048d19", "0x80048D19", "0X80048D19", " 0x80048d19 "] {
            assert_eq!(ErrorCode::parse(text), Some(ErrorCode::InvalidPayload));
        }
        let other = ErrorCode::parse("0x8ABCDEF0").unwrap();
        assert_eq!(other, ErrorCode::Other(0x8ABC_DEF0));
        assert_eq!(other.to_string(), "0x8ABCDEF0");
        for text in ["", "0x0", "0x", "80040217", "0x123456789", "x"] {
            assert_eq!(ErrorCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_code_has_a_number_of_its_own_and_a_remedy() {
        for code in ALL {
            assert_eq!(ErrorCode::from_number(code.number()), *code);
            assert_ne!(code.remedy(), Remedy::Unknown, "{code}");
            assert!(!code.remedy().to_string().is_empty());
        }
        assert_eq!(ErrorCode::Other(1).remedy(), Remedy::Unknown);
        // What passes by itself is what the pipeline and the governor wait for.
        for (code, passes) in [
            (ErrorCode::ThrottlingTimeExceeded, true),
            (ErrorCode::SqlTimeout, true),
            (ErrorCode::IsvAborted, false),
            (ErrorCode::StringLengthTooLong, false),
        ] {
            assert_eq!(code.remedy().passes(), passes, "{code}");
        }
        // Two signed decimals of the SDK, as a check on the hexadecimals.
        let signed = |code: ErrorCode| code.number().cast_signed();
        assert_eq!(signed(ErrorCode::ExpiredVersionStamp), -2_147_204_270);
        assert_eq!(
            signed(ErrorCode::CannotUseOpportunitySetStateMessage),
            -2_146_435_067
        );
        assert_eq!(
            signed(ErrorCode::ConcurrencyVersionMismatch),
            -2_147_088_254
        );
    }
}
