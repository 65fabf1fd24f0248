//! The guide: a page for each task, with examples that run against a double of the service.

#[doc = include_str!("guide/querying.md")]
pub mod querying {}

#[doc = include_str!("guide/writing.md")]
pub mod writing {}

#[doc = include_str!("guide/batching.md")]
pub mod batching {}

#[doc = include_str!("guide/changes.md")]
pub mod changes {}

#[doc = include_str!("guide/closing.md")]
pub mod closing {}

#[doc = include_str!("guide/provisioning.md")]
pub mod provisioning {}
