//! Rows, their versions, what was deleted, and an undo log that makes several writes one.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::cell::Cell;

/// Cells of a row that are not null, by column.
pub(super) type Cells = BTreeMap<Arc<str>, Cell>;

/// One row as it is stored. Shared with the undo log and with clones of the environment.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) version: u64,
    pub(super) cells: Cells,
}

impl Row {
    pub(super) fn get(&self, column: &str) -> Option<&Cell> {
        self.cells.get(column)
    }
}

/// Rows of one table, found by id and by version.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    by_id: BTreeMap<Uuid, Arc<Row>>,
    by_version: BTreeMap<u64, Uuid>,
    tombstones: BTreeMap<Uuid, u64>,
    deletions: BTreeMap<u64, Uuid>,
}

impl Rows {
    pub(super) fn get(&self, id: Uuid) -> Option<&Arc<Row>> {
        self.by_id.get(&id)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Row>> {
        self.by_id.values()
    }

    /// Rows by id, beginning after one.
    pub(super) fn after(&self, last: Option<Uuid>) -> impl Iterator<Item = &Arc<Row>> {
        use std::ops::Bound;
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id
            .range((from, Bound::Unbounded))
            .map(|(_, row)| row)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Rows last written in versions `from+1 ..= to`, oldest first.
    pub(super) fn changed(&self, from: u64, to: u64) -> impl Iterator<Item = &Arc<Row>> {
        window(&self.by_version, from, to).filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Rows deleted in versions `from+1 ..= to`, oldest first.
    pub(super) fn deleted(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, Uuid)> {
        window(&self.deletions, from, to).map(|(version, id)| (*version, *id))
    }

    fn put(&mut self, row: Arc<Row>) -> Before {
        let tombstone = self.tombstones.remove(&row.id);
        if let Some(version) = tombstone {
            self.deletions.remove(&version);
        }
        self.by_version.insert(row.version, row.id);
        let row = self.by_id.insert(row.id, row);
        if let Some(row) = &row {
            self.by_version.remove(&row.version);
        }
        Before { row, tombstone }
    }

    fn remove(&mut self, id: Uuid, version: u64) -> Option<Before> {
        let row = self.by_id.remove(&id)?;
        self.by_version.remove(&row.version);
        self.tombstones.insert(id, version);
        self.deletions.insert(version, id);
        Some(Before {
            row: Some(row),
            tombstone: None,
        })
    }

    fn restore(&mut self, id: Uuid, before: Before) {
        if let Some(row) = self.by_id.remove(&id) {
            self.by_version.remove(&row.version);
        }
        if let Some(version) = self.tombstones.remove(&id) {
            self.deletions.remove(&version);
        }
        if let Some(row) = before.row {
            self.by_version.insert(row.version, id);
            self.by_id.insert(id, row);
        }
        if let Some(version) = before.tombstone {
            self.tombstones.insert(id, version);
            self.deletions.insert(version, id);
        }
    }
}

fn window(
    index: &BTreeMap<u64, Uuid>,
    from: u64,
    to: u64,
) -> std::collections::btree_map::Range<'_, u64, Uuid> {
    // An inverted range would panic; a token can name any version.
    index.range(from.saturating_add(1)..to.saturating_add(1).max(from.saturating_add(1)))
}

/// What an id named before a write.
#[derive(Clone, Debug)]
struct Before {
    row: Option<Arc<Row>>,
    tombstone: Option<u64>,
}

#[derive(Clone, Debug)]
struct Undo {
    table: Arc<str>,
    id: Uuid,
    before: Before,
}

/// A place in the undo log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(usize);

/// All rows of an environment under one version counter.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// Shared between clones until one of them writes.
    tables: BTreeMap<Arc<str>, Arc<Rows>>,
    version: u64,
    undo: Vec<Undo>,
    nothing: Rows,
}

impl Store {
    pub(super) fn new(version: u64) -> Self {
        Self {
            tables: BTreeMap::new(),
            version,
            undo: Vec::new(),
            nothing: Rows::default(),
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Takes the next version. As in a database, a rollback does not give it back.
    pub(super) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    pub(super) fn rows(&self, table: &str) -> &Rows {
        self.tables.get(table).map_or(&self.nothing, Arc::as_ref)
    }

    pub(super) fn row(&self, table: &str, id: Uuid) -> Option<&Arc<Row>> {
        self.tables.get(table)?.get(id)
    }

    pub(super) fn put(&mut self, table: &Arc<str>, id: Uuid, mut cells: Cells) {
        let version = self.next_version();
        cells.retain(|_, cell| *cell != Cell::Null);
        let number = i64::try_from(version).unwrap_or(i64::MAX);
        cells.insert(Arc::from("versionnumber"), Cell::Int(number));
        let row = Arc::new(Row { id, version, cells });
        let rows = self.tables.entry(table.clone()).or_default();
        let before = Arc::make_mut(rows).put(row);
        self.undo.push(Undo {
            table: table.clone(),
            id,
            before,
        });
    }

    pub(super) fn remove(&mut self, table: &Arc<str>, id: Uuid) -> bool {
        let version = self.next_version();
        let Some(before) = self
            .tables
            .get_mut(table)
            .and_then(|rows| Arc::make_mut(rows).remove(id, version))
        else {
            return false;
        };
        self.undo.push(Undo {
            table: table.clone(),
            id,
            before,
        });
        true
    }

    /// Drops a table with its rows. Nothing takes that back.
    pub(super) fn forget(&mut self, table: &str) {
        self.tables.remove(table);
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    /// Takes back everything since the mark.
    pub(super) fn roll_back(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            if let Some(Undo { table, id, before }) = self.undo.pop()
                && let Some(rows) = self.tables.get_mut(&table)
            {
                Arc::make_mut(rows).restore(id, before);
            }
        }
    }

    /// Makes everything so far final.
    pub(super) fn commit(&mut self) {
        self.undo.clear();
    }
}
