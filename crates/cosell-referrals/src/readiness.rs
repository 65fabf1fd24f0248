//! Whether work can start: the right account, and referrals to be seen.

use std::{collections::BTreeSet, fmt};

use crate::{
    Error, ErrorKind, ListOptions, Order, OrderBy, Page, Referral, Referrals, engagement::MICROSOFT,
};

/// What [`Referrals::check_readiness`] compares with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadinessOptions {
    /// PartnerIDs (formerly MPN ids) of the account's locations, digits: the same that the co-sell
    /// solutions are published under.
    pub partner_ids: Vec<String>,
    /// The partner's organization id, if it is known.
    pub organization_id: Option<String>,
    /// Pages that are read for counting at most; 10 by default, which is a thousand referrals.
    pub most_pages: usize,
}

impl ReadinessOptions {
    /// Compares with these PartnerIDs.
    pub fn new<T: Into<String>>(partner_ids: impl IntoIterator<Item = T>) -> Self {
        Self {
            partner_ids: partner_ids.into_iter().map(Into::into).collect(),
            organization_id: None,
            most_pages: 10,
        }
    }

    /// Compares with this organization, too.
    #[must_use]
    pub fn with_organization_id(mut self, id: impl Into<String>) -> Self {
        self.organization_id = Some(id.into());
        self
    }

    /// Reads so many pages at most; one at least.
    #[must_use]
    pub fn with_most_pages(mut self, pages: usize) -> Self {
        self.most_pages = pages;
        self
    }
}

/// What a look before the start found; see [`Referrals::check_readiness`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Readiness {
    /// Referrals that the identity sees, those of Microsoft and of other partners included; as far
    /// as they were read.
    pub visible: u64,
    /// Were all of them read?
    pub counted_all: bool,
    /// PartnerIDs on the partner's own referrals.
    pub partner_ids: BTreeSet<String>,
    /// Organizations that referrals belong to, without Microsoft's.
    pub organizations: BTreeSet<String>,
    /// Why work cannot start; all at once.
    pub faults: Vec<ReadinessFault>,
    /// What nobody can tell yet, or what is odd.
    pub notes: Vec<ReadinessNote>,
}

impl Readiness {
    /// Can work start?
    pub fn is_ready(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Readiness {
    /// A line for each fault and note, after one with the count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.counted_all { "" } else { " at least" };
        write!(
            f,
            "Partner Center: {} referrals visible{more}",
            self.visible
        )?;
        for fault in &self.faults {
            write!(f, "\nfault: {fault}")?;
            let mut cause = std::error::Error::source(fault);
            while let Some(one) = cause {
                write!(f, ": {one}")?;
                cause = one.source();
            }
        }
        for note in &self.notes {
            write!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}

/// Why work with Partner Center cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadinessFault {
    /// No PartnerID is set.
    #[error("PartnerID: none is set; give that of the location that publishes the solutions")]
    PartnerIdMissing,
    /// A PartnerID is no number.
    #[error("PartnerID: {id:?} is no number; Partner Center shows it under the legal profile")]
    PartnerIdMalformed {
        /// What was given.
        id: String,
    },
    /// The referrals belong to other PartnerIDs than the solutions.
    #[error(
        "PartnerID: the tenant's referrals are under {}, the solutions under {}; sign in to the \
         tenant of the solutions, or set its PartnerID",
        list(seen),
        list(wanted)
    )]
    PartnerIdOther {
        /// What was set.
        wanted: BTreeSet<String>,
        /// What stands on the referrals.
        seen: BTreeSet<String>,
    },
    /// The referrals belong to another organization.
    #[error(
        "organization: the referrals belong to {}, not to {wanted}; sign in to that tenant, or set \
         the right organization",
        list(seen)
    )]
    OrganizationOther {
        /// What was set.
        wanted: String,
        /// What the referrals say.
        seen: BTreeSet<String>,
    },
    /// No page of referrals could be listed. The cause names the role or token that is missing.
    #[error("no referrals can be listed")]
    NotListed(#[source] Error),
}

/// What nobody can tell before the start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadinessNote {
    /// Nothing is visible.
    #[error(
        "no referral is visible: there is none, or the role is Referrals User and the account \
         stands on no deal's team"
    )]
    NothingVisible,
    /// No referral of the partner's carries a PartnerID, so it cannot be compared.
    #[error("no referral carries a PartnerID, so it was not compared")]
    PartnerIdUnseen,
    /// A referral could not be read in part.
    #[error("{count} referrals cannot be read in part, {example} for one")]
    Unreadable {
        /// How many.
        count: u64,
        /// The first fault; holds no value.
        example: String,
    },
}

