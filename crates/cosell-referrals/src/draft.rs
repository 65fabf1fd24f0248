//! A referral to be created.

use chrono::{DateTime, Utc};

use crate::{
    Consent, CustomerProfile, Details, InviteContext, Member, Profile, Qualification, ReferralType,
    Status, Substatus, Target, Violations,
    violation::{Findings, is_code},
    wire::wire_object,
};

wire_object! {
    /// A referral to be created.
    NewReferral {
        /// Who will see it (`type` on the wire).
        referral_type: ReferralType = "type";
        /// The customer.
        customer_profile: CustomerProfile = "customerProfile";
        /// What was agreed to.
        consent: Consent = "consent";
        /// The deal itself.
        details: Details = "details";
        /// Name of the deal.
        name: String = "name", with_name;
        /// The partner's own id for the deal.
        external_reference_id: String = "externalReferenceId", with_external_reference_id;
        /// Who has qualified it.
        qualification: Qualification = "qualification", with_qualification;
        /// People of one's own organization.
        team: [Member] = "team", with_team;
        /// Whom or what it is addressed to.
        target: [Target] = "target", with_target;
        /// An engagement to join; a new one is opened without it.
        engagement_id: String = "engagementId", with_engagement_id;
        /// How a party is invited.
        invite_context: InviteContext = "inviteContext", with_invite_context;
        /// Marketing campaign.
        campaign_id: String = "campaignId", with_campaign_id;
        /// Partner location. Fixed after creation.
        mpn_id: String = "mpnId", with_mpn_id;
        /// Go-to-market program.
        referral_program: String = "referralProgram", with_referral_program;
        /// Stage of the sale; a [`SalesStage`](crate::SalesStage).
        sales_stage: String = "salesStage", with_sales_stage;
        /// Status to begin with. The service makes a partner's own referral Active whatever this
        /// says.
        status: Status = "status";
        /// The finer step to begin with.
        substatus: Substatus = "substatus";
    }
}

impl NewReferral {
    /// A draft with the four parts that the service insists on, qualified by a seller.
    pub fn new(
        referral_type: &ReferralType,
        customer_profile: &CustomerProfile,
        consent: &Consent,
        details: &Details,
    ) -> Self {
        let mut draft = Self::default();
        draft.0.put("type", referral_type);
        draft.0.put("customerProfile", customer_profile);
        draft.0.put("consent", consent);
        draft.0.put("details", details);
        draft.with_qualification(Qualification::SalesQualified)
    }

    /// A draft of a deal of one's own, from which the kinds are made:
    /// [`PrivateDeal`](crate::PrivateDeal), [`PartnerLedDeal`](crate::PartnerLedDeal),
    /// [`CoSellDeal`](crate::CoSellDeal), [`ServicesCoSellDeal`](crate::ServicesCoSellDeal).
    pub fn deal(
        name: impl Into<String>,
        customer_profile: &CustomerProfile,
        consent: &Consent,
        details: &Details,
    ) -> Self {
        Self::new(
            &ReferralType::Independent,
            customer_profile,
            consent,
            details,
        )
        .with_name(name)
    }

    pub(crate) fn with_type(mut self, referral_type: &ReferralType) -> Self {
        self.0.put("type", referral_type);
        self
    }

    pub(crate) fn with_consent(mut self, consent: &Consent) -> Self {
        self.0.put("consent", consent);
        self
    }

    pub(crate) fn with_details(mut self, details: &Details) -> Self {
        self.0.put("details", details);
        self
    }

    pub(crate) fn without_external_reference_id(mut self) -> Self {
        self.0.remove("externalReferenceId");
        self
    }

    /// Begins at a pair of status and substatus.
    #[must_use]
    pub fn with_state(mut self, status: &Status, substatus: &Substatus) -> Self {
        self.0.put("status", status);
        self.0.put("substatus", substatus);
        self
    }

