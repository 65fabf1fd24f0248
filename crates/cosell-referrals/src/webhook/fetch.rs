//! Fetching a certificate: one request, no redirect, bounded in size and time.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use cosell_http::{BodyLimit, Sleep, Transport};
use futures_util::future::{Either, select};
use http::{Method, Request, StatusCode, header};
use url::Url;

use super::{
    Refusal,
    certificate::{Certificate, Demands},
};

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
    pub(super) limit: u64,
    pub(super) patience: Duration,
}

impl Fetcher {
    pub(super) async fn certificate(&self, url: &Url) -> Result<Arc<Certificate>, Refusal> {
        let file = self.file(url).await.map_err(Refusal::Fetch)?;
        Certificate::prove(&file, &self.demands, self.sleep.now())
            .map(Arc::new)
            .map_err(Refusal::Certificate)
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
