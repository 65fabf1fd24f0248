//! What kind of referral it is, by the service's own table.

use crate::{FieldError, Qualification, Referral, ReferralType, engagement::MICROSOFT};

/// What kind of referral it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// A customer made it in the marketplace.
    MarketplaceLead,
    /// Microsoft hands a qualified lead over.
    QualifiedLead,
    /// A deal: of one's own, or worked together with Microsoft or another partner.
    CoSell,
    /// The table has no row for it.
    Unclassified,
}

impl Referral {
    /// What kind of referral it is, by type, qualification and the organization that invites.
    ///
    /// | type | qualification | invited by | |
    /// |---|---|---|---|
    /// | Independent | Direct | Microsoft or nobody | marketplace lead |
    /// | Independent | SalesQualified, MarketingQualified | Microsoft | qualified lead |
    /// | Independent, Shared | SalesQualified, None | one's own organization, another partner | co-sell |
    /// | Shared | SalesQualified, None | Microsoft | co-sell, sent by a Microsoft seller |
    ///
    /// The last row is missing in the service's documents and derived from their samples. Neither
    /// `referralSource` nor `callToAction` counts: the documents warn against it.
    ///
    /// # Errors
    /// [`FieldError`] if one of the three cannot be read.
    pub fn category(&self) -> Result<Category, FieldError> {
        use Qualification as Q;
        let inviter = self
            .invite_context()?
            .map(|context| context.invited_by())
            .transpose()?
            .flatten()
            .map(|by| by.organization_id())
            .transpose()?
            .flatten();
        let by_microsoft = inviter
            .as_ref()
            .map(|id| id.eq_ignore_ascii_case(MICROSOFT));
        // An absent qualification is the service's `None`.
        let qualification = self.qualification()?.unwrap_or(Q::None);
        Ok(match (self.referral_type()?, qualification, by_microsoft) {
            (Some(ReferralType::Independent), Q::Direct, None | Some(true)) => {
                Category::MarketplaceLead
            }
            (
                Some(ReferralType::Independent),
                Q::SalesQualified | Q::MarketingQualified,
                Some(true),
            ) => Category::QualifiedLead,
            (
                Some(ReferralType::Independent | ReferralType::Shared),
                Q::SalesQualified | Q::None,
                Some(false),
            )
            | (Some(ReferralType::Shared), Q::SalesQualified | Q::None, Some(true)) => {
                Category::CoSell
            }
            _ => Category::Unclassified,
        })
    }
}
