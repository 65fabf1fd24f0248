//! Fetching a certificate: one request, no redirect, bounded in size and time.
//!
//! Where the file lacks the certificates between it and a root, they are looked for at the addresses
//! that the certificates themselves name (authority information access): on listed hosts, over
//! https whatever the certificate says, and few. What comes from there proves itself: it leads to a
//! trusted root, or it is nothing.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use cosell_http::{BodyLimit, Sleep, Transport};
use futures_util::future::{Either, select};
use http::{Method, Request, StatusCode, header};
use url::Url;

use super::{
    CertificateFault, Refusal,
    certificate::{Certificate, Demands, issuer_address, read_file},
    source,
};

/// Issuers that are looked for to complete one chain.
const MOST_ISSUERS: usize = 3;

/// Why a certificate could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchFault {
    /// The address leads elsewhere; that is not followed.
    #[error("its address redirects")]
    Redirect,
    /// Another status than 200.
    #[error("its host answers {0}")]
    Status(StatusCode),
    /// The file is larger than a certificate ever is.
    #[error("it is too large")]
    TooLarge,
    /// No answer in time.
    #[error("its host does not answer in time")]
    Timeout,
    /// No connection, or it broke off.
    #[error("its host was not reached")]
    Unreachable,
}

impl FetchFault {
    /// Can the same post succeed later?
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Redirect | Self::TooLarge => false,
            Self::Status(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Timeout | Self::Unreachable => true,
        }
    }
}

/// Brings certificates from outside, and proves them.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) sleep: Arc<dyn Sleep>,
    pub(super) demands: Demands,
    /// Hosts that issuers' certificates are fetched from.
    pub(super) issuer_hosts: Vec<String>,
    pub(super) limit: u64,
    pub(super) patience: Duration,
}

impl Fetcher {
    pub(super) async fn certificate(&self, url: &Url) -> Result<Arc<Certificate>, Refusal> {
        let file = self.file(url).await.map_err(Refusal::Fetch)?;
        let mut chain = read_file(&file)
            .ok_or(CertificateFault::Unreadable)
            .map_err(Refusal::Certificate)?;
        for looked_for in 0.. {
            let proven = Certificate::prove(&chain, &self.demands, self.sleep.now());
            let fault = match proven {
                Ok(certificate) => return Ok(Arc::new(certificate)),
                Err(fault) => fault,
            };
            let unknown = matches!(fault, CertificateFault::UnknownIssuer { .. });
            let address = chain
                .last()
                .filter(|_| unknown && looked_for < MOST_ISSUERS)
                .and_then(|last| issuer_address(last))
                .and_then(|address| self.issuer(&address));
            let Some(address) = address else {
                return Err(Refusal::Certificate(fault));
            };
            match self.file(&address).await {
                Ok(file) => match read_file(&file) {
                    Some(issuers) => chain.extend(issuers),
                    None => return Err(Refusal::Certificate(fault)),
                },
                // Partner Center comes again, and the host may be back by then.
                Err(missed) if missed.may_pass() => return Err(Refusal::Fetch(missed)),
                Err(_) => return Err(Refusal::Certificate(fault)),
            }
        }
        Err(Refusal::Certificate(CertificateFault::Unreadable))
    }

    /// The address of an issuer's certificate, if it is one to fetch from.
    fn issuer(&self, address: &str) -> Option<Url> {
        let mut url = Url::parse(address).ok()?;
        // Certificates name http. Here everything goes over https, but for this machine's own.
        if url.scheme() == "http" && url.host_str().is_some_and(|host| host != "localhost") {
            url.set_scheme("https").ok()?;
        }
        source::check(url.as_str(), &self.issuer_hosts).ok()
    }

    async fn file(&self, url: &Url) -> Result<Bytes, FetchFault> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header(header::ACCEPT, "*/*")
            .body(Bytes::new())
            .map_err(|_| FetchFault::Unreachable)?;
        request.extensions_mut().insert(BodyLimit(self.limit));
        let answer = pin!(self.transport.send(request));
        let late = pin!(self.sleep.sleep(self.patience));
        let answer = match select(answer, late).await {
            Either::Left((Ok(answer), _)) => answer,
            Either::Left((Err(error), _)) if error.is_too_large() => {
                return Err(FetchFault::TooLarge);
            }
            Either::Left((Err(_), _)) => return Err(FetchFault::Unreachable),
            Either::Right(_) => return Err(FetchFault::Timeout),
        };
        if answer.status().is_redirection() {
            return Err(FetchFault::Redirect);
        }
        if answer.status() != StatusCode::OK {
            return Err(FetchFault::Status(answer.status()));
        }
        if u64::try_from(answer.body().len()).is_ok_and(|size| size <= self.limit) {
            Ok(answer.into_body())
        } else {
            Err(FetchFault::TooLarge)
        }
    }
}
