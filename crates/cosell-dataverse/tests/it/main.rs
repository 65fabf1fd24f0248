//! The client against scripted answers.

mod actions;
mod batch;
mod builder;
mod changes;
mod errors;
mod fake;
mod governor;
mod pages;
mod rows;
mod sandbox;
mod wire;
