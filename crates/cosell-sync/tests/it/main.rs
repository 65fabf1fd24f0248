//! The engine against a toy world: two services in memory, a clock moved by hand.

mod answers;
mod audit;
mod births;
mod brakes;
mod contract;
mod crashes;
mod deals;
mod edits;
mod explore;
mod metered;
mod parts;
mod queue;
mod replica;
mod schedules;
mod simulate;
mod stages;
mod store;
mod toy;
mod trouble;
mod work;
mod world;
