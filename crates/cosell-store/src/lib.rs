#![doc = include_str!("../README.md")]

mod audit;
mod error;
mod open;
mod read;
mod schema;
mod store;
mod worker;
mod write;

pub use error::OpenError;
pub use open::Options;
pub use store::SqliteStore;
