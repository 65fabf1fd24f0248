//! The sample bodies of the documents: patches that are written, errors that are read.

use chrono::{DateTime, Utc};
use cosell_referrals::{
    Contract, Deployment, Member, Patch, PatchVerb, PricingModel, Referral, RegisteredSolution,
    Registration, read_error,
};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::support::SAMPLE;

fn day(text: &str) -> DateTime<Utc> {
    format!("{text}T00:00:00Z").parse().unwrap()
}

#[test]
fn every_sample_of_a_patch_is_what_a_patch_writes() {
    let referral = Referral::from_json(SAMPLE.as_bytes()).unwrap();
    let newcomer = Member::new("Mei", "Tan", "+6560000001", "mei.tan@northwind.example");
    let contract = Contract::finite(
        84_000,
        "GBP",
        day("2026-03-30"),
        day("2026-04-01"),
        day("2027-03-31"),
    );
    let sold = RegisteredSolution::new(
        "SOL-10482-QRT",
        80_000,
        "GBP",
        Deployment::Customer,
        PricingModel::Otherwise,
    );
    for (patch, sample) in [
        (
            Patch::new()
                .with_deal_value(91_000)
                .with_notes("Scope grew to two plants.")
                .add_to_team(&referral, &[newcomer])
                .unwrap(),
            include_str!("samples/patch_edit.json"),
        ),
        (
            Patch::new().accept(),
            include_str!("samples/patch_accept.json"),
        ),
        (Patch::new().win(), include_str!("samples/patch_win.json")),
        (
            Patch::new().decline("Customer requirement not met"),
            include_str!("samples/patch_decline.json"),
        ),
        (
            Patch::new().share_with_microsoft_sellers(),
            include_str!("samples/patch_share.json"),
        ),
        (
            Patch::new().register(&Registration::new(&contract, &[sold])),
            include_str!("samples/patch_register.json"),
        ),
    ] {
        patch.check().unwrap();
        let written: Value = serde_json::from_str(&patch.to_json(PatchVerb::Replace)).unwrap();
        let mut published: Value = serde_json::from_str(sample).unwrap();
        // The sample says null for a sale that there was not; absent is the same.
        if let Some(sale) =
            published.pointer_mut("/0/value/solutionDetails/0/marketplaceTransactionDetails")
        {
            sale.as_object_mut()
                .unwrap()
                .remove("marketplaceTransactionDateTime");
        }
        assert_eq!(written, published);
    }
}

#[test]
fn every_sample_of_an_error_is_read() {
    for (status, body, code, target, said) in [
        (
            412,
            include_str!("samples/error_stale.json"),
            "preconditionFailed",
            "ETag",
            "99918",
        ),
        (
            404,
            include_str!("samples/error_not_found.json"),
            "itemNotFound",
            "referral",
            "could not be found",
        ),
        (
            400,
            include_str!("samples/error_invalid.json"),
            "invalidRequest",
            "customerProfile.address.country",
            "two letter code",
        ),
        (
            403,
            include_str!("samples/error_unauthorized.json"),
            "unAuthorized",
            "referral",
            "No access to the referral",
        ),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let fault = read_error(status, &HeaderMap::new(), &body.as_bytes().to_vec().into());
        assert_eq!(fault.code.as_deref(), Some(code));
        assert_eq!(fault.target.as_deref(), Some(target));
        assert!(fault.message.unwrap().contains(said), "{code}");
    }
}
