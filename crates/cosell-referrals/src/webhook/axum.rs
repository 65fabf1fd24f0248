//! Verified events as arguments of axum handlers.

use ::axum::{
    body::Body,
    extract::{FromRef, FromRequest, Request},
    response::{IntoResponse, Response},
};

use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{Event, Refusal, Verifier};

/// An event that Partner Center signed.
///
/// A post that is not one never reaches the handler: it is answered with
/// [`Refusal::status`] and no body. Answer 2xx as soon as the event is stored, and work later:
/// Partner Center repeats what takes too long.
///
/// The router's state is a [`Verifier`], or holds one ([`FromRef`]). Reads the whole body, so it
/// is the handler's last argument.
///
/// ```
/// use axum::{Router, http::StatusCode, routing::post};
/// use cosell_referrals::webhook::{Verifier, axum::VerifiedEvent};
///
/// async fn hook(VerifiedEvent(event): VerifiedEvent) -> StatusCode {
///     println!("{event:?}");
///     StatusCode::NO_CONTENT
/// }
///
/// fn router(verifier: Verifier) -> Router {
///     Router::new().route("/pc", post(hook)).with_state(verifier)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct VerifiedEvent(pub Event);

impl<S> FromRequest<S> for VerifiedEvent
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let verifier = Verifier::from_ref(state);
        let (parts, body) = request.into_parts();
        let body = match verifier.glance(&parts.headers) {
            Ok(()) => whole(body, verifier.body_limit()).await,
            Err(refusal) => Err(refusal),
        };
        match body {
            Ok(body) => verifier.verify(&parts.headers, &body).await.map(Self),
            Err(refusal) => {
                verifier.count(&refusal);
                Err(refusal)
            }
        }
    }
}

async fn whole(body: Body, limit: usize) -> Result<bytes::Bytes, Refusal> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { limit }),
        Err(_) => Err(Refusal::BrokenBody),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.status().into_response()
    }
}
