//! Addresses: where the collection is, and which links may be followed.
//!
//! The service's own links cannot be followed as they are: the documented link to the next page
//! says `http` and leaves a path segment out. The token goes to one origin only, so a link gives
//! a path and a query, and the origin is always that of the client's base.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// Address of production.
pub(crate) const PRODUCTION: &str = "https://api.partner.microsoft.com/v1.0/engagements/";

/// Path of the service below its host; used where the base names a host alone.
const SERVICE_PATH: &str = "/v1.0/engagements";

/// The documented link leaves `engagements` out; samples misspell it.
const MISSPELT: [&str; 2] = ["/v1.0/referrals", "/v1.0/engagments/referrals"];

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes text as one path segment.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Address of the collection under `base`.
pub(crate) fn collection(base: &Url) -> Url {
    let path = match base.path().trim_end_matches('/') {
        "" => SERVICE_PATH,
        path => path,
    };
    let path = format!("{path}/referrals");
    let mut collection = base.clone();
    collection.set_query(None);
    collection.set_fragment(None);
    collection.set_path(&path);
    collection
}

/// Path and query of `link` on the origin of `collection`, or why it is not followed.
pub(crate) fn follow(collection: &Url, link: &str) -> Result<String, &'static str> {
    let target = collection
        .join(link)
        .map_err(|_| "the link is no address")?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err("the link is no web address");
    }
    if !target.username().is_empty() || target.password().is_some() {
        return Err("the link carries credentials");
    }
    if target.host_str() != collection.host_str() {
        return Err("the link leads to another host");
    }
    if target.port().is_some() && target.port() != collection.port_or_known_default() {
        return Err("the link leads to another port");
    }
    let path = target.path();
    let path = if MISSPELT.contains(&path.trim_end_matches('/')) {
        collection.path()
    } else {
        path
    };
    Ok(match target.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn production() -> Url {
        collection(&Url::parse(PRODUCTION).unwrap())
    }

    #[test]
    fn the_documented_link_is_repaired() {
        let target = follow(
            &production(),
            "http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=q7Pw2LkZ%2fA",
        );
        assert_eq!(
            target.unwrap(),
            "/v1.0/engagements/referrals?$skiptoken=q7Pw2LkZ%2fA"
        );
    }

    #[test]
    fn clean_and_relative_links_are_followed_as_they_are() {
        let collection = collection(&Url::parse("http://127.0.0.1:8080/").unwrap());
        for link in [
            "http://127.0.0.1:8080/v1.0/engagements/referrals?$skiptoken=a%2Fb",
            "http://127.0.0.1/v1.0/referrals?$skiptoken=a%2Fb",
            "/v1.0/engagements/referrals?$skiptoken=a%2Fb",
            "?$skiptoken=a%2Fb",
        ] {
            assert_eq!(
                follow(&collection, link).unwrap(),
                "/v1.0/engagements/referrals?$skiptoken=a%2Fb",
                "{link}"
            );
        }
    }

    #[test]
    fn links_elsewhere_are_refused() {
        for link in [
            "https://evil.example/v1.0/engagements/referrals?$skiptoken=a",
            "//evil.example/v1.0/engagements/referrals",
            "https://api.partner.microsoft.com.evil.example/",
            "https://api.partner.microsoft.com@evil.example/",
            "https://me:secret@api.partner.microsoft.com/",
            "https://api.partner.microsoft.com:8443/v1.0/engagements/referrals",
            "ftp://api.partner.microsoft.com/",
            "javascript:alert(1)",
            "https://",
        ] {
            assert!(follow(&production(), link).is_err(), "{link}");
        }
    }

    #[test]
    fn the_collection_stands_below_any_base() {
        for (base, wanted) in [
            (
                PRODUCTION,
                "https://api.partner.microsoft.com/v1.0/engagements/referrals",
            ),
            (
                "http://localhost:1",
                "http://localhost:1/v1.0/engagements/referrals",
            ),
            (
                "http://localhost:1/a/v1.0/engagements",
                "http://localhost:1/a/v1.0/engagements/referrals",
            ),
        ] {
            assert_eq!(collection(&Url::parse(base).unwrap()).as_str(), wanted);
        }
    }
}
