//! Questions to ask before work begins.

use std::collections::BTreeSet;

use cosell_http::Error;

use crate::{Dataverse, Filter, PageOptions, Query, Row, Table};

/// Values asked for in one request; keeps the address far below its limit.
const AT_ONCE: usize = 40;

impl Dataverse {
    /// Those of `iso_codes` for which the environment has no active currency. Amounts in them
    /// cannot be written.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn missing_currencies(&self, iso_codes: &[&str]) -> Result<Vec<String>, Error> {
        let active = Filter::eq("statecode", 0);
        self.missing(
            &Table::TRANSACTION_CURRENCY,
            "isocurrencycode",
            iso_codes,
            active,
        )
        .await
    }

    /// Those of the e-mail addresses `emails` that no enabled user has.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn missing_users(&self, emails: &[&str]) -> Result<Vec<String>, Error> {
        let enabled = Filter::eq("isdisabled", false);
        self.missing(&Table::SYSTEM_USER, "internalemailaddress", emails, enabled)
            .await
    }

    /// The wanted values that no row has, in their order; case does not count.
    async fn missing(
        &self,
        table: &Table,
        column: &str,
        wanted: &[&str],
        among: Filter,
    ) -> Result<Vec<String>, Error> {
        let mut there = BTreeSet::new();
        for some in wanted.chunks(AT_ONCE) {
            let any = some.iter().map(|value| Filter::eq(column, *value));
            let Some(any) = any.reduce(Filter::or) else {
                continue;
            };
            let query = Query::select([column]).with_filter(among.clone().and(any));
            let rows = self.table(table.clone());
            let mut items = rows.pages(&query, PageOptions::default()).items();
            while let Some(row) = items.next_row().await? {
                let text = |row: &Row| row.text(column).ok().flatten();
                there.extend(text(&row).map(|text| text.to_lowercase()));
            }
        }
        let missing = |value: &&&str| !there.contains(&value.to_lowercase());
        Ok(wanted
            .iter()
            .filter(missing)
            .map(|value| (*value).to_owned())
            .collect())
    }
}
