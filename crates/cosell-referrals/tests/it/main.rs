//! The crate as its users see it: records, requests and answers.

mod agreement;
mod damage;
mod dates;
mod deals;
mod engagements;
mod exchanges;
mod hostile;
mod judged;
mod models;
mod paging;
mod patches;
mod readiness;
mod readings;
mod records;
mod registrations;
mod samples;
mod sandbox;
mod states;
mod stories;
mod support;
mod traps;
mod watch;
mod webhooks;
