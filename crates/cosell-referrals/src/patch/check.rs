//! What is known to be refused, without asking: of a patch alone, and of a patch against the
//! referral that it is meant for.

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{
    CURRENCY, CUSTOMER_TEAM, DEAL_VALUE, NAME, Patch, SHARE, SOLUTIONS, STATUS, STATUS_REASON,
    SUBSTATUS, TEAM,
    append::{NEW_REGISTRATION, is_list},
    registration,
};
use crate::{
    Actor, Member, Profile, Referral, RegistrationStatus, State, Status, Step, Substatus,
    Violations,
    deal_rules::{check_people, check_solutions},
    draft::check_people_may_be_named,
    transition::{Refused, judge},
    violation::{Findings, is_code},
    wire::{At, Wire},
};

impl Patch {
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
        self.check_lists(&mut findings);
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
        let says_why = matches!(
            substatus,
            Substatus::Declined | Substatus::Lost | Substatus::Error
        );
        if says_why && reason == Some(true) {
            findings.add(
                "statusReason",
                "is empty on a referral that is declined, lost or an error",
                "say why, or leave it out",
            );
        }
    }

    fn check_lists(&self, findings: &mut Findings) {
        for change in &self.changes {
            let set_too = self
                .changes
                .iter()
                .any(|other| !other.appends && is_list(change.path, other.path) && change.appends);
            if set_too {
                findings.add(
                    field(change.path),
                    "is added to and replaced in one patch",
                    "put everything into the list that replaces it",
                );
            }
        }
    }

    /// Checks the patch against the referral that it is meant for, as it was read, besides
    /// [`check`](Self::check): what is closed, which moves of the state there are, what cannot be
    /// taken back, whose data may not be shared. The caller is taken for the referral's owner.
    ///
    /// A field that cannot be read, or a word that is not published, is the service's to judge.
    ///
    /// # Errors
    /// [`Violations`], all of them. The values are not in it.
    pub fn check_for(&self, referral: &Referral, profile: Profile) -> Result<(), Violations> {
        let mut findings = Findings::default();
        if let Err(violations) = self.check() {
            findings.extend(violations);
        }
        let now = referral.state();
        let closed = now
            .as_ref()
            .is_some_and(|state| state.status == Status::Closed);
        if closed {
            self.check_closed(&mut findings);
        }
        if let Some(now) = now {
            self.check_move(&now, profile, &mut findings);
        }
        let shared = referral.is_shared_with_microsoft().unwrap_or(false);
        if shared && self.sent(SHARE) == Some(false) {
            findings.add(
                field(SHARE),
                "cannot be taken back",
                "leave it; close the deal if it must not be seen",
            );
        }
        let consent = referral.consent().ok().flatten().unwrap_or_default();
        check_people_may_be_named(&consent, &self.items(CUSTOMER_TEAM), &mut findings);
        self.check_registrations(referral, &mut findings);
        if profile == Profile::Strict {
            self.check_content(&mut findings);
        }
        findings.verdict()
    }

    /// People and solutions as the portal wants them.
    fn check_content(&self, findings: &mut Findings) {
        for (path, list) in [(TEAM, "team"), (CUSTOMER_TEAM, "customerProfile.team")] {
            let people: Vec<Member> = self.items(path);
            check_people(list, &people, findings);
            if path == TEAM && self.change(TEAM).is_some() && people.is_empty() {
                findings.add(
                    list,
                    "is empty: a deal needs somebody of the own organization",
                    "keep one person",
                );
            }
        }
        // That a replaced list is not empty is asked for in any case.
        check_solutions(&self.items(SOLUTIONS), false, findings);
    }

    /// The items that the patch puts or adds to the list at `path`.
    fn items<T: Wire>(&self, path: &str) -> Vec<T> {
        let mut items = Vec::new();
        for change in &self.changes {
            let at = At::member("", change.path);
            if change.appends && is_list(change.path, path) {
                items.extend(T::read(&change.value, &at).ok().flatten());
            } else if change.path == path {
                let all: Vec<&RawValue> =
                    serde_json::from_str(change.value.get()).unwrap_or_default();
                items.extend(
                    all.iter()
                        .filter_map(|raw| T::read(raw, &at).ok().flatten()),
                );
            }
        }
        items
    }

    fn check_closed(&self, findings: &mut Findings) {
        for change in &self.changes {
            // Naming the state as it stands is no edit, and is judged as a move.
            let state = [STATUS, SUBSTATUS].contains(&change.path);
            if !state && !registration::is_registration(change.path) {
                findings.add(
                    field(change.path),
                    "cannot be changed: the referral is closed",
                    "leave it; nothing of a closed referral changes but its registrations",
                );
            }
        }
    }

    fn check_move(&self, now: &State, profile: Profile, findings: &mut Findings) {
        let (status, substatus) = (self.sent::<Status>(STATUS), self.sent(SUBSTATUS));
        if status.is_none() && substatus.is_none() {
            return;
        }
        let wanted = State {
            status: status.clone().unwrap_or_else(|| now.status.clone()),
            substatus: substatus.clone().unwrap_or_else(|| now.substatus.clone()),
        };
        let belongs = wanted.substatus.status();
        let moves =
            wanted.status != now.status || belongs.is_some_and(|status| status != now.status);
        if moves && (status.is_none() || substatus.is_none()) {
            findings.add(
                if status.is_none() {
                    "status"
                } else {
                    "substatus"
                },
                "is missing: status and substatus change together",
                "use accept, decline, win, lose or close_as_error",
            );
            return;
        }
        match judge(now, &wanted, Actor::Owner, profile) {
            Ok(step) => {
                let says_why = matches!(step, Step::Decline | Step::Lose | Step::CloseAsError);
                if profile == Profile::Strict && says_why && self.change(STATUS_REASON).is_none() {
                    findings.add(
                        "statusReason",
                        "is missing on a referral that is declined, lost or an error",
                        "say why, in the portal's words or your own",
                    );
                }
            }
            // Told by `check` already, or not ours to judge.
            Err(Refused::NoPair | Refused::Unpublished) => {}
            Err(Refused::NotYours) if wanted.substatus == Substatus::Expired => {}
            Err(refused) => findings.add("status", refused.rule(), refused.cure()),
        }
    }

    fn check_registrations(&self, referral: &Referral, findings: &mut Findings) {
        let edits = self
            .changes
            .iter()
            .any(|change| change.path.starts_with("/registrations/0/"));
        let adds = self.change(NEW_REGISTRATION).is_some();
        let Ok(Some(status)) = referral.registration_status() else {
            return;
        };
        if edits
            && !matches!(
                status,
                RegistrationStatus::ActionRequired | RegistrationStatus::Other(_)
            )
        {
            findings.add(
                "registrations",
                "can be edited only while it is sent back (ActionRequired)",
                "wait for the review",
            );
        }
        if adds
            && !matches!(
                status,
                RegistrationStatus::None | RegistrationStatus::Other(_)
            )
        {
            findings.add(
                "registrations",
                "is there already",
                "edit it when it is sent back",
            );
        }
    }
}

/// The field that a path names, as violations write it.
pub(super) fn field(path: &str) -> String {
    path.trim_start_matches('/')
        .trim_end_matches("/-")
        .replace('/', ".")
}
