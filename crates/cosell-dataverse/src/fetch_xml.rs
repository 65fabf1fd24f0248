//! Queries in FetchXML, the service's older language: what `$filter` cannot say (outer joins,
//! aggregates by period, hierarchies) can be said there.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, ops::Range};

use cosell_http::{Call, Error, ErrorKind, Repeat, Sent};
use futures_core::Stream;
use http::{HeaderValue, Method};
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use quick_xml::{
    Reader, XmlVersion,
    escape::escape,
    events::{BytesStart, Event},
};
use serde::{Deserialize, Serialize};

use crate::{
    Row, Rows,
    input::Faults,
    page::{PREFER, fingerprint, read_body},
    query::VALUE,
};

const OPERATION: &str = "dataverse.fetch_xml";
/// A longer query fits no address, not even inside a batch.
const MOST_BYTES: usize = 64 * 1024;
const DEEPEST: usize = 64;
/// A service that goes on for longer than so many pages is not getting anywhere.
const MOST_PAGES: u32 = 10_000;

/// A query in FetchXML.
///
/// ```
/// use cosell_dataverse::FetchXml;
/// let open = FetchXml::parse(
///     "<fetch><entity name='opportunity'><attribute name='name'/>\
///      <filter><condition attribute='statecode' operator='eq' value='0'/></filter>\
///      </entity></fetch>",
/// )
/// .unwrap();
/// assert_eq!(open.table(), "opportunity");
/// assert!(FetchXml::parse("<fetch><entity name='opportunity'></fetch>").is_err());
/// ```
#[derive(Clone)]
pub struct FetchXml {
    text: String,
    table: String,
    /// Where the root's opening tag stands, and its attributes but those of paging.
    root: Range<usize>,
    attributes: Vec<(String, String)>,
    /// Is there a `top`? Then there is one page.
    top: bool,
}

/// The length only: values may be personal data.
impl fmt::Debug for FetchXml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchXml")
            .field("table", &self.table)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl FetchXml {
    /// Reads a query. Only its form is looked at: one `fetch` around one `entity` with a name,
    /// well formed, without `page` and `paging-cookie`, which the reader of pages sets.
    ///
    /// # Errors
    /// [`Error`] of kind `Invalid` that says what is wrong; the query itself is not repeated.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let invalid =
            |message: String| Error::new(OPERATION, ErrorKind::Invalid, Sent::No, message);
        if text.len() > MOST_BYTES {
            return Err(invalid(format!(
                "the query has {} bytes: at most {MOST_BYTES} fit a request",
                text.len()
            )));
        }
        let mut faults = Faults::default();
        let mut found = Found::default();
        found
            .read(&text, &mut faults)
            .map_err(|reason| invalid(format!("the query is no FetchXML: {reason}")))?;
        if found.root.is_none() {
            faults.push("the query is no FetchXML: its outermost element is no fetch");
        }
        match found.tables.as_slice() {
            [table] => faults.check_name("table", table),
            [] => faults.push("the query names no entity: add <entity name='…'>"),
            _ => faults.push("the query has several entities: link them inside the first"),
        }
        faults.into_result(OPERATION)?;
        Ok(Self {
            table: found.tables.pop().unwrap_or_default(),
            root: found.root.unwrap_or_default(),
            attributes: found.attributes,
            top: found.top,
            text,
        })
    }

    /// The logical name of the table that is asked.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The query as it was handed in.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The query for a page: the root's opening tag anew, all else byte for byte.
    fn page(&self, rows: Option<u32>, at: &FetchContinuation) -> String {
        let mut tag = String::from("<fetch");
        let mut put = |name: &str, value: &str| {
            tag.push_str(&format!(" {name}=\"{}\"", escape(value)));
        };
        let rows = rows.filter(|_| !self.top);
        for (name, value) in &self.attributes {
            if !(name == "count" && rows.is_some()) {
                put(name, value);
            }
        }
        if let Some(rows) = rows {
            put("count", &rows.to_string());
        }
        if at.page > 1 {
            put("page", &at.page.to_string());
            if let Some(cookie) = &at.cookie {
                put("paging-cookie", cookie);
            }
        }
        tag.push('>');
        format!(
            "{}{tag}{}",
            &self.text[..self.root.start],
            &self.text[self.root.end..]
        )
    }
}

