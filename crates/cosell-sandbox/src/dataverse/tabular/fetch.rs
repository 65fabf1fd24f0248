//! FetchXML.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use roxmltree::{Document, Node};

use super::plan::{Join, Of, Output, Plan, Sort};
use super::test::{Place, Test};
use super::{answer, column_of, no_table};
use crate::dataverse::Dataverse;
use crate::dataverse::cell::quote;
use crate::dataverse::print::{Object, annotations_applied};
use crate::dataverse::query::count_annotations;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::Reply;
use crate::dataverse::request::{MAX_PAGE, Operation, Prefer};
use crate::dataverse::schema::{Column, Table};
use crate::odata::{Literal, Operator};

/// Most tables of one query.
const MAX_LINKS: usize = 15;
/// Deepest nesting of filters and links.
const MAX_DEPTH: usize = 32;

const COOKIE: &str = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie";
const MORE: &str = "Microsoft.Dynamics.CRM.morerecords";

impl Dataverse {
    /// `GET` of a set under a FetchXML query.
    pub(super) fn fetch(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        text: &str,
        prefer: &Prefer,
    ) -> Result<Reply, Refusal> {
        let document = Document::parse(text).map_err(|error| invalid(&error.to_string()))?;
        let root = document.root_element();
        let entity = root
            .children()
            .find(|node| node.has_tag_name("entity"))
            .filter(|_| root.has_tag_name("fetch"))
            .ok_or_else(|| invalid("The element 'entity' is missing."))?;
        let name = entity.attribute("name").unwrap_or_default();
        if *name != *table.name {
            return Err(invalid(&format!(
                "The entity '{name}' is not that of the set '{}'.",
                table.set
            )));
        }
        let whole = |name: &str| -> Result<Option<usize>, Refusal> {
            let Some(text) = root.attribute(name) else {
                return Ok(None);
            };
            let number = text.trim().parse::<usize>().ok();
            let number = number.filter(|number| *number > 0);
            number
                .map(Some)
                .ok_or_else(|| invalid(&format!("The attribute '{name}' is not valid.")))
        };
        let flag = |name: &str| matches!(root.attribute(name), Some("true" | "1"));
        let mut plan = Plan::new(table.clone());
        plan.aggregate = flag("aggregate");
        plan.distinct = flag("distinct");
        let (top, count) = (whole("top")?, whole("count")?);
        let page = match whole("page")? {
            Some(page) if !self.options.fetch_cookie_repeats => page,
            _ => 1,
        };
        let size = count.or(prefer.max_page).unwrap_or(MAX_PAGE).min(MAX_PAGE);
        plan.take = top.unwrap_or(size).min(MAX_PAGE);
        plan.skip = if top.is_some() {
            0
        } else {
            (page - 1).saturating_mul(size)
        };
        let mut reader = Reader {
            environment: self,
            aliases: vec![String::new()],
            plan,
        };
        reader.entity(entity, 0, 0)?;
        let plan = reader.plan;
        let found = plan.run(self, None)?;
        let mut rows = Vec::new();
        for line in &found.rows {
            let mut object = Object::new();
            if !plan.aggregate
                && let Some(row) = line.joined.first().and_then(Option::as_ref)
            {
                object.member("@odata.etag", &quote(&format!("W/\"{}\"", row.version)));
                let shown = plan.outputs.iter().any(|output| *output.name == *table.key);
                if !shown && !plan.distinct {
                    object.member(&table.key, &quote(&row.id.to_string()));
                }
            }
            plan.print(self, line, prefer, &mut object);
            rows.push(object.close());
        }
        let more = (found.more || self.options.fetch_cookie_repeats) && top.is_none();
        let mut told = String::new();
        let total = flag("returntotalrecordcount")
            .then(|| self.count_of(&plan))
            .transpose()?;
        count_annotations(&mut told, prefer, total);
        if prefer.wants(MORE) {
            told.push_str(&format!(",\"@{MORE}\":{more}"));
        }
        if more && (prefer.wants(COOKIE) || self.options.fetch_cookie_unasked) {
            let ids = found
                .rows
                .iter()
                .filter_map(|line| line.joined.first()?.as_ref());
            let ids: Vec<_> = ids.map(|row| row.id.to_string().to_uppercase()).collect();
            let first = ids.first().map_or("", String::as_str);
            let last = ids.last().map_or("", String::as_str);
            let inner = format!(
                "<cookie page=\"{page}\"><{0} last=\"{{{last}}}\" first=\"{{{first}}}\" /></cookie>",
                table.key
            );
            let once = utf8_percent_encode(&inner, NON_ALPHANUMERIC).to_string();
            let twice = utf8_percent_encode(&once, NON_ALPHANUMERIC);
            let cookie = format!(
                "<cookie pagenumber=\"{}\" pagingcookie=\"{twice}\" istracking=\"False\" />",
                page + 1
            );
            told.push_str(&format!(",\"@{COOKIE}\":{}", quote(&cookie)));
        }
        let mut reply = answer(operation, table, &told, &rows);
        annotations_applied(&mut reply, prefer, None);
        Ok(reply)
    }

