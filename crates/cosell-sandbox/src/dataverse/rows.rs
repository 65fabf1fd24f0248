//! Creating, changing and deleting one row, with everything the platform does beside it.

use std::sync::Arc;

use http::StatusCode;
use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::draft::Draft;
use super::pipeline::{Actor, Message};
use super::refusal::Refusal;
use super::related::Related;
use super::rules::{self, OPPORTUNITY};
use super::schema::Table;
use super::store::{Cells, Row};

impl Dataverse {
    /// Creates a row under the id of the URL, else of the body, else a new one.
    pub(super) fn create(
        &mut self,
        actor: &Actor,
        table: &Table,
        id: Option<Uuid>,
        draft: Draft,
    ) -> Result<Uuid, Refusal> {
        self.check_privilege(actor, "Create", table)?;
        let id = id.or(draft.id).unwrap_or_else(|| self.ids.next());
        let mut changes = draft.cells;
        for (column, parents, parent) in draft.parents {
            let parent = self.create(actor, &parents, None, parent)?;
            changes.insert(column, Cell::Ref(parents.name.clone(), parent));
        }
        let mut cells: Cells = table
            .columns
            .iter()
            .filter_map(|column| Some((column.name.clone(), column.default.clone()?)))
            .collect();
        cells.extend(
            changes
                .iter()
                .map(|(name, cell)| (name.clone(), cell.clone())),
        );
        rules::check_status(table, &cells)?;
        if self.store.row(&table.name, id).is_some() {
            return Err(Refusal::new(
                self.options.duplicate_key_status,
                "0x80040237",
                "Cannot insert duplicate key.",
            ));
        }
        self.check_references(&changes)?;
        self.stamp_new(actor, table, id, &mut cells);
        rules::derive(&self.store, table, None, &changes, &mut cells)?;
        let missing = table.columns.iter().find(|column| {
            column.required && matches!(cells.get(&column.name), None | Some(Cell::Null))
        });
        if let Some(column) = missing {
            return Err(Refusal::bad(
                "0x80040200",
                format!(
                    "Required field '{}' of entity '{}' is missing.",
                    column.name, table.name
                ),
            ));
        }
        self.check_keys(table, id, &cells)?;
        self.check_step(table, &cells)?;
        self.store.put(&table.name, id, cells);
        self.total_products(actor, table, None, Some(id))?;
        self.happened(actor, Message::Create, table, id, None, Some(&changes));
        for (related, mut child) in draft.children {
            if let Related::Children { column, .. } = &related {
                let owner = Cell::Ref(table.name.clone(), id);
                child.cells.insert(column.clone(), owner);
                self.create(actor, related.table(), None, child)?;
            } else {
                let other = self.create(actor, related.table(), None, child)?;
                let to = (&**related.table(), other);
                self.associate(actor, (table, id), &related, to)?;
            }
        }
        Ok(id)
    }

    fn stamp_new(&self, actor: &Actor, table: &Table, id: Uuid, cells: &mut Cells) {
        cells.insert(table.key.clone(), Cell::Id(id));
        let stamp = actor.stamp();
        // A migrated row is as old as it says; the column then keeps the time of the migration.
        let created = match cells.get("overriddencreatedon").cloned() {
            Some(older @ Cell::Instant(_)) => {
                rules::set(cells, "overriddencreatedon", stamp.clone());
                older
            }
            _ => stamp.clone(),
        };
        for (name, cell) in [("createdon", created), ("modifiedon", stamp)] {
            if table.column(name).is_some() {
                rules::set(cells, name, cell);
            }
        }
        for name in ["createdby", "modifiedby"] {
            if table.column(name).is_some() {
                rules::set(cells, name, actor.reference());
            }
        }
        for name in ["createdonbehalfby", "modifiedonbehalfby"] {
            if table.column(name).is_some() {
                rules::set(cells, name, actor.real());
            }
        }
        if table.column("owninguser").is_some() {
            let owner = match cells.get("ownerid") {
                Some(owner @ Cell::Ref(..)) => owner.clone(),
                _ => actor.reference(),
            };
            rules::set(cells, "ownerid", owner.clone());
            rules::set(cells, "owninguser", owner);
            let unit = Cell::Ref(Arc::from("businessunit"), self.business_unit());
            rules::set(cells, "owningbusinessunit", unit);
        }
    }

    /// Changes a row as a PATCH does.
    pub(super) fn update(
        &mut self,
        actor: &Actor,
        table: &Table,
        id: Uuid,
        draft: Draft,
    ) -> Result<(), Refusal> {
        self.check_privilege(actor, "Write", table)?;
        let before = self.existing(table, id)?;
        if draft.id.is_some_and(|named| named != id) {
            return Err(Refusal::bad(
                "0x80040203",
                "The key in the body differs from the key in the request URI.",
            ));
        }
        let mut changes = draft.cells;
        rules::change_state(&self.options, table, &before, &mut changes)?;
        self.check_references(&changes)?;
        self.apply(actor, table, &before, &changes)
    }

