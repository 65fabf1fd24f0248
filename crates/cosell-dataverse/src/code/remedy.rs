//! What to do about an error code.

use std::fmt;

use super::ErrorCode;

/// What to do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// The row is gone: drop the link to it, or make it anew.
    RowGone,
    /// The row is there already: update it.
    RowExists,
    /// A rule or a key finds the row to be a duplicate: look at the other one.
    Duplicate,
    /// Read the row again, merge, and write under its new version.
    ReadAgain,
    /// Write without a version: the table has none.
    WithoutVersion,
    /// Write under a version: the table wants one.
    WithVersion,
    /// Provision the alternate key, or wait until its index is ready.
    MakeKey,
    /// Repair the data: several rows have what only one may have.
    RepairData,
    /// The value does not fit its column: change the value.
    FixValue,
    /// The request itself is wrong: a name, a type, a form. Read the schema anew, then fix it.
    FixRequest,
    /// An administrator has to grant the identity a role or a privilege; the message names it.
    GrantRight,
    /// An administrator has to add or enable the user of the identity.
    AddUser,
    /// The organization's own logic refuses; its message says why. Trying again changes nothing.
    CustomLogic,
    /// The row is read-only, or others depend on it: leave it, or undo what binds it first.
    Blocked,
    /// Use the closing actions in place of writing the state.
    UseAction,
    /// It is so already: done, if that is the state that was wanted.
    AlreadySo,
    /// Drop the cursor and pass over the whole table once more.
    Resync,
    /// An administrator has to enable change tracking for the table.
    EnableTracking,
    /// Wait as long as the service says, then go on.
    Wait,
    /// Send fewer requests at once.
    FewerAtOnce,
    /// Try again a little later; of a write, look first whether it took effect.
    TryLater,
    /// The service does not offer this.
    NotOffered,
    /// Nothing is known of this code: its message and the status decide.
    Unknown,
}

impl Remedy {
    /// May the same request succeed later, with nobody changing anything?
    pub fn passes(self) -> bool {
        matches!(self, Self::Wait | Self::FewerAtOnce | Self::TryLater)
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RowGone => "the row is gone: drop the link to it, or make it anew",
            Self::RowExists => "the row is there already: update it",
            Self::Duplicate => "another row counts as the same: look at that one",
            Self::ReadAgain => "read the row again, merge, and write under its new version",
            Self::WithoutVersion => "write without a version: the table has none",
            Self::WithVersion => "write under a version: the table wants one",
            Self::MakeKey => "provision the alternate key, or wait until its index is ready",
            Self::RepairData => "repair the data: several rows have what only one may have",
            Self::FixValue => "change the value so that it fits its column",
            Self::FixRequest => "fix the request: read the schema anew and compare names and types",
            Self::GrantRight => "let an administrator grant the right that the message names",
            Self::AddUser => "let an administrator add or enable the identity's user",
            Self::CustomLogic => "the organization's own logic refuses: its message says why",
            Self::Blocked => "leave the row, or undo first what binds it",
            Self::UseAction => "use the closing actions in place of writing the state",
            Self::AlreadySo => "done, if that is the state that was wanted",
            Self::Resync => "drop the cursor and pass over the whole table once more",
            Self::EnableTracking => "let an administrator enable change tracking for the table",
            Self::Wait => "wait as long as the service says, then go on",
            Self::FewerAtOnce => "send fewer requests at once",
            Self::TryLater => "try again a little later; of a write, look first",
            Self::NotOffered => "the service does not offer this",
            Self::Unknown => "the message and the status decide",
        })
    }
}

