//! One write, ready to be sent alone or inside a change set.

use bytes::Bytes;
use cosell_http::{Call, Error, Repeat};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use percent_encoding::utf8_percent_encode;
use url::Url;
use uuid::Uuid;

use crate::{Columns, ContentId, ETag, LinkTo, Table, input::Faults, query::VALUE};

/// On which state of the row a write depends.
///
/// | | row exists | row absent |
/// |---|---|---|
/// | `None` | updates | **creates** (a delete: 404) |
/// | `MustExist` | updates | 404 |
/// | `Version` of the row | updates | 404 |
/// | `Version` of another | 412 | 404 |
/// | `MustNotExist` | 412 | creates |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// None: a missing row is created.
    None,
    /// The row exists (`If-Match: *`).
    MustExist,
    /// The row is still at this version (`If-Match`).
    Version(ETag),
    /// There is no such row (`If-None-Match: *`).
    MustNotExist,
}

/// One write: a row operation or an action.
///
/// [`Dataverse::run`](crate::Dataverse::run) sends it alone, a
/// [`ChangeSet`](crate::ChangeSet) gathers several that take effect together or not at all.
#[derive(Clone, Debug)]
pub struct Op {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Below the base address, or below the row that `at` made.
    pub(crate) target: String,
    /// The operation of the same change set whose row this one is about.
    pub(crate) at: Option<ContentId>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// The column that holds the id in a returned row.
    pub(crate) key: Option<String>,
    /// The id that the caller chose or addressed.
    pub(crate) id: Option<Uuid>,
    /// Does success mean that a row was made? `None` where either may have happened.
    pub(crate) creates: Option<bool>,
    pub(crate) returning: Option<Vec<String>>,
    pub(crate) tag: Option<String>,
    /// Is the row named by an alternate key? Then the answer may not tell its id.
    pub(crate) by_key: bool,
    pub(crate) faults: Faults,
}

/// What an operation sends.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    /// A row.
    Entry(Columns),
    /// Parameters of an action.
    Parameters(Columns),
    /// A row to link to.
    Link(LinkTo),
}

impl Body {
    pub(crate) fn columns(&self) -> Option<&Columns> {
        match self {
            Self::None | Self::Link(_) => None,
            Self::Entry(columns) | Self::Parameters(columns) => Some(columns),
        }
    }

    pub(crate) fn to_bytes(&self, offset: u32, base: &Url) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::Entry(columns) | Self::Parameters(columns) => columns.to_body(offset),
            Self::Link(to) => to.to_body(offset, base),
        }
    }
}

impl Op {
    /// Makes a row of `table`. With an `id` of the caller's choosing a repeat after a lost answer
    /// is refused (412) instead of making a twin.
    pub fn create(table: &Table, id: Option<Uuid>, columns: Columns) -> Self {
        let columns = match id {
            Some(id) => columns.set(table.key(), id),
            None => columns,
        };
        let mut op = Self::new("dataverse.create", Method::POST, table.set().to_owned());
        op.creates = Some(true);
        op.id = id;
        op.on(table).with_body(Body::Entry(columns))
    }

    /// Changes the row `id` of `table`, or makes it where `condition` allows.
    pub fn update(table: &Table, id: Uuid, columns: Columns, condition: &Condition) -> Self {
        let mut op = Self::new("dataverse.update", Method::PATCH, table.row_target(id));
        op.id = Some(id);
        op.creates = match condition {
            Condition::None => None,
            Condition::MustExist | Condition::Version(_) => Some(false),
            Condition::MustNotExist => Some(true),
        };
        op.under(condition)
            .on(table)
            .with_body(Body::Entry(columns))
    }

    /// Deletes the row `id` of `table`. `condition` may be anything but `MustNotExist`.
    pub fn delete(table: &Table, id: Uuid, condition: &Condition) -> Self {
        let mut op = Self::new("dataverse.delete", Method::DELETE, table.row_target(id));
        op.id = Some(id);
        if *condition == Condition::MustNotExist {
            op.faults
                .push("a delete cannot ask that the row be missing: use another condition");
        }
        op.under(condition).on(table)
    }

    /// Runs the unbound action `name` with `parameters`.
    pub fn action(name: &str, parameters: Columns) -> Self {
        let mut op = Self::new("dataverse.action", Method::POST, name.to_owned());
        op.faults.check_name("action", name);
        op.with_body(Body::Parameters(parameters))
    }

