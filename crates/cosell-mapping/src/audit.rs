//! The audit text in the CRM: one line an attempt, newest last.

use chrono::{DateTime, Utc};

use crate::text::{cut, unix_lines, utf16_len};

/// One line: `2026-04-17 09:05 - sentence`, in UTC.
///
/// ```
/// # use cosell_mapping::audit;
/// let at = "2026-04-17T09:05:59Z".parse().unwrap();
/// assert_eq!(audit::line(at, "Sent to Partner Center."), "2026-04-17 09:05 - Sent to Partner Center.");
/// ```
pub fn line(at: DateTime<Utc>, sentence: &str) -> String {
    // One attempt is one line, whatever a service writes into its error texts.
    let sentence: Vec<&str> = sentence.split_whitespace().collect();
    format!("{} - {}", at.format("%Y-%m-%d %H:%M"), sentence.join(" "))
}

/// The audit text with `line` added, at most `limit` UTF-16 units: the oldest whole lines go
/// first. A line longer than the whole column is cut.
pub fn append(existing: &str, line: &str, limit: usize) -> String {
    let line = cut(line, limit);
    let existing = unix_lines(existing);
    let mut room = limit - utf16_len(line);
    let kept: Vec<&str> = existing
        .lines()
        .rev()
        .filter(|old| !old.is_empty())
        .take_while(|old| match room.checked_sub(utf16_len(old) + 1) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        })
        .collect();
    let mut text = String::new();
    for old in kept.into_iter().rev() {
        text.push_str(old);
        text.push('\n');
    }
    text.push_str(line);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_the_shape_of_the_connector() {
        let at = "2020-04-17T09:05:31Z".parse().unwrap();
        assert_eq!(
            line(at, "Partner Center Referral to CRM\r\nsync failed."),
            "2020-04-17 09:05 - Partner Center Referral to CRM sync failed."
        );
    }

    // R85
    #[test]
    fn the_oldest_whole_lines_make_room() {
        assert_eq!(append("", "c", 10), "c");
        assert_eq!(append("aaaa\r\nbbbb", "cccc", 14), "aaaa\nbbbb\ncccc");
        assert_eq!(append("aaaa\nbbbb", "cccc", 13), "bbbb\ncccc");
        assert_eq!(append("aaaa\nbbbb", "cccccc", 5), "ccccc");
    }

    proptest! {
        // R85
        #[test]
        fn an_audit_text_never_outgrows_its_column(
            old in "[a-z😀\r\n]{0,60}", line in "[a-z😀]{0,30}", limit in 0_usize..80,
        ) {
            let text = append(&old, &line, limit);
            prop_assert!(utf16_len(&text) <= limit);
            prop_assert!(text.ends_with(cut(&line, limit)));
        }
    }
}
