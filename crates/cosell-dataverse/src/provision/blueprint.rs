//! What an environment is to have.

use cosell_http::Error;

use crate::input::Faults;

/// Most UTF-16 units of a text that an alternate key can hold.
const KEY_TEXT: u32 = 450;

/// Who publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublisherSpec {
    /// Unique name.
    pub unique_name: String,
    /// Label.
    pub label: String,
    /// What all our schema names begin with, without the underscore: 2 to 8 letters and digits.
    pub prefix: String,
    /// Our choice values are this number times 10,000 and up; 10,000 to 99,999.
    pub option_prefix: u32,
    /// What administrators read about it; the label, unless told.
    pub description: String,
}

impl PublisherSpec {
    /// A publisher.
    pub fn new(unique_name: &str, label: &str, prefix: &str, option_prefix: u32) -> Self {
        Self {
            unique_name: unique_name.to_owned(),
            label: label.to_owned(),
            prefix: prefix.to_owned(),
            option_prefix,
            description: label.to_owned(),
        }
    }

    /// Tells administrators more than the label does.
    #[must_use]
    pub fn with_description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }
}

/// The solution that all is put into.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SolutionSpec {
    /// Unique name.
    pub unique_name: String,
    /// Label.
    pub label: String,
    /// Version of four numbers.
    pub version: String,
}

impl SolutionSpec {
    /// A solution.
    pub fn new(unique_name: &str, label: &str, version: &str) -> Self {
        Self {
            unique_name: unique_name.to_owned(),
            label: label.to_owned(),
            version: version.to_owned(),
        }
    }
}

/// A table of our own, owned by users.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableSpec {
    /// Schema name, with our prefix.
    pub schema_name: String,
    /// Label of one row.
    pub label: String,
    /// Label of several.
    pub plural: String,
    /// Schema name of the column with the primary name, with our prefix.
    pub name_column: String,
    /// What administrators read about it; the label, unless told.
    pub description: String,
}

impl TableSpec {
    /// A table.
    pub fn new(schema_name: &str, label: &str, plural: &str, name_column: &str) -> Self {
        Self {
            schema_name: schema_name.to_owned(),
            label: label.to_owned(),
            plural: plural.to_owned(),
            name_column: name_column.to_owned(),
            description: label.to_owned(),
        }
    }

    /// Tells administrators more than the label does.
    #[must_use]
    pub fn with_description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// Logical name.
    pub fn logical_name(&self) -> String {
        self.schema_name.to_lowercase()
    }
}

/// What a new column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewColumn {
    /// Text of one line, at most so many UTF-16 units (1 to 4,000).
    Text(u32),
    /// An address, at most so many UTF-16 units (1 to 4,000).
    Url(u32),
    /// Text of several lines, at most so many UTF-16 units (1 to 1,048,576).
    Memo(u32),
    /// Yes or no, with the labels of no and yes; no at first.
    Flag(String, String),
    /// One of these values.
    Choice(Vec<(i32, String)>),
    /// Several of these values.
    Choices(Vec<(i32, String)>),
    /// Whole number between two bounds.
    Integer(i32, i32),
    /// Whole number of 64 bits.
    BigInt,
    /// Exact decimal with so many places (0 to 10).
    Decimal(u32),
    /// Binary fraction.
    Double,
    /// Amount in the row's currency, to the places of that currency.
    Money,
    /// A date without time.
    Date,
    /// A moment.
    Instant,
    /// Points to a row of the table with this logical name.
    Lookup(String),
}

/// A column that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnSpec {
    /// What it is for; unique in the blueprint. The plan tells which column plays the role.
    pub role: String,
    /// Logical name of its table.
    pub table: String,
    /// Schema name to make it under, with our prefix.
    pub schema_name: String,
    /// Label.
    pub label: String,
    /// What it holds.
    pub kind: NewColumn,
    /// Logical names of other solutions' columns that play the role where they are there.
    pub existing: Vec<String>,
    /// What administrators read about it; the label, unless told.
    pub description: String,
}

impl ColumnSpec {
    /// A column.
    pub fn new(role: &str, table: &str, schema_name: &str, label: &str, kind: NewColumn) -> Self {
        Self {
            role: role.to_owned(),
            table: table.to_owned(),
            schema_name: schema_name.to_owned(),
            label: label.to_owned(),
            kind,
            existing: Vec::new(),
            description: label.to_owned(),
        }
    }

    /// Tells administrators more than the label does.
    #[must_use]
    pub fn with_description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// Adds the logical name of a column that is used instead where it is there.
    #[must_use]
    pub fn or_existing(mut self, logical_name: &str) -> Self {
        self.existing.push(logical_name.to_owned());
        self
    }

    /// Logical name of the column as we would make it.
    pub fn logical_name(&self) -> String {
        self.schema_name.to_lowercase()
    }
}

/// An alternate key on columns of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySpec {
    /// Logical name of the table.
    pub table: String,
    /// Schema name, with our prefix.
    pub schema_name: String,
    /// Label.
    pub label: String,
    /// Logical names of the columns, all of this blueprint.
    pub columns: Vec<String>,
}

impl KeySpec {
    /// A key of one column.
    pub fn new(table: &str, schema_name: &str, label: &str, column: &str) -> Self {
        Self {
            table: table.to_owned(),
            schema_name: schema_name.to_owned(),
            label: label.to_owned(),
            columns: vec![column.to_owned()],
        }
    }
}

/// All that an environment is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blueprint {
    /// Who publishes.
    pub publisher: PublisherSpec,
    /// The solution.
    pub solution: SolutionSpec,
    /// Tables, in the order in which they are made.
    pub tables: Vec<TableSpec>,
    /// Columns, in the order in which they are made.
    pub columns: Vec<ColumnSpec>,
    /// Alternate keys.
    pub keys: Vec<KeySpec>,
}

