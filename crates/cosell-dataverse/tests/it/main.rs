//! The client against scripted answers.

mod actions;
mod agree;
mod batch;
mod builder;
mod bulk;
mod changes;
mod double;
mod environments;
mod errors;
mod events;
mod fake;
mod feed;
mod fetch;
mod gather;
mod governor;
mod hook;
mod keys;
mod pages;
mod provision;
mod quirks;
mod ready;
mod rows;
mod samples;
mod sandbox;
mod schema;
mod wire;
