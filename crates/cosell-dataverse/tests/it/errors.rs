//! The main rows of the service's error table, as a caller sees them.

use cosell_dataverse::{Columns, Condition, ErrorCode, Remedy, Table, WriteOptions, code_of};
use cosell_http::{ErrorKind, Sent};

use crate::fake::{Script, answer, deal, refusal_body};

async fn update(status: u16, headers: &[(&str, &str)], body: &str) -> cosell_http::Error {
    // The last answer of a row that is tried again.
    let lines = (0..20).map(|_| answer(status, headers, body));
    let (_, client) = Script::of(lines);
    let columns = Columns::new().set("statecode", 1);
    client
        .table(Table::OPPORTUNITY)
        .update(
            deal(),
            columns,
            &Condition::MustExist,
            WriteOptions::default(),
        )
        .await
        .unwrap_err()
}

#[tokio::test]
async fn the_code_comes_first_and_the_status_second() {
    use ErrorCode as Code;
    use ErrorKind as Kind;
    let long = "A validation error occurred.  The length of the 'name' attribute of the \
                'opportunity' entity exceeded the maximum allowed length of '300'.";
    let rows = [
        (
            404,
            "0x80040217",
            "Does Not Exist",
            Kind::NotFound,
            Code::ObjectDoesNotExist,
            None,
        ),
        (
            412,
            "0x80040237",
            "Cannot insert duplicate key.",
            Kind::Conflict,
            Code::DuplicateRecord,
            None,
        ),
        (
            412,
            "0x80060882",
            "The version differs.",
            Kind::Conflict,
            Code::ConcurrencyVersionMismatch,
            None,
        ),
        (
            403,
            "0x80040220",
            "is missing prvWriteOpportunity privilege",
            Kind::Denied,
            Code::PrivilegeDenied,
            None,
        ),
        (
            400,
            "0x80100005",
            "This message can not be used",
            Kind::Refused,
            Code::CannotUseOpportunitySetStateMessage,
            None,
        ),
        (
            400,
            "0x80044331",
            long,
            Kind::Refused,
            Code::StringLengthTooLong,
            Some("name"),
        ),
        (
            400,
            "0x80040239",
            "A date is out of range",
            Kind::Refused,
            Code::InvalidDateTime,
            None,
        ),
        (
            400,
            "0x80048479",
            "currency",
            Kind::Refused,
            Code::CannotUpdateOpportunityCurrency,
            None,
        ),
        (
            400,
            "0x80048D19",
            "An undeclared property 'abc_x' which",
            Kind::Refused,
            Code::InvalidPayload,
            Some("abc_x"),
        ),
        (
            400,
            "0x8ABCDEF0",
            "new",
            Kind::Refused,
            Code::Other(0x8ABC_DEF0),
            None,
        ),
    ];
    for (status, code, message, kind, typed, target) in rows {
        let error = update(status, &[], &refusal_body(code, message)).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.sent(), Sent::Answered, "{error}");
        assert_eq!(code_of(&error), Some(typed), "{error}");
        assert_eq!(error.target(), target, "{error}");
        assert!(error.message().contains(message), "{error}");
    }
}

#[tokio::test]
async fn the_three_throttles_are_told_apart() {
    for (code, typed) in [
        ("0x80072322", ErrorCode::ThrottlingBurstRequestLimitExceeded),
        ("0x80072321", ErrorCode::ThrottlingTimeExceeded),
        ("0x80072326", ErrorCode::ThrottlingConcurrencyLimitExceeded),
    ] {
        let headers = [("retry-after", "100000")];
        let error = update(429, &headers, &refusal_body(code, "exceeded")).await;
        assert_eq!(
            (error.kind(), error.sent()),
            (ErrorKind::Throttled, Sent::No)
        );
        assert_eq!(code_of(&error), Some(typed));
        assert_eq!(error.retry_after().unwrap().as_secs(), 100_000);
    }
}