/// What stands in a query, as far as it is looked at.
#[derive(Default)]
struct Found {
    root: Option<Range<usize>>,
    attributes: Vec<(String, String)>,
    tables: Vec<String>,
    top: bool,
}

impl Found {
    fn read(&mut self, text: &str, faults: &mut Faults) -> Result<(), String> {
        let mut reader = Reader::from_str(text);
        let mut depth = 0usize;
        loop {
            let from = position(reader.buffer_position());
            let event = reader.read_event();
            let at = reader.buffer_position();
            let event = event.map_err(|_| format!("not XML at byte {at}"))?;
            let opens = matches!(event, Event::Start(_));
            match event {
                Event::Start(element) | Event::Empty(element) => {
                    match (depth, element.local_name().as_ref()) {
                        (0, "fetch") if self.root.is_none() && opens => {
                            let skipped = text[from..].find('<').unwrap_or_default();
                            self.root = Some(from + skipped..position(at));
                            self.read_root(&element, faults)?;
                        }
                        (1, "entity") => {
                            self.tables.push(name_of(&element)?);
                        }
                        (0, _) if self.root.is_some() => {
                            return Err("something stands after the fetch".to_owned());
                        }
                        _ => {}
                    }
                    depth += usize::from(opens);
                    if depth > DEEPEST {
                        return Err(format!(
                            "elements stand deeper in each other than {DEEPEST}"
                        ));
                    }
                }
                Event::End(_) => depth = depth.saturating_sub(1),
                Event::DocType(_) => return Err("a document type is not sent".to_owned()),
                Event::Eof if depth > 0 => return Err("it ends too early".to_owned()),
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn read_root(&mut self, root: &BytesStart<'_>, faults: &mut Faults) -> Result<(), String> {
        for attribute in root.attributes() {
            let fault = || "an attribute of fetch is not well formed".to_owned();
            let attribute = attribute.map_err(|_| fault())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|_| fault())?.into_owned();
            let name = attribute.key.as_ref().to_owned();
            match name.as_str() {
                "page" | "paging-cookie" => faults.push(format!(
                    "the query sets {name}: leave it out, reading pages sets it"
                )),
                "top" => self.top = true,
                _ => {}
            }
            self.attributes.push((name, value));
        }
        Ok(())
    }
}

fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn name_of(element: &BytesStart<'_>) -> Result<String, String> {
    let fault = || "the entity has no usable name".to_owned();
    let name = element.try_get_attribute("name").map_err(|_| fault())?;
    let name = name.ok_or_else(fault)?;
    let name = name.normalized_value(XmlVersion::Implicit1_0);
    Ok(name.map_err(|_| fault())?.into_owned())
}

/// Where reading a FetchXML query goes on. May be stored; for the same query only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchContinuation {
    page: u32,
    cookie: Option<String>,
}

/// The page only: the cookie holds values of rows.
impl fmt::Debug for FetchContinuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FetchContinuation(page {})", self.page)
    }
}

/// One page of a FetchXML query.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchPage {
    /// The rows; of an aggregate, under the aliases of the query.
    pub rows: Vec<Row>,
    /// Number of rows of the whole query, up to 5,000, where it asks by `returntotalrecordcount`.
    pub total: Option<i64>,
    /// The next page; `None` on the last.
    pub next: Option<FetchContinuation>,
}

/// Reads a FetchXML query page by page. Made by [`Rows::fetch`].
///
/// Cancel safety: a dropped `next_page` is read again by the next call.
#[derive(Debug)]
pub struct FetchPages {
    rows: Rows,
    query: FetchXml,
    size: Option<u32>,
    next: Option<FetchContinuation>,
    seen: BTreeSet<u64>,
}

