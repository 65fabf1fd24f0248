//! What a file says before it means anything: a tree that remembers where each thing stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Fault, Place};

/// Deepest nesting of a file; rules need five.
const MAX_DEPTH: usize = 12;

/// One thing of a file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: Option<Place>,
    pub(super) item: Item,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Text(String),
    Whole(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// Something that no mapping uses, in words.
    Other(&'static str),
}

impl Node {
    pub(super) fn table(&self) -> Option<&BTreeMap<String, Node>> {
        match &self.item {
            Item::Table(members) => Some(members),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.item {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn fault(
        &self,
        key: impl Into<String>,
        what: impl Into<String>,
        cure: impl Into<String>,
    ) -> Fault {
        let mut fault = Fault::new(key, what, cure);
        fault.at.clone_from(&self.at);
        fault
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.item {
            Item::Text(_) => "a text",
            Item::Whole(_) => "a whole number",
            Item::Flag(_) => "true or false",
            Item::List(_) => "a list",
            Item::Table(_) => "a table",
            Item::Other(kind) => kind,
        }
    }

    /// The same as JSON, for the model to be read from.
    pub(super) fn json(&self) -> serde_json::Value {
        match &self.item {
            Item::Text(text) => text.as_str().into(),
            Item::Whole(number) => (*number).into(),
            Item::Flag(flag) => (*flag).into(),
            Item::List(items) => items.iter().map(Self::json).collect(),
            Item::Table(members) => serde_json::Value::Object(
                members
                    .iter()
                    .map(|(name, node)| (name.clone(), node.json()))
                    .collect(),
            ),
            Item::Other(_) => serde_json::Value::Null,
        }
    }

    /// Lays this tree over a base: tables are merged member by member, anything else replaces. A
    /// table that names another transform than the base's replaces it whole.
    pub(super) fn over(self, base: Self) -> Self {
        let item = match (self.item, base.item) {
            (Item::Table(mine), Item::Table(mut theirs)) => {
                let transform = |table: &BTreeMap<String, Self>| {
                    table
                        .get("transform")
                        .and_then(Self::text)
                        .map(str::to_owned)
                };
                if transform(&mine).is_some_and(|mine| Some(mine) != transform(&theirs)) {
                    theirs.clear();
                }
                for (name, node) in mine {
                    let node = match theirs.remove(&name) {
                        Some(base) => node.over(base),
                        None => node,
                    };
                    theirs.insert(name, node);
                }
                Item::Table(theirs)
            }
            (item, _) => item,
        };
        Self { at: self.at, item }
    }

    /// Takes out the member at a dotted name; says whether it was there.
    pub(super) fn remove(&mut self, dotted: &str) -> bool {
        let Item::Table(members) = &mut self.item else {
            return false;
        };
        if members.remove(dotted).is_some() {
            return true;
        }
        dotted.split_once('.').is_some_and(|(first, rest)| {
            members.get_mut(first).is_some_and(|node| node.remove(rest))
        })
    }

    /// Where everything stands, by dotted name.
    pub(super) fn places(&self, prefix: &str, places: &mut BTreeMap<String, Place>) {
        if let Some(place) = &self.at {
            places.insert(prefix.to_owned(), place.clone());
        }
        for (name, node) in self.table().into_iter().flatten() {
            let dotted = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            node.places(&dotted, places);
        }
    }
}

/// Turns offsets of one file into lines and columns.
pub(super) struct Lines<'a> {
    file: &'a str,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(index, _)| index + 1);
        Self {
            file,
            text,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        Place {
            file: self.file.to_owned(),
            line,
            column: before.chars().count() + 1,
        }
    }

    pub(super) fn toml(&self) -> Result<Node, Fault> {
        let document = toml_edit::Document::parse(self.text).map_err(|error| {
            let mut fault = Fault::new(
                "",
                format!("not TOML, {}", error.message().replace('\n', ", ")),
                "correct the line; a name may stand only once in its table",
            );
            fault.at = error.span().map(|span| self.place(span.start));
            fault
        })?;
        self.toml_table(document.as_table(), Some(0), MAX_DEPTH)
    }

    fn toml_table(
        &self,
        table: &dyn toml_edit::TableLike,
        at: Option<usize>,
        depth: usize,
    ) -> Result<Node, Fault> {
        let mut members = BTreeMap::new();
        for (name, item) in table.iter() {
            let key = table.key(name).and_then(toml_edit::Key::span);
            let at = key.or_else(|| item.span()).map(|span| span.start).or(at);
            members.insert(name.to_owned(), self.toml_item(item, at, depth)?);
        }
        Ok(self.node(at, Item::Table(members)))
    }

    fn toml_item(
        &self,
        item: &toml_edit::Item,
        at: Option<usize>,
        depth: usize,
    ) -> Result<Node, Fault> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.too_deep(at));
        };
        if let Some(table) = item.as_table_like() {
            return self.toml_table(table, at, depth);
        }
        let Some(value) = item.as_value() else {
            return Ok(self.node(at, Item::Other("a list of tables")));
        };
        self.toml_value(value, at, depth)
    }

    fn toml_value(
        &self,
        value: &toml_edit::Value,
        at: Option<usize>,
        depth: usize,
    ) -> Result<Node, Fault> {
        use toml_edit::Value;
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.too_deep(at));
        };
        let item = match value {
            Value::String(text) => Item::Text(text.value().clone()),
            Value::Integer(number) => Item::Whole(*number.value()),
            Value::Boolean(flag) => Item::Flag(*flag.value()),
            Value::Float(_) => Item::Other("a number with a point (write it as text)"),
            Value::Datetime(_) => Item::Other("a date (write it as text)"),
            Value::Array(items) => {
                let items = items.iter().map(|item| {
                    let at = item.span().map(|span| span.start).or(at);
                    self.toml_value(item, at, depth)
                });
                Item::List(items.collect::<Result<_, _>>()?)
            }
            Value::InlineTable(table) => return self.toml_table(table, at, depth),
        };
        Ok(self.node(at, item))
    }

    pub(super) fn json(&self) -> Result<Node, Fault> {
        let raw: &RawValue = serde_json::from_str(self.text).map_err(|error| {
            let mut fault = Fault::new("", "not JSON", "correct the line");
            fault.at = Some(Place {
                file: self.file.to_owned(),
                line: error.line(),
                column: error.column(),
            });
            fault
        })?;
        self.json_value(raw, None, MAX_DEPTH)
    }

    fn json_value(&self, raw: &RawValue, at: Option<usize>, depth: usize) -> Result<Node, Fault> {
        let text = raw.get();
        // A borrowed raw value lies inside the file's own text.
        let here = (text.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let at = at.or(here);
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.too_deep(at));
        };
        let broken = |_| self.broken(at);
        let item = match text.bytes().next() {
            Some(b'"') => Item::Text(serde_json::from_str(text).map_err(broken)?),
            Some(b't' | b'f') => Item::Flag(text.starts_with('t')),
            Some(b'n') | None => Item::Other("null"),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(broken)?;
                let items = items
                    .into_iter()
                    .map(|item| self.json_value(item, None, depth));
                Item::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'{') => {
                let members: Members<'_> = serde_json::from_str(text).map_err(broken)?;
                let mut seen = BTreeSet::new();
                let mut table = BTreeMap::new();
                for (name, value) in members.0 {
                    let node = self.json_value(value, None, depth)?;
                    if !seen.insert(name.clone()) {
                        return Err(node.fault(name, "it stands twice", "remove one"));
                    }
                    table.insert(name, node);
                }
                Item::Table(table)
            }
            Some(_) => match text.parse() {
                Ok(number) => Item::Whole(number),
                Err(_) => Item::Other("a number with a point (write it as text)"),
            },
        };
        Ok(self.node(at, item))
    }

    fn node(&self, at: Option<usize>, item: Item) -> Node {
        Node {
            at: at.map(|offset| self.place(offset)),
            item,
        }
    }

    fn broken(&self, at: Option<usize>) -> Fault {
        let mut fault = Fault::new("", "not JSON", "correct the line");
        fault.at = at.map(|offset| self.place(offset));
        fault
    }

    fn too_deep(&self, at: Option<usize>) -> Fault {
        let mut fault = Fault::new(
            "",
            format!("tables and lists nest deeper than {MAX_DEPTH}"),
            "a mapping needs no such depth: flatten it",
        );
        fault.at = at.map(|offset| self.place(offset));
        fault
    }
}

/// An object's members with every repetition, so that one can be refused.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}
