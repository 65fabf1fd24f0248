//! The sandbox over HTTP: one loopback listener a service, so that paths are the real ones, and
//! one for the control API.

mod body;
mod post;
mod tls;

use std::{io, net::Ipv4Addr, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

pub use crate::endpoints::Endpoints;
use crate::{AnswerLost, SandboxHandle, ServiceName, control, spoiled::Cut};
use body::AnswerBody;
use tls::Tls;

/// How a sandbox is served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServeOptions {
    /// First of five ports in a row: sign-in, Partner Center, Dataverse, control, webhooks. Free
    /// ports are chosen when absent.
    pub port_base: Option<u16>,
    /// Largest request body in bytes (default 32 MiB); longer ones get 413.
    pub body_limit: usize,
    /// Roots (PEM) that the certificates of webhook receivers on https must lead to. Without any,
    /// which is the default, such receivers count as unreachable.
    pub receiver_roots: Vec<u8>,
    /// Serve over TLS only, with a certificate for `localhost` and 127.0.0.1 by an authority that
    /// is made for this one sandbox (default off); see [`Running::authority`].
    pub tls: bool,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            port_base: None,
            body_limit: 32 * 1024 * 1024,
            receiver_roots: Vec::new(),
            tls: false,
        }
    }
}

impl ServeOptions {
    /// Takes five ports in a row from this one.
    #[must_use]
    pub fn with_port_base(mut self, port: Option<u16>) -> Self {
        self.port_base = port;
        self
    }

    /// Serves over TLS, or plainly.
    #[must_use]
    pub fn with_tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Sets the largest request body in bytes.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Posts webhooks to receivers on https, too: to those whose certificate leads to one of these
    /// roots (PEM).
    #[must_use]
    pub fn with_receiver_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.receiver_roots = pem.into();
        self
    }
}

/// A sandbox that is being served. Stops when dropped.
#[derive(Debug)]
pub struct Running {
    endpoints: Endpoints,
    sandbox: SandboxHandle,
    authority: Option<String>,
    listeners: Vec<JoinHandle<()>>,
}

impl Running {
    /// Where it is found.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The certificate, as PEM, of the authority to trust; `None` without TLS.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The sandbox behind it.
    pub fn sandbox(&self) -> &SandboxHandle {
        &self.sandbox
    }

    /// Stops listening and closes all connections. The sandbox keeps its state.
    pub async fn shutdown(mut self) {
        for mut listener in std::mem::take(&mut self.listeners) {
            listener.abort();
            // Only the abort itself can be reported here.
            let _ = (&mut listener).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

/// Serves `sandbox` on 127.0.0.1 until the returned value is dropped or shut down.
///
/// The addresses of the Dataverse, Partner Center and webhook listeners become audiences that the
/// token endpoint knows, and signed posts name a certificate on the last of them. Webhooks are
/// posted ten times a second: to receivers on plain http, and to those on https that
/// [`ServeOptions::receiver_roots`] vouches for.
///
/// # Errors
/// When a port cannot be had, the five ports do not fit below 65536, or the roots cannot be read.
pub async fn serve(sandbox: SandboxHandle, options: ServeOptions) -> io::Result<Running> {
    let poster = post::Poster::new(&options.receiver_roots)?;
    let sign_in = listen(options.port_base, 0).await?;
    let partner_center = listen(options.port_base, 1).await?;
    let dataverse = listen(options.port_base, 2).await?;
    let control = listen(options.port_base, 3).await?;
    let webhooks = listen(options.port_base, 4).await?;
    let tls = options.tls.then(Tls::new).transpose()?;
    let secure = tls.is_some();
    let endpoints = Endpoints {
        sign_in: address(&sign_in, secure)?,
        partner_center: address(&partner_center, secure)?,
        dataverse: address(&dataverse, secure)?,
        webhooks: address(&webhooks, secure)?,
        control: format!("{}/_sandbox/", address(&control, secure)?),
    };
    sandbox.with(|sandbox| {
        let known = sandbox.sign_in_mut();
        known
            .partner_center_audiences
            .push(endpoints.partner_center.clone());
        known.dataverse_audiences.push(endpoints.dataverse.clone());
        known.webhook_audiences.push(endpoints.webhooks.clone());
        sandbox.webhooks_mut().options_mut().certificate_url = format!(
            "{}/cert/pcnotifications-dispatch.microsoft.com.cer",
            endpoints.webhooks
        );
    });
    let manner = Manner {
        limit: options.body_limit,
        tls: tls.as_ref().map(|tls| tls.acceptor.clone()),
    };
    let mut listeners = Vec::new();
    for (listener, door) in [
        (sign_in, Door::Service(ServiceName::SignIn)),
        (partner_center, Door::Service(ServiceName::PartnerCenter)),
        (dataverse, Door::Service(ServiceName::Dataverse)),
        (control, Door::Control(endpoints.clone())),
        (webhooks, Door::Service(ServiceName::Webhooks)),
    ] {
        let accepting = accept(listener, sandbox.clone(), door, manner.clone());
        listeners.push(tokio::spawn(accepting));
    }
    listeners.push(tokio::spawn(poster.post_webhooks(sandbox.clone())));
    Ok(Running {
        endpoints,
        sandbox,
        authority: tls.map(|tls| tls.authority),
        listeners,
    })
}

/// How connections are spoken on.
#[derive(Clone)]
struct Manner {
    limit: usize,
    tls: Option<TlsAcceptor>,
}

#[derive(Clone, Debug)]
enum Door {
    Service(ServiceName),
    Control(Endpoints),
}

async fn listen(base: Option<u16>, offset: u16) -> io::Result<TcpListener> {
    let port = match base {
        None => 0,
        Some(base) => base.checked_add(offset).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "five ports in a row are needed: the first must be 65531 at most",
            )
        })?,
    };
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("port {port}: {error}")))
}

