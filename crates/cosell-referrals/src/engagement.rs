//! The referrals about one need of one customer: whose is which, and what is still missing.

use crate::{
    Attribute, DealKind, FieldError, Referral, State, Status, TargetType, deal_rules::contacts,
};

/// Organization id of Microsoft.
pub(crate) const MICROSOFT: &str = "msft";

/// The referrals of one engagement, sorted by whose they are; see
/// [`Referrals::related`](crate::Referrals::related).
///
/// A co-sell deal is two referrals that are made by two calls: the partner's own, and a connected
/// one for Microsoft. This tells which of them, and what else, is not there yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Engagement {
    /// The partner's own; the oldest, if there is more than one.
    pub own: Option<Referral>,
    /// Microsoft's, or the one that is addressed to Microsoft; the oldest of those that are not
    /// closed, else the oldest.
    pub microsoft: Option<Referral>,
    /// Everything else: other partners', and what should not be there twice.
    pub others: Vec<Referral>,
}

/// What an engagement lacks for a kind of deal. In this order it is made up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// The partner's own referral: create it.
    OwnReferral,
    /// The own referral is closed; nothing can be made up for any more.
    Open,
    /// Consent to share with Microsoft's sellers: patch the own referral.
    Sharing,
    /// A complete contact at the customer: patch the own referral.
    CustomerContact,
    /// Partner role, solution area and solution play: stated when a deal is created, and not known
    /// to be patchable.
    ServicesAttributes,
    /// The referral for Microsoft: create it with the engagement's id.
    MicrosoftReferral,
}

impl Engagement {
    /// Sorts referrals of one engagement. `own_organization` is the partner's organization id.
    ///
    /// # Errors
    /// [`FieldError`] if an owner, a target or a date cannot be read.
    pub fn sort(
        referrals: impl IntoIterator<Item = Referral>,
        own_organization: &str,
    ) -> Result<Self, FieldError> {
        let mut dated = Vec::new();
        for referral in referrals {
            dated.push((referral.created_date_time()?, referral));
        }
        // Stable: without dates, as the service gave them.
        dated.sort_by_key(|(created, _)| *created);
        let mut sorted = Self {
            own: None,
            microsoft: None,
            others: Vec::new(),
        };
        for (_, referral) in dated {
            let owner = referral.organization_id()?;
            let owner = owner.as_deref().unwrap_or_default();
            let place = if is_microsofts(&referral, owner)? {
                &mut sorted.microsoft
            } else if owner.eq_ignore_ascii_case(own_organization) {
                &mut sorted.own
            } else {
                sorted.others.push(referral);
                continue;
            };
            match place {
                None => *place = Some(referral),
                Some(known) if is_closed(known) && !is_closed(&referral) => {
                    sorted.others.push(std::mem::replace(known, referral));
                }
                Some(_) => sorted.others.push(referral),
            }
        }
        Ok(sorted)
    }

    /// What kind of deal it is now; `None` without a referral of one's own.
    ///
    /// # Errors
    /// [`FieldError`] if the consent cannot be read.
    pub fn kind(&self) -> Result<Option<DealKind>, FieldError> {
        let Some(own) = &self.own else {
            return Ok(None);
        };
        Ok(Some(if self.microsoft.is_some() {
            if services_attributes(own)? {
                DealKind::ServicesCoSell
            } else {
                DealKind::CoSell
            }
        } else if own.is_shared_with_microsoft()? {
            DealKind::PartnerLed
        } else {
            DealKind::Private
        }))
    }

    /// What is still missing for the deal to be of kind `wanted`, in the order in which it is made
    /// up for; empty when it is complete. A kind is never taken back: a co-sell deal lacks nothing
    /// of a private one.
    ///
    /// Lists may be late, so a referral that was created a moment ago can seem to be missing: keep
    /// its id, and read it by id before it is created again.
    ///
    /// # Errors
    /// [`FieldError`] if consent, contacts or attributes cannot be read.
    pub fn missing(&self, wanted: DealKind) -> Result<Vec<Missing>, FieldError> {
        let mut missing = Vec::new();
        let Some(own) = &self.own else {
            missing.push(Missing::OwnReferral);
            if wanted.invites_microsoft() && self.microsoft.is_none() {
                missing.push(Missing::MicrosoftReferral);
            }
            return Ok(missing);
        };
        if wanted != DealKind::Private && !own.is_shared_with_microsoft()? {
            missing.push(Missing::Sharing);
        }
        if wanted == DealKind::ServicesCoSell && !services_attributes(own)? {
            missing.push(Missing::ServicesAttributes);
        }
        if wanted.invites_microsoft() && self.microsoft.is_none() {
            let customer = own.customer_profile()?.unwrap_or_default();
            let people = customer.team()?;
            if people.is_empty() || contacts(&people).next().is_some() {
                missing.push(Missing::CustomerContact);
            }
            missing.push(Missing::MicrosoftReferral);
        }
        if !missing.is_empty() && is_closed(own) {
            missing.push(Missing::Open);
        }
        missing.sort_unstable();
        Ok(missing)
    }

    /// Has Microsoft answered the invitation, and how? `None` without an answer.
    pub fn microsofts_answer(&self) -> Option<State> {
        let state = self.microsoft.as_ref()?.state()?;
        (state.status != Status::New).then_some(state)
    }
}

fn is_closed(referral: &Referral) -> bool {
    matches!(referral.status(), Ok(Some(Status::Closed)))
}

fn is_microsofts(referral: &Referral, owner: &str) -> Result<bool, FieldError> {
    if owner.eq_ignore_ascii_case(MICROSOFT) {
        return Ok(true);
    }
    for target in referral.target()? {
        let to_microsoft = target.target_type()? == Some(TargetType::BusinessProfileLocation)
            && target
                .id()?
                .is_some_and(|id| id.eq_ignore_ascii_case(MICROSOFT));
        if to_microsoft {
            return Ok(true);
        }
    }
    Ok(false)
}

fn services_attributes(referral: &Referral) -> Result<bool, FieldError> {
    let details = referral.details()?.unwrap_or_default();
    let needs = details.requirements()?.unwrap_or_default();
    Ok([
        Attribute::PARTNER_ROLE,
        Attribute::SOLUTION_AREA,
        Attribute::SOLUTION_PLAY,
    ]
    .iter()
    .all(|name| needs.attribute(name).is_some()))
}
