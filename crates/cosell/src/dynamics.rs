//! Dynamics 365 as one end of the sync: opportunities of one Dataverse environment, and leads where
//! they are taken in.
//!
//! Rows carry our stamp, ids of rows that we make are derived, and the service refuses a second
//! of the same id: this side can be proven where Partner Center can only be looked into.

mod accounts;
mod feed;
mod leads;
mod options;
mod read;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_dataverse::{
    Dataverse, Filter, PageOptions, Query, Row, Table, names::transaction_currency,
};
use cosell_mapping::{
    Context, Currencies, FieldId, FieldSet, Reason, ReasonCode, RecordKind, Settled, Value, field,
};
use cosell_sync::{
    Capabilities, Cursor, Deadline, Draft, GroupId, HintPage, Observed, PairKey, PartName, Patch,
    ReadError, RecordId, Replica, WriteError, WriteStamp, Written,
};
use uuid::Uuid;

pub use accounts::{AccountMatch, AccountMatcher, Customer, NameAndPostalCode};
pub use leads::LeadOptions;
pub use options::{ConnectorColumns, DynamicsOptions};

use crate::{derived, failure, lead::LEAD};
use read::NativeRow;

/// The right end of every engine that this crate builds. See [`Replica`] for what it keeps.
#[derive(Clone, Debug)]
pub struct Dynamics {
    client: Dataverse,
    organization: Uuid,
    fields: Arc<FieldSet>,
    context: Arc<Context>,
    options: Arc<DynamicsOptions>,
}

impl Dynamics {
    /// Over a client; `organization` is the environment's own id, as
    /// [`who_am_i`](Dataverse::who_am_i) gives it.
    pub fn new(
        client: Dataverse,
        organization: Uuid,
        fields: Arc<FieldSet>,
        context: Arc<Context>,
        options: DynamicsOptions,
    ) -> Self {
        Self {
            client,
            organization,
            fields,
            context,
            options: Arc::new(options),
        }
    }

    /// The client that works there, for all that this side has no method for.
    pub fn client(&self) -> &Dataverse {
        &self.client
    }

    pub(crate) fn options(&self) -> &DynamicsOptions {
        &self.options
    }

    async fn rows_naming(&self, key: &PairKey) -> Result<Vec<Row>, cosell_http::Error> {
        let filter = Filter::eq(&self.options.columns.identifier, key.as_str());
        let query = self.query().with_filter(filter);
        let mut pages = self
            .client
            .table(Table::OPPORTUNITY)
            .pages(&query, PageOptions::default());
        let mut rows = Vec::new();
        while let Some(page) = pages.next_page().await? {
            rows.extend(page.rows);
        }
        Ok(rows)
    }
}

/// The active currencies of an environment, as the lenses need them.
///
/// # Errors
/// [`cosell_http::Error`]
pub async fn currencies(client: &Dataverse) -> Result<Currencies, cosell_http::Error> {
    let columns = [
        transaction_currency::ID,
        transaction_currency::ISO_CODE,
        transaction_currency::PRECISION,
    ];
    let active = Filter::eq(transaction_currency::STATE, 0_i64);
    let query = Query::select(columns).with_filter(active);
    let mut pages = client
        .table(Table::TRANSACTION_CURRENCY)
        .pages(&query, PageOptions::default());
    let mut currencies = Currencies::default();
    while let Some(page) = pages.next_page().await? {
        for row in page.rows {
            let (Ok(Some(id)), Ok(Some(code))) = (
                row.guid(transaction_currency::ID),
                row.text(transaction_currency::ISO_CODE),
            ) else {
                continue;
            };
            let precision = row.integer(transaction_currency::PRECISION).ok().flatten();
            let precision = precision.and_then(|decimals| u32::try_from(decimals).ok());
            currencies = currencies.with(&code, id.to_string(), precision.unwrap_or(2));
        }
    }
    Ok(currencies)
}

