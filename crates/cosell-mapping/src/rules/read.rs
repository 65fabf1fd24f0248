//! Reading mapping files: bounded, strict, every fault at once, layer over layer.

use std::collections::{BTreeMap, BTreeSet};

use crate::FieldId;

use super::{
    CONNECTOR, Fault, Faults, MINIMAL, MappingFile, Place, Rule, Transform,
    keys::{self, check, dotted, shown},
    node::{Item, Lines, Node},
};

/// Largest file in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Most rules of a mapping.
const MOST_FIELDS: usize = 1000;
/// Most bases over each other.
const MOST_LAYERS: usize = 8;

/// The text of a mapping file and the name that faults call it by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// Name of the file.
    pub name: String,
    /// What stands in it: TOML, or JSON when its first character is a brace.
    pub text: String,
}

impl Source {
    /// A file, by its name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    fn node(&self) -> Result<Node, Fault> {
        if self.text.len() > MAX_BYTES {
            let mut fault = Fault::new(
                "",
                format!(
                    "the file has {} bytes, at most {MAX_BYTES} are read",
                    self.text.len()
                ),
                "split off what is no rule",
            );
            fault.at = Some(Place {
                file: self.name.clone(),
                line: 1,
                column: 1,
            });
            return Err(fault);
        }
        let lines = Lines::new(&self.name, &self.text);
        if self.text.trim_start().starts_with('{') {
            lines.json()
        } else {
            lines.toml()
        }
    }
}

/// A mapping that was read, and where each of its members stands in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// The mapping, all layers in one.
    pub file: MappingFile,
    pub(super) places: BTreeMap<String, Place>,
}

/// Reads mapping files over the bases that they name.
///
/// ```
/// use cosell_mapping::rules::{Loader, Mapping, Registry, Source};
///
/// let text = r#"
/// name = "contoso"
/// version = "7"
/// base = "connector"
/// remove = ["description"]
///
/// [fields.value.crm]
/// path = "new_dealvalue"   # everything else stays as the base says
/// "#;
/// let loaded = Loader::default().load(&Source::new("contoso.toml", text))?;
/// let mapping = Mapping::from_loaded(&loaded, &Registry::default())?;
/// assert!(mapping.fields().rule(&"description".into()).is_none());
/// # Ok::<(), cosell_mapping::rules::Faults>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loader {
    bases: BTreeMap<String, Source>,
}

impl Default for Loader {
    /// Knows the shipped mappings `connector` and `minimal`.
    fn default() -> Self {
        Self {
            bases: BTreeMap::new(),
        }
        .with_base("connector", Source::new("connector.toml", CONNECTOR))
        .with_base("minimal", Source::new("minimal.toml", MINIMAL))
    }
}

impl Loader {
    /// With one more base, or another in place of a known one.
    #[must_use]
    pub fn with_base(mut self, name: impl Into<String>, source: Source) -> Self {
        self.bases.insert(name.into(), source);
        self
    }

    /// Reads a file and lays it over the base that it names: members of the file replace those of
    /// the base one by one, `remove` takes some away, all others are the base's. So an upgrade of
    /// the base changes nothing that the file says.
    ///
    /// # Errors
    /// Everything that is wrong in all layers. What a rule means is checked by
    /// [`Mapping`](super::Mapping).
    pub fn load(&self, source: &Source) -> Result<Loaded, Faults> {
        let mut faults = Vec::new();
        let node = self
            .layers(source, &mut BTreeSet::new(), &mut faults)
            .map_err(|fault| Faults::new(vec![fault]))?;
        let mut places = BTreeMap::new();
        node.places("", &mut places);
        let file = decoded(&node, &mut faults);
        match file {
            Some(file) if faults.is_empty() => Ok(Loaded { file, places }),
            _ => Err(Faults::new(faults)),
        }
    }

    fn layers(
        &self,
        source: &Source,
        seen: &mut BTreeSet<String>,
        faults: &mut Vec<Fault>,
    ) -> Result<Node, Fault> {
        let mut node = source.node()?;
        check(&node, "", keys::FILE, None, faults);
        let Item::Table(members) = &mut node.item else {
            return Err(node.fault("", format!("it is {}", node.kind()), "write a table"));
        };
        let base = members.remove("base");
        let removed = members.remove("remove");
        normalise(members.get_mut("fields"));
        let Some(name) = base.as_ref().and_then(Node::text) else {
            if let Some(removed) = removed {
                faults.push(removed.fault(
                    "remove",
                    "there is no base to remove from",
                    "leave the rules out instead",
                ));
            }
            return Ok(node);
        };
        let place = |what: String, cure: String| {
            base.as_ref().map_or_else(
                || Fault::new("base", what.as_str(), cure.as_str()),
                |base| base.fault("base", what.as_str(), cure.as_str()),
            )
        };
        if !seen.insert(name.to_owned()) || seen.len() > MOST_LAYERS {
            return Err(place(
                format!("the bases go round in a circle at {:?}", shown(name)),
                "let one of them stand on its own".to_owned(),
            ));
        }
        let Some(below) = self.bases.get(name) else {
            let known: Vec<&str> = self.bases.keys().map(String::as_str).collect();
            return Err(place(
                format!("no base is called {:?}", shown(name)),
                format!("write one of {}", known.join(", ")),
            ));
        };
        let mut below = self.layers(below, seen, faults)?;
        let removed = removed.map(|node| node.item);
        if let Some(Item::List(removed)) = removed {
            for name in &removed {
                let Some(text) = name.text() else { continue };
                if !below.remove(&dotted("fields", text)) {
                    faults.push(name.fault(
                        "remove",
                        format!("the base has no {:?}", shown(text)),
                        "take it off the list; the base may have changed",
                    ));
                }
            }
        }
        Ok(node.over(below))
    }
}

