//! The raw object and how its members are found.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{At, Wire};

/// Members of a JSON object with the exact text of every value.
pub type RawMap = BTreeMap<String, Box<RawValue>>;

/// One member cannot be read as what it should be. The others can.
///
/// Holds no value, so it may be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found {found}")]
#[non_exhaustive]
pub struct FieldError {
    /// Where, such as `customerProfile.team[0].email`.
    pub path: String,
    /// What should be there.
    pub expected: &'static str,
    /// What is there.
    pub found: &'static str,
}

impl FieldError {
    pub(crate) fn new(
        path: impl Into<String>,
        expected: &'static str,
        found: &'static str,
    ) -> Self {
        Self {
            path: path.into(),
            expected,
            found,
        }
    }
}

/// A raw object that knows where in the record it stands.
#[derive(Clone, Default)]
pub(crate) struct Object {
    at: String,
    members: RawMap,
}

impl Object {
    pub(crate) fn new(at: String, members: RawMap) -> Self {
        Self { at, members }
    }

    /// Reads a whole body; `what` names it in errors.
    pub(crate) fn decode(body: &[u8], what: &'static str) -> Result<Self, FieldError> {
        let wrong = |found| FieldError::new(what, "a JSON object", found);
        let text = std::str::from_utf8(body).map_err(|_| wrong("bytes that are not UTF-8"))?;
        // .NET writers put a byte order mark in front at times.
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(wrong("an empty body"));
        }
        let members = serde_json::from_str(text).map_err(|error| {
            wrong(if error.is_eof() {
                "a body that breaks off"
            } else if error.is_data() {
                kind_of(text)
            } else {
                "a body that is not JSON"
            })
        })?;
        Ok(Self::new(String::new(), members))
    }

    pub(crate) fn read(raw: &RawValue, at: &At<'_>) -> Result<Self, FieldError> {
        serde_json::from_str(raw.get())
            .map(|members| Self::new(at.to_string(), members))
            .map_err(|_| at.wrong("an object", raw))
    }

    pub(crate) fn members(&self) -> &RawMap {
        &self.members
    }

    pub(crate) fn into_members(self) -> RawMap {
        self.members
    }

    /// The member called `name`, else one that differs in case only (documented samples are
    /// PascalCase in places). Null counts as absent.
    pub(crate) fn find(&self, name: &str) -> Option<&RawValue> {
        self.members
            .get(name)
            .or_else(|| {
                self.members
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
            })
            .map(|value| &**value)
            .filter(|value| value.get() != "null")
    }

    pub(crate) fn field<T: Wire>(&self, name: &str) -> Result<Option<T>, FieldError> {
        self.find(name)
            .map_or(Ok(None), |raw| T::read(raw, &At::member(&self.at, name)))
    }

    pub(crate) fn list<T: Wire>(&self, name: &str) -> Result<Vec<T>, FieldError> {
        let Some(raw) = self.find(name) else {
            return Ok(Vec::new());
        };
        let at = At::member(&self.at, name);
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            // Documented samples show `{}` for an empty list.
            let empty = serde_json::from_str::<RawMap>(raw.get()).is_ok_and(|map| map.is_empty());
            return if empty {
                Ok(Vec::new())
            } else {
                Err(at.wrong("a list", raw))
            };
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            if item.get() != "null"
                && let Some(value) = T::read(item, &at.item(index))?
            {
                read.push(value);
            }
        }
        Ok(read)
    }

    /// Sets a member under its exact name; other spellings of it go.
    pub(crate) fn put<T: Wire>(&mut self, name: &str, value: &T) {
        self.put_raw(name, value.write());
    }

    pub(crate) fn put_list<T: Wire>(&mut self, name: &str, values: &[T]) {
        self.put_raw(name, encode_list(values));
    }

    /// Takes a member away in every spelling.
    pub(crate) fn remove(&mut self, name: &str) {
        self.members
            .retain(|key, _| !key.eq_ignore_ascii_case(name));
    }

    fn put_raw(&mut self, name: &str, value: Box<RawValue>) {
        self.remove(name);
        self.members.insert(name.to_owned(), value);
    }

    pub(crate) fn write(&self) -> Box<RawValue> {
        encode(&self.members)
    }

    /// Names without values: a record is full of personal data.
    pub(crate) fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Names<'a>(&'a RawMap);
        impl fmt::Debug for Names<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.0.keys()).finish()
            }
        }
        f.debug_tuple(name).field(&Names(&self.members)).finish()
    }
}

/// Writes what cannot fail to be written: texts, flags, and maps and lists of JSON texts.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

pub(crate) fn encode_list<T: Wire>(values: &[T]) -> Box<RawValue> {
    encode(&values.iter().map(Wire::write).collect::<Vec<_>>())
}

/// Names the kind of a JSON text.
pub(crate) fn kind_of(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'"') => "text",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "something that is not JSON",
    }
}
