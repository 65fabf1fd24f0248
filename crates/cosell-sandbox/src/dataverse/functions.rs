//! Rows as `$filter` sees them, with the query functions of the service.

use std::borrow::Cow;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::Dataverse;
use super::cell::Cell;
use super::schema::{Column, Table};
use super::shape::unknown;
use super::store::Row as Stored;
use crate::odata::{
    Call, Collation, Datum, Expr, Literal, ODataError, Operand, Operator, Row, compare,
};

/// A row under a filter.
pub(super) struct FilterRow<'a> {
    pub(super) environment: &'a Dataverse,
    pub(super) table: &'a Table,
    pub(super) row: &'a Stored,
    pub(super) now: DateTime<Utc>,
}

/// The column at the end of a path, over at most one lookup at a time.
pub(super) fn resolve<'a>(
    environment: &'a Dataverse,
    table: &'a Table,
    path: &[String],
) -> Result<&'a Column, ODataError> {
    let [first, rest @ ..] = path else {
        return Err(ODataError::new("An empty property path."));
    };
    let fault = || ODataError::new(unknown(table, first).message());
    if rest.is_empty() {
        return table.property(first).ok_or_else(fault);
    }
    let (_, target) = table.navigation(first).ok_or_else(fault)?;
    let target = environment.schema.table(&target.table).ok_or_else(fault)?;
    resolve(environment, target, rest)
}

/// Checks the names in a filter, also where no row would lead to them.
pub(super) fn check(environment: &Dataverse, table: &Table, expr: &Expr) -> Result<(), ODataError> {
    let path = |operand: &Operand| match operand {
        Operand::Path(path) => resolve(environment, table, path).map(|_| ()),
        Operand::Literal(_) => Ok(()),
    };
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts
            .iter()
            .try_for_each(|part| check(environment, table, part)),
        Expr::Not(inner) => check(environment, table, inner),
        Expr::Compare { left, right, .. } => path(left).and_then(|()| path(right)),
        Expr::Text { of, what, .. } => path(of).and_then(|()| path(what)),
        Expr::Truth(operand) => path(operand),
        Expr::Lambda { .. } => Err(ODataError::new(
            "Lambda operators over collections are not simulated.",
        )),
        Expr::Call(call) => {
            let name = vec![property_name(call)?.to_owned()];
            resolve(environment, table, &name).map(|_| ())
        }
    }
}

fn property_name(call: &Call) -> Result<&str, ODataError> {
    match call.argument("PropertyName") {
        Some(Literal::Text(name)) => Ok(name),
        _ => Err(ODataError::new(format!(
            "The parameter 'PropertyName' of '{}' is missing.",
            call.name
        ))),
    }
}

pub(super) fn datum(cell: Option<&Cell>) -> Datum<'_> {
    match cell {
        None | Some(Cell::Null) => Datum::Null,
        Some(Cell::Text(text)) => Datum::Text(Cow::Borrowed(text)),
        Some(Cell::Int(number)) => Datum::Number((*number).into()),
        Some(Cell::Decimal(number)) => Datum::Number(*number),
        Some(Cell::Bool(flag)) => Datum::Bool(*flag),
        Some(Cell::Date(date)) => Datum::Date(*date),
        Some(Cell::Instant(instant)) => Datum::Instant(*instant),
        Some(Cell::Id(id) | Cell::Ref(_, id)) => Datum::Guid(*id),
    }
}

impl FilterRow<'_> {
    pub(super) fn cell(&self, path: &[String]) -> Option<&Cell> {
        let (mut table, mut row) = (self.table, self.row);
        let (last, steps) = path.split_last()?;
        for step in steps {
            let (column, target) = table.navigation(step)?;
            let (found, id) = row.get(&column.name)?.as_ref()?;
            if *found != target.table {
                return None;
            }
            table = self.environment.schema.table(found)?;
            row = self.environment.store.row(found, id)?;
        }
        row.get(&table.property(last)?.name)
    }

    fn day(&self, cell: Option<&Cell>) -> Option<NaiveDate> {
        match cell? {
            Cell::Date(date) => Some(*date),
            Cell::Instant(instant) => Some(instant.date_naive()),
            _ => None,
        }
    }
}

