//! A table's definition.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::{ChoiceSet, Label};
use crate::{Columns, Table};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableDefinition {
    /// Logical name, such as `opportunity`.
    pub logical_name: String,
    /// Schema name.
    pub schema_name: String,
    /// Name of the entity set, such as `opportunities`.
    pub set: String,
    /// Primary key column.
    pub key: String,
    /// Column of the primary name.
    pub name_column: Option<String>,
    /// Number of the type; differs between environments for custom tables.
    pub type_code: Option<i32>,
    /// Can it be followed by change tracking?
    pub change_tracking: bool,
    /// Do its rows have versions to condition a write on?
    pub optimistic_concurrency: bool,
    /// Was it added to the shipped ones?
    pub custom: bool,
    /// Columns by logical name.
    pub columns: BTreeMap<String, ColumnDefinition>,
    /// Alternate keys.
    pub keys: Vec<KeyDefinition>,
    /// Lookups of this table, one for each table that a column can point to.
    pub lookups: Vec<LookupDefinition>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDefinition {
    /// Logical name.
    pub logical_name: String,
    /// Schema name.
    pub schema_name: String,
    /// Label.
    pub label: Label,
    /// What it holds.
    pub kind: ColumnType,
    /// May be set when a row is made.
    pub creatable: bool,
    /// May be changed.
    pub updatable: bool,
    /// May be read.
    pub readable: bool,
    /// The service refuses a row without it.
    pub required: bool,
    /// The forms refuse a row without it; the service does not.
    pub asked_for: bool,
    /// Was it added to the shipped ones?
    pub custom: bool,
    /// Did it come with a managed solution?
    pub managed: bool,
    /// Id of the definition.
    pub id: Option<Uuid>,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
    /// Text of one line.
    Text {
        /// Most UTF-16 units.
        max: Option<u32>,
    },
    /// Text of several lines.
    Memo {
        /// Most UTF-16 units.
        max: Option<u32>,
    },
    /// Whole number of 32 bits.
    Integer {
        /// Least.
        min: Option<i32>,
        /// Greatest.
        max: Option<i32>,
    },
    /// Whole number of 64 bits.
    BigInt,
    /// Exact decimal.
    Decimal {
        /// Decimal places.
        precision: Option<u32>,
        /// Least.
        min: Option<Decimal>,
        /// Greatest.
        max: Option<Decimal>,
    },
    /// Binary fraction.
    Double,
    /// Amount in the row's currency.
    Money {
        /// Decimal places, where `source` is 0.
        precision: Option<u32>,
        /// Where the places come from: 0 the column, 1 the organization, 2 the currency.
        source: Option<u32>,
        /// Least.
        min: Option<Decimal>,
        /// Greatest.
        max: Option<Decimal>,
    },
    /// Yes or no, with the labels of both.
    Flag {
        /// Label of no.
        no: Label,
        /// Label of yes.
        yes: Label,
    },
    /// One of several values.
    Choice(ChoiceSet),
    /// Several of several values.
    Choices(ChoiceSet),
    /// The state.
    State(ChoiceSet),
    /// The status reason.
    Status(ChoiceSet),
    /// A date, or a date with time.
    DateTime(DateBehavior),
    /// Points to a row of one of these tables.
    Lookup {
        /// Logical names of the tables.
        targets: Vec<String>,
    },
    /// An id.
    Guid,
    /// A type without a name here, as the service calls it.
    Other(String),
}

/// How a date column keeps time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DateBehavior {
    /// No time and no zone: read and written as a date.
    DateOnly,
    /// A moment.
    UserLocal,
    /// A date and a time on the wall, whatever the zone.
    TimeZoneIndependent,
    /// Another behaviour, as the service calls it.
    Other(String),
}

/// An alternate key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyDefinition {
    /// Schema name.
    pub schema_name: String,
    /// Logical names of its columns.
    pub columns: Vec<String>,
    /// How far its index is.
    pub status: KeyStatus,
}

/// How far the index of an alternate key is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStatus {
    /// Not begun.
    Pending,
    /// Being built.
    InProgress,
    /// Ready for use.
    Active,
    /// Could not be built: rows have equal values.
    Failed,
    /// Another status, as the service calls it.
    Other(String),
}

/// One table that a lookup column can point to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookupDefinition {
    /// Logical name of the lookup column.
    pub column: String,
    /// Logical name of the table it points to.
    pub target: String,
    /// Navigation name to bind and expand with, in its exact case.
    pub navigation: String,
    /// Schema name of the relationship.
    pub relationship: String,
}

/// The schema has not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// There is no such column.
    #[error("table {table} has no column {column}: read the schema anew, or check the name")]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// The column points to no such table.
    #[error("column {column} of {table} does not point to {target}; it points to {targets:?}")]
    NoTarget {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The table asked for.
        target: String,
        /// What it does point to.
        targets: Vec<String>,
    },
    /// The column is no choice.
    #[error("column {column} of {table} is no choice")]
    NoChoice {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
}

impl TableDefinition {
    /// The table, for reading and writing its rows.
    pub fn table(&self) -> Table {
        Table::new(self.set.clone(), self.key.clone())
    }

    /// The column with this logical name.
    ///
    /// # Errors
    /// [`SchemaError`] when there is none.
    pub fn column(&self, column: &str) -> Result<&ColumnDefinition, SchemaError> {
        self.columns
            .get(column)
            .ok_or_else(|| SchemaError::NoColumn {
                table: self.logical_name.clone(),
                column: column.to_owned(),
            })
    }

    /// The values of a choice column.
    ///
    /// # Errors
    /// [`SchemaError`] when there is no such column or it is no choice.
    pub fn choices(&self, column: &str) -> Result<&ChoiceSet, SchemaError> {
        match &self.column(column)?.kind {
            ColumnType::Choice(set)
            | ColumnType::Choices(set)
            | ColumnType::State(set)
            | ColumnType::Status(set) => Ok(set),
            _ => Err(SchemaError::NoChoice {
                table: self.logical_name.clone(),
                column: column.to_owned(),
            }),
        }
    }

    /// The navigation name by which the lookup `column` points to the table `target`, in its
    /// exact case.
    ///
    /// # Errors
    /// [`SchemaError`] when the column is missing or points elsewhere.
    pub fn navigation(&self, column: &str, target: &str) -> Result<&str, SchemaError> {
        self.column(column)?;
        let lookups = || self.lookups.iter().filter(|lookup| lookup.column == column);
        let found = lookups().find(|lookup| lookup.target == target);
        found
            .map(|lookup| lookup.navigation.as_str())
            .ok_or_else(|| SchemaError::NoTarget {
                table: self.logical_name.clone(),
                column: column.to_owned(),
                target: target.to_owned(),
                targets: lookups().map(|lookup| lookup.target.clone()).collect(),
            })
    }

    /// Points the lookup `column` at the row `id` of the table `target`.
    ///
    /// # Errors
    /// [`SchemaError`] when the column is missing or points elsewhere.
    pub fn bind(
        &self,
        columns: Columns,
        column: &str,
        target: &Self,
        id: Uuid,
    ) -> Result<Columns, SchemaError> {
        let navigation = self.navigation(column, &target.logical_name)?;
        Ok(columns.bind(navigation, &target.table(), id))
    }
}
