//! The two-way sync engine. It knows two replicas, a store and a clock, and no service.

mod model;
mod pair;
mod plan;
mod ports;
mod recover;
mod store;

pub use cosell_mapping::{FieldId, Loss, Reason, ReasonCode, Settled, Snapshot, Value};
pub use model::{
    Birth, Cursor, Draft, GroupId, Hint, HintPage, Life, Native, Observed, Outcome, PairKey, Patch,
    RecordId, Role, Side, Version, WriteStamp, Written,
};
pub use pair::{End, Hold, HoldCause, Images, Intent, IntentKind, Pair, PairId, PairState, Park};
pub use plan::{FieldPlan, Plan, Seen, View, Why, plan};
pub use ports::{
    Capabilities, Clock, Deadline, MergePolicy, ReadError, RefusedField, Replica, Settle, Three,
    Verdict, WriteError,
};
pub use recover::{Look, Recovery, recover};
pub use store::{Change, ConflictEntry, Lease, QueuedHint, SkippedRecord, StateStore, StoreError};
