//! An opportunity, with its account, as the engine sees it.

use std::collections::{BTreeMap, BTreeSet};

use cosell_dataverse::{
    ColumnError, Expand, Query, Row, Table,
    names::{
        lead,
        opportunity::{self, state},
    },
};
use cosell_mapping::{Record, RecordKind};
use cosell_sync::{
    Life, Native, Observed, PairKey, PartName, RecordId, Role, Snapshot, Value, Version, WriteStamp,
};
use uuid::Uuid;

use super::Dynamics;
use crate::partner_center::MICROSOFT_PART;

/// What this side keeps with a record it has read.
#[derive(Debug)]
pub(super) struct NativeRow {
    /// The row as it stood on the wire, for the lenses.
    pub(super) record: Record,
    pub(super) row: Row,
    /// State of the lead, if it is one: then `record` is the opportunity that it would become.
    pub(super) lead: Option<i64>,
}

impl NativeRow {
    /// Is it a lead that is read-only?
    pub(super) fn is_frozen(&self) -> bool {
        self.lead == Some(lead::state::QUALIFIED)
    }

    fn new(row: Row) -> Self {
        let record = row
            .members()
            .map(|(name, json)| (name.to_owned(), json.to_owned()))
            .collect();
        Self {
            record,
            row,
            lead: None,
        }
    }
}

impl Dynamics {
    /// All that a record is read from, in one request: the row, and the account below it.
    pub(crate) fn query(&self) -> Query {
        let mut columns = BTreeSet::new();
        let mut related: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for path in self.fields.reads(RecordKind::Row) {
            match path.segments() {
                [column] => {
                    columns.insert(column.clone());
                }
                [navigation, column, ..] => {
                    related
                        .entry(navigation.clone())
                        .or_default()
                        .insert(column.clone());
                }
                [] => {}
            }
        }
        columns.extend(self.own_columns());
        related
            .into_iter()
            .fold(Query::select(columns), |query, (navigation, columns)| {
                query.with_expand(Expand::new(navigation, columns))
            })
    }

    /// Columns of the row alone, for an answer that shows it after a write.
    pub(super) fn row_columns(&self) -> Vec<String> {
        let mut columns: BTreeSet<String> = self
            .fields
            .reads(RecordKind::Row)
            .iter()
            .filter(|path| path.segments().len() == 1)
            .map(|path| path.root().to_owned())
            .collect();
        columns.extend(self.own_columns());
        columns.into_iter().collect()
    }

    fn own_columns(&self) -> impl Iterator<Item = String> {
        let columns = &self.options.columns;
        [
            &columns.sync,
            &columns.identifier,
            &columns.link,
            &columns.audit,
            &columns.stamp,
        ]
        .map(String::clone)
        .into_iter()
        .chain([
            opportunity::MODIFIED_ON.to_owned(),
            // For its tick, mapped or not.
            opportunity::NAME.to_owned(),
            opportunity::STATE.to_owned(),
        ])
        .chain(self.options.leads.as_ref().map(|_| origin()))
    }

    /// Reads a whole row.
    ///
    /// # Errors
    /// What is wrong with it, column by column, without values.
    pub(super) fn observe(&self, row: Row) -> Result<Observed, String> {
        self.observe_native(NativeRow::new(row))
    }

    pub(super) fn observe_native(&self, native: NativeRow) -> Result<Observed, String> {
        let row = &native.row;
        let (table, columns, what) = match (native.lead, &self.options.leads) {
            (Some(_), Some(leads)) => (Table::LEAD, &leads.columns, "lead"),
            _ => (Table::OPPORTUNITY, &self.options.columns, "opportunity"),
        };
        let mut faults = Vec::new();
        let id = required(row.guid(table.key()), table.key(), &mut faults);
        let version = required(row.etag(), "@odata.etag", &mut faults);
        let as_of = required(
            row.instant(opportunity::MODIFIED_ON),
            "modifiedon",
            &mut faults,
        );
        let state = optional(row.integer(opportunity::STATE), &mut faults);
        let takes_part = optional(row.flag(&columns.sync), &mut faults);
        let key = optional(row.text(&columns.identifier), &mut faults);
        let stamp = optional(row.text(&columns.stamp), &mut faults);
        let origin = optional(row.guid(&origin()), &mut faults);
        let fields = self
            .fields
            .snapshot(RecordKind::Row, &native.record, &self.context)
            .map_err(|wrong| faults.extend(wrong.iter().map(ToString::to_string)));
        match (id, version, as_of, fields) {
            (Some(id), Some(version), Some(as_of), Ok(mut fields)) if faults.is_empty() => {
                let wishes = self.wishes(&mut fields);
                Ok(Observed {
                    id: RecordId::new(id.to_string()),
                    role: Role::Main,
                    group: None,
                    key: key
                        .filter(|key| !key.trim().is_empty())
                        .map(|key| PairKey::new(key.trim().to_lowercase())),
                    former: origin
                        .map(|lead| RecordId::new(lead.to_string()))
                        .into_iter()
                        .collect(),
                    aliases: Vec::new(),
                    version: Version::new(version.as_str()),
                    stamp: stamp
                        .and_then(|stamp| Uuid::try_parse(&stamp).ok())
                        .map(WriteStamp),
                    life: if state.is_none_or(|state| state == state::OPEN) {
                        Life::Open
                    } else {
                        Life::Closed
                    },
                    takes_part: takes_part.unwrap_or(false),
                    as_of,
                    fields,
                    wishes,
                    native: Native::new(native),
                })
            }
            _ => Err(format!(
                "the {what} breaks the model: {}",
                faults.join("; ")
            )),
        }
    }

    /// What the seller asks for. Whoever asks Microsoft for help shows it the deal, whatever the
    /// row says about that.
    fn wishes(&self, fields: &mut Snapshot) -> BTreeSet<PartName> {
        let help = self.options.help.as_ref();
        let asked = help.and_then(|help| fields.get(help));
        if asked.is_none_or(Value::is_null) {
            return BTreeSet::new();
        }
        let visible = self.options.visible.as_ref();
        if let Some(visible) = visible.and_then(|visible| fields.get_mut(visible)) {
            *visible = Value::Flag(true);
        }
        BTreeSet::from([PartName::new(MICROSOFT_PART)])
    }

    /// The row after a write, put together from the answer and what only the read before had
    /// (the account), which the write did not touch.
    pub(super) fn observe_after(&self, seen: &NativeRow, answer: &Row) -> Option<Observed> {
        let mut members = seen.record.clone();
        for (name, json) in answer.members() {
            members.insert(name.to_owned(), json.to_owned());
        }
        let row: Row = serde_json::from_str(&serde_json::to_string(&members).ok()?).ok()?;
        self.observe(row).ok()
    }
}

/// Where a row says which lead it was.
fn origin() -> String {
    format!("_{}_value", opportunity::ORIGINATING_LEAD)
}

fn required<T>(
    read: Result<Option<T>, ColumnError>,
    column: &str,
    faults: &mut Vec<String>,
) -> Option<T> {
    let before = faults.len();
    let value = optional(read, faults);
    if value.is_none() && faults.len() == before {
        faults.push(format!("{column}: is missing"));
    }
    value
}

fn optional<T>(read: Result<Option<T>, ColumnError>, faults: &mut Vec<String>) -> Option<T> {
    read.unwrap_or_else(|fault| {
        faults.push(fault.to_string());
        None
    })
}
