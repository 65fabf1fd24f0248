use http::StatusCode;

use super::*;
use crate::dataverse::ClosedRows;

fn win(extra: &str) -> String {
    format!(
        r#"{{"Status":3,"OpportunityClose":{{"subject":"Won","opportunityid@odata.bind":"/opportunities({DEAL})"{extra}}}}}"#
    )
}

#[test]
fn winning_closes_the_deal_and_leaves_an_activity() {
    let mut sandbox = with_deal(Options::default());
    let extra =
        r#","actualrevenue":118000.00,"actualend":"2025-05-12T00:00:00Z","description":"Signed""#;
    sandbox.post("WinOpportunity", &win(extra)).expect(204);
    let row = sandbox.get(&deal()).json();
    assert_eq!(
        (&row["statecode"], &row["statuscode"]),
        (&1.into(), &3.into())
    );
    assert_eq!(row["actualvalue"], 118_000.0);
    assert_eq!(row["actualclosedate"], "2025-05-12");
    let closes =
        sandbox.get("opportunitycloses?$select=description,_opportunityid_value,statecode");
    let close = &closes.json()["value"][0];
    assert_eq!(
        (&close["description"], &close["statecode"]),
        (&"Signed".into(), &1.into())
    );
    assert_eq!(close["_opportunityid_value"], DEAL);
    sandbox
        .post("WinOpportunity", &win(""))
        .refused(400, "0x80040515");
}

#[test]
fn a_win_without_revenue_takes_the_estimate_and_today() {
    let mut sandbox = with_deal(Options::default());
    let now = sandbox.now;
    let id = DEAL.parse().unwrap();
    sandbox
        .environment
        .seller_win(now, id, &serde_json::json!({}))
        .unwrap();
    let row = sandbox.get(&deal()).json();
    assert_eq!(row["actualvalue"], 125_000.0);
    assert_eq!(row["actualclosedate"], "2025-08-22");
    assert_eq!(
        row["_modifiedby_value"],
        super::super::DEFAULT_SELLER.to_string()
    );
}

#[test]
fn losing_takes_a_reason_of_the_lost_state_only() {
    for (status, outcome) in [
        (4, Some(4)),
        (5, Some(5)),
        (-1, Some(4)),
        (3, None),
        (1, None),
    ] {
        let mut sandbox = with_deal(Options::default());
        let now = sandbox.now;
        let id = DEAL.parse().unwrap();
        let done = sandbox
            .environment
            .seller_lose(now, id, status, &serde_json::json!({}));
        match outcome {
            Some(reason) => {
                done.unwrap();
                let row = sandbox.get(&deal()).json();
                assert_eq!(
                    (&row["statecode"], &row["statuscode"]),
                    (&2.into(), &reason.into())
                );
                assert_eq!(row["actualvalue"], Value::Null);
            }
            None => assert_eq!(done.unwrap_err().code(), "0x80048408"),
        }
    }
}

#[test]
fn a_patch_closes_nothing_but_reopens_and_puts_on_hold() {
    let mut sandbox = with_deal(Options::default());
    let answer = sandbox
        .patch(&deal(), r#"{"statecode":1,"statuscode":3}"#)
        .refused(400, "0x80100005");
    assert_eq!(
        answer.message(),
        "This message can not be used to set the state of opportunity to won. In order to set \
         state of opportunity to won, use the won message instead."
    );
    sandbox
        .patch(&deal(), r#"{"statuscode":3}"#)
        .refused(400, "0x80048408");
    sandbox
        .patch(&deal(), r#"{"statecode":0,"statuscode":2}"#)
        .expect(204);
    sandbox
        .patch(&deal(), r#"{"statecode":0}"#)
        .refused(400, "0x8004051a");
    sandbox.post("WinOpportunity", &win("")).expect(204);
    sandbox.patch(&deal(), r#"{"statecode":0}"#).expect(204);
    let row = sandbox.get(&deal()).json();
    assert_eq!(
        (&row["statecode"], &row["statuscode"]),
        (&0.into(), &1.into())
    );
    assert_eq!(
        (&row["actualvalue"], &row["actualclosedate"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn open_points_follow_their_switches() {
    let options = Options::default()
        .with_closed_rows(ClosedRows::ReadOnly)
        .with_state_patch_status(StatusCode::FORBIDDEN)
        .with_reopen_clears_actuals(false)
        .with_empty_code_when_present(false)
        .with_empty_code_when_changed(true);
    let mut sandbox = with_deal(options);
    sandbox
        .patch(&deal(), r#"{"statecode":2}"#)
        .refused(403, "0x80100005");
    sandbox
        .call("PATCH", &deal(), &[("If-None-Match", "*")], "{}")
        .refused(412, "0x80040237");
    sandbox
        .call("PATCH", &deal(), &[("If-Match", "W/\"1\"")], "{}")
        .refused(412, "");
    sandbox.post("WinOpportunity", &win("")).expect(204);
    sandbox
        .patch(&deal(), r#"{"description":"x"}"#)
        .refused(400, "0x8004022e");
    sandbox
        .patch(&deal(), r#"{"statecode":0,"description":"x"}"#)
        .expect(204);
    let row = sandbox.get(&deal()).json();
    assert_eq!(
        (&row["actualvalue"], &row["description"]),
        (&125_000.0.into(), &"x".into())
    );
}

#[test]
fn deleting_a_deal_takes_its_close_activities_along() {
    let mut sandbox = with_deal(Options::default());
    sandbox.post("WinOpportunity", &win("")).expect(204);
    assert_eq!(sandbox.get("opportunitycloses/$count").text, "1");
    sandbox.call("DELETE", &deal(), &[], "").expect(204);
    assert_eq!(sandbox.get("opportunitycloses/$count").text, "0");
    let missing = win("").replace(DEAL, "00000000-0000-4000-8000-0000000000aa");
    sandbox
        .post("WinOpportunity", &missing)
        .refused(404, "0x80040217");
}
