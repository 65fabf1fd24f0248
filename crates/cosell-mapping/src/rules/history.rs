//! Versions of a mapping: content hash, differences in words, change records, approval.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Mapping, MappingFile};

/// What a mapping says, as one short text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// The hash of these rules. Words for people do not count.
    pub fn of(file: &MappingFile) -> Self {
        let mut plain = file.clone();
        for rule in plain.fields.values_mut() {
            rule.about.clear();
        }
        // Members are ordered, so equal mappings have equal texts.
        let text = serde_json::to_vec(&plain).unwrap_or_default();
        let mut hex = String::from("sha256:");
        for byte in Sha256::digest(&text) {
            hex.push_str(&format!("{byte:02x}"));
        }
        Self(hex)
    }

    /// The hash as text, `sha256:` first.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ContentHash {
    fn from(text: &str) -> Self {
        Self(text.trim().to_ascii_lowercase())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One difference between two mappings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// Which member, such as `value.crm.path`; a field alone when its whole rule came or went.
    pub member: String,
    /// What it said.
    pub before: Option<String>,
    /// What it says.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            member,
            before,
            after,
        } = self;
        match (before, after) {
            (Some(before), Some(after)) => {
                write!(f, "{member} was {before} and is now {after}")
            }
            (None, Some(after)) => write!(f, "{member} is new: {after}"),
            (Some(before), None) => write!(f, "{member} is gone; it was {before}"),
            (None, None) => write!(f, "{member} is unchanged"),
        }
    }
}

/// How two mappings differ, member by member; empty when they say the same.
pub fn differences(before: &MappingFile, after: &MappingFile) -> Vec<Difference> {
    let [before, after] = [before, after].map(|file| {
        let mut members = BTreeMap::new();
        // No field is called that.
        members.insert("the mapping's name".to_owned(), format!("{:?}", file.name));
        members.insert(
            "the mapping's version".to_owned(),
            format!("{:?}", file.version),
        );
        for (field, rule) in &file.fields {
            let rule = serde_json::to_value(rule).unwrap_or_default();
            members.insert(
                field.to_string(),
                format!("a rule of {}", rule["transform"]),
            );
            flatten(field.as_str(), &rule, &mut members);
        }
        members
    });
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut whole: Option<&str> = None;
    let mut found = Vec::new();
    for name in names {
        // A rule that came or went as a whole is one difference.
        if whole.is_some_and(|field| {
            name.strip_prefix(field)
                .is_some_and(|rest| rest.starts_with('.'))
        }) {
            continue;
        }
        let (before, after) = (before.get(name), after.get(name));
        if before == after {
            continue;
        }
        if before.is_none() || after.is_none() {
            whole = Some(name);
        }
        found.push(Difference {
            member: name.clone(),
            before: before.cloned(),
            after: after.cloned(),
        });
    }
    found
}

fn flatten(prefix: &str, value: &Value, members: &mut BTreeMap<String, String>) {
    let Value::Object(object) = value else { return };
    for (name, value) in object {
        let dotted = format!("{prefix}.{name}");
        if value.is_object() {
            flatten(&dotted, value, members);
        } else {
            members.insert(dotted, value.to_string());
        }
    }
}

/// A record of one change of the mapping in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// Who changed it.
    pub author: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What was in use; `None` for the first mapping.
    pub before: Option<ContentHash>,
    /// What is in use since.
    pub after: ContentHash,
    /// What differs.
    pub differences: Vec<Difference>,
}

impl Change {
    /// The record of a change by this person at this time.
    pub fn new(
        author: impl Into<String>,
        at: DateTime<Utc>,
        before: Option<&Mapping>,
        after: &Mapping,
    ) -> Self {
        let nothing = MappingFile::new("", "");
        let then = before.map_or(&nothing, Mapping::file);
        Self {
            author: author.into(),
            at,
            before: before.map(|mapping| mapping.hash().clone()),
            after: after.hash().clone(),
            differences: differences(then, after.file()),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(f, "{at} {}: {}", self.author, self.after)?;
        for difference in &self.differences {
            write!(f, "\n  {difference}")?;
        }
        Ok(())
    }
}

/// Which mappings an environment takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Approval {
    /// Any; for staging.
    #[default]
    Any,
    /// Only those that were reviewed; for production.
    Reviewed(BTreeSet<ContentHash>),
}

impl Approval {
    /// Only mappings with these hashes.
    pub fn reviewed(hashes: impl IntoIterator<Item = ContentHash>) -> Self {
        Self::Reviewed(hashes.into_iter().collect())
    }

    /// May the mapping be used here?
    ///
    /// # Errors
    /// Nobody reviewed it.
    pub fn admit(&self, mapping: &Mapping) -> Result<(), Unreviewed> {
        match self {
            Self::Reviewed(hashes) if !hashes.contains(mapping.hash()) => Err(Unreviewed {
                name: mapping.file().name.clone(),
                version: mapping.file().version.clone(),
                hash: mapping.hash().clone(),
            }),
            Self::Any | Self::Reviewed(_) => Ok(()),
        }
    }
}

/// A mapping that nobody reviewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the mapping {name} {version} ({hash}) was not reviewed for this environment: have it \
     reviewed and add its hash, or use the reviewed one"
)]
#[non_exhaustive]
pub struct Unreviewed {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it says.
    pub hash: ContentHash,
}
