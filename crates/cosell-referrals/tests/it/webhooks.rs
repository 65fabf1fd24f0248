//! Webhooks: the client and the verifier against the double, and everything that is to be refused.

mod hostile;
mod keeping;
mod receiver;
mod registration;
mod support;
