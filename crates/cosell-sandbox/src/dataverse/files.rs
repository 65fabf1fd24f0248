//! File columns: written whole or in chunks, read whole or in ranges.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::Dataverse;
use super::cell::{Cell, quote};
use super::draft::Draft;
use super::pipeline::Actor;
use super::print::parse_query;
use super::refusal::Refusal;
use super::reply::{Reply, empty, json, put};
use super::request::{Conditions, Operation};
use super::schema::Table;

/// Size of the chunks that the service recommends, and sends.
const CHUNK: usize = 4 * 1024 * 1024;

/// What file columns hold, by the id in their cell. Files are never changed, so that an id of a
/// row that was rolled back still names the right one.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    stored: BTreeMap<Uuid, Arc<File>>,
    uploads: BTreeMap<String, Upload>,
}

#[derive(Debug)]
struct File {
    name: String,
    mime: String,
    bytes: Bytes,
}

/// A file that comes in chunks.
#[derive(Clone, Debug)]
struct Upload {
    place: (Arc<str>, Uuid, String),
    name: String,
    received: Vec<u8>,
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

impl Dataverse {
    /// Any request about a file column.
    pub(super) fn file_of(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        (table, id): (&Arc<Table>, Uuid),
        (column, max_kilobytes): (&str, i64),
        raw: bool,
    ) -> Result<Reply, Refusal> {
        let row = self.existing(table, id)?;
        match operation.method {
            Method::GET => {
                let file = match row.get(column) {
                    Some(Cell::Id(file)) => self.files.stored.get(file).cloned(),
                    _ => None,
                };
                match file {
                    Some(file) => send(operation, &file, raw),
                    None if raw => Err(Refusal::new(
                        StatusCode::NOT_FOUND,
                        "0x80040217",
                        format!("No file attachment found for attribute: {column} EntityId: {id}."),
                    )),
                    None => Ok(empty(StatusCode::NO_CONTENT)),
                }
            }
            Method::DELETE => {
                self.put_file(actor, table, id, column, Cell::Null)?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            Method::PATCH | Method::PUT => {
                let conditions = Conditions::read(&operation.headers)?;
                self.check_match(table, id, Some(row.version), conditions)?;
                let place = (table.name.clone(), id, column.to_owned());
                self.receive(actor, operation, table, place, max_kilobytes)
            }
            _ => Err(Refusal::wrong_verb(&operation.path)),
        }
    }

    fn receive(
        &mut self,
        actor: &Actor,
        operation: &Operation<'_>,
        table: &Arc<Table>,
        place: (Arc<str>, Uuid, String),
        max_kilobytes: i64,
    ) -> Result<Reply, Refusal> {
        let query = parse_query(operation)?;
        let name = query
            .get("x-ms-file-name")
            .or_else(|| header(&operation.headers, "x-ms-file-name"))
            .map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned());
        let limit = usize::try_from(max_kilobytes)
            .unwrap_or(0)
            .saturating_mul(1024);
        let too_large = || {
            Refusal::bad(
                "0x80044a02",
                format!("The file is larger than {max_kilobytes} KB."),
            )
        };
        let starts = header(&operation.headers, "x-ms-transfer-mode") == Some("chunked");
        if starts && query.get("sessiontoken").is_none() {
            let name = name.ok_or_else(no_name)?;
            let token = self.request_ids.next().simple().to_string();
            let location = format!("{}{}?sessiontoken={token}", operation.base, operation.path);
            let upload = Upload {
                place,
                name,
                received: Vec::new(),
            };
            self.files.uploads.insert(token, upload);
            let mut reply = empty(StatusCode::OK);
            put(&mut reply, LOCATION.as_str(), &location);
            put(&mut reply, "x-ms-chunk-size", &CHUNK.to_string());
            put(&mut reply, "accept-ranges", "bytes");
            return Ok(reply);
        }
        let (_, id, column) = place.clone();
        let (name, bytes) = match query.get("sessiontoken") {
            None => (name.ok_or_else(no_name)?, operation.body.clone()),
            Some(token) => {
                let range = header(&operation.headers, CONTENT_RANGE.as_str());
                let (from, all) = range.and_then(content_range).ok_or_else(|| {
                    Refusal::query("The header Content-Range is missing or not valid.")
                })?;
                let upload = self
                    .files
                    .uploads
                    .get_mut(token)
                    .filter(|upload| upload.place == place);
                let upload =
                    upload.ok_or_else(|| Refusal::query("The session token is not valid."))?;
                if from != upload.received.len() {
                    return Err(Refusal::query("The chunks do not follow each other."));
                }
                if all > limit || from.saturating_add(operation.body.len()) > all {
                    return Err(too_large());
                }
                upload.received.extend_from_slice(&operation.body);
                if upload.received.len() < all {
                    return Ok(empty(StatusCode::PARTIAL_CONTENT));
                }
                let upload = self.files.uploads.remove(token);
                let upload =
                    upload.ok_or_else(|| Refusal::query("The session token is not valid."))?;
                (upload.name, Bytes::from(upload.received))
            }
        };
        if bytes.len() > limit {
            return Err(too_large());
        }
        let mime = header(&operation.headers, CONTENT_TYPE.as_str());
        let mime = mime.filter(|mime| !mime.starts_with("application/json"));
        let file = self.ids.next();
        let stored = File {
            name,
            mime: mime.unwrap_or("application/octet-stream").to_owned(),
            bytes,
        };
        self.files.stored.insert(file, Arc::new(stored));
        self.put_file(actor, table, id, &column, Cell::Id(file))?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn put_file(
        &mut self,
        actor: &Actor,
        table: &Arc<Table>,
        id: Uuid,
        column: &str,
        cell: Cell,
    ) -> Result<(), Refusal> {
        let mut draft = Draft::default();
        draft.cells.insert(Arc::from(column), cell);
        self.update(actor, table, id, draft)
    }
}

fn no_name() -> Refusal {
    Refusal::query("The header x-ms-file-name is missing.")
}

/// `bytes 0-99/1000` as the first place and the length of the whole.
fn content_range(text: &str) -> Option<(usize, usize)> {
    let (range, all) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.trim().parse().ok()?, all.trim().parse().ok()?))
}

