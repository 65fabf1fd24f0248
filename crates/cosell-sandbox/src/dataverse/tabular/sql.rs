//! The `sql` option: one `SELECT`, with joins, conditions, groups and order.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rust_decimal::Decimal;

use super::plan::{Join, Of, Output, Plan, Sort};
use super::test::{Place, Test};
use super::{answer, column_of, no_table};
use crate::dataverse::Dataverse;
use crate::dataverse::cell::quote;
use crate::dataverse::print::Object;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::reply::Reply;
use crate::dataverse::request::{MAX_PAGE, Operation, Prefer};
use crate::dataverse::schema::{Column, Table};
use crate::odata::{Literal, Operator, Query};

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 32;

impl Dataverse {
    /// `GET` of a set under a SQL query. The set only says where to ask.
    pub(super) fn sql(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        text: &str,
        query: &Query,
    ) -> Result<Reply, Refusal> {
        let mut parser = Parser {
            environment: self,
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
            aliases: Vec::new(),
            plan: Plan::new(table.clone()),
        };
        parser.select()?;
        let mut plan = parser.plan;
        let prefer = Prefer::read(&operation.headers);
        let page: usize = match query.get("$skiptoken") {
            None => 1,
            Some(token) => token
                .split_once("pagenumber=\"")
                .and_then(|(_, rest)| rest.split('"').next()?.parse().ok())
                .ok_or_else(|| Refusal::query("Malformed XML in the Paging Cookie"))?,
        };
        let size = prefer.max_page.unwrap_or(MAX_PAGE);
        let before = page.saturating_sub(1).saturating_mul(size);
        let left = plan.take.saturating_sub(before);
        plan.skip = plan.skip.saturating_add(before);
        plan.take = left.min(size);
        let found = plan.run(self, None)?;
        let lines = found.rows.iter().map(|line| {
            let mut object = Object::new();
            plan.print(self, line, &prefer, &mut object);
            object.close()
        });
        let lines: Vec<String> = lines.collect();
        let mut more = String::new();
        if found.more && left > size {
            let cookie = format!(
                "<cookie pagenumber=\"{}\" pagingcookie=\"{}\" istracking=\"False\" />",
                page + 1,
                plan.skip + lines.len()
            );
            let link = format!(
                "{}{}?sql={}&$skiptoken={}",
                operation.base,
                table.set,
                utf8_percent_encode(text, NON_ALPHANUMERIC),
                utf8_percent_encode(&cookie, NON_ALPHANUMERIC)
            );
            more = format!(",\"@odata.nextLink\":{}", quote(&link));
        }
        Ok(answer(operation, table, &more, &lines))
    }
}

fn wrong(what: &str) -> Refusal {
    Refusal::bad(
        "0x80040203",
        format!("The SQL query is not supported: {what}"),
    )
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Number(Decimal),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 12] = [
    "<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ",", "*", ".",
];

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            let mut end = 1;
            loop {
                let close = rest[end..]
                    .find('\'')
                    .ok_or_else(|| wrong("an open literal"))?;
                end += close + 1;
                if !rest[end..].starts_with('\'') {
                    break;
                }
                end += 1;
            }
            found.push(Token::Text(rest[1..end - 1].replace("''", "'")));
            end
        } else if first.is_ascii_digit() || first == '-' {
            let end = rest[1..].find(|letter: char| !letter.is_ascii_digit() && letter != '.');
            let end = end.map_or(rest.len(), |end| end + 1);
            let number = rest[..end].parse().map_err(|_| wrong(&rest[..end]))?;
            found.push(Token::Number(number));
            end
        } else if first.is_alphabetic() || first == '_' || first == '[' {
            let word = |letter: char| !letter.is_alphanumeric() && !"_[]".contains(letter);
            let end = rest.find(word).unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].trim_matches(['[', ']']).to_owned()));
            end
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| wrong(&format!("the letter '{first}'")))?;
            found.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// A column as written: alias of its table, if any, and its name.
type Named = (Option<String>, String);

/// An entry of the list behind `SELECT`, before the tables are known.
struct Shown {
    of: Of,
    /// None for `COUNT(*)`.
    column: Option<Named>,
    name: Option<String>,
}

