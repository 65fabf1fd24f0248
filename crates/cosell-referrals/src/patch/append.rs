//! Adding to lists: `add` at the end, and only what is not there yet.
//!
//! The service lets the same person or solution stand twice. So what is added is compared with the
//! list as it was read; send the patch for that version (`If-Match`), else somebody may have added
//! the same meanwhile.

use super::{CUSTOMER_TEAM, Patch, SOLUTIONS, TEAM};
use crate::{FieldError, Member, Referral, Solution, wire::Wire};

const TEAM_END: &str = "/team/-";
const CUSTOMER_TEAM_END: &str = "/customerProfile/team/-";
const SOLUTIONS_END: &str = "/details/requirements/solutions/-";
pub(super) const NEW_REGISTRATION: &str = "/registrations/-";

/// Does `end` add to the list at `path`?
pub(super) fn is_list(end: &str, path: &str) -> bool {
    matches!(
        (end, path),
        (TEAM_END, TEAM) | (CUSTOMER_TEAM_END, CUSTOMER_TEAM) | (SOLUTIONS_END, SOLUTIONS)
    )
}

impl Patch {
    /// Adds to the team those people who are not on it. Two are the same person if their e-mail
    /// addresses are equal but for case.
    ///
    /// # Errors
    /// [`FieldError`] if the team of `referral` cannot be read.
    pub fn add_to_team(self, referral: &Referral, people: &[Member]) -> Result<Self, FieldError> {
        Ok(self.append_missing(TEAM_END, &referral.team()?, people, email))
    }

    /// Adds to the customer's people those who are not there, compared as for
    /// [`add_to_team`](Self::add_to_team).
    ///
    /// # Errors
    /// [`FieldError`] if the customer's people cannot be read.
    pub fn add_to_customer_team(
        self,
        referral: &Referral,
        people: &[Member],
    ) -> Result<Self, FieldError> {
        let customer = referral.customer_profile()?.unwrap_or_default();
        Ok(self.append_missing(CUSTOMER_TEAM_END, &customer.team()?, people, email))
    }

    /// Adds those solutions that are not there, compared by id.
    ///
    /// # Errors
    /// [`FieldError`] if the solutions of `referral` cannot be read.
    pub fn add_solutions(
        self,
        referral: &Referral,
        solutions: &[Solution],
    ) -> Result<Self, FieldError> {
        let details = referral.details()?.unwrap_or_default();
        let needs = details.requirements()?.unwrap_or_default();
        Ok(
            self.append_missing(SOLUTIONS_END, &needs.solutions()?, solutions, |solution| {
                solution.id().ok().flatten()
            }),
        )
    }

    fn append_missing<T: Wire>(
        mut self,
        end: &'static str,
        there: &[T],
        wanted: &[T],
        key: impl Fn(&T) -> Option<String>,
    ) -> Self {
        let mut known: Vec<String> = there.iter().filter_map(&key).collect();
        for change in self.changes.iter().filter(|change| change.path == end) {
            let at = crate::wire::At::member("", end);
            let waiting = T::read(&change.value, &at).ok().flatten();
            known.extend(waiting.as_ref().and_then(&key));
        }
        for item in wanted {
            let Some(name) = key(item) else {
                // Without a key nothing can be compared; the check of content tells of it.
                self = self.append(end, item.write());
                continue;
            };
            if !known.contains(&name) {
                self = self.append(end, item.write());
                known.push(name);
            }
        }
        self
    }
}

fn email(member: &Member) -> Option<String> {
    let email = member.email().ok().flatten()?;
    Some(email.trim().to_lowercase())
}
