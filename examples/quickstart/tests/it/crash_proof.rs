//! The crash proof: the sync is killed at each request of a whole story, once before the request
//! took effect and once after, and started again on the same file. Every time the story must
//! come to the same end.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use cosell_sandbox::{Fault, FaultRule, Moment, SandboxHandle, ServiceName, server::Running};
use serde_json::{Value, json};
use tokio::{process::Child, sync::Semaphore, task::JoinSet};

use crate::support::{act, crm_opens, double, finish, referrals, rows, sync};

/// A run waits more than it works.
const AT_ONCE: usize = 4;
const STEPS: usize = 6;

/// One run of the story on a double and a state file of its own.
struct Run {
    double: Running,
    folder: tempfile::TempDir,
    /// Made in the CRM.
    warehouse: String,
    /// The referral that Microsoft sends.
    analytics: String,
    /// Another one. It is edited in every step, so that the others are never the newest in the
    /// list: what a dead sync had in hand must come back from its own file.
    bystander: String,
}

impl Run {
    async fn new() -> Self {
        Self {
            double: double().await,
            folder: tempfile::tempdir().unwrap(),
            warehouse: String::new(),
            analytics: String::new(),
            bystander: String::new(),
        }
    }

    fn sandbox(&self) -> &SandboxHandle {
        self.double.sandbox()
    }

    fn requests(&self) -> u64 {
        let counts = self.sandbox().counts();
        let services = ServiceName::ALL.iter();
        services.map(|service| counts.of(*service).requests).sum()
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("deals.db")
    }

    fn start(&self) -> Child {
        let state = self.state();
        let state: &Path = &state;
        sync(&self.double, state)
    }

    /// What people do in a step.
    fn step(&mut self, step: usize) {
        let sandbox = self.double.sandbox();
        let crm_edits = |id: &str, row: Value| {
            act(
                sandbox,
                json!({ "do": "crm_update", "table": "opportunity", "id": id, "row": row }),
            );
        };
        let portal_edits = |id: &str, set: Value| {
            act(
                sandbox,
                json!({ "do": "portal_edit", "id": id, "set": set }),
            );
        };
        let microsoft_sends = |name: &str, customer: &str| {
            act(
                sandbox,
                json!({ "do": "microsoft_sends", "name": name, "customer": customer,
                    "value": "84000.50", "currency": "EUR", "closing": "2027-02-26" }),
            )
        };
        match step {
            0 => self.warehouse = crm_opens(sandbox, "Warehouse rollout"),
            1 => crm_edits(
                &self.warehouse,
                json!({ "estimatedvalue": 135000, "estimatedclosedate": "2027-04-30" }),
            ),
            2 => self.analytics = microsoft_sends("Plant analytics", "Adatum Corporation"),
            3 => crm_edits(
                &opportunity(sandbox, &self.analytics),
                json!({ "statuscode": 1 }),
            ),
            4 => {
                crm_edits(
                    &opportunity(sandbox, &self.analytics),
                    json!({ "estimatedvalue": 90000 }),
                );
                portal_edits(
                    &self.analytics,
                    json!({ "/details/dealValue": "95000", "/details/notes": "Three." }),
                );
            }
            5 => {
                act(sandbox, json!({ "do": "crm_win", "id": self.warehouse }));
                portal_edits(
                    &self.analytics,
                    json!({ "/status": "Closed", "/substatus": "Lost" }),
                );
            }
            _ => unreachable!("the story has {STEPS} steps"),
        }
        if step == 0 {
            self.bystander = microsoft_sends("Retrofit", "Contoso Works");
        } else {
            let notes = format!("Step {step}.");
            portal_edits(&self.bystander, json!({ "/details/notes": notes }));
        }
    }

