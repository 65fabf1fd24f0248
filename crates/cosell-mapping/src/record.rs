//! Wire records: read at a path, changed at a path, everything else kept as it came.

mod find;

use std::{collections::BTreeMap, fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

use crate::Path;

/// A record as it stands on the wire: top-level members with their exact JSON text.
pub type Record = BTreeMap<String, Box<RawValue>>;

/// One place of a record gets a new value.
#[derive(Clone)]
pub struct Assignment {
    /// The place.
    pub path: Path,
    /// The JSON text it gets.
    pub value: Box<RawValue>,
}

impl Assignment {
    /// Writes any plain value.
    pub(crate) fn new<T: Serialize + ?Sized>(path: &Path, value: &T) -> Self {
        let value = serde_json::value::to_raw_value(value)
            .expect("text, whole numbers, flags and null have a JSON form");
        Self {
            path: path.clone(),
            value,
        }
    }

    /// Writes an exact number: no binary fraction stands between it and the wire.
    pub(crate) fn decimal(path: &Path, number: Decimal) -> Self {
        let value = RawValue::from_string(number.normalize().to_string())
            .expect("a decimal's digits are a JSON number");
        Self {
            path: path.clone(),
            value,
        }
    }

    /// Writes `null`.
    pub(crate) fn null(path: &Path) -> Self {
        Self::new(path, &())
    }
}

impl PartialEq for Assignment {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.value.get() == other.value.get()
    }
}

impl Eq for Assignment {}

impl fmt::Debug for Assignment {
    /// The place only: values may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assignment")
            .field("path", &self.path.to_string())
            .finish_non_exhaustive()
    }
}

/// A record breaks the model at one place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found {found}")]
pub struct ReadFault {
    /// The place.
    pub path: Path,
    /// What belongs there.
    pub expected: &'static str,
    /// What kind of thing stands there; never the content.
    pub found: &'static str,
}

/// The JSON text at a place; `None` where nothing or `null` stands.
///
/// # Errors
/// A member on the way is no object.
pub fn read<'r>(record: &'r Record, path: &Path) -> Result<Option<&'r RawValue>, ReadFault> {
    let mut segments = path.segments().iter();
    let mut here: Option<&'r RawValue> = segments
        .next()
        .and_then(|root| record.get(root))
        .map(AsRef::as_ref);
    for segment in segments {
        let Some(raw) = here.filter(|raw| !is_null(raw)) else {
            return Ok(None);
        };
        here =
            find::member(raw, segment).map_err(|_| fault(path, "objects on the way to it", raw))?;
    }
    Ok(here.filter(|raw| !is_null(raw)))
}

/// Changes a record. Members and properties that no assignment names keep their exact text and
/// their order.
///
/// # Errors
/// A member on the way is neither an object nor `null`; the record is then unchanged.
pub fn apply(record: &mut Record, assignments: &[Assignment]) -> Result<(), ReadFault> {
    let mut changed = Record::new();
    for Assignment { path, value } in assignments {
        let (root, inner) = match path.segments() {
            [] => continue,
            [root, inner @ ..] => (root, inner),
        };
        let now = changed.get(root).or_else(|| record.get(root));
        let new = written(now.map(AsRef::as_ref), inner, value, path)?;
        changed.insert(root.clone(), new);
    }
    record.extend(changed);
    Ok(())
}

fn written(
    now: Option<&RawValue>,
    inner: &[String],
    value: &RawValue,
    path: &Path,
) -> Result<Box<RawValue>, ReadFault> {
    let [member, deeper @ ..] = inner else {
        return Ok(value.to_owned());
    };
    let mut members = match now.filter(|raw| !is_null(raw)) {
        None => Members::default(),
        Some(raw) => serde_json::from_str(raw.get())
            .map_err(|_| fault(path, "objects on the way to it", raw))?,
    };
    let new = written(members.get(member), deeper, value, path)?;
    members.set(member, new);
    Ok(serde_json::value::to_raw_value(&members).expect("names and JSON texts have a JSON form"))
}

