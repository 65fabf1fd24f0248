//! The contracts of the ports as checks that any implementation can run on itself.
//!
//! [`store`](fn@store) is for a [`StateStore`](crate::StateStore);
//! [`replica`](mod@replica) is for a [`Replica`](crate::Replica). Every check panics, naming the
//! broken rule, when a rule is broken.

pub mod replica;
mod store;

pub use store::*;
