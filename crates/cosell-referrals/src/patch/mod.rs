//! Changing a referral.

mod append;
mod check;
mod options;
mod registration;

use std::fmt;

use chrono::{DateTime, Utc};
use cosell_http::Repeat;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

pub use options::{PatchOptions, PatchOutcome, PatchVerb, Patched};
pub use registration::RegistrationEdit;

use crate::{
    Member, Solution, Status, Substatus, Violations,
    violation::Findings,
    wire::{Wire, encode, encode_list},
};

/// Changes to one referral, applied all or none.
///
/// Expresses only what the service is known to take (and [`name`](Self::with_name), marked). A
/// list is replaced whole, since the service knows no `remove`: read it, change it, set it; or it
/// is [added to](Self::add_to_team), which compares first. Setting a field twice keeps the later
/// value.
///
/// ```
/// use cosell_referrals::Patch;
///
/// let patch = Patch::new().with_notes("Scope grew to two plants.").win();
/// assert_eq!(
///     patch.to_json(Default::default()),
///     r#"[{"op":"replace","path":"/details/notes","value":"Scope grew to two plants."},{"op":"replace","path":"/status","value":"Closed"},{"op":"replace","path":"/substatus","value":"Won"}]"#,
/// );
/// ```
#[derive(Clone, Default)]
pub struct Patch {
    changes: Vec<Change>,
}

/// One operation of the document.
#[derive(Clone)]
struct Change {
    path: &'static str,
    value: Box<RawValue>,
    /// Adds to the list that `path` ends in, instead of setting a value.
    appends: bool,
}

const NAME: &str = "/name";
const STATUS: &str = "/status";
const SUBSTATUS: &str = "/substatus";
const STATUS_REASON: &str = "/statusReason";
const DEAL_VALUE: &str = "/details/dealValue";
const CURRENCY: &str = "/details/currency";
const SOLUTIONS: &str = "/details/requirements/solutions";
const CUSTOMER_TEAM: &str = "/customerProfile/team";
const TEAM: &str = "/team";
const SHARE: &str = "/consent/consentToShareReferralWithMicrosoftSellers";

/// Every path that a patch may change; `/name` is not among the published ones.
const PATHS: [&str; 16] = [
    NAME,
    STATUS,
    SUBSTATUS,
    STATUS_REASON,
    DEAL_VALUE,
    CURRENCY,
    SOLUTIONS,
    "/salesStage",
    "/externalReferenceId",
    "/campaignId",
    "/referralProgram",
    "/details/closingDateTime",
    "/details/notes",
    CUSTOMER_TEAM,
    TEAM,
    SHARE,
];

impl Patch {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Is nothing changed?
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Accepts a new referral.
    #[must_use]
    pub fn accept(self) -> Self {
        self.with_state(&Status::Active, &Substatus::Accepted)
    }

    /// Refuses a new referral, with the reason the other party reads. Cannot be undone.
    #[must_use]
    pub fn decline(self, reason: impl Into<String>) -> Self {
        self.with_state(&Status::Closed, &Substatus::Declined)
            .with_status_reason(reason)
    }

    /// Closes an accepted referral as won. Cannot be undone.
    #[must_use]
    pub fn win(self) -> Self {
        self.with_state(&Status::Closed, &Substatus::Won)
    }

    /// Closes an accepted referral as lost, with the reason. Cannot be undone.
    #[must_use]
    pub fn lose(self, reason: impl Into<String>) -> Self {
        self.with_state(&Status::Closed, &Substatus::Lost)
            .with_status_reason(reason)
    }

    /// Closes a referral because it is an error, such as a duplicate. Cannot be undone. The word
    /// `Error` is the portal's; the API's own table lacks it.
    #[must_use]
    pub fn close_as_error(self, reason: impl Into<String>) -> Self {
        self.with_state(&Status::Closed, &Substatus::Error)
            .with_status_reason(reason)
    }

    /// Moves to any pair of status and substatus; the service wants them together.
    #[must_use]
    pub fn with_state(self, status: &Status, substatus: &Substatus) -> Self {
        self.replace(STATUS, status.write())
            .replace(SUBSTATUS, substatus.write())
    }

    /// Why the referral stands where it stands.
    #[must_use]
    pub fn with_status_reason(self, reason: impl Into<String>) -> Self {
        self.replace(STATUS_REASON, reason.into().write())
    }

    /// Sales stage, in the vocabulary that the record already uses.
    #[must_use]
    pub fn with_sales_stage(self, stage: impl Into<String>) -> Self {
        self.replace("/salesStage", stage.into().write())
    }

    /// The partner's own id for the deal.
    #[must_use]
    pub fn with_external_reference_id(self, id: impl Into<String>) -> Self {
        self.replace("/externalReferenceId", id.into().write())
    }

    /// Marketing campaign.
    #[must_use]
    pub fn with_campaign_id(self, id: impl Into<String>) -> Self {
        self.replace("/campaignId", id.into().write())
    }

