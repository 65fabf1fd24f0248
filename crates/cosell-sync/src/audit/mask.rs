//! What of a value may stand in the audit trail.

use std::{fmt, sync::Arc};

use cosell_mapping::{FieldId, Value};

use crate::AuditEntry;

/// Stands where a value was masked.
const MASKED: &str = "(masked)";

/// Fields that hold people: their texts are names.
const PEOPLE: &[&str] = &["contact", "team", "person", "people", "owner", "member"];

/// Parts of a value that tell who somebody is, whatever the field.
const PERSONAL: &[&str] = &[
    "email",
    "mail",
    "phone",
    "mobile",
    "firstname",
    "lastname",
    "fullname",
    "middlename",
    "surname",
];

type Masking = dyn Fn(&FieldId, &Value) -> Value + Send + Sync;

/// Decides what of a field's value is kept in the audit trail. The sync itself never sees it.
///
/// By default ([`Mask::people`]) names, e-mail addresses and phone numbers of contacts are
/// masked. E-mail addresses in messages are masked under every mask but [`Mask::nothing`].
#[derive(Clone)]
pub struct Mask {
    values: Arc<Masking>,
    messages: bool,
}

impl Mask {
    /// A mask of the user's own.
    pub fn new(values: impl Fn(&FieldId, &Value) -> Value + Send + Sync + 'static) -> Self {
        Self {
            values: Arc::new(values),
            messages: true,
        }
    }

    /// Keeps everything as it is.
    pub fn nothing() -> Self {
        Self {
            values: Arc::new(|_, value| value.clone()),
            messages: false,
        }
    }

    /// Keeps no value at all, only which fields there were.
    pub fn everything() -> Self {
        Self::new(|_, value| hide(value))
    }

    /// Masks all text in fields whose name says that they hold people, parts named like a name,
    /// an e-mail address or a phone number in every field, and texts that are e-mail addresses.
    pub fn people() -> Self {
        Self::new(|field, value| {
            let name = plain(field.as_str());
            let people = PEOPLE.iter().any(|word| name.contains(word)) || personal(&name);
            part(people, value)
        })
    }

    pub(crate) fn apply(&self, mut entry: AuditEntry) -> AuditEntry {
        for change in &mut entry.fields {
            for value in [&mut change.before, &mut change.after]
                .into_iter()
                .flatten()
            {
                *value = (self.values)(&change.field, value);
            }
        }
        if self.messages && entry.message.contains('@') {
            entry.message = without_addresses(&entry.message);
        }
        entry
    }
}

impl Default for Mask {
    fn default() -> Self {
        Self::people()
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn personal(name: &str) -> bool {
    PERSONAL.iter().any(|word| name.contains(word))
}

fn part(people: bool, value: &Value) -> Value {
    match value {
        Value::Parts(parts) => Value::Parts(
            parts
                .iter()
                .map(|(name, value)| {
                    let person = people || personal(&plain(name));
                    (name.clone(), part(person, value))
                })
                .collect(),
        ),
        Value::Set(items) => Value::Set(items.iter().map(|item| part(people, item)).collect()),
        Value::Text(_) if people => hide(value),
        Value::Text(text) if text.contains('@') => Value::text(without_addresses(text)),
        other => other.clone(),
    }
}

fn hide(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        _ => Value::text(MASKED),
    }
}

/// The text with every word that has an `@` inside masked.
fn without_addresses(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let inner = word.trim_end();
            if inner.trim_matches('@').contains('@') {
                format!("{MASKED}{}", &word[inner.len()..])
            } else {
                word.to_owned()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[(&str, &str)]) -> Value {
        Value::Parts(
            parts
                .iter()
                .map(|(name, text)| ((*name).to_owned(), Value::text(*text)))
                .collect(),
        )
    }

    fn masked(mask: &Mask, field: &str, value: Value) -> Value {
        let mut entry = AuditEntry::new(
            crate::TraceId::default(),
            chrono::DateTime::UNIX_EPOCH,
            crate::AuditKind::Updated,
            "",
        );
        entry.fields = vec![crate::FieldChange::new(
            FieldId::from(field),
            None,
            Some(value),
        )];
        mask.apply(entry).fields.remove(0).after.expect("kept")
    }

    // R130
    #[test]
    fn people_are_masked_and_deals_are_not() {
        let mask = Mask::default();
        let person = parts(&[("name", "Ada Berg"), ("phone", "+44 113"), ("title", "CFO")]);
        let hidden = parts(&[("name", MASKED), ("phone", MASKED), ("title", MASKED)]);
        for field in ["customer_contact", "team", "Sales Person"] {
            assert_eq!(masked(&mask, field, person.clone()), hidden, "{field}");
            let set = Value::Set([person.clone()].into());
            assert_eq!(
                masked(&mask, field, set),
                Value::Set([hidden.clone()].into())
            );
        }
        // Elsewhere only what tells who somebody is.
        assert_eq!(
            masked(
                &mask,
                "customer",
                parts(&[("name", "Contoso"), ("e_mail", "a"), ("city", "x")])
            ),
            parts(&[("name", "Contoso"), ("e_mail", MASKED), ("city", "x")])
        );
        for (value, kept) in [
            (
                Value::text("call ada@contoso.example today"),
                "call (masked) today",
            ),
            (Value::text("won @ last"), "won @ last"),
            (Value::text("84,000"), "84,000"),
        ] {
            assert_eq!(masked(&mask, "description", value), Value::text(kept));
        }
        assert_eq!(
            masked(&mask, "phone", Value::Null),
            Value::Null,
            "that nothing is there may be told"
        );
        assert_eq!(masked(&Mask::nothing(), "team", person.clone()), person);
        assert_eq!(
            masked(&Mask::everything(), "value", Value::text("1")),
            Value::text(MASKED)
        );
    }

    #[test]
    fn addresses_in_messages_are_masked() {
        let entry = |mask: Mask| {
            let trace = crate::TraceId::default();
            let at = chrono::DateTime::UNIX_EPOCH;
            let text = "no user ada@contoso.example, [request 7]";
            mask.apply(AuditEntry::new(trace, at, crate::AuditKind::Refused, text))
                .message
        };
        assert_eq!(entry(Mask::people()), "no user (masked) [request 7]");
        assert!(entry(Mask::nothing()).contains("ada@"));
    }
}
