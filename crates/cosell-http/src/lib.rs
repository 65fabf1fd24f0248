//! The HTTP seam of the cosell clients.
//!
//! A service client builds a [`Call`], hands it to a [`Client`], and gets an [`Answer`] or an
//! [`Error`] that says whether the service may have acted. Underneath stands one small trait,
//! [`Transport`], so that a test, a recorder or a double can take the place of the network.

mod call;
mod client;
mod error;
mod sleep;
mod token;
mod transport;

pub use call::{Answer, Call, Repeat};
pub use client::{Client, ClientBuilder, ServiceErrorReader, ServiceFault};
pub use error::{Error, ErrorKind, Sent};
pub use sleep::Sleep;
pub use token::{AccessToken, TokenError, TokenProvider};
pub use transport::{BodyLimit, Transport, TransportError};
