//! The control API under `/_sandbox/`: plain JSON in, plain JSON out.
//!
//! A pure function from request to answer; the HTTP front only carries it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Act, FaultId, FaultRule, HeldId, SandboxHandle, endpoints::Endpoints};

/// Longest wait that a control request may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What a control request is answered with.
struct Reply {
    status: StatusCode,
    body: String,
}

impl Reply {
    fn ok(body: String) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    fn refused(status: StatusCode, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self {
            status,
            body: format!("{:#}\n", json!({ "error": message })),
        }
    }
}

/// Answers a control request.
pub(crate) fn answer(
    sandbox: &SandboxHandle,
    endpoints: &Endpoints,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let reply = route(sandbox, endpoints, request).unwrap_or_else(|refusal| refusal);
    let mut response = Response::new(Bytes::from(reply.body));
    *response.status_mut() = reply.status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

/// How long a request for the held list wants to wait until something is held.
pub(crate) fn wish_to_wait(request: &Request<Bytes>) -> Option<Duration> {
    if request.method() != Method::GET || tail(request) != Some("held") {
        return None;
    }
    let seconds = query(request, "wait_seconds")?.parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn tail(request: &Request<Bytes>) -> Option<&str> {
    let tail = request.uri().path().strip_prefix("/_sandbox")?;
    if !tail.is_empty() && !tail.starts_with('/') {
        return None;
    }
    Some(tail.trim_matches('/'))
}

fn query(request: &Request<Bytes>, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    /// One held request, or all.
    #[serde(default)]
    id: Option<u64>,
    /// End it without an answer.
    #[serde(default)]
    drop: bool,
}

fn route(
    sandbox: &SandboxHandle,
    endpoints: &Endpoints,
    request: &Request<Bytes>,
) -> Result<Reply, Reply> {
    let unknown = || {
        Reply::refused(
            StatusCode::NOT_FOUND,
            "no such control call; see the table in the crate's README",
        )
    };
    let tail = tail(request).ok_or_else(unknown)?;
    let get = request.method() == Method::GET;
    let post = request.method() == Method::POST;
    let delete = request.method() == Method::DELETE;
    let reply = match tail {
        "" if get => about(sandbox, endpoints),
        "act" if post => {
            let act: Act = body(request)?;
            let acted = sandbox
                .act(&act)
                .map_err(|error| Reply::refused(StatusCode::BAD_REQUEST, error.to_string()))?;
            json!(acted)
        }
        "faults" if get => sandbox.with(|sandbox| json!(sandbox.faults())),
        "faults" if post => {
            let rule: FaultRule = body(request)?;
            json!({ "id": sandbox.add_fault(rule) })
        }
        "faults" if delete => match query(request, "id") {
            None => {
                sandbox.clear_faults();
                json!({})
            }
            Some(id) => {
                let id = id.parse().map_err(|_| {
                    Reply::refused(StatusCode::BAD_REQUEST, "id: a number is expected")
                })?;
                json!({ "removed": sandbox.remove_fault(FaultId(id)) })
            }
        },
        "log" if get => log(sandbox, request),
        "counts" if get => json!(sandbox.counts()),
        "counts/reset" if post => {
            sandbox.reset_counts();
            json!({})
        }
        "held" if get => json!(sandbox.held()),
        "release" if post => release(sandbox, &body(request)?),
        "clock" if get => json!({ "now": sandbox.now() }),
        "clock" if post => {
            let advance: Advance = body(request)?;
            sandbox.advance(Duration::from_secs(advance.advance_seconds));
            json!({ "now": sandbox.now() })
        }
        "webhooks" if get => sandbox.with(|sandbox| sandbox.webhooks_json()),
        "referrals" if get => sandbox.with(|sandbox| sandbox.referrals_json()),
        "" | "act" | "faults" | "log" | "counts" | "counts/reset" | "held" | "release"
        | "clock" | "webhooks" | "referrals" => {
            return Err(Reply::refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "this control call has another method; see the table in the crate's README",
            ));
        }
        other => {
            let table = other.strip_prefix("rows/").ok_or_else(unknown)?;
            let rows = sandbox.with(|sandbox| sandbox.rows(table)).ok_or_else(|| {
                Reply::refused(StatusCode::NOT_FOUND, format!("no table named {table:?}"))
            })?;
            // Through the text: a `Value` would round amounts of many digits.
            return serde_json::to_string(&rows)
                .map(Reply::ok)
                .map_err(|error| {
                    Reply::refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
                });
        }
    };
    Ok(Reply::ok(format!("{reply:#}\n")))
}

/// Reads a JSON body; an empty one is an empty object.
fn body<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, Reply> {
    let bytes = request.body();
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes)
        .map_err(|error| Reply::refused(StatusCode::BAD_REQUEST, error.to_string()))
}

fn about(sandbox: &SandboxHandle, endpoints: &Endpoints) -> Value {
    let mut about = sandbox.with(|sandbox| sandbox.about());
    about["endpoints"] = json!(endpoints);
    about
}

fn log(sandbox: &SandboxHandle, request: &Request<Bytes>) -> Value {
    let after = query(request, "after")
        .and_then(|text| text.parse::<u64>().ok())
        .unwrap_or(0);
    sandbox.with(|sandbox| {
        let entries: Vec<_> = sandbox.log().filter(|entry| entry.number > after).collect();
        json!(entries)
    })
}

fn release(sandbox: &SandboxHandle, wish: &Release) -> Value {
    sandbox.with(|sandbox| {
        let wanted: Vec<HeldId> = match wish.id {
            Some(id) => vec![HeldId(id)],
            None => sandbox.held().into_iter().map(|held| held.id).collect(),
        };
        let ended = wanted
            .into_iter()
            .filter(|id| {
                if wish.drop {
                    sandbox.drop_held(*id)
                } else {
                    sandbox.release(*id)
                }
            })
            .count();
        json!({ "ended": ended })
    })
}
