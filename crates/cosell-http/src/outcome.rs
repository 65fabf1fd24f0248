//! What a try came to: an answer, or a failure that the next step can be decided on.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Response, StatusCode, header};

use crate::{
    AccessToken, Answer, Error, ErrorKind, Sent, TransportError, error,
    pipeline::{Pipeline, Prepared},
    retry::{classify::Failure, retry_after},
    sign_in::ClaimsChallenge,
};

/// A try that did not succeed.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) failure: Failure,
    /// The request was handed to the transport.
    pub(crate) reached: bool,
    /// The token that the service refused.
    pub(crate) token: Option<AccessToken>,
}

impl Failed {
    pub(crate) fn before_sending(failure: Failure, error: Error) -> Box<Self> {
        Box::new(Self {
            error,
            failure,
            reached: false,
            token: None,
        })
    }
}

impl Pipeline {
    /// Sorts what the transport gave into an answer or a failure.
    pub(crate) fn judge(
        &self,
        prepared: &Prepared,
        outcome: Result<Response<Bytes>, TransportError>,
        now: DateTime<Utc>,
    ) -> Result<Answer, Box<Failed>> {
        let reached = |failure, error| {
            Box::new(Failed {
                error,
                failure,
                reached: true,
                token: None,
            })
        };
        let response = match outcome {
            Ok(response) => response,
            Err(cause) => {
                let failure = Failure::of_transport(&cause);
                return Err(reached(failure, no_answer(prepared.call.operation, cause)));
            }
        };
        let (parts, body) = response.into_parts();
        let request_id = self.request_id(&parts.headers);
        if u64::try_from(body.len()).unwrap_or(u64::MAX) > prepared.limit.0 {
            let mut error = no_answer(
                prepared.call.operation,
                TransportError::too_large(prepared.limit),
            );
            error.inner.status = Some(parts.status);
            error.inner.request_id = request_id;
            return Err(reached(Failure::Final, error));
        }
        let retry_after = retry_after::read(&parts.headers, now);
        let unchanged = parts.status == StatusCode::NOT_MODIFIED
            && prepared
                .request
                .headers()
                .contains_key(header::IF_NONE_MATCH);
        let failure = Failure::of_status(parts.status, retry_after.is_some());
        let Some(failure) = failure.filter(|_| !unchanged) else {
            return Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
                request_id,
                correlation: prepared.correlation,
            });
        };
        if let (Failure::Unread, Some(wait)) = (failure, retry_after) {
            self.gate.close(now, wait);
        }
        let fault = (self.reader)(parts.status, &parts.headers, &body);
        let mut error = Error::of_answer(prepared.call.operation, parts.status, retry_after, fault);
        error.inner.request_id = request_id;
        error.inner.claims = ClaimsChallenge::of_headers(&parts.headers);
        Err(reached(failure, error))
    }

    pub(crate) fn part_error(
        &self,
        operation: &'static str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Error {
        let retry_after = retry_after::read(headers, self.sleep.now());
        let fault = (self.reader)(status, headers, body);
        let mut error = Error::of_answer(operation, status, retry_after, fault);
        error.inner.request_id = self.request_id(headers);
        error
    }

    fn request_id(&self, headers: &HeaderMap) -> Option<String> {
        self.request_id_headers
            .iter()
            .find_map(|name| headers.get(name))
            .map(|value| error::clip(&String::from_utf8_lossy(value.as_bytes()), 128))
    }
}

fn no_answer(operation: &'static str, cause: TransportError) -> Error {
    let message = match cause.sent() {
        Sent::No => "the request was not sent",
        Sent::Maybe => "no answer came, and it may have been carried out; look before repeating",
        Sent::Answered => "the answer cannot be taken; it took effect as its status says",
    };
    let kind = match cause.sent() {
        Sent::Answered => ErrorKind::Malformed,
        Sent::No | Sent::Maybe => ErrorKind::Transport,
    };
    Error::new(operation, kind, cause.sent(), message).with_source(cause)
}

/// One event per try. Says nothing that the service or the caller may want kept.
pub(crate) fn log(number: u32, took: TimeDelta, outcome: &Result<Answer, Box<Failed>>) {
    let took_ms = took.num_milliseconds();
    match outcome {
        Ok(answer) => tracing::debug!(
            number,
            took_ms,
            status = answer.status.as_u16(),
            request_id = answer.request_id.as_deref(),
            "try succeeded"
        ),
        // An answer about the data is the caller's business; only trouble is worth a warning.
        Err(failed) if failed.failure == Failure::Final => tracing::debug!(
            number,
            took_ms,
            kind = ?failed.error.kind(),
            status = failed.error.status().map(|status| status.as_u16()),
            code = failed.error.code(),
            request_id = failed.error.request_id(),
            "try refused"
        ),
        Err(failed) => tracing::warn!(
            number,
            took_ms,
            kind = ?failed.error.kind(),
            status = failed.error.status().map(|status| status.as_u16()),
            code = failed.error.code(),
            request_id = failed.error.request_id(),
            "try failed"
        ),
    }
}
