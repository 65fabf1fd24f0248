//! The crate as its users see it: records, requests and answers.

mod exchanges;
mod paging;
mod patches;
mod records;
mod sandbox;
mod support;