impl Row for FilterRow<'_> {
    fn value(&self, path: &[String]) -> Result<Datum<'_>, ODataError> {
        resolve(self.environment, self.table, path)?;
        Ok(datum(self.cell(path)))
    }

    fn items(&self, _path: &[String]) -> Result<Vec<Box<dyn Row + '_>>, ODataError> {
        Err(ODataError::new(
            "Lambda operators over collections are not simulated.",
        ))
    }

    fn call(&self, call: &Call) -> Result<bool, ODataError> {
        let unknown = || {
            ODataError::new(format!(
                "An unknown function with name '{}' was found.",
                call.name
            ))
        };
        let name = call
            .name
            .strip_prefix("Microsoft.Dynamics.CRM.")
            .ok_or_else(unknown)?;
        let path = [property_name(call)?.to_owned()];
        let column = resolve(self.environment, self.table, &path)?;
        let cell = self.row.get(&column.name);
        let values = values(call);
        let is = |operator, literal: &Literal| compare_with(cell, operator, literal);
        let any = || -> Result<bool, ODataError> {
            for value in &values {
                if is(Operator::Eq, value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let day = self.day(cell);
        let given_day = || match values.first() {
            Some(Literal::Date(date)) => Some(*date),
            Some(Literal::Instant(instant)) => Some(instant.date_naive()),
            Some(Literal::Text(text)) => text.get(..10)?.parse().ok(),
            _ => None,
        };
        let today = self.now.date_naive();
        match (name, values.as_slice()) {
            ("In", _) => any(),
            ("NotIn", _) => Ok(cell.is_some() && !any()?),
            ("Between", [low, high]) => Ok(is(Operator::Ge, low)? && is(Operator::Le, high)?),
            ("NotBetween", [low, high]) => Ok(is(Operator::Lt, low)? || is(Operator::Gt, high)?),
            ("On", _) => Ok(day.is_some() && day == given_day()),
            ("OnOrAfter", _) => Ok(day.zip(given_day()).is_some_and(|(day, from)| day >= from)),
            ("OnOrBefore", _) => Ok(day.zip(given_day()).is_some_and(|(day, to)| day <= to)),
            ("Today", _) => Ok(day == Some(today)),
            ("Yesterday", _) => Ok(day.is_some() && day == today.checked_sub_days(Days::new(1))),
            ("Tomorrow", _) => Ok(day.is_some() && day == today.checked_add_days(Days::new(1))),
            _ => self.span(name, cell, &values).ok_or_else(|| {
                ODataError::new(format!("The query function '{name}' is not simulated."))
            }),
        }
    }
}

impl FilterRow<'_> {
    /// Functions that measure back or forth from now.
    fn span(&self, name: &str, cell: Option<&Cell>, values: &[Literal]) -> Option<bool> {
        let count = match values.first()? {
            Literal::Number(number) => i64::try_from(*number).ok()?,
            Literal::Text(text) => text.parse().ok()?,
            _ => return None,
        };
        let length = if name.ends_with("Minutes") {
            TimeDelta::try_minutes(count)
        } else if name.ends_with("Hours") {
            TimeDelta::try_hours(count)
        } else if name.ends_with("Days") {
            TimeDelta::try_days(count)
        } else if name.ends_with("Weeks") {
            TimeDelta::try_weeks(count)
        } else {
            None
        }?;
        let before = self.now.checked_sub_signed(length)?;
        let after = self.now.checked_add_signed(length)?;
        let moment = match cell {
            Some(Cell::Instant(instant)) => *instant,
            Some(Cell::Date(date)) => date.and_time(chrono::NaiveTime::MIN).and_utc(),
            _ => return Some(false),
        };
        if name.starts_with("LastX") {
            Some((before..=self.now).contains(&moment))
        } else if name.starts_with("NextX") {
            Some((self.now..=after).contains(&moment))
        } else if name.starts_with("OlderThanX") {
            Some(moment < before)
        } else {
            None
        }
    }
}

fn values(call: &Call) -> Vec<Literal> {
    match (
        call.argument("PropertyValues"),
        call.argument("PropertyValue"),
    ) {
        (Some(Literal::List(values)), _) => values.clone(),
        (Some(value), _) | (None, Some(value)) => vec![value.clone()],
        (None, None) => Vec::new(),
    }
}

/// Parameters come as strings whatever the column holds.
fn compare_with(
    cell: Option<&Cell>,
    operator: Operator,
    literal: &Literal,
) -> Result<bool, ODataError> {
    let value = match (literal, cell) {
        (Literal::Text(text), Some(Cell::Int(_) | Cell::Decimal(_))) => {
            text.parse().map_or(Datum::Null, Datum::Number)
        }
        (Literal::Text(text), Some(Cell::Bool(_))) => Datum::Bool(text == "1" || text == "true"),
        (Literal::Text(text), _) => Datum::Text(Cow::Borrowed(text)),
        (Literal::Number(number), _) => Datum::Number(*number),
        (Literal::Bool(flag), _) => Datum::Bool(*flag),
        (Literal::Guid(id), _) => Datum::Guid(*id),
        (Literal::Date(date), _) => Datum::Date(*date),
        (Literal::Instant(instant), _) => Datum::Instant(*instant),
        (Literal::Null | Literal::List(_), _) => Datum::Null,
    };
    compare(&datum(cell), operator, &value, Collation::Sql)
}
