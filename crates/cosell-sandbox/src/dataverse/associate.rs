//! Rows put into collections and taken out of them.

use http::StatusCode;
use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::draft::Draft;
use super::pipeline::Actor;
use super::refusal::Refusal;
use super::related::Related;
use super::schema::{Across, Table};
use super::store::{Cells, Row};

impl Dataverse {
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
