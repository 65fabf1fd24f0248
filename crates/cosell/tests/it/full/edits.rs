//! What people do in both services.

use std::collections::BTreeMap;

use cosell::sync::Side;
use cosell_sandbox::{Act, Sandbox};
use serde_json::{Map, Value as Json, json};

use super::truth::Record;
use crate::world::SYNC;

/// What a person may do from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Edit {
    CrmValue,
    CrmDate,
    CrmNotes,
    CrmAccepts,
    CrmWins,
    CrmLoses,
    /// Takes the deal out of the sync.
    Off,
    On,
    Delete,
    PortalValue,
    PortalDate,
    PortalNotes,
    PortalAccepts,
    PortalDeclines,
    PortalWins,
    PortalLoses,
}

impl Edit {
    pub(crate) const ALL: [Self; 16] = [
        Self::CrmValue,
        Self::CrmDate,
        Self::CrmNotes,
        Self::CrmAccepts,
        Self::CrmWins,
        Self::CrmLoses,
        Self::Off,
        Self::On,
        Self::Delete,
        Self::PortalValue,
        Self::PortalDate,
        Self::PortalNotes,
        Self::PortalAccepts,
        Self::PortalDeclines,
        Self::PortalWins,
        Self::PortalLoses,
    ];

    pub(crate) fn side(self) -> Side {
        if self >= Self::PortalValue {
            Side::Left
        } else {
            Side::Right
        }
    }

    /// The field it sets; none for what concerns the record as a whole.
    pub(crate) fn field(self) -> Option<&'static str> {
        match self {
            Self::CrmValue | Self::PortalValue => Some("value"),
            Self::CrmDate | Self::PortalDate => Some("close_date"),
            Self::CrmNotes | Self::PortalNotes => Some("description"),
            Self::CrmAccepts
            | Self::CrmWins
            | Self::CrmLoses
            | Self::PortalAccepts
            | Self::PortalDeclines
            | Self::PortalWins
            | Self::PortalLoses => Some("deal_state"),
            Self::Off | Self::On | Self::Delete => None,
        }
    }

    /// Can it happen to this record now, and would it change anything?
    pub(crate) fn can(self, record: &Record) -> bool {
        let state = record.fields.get("deal_state").map_or("", String::as_str);
        match self {
            Self::Delete => true,
            Self::Off => record.takes_part,
            Self::On => !record.takes_part,
            Self::CrmAccepts | Self::PortalAccepts | Self::PortalDeclines => state == "pending",
            Self::PortalWins | Self::PortalLoses => state == "accepted",
            _ => record.open,
        }
    }

    /// Edit number `number` of a story; what it writes is never the same twice.
    ///
    /// # Errors
    /// The service refuses it; nothing happened then.
    pub(crate) fn happen(
        self,
        sandbox: &mut Sandbox,
        id: &str,
        number: usize,
    ) -> Result<(), cosell_sandbox::ActError> {
        let id = id.parse().expect("ids are GUIDs");
        let day = |from: usize| {
            let number = number + from;
            format!(
                "20{}-{:02}-{:02}",
                27 + number / 336,
                1 + number / 28 % 12,
                1 + number % 28
            )
        };
        let crm = |row: Json| Act::CrmUpdate {
            table: "opportunity".to_owned(),
            id,
            row: columns(row),
        };
        let portal = |set: &[(&str, Json)]| Act::PortalEdit {
            id,
            set: set
                .iter()
                .map(|(path, value)| ((*path).to_owned(), value.clone()))
                .collect::<BTreeMap<_, _>>(),
        };
        let state = |status: &str, substatus: &str| {
            portal(&[
                ("/status", json!(status)),
                ("/substatus", json!(substatus)),
                ("/statusReason", json!("decided in the portal")),
            ])
        };
        let act = match self {
            Self::CrmValue => crm(json!({ "estimatedvalue": 200_000 + number })),
            Self::CrmDate => crm(json!({ "estimatedclosedate": day(0) })),
            Self::CrmNotes => crm(json!({ "description": format!("CRM note {number}") })),
            Self::CrmAccepts => crm(json!({ "statuscode": 1 })),
            Self::CrmWins => Act::CrmWin {
                id,
                close: Map::new(),
            },
            Self::CrmLoses => Act::CrmLose {
                id,
                status: 4,
                close: Map::new(),
            },
            Self::Off => crm(json!({ SYNC: false })),
            Self::On => crm(json!({ SYNC: true })),
            Self::Delete => Act::CrmDelete {
                table: "opportunity".to_owned(),
                id,
            },
            Self::PortalValue => portal(&[("/details/dealValue", json!(300_000 + number))]),
            Self::PortalDate => portal(&[(
                "/details/closingDateTime",
                json!(format!("{}T00:00:00Z", day(5_000))),
            )]),
            Self::PortalNotes => {
                portal(&[("/details/notes", json!(format!("portal note {number}")))])
            }
            Self::PortalAccepts => portal(&[
                ("/status", json!("Active")),
                ("/substatus", json!("Accepted")),
            ]),
            Self::PortalDeclines => state("Closed", "Declined"),
            Self::PortalWins => {
                portal(&[("/status", json!("Closed")), ("/substatus", json!("Won"))])
            }
            Self::PortalLoses => state("Closed", "Lost"),
        };
        sandbox.act(&act).map(drop)
    }
}

pub(crate) fn columns(row: Json) -> Map<String, Json> {
    match row {
        Json::Object(row) => row,
        _ => Map::new(),
    }
}
