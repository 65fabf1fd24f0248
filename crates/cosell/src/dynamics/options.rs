//! What a user may choose about the CRM side.

use std::{sync::Arc, time::Duration};

use cosell_mapping::FieldId;
use cosell_referrals::PortalTemplate;

use super::{AccountMatcher, LeadOptions, NameAndPostalCode};

/// Settings of the CRM side.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DynamicsOptions {
    /// The columns that the connector keeps on an opportunity.
    pub columns: ConnectorColumns,
    /// Shows success and failure as a tick before the opportunity's name.
    pub ticks: bool,
    /// Links to a referral for people.
    pub portal_link: PortalTemplate,
    /// Rows a page of changes, 1 to 5,000.
    pub page_size: u32,
    /// How long a read by id may show the state before a write.
    pub read_lag: Duration,
    /// How long after its deadline a request on its way may take effect.
    pub lateness: Duration,
    /// The field by which a seller asks Microsoft for help: while it holds something, the deal is
    /// shown to Microsoft's sellers and Microsoft is invited. `None`: nobody is ever invited.
    pub help: Option<FieldId>,
    /// The field that says whether Microsoft's sellers may see the deal. Asking for help implies
    /// it.
    pub visible: Option<FieldId>,
    /// Puts the closing actions into the change set of the last values, so that both take effect
    /// or neither. Off for an organization that refuses actions there: closing is then a step of
    /// its own, after the values.
    pub close_in_change_set: bool,
    /// Takes in leads, by these settings. `None`: the table of leads is never looked at, unless
    /// Partner Center's side takes leads in
    /// ([`co_sell_only`](crate::PartnerCenterOptions::co_sell_only)), which chooses the default
    /// settings.
    pub leads: Option<LeadOptions>,
    /// Finds the account of a new opportunity's customer.
    pub accounts: Arc<dyn AccountMatcher>,
}

impl Default for DynamicsOptions {
    fn default() -> Self {
        Self {
            columns: ConnectorColumns::default(),
            ticks: true,
            portal_link: PortalTemplate::default(),
            page_size: 1_000,
            read_lag: Duration::from_secs(10),
            lateness: Duration::from_secs(120),
            help: Some(FieldId::from("help")),
            visible: Some(FieldId::from("visible")),
            close_in_change_set: true,
            leads: None,
            accounts: Arc::new(NameAndPostalCode),
        }
    }
}

macro_rules! with {
    ($of:ident: $($with:ident $field:ident: $type:ty;)*) => {
        impl $of {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $with(mut self, $field: impl Into<$type>) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
        }
    };
}

pub(super) use with;

with! { DynamicsOptions:
    with_columns columns: ConnectorColumns;
    with_ticks ticks: bool;
    with_portal_link portal_link: PortalTemplate;
    with_page_size page_size: u32;
    with_read_lag read_lag: Duration;
    with_lateness lateness: Duration;
    with_help help: Option<FieldId>;
    with_visible visible: Option<FieldId>;
    with_close_in_change_set close_in_change_set: bool;
    with_leads leads: Option<LeadOptions>;
    with_accounts accounts: Arc<dyn AccountMatcher>;
}

/// Logical names of the connector's columns on `opportunity`; the defaults are those of
/// Microsoft's own solution, and one of ours for the stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectorColumns {
    /// Two options: does the deal take part? Off stops everything and keeps all.
    pub sync: String,
    /// Text: the referral's id.
    pub identifier: String,
    /// Text or URL: a link to the referral for people.
    pub link: String,
    /// Memo of 100,000: one line an attempt.
    pub audit: String,
    /// Text of 36 or more: the stamp of our last write, by which its fate is told after a crash.
    pub stamp: String,
}

impl Default for ConnectorColumns {
    fn default() -> Self {
        Self {
            sync: "msft_microsoftpartnercenterreferralsync".to_owned(),
            identifier: "msft_microsoftpartnercenterreferralidentifier".to_owned(),
            link: "msft_microsoftpartnercenterreferrallink".to_owned(),
            audit: "msft_microsoftpartnercenterreferralsyncaudit".to_owned(),
            stamp: "cosell_writestamp".to_owned(),
        }
    }
}

with! { ConnectorColumns:
    with_sync sync: String;
    with_identifier identifier: String;
    with_link link: String;
    with_audit audit: String;
    with_stamp stamp: String;
}
