//! What a table is: columns with types, limits and choices, and lookups with their navigation names.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::cell::Cell;
use super::names;
use super::refusal::Refusal;

/// What stands before the names of types and bound operations.
pub(super) const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// What a column holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Id,
    /// Text of at most so many UTF-16 units.
    Text {
        max: usize,
    },
    Integer {
        min: i32,
        max: i32,
    },
    BigInt,
    Decimal {
        min: Decimal,
        max: Decimal,
        scale: u32,
    },
    Money {
        min: Decimal,
        max: Decimal,
        rounding: Rounding,
    },
    /// Labels of false and true.
    Boolean(Arc<str>, Arc<str>),
    Choice(Vec<(i32, String)>),
    /// Several of these values; kept as text, joined by commas.
    Choices(Vec<(i32, String)>),
    State(Vec<(i32, String)>),
    Status(Vec<Status>),
    Date,
    Instant,
    Lookup(Vec<Target>),
    /// The id of a file that is read and written by requests of its own.
    File {
        max_kilobytes: i64,
    },
}

/// Which precision a money column is rounded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    Own(u32),
    Currency,
}

/// One status reason and the state that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) value: i32,
    pub(super) state: i32,
    pub(super) label: String,
}

/// One table that a lookup can point to, and the navigation property for it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) table: Arc<str>,
    pub(super) navigation: Arc<str>,
    /// Schema name of the relationship, which is the collection's name on the other side.
    pub(super) relationship: Arc<str>,
}

/// A relationship of many rows to many, whose pairs are rows of a table of its own.
#[derive(Clone, Debug)]
pub(super) struct Across {
    /// Schema name, and the collection's name on both sides.
    pub(super) name: Arc<str>,
    /// Logical names of both tables, and the columns that point to them.
    pub(super) sides: [(Arc<str>, Arc<str>); 2],
    pub(super) table: Arc<str>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    pub(super) name: Arc<str>,
    /// Its property in JSON: `_name_value` for a lookup, else the name.
    pub(super) wire: Arc<str>,
    pub(super) kind: Kind,
    pub(super) creatable: bool,
    pub(super) updatable: bool,
    /// May not be null.
    pub(super) required: bool,
    pub(super) default: Option<Cell>,
    /// Written, but never shown.
    pub(super) secret: bool,
}

impl Column {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        let wire = match kind {
            Kind::Lookup(_) => Arc::from(format!("_{name}_value")),
            _ => Arc::from(name),
        };
        let default = matches!(kind, Kind::Boolean(..)).then_some(Cell::Bool(false));
        Self {
            name: Arc::from(name),
            wire,
            kind,
            creatable: true,
            updatable: true,
            required: false,
            default,
            secret: false,
        }
    }

    /// Text of at most `max` UTF-16 units.
    #[must_use]
    pub fn text(name: &str, max: usize) -> Self {
        Self::new(name, Kind::Text { max })
    }

    /// Whole number within bounds.
    #[must_use]
    pub fn integer(name: &str, min: i32, max: i32) -> Self {
        Self::new(name, Kind::Integer { min, max })
    }

    /// Decimal number within bounds, rounded to `scale` decimals.
    #[must_use]
    pub fn decimal(name: &str, min: Decimal, max: Decimal, scale: u32) -> Self {
        Self::new(name, Kind::Decimal { min, max, scale })
    }

    /// Money within bounds, rounded to the precision of the row's currency.
    #[must_use]
    pub fn money(name: &str, min: Decimal, max: Decimal) -> Self {
        Self::new(
            name,
            Kind::Money {
                min,
                max,
                rounding: Rounding::Currency,
            },
        )
    }

    /// Money over the whole range that can be stored, with four decimals.
    #[must_use]
    pub fn precise_money(name: &str) -> Self {
        let bound = money_bound();
        Self::new(
            name,
            Kind::Money {
                min: -bound,
                max: bound,
                rounding: Rounding::Own(4),
            },
        )
    }

    /// Two-option column; `false` on a new row.
    #[must_use]
    pub fn boolean(name: &str) -> Self {
        Self::new(name, Kind::Boolean(Arc::from("No"), Arc::from("Yes")))
    }

    /// Choice of these values.
    #[must_use]
    pub fn choice(name: &str, options: &[(i32, &str)]) -> Self {
        Self::new(name, Kind::Choice(labelled(options)))
    }

    /// Date without time.
    #[must_use]
    pub fn date(name: &str) -> Self {
        Self::new(name, Kind::Date)
    }

    /// Date with time, in whole seconds.
    #[must_use]
    pub fn instant(name: &str) -> Self {
        Self::new(name, Kind::Instant)
    }

    /// Lookup to a table, with the exact navigation name.
    #[must_use]
    pub fn lookup(name: &str, table: &str, navigation: &str) -> Self {
        Self::lookups(name, &[(table, navigation)])
    }

    pub(super) fn lookups(name: &str, targets: &[(&str, &str)]) -> Self {
        let targets = targets
            .iter()
            .map(|(table, navigation)| Target {
                table: Arc::from(*table),
                navigation: Arc::from(*navigation),
                relationship: Arc::from(""),
            })
            .collect();
        Self::new(name, Kind::Lookup(targets))
    }

    /// Gives the relationship of the first target this schema name.
    pub(super) fn related_by(mut self, relationship: &str) -> Self {
        if let Kind::Lookup(targets) = &mut self.kind
            && let Some(target) = targets.first_mut()
        {
            target.relationship = Arc::from(relationship);
        }
        self
    }

    pub(super) fn targets(&self) -> &[Target] {
        match &self.kind {
            Kind::Lookup(targets) => targets,
            _ => &[],
        }
    }

    pub(super) fn read_only(mut self) -> Self {
        self.creatable = false;
        self.updatable = false;
        self
    }

    pub(super) fn create_only(mut self) -> Self {
        self.updatable = false;
        self
    }

    pub(super) fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(super) fn update_only(mut self) -> Self {
        self.creatable = false;
        self
    }

    /// A row is refused without it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) fn starting_at(mut self, default: Cell) -> Self {
        self.default = Some(default);
        self
    }

    /// Values and labels of a choice.
    pub(super) fn labels(&self) -> Vec<(i32, String)> {
        match &self.kind {
            Kind::Choice(options) | Kind::Choices(options) | Kind::State(options) => {
                options.clone()
            }
            Kind::Status(statuses) => {
                let statuses = statuses.iter();
                statuses
                    .map(|status| (status.value, status.label.clone()))
                    .collect()
            }
            Kind::Boolean(no, yes) => vec![(0, no.to_string()), (1, yes.to_string())],
            _ => Vec::new(),
        }
    }

    pub(super) fn is_money(&self) -> bool {
        matches!(self.kind, Kind::Money { .. })
    }
}

