//! A client's error, sorted by what the engine does next.

use std::time::Duration;

use cosell_http::{Error, ErrorKind, Sent};
use cosell_mapping::{FieldSet, Lens, Path, Reason, ReasonCode, RecordKind, Refusal};
use cosell_sync::{ReadError, RefusedField, Told, WriteError};

/// How long to wait where a service asks to wait and does not say how long.
const SOME_TIME: Duration = Duration::from_secs(30);

/// The error in one line, with an id to find the call by.
fn in_words(error: &Error) -> String {
    match (error.request_id(), error.correlation()) {
        (None, Some(correlation)) => format!("{error} [correlation {correlation}]"),
        _ => error.to_string(),
    }
}

/// The same for the audit trail.
pub(crate) fn told(error: &Error) -> Told {
    let correlation = || error.correlation().map(|id| id.to_string());
    Told::from(in_words(error))
        .with_code(error.code().map(str::to_owned))
        .with_request(error.request_id().map(str::to_owned).or_else(correlation))
}

pub(crate) fn read_error(error: &Error) -> ReadError {
    let text = in_words(error);
    match error.kind() {
        ErrorKind::Throttled => ReadError::Throttled {
            after: error.retry_after().unwrap_or(SOME_TIME),
        },
        ErrorKind::Denied => ReadError::NotVisible(text),
        ErrorKind::Malformed => ReadError::Malformed(text),
        _ => ReadError::Failed(text),
    }
}

/// Sorts a failed write. `fields` are the rules, to tell which field the service points at.
pub(crate) fn write_error(error: &Error, kind: RecordKind, fields: &FieldSet) -> WriteError {
    let message = told(error);
    if error.kind() == ErrorKind::Throttled {
        return WriteError::Throttled {
            after: error.retry_after().unwrap_or(SOME_TIME),
        };
    }
    match (error.sent(), error.kind()) {
        // A missing right is not the record's fault: it is tried again when the role is back.
        (Sent::No, _) | (Sent::Answered, ErrorKind::Denied) => WriteError::NotSent(message),
        (Sent::Answered, ErrorKind::Conflict | ErrorKind::NotFound) => WriteError::Stale,
        (Sent::Answered, ErrorKind::Refused) => {
            let fields = error
                .target()
                .and_then(|target| field_at(target, kind, fields))
                .map(|field| RefusedField {
                    field,
                    reason: Reason::new(ReasonCode::Invalid, message.text.clone()),
                });
            WriteError::Refused {
                message,
                fields: fields.into_iter().collect(),
            }
        }
        _ => WriteError::Unknown(message),
    }
}

/// Fields that cannot be written, found out before anything was sent.
pub(crate) fn refused(refusals: Vec<Refusal>) -> WriteError {
    let message: Vec<String> = refusals
        .iter()
        .map(|refusal| format!("{}: {}", refusal.field, refusal.reason.detail))
        .collect();
    WriteError::Refused {
        message: message.join("; ").into(),
        fields: refusals
            .into_iter()
            .map(|refusal| RefusedField {
                field: refusal.field,
                reason: refusal.reason,
            })
            .collect(),
    }
}

/// The field that a service means by `details.dealValue` or `customerProfile/address`.
pub(crate) fn field_at(
    target: &str,
    kind: RecordKind,
    fields: &FieldSet,
) -> Option<cosell_mapping::FieldId> {
    let target: Path = target.replace('.', "/").trim_matches('/').parse().ok()?;
    fields
        .iter()
        .find(|rule| {
            let writes = rule.lens(kind).writes();
            writes
                .iter()
                .any(|path| path.covers(&target) || target.covers(path))
        })
        .map(|rule| rule.field.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cosell_mapping::field;

    fn sorted(kind: ErrorKind, sent: Sent) -> WriteError {
        let error = Error::new("test", kind, sent, "text");
        write_error(&error, RecordKind::Referral, &FieldSet::default_connector())
    }

    #[test]
    fn what_may_have_happened_is_never_called_refused() {
        for kind in [
            ErrorKind::Transport,
            ErrorKind::Service,
            ErrorKind::Malformed,
        ] {
            assert!(
                matches!(sorted(kind, Sent::Maybe), WriteError::Unknown(_)),
                "{kind:?}"
            );
        }
        assert!(matches!(
            sorted(ErrorKind::Malformed, Sent::Answered),
            WriteError::Unknown(_)
        ));
        assert!(matches!(
            sorted(ErrorKind::TooLate, Sent::Maybe),
            WriteError::Unknown(_)
        ));
        assert!(matches!(
            sorted(ErrorKind::TooLate, Sent::No),
            WriteError::NotSent(_)
        ));
        assert!(matches!(
            sorted(ErrorKind::SignIn, Sent::No),
            WriteError::NotSent(_)
        ));
        assert!(matches!(
            sorted(ErrorKind::Conflict, Sent::Answered),
            WriteError::Stale
        ));
        assert!(matches!(
            sorted(ErrorKind::Refused, Sent::Answered),
            WriteError::Refused { .. }
        ));
    }

    #[test]
    fn a_service_points_at_a_field_in_its_own_words() {
        let fields = FieldSet::default_connector();
        for (target, expected) in [
            ("details.dealValue", Some(field::VALUE)),
            ("customerProfile.address.country", Some(field::CUSTOMER)),
            ("customerProfile", Some(field::CUSTOMER)),
            ("referral", None),
            ("", None),
        ] {
            assert_eq!(
                field_at(target, RecordKind::Referral, &fields),
                expected,
                "{target}"
            );
        }
    }
}
