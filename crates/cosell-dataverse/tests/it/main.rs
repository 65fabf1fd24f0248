//! The client against scripted answers.

mod actions;
mod batch;
mod builder;
mod bulk;
mod changes;
mod double;
mod errors;
mod events;
mod fake;
mod fetch;
mod gather;
mod governor;
mod keys;
mod pages;
mod provision;
mod rows;
mod sandbox;
mod schema;
mod wire;
