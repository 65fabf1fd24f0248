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

    /// `column` stands in the relation `operator` (`eq`, `gt`, …) to `other`, a column of the same
    /// row.
    pub fn columns(column: &str, operator: Relation, other: &str) -> Self {
        let mut faults = Faults::default();
        faults.check_name("column", column);
        faults.check_name("column", other);
        Self {
            text: format!("{column} {} {other}", operator.word()),
            faults,
        }
    }

    /// `column` is one of `values`. One request takes some hundred of them.
    pub fn is_in<L: Into<Literal>>(column: &str, values: impl IntoIterator<Item = L>) -> Self {
        let values = values.into_iter().map(|value| text_of(&value.into()));
        Self::call_with_all("In", column, values)
    }

    /// The choices of the multi-select column `column` hold one of `values`.
    pub fn contains_choice(column: &str, values: impl IntoIterator<Item = i32>) -> Self {
        let values = values.into_iter().map(|value| value.to_string());
        Self::call_with_all("ContainValues", column, values)
    }

    /// The function `name` of the service holds for `column`, such as `Today` or `ThisMonth`.
    pub fn call(name: &str, column: &str) -> Self {
        Self::service_function(name, column, "")
    }

    /// The function `name` of the service holds for `column` and `value`, such as `LastXDays`
    /// and 7, or `Under` and an id.
    pub fn call_with(name: &str, column: &str, value: impl Into<Literal>) -> Self {
        let value = value.into().to_filter();
        Self::service_function(name, column, &format!(",PropertyValue={value}"))
    }

    /// The function `name` of the service holds for `column` and two values, such as
    /// `InFiscalPeriodAndYear`.
    pub fn call_with_two(
        name: &str,
        column: &str,
        first: impl Into<Literal>,
        second: impl Into<Literal>,
    ) -> Self {
        let (first, second) = (first.into().to_filter(), second.into().to_filter());
        let values = format!(",PropertyValue1={first},PropertyValue2={second}");
        Self::service_function(name, column, &values)
    }

    /// The function `name` of the service holds for `column` and several texts, such as `In`,
    /// `NotIn`, `Between`, `ContainValues`.
    pub fn call_with_all<S: Into<String>>(
        name: &str,
        column: &str,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| Literal::Text(value.into()).to_filter())
            .collect();
        let list = format!(",PropertyValues=[{}]", values.join(","));
        let mut filter = Self::service_function(name, column, &list);
        if values.is_empty() {
            filter
                .faults
                .push(format!("{name} of {column}: no values are given, give one"));
        }
        filter
    }

    /// One of the rows behind the collection `navigation` meets the condition, in which
    /// [`Related::column`] names their columns.
    ///
    /// ```
    /// use cosell_dataverse::Filter;
    /// let many = Filter::any("product_opportunities", |line| {
    ///     Filter::gt(&line.column("quantity"), 5)
    /// });
    /// assert_eq!(many.as_str(), "product_opportunities/any(x:x/quantity gt 5)");
    /// ```
    pub fn any(navigation: &str, condition: impl FnOnce(Related) -> Self) -> Self {
        Self::lambda("any", navigation, condition)
    }

    /// All of the rows behind the collection `navigation` meet the condition.
    pub fn all(navigation: &str, condition: impl FnOnce(Related) -> Self) -> Self {
        Self::lambda("all", navigation, condition)
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

    fn lambda(word: &str, navigation: &str, condition: impl FnOnce(Related) -> Self) -> Self {
        let Self { text, mut faults } = condition(Related(()));
        faults.check_name("navigation", navigation);
        Self {
            text: format!("{navigation}/{word}(x:{text})"),
            faults,
        }
    }

    fn service_function(name: &str, column: &str, values: &str) -> Self {
        let mut faults = Faults::default();
        faults.check_name("function", name);
        faults.check_name("column", column);
        Self {
            text: format!("Microsoft.Dynamics.CRM.{name}(PropertyName='{column}'{values})"),
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

/// How two columns are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Equal.
    Eq,
    /// Different.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

impl Relation {
    fn word(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// A row behind a collection, inside a condition on it.
#[derive(Clone, Copy, Debug)]
pub struct Related(());

impl Related {
    /// The column `name` of that row.
    pub fn column(self, name: &str) -> String {
        format!("x/{name}")
    }
}

/// `text` as [`Filter::contains`] and its kin find it letter for letter: `%`, `_` and `[` are
/// wildcards of the service otherwise.
///
/// ```
/// assert_eq!(cosell_dataverse::wildcards("100%_[a]"), "100[%][_][[]a]");
/// ```
pub fn wildcards(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '[') {
            escaped.extend(['[', letter, ']']);
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Values of a list are texts whatever the column holds.
fn text_of(value: &Literal) -> String {
    match value {
        Literal::Text(text) => text.clone(),
        other => other.to_filter(),
    }
}

/// The length only: values may be personal data.
impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({} bytes)", self.text.len())
    }
}
