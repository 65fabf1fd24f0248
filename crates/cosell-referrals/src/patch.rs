//! Changing a referral.

use std::fmt;

use chrono::{DateTime, Utc};
use cosell_http::Repeat;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    ETag, Member, Referral, Solution, Status, Substatus, Violations,
    violation::{Findings, is_code},
    wire::{Wire, encode, encode_list},
};

/// Changes to one referral, applied all or none.
///
/// Expresses only what the service is known to take (and [`name`](Self::with_name), marked). A
/// list is replaced whole, since the service knows no `remove`, and appending is not safe to
/// repeat: read it, change it, set it. Setting a field twice keeps the later value.
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
    changes: Vec<(&'static str, Box<RawValue>)>,
}

const NAME: &str = "/name";
const STATUS: &str = "/status";
const SUBSTATUS: &str = "/substatus";
const STATUS_REASON: &str = "/statusReason";
const DEAL_VALUE: &str = "/details/dealValue";
const CURRENCY: &str = "/details/currency";
const SOLUTIONS: &str = "/details/requirements/solutions";

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
    "/customerProfile/team",
    "/team",
    "/consent/consentToShareReferralWithMicrosoftSellers",
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
        self.replace("/customerProfile/team", encode_list(team))
    }

    /// People of one's own organization; the whole list.
    #[must_use]
    pub fn with_team(self, team: &[Member]) -> Self {
        self.replace("/team", encode_list(team))
    }

    /// Lets Microsoft's sellers see the deal. Cannot be undone.
    #[must_use]
    pub fn share_with_microsoft_sellers(self) -> Self {
        self.replace(
            "/consent/consentToShareReferralWithMicrosoftSellers",
            true.write(),
        )
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

    /// Checks what can be known to be refused without asking.
    ///
    /// # Errors
    /// [`Violations`], all of them. The values are not in it.
    pub fn check(&self) -> Result<(), Violations> {
        let mut findings = Findings::default();
        if self.is_empty() {
            findings.add("patch", "changes nothing", "set a field, or send no patch");
        }
        self.check_state(&mut findings);
        let name = self.change(NAME).map(|_| self.sent::<String>(NAME));
        if name.is_some_and(|name| name.unwrap_or_default().trim().is_empty()) {
            findings.add("name", "is empty", "give the deal a name");
        }
        if self
            .sent::<Decimal>(DEAL_VALUE)
            .is_some_and(|value| value <= Decimal::ZERO)
        {
            findings.add(
                "details.dealValue",
                "must be above zero: an update with 0 breaks the deal",
                "leave the value as it is",
            );
        }
        let currency = self.change(CURRENCY).map(|_| self.sent::<String>(CURRENCY));
        if currency.is_some_and(|code| !is_code(&code.unwrap_or_default(), 3)) {
            findings.add(
                "details.currency",
                "must be a currency code of ISO 4217",
                "give three capital letters such as USD",
            );
        }
        if self
            .change(SOLUTIONS)
            .is_some_and(|list| list.get() == "[]")
        {
            findings.add(
                "details.requirements.solutions",
                "a deal has at least one solution",
                "keep one, or put the new ones in its place in the same patch",
            );
        }
        findings.verdict()
    }

    fn check_state(&self, findings: &mut Findings) {
        let Some(substatus) = self.sent::<Substatus>(SUBSTATUS) else {
            return;
        };
        let status = self.sent::<Status>(STATUS);
        if let (Some(belongs), Some(status)) = (substatus.status(), status)
            && status != belongs
            && !matches!(status, Status::Other(_))
        {
            findings.add(
                "substatus",
                "does not belong to the status beside it",
                "send New with Pending or Received, Active with Accepted, Closed with an outcome",
            );
        }
        if substatus == Substatus::Expired {
            findings.add(
                "substatus",
                "only the service lets a referral expire",
                "decline it instead",
            );
        }
        let reason = self.change(STATUS_REASON).map(|raw| raw.get() == "\"\"");
        if matches!(substatus, Substatus::Declined | Substatus::Lost) && reason == Some(true) {
            findings.add(
                "statusReason",
                "is empty on a referral that is declined or lost",
                "say why, or leave it out",
            );
        }
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
            .map(|(path, value)| Operation {
                op: verb.as_str(),
                path,
                value,
            })
            .collect();
        encode(&operations).get().to_owned()
    }

    /// May this patch be sent a second time by itself?
    ///
    /// Yes if it sets plain values without a condition. If the first try landed and only its
    /// answer was lost, the second would be refused: as stale where there is a condition, as an
    /// illegal move where the state changes. What was done would be reported as not done.
    pub fn repeat(&self, options: &PatchOptions) -> Repeat {
        if options.if_match.is_some() || self.change(STATUS).is_some() {
            Repeat::IfNotSent
        } else {
            Repeat::Safe
        }
    }

    fn replace(mut self, path: &'static str, value: Box<RawValue>) -> Self {
        self.changes.retain(|(other, _)| *other != path);
        self.changes.push((path, value));
        self
    }

    fn change(&self, path: &str) -> Option<&RawValue> {
        let mut changes = self.changes.iter();
        changes
            .find(|(other, _)| *other == path)
            .map(|(_, value)| &**value)
    }

    fn sent<T: Wire>(&self, path: &str) -> Option<T> {
        let at = crate::wire::At::member("", path);
        T::read(self.change(path)?, &at).ok().flatten()
    }
}

impl fmt::Debug for Patch {
    /// Paths without values: they may hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.changes.iter().map(|(path, _)| path);
        f.write_str("Patch ")?;
        f.debug_set().entries(paths).finish()
    }
}

/// The word for setting a value. Both mean the same where the value exists; which of them the
/// service takes for a property that is absent is not published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PatchVerb {
    /// `replace`, as in every published sample.
    #[default]
    Replace,
    /// `add`, which by RFC 6902 also sets what is absent.
    Add,
}

impl PatchVerb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Add => "add",
        }
    }
}

/// How a patch is sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PatchOptions {
    /// Change only this version; without it the last write wins.
    pub if_match: Option<ETag>,
    /// Ask for the changed referral (default), which spares a read.
    pub representation: bool,
    /// No byte leaves after this moment.
    pub not_after: Option<DateTime<Utc>>,
    /// How values are set.
    pub verb: PatchVerb,
}

impl Default for PatchOptions {
    fn default() -> Self {
        Self {
            if_match: None,
            representation: true,
            not_after: None,
            verb: PatchVerb::Replace,
        }
    }
}

impl PatchOptions {
    /// Only if the referral is still at this version.
    #[must_use]
    pub fn with_if_match(mut self, etag: ETag) -> Self {
        self.if_match = Some(etag);
        self
    }

    /// Ask for the changed referral?
    #[must_use]
    pub fn with_representation(mut self, wanted: bool) -> Self {
        self.representation = wanted;
        self
    }

    /// Forbids sending after `moment`.
    #[must_use]
    pub fn with_not_after(mut self, moment: DateTime<Utc>) -> Self {
        self.not_after = Some(moment);
        self
    }

    /// How values are set.
    #[must_use]
    pub fn with_verb(mut self, verb: PatchVerb) -> Self {
        self.verb = verb;
        self
    }
}

/// A patch took effect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Patched {
    /// The referral afterwards, if the service sent it.
    pub referral: Option<Referral>,
}
