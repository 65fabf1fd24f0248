#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
mod client;
mod decode;
mod error;
mod pipeline;
pub mod redact;
mod retry;
mod sleep;
mod target;
mod token;
mod transport;

pub use call::{Answer, Call, Repeat};
pub use client::{Client, ClientBuilder, ServiceErrorReader, ServiceFault};
pub use decode::decode_json;
pub use error::{Error, ErrorKind, Sent};
pub use retry::RetryOptions;
pub use sleep::Sleep;
pub use token::{AccessToken, TokenError, TokenProvider};
pub use transport::{BodyLimit, Transport, TransportError};
