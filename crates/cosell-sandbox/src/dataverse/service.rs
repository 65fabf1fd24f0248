//! From a request to an operation and back: who calls, what is named, which answer.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{LOCATION, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::cell::{Cell, quote};

use super::closing::Outcome;
use super::draft::{self, Purpose, Setting};
use super::keys;
use super::limits::Throttle;
use super::metadata;
use super::path::{self, Resource};
use super::refusal::Refusal;
use super::reply::{Reply, empty, put, refused};
use super::request::{Conditions, Operation, Prefer, Tag, origin, versioned};
use super::rows::Actor;
use super::schema::Table;
use super::store::Cells;
use super::{Dataverse, batch};
use crate::odata::split_top_level;
use crate::service::{Caller, Service, TokenFault};

/// Largest body that is read; the limit of the gateway.
const MAX_BODY: usize = 128 * 1024 * 1024;

impl Service for Dataverse {
    fn handle(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> Reply {
        self.now = now;
        let (mut reply, user) = self.answer(now, caller, request);
        self.store.commit();
        let request_id = self.request_ids.next().to_string();
        let service_id = self.request_ids.next().to_string();
        let limits = self.options.limits.unwrap_or_default();
        let (requests, time) = self.loads.left(&limits, user);
        for (name, value) in [
            ("odata-version", "4.0"),
            ("req_id", &*request_id),
            ("x-ms-service-request-id", &*service_id),
            ("x-ms-dop-hint", &*self.options.dop_hint.to_string()),
            (
                "x-ms-ratelimit-burst-remaining-xrm-requests",
                &*requests.to_string(),
            ),
            (
                "x-ms-ratelimit-time-remaining-xrm-requests",
                &*format!("{time}.00"),
            ),
        ] {
            put(&mut reply, name, value);
        }
        put(
            &mut reply,
            "set-cookie",
            "ARRAffinity=sandbox; Path=/; HttpOnly; Secure; SameSite=None",
        );
        reply
    }
}

/// The alternate key in the address of a row, decoded.
fn key_in(path: &str) -> Option<String> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let (_, rest) = path.split_once('(')?;
    let key = rest.strip_suffix(')')?;
    let names_one = key.contains('=') && !path.starts_with('$');
    names_one.then(|| key.to_owned())
}

impl Dataverse {
    fn answer(
        &mut self,
        now: DateTime<Utc>,
        caller: Result<&Caller, TokenFault>,
        request: &Request<Bytes>,
    ) -> (Reply, Option<Uuid>) {
        let origin = origin(request);
        let caller = match caller {
            Ok(caller) => caller,
            Err(fault) => return (self.challenge(fault, &origin), None),
        };
        let prefer = Prefer::read(request.headers());
        let user = match self.user_of(caller) {
            Ok(user) => user,
            Err(refusal) => return (refused(&refusal, &prefer), None),
        };
        if let Err(throttle) = self.admit(now, user, request) {
            let mut reply = refused(&throttle.refusal, &prefer);
            let wait = throttle.retry_after.as_secs().to_string();
            put(&mut reply, RETRY_AFTER.as_str(), &wait);
            return (reply, Some(user));
        }
        let result = self.obey(&Actor { now, user }, request, &origin);
        let reply = result.unwrap_or_else(|refusal| refused(&refusal, &prefer));
        (reply, Some(user))
    }

    fn admit(
        &mut self,
        now: DateTime<Utc>,
        user: Uuid,
        request: &Request<Bytes>,
    ) -> Result<(), Throttle> {
        let batch = request.uri().path().ends_with("/$batch");
        let operations = if batch {
            let marks = request.body().windows(b" HTTP/1.1\r".len());
            marks.filter(|text| *text == b" HTTP/1.1\r").count()
        } else {
            1
        };
        let limits = self.options.limits;
        let enforced = limits.is_some();
        let limits = limits.unwrap_or_default();
        self.loads
            .admit(&limits, enforced, user, now, operations.max(1))
    }

