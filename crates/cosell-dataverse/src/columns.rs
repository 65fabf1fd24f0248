//! The columns that a write sends.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{ContentId, Literal, Table, input::Faults, literal};

/// The body of a write: columns to set and rows to point at.
///
/// Every column that is sent counts as changed for audits, plug-ins and flows, even with an
/// equal value: send only what differs.
///
/// ```
/// use cosell_dataverse::{Columns, Table, names::opportunity};
/// use rust_decimal::Decimal;
/// use uuid::Uuid;
///
/// let columns = Columns::new()
///     .set(opportunity::NAME, "Northwind ERP renewal")
///     .set(opportunity::ESTIMATED_VALUE, Decimal::new(12500000, 2))
///     .bind(opportunity::ACCOUNT, &Table::ACCOUNT, Uuid::nil());
/// assert_eq!(
///     columns.to_json(),
///     "{\"estimatedvalue\":125000.00,\"name\":\"Northwind ERP renewal\",\
///      \"parentaccountid@odata.bind\":\"/accounts(00000000-0000-0000-0000-000000000000)\"}"
/// );
/// ```
#[derive(Clone, Default)]
pub struct Columns {
    values: BTreeMap<String, Box<RawValue>>,
    /// Bindings to operations of the same change set, by their place in it.
    content: BTreeMap<String, ContentId>,
    pub(crate) faults: Faults,
}

impl Columns {
    /// No columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a column, replacing what was set before.
    #[must_use]
    pub fn set(mut self, column: &str, value: impl Into<Literal>) -> Self {
        self.faults.check_name("column", column);
        self.values
            .insert(column.to_owned(), value.into().to_json());
        self
    }

    /// Points the lookup with the navigation name `navigation` at the row `id` of `table`.
    ///
    /// Navigation names are case-sensitive: lower case for shipped tables, the schema name of
    /// the lookup for custom ones.
    #[must_use]
    pub fn bind(mut self, navigation: &str, table: &Table, id: Uuid) -> Self {
        self.faults.check_name("navigation", navigation);
        self.faults.check_name("set", table.set());
        let target = literal::quote(&format!("/{}({id})", table.set()));
        self.point(navigation, literal::raw(target))
    }

    /// Clears the lookup with the navigation name `navigation`.
    #[must_use]
    pub fn unbind(mut self, navigation: &str) -> Self {
        self.faults.check_name("navigation", navigation);
        self.point(navigation, literal::raw("null".to_owned()))
    }

    /// Points a lookup at the row that an earlier operation of the same change set makes.
    #[must_use]
    pub fn bind_content(mut self, navigation: &str, made_by: ContentId) -> Self {
        self.faults.check_name("navigation", navigation);
        let name = bind_name(navigation);
        self.values.remove(&name);
        self.content.insert(name, made_by);
        self
    }

    /// Sets any member of the body to JSON of your own, as it is.
    #[must_use]
    pub fn set_json(mut self, member: &str, json: Box<RawValue>) -> Self {
        self.values.insert(member.to_owned(), json);
        self
    }

    /// Is there nothing to send?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.content.is_empty()
    }

    /// The members that are set, in the order in which they are sent.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.values
            .keys()
            .chain(self.content.keys())
            .map(String::as_str)
    }

    /// The body as JSON text.
    pub fn to_json(&self) -> String {
        self.render(0)
    }

    pub(crate) fn point(mut self, navigation: &str, target: Box<RawValue>) -> Self {
        let name = bind_name(navigation);
        self.content.remove(&name);
        self.values.insert(name, target);
        self
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn content_refs(&self) -> impl Iterator<Item = ContentId> + '_ {
        self.content.values().copied()
    }

    /// The body with content references counted from `offset` operations before the change set.
    pub(crate) fn to_body(&self, offset: u32) -> Bytes {
        self.render(offset).into()
    }

    fn render(&self, offset: u32) -> String {
        let content = self
            .content
            .iter()
            .map(|(name, id)| (name, format!("\"${}\"", id.number(offset))));
        let mut text = String::from("{");
        let values = self
            .values
            .iter()
            .map(|(name, value)| (name, value.get().to_owned()));
        for (at, (name, value)) in values.chain(content).enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push_str(&literal::quote(name));
            text.push(':');
            text.push_str(&value);
        }
        text.push('}');
        text
    }
}

fn bind_name(navigation: &str) -> String {
    format!("{navigation}@odata.bind")
}

/// Names only: the values may be personal data.
impl fmt::Debug for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.members()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_are_bound_cleared_and_rebound() {
        let id = Uuid::from_u128(7);
        let columns = Columns::new()
            .bind("parentaccountid", &Table::ACCOUNT, id)
            .unbind("parentaccountid");
        assert_eq!(columns.to_json(), "{\"parentaccountid@odata.bind\":null}");
        let columns = columns.bind_content("parentaccountid", ContentId::nth(1));
        assert_eq!(columns.to_json(), "{\"parentaccountid@odata.bind\":\"$1\"}");
        assert_eq!(
            columns.to_body(4),
            "{\"parentaccountid@odata.bind\":\"$5\"}"
        );
    }

    #[test]
    fn debug_shows_no_value() {
        let columns = Columns::new().set("name", "Ana Silva");
        assert_eq!(format!("{columns:?}"), "{\"name\"}");
    }

    #[test]
    fn every_wrong_name_is_reported() {
        let columns = Columns::new().set("a b", 1).set("", 2).set("fine_1", 3);
        let error = columns.faults().clone().into_result("test").unwrap_err();
        assert!(error.message().contains("\"a b\""), "{error}");
        assert!(error.message().contains("column name \"\""), "{error}");
        assert!(!error.message().contains("fine_1"), "{error}");
    }
}
