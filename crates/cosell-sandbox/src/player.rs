//! Plays a script on a sandbox, by the sandbox's clock.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Act, Acted, Sandbox, Script,
    script::{Reference, When, replace},
};

/// Plays a [`Script`] step by step. Whoever owns it calls [`play`](Self::play) now and then.
#[derive(Clone, Debug)]
pub struct Player {
    script: Script,
    started: DateTime<Utc>,
    last: DateTime<Utc>,
    next: usize,
    labels: BTreeMap<String, Acted>,
}

/// A step that was played.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Played {
    /// Number of the step, from 1.
    pub step: usize,
    /// Who did what, such as `crm_create`.
    pub action: String,
    /// The step's label.
    pub label: Option<String>,
    /// What came of it; the text says why it was refused or given up.
    pub result: Result<Acted, String>,
}

impl Player {
    /// Starts a script at `now`.
    pub fn new(script: Script, now: DateTime<Utc>) -> Self {
        Self {
            script,
            started: now,
            last: now,
            next: 0,
            labels: BTreeMap::new(),
        }
    }

    /// Have all steps been played?
    pub fn finished(&self) -> bool {
        self.next >= self.script.steps.len()
    }

    /// When the next step is due, in sandbox time. A step may have to wait longer, for a record
    /// that it refers to.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        let step = self.script.steps.get(self.next)?;
        Some(match step.when {
            When::At(time) => later(self.started, time),
            When::After(time) => later(self.last, time),
        })
    }

    /// Plays all steps that are due. A step that refers to a record which is not there yet (a
    /// referral that the sync has still to make) waits for the script's patience, and the steps
    /// after it with it.
    pub fn play(&mut self, sandbox: &mut Sandbox) -> Vec<Played> {
        let mut played = Vec::new();
        while let Some(due) = self.next_due() {
            let now = sandbox.now();
            if due > now {
                break;
            }
            let Some(step) = self.script.steps.get(self.next) else {
                break;
            };
            let act = replace(&step.template, &mut |reference| {
                resolve(sandbox, &self.labels, &reference)
            });
            let result = match act {
                Some(act) => perform(sandbox, act),
                None if now < later(due, self.script.patience) => break,
                None => Err(format!(
                    "a record that it refers to did not appear within {} seconds",
                    self.script.patience.as_secs_f64()
                )),
            };
            if let (Ok(acted), Some(label)) = (&result, &step.label) {
                self.labels.insert(label.clone(), acted.clone());
            }
            played.push(Played {
                step: self.next + 1,
                action: step.action.clone(),
                label: step.label.clone(),
                result,
            });
            self.last = now;
            self.next += 1;
        }
        played
    }
}

fn perform(sandbox: &mut Sandbox, act: serde_json::Value) -> Result<Acted, String> {
    let act: Act = serde_json::from_value(act).map_err(|error| error.to_string())?;
    sandbox.act(&act).map_err(|error| error.to_string())
}

fn resolve(
    sandbox: &Sandbox,
    labels: &BTreeMap<String, Acted>,
    reference: &Reference<'_>,
) -> Option<String> {
    let acted = labels.get(reference.label)?;
    let id = acted.id.clone()?;
    match reference.part {
        None | Some("id") => Some(id),
        Some("engagement") => sandbox.engagement_of(&id),
        Some("referral") => sandbox.referral_of(&id),
        Some("opportunity") => sandbox.opportunity_of(&id),
        Some(_) => None,
    }
}

fn later(moment: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| moment.checked_add_signed(by))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
