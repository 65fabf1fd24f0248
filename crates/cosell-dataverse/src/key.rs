//! Rows named by an alternate key, spelt so that no value changes what a request means.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use cosell_http::{Call, Error, Repeat, decode_json};
use http::Method;
use percent_encoding::utf8_percent_encode;

use crate::{
    Columns, Condition, ErrorCode, Literal, Op, Query, Row, Rows, Table, WriteOptions, Written,
    code_of, input::Faults, query::VALUE,
};

/// Longest text of a key, in UTF-16 units.
const LONGEST: usize = 450;
/// The service finds no row whose key holds one of these, encoded or not.
const UNFIT: &str = "/<>*%&:\\?+";

/// The values of an alternate key.
///
/// ```
/// use cosell_dataverse::AlternateKey;
/// let key = AlternateKey::new("abc_referralid", "R-1001").and("abc_round", 2);
/// assert_eq!(key.to_string(), "abc_referralid='R-1001',abc_round=2");
/// ```
#[derive(Clone)]
pub struct AlternateKey {
    values: BTreeMap<String, Literal>,
}

impl AlternateKey {
    /// A key of the column `column`; a lookup is named `_name_value`.
    pub fn new(column: &str, value: impl Into<Literal>) -> Self {
        Self {
            values: [(column.to_owned(), value.into())].into(),
        }
    }

    /// Adds a further column of the same key.
    #[must_use]
    pub fn and(mut self, column: &str, value: impl Into<Literal>) -> Self {
        self.values.insert(column.to_owned(), value.into());
        self
    }

    /// The row's address below the base address.
    pub(crate) fn target(&self, table: &Table) -> String {
        let pairs: Vec<String> = self
            .values
            .iter()
            .map(|(column, value)| {
                let value = value.to_filter();
                format!("{column}={}", utf8_percent_encode(&value, VALUE))
            })
            .collect();
        format!("{}({})", table.set(), pairs.join(","))
    }

    /// The service refuses or drops columns of the key in a body.
    fn check_apart(&self, members: &[String], faults: &mut Faults) {
        for column in members
            .iter()
            .filter(|column| self.values.contains_key(*column))
        {
            faults.push(format!(
                "column {column} is part of the key: leave it out, the service fills it"
            ));
        }
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        for (column, value) in &self.values {
            faults.check_name("column", column);
            match value {
                Literal::Null => faults.push(format!(
                    "key column {column} is null: rows without a value are found by a filter only"
                )),
                Literal::Text(text) if text.is_empty() => faults.push(format!(
                    "key column {column} is empty: rows without a value are found by a filter only"
                )),
                Literal::Text(text) if text.encode_utf16().count() > LONGEST => faults.push(
                    format!("key column {column}: more than {LONGEST} characters fit no key"),
                ),
                Literal::Text(text)
                    if text.contains(|c: char| UNFIT.contains(c) || c.is_control()) =>
                {
                    faults.push(format!(
                        "key column {column} holds one of {UNFIT} or a control character: the \
                         service finds no row by it, find the row by a filter and write it by id"
                    ));
                }
                _ => {}
            }
        }
    }
}

/// For people; addresses are encoded.
impl fmt::Display for AlternateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (column, value)) in self.values.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{column}={}", value.to_filter())?;
        }
        Ok(())
    }
}

/// Names only: the values may be personal data.
impl fmt::Debug for AlternateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Op {
    /// Changes the row of `table` with `key`, or makes it where `condition` allows. The columns
    /// of the key are filled by the service and may not be among `columns`.
    ///
    /// The answer does not tell the row's id, nor whether it was made, unless the row is asked for
    /// by [`returning`](Self::returning).
    pub fn update_by_key(
        table: &Table,
        key: &AlternateKey,
        columns: Columns,
        condition: &Condition,
    ) -> Self {
        let mut op = Self::update(table, uuid::Uuid::nil(), columns, condition);
        let members: Vec<String> = op
            .body
            .columns()
            .into_iter()
            .flat_map(Columns::members)
            .map(str::to_owned)
            .collect();
        key.check_apart(&members, &mut op.faults);
        op.by_key(table, key)
    }

