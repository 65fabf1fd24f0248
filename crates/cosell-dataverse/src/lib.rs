#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod actions;
mod batch;
mod bulk;
mod changes;
mod client;
mod code;
mod columns;
mod fault;
mod filter;
mod governor;
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
mod reference;
mod row;
pub mod schema;
mod table;
pub mod typed;
mod written;

pub use actions::{CloseDetails, WhoAmI};
pub use batch::{ChangeSet, ContentId, SetOutcome};
pub use bulk::RowName;
pub use changes::{Change, ChangeCursor, ChangePage, Followed};
pub use client::{Dataverse, DataverseBuilder};
pub use code::{ErrorCode, code_of};
pub use columns::Columns;
pub use fault::read_fault;
pub use filter::Filter;
pub use governor::{Governor, GovernorOptions, GovernorReport, Throttled};
pub use key::AlternateKey;
pub use lead::{Qualified, QualifyLead};
pub use literal::Literal;
pub use op::{Condition, Op};
pub use page::{Continuation, Items, Page, PageOptions, Pages};
pub use query::{Direction, Expand, Query};
pub use row::{ColumnError, ETag, Row};
pub use table::{Rows, Table, WriteOptions};
pub use written::Written;