    /// Go-to-market program.
    #[must_use]
    pub fn with_referral_program(self, program: impl Into<String>) -> Self {
        self.replace("/referralProgram", program.into().write())
    }

    /// Value of the deal in its currency; above zero.
    #[must_use]
    pub fn with_deal_value(self, value: impl Into<Decimal>) -> Self {
        self.replace(DEAL_VALUE, value.into().write())
    }

    /// Currency, three letters.
    #[must_use]
    pub fn with_currency(self, currency: impl Into<String>) -> Self {
        self.replace(CURRENCY, currency.into().write())
    }

    /// When the deal is expected to close.
    #[must_use]
    pub fn with_closing_date_time(self, moment: DateTime<Utc>) -> Self {
        self.replace("/details/closingDateTime", moment.write())
    }

    /// Notes; the whole text.
    #[must_use]
    pub fn with_notes(self, notes: impl Into<String>) -> Self {
        self.replace("/details/notes", notes.into().write())
    }

    /// Solutions; the whole list, with their unknown members.
    #[must_use]
    pub fn with_solutions(self, solutions: &[Solution]) -> Self {
        self.replace(SOLUTIONS, encode_list(solutions))
    }

    /// People at the customer; the whole list. Taken until the deal is shared.
    #[must_use]
    pub fn with_customer_team(self, team: &[Member]) -> Self {
        self.replace(CUSTOMER_TEAM, encode_list(team))
    }

    /// People of one's own organization; the whole list.
    #[must_use]
    pub fn with_team(self, team: &[Member]) -> Self {
        self.replace(TEAM, encode_list(team))
    }

    /// Lets Microsoft's sellers see the deal. Cannot be undone.
    #[must_use]
    pub fn share_with_microsoft_sellers(self) -> Self {
        self.replace(SHARE, true.write())
    }

    /// Name of the deal. Not among the published paths: Microsoft's CRM connector renames deals,
    /// but a service that holds to its list answers 400 and changes nothing.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        self.replace(NAME, name.into().write())
    }

    /// Sets the value at a JSON Pointer, as JSON: for rules that are data. The pointer is one of
    /// the paths that the methods of this type write.
    ///
    /// # Errors
    /// [`Violations`] for any other path.
    pub fn with_json(self, pointer: &str, value: Box<RawValue>) -> Result<Self, Violations> {
        let Some(path) = PATHS.iter().find(|path| **path == pointer) else {
            let mut findings = Findings::default();
            findings.add(
                pointer.trim_start_matches('/').replace('/', "."),
                "is no path that a patch may change",
                "take the rule out, or let it write when the referral is made",
            );
            findings.verdict()?;
            return Ok(self);
        };
        Ok(self.replace(path, value))
    }

    /// The JSON Patch document.
    pub fn to_json(&self, verb: PatchVerb) -> String {
        #[derive(Serialize)]
        struct Operation<'a> {
            op: &'static str,
            path: &'static str,
            value: &'a RawValue,
        }
        let operations: Vec<_> = self
            .changes
            .iter()
            .map(|change| Operation {
                op: if change.appends { "add" } else { verb.as_str() },
                path: change.path,
                value: &change.value,
            })
            .collect();
        encode(&operations).get().to_owned()
    }

    /// May this patch be sent a second time by itself?
    ///
    /// Yes if it sets plain values without a condition. If the first try landed and only its
    /// answer was lost, the second would be refused: as stale where there is a condition, as an
    /// illegal move where the state changes. What was done would be reported as not done. What is
    /// added to a list would be there twice.
    pub fn repeat(&self, options: &PatchOptions) -> Repeat {
        let appends = self.changes.iter().any(|change| change.appends);
        if options.if_match.is_some() || appends || self.change(STATUS).is_some() {
            Repeat::IfNotSent
        } else {
            Repeat::Safe
        }
    }

    fn replace(mut self, path: &'static str, value: Box<RawValue>) -> Self {
        self.changes.retain(|other| other.path != path);
        self.changes.push(Change {
            path,
            value,
            appends: false,
        });
        self
    }

    fn append(mut self, path: &'static str, value: Box<RawValue>) -> Self {
        self.changes.push(Change {
            path,
            value,
            appends: true,
        });
        self
    }

    fn change(&self, path: &str) -> Option<&RawValue> {
        let mut changes = self.changes.iter();
        changes
            .find(|other| other.path == path)
            .map(|change| &*change.value)
    }

    fn sent<T: Wire>(&self, path: &str) -> Option<T> {
        let at = crate::wire::At::member("", path);
        T::read(self.change(path)?, &at).ok().flatten()
    }
}

impl fmt::Debug for Patch {
    /// Paths without values: they may hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.changes.iter().map(|change| change.path);
        f.write_str("Patch ")?;
        f.debug_set().entries(paths).finish()
    }
}
