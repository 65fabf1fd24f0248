//! Text as both sides can agree on it: line ends, entities, lengths.

use std::borrow::Cow;

/// Line ends become LF.
pub(crate) fn unix_lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Length as the CRM counts it.
pub(crate) fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The longest beginning of at most `limit` UTF-16 units that ends between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut units = 0;
    for (index, character) in text.char_indices() {
        units += character.len_utf16();
        if units > limit {
            return &text[..index];
        }
    }
    text
}

/// Decodes HTML entities until none is left.
///
/// A service that escapes on the way in or out may do so twice, and what is written back must
/// read the same again, so one pass would not do. Each pass makes the text shorter, so it ends.
pub(crate) fn decode_entities(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    while let Some(decoded) = decode_once(&text) {
        text = Cow::Owned(decoded);
    }
    text
}

fn decode_once(text: &str) -> Option<String> {
    // Longest known: `&#x10FFFF;`.
    const LONGEST: usize = 10;
    let mut decoded = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(start) = rest.find('&') {
        let (before, entity) = rest.split_at(start);
        decoded.push_str(before);
        let end = entity.bytes().take(LONGEST).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, character(&entity[1..end])?))) {
            Some((end, character)) => {
                found = true;
                decoded.push(character);
                rest = &entity[end + 1..];
            }
            None => {
                decoded.push('&');
                rest = &entity[1..];
            }
        }
    }
    decoded.push_str(rest);
    found.then_some(decoded)
}

fn character(name: &str) -> Option<char> {
    let number = match name.strip_prefix('#') {
        None => {
            return match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                "nbsp" => Some('\u{a0}'),
                _ => None,
            };
        }
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => digits.parse().ok()?,
        },
    };
    char::from_u32(number).filter(|&character| character != '\0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entities_are_decoded_to_the_end() {
        for (coded, plain) in [
            ("a &amp; b", "a & b"),
            ("&lt;b&gt;&quot;&apos;&#39;&#x27;", "<b>\"'''"),
            ("&amp;lt;", "<"),
            (
                "AT&T; R&D &unknown; &#0; &#xD800; &",
                "AT&T; R&D &unknown; &#0; &#xD800; &",
            ),
            ("&é;&amp;", "&é;&"),
        ] {
            assert_eq!(decode_entities(coded), plain);
        }
    }

    #[test]
    fn cutting_counts_utf16_and_keeps_characters_whole() {
        assert_eq!(utf16_len("a😀b"), 4);
        assert_eq!(cut("a😀b", 4), "a😀b");
        assert_eq!(cut("a😀b", 3), "a😀");
        assert_eq!(cut("a😀b", 2), "a");
        assert_eq!(cut("", 0), "");
    }

    proptest! {
        #[test]
        fn decoding_twice_is_decoding_once(text in "[a-z&;#x0-9]{0,40}|\\PC{0,20}") {
            let once = decode_entities(&text).into_owned();
            prop_assert_eq!(decode_entities(&once), once.as_str());
        }

        #[test]
        fn a_cut_fits(text in "\\PC{0,60}", limit in 0_usize..70) {
            prop_assert!(utf16_len(cut(&text, limit)) <= limit);
        }
    }
}
