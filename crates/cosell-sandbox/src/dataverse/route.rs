//! From what a request names to who answers it.

use std::sync::Arc;

use http::{Method, StatusCode};
use uuid::Uuid;

use super::cell::Cell;
use super::draft::{self, Purpose};
use super::path::{self, End, Resource};
use super::pipeline::Actor;
use super::print::parse_query;
use super::query::Cookie;
use super::refusal::Refusal;
use super::related::Related;
use super::reply::{Reply, empty, json, put};
use super::request::{Conditions, MAX_PAGE, Operation};
use super::schema::{Kind, Table};
use super::{Dataverse, keys, metadata};

impl Dataverse {
    pub(super) fn route(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
    ) -> Result<Reply, Refusal> {
        if metadata::is_metadata(&operation.path) {
            return self.definitions(actor, operation);
        }
        if operation.path == "$metadata" && operation.method == Method::GET {
            return self.csdl(operation);
        }
        let resource = path::parse(self, &operation.path, operation.references)?;
        if operation.method == Method::GET
            && let Some(table) = resource.table()
        {
            self.check_privilege(actor, "Read", table)?;
        }
        match (&operation.method, resource) {
            (&Method::GET, Resource::ServiceDocument) => Ok(self.service_document(operation)),
            (method, Resource::Operation(name)) => self.operate(actor, operation, method, &name),
            (&Method::GET, Resource::Set(table)) => self.collection(actor, operation, &table),
            (&Method::GET, Resource::Count(table)) => self.count_rows(actor, operation, &table),
            (&Method::POST, Resource::Set(table)) => self.post(actor, operation, &table, None),
            (&Method::GET, Resource::Row(table, id)) => self.single(operation, &table, id),
            (&Method::PATCH, Resource::Row(table, id)) => self.patch(actor, operation, &table, id),
            (&Method::POST, Resource::OnSet(table, name)) => {
                self.several(actor, operation, &table, &name)
            }
            (method, Resource::OnRow(table, id, name)) => {
                self.operate_on_row(actor, operation, method, (&table, id), &name)
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
                _,
                Resource::Property {
                    table,
                    id,
                    column,
                    raw,
                },
            ) => self.column_of(actor, operation, (&table, id), &column, raw),
            (
                &Method::GET,
                Resource::Navigation {
                    table,
                    id,
                    navigation,
                },
            ) => self.navigate(operation, &table, id, &navigation),
            (
                _,
                Resource::Reference {
                    table,
                    id,
                    navigation,
                },
            ) => self.link_of(actor, operation, (&table, id), &navigation),
            (
                _,
                Resource::Collection {
                    table,
                    id,
                    related,
                    member,
                    end,
                },
            ) => self.collection_of(actor, operation, (&table, id), &related, (member, end)),
            _ => Err(Refusal::wrong_verb(&operation.path)),
        }
    }

    fn column_of(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        (table, id): (&Arc<Table>, Uuid),
        column: &str,
        raw: bool,
    ) -> Result<Reply, Refusal> {
        let kind = table.column(column).map(|column| &column.kind);
        if let Some(Kind::File { max_kilobytes }) = kind {
            let limit = *max_kilobytes;
            return self.file_of(actor, operation, (table, id), (column, limit), raw);
        }
        match operation.method {
            Method::GET => self.property(operation, table, id, column, raw),
            Method::PUT if !raw => {
                let mut members = draft::members(&table.set, &operation.body)?;
                let value = members.remove("value").ok_or_else(|| {
                    Refusal::payload(&table.set, "The member 'value' is missing.")
                })?;
                self.write_property(actor, operation, table, (id, column), value.get())
            }
            Method::DELETE if !raw => {
                self.write_property(actor, operation, table, (id, column), "null")
            }
            _ => Err(Refusal::wrong_verb(&operation.path)),
        }
    }

