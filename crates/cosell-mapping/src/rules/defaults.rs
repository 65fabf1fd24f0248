//! The shipped mappings, as the files that they are.

/// What Microsoft's connector carries, field by field; the base of most mappings.
pub const CONNECTOR: &str = include_str!("../../mappings/connector.toml");

/// The fields that every deal has, and no others: those of
/// [`FieldSet::default_connector`](crate::FieldSet::default_connector).
pub const MINIMAL: &str = include_str!("../../mappings/minimal.toml");