fn address(listener: &TcpListener, secure: bool) -> io::Result<String> {
    let scheme = if secure { "https" } else { "http" };
    Ok(format!("{scheme}://{}", listener.local_addr()?))
}

async fn accept(listener: TcpListener, sandbox: SandboxHandle, door: Door, manner: Manner) {
    // The connections live in this set, so that they end with their listener.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(greet(stream, sandbox.clone(), door.clone(), manner.clone()));
                }
                // Out of descriptors, or a caller that left at once: neither ends the sandbox.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn greet(stream: TcpStream, sandbox: SandboxHandle, door: Door, manner: Manner) {
    // Delays small answers otherwise; a refusal only costs time.
    let _ = stream.set_nodelay(true);
    match manner.tls {
        None => talk(stream, "http", sandbox, door, manner.limit).await,
        Some(acceptor) => {
            // Who does not get through the handshake has no answer to wait for.
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(stream, "https", sandbox, door, manner.limit).await;
            }
        }
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    scheme: &str,
    sandbox: SandboxHandle,
    door: Door,
    limit: usize,
) {
    let service = service_fn(|request| {
        let sandbox = sandbox.clone();
        let door = door.clone();
        async move { respond(&sandbox, &door, (scheme, limit), request).await }
    });
    // An error ends this connection alone, and a lost answer is such an error: hyper then closes
    // the connection without having written anything.
    let _ = hyper::server::conn::http1::Builder::new()
        // An idle connection of a client's pool is no slow attacker.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    sandbox: &SandboxHandle,
    door: &Door,
    (scheme, limit): (&str, usize),
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, AnswerLost> {
    let (mut parts, body) = request.into_parts();
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
        }
        // The caller broke off in the middle of its request.
        Err(_) => return Err(AnswerLost),
    };
    let Some(uri) = absolute(scheme, &parts) else {
        return Ok(plain(StatusCode::BAD_REQUEST));
    };
    parts.uri = uri;
    let request = Request::from_parts(parts, body);
    let answer = match door {
        Door::Service(service) => {
            sandbox
                .answer(*service, request, tokio::time::sleep)
                .await?
        }
        Door::Control(endpoints) => control_answer(sandbox, endpoints, &request).await,
    };
    let (mut parts, body) = answer.into_parts();
    // The length is the front's business.
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = match parts.extensions.remove::<Cut>() {
        Some(Cut) => AnswerBody::cut(&body),
        None => AnswerBody::whole(body),
    };
    Ok(Response::from_parts(parts, body))
}

/// The one control request that waits is answered here; the others need no time.
async fn control_answer(
    sandbox: &SandboxHandle,
    endpoints: &Endpoints,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    if let Some(most) = control::wish_to_wait(request) {
        // Held by then or not: the list says.
        let _ = tokio::time::timeout(most, sandbox.wait_until_held()).await;
    }
    control::answer(sandbox, endpoints, request)
}

/// The address that the caller used, from which links are built.
fn absolute(scheme: &str, parts: &http::request::Parts) -> Option<Uri> {
    if parts.uri.scheme().is_some() {
        return Some(parts.uri.clone());
    }
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())?;
    let path = parts.uri.path_and_query()?.clone();
    Uri::builder()
        .scheme(scheme)
        .authority(host)
        .path_and_query(path)
        .build()
        .ok()
}

fn plain(status: StatusCode) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(Bytes::new()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
