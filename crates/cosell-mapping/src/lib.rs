#![doc = include_str!("../README.md")]

pub mod audit;
mod context;
mod country;
mod deal_state;
mod fields;
pub mod laws;
mod lens;
mod path;
mod record;
pub mod rules;
mod text;
pub mod tick;
mod value;

pub use context::{Context, Currencies, Currency, DateZone, Keys};
pub use deal_state::DealState;
pub use fields::{Authority, FieldRule, FieldSet, Refusal, RuleFault, field};
pub use lens::{
    Access, ChoiceForm, ChoiceShape, Condition, CurrencyPlace, DateForm, DateShape, FlagShape,
    Function, FunctionShape, IdsShape, InstantShape, JoinShape, Lens, LensSpec, ListShape,
    LookupShape, MoneyShape, Named, NumberShape, Part, PartsShape, RecordKind, ReferralState,
    RowState, Shape, Template, TemplateError, TextShape, TooLong, UnknownWord,
};
pub use path::{Path, PathError};
pub use record::{Assignment, ReadFault, Record, apply, read};
pub use value::{FieldId, Loss, Money, Reason, ReasonCode, Settled, Snapshot, Value};
