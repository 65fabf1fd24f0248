//! What each kind of deal needs before it is posted.

use crate::{
    AssistanceRequestCode, Attribute, Consent, CustomerProfile, DealKind, Details, Member,
    NewReferral, Profile, Requirements, TargetType, Violations, engagement::MICROSOFT,
    violation::Findings,
};

/// As many solutions, and as many people on a team, the file upload takes.
const MOST: usize = 50;

const REQUIRED: &str = "is required for a deal";

impl NewReferral {
    /// Checks what a partner's own referral of `kind` needs, besides [`check`](Self::check).
    ///
    /// [`Profile::Lenient`] holds to what the service is known to refuse, or what would make it a
    /// deal of another kind: solution ids, a contact where help is wanted, the consent that makes
    /// the kind. [`Profile::Strict`] adds what the portal and its file upload demand.
    ///
    /// # Errors
    /// [`Violations`], all of them. The values are not in it.
    pub fn check_as(&self, kind: DealKind, profile: Profile) -> Result<(), Violations> {
        let mut findings = Findings::default();
        if let Err(violations) = self.check() {
            findings.extend(violations);
        }
        let strict = profile == Profile::Strict;
        let customer = self.customer_profile().ok().flatten().unwrap_or_default();
        if strict {
            require(&mut findings, "name", present(self.name()));
            check_address(&customer, &mut findings);
        }
        check_contacts(&customer, kind, strict, &mut findings);
        let consent = self.consent().ok().flatten().unwrap_or_default();
        check_consent(&consent, kind, strict, &mut findings);
        if let Ok(Some(details)) = self.details() {
            check_details(&details, kind, strict, &mut findings);
        }
        if strict {
            let team = self.team().unwrap_or_default();
            require(&mut findings, "team", !team.is_empty());
            check_people("team", &team, &mut findings);
        }
        findings.verdict()
    }

    /// Checks what the referral needs that invites Microsoft into a deal of `kind`.
    ///
    /// # Errors
    /// [`Violations`], all of them. The values are not in it.
    pub fn check_invitation(&self, kind: DealKind, profile: Profile) -> Result<(), Violations> {
        let mut findings = Findings::default();
        if let Err(violations) = self.check_as(kind, profile) {
            findings.extend(violations);
        }
        if !present(self.engagement_id()) {
            findings.add(
                "engagementId",
                "is required to invite Microsoft",
                "give the engagement that the own referral was answered with",
            );
        }
        let addressed = self.target().unwrap_or_default().iter().any(|target| {
            matches!(
                target.target_type(),
                Ok(Some(TargetType::BusinessProfileLocation))
            ) && matches!(target.id(), Ok(Some(id)) if id == MICROSOFT)
        });
        if !addressed {
            findings.add(
                "target",
                "does not name Microsoft",
                "address it with Target::microsoft()",
            );
        }
        let context = self.invite_context().ok().flatten().unwrap_or_default();
        if matches!(
            context.assistance_request_code(),
            Ok(None | Some(AssistanceRequestCode::Unknown)) | Err(_)
        ) {
            findings.add(
                "inviteContext.assistanceRequestCode",
                "says no help that is wanted",
                "choose one of the codes, or make a partner-led deal",
            );
        }
        findings.verdict()
    }
}

fn present<E>(text: Result<Option<String>, E>) -> bool {
    matches!(text, Ok(Some(text)) if !text.trim().is_empty())
}

fn require(findings: &mut Findings, field: &str, there: bool) {
    if !there {
        findings.add(field, REQUIRED, "set it");
    }
}

fn check_address(customer: &CustomerProfile, findings: &mut Findings) {
    let address = customer.address().ok().flatten().unwrap_or_default();
    for (field, text) in [
        (
            "customerProfile.address.addressLine1",
            address.address_line1(),
        ),
        ("customerProfile.address.city", address.city()),
    ] {
        require(findings, field, present(text));
    }
}

fn check_contacts(
    customer: &CustomerProfile,
    kind: DealKind,
    strict: bool,
    findings: &mut Findings,
) {
    let people = customer.team().unwrap_or_default();
    if kind.invites_microsoft() && people.is_empty() {
        findings.add(
            "customerProfile.team",
            "needs a contact where Microsoft's help is wanted",
            "name one person with first name, last name, telephone number and e-mail address",
        );
    }
    if strict || kind.invites_microsoft() {
        check_people("customerProfile.team", &people, findings);
    }
}

