//! What may be printed of a request: never a token, a cookie or a query value.

use std::fmt;

use http::{HeaderMap, HeaderName, header};
use url::Url;

const SECRET: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    header::SET_COOKIE,
];

const STANDS_FOR: &str = "…";

/// Debug view of headers with secret values left out.
///
/// ```
/// # use http::{HeaderMap, HeaderValue, header};
/// let mut headers = HeaderMap::new();
/// headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
/// headers.insert(header::IF_MATCH, HeaderValue::from_static("\"7\""));
/// let printed = format!("{:?}", cosell_http::redact::Headers(&headers));
/// assert!(!printed.contains("abc") && printed.contains("if-match"));
/// ```
pub struct Headers<'a>(
    /// The headers to print.
    pub &'a HeaderMap,
);

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.0 {
            if value.is_sensitive() || SECRET.contains(name) {
                map.entry(name, &STANDS_FOR);
            } else if *name == header::LOCATION {
                map.entry(name, &target(&String::from_utf8_lossy(value.as_bytes())));
            } else {
                map.entry(name, value);
            }
        }
        map.finish()
    }
}

/// An address without user, password, fragment and query values; the query's names stay.
pub fn url(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for addresses that cannot hold them in the first place.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    with_query(shown.as_str(), url.query())
}

/// The same for the text of a relative or absolute address.
pub fn target(text: &str) -> String {
    if let Ok(absolute) = Url::parse(text) {
        return url(&absolute);
    }
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    match text.split_once('?') {
        Some((path, query)) => with_query(path, Some(query)),
        None => text.to_owned(),
    }
}

fn with_query(path: &str, query: Option<&str>) -> String {
    let mut shown = path.to_owned();
    for (index, pair) in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .enumerate()
    {
        shown.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) => {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(STANDS_FOR);
            }
            // A bare word may itself be the value, such as a token.
            None => shown.push_str(STANDS_FOR),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn query_values_and_credentials_are_left_out() {
        for (given, shown) in [
            (
                "https://u:p@h.example/a?$filter=name eq 'Ann'&$top=1#frag",
                "https://h.example/a?$filter=…&$top=…",
            ),
            ("accounts?x=secret", "accounts?x=…"),
            ("accounts?secret", "accounts?…"),
            ("accounts#secret", "accounts"),
            ("accounts?", "accounts"),
            ("", ""),
        ] {
            assert_eq!(target(given), shown);
        }
    }

    #[test]
    fn secret_headers_are_left_out() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("hush"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("hush"));
        headers.insert(
            header::PROXY_AUTHORIZATION,
            HeaderValue::from_static("hush"),
        );
        headers.insert(
            header::LOCATION,
            HeaderValue::from_static("https://h.example/?code=hush"),
        );
        let mut sensitive = HeaderValue::from_static("hush");
        sensitive.set_sensitive(true);
        headers.insert("x-own", sensitive);
        headers.insert("x-open", HeaderValue::from_static("seen"));
        let printed = format!("{:?}", Headers(&headers));
        assert!(!printed.contains("hush"), "{printed}");
        assert!(printed.contains("seen"), "{printed}");
    }
}
