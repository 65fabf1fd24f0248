//! Sends webhook posts to receivers on plain http.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time};

use crate::{Sandbox, SandboxHandle, webhooks::Delivered};

/// How often the queue is looked at.
const PACE: Duration = Duration::from_millis(100);

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Posts what is due, for ever. A receiver that hangs holds up nobody else for longer than its
/// patience.
pub(super) async fn post_webhooks(sandbox: SandboxHandle) {
    loop {
        for delivery in sandbox.with(Sandbox::take_deliveries) {
            let answered = time::timeout(PATIENCE, post(delivery.request)).await;
            let how = match answered {
                Ok(Some(status)) => Delivered::Answered(status),
                Ok(None) | Err(_) => Delivered::NoAnswer,
            };
            sandbox.with(|sandbox| sandbox.report_delivery(delivery.number, how));
        }
        time::sleep(PACE).await;
    }
}

async fn post(request: Request<Bytes>) -> Option<StatusCode> {
    let (mut parts, body) = request.into_parts();
    if parts.uri.scheme_str() != Some("http") {
        return None;
    }
    let authority = parts.uri.authority()?.clone();
    let stream = TcpStream::connect((
        authority.host().trim_matches(['[', ']']),
        authority.port_u16().unwrap_or(80),
    ))
    .await
    .ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    // Over http/1.1 the host stands in a header, and the path alone in the first line.
    let host = HeaderValue::try_from(authority.as_str()).ok()?;
    parts.headers.insert(header::HOST, host);
    let path = parts.uri.path_and_query()?.clone();
    parts.uri = Uri::from(path);
    let answer = sender.send_request(Request::from_parts(parts, Full::new(body)));
    tokio::select! {
        answer = answer => answer.ok().map(|answer| answer.status()),
        _ = connection => None,
    }
}
