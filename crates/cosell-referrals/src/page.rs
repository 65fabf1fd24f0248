//! Pages of a list, and where to go on.

use std::{fmt, pin::Pin};

use futures_core::Stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use crate::{
    Error, FieldError, Referral, link,
    wire::{At, Object, Wire},
};

/// Referrals one by one; see [`Referrals::list`](crate::Referrals::list).
pub type ReferralStream = Pin<Box<dyn Stream<Item = Result<Referral, Error>> + Send>>;

/// Pages one by one; see [`Referrals::pages`](crate::Referrals::pages).
pub type PageStream = Pin<Box<dyn Stream<Item = Result<Page, Error>> + Send>>;

/// Where a list goes on. Can be stored as text, or serialised as one.
///
/// Holds a path and a query but no host, so a stored one cannot lead a token elsewhere. How long
/// the service honours it is not published.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Continuation(String);

impl Continuation {
    /// From stored text. Judged when it is used.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The referrals; may be empty in the middle of a list.
    pub items: Vec<Referral>,
    /// Where the list goes on; `None` at its end, and only there.
    pub next: Option<Continuation>,
    /// What the service counted, if it said so. In one of its samples that is the referrals on the
    /// page, in another it is not: no grand total to rely on.
    pub count: Option<u64>,
}

/// Why an answer is no page.
#[derive(Debug)]
pub(crate) enum PageFault {
    Body(FieldError),
    Link(&'static str),
}

impl Page {
    /// Reads the body of a list answer.
    pub(crate) fn decode(body: &[u8], collection: &Url) -> Result<Self, PageFault> {
        let object = Object::decode(body, "page").map_err(PageFault::Body)?;
        let Some(value) = object.find("value") else {
            return Err(PageFault::Body(FieldError::new(
                "value",
                "a list of referrals",
                "nothing",
            )));
        };
        let at = At::member("", "value");
        let rows: Vec<&RawValue> = serde_json::from_str(value.get())
            .map_err(|_| PageFault::Body(at.wrong("a list of referrals", value)))?;
        let mut items = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            let members = serde_json::from_str(row.get())
                .map_err(|_| PageFault::Body(at.item(index).wrong("an object", row)))?;
            items.push(Referral::from_raw(members));
        }
        let next = object
            .find("@odata.nextLink")
            .map(|raw| String::read(raw, &At::member("", "@odata.nextLink")))
            .transpose()
            .map_err(PageFault::Body)?
            .flatten()
            .map(|link| link::follow(collection, &link))
            .transpose()
            .map_err(PageFault::Link)?
            .map(Continuation);
        // A count that cannot be read spoils no page.
        let count = object.field::<String>("@odata.count").ok().flatten();
        let count = count.and_then(|count| count.parse().ok());
        Ok(Self { items, next, count })
    }
}

/// Notices a list that goes round in a circle, whatever the length of the circle.
///
/// Brent's method: one link is remembered and replaced at growing distances, so memory does not
/// grow with the list; a circle is noticed after at most three rounds.
#[derive(Debug, Default)]
pub(crate) struct CircleGuard {
    remembered: Option<Continuation>,
    steps: u64,
    distance: u64,
}

impl CircleGuard {
    /// Takes note of the next link; true if the list has been here before.
    pub(crate) fn closes(&mut self, next: &Continuation) -> bool {
        if self.remembered.as_ref() == Some(next) {
            return true;
        }
        self.steps += 1;
        if self.steps >= self.distance {
            self.remembered = Some(next.clone());
            self.steps = 0;
            self.distance = (self.distance * 2).max(1);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection() -> Url {
        link::collection(&Url::parse(link::PRODUCTION).unwrap())
    }

    fn decode(body: &str) -> Result<Page, PageFault> {
        Page::decode(body.as_bytes(), &collection())
    }

    #[test]
    fn a_page_ends_the_list_only_without_a_link() {
        let last = decode(r#"{"value":[],"@odata.nextLink":null}"#).unwrap();
        assert!(last.items.is_empty() && last.next.is_none());
        let middle = decode(
            r#"{"@odata.count":1,"value":[],
                "@odata.nextLink":"http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=x"}"#,
        )
        .unwrap();
        assert_eq!(
            middle.next.as_ref().unwrap().as_str(),
            "/v1.0/engagements/referrals?$skiptoken=x"
        );
        assert_eq!((last.count, middle.count), (None, Some(1)));
        let odd = decode(r#"{"@odata.count":[],"value":[]}"#).unwrap();
        assert_eq!(odd.count, None);
    }

    #[test]
    fn what_is_no_page_says_where() {
        for (body, path) in [
            ("{}", "value"),
            (r#"{"value":null}"#, "value"),
            (r#"{"value":{}}"#, "value"),
            (r#"{"value":[{},7]}"#, "value[1]"),
            (r#"{"value":[],"@odata.nextLink":[]}"#, "@odata.nextLink"),
            (r#"{"value":[{"id":"#, "page"),
            ("<html>", "page"),
            ("", "page"),
        ] {
            match decode(body) {
                Err(PageFault::Body(fault)) => assert_eq!(fault.path, path, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        assert!(matches!(
            decode(r#"{"value":[],"@odata.nextLink":"https://evil.example/"}"#),
            Err(PageFault::Link(_))
        ));
    }

    #[test]
    fn circles_of_any_length_are_noticed_and_straight_lists_are_not() {
        let link = |n: usize| Continuation::new(format!("/r?$skiptoken={n}"));
        for length in 1..40 {
            for lead in 0..20 {
                let mut guard = CircleGuard::default();
                let path = (0..lead).chain((0..).map(|n| lead + n % length));
                let noticed = path
                    .take(lead + 4 * length + lead * 2)
                    .any(|n| guard.closes(&link(n)));
                assert!(noticed, "circle of {length} after {lead}");
            }
        }
        let mut guard = CircleGuard::default();
        assert!(!(0..10_000).any(|n| guard.closes(&link(n))));
    }
}
