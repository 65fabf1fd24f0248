//! Change tracking: what changed in a table since last time.

use cosell_http::{Answer, Error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ErrorCode, PageOptions, Query, Row, Rows, Table, code_of, input::Faults, page::RawPage,
    written::id_in_address,
};

const OPERATION: &str = "dataverse.changes";

/// One change of a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// A row that is new or was changed, with all columns asked for. The service does not tell
    /// which of them changed, nor who changed them.
    Row(Row),
    /// A row that is gone.
    Deleted {
        /// Its id.
        id: Uuid,
        /// The service's word for why; `deleted` where it gives one.
        reason: Option<String>,
    },
}

/// Where to go on. May be stored; opaque.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeCursor {
    /// The present pass has more pages.
    Next(String),
    /// The pass is done; later changes are read from here. It dies after some days (seven unless
    /// the organization says otherwise) and with any change of the table's columns.
    Delta(String),
}

impl ChangeCursor {
    /// Is the pass done?
    pub fn is_caught_up(&self) -> bool {
        matches!(self, Self::Delta(_))
    }

    pub(crate) fn link(&self) -> &str {
        match self {
            Self::Next(link) | Self::Delta(link) => link,
        }
    }
}

/// One page of changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChangePage {
    /// The changes, oldest first, deletions last; may be empty.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub cursor: ChangeCursor,
}

/// What became of following a cursor.
#[derive(Debug)]
pub enum Followed {
    /// The next page.
    Page(ChangePage),
    /// The service has forgotten the cursor: drop it and start with [`Rows::changes`]. Rows that
    /// the new pass does not bring were deleted meanwhile. Holds what the service said.
    Expired(Error),
}

impl Rows {
    /// Starts tracking: the first page of *all* rows with the columns of `select`.
    ///
    /// The service takes no filter and no order here. Rows changed during a long first pass come
    /// again with the first delta: read it at once.
    ///
    /// # Errors
    /// [`Error`]; code [`ErrorCode::ChangeTrackingNotEnabledForEntity`] when an administrator has
    /// to enable change tracking for the table first.
    pub async fn changes(
        &self,
        select: &[&str],
        options: &PageOptions,
    ) -> Result<ChangePage, Error> {
        let (query, mut faults) = Query::select(select.iter().copied()).render();
        self.table.check(&mut faults);
        if select.is_empty() {
            faults.push("no column is selected: the cursor would carry all of them; name some");
        }
        let prefer = options.prefer(Some("odata.track-changes"), &mut faults);
        faults.into_result(OPERATION)?;
        let target = format!("{}?{query}", self.table.set());
        let (answer, page) = self.client.read_page(OPERATION, &target, prefer).await?;
        self.change_page(&target, &answer, page)
    }

    /// Reads the page that `cursor` points at, for the columns of its first pass.
    ///
    /// Cancel safety: may be dropped; following the same cursor again gives the same changes or
    /// more.
    ///
    /// # Errors
    /// [`Error`]; an expired cursor is no error but [`Followed::Expired`].
    pub async fn follow(
        &self,
        cursor: &ChangeCursor,
        options: &PageOptions,
    ) -> Result<Followed, Error> {
        let mut faults = Faults::default();
        let prefer = options.prefer(None, &mut faults);
        faults.into_result(OPERATION)?;
        let link = cursor.link();
        match self.client.read_page(OPERATION, link, prefer).await {
            Ok((answer, page)) => self.change_page(link, &answer, page).map(Followed::Page),
            Err(error) if code_of(&error) == Some(ErrorCode::ExpiredVersionStamp) => {
                Ok(Followed::Expired(error))
            }
            Err(error) => Err(error),
        }
    }

    fn change_page(&self, at: &str, answer: &Answer, page: RawPage) -> Result<ChangePage, Error> {
        let malformed = |message: &str| Error::malformed(OPERATION, answer, message);
        let next = page.next_link(&self.client, OPERATION, answer)?;
        let delta = self
            .client
            .own_link(OPERATION, answer, page.delta.as_deref())?;
        // While there is a next page, a delta link beside it would skip what that page holds.
        let cursor = match (next, delta) {
            (Some(next), _) if next.link() == at => {
                return Err(malformed("the page links to itself; start reading anew"));
            }
            (Some(next), _) => ChangeCursor::Next(next.link().to_owned()),
            (None, Some(delta)) => ChangeCursor::Delta(delta),
            (None, None) => {
                return Err(malformed(
                    "the last page has no @odata.deltaLink: is change tracking enabled for the \
                     table, and were no annotations asked for?",
                ));
            }
        };
        let changes = page
            .value
            .into_iter()
            .enumerate()
            .map(|(at, row)| {
                read_change(&self.table, row)
                    .map_err(|fault| malformed(&format!("item {at}: {fault}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(ChangePage { changes, cursor })
    }
}

fn read_change(table: &Table, row: Row) -> Result<Change, String> {
    let told = |error: crate::ColumnError| error.to_string();
    let marked = row
        .text("@odata.context")
        .map_err(told)?
        .is_some_and(|context| context.contains("$deletedEntity"));
    if !marked && row.has(table.key()) {
        return match row.guid(table.key()).map_err(told)? {
            Some(_) => Ok(Change::Row(row)),
            None => Err(format!("{} is null", table.key())),
        };
    }
    if !marked && !row.has("reason") {
        return Err(format!("neither a row (no {}) nor a deletion", table.key()));
    }
    let id = row.text("id").map_err(told)?;
    let id = id
        .as_deref()
        .and_then(|id| Uuid::try_parse(id).ok().or_else(|| id_in_address(id)))
        .ok_or("a deletion without the id of a row")?;
    let reason = row.text("reason").map_err(told)?;
    Ok(Change::Deleted { id, reason })
}
