//! Sends webhook posts to their receivers, on plain http and on https.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{net::TcpStream, time};
use tokio_rustls::TlsConnector;

use crate::{Sandbox, SandboxHandle, webhooks::Delivered};

/// How often the queue is looked at.
const PACE: Duration = Duration::from_millis(100);

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Poster {
    /// Absent where nobody named roots: then https is spoken to nobody.
    tls: Option<TlsConnector>,
}

impl Poster {
    /// Trusts the roots of a PEM text, which may be empty.
    pub(super) fn new(pem: &[u8]) -> io::Result<Self> {
        let bad = |what: String| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("receiver roots: {what}"),
            )
        };
        if pem.is_empty() {
            return Ok(Self { tls: None });
        }
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem) {
            let root = root.map_err(|error| bad(error.to_string()))?;
            roots.add(root).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("give certificates as PEM text".into()));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = Some(TlsConnector::from(Arc::new(config)));
        Ok(Self { tls })
    }

    /// Posts what is due, for ever. A receiver that hangs holds up nobody else for longer than its
    /// patience.
    pub(super) async fn post_webhooks(self, sandbox: SandboxHandle) {
        loop {
            for delivery in sandbox.with(Sandbox::take_deliveries) {
                let answered = time::timeout(PATIENCE, self.post(delivery.request)).await;
                let how = match answered {
                    Ok(Some(status)) => Delivered::Answered(status),
                    Ok(None) | Err(_) => Delivered::NoAnswer,
                };
                sandbox.with(|sandbox| sandbox.report_delivery(delivery.number, how));
            }
            time::sleep(PACE).await;
        }
    }

    async fn post(&self, request: Request<Bytes>) -> Option<StatusCode> {
        let authority = request.uri().authority()?.clone();
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let (tls, usual_port) = match request.uri().scheme_str()? {
            "http" => (None, 80),
            "https" => (Some(self.tls.as_ref()?), 443),
            _ => return None,
        };
        let port = authority.port_u16().unwrap_or(usual_port);
        let stream = TcpStream::connect((host.as_str(), port)).await.ok()?;
        match tls {
            None => send(TokioIo::new(stream), request).await,
            Some(tls) => {
                let name = ServerName::try_from(host).ok()?;
                let stream = tls.connect(name, stream).await.ok()?;
                send(TokioIo::new(stream), request).await
            }
        }
    }
}

async fn send<S>(stream: S, request: Request<Bytes>) -> Option<StatusCode>
where
    S: Read + Write + Unpin,
{
    let (mut parts, body) = request.into_parts();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.ok()?;
    // Over http/1.1 the host stands in a header, and the path alone in the first line.
    let host = HeaderValue::try_from(parts.uri.authority()?.as_str()).ok()?;
    parts.headers.insert(header::HOST, host);
    let path = parts.uri.path_and_query()?.clone();
    parts.uri = Uri::from(path);
    let answer = sender.send_request(Request::from_parts(parts, Full::new(body)));
    tokio::select! {
        answer = answer => answer.ok().map(|answer| answer.status()),
        _ = connection => None,
    }
}