/// An object's members in the order they came.
#[derive(Default)]
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    // Where a sloppy service repeats a member, the last one counts, as for every JSON reader here.
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0
            .iter()
            .rfind(|(member, _)| member == name)
            .map(|(_, value)| value.as_ref())
    }

    fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().rfind(|(member, _)| member == name) {
            Some((_, place)) => *place = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The text at a place; empty text counts as nothing.
pub(crate) fn text_at(record: &Record, path: &Path) -> Result<Option<String>, ReadFault> {
    let Some(raw) = read(record, path)? else {
        return Ok(None);
    };
    let text: String = serde_json::from_str(raw.get()).map_err(|_| fault(path, "text", raw))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// The exact number at a place; services also write numbers as text.
pub(crate) fn decimal_at(record: &Record, path: &Path) -> Result<Option<Decimal>, ReadFault> {
    let Some(raw) = read(record, path)? else {
        return Ok(None);
    };
    let text = raw.get();
    let digits = if text.starts_with('"') {
        serde_json::from_str::<String>(text).map_err(|_| fault(path, "a number", raw))?
    } else {
        text.to_owned()
    };
    let digits = digits.trim();
    if digits.is_empty() {
        return Ok(None);
    }
    // Too many decimals are rounded away at the 28th digit, far below any currency.
    let number = Decimal::from_str(digits).or_else(|_| Decimal::from_scientific(digits));
    match number {
        Ok(number) => Ok(Some(number.normalize())),
        Err(_) => Err(fault(path, "a number of at most 28 digits", raw)),
    }
}

/// The whole number at a place.
pub(crate) fn integer_at(record: &Record, path: &Path) -> Result<Option<i64>, ReadFault> {
    let Some(raw) = read(record, path)? else {
        return Ok(None);
    };
    serde_json::from_str(raw.get())
        .map(Some)
        .map_err(|_| fault(path, "a whole number", raw))
}

/// The flag at a place.
pub(crate) fn flag_at(record: &Record, path: &Path) -> Result<Option<bool>, ReadFault> {
    let Some(raw) = read(record, path)? else {
        return Ok(None);
    };
    serde_json::from_str(raw.get())
        .map(Some)
        .map_err(|_| fault(path, "true or false", raw))
}

pub(crate) fn fault(path: &Path, expected: &'static str, found: &RawValue) -> ReadFault {
    let found = match found.get().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "text that is not one",
        Some(b't' | b'f') => "a flag",
        Some(b'n') => "null",
        _ => "a number that is not one",
    };
    ReadFault {
        path: path.clone(),
        expected,
        found,
    }
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> Record {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn reading_follows_members_and_takes_null_for_nothing() {
        let record = record(r#"{"details":{"dealValue":84000.0,"notes":null},"team":[],"x":null}"#);
        let at = |path| {
            read(&record, &Path::known(path))
                .unwrap()
                .map(RawValue::get)
        };
        assert_eq!(at("details/dealValue"), Some("84000.0"));
        assert_eq!(at("details/notes"), None);
        assert_eq!(at("details/absent/deeper"), None);
        assert_eq!(at("x/deeper"), None);
        assert_eq!(at("team"), Some("[]"));
    }

    #[test]
    fn a_broken_way_names_the_place_and_never_the_content() {
        let record = record(r#"{"details":["secret"]}"#);
        let fault = read(&record, &Path::known("details/notes")).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "details/notes: expected objects on the way to it, found a list"
        );
    }

    #[test]
    fn applying_keeps_unknown_members_byte_for_byte_and_in_order() {
        let mut record = record(
            r#"{"details":{"zeta": 922337203685477.5807,"dealValue":1,"odd":"\u00e9"},"future":{ "a" :1e2}}"#,
        );
        let path = Path::known("details/dealValue");
        apply(
            &mut record,
            &[Assignment::decimal(&path, Decimal::new(250, 2))],
        )
        .unwrap();
        assert_eq!(
            record["details"].get(),
            r#"{"zeta":922337203685477.5807,"dealValue":2.5,"odd":"\u00e9"}"#
        );
        assert_eq!(record["future"].get(), r#"{ "a" :1e2}"#);
    }

    #[test]
    fn of_repeated_members_the_last_counts() {
        let mut record = record(r#"{"d":{"o":{"a":1},"o":{"b":2}}}"#);
        let at = |record: &Record| read(record, &Path::known("d/o/b")).unwrap().is_some();
        assert!(at(&record));
        apply(&mut record, &[Assignment::new(&Path::known("d/o/c"), &3)]).unwrap();
        assert!(at(&record));
        assert_eq!(record["d"].get(), r#"{"o":{"a":1},"o":{"b":2,"c":3}}"#);
    }

    #[test]
    fn applying_makes_missing_objects_and_is_all_or_nothing() {
        let mut made = record(r#"{"details":null}"#);
        let notes = Assignment::new(&Path::known("details/notes"), "hello");
        apply(&mut made, std::slice::from_ref(&notes)).unwrap();
        assert_eq!(made["details"].get(), r#"{"notes":"hello"}"#);

        let mut broken = record(r#"{"name":"a","details":7}"#);
        let name = Assignment::new(&Path::known("name"), "b");
        assert!(apply(&mut broken, &[name, notes]).is_err());
        assert_eq!(broken["name"].get(), r#""a""#);
    }

    #[test]
    fn numbers_are_exact_in_every_spelling() {
        let record = record(
            r#"{"a":922337203685477.5807,"b":"10000","c":8.4e4,"d":"","e":true,"f":1e99,"g":"ten"}"#,
        );
        let at = |path| decimal_at(&record, &Path::known(path));
        assert_eq!(
            at("a").unwrap().unwrap().to_string(),
            "922337203685477.5807"
        );
        assert_eq!(at("b").unwrap(), Some(Decimal::from(10_000)));
        assert_eq!(at("c").unwrap(), Some(Decimal::from(84_000)));
        assert_eq!(at("d").unwrap(), None);
        for path in ["e", "f", "g"] {
            assert!(at(path).is_err(), "{path}");
        }
    }

    #[test]
    fn debug_shows_no_values() {
        let secret = Assignment::new(&Path::known("name"), "Ada Berg");
        assert!(!format!("{secret:?}").contains("Ada"));
    }
}
