#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod actions;
mod batch;
mod bulk;
mod changes;
mod client;
mod code;
mod columns;
pub mod csdl;
mod environments;
pub mod event;
mod fault;
mod feed;
mod fetch_xml;
mod filter;
mod gather;
mod governor;
pub mod guide;
pub mod hook;
mod input;
mod key;
mod lead;
mod literal;
pub mod names;
mod op;
mod page;
mod preflight;
pub mod provision;
mod query;
mod ready;
mod reference;
mod row;
pub mod schema;
mod table;
pub mod typed;
mod utility;
mod written;

pub use actions::{CloseDetails, WhoAmI};
pub use batch::{Batch, BatchOutcome, ChangeSet, ContentId};
pub use bulk::RowName;
pub use changes::{Change, ChangeCursor, ChangePage, Followed};
pub use client::{Dataverse, DataverseBuilder};
pub use code::{ErrorCode, Remedy, code_of};
pub use columns::Columns;
pub use environments::Environments;
pub use fault::read_fault;
pub use feed::{ChangeFeed, FeedPage, FeedState, FullPass};
pub use fetch_xml::{FetchContinuation, FetchPage, FetchPages, FetchXml};
pub use filter::{Filter, Related, Relation, wildcards};
pub use gather::GatherOptions;
pub use governor::{Governor, GovernorOptions, GovernorReport, Throttled};
pub use key::AlternateKey;
pub use lead::{Qualified, QualifyLead};
pub use literal::Literal;
pub use op::{Condition, Op};
pub use page::{Continuation, Items, Page, PageOptions, Pages};
pub use query::{Direction, Expand, Query};
pub use ready::{Needs, Readiness, Right, TableNeed, Unready};
pub use reference::LinkTo;
pub use row::{ColumnError, ETag, Row};
pub use table::{CustomLogic, Rows, Table, WriteOptions};
pub use utility::OrganizationInfo;
pub use written::Written;

/// Version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