    /// Deletes the row of `table` with `key`.
    pub fn delete_by_key(table: &Table, key: &AlternateKey, condition: &Condition) -> Self {
        Self::delete(table, uuid::Uuid::nil(), condition).by_key(table, key)
    }

    fn by_key(mut self, table: &Table, key: &AlternateKey) -> Self {
        key.check(&mut self.faults);
        self.target = key.target(table);
        self.id = None;
        self.by_key = true;
        self
    }
}

impl Columns {
    /// Points the lookup with the navigation name `navigation` at the row of `table` with `key`.
    #[must_use]
    pub fn bind_by_key(mut self, navigation: &str, table: &Table, key: &AlternateKey) -> Self {
        key.check(&mut self.faults);
        table.check(&mut self.faults);
        self.faults.check_name("navigation", navigation);
        let target = crate::literal::quote(&format!("/{}", key.target(table)));
        self.point(navigation, crate::literal::raw(target))
    }

    /// Marks the body as that of the row of `table` with `key`, in a message of several rows.
    pub(crate) fn addressed(mut self, table: &Table, key: &AlternateKey) -> Self {
        key.check(&mut self.faults);
        key.check_apart(
            &self.members().map(str::to_owned).collect::<Vec<_>>(),
            &mut self.faults,
        );
        let target = crate::literal::quote(&key.target(table));
        self.set_json("@odata.id", crate::literal::raw(target))
    }
}

impl Rows {
    /// Reads the row with `key`; only `select` and `expand` of `query` apply.
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when there is no such row, code
    /// [`EntityKeyNotDefined`](ErrorCode::EntityKeyNotDefined) when there is no such key, or its
    /// index is not ready.
    pub async fn read_by_key(&self, key: &AlternateKey, query: &Query) -> Result<Row, Error> {
        let operation = "dataverse.read_by_key";
        let (options, mut faults) = query.render();
        self.table.check(&mut faults);
        key.check(&mut faults);
        query.check_single(&mut faults);
        faults.into_result(operation)?;
        let mut target = key.target(&self.table);
        if !options.is_empty() {
            target = format!("{target}?{options}");
        }
        let call = Call::new(operation, Method::GET, target, Repeat::Safe);
        let answer = self.client.raw(call).await?;
        let row: Row = decode_json(operation, &answer)?;
        match row.guid(self.table.key()) {
            Ok(Some(_)) => Ok(row),
            _ => Err(Error::malformed(
                operation,
                &answer,
                format!(
                    "the row has no {}: is the key's name right?",
                    self.table.key()
                ),
            )),
        }
    }

    /// Like [`read_by_key`](Self::read_by_key), but `None` when there is no such row.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn find_by_key(
        &self,
        key: &AlternateKey,
        query: &Query,
    ) -> Result<Option<Row>, Error> {
        match self.read_by_key(key, query).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if code_of(&error) == Some(ErrorCode::RecordNotFoundByEntityKey) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes the row with `key`, or makes it where `condition` allows; see
    /// [`Op::update_by_key`].
    ///
    /// # Errors
    /// [`Error`]
    pub async fn update_by_key(
        &self,
        key: &AlternateKey,
        columns: Columns,
        condition: &Condition,
        options: WriteOptions,
    ) -> Result<Written, Error> {
        let op = Op::update_by_key(&self.table, key, columns, condition);
        self.write(op, options).await
    }

    /// Deletes the row with `key`.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn delete_by_key(
        &self,
        key: &AlternateKey,
        condition: &Condition,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        let op = Op::delete_by_key(&self.table, key, condition);
        self.client.run(&op, not_after).await?;
        Ok(())
    }
}