    fn count_of(&self, plan: &Plan) -> Result<usize, Refusal> {
        let mut plan = plan.clone();
        plan.skip = 0;
        plan.take = usize::MAX;
        Ok(plan.run(self, None)?.rows.len())
    }
}

fn invalid(what: &str) -> Refusal {
    Refusal::bad("0x80041120", format!("Invalid FetchXML: {what}"))
}

struct Reader<'a> {
    environment: &'a Dataverse,
    aliases: Vec<String>,
    plan: Plan,
}

impl Reader<'_> {
    fn table(&self, number: usize) -> &Arc<Table> {
        &self.plan.tables[number]
    }

    fn column(&self, number: usize, name: &str) -> Result<Column, Refusal> {
        column_of(self.table(number), name).cloned()
    }

    /// The members of an entity or a link.
    fn entity(&mut self, node: Node<'_, '_>, number: usize, depth: usize) -> Result<(), Refusal> {
        if depth > MAX_DEPTH {
            return Err(invalid("The elements are nested too deep."));
        }
        let children: Vec<Node<'_, '_>> = node.children().filter(Node::is_element).collect();
        let shows = children
            .iter()
            .any(|child| child.has_tag_name("attribute") || child.has_tag_name("no-attrs"));
        for child in &children {
            match child.tag_name().name() {
                "attribute" => self.attribute(*child, number)?,
                "all-attributes" => self.all(number),
                "no-attrs" => {}
                "order" => self.order(*child, number)?,
                "filter" => {
                    let test = self.filter(*child, number, depth + 1)?;
                    if number == 0 {
                        let before = std::mem::take(&mut self.plan.test);
                        self.plan.test = before.and(test);
                    } else {
                        let join = &mut self.plan.joins[number - 1];
                        join.test = std::mem::take(&mut join.test).and(test);
                    }
                }
                "link-entity" => self.link(*child, number, depth + 1)?,
                other => return Err(invalid(&format!("The element '{other}' is not known."))),
            }
        }
        if number == 0 && !shows && !self.plan.aggregate {
            self.all(0);
        }
        Ok(())
    }

    fn show(&mut self, number: usize, column: Column, alias: Option<&str>, of: Of) {
        let name = match alias {
            Some(alias) => alias.to_owned(),
            None if number == 0 => column.wire.to_string(),
            None => format!("{}.{}", self.aliases[number], column.name),
        };
        if self.plan.outputs.iter().all(|output| output.name != name) {
            let place = (number, column);
            self.plan.outputs.push(Output { name, place, of });
        }
    }

    fn all(&mut self, number: usize) {
        for column in self.table(number).columns.clone() {
            self.show(number, column, None, Of::Value);
        }
    }

    fn attribute(&mut self, node: Node<'_, '_>, number: usize) -> Result<(), Refusal> {
        let name = node.attribute("name").unwrap_or_default();
        let column = self.column(number, name)?;
        let alias = node.attribute("alias");
        let flag = |name: &str| matches!(node.attribute(name), Some("true" | "1"));
        if !self.plan.aggregate {
            self.show(number, column, alias, Of::Value);
            return Ok(());
        }
        if alias.is_none() {
            return Err(invalid("An alias is required in an aggregate query."));
        }
        if node.attribute("dategrouping").is_some() {
            return Err(Refusal::not_simulated("Grouping by parts of dates"));
        }
        let of = match node.attribute("aggregate") {
            None if flag("groupby") => Of::Group,
            Some("count") => Of::Rows,
            Some("countcolumn") if flag("distinct") => Of::Distinct,
            Some("countcolumn") => Of::Count,
            Some("sum") => Of::Sum,
            Some("avg") => Of::Average,
            Some("min") => Of::Least,
            Some("max") => Of::Greatest,
            _ => {
                return Err(invalid(
                    "An attribute is neither aggregated nor grouped by.",
                ));
            }
        };
        self.show(number, column, alias, of);
        Ok(())
    }

    fn order(&mut self, node: Node<'_, '_>, number: usize) -> Result<(), Refusal> {
        let descending = matches!(node.attribute("descending"), Some("true" | "1"));
        let sort = if let Some(alias) = node.attribute("alias") {
            let mut outputs = self.plan.outputs.iter();
            let place = outputs.position(|output| output.name == alias);
            Sort::Output(
                place.ok_or_else(|| invalid(&format!("The alias '{alias}' is not known.")))?,
            )
        } else {
            let name = node.attribute("attribute").unwrap_or_default();
            let number = match node.attribute("entityname") {
                Some(alias) => self.number(alias)?,
                None => number,
            };
            Sort::Place((number, self.column(number, name)?))
        };
        self.plan.order.push((sort, descending));
        Ok(())
    }

    fn number(&self, alias: &str) -> Result<usize, Refusal> {
        let found = self.aliases.iter().position(|known| known == alias);
        found.ok_or_else(|| invalid(&format!("The link '{alias}' is not known.")))
    }

    fn link(&mut self, node: Node<'_, '_>, number: usize, depth: usize) -> Result<(), Refusal> {
        let attribute = |name: &str| node.attribute(name).unwrap_or_default();
        let table = self.environment.schema.table(attribute("name")).cloned();
        let table = table.ok_or_else(|| no_table(attribute("name")))?;
        if self.plan.tables.len() > MAX_LINKS {
            return Err(Refusal::bad(
                "0x8004430d",
                format!("Number of link entities in query exceeded maximum limit of {MAX_LINKS}."),
            ));
        }
        let outer = match node.attribute("link-type") {
            None | Some("inner") => false,
            Some("outer") => true,
            Some(other) => {
                return Err(Refusal::not_simulated(&format!("The link type '{other}'")));
            }
        };
        let join = Join {
            from: (number, self.column(number, attribute("to"))?),
            to: column_of(&table, attribute("from"))?.clone(),
            outer,
            test: Test::default(),
        };
        let next = self.plan.tables.len();
        let alias = node.attribute("alias");
        let alias = alias.map_or_else(|| format!("{}{next}", table.name), str::to_owned);
        self.aliases.push(alias);
        self.plan.tables.push(table);
        self.plan.joins.push(join);
        self.entity(node, next, depth)
    }

    fn filter(&self, node: Node<'_, '_>, number: usize, depth: usize) -> Result<Test, Refusal> {
        if depth > MAX_DEPTH {
            return Err(invalid("The elements are nested too deep."));
        }
        let mut parts = Vec::new();
        for child in node.children().filter(Node::is_element) {
            parts.push(match child.tag_name().name() {
                "filter" => self.filter(child, number, depth + 1)?,
                "condition" => self.condition(child, number)?,
                other => return Err(invalid(&format!("The element '{other}' is not known."))),
            });
        }
        Ok(match node.attribute("type") {
            Some("or") if !parts.is_empty() => Test::Any(parts),
            _ => Test::All(parts),
        })
    }

    fn condition(&self, node: Node<'_, '_>, number: usize) -> Result<Test, Refusal> {
        let number = match node.attribute("entityname") {
            Some(alias) => self.number(alias)?,
            None => number,
        };
        let column = self.column(number, node.attribute("attribute").unwrap_or_default())?;
        let place = (number, column);
        let operator = node.attribute("operator").unwrap_or_default();
        if let Some(other) = node.attribute("valueof") {
            let other = (number, self.column(number, other)?);
            let operator = compared(operator)
                .ok_or_else(|| invalid("The operator does not compare columns."))?;
            return Ok(Test::Columns(place, operator, other));
        }
        let mut values: Vec<String> = node
            .children()
            .filter(|child| child.has_tag_name("value"))
            .map(|child| child.text().unwrap_or_default().to_owned())
            .collect();
        values.extend(node.attribute("value").map(str::to_owned));
        condition(place, operator, values).ok_or_else(|| {
            invalid(&format!(
                "The operator '{operator}' is not known or has wrong values."
            ))
        })
    }
}

