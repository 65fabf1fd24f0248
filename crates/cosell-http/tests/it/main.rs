//! The crate through its public interface.

mod cached;
mod pipeline;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
mod retry;
mod secrets;
mod sign_in;
mod support;