#[tokio::test]
async fn bodies_without_a_code_are_told_too() {
    let exists = "A record with matching key values already exists.";
    let error = update(412, &[], &refusal_body("", exists)).await;
    assert_eq!((error.kind(), code_of(&error)), (ErrorKind::Conflict, None));
    assert_eq!(error.message(), exists);
    let html = [("content-type", "text/html")];
    let error = update(502, &html, "<html><title>Bad Gateway</title></html>").await;
    assert_eq!(error.kind(), ErrorKind::Service);
    assert!(error.message().contains("Bad Gateway"), "{error}");
    let error = update(401, &[("www-authenticate", "Bearer")], "").await;
    assert_eq!(error.kind(), ErrorKind::Denied);
}

/// The service's table of codes: its number, the usual status, and what a caller is told.
#[rustfmt::skip]
const TABLE: [(&str, u16, &str, ErrorKind, Remedy); 84] = [
    ("80040217", 404, "ObjectDoesNotExist", ErrorKind::NotFound, Remedy::RowGone),
    ("80060891", 404, "RecordNotFoundByEntityKey", ErrorKind::NotFound, Remedy::RowGone),
    ("80040237", 412, "DuplicateRecord", ErrorKind::Conflict, Remedy::RowExists),
    ("80060892", 412, "DuplicateRecordEntityKey", ErrorKind::Conflict, Remedy::Duplicate),
    ("80060892", 400, "DuplicateRecordEntityKey", ErrorKind::Refused, Remedy::Duplicate),
    ("80040333", 412, "DuplicateRecordsFound", ErrorKind::Conflict, Remedy::Duplicate),
    ("80040333", 500, "DuplicateRecordsFound", ErrorKind::Service, Remedy::Duplicate),
    ("80060882", 412, "ConcurrencyVersionMismatch", ErrorKind::Conflict, Remedy::ReadAgain),
    ("80060883", 400, "ConcurrencyVersionNotProvided", ErrorKind::Refused, Remedy::WithVersion),
    ("8006088D", 400, "OptimisticConcurrencyNotEnabled", ErrorKind::Refused, Remedy::WithoutVersion),
    ("80060890", 400, "EntityKeyNotDefined", ErrorKind::Refused, Remedy::MakeKey),
    ("8006089D", 400, "MultipleRecordsFoundByEntityKey", ErrorKind::Refused, Remedy::RepairData),
    ("80060893", 400, "EntityKeyNameExists", ErrorKind::Refused, Remedy::AlreadySo),
    ("80060894", 400, "EntityKeyWithSelectedAttributesExists", ErrorKind::Refused, Remedy::AlreadySo),
    ("80040203", 400, "InvalidArgument", ErrorKind::Refused, Remedy::FixRequest),
    ("80040200", 400, "RequiredFieldMissing", ErrorKind::Refused, Remedy::FixValue),
    ("80040216", 500, "UnExpected", ErrorKind::Service, Remedy::TryLater),
    ("80040219", 501, "NotImplemented", ErrorKind::Service, Remedy::NotOffered),
    ("80040220", 403, "PrivilegeDenied", ErrorKind::Denied, Remedy::GrantRight),
    ("80040204", 403, "InvalidUserAuth", ErrorKind::Denied, Remedy::GrantRight),
    ("80048306", 403, "UnmanagedIdsAccessDenied", ErrorKind::Denied, Remedy::GrantRight),
    ("80048405", 403, "AccessDenied", ErrorKind::Denied, Remedy::GrantRight),
    ("80040256", 403, "CrmSecurityError", ErrorKind::Denied, Remedy::GrantRight),
    ("80040277", 403, "UnauthorizedAccess", ErrorKind::Denied, Remedy::GrantRight),
    ("8004020D", 403, "InvalidAccessRights", ErrorKind::Denied, Remedy::GrantRight),
    ("80040225", 403, "UserNotEnabled", ErrorKind::Denied, Remedy::AddUser),
    ("80042F09", 403, "UserNotAssignedRoles", ErrorKind::Denied, Remedy::GrantRight),
    ("80072560", 403, "UserNotMemberOfOrg", ErrorKind::Denied, Remedy::AddUser),
    ("8004A112", 403, "SystemUserDisabled", ErrorKind::Denied, Remedy::AddUser),
    ("8004A110", 403, "CannotActOnBehalfOfAnotherUser", ErrorKind::Denied, Remedy::GrantRight),
    ("8004F502", 403, "ColumnSecurityCreateMissing", ErrorKind::Denied, Remedy::GrantRight),
    ("8004F504", 403, "ColumnSecurityReadMissing", ErrorKind::Denied, Remedy::GrantRight),
    ("8004F507", 403, "ColumnSecurityUpdateMissing", ErrorKind::Denied, Remedy::GrantRight),
    ("80040265", 400, "IsvAborted", ErrorKind::Refused, Remedy::CustomLogic),
    ("80040224", 400, "IsvUnExpected", ErrorKind::Refused, Remedy::CustomLogic),
    ("80044171", 400, "PluginTimeout", ErrorKind::Refused, Remedy::TryLater),
    ("80044172", 500, "PluginWorkerTimeout", ErrorKind::Service, Remedy::TryLater),
    ("80044173", 500, "PluginHostTimeout", ErrorKind::Service, Remedy::TryLater),
    ("80044182", 400, "InfiniteLoop", ErrorKind::Refused, Remedy::CustomLogic),
    ("80040227", 405, "CannotDeleteDueToAssociation", ErrorKind::Refused, Remedy::Blocked),
    ("80040228", 400, "CannotDeleteBecauseReadOnly", ErrorKind::Refused, Remedy::Blocked),
    ("8004022E", 400, "CannotUpdateBecauseReadOnly", ErrorKind::Refused, Remedy::Blocked),
    ("80044331", 400, "StringLengthTooLong", ErrorKind::Refused, Remedy::FixValue),
    ("80073001", 400, "SqlCharLengthTooLong", ErrorKind::Refused, Remedy::FixValue),
    ("8004432F", 400, "IntegerValueOutOfRange", ErrorKind::Refused, Remedy::FixValue),
    ("80044330", 400, "DecimalValueOutOfRange", ErrorKind::Refused, Remedy::FixValue),
    ("8004431A", 400, "PicklistValueOutOfRange", ErrorKind::Refused, Remedy::FixValue),
    ("8004431C", 400, "BooleanOptionOutOfRange", ErrorKind::Refused, Remedy::FixValue),
    ("80040239", 400, "InvalidDateTime", ErrorKind::Refused, Remedy::FixValue),
    ("80040278", 400, "InvalidCharactersInField", ErrorKind::Refused, Remedy::FixValue),
    ("80044192", 400, "InvalidEmailAddressFormat", ErrorKind::Refused, Remedy::FixValue),
    ("80044354", 400, "IncorrectAttributeValueType", ErrorKind::Refused, Remedy::FixValue),
    ("80041102", 400, "QueryBuilderNoEntity", ErrorKind::Refused, Remedy::FixRequest),
    ("80041103", 404, "QueryBuilderNoAttribute", ErrorKind::NotFound, Remedy::FixRequest),
    ("80048408", 400, "InvalidStateCodeStatusCode", ErrorKind::Refused, Remedy::FixValue),
    ("80100005", 400, "CannotUseOpportunitySetStateMessage", ErrorKind::Refused, Remedy::UseAction),
    ("80040515", 400, "OpportunityIsAlreadyClosed", ErrorKind::Refused, Remedy::AlreadySo),
    ("80040516", 400, "OpportunityCannotBeClosed", ErrorKind::Refused, Remedy::Blocked),
    ("8004051A", 400, "OpportunityAlreadyInOpenState", ErrorKind::Refused, Remedy::AlreadySo),
    ("80040500", 400, "OpportunityMissing", ErrorKind::Refused, Remedy::RowGone),
    ("80040504", 400, "OpportunityParentInvalid", ErrorKind::Refused, Remedy::FixValue),
    ("80040505", 400, "OpportunityParentMissing", ErrorKind::Refused, Remedy::FixValue),
    ("80048479", 400, "CannotUpdateOpportunityCurrency", ErrorKind::Refused, Remedy::Blocked),
    ("80048CFB", 400, "CurrencyRequired", ErrorKind::Refused, Remedy::FixValue),
    ("80048CF6", 400, "PriceListCurrencyMismatch", ErrorKind::Refused, Remedy::FixValue),
    ("80048CEF", 400, "RowCurrencyMismatch", ErrorKind::Refused, Remedy::FixValue),
    ("80048CFC", 400, "InvalidCurrency", ErrorKind::Refused, Remedy::FixValue),
    ("80044352", 400, "ExpiredVersionStamp", ErrorKind::Refused, Remedy::Resync),
    ("80072491", 400, "ChangeTrackingNotEnabledForEntity", ErrorKind::Refused, Remedy::EnableTracking),
    ("80072323", 500, "SqlResourceLimit", ErrorKind::Service, Remedy::TryLater),
    ("80072324", 500, "SqlResourceLimitExceeded", ErrorKind::Service, Remedy::TryLater),
    ("8004A001", 503, "ServerBusy", ErrorKind::Service, Remedy::TryLater),
    ("80044150", 500, "SqlError", ErrorKind::Service, Remedy::TryLater),
    ("80044151", 400, "SqlTimeout", ErrorKind::Refused, Remedy::TryLater),
    ("80047013", 400, "DuplicateAttributeSchemaName", ErrorKind::Refused, Remedy::AlreadySo),
    ("80044363", 400, "SchemaNameIsNotUnique", ErrorKind::Refused, Remedy::AlreadySo),
    ("80044366", 400, "InvalidNamePrefix", ErrorKind::Refused, Remedy::FixRequest),
    ("8004F01F", 400, "CannotDeleteInUseComponent", ErrorKind::Refused, Remedy::Blocked),
    ("80071151", 400, "SolutionConcurrencyFailure", ErrorKind::Refused, Remedy::TryLater),
    ("80081018", 403, "CannotQualifyLead", ErrorKind::Denied, Remedy::GrantRight),
    ("80048d19", 400, "InvalidPayload", ErrorKind::Refused, Remedy::FixRequest),
    ("80060888", 400, "InvalidQuery", ErrorKind::Refused, Remedy::FixRequest),
    ("8006088a", 404, "ResourceNotFound", ErrorKind::NotFound, Remedy::FixRequest),
    ("8ABCDEF0", 400, "Other(2327633648)", ErrorKind::Refused, Remedy::Unknown),
];

