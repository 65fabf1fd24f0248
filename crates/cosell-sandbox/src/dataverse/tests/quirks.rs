//! Oddities that users of the service have met, and codes that only faults bring about.

use std::time::Duration;

use super::{Options, Sandbox};
use crate::dataverse::{Limits, coded, codes};

#[test]
fn a_tracked_read_with_annotations_may_end_without_a_delta_link() {
    for links in [true, false] {
        let options = Options::default().with_delta_link_with_annotations(links);
        let mut sandbox = Sandbox::with(options);
        for (prefer, there) in [
            ("odata.track-changes", true),
            ("odata.track-changes,odata.include-annotations=\"*\"", links),
        ] {
            let load = sandbox.call("GET", "opportunities", &[("prefer", prefer)], "");
            let load = load.expect(200).json();
            assert_eq!(load.get("@odata.deltaLink").is_some(), there);
        }
    }
}

#[test]
fn a_wait_is_told_in_seconds_or_as_a_date() {
    for (as_date, told) in [(false, "300"), (true, "Fri, 22 Aug 2025 08:15:44 GMT")] {
        let limits = Limits::default()
            .with_requests(1)
            .with_wait_as_date(as_date);
        let mut sandbox = Sandbox::with(Options::default().with_limits(limits));
        sandbox.get("WhoAmI").expect(200);
        let refused = sandbox.get("WhoAmI").refused(429, "0x80072322");
        assert_eq!(refused.header("retry-after"), told);
    }
    assert_eq!(Limits::default().window, Duration::from_secs(300));
}

#[test]
fn some_labels_are_the_wrong_way_round_and_some_amounts_are_no_money() {
    let mut sandbox = Sandbox::new();
    let body =
        r#"{"lastname":"Doe","confirminterest":true,"estimatedvalue":12.5,"estimatedamount":99}"#;
    let lead = sandbox.made("leads", body);
    let prefer = [("prefer", "odata.include-annotations=\"*\"")];
    let row = sandbox
        .call("GET", &format!("leads({lead})"), &prefer, "")
        .json();
    assert_eq!(
        row["confirminterest@OData.Community.Display.V1.FormattedValue"],
        "No"
    );
    assert_eq!(
        row["estimatedvalue@OData.Community.Display.V1.FormattedValue"],
        "12.5"
    );
    assert_eq!(
        row["estimatedamount@OData.Community.Display.V1.FormattedValue"],
        "€99.00"
    );
}

#[test]
fn every_code_of_the_table_has_its_status_and_form() {
    for (code, status) in codes::all() {
        let answer: super::Answer = coded(code).into();
        answer.refused(status, &format!("0x{code:08x}"));
    }
    let answer: super::Answer = coded(0x8000_4005).into();
    answer.refused(500, "0x80004005");
}

#[test]
fn several_rows_cannot_be_deleted_in_one_message() {
    let mut sandbox = Sandbox::new();
    let action = "accounts/Microsoft.Dynamics.CRM.DeleteMultiple";
    let refused = sandbox
        .post(action, r#"{"Targets":[]}"#)
        .refused(501, "0x80040219");
    assert_eq!(
        refused.message(),
        "DeleteMultiple has not yet been implemented."
    );
    sandbox
        .post("accounts/Microsoft.Dynamics.CRM.Nonesuch", "{}")
        .refused(404, "0x8006088a");
}
