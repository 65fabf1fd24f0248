//! The parts of a request that steer it: preferences, conditions, origin.

use bytes::Bytes;
use http::header::{HOST, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method, Request};

use super::path::References;
use super::refusal::Refusal;

/// Largest page.
pub(super) const MAX_PAGE: usize = 5000;

/// One operation: a request of its own, or a part of a batch.
#[derive(Clone, Debug)]
pub(super) struct Operation<'a> {
    pub(super) method: Method,
    /// What stands behind the version segment, still encoded.
    pub(super) path: String,
    /// Still encoded, without `?`.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// `https://host/api/data/v9.2/`
    pub(super) base: String,
    /// Present inside a change set.
    pub(super) references: Option<&'a References>,
}

/// What `Prefer` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefer {
    pub(super) representation: bool,
    pub(super) max_page: Option<usize>,
    pub(super) track_changes: bool,
    pub(super) continue_on_error: bool,
    pub(super) annotations: Vec<String>,
}

impl Prefer {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok());
        for wish in values.flat_map(|value| outside_quotes(value, ',')) {
            let (name, value) = wish.split_once('=').unwrap_or((wish, ""));
            let value = value.trim().trim_matches('"');
            match name.trim() {
                "return" => prefer.representation = value == "representation",
                "odata.maxpagesize" => {
                    prefer.max_page = value
                        .parse()
                        .ok()
                        .map(|size: usize| size.clamp(1, MAX_PAGE));
                }
                "odata.track-changes" => prefer.track_changes = true,
                "odata.continue-on-error" => prefer.continue_on_error = true,
                "odata.include-annotations" => {
                    prefer.annotations = value
                        .split(',')
                        .map(|name| name.trim().to_owned())
                        .collect();
                }
                _ => {}
            }
        }
        prefer
    }

    /// Is this annotation asked for?
    pub(super) fn wants(&self, annotation: &str) -> bool {
        self.annotations
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => annotation.starts_with(start),
                None => pattern == annotation,
            })
    }
}

/// Cuts at a separator, but not inside double quotes.
fn outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|letter| {
        quoted ^= letter == '"';
        letter == separator && !quoted
    })
    .collect()
}

/// A precondition on a row's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Any,
    Version(u64),
    /// Well formed, but no version of this service.
    Foreign,
}

impl Tag {
    pub(super) fn fits(self, version: Option<u64>) -> bool {
        match self {
            Self::Any => version.is_some(),
            Self::Version(wanted) => version == Some(wanted),
            Self::Foreign => false,
        }
    }
}

/// `If-Match` and `If-None-Match`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) if_match: Option<Tag>,
    pub(super) if_none_match: Option<Tag>,
}

impl Conditions {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let tag = |name| match headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
        {
            // The literal word keeps caches away and asks for nothing.
            None | Some("null" | "") => Ok(None),
            Some(text) => tag(text.trim()).map(Some),
        };
        Ok(Self {
            if_match: tag(IF_MATCH)?,
            if_none_match: tag(IF_NONE_MATCH)?,
        })
    }
}

fn tag(text: &str) -> Result<Tag, Refusal> {
    if text == "*" {
        return Ok(Tag::Any);
    }
    let inner = text.strip_prefix("W/").unwrap_or(text);
    let inner = inner
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(version) => Ok(version.parse().map_or(Tag::Foreign, Tag::Version)),
        None => Err(Refusal::query(format!(
            "'{text}' is not a valid entity tag."
        ))),
    }
}

/// Scheme and host that the request came to, so that links lead back the same way.
pub(super) fn origin(request: &Request<Bytes>) -> String {
    if let (Some(scheme), Some(authority)) = (request.uri().scheme_str(), request.uri().authority())
    {
        return format!("{scheme}://{authority}");
    }
    let host = request
        .headers()
        .get(HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("fabrikam-sales.crm4.dynamics.com");
    let local = ["localhost", "127.", "[::1]"]
        .iter()
        .any(|start| host.starts_with(start));
    format!("{}://{host}", if local { "http" } else { "https" })
}

/// Splits `/api/data/v9.2/rest` into version and rest.
pub(super) fn versioned(path: &str) -> Result<(&str, &str), Refusal> {
    let Some(rest) = path.strip_prefix("/api/data/") else {
        return Err(Refusal::new(
            http::StatusCode::NOT_FOUND,
            "",
            format!("No HTTP resource was found that matches the request URI '{path}'."),
        ));
    };
    let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
    if matches!(version, "v9.0" | "v9.1" | "v9.2") {
        Ok((version, rest))
    } else {
        Err(Refusal::query(format!(
            "Requested API Version '{version}' was not understood. Please provide in the format \
             /api/data/v<Major>.<Minor>/"
        )))
    }
}
