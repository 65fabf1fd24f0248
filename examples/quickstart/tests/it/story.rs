//! The story, as printed for people and for programs.

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::support::{run, text};

// R31, G9
#[tokio::test]
async fn the_story_is_told_and_both_services_agree() {
    let output = run(&["--lag-ms", "20", "--send-window-ms", "400"]).await;
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    for step in 1..=8 {
        assert!(told.contains(&format!("Step {step} of 8: ")), "{told}");
    }
    assert!(told.contains("3 of 3 pairs equal, 0 doubles"), "{told}");
    assert!(told.ends_with("Both services agree.\n"), "{told}");
    assert!(!told.contains('\u{1b}'), "no colour where nobody sees it");
    assert_eq!(text(&output.stderr), "");
}

/// One run for all tests below.
async fn lines() -> &'static [Value] {
    static LINES: OnceCell<Vec<Value>> = OnceCell::const_new();
    LINES
        .get_or_init(|| async {
            let output = run(&["--json", "--lag-ms", "20", "--send-window-ms", "400"]).await;
            assert!(output.status.success(), "{}", text(&output.stderr));
            let told = text(&output.stdout);
            told.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        })
        .await
}

async fn event(name: &str) -> &'static Value {
    let line = lines().await.iter().find(|line| line["event"] == name);
    line.unwrap()
}

async fn step(number: usize) -> &'static Value {
    let step = lines()
        .await
        .iter()
        .find(|line| line["event"] == "step" && line["step"] == number);
    step.unwrap()
}

/// A line of the first deal of a step on both sides, before and after.
fn both<'a>(step: &'a Value, line: &str) -> [[&'a Value; 2]; 2] {
    let deal = &step["deals"][0];
    ["before", "after"]
        .map(|when| ["dynamics", "partner_center"].map(|side| &deal[when][side][line]))
}

// R1, R88, R90
#[tokio::test]
async fn a_marked_deal_becomes_a_referral_and_its_identifiers_come_back() {
    let step = step(1).await;
    let [[row, referral], [row_after, referral_after]] = both(step, "name");
    assert_eq!(row, "Northwind warehouse rollout");
    assert!(referral.is_null());
    assert_eq!(row_after, "✔ Northwind warehouse rollout");
    assert_eq!(referral_after, "Northwind warehouse rollout");
    for line in ["other_side", "link", "audit"] {
        let [[before, _], [after, _]] = both(step, line);
        assert!(before.is_null() && after.is_string(), "{line}");
    }
}

// R3, R7, R89
#[tokio::test]
async fn value_and_close_date_go_from_the_crm_to_partner_center() {
    let step = step(2).await;
    assert_eq!(
        both(step, "value"),
        [
            ["135,000 EUR", "120,000 EUR"],
            ["135,000 EUR", "135,000 EUR"]
        ]
    );
    assert_eq!(
        both(step, "closes"),
        [["2027-04-30", "2027-03-31"], ["2027-04-30", "2027-04-30"]]
    );
    assert_eq!(step["work"]["partner_center_writes"], 1);
}

// R2, R100, R101
#[tokio::test]
async fn a_referral_becomes_an_open_opportunity_with_its_account() {
    let step = step(3).await;
    assert!(step["deals"][0]["before"]["dynamics"].is_null());
    for (line, expected) in [
        ("value", "84,000.50 EUR"),
        ("closes", "2027-02-26"),
        (
            "customer",
            "Adatum Corporation, Hafenstrasse 12, 20457, Hamburg, DE",
        ),
        ("notes", "Wants to start with two plants."),
    ] {
        assert_eq!(both(step, line)[1], [expected; 2], "{line}");
    }
    assert_eq!(both(step, "state")[1], ["Open / On Hold", "New / Pending"]);
}

// R5, R112
#[tokio::test]
async fn off_hold_in_the_crm_accepts_the_referral() {
    assert_eq!(
        both(step(4).await, "state"),
        [
            ["Open / In Progress", "New / Pending"],
            ["Open / In Progress", "Active / Accepted"],
        ]
    );
}

// R121
#[tokio::test]
async fn edited_on_both_sides_one_value_stands_and_the_other_is_kept() {
    let step = step(5).await;
    assert_eq!(
        both(step, "value"),
        [["90,000 EUR", "95,000 EUR"], ["90,000 EUR", "90,000 EUR"]]
    );
    assert_eq!(both(step, "notes")[1], ["Three plants by now."; 2]);
    let conflicts = step["conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), 1, "the notes moved on one side only");
    assert_eq!(conflicts[0]["field"], "value");
    assert_eq!(conflicts[0]["left"]["money"]["amount"], "95000");
    assert_eq!(conflicts[0]["right"]["money"]["amount"], "90000");
}

// G3
#[tokio::test]
async fn a_crash_between_a_create_and_its_answer_makes_no_second_referral() {
    let step = step(6).await;
    let deal = &step["deals"][0];
    assert_eq!(
        deal["before"]["referrals_of_it"], 1,
        "the create took effect"
    );
    assert!(deal["before"]["dynamics"]["other_side"].is_null());
    assert_eq!(deal["after"]["referrals_of_it"], 1);
    assert!(deal["after"]["dynamics"]["other_side"].is_string());
    assert_eq!(step["work"]["partner_center_writes"], 0);
}

// R113
#[tokio::test]
async fn a_deal_closed_on_one_side_is_closed_on_the_other() {
    let deals = &step(7).await["deals"];
    let states = |deal: usize, when: &str| {
        ["dynamics", "partner_center"].map(|side| &deals[deal][when][side]["state"])
    };
    assert_eq!(states(0, "before"), ["Won", "Active / Accepted"]);
    assert_eq!(states(0, "after"), ["Won", "Closed / Won"]);
    assert_eq!(states(1, "before"), ["Open / In Progress", "Closed / Lost"]);
    assert_eq!(states(1, "after"), ["Lost / Canceled", "Closed / Lost"]);
}

// R96, R120
#[tokio::test]
async fn a_round_after_all_that_writes_nothing() {
    let step = step(8).await;
    assert_eq!(step["work"]["rounds"], 1);
    for service in ["partner_center", "dataverse"] {
        assert_eq!(step["calls"][service]["requests"], 1, "{service}");
        assert_eq!(step["calls"][service]["writes"], 0, "{service}");
    }
}

#[tokio::test]
async fn the_comparison_looks_at_every_pair() {
    let comparison = event("comparison").await;
    assert_eq!(comparison["equal"], true);
    assert_eq!(comparison["pairs"], 3);
    assert_eq!(comparison["shown"].as_array().unwrap().len(), 3);
    assert_eq!(event("verdict").await["good"], true);
}

#[tokio::test]
async fn many_deals_are_made_and_synced() {
    let output = run(&["--deals", "40", "--json"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    let events: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let timed = events.iter().find(|one| one["event"] == "timed").unwrap();
    assert_eq!(timed["work"]["births"], 40);
    let comparison = events
        .iter()
        .find(|one| one["event"] == "comparison")
        .unwrap();
    assert_eq!(comparison["equal_pairs"], 40);
    assert_eq!(text(&output.stderr), "", "no bar where nobody sees it");
}
