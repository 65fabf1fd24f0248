//! A client of one service, and how it is set up.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

use crate::{
    Answer, Call, Error, ErrorKind, RetryOptions, Sent, Sleep, TokenProvider, Transport,
    pipeline::Pipeline,
    redact,
    retry::{backoff::Backoff, budget::Budget, gate::Gate},
    target,
};

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

impl ServiceFault {
    /// Sets the service's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Sets the service's message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets what the service points at.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }
}

/// Reads the error body of one service. Must bear any bytes (empty, HTML, truncated).
pub type ServiceErrorReader = fn(http::StatusCode, &http::HeaderMap, &Bytes) -> ServiceFault;

/// Sends calls to one service as one identity. Cheap to clone; clones share the retry budget
/// and the wait that the service asks for.
///
/// # What a call passes
/// 1. **call**: the target is joined to the base address. An absolute target must have the
///    base's scheme, host and port, else nothing is sent.
/// 2. **correlation id**: one per call, the same for all its tries.
/// 3. **retry**: each further try is one more pass through what follows.
/// 4. **throttle gate**: waits while the service asked this client for patience.
/// 5. **auth**: an access token from the [`TokenProvider`].
/// 6. **log**: one `tracing` event per try in one span per call; no token, body or address
///    beyond the host.
/// 7. **transport**: just before it, [`Call::not_after`] is looked at for the last time.
///
/// # What is tried again
/// | what happened | effect | `Safe` | `IfNotSent` | `Never` |
/// |---|---|---|---|---|
/// | connection refused, sign-in unreachable | none | yes | yes | no |
/// | 429; 503 with `Retry-After` | none | yes | yes | no |
/// | 401, once, with another token | none | yes | yes | no |
/// | no answer, 408, 5xx (but 501, 505) | maybe | yes | no | no |
/// | any other answer | as it says | no | no | no |
///
/// `Retry-After` is obeyed by all calls of the client, up to
/// [`RetryOptions::longest_wait`]; a longer one ends the call with [`ErrorKind::Throttled`].
#[derive(Clone)]
pub struct Client {
    pipeline: Arc<Pipeline>,
}

impl Client {
    /// Starts building a client for the service at `base`, whose path is kept as a prefix.
    pub fn builder(
        base: Url,
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenProvider>,
        sleep: Arc<dyn Sleep>,
    ) -> ClientBuilder {
        ClientBuilder {
            base,
            transport,
            tokens,
            sleep,
            reader: |_, _, _| ServiceFault::default(),
            headers: HeaderMap::new(),
            correlation_header: HeaderName::from_static("client-request-id"),
            request_id_headers: vec![
                HeaderName::from_static("request-id"),
                HeaderName::from_static("x-ms-service-request-id"),
                HeaderName::from_static("req_id"),
                HeaderName::from_static("ms-requestid"),
            ],
            body_limit: 16 * 1024 * 1024,
            retry: RetryOptions::default(),
        }
    }

    /// The service's address; its path ends with a slash.
    pub fn base(&self) -> &Url {
        &self.pipeline.base
    }

    /// Sends `call` and returns the answer if its status is 2xx (or 304 to a call with
    /// `If-None-Match`).
    ///
    /// A relative target is joined to [`base`](Self::base); one that starts with a slash
    /// replaces the base's path, as in any link.
    ///
    /// Cancel safety: may be dropped at any time; a dropped call may or may not have had an
    /// effect.
    ///
    /// # Errors
    /// [`Error`], with [`Error::sent`] telling whether the call may have taken effect.
    pub async fn call(&self, call: Call) -> Result<Answer, Error> {
        self.pipeline.run(call).await
    }

    /// The error that an answer inside another one stands for, such as one part of a batch. It
    /// reads as if that answer had come alone: kind, status, code, message, `sent()`.
    pub fn part_error(
        &self,
        operation: &'static str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Error {
        self.pipeline.part_error(operation, status, headers, body)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &redact::url(self.base()))
            .finish_non_exhaustive()
    }
}

/// Builds a [`Client`].
pub struct ClientBuilder {
    base: Url,
    transport: Arc<dyn Transport>,
    tokens: Arc<dyn TokenProvider>,
    sleep: Arc<dyn Sleep>,
    reader: ServiceErrorReader,
    headers: HeaderMap,
    correlation_header: HeaderName,
    request_id_headers: Vec<HeaderName>,
    body_limit: u64,
    retry: RetryOptions,
}

impl ClientBuilder {
    /// How this service's error bodies are read; by default code and message stay empty.
    #[must_use]
    pub fn error_reader(mut self, reader: ServiceErrorReader) -> Self {
        self.reader = reader;
        self
    }

    /// A header sent with every call that does not bring one of this name.
    #[must_use]
    pub fn default_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Product and version that the service sees; a default header like any other.
    #[must_use]
    pub fn user_agent(self, value: HeaderValue) -> Self {
        self.default_header(header::USER_AGENT, value)
    }

    /// The header that carries the correlation id; `client-request-id` by default.
    #[must_use]
    pub fn correlation_header(mut self, name: HeaderName) -> Self {
        self.correlation_header = name;
        self
    }

    /// Where the service's own request id is looked for, first match wins. By default
    /// `request-id`, `x-ms-service-request-id`, `REQ_ID`, `MS-RequestId`.
    #[must_use]
    pub fn request_id_headers(mut self, names: Vec<HeaderName>) -> Self {
        self.request_id_headers = names;
        self
    }

    /// Largest accepted answer in bytes after decompression; 16 MiB by default.
    #[must_use]
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How calls are repeated.
    #[must_use]
    pub fn retry(mut self, options: RetryOptions) -> Self {
        self.retry = options;
        self
    }

    /// Finishes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with all faults: an address that is not https and not loopback,
    /// a default `Authorization`, no try allowed.
    pub fn build(self) -> Result<Client, Error> {
        let mut faults = Vec::new();
        if let Err(fault) = target::check(&self.base) {
            faults.push(format!("base address: {fault}"));
        }
        if self.headers.contains_key(header::AUTHORIZATION) {
            faults.push(
                "default header `authorization`: leave it out, the token provider fills it".into(),
            );
        }
        if self.retry.tries == 0 {
            faults.push("retry tries: 0 sends nothing; give at least 1".into());
        }
        if !faults.is_empty() {
            return Err(Error::new(
                "client.build",
                ErrorKind::Invalid,
                Sent::No,
                faults.join("; "),
            ));
        }
        Ok(Client {
            pipeline: Arc::new(Pipeline {
                base: target::as_folder(self.base),
                transport: self.transport,
                tokens: self.tokens,
                sleep: self.sleep,
                reader: self.reader,
                headers: self.headers,
                correlation_header: self.correlation_header,
                request_id_headers: self.request_id_headers,
                body_limit: self.body_limit,
                tries: self.retry.tries,
                longest_wait: self.retry.longest_wait,
                backoff: Backoff::new(&self.retry),
                budget: Budget::new(self.retry.budget),
                gate: Gate::default(),
                stale: Mutex::new(None),
            }),
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base", &redact::url(&self.base))
            .field("headers", &redact::Headers(&self.headers))
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
