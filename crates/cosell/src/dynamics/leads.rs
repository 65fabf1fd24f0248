//! Leads: what a deal is in the CRM before it is an opportunity.
//!
//! A lead is read and written through the rules of an opportunity, at the places where its table
//! keeps the same things: as the opportunity that it would become. Fields that it has no place for
//! wait until it is one. Open is a pending deal, qualified an accepted one, disqualified a lost
//! one; accepting a lead qualifies it. Once it is qualified, its opportunity stands in its place:
//! reading the lead gives that one, which says whence it came.

mod read;
mod write;

use std::collections::BTreeMap;

use cosell_dataverse::names::{account, lead, opportunity};
use cosell_mapping::{FieldId, FieldRule, FieldSet, Lens as _, Path, RecordKind, Shape};

use super::{ConnectorColumns, options::with};

/// Settings of leads. Their table must have change tracking on, and the columns named here.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeadOptions {
    /// The columns that the connector keeps on a lead; by default named as on an opportunity.
    pub columns: ConnectorColumns,
    /// By a place of an opportunity that rules name (`parentaccountid/name`), the column of a lead
    /// that holds the same (`companyname`). What is not here is no field of a lead.
    pub places: BTreeMap<String, String>,
    /// Status reason of a lead that was declined, lost or expired in Partner Center: one of the
    /// state *Disqualified*, 4 to 7 of the shipped ones. By default *Canceled*.
    pub disqualified: i32,
    /// Also makes a contact of the lead's person, when acceptance in Partner Center qualifies it.
    pub make_contact: bool,
}

impl Default for LeadOptions {
    fn default() -> Self {
        let same = [
            "estimatedclosedate",
            "description",
            "_transactioncurrencyid_value",
            "transactioncurrencyid@odata.bind",
        ];
        let customer = [
            account::LINE1,
            account::LINE2,
            account::CITY,
            account::STATE_OR_PROVINCE,
            account::POSTAL_CODE,
            account::COUNTRY,
        ];
        let of_account = |column: &str| format!("{}/{column}", opportunity::ACCOUNT);
        let places = same
            .map(|column| (column.to_owned(), column.to_owned()))
            .into_iter()
            .chain(customer.map(|column| (of_account(column), column.to_owned())))
            .chain([
                (opportunity::NAME.to_owned(), lead::SUBJECT.to_owned()),
                (
                    opportunity::ESTIMATED_VALUE.to_owned(),
                    lead::ESTIMATED_AMOUNT.to_owned(),
                ),
                (of_account(account::NAME), lead::COMPANY.to_owned()),
            ]);
        Self {
            columns: ConnectorColumns::default(),
            places: places.collect(),
            disqualified: 7,
            make_contact: false,
        }
    }
}

with! { LeadOptions:
    with_columns columns: ConnectorColumns;
    with_disqualified disqualified: i32;
    with_make_contact make_contact: bool;
}

impl LeadOptions {
    /// One more place of an opportunity that a lead has in a column of its own, or another column
    /// for one.
    #[must_use]
    pub fn with_place(mut self, place: impl Into<String>, column: impl Into<String>) -> Self {
        self.places.insert(place.into(), column.into());
        self
    }

    /// The column of a lead that holds what stands at this place of an opportunity.
    fn column(&self, place: &Path) -> Option<&str> {
        self.places.get(&place.to_string()).map(String::as_str)
    }

    /// The column of the lead's name, which bears the tick.
    pub(super) fn name(&self) -> &str {
        let named = self.places.get(opportunity::NAME);
        named.map_or(lead::SUBJECT, String::as_str)
    }

    /// Has a lead this field? Where the deal stands, every lead tells.
    fn has(&self, rule: &FieldRule) -> bool {
        let places = rule.lens(RecordKind::Row).writes();
        // The amount of a lead is never computed.
        let never = |place: &Path| place.to_string() == opportunity::REVENUE_IS_COMPUTED;
        let known = |place: &Path| self.column(place).is_some() || never(place);
        is_state(rule) || !places.is_empty() && places.iter().all(known)
    }
}

/// Does the rule say where the deal stands?
fn is_state(rule: &FieldRule) -> bool {
    let mut shape = &rule.lens(RecordKind::Row).shape;
    while let Shape::Function(function) = shape {
        shape = &function.inner;
    }
    matches!(shape, Shape::RowState(_))
}

fn states(fields: &FieldSet) -> impl Iterator<Item = &FieldId> {
    let states = fields.iter().filter(|rule| is_state(rule));
    states.map(|rule| &rule.field)
}