    /// Plays the story. With `kill` the sync dies at that request; true if it did.
    async fn play(&mut self, kill: Option<(u64, Moment)>) -> bool {
        if let Some((number, at)) = kill {
            let rule = FaultRule::new(Fault::Hold { at }).with_number(number);
            self.sandbox().add_fault(rule);
        }
        let mut killed = false;
        for step in 0..STEPS {
            self.step(step);
            let mut child = self.start();
            tokio::select! {
                held = self.sandbox().wait_until_held() => {
                    killed = true;
                    child.kill().await.unwrap();
                    self.sandbox().drop_held(held.id);
                    child = self.start();
                }
                _ = child.wait() => {}
            }
            finish(child).await;
        }
        killed
    }

    /// Plays the story and kills the sync once in every step, after a wait of chance; says how many
    /// were still at work.
    async fn play_killed(&mut self, mut chance: Chance, longest: Duration) -> u64 {
        let mut killed = 0;
        for step in 0..STEPS {
            self.step(step);
            let mut child = self.start();
            tokio::time::sleep(longest.mul_f64(chance.share())).await;
            if child.try_wait().unwrap().is_none() {
                child.kill().await.unwrap();
                killed += 1;
                child = self.start();
            }
            finish(child).await;
        }
        killed
    }

    /// Nothing lost, nothing double, all equal, nothing left to write.
    async fn judge(&self) {
        let sandbox = self.sandbox();
        let all = referrals(sandbox);
        let own: Vec<&Value> = all
            .iter()
            .filter(|referral| referral["organizationId"] != "msft")
            .collect();
        assert_eq!(
            (own.len(), all.len()),
            (3, 5),
            "referrals, with Microsoft's own"
        );
        let opportunities = rows(sandbox, "opportunity");
        assert_eq!(opportunities.len(), 3);
        assert_eq!(rows(sandbox, "account").len(), 3);
        // One by the seller, one by the sync.
        assert_eq!(rows(sandbox, "opportunityclose").len(), 2);

        let find = |name: &str| {
            let referral = own.iter().find(|one| one["name"] == name).unwrap();
            let row = opportunities
                .iter()
                .find(|row| row["name"] == format!("✔ {name}"))
                .unwrap();
            let identifier = &row["msft_microsoftpartnercenterreferralidentifier"];
            assert_eq!(identifier, &referral["id"]);
            // Claimed with the first write to it; nobody had a reason to write to the bystander.
            if referral["id"] != self.bystander {
                assert_eq!(referral["externalReferenceId"], row["opportunityid"]);
            }
            assert!(row["msft_microsoftpartnercenterreferrallink"].is_string());
            assert!(row["msft_microsoftpartnercenterreferralsyncaudit"].is_string());
            (*referral, row)
        };
        let (referral, row) = find("Warehouse rollout");
        assert_eq!(
            both(referral, row),
            ends(["135000", "2027-04-30", "Ten warehouses."], "Won", (1, 3))
        );
        let (referral, row) = find("Plant analytics");
        assert_eq!(
            both(referral, row),
            ends(["90000", "2027-02-26", "Three."], "Lost", (2, 4))
        );
        let (referral, row) = find("Retrofit");
        assert_eq!(
            both(referral, row),
            (
                (
                    fields(["84000.5", "2027-02-26", "Step 5."]),
                    "New Pending".to_owned()
                ),
                (
                    fields(["84000.5", "2027-02-26", "Step 5."]),
                    "0 2".to_owned()
                ),
            )
        );

        let before = sandbox.counts();
        finish(self.start()).await;
        let after = sandbox.counts();
        for service in [ServiceName::PartnerCenter, ServiceName::Dataverse] {
            assert_eq!(after.of(service).writes, before.of(service).writes);
        }
    }
}

/// Random enough to strike anywhere; a run can be told by its number.
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from((self.0 >> 33) as u32) / f64::from(u32::MAX >> 1)
    }
}

fn opportunity(sandbox: &SandboxHandle, referral: &str) -> String {
    let rows = rows(sandbox, "opportunity");
    let row = rows
        .iter()
        .find(|row| row["msft_microsoftpartnercenterreferralidentifier"] == referral)
        .unwrap();
    row["opportunityid"].as_str().unwrap().to_owned()
}