impl ErrorCode {
    /// What to do about it.
    pub fn remedy(self) -> Remedy {
        match self {
            Self::ObjectDoesNotExist
            | Self::RecordNotFoundByEntityKey
            | Self::OpportunityMissing => Remedy::RowGone,
            Self::DuplicateRecord => Remedy::RowExists,
            Self::DuplicateRecordEntityKey | Self::DuplicateRecordsFound => Remedy::Duplicate,
            Self::ConcurrencyVersionMismatch => Remedy::ReadAgain,
            Self::OptimisticConcurrencyNotEnabled => Remedy::WithoutVersion,
            Self::ConcurrencyVersionNotProvided => Remedy::WithVersion,
            Self::EntityKeyNotDefined | Self::InvalidEntityKeyOperation => Remedy::MakeKey,
            Self::MultipleRecordsFoundByEntityKey => Remedy::RepairData,
            Self::RequiredFieldMissing
            | Self::StringLengthTooLong
            | Self::SqlCharLengthTooLong
            | Self::IntegerValueOutOfRange
            | Self::DecimalValueOutOfRange
            | Self::PicklistValueOutOfRange
            | Self::BooleanOptionOutOfRange
            | Self::InvalidDateTime
            | Self::InvalidCharactersInField
            | Self::InvalidEmailAddressFormat
            | Self::IncorrectAttributeValueType
            | Self::InvalidStateCodeStatusCode
            | Self::OpportunityParentInvalid
            | Self::OpportunityParentMissing
            | Self::CurrencyRequired
            | Self::InvalidCurrency
            | Self::PriceListCurrencyMismatch
            | Self::RowCurrencyMismatch
            | Self::PriceListMissing
            | Self::OptionValueOutOfRange
            | Self::InvalidCurrencyCode
            | Self::BaseCurrencyOverflow
            | Self::BaseCurrencyUnderflow => Remedy::FixValue,
            Self::InvalidArgument
            | Self::QueryBuilderNoAttribute
            | Self::QueryBuilderNoEntity
            | Self::InvalidPayload
            | Self::InvalidQuery
            | Self::ResourceNotFound
            | Self::AggregateTooLarge
            | Self::InvalidNamePrefix => Remedy::FixRequest,
            Self::PrivilegeDenied
            | Self::InvalidAccessRights
            | Self::UserNotAssignedRoles
            | Self::InvalidUserAuth
            | Self::UnmanagedIdsAccessDenied
            | Self::AccessDenied
            | Self::CrmSecurityError
            | Self::UnauthorizedAccess
            | Self::CannotActOnBehalfOfAnotherUser
            | Self::ColumnSecurityCreateMissing
            | Self::ColumnSecurityReadMissing
            | Self::ColumnSecurityUpdateMissing
            | Self::CannotQualifyLead => Remedy::GrantRight,
            Self::UserNotMemberOfOrg | Self::SystemUserDisabled | Self::UserNotEnabled => {
                Remedy::AddUser
            }
            Self::IsvAborted | Self::IsvUnExpected | Self::InfiniteLoop => Remedy::CustomLogic,
            Self::CannotDeleteDueToAssociation
            | Self::CannotDeleteBecauseReadOnly
            | Self::CannotUpdateBecauseReadOnly
            | Self::CannotDeleteInUseComponent
            | Self::OpportunityCannotBeClosed
            | Self::CannotUpdateOpportunityCurrency
            | Self::BaseCurrencyRateFixed
            | Self::BaseCurrencyStaysActive
            | Self::AccountIsCustomer
            | Self::ContactIsCustomer => Remedy::Blocked,
            Self::CannotUseOpportunitySetStateMessage => Remedy::UseAction,
            Self::OpportunityIsAlreadyClosed
            | Self::OpportunityAlreadyInOpenState
            | Self::EntityKeyNameExists
            | Self::EntityKeyWithSelectedAttributesExists
            | Self::DuplicateAttributeSchemaName
            | Self::DuplicateCurrencyCode
            | Self::SchemaNameIsNotUnique => Remedy::AlreadySo,
            Self::ExpiredVersionStamp => Remedy::Resync,
            Self::ChangeTrackingNotEnabledForEntity => Remedy::EnableTracking,
            Self::ThrottlingBurstRequestLimitExceeded | Self::ThrottlingTimeExceeded => {
                Remedy::Wait
            }
            Self::ThrottlingConcurrencyLimitExceeded => Remedy::FewerAtOnce,
            Self::UnExpected
            | Self::SqlError
            | Self::SqlTimeout
            | Self::SqlResourceLimit
            | Self::SqlResourceLimitExceeded
            | Self::ServerBusy
            | Self::PluginTimeout
            | Self::PluginWorkerTimeout
            | Self::PluginHostTimeout
            | Self::WebhookRefused
            | Self::WebhookTimedOut
            | Self::WebhookPostFailed
            | Self::SolutionConcurrencyFailure => Remedy::TryLater,
            Self::WebhookHeadersInvalid
            | Self::WebhookQueryInvalid
            | Self::WebhookPostDisabled
            | Self::WebhookTooLarge => Remedy::FixRequest,
            Self::NotImplemented => Remedy::NotOffered,
            Self::Other(_) => Remedy::Unknown,
        }
    }
}
