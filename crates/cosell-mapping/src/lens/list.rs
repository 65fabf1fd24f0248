//! Things without order: a list of objects, or ids in one text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::{RawValue, to_raw_value};

use crate::{
    Assignment, Context, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, emptied, wrong_kind},
    record::{apply, fault, read, text_at},
    text::utf16_len,
};

/// How a list of objects stands in a record, such as solutions or people. One object in the place
/// of a list (a related row of the CRM) is a list of one.
///
/// Without [`members`](Self::members) its value is a set of keys, with them a set of named
/// parts. Members of an object that the rule does not name survive, and so do objects without a
/// key: the CRM cannot hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListShape {
    /// Where.
    pub path: Path,
    /// The member that tells one object from another.
    pub key: String,
    /// Names of parts and the members they stand in, the key among them.
    pub members: BTreeMap<String, String>,
    /// What a new object gets besides.
    pub constants: BTreeMap<String, String>,
    /// Keys are compared without regard to case, such as e-mail addresses.
    pub fold: bool,
    /// Most objects.
    pub most: usize,
    /// An object that lacks one of the members counts for nothing.
    pub complete: bool,
    /// Objects that the other side does not have stay: the list only grows.
    pub grows: bool,
    /// The list can be emptied.
    pub clears: bool,
}

/// An object as it stands, and what it means; without a key it means nothing.
type Held = (Box<RawValue>, Option<Value>);

impl ListShape {
    /// Most objects that a deal takes of a kind.
    pub const MOST: usize = 50;

    /// A list of at most [`MOST`](Self::MOST) objects that can be emptied.
    pub fn new(path: Path, key: impl Into<String>) -> Self {
        Self {
            path,
            key: key.into(),
            members: BTreeMap::new(),
            constants: BTreeMap::new(),
            fold: false,
            most: Self::MOST,
            complete: false,
            grows: false,
            clears: true,
        }
    }

    /// The columns of a related row that the members stand in.
    pub(crate) fn columns(&self) -> Vec<Path> {
        let members = self.members.values();
        let columns: BTreeSet<&String> = members.chain([&self.key]).collect();
        columns
            .into_iter()
            .map(|member| self.path.inner(member))
            .collect()
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let values = self
            .items(record)?
            .into_iter()
            .filter_map(|(_, value)| value);
        Ok(whole(values.collect()))
    }

    /// Each object as it stands, and what it means.
    fn items(&self, record: &Record) -> Result<Vec<Held>, ReadFault> {
        let Some(raw) = read(record, &self.path)? else {
            return Ok(Vec::new());
        };
        let broken = || fault(&self.path, "a list of objects", raw);
        let items: Vec<Box<RawValue>> = match raw.get().starts_with('{') {
            true => vec![raw.to_owned()],
            false => serde_json::from_str(raw.get()).map_err(|_| broken())?,
        };
        items
            .into_iter()
            .map(|item| {
                let object: Record = serde_json::from_str(item.get()).map_err(|_| broken())?;
                Ok((item, self.value_of(&object)?))
            })
            .collect()
    }

    fn value_of(&self, object: &Record) -> Result<Option<Value>, ReadFault> {
        let text = |member: &str| -> Result<String, ReadFault> {
            let place = Path::member(member);
            let text = text_at(object, &place).map_err(|mut fault| {
                fault.path = self.path.clone();
                fault
            })?;
            Ok(self.plain(member, &text.unwrap_or_default()))
        };
        let key = text(&self.key)?;
        if key.is_empty() {
            return Ok(None);
        }
        if self.members.is_empty() {
            return Ok(Some(Value::text(key)));
        }
        let mut parts = BTreeMap::new();
        for (name, member) in &self.members {
            let value = Value::text(text(member)?);
            if !value.is_null() {
                parts.insert(name.clone(), value);
            }
        }
        let lacks = parts.len() < self.members.len();
        Ok((!lacks || !self.complete).then_some(Value::Parts(parts)))
    }

