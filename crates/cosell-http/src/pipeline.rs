//! What happens between a call and the transport, step by step.
//!
//! The order is part of the contract and stands on [`Client`](crate::Client). Once per call:
//! address, correlation id. Once per try: gate, token, log, transport.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use chrono::TimeDelta;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use secrecy::ExposeSecret;
use tracing::Instrument;
use url::Url;
use uuid::Uuid;

use crate::{
    AccessToken, Answer, BodyLimit, Call, Error, ErrorKind, Sent, ServiceErrorReader, Sleep,
    TokenError, TokenProvider, Transport,
    outcome::{Failed, log},
    retry::{backoff::Backoff, budget::Budget, classify::Failure, gate::Gate},
    target,
};

/// Everything that the clones of a client share.
pub(crate) struct Pipeline {
    pub(crate) base: Url,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) tokens: Arc<dyn TokenProvider>,
    pub(crate) sleep: Arc<dyn Sleep>,
    pub(crate) reader: ServiceErrorReader,
    pub(crate) headers: HeaderMap,
    pub(crate) correlation_header: HeaderName,
    pub(crate) request_id_headers: Vec<HeaderName>,
    pub(crate) body_limit: u64,
    pub(crate) tries: u32,
    pub(crate) longest_wait: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) budget: Budget,
    pub(crate) gate: Gate,
    /// A token refused on a call that may not be repeated: the next call replaces it.
    pub(crate) stale: Mutex<Option<AccessToken>>,
}

/// A call made ready: the same for all its tries but for the token.
pub(crate) struct Prepared {
    pub(crate) call: Call,
    pub(crate) request: Request<Bytes>,
    pub(crate) limit: BodyLimit,
    pub(crate) correlation: Uuid,
}

/// What the tries so far amount to.
#[derive(Default)]
struct History {
    /// Handed to the transport.
    tries: u32,
    /// Tries and failed sign-ins; what the bound on tries counts.
    rounds: u32,
    /// A try before the last one may have had an effect.
    acted: bool,
    refreshed: bool,
    refused: Option<AccessToken>,
    last: Option<Error>,
}

impl Pipeline {
    pub(crate) async fn run(&self, call: Call) -> Result<Answer, Error> {
        let prepared = self.prepare(call)?;
        let span = tracing::debug_span!(
            "call",
            operation = prepared.call.operation,
            method = %prepared.call.method,
            host = self.base.host_str(),
            correlation = %prepared.correlation,
        );
        self.repeat(&prepared).instrument(span).await
    }

    fn prepare(&self, call: Call) -> Result<Prepared, Error> {
        let correlation = call.correlation.unwrap_or_else(Uuid::new_v4);
        let invalid = |fault: String| {
            let mut error = Error::new(call.operation, ErrorKind::Invalid, Sent::No, fault);
            error.inner.correlation = Some(correlation);
            error
        };
        let url = target::resolve(&self.base, &call.target).map_err(invalid)?;
        let uri = Uri::try_from(url.as_str()).map_err(|fault| {
            invalid(format!(
                "the target cannot be sent ({fault}); percent-encode it"
            ))
        })?;
        if call.headers.contains_key(header::AUTHORIZATION) {
            return Err(invalid(
                "header `authorization`: leave it out, the token provider fills it".into(),
            ));
        }
        let mut headers = self.headers.clone();
        for name in call.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &call.headers {
            headers.append(name, value.clone());
        }
        let id = HeaderValue::try_from(correlation.to_string())
            .map_err(|fault| invalid(fault.to_string()))?;
        headers.insert(&self.correlation_header, id);

        let limit = BodyLimit(call.body_limit.unwrap_or(self.body_limit));
        let mut request = Request::new(call.body.clone());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.extensions_mut().insert(limit);
        Ok(Prepared {
            call,
            request,
            limit,
            correlation,
        })
    }

    async fn repeat(&self, prepared: &Prepared) -> Result<Answer, Error> {
        let mut history = History::default();
        loop {
            let failed = match self.try_once(prepared, &mut history).await {
                Ok(answer) => {
                    self.budget.earn(history.rounds > 0);
                    return Ok(answer);
                }
                Err(failed) => *failed,
            };
            let Failed {
                error,
                failure,
                reached,
                token,
            } = failed;
            let acts = reached && failure.may_have_acted(error.status());
            let Some(wait) = self.next_step(prepared, failure, &mut history, token, &error) else {
                return Err(history.finish(prepared, error));
            };
            history.acted |= acts;
            history.last = Some(error);
            if let Some(wait) = wait {
                if let Err(late) = self.check_time(prepared, wait) {
                    return Err(history.finish(prepared, late));
                }
                self.sleep.sleep(wait).await;
            }
        }
    }

