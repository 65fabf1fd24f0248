//! Error codes that only a fault brings about: trouble inside the service, in customers' own logic,
//! in what else runs there. All others come from the rules themselves.

use http::StatusCode;

use super::refusal::Refusal;

/// Code, usual status, words.
const CODES: [(u32, u16, &str); 44] = [
    (
        0x8004_4172,
        400,
        "The plug-in execution failed: the sandbox worker is not available.",
    ),
    (
        0x8004_4173,
        400,
        "The plug-in execution failed: the sandbox client cannot be reached.",
    ),
    (
        0x8004_431c,
        400,
        "The value of a two-option column is outside the valid range.",
    ),
    (
        0x8004_0504,
        400,
        "The parent is neither an account nor a contact.",
    ),
    (
        0x8004_8cf6,
        400,
        "The currency of the price list does not match that of the row.",
    ),
    (0x8004_8cfc, 400, "The currency is not valid."),
    (
        0x8007_2324,
        503,
        "The server is busy: the database has no resources left.",
    ),
    (0x8004_0203, 400, "Invalid Argument"),
    (0x8004_0216, 500, "An unexpected error occurred."),
    (
        0x8004_0219,
        501,
        "The requested functionality is not yet implemented.",
    ),
    (0x8004_0204, 403, "Invalid user authorization."),
    (
        0x8004_8306,
        403,
        "Not enough privileges to access the Microsoft Dynamics 365 object or perform the requested operation.",
    ),
    (0x8004_8405, 403, "Access is denied."),
    (0x8004_0256, 403, "Security error."),
    (
        0x8004_0277,
        403,
        "Attempted to perform an unauthorized operation.",
    ),
    (0x8004_020d, 403, "Invalid access rights."),
    (
        0x8004_0225,
        403,
        "The specified user is either disabled or is not a member of any business unit.",
    ),
    (
        0x8004_2f09,
        403,
        "The user has not been assigned any roles.",
    ),
    (
        0x8007_2560,
        403,
        "The user is not a member of the organization.",
    ),
    (0x8004_a112, 403, "The system user was disabled."),
    (
        0x8004_f502,
        403,
        "Caller does not have privilege to create a secured column.",
    ),
    (
        0x8004_f504,
        403,
        "Caller does not have privilege to read a secured column.",
    ),
    (
        0x8004_f507,
        403,
        "Caller does not have privilege to update a secured column.",
    ),
    (0x8004_0265, 400, "The plug-in has refused the operation."),
    (
        0x8004_0224,
        400,
        "An unexpected error occurred from ISV code.",
    ),
    (
        0x8004_4171,
        400,
        "The plug-in execution was terminated: it took too long.",
    ),
    (
        0x8004_4182,
        400,
        "This workflow job was canceled because the workflow that started it included an infinite loop.",
    ),
    (0x8004_0228, 400, "Cannot delete because it is read-only."),
    (0x8004_0505, 400, "The parent is missing."),
    (0x8004_0516, 400, "The opportunity cannot be closed."),
    (
        0x8004_4192,
        400,
        "The format of the e-mail address is not valid.",
    ),
    (
        0x8004_4354,
        400,
        "The attribute value is of the wrong type.",
    ),
    (
        0x8004_8479,
        405,
        "You cannot update the currency of an opportunity that has products, quotes or orders.",
    ),
    (
        0x8004_8cef,
        400,
        "The currency of the record does not match the currency of the price list.",
    ),
    (
        0x8006_0883,
        400,
        "The RowVersion property must be provided when the value of ConcurrencyBehavior is IfVersionMatches.",
    ),
    (
        0x8006_088d,
        400,
        "Optimistic concurrency isn't enabled for this type of entity.",
    ),
    (
        0x8006_089d,
        400,
        "More than one record exists with the specified key values.",
    ),
    (
        0x8007_2323,
        503,
        "The server is busy: resources of the database are limited.",
    ),
    (
        0x8004_a001,
        503,
        "The server is busy and the request was not completed. Try again later.",
    ),
    (0x8004_4150, 500, "Generic SQL error."),
    (0x8004_4151, 500, "SQL timeout expired."),
    (
        0x8007_1151,
        400,
        "Cannot start another solution operation because one is running.",
    ),
    (
        0x8004_8d19,
        400,
        "Error identified in Payload provided by the user.",
    ),
    (
        0x8007_3001,
        400,
        "The length of a value exceeded that of its column in the database.",
    ),
];

/// The refusal with this code; one that is not in the table is an unexpected error of its own.
pub(super) fn refusal(code: u32) -> Refusal {
    let known = CODES.iter().find(|(known, ..)| *known == code);
    let (status, message) = known.map_or(
        (500, "An unexpected error occurred."),
        |(_, status, message)| (*status, *message),
    );
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Refusal::new(status, format!("0x{code:08x}"), message)
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (u32, u16)> {
    CODES.iter().map(|(code, status, _)| (*code, *status))
}
