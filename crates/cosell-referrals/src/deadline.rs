//! What has to happen by when: an answer within 14 days, no win within 72 hours, a registration
//! within 60 days of the signature.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use crate::{FieldError, Referral, Status};

/// Days within which a new referral is answered, from the date of its creation.
pub const ANSWER_DAYS: u64 = 14;
/// Hours between creation and win below which a deal cannot be registered.
pub const WIN_HOURS: i64 = 72;
/// Days after the signature within which a deal is registered.
pub const REGISTRATION_DAYS: i64 = 60;
/// Least value of a deal that can be registered, in dollars of the United States.
pub const LEAST_REGISTRABLE: u32 = 25_000;

/// When a referral that was created at `created` expires: at midnight UTC, 14 days after the date.
pub fn answer_due(created: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let day = created
        .date_naive()
        .checked_add_days(Days::new(ANSWER_DAYS))?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

/// The earliest moment at which a deal that was created at `created` can be won and still be
/// registered.
pub fn earliest_win(created: DateTime<Utc>) -> Option<DateTime<Utc>> {
    created.checked_add_signed(TimeDelta::hours(WIN_HOURS))
}

/// The last moment at which a deal whose contract was signed at `signed` can be registered.
pub fn registration_due(signed: DateTime<Utc>) -> Option<DateTime<Utc>> {
    signed.checked_add_signed(TimeDelta::days(REGISTRATION_DAYS))
}

/// The deadlines of one referral; none where there is nothing to miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// A new referral expires unless it is answered before.
    pub answer: Option<DateTime<Utc>>,
    /// An open deal that might be registered should not be won before.
    pub earliest_win: Option<DateTime<Utc>>,
    /// A won deal can be registered until then.
    pub registration: Option<DateTime<Utc>>,
}

impl Deadlines {
    /// The deadlines of `referral`. The service does not know before the registration when the
    /// contract was signed, so the caller says it; without, there is no deadline to register.
    ///
    /// # Errors
    /// [`FieldError`] if a date, the state or the value cannot be read.
    pub fn of(referral: &Referral, signed: Option<DateTime<Utc>>) -> Result<Self, FieldError> {
        let created = referral.created_date_time()?;
        let status = referral.status()?;
        let open = matches!(status, Some(Status::New | Status::Active));
        let waits = status == Some(Status::New);
        let won = referral.state() == Some(crate::State::WON);
        let registered = !matches!(
            referral.registration_status()?,
            None | Some(crate::RegistrationStatus::None)
        );
        let may_register = referral.may_be_registrable()? && !registered;
        Ok(Self {
            // Own deals carry no such date, and are never New.
            answer: match referral.expiration_date_time()? {
                Some(moment) if waits => Some(moment),
                _ if waits => created.and_then(answer_due),
                _ => None,
            },
            earliest_win: created
                .filter(|_| open && may_register)
                .and_then(earliest_win),
            registration: signed
                .filter(|_| won && may_register)
                .and_then(registration_due),
        })
    }

    /// What is near: due within `lead` of `now`, or past.
    pub fn warnings(&self, now: DateTime<Utc>, lead: TimeDelta) -> Vec<Warning> {
        [
            self.answer.map(Warning::AnswerDue),
            self.registration.map(Warning::RegistrationDue),
        ]
        .into_iter()
        .flatten()
        .filter(|warning| warning.at() - now <= lead)
        .collect()
    }

    /// What a win at `now` would cost: the deal could not be registered.
    pub fn before_win(&self, now: DateTime<Utc>) -> Option<Warning> {
        let earliest = self.earliest_win.filter(|earliest| now < *earliest)?;
        Some(Warning::WonTooEarly(earliest))
    }
}

/// A deadline that somebody should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// The referral expires then, unless it is accepted or declined before.
    AnswerDue(DateTime<Utc>),
    /// The deal can be registered until then.
    RegistrationDue(DateTime<Utc>),
    /// Won before then, the deal cannot be registered.
    WonTooEarly(DateTime<Utc>),
}

impl Warning {
    /// The deadline.
    pub fn at(self) -> DateTime<Utc> {
        match self {
            Self::AnswerDue(at) | Self::RegistrationDue(at) | Self::WonTooEarly(at) => at,
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = self.at().format("%Y-%m-%d %H:%M UTC");
        match self {
            Self::AnswerDue(_) => write!(f, "expires unless it is accepted or declined by {at}"),
            Self::RegistrationDue(_) => write!(f, "can be registered until {at}"),
            Self::WonTooEarly(_) => write!(f, "cannot be registered if it is won before {at}"),
        }
    }
}

impl Referral {
    /// Might this deal be registered once it is won? False for what is not shared with Microsoft's
    /// sellers and for what is worth too little; other currencies than dollars are not judged.
    pub(crate) fn may_be_registrable(&self) -> Result<bool, FieldError> {
        let details = self.details()?.unwrap_or_default();
        let dollars = details
            .currency()?
            .is_some_and(|currency| currency == "USD");
        let small = details
            .deal_value()?
            .is_none_or(|value| dollars && value < Decimal::from(LEAST_REGISTRABLE));
        Ok(self.is_shared_with_microsoft()? && !small)
    }

    /// May Microsoft's sellers see the deal?
    pub(crate) fn is_shared_with_microsoft(&self) -> Result<bool, FieldError> {
        let consent = self.consent()?.unwrap_or_default();
        Ok(consent.share_with_microsoft_sellers()? == Some(true))
    }
}
