//! The real clients, adapters and mapping over both services in process, on every schedule.
//!
//! Everything between two services is what a user runs; only the network, the clock and the
//! commits of the store are in the hands of the harness. An outside edit happens just before a
//! request to its own service (a request to the other one cannot tell the difference, and time
//! stands still in between). The process can die before every request and every commit; dying
//! right after a request, or after one whose answer never came, leaves what dying before the next
//! one leaves. The promises are asserted from the state of both services as it is, read without
//! clients or mapping.
//!
//! `COSELL_HARNESS=long` widens every bound; see CONTRIBUTING.md.

mod edits;
mod explore;
mod facts;
mod gate;
mod judge;
mod key;
mod plants;
mod simulate;
mod stage;
mod truth;
mod wire;
mod world;

/// Are the wide bounds asked for?
fn long() -> bool {
    std::env::var("COSELL_HARNESS").is_ok_and(|wanted| wanted == "long")
}
