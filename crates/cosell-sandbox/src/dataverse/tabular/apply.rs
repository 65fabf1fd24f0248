//! `$apply`: filter, groups, sums.

use std::sync::Arc;

use super::plan::{Join, Of, Output, Plan};
use super::test::{Place, Test};
use super::{answer, column_of};
use crate::dataverse::Dataverse;
use crate::dataverse::functions;
use crate::dataverse::print::Object;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::Reply;
use crate::dataverse::request::{Operation, Prefer};
use crate::dataverse::schema::{Kind, Table};
use crate::dataverse::search::Search;
use crate::odata::{Query, split_top_level};

impl Dataverse {
    /// `GET` of a set under `$apply`.
    pub(super) fn aggregated(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        text: &str,
        query: &Query,
    ) -> Result<Reply, Refusal> {
        let mut plan = Plan::new(table.clone());
        plan.aggregate = true;
        // A filter of the request, then those of the steps.
        let mut filters: Vec<String> = query
            .get("$filter")
            .map(str::to_owned)
            .into_iter()
            .collect();
        for (_, step) in split_top_level(text, '/') {
            let step = step.trim();
            let (name, inside) = step
                .split_once('(')
                .and_then(|(name, rest)| Some((name.trim(), rest.strip_suffix(')')?)))
                .ok_or_else(|| wrong(step))?;
            match name {
                "filter" => filters.push(inside.to_owned()),
                "aggregate" => aggregates(self, &mut plan, inside)?,
                "groupby" => {
                    let (columns, rest) = inside
                        .trim()
                        .strip_prefix('(')
                        .and_then(|rest| rest.split_once(')'))
                        .ok_or_else(|| wrong(step))?;
                    for name in columns.split(',') {
                        let place = path(self, &mut plan, name.trim())?;
                        if matches!(place.1.kind, Kind::Instant) {
                            return Err(Refusal::query(
                                "Grouping by a date with time is not supported.",
                            ));
                        }
                        let name = name.trim().replace('/', "_");
                        let of = Of::Group;
                        plan.outputs.push(Output { name, place, of });
                    }
                    let rest = rest.trim().trim_start_matches(',').trim();
                    if !rest.is_empty() {
                        let inside = rest
                            .strip_prefix("aggregate(")
                            .and_then(|rest| rest.strip_suffix(')'))
                            .ok_or_else(|| wrong(rest))?;
                        aggregates(self, &mut plan, inside)?;
                    }
                }
                _ => return Err(wrong(step)),
            }
        }
        if plan.outputs.is_empty() {
            return Err(wrong(text));
        }
        let mut rows = None;
        for filter in filters {
            let options: Query = [("$filter".to_owned(), filter)].into_iter().collect();
            let search = Search::read(self, table, &options)?;
            let within = rows.as_deref();
            let found = search.run(self, (table, within), None, None)?;
            rows = Some(found.into_iter().map(|(_, row)| row).collect());
        }
        let found = plan.run(self, rows)?;
        let prefer = Prefer::read(&operation.headers);
        let lines = found.rows.iter().map(|line| {
            let mut object = Object::new();
            plan.print(self, line, &prefer, &mut object);
            object.close()
        });
        let lines: Vec<String> = lines.collect();
        Ok(answer(operation, table, "", &lines))
    }
}

fn wrong(what: &str) -> Refusal {
    Refusal::query(format!("The $apply transformation '{what}' is not valid."))
}

/// A column, over lookups that are joined on the way.
fn path(environment: &Dataverse, plan: &mut Plan, name: &str) -> Result<Place, Refusal> {
    let mut number = 0;
    let mut steps: Vec<&str> = name.split('/').collect();
    let last = steps.pop().unwrap_or_default();
    for step in steps {
        let table = plan.tables[number].clone();
        let resolved = functions::resolve(environment, &table, &[step.to_owned(), last.to_owned()]);
        resolved.map_err(|fault| Refusal::query(fault.message()))?;
        let (column, target) = table.navigation(step).ok_or_else(|| wrong(name))?;
        let target = environment.schema.table(&target.table);
        let target = target.ok_or_else(|| wrong(name))?.clone();
        let key = column_of(&target, &target.key)?.clone();
        plan.joins.push(Join {
            from: (number, column.clone()),
            to: key,
            outer: true,
            test: Test::default(),
        });
        plan.tables.push(target);
        number = plan.tables.len() - 1;
    }
    let table = &plan.tables[number];
    let column = table.property(last);
    let column = column.ok_or_else(|| table.unknown(last))?;
    Ok((number, column.clone()))
}

fn aggregates(environment: &Dataverse, plan: &mut Plan, text: &str) -> Result<(), Refusal> {
    for (_, part) in split_top_level(text, ',') {
        let words: Vec<&str> = part.split_whitespace().collect();
        let (place, of, name) = match words.as_slice() {
            ["$count", "as", name] => {
                let table = plan.tables[0].clone();
                ((0, column_of(&table, &table.key)?.clone()), Of::Rows, *name)
            }
            [column, "with", method, "as", name] => {
                let of = match *method {
                    "sum" => Of::Sum,
                    "average" => Of::Average,
                    "min" => Of::Least,
                    "max" => Of::Greatest,
                    "countdistinct" => Of::Distinct,
                    _ => return Err(wrong(part)),
                };
                (path(environment, plan, column)?, of, *name)
            }
            _ => return Err(wrong(part)),
        };
        let name = name.to_owned();
        plan.outputs.push(Output { name, place, of });
    }
    Ok(())
}
