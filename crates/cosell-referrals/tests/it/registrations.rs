//! The rules of deal registration, each alone and all at once.

use chrono::{DateTime, TimeDelta, Utc};
use cosell_referrals::{
    Contract, ContractTerm, Deployment, MarketplaceTransaction, Patch, PatchVerb, PricingModel,
    Profile, Referral, RegisteredSolution, Registration, RegistrationEdit, RegistrationStatus,
    Violations,
};
use serde_json::{Value, json};

use crate::support::SAMPLE;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    at("2026-04-02T12:00:00Z")
}

fn contract() -> Contract {
    Contract::finite(
        84_000,
        "USD",
        at("2026-03-30T00:00:00Z"),
        at("2026-04-01T00:00:00Z"),
        at("2027-03-31T00:00:00Z"),
    )
}

fn sold() -> RegisteredSolution {
    RegisteredSolution::new(
        "SOL-1",
        80_000,
        "USD",
        Deployment::Customer,
        PricingModel::Otherwise,
    )
}

fn registration() -> Registration {
    Registration::new(&contract(), &[sold()])
}

fn won(change: impl FnOnce(&mut Value)) -> Referral {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    body["status"] = "Closed".into();
    body["substatus"] = "Won".into();
    body["details"]["currency"] = "USD".into();
    body["closedDateTime"] = "2026-04-01T00:00:00Z".into();
    change(&mut body);
    Referral::from_json(body.to_string().as_bytes()).unwrap()
}

fn microsofts(substatus: &str) -> Referral {
    let body = json!({
        "organizationId": "msft", "substatus": substatus, "createdDateTime": "2026-03-10T00:00:00Z",
    });
    Referral::from_json(body.to_string().as_bytes()).unwrap()
}

fn fields(result: Result<(), Violations>) -> Vec<String> {
    let violations = result.unwrap_err();
    violations
        .list()
        .iter()
        .map(|one| one.field.clone())
        .collect()
}

#[test]
fn a_registration_that_keeps_the_rules_passes() {
    registration().check_for(&won(|_| {}), None, now()).unwrap();
    for answer in ["Accepted", "Won"] {
        let microsoft = microsofts(answer);
        registration()
            .check_for(&won(|_| {}), Some(&microsoft), now())
            .unwrap();
    }
    let perpetual = Contract::perpetual(
        150_001,
        "USD",
        at("2026-03-30T00:00:00Z"),
        at("2026-01-03T00:00:00Z"),
    );
    let sale = sold().sold_in_marketplace(at("2026-04-01T00:00:00Z"));
    let registration = Registration::new(&perpetual, &[sale]);
    registration.check_for(&won(|_| {}), None, now()).unwrap();
}

#[test]
fn each_rule_of_the_deal_can_fail_alone() {
    type Change = fn(&mut Value);
    let rows: &[(Change, &str)] = &[
        (|body| body["substatus"] = "Lost".into(), "substatus"),
        (
            |body| {
                body["status"] = "Active".into();
                body["substatus"] = "Accepted".into();
            },
            "substatus",
        ),
        (
            |body| body["consent"]["consentToShareReferralWithMicrosoftSellers"] = false.into(),
            "consent.consentToShareReferralWithMicrosoftSellers",
        ),
        (
            |body| body["details"]["dealValue"] = json!(24_999),
            "details.dealValue",
        ),
        (
            |body| body["closedDateTime"] = "2026-03-12T14:22:31Z".into(),
            "closedDateTime",
        ),
        (
            |body| body["registrationStatus"] = "Approved".into(),
            "registrations",
        ),
        (
            |body| body["createdDateTime"] = "2026-03-30T00:00:01Z".into(),
            "contract.signDateTime",
        ),
    ];
    for (number, (change, field)) in rows.iter().enumerate() {
        let own = won(|body| {
            // Long ago, so that only the row's own rule is broken.
            body["createdDateTime"] = "2026-03-09T14:22:31.4412087Z".into();
            change(body);
            if *field == "contract.signDateTime" {
                body["closedDateTime"] = "2026-04-02T11:00:00Z".into();
            }
        });
        assert_eq!(
            fields(registration().check_for(&own, None, now())),
            [*field],
            "row {number}"
        );
    }
    for answer in ["Pending", "Declined", "Expired"] {
        let faults = registration().check_for(&won(|_| {}), Some(&microsofts(answer)), now());
        assert_eq!(fields(faults), ["microsoft.substatus"]);
    }
    // Other currencies are the service's to judge.
    let small = won(|body| {
        body["details"]["dealValue"] = json!(1);
        body["details"]["currency"] = "GBP".into();
    });
    registration().check_for(&small, None, now()).unwrap();
}

