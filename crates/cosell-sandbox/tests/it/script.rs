//! Scripts: read, refused, played.

use std::time::Duration;

use chrono::{DateTime, Utc};
use cosell_sandbox::{Clock, Options, Player, Sandbox, Script};

fn sandbox() -> Sandbox {
    let start: DateTime<Utc> = "2026-03-09T14:00:00Z".parse().unwrap();
    Sandbox::new(Options::default().with_clock(Clock::manual(start)))
}

#[test]
fn sample_script_is_playable() {
    let script = Script::parse(include_str!("../../scripts/two-sellers.toml")).unwrap();
    let steps = script.len();
    let mut sandbox = sandbox();
    let mut player = Player::new(script, sandbox.now());
    let mut played = Vec::new();
    for _ in 0..600 {
        played.extend(player.play(&mut sandbox));
        sandbox.advance(Duration::from_secs(1));
    }
    assert!(player.finished());
    assert_eq!(played.len(), steps);
    for step in &played {
        // Nobody syncs here, so what waits for the sync's work is given up; nothing else fails.
        if let Err(message) = &step.result {
            assert!(
                message.contains("did not appear"),
                "step {}: {message}",
                step.step
            );
        }
    }
    assert!(played.iter().filter(|step| step.result.is_ok()).count() >= 4);
}

#[test]
fn steps_come_at_their_time_and_refer_to_earlier_ones() {
    let text = r#"
        [[step]]
        who = "microsoft"
        action = "sends"
        label = "adatum"
        fields = { name = "Adatum" }

        [[step]]
        after = 10
        who = "portal"
        action = "edit"
        [step.fields]
        id = "$adatum"
        set = { "/status" = "Active", "/substatus" = "Accepted" }

        [[step]]
        at = 30
        who = "crm"
        action = "create"
        label = "row"
        [step.fields]
        table = "opportunity"
        row = { name = "$$5 deal", msft_microsoftpartnercenterreferralidentifier = "$adatum" }

        [[step]]
        who = "portal"
        action = "edit"
        fields = { id = "$row.referral", set = { "/status" = "Closed", "/substatus" = "Won" } }
    "#;
    let script = Script::parse(text).unwrap();
    let mut sandbox = sandbox();
    let mut player = Player::new(script, sandbox.now());
    let mut steps = |sandbox: &mut Sandbox| -> Vec<usize> {
        let played = player.play(sandbox);
        for step in &played {
            assert!(step.result.is_ok(), "{step:?}");
        }
        played.iter().map(|step| step.step).collect()
    };
    assert_eq!(steps(&mut sandbox), [1]);
    sandbox.advance(Duration::from_secs(9));
    assert_eq!(steps(&mut sandbox), [0_usize; 0]);
    sandbox.advance(Duration::from_secs(1));
    assert_eq!(steps(&mut sandbox), [2]);
    sandbox.advance(Duration::from_secs(20));
    assert_eq!(steps(&mut sandbox), [3, 4]);
    let rows = sandbox.rows("opportunity").unwrap();
    assert!(rows[0].get().contains("\"$5 deal\""), "{}", rows[0]);
    let referrals = sandbox.referrals_json();
    let own = referrals
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["substatus"] == "Won");
    assert!(own.is_some(), "{referrals}");
}

#[test]
fn missing_record_is_waited_for_and_then_given_up() {
    let text = r#"
        patience_seconds = 5
        [[step]]
        who = "microsoft"
        action = "sends"
        label = "deal"
        [[step]]
        who = "crm"
        action = "win"
        fields = { id = "$deal.opportunity" }
        [[step]]
        who = "clock"
        action = "advance"
        fields = { seconds = 1 }
    "#;
    let mut sandbox = sandbox();
    let mut player = Player::new(Script::parse(text).unwrap(), sandbox.now());
    assert_eq!(player.play(&mut sandbox).len(), 1);
    sandbox.advance(Duration::from_secs(4));
    assert_eq!(player.play(&mut sandbox).len(), 0);
    sandbox.advance(Duration::from_secs(1));
    let played = player.play(&mut sandbox);
    assert_eq!(played.len(), 2);
    assert!(played[0].result.is_err());
    assert!(player.finished());
}

#[test]
fn all_faults_are_told_at_once() {
    let text = r#"
        [[step]]
        who = "crm"
        action = "dance"
        [[step]]
        at = 1
        after = 1
        who = "crm"
        action = "win"
        fields = { id = "$nobody" }
        [[step]]
        at = -3
        who = "microsoft"
        action = "sends"
        label = "x"
        fields = { naem = "y" }
        [[step]]
        who = "microsoft"
        action = "sends"
        label = "x"
    "#;
    let error = Script::parse(text).unwrap_err();
    let told = error.to_string();
    for word in [
        "crm_dance",
        "not both",
        "$nobody",
        "-3",
        "naem",
        "\"x\" is given twice",
    ] {
        assert!(told.contains(word), "{word} in {told}");
    }
    let steps: Vec<_> = error
        .faults
        .iter()
        .map(|fault| fault.step.unwrap())
        .collect();
    assert_eq!(steps, [1, 2, 2, 3, 3, 4]);
    assert!(Script::parse("[[step]\nwho = ").is_err());
    assert!(Script::parse("").unwrap().is_empty());
}
