//! A state of the whole stack as one number.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use super::{judge::stored, stage::Node};

/// Tables whose rows the sync reads or writes.
const TABLES: [&str; 3] = ["opportunity", "account", "opportunityclose"];

/// World, store, queue, and what people did. Ids and tags count by the order in which they appear,
/// since two ways to one state draw different ones. Left out: requests in the log, and tokens.
pub(crate) fn key(node: &Node) -> u64 {
    let sandbox = &node.sandbox;
    let mut text = String::new();
    for referral in sandbox.partner_center().referrals() {
        let _ = write!(text, "{referral}");
    }
    for table in TABLES {
        for row in sandbox.dataverse().rows(table) {
            text.push_str(row.get());
        }
    }
    let stored = stored(&node.store);
    let _ = write!(
        text,
        "{:?}{:?}{:?}{:?}",
        stored.pairs, stored.cursors, stored.conflicts, stored.skipped
    );
    for hint in stored.hints {
        let hint = cosell::sync::QueuedHint { turn: 0, ..hint };
        let _ = write!(text, "{hint:?}");
    }
    let facts = &node.facts;
    let _ = write!(text, "{:?}{:?}", facts.held, facts.outside);
    let mut hash = DefaultHasher::new();
    (sandbox.now(), &facts.done).hash(&mut hash);
    without_names(&text, &mut hash);
    hash.finish()
}

/// Hashes a text with a number in the place of each GUID.
fn without_names(text: &str, hash: &mut DefaultHasher) {
    let bytes = text.as_bytes();
    let mut names: BTreeMap<&[u8], usize> = BTreeMap::new();
    let (mut from, mut at) = (0, 0);
    while at < bytes.len() {
        let word = bytes.get(at..at + 36).filter(|word| is_guid(word));
        let Some(word) = word else {
            at += 1;
            continue;
        };
        hash.write(&bytes[from..at]);
        let next = names.len();
        hash.write_usize(*names.entry(word).or_insert(next));
        at += 36;
        from = at;
    }
    hash.write(&bytes[from..]);
}

fn is_guid(word: &[u8]) -> bool {
    word[8] == b'-'
        && word[13] == b'-'
        && word.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