#[test]
fn each_date_can_fail_alone() {
    let own = won(|body| body["createdDateTime"] = "2026-01-01T00:00:00Z".into());
    let days = TimeDelta::days;
    let rows = [
        (now() + days(1), now(), "contract.signDateTime"),
        (now() - days(61), now(), "contract.signDateTime"),
        (now() - days(10), now() - days(91), "contract.startDateTime"),
    ];
    for (signed, start, field) in rows {
        let contract = Contract::finite(84_000, "USD", signed, start, start + days(364));
        let faults = Registration::new(&contract, &[sold()]).check_for(&own, None, now());
        assert_eq!(fields(faults), [field]);
    }
    let before = contract().with_end_date_time(at("2026-03-31T00:00:00Z"));
    assert_eq!(
        fields(Registration::new(&before, &[sold()]).check()),
        ["contract.endDateTime"]
    );
    let limits = Contract::finite(84_000, "USD", now() - days(60), now() - days(90), now());
    Registration::new(&limits, &[sold()])
        .check_for(&own, None, now())
        .unwrap();
    // Signed after the deal began, but before Microsoft was asked.
    let early = Contract::finite(
        84_000,
        "USD",
        at("2026-03-09T00:00:00Z"),
        now(),
        now() + days(364),
    );
    let faults =
        Registration::new(&early, &[sold()]).check_for(&own, Some(&microsofts("Accepted")), now());
    assert_eq!(fields(faults), ["contract.signDateTime"]);
}

#[test]
fn each_rule_of_the_registration_can_fail_alone() {
    let solution = |solution: RegisteredSolution| Registration::new(&contract(), &[solution]);
    let transacted = MarketplaceTransaction::default().with_is_marketplace_transacted(true);
    let of = |contract: Contract| Registration::new(&contract, &[sold()]);
    let rows: Vec<(Registration, &str)> = vec![
        (of(contract().with_value(25_000)), "contract.value"),
        (
            of(contract().with_currency("dollar").with_value(80_000)),
            "contract.currency",
        ),
        (Registration::new(&contract(), &[]), "solutionDetails"),
        (
            solution(sold().with_value(84_001)),
            "solutionDetails[0].value",
        ),
        (solution(sold().with_value(0)), "solutionDetails[0].value"),
        (solution(sold().with_id("")), "solutionDetails[0].id"),
        (
            solution(sold().with_currency("")),
            "solutionDetails[0].currency",
        ),
        (
            solution(sold().with_is_deployed_on_azure(false)),
            "solutionDetails[0].isDeployedOnAzure",
        ),
        (
            solution(sold().with_marketplace_transaction_details(transacted)),
            "solutionDetails[0].marketplaceTransactionDetails.marketplaceTransactionDateTime",
        ),
    ];
    for (registration, field) in rows {
        let found = fields(registration.check());
        assert!(found.contains(&field.to_owned()), "{field}: {found:?}");
    }
    let endless = Contract::default()
        .with_value(84_000)
        .with_currency("USD")
        .with_sign_date_time(now())
        .with_start_date_time(now());
    let finite = endless.clone().with_term(ContractTerm::Finite);
    assert_eq!(fields(of(finite).check()), ["contract.endDateTime"]);
    assert_eq!(fields(of(endless).check()), ["contract.term"]);
    // A contract without end counts for six years.
    let perpetual = Contract::perpetual(150_000, "USD", now(), now());
    assert_eq!(fields(of(perpetual).check()), ["contract.value"]);
    // A year of value in a month is a year of value.
    let month = Contract::finite(3_000, "USD", now(), now(), now() + TimeDelta::days(30));
    let cheap = Registration::new(&month, &[sold().with_value(3_000)]);
    cheap.check().unwrap();
    // All at once.
    assert_eq!(
        fields(Registration::default().check()),
        [
            "type",
            "contract.value",
            "contract.currency",
            "contract.signDateTime",
            "contract.startDateTime",
            "contract.term",
            "solutionDetails",
        ]
    );
}