/// The file, or the range that is asked for: as it is, or as text in JSON.
fn send(operation: &Operation<'_>, file: &File, raw: bool) -> Result<Reply, Refusal> {
    let all = file.bytes.len();
    let range = header(&operation.headers, RANGE.as_str()).map(|text| {
        let (from, to) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let from: usize = from.parse().ok()?;
        let to = to.parse().unwrap_or(usize::MAX);
        (from <= to && (from < all || from == 0)).then(|| (from, to.min(all.saturating_sub(1))))
    });
    let (bytes, part) = match range {
        None => (file.bytes.clone(), None),
        Some(Some((from, to))) if all > 0 => (file.bytes.slice(from..=to), Some((from, to))),
        Some(Some(_)) => (Bytes::new(), None),
        Some(None) => {
            return Err(Refusal::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "",
                "The range is not valid.",
            ));
        }
    };
    let mut reply = if raw {
        let mut reply = empty(StatusCode::OK);
        *reply.body_mut() = bytes;
        put(&mut reply, CONTENT_TYPE.as_str(), &file.mime);
        reply
    } else {
        let context = format!("{}$metadata#Edm.Binary", operation.base);
        json(format!(
            "{{\"@odata.context\":{},\"value\":\"{}\"}}",
            quote(&context),
            STANDARD.encode(bytes)
        ))
    };
    if let Some((from, to)) = part {
        *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
        put(
            &mut reply,
            CONTENT_RANGE.as_str(),
            &format!("bytes {from}-{to}/{all}"),
        );
        let location = format!("{}{}", operation.base, operation.path);
        put(&mut reply, LOCATION.as_str(), &location);
    }
    let name = &file.name;
    put(&mut reply, "x-ms-file-name", name);
    put(&mut reply, "x-ms-file-size", &all.to_string());
    put(&mut reply, "mimetype", &file.mime);
    put(
        &mut reply,
        "content-disposition",
        &format!("attachment; filename=\"{}\"", name.replace('"', "")),
    );
    Ok(reply)
}
