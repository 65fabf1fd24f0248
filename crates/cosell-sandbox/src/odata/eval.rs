//! Walks a filter tree over one row.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::filter::{Call, Expr, Filter, Literal, Operand, Operator, TextFunction};
use super::{ODataError, shorten};

/// How strings compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collation {
    /// Letter by letter, as Partner Center does.
    Ordinal,
    /// As the SQL behind Dataverse does: case does not matter, and `%`, `_`, `[…]` are live in
    /// `contains`, `startswith` and `endswith`.
    Sql,
}

/// A value as the evaluator sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    /// Absent or null.
    Null,
    /// Boolean.
    Bool(bool),
    /// Number, exact.
    Number(Decimal),
    /// Text; dates and GUIDs may also come as text, the literal beside them decides.
    Text(Cow<'a, str>),
    /// GUID.
    Guid(Uuid),
    /// Date.
    Date(NaiveDate),
    /// Instant.
    Instant(DateTime<Utc>),
}

impl<'a> Datum<'a> {
    /// A JSON scalar; objects and arrays have no value of their own and read as null.
    pub fn from_json(value: &'a Value) -> Self {
        match value {
            Value::Bool(flag) => Self::Bool(*flag),
            // Its shortest decimal text, not its binary value: 0.1 is a tenth.
            Value::Number(number) => decimal(&number.to_string()).map_or(Self::Null, Self::Number),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Null,
        }
    }

    fn from_literal(literal: &'a Literal) -> Self {
        match literal {
            Literal::Null | Literal::List(_) => Self::Null,
            Literal::Bool(flag) => Self::Bool(*flag),
            Literal::Number(number) => Self::Number(*number),
            Literal::Text(text) => Self::Text(Cow::Borrowed(text)),
            Literal::Guid(id) => Self::Guid(*id),
            Literal::Date(date) => Self::Date(*date),
            Literal::Instant(instant) => Self::Instant(*instant),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "Edm.Boolean",
            Self::Number(_) => "Edm.Decimal",
            Self::Text(_) => "Edm.String",
            Self::Guid(_) => "Edm.Guid",
            Self::Date(_) => "Edm.Date",
            Self::Instant(_) => "Edm.DateTimeOffset",
        }
    }

    fn instant(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Instant(instant) => Some(*instant),
            Self::Date(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
            Self::Text(text) => match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
                Ok(date) => Self::Date(date).instant(),
                Err(_) => DateTime::parse_from_rfc3339(text)
                    .ok()
                    .map(|found| found.with_timezone(&Utc)),
            },
            _ => None,
        }
    }

    fn guid(&self) -> Option<Uuid> {
        match self {
            Self::Guid(id) => Some(*id),
            Self::Text(text) => Uuid::try_parse(text).ok(),
            _ => None,
        }
    }
}

/// What a filter is asked about.
pub trait Row {
    /// The value at a path; an absent one is [`Datum::Null`].
    ///
    /// # Errors
    /// There is no such property, for services that check names.
    fn value(&self, path: &[String]) -> Result<Datum<'_>, ODataError>;

    /// The items of the collection at a path.
    ///
    /// # Errors
    /// There is no such collection.
    fn items(&self, path: &[String]) -> Result<Vec<Box<dyn Row + '_>>, ODataError>;

    /// The verdict of a function of the service.
    ///
    /// # Errors
    /// The service has no such function, or its parameters are wrong.
    fn call(&self, call: &Call) -> Result<bool, ODataError>;
}

/// A plain JSON object as a row: unknown names are null, there are no functions.
#[derive(Clone, Copy, Debug)]
pub struct JsonRow<'a>(pub &'a Value);

impl<'a> JsonRow<'a> {
    fn at(&self, path: &[String]) -> Option<&'a Value> {
        path.iter().try_fold(self.0, |value, name| value.get(name))
    }
}