    fn plain(&self, member: &str, text: &str) -> String {
        let text = text.trim();
        if self.fold && member == self.key {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    }

    /// The members that a wanted thing has, its key first.
    fn wanted(&self, value: &Value) -> Result<(String, BTreeMap<String, String>), Reason> {
        let mut members = BTreeMap::new();
        match value {
            Value::Text(key) if self.members.is_empty() => {
                members.insert(self.key.clone(), self.plain(&self.key, key));
            }
            Value::Parts(parts) if !self.members.is_empty() => {
                for (name, member) in &self.members {
                    let text = match parts.get(name) {
                        Some(Value::Text(text)) => self.plain(member, text),
                        None | Some(Value::Null) => String::new(),
                        Some(_) => return Err(wrong_kind("named texts")),
                    };
                    members.insert(member.clone(), text);
                }
            }
            _ => return Err(wrong_kind("a set of things of its own kind")),
        }
        let key = members.get(&self.key).cloned().unwrap_or_default();
        if key.is_empty() {
            return Err(Reason::new(
                ReasonCode::Invalid,
                format!(
                    "{} takes nothing without {}: complete it",
                    self.path, self.key
                ),
            ));
        }
        let lacks = members.iter().find(|(_, text)| text.is_empty());
        if let Some((member, _)) = lacks.filter(|_| self.complete) {
            return Err(Reason::new(
                ReasonCode::Invalid,
                format!("{} takes nothing without {member}: complete it", self.path),
            ));
        }
        Ok((key, members))
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let wanted = match wanted {
            Value::Null => &BTreeSet::new(),
            Value::Set(wanted) => wanted,
            _ => return Err(wrong_kind("a set")),
        };
        let mut left: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for thing in wanted {
            let (key, members) = self.wanted(thing)?;
            if left.insert(key, members).is_some() {
                return Err(Reason::new(
                    ReasonCode::Invalid,
                    format!(
                        "two things for {} have one {}: remove one",
                        self.path, self.key
                    ),
                ));
            }
        }
        self.room(left.len())?;
        if left.is_empty() {
            if let Some(now) = now.filter(|_| self.grows) {
                return Ok(Form::exact(now.value.clone(), Vec::new()));
            }
            let clears = self.clears || cx.clearable.contains(&self.path);
            match now {
                Some(now) if clears && !now.value.is_null() => {}
                _ => return emptied(&self.path, self.clears, now, cx),
            }
        }
        let items = now
            .map(|now| self.items(now.record))
            .transpose()
            .map_err(|fault| {
                Reason::new(ReasonCode::Invalid, format!("{fault}: correct it there"))
            })?
            .unwrap_or_default();
        let mut written: Vec<Box<RawValue>> = Vec::new();
        let (mut keys, mut values) = (BTreeSet::new(), BTreeSet::new());
        for (item, value) in items {
            let Some(value) = value else {
                written.push(item);
                continue;
            };
            let (key, held) = self.wanted(&value)?;
            // Of two objects with one key the first stays.
            let first = keys.insert(key.clone());
            let Some(members) = left.remove(&key) else {
                if self.grows && first {
                    written.push(item);
                    values.insert(value);
                }
                continue;
            };
            if held == members {
                written.push(item);
                values.insert(value);
            } else {
                let object = serde_json::from_str(item.get()).unwrap_or_default();
                let (object, value) = self.made(object, &members);
                written.push(object);
                values.insert(value);
            }
        }
        for members in left.values() {
            let constants = self.constants.iter();
            let object = constants
                .filter(|(name, _)| !members.contains_key(*name))
                .filter_map(|(name, text)| Some((name.clone(), to_raw_value(text).ok()?)))
                .collect();
            let (object, value) = self.made(object, members);
            written.push(object);
            values.insert(value);
        }
        self.room(values.len())?;
        Ok(Form::exact(
            whole(values),
            vec![Assignment::new(&self.path, &written)],
        ))
    }

    fn room(&self, wanted: usize) -> Result<(), Reason> {
        if wanted <= self.most {
            return Ok(());
        }
        Err(Reason::new(
            ReasonCode::Invalid,
            format!(
                "{} takes at most {}, there would be {wanted}: remove some on the other side",
                self.path, self.most
            ),
        ))
    }

    fn made(
        &self,
        mut object: Record,
        members: &BTreeMap<String, String>,
    ) -> (Box<RawValue>, Value) {
        let assignments: Vec<Assignment> = members
            .iter()
            .map(|(member, text)| (Path::member(member), text))
            .filter(|(place, text)| {
                !text.is_empty() || text_at(&object, place).is_ok_and(|held| held.is_some())
            })
            .map(|(place, text)| match text.as_str() {
                "" => Assignment::null(&place),
                text => Assignment::new(&place, text),
            })
            .collect();
        // Members stand at the top of an object, so nothing stands in their way.
        let _ = apply(&mut object, &assignments);
        let value = self.value_of(&object).ok().flatten().unwrap_or_default();
        let raw = to_raw_value(&object).expect("names and JSON texts have a JSON form");
        (raw, value)
    }
}

/// How a set of ids stands in one text, parted by commas, semicolons or line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdsShape {
    /// Where.
    pub path: Path,
    /// Longest text in UTF-16 units; [`Context::text_limits`] goes before it.
    pub limit: Option<usize>,
    /// The text can be emptied.
    pub clears: bool,
}

