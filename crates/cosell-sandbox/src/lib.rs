#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod accounts;
mod act;
mod clock;
#[cfg(feature = "server")]
mod control;
pub mod dataverse;
#[cfg(feature = "server")]
mod endpoints;
mod faults;
mod handle;
mod log;
pub mod odata;
mod options;
pub mod partner_center;
mod people;
mod player;
mod sandbox;
mod script;
#[cfg(feature = "server")]
pub mod server;
mod service;
mod sign_in;
mod spoiled;
mod tokens;
#[cfg(feature = "transport")]
mod transport;
pub mod webhooks;

pub use accounts::{
    App, AtTheDevice, CLIENT_ID, CLIENT_SECRET, CRM_SELLER, FirstSignIn, PORTAL_USER,
    PUBLIC_CLIENT_ID, REFERRALS_USER, REFRESH_TOKEN, Rotation, SignInOptions, TENANT, User,
};
pub use act::{Act, ActError, Acted};
pub use clock::Clock;
pub use faults::{ActiveFault, ErrorBody, Fault, FaultId, FaultRule, Garbage, Moment};
pub use handle::{AnswerLost, SandboxHandle};
pub use log::{Counts, LogEntry, ServiceCount, ServiceName};
pub use options::Options;
pub use player::{Played, Player};
pub use sandbox::{HeldId, HeldRequest, Outcome, Released, Sandbox};
pub use script::{Script, ScriptError, ScriptFault};
pub use service::{Caller, Service, TokenFault};
#[cfg(feature = "transport")]
pub use transport::{Hosts, InProcess};