impl Row for JsonRow<'_> {
    fn value(&self, path: &[String]) -> Result<Datum<'_>, ODataError> {
        Ok(self.at(path).map_or(Datum::Null, Datum::from_json))
    }

    fn items(&self, path: &[String]) -> Result<Vec<Box<dyn Row + '_>>, ODataError> {
        let items = self
            .at(path)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(items
            .iter()
            .map(|item| Box::new(JsonRow(item)) as Box<dyn Row>)
            .collect())
    }

    fn call(&self, call: &Call) -> Result<bool, ODataError> {
        Err(ODataError::new(format!(
            "An unknown function with name '{}' was found.",
            shorten(&call.name)
        )))
    }
}

impl Filter {
    /// Does the row pass?
    ///
    /// # Errors
    /// Values that cannot be compared, or an error of the row.
    pub fn matches(&self, row: &dyn Row, collation: Collation) -> Result<bool, ODataError> {
        Scope {
            row,
            bound: None,
            collation,
        }
        .test(&self.root)
    }
}

/// The row, and the items that enclosing lambdas have bound, innermost first.
struct Scope<'a> {
    row: &'a dyn Row,
    bound: Option<(&'a str, &'a dyn Row, &'a Scope<'a>)>,
    collation: Collation,
}

impl<'a> Scope<'a> {
    fn test(&self, expr: &Expr) -> Result<bool, ODataError> {
        match expr {
            Expr::And(parts) => all(parts, |part| self.test(part)),
            Expr::Or(parts) => any(parts, |part| self.test(part)),
            Expr::Not(inner) => Ok(!self.test(inner)?),
            Expr::Compare { left, op, right } => {
                compare(&self.value(left)?, *op, &self.value(right)?, self.collation)
            }
            Expr::Text { function, of, what } => {
                let (of, what) = (self.value(of)?, self.value(what)?);
                match (&of, &what) {
                    (Datum::Null, _) | (_, Datum::Null) => Ok(false),
                    (Datum::Text(of), Datum::Text(what)) => {
                        Ok(search(*function, of, what, self.collation))
                    }
                    _ => Err(ODataError::new(
                        "No function signature for the function matches the specified arguments.",
                    )),
                }
            }
            Expr::Lambda {
                path,
                all: every,
                variable,
                body,
            } => {
                let (row, path) = self.owner(path);
                let items = row.items(path)?;
                let Some(body) = body else {
                    return Ok(!items.is_empty());
                };
                let items = items.iter().map(AsRef::as_ref);
                let judge = |item: &dyn Row| {
                    let inner = Scope {
                        row: self.row,
                        bound: Some((variable, item, self)),
                        collation: self.collation,
                    };
                    inner.test(body)
                };
                if *every {
                    all(items, judge)
                } else {
                    any(items, judge)
                }
            }
            Expr::Call(call) => self.row.call(call),
            Expr::Truth(operand) => match self.value(operand)? {
                Datum::Bool(flag) => Ok(flag),
                Datum::Null => Ok(false),
                other => Err(ODataError::new(format!(
                    "The $filter expression must evaluate to a single boolean value, found '{}'.",
                    other.kind()
                ))),
            },
        }
    }

    fn value<'b>(&'b self, operand: &'b Operand) -> Result<Datum<'b>, ODataError> {
        match operand {
            Operand::Literal(literal) => Ok(Datum::from_literal(literal)),
            Operand::Path(path) => {
                let (row, path) = self.owner(path);
                row.value(path)
            }
        }
    }

    fn owner<'p>(&self, path: &'p [String]) -> (&'a dyn Row, &'p [String]) {
        let Some((first, rest)) = path.split_first() else {
            return (self.row, path);
        };
        let mut scope = self.bound;
        while let Some((name, item, outer)) = scope {
            if name == first {
                return (item, rest);
            }
            scope = outer.bound;
        }
        (self.row, path)
    }
}

