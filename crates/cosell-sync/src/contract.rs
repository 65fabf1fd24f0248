//! Replicas that break their contract: noticed, named, and kept from hurting others.
//!
//! A breach in a page stops the reading of that side until the next round, with its cause; a
//! breach of a record parks its pair, or is told where going on is safe. Some breaches need no
//! word here: ids that nobody knows are dropped when a fetch finds nothing, a record that
//! belongs to another pair is refused by the store, a panic is caught at every call.

use std::collections::BTreeSet;

use crate::{
    Cursor, ErrorKind, HintPage, Observed, Patch, RecordId, Side,
    round::Round,
    turn::{Halt, Turn},
};

/// Pages in a row that bring nothing, before they are taken for endless.
const EMPTY_PAGES: usize = 100;

/// What a pass over the pages of a side has met.
#[derive(Debug, Default)]
pub(crate) struct PageWatch {
    cursors: BTreeSet<Cursor>,
    empty: usize,
}

impl PageWatch {
    /// Why reading must stop here, if it must: the pages would never end.
    pub(crate) fn breach(&mut self, since: Option<&Cursor>, page: &HintPage) -> Option<String> {
        if !page.more {
            return None;
        }
        self.empty = if page.hints.is_empty() {
            self.empty + 1
        } else {
            0
        };
        let stands = since == Some(&page.cursor);
        let circles = !self.cursors.insert(page.cursor.clone());
        let what = match (stands, circles) {
            (true, _) => "says that there is more, and its cursor stands still",
            (_, true) => "comes back to a cursor that it gave before",
            _ if self.empty >= EMPTY_PAGES => "goes on and on with pages that bring nothing",
            _ => return None,
        };
        Some(format!(
            "the replica {what}: reading of this side stops until the next round; correct the \
             replica's hints"
        ))
    }
}

impl Round<'_> {
    /// Tells of a breach in a page.
    pub(crate) fn page_breach(&self, side: Side, id: Option<RecordId>, cause: String) {
        self.record_error(side, id, ErrorKind::Contract, cause);
    }

    /// A page names each record once. Naming one twice costs nothing but is told.
    pub(crate) fn watch_page(&self, side: Side, page: &HintPage) {
        let mut seen = BTreeSet::new();
        for hint in &page.hints {
            if !seen.insert(&hint.id) && !hint.gone {
                let cause = "the page names this record twice; it is worked once".to_owned();
                self.page_breach(side, Some(hint.id.clone()), cause);
            }
        }
    }
}

impl Turn<'_> {
    /// A record that took fields of ours must not be at the version it had before: without that,
    /// no edit after our write can be told from none.
    pub(crate) fn watch_write(
        &self,
        side: Side,
        before: Option<&Observed>,
        patch: &Patch,
        after: Option<&Observed>,
    ) -> Result<(), Halt> {
        let (Some(before), Some(after)) = (before, after) else {
            return Ok(());
        };
        let news = patch
            .fields
            .iter()
            .any(|(field, value)| before.fields.get(field) != Some(value));
        if news && before.fields != after.fields && before.version == after.version {
            let cause = format!(
                "the record is still at version {} after a write that changed it; correct the \
                 replica, then let the pair go on",
                after.version
            );
            return Err(Halt::Park(side, ErrorKind::Contract, cause));
        }
        Ok(())
    }

    /// Service time of a record does not run backwards, unless a backup was restored.
    pub(crate) fn watch_time(&self, side: Side, record: &Observed) {
        let newest = self.pair.end(side).newest.as_ref();
        if let Some(newest) = newest.filter(|newest| record.as_of < newest.as_of) {
            let cause = format!(
                "the record was last changed at {}, and was seen as of {} before: its service was \
                 set back, or the replica tells wrong times",
                record.as_of, newest.as_of
            );
            self.error(side, ErrorKind::Contract, cause);
        }
    }
}
