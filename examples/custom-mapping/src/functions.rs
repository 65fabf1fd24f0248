//! What no transform can do: functions of this partner's own, by the names that the file calls.

use std::sync::Arc;

use cosell::mapping::{Function, Reason, ReasonCode, Value, rules::Registry};

/// Everything that `fabrikam.toml` names.
pub fn registry() -> Registry {
    Registry::default().with_function("campaign-number", Arc::new(CampaignNumber))
}

const PREFIX: &str = "CMP-";

/// The CRM stores `42` where the referral says `CMP-42`.
#[derive(Debug)]
struct CampaignNumber;

impl Function for CampaignNumber {
    fn read(&self, stored: &Value) -> Value {
        match stored {
            Value::Text(number) => Value::text(format!("{PREFIX}{number}")),
            other => other.clone(),
        }
    }

    fn write(&self, value: &Value) -> Result<Value, Reason> {
        match value {
            Value::Text(text) => match text.strip_prefix(PREFIX) {
                Some(number) if !number.is_empty() => Ok(Value::text(number)),
                _ => Err(Reason::new(
                    ReasonCode::Invalid,
                    "a campaign of ours begins with CMP-: correct it in Partner Center",
                )),
            },
            other => Ok(other.clone()),
        }
    }
}
