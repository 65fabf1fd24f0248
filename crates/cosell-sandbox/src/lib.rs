//! Local double of Partner Center referrals and Dataverse.

mod service;

pub use service::{Caller, Service, TokenFault};
