//! Duplicate rules as they are shipped: for accounts, contacts and leads, none for opportunities.

use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::refusal::Refusal;
use super::request::Operation;
use super::schema::Table;
use super::store::Cells;

/// Table, and columns in which two rows are the same.
const RULES: [(&str, &[&str]); 5] = [
    ("account", &["name"]),
    ("account", &["emailaddress1"]),
    ("contact", &["firstname", "lastname"]),
    ("contact", &["emailaddress1"]),
    ("lead", &["emailaddress1"]),
];

impl Dataverse {
    /// Applies the rules to a create, or to an update of row `id`, that asks for them.
    pub(super) fn check_duplicates(
        &self,
        operation: &Operation<'_>,
        table: &Table,
        id: Option<Uuid>,
        changes: &Cells,
    ) -> Result<(), Refusal> {
        let asked = operation.headers.get("mscrm.suppressduplicatedetection");
        if asked.is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"false")) {
            return Ok(());
        }
        let before = id.and_then(|id| self.store.row(&table.name, id));
        let value = |column: &str| {
            let written = changes.get(column);
            let value = written.or_else(|| before.and_then(|row| row.get(column)));
            value.and_then(Cell::as_text).map(str::to_lowercase)
        };
        for (_, columns) in RULES.iter().filter(|(name, _)| **name == *table.name) {
            let touched = columns.iter().any(|column| changes.contains_key(*column));
            let values: Option<Vec<String>> = columns.iter().map(|column| value(column)).collect();
            let Some(values) = values.filter(|_| touched) else {
                continue;
            };
            let mut others = self.store.rows(&table.name).iter();
            let twin = others.any(|row| {
                Some(row.id) != id
                    && columns.iter().zip(&values).all(|(column, value)| {
                        let there = row.get(column).and_then(Cell::as_text);
                        there.is_some_and(|there| there.to_lowercase() == *value)
                    })
            });
            if twin {
                return Err(Refusal::new(
                    self.options.duplicate_row_status,
                    "0x80040333",
                    "A record was not created or updated because a duplicate of the current \
                     record already exists.",
                ));
            }
        }
        Ok(())
    }
}
