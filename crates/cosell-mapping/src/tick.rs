//! The tick: a mark before a deal's name in the CRM that shows how its last sync went.
//!
//! It lives in the name column, so it is stripped wherever a name is read and kept wherever a
//! name is written.

use crate::text::utf16_len;

/// Before the name of a deal whose last sync went well.
pub const SUCCESS: char = '✔';
/// Before the name of a deal whose last sync failed.
pub const FAILURE: char = '✘';
/// UTF-16 units that a tick takes, with its blank.
pub const LENGTH: usize = 2;

// The service shows other pens than it prints; an editor may add a variation selector.
const PENS: [char; 4] = [SUCCESS, FAILURE, '✓', '✗'];
const SELECTORS: [char; 2] = ['\u{fe0e}', '\u{fe0f}'];

/// The name without ticks.
///
/// ```
/// # use cosell_mapping::tick;
/// assert_eq!(tick::strip("✓ CASINO ROYALE"), "CASINO ROYALE");
/// assert_eq!(tick::strip("✔nospace"), "✔nospace");
/// ```
pub fn strip(name: &str) -> &str {
    split(name).1
}

/// The ticks and the name after them.
pub(crate) fn split(name: &str) -> (&str, &str) {
    let mut rest = name;
    while let Some(marked) = rest.strip_prefix(PENS) {
        let marked = marked.strip_prefix(SELECTORS).unwrap_or(marked);
        match marked.strip_prefix(' ') {
            Some(after) => rest = after,
            // A service that trims leaves the bare mark of an empty name.
            None if marked.is_empty() => rest = marked,
            None => break,
        }
    }
    name.split_at(name.len() - rest.len())
}

/// The name with the one tick that tells `success`, in a column of `limit` UTF-16 units.
///
/// A name that leaves no room comes back without a tick: cutting it would look like an edit of
/// the name.
///
/// ```
/// # use cosell_mapping::tick;
/// assert_eq!(tick::add("✘ Contoso", true, 300), "✔ Contoso");
/// ```
pub fn add(name: &str, success: bool, limit: usize) -> String {
    let name = strip(name);
    if utf16_len(name) + LENGTH > limit {
        return name.to_owned();
    }
    let pen = if success { SUCCESS } else { FAILURE };
    format!("{pen} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // R91
    #[test]
    fn a_tick_is_added_once_and_stripped_whole() {
        assert_eq!(add(&add("Deal", true, 300), false, 300), "✘ Deal");
        for marked in ["✔ Deal", "✘ Deal", "✓ Deal", "✗ Deal", "✔\u{fe0f} ✘ Deal"] {
            assert_eq!(strip(marked), "Deal", "{marked}");
        }
        assert_eq!(strip("✔"), "");
        assert_eq!(strip("Deal ✔ Two"), "Deal ✔ Two");
    }

    #[test]
    fn a_name_without_room_keeps_its_text() {
        let long = "x".repeat(299);
        assert_eq!(add(&long, true, 300), long);
        assert_eq!(utf16_len(&add(&long[..298], true, 300)), 300);
    }
}