#[test]
fn an_edit_touches_the_first_registration_while_it_is_sent_back() {
    let moment = at("2026-05-01T00:00:00Z");
    let edit = RegistrationEdit::default()
        .with_contract_value(1)
        .with_start(moment)
        .with_end(moment)
        .with_signed(moment)
        .with_term(ContractTerm::Finite)
        .with_contract_value(90_000)
        .with_solution_value(80_000)
        .with_solution_currency("USD")
        .with_deployed_on_azure(true)
        .with_primary_deployment_on(Deployment::Partner)
        .with_pricing_model(PricingModel::PayAsYouGo)
        .with_marketplace_transacted(true)
        .with_marketplace_transaction_date_time(moment);
    let patch = Patch::new().edit_registration(&edit);
    let document: Vec<Value> = serde_json::from_str(&patch.to_json(PatchVerb::Replace)).unwrap();
    let paths: Vec<_> = document
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    let (contract, solution) = (
        "/registrations/0/contract",
        "/registrations/0/solutionDetails/0",
    );
    let sale = format!("{solution}/marketplaceTransactionDetails");
    assert_eq!(
        paths,
        [
            format!("{contract}/startDateTime"),
            format!("{contract}/endDateTime"),
            format!("{contract}/signDateTime"),
            format!("{contract}/term"),
            format!("{contract}/value"),
            format!("{solution}/value"),
            format!("{solution}/currency"),
            format!("{solution}/isDeployedOnAzure"),
            format!("{solution}/primaryDeploymentOn"),
            format!("{solution}/pricingModel"),
            format!("{sale}/isMarketplaceTransacted"),
            format!("{sale}/marketplaceTransactionDateTime"),
        ]
    );
    assert_eq!(document[4]["value"], 90_000);
    for (status, fits) in [
        ("ActionRequired", true),
        ("ReviewPending", false),
        ("None", false),
        ("Approved", false),
    ] {
        let own = won(|body| body["registrationStatus"] = status.into());
        assert_eq!(
            patch.check_for(&own, Profile::Strict).is_ok(),
            fits,
            "{status}"
        );
        let add = Patch::new().register(&registration());
        assert_eq!(
            add.check_for(&own, Profile::Strict).is_ok(),
            status == "None",
            "{status}"
        );
    }
    assert!(!format!("{edit:?}").contains("90000"));
}

#[test]
fn the_status_of_a_registration_moves_by_its_table() {
    use RegistrationStatus as S;
    let all = [
        S::None,
        S::ReviewPending,
        S::ActionRequired,
        S::Approved,
        S::Passed,
        S::Failed,
        S::Closed,
    ];
    let allowed = [
        (S::None, S::Approved),
        (S::None, S::ReviewPending),
        (S::ReviewPending, S::Passed),
        (S::ReviewPending, S::Failed),
        (S::ReviewPending, S::ActionRequired),
        (S::ActionRequired, S::ReviewPending),
        (S::Approved, S::ReviewPending),
        (S::Approved, S::Closed),
        (S::Passed, S::Closed),
        (S::Failed, S::Closed),
    ];
    for from in &all {
        for to in &all {
            let wanted = allowed.contains(&(from.clone(), to.clone()));
            assert_eq!(from.may_become(to), Some(wanted), "{from} -> {to}");
        }
    }
    assert_eq!(S::from("MarketplacePending").may_become(&S::Closed), None);
    assert_eq!(S::None.may_become(&S::from("MarketplacePending")), None);
}
