//! Dynamics 365 as one end of the sync: opportunities of one Dataverse environment.
//!
//! Rows carry our stamp, ids of rows that we make are derived, and the service refuses a second
//! of the same id: this side can be proven where Partner Center can only be looked into.

mod accounts;
mod options;
mod read;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cosell_dataverse::{
    Change, ChangeCursor, Dataverse, Filter, Followed, PageOptions, Query, Row, Table,
    names::transaction_currency,
};
use cosell_mapping::{Context, Currencies, FieldId, FieldSet, RecordKind, Settled, Value, field};
use cosell_sync::{
    Capabilities, Cursor, Deadline, Draft, GroupId, Hint, HintPage, Observed, PairKey, PartName,
    Patch, ReadError, RecordId, Replica, Version, WriteError, WriteStamp, Written,
};
use uuid::Uuid;

pub use accounts::{AccountMatch, AccountMatcher, Customer, NameAndPostalCode};
pub use options::{ConnectorColumns, DynamicsOptions};

use crate::{derived, failure};
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

    fn deleted(id: Uuid) -> Hint {
        Hint {
            id: RecordId::new(id.to_string()),
            version: None,
            takes_part: Some(false),
            gone: true,
            seen: None,
        }
    }

    /// A row of the change feed. It lacks the account, so that the record is fetched when it
    /// matters.
    fn changed(&self, row: &Row) -> Result<Hint, ReadError> {
        let malformed = |fault: cosell_dataverse::ColumnError| {
            ReadError::Malformed(format!("a changed opportunity: {fault}"))
        };
        let id = row.guid(Table::OPPORTUNITY.key()).map_err(malformed)?;
        let Some(id) = id else {
            return Err(ReadError::Malformed(
                "a changed opportunity has no id".to_owned(),
            ));
        };
        Ok(Hint {
            id: RecordId::new(id.to_string()),
            version: row
                .etag()
                .ok()
                .flatten()
                .map(|etag| Version::new(etag.as_str())),
            // A flag that cannot be read is looked into, not taken for no.
            takes_part: row
                .flag(&self.options.columns.sync)
                .map_or(None, |flag| Some(flag.unwrap_or(false))),
            gone: false,
            seen: None,
        })
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
        if !self.options.close_in_change_set {
            capabilities.apart = vec![field::DEAL_STATE];
        }
        capabilities
    }

    async fn hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let table = self.client.table(Table::OPPORTUNITY);
        let options = PageOptions::default().with_size(self.options.page_size);
        let page = match since {
            None => {
                let columns = self.tracked_columns();
                let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
                table.changes(&columns, &options).await
            }
            Some(cursor) => {
                let cursor: ChangeCursor = serde_json::from_str(cursor.as_str())
                    .map_err(|_| ReadError::CursorExpired("not a cursor of ours".to_owned()))?;
                match table.follow(&cursor, &options).await {
                    Ok(Followed::Page(page)) => Ok(page),
                    Ok(Followed::Expired(error)) => {
                        return Err(ReadError::CursorExpired(error.to_string()));
                    }
                    Err(error) => Err(error),
                }
            }
        }
        .map_err(|error| failure::read_error(&error))?;
        let mut hints = Vec::with_capacity(page.changes.len());
        for change in &page.changes {
            match change {
                Change::Row(row) => hints.push(self.changed(row)?),
                Change::Deleted { id, .. } => hints.push(Self::deleted(*id)),
                _ => {}
            }
        }
        let cursor = serde_json::to_string(&page.cursor)
            .map_err(|error| ReadError::Failed(error.to_string()))?;
        let more = !page.cursor.is_caught_up();
        Ok(HintPage {
            hints,
            cursor: Cursor::new(cursor),
            more,
        })
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
        row.map(|row| self.observe(row).map_err(ReadError::Malformed))
            .transpose()
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
        if rows.is_empty() {
            // A seller may have emptied the identifier of the row that we made.
            let derived = derived::opportunity(self.organization, key.as_str());
            let made = self.fetch(&RecordId::new(derived.to_string())).await?;
            return Ok(made.into_iter().collect());
        }
        rows.into_iter()
            .map(|row| self.observe(row).map_err(ReadError::Malformed))
            .collect()
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
        self.create_opportunity(key, stamp, draft, until).await
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
        self.patch_opportunity(seen, stamp, patch, until).await
    }

    fn settle(&self, field: &FieldId, wanted: &Value, now: Option<&Observed>) -> Settled {
        let record = now
            .and_then(|now| now.native.get::<NativeRow>())
            .map(|row| &row.record);
        self.fields
            .settle(RecordKind::Row, field, wanted, record, &self.context)
    }
}