    /// `None`: give up. `Some(None)`: go on at once, or as soon as the gate opens.
    fn next_step(
        &self,
        prepared: &Prepared,
        failure: Failure,
        history: &mut History,
        token: Option<AccessToken>,
        error: &Error,
    ) -> Option<Option<Duration>> {
        let allowed = failure.allows(prepared.call.repeat);
        if failure == Failure::TokenRefused {
            if history.refreshed {
                return None;
            }
            if !allowed {
                *self.stale.lock().unwrap_or_else(PoisonError::into_inner) = token;
                return None;
            }
            history.refreshed = true;
            history.refused = token;
            return Some(None);
        }
        history.rounds += 1;
        if !allowed || history.rounds >= self.tries {
            return None;
        }
        let named = error.retry_after().filter(|wait| !wait.is_zero());
        if named.is_some_and(|wait| wait > self.longest_wait) || !self.budget.take() {
            return None;
        }
        Some(match named {
            // The gate holds this call back together with all others.
            Some(_) if failure == Failure::Unread => None,
            Some(wait) => Some(wait),
            None => Some(self.backoff.wait(history.rounds)),
        })
    }

    async fn try_once(
        &self,
        prepared: &Prepared,
        history: &mut History,
    ) -> Result<Answer, Box<Failed>> {
        self.pass_gate(prepared).await?;
        let (token, bearer) = self.sign_in(prepared, history.refused.as_ref()).await?;
        self.check_time(prepared, Duration::ZERO)
            .map_err(|late| Failed::before_sending(Failure::Final, late))?;
        let mut request = prepared.request.clone();
        request.headers_mut().insert(header::AUTHORIZATION, bearer);

        history.tries += 1;
        let began = self.sleep.now();
        let outcome = self.transport.send(request).await;
        let ended = self.sleep.now();
        let outcome = self.judge(prepared, outcome, ended);
        log(history.tries, ended - began, &outcome);
        outcome.map_err(|mut failed| {
            failed.token = (failed.failure == Failure::TokenRefused).then_some(token);
            failed
        })
    }

    /// Waits while the service asked this client for patience.
    async fn pass_gate(&self, prepared: &Prepared) -> Result<(), Box<Failed>> {
        let mut waited_for = None;
        while let Some((opens, wait)) = self.gate.closed(self.sleep.now()) {
            // A sleep that ends early, or a clock that stands still, must not spin here.
            if waited_for == Some(opens) {
                break;
            }
            if wait > self.longest_wait {
                let mut error = Error::new(
                    prepared.call.operation,
                    ErrorKind::Throttled,
                    Sent::No,
                    "the service asked this client to wait; try again after that time",
                );
                error.inner.retry_after = Some(wait);
                return Err(Failed::before_sending(Failure::Final, error));
            }
            self.check_time(prepared, wait)
                .map_err(|late| Failed::before_sending(Failure::Final, late))?;
            self.sleep.sleep(wait).await;
            waited_for = Some(opens);
        }
        Ok(())
    }

    async fn sign_in(
        &self,
        prepared: &Prepared,
        refused: Option<&AccessToken>,
    ) -> Result<(AccessToken, HeaderValue), Box<Failed>> {
        let stale = self
            .stale
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let outcome = self.tokens.token(refused.or(stale.as_ref())).await;
        let failed = |failure, cause: TokenError| {
            let mut error = Error::new(
                prepared.call.operation,
                ErrorKind::SignIn,
                Sent::No,
                format!("no access token for {}", target::origin(&self.base)),
            );
            error.inner.code = cause.code().map(str::to_owned);
            Failed::before_sending(failure, error.with_source(cause))
        };
        let token = outcome.map_err(|cause| failed(Failure::of_sign_in(&cause), cause))?;
        let text = format!("Bearer {}", token.secret.expose_secret());
        let Ok(mut bearer) = HeaderValue::try_from(text) else {
            return Err(failed(
                Failure::Final,
                TokenError::Malformed("the token cannot stand in a header".into()),
            ));
        };
        bearer.set_sensitive(true);
        Ok((token, bearer))
    }

    /// Whether the call may still be sent after `wait`.
    fn check_time(&self, prepared: &Prepared, wait: Duration) -> Result<(), Error> {
        let Some(not_after) = prepared.call.not_after else {
            return Ok(());
        };
        let sends = TimeDelta::from_std(wait)
            .ok()
            .and_then(|wait| self.sleep.now().checked_add_signed(wait));
        if sends.is_some_and(|sends| sends <= not_after) {
            return Ok(());
        }
        Err(Error::new(
            prepared.call.operation,
            ErrorKind::TooLate,
            Sent::No,
            format!("nothing may be sent after {not_after}; decide anew"),
        ))
    }
}

impl History {
    /// Says over all tries what the last failure says of one.
    fn finish(&mut self, prepared: &Prepared, mut error: Error) -> Error {
        error.inner.tries = self.tries;
        error.inner.correlation = Some(prepared.correlation);
        if self.acted {
            error.inner.sent = Sent::Maybe;
        }
        // What stopped the call is not what failed: keep both.
        if error.inner.source.is_none()
            && error.inner.status.is_none()
            && let Some(mut last) = self.last.take()
        {
            last.inner.correlation = Some(prepared.correlation);
            error.inner.retry_after = error.inner.retry_after.or(last.inner.retry_after);
            error.inner.source = Some(Box::new(last));
        }
        error
    }
}
