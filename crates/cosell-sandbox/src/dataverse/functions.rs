//! Rows as `$filter` sees them, with the query functions of the service.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::Dataverse;
use super::cell::Cell;
use super::related::Related;
use super::schema::{Column, Table};
use super::store::Row as Stored;
use crate::odata::{
    Call, Collation, Datum, Expr, Literal, ODataError, Operand, Operator, Row, compare,
};

/// A row under a filter.
#[derive(Clone, Copy)]
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
    let fault = || ODataError::new(table.unknown(first).message());
    if rest.is_empty() {
        return table.property(first).ok_or_else(fault);
    }
    let (_, target) = table.navigation(first).ok_or_else(fault)?;
    let target = environment.schema.table(&target.table).ok_or_else(fault)?;
    resolve(environment, target, rest)
}

/// Checks the names in a filter, also where no row would lead to them.
pub(super) fn check(environment: &Dataverse, table: &Table, expr: &Expr) -> Result<(), ODataError> {
    Names {
        environment,
        table,
        bound: None,
    }
    .check(expr)
}

/// Which names are known where: the table's, and the items that enclosing lambdas have bound.
struct Names<'a> {
    environment: &'a Dataverse,
    table: &'a Table,
    bound: Option<(&'a str, &'a Table, &'a Names<'a>)>,
}

impl<'a> Names<'a> {
    /// The table that a path starts from, and the rest of the path.
    fn owner<'p>(&self, path: &'p [String]) -> (&'a Table, &'p [String]) {
        let mut bound = self.bound;
        if let Some((first, rest)) = path.split_first() {
            while let Some((name, table, outer)) = bound {
                if name == first {
                    return (table, rest);
                }
                bound = outer.bound;
            }
        }
        (self.table, path)
    }

    fn check(&self, expr: &Expr) -> Result<(), ODataError> {
        let path = |operand: &Operand| match operand {
            Operand::Path(path) => {
                let (table, path) = self.owner(path);
                resolve(self.environment, table, path).map(|_| ())
            }
            Operand::Literal(_) => Ok(()),
        };
        match expr {
            Expr::And(parts) | Expr::Or(parts) => {
                parts.iter().try_for_each(|part| self.check(part))
            }
            Expr::Not(inner) => self.check(inner),
            Expr::Compare { left, right, .. } => path(left).and_then(|()| path(right)),
            Expr::Text { of, what, .. } => path(of).and_then(|()| path(what)),
            Expr::Truth(operand) => path(operand),
            Expr::Lambda {
                path,
                variable,
                body,
                ..
            } => {
                let (table, path) = self.owner(path);
                let related = collection(self.environment, table, path)?;
                let Some(body) = body else {
                    return Ok(());
                };
                Names {
                    environment: self.environment,
                    table: self.table,
                    bound: Some((variable, related.table(), self)),
                }
                .check(body)
            }
            Expr::Call(call) => property(self.table, call).map(|_| ()),
        }
    }
}

/// The collection at the end of a path.
fn collection(
    environment: &Dataverse,
    table: &Table,
    path: &[String],
) -> Result<Related, ODataError> {
    let [first, rest @ ..] = path else {
        return Err(ODataError::new("An empty property path."));
    };
    let fault = || ODataError::new(table.unknown(first).message());
    if rest.is_empty() {
        return environment
            .schema
            .related(&table.name, first)
            .ok_or_else(fault);
    }
    let (_, target) = table.navigation(first).ok_or_else(fault)?;
    let target = environment.schema.table(&target.table).ok_or_else(fault)?;
    collection(environment, target, rest)
}

