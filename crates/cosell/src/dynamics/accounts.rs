//! Whose account a new opportunity gets.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use cosell_dataverse::{Dataverse, Direction, Filter, Query, Table, names::account};
use cosell_http::Error;
use uuid::Uuid;

/// The customer of a new deal: what the rules would write into a new account, by logical name of
/// its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    columns: BTreeMap<String, String>,
}

impl Customer {
    /// With the text of one more column.
    #[must_use]
    pub fn with(mut self, column: impl Into<String>, text: impl Into<String>) -> Self {
        self.columns.insert(column.into(), text.into());
        self
    }

    /// The text of a column such as `name`; empty where the deal has none.
    pub fn column(&self, name: &str) -> &str {
        self.columns.get(name).map_or("", String::as_str)
    }
}

/// What looking for a customer's account came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountMatch {
    /// The customer has this account.
    Found(Uuid),
    /// There is none: one is made, with the columns that the rules fill.
    Make,
    /// The deal is made without an account; a seller chooses one.
    Leave,
}

/// Finds the account of a new opportunity's customer.
///
/// Asked once for every opportunity that is made, after its intent is stored and before it is
/// sent, so that it may be asked again for the same deal after a crash.
///
/// ```
/// use async_trait::async_trait;
/// use cosell::{AccountMatch, AccountMatcher, Customer, dataverse::{Dataverse, Filter, Query, Table}};
///
/// /// Accounts come from the ERP and carry its number; none is made here.
/// #[derive(Debug)]
/// struct ByNumber;
///
/// #[async_trait]
/// impl AccountMatcher for ByNumber {
///     async fn find(&self, dataverse: &Dataverse, customer: &Customer) -> Result<AccountMatch, cosell::http::Error> {
///         let number = customer.column("accountnumber");
///         let query = Query::select(["accountid"]).with_filter(Filter::eq("accountnumber", number));
///         Ok(match dataverse.table(Table::ACCOUNT).first(&query).await? {
///             Some(row) => row.guid("accountid").ok().flatten().map_or(AccountMatch::Leave, AccountMatch::Found),
///             None => AccountMatch::Leave,
///         })
///     }
///
///     fn key(&self, customer: &Customer) -> Vec<String> {
///         vec![customer.column("accountnumber").to_owned()]
///     }
/// }
/// ```
#[async_trait]
pub trait AccountMatcher: fmt::Debug + Send + Sync + 'static {
    /// The customer's account. Reads only.
    ///
    /// # Errors
    /// [`Error`] of the read that failed; the deal is tried again. Cancel safety: may be dropped.
    async fn find(&self, dataverse: &Dataverse, customer: &Customer)
    -> Result<AccountMatch, Error>;

    /// The texts that tell customers apart. The id of an account that is made follows from them,
    /// so that two deals of one customer never make two accounts, not even at once. Case and
    /// blanks at the ends do not count.
    fn key(&self, customer: &Customer) -> Vec<String>;
}

/// By company name and postal code, as Microsoft's connector does: what both services have.
/// Of several accounts the one with the smallest id.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameAndPostalCode;

#[async_trait]
impl AccountMatcher for NameAndPostalCode {
    async fn find(
        &self,
        dataverse: &Dataverse,
        customer: &Customer,
    ) -> Result<AccountMatch, Error> {
        let postal_code = customer.column(account::POSTAL_CODE);
        let same_place = if postal_code.is_empty() {
            Filter::is_null(account::POSTAL_CODE)
        } else {
            Filter::eq(account::POSTAL_CODE, postal_code)
        };
        let name = Filter::eq(account::NAME, customer.column(account::NAME));
        let query = Query::select([account::ID])
            .with_filter(name.and(same_place))
            .with_order(account::ID, Direction::Ascending);
        let found = dataverse.table(Table::ACCOUNT).first(&query).await?;
        let id = found.and_then(|row| row.guid(account::ID).ok().flatten());
        Ok(id.map_or(AccountMatch::Make, AccountMatch::Found))
    }

    fn key(&self, customer: &Customer) -> Vec<String> {
        let postal_code = customer.column(account::POSTAL_CODE);
        let postal_code = postal_code.split_whitespace().collect();
        vec![customer.column(account::NAME).to_owned(), postal_code]
    }
}
