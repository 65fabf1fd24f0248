//! Webhooks: the client and the verifier against the double, and everything that is to be refused.

mod agreement;
mod chain;
mod hostile;
mod keeping;
mod readings;
mod receiver;
mod registration;
mod support;
