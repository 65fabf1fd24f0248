//! sandbox program
fn main() {}