    fn link_of(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        (table, id): (&Arc<Table>, Uuid),
        navigation: &str,
    ) -> Result<Reply, Refusal> {
        match operation.method {
            Method::GET => self.reference(operation, table, id, navigation),
            Method::PUT => {
                let mut members = draft::members(&table.set, &operation.body)?;
                let link = members.remove("@odata.id").ok_or_else(|| {
                    Refusal::payload(&table.set, "The member '@odata.id' is missing.")
                })?;
                self.write_reference(actor, operation, table, (id, navigation), link.get())
            }
            Method::DELETE => {
                self.write_reference(actor, operation, table, (id, navigation), "null")
            }
            _ => Err(Refusal::wrong_verb(&operation.path)),
        }
    }

    fn collection_of(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        (table, id): (&Arc<Table>, Uuid),
        related: &Related,
        (member, end): (Option<Uuid>, End),
    ) -> Result<Reply, Refusal> {
        self.existing(table, id)?;
        match (&operation.method, member, end) {
            (&Method::GET, None, End::Rows) => {
                let query = parse_query(operation)?;
                let cookie = query.get("$skiptoken").map(Cookie::read).transpose()?;
                let rows = self.related_rows(related, id);
                let from = (related.table(), Some(rows.as_slice()));
                self.page_of(operation, from, &query, cookie)
            }
            (&Method::GET, None, End::Count) => {
                let count = self.related_rows(related, id).len().min(MAX_PAGE);
                let mut reply = json(count.to_string());
                put(&mut reply, "content-type", "text/plain");
                Ok(reply)
            }
            (&Method::GET, None, End::Reference) => {
                let target = related.table();
                let rows = self.related_rows(related, id);
                let rows = rows.iter().take(MAX_PAGE).map(|row| {
                    serde_json::json!({"@odata.id":
                        format!("{}{}({})", operation.base, target.set, row.id)})
                });
                let context = format!("{}$metadata#Collection($ref)", operation.base);
                let value: Vec<_> = rows.collect();
                Ok(json(
                    serde_json::json!({"@odata.context": context, "value": value}).to_string(),
                ))
            }
            (&Method::GET, Some(member), End::Rows) => {
                let rows = self.related_rows(related, id);
                if rows.iter().all(|row| row.id != member) {
                    return Err(Refusal::not_found(&related.table().name, member));
                }
                self.single(operation, related.table(), member)
            }
            (&Method::POST, None, End::Rows) => {
                let Related::Children {
                    table: children,
                    column,
                } = related
                else {
                    return Err(Refusal::wrong_verb(&operation.path));
                };
                let owner = Cell::Ref(table.name.clone(), id);
                self.post(actor, operation, children, Some((column.clone(), owner)))
            }
            (&Method::POST | &Method::PUT, None, End::Reference) => {
                let mut members = draft::members(&table.set, &operation.body)?;
                let link = members
                    .remove("@odata.id")
                    .and_then(|link| serde_json::from_str::<String>(link.get()).ok());
                let link = link.ok_or_else(|| {
                    Refusal::payload(&table.set, "The member '@odata.id' is missing.")
                })?;
                let (found, other) = path::row(self, &link, operation.references)?;
                self.associate(actor, (table, id), related, (&found, other))?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            (&Method::DELETE, member, End::Reference) => {
                let other = match member {
                    Some(member) => member,
                    None => {
                        let query = parse_query(operation)?;
                        let link = query
                            .get("$id")
                            .ok_or_else(|| Refusal::query("The query option $id is missing."))?;
                        path::row(self, link, operation.references)?.1
                    }
                };
                self.disassociate(actor, (table, id), related, other)?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            _ => Err(Refusal::wrong_verb(&operation.path)),
        }
    }

    /// A draft for a new row, for callers that hold a body.
    pub(super) fn drafted_for(
        &self,
        operation: &Operation<'_>,
        table: &Table,
        purpose: Purpose,
    ) -> Result<draft::Draft, Refusal> {
        draft::read(self.setting(operation), table, &operation.body, purpose)
    }
}
