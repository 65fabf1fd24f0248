//! The transport over reqwest.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use url::Url;

use crate::{BodyLimit, Sent, Transport, TransportError, redact, target};

/// How a [`ReqwestTransport`] connects.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReqwestOptions {
    /// Longest time to reach the service, TLS included; 10 s by default. Running out of it is
    /// certain not to have had an effect.
    pub connect_timeout: Duration,
    /// Longest time from the start until the last byte of the answer; 100 s by default.
    pub timeout: Duration,
    /// Product and version that the service sees where the client sets none.
    pub user_agent: String,
    /// Proxy for https, with user and password if it asks for them; by default what the
    /// environment names (`HTTPS_PROXY`, `NO_PROXY`). Loopback goes without.
    pub proxy: Option<Url>,
    /// Certificates (PEM, each text may hold several) trusted beyond those of the system.
    pub root_certificates: Vec<Vec<u8>>,
}

impl Default for ReqwestOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(100),
            user_agent: concat!("cosell/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: None,
            root_certificates: Vec::new(),
        }
    }
}

impl ReqwestOptions {
    /// Sets the longest time to reach the service.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the longest time for request and answer together.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the user agent.
    #[must_use]
    pub fn with_user_agent(mut self, agent: impl Into<String>) -> Self {
        self.user_agent = agent.into();
        self
    }

    /// Sets the proxy for https.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Url) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Trusts the certificates of a PEM text, too.
    #[must_use]
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }
}

impl fmt::Debug for ReqwestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("user_agent", &self.user_agent)
            .field("proxy", &self.proxy.as_ref().map(redact::url))
            .field("root_certificates", &self.root_certificates.len())
            .finish()
    }
}

/// [`Transport`] over reqwest and rustls. Runs in a tokio runtime. Cheap to clone; clones share
/// connections.
///
/// Follows no redirect, keeps no cookie, repeats nothing, decompresses gzip, and speaks plain
/// http to loopback only. The TLS part, which needs the trust store of the system, is made with
/// the first https request: a program that only talks to loopback runs without any.
#[derive(Clone)]
pub struct ReqwestTransport {
    clients: Arc<Clients>,
}

enum Clients {
    Given(reqwest::Client),
    Own(Box<Own>),
}

struct Own {
    options: ReqwestOptions,
    roots: Vec<reqwest::Certificate>,
    proxy: Option<reqwest::Proxy>,
    plain: reqwest::Client,
    tls: Lazy,
    /// TLS to this machine, past any proxy.
    near_tls: Lazy,
}

type Lazy = Mutex<Option<reqwest::Client>>;

impl ReqwestTransport {
    /// A transport with connections of its own.
    ///
    /// # Errors
    /// [`TransportError`] naming the option that cannot be used: user agent, proxy,
    /// certificates. Nothing is read from the system yet.
    pub fn new(options: ReqwestOptions) -> Result<Self, TransportError> {
        let mut roots = Vec::new();
        for (index, pem) in options.root_certificates.iter().enumerate() {
            let read = reqwest::Certificate::from_pem_bundle(pem).map_err(|cause| {
                unusable(format!("root certificates, text {index}: no PEM"), cause)
            })?;
            if read.is_empty() {
                return Err(TransportError::new(
                    Sent::No,
                    format!("root certificates, text {index}: holds no certificate"),
                )
                .permanent());
            }
            roots.extend(read);
        }
        let proxy = match &options.proxy {
            Some(url) => Some(
                reqwest::Proxy::https(url.as_str())
                    .map_err(|cause| unusable(format!("proxy {}", redact::url(url)), cause))?,
            ),
            None => None,
        };
        // Only loopback goes through this one, so trusting nobody loses nothing.
        let plain = basics(&options)
            .no_proxy()
            .tls_certs_only([])
            .build()
            .map_err(|cause| unusable("the HTTP client cannot be made".into(), cause))?;
        Ok(Self {
            clients: Arc::new(Clients::Own(Box::new(Own {
                options,
                roots,
                proxy,
                plain,
                tls: Mutex::new(None),
                near_tls: Mutex::new(None),
            }))),
        })
    }

