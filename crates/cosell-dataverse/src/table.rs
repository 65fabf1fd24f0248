//! Tables and the operations on their rows.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use cosell_http::{Answer, Call, Error, ErrorKind, Repeat, Sent, decode_json};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::IF_NONE_MATCH};
use uuid::Uuid;

use crate::{
    Columns, Condition, Dataverse, ETag, ErrorCode, Filter, Op, PageOptions, Pages, Query, Row,
    Written,
    batch::{Entry, with_options},
    code_of,
    input::Faults,
    names,
    op::{check_tag, tag_option, version_header},
};

/// A table: the name of its entity set and of its primary key.
///
/// The set's name is not always the table's name with an `s`; it stands in the metadata.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    set: Cow<'static, str>,
    key: Cow<'static, str>,
}

impl Table {
    /// `opportunity`.
    pub const OPPORTUNITY: Self = Self::from_static("opportunities", names::opportunity::ID);
    /// `account`.
    pub const ACCOUNT: Self = Self::from_static("accounts", names::account::ID);
    /// `transactioncurrency`.
    pub const TRANSACTION_CURRENCY: Self =
        Self::from_static("transactioncurrencies", names::transaction_currency::ID);

    /// `contact`.
    pub const CONTACT: Self = Self::from_static("contacts", "contactid");
    /// `lead`.
    pub const LEAD: Self = Self::from_static("leads", "leadid");
    /// `systemuser`.
    pub const SYSTEM_USER: Self = Self::from_static("systemusers", "systemuserid");
    /// `opportunityproduct`.
    pub const OPPORTUNITY_PRODUCT: Self =
        Self::from_static("opportunityproducts", "opportunityproductid");
    /// `annotation`, a note.
    pub const ANNOTATION: Self = Self::from_static("annotations", "annotationid");

    /// A table known at compile time.
    pub const fn from_static(set: &'static str, key: &'static str) -> Self {
        Self {
            set: Cow::Borrowed(set),
            key: Cow::Borrowed(key),
        }
    }

    /// A table with the entity set `set` and the primary key column `key`.
    pub fn new(set: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            set: Cow::Owned(set.into()),
            key: Cow::Owned(key.into()),
        }
    }

    /// Name of the entity set, such as `opportunities`.
    pub fn set(&self) -> &str {
        &self.set
    }

    /// Name of the primary key column, such as `opportunityid`.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn row_target(&self, id: Uuid) -> String {
        format!("{}({id})", self.set)
    }

    pub(crate) fn check(&self, faults: &mut crate::input::Faults) {
        faults.check_name("set", &self.set);
        faults.check_name("key", &self.key);
    }
}

/// What goes with a write beside its content.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Ask for the row after the write, with these columns.
    pub returning: Option<Vec<String>>,
    /// No byte leaves after this moment.
    pub not_after: Option<DateTime<Utc>>,
    /// What the event of the write tells as its tag; see [`Op::tagged`].
    pub tag: Option<String>,
    /// Further headers.
    pub headers: HeaderMap,
}

impl WriteOptions {
    /// Asks for the row after the write, with these columns.
    #[must_use]
    pub fn with_returning<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.returning = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Forbids sending after `moment`.
    #[must_use]
    pub fn with_not_after(mut self, moment: DateTime<Utc>) -> Self {
        self.not_after = Some(moment);
        self
    }

    /// Marks the write; see [`Op::tagged`].
    #[must_use]
    pub fn with_tag(mut self, text: impl Into<String>) -> Self {
        self.tag = Some(text.into());
        self
    }

    /// Lets the published rules for duplicates refuse the write
    /// ([`ErrorCode::DuplicateRecordsFound`]); the service looks at them only when told so.
    #[must_use]
    pub fn with_duplicate_rules(self) -> Self {
        let name = HeaderName::from_static("mscrm.suppressduplicatedetection");
        self.with_header(name, HeaderValue::from_static("false"))
    }