fn all<T>(
    items: impl IntoIterator<Item = T>,
    mut test: impl FnMut(T) -> Result<bool, ODataError>,
) -> Result<bool, ODataError> {
    for item in items {
        if !test(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any<T>(
    items: impl IntoIterator<Item = T>,
    mut test: impl FnMut(T) -> Result<bool, ODataError>,
) -> Result<bool, ODataError> {
    for item in items {
        if test(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Compares two values as `$filter` does. Null equals null only; it is neither less nor greater.
///
/// # Errors
/// The kinds cannot be compared.
pub fn compare(
    left: &Datum<'_>,
    op: Operator,
    right: &Datum<'_>,
    collation: Collation,
) -> Result<bool, ODataError> {
    if matches!(left, Datum::Null) || matches!(right, Datum::Null) {
        let both = matches!((left, right), (Datum::Null, Datum::Null));
        return Ok(match op {
            Operator::Eq => both,
            Operator::Ne => !both,
            Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => false,
        });
    }
    let order = order(left, right, collation).ok_or_else(|| {
        ODataError::new(format!(
            "A binary operator with incompatible types was detected. Found operand types '{}' and '{}'.",
            left.kind(),
            right.kind()
        ))
    })?;
    Ok(match op {
        Operator::Eq => order.is_eq(),
        Operator::Ne => order.is_ne(),
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
    })
}

fn order(left: &Datum<'_>, right: &Datum<'_>, collation: Collation) -> Option<Ordering> {
    match (left, right) {
        (Datum::Bool(a), Datum::Bool(b)) => Some(a.cmp(b)),
        (Datum::Number(a), Datum::Number(b)) => Some(a.cmp(b)),
        (Datum::Text(a), Datum::Text(b)) => Some(match collation {
            Collation::Ordinal => a.cmp(b),
            Collation::Sql => a.to_lowercase().cmp(&b.to_lowercase()),
        }),
        (Datum::Guid(_), _) | (_, Datum::Guid(_)) => Some(left.guid()?.cmp(&right.guid()?)),
        (Datum::Instant(_) | Datum::Date(_), _) | (_, Datum::Instant(_) | Datum::Date(_)) => {
            Some(left.instant()?.cmp(&right.instant()?))
        }
        _ => None,
    }
}

fn search(function: TextFunction, of: &str, what: &str, collation: Collation) -> bool {
    match collation {
        Collation::Ordinal => match function {
            TextFunction::Contains => of.contains(what),
            TextFunction::StartsWith => of.starts_with(what),
            TextFunction::EndsWith => of.ends_with(what),
        },
        Collation::Sql => {
            let (before, after) = match function {
                TextFunction::Contains => ("%", "%"),
                TextFunction::StartsWith => ("", "%"),
                TextFunction::EndsWith => ("%", ""),
            };
            let pattern = pattern(&format!("{before}{}{after}", what.to_lowercase()));
            let text: Vec<char> = of.to_lowercase().chars().collect();
            like(&pattern, &text)
        }
    }
}

/// Does a text fit a pattern of `LIKE`, case aside?
pub(crate) fn sql_like(what: &str, text: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    like(&pattern(&what.to_lowercase()), &text)
}

enum Glob {
    Many,
    One,
    Set { letters: Vec<char>, but: bool },
    Just(char),
}

fn pattern(text: &str) -> Vec<Glob> {
    let mut globs = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        globs.push(match letter {
            '%' => Glob::Many,
            '_' => Glob::One,
            '[' => match rest.find(']') {
                Some(end) if end > 0 => {
                    let set = &rest[..end];
                    rest = &rest[end + 1..];
                    let unwanted = set.strip_prefix('^').filter(|letters| !letters.is_empty());
                    Glob::Set {
                        letters: unwanted.unwrap_or(set).chars().collect(),
                        but: unwanted.is_some(),
                    }
                }
                _ => Glob::Just('['),
            },
            other => Glob::Just(other),
        });
    }
    globs
}

/// Glob matching that goes back to the last `%` only: linear in memory, no recursion.
fn like(pattern: &[Glob], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Glob::Many) => {
                retry = Some((p, t));
                p += 1;
                continue;
            }
            Some(glob) if fits(glob, text[t]) => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        let Some((many, from)) = retry else {
            return false;
        };
        retry = Some((many, from + 1));
        p = many + 1;
        t = from + 1;
    }
    pattern[p..].iter().all(|glob| matches!(glob, Glob::Many))
}

fn fits(glob: &Glob, letter: char) -> bool {
    match glob {
        Glob::Many => false,
        Glob::One => true,
        Glob::Set { letters, but } => letters.contains(&letter) != *but,
        Glob::Just(wanted) => *wanted == letter,
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .ok()
}