    /// Writes changes that passed the rules or come from the platform itself.
    pub(super) fn apply(
        &mut self,
        actor: &Actor,
        table: &Table,
        before: &Row,
        changes: &Cells,
    ) -> Result<(), Refusal> {
        if &*table.name == "transactioncurrency"
            && changes.contains_key("exchangerate")
            && rules::base_currency(&self.store).and_then(|cell| Some(cell.as_ref()?.1))
                == Some(before.id)
        {
            return Err(Refusal::bad(
                "0x80048cf5",
                "The exchange rate of the base currency cannot be updated.",
            ));
        }
        let mut cells = before.cells.clone();
        cells.extend(
            changes
                .iter()
                .map(|(name, cell)| (name.clone(), cell.clone())),
        );
        rules::derive(&self.store, table, Some(before), changes, &mut cells)?;
        if table.column("modifiedon").is_some() {
            rules::set(&mut cells, "modifiedon", actor.stamp());
        }
        if table.column("modifiedby").is_some() {
            rules::set(&mut cells, "modifiedby", actor.reference());
        }
        if table.column("modifiedonbehalfby").is_some() {
            rules::set(&mut cells, "modifiedonbehalfby", actor.real());
        }
        self.check_keys(table, before.id, &cells)?;
        self.store.put(&table.name, before.id, cells);
        self.total_products(actor, table, Some(before), Some(before.id))?;
        let changed = Some(changes);
        self.happened(
            actor,
            Message::Update,
            table,
            before.id,
            Some(before),
            changed,
        );
        Ok(())
    }

    /// Deletes a row, what belongs to it, and the links to it.
    pub(super) fn delete(
        &mut self,
        actor: &Actor,
        table: &Arc<Table>,
        id: Uuid,
    ) -> Result<(), Refusal> {
        self.check_privilege(actor, "Delete", table)?;
        let before = self.existing(table, id)?;
        let schema = self.schema.clone();
        for other in schema.tables() {
            for column in &other.columns {
                if !column
                    .targets()
                    .iter()
                    .any(|target| target.table == table.name)
                {
                    continue;
                }
                let target = Cell::Ref(table.name.clone(), id);
                let linked: Vec<Arc<Row>> = self
                    .store
                    .rows(&other.name)
                    .iter()
                    .filter(|row| row.get(&column.name) == Some(&target))
                    .cloned()
                    .collect();
                for row in linked {
                    self.unlink(actor, table, other, &column.name, &row)?;
                }
            }
        }
        self.store.remove(&table.name, id);
        self.total_products(actor, table, Some(&before), None)?;
        self.happened(actor, Message::Delete, table, id, Some(&before), None);
        Ok(())
    }

    fn unlink(
        &mut self,
        actor: &Actor,
        deleted: &Table,
        table: &Arc<Table>,
        column: &Arc<str>,
        row: &Row,
    ) -> Result<(), Refusal> {
        if table.intersect {
            self.store.remove(&table.name, row.id);
            return Ok(());
        }
        match (&*deleted.name, &*table.name, &**column) {
            (OPPORTUNITY, "opportunityclose" | "opportunityproduct", _) => {
                self.store.remove(&table.name, row.id);
                Ok(())
            }
            ("account", OPPORTUNITY, "customerid") => Err(Refusal::bad(
                "0x80040511",
                "The account is the customer of an opportunity.",
            )),
            ("contact", OPPORTUNITY, "customerid") => Err(Refusal::bad(
                "0x80040512",
                "The contact is the customer of an opportunity.",
            )),
            ("systemuser" | "transactioncurrency" | "businessunit", ..) => Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "0x80040227",
                format!(
                    "The {} cannot be deleted because it is associated with another object.",
                    deleted.name
                ),
            )),
            _ => {
                // A row may point twice to what goes: each link starts from the row as it is now.
                let Some(row) = self.store.row(&table.name, row.id).cloned() else {
                    return Ok(());
                };
                let mut changes = Cells::new();
                changes.insert(column.clone(), Cell::Null);
                self.apply(actor, table, &row, &changes)
            }
        }
    }

    pub(super) fn existing(&self, table: &Table, id: Uuid) -> Result<Arc<Row>, Refusal> {
        self.store
            .row(&table.name, id)
            .cloned()
            .ok_or_else(|| Refusal::not_found(&table.name, id))
    }

    fn check_references(&self, changes: &Cells) -> Result<(), Refusal> {
        for (table, id) in changes.values().filter_map(Cell::as_ref) {
            if self.store.row(table, id).is_none() {
                return Err(Refusal::not_found(table, id));
            }
        }
        Ok(())
    }
}
