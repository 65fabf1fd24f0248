//! The cursor of a list without a change feed: a pass, newest first, down to a floor.
//!
//! Rows become visible late and move while pages are read. Newest first, a row that moves jumps to
//! the front, where the next pass finds it; ascending, it would slip between two pages. The floor
//! moves only when a pass is done, to the first stamp of that pass less an overlap, in the
//! service's own time.

use chrono::{DateTime, TimeDelta, Utc};
use cosell_sync::Cursor;
use serde::{Deserialize, Serialize};

/// Where reading of the list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pass {
    /// Everything changed before this was seen by a pass that is done.
    floor: Option<DateTime<Utc>>,
    /// The pass under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<OpenPass>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OpenPass {
    /// Newest stamp of its first page.
    top: Option<DateTime<Utc>>,
    /// The next page.
    next: String,
}

impl Pass {
    /// Reads a stored cursor; one that cannot be read is as good as none, for a full pass repeats
    /// but never skips.
    pub(super) fn from_cursor(cursor: Option<&Cursor>) -> Self {
        cursor
            .and_then(|cursor| serde_json::from_str(cursor.as_str()).ok())
            .unwrap_or_default()
    }

    pub(super) fn to_cursor(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// The page to read, `None` for the first of a new pass.
    pub(super) fn next_page(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.next.as_str())
    }

    /// Is a record of this stamp below the floor, so that an earlier pass has seen it?
    pub(super) fn is_old(&self, stamp: DateTime<Utc>) -> bool {
        self.floor.is_some_and(|floor| stamp < floor)
    }

    /// The cursor after a page: its stamps in order, and the page that follows. The flag says
    /// whether the pass goes on now.
    pub(super) fn after_page(
        &self,
        stamps: &[DateTime<Utc>],
        next: Option<&str>,
        overlap: TimeDelta,
    ) -> (Self, bool) {
        let newest = stamps.iter().max().copied();
        let top = match &self.open {
            Some(open) => open.top,
            None => newest,
        };
        let reached = stamps.iter().any(|stamp| self.is_old(*stamp));
        if let Some(next) = next.filter(|_| !reached) {
            let open = OpenPass {
                top,
                next: next.to_owned(),
            };
            return (
                Self {
                    floor: self.floor,
                    open: Some(open),
                },
                true,
            );
        }
        let floor = top
            .and_then(|top| top.checked_sub_signed(overlap))
            .max(self.floor);
        (Self { floor, open: None }, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap()
    }

    fn overlap() -> TimeDelta {
        TimeDelta::minutes(15)
    }

    // R52
    #[test]
    fn the_floor_moves_only_when_the_pass_is_done() {
        let start = Pass::from_cursor(None);
        let (first, more) = start.after_page(&[at(100), at(90)], Some("p2"), overlap());
        assert!(more);
        assert_eq!(first.floor, None, "mid-pass");
        let stored = Pass::from_cursor(Some(&first.to_cursor()));
        assert_eq!(
            stored.next_page(),
            Some("p2"),
            "a crash goes on with page two"
        );
        let (done, more) = stored.after_page(&[at(80)], None, overlap());
        assert!(!more);
        assert_eq!(
            done.floor,
            Some(at(85)),
            "the first stamp of the pass less the overlap"
        );
        assert_eq!(done.next_page(), None);
    }

    #[test]
    fn a_pass_ends_at_the_floor_and_never_lowers_it() {
        let (done, _) = Pass::default().after_page(&[at(100)], None, overlap());
        let (next, more) = done.after_page(&[at(110), at(80)], Some("p2"), overlap());
        assert!(!more, "eighty lies below the floor");
        assert_eq!(next.floor, Some(at(95)));
        let (same, _) = next.after_page(&[at(96)], None, overlap());
        assert_eq!(same.floor, Some(at(95)));
    }

    #[test]
    fn an_empty_list_has_no_floor_and_an_empty_page_changes_nothing() {
        let (empty, more) = Pass::default().after_page(&[], None, overlap());
        assert_eq!((empty.floor, more), (None, false));
        let (first, _) = Pass::default().after_page(&[at(100)], Some("p2"), overlap());
        let (middle, more) = first.after_page(&[], Some("p3"), overlap());
        assert!(more);
        let (done, _) = middle.after_page(&[], None, overlap());
        assert_eq!(done.floor, Some(at(85)));
    }

    #[test]
    fn a_cursor_that_cannot_be_read_starts_over() {
        assert_eq!(Pass::from_cursor(Some(&Cursor::new("{"))), Pass::default());
    }
}