/// A path alone stands for the table with that path.
fn normalise(fields: Option<&mut Node>) {
    let Some(Item::Table(rules)) = fields.map(|fields| &mut fields.item) else {
        return;
    };
    for rule in rules.values_mut() {
        let Item::Table(members) = &mut rule.item else {
            continue;
        };
        sides(members);
        if let Some(Item::Table(parts)) = members.get_mut("parts").map(|parts| &mut parts.item) {
            for part in parts.values_mut() {
                if let Item::Table(members) = &mut part.item {
                    sides(members);
                }
            }
        }
    }
}

fn sides(members: &mut BTreeMap<String, Node>) {
    for side in ["referral", "crm"] {
        if let Some(node) = members.get_mut(side)
            && let Item::Text(_) = &node.item
        {
            let path = node.clone();
            node.item = Item::Table(BTreeMap::from([("path".to_owned(), path)]));
        }
    }
}

fn decoded(node: &Node, faults: &mut Vec<Fault>) -> Option<MappingFile> {
    let members = node.table()?;
    let mut text = |name: &str| {
        let text = members.get(name).and_then(Node::text).unwrap_or_default();
        if text.is_empty() || text.len() > 200 {
            let found = members.get(name).unwrap_or(node);
            faults.push(found.fault(name, "a mapping needs it", "write a short text"));
        }
        text.to_owned()
    };
    let mut file = MappingFile::new(text("name"), text("version"));
    let Some(fields) = members.get("fields") else {
        faults.push(node.fault(
            "fields",
            "a mapping needs rules",
            "write [fields.NAME] for each, or name a base",
        ));
        return None;
    };
    let fields = fields.table()?;
    if fields.len() > MOST_FIELDS {
        faults.push(node.fault(
            "fields",
            format!(
                "there are {} rules, at most {MOST_FIELDS} are taken",
                fields.len()
            ),
            "split the mapping",
        ));
        return None;
    }
    for (name, rule) in fields {
        let key = dotted("fields", &shown(name));
        let proper = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !proper {
            faults.push(rule.fault(
                key,
                "it is no name of a field",
                "write small letters, digits and underscores, a letter first",
            ));
            continue;
        }
        if let Some(rule) = decoded_rule(rule, &key, faults) {
            file.fields.insert(FieldId::from(name.as_str()), rule);
        }
    }
    Some(file)
}

fn decoded_rule(node: &Node, key: &str, faults: &mut Vec<Fault>) -> Option<Rule> {
    let before = faults.len();
    let members = node.table().cloned().unwrap_or_default();
    let transform = members.get("transform").map(Node::json);
    let transform: Option<Transform> = transform.and_then(|word| serde_json::from_value(word).ok());
    check(node, key, keys::RULE, transform, faults);
    if node.table().is_some() && !members.contains_key("transform") {
        faults.push(node.fault(
            key,
            "the rule names no transform",
            format!("write transform = one of {}", Transform::WORDS.join(", ")),
        ));
    }
    for side in ["referral", "crm"] {
        match members.get(side) {
            Some(node) if node.table().is_some() => {
                check(node, &dotted(key, side), keys::SIDE, transform, faults);
            }
            Some(_) => {}
            None => faults.push(node.fault(
                dotted(key, side),
                "the rule does not say where the value stands there",
                "write a path",
            )),
        }
    }
    for (name, part) in members
        .get("parts")
        .and_then(Node::table)
        .into_iter()
        .flatten()
    {
        let key = dotted(&dotted(key, "parts"), &shown(name));
        check(part, &key, keys::PART, None, faults);
        for side in ["referral", "crm"] {
            match part.table().and_then(|part| part.get(side)) {
                Some(node) => {
                    let key = dotted(&key, side);
                    if node.table().is_some_and(|side| !side.contains_key("path")) {
                        faults.push(node.fault(key.as_str(), "it has no path", "write one"));
                    }
                    check(node, &key, keys::PART_SIDE, None, faults);
                }
                None => {
                    faults.push(part.fault(dotted(&key, side), "it is missing", "write a path"));
                }
            }
        }
    }
    if faults.len() > before {
        return None;
    }
    match serde_json::from_value(node.json()) {
        Ok(rule) => Some(rule),
        Err(error) => {
            faults.push(node.fault(key, error.to_string(), "correct the rule"));
            None
        }
    }
}
