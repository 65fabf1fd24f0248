//! Following a table for good: change tracking that survives its own expiry.

use std::collections::BTreeSet;

use cosell_http::{Error, ErrorKind, Sent};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Change, ChangeCursor, Followed, PageOptions, Rows, page::fingerprint};

const OPERATION: &str = "dataverse.feed";

/// How far a [`ChangeFeed`] is. Store it after what its page brought is safe; opaque.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedState {
    cursor: Option<ChangeCursor>,
    /// Is this a pass over all rows, and which of them has it brought?
    whole: Option<FullPass>,
}

/// The rows that a pass over the whole table has brought so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FullPass {
    seen: BTreeSet<Uuid>,
}

impl FullPass {
    /// Those of the rows `known` that the pass did not bring: they were deleted, or are hidden
    /// from this identity now. Look ([`Rows::find`]) before believing it.
    pub fn gone<'a>(&'a self, known: impl IntoIterator<Item = Uuid> + 'a) -> Vec<Uuid> {
        let known = known.into_iter();
        known.filter(|id| !self.seen.contains(id)).collect()
    }

    /// How many rows it brought.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Has it brought none?
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

/// One page of a [`ChangeFeed`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FeedPage {
    /// Rows that are new or were changed, and deletions. In a pass over the whole table, all rows
    /// as they are; one may come twice.
    pub changes: Vec<Change>,
    /// Does a pass over the whole table begin here? The first one, or one after the service has
    /// forgotten the cursor.
    pub begins_anew: bool,
    /// A pass over the whole table ends here: what it brought. Rows that the caller knows and that
    /// are not in it are gone ([`FullPass::gone`]).
    pub whole: Option<FullPass>,
    /// Is the caller up to date now? If not, ask on at once.
    pub caught_up: bool,
    /// Where to go on after this page.
    pub state: FeedState,
}

/// Follows the changes of one table without losing any. Made by [`Rows::feed`].
///
/// A cursor of the service dies after some days, and with any change of the table's columns, such
/// as provisioning makes. The feed then passes over the whole table by itself, and tells what it
/// brought, so that deletions of the time between can be found. Changes made while such a pass
/// runs come again with the first page after it.
///
/// The state holds the ids of the rows of a pass that is under way, 16 bytes each, and nothing
/// but a link otherwise.
///
/// Cancel safety: a dropped `next_page` is read again by the next call.
#[derive(Debug)]
pub struct ChangeFeed {
    rows: Rows,
    select: Vec<String>,
    options: PageOptions,
    state: FeedState,
    /// Links followed since the last time the feed was up to date.
    followed: BTreeSet<u64>,
}

impl Rows {
    /// Follows this table's changes from `state` ([`FeedState::default`] for all rows first), with
    /// the columns `select`, which stay the same as long as the state is kept.
    pub fn feed(&self, select: &[&str], options: PageOptions, state: FeedState) -> ChangeFeed {
        ChangeFeed {
            rows: self.clone(),
            select: select.iter().map(|column| (*column).to_owned()).collect(),
            options,
            state,
            followed: BTreeSet::new(),
        }
    }
}

impl ChangeFeed {
    /// The next page. Without news it is empty and up to date.
    ///
    /// # Errors
    /// [`Error`]; code
    /// [`ChangeTrackingNotEnabledForEntity`](crate::ErrorCode::ChangeTrackingNotEnabledForEntity)
    /// when an administrator has to enable change tracking first
    /// ([`Schema::untracked`](crate::schema::Schema::untracked) tells before). The state stays
    /// where it is.
    pub async fn next_page(&mut self) -> Result<FeedPage, Error> {
        let followed = match &self.state.cursor.clone() {
            None => None,
            Some(cursor) => {
                self.guard(cursor)?;
                match self.rows.follow(cursor, &self.options).await? {
                    Followed::Page(page) => Some(page),
                    Followed::Expired(_) => None,
                }
            }
        };
        let begins_anew = followed.is_none();
        let (page, mut whole) = match followed {
            Some(page) => (page, self.state.whole.clone()),
            None => {
                let select: Vec<&str> = self.select.iter().map(String::as_str).collect();
                let page = self.rows.changes(&select, &self.options).await?;
                self.followed.clear();
                (page, Some(FullPass::default()))
            }
        };
        if let Some(whole) = &mut whole {
            let key = self.rows.table().key();
            for change in &page.changes {
                match change {
                    Change::Row(row) => whole.seen.extend(row.guid(key).ok().flatten()),
                    Change::Deleted { id, .. } => {
                        whole.seen.remove(id);
                    }
                }
            }
        }
        let caught_up = page.cursor.is_caught_up();
        let (ended, going_on) = if caught_up {
            (whole, None)
        } else {
            (None, whole)
        };
        if caught_up {
            self.followed.clear();
        } else if let Some(cursor) = &self.state.cursor {
            self.followed.insert(fingerprint(cursor.link()));
        }
        self.state = FeedState {
            cursor: Some(page.cursor),
            whole: going_on,
        };
        Ok(FeedPage {
            changes: page.changes,
            begins_anew,
            whole: ended,
            caught_up,
            state: self.state.clone(),
        })
    }

    /// How far the feed is.
    pub fn state(&self) -> &FeedState {
        &self.state
    }

    /// A service that leads in a circle would be followed for ever.
    fn guard(&mut self, cursor: &ChangeCursor) -> Result<(), Error> {
        if !self.followed.contains(&fingerprint(cursor.link())) {
            return Ok(());
        }
        self.state = FeedState::default();
        self.followed.clear();
        Err(Error::new(
            OPERATION,
            ErrorKind::Malformed,
            Sent::Answered,
            "the service leads back to a page that was followed already: the feed begins anew with \
             the next page",
        ))
    }
}
