//! Writing one row: create, patch, upsert, one column, one link.

use std::sync::Arc;

use http::StatusCode;
use http::header::LOCATION;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::Dataverse;
use super::cell::{Cell, quote};
use super::draft::{self, Purpose, Setting};
use super::keys;
use super::pipeline::Actor;
use super::refusal::Refusal;
use super::reply::{Reply, empty, put};
use super::request::{Conditions, Operation, Prefer, Tag};
use super::schema::Table;
use super::store::Cells;
use crate::odata::split_top_level;

/// The alternate key in the address of a row, decoded.
fn key_in(path: &str) -> Option<String> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let (_, rest) = path.split_once('(')?;
    let key = rest.strip_suffix(')')?;
    let names_one = key.contains('=') && !path.starts_with('$');
    names_one.then(|| key.to_owned())
}

impl Dataverse {
    pub(super) fn setting<'a>(&'a self, operation: &Operation<'a>) -> Setting<'a> {
        Setting {
            environment: self,
            read_only: self.options.read_only_columns,
            references: operation.references,
        }
    }

    pub(super) fn post(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        owner: Option<(Arc<str>, Cell)>,
    ) -> Result<Reply, Refusal> {
        let mut draft = self.drafted_for(operation, table, Purpose::Create)?;
        draft.cells.extend(owner);
        self.check_duplicates(operation, table, None, &draft.cells)?;
        let id = self.create(actor, table, None, draft)?;
        self.written(operation, table, id, StatusCode::CREATED)
    }

    pub(super) fn patch(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
    ) -> Result<Reply, Refusal> {
        let conditions = Conditions::read(&operation.headers)?;
        let found = self.store.row(&table.name, id).map(|row| row.version);
        self.check_match(table, id, found, conditions)?;
        if conditions.if_none_match == Some(Tag::Any) && found.is_some() {
            let code = if self.options.empty_code_when_present {
                ""
            } else {
                "0x80040237"
            };
            return Err(Refusal::new(
                StatusCode::PRECONDITION_FAILED,
                code,
                "A record with matching key values already exists.",
            ));
        }
        let purpose = if found.is_some() {
            Purpose::Update
        } else {
            Purpose::Create
        };
        let mut draft = self.drafted_for(operation, table, purpose)?;
        self.check_duplicates(operation, table, found.map(|_| id), &draft.cells)?;
        if found.is_some() {
            // The values that the row was found by are not written again.
            if let Some(key) = key_in(&operation.path) {
                let named = split_top_level(&key, ',').into_iter();
                for (name, _) in named.filter_map(|(_, pair)| pair.split_once('=')) {
                    draft.cells.remove(name.trim());
                }
            }
            self.update(actor, table, id, draft)?;
            self.written(operation, table, id, StatusCode::OK)
        } else {
            self.create(actor, table, Some(id), draft)?;
            self.written(operation, table, id, StatusCode::CREATED)
        }
    }

    /// An upsert by an alternate key that no row has: the row gets the key's values, unless its
    /// body has others.
    pub(super) fn make_by_key(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        values: Cells,
    ) -> Result<Reply, Refusal> {
        if Conditions::read(&operation.headers)?.if_match.is_some() {
            return Err(keys::not_found(table));
        }
        let mut draft = self.drafted_for(operation, table, Purpose::Create)?;
        for (name, value) in values {
            let value = match (value, table.column(&name)) {
                (Cell::Id(id), Some(column)) => match column.targets().first() {
                    Some(target) => Cell::Ref(target.table.clone(), id),
                    None => Cell::Id(id),
                },
                (value, _) => value,
            };
            draft.cells.entry(name).or_insert(value);
        }
        let id = self.create(actor, table, None, draft)?;
        self.written(operation, table, id, StatusCode::CREATED)
    }

    pub(super) fn check_match(
        &self,
        table: &Table,
        id: Uuid,
        found: Option<u64>,
        conditions: Conditions,
    ) -> Result<(), Refusal> {
        match conditions.if_match {
            Some(_) if found.is_none() => Err(Refusal::not_found(&table.name, id)),
            Some(tag) if !tag.fits(found) => {
                let code = if self.options.empty_code_when_changed {
                    ""
                } else {
                    "0x80060882"
                };
                Err(Refusal::new(
                    StatusCode::PRECONDITION_FAILED,
                    code,
                    "The version of the existing record doesn't match the RowVersion property \
                     provided.",
                ))
            }
            _ => Ok(()),
        }
    }

    /// The answer to a write: the row's address, or the row.
    fn written(
        &self,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
        status: StatusCode,
    ) -> Result<Reply, Refusal> {
        if Prefer::read(&operation.headers).representation {
            let mut reply = self.represent(operation, table, id, status == StatusCode::CREATED)?;
            *reply.status_mut() = status;
            return Ok(reply);
        }
        // Who wrote by an alternate key gets it back instead of the id.
        let key = key_in(&operation.path)
            .filter(|key| !key.starts_with(&*table.key))
            .unwrap_or_else(|| id.to_string());
        let address = format!("{}{}({key})", operation.base, table.set);
        let mut reply = empty(StatusCode::NO_CONTENT);
        put(&mut reply, "odata-entityid", &address);
        if status == StatusCode::CREATED {
            put(&mut reply, LOCATION.as_str(), &address);
        }
        Ok(reply)
    }

    /// Changes one column by a PATCH of its own making.
    pub(super) fn write_property(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        (id, column): (Uuid, &str),
        value: &str,
    ) -> Result<Reply, Refusal> {
        let body = format!("{{{}:{value}}}", quote(column));
        let wire = table.column(column).map_or(column, |column| &column.wire);
        if wire != column {
            return Err(Refusal::wrong_verb(&operation.path));
        }
        self.change(actor, operation, table, id, &body)
    }

    pub(super) fn write_reference(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        (id, navigation): (Uuid, &str),
        link: &str,
    ) -> Result<Reply, Refusal> {
        let name = format!("{navigation}@odata.bind");
        let body = format!("{{{}:{link}}}", quote(&name));
        self.change(actor, operation, table, id, &body)
    }

    fn change(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
        body: &str,
    ) -> Result<Reply, Refusal> {
        let found = self.existing(table, id)?.version;
        self.check_match(
            table,
            id,
            Some(found),
            Conditions::read(&operation.headers)?,
        )?;
        let setting = self.setting(operation);
        let draft = draft::read(setting, table, body.as_bytes(), Purpose::Update)?;
        self.update(actor, table, id, draft)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