    /// A transport over the caller's own client, for all addresses.
    ///
    /// The caller sees to what [`Transport`] asks for: `redirect(Policy::none())`, no cookie
    /// store, `retry(reqwest::retry::never())`, timeouts. A redirect that was followed all the
    /// same is reported as a failure.
    pub fn with_client(client: reqwest::Client) -> Self {
        Self {
            clients: Arc::new(Clients::Given(client)),
        }
    }
}

impl Own {
    fn client(&self, url: &Url) -> Result<reqwest::Client, TransportError> {
        if url.scheme() == "http" {
            return Ok(self.plain.clone());
        }
        let near = target::is_loopback_url(url);
        let slot = if near { &self.near_tls } else { &self.tls };
        // Held while building: the build is short, needs no await, and happens once.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let start = || match &self.proxy {
            _ if near => basics(&self.options).no_proxy(),
            Some(proxy) => basics(&self.options).proxy(proxy.clone()),
            None => basics(&self.options),
        };
        let roots = || self.roots.iter().cloned();
        let client = match start().tls_certs_merge(roots()).build() {
            Ok(client) => client,
            // A system without a trust store cannot be added to; the given roots still count.
            Err(_) if !self.roots.is_empty() => {
                start().tls_certs_only(roots()).build().map_err(no_trust)?
            }
            Err(cause) => return Err(no_trust(cause)),
        };
        *slot = Some(client.clone());
        Ok(client)
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.clients {
            Clients::Given(_) => f.write_str("ReqwestTransport(given client)"),
            Clients::Own(own) => f
                .debug_struct("ReqwestTransport")
                .field("options", &own.options)
                .finish_non_exhaustive(),
        }
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let invalid = |fault: String| TransportError::new(Sent::No, fault).permanent();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|fault| invalid(format!("the address cannot be read: {fault}")))?;
        target::check(&url).map_err(invalid)?;
        let limit = parts.extensions.get::<BodyLimit>().copied();
        let client = match &*self.clients {
            Clients::Given(client) => client.clone(),
            Clients::Own(own) => own.client(&url)?,
        };
        let sent = client
            .request(parts.method, url.clone())
            .headers(parts.headers)
            .body(body)
            .send()
            .await;
        let mut response = sent.map_err(failed)?;
        if *response.url() != url {
            return Err(TransportError::new(
                Sent::Maybe,
                "the given client followed a redirect; build it with `Policy::none()`",
            )
            .permanent());
        }

        let mut answer = http::Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        *answer.version_mut() = response.version();
        *answer.headers_mut() = response.headers().clone();
        let mut read = BytesMut::new();
        // Chunks come out of the decompressor, so the bound holds for what it unpacks to.
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            let size = u64::try_from(read.len() + chunk.len()).unwrap_or(u64::MAX);
            match limit {
                Some(limit) if size > limit.0 => return Err(TransportError::too_large(limit)),
                _ => read.extend_from_slice(&chunk),
            }
        }
        *answer.body_mut() = read.freeze();
        Ok(answer)
    }
}

/// What every client of ours has in common.
fn basics(options: &ReqwestOptions) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .user_agent(options.user_agent.as_str())
}

/// Sorts by whether the request can have left. Addresses are cut out, since they may hold
/// personal data.
fn failed(error: reqwest::Error) -> TransportError {
    let (sent, message) = if error.is_builder() {
        (Sent::No, "the request cannot be built")
    } else if error.is_connect() && error.is_timeout() {
        (Sent::No, "no connection in time")
    } else if error.is_connect() {
        (Sent::No, "no connection")
    } else if error.is_timeout() {
        (Sent::Maybe, "no complete answer in time")
    } else if error.is_body() || error.is_decode() {
        (
            Sent::Maybe,
            "the answer broke off or cannot be decompressed",
        )
    } else {
        (
            Sent::Maybe,
            "the connection failed while waiting for the answer",
        )
    };
    let permanent = error.is_builder();
    let built = TransportError::new(sent, message).with_source(error.without_url());
    if permanent { built.permanent() } else { built }
}

fn unusable(what: String, cause: reqwest::Error) -> TransportError {
    TransportError::new(Sent::No, what)
        .with_source(cause.without_url())
        .permanent()
}

fn no_trust(cause: reqwest::Error) -> TransportError {
    TransportError::new(
        Sent::No,
        "TLS cannot be set up; install the system's certificates or give root certificates",
    )
    .with_source(cause.without_url())
    .permanent()
}
