//! Rules of the service that can be checked before anything is sent.

use std::fmt;

/// How much is checked before anything is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// What the portal, its file upload and Microsoft's connectors ask for. Which of it the
    /// service itself enforces is not published.
    #[default]
    Strict,
    /// Only what the service is known to refuse.
    Lenient,
}

/// One rule that an input breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The field, as a path such as `customerProfile.address.country`.
    pub field: String,
    /// The rule it breaks.
    pub rule: &'static str,
    /// What to do.
    pub cure: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.field, self.rule, self.cure)
    }
}

/// Every rule that an input breaks, never empty. Nothing was sent. Holds no values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "))]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The broken rules in the order of the fields.
    pub fn list(&self) -> &[Violation] {
        &self.0
    }
}

/// Gathers violations, so that no fault hides another.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Violation>);

impl Findings {
    pub(crate) fn add(&mut self, field: impl Into<String>, rule: &'static str, cure: &'static str) {
        self.0.push(Violation {
            field: field.into(),
            rule,
            cure,
        });
    }

    pub(crate) fn extend(&mut self, others: Violations) {
        self.0.extend(others.0);
    }

    pub(crate) fn verdict(self) -> Result<(), Violations> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Violations(self.0))
        }
    }
}

/// Are these `length` capital letters, as ISO codes of countries and currencies are?
pub(crate) fn is_code(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