    /// Checks what every kind of deal needs, without asking the service; and that nobody is named
    /// whose personal data may not be shared.
    ///
    /// # Errors
    /// [`Violations`], all of them. The values are not in it.
    pub fn check(&self) -> Result<(), Violations> {
        let mut findings = Findings::default();
        if !matches!(self.referral_type(), Ok(Some(_))) {
            missing(&mut findings, "type");
        }
        match self.customer_profile() {
            Ok(Some(customer)) => check_customer(&customer, &mut findings),
            _ => missing(&mut findings, "customerProfile"),
        }
        match self.consent() {
            Ok(Some(consent)) => check_consent(&consent, &mut findings),
            _ => missing(&mut findings, "consent"),
        }
        match self.details() {
            Ok(Some(details)) => check_details(&details, &mut findings),
            _ => missing(&mut findings, "details"),
        }
        let customer = self.customer_profile().ok().flatten().unwrap_or_default();
        let consent = self.consent().ok().flatten().unwrap_or_default();
        check_people_may_be_named(
            &consent,
            &customer.team().unwrap_or_default(),
            &mut findings,
        );
        findings.verdict()
    }
}

fn missing(findings: &mut Findings, field: &str) {
    findings.add(field, "is required for every referral", "set it");
}

fn check_customer(customer: &CustomerProfile, findings: &mut Findings) {
    if !matches!(customer.name(), Ok(Some(name)) if !name.trim().is_empty()) {
        missing(findings, "customerProfile.name");
    }
    let address = customer.address().ok().flatten().unwrap_or_default();
    if !matches!(address.country(), Ok(Some(country)) if is_code(&country, 2)) {
        findings.add(
            "customerProfile.address.country",
            "must be a country code of ISO 3166-1 alpha-2",
            "give two capital letters such as GB",
        );
    }
}

/// Nobody at the customer is named whose data may not be shared.
pub(crate) fn check_people_may_be_named(
    consent: &Consent,
    people: &[Member],
    findings: &mut Findings,
) {
    if !people.is_empty() && matches!(consent.share_info_with_others(), Ok(Some(false))) {
        findings.add(
            "customerProfile.team",
            "names people although consentToToShareInfoWithOthers is refused",
            "ask for that consent, or name nobody",
        );
    }
}

fn check_consent(consent: &Consent, findings: &mut Findings) {
    for (field, flag) in [
        (
            "consent.consentToToShareInfoWithOthers",
            consent.share_info_with_others(),
        ),
        ("consent.consentToContact", consent.contact()),
        (
            "consent.consentToMicrosoftToContactSpecificPartners",
            consent.microsoft_to_contact_specific_partners(),
        ),
        (
            "consent.consentToShareReferralWithMicrosoftSellers",
            consent.share_with_microsoft_sellers(),
        ),
    ] {
        if !matches!(flag, Ok(Some(_))) {
            findings.add(field, "is not stated", "set it to true or false");
        }
    }
}

fn check_details(details: &Details, findings: &mut Findings) {
    match details.deal_value() {
        Ok(Some(value)) if value.is_sign_negative() || value.is_zero() => findings.add(
            "details.dealValue",
            "must be above zero",
            "give the expected value, or leave it out until it is known",
        ),
        Ok(_) => {}
        Err(_) => findings.add("details.dealValue", "is no number", "give a number"),
    }
    let currency = details.currency().ok().flatten();
    let valued = details.raw().contains_key("dealValue");
    if currency.as_deref().map_or(valued, |code| !is_code(code, 3)) {
        findings.add(
            "details.currency",
            "must be a currency code of ISO 4217 beside a value",
            "give three capital letters such as USD",
        );
    }
}

/// How a referral is created.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CreateOptions {
    /// No byte leaves after this moment.
    pub not_after: Option<DateTime<Utc>>,
    /// How much of a [`Draft`](crate::Draft) is checked before it is sent.
    pub profile: Profile,
}

impl CreateOptions {
    /// Checks a [`Draft`](crate::Draft) so.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Forbids sending after `moment`.
    #[must_use]
    pub fn with_not_after(mut self, moment: DateTime<Utc>) -> Self {
        self.not_after = Some(moment);
        self
    }
}
