//! What the service says about a write that took effect.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header::ETAG};
use uuid::Uuid;

use crate::{ETag, Op, Row};

/// A write took effect.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Written {
    /// The row's id; `None` for actions, and for a row named by an alternate key that was not
    /// asked for.
    pub id: Option<Uuid>,
    /// Was a row made? `None` where the service does not tell.
    pub created: Option<bool>,
    /// The row's version after the write, where the service tells (it does when the row was asked
    /// for).
    pub etag: Option<ETag>,
    /// The row after the write, where it was asked for and the service gave it.
    pub row: Option<Row>,
    /// The whole answer body, empty where there is none.
    pub body: Bytes,
}

/// The body's length only: it may hold personal data.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written")
            .field("id", &self.id)
            .field("created", &self.created)
            .field("etag", &self.etag)
            .field("row", &self.row)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Reads a 2xx answer to `op`. The error says what is wrong with the answer.
pub(crate) fn read_written(
    op: &Op,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Written, String> {
    let mut written = Written {
        id: op.id,
        created: op.creates,
        etag: text_header(headers, &ETAG).map(ETag::new),
        row: None,
        body: body.clone(),
    };
    let Some(key) = &op.key else {
        written.created = None;
        return Ok(written);
    };
    if op.creates.is_none() {
        written.created = match status {
            StatusCode::CREATED => Some(true),
            StatusCode::OK => Some(false),
            _ => None,
        };
    }
    let mut said = entity_id(headers);
    if op.returning.is_some() && !body.trim_ascii().is_empty() {
        let row: Row = serde_json::from_slice(body)
            .map_err(|_| "the returned row is no JSON object".to_owned())?;
        let fault = |error: crate::ColumnError| format!("the returned row: {error}");
        said = row.guid(key).map_err(fault)?.or(said);
        written.etag = row.etag().map_err(fault)?.or(written.etag);
        written.row = Some(row);
    }
    match (op.id, said) {
        (Some(asked), Some(said)) if asked != said => {
            return Err(format!("the answer is about row {said}, not {asked}"));
        }
        (None, None) if !op.by_key => {
            return Err(
                "the row was made, but neither OData-EntityId nor the body names its id".to_owned(),
            );
        }
        _ => written.id = op.id.or(said),
    }
    Ok(written)
}

/// The id in `OData-EntityId` (or `Location`); `None` where the key form is echoed.
fn entity_id(headers: &HeaderMap) -> Option<Uuid> {
    ["odata-entityid", "location"]
        .into_iter()
        .find_map(|name| id_in_address(&text_header(headers, &HeaderName::from_static(name))?))
}

/// The id in the last pair of parentheses of a row's address.
pub(crate) fn id_in_address(address: &str) -> Option<Uuid> {
    let (_, tail) = address.rsplit_once('(')?;
    let (id, _) = tail.split_once(')')?;
    Uuid::try_parse(id).ok()
}

fn text_header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