impl Blueprint {
    /// A publisher with an empty solution.
    pub fn new(publisher: PublisherSpec, solution: SolutionSpec) -> Self {
        Self {
            publisher,
            solution,
            tables: Vec::new(),
            columns: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Adds a table.
    #[must_use]
    pub fn with_table(mut self, table: TableSpec) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a column.
    #[must_use]
    pub fn with_column(mut self, column: ColumnSpec) -> Self {
        self.columns.push(column);
        self
    }

    /// Adds an alternate key.
    #[must_use]
    pub fn with_key(mut self, key: KeySpec) -> Self {
        self.keys.push(key);
        self
    }

    /// All faults at once; sends nothing.
    pub(super) fn check(&self, operation: &'static str) -> Result<(), Error> {
        let mut faults = Faults::default();
        let publisher = &self.publisher;
        let prefix = &publisher.prefix;
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
        if !(2..=8).contains(&prefix.len())
            || !prefix.starts_with(|c: char| c.is_ascii_alphabetic())
            || !plain(prefix)
            || prefix.to_lowercase().starts_with("mscrm")
        {
            faults.push(format!(
                "prefix {prefix:?}: give 2 to 8 letters and digits, a letter first, not mscrm"
            ));
        }
        if !(10_000..=99_999).contains(&publisher.option_prefix) {
            faults.push(format!(
                "option prefix {}: give 10000 to 99999",
                publisher.option_prefix
            ));
        }
        for (what, name) in [
            ("publisher", &publisher.unique_name),
            ("solution", &self.solution.unique_name),
        ] {
            faults.check_name(what, name);
        }
        let version: Vec<_> = self.solution.version.split('.').collect();
        if version.len() != 4 || !version.iter().all(|part| part.parse::<u32>().is_ok()) {
            faults.push(format!(
                "version {:?}: give four numbers such as 1.0.0.0",
                self.solution.version
            ));
        }
        for table in &self.tables {
            self.check_ours(&mut faults, "table", &table.schema_name);
            self.check_ours(&mut faults, "column", &table.name_column);
        }
        for (at, column) in self.columns.iter().enumerate() {
            let earlier = &self.columns[..at];
            if earlier.iter().any(|other| other.role == column.role) {
                faults.push(format!(
                    "role {:?} stands twice: give each its own",
                    column.role
                ));
            }
            self.check_column(&mut faults, column);
        }
        for key in &self.keys {
            self.check_key(&mut faults, key);
        }
        faults.into_result(operation)
    }

    fn check_ours(&self, faults: &mut Faults, what: &str, name: &str) {
        faults.check_name(what, name);
        let prefix = format!("{}_", self.publisher.prefix.to_lowercase());
        if !name.to_lowercase().starts_with(&prefix) {
            faults.push(format!(
                "{what} {name}: its name has to begin with {prefix}"
            ));
        }
    }

    fn check_column(&self, faults: &mut Faults, column: &ColumnSpec) {
        self.check_ours(faults, "column", &column.schema_name);
        faults.check_name("table", &column.table);
        for name in &column.existing {
            faults.check_name("column", name);
        }
        let name = &column.schema_name;
        let mut bound = |value: u32, least: u32, most: u32, what: &str| {
            if !(least..=most).contains(&value) {
                faults.push(format!(
                    "column {name}: {what} {value}, give {least} to {most}"
                ));
            }
        };
        match &column.kind {
            NewColumn::Text(max) | NewColumn::Url(max) => bound(*max, 1, 4000, "length"),
            NewColumn::Memo(max) => bound(*max, 1, 1_048_576, "length"),
            NewColumn::Decimal(places) => bound(*places, 0, 10, "places"),
            NewColumn::Choice(values) | NewColumn::Choices(values) => {
                let first = i64::from(self.publisher.option_prefix) * 10_000;
                for (at, (value, _)) in values.iter().enumerate() {
                    if !(first..first + 10_000).contains(&i64::from(*value)) {
                        faults.push(format!(
                            "column {name}: value {value}, give {first} to {}",
                            first + 9_999
                        ));
                    }
                    if values[..at].iter().any(|(other, _)| other == value) {
                        faults.push(format!("column {name}: value {value} stands twice"));
                    }
                }
                if values.is_empty() {
                    faults.push(format!("column {name}: a choice without values, give some"));
                }
            }
            NewColumn::Integer(min, max) if min > max => {
                faults.push(format!("column {name}: from {min} to {max}, swap them"));
            }
            NewColumn::Lookup(target) => faults.check_name("table", target),
            _ => {}
        }
    }

    fn check_key(&self, faults: &mut Faults, key: &KeySpec) {
        self.check_ours(faults, "key", &key.schema_name);
        if key.columns.is_empty() || key.columns.len() > 16 {
            faults.push(format!("key {}: give 1 to 16 columns", key.schema_name));
        }
        for name in &key.columns {
            let mut ours = self.columns.iter();
            let spec = ours.find(|spec| spec.table == key.table && spec.logical_name() == *name);
            let fits = match spec.map(|spec| &spec.kind) {
                Some(NewColumn::Text(max)) => *max <= KEY_TEXT,
                Some(
                    NewColumn::Integer(..)
                    | NewColumn::Decimal(_)
                    | NewColumn::Date
                    | NewColumn::Instant
                    | NewColumn::Choice(_)
                    | NewColumn::Lookup(_),
                ) => true,
                Some(_) | None => false,
            };
            if !fits {
                faults.push(format!(
                    "key {}: column {name} is no column of this blueprint that a key can hold \
                     (text up to {KEY_TEXT}, number, date, choice, lookup)",
                    key.schema_name
                ));
            }
        }
    }
}
