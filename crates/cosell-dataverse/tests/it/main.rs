//! The client against scripted answers.

mod actions;
mod batch;
mod builder;
mod changes;
mod double;
mod errors;
mod fake;
mod governor;
mod pages;
mod provision;
mod rows;
mod sandbox;
mod schema;
mod wire;
