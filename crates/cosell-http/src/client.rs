//! The pipeline every call goes through.

use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use crate::{Answer, Call, Error, Sleep, TokenProvider, Transport};

/// What a service's error body says, read by the service's own client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceFault {
    /// The service's code.
    pub code: Option<String>,
    /// The service's message.
    pub message: Option<String>,
    /// The part of the request that the service points at.
    pub target: Option<String>,
}

/// Reads the error body of one service. Must bear any bytes (empty, HTML, truncated).
pub type ServiceErrorReader = fn(http::StatusCode, &http::HeaderMap, &Bytes) -> ServiceFault;

/// Sends calls to one service as one identity. Cheap to clone; clones share tokens and budget.
#[derive(Clone, Debug)]
pub struct Client {
    base: Url,
}

impl Client {
    /// Starts building a client for the service at `base`.
    pub fn builder(
        base: Url,
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenProvider>,
        sleep: Arc<dyn Sleep>,
    ) -> ClientBuilder {
        let _ = (transport, tokens, sleep);
        ClientBuilder { base }
    }

    /// The service's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Sends `call` and returns the answer if its status is 2xx (or 304).
    ///
    /// # Errors
    /// [`Error`], with [`Error::sent`] telling whether the call may have taken effect.
    pub async fn call(&self, call: Call) -> Result<Answer, Error> {
        let _ = call;
        Err(Error::new(
            "",
            crate::ErrorKind::Invalid,
            crate::Sent::No,
            "not built yet",
        ))
    }
}

/// Builds a [`Client`].
#[derive(Debug)]
pub struct ClientBuilder {
    base: Url,
}

impl ClientBuilder {
    /// How this service's error bodies are read.
    #[must_use]
    pub fn error_reader(self, reader: ServiceErrorReader) -> Self {
        let _ = reader;
        self
    }

    /// Finishes.
    ///
    /// # Errors
    /// [`Error`] when the address is not https and not loopback.
    pub fn build(self) -> Result<Client, Error> {
        Ok(Client { base: self.base })
    }
}
