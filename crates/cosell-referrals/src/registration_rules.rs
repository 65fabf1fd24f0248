//! The rules of deal registration, checked before anything is sent.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use crate::{
    Contract, ContractTerm, Referral, RegisteredSolution, Registration, RegistrationStatus, State,
    Substatus, Violations,
    deadline::{LEAST_REGISTRABLE, REGISTRATION_DAYS, earliest_win},
    violation::{Findings, is_code},
};

/// Days that the begin of a contract may lie back.
const START_DAYS: i64 = 90;
/// Years that a contract without end counts for.
const PERPETUAL_YEARS: u8 = 6;

impl Registration {
    /// Checks what can be told from the registration alone.
    ///
    /// # Errors
    /// [`Violations`], all of them. The values are not in it.
    pub fn check(&self) -> Result<(), Violations> {
        let mut findings = Findings::default();
        if !matches!(self.kind(), Ok(Some(_))) {
            findings.add("type", "is required", "make it with Registration::new");
        }
        let contract = self.contract().ok().flatten().unwrap_or_default();
        check_contract(&contract, &mut findings);
        let solutions = self.solution_details().unwrap_or_default();
        if solutions.is_empty() {
            findings.add(
                "solutionDetails",
                "is empty: a registration names at least one solution",
                "add the solution that was sold",
            );
        }
        let value = contract.value().ok().flatten();
        for (index, solution) in solutions.iter().enumerate() {
            check_solution(index, solution, value, &mut findings);
        }
        findings.verdict()
    }

    /// Checks the registration against the deal that it is for, besides [`check`](Self::check):
    /// whether the deal can be registered at all, and at `now`. `microsoft` is Microsoft's referral
    /// of the same engagement, where there is one.
    ///
    /// What only the service knows is left to it: whether Microsoft manages the customer, whether a
    /// solution is eligible, values in other currencies than dollars.
    ///
    /// # Errors
    /// [`Violations`], all of them. The values are not in it.
    pub fn check_for(
        &self,
        own: &Referral,
        microsoft: Option<&Referral>,
        now: DateTime<Utc>,
    ) -> Result<(), Violations> {
        let mut findings = Findings::default();
        if let Err(violations) = self.check() {
            findings.extend(violations);
        }
        check_deal(own, microsoft, &mut findings);
        let invited = microsoft.and_then(|referral| referral.created_date_time().ok().flatten());
        let created = own.created_date_time().ok().flatten();
        let contract = self.contract().ok().flatten().unwrap_or_default();
        check_dates(&contract, created.max(invited), now, &mut findings);
        findings.verdict()
    }
}

fn check_deal(own: &Referral, microsoft: Option<&Referral>, findings: &mut Findings) {
    if own.state() != Some(State::WON) {
        findings.add("substatus", "is not Won", "win the deal first");
    }
    if !own.is_shared_with_microsoft().unwrap_or(false) {
        findings.add(
            "consent.consentToShareReferralWithMicrosoftSellers",
            "is not given: a private deal cannot be registered",
            "share the next deal before it is won",
        );
    }
    let answer = microsoft.map(|referral| referral.substatus().ok().flatten());
    if let Some(answer) = answer
        && !matches!(
            answer,
            Some(Substatus::Accepted | Substatus::Won | Substatus::Other(_))
        )
    {
        findings.add(
            "microsoft.substatus",
            "is neither Accepted nor Won",
            "register only what Microsoft has accepted",
        );
    }
    let registered = own.registration_status().ok().flatten();
    if registered.is_some_and(|status| status != RegistrationStatus::None) {
        findings.add(
            "registrations",
            "is there already",
            "edit it when it is sent back",
        );
    }
    let details = own.details().ok().flatten().unwrap_or_default();
    let dollars = matches!(details.currency(), Ok(Some(currency)) if currency == "USD");
    if let Ok(Some(value)) = details.deal_value()
        && dollars
        && value < Decimal::from(LEAST_REGISTRABLE)
    {
        findings.add(
            "details.dealValue",
            "is below 25,000 USD",
            "leave the deal unregistered",
        );
    }
    let created = own.created_date_time().ok().flatten();
    if let (Some(earliest), Ok(Some(closed))) =
        (created.and_then(earliest_win), own.closed_date_time())
        && closed < earliest
    {
        findings.add(
            "closedDateTime",
            "is less than 72 hours after the creation",
            "leave the deal unregistered",
        );
    }
}

fn check_dates(
    contract: &Contract,
    not_before: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    findings: &mut Findings,
) {
    let back = |moment: DateTime<Utc>| now.signed_duration_since(moment);
    if let Ok(Some(signed)) = contract.sign_date_time() {
        if signed > now {
            findings.add("contract.signDateTime", "lies in the future", "wait");
        }
        if back(signed) > TimeDelta::days(REGISTRATION_DAYS) {
            findings.add(
                "contract.signDateTime",
                "lies more than 60 days back",
                "ask Microsoft for an exception",
            );
        }
        if not_before.is_some_and(|earliest| signed < earliest) {
            findings.add(
                "contract.signDateTime",
                "lies before the deal, or before Microsoft was invited",
                "register only what was signed afterwards",
            );
        }
    }
    if let Ok(Some(start)) = contract.start_date_time()
        && back(start) > TimeDelta::days(START_DAYS)
    {
        findings.add(
            "contract.startDateTime",
            "lies more than 90 days back",
            "ask Microsoft for an exception",
        );
    }
}

