//! Mappings as files: read, layered, checked, compiled into a [`FieldSet`](crate::FieldSet).
//!
//! A mapping is plain data ([`MappingFile`]), made by a file or by the builder methods of
//! [`Rule`] and [`Side`]. [`Loader`] reads a file over the base that it names; [`Mapping`] is the
//! compiled form, with a content hash that staging hands to production.

mod compile;
mod defaults;
mod explain;
mod fault;
mod guide;
mod history;
mod keys;
mod model;
mod node;
mod read;
mod rewrite;
mod schema;
mod stable;

pub use compile::{Mapping, Registry};
pub use defaults::{CONNECTOR, MINIMAL};
pub use explain::{Direct, Explained, ExplainedField, Preview, Tally};
pub use fault::{Fault, Faults, Place, Severity};
pub use history::{Approval, Change, ContentHash, Difference, Unreviewed, differences};
pub use keys::json_schema;
pub use model::{
    Conflict, Direction, Empty, Form, Later, MappingFile, Moment, Only, PartRule, PartSide, Rule,
    Scalar, Side, StateBirth, Stray, TooLongRule, Transform, UnknownRule, Write,
};
pub use read::{Loaded, Loader, MAX_BYTES, Source};
pub use rewrite::Rewrite;
pub use schema::{Column, ColumnKind, Schema};

#[doc = include_str!("../mappings/connector.md")]
pub mod field_guide {}
