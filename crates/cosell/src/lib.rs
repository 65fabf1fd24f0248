#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
mod compare;
mod connect;
mod derived;
mod dynamics;
mod failure;
mod lead;
mod live;
mod partner_center;
mod pasted;
mod policy;
#[cfg(feature = "webhooks")]
mod receiver;
mod trial;
mod versions;

pub use clock::TokioTime;
pub use compare::{CompareError, ComparedPair, Comparison, Difference, Double};
pub use connect::{ConnectError, ConnectFault, Cosell, CosellBuilder, Service};
pub use dynamics::{
    AccountMatch, AccountMatcher, ConnectorColumns, Customer, Dynamics, DynamicsOptions,
    LeadOptions, NameAndPostalCode, currencies,
};
pub use partner_center::{NewDeals, PartnerCenter, PartnerCenterOptions};
pub use pasted::{Pasted, PastedOptions, PastedVerdict};
pub use policy::{CRM, CosellPolicy, REFERRAL};
#[cfg(feature = "webhooks")]
#[cfg_attr(docsrs, doc(cfg(feature = "webhooks")))]
pub use receiver::{NotQueued, Receiver};
pub use trial::{Sample, Trial, TrialError};
pub use versions::Versions;

/// The client of the Dataverse Web API.
pub use cosell_dataverse as dataverse;
/// Transport, sign-in, retries.
pub use cosell_http as http;
/// Values, lenses, field rules.
pub use cosell_mapping as mapping;
/// The client of the Referrals API.
pub use cosell_referrals as referrals;
/// The SQLite store.
pub use cosell_store as store;
/// The engine.
pub use cosell_sync as sync;
