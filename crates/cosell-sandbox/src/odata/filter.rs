//! The `$filter` tree.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A parsed `$filter`.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub(super) root: Expr,
}

/// A node that is true or false.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All of them.
    And(Vec<Expr>),
    /// At least one of them.
    Or(Vec<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// `left op right`.
    Compare {
        /// Left side.
        left: Operand,
        /// Operator.
        op: Operator,
        /// Right side.
        right: Operand,
    },
    /// `contains(of,'what')` and its kin.
    Text {
        /// Which function.
        function: TextFunction,
        /// What is searched.
        of: Operand,
        /// What is looked for.
        what: Operand,
    },
    /// `path/any(variable:body)` or `path/all(variable:body)`.
    Lambda {
        /// Path of the collection.
        path: Vec<String>,
        /// `all` instead of `any`.
        all: bool,
        /// Name of the item inside the body.
        variable: String,
        /// `None` for `any()`: is there an item at all?
        body: Option<Box<Expr>>,
    },
    /// A function of the service, judged by the row.
    Call(Call),
    /// A Boolean property or constant standing alone.
    Truth(Operand),
}

/// A function with named parameters, such as `Microsoft.Dynamics.CRM.In(PropertyName='a',…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Full name with namespace.
    pub name: String,
    /// Parameters in the order written.
    pub arguments: Vec<(String, Literal)>,
}

impl Call {
    /// The parameter of this name.
    pub fn argument(&self, name: &str) -> Option<&Literal> {
        self.arguments
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A property, segments without `/`.
    Path(Vec<String>),
    /// A constant.
    Literal(Literal),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`, or a parameter alias that was given no value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, exact.
    Number(Decimal),
    /// A quoted string.
    Text(String),
    /// An unquoted GUID.
    Guid(Uuid),
    /// An unquoted date.
    Date(NaiveDate),
    /// An unquoted date with time.
    Instant(DateTime<Utc>),
    /// `['a','b']`, only as parameter of a [`Call`].
    List(Vec<Literal>),
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Eq,
    /// `ne`
    Ne,
    /// `gt`
    Gt,
    /// `ge`
    Ge,
    /// `lt`
    Lt,
    /// `le`
    Le,
}

/// String functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFunction {
    /// `contains`
    Contains,
    /// `startswith`
    StartsWith,
    /// `endswith`
    EndsWith,
}

impl Filter {
    /// The tree.
    pub fn expr(&self) -> &Expr {
        &self.root
    }

    /// The value that every match must have at `path`, when the filter says `path eq value` on its
    /// top level; lets a service use an index.
    pub fn required(&self, path: &[&str]) -> Option<&Literal> {
        let parts = match &self.root {
            Expr::And(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        parts.iter().find_map(|part| match part {
            Expr::Compare {
                left: Operand::Path(known),
                op: Operator::Eq,
                right: Operand::Literal(value),
            } if known == path => Some(value),
            _ => None,
        })
    }
}
