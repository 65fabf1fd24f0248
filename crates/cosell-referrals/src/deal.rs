//! Drafts of deals by kind. The kind is no field of the service: it follows from one consent and
//! from a second referral for Microsoft, and these types set both right.

use crate::{
    AssistanceRequestCode, Attribute, Consent, InviteContext, NewReferral, Profile, ReferralType,
    Requirements, SolutionType, Status, Substatus, Target, TargetType, Violations,
};

/// The kinds of deals of a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DealKind {
    /// Nobody else sees it.
    Private,
    /// Microsoft's sellers see it.
    PartnerLed,
    /// Microsoft is asked for help.
    CoSell,
    /// As co-sell, for services; the partner needs a designation of Microsoft's.
    ServicesCoSell,
}

impl DealKind {
    /// May Microsoft's sellers see it?
    pub fn shares_with_microsoft(self) -> bool {
        self != Self::Private
    }

    /// Does it have a second referral, for Microsoft?
    pub fn invites_microsoft(self) -> bool {
        matches!(self, Self::CoSell | Self::ServicesCoSell)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A draft that knows what it needs; see [`Referrals::create_draft`](crate::Referrals::create_draft).
pub trait Draft: sealed::Sealed + Send + Sync {
    /// What will be posted.
    fn referral(&self) -> &NewReferral;

    /// Checks what this kind of draft needs, without asking the service.
    ///
    /// # Errors
    /// [`Violations`], all of them. The values are not in it.
    fn check(&self, profile: Profile) -> Result<(), Violations>;
}

macro_rules! own_draft {
    ($name:ident, $kind:ident) => {
        impl sealed::Sealed for $name {}

        impl Draft for $name {
            fn referral(&self) -> &NewReferral {
                &self.0
            }

            fn check(&self, profile: Profile) -> Result<(), Violations> {
                self.0.check_as(DealKind::$kind, profile)
            }
        }
    };
}

/// A deal that nobody else sees.
#[derive(Clone, Debug)]
pub struct PrivateDeal(NewReferral);

impl PrivateDeal {
    /// Makes `deal` private, whatever it said: Independent, and not shared with sellers.
    pub fn new(deal: NewReferral) -> Self {
        Self(shared(deal.with_type(&ReferralType::Independent), false))
    }
}

own_draft!(PrivateDeal, Private);

/// A deal that Microsoft's sellers see, without being asked for help.
#[derive(Clone, Debug)]
pub struct PartnerLedDeal(NewReferral);

impl PartnerLedDeal {
    /// Shares `deal` with Microsoft's sellers. The type stays as it is: the service's documents
    /// show Independent and, in older places, Shared.
    pub fn new(deal: NewReferral) -> Self {
        Self(shared(deal, true))
    }
}

own_draft!(PartnerLedDeal, PartnerLed);

/// The partner's own referral of a co-sell deal, and what Microsoft is asked for.
///
/// Two calls: create this draft; then create the [`invitation`](Self::invitation) into the
/// engagement that the first answer names. Keep both ids; [`Engagement`](crate::Engagement) tells
/// what is still missing when a call was lost between them.
#[derive(Clone, Debug)]
pub struct CoSellDeal {
    own: NewReferral,
    help: Help,
}

impl CoSellDeal {
    /// Makes `deal` a co-sell deal: Shared, shared with sellers, addressed to its first published
    /// solution.
    pub fn new(deal: NewReferral, help: Help) -> Self {
        Self {
            own: co_sell(deal),
            help,
        }
    }

    /// Names the solution area and the solution play. The portal demands both of new deals; their
    /// ids change every fiscal year and are not published.
    #[must_use]
    pub fn with_solution_play(mut self, area: impl Into<String>, play: impl Into<String>) -> Self {
        self.own = taxonomy(self.own, None, area.into(), play.into());
        self
    }

    /// The second referral, for Microsoft, within the engagement of the first.
    pub fn invitation(&self, engagement_id: &str) -> Invitation {
        Invitation::new(&self.own, engagement_id, &self.help, DealKind::CoSell)
    }
}

impl sealed::Sealed for CoSellDeal {}

impl Draft for CoSellDeal {
    fn referral(&self) -> &NewReferral {
        &self.own
    }

    fn check(&self, profile: Profile) -> Result<(), Violations> {
        self.own.check_as(DealKind::CoSell, profile)
    }
}

/// As [`CoSellDeal`], for services.
#[derive(Clone, Debug)]
pub struct ServicesCoSellDeal {
    own: NewReferral,
    help: Help,
}

impl ServicesCoSellDeal {
    /// Makes `deal` a services co-sell deal. Role, area and play are ids of Microsoft's, which
    /// change every fiscal year and are not published; they are taken as they are.
    pub fn new(
        deal: NewReferral,
        help: Help,
        partner_role: impl Into<String>,
        solution_area: impl Into<String>,
        solution_play: impl Into<String>,
    ) -> Self {
        let role = Some(partner_role.into());
        let own = taxonomy(
            co_sell(deal),
            role,
            solution_area.into(),
            solution_play.into(),
        );
        Self { own, help }
    }

    /// The second referral, for Microsoft, within the engagement of the first.
    pub fn invitation(&self, engagement_id: &str) -> Invitation {
        Invitation::new(
            &self.own,
            engagement_id,
            &self.help,
            DealKind::ServicesCoSell,
        )
    }
}

impl sealed::Sealed for ServicesCoSellDeal {}

impl Draft for ServicesCoSellDeal {
    fn referral(&self) -> &NewReferral {
        &self.own
    }

    fn check(&self, profile: Profile) -> Result<(), Violations> {
        self.own.check_as(DealKind::ServicesCoSell, profile)
    }
}

/// What Microsoft is asked for.
#[derive(Clone, Debug)]
pub struct Help {
    code: AssistanceRequestCode,
    notes: Option<String>,
}

impl Help {
    /// Help of this kind.
    pub fn new(code: AssistanceRequestCode) -> Self {
        Self { code, notes: None }
    }

    /// Notes for Microsoft. Fixed once the deal is shared.
    #[must_use]
    pub fn with_notes(mut self, notes: impl Into<String>) -> Self {
        self.notes = Some(notes.into());
        self
    }
}

/// The connected referral that invites Microsoft into an engagement.
///
/// Carries no `externalReferenceId`: that is the key of the partner's own referral.
#[derive(Clone, Debug)]
pub struct Invitation {
    referral: NewReferral,
    kind: DealKind,
}

impl Invitation {
    /// An invitation into the engagement of a deal that exists, from what it was made of.
    pub fn new(own: &NewReferral, engagement_id: &str, help: &Help, kind: DealKind) -> Self {
        let mut context = own.invite_context().ok().flatten().unwrap_or_default();
        context = context.with_assistance_request_code(help.code.clone());
        if let Some(notes) = &help.notes {
            context = context.with_notes(notes);
        }
        let referral = shared(own.clone(), true)
            .without_external_reference_id()
            .with_type(&ReferralType::Shared)
            .with_engagement_id(engagement_id)
            .with_state(&Status::New, &Substatus::Pending)
            .with_target(&[Target::microsoft()])
            .with_invite_context(context);
        Self { referral, kind }
    }

    /// Says which organization invites.
    #[must_use]
    pub fn with_invited_by(mut self, organization_id: impl Into<String>) -> Self {
        let context: InviteContext = self
            .referral
            .invite_context()
            .ok()
            .flatten()
            .unwrap_or_default();
        let by = crate::InvitedBy::default().with_organization_id(organization_id);
        self.referral = self
            .referral
            .with_invite_context(context.with_invited_by(by));
        self
    }
}

impl sealed::Sealed for Invitation {}

impl Draft for Invitation {
    fn referral(&self) -> &NewReferral {
        &self.referral
    }

    fn check(&self, profile: Profile) -> Result<(), Violations> {
        self.referral.check_invitation(self.kind, profile)
    }
}

fn shared(deal: NewReferral, with_sellers: bool) -> NewReferral {
    let consent: Consent = deal.consent().ok().flatten().unwrap_or_default();
    deal.with_consent(&consent.with_share_with_microsoft_sellers(with_sellers))
}

fn co_sell(deal: NewReferral) -> NewReferral {
    let deal = shared(deal.with_type(&ReferralType::Shared), true);
    // A caller that has addressed it knows better.
    if !deal.target().unwrap_or_default().is_empty() {
        return deal;
    }
    let solution = requirements(&deal)
        .solutions()
        .unwrap_or_default()
        .into_iter()
        .find(|solution| matches!(solution.kind(), Ok(Some(SolutionType::Name))))
        .and_then(|solution| solution.id().ok().flatten());
    match solution {
        Some(id) => deal.with_target(&[Target::new(TargetType::SolutionProfile, id)]),
        None => deal,
    }
}

fn taxonomy(deal: NewReferral, role: Option<String>, area: String, play: String) -> NewReferral {
    let mut needs = requirements(&deal)
        .with_attribute(&Attribute::new(Attribute::SOLUTION_AREA, area))
        .with_attribute(&Attribute::new(Attribute::SOLUTION_PLAY, play));
    if let Some(role) = role {
        needs = needs.with_attribute(&Attribute::new(Attribute::PARTNER_ROLE, role));
    }
    let details = deal.details().ok().flatten().unwrap_or_default();
    deal.with_details(&details.with_requirements(needs))
}

fn requirements(deal: &NewReferral) -> Requirements {
    let details = deal.details().ok().flatten().unwrap_or_default();
    details.requirements().ok().flatten().unwrap_or_default()
}
