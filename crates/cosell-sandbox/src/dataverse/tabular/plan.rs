//! What is joined, kept, grouped, ordered and shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::test::{Joined, Place, Test};
use super::{LIMIT, too_many};
use crate::dataverse::Dataverse;
use crate::dataverse::cell::{Cell, quote, round};
use crate::dataverse::print::{FORMATTED, Object};
use crate::dataverse::refusal::Refusal;
use crate::dataverse::request::Prefer;
use crate::dataverse::schema::{Column, Kind, Table};
use crate::dataverse::search::SortKey;
use crate::dataverse::store::Row;

/// How a table comes to those before it.
#[derive(Clone, Debug)]
pub(super) struct Join {
    pub(super) from: Place,
    /// Column of the table that is joined.
    pub(super) to: Column,
    pub(super) outer: bool,
    /// What the joined row must be, before an outer join decides that there is none.
    pub(super) test: Test,
}

/// What an output shows of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Value,
    /// A value that rows are grouped by.
    Group,
    /// Rows, whether their column is null or not.
    Rows,
    /// Values that are not null.
    Count,
    Distinct,
    Sum,
    Average,
    Least,
    Greatest,
}

/// One member of the answer's rows.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) of: Of,
}

#[derive(Clone, Debug)]
pub(super) enum Sort {
    Place(Place),
    Output(usize),
}

/// A whole query.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) tables: Vec<Arc<Table>>,
    /// One for each table but the first.
    pub(super) joins: Vec<Join>,
    pub(super) test: Test,
    pub(super) outputs: Vec<Output>,
    pub(super) aggregate: bool,
    pub(super) distinct: bool,
    pub(super) order: Vec<(Sort, bool)>,
    pub(super) skip: usize,
    pub(super) take: usize,
}

/// Rows that a plan gave.
pub(super) struct Found {
    pub(super) rows: Vec<Line>,
    /// Are there more behind them?
    pub(super) more: bool,
}

/// One row: the value of each output, and where they come from.
pub(super) struct Line {
    pub(super) cells: Vec<Cell>,
    pub(super) joined: Joined,
}

impl Plan {
    pub(super) fn new(table: Arc<Table>) -> Self {
        Self {
            tables: vec![table],
            joins: Vec::new(),
            test: Test::default(),
            outputs: Vec::new(),
            aggregate: false,
            distinct: false,
            order: Vec::new(),
            skip: 0,
            take: usize::MAX,
        }
    }

    /// Runs over all rows of the first table, or over these.
    pub(super) fn run(
        &self,
        environment: &Dataverse,
        rows: Option<Vec<Arc<Row>>>,
    ) -> Result<Found, Refusal> {
        let mut joined: Vec<Joined> = match rows {
            Some(rows) => rows.into_iter().map(|row| vec![Some(row)]).collect(),
            None => {
                let rows = environment.store.rows(&self.tables[0].name).iter();
                rows.map(|row| vec![Some(row.clone())]).collect()
            }
        };
        for (number, join) in self.joins.iter().enumerate() {
            joined = self.join(environment, joined, join, number + 1)?;
        }
        let mut kept = Vec::new();
        for row in joined {
            if self.test.holds(environment, &self.tables, &row)? {
                kept.push(row);
            }
        }
        let mut lines = if self.aggregate {
            if kept.len() > LIMIT {
                return Err(too_many());
            }
            self.group(kept)
        } else {
            kept.into_iter().map(|row| self.line(row)).collect()
        };
        if self.distinct {
            let mut seen: Vec<Vec<Cell>> = Vec::new();
            lines.retain(|line: &Line| {
                let new = !seen.contains(&line.cells);
                if new {
                    seen.push(line.cells.clone());
                }
                new
            });
        }
        self.sort(environment, &mut lines);
        let all = lines.len();
        let rows: Vec<Line> = lines.into_iter().skip(self.skip).take(self.take).collect();
        let more = self.skip.saturating_add(rows.len()) < all;
        Ok(Found { rows, more })
    }

    fn join(
        &self,
        environment: &Dataverse,
        rows: Vec<Joined>,
        join: &Join,
        number: usize,
    ) -> Result<Vec<Joined>, Refusal> {
        let table = &self.tables[number];
        let mut index: BTreeMap<String, Vec<&Arc<Row>>> = BTreeMap::new();
        for row in environment.store.rows(&table.name).iter() {
            if let Some(cell) = row.get(&join.to.name) {
                index.entry(key(cell)).or_default().push(row);
            }
        }
        let mut out = Vec::new();
        for row in rows {
            let from = row[join.from.0].as_ref();
            let cell = from.and_then(|row| row.get(&join.from.1.name)).map(key);
            let mut found = false;
            for other in cell.and_then(|key| index.get(&key)).into_iter().flatten() {
                let mut next = row.clone();
                next.push(Some(Arc::clone(other)));
                if join.test.holds(environment, &self.tables, &next)? {
                    found = true;
                    out.push(next);
                }
            }
            if !found && join.outer {
                let mut next = row;
                next.push(None);
                out.push(next);
            }
        }
        Ok(out)
    }

    fn cell(row: &Joined, place: &Place) -> Cell {
        let row = row.get(place.0).and_then(Option::as_ref);
        row.and_then(|row| row.get(&place.1.name))
            .cloned()
            .unwrap_or(Cell::Null)
    }

    fn line(&self, joined: Joined) -> Line {
        let outputs = self.outputs.iter();
        let cells = outputs
            .map(|output| Self::cell(&joined, &output.place))
            .collect();
        Line { cells, joined }
    }

