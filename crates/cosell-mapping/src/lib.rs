//! Values, lenses and field rules: what a deal's fields mean on either side.

mod deal_state;
mod value;

pub use deal_state::DealState;
pub use value::{FieldId, Loss, Money, Reason, ReasonCode, Settled, Snapshot, Value};
