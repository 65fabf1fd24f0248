#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod audit;
mod backfill;
mod brake;
mod calls;
mod claims;
mod conclude;
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub mod conformance;
mod contract;
mod dead;
mod drain;
mod end;
mod engine;
mod flap;
mod hold;
mod link;
mod memory;
mod model;
mod note;
mod observe;
mod options;
mod pair;
mod park;
mod parts;
mod plan;
mod policy;
mod ports;
mod read;
mod reconcile;
mod recover;
mod rehearse;
mod release;
mod replay;
mod report;
mod resolve;
mod round;
mod send;
mod source;
mod store;
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub mod testkit;
mod turn;

pub use answer::{HoldFilter, ResolveError, ResolvedPage};
pub use audit::{
    AuditEntry, AuditKind, AuditPage, AuditPlace, AuditQuery, FieldChange, Forgotten, Mask,
    Retention,
};
pub use backfill::{BackfillOptions, Backfilled, FirstSync, SideSurvey, Survey};
pub use brake::{Brake, BrakeOn, BrakeOptions, Counted, Counter, Counts};
pub use cosell_mapping::{FieldId, Loss, Reason, ReasonCode, Settled, Snapshot, Value};
pub use dead::{ParkCount, Requeue, Requeued};
pub use end::{End, Newest};
pub use engine::{Engine, EngineBuilder};
pub use flap::{FlapLimit, Turned};
pub use hold::{Answer, Hold, HoldCause, HoldKind, Images, Resolution, Unanswered};
pub use link::Adopted;
pub use memory::MemoryStore;
pub use model::{
    Birth, Cursor, Draft, GroupId, Hint, HintPage, Life, Native, Observed, Outcome, PairKey,
    PartName, Patch, RecordId, Role, Side, Version, WriteStamp, Written,
};
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use observe::Metered;
#[cfg(feature = "tracing")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
pub use observe::Traced;
pub use observe::{
    Call, CallTally, ErrorTally, Event, Observer, Outcome as CallOutcome, Silent, Span, Tally,
    TallyReport, Work,
};
pub use options::{EngineOptions, IdSource};
pub use pair::{Intent, IntentKind, Pair, PairId, PairState, Park, Part, Refusal};
pub use plan::{FieldPlan, PartPlan, Plan, Seen, View, Why, plan};
pub use policy::{FieldPolicies, FieldPolicy, MergePolicy, Rule, Ruling, Stray, Three, Verdict};
pub use ports::{
    Capabilities, Clock, Deadline, ReadError, RefusedField, Replica, Settle, Told, WriteError,
};
pub use reconcile::{Cause, Difference, Finding, Reconciled, Repair};
pub use recover::{Look, Recovery, recover};
pub use replay::Replayed;
pub use report::{
    DryRun, EngineError, ErrorKind, PlannedPair, RecordError, RoundReport, SideReport,
};
pub use source::{Lane, Source, TraceId};
pub use store::{
    Change, ConflictEntry, Lease, LogStore, PairStore, QueueStore, QueuedHint, SkippedRecord,
    StateStore, StoreError,
};
