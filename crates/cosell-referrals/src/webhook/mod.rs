#![doc = include_str!("README.md")]

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub mod axum;
mod cache;
mod certificate;
mod claim;
mod client;
mod event;
mod fault;
mod fetch;
mod guard;
mod refusal;
mod registration;
mod source;
mod validation;
mod verifier;

pub use certificate::{CertificateFault, TrustAnchors, TrustError};
pub use client::{Overwrite, RegisterError, Registered, Webhooks, WebhooksBuilder};
pub use event::{Event, EventKey, EventName};
pub use fault::read_error;
pub use fetch::FetchFault;
pub use guard::{Finding, Guard, GuardOptions, Repair};
pub use refusal::Refusal;
pub use registration::{Registration, Standing};
pub use source::AddressFault;
pub use validation::{Attempt, Validation, ValidationOptions, ValidationStatus};
pub use verifier::{Counts, Verifier, VerifierOptions};
