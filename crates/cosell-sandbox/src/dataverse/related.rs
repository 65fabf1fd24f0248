//! Collections of related rows: the other side of a lookup, and relationships of many to many.

use std::sync::Arc;

use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::schema::{Across, Schema, Table};
use super::store::Row;

/// What a collection-valued navigation property leads to.
#[derive(Clone, Debug)]
pub(super) enum Related {
    /// Rows of a table whose lookup points here.
    Children { table: Arc<Table>, column: Arc<str> },
    /// Rows that a table of pairs connects.
    Across {
        across: Arc<Across>,
        /// Which of the two sides asks.
        here: usize,
        table: Arc<Table>,
    },
}

impl Related {
    pub(super) fn table(&self) -> &Arc<Table> {
        match self {
            Self::Children { table, .. } | Self::Across { table, .. } => table,
        }
    }
}

impl Schema {
    /// The collection of this name on a table.
    pub(super) fn related(&self, table: &str, navigation: &str) -> Option<Related> {
        if let Some(across) = self.across(navigation) {
            let here = across.sides.iter().position(|(side, _)| **side == *table)?;
            let table = self.table(&across.sides[1 - here].0)?.clone();
            let across = across.clone();
            return Some(Related::Across {
                across,
                here,
                table,
            });
        }
        self.tables()
            .filter(|other| !other.intersect)
            .find_map(|other| {
                let column = other.columns.iter().find(|column| {
                    let mut targets = column.targets().iter();
                    targets.any(|to| *to.table == *table && *to.relationship == *navigation)
                })?;
                Some(Related::Children {
                    table: other.clone(),
                    column: column.name.clone(),
                })
            })
    }
}

impl Dataverse {
    /// The rows that belong to a row, by id.
    pub(super) fn related_rows(&self, related: &Related, id: Uuid) -> Vec<Arc<Row>> {
        let points = |row: &Row, column: &str| {
            row.get(column)
                .and_then(Cell::as_ref)
                .is_some_and(|(_, target)| target == id)
        };
        match related {
            Related::Children { table, column } => {
                let rows = self.store.rows(&table.name).iter();
                rows.filter(|row| points(row, column)).cloned().collect()
            }
            Related::Across {
                across,
                here,
                table,
            } => {
                let pairs = self.store.rows(&across.table).iter();
                let mut found: Vec<Arc<Row>> = pairs
                    .filter(|pair| points(pair, &across.sides[*here].1))
                    .filter_map(|pair| pair.get(&across.sides[1 - here].1)?.as_ref())
                    .filter_map(|(_, other)| self.store.row(&table.name, other).cloned())
                    .collect();
                found.sort_by_key(|row| row.id);
                found
            }
        }
    }
}