/// The column that a query function is about, by its logical or its JSON name.
fn property<'a>(table: &'a Table, call: &Call) -> Result<&'a Column, ODataError> {
    match call.argument("PropertyName") {
        Some(Literal::Text(name)) => table
            .column(name)
            .or_else(|| table.property(name))
            .ok_or_else(|| ODataError::new(table.unknown(name).message())),
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

impl<'a> FilterRow<'a> {
    pub(super) fn cell(&self, path: &[String]) -> Option<&'a Cell> {
        let (last, steps) = path.split_last()?;
        let (table, row) = self.walk(steps)?;
        row.get(&table.property(last)?.name)
    }

    /// The row that some lookups lead to.
    fn walk(&self, steps: &[String]) -> Option<(&'a Table, &'a Stored)> {
        let (mut table, mut row) = (self.table, self.row);
        for step in steps {
            let (column, target) = table.navigation(step)?;
            let (found, id) = row.get(&column.name)?.as_ref()?;
            if *found != target.table {
                return None;
            }
            table = self.environment.schema.table(found)?;
            row = self.environment.store.row(found, id)?;
        }
        Some((table, row))
    }

    /// The rows of the collection at a path.
    fn related(&self, path: &[String]) -> Result<Vec<Box<dyn Row + 'a>>, ODataError> {
        let related = collection(self.environment, self.table, path)?;
        let steps = path.get(..path.len().saturating_sub(1)).unwrap_or_default();
        let Some((_, row)) = self.walk(steps) else {
            return Ok(Vec::new());
        };
        let rows = self.environment.related_rows(&related, row.id);
        Ok(rows
            .into_iter()
            .map(|row| {
                Box::new(Item {
                    environment: self.environment,
                    table: related.table().clone(),
                    row,
                    now: self.now,
                }) as Box<dyn Row + 'a>
            })
            .collect())
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

    fn items(&self, path: &[String]) -> Result<Vec<Box<dyn Row + '_>>, ODataError> {
        self.related(path)
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
        let column = property(self.table, call)?;
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
            ("EqualUserId", _) => Ok(datum(cell) == Datum::Guid(self.environment.user)),
            ("NotEqualUserId", _) => Ok(datum(cell) != Datum::Guid(self.environment.user)),
            ("EqualBusinessId", _) => {
                Ok(datum(cell) == Datum::Guid(self.environment.business_unit()))
            }
            ("NotEqualBusinessId", _) => {
                Ok(datum(cell) != Datum::Guid(self.environment.business_unit()))
            }
            ("ContainValues", _) => Ok(contain_values(cell, &values)),
            ("DoesNotContainValues", _) => Ok(cell.is_some() && !contain_values(cell, &values)),
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
    /// Functions that measure back or forth from now, or name a week, a month or a year.
    fn span(&self, name: &str, cell: Option<&Cell>, values: &[Literal]) -> Option<bool> {
        let moment = match cell {
            Some(Cell::Instant(instant)) => Some(*instant),
            Some(Cell::Date(date)) => Some(date.and_time(NaiveTime::MIN).and_utc()),
            _ => None,
        };
        if let Some((from, to)) = period(name, self.now.date_naive()) {
            let day = moment.map(|moment| moment.date_naive());
            return Some(day.is_some_and(|day| from <= day && day < to));
        }
        let count = match values.first()? {
            Literal::Number(number) => i64::try_from(*number).ok()?,
            Literal::Text(text) => text.parse().ok()?,
            _ => return None,
        };
        let (before, after) = around(name, self.now, count)?;
        let Some(moment) = moment else {
            return Some(false);
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

/// So many minutes, hours, days, weeks, months or years before and after.
fn around(name: &str, now: DateTime<Utc>, count: i64) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let months = |count: i64| {
        let months = Months::new(u32::try_from(count).ok()?);
        Some((
            now.checked_sub_months(months)?,
            now.checked_add_months(months)?,
        ))
    };
    let unit = name.trim_start_matches("OlderThanX");
    let unit = unit.trim_start_matches("LastX").trim_start_matches("NextX");
    let length = match unit {
        "Minutes" => TimeDelta::try_minutes(count),
        "Hours" => TimeDelta::try_hours(count),
        "Days" => TimeDelta::try_days(count),
        "Weeks" => TimeDelta::try_weeks(count),
        "Months" => return months(count),
        "Years" => return months(count.checked_mul(12)?),
        _ => None,
    }?;
    Some((
        now.checked_sub_signed(length)?,
        now.checked_add_signed(length)?,
    ))
}

/// First day of the period that a function names, and the first one after it. Weeks begin on
/// Sunday.
fn period(name: &str, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let week = today.checked_sub_days(Days::new(today.weekday().num_days_from_sunday().into()))?;
    let month = today.with_day(1)?;
    let year = month.with_month(1)?;
    let days = |from: NaiveDate, count: i64| from.checked_add_signed(TimeDelta::try_days(count)?);
    let months = |from: NaiveDate, count: i32| {
        let months = Months::new(count.unsigned_abs());
        if count < 0 {
            from.checked_sub_months(months)
        } else {
            from.checked_add_months(months)
        }
    };
    Some(match name {
        "Last7Days" => (days(today, -7)?, days(today, 1)?),
        "Next7Days" => (today, days(today, 8)?),
        "LastWeek" => (days(week, -7)?, week),
        "ThisWeek" => (week, days(week, 7)?),
        "NextWeek" => (days(week, 7)?, days(week, 14)?),
        "LastMonth" => (months(month, -1)?, month),
        "ThisMonth" => (month, months(month, 1)?),
        "NextMonth" => (months(month, 1)?, months(month, 2)?),
        "LastYear" => (months(year, -12)?, year),
        "ThisYear" => (year, months(year, 12)?),
        "NextYear" => (months(year, 12)?, months(year, 24)?),
        _ => return None,
    })
}

fn contain_values(cell: Option<&Cell>, values: &[Literal]) -> bool {
    let held: Vec<&str> = match cell {
        Some(Cell::Text(text)) => text.split(',').collect(),
        _ => return false,
    };
    values.iter().any(|value| match value {
        Literal::Text(text) => held.contains(&text.as_str()),
        Literal::Number(number) => held.contains(&number.to_string().as_str()),
        _ => false,
    })
}

/// A row of a collection, for the body of a lambda.
struct Item<'a> {
    environment: &'a Dataverse,
    table: Arc<Table>,
    row: Arc<Stored>,
    now: DateTime<Utc>,
}

impl Item<'_> {
    fn view(&self) -> FilterRow<'_> {
        FilterRow {
            environment: self.environment,
            table: &self.table,
            row: &self.row,
            now: self.now,
        }
    }
}

impl Row for Item<'_> {
    fn value(&self, path: &[String]) -> Result<Datum<'_>, ODataError> {
        resolve(self.environment, &self.table, path)?;
        Ok(datum(self.view().cell(path)))
    }

    fn items(&self, path: &[String]) -> Result<Vec<Box<dyn Row + '_>>, ODataError> {
        self.view().related(path)
    }

    fn call(&self, call: &Call) -> Result<bool, ODataError> {
        self.view().call(call)
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
