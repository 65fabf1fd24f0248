//! Actions bound to a set or a row: several rows in one message, and qualifying a lead.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::draft::{self, Draft, Purpose};
use super::keys::Keyed;
use super::pipeline::Actor;
use super::refusal::Refusal;
use super::reply::{Reply, empty, json as reply};
use super::request::Operation;
use super::rules;
use super::schema::{NAMESPACE, Table};
use super::store::Cells;

/// What qualifying copies of the connector's columns, where it does.
const COPIED_BY_CHOICE: [&str; 3] = [
    "msft_microsoftpartnercenterreferralsync",
    "msft_microsoftpartnercenterreferralidentifier",
    "msft_microsoftpartnercenterreferrallink",
];

#[derive(Deserialize)]
struct Targets {
    #[serde(rename = "Targets")]
    targets: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Marks {
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    #[serde(rename = "@odata.id")]
    address: Option<String>,
}

impl Dataverse {
    /// `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple`: all rows or none.
    pub(super) fn several(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        name: &str,
    ) -> Result<Reply, Refusal> {
        if name == "DeleteMultiple" {
            return Err(Refusal::new(
                StatusCode::NOT_IMPLEMENTED,
                "0x80040219",
                "DeleteMultiple has not yet been implemented.",
            ));
        }
        if !matches!(name, "CreateMultiple" | "UpdateMultiple" | "UpsertMultiple") {
            return Err(Refusal::no_segment(name));
        }
        let fault = |inner: &str| Refusal::payload(&table.set, inner);
        let body: Targets =
            serde_json::from_slice(&operation.body).map_err(|error| fault(&error.to_string()))?;
        let mut ids = Vec::new();
        let mut seen = BTreeSet::new();
        for target in &body.targets {
            let marks: Marks =
                serde_json::from_str(target.get()).map_err(|error| fault(&error.to_string()))?;
            let kind = marks.kind.unwrap_or_default();
            if kind.trim_start_matches('#').strip_prefix(NAMESPACE) != Some(&*table.name) {
                return Err(fault(
                    "An item of 'Targets' has no '@odata.type' of this table.",
                ));
            }
            let bytes = target.get().as_bytes();
            let id = match name {
                "CreateMultiple" => {
                    let setting = self.setting(operation);
                    let draft = draft::read(setting, table, bytes, Purpose::Create)?;
                    self.create(actor, table, None, draft)?
                }
                "UpdateMultiple" => self.update_item(actor, operation, table, bytes)?,
                _ => self.upsert_item(actor, operation, table, (bytes, marks.address))?,
            };
            if !seen.insert(id) {
                return Err(Refusal::bad(
                    "0x80040203",
                    format!("The id {id} stands twice."),
                ));
            }
            ids.push(id);
        }
        if name != "CreateMultiple" {
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        let kind = "Microsoft.Dynamics.CRM.CreateMultipleResponse";
        let context = format!("{}$metadata#{kind}", operation.base);
        Ok(reply(
            json!({"@odata.context": context, "Ids": ids}).to_string(),
        ))
    }

    fn update_item(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        bytes: &[u8],
    ) -> Result<Uuid, Refusal> {
        let draft = draft::read(self.setting(operation), table, bytes, Purpose::Update)?;
        let id = draft.id.ok_or_else(|| {
            Refusal::bad(
                "0x80040203",
                "EdmEntityObject passed should have the key property value set.",
            )
        })?;
        if self.store.row(&table.name, id).is_none() {
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "0x80040217",
                format!("{} With Ids = {id} Do Not Exist", table.name),
            ));
        }
        self.update(actor, table, id, draft)?;
        Ok(id)
    }

    fn upsert_item(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        (bytes, address): (&[u8], Option<String>),
    ) -> Result<Uuid, Refusal> {
        let draft = draft::read(self.setting(operation), table, bytes, Purpose::Update)?;
        let keyed = match (&address, draft.id) {
            (Some(address), _) => {
                let key = address.split_once('(').map_or("", |(_, key)| key);
                let decoded = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
                self.keyed(table, decoded.strip_suffix(')').unwrap_or_default())?
            }
            (None, Some(id)) => Keyed::Row(id),
            (None, None) => {
                return Err(Refusal::bad("0x80040203", "An item names no row."));
            }
        };
        let (id, values) = match keyed {
            Keyed::Row(id) => (Some(id), Cells::new()),
            Keyed::Absent(values) => (None, values),
        };
        if let Some(id) = id.filter(|id| self.store.row(&table.name, *id).is_some()) {
            self.update(actor, table, id, draft)?;
            return Ok(id);
        }
        if values.keys().any(|name| draft.cells.contains_key(name)) {
            return Err(Refusal::bad(
                "0x80040216",
                "An item with the same key has already been added.",
            ));
        }
        let mut draft = draft::read(self.setting(operation), table, bytes, Purpose::Create)?;
        draft.cells.extend(values);
        self.create(actor, table, id, draft)
    }

