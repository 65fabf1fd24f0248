//! The two things a client certificate is asked for: when it ends, and whose key it holds.

use chrono::{DateTime, NaiveDateTime, Utc};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERAL_TIME: u8 = 0x18;

/// The first element of `bytes`: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        // Longer lengths than four bytes occur in no certificate.
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        let length = digits
            .iter()
            .fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn inside(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (seen, content, rest) = element(bytes)?;
    (seen == tag).then_some((content, rest))
}

/// End of life and public key (the element `subjectPublicKeyInfo` whole) of a certificate.
pub(super) fn end_and_key(certificate: &[u8]) -> Option<(DateTime<Utc>, &[u8])> {
    let (certificate, _) = inside(certificate, SEQUENCE)?;
    let (fields, _) = inside(certificate, SEQUENCE)?;
    let fields = match inside(fields, VERSION) {
        Some((_, rest)) => rest,
        None => fields,
    };
    let (_, _, fields) = element(fields)?; // serial number
    let (_, fields) = inside(fields, SEQUENCE)?; // signature algorithm
    let (_, fields) = inside(fields, SEQUENCE)?; // issuer
    let (validity, fields) = inside(fields, SEQUENCE)?;
    let (_, key) = inside(fields, SEQUENCE)?; // subject
    let (_, _, rest) = element(key)?;
    let key = key.get(..key.len() - rest.len())?;
    let (_, _, after) = element(validity)?; // begin
    let (tag, end, _) = element(after)?;
    Some((moment(tag, end)?, key))
}

fn moment(tag: u8, text: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(text).ok()?;
    let full = match tag {
        GENERAL_TIME => text.to_owned(),
        UTC_TIME => {
            let year: u32 = text.get(..2)?.parse().ok()?;
            format!("{}{text}", if year < 50 { "20" } else { "19" })
        }
        _ => return None,
    };
    let parsed = NaiveDateTime::parse_from_str(&full, "%Y%m%d%H%M%SZ").ok()?;
    Some(parsed.and_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_ways_to_write_a_moment_are_read() {
        for (tag, text, moment_text) in [
            (UTC_TIME, "270309142231Z", Some("2027-03-09T14:22:31Z")),
            (UTC_TIME, "990309142231Z", Some("1999-03-09T14:22:31Z")),
            (
                GENERAL_TIME,
                "20510309142231Z",
                Some("2051-03-09T14:22:31Z"),
            ),
            (GENERAL_TIME, "2051", None),
            (UTC_TIME, "", None),
            (0x02, "20510309142231Z", None),
        ] {
            let wanted = moment_text.map(|text| text.parse().unwrap());
            assert_eq!(moment(tag, text.as_bytes()), wanted, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = end_and_key(&bytes);
            let mut nested = vec![SEQUENCE, 0x82, 0, 200, SEQUENCE, 60];
            nested.extend(bytes);
            let _ = end_and_key(&nested);
        }
    }
}