    /// Skips the organization's own plug-ins and workflows. The identity needs the privilege
    /// `prvBypassCustomBusinessLogic`; the service's own logic and Power Automate still run.
    #[must_use]
    pub fn without_custom_logic(self, which: CustomLogic) -> Self {
        let name = HeaderName::from_static("mscrm.bypassbusinesslogicexecution");
        let value = match which {
            CustomLogic::Sync => "CustomSync",
            CustomLogic::Async => "CustomAsync",
            CustomLogic::All => "CustomSync,CustomAsync",
        };
        self.with_header(name, HeaderValue::from_static(value))
    }

    /// Starts no Power Automate flows for the write. The identity needs the same privilege as for
    /// [`without_custom_logic`](Self::without_custom_logic).
    #[must_use]
    pub fn without_flows(self) -> Self {
        let name = HeaderName::from_static("mscrm.suppresscallbackregistrationexpanderjob");
        self.with_header(name, HeaderValue::from_static("true"))
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The options of the query string.
    pub(crate) fn query(&self, faults: &mut Faults) -> String {
        let Some(tag) = &self.tag else {
            return String::new();
        };
        check_tag(tag, faults);
        tag_option(tag)
    }
}

/// Logic that an organization added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CustomLogic {
    /// What runs within the write.
    Sync,
    /// What runs after it.
    Async,
    /// Both.
    All,
}

/// The rows of one table. Made by [`Dataverse::table`].
///
/// Cancel safety: reads may be dropped; a dropped write may have taken effect.
#[derive(Clone, Debug)]
pub struct Rows {
    pub(crate) client: Dataverse,
    pub(crate) table: Table,
}

impl Rows {
    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Makes a row; see [`Op::create`].
    ///
    /// # Errors
    /// [`Error`]; kind `Conflict` with [`ErrorCode::DuplicateRecord`] when the id is taken.
    pub async fn create(
        &self,
        id: Option<Uuid>,
        columns: Columns,
        options: WriteOptions,
    ) -> Result<Written, Error> {
        self.write(Op::create(&self.table, id, columns), options)
            .await
    }

    /// Changes the row `id`, or makes it where `condition` allows; see [`Condition`].
    ///
    /// # Errors
    /// [`Error`]; kind `Conflict` when the condition does not hold, `NotFound` when the row is
    /// missing.
    pub async fn update(
        &self,
        id: Uuid,
        columns: Columns,
        condition: &Condition,
        options: WriteOptions,
    ) -> Result<Written, Error> {
        self.write(Op::update(&self.table, id, columns, condition), options)
            .await
    }

    /// Deletes the row `id`.
    ///
    /// # Errors
    /// [`Error`]; kind `Conflict` when the condition does not hold, `NotFound` when the row is
    /// missing.
    pub async fn delete(
        &self,
        id: Uuid,
        condition: &Condition,
        options: WriteOptions,
    ) -> Result<(), Error> {
        self.write(Op::delete(&self.table, id, condition), options)
            .await?;
        Ok(())
    }

    /// Reads the row `id`; only `select` and `expand` of `query` apply.
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when the row is missing.
    pub async fn read(&self, id: Uuid, query: &Query) -> Result<Row, Error> {
        let call = self.read_call("dataverse.read", id, query)?;
        if let Some(gatherer) = &self.client.gatherer {
            let row = gatherer.read(&self.client, Entry::row(&call)).await?;
            return self.check_row(id, row).map_err(|fault| {
                Error::new(
                    "dataverse.read",
                    ErrorKind::Malformed,
                    Sent::Answered,
                    fault,
                )
            });
        }
        let answer = self.client.raw(call).await?;
        self.read_row(id, &answer)
    }