    /// `QualifyLead`.
    pub(super) fn qualify(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        id: Uuid,
    ) -> Result<Reply, Refusal> {
        let body: Value = serde_json::from_slice(&operation.body)
            .map_err(|error| Refusal::payload(&table.set, &error.to_string()))?;
        let made = self.qualified(actor, table, id, &body)?;
        if made.is_empty() {
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        let value: Vec<Value> = made
            .iter()
            .map(
                |(table, key, id)| json!({"@odata.type": format!("#{NAMESPACE}{table}"), *key: id}),
            )
            .collect();
        let context = format!("{}$metadata#crmbaseentity", operation.base);
        Ok(reply(
            json!({"@odata.context": context, "value": value}).to_string(),
        ))
    }

    /// What qualifying makes: table, key column, id.
    pub(super) fn qualified(
        &mut self,
        actor: &Actor,
        table: &Arc<Table>,
        id: Uuid,
        body: &Value,
    ) -> Result<Vec<(&'static str, &'static str, Uuid)>, Refusal> {
        let lead = self.existing(table, id)?;
        if lead.get("statecode").and_then(Cell::as_int) != Some(0) {
            return Err(Refusal::bad("0x80081018", "The lead is already closed."));
        }
        let take = |from: &str, to: &'static str| Some((to, lead.get(from)?.clone()));
        let given = |member: &str, key: &str, table: &str| {
            let id = body[member][key].as_str().and_then(super::cell::uuid)?;
            Some(Cell::Ref(Arc::from(table), id))
        };
        let mut made = Vec::new();
        let mut customer = given("OpportunityCustomerId", "accountid", "account");
        if body["CreateAccount"] == true {
            let account = self.make(actor, "account", [take("companyname", "name")])?;
            customer = customer.or(Some(Cell::Ref(Arc::from("account"), account)));
            made.push(("account", "accountid", account));
        }
        let mut person = None;
        if body["CreateContact"] == true {
            let names = [
                take("firstname", "firstname"),
                take("lastname", "lastname"),
                take("emailaddress1", "emailaddress1"),
            ];
            let contact = self.make(actor, "contact", names)?;
            person = Some(Cell::Ref(Arc::from("contact"), contact));
            made.push(("contact", "contactid", contact));
        }
        if body["CreateOpportunity"] == true {
            let currency = given(
                "OpportunityCurrencyId",
                "transactioncurrencyid",
                "transactioncurrency",
            );
            let columns = [
                take("subject", "name"),
                take("estimatedamount", "estimatedvalue"),
                take("estimatedclosedate", "estimatedclosedate"),
                currency.map(|cell| ("transactioncurrencyid", cell)),
                customer.map(|cell| ("parentaccountid", cell)),
                person.map(|cell| ("parentcontactid", cell)),
                Some(("originatingleadid", Cell::Ref(Arc::from("lead"), id))),
            ];
            // An administrator may have mapped the connector's columns, too.
            let mapped = self.options.qualify_copies_connector_columns;
            let copied = COPIED_BY_CHOICE.iter().filter(|_| mapped);
            let copied: Vec<_> = copied.map(|name| take(name, name)).collect();
            let deal = self.make(actor, "opportunity", columns.into_iter().chain(copied))?;
            made.push(("opportunity", "opportunityid", deal));
        }
        let status = body["Status"]
            .as_i64()
            .filter(|status| *status > 0)
            .unwrap_or(3);
        let mut changes = Cells::new();
        rules::set(&mut changes, "statecode", Cell::Int(1));
        rules::set(&mut changes, "statuscode", Cell::Int(status));
        if let Some((_, _, deal)) = made.iter().find(|(table, ..)| *table == "opportunity") {
            let deal = Cell::Ref(Arc::from("opportunity"), *deal);
            rules::set(&mut changes, "qualifyingopportunityid", deal);
        }
        self.apply(actor, table, &lead, &changes)?;
        Ok(made)
    }

    fn make(
        &mut self,
        actor: &Actor,
        table: &str,
        columns: impl IntoIterator<Item = Option<(&'static str, Cell)>>,
    ) -> Result<Uuid, Refusal> {
        let table = self.schema.table(table).cloned();
        let table = table.ok_or_else(|| Refusal::not_simulated("A table of the action"))?;
        let mut draft = Draft::default();
        for (name, cell) in columns.into_iter().flatten() {
            rules::set(&mut draft.cells, name, cell);
        }
        self.create(actor, &table, None, draft)
    }
}
