//! `RemoteExecutionContext` as JSON, with the escapes and the order of members of the service.

use bytes::Bytes;
use chrono::{DateTime, NaiveTime, Utc};
use uuid::Uuid;

use crate::dataverse::Dataverse;
use crate::dataverse::cell::{Cell, quote};
use crate::dataverse::pipeline::{Happening, Message};
use crate::dataverse::schema::{Column, Kind, Table};
use crate::dataverse::store::{Cells, Row};

/// Largest body.
const MAX: usize = 256 * 1024;

const CONTRACTS: &str = ":http:\\/\\/schemas.microsoft.com\\/xrm\\/2011\\/Contracts";

impl Dataverse {
    /// The body for a step, cut down when it is too long.
    pub(super) fn context(
        &self,
        happening: &Happening,
        step: &Row,
        operation: Uuid,
    ) -> (Bytes, bool) {
        let whole = self.compose(happening, step, operation, true);
        if whole.len() <= MAX {
            return (Bytes::from(whole), false);
        }
        (
            Bytes::from(self.compose(happening, step, operation, false)),
            true,
        )
    }

    fn compose(&self, happening: &Happening, step: &Row, operation: Uuid, whole: bool) -> String {
        let Some(table) = self.schema.table(&happening.table) else {
            return String::new();
        };
        let actor = &happening.actor;
        let user = actor.user;
        let initiating = match actor.behalf {
            Some(real) if self.options.event_initiator_is_real => real,
            _ => user,
        };
        let request = Uuid::new_v5(&operation, b"request");
        let correlation = Uuid::new_v5(&operation, b"correlation");
        let nobody = Uuid::nil();
        let message = quote(happening.message.name());
        let (inputs, outputs) = if whole {
            self.parameters(happening, table)
        } else {
            (String::new(), String::new())
        };
        let mut shared = vec!["{\"key\":\"IsAutoTransact\",\"value\":true}".to_owned()];
        if happening.message == Message::Create {
            shared.push("{\"key\":\"DefaultsAddedFlag\",\"value\":true}".to_owned());
        }
        if let Some(tag) = &actor.tag {
            shared.push(format!("{{\"key\":\"tag\",\"value\":{}}}", quote(tag)));
        }
        let shared = shared.join(",");
        let (before, after) = if whole {
            self.images(happening, table, step)
        } else {
            (String::new(), String::new())
        };
        let head = |stage: u8, parent: &str, images: (&str, &str)| {
            format!(
                "{{\"BusinessUnitId\":\"{unit}\",\"CorrelationId\":\"{correlation}\",\"Depth\":1,\
                 \"InitiatingUserAzureActiveDirectoryObjectId\":\"{nobody}\",\
                 \"InitiatingUserId\":\"{initiating}\",\"InputParameters\":[{inputs}],\
                 \"IsExecutingOffline\":false,\"IsInTransaction\":false,\"IsOfflinePlayback\":false,\
                 \"IsolationMode\":1,\"MessageName\":{message},\"Mode\":1,\
                 \"OperationCreatedOn\":\"\\/Date({at}+0000)\\/\",\"OperationId\":\"{operation}\",\
                 \"OrganizationId\":\"{organization}\",\"OrganizationName\":\"unq{simple}\",\
                 \"OutputParameters\":[{outputs}],\"OwningExtension\":{{\"Id\":\"{step}\",\
                 \"KeyAttributes\":[],\"LogicalName\":\"sdkmessageprocessingstep\",\"Name\":null,\
                 \"RowVersion\":null}},\"ParentContext\":{parent},\"PostEntityImages\":[{post}],\
                 \"PreEntityImages\":[{pre}],\"PrimaryEntityId\":\"{row}\",\
                 \"PrimaryEntityName\":{name},\"RequestId\":\"{request}\",\
                 \"SecondaryEntityName\":\"none\",\"SharedVariables\":[{shared}],\"Stage\":{stage},\
                 \"UserAzureActiveDirectoryObjectId\":\"{nobody}\",\"UserId\":\"{user}\"}}",
                unit = self.business_unit(),
                at = actor.now.timestamp_millis(),
                organization = self.options.organization_id,
                simple = self.options.organization_id.simple(),
                step = step.id,
                pre = images.0,
                post = images.1,
                row = happening.id,
                name = quote(&happening.table),
            )
        };
        let parent = if whole {
            head(30, "null", ("", ""))
        } else {
            "null".to_owned()
        };
        head(40, &parent, (&before, &after))
    }

    /// Input and output parameters of the message.
    fn parameters(&self, happening: &Happening, table: &Table) -> (String, String) {
        let target = |value: String| format!("{{\"key\":\"Target\",\"value\":{value}}}");
        match happening.message {
            Message::Delete => (target(reference(&table.name, happening.id)), String::new()),
            Message::Create => {
                let row = happening.after.as_deref();
                let cells = row.map(|row| row.cells.clone()).unwrap_or_default();
                let entity = self.entity_text((table, happening.id), &cells, row, true);
                let id = format!("{{\"key\":\"id\",\"value\":\"{}\"}}", happening.id);
                (target(entity), id)
            }
            Message::Update => {
                let mut cells = happening.changed.clone();
                let row = happening.after.as_deref();
                for name in [
                    "modifiedon",
                    "modifiedby",
                    "modifiedonbehalfby",
                    &*table.key,
                ] {
                    if table.column(name).is_some() {
                        let cell = row.and_then(|row| row.get(name)).cloned();
                        cells.insert(name.into(), cell.unwrap_or(Cell::Null));
                    }
                }
                let entity = self.entity_text((table, happening.id), &cells, row, true);
                (target(entity), String::new())
            }
            Message::Win | Message::Lose => {
                let closes = self.schema.table("opportunityclose");
                let entity = closes.map_or_else(
                    || "null".to_owned(),
                    |closes| {
                        self.entity_text((closes, Uuid::nil()), &happening.changed, None, true)
                    },
                );
                let status = happening.changed.get("opportunitystatuscode");
                let status = status.and_then(Cell::as_int).unwrap_or(-1);
                (
                    format!(
                        "{{\"key\":\"OpportunityClose\",\"value\":{entity}}},\
                         {{\"key\":\"Status\",\"value\":{}}}",
                        option(status)
                    ),
                    String::new(),
                )
            }
        }
    }

