//! Faults in what a caller hands in, gathered so that none hides another.

use cosell_http::{Error, ErrorKind, Sent};

/// Faults found so far; each names the part, the rule and the cure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    pub(crate) fn push(&mut self, fault: impl Into<String>) {
        let fault = fault.into();
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        for fault in &other.0 {
            self.push(fault.clone());
        }
    }

    /// Checks a name of a set, column or navigation property; `/` separates the steps of a path.
    ///
    /// A name is the one part of a request that is not quoted, so anything else in it would
    /// change what the request means.
    pub(crate) fn check_name(&mut self, what: &str, name: &str) {
        let step_fits = |step: &str| {
            step.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && step.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if name.len() > 256 || !name.split('/').all(step_fits) {
            self.push(format!(
                "{what} name {name:?} is not made of letters, digits and underscores: use the \
                 logical name from the table's metadata"
            ));
        }
    }

    pub(crate) fn into_result(self, operation: &'static str) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::new(
                operation,
                ErrorKind::Invalid,
                Sent::No,
                self.0.join("; "),
            ))
        }
    }
}