struct Parser<'a> {
    environment: &'a Dataverse,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    /// What the tables are called here.
    aliases: Vec<String>,
    plan: Plan,
}

impl Parser<'_> {
    fn word(&mut self, word: &str) -> bool {
        let hit = matches!(self.tokens.get(self.next), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.next += usize::from(hit);
        hit
    }

    fn sign(&mut self, sign: &str) -> bool {
        let hit = matches!(self.tokens.get(self.next), Some(Token::Sign(found)) if *found == sign);
        self.next += usize::from(hit);
        hit
    }

    fn need(&mut self, hit: bool, what: &str) -> Result<(), Refusal> {
        if hit {
            Ok(())
        } else {
            Err(wrong(&format!("{what} is missing")))
        }
    }

    fn name(&mut self) -> Result<String, Refusal> {
        match self.tokens.get(self.next) {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => Err(wrong("a name is missing")),
        }
    }

    fn number(&mut self) -> Result<usize, Refusal> {
        match self.tokens.get(self.next) {
            Some(Token::Number(number)) => {
                let number = usize::try_from(*number).map_err(|_| wrong("a number"))?;
                self.next += 1;
                Ok(number)
            }
            _ => Err(wrong("a number is missing")),
        }
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        let literal = match self.tokens.get(self.next) {
            Some(Token::Number(number)) => Literal::Number(*number),
            Some(Token::Text(text)) => Literal::Text(text.clone()),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("null") => Literal::Null,
            _ => return Err(wrong("a value is missing")),
        };
        self.next += 1;
        Ok(literal)
    }

    fn named(&mut self) -> Result<Named, Refusal> {
        let first = self.name()?;
        if self.sign(".") {
            return Ok((Some(first), self.name()?));
        }
        Ok((None, first))
    }

    fn place(&self, (alias, name): &Named) -> Result<Place, Refusal> {
        let name = name.to_lowercase();
        if let Some(alias) = alias {
            let mut aliases = self.aliases.iter();
            let number = aliases.position(|known| known.eq_ignore_ascii_case(alias));
            let number = number.ok_or_else(|| wrong(&format!("the alias '{alias}'")))?;
            return Ok((number, column_of(&self.plan.tables[number], &name)?.clone()));
        }
        let found = |(number, table): (usize, &Arc<Table>)| {
            Some((
                number,
                table
                    .column(&name)
                    .or_else(|| table.property(&name))?
                    .clone(),
            ))
        };
        let mut tables = self.plan.tables.iter().enumerate();
        let missing = || column_of(&self.plan.tables[0], &name).map(|column| (0, column.clone()));
        tables.find_map(found).map_or_else(missing, Ok)
    }

    fn select(&mut self) -> Result<(), Refusal> {
        let select = self.word("select");
        self.need(select, "SELECT")?;
        self.plan.distinct = self.word("distinct");
        if self.word("top") {
            let most = self.number()?;
            self.plan.take = most.min(MAX_PAGE);
        }
        let mut shown = vec![self.shown()?];
        while self.sign(",") {
            shown.push(self.shown()?);
        }
        let from = self.word("from");
        self.need(from, "FROM")?;
        self.from()?;
        if self.word("where") {
            self.plan.test = self.or()?;
        }
        let mut groups = Vec::new();
        if self.word("group") {
            let by = self.word("by");
            self.need(by, "BY")?;
            loop {
                let named = self.named()?;
                groups.push(self.place(&named)?);
                if !self.sign(",") {
                    break;
                }
            }
        }
        self.outputs(shown, &groups)?;
        if self.word("order") {
            let by = self.word("by");
            self.need(by, "BY")?;
            self.order()?;
        }
        if self.word("offset") {
            self.plan.skip = self.number()?;
            let rows = self.word("rows") || self.word("row");
            self.need(rows, "ROWS")?;
            if self.word("fetch") {
                let next = self.word("next") || self.word("first");
                self.need(next, "NEXT")?;
                self.plan.take = self.number()?;
                let only = (self.word("rows") || self.word("row")) && self.word("only");
                self.need(only, "ROWS ONLY")?;
            }
        }
        match self.tokens.get(self.next) {
            None => Ok(()),
            Some(token) => Err(wrong(&format!("what stands at {token:?}"))),
        }
    }

    fn shown(&mut self) -> Result<Shown, Refusal> {
        if self.sign("*") {
            return Err(wrong("SELECT *"));
        }
        let open = self.tokens.get(self.next + 1) == Some(&Token::Sign("("));
        let (of, column) = if open {
            let function = self.name()?.to_lowercase();
            self.next += 1;
            let distinct = self.word("distinct");
            let column = if self.sign("*") {
                None
            } else {
                Some(self.named()?)
            };
            let close = self.sign(")");
            self.need(close, "a closing parenthesis")?;
            let of = match (function.as_str(), distinct, &column) {
                ("count", _, None) => Of::Rows,
                ("count", true, _) => Of::Distinct,
                ("count", false, _) => Of::Count,
                ("sum", _, Some(_)) => Of::Sum,
                ("avg", _, Some(_)) => Of::Average,
                ("min", _, Some(_)) => Of::Least,
                ("max", _, Some(_)) => Of::Greatest,
                _ => return Err(wrong(&format!("the function '{function}'"))),
            };
            (of, column)
        } else {
            (Of::Value, Some(self.named()?))
        };
        let name = self.word("as").then(|| self.name()).transpose()?;
        Ok(Shown { of, column, name })
    }

    fn table(&mut self) -> Result<Arc<Table>, Refusal> {
        let name = self.name()?.to_lowercase();
        let table = self.environment.schema.table(&name).cloned();
        let table = table.ok_or_else(|| no_table(&name))?;
        self.word("as");
        let keyword = [
            "inner", "left", "join", "on", "where", "group", "order", "offset",
        ];
        let alias = match self.tokens.get(self.next) {
            Some(Token::Word(word)) if !keyword.contains(&&*word.to_lowercase()) => self.name()?,
            _ => name,
        };
        self.aliases.push(alias);
        Ok(table)
    }

    fn from(&mut self) -> Result<(), Refusal> {
        let table = self.table()?;
        self.plan.tables = vec![table];
        loop {
            let outer = self.word("left");
            if outer {
                self.word("outer");
            } else {
                self.word("inner");
            }
            if !self.word("join") {
                return if outer {
                    Err(wrong("JOIN is missing"))
                } else {
                    Ok(())
                };
            }
            let table = self.table()?;
            self.plan.tables.push(table);
            let on = self.word("on");
            self.need(on, "ON")?;
            let left = self.named()?;
            let equal = self.sign("=");
            self.need(equal, "the equals sign of a join")?;
            let right = self.named()?;
            let (mut from, mut to) = (self.place(&left)?, self.place(&right)?);
            let new = self.plan.tables.len() - 1;
            if from.0 == new {
                std::mem::swap(&mut from, &mut to);
            }
            if from.0 == new || to.0 != new {
                return Err(wrong("a join that does not connect its table"));
            }
            let mut test = Test::default();
            while self.word("and") {
                test = test.and(self.condition()?);
            }
            self.plan.joins.push(Join {
                from,
                to: to.1,
                outer,
                test,
            });
        }
    }

    fn outputs(&mut self, shown: Vec<Shown>, groups: &[Place]) -> Result<(), Refusal> {
        self.plan.aggregate = !groups.is_empty() || shown.iter().any(|entry| entry.of != Of::Value);
        for entry in shown {
            let place = match &entry.column {
                Some(named) => self.place(named)?,
                None => {
                    let table = &self.plan.tables[0];
                    (0, column_of(table, &table.key)?.clone())
                }
            };
            let grouped = groups.iter().any(|group| same(group, &place));
            let of = match entry.of {
                Of::Value if self.plan.aggregate && !grouped => {
                    return Err(wrong("a column that is neither grouped by nor aggregated"));
                }
                Of::Value if self.plan.aggregate => Of::Group,
                of => of,
            };
            let plain = if of == Of::Value || of == Of::Group {
                place.1.wire.to_string()
            } else {
                format!("expr{}", self.plan.outputs.len() + 1)
            };
            let name = entry.name.unwrap_or(plain);
            self.plan.outputs.push(Output { name, place, of });
        }
        for place in groups {
            if self
                .plan
                .outputs
                .iter()
                .all(|output| !same(&output.place, place))
            {
                return Err(wrong("a group that is not shown"));
            }
        }
        Ok(())
    }

    fn order(&mut self) -> Result<(), Refusal> {
        loop {
            let named = self.named()?;
            let mut outputs = self.plan.outputs.iter();
            let output = outputs
                .position(|output| named.0.is_none() && output.name.eq_ignore_ascii_case(&named.1));
            let sort = match output {
                Some(number) => Sort::Output(number),
                None => Sort::Place(self.place(&named)?),
            };
            let descending = self.word("desc");
            if !descending {
                self.word("asc");
            }
            self.plan.order.push((sort, descending));
            if !self.sign(",") {
                return Ok(());
            }
        }
    }

    fn or(&mut self) -> Result<Test, Refusal> {
        let mut parts = vec![self.and()?];
        while self.word("or") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Test::Any(parts)
        })
    }

    fn and(&mut self) -> Result<Test, Refusal> {
        let mut parts = vec![self.unary()?];
        while self.word("and") {
            parts.push(self.unary()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Test::All(parts)
        })
    }

    fn unary(&mut self) -> Result<Test, Refusal> {
        if self.depth == MAX_DEPTH {
            return Err(wrong("conditions nested too deep"));
        }
        self.depth += 1;
        let test = if self.word("not") {
            self.unary().map(|inner| Test::Not(Box::new(inner)))
        } else if self.sign("(") {
            let inner = self.or();
            let close = self.sign(")");
            inner.and_then(|inner| self.need(close, "a closing parenthesis").map(|()| inner))
        } else {
            self.condition()
        };
        self.depth -= 1;
        test
    }

    fn condition(&mut self) -> Result<Test, Refusal> {
        let named = self.named()?;
        let place = self.place(&named)?;
        let present = || Test::Not(Box::new(Test::Null(place.clone())));
        if self.word("is") {
            let not = self.word("not");
            let null = self.word("null");
            self.need(null, "NULL")?;
            return Ok(if not { present() } else { Test::Null(place) });
        }
        let not = self.word("not");
        let test = if self.word("like") {
            let Literal::Text(pattern) = self.literal()? else {
                return Err(wrong("a pattern that is no text"));
            };
            Test::Like(place.clone(), pattern)
        } else if self.word("in") {
            let open = self.sign("(");
            self.need(open, "an opening parenthesis")?;
            let mut values = vec![self.literal()?];
            while self.sign(",") {
                values.push(self.literal()?);
            }
            let close = self.sign(")");
            self.need(close, "a closing parenthesis")?;
            let equal = |value| Test::Compare(place.clone(), Operator::Eq, value);
            Test::Any(values.into_iter().map(equal).collect())
        } else if self.word("between") {
            let low = self.literal()?;
            let and = self.word("and");
            self.need(and, "AND")?;
            let high = self.literal()?;
            Test::Compare(place.clone(), Operator::Ge, low).and(Test::Compare(
                place.clone(),
                Operator::Le,
                high,
            ))
        } else {
            return self.compare(place, not);
        };
        // A null is neither like nor unlike anything.
        Ok(if not {
            present().and(Test::Not(Box::new(test)))
        } else {
            test
        })
    }

    fn compare(&mut self, place: Place, not: bool) -> Result<Test, Refusal> {
        let operator = match self.tokens.get(self.next) {
            Some(Token::Sign("=")) => Operator::Eq,
            Some(Token::Sign("<>" | "!=")) => Operator::Ne,
            Some(Token::Sign("<")) => Operator::Lt,
            Some(Token::Sign("<=")) => Operator::Le,
            Some(Token::Sign(">")) => Operator::Gt,
            Some(Token::Sign(">=")) => Operator::Ge,
            _ => return Err(wrong("an operator is missing")),
        };
        if not {
            return Err(wrong("NOT before an operator"));
        }
        self.next += 1;
        let is_column = matches!(self.tokens.get(self.next), Some(Token::Word(word)) if !word.eq_ignore_ascii_case("null"));
        let present = Test::Not(Box::new(Test::Null(place.clone())));
        Ok(if is_column {
            let named = self.named()?;
            present.and(Test::Columns(place, operator, self.place(&named)?))
        } else {
            present.and(Test::Compare(place, operator, self.literal()?))
        })
    }
}

fn same((table, column): &Place, (other, second): &(usize, Column)) -> bool {
    table == other && column.name == second.name
}