#[tokio::test]
async fn every_code_of_the_services_table_is_typed_and_says_what_to_do() {
    for (code, status, name, kind, remedy) in TABLE {
        // The case of the digits varies.
        for code in [format!("0x{code}"), format!("0x{}", code.to_lowercase())] {
            let error = update(status, &[], &refusal_body(&code, "The message.")).await;
            let typed = code_of(&error).unwrap();
            assert_eq!(format!("{typed:?}"), name, "{code}");
            assert_eq!((error.kind(), typed.remedy()), (kind, remedy), "{error}");
            assert_eq!(error.message(), "The message.");
            assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
            assert!(error.to_string().contains(&code), "{error}");
        }
    }
    let codes = [
        (
            "0x80072322",
            "ThrottlingBurstRequestLimitExceeded",
            Remedy::Wait,
        ),
        ("0x80072321", "ThrottlingTimeExceeded", Remedy::Wait),
        (
            "0x80072326",
            "ThrottlingConcurrencyLimitExceeded",
            Remedy::FewerAtOnce,
        ),
    ];
    for (code, name, remedy) in codes {
        let wait = [("retry-after", "100000")];
        let error = update(429, &wait, &refusal_body(code, "wait")).await;
        let typed = code_of(&error).unwrap();
        assert_eq!(
            (format!("{typed:?}").as_str(), typed.remedy()),
            (name, remedy)
        );
        assert_eq!(
            (error.kind(), error.sent()),
            (ErrorKind::Throttled, Sent::No)
        );
        assert_eq!(
            error.retry_after().map(|wait| wait.as_secs()),
            Some(100_000)
        );
    }
}
