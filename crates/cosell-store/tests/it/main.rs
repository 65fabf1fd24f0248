//! The contract, durability, refusals.

mod conformance;
mod durability;
mod migration;
mod refusals;
mod support;
