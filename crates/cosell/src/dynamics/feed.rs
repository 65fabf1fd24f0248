//! What changed: the change feeds of the tables that are followed, one after the other, under one
//! cursor.

use cosell_dataverse::{Change, ChangeCursor, ChangePage, Followed, PageOptions, Row, Table};
use cosell_sync::{Cursor, Hint, HintPage, ReadError, RecordId, Version};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Dynamics;
use crate::failure;

/// A table that is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Feed {
    #[default]
    Opportunity,
    Lead,
}

/// Where reading goes on. Without leads it is the place of the one table alone, so that leads can
/// be switched on and off over a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    One(ChangeCursor),
    Both(Both),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Both {
    /// The table that is read next.
    next_table: Feed,
    opportunity: Option<ChangeCursor>,
    lead: Option<ChangeCursor>,
}

impl Both {
    fn read(cursor: Option<&Cursor>, with_leads: bool) -> Result<Self, ReadError> {
        let Some(cursor) = cursor else {
            return Ok(Self::default());
        };
        let place: Place = serde_json::from_str(cursor.as_str())
            .map_err(|_| ReadError::CursorExpired("not a cursor of ours".to_owned()))?;
        Ok(match place {
            Place::Both(both) if with_leads => both,
            Place::Both(both) => Self {
                next_table: Feed::Opportunity,
                ..both
            },
            Place::One(opportunity) => Self {
                opportunity: Some(opportunity),
                ..Self::default()
            },
        })
    }

    fn of(&mut self, feed: Feed) -> &mut Option<ChangeCursor> {
        match feed {
            Feed::Opportunity => &mut self.opportunity,
            Feed::Lead => &mut self.lead,
        }
    }
}

impl Dynamics {
    pub(super) async fn next_hints(&self, since: Option<&Cursor>) -> Result<HintPage, ReadError> {
        let with_leads = self.options.leads.is_some();
        let mut place = Both::read(since, with_leads)?;
        let feed = place.next_table;
        let page = self.changes(feed, place.of(feed).as_ref()).await?;
        let mut hints = Vec::with_capacity(page.changes.len());
        for change in &page.changes {
            match change {
                Change::Row(row) => hints.push(self.changed(feed, row)?),
                Change::Deleted { id, .. } => hints.push(deleted(*id)),
                _ => {}
            }
        }
        let more = match (page.cursor.is_caught_up(), feed) {
            (false, _) => true,
            (true, Feed::Opportunity) if with_leads => {
                place.next_table = Feed::Lead;
                true
            }
            (true, _) => {
                place.next_table = Feed::Opportunity;
                false
            }
        };
        let place = if with_leads {
            *place.of(feed) = Some(page.cursor);
            Place::Both(place)
        } else {
            Place::One(page.cursor)
        };
        let cursor =
            serde_json::to_string(&place).map_err(|error| ReadError::Failed(error.to_string()))?;
        Ok(HintPage {
            hints,
            cursor: Cursor::new(cursor),
            more,
        })
    }

    async fn changes(
        &self,
        feed: Feed,
        since: Option<&ChangeCursor>,
    ) -> Result<ChangePage, ReadError> {
        let table = match feed {
            Feed::Opportunity => Table::OPPORTUNITY,
            Feed::Lead => Table::LEAD,
        };
        let options = PageOptions::default().with_size(self.options.page_size);
        let page = match since {
            // Enough to know whether a row concerns us.
            None => {
                let columns = [table.key().to_owned(), self.flag(feed).to_owned()];
                let columns = columns.each_ref().map(String::as_str);
                self.client.table(table).changes(&columns, &options).await
            }
            Some(cursor) => match self.client.table(table).follow(cursor, &options).await {
                Ok(Followed::Page(page)) => Ok(page),
                Ok(Followed::Expired(error)) => {
                    return Err(ReadError::CursorExpired(error.to_string()));
                }
                Err(error) => Err(error),
            },
        };
        page.map_err(|error| failure::read_error(&error))
    }

    /// The column that says whether a row takes part.
    fn flag(&self, feed: Feed) -> &str {
        match (feed, &self.options.leads) {
            (Feed::Lead, Some(leads)) => &leads.columns.sync,
            _ => &self.options.columns.sync,
        }
    }

    /// A row of a feed. It lacks what stands in other rows, so that the record is fetched when it
    /// matters.
    fn changed(&self, feed: Feed, row: &Row) -> Result<Hint, ReadError> {
        let (key, what) = match feed {
            Feed::Opportunity => (Table::OPPORTUNITY, "opportunity"),
            Feed::Lead => (Table::LEAD, "lead"),
        };
        let malformed = |fault: cosell_dataverse::ColumnError| {
            ReadError::Malformed(format!("a changed {what}: {fault}"))
        };
        let Some(id) = row.guid(key.key()).map_err(malformed)? else {
            return Err(ReadError::Malformed(format!("a changed {what} has no id")));
        };
        Ok(Hint {
            id: RecordId::new(id.to_string()),
            version: row
                .etag()
                .ok()
                .flatten()
                .map(|etag| Version::new(etag.as_str())),
            // A flag that cannot be read is looked into, not taken for no.
            takes_part: row
                .flag(self.flag(feed))
                .map_or(None, |flag| Some(flag.unwrap_or(false))),
            gone: false,
            seen: None,
        })
    }
}

fn deleted(id: Uuid) -> Hint {
    Hint {
        id: RecordId::new(id.to_string()),
        version: None,
        takes_part: Some(false),
        gone: true,
        seen: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(link: &str) -> ChangeCursor {
        ChangeCursor::Delta(link.to_owned())
    }

    #[test]
    fn leads_can_be_switched_on_and_off_over_a_stored_cursor() {
        let one = Cursor::new(serde_json::to_string(&delta("deals")).unwrap());
        let both = Both::read(Some(&one), true).unwrap();
        assert_eq!(both.opportunity, Some(delta("deals")));
        assert_eq!(both.lead, None, "leads are read from the start");
        let stored = Both {
            next_table: Feed::Lead,
            lead: Some(delta("leads")),
            ..both
        };
        let cursor = Cursor::new(serde_json::to_string(&Place::Both(stored.clone())).unwrap());
        assert_eq!(Both::read(Some(&cursor), true).unwrap(), stored);
        let without = Both::read(Some(&cursor), false).unwrap();
        assert_eq!(without.next_table, Feed::Opportunity);
        assert_eq!(without.opportunity, Some(delta("deals")));
    }

    #[test]
    fn a_cursor_of_others_starts_over() {
        let read = Both::read(Some(&Cursor::new("{}")), true);
        assert!(matches!(read, Err(ReadError::CursorExpired(_))));
    }
}
