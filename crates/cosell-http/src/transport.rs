//! The seam: one request in, one response out.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::Sent;

/// Largest response body, in bytes after decompression, that the caller accepts.
///
/// Travels in the request's extensions; a transport stops reading and fails past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit(pub u64);

/// Sends one request and returns the response, whatever its status.
///
/// Implementations follow no redirects, keep no cookies, and never repeat a request by
/// themselves: all of that is decided above. They honour [`BodyLimit`] from the request's
/// extensions. Cancel safety: a dropped future may or may not have sent the request.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` once.
    ///
    /// # Errors
    /// [`TransportError`] when no complete response was read; it says whether the request may
    /// have reached the service.
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        (**self).send(request).await
    }
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Box<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        (**self).send(request).await
    }
}

/// No complete response was read.
#[derive(Debug)]
pub struct TransportError {
    sent: Sent,
    permanent: bool,
    too_large: bool,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl TransportError {
    /// A failure with what is known about the request's fate. `message` must hold no secret.
    pub fn new(sent: Sent, message: impl Into<String>) -> Self {
        Self {
            sent,
            permanent: false,
            too_large: false,
            message: message.into(),
            source: None,
        }
    }

    /// The service answered, with a body above `limit` bytes.
    pub fn too_large(limit: BodyLimit) -> Self {
        let mut error = Self::new(
            Sent::Answered,
            format!(
                "the answer's body exceeds {} bytes; ask for less at once or raise the limit",
                limit.0
            ),
        );
        error.permanent = true;
        error.too_large = true;
        error
    }

    /// Marks a failure that a repeat cannot cure, such as a wrong certificate setting.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the request may have reached the service.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether a repeat would certainly fail the same way.
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// Whether the body was larger than the caller accepts.
    pub fn is_too_large(&self) -> bool {
        self.too_large
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|cause| cause as _)
    }
}