fn compared(operator: &str) -> Option<Operator> {
    Some(match operator {
        "eq" => Operator::Eq,
        "ne" | "neq" => Operator::Ne,
        "gt" => Operator::Gt,
        "ge" => Operator::Ge,
        "lt" => Operator::Lt,
        "le" => Operator::Le,
        _ => return None,
    })
}

fn condition(place: Place, operator: &str, values: Vec<String>) -> Option<Test> {
    let first = values.first().cloned();
    let text = |value: String| Literal::Text(value);
    if let Some(compared) = compared(operator) {
        let compare = Test::Compare(place.clone(), compared, text(first?));
        // A null is not other than anything in SQL.
        return Some(match compared {
            Operator::Ne => Test::Not(Box::new(Test::Null(place))).and(compare),
            _ => compare,
        });
    }
    let like = |pattern: String| Test::Like(place.clone(), pattern);
    let present = |test: Test| {
        let present = Test::Not(Box::new(Test::Null(place.clone())));
        present.and(Test::Not(Box::new(test)))
    };
    let any = |values: Vec<String>| {
        let tests = values
            .into_iter()
            .map(|value| Test::Compare(place.clone(), Operator::Eq, text(value)));
        Test::Any(tests.collect())
    };
    Some(match operator {
        "null" => Test::Null(place),
        "not-null" => Test::Not(Box::new(Test::Null(place))),
        "like" => like(first?),
        "not-like" => present(like(first?)),
        "begins-with" => like(format!("{}%", first?)),
        "not-begin-with" => present(like(format!("{}%", first?))),
        "ends-with" => like(format!("%{}", first?)),
        "not-end-with" => present(like(format!("%{}", first?))),
        "in" => any(values),
        "not-in" => present(any(values)),
        "between" | "not-between" => {
            let [low, high] = <[String; 2]>::try_from(values).ok()?;
            let within = Test::Compare(place.clone(), Operator::Ge, text(low)).and(Test::Compare(
                place.clone(),
                Operator::Le,
                text(high),
            ));
            if operator == "between" {
                within
            } else {
                present(within)
            }
        }
        "contain-values" => Test::function(
            place,
            "ContainValues",
            values.into_iter().map(text).collect(),
        ),
        "not-contain-values" => {
            let values = values.into_iter().map(text).collect();
            Test::function(place, "DoesNotContainValues", values)
        }
        _ => {
            let name = function(operator)?;
            Test::function(place, &name, values.into_iter().map(text).collect())
        }
    })
}

/// `last-x-days` as `LastXDays`, and the few that are spelt otherwise.
fn function(operator: &str) -> Option<String> {
    let known = match operator {
        "eq-userid" => "EqualUserId",
        "ne-userid" => "NotEqualUserId",
        "eq-businessid" => "EqualBusinessId",
        "ne-businessid" => "NotEqualBusinessId",
        "last-seven-days" => "Last7Days",
        "next-seven-days" => "Next7Days",
        "olderthan-x-minutes" => "OlderThanXMinutes",
        "olderthan-x-hours" => "OlderThanXHours",
        "olderthan-x-days" => "OlderThanXDays",
        "olderthan-x-weeks" => "OlderThanXWeeks",
        "olderthan-x-months" => "OlderThanXMonths",
        "olderthan-x-years" => "OlderThanXYears",
        "on" | "on-or-after" | "on-or-before" | "today" | "yesterday" | "tomorrow" => "",
        other
            if ["last-", "next-", "this-"]
                .iter()
                .any(|start| other.starts_with(start)) =>
        {
            ""
        }
        _ => return None,
    };
    if !known.is_empty() {
        return Some(known.to_owned());
    }
    let words = operator.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    Some(words.collect())
}
