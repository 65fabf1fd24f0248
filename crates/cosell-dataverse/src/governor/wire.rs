//! The transport that shows the governor every answer, those of repeated tries too.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cosell_http::{Sleep, Transport, TransportError};
use http::{HeaderMap, Request, Response, StatusCode};

use super::{Governor, Shared};
use crate::{ErrorCode, fault::read_fault};

/// A transport under a governor.
#[derive(Debug)]
pub(crate) struct Governed {
    inner: Arc<dyn Transport>,
    sleep: Arc<dyn Sleep>,
    governor: Governor,
}

impl Governed {
    pub(crate) fn new(
        inner: Arc<dyn Transport>,
        sleep: Arc<dyn Sleep>,
        governor: Governor,
    ) -> Self {
        Self {
            inner,
            sleep,
            governor,
        }
    }
}

/// Counts a request as out until it ends, also when its future is dropped.
struct Out<'a>(&'a Arc<Shared>);

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.0.lock().pace.end();
    }
}

/// Why an answer refuses for lack of patience.
pub(super) fn throttle_code(
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<ErrorCode> {
    let throttled = status == StatusCode::TOO_MANY_REQUESTS;
    let code = throttled.then(|| read_fault(status, headers, body).code);
    code.flatten().and_then(|code| ErrorCode::parse(&code))
}

#[async_trait]
impl Transport for Governed {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let shared = &self.governor.shared;
        let began = shared.lock().pace.begin();
        let out = Out(shared);
        let response = self.inner.send(request).await?;
        let (status, headers) = (response.status(), response.headers());
        let code = throttle_code(status, headers, response.body());
        let now = self.sleep.now();
        shared.lock().pace.learn(began, now, status, headers, code);
        drop(out);
        // The number of places may have grown.
        Shared::hand_out(shared);
        Ok(response)
    }
}