fn list(ids: &BTreeSet<String>) -> String {
    ids.iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Referrals {
    /// Looks whether work can start: whether PartnerIDs are set and are those of the tenant, and
    /// what the identity sees. Changes nothing; costs a request for each page that is counted.
    ///
    /// Everything that is wrong is told at once; a refused list (a missing role, an application's
    /// token, no second factor) is one of the faults and not an error.
    ///
    /// Cancel safety: may be dropped.
    pub async fn check_readiness(&self, options: &ReadinessOptions) -> Readiness {
        let mut found = Found::default();
        let mut faults = Vec::new();
        let wanted: BTreeSet<String> = options
            .partner_ids
            .iter()
            .map(|id| id.trim().to_owned())
            .filter(|id| !id.is_empty())
            .collect();
        if wanted.is_empty() {
            faults.push(ReadinessFault::PartnerIdMissing);
        }
        for id in &wanted {
            if !id.bytes().all(|byte| byte.is_ascii_digit()) {
                faults.push(ReadinessFault::PartnerIdMalformed { id: id.clone() });
            }
        }
        if let Err(error) = self.look_at_pages(options, &mut found).await {
            faults.push(ReadinessFault::NotListed(error));
        }
        let Found {
            visible,
            counted_all,
            partner_ids,
            organizations,
            unreadable,
        } = found;
        let other =
            !wanted.is_empty() && !partner_ids.is_empty() && wanted.is_disjoint(&partner_ids);
        if other {
            faults.push(ReadinessFault::PartnerIdOther {
                wanted: wanted.clone(),
                seen: partner_ids.clone(),
            });
        }
        if let Some(wanted) = &options.organization_id {
            let own = organizations
                .iter()
                .any(|id| id.eq_ignore_ascii_case(wanted));
            if !own && !organizations.is_empty() {
                faults.push(ReadinessFault::OrganizationOther {
                    wanted: wanted.clone(),
                    seen: organizations.clone(),
                });
            }
        }
        let mut notes = Vec::new();
        if counted_all && visible == 0 {
            notes.push(ReadinessNote::NothingVisible);
        } else if visible > 0 && partner_ids.is_empty() {
            notes.push(ReadinessNote::PartnerIdUnseen);
        }
        if let Some((count, example)) = unreadable {
            notes.push(ReadinessNote::Unreadable { count, example });
        }
        Readiness {
            visible,
            counted_all,
            partner_ids,
            organizations,
            faults,
            notes,
        }
    }

    async fn look_at_pages(
        &self,
        options: &ReadinessOptions,
        found: &mut Found,
    ) -> Result<(), Error> {
        // The order that every list has: new ones come last, and none is counted twice.
        let first = ListOptions::default().with_order(Order::oldest(OrderBy::Created));
        let mut page = self.first_page(&first).await?;
        for _ in 1..options.most_pages.max(1) {
            found.take(&page);
            let Some(next) = &page.next else {
                found.counted_all = true;
                return Ok(());
            };
            page = match self.next_page(next).await {
                Ok(page) => page,
                // One page is there, which is what was asked for.
                Err(error) if error.kind() == ErrorKind::Throttled => return Ok(()),
                Err(error) => return Err(error),
            };
        }
        found.take(&page);
        found.counted_all = page.next.is_none();
        Ok(())
    }
}

#[derive(Default)]
struct Found {
    visible: u64,
    counted_all: bool,
    partner_ids: BTreeSet<String>,
    organizations: BTreeSet<String>,
    unreadable: Option<(u64, String)>,
}

impl Found {
    fn take(&mut self, page: &Page) {
        for referral in &page.items {
            self.visible += 1;
            if let Err(fault) = self.read(referral) {
                let (count, _) = self.unreadable.get_or_insert((0, fault.to_string()));
                *count += 1;
            }
        }
    }

    fn read(&mut self, referral: &Referral) -> Result<(), crate::FieldError> {
        let owner = referral.organization_id()?;
        let microsofts = owner
            .as_deref()
            .is_some_and(|owner| owner.eq_ignore_ascii_case(MICROSOFT));
        if !microsofts {
            self.organizations.extend(owner);
            self.partner_ids.extend(referral.mpn_id()?);
        }
        Ok(())
    }
}