/// Largest amount that is stored: 64 bits with four decimals.
pub(super) fn money_bound() -> Decimal {
    Decimal::from_i128_with_scale(9_223_372_036_854_775_807, 4)
}

pub(super) fn labelled(options: &[(i32, &str)]) -> Vec<(i32, String)> {
    options
        .iter()
        .map(|(value, label)| (*value, (*label).to_owned()))
        .collect()
}

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Logical name.
    pub(super) name: Arc<str>,
    /// Entity set name.
    pub(super) set: Arc<str>,
    pub(super) key: Arc<str>,
    /// Column with the primary name.
    pub(super) title: Arc<str>,
    pub(super) columns: Vec<Column>,
    /// Holds the pairs of an [`Across`].
    pub(super) intersect: bool,
    by_name: BTreeMap<Arc<str>, usize>,
    by_wire: BTreeMap<Arc<str>, usize>,
    navigations: BTreeMap<Arc<str>, (usize, usize)>,
}

impl Table {
    /// Builds a table; every money column gets its `_base` companion.
    pub(super) fn new(
        [name, set, key, title]: [&str; 4],
        columns: impl IntoIterator<Item = Column>,
    ) -> Self {
        let mut table = Self {
            name: Arc::from(name),
            set: Arc::from(set),
            key: Arc::from(key),
            title: Arc::from(title),
            columns: Vec::new(),
            intersect: false,
            by_name: BTreeMap::new(),
            by_wire: BTreeMap::new(),
            navigations: BTreeMap::new(),
        };
        let key = Column::new(key, Kind::Id).create_only().required();
        for column in std::iter::once(key).chain(columns) {
            table.install(column);
        }
        table
    }

    pub(super) fn install(&mut self, mut column: Column) {
        if let Kind::Lookup(targets) = &mut column.kind {
            for target in targets {
                if target.relationship.is_empty() {
                    let name = names::name(&target.table, &self.name, &column.name);
                    target.relationship = Arc::from(name);
                }
            }
        }
        if column.is_money() && !column.name.ends_with("_base") {
            let bound = money_bound();
            let kind = Kind::Money {
                min: -bound,
                max: bound,
                rounding: Rounding::Own(4),
            };
            self.install(Column::new(&format!("{}_base", column.name), kind).read_only());
        }
        let place = self
            .by_name
            .get(&column.name)
            .copied()
            .unwrap_or(self.columns.len());
        self.by_name.insert(column.name.clone(), place);
        self.by_wire.insert(column.wire.clone(), place);
        for (number, target) in column.targets().iter().enumerate() {
            self.navigations
                .insert(target.navigation.clone(), (place, number));
        }
        if place == self.columns.len() {
            self.columns.push(column);
        } else {
            self.columns[place] = column;
        }
    }

