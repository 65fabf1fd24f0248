//! Reading rows page by page.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use cosell_http::{Answer, Call, Error, Repeat, decode_json};
use futures_core::Stream;
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use crate::{Dataverse, Query, Row, Table, input::Faults};

/// A service that answers so many empty pages on end is not getting anywhere.
const MAX_EMPTY_PAGES: u32 = 1000;

/// Where reading goes on. May be stored; opaque.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Continuation(String);

/// The length only: the link repeats the filter, whose values may be personal data.
impl fmt::Debug for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Continuation({} bytes)", self.0.len())
    }
}

impl Continuation {
    pub(crate) fn link(&self) -> &str {
        &self.0
    }
}

/// How pages are read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PageOptions {
    /// Rows a page, 1 to 5,000; the service's own choice (5,000) when absent. A page must fit the
    /// pipeline's body limit (16 MiB unless set otherwise).
    pub size: Option<u32>,
}

impl PageOptions {
    /// At most `rows` rows a page.
    #[must_use]
    pub fn with_size(mut self, rows: u32) -> Self {
        self.size = Some(rows);
        self
    }

    /// The `Prefer` header, to be sent again with every page.
    pub(crate) fn prefer(&self, first: Option<&str>, faults: &mut Faults) -> Option<HeaderValue> {
        let size = self.size.map(|rows| {
            if !(1..=5000).contains(&rows) {
                faults.push(format!(
                    "a page of {rows} rows is asked for: the service gives 1 to 5,000"
                ));
            }
            format!("odata.maxpagesize={rows}")
        });
        let parts: Vec<&str> = first.into_iter().chain(size.as_deref()).collect();
        if parts.is_empty() {
            return None;
        }
        HeaderValue::from_str(&parts.join(",")).ok()
    }
}

/// One page of rows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The rows; may be empty although more pages follow.
    pub rows: Vec<Row>,
    /// Number of rows of the whole query, up to 5,000, where it was asked for.
    pub count: Option<i64>,
    /// The next page; `None` on the last.
    pub next: Option<Continuation>,
}

/// Reads a query page by page. Made by [`Rows::pages`](crate::Rows::pages) or
/// [`Dataverse::resume_pages`].
///
/// Rows that change while pages are read may be missed or repeated where the order is by a column
/// that changes. Cancel safety: a dropped `next_page` is read again by the next call.
#[derive(Debug)]
pub struct Pages {
    client: Dataverse,
    next: Option<Result<Continuation, Error>>,
    options: PageOptions,
    seen: BTreeSet<u64>,
    empty: u32,
}

impl Dataverse {
    /// Goes on reading where a stored continuation points.
    pub fn resume_pages(&self, from: Continuation, options: PageOptions) -> Pages {
        Pages::over(self.clone(), Ok(from), options)
    }
}

impl Pages {
    pub(crate) fn start(
        client: Dataverse,
        table: &Table,
        query: &Query,
        options: PageOptions,
    ) -> Self {
        let (text, mut faults) = query.render();
        table.check(&mut faults);
        if query.top.is_some() && options.size.is_some() {
            faults.push(
                "$top and a page size are given together, and the service ignores $top then: \
                 give one of them",
            );
        }
        options.prefer(None, &mut faults);
        let first = faults.into_result(OPERATION).map(|()| {
            Continuation(if text.is_empty() {
                table.set().to_owned()
            } else {
                format!("{}?{text}", table.set())
            })
        });
        Self::over(client, first, options)
    }

    fn over(client: Dataverse, next: Result<Continuation, Error>, options: PageOptions) -> Self {
        Self {
            client,
            next: Some(next),
            options,
            seen: BTreeSet::new(),
            empty: 0,
        }
    }

    /// The next page; `None` after the last one. An empty page is not the last one.
    ///
    /// # Errors
    /// [`Error`]; the same page is read again by the next call, except after kind `Invalid`.
    pub async fn next_page(&mut self) -> Result<Option<Page>, Error> {
        let at = match &self.next {
            None => return Ok(None),
            Some(Ok(at)) => at.clone(),
            Some(Err(_)) => match self.next.take() {
                Some(Err(error)) => return Err(error),
                _ => return Ok(None),
            },
        };
        let mut faults = Faults::default();
        let prefer = self.options.prefer(None, &mut faults);
        faults.into_result(OPERATION)?;
        let (answer, raw) = self.client.read_page(OPERATION, at.link(), prefer).await?;
        let next = raw.next_link(&self.client, OPERATION, &answer)?;
        let page = raw.into_page(next);
        self.guard(&at, &page, &answer)?;
        self.next = page.next.clone().map(Ok);
        Ok(Some(page))
    }

    /// Where to go on after the pages handed out so far; `None` when all were.
    pub fn continuation(&self) -> Option<&Continuation> {
        self.next.as_ref()?.as_ref().ok()
    }

    /// The rows one by one.
    pub fn items(self) -> Items {
        Items {
            resume: self.continuation().cloned(),
            pages: self,
            rows: VecDeque::new(),
        }
    }