    fn obey(
        &mut self,
        actor: &Actor,
        request: &Request<Bytes>,
        origin: &str,
    ) -> Result<Reply, Refusal> {
        if request.body().len() > MAX_BODY {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "",
                "Request Entity Too Large",
            ));
        }
        let (version, path) = versioned(request.uri().path())?;
        let operation = Operation {
            method: request.method().clone(),
            path: path.to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
            body: request.body().clone(),
            base: format!("{origin}/api/data/{version}/"),
            references: None,
        };
        if path.trim_end_matches('/') == "$batch" {
            return batch::run(self, actor, &operation);
        }
        Ok(self.perform(actor, &operation))
    }

    /// Runs one operation; a refused one leaves nothing behind.
    pub(super) fn perform(&mut self, actor: &Actor, operation: &Operation<'_>) -> Reply {
        let mark = self.store.mark();
        self.route(actor, operation).unwrap_or_else(|refusal| {
            self.store.roll_back(mark);
            refused(&refusal, &Prefer::read(&operation.headers))
        })
    }

    fn route(&mut self, actor: &Actor, operation: &Operation<'_>) -> Result<Reply, Refusal> {
        if metadata::is_metadata(&operation.path) {
            return self.definitions(actor, operation);
        }
        let resource = path::parse(self, &operation.path, operation.references)?;
        match (&operation.method, resource) {
            (&Method::GET, Resource::ServiceDocument) => Ok(self.service_document(operation)),
            (method, Resource::Operation(name)) => self.operate(actor, operation, method, &name),
            (&Method::GET, Resource::Set(table)) => self.collection(actor, operation, &table),
            (&Method::GET, Resource::Count(table)) => self.count_rows(actor, operation, &table),
            (&Method::POST, Resource::Set(table)) => self.post(actor, operation, &table),
            (&Method::GET, Resource::Row(table, id)) => self.single(operation, &table, id),
            (&Method::PATCH, Resource::Row(table, id)) => self.patch(actor, operation, &table, id),
            (&Method::POST, Resource::OnSet(table, name)) => {
                self.several(actor, operation, &table, &name)
            }
            (&Method::POST, Resource::OnRow(table, id, name)) => {
                if &*table.name == "lead" && name == "QualifyLead" {
                    self.qualify(actor, operation, &table, id)
                } else {
                    Err(Refusal::no_segment(&name))
                }
            }
            (&Method::PATCH, Resource::Absent(table, values)) => {
                self.make_by_key(actor, operation, &table, values)
            }
            (_, Resource::Absent(table, _)) => Err(keys::not_found(&table)),
            (&Method::DELETE, Resource::Row(table, id)) => {
                let found = self.store.row(&table.name, id).map(|row| row.version);
                self.check_match(&table, id, found, Conditions::read(&operation.headers)?)?;
                self.delete(actor, &table, id)?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            (
                method,
                Resource::Property {
                    table,
                    id,
                    column,
                    raw,
                },
            ) => match *method {
                Method::GET => self.property(operation, &table, id, &column, raw),
                Method::PUT if !raw => {
                    let mut members = draft::members(&table.set, &operation.body)?;
                    let value = members.remove("value").ok_or_else(|| {
                        Refusal::payload(&table.set, "The member 'value' is missing.")
                    })?;
                    self.write_property(actor, operation, &table, (id, &column), value.get())
                }
                Method::DELETE if !raw => {
                    self.write_property(actor, operation, &table, (id, &column), "null")
                }
                _ => Err(Refusal::wrong_verb(&operation.path)),
            },
            (
                &Method::GET,
                Resource::Navigation {
                    table,
                    id,
                    navigation,
                },
            ) => self.navigate(operation, &table, id, &navigation),
            (
                method,
                Resource::Reference {
                    table,
                    id,
                    navigation,
                },
            ) => match *method {
                Method::GET => self.reference(operation, &table, id, &navigation),
                Method::PUT => {
                    let mut members = draft::members(&table.set, &operation.body)?;
                    let link = members.remove("@odata.id").ok_or_else(|| {
                        Refusal::payload(&table.set, "The member '@odata.id' is missing.")
                    })?;
                    self.write_reference(actor, operation, &table, (id, &navigation), link.get())
                }
                Method::DELETE => {
                    self.write_reference(actor, operation, &table, (id, &navigation), "null")
                }
                _ => Err(Refusal::wrong_verb(&operation.path)),
            },
            _ => Err(Refusal::wrong_verb(&operation.path)),
        }
    }

    pub(super) fn setting<'a>(&'a self, operation: &Operation<'a>) -> Setting<'a> {
        Setting {
            environment: self,
            read_only: self.options.read_only_columns,
            references: operation.references,
        }
    }

    fn post(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
    ) -> Result<Reply, Refusal> {
        let draft = draft::read(
            self.setting(operation),
            table,
            &operation.body,
            Purpose::Create,
        )?;
        let id = self.create(actor, table, None, draft)?;
        self.written(operation, table, id, StatusCode::CREATED)
    }

    fn patch(
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
        let mut draft = draft::read(self.setting(operation), table, &operation.body, purpose)?;
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
    fn make_by_key(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        values: Cells,
    ) -> Result<Reply, Refusal> {
        if Conditions::read(&operation.headers)?.if_match.is_some() {
            return Err(keys::not_found(table));
        }
        let setting = self.setting(operation);
        let mut draft = draft::read(setting, table, &operation.body, Purpose::Create)?;
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

    fn check_match(
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
    fn write_property(
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

    fn write_reference(
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

    fn operate(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        method: &Method,
        name: &str,
    ) -> Result<Reply, Refusal> {
        let outcome = match (name, method) {
            ("WhoAmI", &Method::GET) => return Ok(self.who_am_i(actor, operation)),
            ("RetrieveCurrentOrganization", &Method::GET) => {
                return self.current_organization(operation);
            }
            ("PublishXml" | "PublishAllXml", &Method::POST) => {
                return Ok(empty(StatusCode::NO_CONTENT));
            }
            ("InsertOptionValue", &Method::POST) => return self.insert_option(operation),
            ("WinOpportunity", &Method::POST) => Outcome::Won,
            ("LoseOpportunity", &Method::POST) => Outcome::Lost,
            _ => return Err(Refusal::wrong_verb(&operation.path)),
        };
        if operation.references.is_some() && !self.options.actions_in_change_sets {
            return Err(Refusal::query(format!(
                "The action '{name}' is not supported inside a change set."
            )));
        }
        self.close(actor, outcome, &operation.body, operation.references)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
