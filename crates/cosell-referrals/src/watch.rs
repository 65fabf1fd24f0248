//! A look at every deadline that is near.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;

use crate::{
    Deadlines, Error, FieldError, Filter, ListOptions, Order, OrderBy, Referral, Referrals, Status,
    Substatus, Warning,
    deadline::{REGISTRATION_DAYS, WIN_HOURS},
};

/// A referral with a deadline that is near, or past.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Due {
    /// The referral as the list gave it.
    pub referral: Referral,
    /// What is near.
    pub warnings: Vec<Warning>,
    /// Why nothing can be said: a date, the state or the value cannot be read. Somebody should look.
    pub unreadable: Option<FieldError>,
}

impl Referrals {
    /// Every referral with a deadline within `lead` of `now`, or past: new ones, Microsoft's
    /// included, that expire unless they are answered; active ones that should not be won yet
    /// because they might be registered; won ones whose registration runs out.
    ///
    /// When the contract of a won deal was signed is known to the caller alone, so `signed` tells
    /// it; where it says `None`, that deal has no such deadline.
    ///
    /// Costs a list of the new ones, whole, of the active ones back to 72 hours, and of the won ones
    /// back to 60 days. Once or twice a day is often enough. Cancel safety: may be dropped.
    ///
    /// # Errors
    /// As [`first_page`](Self::first_page).
    pub async fn near_deadlines(
        &self,
        now: DateTime<Utc>,
        lead: TimeDelta,
        signed: impl Fn(&Referral) -> Option<DateTime<Utc>> + Send,
    ) -> Result<Vec<Due>, Error> {
        let mut near = Vec::new();
        let new = Filter::status(&Status::New);
        let active = Filter::status(&Status::Active);
        let won = Filter::status(&Status::Closed).and(Filter::substatus(&Substatus::Won));
        let (hours, days) = (
            TimeDelta::hours(WIN_HOURS),
            TimeDelta::days(REGISTRATION_DAYS),
        );
        for (filter, by, back) in [
            (new, OrderBy::Created, None),
            (active, OrderBy::Created, Some(hours)),
            (won, OrderBy::Updated, Some(days)),
        ] {
            let options = ListOptions::default()
                .with_filter(filter)
                .with_order(Order::newest(by));
            let mut list = self.list(options);
            while let Some(referral) = list.try_next().await? {
                let stamp = match by {
                    OrderBy::Created => referral.created_date_time(),
                    OrderBy::Updated => referral.updated_date_time(),
                };
                // Newest first: what comes after this one is older still.
                if let (Some(back), Ok(Some(stamp))) = (back, &stamp)
                    && now - *stamp > back
                {
                    break;
                }
                let due = judge(referral, now, lead, &signed);
                if !due.warnings.is_empty() || due.unreadable.is_some() {
                    near.push(due);
                }
            }
        }
        Ok(near)
    }
}

fn judge(
    referral: Referral,
    now: DateTime<Utc>,
    lead: TimeDelta,
    signed: &impl Fn(&Referral) -> Option<DateTime<Utc>>,
) -> Due {
    let deadlines = Deadlines::of(&referral, signed(&referral));
    let (warnings, unreadable) = match deadlines {
        Ok(deadlines) => {
            let mut warnings = deadlines.warnings(now, lead);
            warnings.extend(deadlines.before_win(now));
            (warnings, None)
        }
        Err(fault) => (Vec::new(), Some(fault)),
    };
    Due {
        referral,
        warnings,
        unreadable,
    }
}