    /// The pages as a stream; ends after the last page or the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Page, Error>> + Send + 'static {
        futures_util::stream::try_unfold(self, |mut pages| async move {
            Ok(pages.next_page().await?.map(|page| (page, pages)))
        })
    }

    /// A service that repeats itself would be read for ever.
    fn guard(&mut self, at: &Continuation, page: &Page, answer: &Answer) -> Result<(), Error> {
        self.empty = if page.rows.is_empty() {
            self.empty + 1
        } else {
            0
        };
        self.seen.insert(fingerprint(at.link()));
        let repeats = page
            .next
            .as_ref()
            .is_some_and(|next| self.seen.contains(&fingerprint(next.link())));
        if repeats || self.empty > MAX_EMPTY_PAGES {
            self.next = None;
            return Err(Error::malformed(
                OPERATION,
                answer,
                "the service leads back to a page that was read already: order by the primary \
                 key and read anew",
            ));
        }
        Ok(())
    }
}

const OPERATION: &str = "dataverse.pages";
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The rows of a query one by one.
///
/// Cancel safety: a dropped `next_row` loses nothing.
#[derive(Debug)]
pub struct Items {
    pages: Pages,
    rows: VecDeque<Row>,
    /// The page whose rows are being handed out.
    resume: Option<Continuation>,
}

impl Items {
    /// The next row; `None` after the last one.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn next_row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if let Some(row) = self.rows.pop_front() {
                return Ok(Some(row));
            }
            self.resume = self.pages.continuation().cloned();
            match self.pages.next_page().await? {
                Some(page) => self.rows = page.rows.into(),
                None => return Ok(None),
            }
        }
    }

    /// Where to go on: trails behind, so that resuming repeats rows of a page and never skips any.
    /// `None` when all rows were handed out.
    pub fn continuation(&self) -> Option<&Continuation> {
        self.resume.as_ref()
    }

    /// The rows as a stream; ends after the last row or the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Row, Error>> + Send + 'static {
        futures_util::stream::try_unfold(self, |mut items| async move {
            Ok(items.next_row().await?.map(|row| (row, items)))
        })
    }
}

/// A page as it arrives.
pub(crate) struct RawPage {
    pub(crate) value: Vec<Row>,
    pub(crate) count: Option<i64>,
    next: Option<String>,
    pub(crate) delta: Option<String>,
    /// Of a FetchXML query: do more rows follow, and from where?
    pub(crate) more: Option<bool>,
    pub(crate) cookie: Option<String>,
    pub(crate) total: Option<i64>,
}

#[derive(Deserialize)]
struct PageBody {
    value: Option<Vec<Row>>,
    #[serde(rename = "@odata.count")]
    count: Option<i64>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
    #[serde(rename = "@Microsoft.Dynamics.CRM.morerecords")]
    more: Option<bool>,
    #[serde(rename = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie")]
    cookie: Option<String>,
    #[serde(rename = "@Microsoft.Dynamics.CRM.totalrecordcount")]
    total: Option<i64>,
}

/// Reads a page.
pub(crate) fn read_body(operation: &'static str, answer: &Answer) -> Result<RawPage, Error> {
    let body: PageBody = decode_json(operation, answer)?;
    let Some(value) = body.value else {
        return Err(Error::malformed(
            operation,
            answer,
            "the page has no `value`: is the set's name right?",
        ));
    };
    Ok(RawPage {
        value,
        count: body.count,
        next: body.next,
        delta: body.delta,
        more: body.more,
        cookie: body.cookie,
        total: body.total.filter(|total| *total >= 0),
    })
}

impl RawPage {
    pub(crate) fn into_page(self, next: Option<Continuation>) -> Page {
        Page {
            rows: self.value,
            count: self.count,
            next,
        }
    }

    /// The next page's link, if it leads to this environment.
    pub(crate) fn next_link(
        &self,
        client: &Dataverse,
        operation: &'static str,
        answer: &Answer,
    ) -> Result<Option<Continuation>, Error> {
        let next = self.next.as_deref();
        Ok(client.own_link(operation, answer, next)?.map(Continuation))
    }
}

impl Dataverse {
    pub(crate) async fn read_page(
        &self,
        operation: &'static str,
        target: &str,
        prefer: Option<HeaderValue>,
    ) -> Result<(Answer, RawPage), Error> {
        self.check_link(operation, target)?;
        let mut call = Call::new(operation, Method::GET, target, Repeat::Safe);
        if let Some(prefer) = prefer {
            call = call.with_header(PREFER, prefer);
        }
        let answer = self.get(call).await?;
        let page = read_body(operation, &answer)?;
        Ok((answer, page))
    }

    /// A link of an answer, if it leads to this environment.
    pub(crate) fn own_link(
        &self,
        operation: &'static str,
        answer: &Answer,
        link: Option<&str>,
    ) -> Result<Option<String>, Error> {
        match link {
            None => Ok(None),
            Some(link) if self.owns(link) => Ok(Some(link.to_owned())),
            Some(_) => Err(Error::malformed(
                operation,
                answer,
                "the answer links to another origin than this environment: the link is not \
                 followed, since it would carry the token there",
            )),
        }
    }
}

/// Keeps a mark of each link instead of its kilobytes.
pub(crate) fn fingerprint(link: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    link.hash(&mut hasher);
    hasher.finish()
}
