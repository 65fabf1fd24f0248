//! What the people on both sides can do, as data: for scripts, the control API and tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::partner_center::{InboundDeal, InboundLead};

/// One thing that somebody does. In JSON, `do` names it: `{"do": "crm_win", "id": "…"}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Act {
    /// A Microsoft seller sends a deal: a new referral, to be accepted or declined.
    MicrosoftSends(Box<InboundDeal>),
    /// A lead arrives: from a customer in the marketplace, or handed over by Microsoft.
    LeadArrives(Box<InboundLead>),
    /// Microsoft accepts the invitation of an engagement.
    MicrosoftAccepts {
        /// Engagement id.
        engagement: Uuid,
    },
    /// Microsoft declines the invitation of an engagement.
    MicrosoftDeclines {
        /// Engagement id.
        engagement: Uuid,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// The portal user makes a deal.
    PortalCreate {
        /// The referral as in a create through the API.
        referral: Map<String, Value>,
    },
    /// The portal user edits a referral, under the rules of the API.
    PortalEdit {
        /// Referral id.
        id: Uuid,
        /// New values by path, such as `"/details/dealValue": "90000"`.
        set: BTreeMap<String, Value>,
    },
    /// The CRM seller creates a row.
    CrmCreate {
        /// Logical name of the table, such as `opportunity`.
        table: String,
        /// Columns as in a Web API body.
        row: Map<String, Value>,
    },
    /// The CRM seller edits a row.
    CrmUpdate {
        /// Logical name of the table.
        table: String,
        /// Row id.
        id: Uuid,
        /// Columns as in a Web API body.
        row: Map<String, Value>,
    },
    /// The CRM seller deletes a row.
    CrmDelete {
        /// Logical name of the table.
        table: String,
        /// Row id.
        id: Uuid,
    },
    /// The CRM seller closes an opportunity as won.
    CrmWin {
        /// Opportunity id.
        id: Uuid,
        /// Columns of the close activity, such as `actualrevenue`.
        #[serde(default)]
        close: Map<String, Value>,
    },
    /// The CRM seller closes an opportunity as lost.
    CrmLose {
        /// Opportunity id.
        id: Uuid,
        /// Status reason: 4 canceled, 5 out-sold, -1 (the default) for the table's default.
        #[serde(default = "table_default")]
        status: i32,
        /// Columns of the close activity.
        #[serde(default)]
        close: Map<String, Value>,
    },
    /// The CRM seller qualifies a lead: an account and an opportunity are made of it.
    CrmQualify {
        /// Lead id.
        id: Uuid,
    },
    /// A customizer changes the CRM's metadata: every delta link dies.
    CrmExpireDeltaLinks,
    /// An administrator ends all sessions of a user.
    AdminRevoke {
        /// Sign-in name.
        user: String,
    },
    /// An administrator takes all roles of a user in Partner Center, or gives others.
    AdminRoles {
        /// Sign-in name.
        user: String,
        /// The roles from now on.
        roles: Vec<String>,
    },
    /// Somebody else in the tenant registers a webhook: events go there from now on.
    AdminTakesWebhook {
        /// Address of theirs.
        url: String,
        /// Events they want.
        #[serde(default)]
        events: Vec<String>,
    },
    /// The sandbox's clock moves forward.
    ClockAdvance {
        /// Seconds.
        seconds: u64,
    },
}

fn table_default() -> i32 {
    -1
}

/// What came of an [`Act`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Acted {
    /// Id of the record it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its engagement, for referrals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engagement: Option<String>,
}

/// A service refused what somebody wanted to do. The text is the service's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ActError(pub(crate) String);
