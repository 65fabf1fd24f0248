//! The sandbox as its users meet it: in process, over loopback HTTP, and through its control API.
#![cfg(all(feature = "server", feature = "transport"))]

mod client;
mod control;
mod faults;
mod in_process;
mod over_http;
mod script;
mod sign_in;
mod tls;
mod webhooks;
