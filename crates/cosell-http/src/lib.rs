#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
mod client;
mod decode;
mod error;
mod outcome;
mod pipeline;
pub mod redact;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
mod retry;
pub mod sign_in;
mod sleep;
mod target;
mod token;
mod transport;

pub use call::{Answer, Call, Repeat};
pub use client::{Client, ClientBuilder, ServiceErrorReader, ServiceFault};
pub use decode::decode_json;
pub use error::{Error, ErrorKind, Sent};
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use reqwest_transport::{ReqwestOptions, ReqwestTransport};
pub use retry::RetryOptions;
pub use sleep::Sleep;
pub use token::{AccessToken, TokenError, TokenProvider};
pub use transport::{BodyLimit, Transport, TransportError};