    /// Reads the row `id` if it is no longer at the version `seen`; `None` when it is.
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when the row is missing, `Invalid` when related rows are asked
    /// for: the service does not compare those.
    pub async fn read_if_changed(
        &self,
        id: Uuid,
        query: &Query,
        seen: &ETag,
    ) -> Result<Option<Row>, Error> {
        let operation = "dataverse.read_if_changed";
        let call = self.read_call(operation, id, query)?;
        let mut faults = Faults::default();
        let version = version_header(seen);
        if version.is_none() {
            faults.push(format!(
                "{:?} is no ETag: hand in the text of @odata.etag as it was read, such as W/\"1\"",
                seen.as_str()
            ));
        }
        if !query.expand.is_empty() {
            faults.push("related rows have versions of their own: read them without condition");
        }
        faults.into_result(operation)?;
        let call = version
            .into_iter()
            .fold(call, |call, seen| call.with_header(IF_NONE_MATCH, seen));
        let answer = self.client.raw(call).await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        self.read_row(id, &answer).map(Some)
    }

    /// The number of rows that meet the filter of `query`; the service counts up to 5,000.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn count(&self, filter: Option<&Filter>) -> Result<u64, Error> {
        let operation = "dataverse.count";
        let query = Query {
            filter: filter.cloned(),
            ..Query::default()
        };
        let (options, mut faults) = query.render();
        self.table.check(&mut faults);
        faults.into_result(operation)?;
        let target = with_options(format!("{}/$count", self.table.set), &options);
        let call = Call::new(operation, Method::GET, target, Repeat::Safe);
        let answer = self.client.get(call).await?;
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        // Some gateways put a byte order mark before plain text.
        let text = text.trim_start_matches('\u{feff}').trim();
        text.parse()
            .map_err(|_| Error::malformed(operation, &answer, "the count is no number"))
    }

    fn read_call(&self, operation: &'static str, id: Uuid, query: &Query) -> Result<Call, Error> {
        let (options, mut faults) = query.render();
        self.table.check(&mut faults);
        query.check_single(&mut faults);
        faults.into_result(operation)?;
        let target = with_options(self.table.row_target(id), &options);
        Ok(Call::new(operation, Method::GET, target, Repeat::Safe))
    }

    fn read_row(&self, id: Uuid, answer: &Answer) -> Result<Row, Error> {
        let operation = "dataverse.read";
        let row = decode_json(operation, answer)?;
        self.check_row(id, row)
            .map_err(|fault| Error::malformed(operation, answer, fault))
    }

    /// The row, if it is the one that was asked for.
    fn check_row(&self, id: Uuid, row: Row) -> Result<Row, String> {
        match row.guid(&self.table.key) {
            Ok(Some(said)) if said == id => Ok(row),
            Ok(Some(said)) => Err(format!("the answer holds row {said}, not {id}")),
            Ok(None) => Err(format!(
                "the row has no {}: is the key's name right?",
                self.table.key
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Like [`read`](Self::read), but `None` when the service says that there is no such row.
    ///
    /// A 404 for another reason (a wrong set, a wrong address) stays an error: it must not read
    /// as a deletion.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn find(&self, id: Uuid, query: &Query) -> Result<Option<Row>, Error> {
        match self.read(id, query).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if row_is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first row that `query` finds, if there is one; give it an order.
    ///
    /// # Errors
    /// [`Error`]. Cancel safety: may be dropped.
    pub async fn first(&self, query: &Query) -> Result<Option<Row>, Error> {
        let mut pages = self.pages(&query.clone().with_top(1), PageOptions::default());
        while let Some(page) = pages.next_page().await? {
            if let Some(row) = page.rows.into_iter().next() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Reads rows page by page.
    pub fn pages(&self, query: &Query, options: PageOptions) -> Pages {
        Pages::start(self.client.clone(), &self.table, query, options)
    }

    pub(crate) async fn write(&self, mut op: Op, options: WriteOptions) -> Result<Written, Error> {
        if let Some(columns) = options.returning {
            op = op.returning(columns);
        }
        if let Some(tag) = options.tag {
            op = op.tagged(tag);
        }
        for (name, value) in &options.headers {
            op = op.with_header(name.clone(), value.clone());
        }
        self.client.run(&op, options.not_after).await
    }
}

fn row_is_missing(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
        && matches!(
            code_of(error),
            Some(ErrorCode::ObjectDoesNotExist | ErrorCode::RecordNotFoundByEntityKey)
        )
}
