#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
pub mod catalog;
mod category;
mod client;
pub mod deadline;
mod deal;
mod deal_rules;
mod draft;
mod engagement;
mod fault;
mod filter;
pub mod guide;
mod link;
mod links;
mod list;
mod needs;
mod page;
mod parts;
mod patch;
mod portal;
mod readiness;
mod reason;
mod referral;
mod registration;
mod registration_rules;
mod transition;
mod violation;
mod watch;
#[cfg(feature = "webhooks")]
#[cfg_attr(docsrs, doc(cfg(feature = "webhooks")))]
pub mod webhook;
mod wire;
mod words;

pub use builder::ReferralsBuilder;
pub use category::Category;
pub use client::Referrals;
pub use cosell_http::{Error, ErrorKind, Sent};
pub use deadline::{Deadlines, Warning};
pub use deal::{
    CoSellDeal, DealKind, Draft, Help, Invitation, PartnerLedDeal, PrivateDeal, ServicesCoSellDeal,
};
pub use draft::{CreateOptions, NewReferral};
pub use engagement::{Engagement, Missing};
pub use fault::{is_stale, read_error};
pub use filter::Filter;
pub use links::{Link, Links, Tag};
pub use list::{ListOptions, Order, OrderBy};
pub use needs::{AdditionalRequirements, Attribute, CatalogId, Iot, Requirements, Solution};
pub use page::{Continuation, Page, PageStream, ReferralStream};
pub use parts::{
    Address, Consent, ContactPreference, CustomerId, CustomerProfile, Details, InviteContext,
    InvitedBy, Member, Target, TrackingInfo,
};
pub use patch::{Patch, PatchOptions, PatchOutcome, PatchVerb, Patched, RegistrationEdit};
pub use portal::PortalTemplate;
pub use readiness::{Readiness, ReadinessFault, ReadinessNote, ReadinessOptions};
pub use reason::{ErrorReason, LossReason};
pub use referral::{ETag, Referral};
pub use registration::{
    Contract, ContractTerm, Deployment, MarketplaceTransaction, PricingModel, RegisteredSolution,
    Registration, RegistrationStatus, RegistrationType, StatusHistory,
};
pub use transition::{Actor, Refused, State, Step, judge};
pub use violation::{Profile, Violation, Violations};
pub use watch::Due;
pub use wire::{FieldError, RawMap};
pub use words::{
    AssistanceRequestCode, CallToAction, CustomerIdType, CustomerSize, Direction,
    MarketplaceIntent, Qualification, Quality, ReferralSource, ReferralType, SalesStage,
    SolutionType, Status, Substatus, TargetType, ValidationStatus,
};
