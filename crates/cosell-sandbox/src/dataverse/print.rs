//! Rows as JSON text, and the answers that hold one row.

use std::sync::Arc;

use http::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::Dataverse;
use super::cell::{Cell, quote, round};
use super::refusal::Refusal;
use super::reply::{Reply, empty, json, put, tagged};
use super::request::{Conditions, MAX_PAGE, Operation, Prefer, Tag};
use super::schema::{Column, Kind, Table};
use super::shape::{Collection, Expand, Shape, To};
use super::store::Row;
use crate::odata::Query;

pub(super) const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
const LOOKUP_TABLE: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
const LOOKUP_NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";

/// What may not stand in a query string as it is.
const OPTIONS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'+')
    .add(b'<')
    .add(b'>');

/// A JSON object that is being written.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(super) fn member(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quote(name));
        self.0.push(':');
        self.0.push_str(value);
    }

    pub(super) fn close(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// `context` of a URL with what was selected.
pub(super) fn context(base: &str, set: &str, shape: &Shape, suffix: &str) -> String {
    if shape.context.is_empty() {
        format!("{base}$metadata#{set}{suffix}")
    } else {
        format!("{base}$metadata#{set}({}){suffix}", shape.context)
    }
}

pub(super) fn parse_query(operation: &Operation<'_>) -> Result<Query, Refusal> {
    Query::parse(&operation.query).map_err(|fault| Refusal::query(fault.message()))
}

impl Dataverse {
    /// A row with its tag; `context` only on a row that stands alone.
    pub(super) fn print(
        &self,
        table: &Table,
        row: &Row,
        shape: &Shape,
        prefer: &Prefer,
        context: Option<&str>,
    ) -> Result<String, Refusal> {
        let mut object = Object::new();
        if let Some(context) = context {
            object.member("@odata.context", &quote(context));
        }
        object.member("@odata.etag", &quote(&format!("W/\"{}\"", row.version)));
        self.fill(&mut object, table, row, shape, prefer)?;
        Ok(object.close())
    }

    fn fill(
        &self,
        object: &mut Object,
        table: &Table,
        row: &Row,
        shape: &Shape,
        prefer: &Prefer,
    ) -> Result<(), Refusal> {
        for column in shape
            .columns
            .iter()
            .filter_map(|place| table.columns.get(*place))
        {
            let shown = row.get(&column.name).filter(|_| !column.secret);
            let cell = shown.unwrap_or(&Cell::Null);
            self.annotate(object, column, cell, row, prefer);
            object.member(&column.wire, &cell.print(&column.kind));
        }
        for expand in &shape.expand {
            match &expand.to {
                To::One(column) => self.fill_one(object, row, expand, column, prefer)?,
                To::Many(collection) => {
                    self.fill_many(object, (table, row), expand, collection, prefer)?;
                }
            }
        }
        Ok(())
    }

    fn fill_one(
        &self,
        object: &mut Object,
        row: &Row,
        expand: &Expand,
        column: &str,
        prefer: &Prefer,
    ) -> Result<(), Refusal> {
        let related = row
            .get(column)
            .and_then(Cell::as_ref)
            .filter(|(table, _)| **table == expand.table.name)
            .and_then(|(table, id)| self.store.row(table, id));
        let text = match related {
            None => "null".to_owned(),
            Some(related) if expand.reference => {
                let mut inner = Object::new();
                let address = format!("{}({})", expand.table.set, related.id);
                inner.member("@odata.id", &quote(&address));
                inner.close()
            }
            Some(related) => {
                let mut inner = Object::new();
                self.fill(&mut inner, &expand.table, related, &expand.shape, prefer)?;
                inner.close()
            }
        };
        object.member(&expand.navigation, &text);
        Ok(())
    }

    /// A collection comes whole, up to the largest page; the link beside it leads to its pages.
    fn fill_many(
        &self,
        object: &mut Object,
        (table, row): (&Table, &Row),
        expand: &Expand,
        collection: &Collection,
        prefer: &Prefer,
    ) -> Result<(), Refusal> {
        let rows = self.related_rows(&collection.related, row.id);
        let limit = collection.top.unwrap_or(MAX_PAGE).min(MAX_PAGE);
        let from = (&*expand.table, Some(rows.as_slice()));
        let found = collection.search.run(self, from, None, Some(limit))?;
        let items: Vec<String> = found
            .iter()
            .map(|(_, row)| self.print(&expand.table, row, &expand.shape, prefer, None))
            .collect::<Result<_, _>>()?;
        object.member(&expand.navigation, &format!("[{}]", items.join(",")));
        let mut link = format!(
            "{}{}({})/{}",
            self.base, table.set, row.id, expand.navigation
        );
        if !collection.options.is_empty() {
            link.push('?');
            link.push_str(&utf8_percent_encode(&collection.options, OPTIONS).to_string());
        }
        object.member(
            &format!("{}@odata.nextLink", expand.navigation),
            &quote(&link),
        );
        Ok(())
    }

    pub(super) fn annotate(
        &self,
        object: &mut Object,
        column: &Column,
        cell: &Cell,
        row: &Row,
        prefer: &Prefer,
    ) {
        if prefer.annotations.is_empty() || *cell == Cell::Null {
            return;
        }
        if prefer.wants(FORMATTED)
            && let Some(text) = self.formatted(column, cell, row)
        {
            object.member(&format!("{}@{FORMATTED}", column.wire), &quote(&text));
        }
        if let Some((table, _)) = cell.as_ref() {
            let target = column
                .targets()
                .iter()
                .find(|target| target.table == *table);
            if prefer.wants(LOOKUP_NAVIGATION)
                && let Some(target) = target
            {
                let name = format!("{}@{LOOKUP_NAVIGATION}", column.wire);
                object.member(&name, &quote(&target.navigation));
            }
            if prefer.wants(LOOKUP_TABLE) {
                object.member(&format!("{}@{LOOKUP_TABLE}", column.wire), &quote(table));
            }
        }
    }

    /// What a person would read, in one plain English form.
    pub(super) fn formatted(&self, column: &Column, cell: &Cell, row: &Row) -> Option<String> {
        let label = |options: &[(i32, String)], value: i64| {
            options
                .iter()
                .find(|(number, _)| i64::from(*number) == value)
                .map(|(_, label)| label.clone())
        };
        match (&column.kind, cell) {
            (Kind::Choice(options) | Kind::State(options), Cell::Int(value)) => {
                label(options, *value)
            }
            (Kind::Choices(options), Cell::Text(values)) => {
                let labels = values
                    .split(',')
                    .filter_map(|value| label(options, value.parse().ok()?));
                Some(labels.collect::<Vec<_>>().join("; "))
            }
            (Kind::Status(options), Cell::Int(value)) => options
                .iter()
                .find(|status| i64::from(status.value) == *value)
                .map(|status| status.label.clone()),
            (Kind::Boolean(no, yes), Cell::Bool(flag)) => {
                Some((if *flag { yes } else { no }).to_string())
            }
            (Kind::Money { .. }, Cell::Decimal(amount)) => Some(format!(
                "{}{}",
                self.symbol(column, row),
                grouped(*amount, 2)
            )),
            (_, Cell::Decimal(number)) => Some(grouped(*number, number.scale().min(2))),
            (_, Cell::Int(number)) => Some(grouped(Decimal::from(*number), 0)),
            (_, Cell::Date(date)) => Some(date.format("%-m/%-d/%Y").to_string()),
            (_, Cell::Instant(instant)) => Some(instant.format("%-m/%-d/%Y %-I:%M %p").to_string()),
            (_, Cell::Ref(table, id)) => {
                let title = &self.schema.table(table)?.title;
                Some(
                    self.store
                        .row(table, *id)?
                        .get(title)?
                        .as_text()?
                        .to_owned(),
                )
            }
            _ => None,
        }
    }

    fn symbol(&self, column: &Column, row: &Row) -> String {
        let currency = if column.name.ends_with("_base") {
            super::rules::base_currency(&self.store)
        } else {
            row.get("transactioncurrencyid").cloned()
        };
        currency
            .as_ref()
            .and_then(Cell::as_ref)
            .and_then(|(table, id)| self.store.row(table, id))
            .and_then(|row| row.get("currencysymbol")?.as_text().map(str::to_owned))
            .unwrap_or_default()
    }

    /// `GET` of one row.
    pub(super) fn single(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
    ) -> Result<Reply, Refusal> {
        let query = parse_query(operation)?;
        let prefer = Prefer::read(&operation.headers);
        let row = self.existing(table, id)?;
        let conditions = Conditions::read(&operation.headers)?;
        let plain = query.get("$expand").is_none() && prefer.annotations.is_empty();
        let shape = Shape::read(self, table, &query)?;
        if let Some(tag @ Tag::Version(_)) = conditions.if_none_match
            && plain
            && tag.fits(Some(row.version))
        {
            let mut reply = empty(StatusCode::NOT_MODIFIED);
            put(&mut reply, "etag", &format!("W/\"{}\"", row.version));
            return Ok(reply);
        }
        self.alone(operation, table, &row, &shape, &prefer)
    }

    fn alone(
        &self,
        operation: &Operation<'_>,
        table: &Table,
        row: &Row,
        shape: &Shape,
        prefer: &Prefer,
    ) -> Result<Reply, Refusal> {
        let context = context(&operation.base, &table.set, shape, "/$entity");
        let mut reply = tagged(
            self.print(table, row, shape, prefer, Some(&context))?,
            row.version,
        );
        annotations_applied(&mut reply, prefer, None);
        Ok(reply)
    }

    /// The row as the answer to a write. `$expand` counts after a create only.
    pub(super) fn represent(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
        created: bool,
    ) -> Result<Reply, Refusal> {
        let query = parse_query(operation)?;
        let prefer = Prefer::read(&operation.headers);
        let row = self.existing(table, id)?;
        let mut shape = Shape::read(self, table, &query)?;
        if !created {
            shape.expand.clear();
        }
        let mut reply = self.alone(operation, table, &row, &shape, &prefer)?;
        annotations_applied(&mut reply, &prefer, Some("return=representation"));
        Ok(reply)
    }

    /// `GET` of one column.
    pub(super) fn property(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
        column: &str,
        raw: bool,
    ) -> Result<Reply, Refusal> {
        let row = self.existing(table, id)?;
        let column = table
            .column(column)
            .ok_or_else(|| Refusal::no_segment(column))?;
        let Some(cell) = row.get(&column.name) else {
            return Ok(empty(StatusCode::NO_CONTENT));
        };
        let text = cell.print(&column.kind);
        if raw {
            let plain = cell
                .as_text()
                .map_or_else(|| text.trim_matches('"').to_owned(), str::to_owned);
            let mut reply = json(plain);
            put(&mut reply, "content-type", "text/plain");
            return Ok(reply);
        }
        let context = format!(
            "{}$metadata#{}({id})/{}",
            operation.base, table.set, column.wire
        );
        Ok(json(format!(
            "{{\"@odata.context\":{},\"value\":{text}}}",
            quote(&context)
        )))
    }

    fn follow(
        &self,
        table: &Arc<Table>,
        id: Uuid,
        navigation: &str,
    ) -> Result<Option<(Arc<Table>, Uuid)>, Refusal> {
        let row = self.existing(table, id)?;
        let (column, target) = table
            .navigation(navigation)
            .ok_or_else(|| Refusal::no_segment(navigation))?;
        let found = row.get(&column.name).and_then(Cell::as_ref);
        let found = found.filter(|(table, _)| **table == target.table);
        Ok(found.and_then(|(table, id)| Some((self.schema.table(table)?.clone(), id))))
    }

    /// `GET` of the row that a lookup points to.
    pub(super) fn navigate(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
        navigation: &str,
    ) -> Result<Reply, Refusal> {
        match self.follow(table, id, navigation)? {
            Some((table, id)) => self.single(operation, &table, id),
            None => Ok(empty(StatusCode::NO_CONTENT)),
        }
    }

    /// `GET` of the address that a lookup points to.
    pub(super) fn reference(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
        navigation: &str,
    ) -> Result<Reply, Refusal> {
        Ok(match self.follow(table, id, navigation)? {
            Some((table, id)) => json(format!(
                "{{\"@odata.context\":{},\"@odata.id\":{}}}",
                quote(&format!("{}$metadata#$ref", operation.base)),
                quote(&format!("{}{}({id})", operation.base, table.set))
            )),
            None => empty(StatusCode::NO_CONTENT),
        })
    }
}

/// Echoes the preferences that were honoured.
pub(super) fn annotations_applied(reply: &mut Reply, prefer: &Prefer, first: Option<&str>) {
    let annotations = (!prefer.annotations.is_empty()).then(|| {
        format!(
            "odata.include-annotations=\"{}\"",
            prefer.annotations.join(",")
        )
    });
    let applied: Vec<String> = first
        .map(str::to_owned)
        .into_iter()
        .chain(annotations)
        .collect();
    if !applied.is_empty() {
        put(reply, "preference-applied", &applied.join(","));
    }
}

fn grouped(number: Decimal, scale: u32) -> String {
    let mut number = round(number, scale);
    number.rescale(scale);
    let text = number.abs().to_string();
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    if number.is_sign_negative() && !number.is_zero() {
        out.push('-');
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}
