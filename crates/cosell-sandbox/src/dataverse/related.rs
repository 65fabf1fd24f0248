//! Collections of related rows: the other side of a lookup, and relationships of many to many.

use std::sync::Arc;

use http::StatusCode;
use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::draft::Draft;
use super::refusal::Refusal;
use super::rows::Actor;
use super::schema::{Across, Schema, Table};
use super::store::{Cells, Row};

/// Schema names of shipped relationships by target, referring table and column. All others are
/// called after the three.
const NAMES: [(&str, &str, &str, &str); 26] = [
    (
        "account",
        "opportunity",
        "customerid",
        "opportunity_customer_accounts",
    ),
    (
        "account",
        "opportunity",
        "parentaccountid",
        "opportunity_parent_account",
    ),
    (
        "contact",
        "opportunity",
        "customerid",
        "opportunity_customer_contacts",
    ),
    (
        "contact",
        "opportunity",
        "parentcontactid",
        "opportunity_parent_contact",
    ),
    (
        "lead",
        "opportunity",
        "originatingleadid",
        "opportunity_originating_lead",
    ),
    (
        "opportunity",
        "lead",
        "qualifyingopportunityid",
        "lead_qualifying_opportunity",
    ),
    (
        "opportunity",
        "opportunityproduct",
        "opportunityid",
        "product_opportunities",
    ),
    (
        "opportunity",
        "opportunityclose",
        "opportunityid",
        "Opportunity_OpportunityClose",
    ),
    (
        "opportunity",
        "annotation",
        "objectid",
        "Opportunity_Annotation",
    ),
    ("account", "annotation", "objectid", "Account_Annotation"),
    ("contact", "annotation", "objectid", "Contact_Annotation"),
    ("lead", "annotation", "objectid", "Lead_Annotation"),
    (
        "account",
        "contact",
        "parentcustomerid",
        "contact_customer_accounts",
    ),
    (
        "contact",
        "contact",
        "parentcustomerid",
        "contact_customer_contacts",
    ),
    (
        "account",
        "account",
        "parentaccountid",
        "account_parent_account",
    ),
    (
        "contact",
        "account",
        "primarycontactid",
        "account_primary_contact",
    ),
    ("account", "lead", "parentaccountid", "lead_parent_account"),
    ("contact", "lead", "parentcontactid", "lead_parent_contact"),
    ("systemuser", "opportunity", "ownerid", "user_opportunity"),
    ("systemuser", "account", "ownerid", "user_accounts"),
    (
        "transactioncurrency",
        "opportunity",
        "transactioncurrencyid",
        "transactioncurrency_opportunity",
    ),
    (
        "transactioncurrency",
        "account",
        "transactioncurrencyid",
        "transactioncurrency_account",
    ),
    (
        "pricelevel",
        "opportunity",
        "pricelevelid",
        "price_level_opportunties",
    ),
    (
        "product",
        "opportunityproduct",
        "productid",
        "product_opportunity_products",
    ),
    ("publisher", "solution", "publisherid", "publisher_solution"),
    (
        "businessunit",
        "systemuser",
        "businessunitid",
        "business_unit_system_users",
    ),
];

pub(super) fn name(target: &str, table: &str, column: &str) -> String {
    let known = NAMES
        .iter()
        .find(|(to, from, by, _)| (*to, *from, *by) == (target, table, column));
    known.map_or_else(
        || format!("{target}_{table}_{column}"),
        |(.., name)| (*name).to_owned(),
    )
}

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

    /// Adds a row to a collection.
    pub(super) fn associate(
        &mut self,
        actor: &Actor,
        (owner, id): (&Table, Uuid),
        related: &Related,
        (found, other): (&Table, Uuid),
    ) -> Result<(), Refusal> {
        self.existing(owner, id)?;
        self.existing(found, other)?;
        if found.name != related.table().name {
            return Err(Refusal::payload(
                &owner.set,
                &format!(
                    "Microsoft.OData.ODataException: A row of '{}' cannot be in a collection of '{}'.",
                    found.name,
                    related.table().name
                ),
            ));
        }
        match related {
            Related::Children { table, column } => {
                let mut draft = Draft::default();
                let owner = Cell::Ref(owner.name.clone(), id);
                draft.cells.insert(column.clone(), owner);
                self.update(actor, &table.clone(), other, draft)
            }
            Related::Across { across, here, .. } => {
                if self.pair(across, *here, (id, other)).is_some() {
                    return Err(Refusal::new(
                        StatusCode::PRECONDITION_FAILED,
                        "0x80040237",
                        "Cannot insert duplicate key.",
                    ));
                }
                let mut cells = Cells::new();
                for (side, row) in [(*here, id), (1 - here, other)] {
                    let (table, column) = &across.sides[side];
                    cells.insert(column.clone(), Cell::Ref(table.clone(), row));
                }
                let pair = self.ids.next();
                self.store.put(&across.table, pair, cells);
                Ok(())
            }
        }
    }

    /// Takes a row out of a collection.
    pub(super) fn disassociate(
        &mut self,
        actor: &Actor,
        (owner, id): (&Table, Uuid),
        related: &Related,
        other: Uuid,
    ) -> Result<(), Refusal> {
        self.existing(owner, id)?;
        match related {
            Related::Children { table, column } => {
                let table = table.clone();
                let row = self.existing(&table, other)?;
                let points = row.get(column).and_then(Cell::as_ref);
                if points.is_none_or(|(_, target)| target != id) {
                    return Err(Refusal::not_found(&table.name, other));
                }
                if table.column(column).is_some_and(|column| column.required) {
                    return Err(Refusal::bad(
                        "0x80040200",
                        format!(
                            "Attribute: {column} of entity: {} cannot be set to NULL.",
                            table.name
                        ),
                    ));
                }
                let mut draft = Draft::default();
                draft.cells.insert(column.clone(), Cell::Null);
                self.update(actor, &table, other, draft)
            }
            Related::Across { across, here, .. } => {
                let pair = self.pair(across, *here, (id, other));
                let pair = pair.ok_or_else(|| Refusal::not_found(&related.table().name, other))?;
                self.store.remove(&across.table, pair);
                Ok(())
            }
        }
    }

    fn pair(&self, across: &Across, here: usize, (id, other): (Uuid, Uuid)) -> Option<Uuid> {
        let at = |row: &Row, side: usize| {
            let cell = row.get(&across.sides[side].1)?;
            cell.as_ref().map(|(_, id)| id)
        };
        let mut pairs = self.store.rows(&across.table).iter();
        let found = pairs.find(|row| at(row, here) == Some(id) && at(row, 1 - here) == Some(other));
        found.map(|row| row.id)
    }
}
