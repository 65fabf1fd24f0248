//! Conditions of `$filter`.

use std::fmt;

use crate::{Literal, input::Faults};

/// A condition on rows.
///
/// Values are quoted here, so that no value can change what the condition means. Text is
/// compared without regard to case, and in [`contains`](Self::contains) and its kin `%`, `_`
/// and `[` are wildcards of the service.
///
/// ```
/// use cosell_dataverse::Filter;
/// let filter = Filter::eq("statecode", 0).and(Filter::eq("name", "O'Brien"));
/// assert_eq!(filter.as_str(), "(statecode eq 0) and (name eq 'O''Brien')");
/// ```
#[derive(Clone)]
pub struct Filter {
    text: String,
    faults: Faults,
}

impl Filter {
    /// A condition in the service's own language, as it is.
    pub fn raw(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            faults: Faults::default(),
        }
    }

    /// `column` equals `value`; [`Literal::Null`] asks for rows without a value.
    pub fn eq(column: &str, value: impl Into<Literal>) -> Self {
        Self::compare(column, "eq", &value.into())
    }

    /// `column` differs from `value`; [`Literal::Null`] asks for rows with a value.
    pub fn ne(column: &str, value: impl Into<Literal>) -> Self {
        Self::compare(column, "ne", &value.into())
    }

    /// `column` is greater than `value`.
    pub fn gt(column: &str, value: impl Into<Literal>) -> Self {
        Self::compare(column, "gt", &value.into())
    }

    /// `column` is `value` or greater.
    pub fn ge(column: &str, value: impl Into<Literal>) -> Self {
        Self::compare(column, "ge", &value.into())
    }

    /// `column` is less than `value`.
    pub fn lt(column: &str, value: impl Into<Literal>) -> Self {
        Self::compare(column, "lt", &value.into())
    }

    /// `column` is `value` or less.
    pub fn le(column: &str, value: impl Into<Literal>) -> Self {
        Self::compare(column, "le", &value.into())
    }

    /// `column` has no value.
    pub fn is_null(column: &str) -> Self {
        Self::eq(column, Literal::Null)
    }

    /// The column has a value.
    pub fn is_not_null(column: &str) -> Self {
        Self::ne(column, Literal::Null)
    }

    /// `column` contains `text`.
    pub fn contains(column: &str, text: &str) -> Self {
        Self::function("contains", column, text)
    }

    /// `column` starts with `text`.
    pub fn starts_with(column: &str, text: &str) -> Self {
        Self::function("startswith", column, text)
    }

    /// `column` ends with `text`.
    pub fn ends_with(column: &str, text: &str) -> Self {
        Self::function("endswith", column, text)
    }

    /// Both conditions.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join("and", other)
    }

    /// Either condition.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join("or", other)
    }

    /// The opposite condition.
    #[must_use]
    pub fn negate(mut self) -> Self {
        self.text = format!("not ({})", self.text);
        self
    }

    /// The condition before percent-encoding.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    fn compare(column: &str, operator: &str, value: &Literal) -> Self {
        let mut faults = Faults::default();
        faults.check_name("column", column);
        Self {
            text: format!("{column} {operator} {}", value.to_filter()),
            faults,
        }
    }

    fn function(name: &str, column: &str, text: &str) -> Self {
        let mut faults = Faults::default();
        faults.check_name("column", column);
        let text = Literal::from(text).to_filter();
        Self {
            text: format!("{name}({column},{text})"),
            faults,
        }
    }

    fn join(mut self, word: &str, other: Self) -> Self {
        let Self { text, faults } = other;
        self.text = format!("({}) {word} ({text})", self.text);
        self.faults.extend(&faults);
        self
    }
}

/// The length only: values may be personal data.
impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({} bytes)", self.text.len())
    }
}
