//! How long the service asks to wait.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use http::{HeaderMap, header};

/// The wait named by `Retry-After`: seconds or a date. `None` if absent or unreadable.
///
/// A date is measured from the answer's own `Date` where it has one, so that a clock that is
/// wrong here does not turn a short wait into a long one.
pub(crate) fn read(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = date(text)?;
    let from = headers
        .get(header::DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(date)
        .unwrap_or(now);
    Some((until - from).to_std().unwrap_or(Duration::ZERO))
}

/// The three date forms that HTTP obliges a reader to know.
fn date(text: &str) -> Option<DateTime<Utc>> {
    [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ]
    .iter()
    .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    .map(|naive| naive.and_utc())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn wait(value: &str, date: Option<&'static str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(value).ok()?);
        if let Some(date) = date {
            headers.insert(header::DATE, HeaderValue::from_static(date));
        }
        read(&headers, at("1994-11-06T08:49:07Z")).map(|wait| wait.as_secs())
    }

    // R123
    #[test]
    fn seconds_and_all_date_forms_are_read() {
        for (value, seconds) in [
            ("57", Some(57)),
            (" 0 ", Some(0)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(30)),
            ("Sun Nov  6 08:49:37 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait(value, None), seconds, "{value}");
        }
    }

    #[test]
    fn a_date_is_measured_from_the_services_own_clock() {
        let date = Some("Sun, 06 Nov 1994 08:49:27 GMT");
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", date), Some(10));
        assert_eq!(wait("5", date), Some(5));
    }

    proptest! {
        #[test]
        fn any_text_is_borne(text in "\\PC{0,60}") {
            let _ = wait(&text, None);
        }
    }
}
