#![doc = include_str!("../README.md")]

pub mod audit;
mod context;
mod deal_state;
mod fields;
pub mod laws;
mod lens;
mod path;
mod record;
mod text;
pub mod tick;
mod value;

pub use context::{Context, Currencies, Currency, DateZone};
pub use deal_state::DealState;
pub use fields::{Authority, FieldRule, FieldSet, Refusal, RuleFault, field};
pub use lens::{
    Access, CurrencyPlace, DateForm, DateShape, Lens, LensSpec, MoneyShape, Part, PartsShape,
    RecordKind, ReferralState, RowState, Shape, TextShape,
};
pub use path::{Path, PathError};
pub use record::{Assignment, ReadFault, Record, apply, read};
pub use value::{FieldId, Loss, Money, Reason, ReasonCode, Settled, Snapshot, Value};
