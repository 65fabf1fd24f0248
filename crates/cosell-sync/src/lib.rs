#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod calls;
mod claims;
mod conclude;
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub mod conformance;
mod drain;
mod engine;
mod memory;
mod model;
mod options;
mod pair;
mod park;
mod plan;
mod ports;
mod read;
mod recover;
mod rehearse;
mod report;
mod resolve;
mod round;
mod send;
mod store;
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub mod testkit;
mod turn;

pub use cosell_mapping::{FieldId, Loss, Reason, ReasonCode, Settled, Snapshot, Value};
pub use engine::{Engine, EngineBuilder};
pub use memory::MemoryStore;
pub use model::{
    Birth, Cursor, Draft, GroupId, Hint, HintPage, Life, Native, Observed, Outcome, PairKey, Patch,
    RecordId, Role, Side, Version, WriteStamp, Written,
};
pub use options::{EngineOptions, IdSource};
pub use pair::{End, Hold, HoldCause, Images, Intent, IntentKind, Pair, PairId, PairState, Park};
pub use plan::{FieldPlan, Plan, Seen, View, Why, plan};
pub use ports::{
    Capabilities, Clock, Deadline, MergePolicy, ReadError, RefusedField, Replica, Settle, Three,
    Verdict, WriteError,
};
pub use recover::{Look, Recovery, recover};
pub use report::{
    DryRun, EngineError, ErrorKind, PlannedPair, RecordError, RoundReport, SideReport,
};
pub use store::{Change, ConflictEntry, Lease, QueuedHint, SkippedRecord, StateStore, StoreError};
