//! A seller who works in the CRM, and a look at the rows as they are.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::sync::Arc;
use uuid::Uuid;

use super::Dataverse;
use super::closing::Outcome;
use super::draft::{self, Draft, Purpose, Setting};
use super::pipeline::Actor;
use super::refusal::Refusal;
use super::request::Prefer;
use super::rules::OPPORTUNITY;
use super::schema::Table;
use super::shape::Shape;
use super::store::Row;

/// What the seller does follows the rules of the API. Tables are named by logical name, bodies are
/// written as for the API (`name@odata.bind` for lookups). An amount whose digits a floating-point
/// number cannot hold belongs in a request, not in a [`Value`].
impl Dataverse {
    fn as_seller(&mut self, now: DateTime<Utc>) -> Actor {
        self.now = now;
        Actor::new(now, self.options.seller.id)
    }

    fn named(&self, table: &str) -> Result<Arc<Table>, Refusal> {
        self.schema
            .table(table)
            .cloned()
            .ok_or_else(|| Refusal::no_segment(table))
    }

    fn drafted(&self, table: &Table, body: &Value, purpose: Purpose) -> Result<Draft, Refusal> {
        let setting = Setting {
            environment: self,
            read_only: self.options.read_only_columns,
            references: None,
        };
        draft::read(setting, table, body.to_string().as_bytes(), purpose)
    }

    /// Does one thing wholly or not at all.
    fn whole<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mark = self.mark();
        let result = act(self);
        if result.is_err() {
            self.roll_back(mark);
        }
        self.settle();
        result
    }

    /// The seller creates a row; gives its id.
    ///
    /// # Errors
    /// The service would refuse it.
    pub fn seller_create(
        &mut self,
        now: DateTime<Utc>,
        table: &str,
        columns: &Value,
    ) -> Result<Uuid, Refusal> {
        let actor = self.as_seller(now);
        let table = self.named(table)?;
        let draft = self.drafted(&table, columns, Purpose::Create)?;
        self.whole(|environment| environment.create(&actor, &table, None, draft))
    }

    /// The seller changes columns of a row.
    ///
    /// # Errors
    /// The service would refuse it.
    pub fn seller_update(
        &mut self,
        now: DateTime<Utc>,
        table: &str,
        id: Uuid,
        columns: &Value,
    ) -> Result<(), Refusal> {
        let actor = self.as_seller(now);
        let table = self.named(table)?;
        let draft = self.drafted(&table, columns, Purpose::Update)?;
        self.whole(|environment| environment.update(&actor, &table, id, draft))
    }

    /// The seller deletes a row.
    ///
    /// # Errors
    /// The service would refuse it.
    pub fn seller_delete(
        &mut self,
        now: DateTime<Utc>,
        table: &str,
        id: Uuid,
    ) -> Result<(), Refusal> {
        let actor = self.as_seller(now);
        let table = self.named(table)?;
        self.whole(|environment| environment.delete(&actor, &table, id))
    }

    /// The seller closes an opportunity as won. `close` holds columns of the close activity, such as
    /// `actualrevenue`, `actualend` and `description`; it may be empty.
    ///
    /// # Errors
    /// The service would refuse it.
    pub fn seller_win(
        &mut self,
        now: DateTime<Utc>,
        opportunity: Uuid,
        close: &Value,
    ) -> Result<(), Refusal> {
        self.seller_closes(now, Outcome::Won, opportunity, -1, close)
    }

    /// The seller closes an opportunity as lost, with status reason 4 (canceled), 5 (out-sold), or -1
    /// for the default.
    ///
    /// # Errors
    /// The service would refuse it.
    pub fn seller_lose(
        &mut self,
        now: DateTime<Utc>,
        opportunity: Uuid,
        status: i32,
        close: &Value,
    ) -> Result<(), Refusal> {
        self.seller_closes(now, Outcome::Lost, opportunity, status, close)
    }

    /// The seller qualifies a lead, with an account and an opportunity, and no contact. Gives the
    /// opportunity's id.
    ///
    /// # Errors
    /// The service would refuse it.
    pub fn seller_qualify(&mut self, now: DateTime<Utc>, lead: Uuid) -> Result<Uuid, Refusal> {
        let actor = self.as_seller(now);
        let table = self.named("lead")?;
        let body =
            serde_json::json!({ "CreateAccount": true, "CreateOpportunity": true, "Status": 3 });
        let made = self.whole(|environment| environment.qualified(&actor, &table, lead, &body))?;
        let deal = made.iter().find(|(table, ..)| *table == "opportunity");
        deal.map(|(_, _, id)| *id)
            .ok_or_else(|| Refusal::no_segment("opportunity"))
    }

    fn seller_closes(
        &mut self,
        now: DateTime<Utc>,
        outcome: Outcome,
        opportunity: Uuid,
        status: i32,
        close: &Value,
    ) -> Result<(), Refusal> {
        let actor = self.as_seller(now);
        let mut members = close.as_object().cloned().unwrap_or_else(Map::new);
        let set = &self.named(OPPORTUNITY)?.set;
        members.insert(
            "opportunityid@odata.bind".to_owned(),
            Value::from(format!("/{set}({opportunity})")),
        );
        let body = serde_json::json!({ "Status": status, "OpportunityClose": members }).to_string();
        self.whole(|environment| {
            environment
                .close(&actor, outcome, body.as_bytes(), None)
                .map(|_| ())
        })
    }

    /// One row with all its columns, as the API prints it; `None` if there is no such row or table.
    pub fn row(&self, table: &str, id: Uuid) -> Option<Box<RawValue>> {
        let table = self.schema.table(table)?;
        self.raw(table, self.store.row(&table.name, id)?)
    }

    /// Ids and versions of all rows of a table: what to look at again.
    pub fn versions(&self, table: &str) -> Vec<(Uuid, u64)> {
        let Some(table) = self.schema.table(table) else {
            return Vec::new();
        };
        let rows = self.store.rows(&table.name);
        rows.iter().map(|row| (row.id, row.version)).collect()
    }

    /// All rows of a table by id, each with all its columns, as the API prints them.
    pub fn rows(&self, table: &str) -> Vec<Box<RawValue>> {
        let Some(table) = self.schema.table(table) else {
            return Vec::new();
        };
        self.store
            .rows(&table.name)
            .iter()
            .filter_map(|row| self.raw(table, row))
            .collect()
    }

    fn raw(&self, table: &Table, row: &Row) -> Option<Box<RawValue>> {
        let text = self
            .print(table, row, &Shape::whole(table), &Prefer::default(), None)
            .ok()?;
        RawValue::from_string(text).ok()
    }
}
