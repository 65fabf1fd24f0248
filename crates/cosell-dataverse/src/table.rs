//! Tables and the operations on their rows.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use cosell_http::{Call, Error, ErrorKind, Repeat, decode_json};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use uuid::Uuid;

use crate::{
    Columns, Condition, Dataverse, ErrorCode, Op, PageOptions, Pages, Query, Row, Written, code_of,
    names,
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

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
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
        let operation = "dataverse.read";
        let (options, mut faults) = query.render();
        self.table.check(&mut faults);
        query.check_single(&mut faults);
        faults.into_result(operation)?;
        let mut target = self.table.row_target(id);
        if !options.is_empty() {
            target = format!("{target}?{options}");
        }
        let call = Call::new(operation, Method::GET, target, Repeat::Safe);
        let answer = self.client.raw(call).await?;
        let row: Row = decode_json(operation, &answer)?;
        match row.guid(&self.table.key) {
            Ok(Some(said)) if said == id => Ok(row),
            Ok(Some(said)) => Err(Error::malformed(
                operation,
                &answer,
                format!("the answer holds row {said}, not {id}"),
            )),
            Ok(None) => Err(Error::malformed(
                operation,
                &answer,
                format!(
                    "the row has no {}: is the key's name right?",
                    self.table.key
                ),
            )),
            Err(error) => Err(Error::malformed(operation, &answer, error.to_string())),
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
