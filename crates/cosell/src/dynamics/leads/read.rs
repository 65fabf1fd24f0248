//! A lead as the engine sees it, or the opportunity that it has become.

use std::collections::{BTreeMap, BTreeSet};

use cosell_dataverse::{
    Direction, Filter, PageOptions, Query, Row, Table,
    names::{
        lead::{self, state},
        opportunity,
    },
};
use cosell_mapping::{DealState, Record, RecordKind, Value, apply};
use cosell_sync::{Observed, PairKey, ReadError, RecordId};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{LeadOptions, states};
use crate::{
    dynamics::{Dynamics, read::NativeRow},
    failure,
    lead::LEAD,
};

/// A status reason that no organization has: an open row with it is a pending deal.
const PENDING: i64 = -1;

impl Dynamics {
    /// All that a lead is read from.
    pub(crate) fn lead_query(&self, leads: &LeadOptions) -> Query {
        Query::select(self.lead_columns(leads))
    }

    pub(super) fn lead_columns(&self, leads: &LeadOptions) -> BTreeSet<String> {
        let own = &leads.columns;
        let own = [
            &own.sync,
            &own.identifier,
            &own.link,
            &own.audit,
            &own.stamp,
        ];
        let places = leads.places.values();
        places
            .chain(own)
            .map(String::as_str)
            .chain([lead::STATE, lead::STATUS, lead::MODIFIED_ON, leads.name()])
            .filter(|column| !column.contains('@'))
            .map(str::to_owned)
            .collect()
    }

    pub(in crate::dynamics) async fn lead_row(
        &self,
        leads: &LeadOptions,
        id: Uuid,
    ) -> Result<Option<Row>, ReadError> {
        let query = self.lead_query(leads);
        let row = self.client.table(Table::LEAD).find(id, &query).await;
        row.map_err(|error| failure::read_error(&error))
    }

    /// What a lead is by now: itself, or the opportunity that it has become.
    pub(in crate::dynamics) async fn observe_lead_or_deal(
        &self,
        leads: &LeadOptions,
        row: Row,
    ) -> Result<Observed, ReadError> {
        let seen = self
            .observe_lead(leads, row)
            .map_err(ReadError::Malformed)?;
        let qualified = seen
            .native
            .get::<NativeRow>()
            .is_some_and(|native| native.lead == Some(state::QUALIFIED));
        let Some(id) = Uuid::try_parse(seen.id.as_str()).ok().filter(|_| qualified) else {
            return Ok(seen);
        };
        let origin = format!("_{}_value", opportunity::ORIGINATING_LEAD);
        let query = self
            .query()
            .with_filter(Filter::eq(&origin, id))
            .with_order(opportunity::CREATED_ON, Direction::Ascending);
        let deal = self.client.table(Table::OPPORTUNITY).first(&query).await;
        match deal.map_err(|error| failure::read_error(&error))? {
            Some(deal) => {
                let deal = self.observe(deal).map_err(ReadError::Malformed)?;
                Ok(inherited(deal, &seen))
            }
            None => Ok(seen),
        }
    }

    /// An opportunity, whose lead speaks for it while nothing of ours stands on it.
    pub(in crate::dynamics) async fn observe_deal(&self, row: Row) -> Result<Observed, ReadError> {
        let deal = self.observe(row).map_err(ReadError::Malformed)?;
        let asks = !deal.takes_part && deal.key.is_none();
        let lead = deal.former.first().filter(|_| asks);
        let lead = lead.and_then(|lead| Uuid::try_parse(lead.as_str()).ok());
        let (Some(leads), Some(lead)) = (&self.options.leads, lead) else {
            return Ok(deal);
        };
        match self.lead_row(leads, lead).await? {
            Some(row) => {
                let lead = self.observe_lead(leads, row);
                Ok(inherited(deal, &lead.map_err(ReadError::Malformed)?))
            }
            None => Ok(deal),
        }
    }

    /// Leads that name a referral, as what they are by now.
    pub(in crate::dynamics) async fn leads_naming(
        &self,
        leads: &LeadOptions,
        key: &PairKey,
    ) -> Result<Vec<Observed>, ReadError> {
        let names = Filter::eq(&leads.columns.identifier, key.as_str());
        let query = self.lead_query(leads).with_filter(names);
        let table = self.client.table(Table::LEAD);
        let mut pages = table.pages(&query, PageOptions::default());
        let mut found = Vec::new();
        while let Some(page) = pages
            .next_page()
            .await
            .map_err(|error| failure::read_error(&error))?
        {
            for row in page.rows {
                found.push(self.observe_lead_or_deal(leads, row).await?);
            }
        }
        Ok(found)
    }

    /// Reads a lead.
    ///
    /// # Errors
    /// What is wrong with it, column by column, without values.
    pub(super) fn observe_lead(&self, leads: &LeadOptions, row: Row) -> Result<Observed, String> {
        let now = row
            .integer(lead::STATE)
            .map_err(|wrong| wrong.to_string())?;
        let now = now.unwrap_or(state::OPEN);
        let native = NativeRow {
            record: self.as_opportunity(leads, &row, now)?,
            row,
            lead: Some(now),
        };
        let mut seen = self.observe_native(native)?;
        seen.fields.retain(|field, _| {
            let rule = self.fields.rule(field);
            rule.is_some_and(|rule| leads.has(rule))
        });
        seen.fields.insert(LEAD, Value::Flag(true));
        // Sellers make deals of their own as opportunities: a lead that names none founds none.
        seen.takes_part &= seen.key.is_some();
        seen.wishes.clear();
        Ok(seen)
    }

    /// The lead as the opportunity that it would become.
    fn as_opportunity(&self, leads: &LeadOptions, row: &Row, now: i64) -> Result<Record, String> {
        let mut record = Record::new();
        let mut related: BTreeMap<&str, BTreeMap<&str, &RawValue>> = BTreeMap::new();
        for (place, column) in &leads.places {
            let Some(json) = row.json(column) else {
                continue;
            };
            match place.split_once('/') {
                Some((navigation, column)) => {
                    related.entry(navigation).or_default().insert(column, json);
                }
                None => {
                    record.insert(place.clone(), json.to_owned());
                }
            }
        }
        for (navigation, columns) in related {
            record.insert(navigation.to_owned(), raw(&columns)?);
        }
        let lost = now == state::DISQUALIFIED;
        let open = opportunity::state::OPEN;
        let stands = if lost { opportunity::state::LOST } else { open };
        record.insert(opportunity::STATE.to_owned(), raw(&stands)?);
        record.insert(opportunity::STATUS.to_owned(), raw(&PENDING)?);
        if now == state::QUALIFIED {
            let accepted = Value::from(DealState::Accepted);
            let states = states(&self.fields).map(|field| (field, &accepted));
            let put = self
                .fields
                .put(RecordKind::Row, states, Some(&record), &self.context)
                .map_err(|_| "a qualified lead has no state of an opportunity".to_owned())?;
            apply(&mut record, &put).map_err(|fault| fault.to_string())?;
        }
        Ok(record)
    }
}

/// A row that a qualified lead became takes part as the lead did, until it has a flag of its own.
fn inherited(mut deal: Observed, lead: &Observed) -> Observed {
    deal.takes_part |= deal.key.is_none() && lead.takes_part;
    if !deal.former.contains(&lead.id) {
        deal.former.push(RecordId::new(lead.id.as_str()));
    }
    deal
}

fn raw<T: serde::Serialize>(value: &T) -> Result<Box<RawValue>, String> {
    to_raw_value(value).map_err(|error| error.to_string())
}
