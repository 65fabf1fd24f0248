//! `$batch`: operations one after the other, change sets whole or not at all.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, IF_MATCH};
use http::{HeaderMap, Method, Response, StatusCode};

use super::Dataverse;
use super::multipart::{self, Inner, Part};
use super::path::{self, References};
use super::pipeline::Actor;
use super::refusal::Refusal;
use super::reply::{Reply, put, refused};
use super::request::{Operation, Prefer, versioned};

/// Most operations of one batch.
const MAX_OPERATIONS: usize = 1000;

/// One step of a batch.
enum Step {
    Single(Inner),
    ChangeSet(Vec<(Option<String>, Inner)>),
}

/// Runs a batch.
pub(super) fn run(
    environment: &mut Dataverse,
    actor: &Actor,
    outer: &Operation<'_>,
) -> Result<Reply, Refusal> {
    if outer.method != Method::POST {
        return Err(Refusal::wrong_verb(&outer.path));
    }
    let boundary = multipart::boundary(&outer.headers).ok_or_else(multipart::unreadable)?;
    let steps = steps(multipart::parts(&outer.body, &boundary)?)?;
    let go_on = Prefer::read(&outer.headers).continue_on_error;
    let name = format!("batchresponse_{}", environment.request_ids.next());
    let mut body = Vec::new();
    let mut status = StatusCode::OK;
    for step in &steps {
        body.extend_from_slice(format!("--{name}\r\n").as_bytes());
        let failed = match step {
            Step::Single(inner) => environment.single_step(actor, outer, inner, &mut body),
            Step::ChangeSet(inners) => environment.change_set(actor, outer, inners, &mut body),
        };
        if let Some(failed) = failed
            && !go_on
        {
            status = failed;
            break;
        }
    }
    body.extend_from_slice(format!("--{name}--\r\n").as_bytes());
    let mut reply = Response::new(Bytes::from(body));
    *reply.status_mut() = status;
    put(
        &mut reply,
        "content-type",
        &format!("multipart/mixed; boundary={name}"),
    );
    Ok(reply)
}

fn steps(parts: Vec<Part>) -> Result<Vec<Step>, Refusal> {
    let mut operations = 0;
    let mut steps = Vec::new();
    for part in parts {
        let step = match multipart::boundary(&part.headers) {
            None => Step::Single(multipart::inner(&part)?),
            Some(boundary) => {
                let inners = multipart::parts(&part.body_with_end(), &boundary)?;
                Step::ChangeSet(inners.iter().map(member).collect::<Result<_, _>>()?)
            }
        };
        operations += match &step {
            Step::Single(_) => 1,
            Step::ChangeSet(inners) => inners.len(),
        };
        steps.push(step);
    }
    if operations > MAX_OPERATIONS {
        return Err(Refusal::query(format!(
            "The number of operations in the batch exceeds the limit of {MAX_OPERATIONS}."
        )));
    }
    Ok(steps)
}

fn member(part: &Part) -> Result<(Option<String>, Inner), Refusal> {
    let inner = multipart::inner(part)?;
    let id = part
        .headers
        .get("content-id")
        .or_else(|| inner.headers.get("content-id"));
    let id = id.and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok((id, inner))
}

impl Part {
    /// The body with the line end that was taken for the boundary's: the closing line of a nested
    /// multipart needs one.
    fn body_with_end(&self) -> Bytes {
        Bytes::from([self.body.as_ref(), b"\r\n"].concat())
    }
}

impl Dataverse {
    /// Runs one operation into the answer; gives its status if it failed.
    fn single_step(
        &mut self,
        actor: &Actor,
        outer: &Operation<'_>,
        inner: &Inner,
        body: &mut Vec<u8>,
    ) -> Option<StatusCode> {
        let reply = self.run_inner(actor, outer, inner, None);
        let status = reply.status();
        multipart::write(body, &reply, None);
        failed(status)
    }

    /// Runs a change set into the answer; a failure takes everything back and leaves one part.
    fn change_set(
        &mut self,
        actor: &Actor,
        outer: &Operation<'_>,
        inners: &[(Option<String>, Inner)],
        body: &mut Vec<u8>,
    ) -> Option<StatusCode> {
        let mark = self.mark();
        let mut references = References::new();
        let name = format!("changesetresponse_{}", self.request_ids.next());
        let mut answers = Vec::new();
        for (id, inner) in inners {
            let reply = self.run_inner(actor, outer, inner, Some(&references));
            if let Some(status) = failed(reply.status()) {
                self.roll_back(mark);
                multipart::write(body, &reply, None);
                return Some(status);
            }
            // An operation that answers with the row has no address to refer to.
            if let Some(id) = id
                && let Some(link) = reply.headers().get("odata-entityid")
                && let Ok(link) = link.to_str()
                && let Ok(row) = path::row(self, link, None)
            {
                references.insert(id.clone(), row);
            }
            answers.extend_from_slice(format!("--{name}\r\n").as_bytes());
            multipart::write(&mut answers, &reply, id.as_deref());
        }
        body.extend_from_slice(
            format!("Content-Type: multipart/mixed; boundary={name}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(&answers);
        body.extend_from_slice(format!("--{name}--\r\n").as_bytes());
        None
    }

    fn run_inner(
        &mut self,
        actor: &Actor,
        outer: &Operation<'_>,
        inner: &Inner,
        references: Option<&References>,
    ) -> Reply {
        let prefer = Prefer::read(&inner.headers);
        let mut reply = match operation(outer, inner, references) {
            Ok(operation) => self.perform(actor, &operation),
            Err(refusal) => refused(&refusal, &prefer),
        };
        put(&mut reply, "odata-version", "4.0");
        if failed(reply.status()).is_some() {
            let id = self.request_ids.next().to_string();
            put(&mut reply, "req_id", &id);
        }
        reply
    }
}

fn failed(status: StatusCode) -> Option<StatusCode> {
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

/// The request in a part as an operation of its own.
fn operation<'a>(
    outer: &Operation<'_>,
    inner: &Inner,
    references: Option<&'a References>,
) -> Result<Operation<'a>, Refusal> {
    if references.is_some() && inner.method == Method::GET {
        return Err(Refusal::query("A change set cannot hold a GET request."));
    }
    let (path, query) = inner.target.split_once('?').unwrap_or((&inner.target, ""));
    let path = if path.starts_with('$') && path != "$batch" {
        path
    } else {
        let path = match path.find("/api/data/") {
            Some(at) => &path[at..],
            None => path,
        };
        versioned(path)?.1
    };
    if path.trim_end_matches('/') == "$batch" {
        return Err(Refusal::query("A batch cannot hold another batch."));
    }
    Ok(Operation {
        method: inner.method.clone(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: merged(&outer.headers, &inner.headers),
        body: inner.body.clone(),
        base: outer.base.clone(),
        references,
    })
}

/// Headers of the batch count for each operation unless the part has its own.
fn merged(outer: &HeaderMap, inner: &HeaderMap) -> HeaderMap {
    let mut headers = inner.clone();
    for (name, value) in outer {
        let own = [
            CONTENT_TYPE,
            CONTENT_LENGTH,
            HOST,
            ACCEPT_ENCODING,
            IF_MATCH,
        ];
        if !own.contains(name) && !inner.contains_key(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}
