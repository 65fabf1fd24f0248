//! What is known of the deals beyond what the services hold now: what people did, what each field
//! ever held, and the first promise that was broken on the way.

use std::collections::{BTreeMap, BTreeSet};

use cosell::sync::{Side, testkit::Broken};
use cosell_sandbox::Sandbox;

use super::{
    edits::Edit,
    truth::{self, FIELDS, Known, Record},
};

/// An edit that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Done {
    pub(crate) edit: Edit,
    pub(crate) deal: u8,
    pub(crate) value: String,
    /// What it replaced.
    pub(crate) over: String,
}

/// Who changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Person,
    /// Ours, or it may be ours.
    Engine,
}

pub(crate) type Cell = (Side, u8, &'static str);

#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) done: Vec<Done>,
    /// Whose deal a record is, also of records that are gone.
    pub(crate) deals: BTreeMap<(Side, String), u8>,
    /// All records, as they were seen last.
    pub(crate) now: Known,
    /// All that a field ever held.
    pub(crate) held: BTreeMap<Cell, BTreeSet<String>>,
    /// What people put there.
    pub(crate) outside: BTreeMap<Cell, BTreeSet<String>>,
    /// What no rule names, as it was first.
    foreign: BTreeMap<(Side, String), String>,
    /// Deals whose records cannot be read by anybody.
    pub(crate) bad: BTreeSet<u8>,
    /// Deals that began in the CRM.
    pub(crate) born_in_crm: BTreeSet<u8>,
    /// Accounts that people made.
    pub(crate) accounts: usize,
    pub(crate) ids: u64,
    pub(crate) broken: Option<Broken>,
}

impl Facts {
    /// Notes the first broken promise.
    pub(crate) fn broken(&mut self, promise: u8, what: impl Into<String>) {
        self.broken
            .get_or_insert_with(|| Broken::new(promise, what));
    }

    /// The record of a deal on one side.
    pub(crate) fn record(&self, side: Side, deal: u8) -> Option<&Record> {
        let mut records = self.now.iter();
        let found = records.find(|(key, _)| key.0 == side && self.deals.get(key) == Some(&deal));
        found.map(|(_, record)| record)
    }

    /// Looks at both services and takes over what changed.
    pub(crate) fn look(&mut self, sandbox: &Sandbox, by: By) {
        let left = truth::referrals(sandbox, &self.now);
        let right = truth::opportunities(sandbox, &self.now);
        let mut now = BTreeMap::new();
        for (side, records) in [(Side::Left, left), (Side::Right, right)] {
            for record in records {
                let key = (side, record.id.clone());
                if self.now.get(&key) != Some(&record) {
                    self.changed(side, &record, by);
                }
                now.insert(key, record);
            }
        }
        self.now = now;
    }

    fn changed(&mut self, side: Side, record: &Record, by: By) {
        let key = (side, record.id.clone());
        let is_new = !self.deals.contains_key(&key);
        let deal = self.deal_of(side, record);
        let before = self.now.get(&key).cloned();
        let first = self
            .foreign
            .entry(key)
            .or_insert_with(|| record.foreign.clone());
        if *first != record.foreign {
            let what = format!("what no rule names changed on {side:?} {}", record.id);
            self.broken(13, what);
        }
        for field in FIELDS {
            let value = record.fields[field].clone();
            let same = before
                .as_ref()
                .is_some_and(|before| before.fields[field] == value);
            match by {
                By::Person if is_new => {
                    if side == Side::Right {
                        self.born_in_crm.insert(deal);
                    }
                    self.outside
                        .entry((side, deal, field))
                        .or_default()
                        .insert(value.clone());
                }
                // A deal of our own is accepted from the start, whatever is sent.
                By::Engine if !(same || is_new && field == "deal_state") => {
                    let read = self.held.get(&(side.other(), deal, field));
                    if !read.is_some_and(|read| read.contains(&value)) {
                        let what =
                            format!("{value} is written to {field} on {side:?}, read nowhere");
                        self.broken(4, what);
                    }
                }
                By::Person | By::Engine => {}
            }
            self.held
                .entry((side, deal, field))
                .or_default()
                .insert(value);
        }
    }

    fn deal_of(&mut self, side: Side, record: &Record) -> u8 {
        let key = (side, record.id.clone());
        if let Some(deal) = self.deals.get(&key) {
            return *deal;
        }
        let partner = record.names.clone().map(|id| (side.other(), id));
        let known = partner.and_then(|partner| self.deals.get(&partner).copied());
        let next = self.deals.values().max().map_or(0, |deal| deal + 1);
        let deal = known.unwrap_or(next);
        self.deals.insert(key, deal);
        deal
    }

    /// A person edits a deal; says what happened.
    pub(crate) fn edit(&mut self, sandbox: &mut Sandbox, edit: Edit, deal: u8) -> String {
        let side = edit.side();
        let Some(record) = self
            .record(side, deal)
            .filter(|record| edit.can(record))
            .cloned()
        else {
            return format!("{edit:?} of deal {deal}: there is nothing to do it to");
        };
        if let Err(refused) = edit.happen(sandbox, &record.id, self.done.len() + 1) {
            return format!("{edit:?} of deal {deal} is refused: {refused}");
        }
        self.look(sandbox, By::Person);
        let value_of = |record: Option<&Record>| {
            let field = edit.field()?;
            record.map(|record| record.fields[field].clone())
        };
        let over = value_of(Some(&record)).unwrap_or_default();
        let value = value_of(self.record(side, deal)).unwrap_or_default();
        if let Some(field) = edit.field() {
            self.outside
                .entry((side, deal, field))
                .or_default()
                .insert(value.clone());
        }
        let said = format!("a person: {edit:?} of deal {deal}, {over:?} becomes {value:?}");
        self.done.push(Done {
            edit,
            deal,
            value,
            over,
        });
        said
    }
}