impl Rows {
    /// Reads what `query` asks for, `size` rows a page (1 to 5,000; the query's `count`, or the
    /// service's own choice, when absent). The table has to be the query's.
    ///
    /// A query whose address would be too long goes inside a batch; at most some 60 KB, counted
    /// after encoding.
    pub fn fetch(&self, query: &FetchXml, size: Option<u32>) -> FetchPages {
        let first = FetchContinuation {
            page: 1,
            cookie: None,
        };
        self.resume_fetch(query, size, first)
    }

    /// Goes on reading `query` where a stored continuation points.
    pub fn resume_fetch(
        &self,
        query: &FetchXml,
        size: Option<u32>,
        from: FetchContinuation,
    ) -> FetchPages {
        FetchPages {
            rows: self.clone(),
            query: query.clone(),
            size,
            next: Some(from),
            seen: BTreeSet::new(),
        }
    }
}

impl FetchPages {
    /// The next page; `None` after the last one.
    ///
    /// # Errors
    /// [`Error`]; the same page is read again by the next call.
    pub async fn next_page(&mut self) -> Result<Option<FetchPage>, Error> {
        let Some(at) = self.next.clone() else {
            return Ok(None);
        };
        let mut faults = Faults::default();
        self.rows.table().check(&mut faults);
        if self.size.is_some_and(|rows| !(1..=5000).contains(&rows)) {
            faults.push("a page has 1 to 5,000 rows: give another size");
        }
        faults.into_result(OPERATION)?;
        let text = self.query.page(self.size, &at);
        let target = format!(
            "{}?fetchXml={}",
            self.rows.table().set(),
            utf8_percent_encode(&text, VALUE)
        );
        // Without these annotations the service does not tell whether more follows.
        let call = Call::new(OPERATION, Method::GET, target, Repeat::Safe).with_header(
            PREFER,
            HeaderValue::from_static("odata.include-annotations=\"Microsoft.Dynamics.CRM.*\""),
        );
        let answer = self.rows.client.get(call).await?;
        let page = read_body(OPERATION, &answer)?;
        let more = page.more == Some(true) && !self.query.top;
        let next = more.then(|| FetchContinuation {
            page: at.page.saturating_add(1),
            cookie: page.cookie.as_deref().and_then(paging_cookie),
        });
        if let Some(next) = &next {
            let cookie = next.cookie.as_deref();
            let repeats = cookie.is_some_and(|cookie| !self.seen.insert(fingerprint(cookie)));
            if repeats || next.page > MOST_PAGES {
                self.next = None;
                return Err(Error::malformed(
                    OPERATION,
                    &answer,
                    "the service leads back to a page that was read already: order by the primary \
                     key and read anew",
                ));
            }
        }
        self.next.clone_from(&next);
        Ok(Some(FetchPage {
            rows: page.value,
            total: page.total,
            next,
        }))
    }

    /// Where to go on after the pages handed out so far; `None` when all were.
    pub fn continuation(&self) -> Option<&FetchContinuation> {
        self.next.as_ref()
    }

    /// The pages as a stream; ends after the last page or the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<FetchPage, Error>> + Send + 'static {
        futures_util::stream::try_unfold(self, |mut pages| async move {
            Ok(pages.next_page().await?.map(|page| (page, pages)))
        })
    }
}

/// The cookie to send, out of `<cookie pagenumber="2" pagingcookie="…" istracking="False" />`,
/// where it stands encoded twice.
fn paging_cookie(annotation: &str) -> Option<String> {
    let mut reader = Reader::from_str(annotation);
    let element = loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => break element,
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    };
    let cookie = element.try_get_attribute("pagingcookie").ok()??;
    let cookie = cookie.normalized_value(XmlVersion::Implicit1_0).ok()?;
    let once = percent_decode_str(&cookie).decode_utf8().ok()?.into_owned();
    let twice = percent_decode_str(&once).decode_utf8().ok()?.into_owned();
    Some(twice).filter(|cookie| !cookie.is_empty())
}
