//! The state of a deal, in words both sides share.

use serde::{Deserialize, Serialize};

use crate::Value;

/// Where a deal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DealState {
    /// Offered, not yet answered.
    Pending,
    /// Being worked on.
    Accepted,
    /// Closed with success.
    Won,
    /// Closed without success: lost, declined, expired, error.
    Lost,
}

impl DealState {
    /// The word used in values, files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Accepted, Self::Won, Self::Lost]
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// Won and lost are final.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Won | Self::Lost)
    }
}

impl From<DealState> for Value {
    fn from(state: DealState) -> Self {
        Value::Choice(state.as_str().to_owned())
    }
}

impl TryFrom<&Value> for DealState {
    type Error = ();

    fn try_from(value: &Value) -> Result<Self, ()> {
        match value {
            Value::Choice(word) => Self::from_word(word).ok_or(()),
            _ => Err(()),
        }
    }
}