#[async_trait]
impl Replica for Dynamics {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.unique_birth = true;
        capabilities.stamped = true;
        capabilities.shows_outcome = true;
        capabilities.wants_key = true;
        capabilities.reports_deletions = true;
        capabilities.find_lag = self.options.read_lag;
        capabilities.read_lag = self.options.read_lag;
        capabilities.lateness = self.options.lateness;
        // Qualifying a lead is an action of its own, too.
        if !self.options.close_in_change_set || self.options.leads.is_some() {
            capabilities.apart = vec![field::DEAL_STATE];
        }
        capabilities
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        self.next_hints(since).await
    }

    async fn fetch(&self, id: &RecordId) -> Result<Option<Observed>, ReadError> {
        // An id of another shape is somebody else's text: it names no row.
        let Ok(id) = Uuid::try_parse(id.as_str()) else {
            return Ok(None);
        };
        let row = self
            .client
            .table(Table::OPPORTUNITY)
            .find(id, &self.query())
            .await
            .map_err(|error| failure::read_error(&error))?;
        if let Some(row) = row {
            return self.observe_deal(row).await.map(Some);
        }
        let Some(leads) = &self.options.leads else {
            return Ok(None);
        };
        match self.lead_row(leads, id).await? {
            Some(row) => self.observe_lead_or_deal(leads, row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn find(
        &self,
        key: &PairKey,
        _: Option<DateTime<Utc>>,
    ) -> Result<Vec<Observed>, ReadError> {
        let rows = self
            .rows_naming(key)
            .await
            .map_err(|error| failure::read_error(&error))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push(self.observe_deal(row).await?);
        }
        let mut made = vec![derived::opportunity(self.organization, key.as_str())];
        if let Some(leads) = &self.options.leads {
            for lead in self.leads_naming(leads, key).await? {
                // The identifier of a lead may have been copied to what it became.
                if found.iter().all(|record| record.id != lead.id) {
                    found.push(lead);
                }
            }
            made.push(derived::lead(self.organization, key.as_str()));
        }
        // A seller may have emptied the identifier of the row that we made.
        for id in made
            .into_iter()
            .filter(|_| found.is_empty())
            .collect::<Vec<_>>()
        {
            found.extend(self.fetch(&RecordId::new(id.to_string())).await?);
        }
        Ok(found)
    }

    /// Deals have no further rows of their own here.
    async fn in_group(&self, _: &GroupId) -> Result<Vec<Observed>, ReadError> {
        Ok(Vec::new())
    }

    async fn create(
        &self,
        key: &PairKey,
        stamp: WriteStamp,
        draft: &Draft,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        match self.makes_lead(draft) {
            Some(leads) => self.create_lead(leads, key, stamp, draft, until).await,
            None => self.create_opportunity(key, stamp, draft, until).await,
        }
    }

    async fn create_part(
        &self,
        _: &Observed,
        name: &PartName,
        _: WriteStamp,
        _: &Draft,
        _: Deadline,
    ) -> Result<Written, WriteError> {
        Err(WriteError::Refused {
            message: format!("a CRM has no part {name} of a deal").into(),
            fields: Vec::new(),
        })
    }

    async fn update(
        &self,
        seen: &Observed,
        stamp: WriteStamp,
        patch: &Patch,
        until: Deadline,
    ) -> Result<Written, WriteError> {
        let lead = seen.native.get::<NativeRow>().and_then(|row| row.lead);
        match self.options.leads.as_ref().filter(|_| lead.is_some()) {
            Some(leads) => self.patch_lead(leads, seen, stamp, patch, until).await,
            None => self.patch_opportunity(seen, stamp, patch, until).await,
        }
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        if *field == LEAD {
            return Settled::Fits;
        }
        let row = now.and_then(|now| now.native.get::<NativeRow>());
        if row.is_some_and(NativeRow::is_frozen) {
            let detail = "the lead is qualified: what it became is worked from now on";
            return Settled::Cannot(Reason::new(ReasonCode::Closed, detail));
        }
        let record = row.map(|row| &row.record);
        let held = now.and_then(|now| now.fields.get(field));
        let (kind, cx) = (RecordKind::Row, &self.context);
        match record.zip(held) {
            Some(read) => self.fields.settle_read(kind, field, wanted, read, cx),
            None => self.fields.settle(kind, field, wanted, record, cx),
        }
    }
}