    fn group(&self, rows: Vec<Joined>) -> Vec<Line> {
        let mut groups: Vec<(Vec<Cell>, Vec<Joined>)> = Vec::new();
        let by: Vec<&Output> = self
            .outputs
            .iter()
            .filter(|output| output.of == Of::Group)
            .collect();
        let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for row in rows {
            let cells: Vec<Cell> = by
                .iter()
                .map(|output| Self::cell(&row, &output.place))
                .collect();
            let name: Vec<String> = cells.iter().map(key).collect();
            let place = *places.entry(name).or_insert_with(|| {
                groups.push((cells, Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push(row);
        }
        if groups.is_empty() && by.is_empty() {
            groups.push((Vec::new(), Vec::new()));
        }
        // In some order that is the same every time.
        groups.sort_by_cached_key(|(cells, _)| cells.iter().map(order).collect::<Vec<_>>());
        groups
            .into_iter()
            .map(|(_, rows)| {
                let cells = self.outputs.iter().map(|output| gathered(output, &rows));
                Line {
                    cells: cells.collect(),
                    joined: rows.first().cloned().unwrap_or_default(),
                }
            })
            .collect()
    }

    fn sort(&self, environment: &Dataverse, lines: &mut [Line]) {
        if self.order.is_empty() {
            return;
        }
        lines.sort_by_cached_key(|line| {
            let keys = self.order.iter().map(|(sort, descending)| {
                let key = match sort {
                    Sort::Place(place) => {
                        environment.sort_key(Some(&Self::cell(&line.joined, place)))
                    }
                    Sort::Output(number) => environment.sort_key(line.cells.get(*number)),
                };
                Directed {
                    key,
                    descending: *descending,
                }
            });
            keys.collect::<Vec<_>>()
        });
    }

    /// Writes a row's members; `prefer` decides on formatted values.
    pub(super) fn print(
        &self,
        environment: &Dataverse,
        line: &Line,
        prefer: &Prefer,
        object: &mut Object,
    ) {
        for (output, cell) in self.outputs.iter().zip(&line.cells) {
            let column = &output.place.1;
            let row = line.joined.get(output.place.0).and_then(Option::as_ref);
            if matches!(output.of, Of::Value | Of::Group)
                && prefer.wants(FORMATTED)
                && let Some(row) = row
                && let Some(text) = environment.formatted(column, cell, row)
            {
                object.member(&format!("{}@{FORMATTED}", output.name), &quote(&text));
            }
            let text = match (output.of, cell) {
                (Of::Rows | Of::Count | Of::Distinct | Of::Average, _) => match cell {
                    Cell::Decimal(number) => number.normalize().to_string(),
                    other => other.print(&Kind::BigInt),
                },
                _ => cell.print(&column.kind),
            };
            object.member(&output.name, &text);
        }
    }
}

#[derive(PartialEq, Eq)]
struct Directed {
    key: SortKey,
    descending: bool,
}

impl Ord for Directed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let order = self.key.cmp(&other.key);
        if self.descending {
            order.reverse()
        } else {
            order
        }
    }
}

impl PartialOrd for Directed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Text by which equal values are found, case aside.
fn key(cell: &Cell) -> String {
    match cell {
        Cell::Id(id) | Cell::Ref(_, id) => id.to_string(),
        Cell::Decimal(number) => number.normalize().to_string(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn gathered(output: &Output, rows: &[Joined]) -> Cell {
    let cells = || {
        let cells = rows.iter().map(|row| Plan::cell(row, &output.place));
        cells.filter(|cell| *cell != Cell::Null)
    };
    let numbers = || {
        cells().filter_map(|cell| match cell {
            Cell::Int(number) => Some(Decimal::from(number)),
            Cell::Decimal(number) => Some(number),
            _ => None,
        })
    };
    let count = |count: usize| Cell::Int(i64::try_from(count).unwrap_or(i64::MAX));
    // Of whole numbers comes a whole number again.
    let number = |number: Decimal| match output.place.1.kind {
        Kind::Integer { .. } | Kind::BigInt => Cell::Decimal(number.normalize()),
        _ => Cell::Decimal(number),
    };
    match output.of {
        Of::Value | Of::Group => {
            let row = rows.first();
            row.map_or(Cell::Null, |row| Plan::cell(row, &output.place))
        }
        Of::Rows => count(rows.len()),
        Of::Count => count(cells().count()),
        Of::Distinct => {
            let mut seen: Vec<String> = cells().map(|cell| key(&cell)).collect();
            seen.sort_unstable();
            seen.dedup();
            count(seen.len())
        }
        Of::Sum => {
            let mut numbers = numbers().peekable();
            if numbers.peek().is_none() {
                return Cell::Null;
            }
            let sum = numbers.try_fold(Decimal::ZERO, Decimal::checked_add);
            sum.map_or(Cell::Null, number)
        }
        Of::Average => {
            let all = numbers().count();
            let sum = numbers().try_fold(Decimal::ZERO, Decimal::checked_add);
            let mean = sum.and_then(|sum| sum.checked_div(Decimal::from(all)));
            mean.map_or(Cell::Null, |mean| Cell::Decimal(round(mean, 10)))
        }
        Of::Least | Of::Greatest => {
            let best = cells().reduce(|best, cell| {
                let smaller = order(&cell) < order(&best);
                if smaller == (output.of == Of::Least) {
                    cell
                } else {
                    best
                }
            });
            best.unwrap_or(Cell::Null)
        }
    }
}

fn order(cell: &Cell) -> SortKey {
    match cell {
        Cell::Int(number) => SortKey::Number((*number).into()),
        Cell::Decimal(number) => SortKey::Number(*number),
        Cell::Instant(instant) => SortKey::Number(instant.timestamp().into()),
        Cell::Date(date) => SortKey::Text(date.to_string()),
        Cell::Text(text) => SortKey::Text(text.to_lowercase()),
        _ => SortKey::Null,
    }
}