    /// Asks for the row as it is after the write, with these columns.
    ///
    /// The service breaks references to an operation that returns its row, so within a change
    /// set no later operation may point at this one.
    #[must_use]
    pub fn returning<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        for column in &columns {
            self.faults.check_name("column", column);
        }
        self.returning = Some(columns);
        self
    }

    /// Marks the write with `text`: the event that it causes tells it as
    /// [`Event::tag`](crate::event::Event::tag), so that a listener knows its own writes. At most
    /// 100 characters.
    #[must_use]
    pub fn tagged(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        check_tag(&text, &mut self.faults);
        self.tag = Some(text);
        self
    }

    /// Changes the row that the earlier operation `made_by` of the same change set makes.
    pub fn update_made(made_by: ContentId, columns: Columns) -> Self {
        let mut op = Self::new("dataverse.update", Method::PATCH, String::new());
        op.at = Some(made_by);
        op.with_body(Body::Entry(columns))
    }

    /// Adds a header to this operation, such as `MSCRM.SuppressDuplicateDetection`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    pub(crate) fn named(mut self, operation: &'static str) -> Self {
        self.operation = operation;
        self
    }

    pub(crate) fn content_refs(&self) -> impl Iterator<Item = ContentId> + '_ {
        let linked = match &self.body {
            Body::Link(LinkTo::Made(made_by)) => Some(*made_by),
            _ => None,
        };
        self.body
            .columns()
            .into_iter()
            .flat_map(Columns::content_refs)
            .chain(self.at)
            .chain(linked)
    }

    /// The path below the base address (or the reference in its place), with `$select` for a
    /// returned row.
    pub(crate) fn full_target(&self, offset: u32) -> String {
        let mut target = match self.at {
            Some(made_by) => format!("${}{}", made_by.number(offset), self.target),
            None => self.target.clone(),
        };
        let columns = self.returning.as_ref().filter(|all| !all.is_empty());
        let select = columns.map(|columns| format!("$select={}", columns.join(",")));
        let tag = self.tag.as_deref().map(tag_option);
        for (at, option) in select.into_iter().chain(tag).enumerate() {
            target.push(if at == 0 { '?' } else { '&' });
            target.push_str(&option);
        }
        target
    }

    /// The operation's own headers, `Prefer` included.
    pub(crate) fn full_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if self.returning.is_some() {
            headers.append("prefer", HeaderValue::from_static("return=representation"));
        }
        headers
    }

    pub(crate) fn check_alone(&self, faults: &mut Faults) {
        faults.extend(&self.faults);
        if self.content_refs().next().is_some() {
            faults.push(
                "the body points at another operation of a change set: send both in one change set",
            );
        }
    }

    pub(crate) fn to_call(&self, base: &Url) -> Result<Call, Error> {
        let mut faults = Faults::default();
        self.check_alone(&mut faults);
        faults.into_result(self.operation)?;
        let mut call = Call::new(
            self.operation,
            self.method.clone(),
            self.full_target(0),
            // A chosen id or a condition makes the service refuse a second run, but the refusal
            // would read as a failure of a write that took effect: the caller looks instead.
            Repeat::IfNotSent,
        );
        call.headers = self.full_headers();
        if !matches!(self.body, Body::None) {
            call = call.with_body(
                HeaderValue::from_static("application/json"),
                self.body.to_bytes(0, base),
            );
        }
        Ok(call)
    }

    pub(crate) fn new(operation: &'static str, method: Method, target: String) -> Self {
        Self {
            operation,
            method,
            target,
            at: None,
            headers: HeaderMap::new(),
            body: Body::None,
            key: None,
            id: None,
            creates: Some(false),
            returning: None,
            tag: None,
            by_key: false,
            faults: Faults::default(),
        }
    }

    fn on(mut self, table: &Table) -> Self {
        self.faults.check_name("set", table.set());
        self.faults.check_name("key", table.key());
        self.key = Some(table.key().to_owned());
        self
    }

    fn with_body(mut self, body: Body) -> Self {
        if let Some(columns) = body.columns() {
            self.faults.extend(columns.faults());
        }
        self.body = body;
        self
    }

    fn under(mut self, condition: &Condition) -> Self {
        let any = HeaderValue::from_static("*");
        match condition {
            Condition::None => {}
            Condition::MustExist => {
                self.headers.insert(IF_MATCH, any);
            }
            Condition::MustNotExist => {
                self.headers.insert(IF_NONE_MATCH, any);
            }
            Condition::Version(etag) => match version_header(etag) {
                Some(value) => {
                    self.headers.insert(IF_MATCH, value);
                }
                None => self.faults.push(format!(
                    "{:?} is no ETag: hand in the text of @odata.etag as it was read, such as W/\"1\"",
                    etag.as_str()
                )),
            },
        }
        self
    }
}

/// The option that marks a write.
pub(crate) fn tag_option(tag: &str) -> String {
    format!("tag={}", utf8_percent_encode(tag, VALUE))
}

pub(crate) fn check_tag(tag: &str, faults: &mut Faults) {
    if tag.is_empty() || tag.chars().count() > 100 || tag.chars().any(char::is_control) {
        faults.push("the tag: give 1 to 100 characters and no control characters");
    }
}

/// An ETag without its quotes, or `*`, would silently ask for something else.
pub(crate) fn version_header(etag: &ETag) -> Option<HeaderValue> {
    let text = etag.as_str();
    let opaque = text
        .strip_prefix("W/")
        .unwrap_or(text)
        .strip_prefix('"')?
        .strip_suffix('"')?;
    if opaque.is_empty() || opaque.contains('"') {
        return None;
    }
    HeaderValue::from_str(text).ok()
}