fn check_contract(contract: &Contract, findings: &mut Findings) {
    let value = contract.value().ok().flatten();
    if value.is_none_or(|value| value <= Decimal::ZERO) {
        findings.add("contract.value", "must be above zero", "give the value");
    }
    let currency = contract.currency().ok().flatten();
    if !currency.as_deref().is_some_and(|code| is_code(code, 3)) {
        findings.add(
            "contract.currency",
            "must be a currency code of ISO 4217",
            "give three capital letters such as USD",
        );
    }
    for (field, moment) in [
        ("contract.signDateTime", contract.sign_date_time()),
        ("contract.startDateTime", contract.start_date_time()),
    ] {
        if !matches!(moment, Ok(Some(_))) {
            findings.add(field, "is required", "set it");
        }
    }
    let term = contract.term().ok().flatten();
    let (start, end) = (
        contract.start_date_time().ok().flatten(),
        contract.end_date_time().ok().flatten(),
    );
    match (&term, end) {
        (None, _) => findings.add("contract.term", "is required", "say Finite or Perpetual"),
        (Some(ContractTerm::Finite), None) => findings.add(
            "contract.endDateTime",
            "is required for a contract that ends",
            "set it, or say Perpetual",
        ),
        _ => {}
    }
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        findings.add(
            "contract.endDateTime",
            "lies before the start",
            "set it to the start or later",
        );
    }
    let annual = value.and_then(|value| annualized(value, term.as_ref(), start, end));
    if currency.as_deref() == Some("USD")
        && annual.is_some_and(|annual| annual <= Decimal::from(LEAST_REGISTRABLE))
    {
        findings.add(
            "contract.value",
            "must exceed 25,000 USD a year",
            "leave the deal unregistered",
        );
    }
}

/// The value of one year.
fn annualized(
    value: Decimal,
    term: Option<&ContractTerm>,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
) -> Option<Decimal> {
    match term? {
        ContractTerm::Perpetual => value.checked_div(Decimal::from(PERPETUAL_YEARS)),
        ContractTerm::Finite => {
            // The last day belongs to the contract.
            let days = end?.signed_duration_since(start?).num_days() + 1;
            // A year is a year, leap or not.
            if days <= 0 || (365..=366).contains(&days) {
                return Some(value);
            }
            value
                .checked_mul(Decimal::from(365))?
                .checked_div(Decimal::from(days))
        }
        ContractTerm::Other(_) => None,
    }
}

fn check_solution(
    index: usize,
    solution: &RegisteredSolution,
    contract: Option<Decimal>,
    findings: &mut Findings,
) {
    let field = |name: &str| format!("solutionDetails[{index}].{name}");
    if !matches!(solution.id(), Ok(Some(_))) {
        findings.add(field("id"), "is required", "give the solution's id");
    }
    match solution.value() {
        Ok(Some(value)) if value <= Decimal::ZERO => {
            findings.add(field("value"), "must be above zero", "give its share");
        }
        Ok(Some(value)) if contract.is_some_and(|contract| value > contract) => findings.add(
            field("value"),
            "exceeds the value of the contract",
            "give its share of the contract",
        ),
        Ok(Some(_)) => {}
        _ => findings.add(field("value"), "is required", "give its share"),
    }
    let currency = solution.currency().ok().flatten();
    if !currency.as_deref().is_some_and(|code| is_code(code, 3)) {
        findings.add(
            field("currency"),
            "must be a currency code of ISO 4217",
            "give three capital letters such as USD",
        );
    }
    if !matches!(solution.is_deployed_on_azure(), Ok(Some(true))) {
        findings.add(
            field("isDeployedOnAzure"),
            "is not true: only what runs on Azure can be registered",
            "leave the solution out",
        );
    }
    if !matches!(solution.primary_deployment_on(), Ok(Some(_))) {
        findings.add(
            field("primaryDeploymentOn"),
            "is required",
            "say Customer or Partner",
        );
    }
    if !matches!(solution.pricing_model(), Ok(Some(_))) {
        findings.add(
            field("pricingModel"),
            "is required",
            "say PayAsYouGo or Other",
        );
    }
    let sale = solution.marketplace_transaction_details();
    let sale = sale.ok().flatten().unwrap_or_default();
    if matches!(sale.is_marketplace_transacted(), Ok(Some(true)))
        && !matches!(sale.marketplace_transaction_date_time(), Ok(Some(_)))
    {
        findings.add(
            field("marketplaceTransactionDetails.marketplaceTransactionDateTime"),
            "is required for a sale in the marketplace",
            "set it",
        );
    }
}
