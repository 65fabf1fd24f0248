#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod draft;
mod fault;
mod filter;
mod link;
mod list;
mod page;
mod parts;
mod patch;
mod portal;
mod referral;
mod violation;
mod wire;
mod words;

pub use client::{Referrals, ReferralsBuilder};
pub use cosell_http::{Error, ErrorKind, Sent};
pub use draft::{CreateOptions, NewReferral};
pub use fault::{is_stale, read_error};
pub use filter::Filter;
pub use list::{ListOptions, Order, OrderBy};
pub use page::{Continuation, Page, PageStream, ReferralStream};
pub use parts::{
    AdditionalRequirements, Address, Attribute, Consent, CustomerId, CustomerProfile, Details,
    InviteContext, InvitedBy, Iot, Member, Requirements, Solution, Target, TrackingInfo,
};
pub use patch::{Patch, PatchOptions, PatchVerb, Patched};
pub use portal::PortalTemplate;
pub use referral::{ETag, Referral};
pub use violation::{Violation, Violations};
pub use wire::{FieldError, RawMap};
pub use words::{
    AssistanceRequestCode, CustomerIdType, Direction, Qualification, ReferralType, SolutionType,
    Status, Substatus, TargetType,
};
