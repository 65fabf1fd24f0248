//! What is wrong with a mapping: where, what, and how to cure it.

use std::fmt;

/// A place in a file, counted from one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Place {
    /// Name of the file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// The mapping cannot be used.
    Error,
    /// The mapping can be used; something may not be what its owner wants.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Fault {
    /// Where in the files, when it came from one.
    pub at: Option<Place>,
    /// How bad it is.
    pub severity: Severity,
    /// Which member, such as `fields.value.crm.path`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub cure: String,
}

impl Fault {
    pub(crate) fn new(
        key: impl Into<String>,
        what: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            at: None,
            severity: Severity::Error,
            key: key.into(),
            what: what.into(),
            cure: cure.into(),
        }
    }

    pub(crate) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.at {
            write!(f, "{place}: ")?;
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}: {}", self.what, self.cure)
    }
}

/// Everything that is wrong, in the order of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        Self(faults)
    }

    /// The faults.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Those that forbid using the mapping.
    pub fn errors(&self) -> impl Iterator<Item = &Fault> {
        let errors = |fault: &&Fault| fault.severity == Severity::Error;
        self.0.iter().filter(errors)
    }

    /// Those that do not.
    pub fn warnings(&self) -> impl Iterator<Item = &Fault> {
        let warnings = |fault: &&Fault| fault.severity == Severity::Warning;
        self.0.iter().filter(warnings)
    }

    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
