//! Text armour of certificates and keys.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Longest text that is read, in bytes.
const LONGEST: usize = 256 * 1024;

/// The first block in `text` whose label is one of `labels`, with that label.
pub(super) fn block<'a>(text: &str, labels: &[&'a str]) -> Option<(&'a str, Vec<u8>)> {
    if text.len() > LONGEST {
        return None;
    }
    labels
        .iter()
        .filter_map(|label| {
            let begin = format!("-----BEGIN {label}-----");
            let end = format!("-----END {label}-----");
            let (before, rest) = text.split_once(&begin)?;
            let (body, _) = rest.split_once(&end)?;
            let plain: String = body.split_whitespace().collect();
            Some((before.len(), *label, STANDARD.decode(plain).ok()?))
        })
        .min_by_key(|(place, ..)| *place)
        .map(|(_, label, bytes)| (label, bytes))
}