/// What people lack: their place in the list, and the name of the property.
pub(crate) fn contacts(people: &[Member]) -> impl Iterator<Item = (usize, &'static str)> + '_ {
    people.iter().enumerate().flat_map(|(index, person)| {
        [
            ("firstName", person.first_name()),
            ("lastName", person.last_name()),
            ("phoneNumber", person.phone_number()),
            ("email", person.email()),
        ]
        .into_iter()
        .filter(|(_, text)| !matches!(text, Ok(Some(text)) if !text.trim().is_empty()))
        .map(move |(name, _)| (index, name))
    })
}

pub(crate) fn check_people(field: &str, people: &[Member], findings: &mut Findings) {
    for (index, name) in contacts(people) {
        findings.add(
            format!("{field}[{index}].{name}"),
            "is missing of a person",
            "set it",
        );
    }
    for (index, person) in people.iter().enumerate() {
        if matches!(person.email(), Ok(Some(email)) if !email.trim().is_empty() && !email.contains('@'))
        {
            findings.add(
                format!("{field}[{index}].email"),
                "is no e-mail address",
                "give one such as ada@fabrikam.example; Member::new takes the telephone number first",
            );
        }
    }
    if people.len() > MOST {
        findings.add(field, "names more than 50 people", "leave some out");
    }
}

fn check_consent(consent: &Consent, kind: DealKind, strict: bool, findings: &mut Findings) {
    let wanted = kind.shares_with_microsoft();
    if matches!(consent.share_with_microsoft_sellers(), Ok(Some(shares)) if shares != wanted) {
        findings.add(
            "consent.consentToShareReferralWithMicrosoftSellers",
            "does not fit the kind of deal",
            "false makes a private deal, true every other",
        );
    }
    if strict && matches!(consent.share_info_with_others(), Ok(Some(false))) {
        findings.add(
            "consent.consentToToShareInfoWithOthers",
            "is refused: without it no deal is created",
            "ask for it, or keep the deal out of Partner Center",
        );
    }
}

fn check_details(details: &Details, kind: DealKind, strict: bool, findings: &mut Findings) {
    if strict {
        require(findings, "details.notes", present(details.notes()));
        let valued = !matches!(details.deal_value(), Ok(None));
        require(findings, "details.dealValue", valued);
        // A currency beside a value is asked for in any case.
        if !valued {
            require(findings, "details.currency", present(details.currency()));
        }
        let closing = matches!(details.closing_date_time(), Ok(Some(_)));
        require(findings, "details.closingDateTime", closing);
    }
    let needs = details.requirements().ok().flatten().unwrap_or_default();
    let solutions = needs.solutions().unwrap_or_default();
    check_solutions(
        &solutions,
        // Partners who sell services may have none that is published.
        kind != DealKind::ServicesCoSell,
        findings,
    );
    check_attributes(&needs, kind, strict, findings);
}

pub(crate) fn check_solutions(
    solutions: &[crate::Solution],
    wanted: bool,
    findings: &mut Findings,
) {
    const FIELD: &str = "details.requirements.solutions";
    if wanted && solutions.is_empty() {
        findings.add(
            FIELD,
            "is empty: a deal needs at least one solution",
            "name a published solution or a category",
        );
    }
    for (index, solution) in solutions.iter().enumerate() {
        if !present(solution.id()) {
            findings.add(
                format!("{FIELD}[{index}].id"),
                "is required: the service answers \"Solution ID is required\"",
                "set it",
            );
        }
    }
    if solutions.len() > MOST {
        findings.add(FIELD, "names more than 50 solutions", "leave some out");
    }
}

fn check_attributes(needs: &Requirements, kind: DealKind, strict: bool, findings: &mut Findings) {
    const FIELD: &str = "details.requirements.additionalRequirements.attributes";
    let services = kind == DealKind::ServicesCoSell;
    for (name, wanted, rule) in [
        (
            Attribute::MARKETPLACE_INTENT,
            strict,
            "lacks CustomerMarketplaceIntent",
        ),
        (
            Attribute::SOLUTION_AREA,
            services || strict && kind == DealKind::CoSell,
            "lacks SolutionArea",
        ),
        (
            Attribute::SOLUTION_PLAY,
            services || strict && kind == DealKind::CoSell,
            "lacks SolutionPlay",
        ),
        (Attribute::PARTNER_ROLE, services, "lacks PartnerRole"),
    ] {
        if wanted && needs.attribute(name).is_none() {
            findings.add(FIELD, rule, "add it with its value");
        }
    }
}