    /// The table without one of its columns.
    pub(super) fn without(&self, column: &str) -> Self {
        let mut table = Self {
            columns: Vec::new(),
            by_name: BTreeMap::new(),
            by_wire: BTreeMap::new(),
            navigations: BTreeMap::new(),
            ..self.clone()
        };
        for kept in self.columns.iter().filter(|kept| *kept.name != *column) {
            table.install(kept.clone());
        }
        table
    }

    /// What is said of a name that the table does not have.
    pub(super) fn unknown(&self, name: &str) -> Refusal {
        Refusal::query(format!(
            "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{}'.",
            self.name
        ))
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.by_name.get(name).map(|place| &self.columns[*place])
    }

    /// The column behind a JSON property.
    pub(super) fn property(&self, wire: &str) -> Option<&Column> {
        self.by_wire.get(wire).map(|place| &self.columns[*place])
    }

    pub(super) fn navigation(&self, name: &str) -> Option<(&Column, &Target)> {
        let (place, number) = *self.navigations.get(name)?;
        let column = self.columns.get(place)?;
        Some((column, column.targets().get(number)?))
    }

    pub(super) fn status_of_state(&self, state: i32) -> Option<i32> {
        self.statuses()
            .iter()
            .find(|status| status.state == state)
            .map(|status| status.value)
    }

    pub(super) fn state_of_status(&self, status: i32) -> Option<i32> {
        self.statuses()
            .iter()
            .find(|entry| entry.value == status)
            .map(|entry| entry.state)
    }

    fn statuses(&self) -> &[Status] {
        match self.column("statuscode").map(|column| &column.kind) {
            Some(Kind::Status(statuses)) => statuses,
            _ => &[],
        }
    }
}

/// All tables of an environment.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    by_name: BTreeMap<Arc<str>, Arc<Table>>,
    by_set: BTreeMap<Arc<str>, Arc<Table>>,
    across: BTreeMap<Arc<str>, Arc<Across>>,
}

impl Schema {
    pub(super) fn insert(&mut self, table: Table) {
        let table = Arc::new(table);
        self.by_name.insert(table.name.clone(), table.clone());
        self.by_set.insert(table.set.clone(), table);
    }

    pub(super) fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.by_name.get(name)
    }

    pub(super) fn set(&self, set: &str) -> Option<&Arc<Table>> {
        self.by_set.get(set)
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.by_name.values()
    }
    /// Takes a table out, and the lookups to it.
    pub(super) fn remove(&mut self, name: &str) {
        let Some(table) = self.by_name.remove(name) else {
            return;
        };
        self.by_set.remove(&table.set);
        let others: Vec<Arc<Table>> = self.by_name.values().cloned().collect();
        for other in others {
            let points = |column: &&Column| {
                let targets = column.targets();
                !targets.is_empty() && targets.iter().all(|target| *target.table == *name)
            };
            let lost: Vec<&Column> = other.columns.iter().filter(points).collect();
            if !lost.is_empty() {
                let kept = lost.iter().fold(Table::clone(&other), |table, column| {
                    table.without(&column.name)
                });
                self.insert(kept);
            }
        }
        let gone: Vec<Arc<Across>> = self
            .across
            .values()
            .filter(|across| across.sides.iter().any(|(table, _)| **table == *name))
            .cloned()
            .collect();
        for across in gone {
            self.disconnect(&across.name);
        }
    }

    /// Installs a relationship of many to many, with the table of its pairs.
    pub(super) fn connect(&mut self, name: &str, table: &str, sides: [&str; 2]) {
        let names = if sides[0] == sides[1] {
            [format!("{}idone", sides[0]), format!("{}idtwo", sides[1])]
        } else {
            [format!("{}id", sides[0]), format!("{}id", sides[1])]
        };
        let columns = [0, 1].map(|side| Column::lookup(&names[side], sides[side], &names[side]));
        let mut pairs = Table::new(
            [table, &format!("{table}set"), &format!("{table}id"), ""],
            columns,
        );
        pairs.install(Column::new("versionnumber", Kind::BigInt).read_only());
        pairs.intersect = true;
        let across = Across {
            name: Arc::from(name),
            sides: [0, 1].map(|side| (Arc::from(sides[side]), Arc::from(&*names[side]))),
            table: pairs.name.clone(),
        };
        self.insert(pairs);
        self.across.insert(across.name.clone(), Arc::new(across));
    }

    pub(super) fn disconnect(&mut self, name: &str) {
        if let Some(across) = self.across.remove(name)
            && let Some(table) = self.by_name.remove(&across.table)
        {
            self.by_set.remove(&table.set);
        }
    }

    pub(super) fn across(&self, name: &str) -> Option<&Arc<Across>> {
        self.across.get(name)
    }

    pub(super) fn all_across(&self) -> impl Iterator<Item = &Arc<Across>> {
        self.across.values()
    }
}
