//! The guide: a page for each task, with examples that run against a double of the service.

#[doc = include_str!("guide/listing.md")]
pub mod listing {}

#[doc = include_str!("guide/deals.md")]
pub mod deals {}

#[doc = include_str!("guide/closing.md")]
pub mod closing {}

#[doc = include_str!("guide/registration.md")]
pub mod registration {}