    /// Images before and after; an asynchronous step has one with the primary name by itself.
    fn images(&self, happening: &Happening, table: &Table, step: &Row) -> (String, String) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let at = (table, happening.id);
        let image = |alias: &str, row: &Row, names: Option<&str>| {
            let mut cells = Cells::new();
            for (name, cell) in &row.cells {
                let listed = names
                    .is_none_or(|names| names.split(',').any(|listed| listed.trim() == &**name));
                if listed || *name == table.key {
                    cells.insert(name.clone(), cell.clone());
                }
            }
            let entity = self.entity_text(at, &cells, Some(row), false);
            format!("{{\"key\":{},\"value\":{entity}}}", quote(alias))
        };
        if let Some(row) = &happening.after {
            after.push(image(
                "AsynchronousStepPrimaryName",
                row,
                Some(&table.title),
            ));
        }
        for registered in self.store.rows("sdkmessageprocessingstepimage").iter() {
            let owner = registered
                .get("sdkmessageprocessingstepid")
                .and_then(Cell::as_ref);
            if owner.is_none_or(|(_, id)| id != step.id) {
                continue;
            }
            let text = |name: &str| registered.get(name).and_then(Cell::as_text);
            let alias = text("entityalias").unwrap_or_default();
            let names = text("attributes");
            let kind = registered.get("imagetype").and_then(Cell::as_int);
            if let (Some(0 | 2), Some(row)) = (kind, &happening.before) {
                before.push(image(alias, row, names));
            }
            if let (Some(1 | 2), Some(row)) = (kind, &happening.after) {
                after.push(image(alias, row, names));
            }
        }
        (before.join(","), after.join(","))
    }

    fn entity_text(
        &self,
        (table, id): (&Table, Uuid),
        cells: &Cells,
        row: Option<&Row>,
        typed: bool,
    ) -> String {
        let (mut attributes, mut formatted) = (Vec::new(), Vec::new());
        for (name, cell) in cells {
            let Some(column) = table.column(name) else {
                continue;
            };
            let value = value(column, cell);
            attributes.push(format!("{{\"key\":{},\"value\":{value}}}", quote(name)));
            let shown = matches!(
                column.kind,
                Kind::Choice(_)
                    | Kind::Choices(_)
                    | Kind::State(_)
                    | Kind::Status(_)
                    | Kind::Boolean(..)
                    | Kind::Money { .. }
            );
            if let Some(row) = row
                && shown
                && let Some(text) = self.formatted(column, cell, row)
            {
                formatted.push(format!(
                    "{{\"key\":{},\"value\":{}}}",
                    quote(name),
                    quote(&text)
                ));
            }
        }
        let kind = if typed {
            format!("\"__type\":\"Entity{CONTRACTS}\",")
        } else {
            String::new()
        };
        format!(
            "{{{kind}\"Attributes\":[{}],\"EntityState\":null,\"FormattedValues\":[{}],\
             \"Id\":\"{id}\",\"KeyAttributes\":[],\"LogicalName\":{},\"RelatedEntities\":[],\
             \"RowVersion\":null}}",
            attributes.join(","),
            formatted.join(","),
            quote(&table.name)
        )
    }
}

fn option(value: i64) -> String {
    format!("{{\"__type\":\"OptionSetValue{CONTRACTS}\",\"Value\":{value}}}")
}

fn reference(table: &str, id: Uuid) -> String {
    format!(
        "{{\"__type\":\"EntityReference{CONTRACTS}\",\"Id\":\"{id}\",\"KeyAttributes\":[],\
         \"LogicalName\":{},\"Name\":null,\"RowVersion\":null}}",
        quote(table)
    )
}

fn date(instant: DateTime<Utc>) -> String {
    format!("\"\\/Date({})\\/\"", instant.timestamp_millis())
}

fn value(column: &Column, cell: &Cell) -> String {
    match (&column.kind, cell) {
        (_, Cell::Null) => "null".to_owned(),
        (Kind::Choice(_) | Kind::State(_) | Kind::Status(_), Cell::Int(value)) => option(*value),
        (Kind::Choices(_), Cell::Text(values)) => {
            let values = values.split(',').filter_map(|value| value.parse().ok());
            format!("[{}]", values.map(option).collect::<Vec<_>>().join(","))
        }
        (Kind::Money { .. }, Cell::Decimal(amount)) => {
            format!(
                "{{\"__type\":\"Money{CONTRACTS}\",\"Value\":{}}}",
                amount.normalize()
            )
        }
        (_, Cell::Ref(table, id)) => reference(table, *id),
        (_, Cell::Date(day)) => date(day.and_time(NaiveTime::MIN).and_utc()),
        (_, Cell::Instant(instant)) => date(*instant),
        (kind, cell) => cell.print(kind),
    }
}
