//! What an answer shows of a row: `$select` and `$expand`.

use std::sync::Arc;

use super::Dataverse;
use super::refusal::Refusal;
use super::related::Related;
use super::schema::Table;
use super::search::Search;
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

/// Related rows.
#[derive(Clone, Debug)]
pub(super) struct Expand {
    pub(super) navigation: Arc<str>,
    pub(super) to: To,
    pub(super) table: Arc<Table>,
    pub(super) shape: Shape,
    /// `/$ref`: the address alone.
    pub(super) reference: bool,
}

/// How many related rows there can be.
#[derive(Clone, Debug)]
pub(super) enum To {
    /// The one that a lookup column points to.
    One(Arc<str>),
    Many(Box<Collection>),
}

/// Which rows of a collection are shown.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    pub(super) related: Related,
    pub(super) search: Search,
    pub(super) top: Option<usize>,
    /// The options as written, for the link that leads to the collection alone.
    pub(super) options: String,
}

impl Shape {
    pub(super) fn read(
        environment: &Dataverse,
        table: &Table,
        query: &Query,
    ) -> Result<Self, Refusal> {
        let mut budget = MAX_EXPAND;
        Self::build(
            environment,
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
        environment: &Dataverse,
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
            let entry = Expand::read(environment, table, part.trim(), budget, depth)?;
            notes.push(format!("{}({})", entry.navigation, entry.shape.context));
            if let To::One(column) = &entry.to
                && let Some(place) = place(table, column)
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
            let column = table.property(name).ok_or_else(|| table.unknown(name))?;
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
        environment: &Dataverse,
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
        let (name, reference) = match name.strip_suffix("/$ref") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let options: Query = split_top_level(options, ';')
            .into_iter()
            .map(|(_, option)| option.trim())
            .filter(|option| !option.is_empty())
            .map(|option| {
                let (name, value) = option.split_once('=').unwrap_or((option, ""));
                (name.trim().to_owned(), value.to_owned())
            })
            .collect();
        let (to, target) = if let Some((column, target)) = table.navigation(name) {
            let found = environment.schema.table(&target.table);
            let missing = || Refusal::not_simulated(&format!("The table '{}'", target.table));
            only(&options, &["$select", "$expand", "$filter"])?;
            (
                To::One(column.name.clone()),
                found.ok_or_else(missing)?.clone(),
            )
        } else if let Some(related) = environment.schema.related(&table.name, name) {
            if reference {
                return Err(Refusal::query(
                    "Expand with $ref is only supported on lookup type navigation property.",
                ));
            }
            let target = related.table().clone();
            (many(environment, related, &options, depth)?, target)
        } else {
            return Err(table.unknown(name));
        };
        let (select, expand) = (options.get("$select"), options.get("$expand"));
        Ok(Self {
            navigation: Arc::from(name),
            to,
            shape: Shape::build(environment, &target, select, expand, budget, depth + 1)?,
            table: target,
            reference,
        })
    }
}

fn many(
    environment: &Dataverse,
    related: Related,
    options: &Query,
    depth: usize,
) -> Result<To, Refusal> {
    if depth == 0 {
        let known = [
            "$select", "$expand", "$filter", "$orderby", "$top", "$count",
        ];
        only(options, &known)?;
    } else {
        only(options, &["$select", "$expand", "$filter"])?;
    }
    let fault = |fault: crate::odata::ODataError| Refusal::query(fault.message());
    let top = options.number("$top").map_err(fault)?;
    let written: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(To::Many(Box::new(Collection {
        search: Search::read(environment, related.table(), options)?,
        related,
        top: top.map(|top| usize::try_from(top).unwrap_or(usize::MAX)),
        options: written.join("&"),
    })))
}

fn only(options: &Query, allowed: &[&str]) -> Result<(), Refusal> {
    if options.iter().all(|(name, _)| allowed.contains(&name)) {
        return Ok(());
    }
    Err(Refusal::query(
        "Only $select and $filter clause can be provided while doing $expand on many-to-one \
         relationship or nested one-to-many relationship.",
    ))
}

fn place(table: &Table, column: &str) -> Option<usize> {
    table
        .columns
        .iter()
        .position(|entry| *entry.name == *column)
}
