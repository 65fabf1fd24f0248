//! The crate through its public interface.

#[cfg(feature = "azure_identity")]
mod azure_identity;
mod browser;
mod cached;
#[cfg(feature = "certificate")]
mod certificate;
mod challenge;
mod device;
mod health;
#[cfg(feature = "login")]
mod loopback;
mod numbers;
mod pipeline;
mod readings;
mod refresh;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
mod retry;
mod samples;
mod secrets;
mod sign_in;
mod support;
#[cfg(feature = "token-file")]
mod token_file;
mod world;
