//! What a user may choose about the Partner Center side.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cosell_mapping::FieldId;

use cosell_referrals::{
    AdditionalRequirements, Attribute, Consent, Member, Qualification, RawMap, ReferralType,
    Requirements, Solution,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// Settings of the Partner Center side. The lags are the assumptions A1 to A3 of the promises:
/// too short and a record may be doubled, too long and recovery waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartnerCenterOptions {
    /// The own organization's id. With it, referrals of any other organization are never taken
    /// for deals of ours; without it, only Microsoft's are told apart.
    pub organization_id: Option<String>,
    /// How far below the newest stamp of a pass the next one looks again.
    pub overlap: Duration,
    /// How long a list may miss a referral that was made.
    pub find_lag: Duration,
    /// How long a read by id may show the state before a write.
    pub read_lag: Duration,
    /// How long after its deadline a request on its way may take effect.
    pub lateness: Duration,
    /// Takes in co-sell deals only. Without it leads come, too, of the marketplace and those that
    /// Microsoft hands over: an open one as a lead of the CRM, an accepted one as an opportunity.
    /// Said anew later, deals that began as leads stop and keep everything.
    pub co_sell_only: bool,
    /// What new referrals carry besides the mapped fields.
    pub new_deals: NewDeals,
    /// Fields that Microsoft's referral tells, too: where it holds something, that goes before
    /// what the own referral holds. Besides these, all fields whose rule reads a place below
    /// `microsoft/` (such as `microsoft/substatus`) are read from Microsoft's referral alone.
    pub microsoft_fields: BTreeSet<FieldId>,
    /// Do lists show Microsoft's referrals? The public record leaves that open. Without it, an open
    /// invitation is looked at every [`invitation_sweep`](Self::invitation_sweep), and at once
    /// when a webhook tells of it; and when the answer to an invitation is lost, the deal waits
    /// until a person looked ([`ErrorKind::Doubtful`](cosell_sync::ErrorKind::Doubtful)).
    pub lists_show_microsoft: bool,
    /// See [`lists_show_microsoft`](Self::lists_show_microsoft).
    pub invitation_sweep: Duration,
    /// The reason sent when the CRM declines or loses a deal; the service wants one.
    pub closing_reason: String,
}

impl Default for PartnerCenterOptions {
    fn default() -> Self {
        Self {
            organization_id: None,
            overlap: Duration::from_secs(15 * 60),
            find_lag: Duration::from_secs(10 * 60),
            read_lag: Duration::from_secs(30),
            // A request may take its whole time-out after it began to leave.
            lateness: Duration::from_secs(120),
            co_sell_only: true,
            new_deals: NewDeals::default(),
            microsoft_fields: ["help", "microsoft_id"].map(FieldId::from).into(),
            lists_show_microsoft: true,
            invitation_sweep: Duration::from_secs(3_600),
            closing_reason: "Closed in the partner's CRM".to_owned(),
        }
    }
}

macro_rules! with {
    ($($with:ident $field:ident: $type:ty;)*) => {
        impl PartnerCenterOptions {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $with(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

with! {
    with_organization_id organization_id: Option<String>;
    with_overlap overlap: Duration;
    with_find_lag find_lag: Duration;
    with_read_lag read_lag: Duration;
    with_lateness lateness: Duration;
    with_co_sell_only co_sell_only: bool;
    with_new_deals new_deals: NewDeals;
    with_microsoft_fields microsoft_fields: BTreeSet<FieldId>;
    with_lists_show_microsoft lists_show_microsoft: bool;
    with_invitation_sweep invitation_sweep: Duration;
    with_closing_reason closing_reason: String;
}

/// What every referral made from the CRM carries besides the mapped fields.
///
/// The default is a private deal whose customer has not decided about the marketplace: nothing is
/// shared with Microsoft's sellers, which could not be taken back. It lacks what only you know and
/// the service insists on: [`solutions`](Self::with_solutions) and your [`team`](Self::with_team).
#[derive(Clone, Debug)]
pub struct NewDeals {
    raw: RawMap,
    requirements: Requirements,
}

impl Default for NewDeals {
    fn default() -> Self {
        let consent = Consent::default()
            .with_share_info_with_others(true)
            .with_contact(true)
            .with_microsoft_to_contact_specific_partners(true)
            .with_share_with_microsoft_sellers(false);
        let intent = Attribute::new("CustomerMarketplaceIntent", "HaveNotDecided");
        let attributes = AdditionalRequirements::default().with_attributes(&[intent]);
        let deals = Self {
            raw: RawMap::new(),
            requirements: Requirements::default().with_additional_requirements(attributes),
        };
        deals
            .with("type", ReferralType::Independent.as_str())
            .with("qualification", Qualification::SalesQualified.as_str())
            .with("consent", consent.raw())
    }
}

impl NewDeals {
    /// The solutions that are sold, on every new deal; the service wants at least one.
    #[must_use]
    pub fn with_solutions(mut self, solutions: &[Solution]) -> Self {
        self.requirements = self.requirements.with_solutions(solutions);
        self
    }

    /// People of the own organization, on every new deal; the portal wants at least one.
    #[must_use]
    pub fn with_team(self, team: &[Member]) -> Self {
        let team: Vec<&RawMap> = team.iter().map(Member::raw).collect();
        self.with("team", &team)
    }

    /// Another consent; sharing with Microsoft's sellers makes partner-led deals, and cannot be
    /// taken back.
    #[must_use]
    pub fn with_consent(self, consent: &Consent) -> Self {
        self.with("consent", consent.raw())
    }

    /// Solutions, products and attributes, in the place of all that was set before. To invite
    /// Microsoft the service wants the attributes `SolutionArea` and `SolutionPlay` as well.
    #[must_use]
    pub fn with_requirements(mut self, requirements: Requirements) -> Self {
        self.requirements = requirements;
        self
    }

    /// Any other member of a new referral, as JSON. Mapped fields are written over it.
    #[must_use]
    pub fn with_member(mut self, name: &str, json: Box<RawValue>) -> Self {
        self.raw.insert(name.to_owned(), json);
        self
    }

    pub(super) fn raw(&self) -> RawMap {
        let details = BTreeMap::from([("requirements", self.requirements.raw())]);
        self.clone().with("details", &details).raw
    }

    fn with<T: Serialize + ?Sized>(self, name: &str, value: &T) -> Self {
        match to_raw_value(value) {
            Ok(json) => self.with_member(name, json),
            // Texts, flags and raw maps always have a JSON form.
            Err(_) => self,
        }
    }
}
