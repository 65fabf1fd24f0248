//! What an answer shows of a row: `$select` and `$expand`.

use std::sync::Arc;

use super::refusal::Refusal;
use super::schema::{Schema, Table};
use crate::odata::{Query, parse_select, split_top_level};

/// Most `$expand` entries of one request.
const MAX_EXPAND: usize = 15;
/// Deepest nesting of `$expand`.
const MAX_DEPTH: usize = 5;

/// The columns and related rows that an answer shows.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Places in the table's columns, in the order asked for.
    pub(super) columns: Vec<usize>,
    pub(super) expand: Vec<Expand>,
    /// What stands in parentheses in the context URL; empty when all columns are shown.
    pub(super) context: String,
}

/// One related row.
#[derive(Clone, Debug)]
pub(super) struct Expand {
    pub(super) navigation: Arc<str>,
    pub(super) column: Arc<str>,
    pub(super) table: Arc<Table>,
    pub(super) shape: Shape,
}

impl Shape {
    pub(super) fn read(schema: &Schema, table: &Table, query: &Query) -> Result<Self, Refusal> {
        let mut budget = MAX_EXPAND;
        Self::build(
            schema,
            table,
            query.get("$select"),
            query.get("$expand"),
            &mut budget,
            0,
        )
    }

    /// All columns and nothing related.
    pub(super) fn whole(table: &Table) -> Self {
        Self {
            columns: (0..table.columns.len()).collect(),
            expand: Vec::new(),
            context: String::new(),
        }
    }

    fn build(
        schema: &Schema,
        table: &Table,
        select: Option<&str>,
        expand: Option<&str>,
        budget: &mut usize,
        depth: usize,
    ) -> Result<Self, Refusal> {
        let mut shape = match select {
            Some(text) => Self::selected(table, text)?,
            None => Self::whole(table),
        };
        let Some(text) = expand else {
            return Ok(shape);
        };
        if depth == MAX_DEPTH {
            return Err(Refusal::query("The $expand option is nested too deep."));
        }
        let mut notes = vec![std::mem::take(&mut shape.context)];
        for (_, part) in split_top_level(text, ',') {
            *budget = budget.checked_sub(1).ok_or_else(|| {
                Refusal::query(format!(
                    "A request can hold at most {MAX_EXPAND} $expand options."
                ))
            })?;
            let entry = Expand::read(schema, table, part.trim(), budget, depth)?;
            notes.push(format!("{}({})", entry.navigation, entry.shape.context));
            if let Some(place) = place(table, &entry.column)
                && !shape.columns.contains(&place)
            {
                shape.columns.push(place);
            }
            shape.expand.push(entry);
        }
        notes.retain(|note| !note.is_empty());
        shape.context = notes.join(",");
        Ok(shape)
    }

    fn selected(table: &Table, text: &str) -> Result<Self, Refusal> {
        let names = parse_select(text).map_err(|fault| Refusal::query(fault.message()))?;
        if names.iter().any(|name| name == "*") {
            return Ok(Self::whole(table));
        }
        let mut columns = Vec::new();
        for name in &names {
            let column = table.property(name).ok_or_else(|| unknown(table, name))?;
            let found = place(table, &column.name);
            columns.extend(found.filter(|place| !columns.contains(place)));
        }
        let extra = columns
            .iter()
            .any(|place| table.columns[*place].is_money())
            .then(|| place(table, "transactioncurrencyid"));
        for place in [extra.flatten(), place(table, &table.key)]
            .into_iter()
            .flatten()
        {
            if !columns.contains(&place) {
                columns.push(place);
            }
        }
        Ok(Self {
            columns,
            expand: Vec::new(),
            context: names.join(","),
        })
    }
}

impl Expand {
    fn read(
        schema: &Schema,
        table: &Table,
        text: &str,
        budget: &mut usize,
        depth: usize,
    ) -> Result<Self, Refusal> {
        let (name, options) = match text.split_once('(') {
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')').ok_or_else(|| {
                    Refusal::query(format!("Syntax error in the $expand option '{name}'."))
                })?;
                (name, inner)
            }
            None => (text, ""),
        };
        let (column, target) = table.navigation(name).ok_or_else(|| unknown(table, name))?;
        let target = schema
            .table(&target.table)
            .ok_or_else(|| Refusal::not_simulated(&format!("The table '{}'", target.table)))?;
        let (mut select, mut expand) = (None, None);
        for (_, option) in split_top_level(options, ';') {
            match option.trim().split_once('=') {
                Some(("$select", value)) => select = Some(value),
                Some(("$expand", value)) => expand = Some(value),
                None if option.trim().is_empty() => {}
                _ => {
                    return Err(Refusal::query(
                        "Only $select and $filter clause can be provided while doing $expand on \
                         many-to-one relationship or nested one-to-many relationship.",
                    ));
                }
            }
        }
        Ok(Self {
            navigation: Arc::from(name),
            column: column.name.clone(),
            table: target.clone(),
            shape: Shape::build(schema, target, select, expand, budget, depth + 1)?,
        })
    }
}

fn place(table: &Table, column: &str) -> Option<usize> {
    table
        .columns
        .iter()
        .position(|entry| *entry.name == *column)
}

pub(super) fn unknown(table: &Table, name: &str) -> Refusal {
    Refusal::query(format!(
        "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{}'.",
        table.name
    ))
}
