//! Where a value stands in a wire record: `details/dealValue`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Members to follow from the top of a record, written `details/dealValue`.
///
/// A `/` inside a member name is written `~1`, a `~` is written `~0`, as in JSON Pointer. Lists
/// have no paths into them: they are read and written whole.
///
/// ```
/// # use cosell_mapping::Path;
/// let path: Path = "details/dealValue".parse()?;
/// assert_eq!(path.pointer(), "/details/dealValue");
/// # Ok::<(), cosell_mapping::PathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<String>);

impl Path {
    /// Most members a path may have.
    pub const MAX_DEPTH: usize = 16;

    /// A path of the shipped rules: plain names, no escapes.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.split('/').map(str::to_owned).collect())
    }

    /// One member at the top, whatever its name.
    pub(crate) fn member(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// A member of what stands here.
    pub(crate) fn inner(&self, name: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(name.to_owned());
        Self(segments)
    }

    /// The member names, outermost first; never empty.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The top-level member.
    pub fn root(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Is `other` this place or inside it?
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The JSON Pointer text, as patch documents want it.
    pub fn pointer(&self) -> String {
        format!("/{self}")
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let segments: Vec<String> = text
            .split('/')
            .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
            .collect();
        if segments.iter().any(String::is_empty) {
            return Err(PathError::EmptyMember(text.to_owned()));
        }
        if segments.len() > Self::MAX_DEPTH {
            return Err(PathError::TooDeep(segments.len()));
        }
        Ok(Self(segments))
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            f.write_str(&segment.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

/// A text is no [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A member name is missing.
    #[error("path {0:?} has an empty member: write names parted by single slashes")]
    EmptyMember(String),
    /// Too many members.
    #[error("path has {0} members, at most {max} are followed", max = Path::MAX_DEPTH)]
    TooDeep(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_writing_and_reading() {
        for text in ["name", "details/dealValue", "odd~1name/with~0tilde"] {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
            assert_eq!(path.pointer().parse::<Path>().unwrap(), path);
        }
        let odd: Path = "odd~1name".parse().unwrap();
        assert_eq!(odd.segments(), ["odd/name"]);
    }

    #[test]
    fn texts_that_are_no_paths_are_refused() {
        for text in ["", "/", "a//b", "a/"] {
            assert!(
                matches!(text.parse::<Path>(), Err(PathError::EmptyMember(_))),
                "{text:?}"
            );
        }
        let deep = vec!["a"; Path::MAX_DEPTH + 1].join("/");
        assert_eq!(
            deep.parse::<Path>(),
            Err(PathError::TooDeep(Path::MAX_DEPTH + 1))
        );
    }

    #[test]
    fn a_path_covers_itself_and_what_is_inside() {
        let details = Path::known("details");
        assert!(details.covers(&details));
        assert!(details.covers(&Path::known("details/notes")));
        assert!(!details.covers(&Path::known("detailsX/notes")));
        assert!(!Path::known("details/notes").covers(&details));
    }
}