const SEPARATORS: [char; 4] = [',', ';', '\n', '\r'];

impl IdsShape {
    /// Ids in a text of any length that can be emptied.
    pub fn new(path: Path) -> Self {
        Self {
            path,
            limit: None,
            clears: true,
        }
    }

    fn ids(&self, record: &Record) -> Result<Vec<String>, ReadFault> {
        let text = text_at(record, &self.path)?.unwrap_or_default();
        let ids = text.split(SEPARATORS).map(str::trim);
        Ok(ids.filter(|id| !id.is_empty()).map(str::to_owned).collect())
    }

    pub(super) fn get(&self, record: &Record) -> Result<Value, ReadFault> {
        let ids = self.ids(record)?;
        Ok(whole(ids.into_iter().map(Value::Text).collect()))
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let wanted = match wanted {
            Value::Null => return emptied(&self.path, self.clears, now, cx),
            Value::Set(wanted) if wanted.is_empty() => {
                return emptied(&self.path, self.clears, now, cx);
            }
            Value::Set(wanted) => wanted,
            _ => return Err(wrong_kind("a set of ids")),
        };
        let mut left = BTreeSet::new();
        for id in wanted {
            match id {
                Value::Text(id) if !id.contains(SEPARATORS) && !id.trim().is_empty() => {
                    left.insert(id.trim().to_owned());
                }
                Value::Text(_) => {
                    return Err(Reason::new(
                        ReasonCode::Invalid,
                        format!(
                            "{} parts ids by commas, semicolons and lines, so an id with one of \
                             them has no place there: keep such ids in a table",
                            self.path
                        ),
                    ));
                }
                _ => return Err(wrong_kind("a set of ids")),
            }
        }
        let value = whole(left.iter().cloned().map(Value::Text).collect());
        // Those that stay keep the order a person gave them.
        let held = now
            .and_then(|now| self.ids(now.record).ok())
            .unwrap_or_default();
        let mut ids: Vec<String> = held.into_iter().filter(|id| left.remove(id)).collect();
        ids.extend(left);
        let text = ids.join("; ");
        let limit = cx.text_limits.get(&self.path).copied().or(self.limit);
        if limit.is_some_and(|limit| utf16_len(&text) > limit) {
            return Err(Reason::new(
                ReasonCode::Invalid,
                format!(
                    "the ids need more room than {} has, and a cut id is none: use the solutions \
                     table",
                    self.path
                ),
            ));
        }
        Ok(Form::exact(value, vec![Assignment::new(&self.path, &text)]))
    }
}

fn whole(things: BTreeSet<Value>) -> Value {
    if things.is_empty() {
        Value::Null
    } else {
        Value::Set(things)
    }
}
