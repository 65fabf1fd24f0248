//! Conditions over joined rows.

use std::sync::Arc;

use super::namespaced;
use crate::dataverse::Dataverse;
use crate::dataverse::cell::Cell;
use crate::dataverse::functions::{FilterRow, datum};
use crate::dataverse::refusal::Refusal;
use crate::dataverse::schema::{Column, Kind, Table};
use crate::dataverse::store::Row as Stored;
use crate::odata::{Call, Collation, Datum, Literal, ODataError, Operator, Row, compare, sql_like};

/// A column of one of the joined tables.
pub(super) type Place = (usize, Column);

/// One row of each table; none where an outer join found none.
pub(super) type Joined = Vec<Option<Arc<Stored>>>;

/// What must hold.
#[derive(Clone, Debug)]
pub(super) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Compare(Place, Operator, Literal),
    /// Two columns with each other.
    Columns(Place, Operator, Place),
    Like(Place, String),
    Null(Place),
    /// A query function of the service.
    Call(Place, Call),
}

impl Default for Test {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Test {
    pub(super) fn and(self, other: Self) -> Self {
        match self {
            Self::All(mut parts) => {
                parts.push(other);
                Self::All(parts)
            }
            this => Self::All(vec![this, other]),
        }
    }

    /// A query function by its name without namespace, about one column.
    pub(super) fn function(place: Place, name: &str, values: Vec<Literal>) -> Self {
        let mut arguments = vec![(
            "PropertyName".to_owned(),
            Literal::Text(place.1.wire.to_string()),
        )];
        let mut values = values;
        if values.len() == 1 {
            arguments.extend(
                values
                    .pop()
                    .map(|value| ("PropertyValue".to_owned(), value)),
            );
        } else {
            arguments.push(("PropertyValues".to_owned(), Literal::List(values)));
        }
        let name = namespaced(name);
        Self::Call(place, Call { name, arguments })
    }

    pub(super) fn holds(
        &self,
        environment: &Dataverse,
        tables: &[Arc<Table>],
        row: &Joined,
    ) -> Result<bool, Refusal> {
        let fault = |fault: ODataError| Refusal::query(fault.message());
        let cell = |place: &Place| row[place.0].as_ref().and_then(|row| row.get(&place.1.name));
        Ok(match self {
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(environment, tables, row)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(environment, tables, row)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(inner) => !inner.holds(environment, tables, row)?,
            Self::Compare(place, operator, literal) => {
                let value = fitting(&place.1, literal);
                let found = datum(cell(place));
                compare(&found, *operator, &value, Collation::Sql).map_err(fault)?
            }
            Self::Columns(left, operator, right) => {
                let (left, right) = (datum(cell(left)), datum(cell(right)));
                compare(&left, *operator, &right, Collation::Sql).map_err(fault)?
            }
            Self::Like(place, pattern) => {
                let text = cell(place).and_then(Cell::as_text);
                text.is_some_and(|text| sql_like(pattern, text))
            }
            Self::Null(place) => cell(place).is_none(),
            Self::Call(place, call) => match &row[place.0] {
                None => false,
                Some(found) => FilterRow {
                    environment,
                    table: &tables[place.0],
                    row: found,
                    now: environment.now,
                }
                .call(call)
                .map_err(fault)?,
            },
        })
    }
}

/// A literal as the column's kind compares: values come as text in FetchXML, and as numbers for
/// booleans in SQL.
fn fitting<'a>(column: &Column, literal: &'a Literal) -> Datum<'a> {
    let text = match literal {
        Literal::Null | Literal::List(_) => return Datum::Null,
        Literal::Bool(flag) => return Datum::Bool(*flag),
        Literal::Guid(id) => return Datum::Guid(*id),
        Literal::Date(date) => return Datum::Date(*date),
        Literal::Instant(instant) => return Datum::Instant(*instant),
        Literal::Number(number) if matches!(column.kind, Kind::Boolean(..)) => {
            return Datum::Bool(!number.is_zero());
        }
        Literal::Number(number) => return Datum::Number(*number),
        Literal::Text(text) => text,
    };
    match &column.kind {
        Kind::Boolean(..) => Datum::Bool(text == "1" || text.eq_ignore_ascii_case("true")),
        Kind::Integer { .. }
        | Kind::BigInt
        | Kind::Decimal { .. }
        | Kind::Money { .. }
        | Kind::Choice(_)
        | Kind::State(_)
        | Kind::Status(_) => text.trim().parse().map_or(Datum::Null, Datum::Number),
        Kind::Id | Kind::Lookup(_) | Kind::File { .. } => {
            let id = text.trim().trim_matches(['{', '}']);
            uuid::Uuid::try_parse(id).map_or(Datum::Null, Datum::Guid)
        }
        _ => Datum::Text(text.into()),
    }
}