type End = ([String; 3], String);

/// Value, day, notes and state of either record.
fn both(referral: &Value, row: &Value) -> (End, End) {
    let details = &referral["details"];
    let number = |value: &Value| value.as_f64().unwrap().to_string();
    let day = |value: &Value| value.as_str().unwrap()[..10].to_owned();
    let words = |value: &Value| value.as_str().unwrap().to_owned();
    (
        (
            [
                number(&details["dealValue"]),
                day(&details["closingDateTime"]),
                words(&details["notes"]),
            ],
            format!(
                "{} {}",
                words(&referral["status"]),
                words(&referral["substatus"])
            ),
        ),
        (
            [
                number(&row["estimatedvalue"]),
                day(&row["estimatedclosedate"]),
                words(&row["description"]),
            ],
            format!("{} {}", row["statecode"], row["statuscode"]),
        ),
    )
}

fn fields(texts: [&str; 3]) -> [String; 3] {
    texts.map(str::to_owned)
}

/// How a closed deal stands on both sides.
fn ends(texts: [&str; 3], substatus: &str, (state, status): (i64, i64)) -> (End, End) {
    (
        (fields(texts), format!("Closed {substatus}")),
        (fields(texts), format!("{state} {status}")),
    )
}

// R118, G3
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_request_the_story_ends_the_same() {
    let mut dry = Run::new().await;
    assert!(!dry.play(None).await);
    let requests = dry.requests();
    dry.judge().await;

    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut runs = JoinSet::new();
    let mut names = BTreeMap::new();
    for number in 1..=requests {
        for at in [Moment::BeforeEffect, Moment::AfterEffect] {
            let room = Arc::clone(&room);
            let run = runs.spawn(async move {
                let _place = room.acquire().await.unwrap();
                let mut run = Run::new().await;
                let killed = run.play(Some((number, at))).await;
                // How often a late read is repeated depends on the machine.
                let made = run.requests();
                assert!(killed || made < number, "not killed in {made} requests");
                run.judge().await;
                killed
            });
            names.insert(run.id().to_string(), (number, at));
        }
    }
    let mut kills = 0;
    while let Some(run) = runs.join_next().await {
        match run {
            Ok(killed) => kills += u64::from(killed),
            Err(error) => {
                let name = names.get(&error.id().to_string());
                panic!("killed at {name:?}: {error}");
            }
        }
    }
    assert!(kills > 0);
    // Past the test harness, which keeps what `println!` says to itself.
    writeln!(
        std::io::stdout(),
        "crash proof: {requests} requests x 2, {kills} kills, all converged"
    )
    .unwrap();
}

/// The double stays alive outside; the moments are random, so that they fall between requests and
/// into the writing of the file, too.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_the_story_ends_the_same() {
    let long = std::env::var("COSELL_HARNESS").is_ok_and(|wanted| wanted == "long");
    let wanted = if long { 500 } else { 10 };
    let begun = Instant::now();
    let mut dry = Run::new().await;
    dry.play(None).await;
    dry.judge().await;
    // About as long as one start of the sync is at work.
    let longest = begun.elapsed() / (STEPS as u32 + 1);

    let (mut kills, mut runs, mut number) = (0, JoinSet::new(), 0);
    while kills < wanted || !runs.is_empty() {
        while kills < wanted && runs.len() < AT_ONCE {
            number += 1;
            runs.spawn(async move {
                let mut run = Run::new().await;
                let killed = run.play_killed(Chance(number), longest).await;
                run.judge().await;
                killed
            });
        }
        if let Some(run) = runs.join_next().await {
            kills += run.expect("the story ends the same");
        }
    }
    writeln!(
        std::io::stdout(),
        "random kills: {kills} in {number} stories, all converged"
    )
    .unwrap();
}
