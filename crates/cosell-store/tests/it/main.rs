//! The contract, durability, refusals.

mod conformance;
mod durability;
mod refusals;
mod support;
