//! The crate through its public interface.

mod browser;
mod cached;
#[cfg(feature = "certificate")]
mod certificate;
mod device;
mod health;
#[cfg(feature = "login")]
mod loopback;
mod pipeline;
mod refresh;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
mod retry;
mod secrets;
mod sign_in;
mod support;
#[cfg(feature = "token-file")]
mod token_file;
mod world;
