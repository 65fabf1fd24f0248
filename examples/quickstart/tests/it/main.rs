//! The program as its users run it, against doubles that these tests hold in their hands.

mod bad_input;
mod crash_proof;
mod story;
mod support;
