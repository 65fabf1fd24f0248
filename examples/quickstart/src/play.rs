//! Playing the story: people act, the sync runs, both sides are looked at before and after.

use std::collections::BTreeMap;

use cosell::sync::ConflictEntry;
use serde_json::{Value, json};

use crate::{
    control::Counts,
    failure::Failure,
    show::Show,
    sides::{Ids, Sides, View},
    story::{Deal, Deed, Expect, STORY, Step, Sync},
    sync::{Tally, until_quiet},
    world::{Connected, World},
};

/// What came of a step.
pub(crate) struct Played<'a> {
    pub(crate) number: usize,
    pub(crate) step: &'a Step,
    pub(crate) deals: Vec<(View, View)>,
    pub(crate) conflicts: Vec<ConflictEntry>,
    pub(crate) tally: Tally,
    pub(crate) calls: Counts,
    /// What is not as it should be.
    pub(crate) faults: Vec<String>,
}

struct Player<'a> {
    world: &'a World,
    /// None while the sync is dead.
    connected: Option<Connected>,
    ids: BTreeMap<Deal, Ids>,
    conflicts_seen: usize,
}

/// Plays it all. True if every step came out as told and both services agree at the end.
pub(crate) async fn story(world: &World, show: &Show) -> Result<bool, Failure> {
    let at_start = world.control.counts().await?;
    let mut player = Player {
        world,
        connected: Some(world.connect().await?),
        ids: BTreeMap::new(),
        conflicts_seen: 0,
    };
    player.conflicts_seen = player.conflicts().await?.len();
    show.opening(&world.places());
    let mut faults = 0;
    for (index, step) in STORY.iter().enumerate() {
        let played = player.play(index + 1, step).await?;
        faults += played.faults.len();
        show.step(&played, STORY.len());
    }
    show.calls(&world.control.counts().await?.since(at_start));
    let comparison = player
        .connected()?
        .cosell
        .compare()
        .await
        .map_err(|error| Failure::of("the two services cannot be compared", &error))?;
    show.comparison(&comparison);
    let good = faults == 0 && comparison.is_equal();
    show.verdict(good, faults);
    Ok(good)
}

impl Player<'_> {
    fn connected(&self) -> Result<&Connected, Failure> {
        let dead = || Failure::work("the sync is not running");
        self.connected.as_ref().ok_or_else(dead)
    }

    async fn play<'s>(&mut self, number: usize, step: &'s Step) -> Result<Played<'s>, Failure> {
        for deed in step.deeds {
            self.act(deed).await?;
        }
        let counts = self.world.control.counts().await?;
        if step.sync == Sync::Dies {
            self.die().await?;
        }
        let before = self.look(step).await?;
        if step.sync == Sync::Dies {
            self.connected = Some(self.world.connect().await?);
        }
        let tally = until_quiet(self.connected()?).await?;
        let calls = self.world.control.counts().await?.since(counts);
        let after = self.look(step).await?;
        let conflicts = self.conflicts().await?;
        self.conflicts_seen += conflicts.len();
        let mut played = Played {
            number,
            step,
            deals: before.into_iter().zip(after).collect(),
            conflicts,
            tally,
            calls,
            faults: Vec::new(),
        };
        played.judge();
        Ok(played)
    }

    async fn act(&mut self, deed: &Deed) -> Result<(), Failure> {
        let control = &self.world.control;
        match deed {
            Deed::CrmOpens { deal, account, row } => {
                let account = control
                    .act(
                        &json!({ "do": "crm_create", "table": "account", "row": parsed(account)? }),
                    )
                    .await?;
                let mut row = parsed(row)?;
                row["parentaccountid@odata.bind"] = format!("/accounts({account})").into();
                let opportunity = control
                    .act(&json!({ "do": "crm_create", "table": "opportunity", "row": row }))
                    .await?;
                self.ids.entry(*deal).or_default().opportunity = Some(opportunity);
            }
            Deed::CrmEdits { deal, row } => {
                let id = self.opportunity(*deal)?;
                control
                    .act(&json!({
                        "do": "crm_update", "table": "opportunity", "id": id, "row": parsed(row)?,
                    }))
                    .await?;
            }
            Deed::CrmWins { deal } => {
                let id = self.opportunity(*deal)?;
                control.act(&json!({ "do": "crm_win", "id": id })).await?;
            }
            Deed::MicrosoftSends { deal, referral } => {
                let mut act = parsed(referral)?;
                act["do"] = "microsoft_sends".into();
                let referral = control.act(&act).await?;
                self.ids.entry(*deal).or_default().referral = Some(referral);
            }
            Deed::PortalEdits { deal, set } => {
                let id = self.ids.get(deal).and_then(|ids| ids.referral.clone());
                let id = id.ok_or_else(|| Failure::work("the deal has no referral yet"))?;
                control
                    .act(&json!({ "do": "portal_edit", "id": id, "set": parsed(set)? }))
                    .await?;
            }
        }
        Ok(())
    }

    fn opportunity(&self, deal: Deal) -> Result<String, Failure> {
        let id = self.ids.get(&deal).and_then(|ids| ids.opportunity.clone());
        id.ok_or_else(|| Failure::work("the deal has no opportunity yet"))
    }

    /// Runs the sync until the answer to its create is held, and drops it there.
    async fn die(&mut self) -> Result<(), Failure> {
        let control = &self.world.control;
        control.hold_next_referral().await?;
        let connected = self.connected.take();
        let connected = connected.ok_or_else(|| Failure::work("the sync is not running"))?;
        let held = tokio::select! {
            held = control.wait_until_held() => held?,
            done = until_quiet(&connected) => {
                done?;
                return Err(Failure::work("the sync was done before it could be killed"));
            }
        };
        drop(connected);
        control.drop_held(held).await
    }

    async fn look(&mut self, step: &Step) -> Result<Vec<View>, Failure> {
        let sides = Sides::read(&self.world.control).await?;
        let views = step.deals.iter().map(|deal| {
            let ids = self.ids.entry(*deal).or_default();
            sides.complete(ids);
            sides.view(ids)
        });
        Ok(views.collect())
    }

    /// Values that gave way in this step.
    async fn conflicts(&self) -> Result<Vec<ConflictEntry>, Failure> {
        self.connected()?
            .cosell
            .engine()
            .conflicts(self.conflicts_seen, 1_000)
            .await
            .map_err(|error| Failure::of("the conflict log cannot be read", &error))
    }
}

impl Played<'_> {
    fn judge(&mut self) {
        let step = self.step;
        let mut faults = Vec::new();
        for expect in step.expect {
            let place = step.deals.iter().position(|deal| *deal == expect.deal);
            match place.and_then(|place| self.deals.get(place)) {
                Some((_, after)) => faults.extend(missed(expect, after)),
                None => faults.push(format!("{:?} is not looked at", expect.deal)),
            }
        }
        for (_, after) in &self.deals {
            if after.referrals_of_it > 1 {
                faults.push(format!("{} referrals for one deal", after.referrals_of_it));
            }
        }
        match step.sync {
            Sync::Plain => {}
            Sync::Dies => {
                if self
                    .deals
                    .iter()
                    .any(|(before, _)| before.referrals_of_it != 1)
                {
                    faults.push("the lost create made no referral".to_owned());
                }
            }
            Sync::Settles => {
                if self.conflicts.is_empty() {
                    faults.push("no value gave way".to_owned());
                }
            }
            Sync::Rests => {
                let requests = [self.calls.partner_center, self.calls.dataverse];
                if self.tally.writes() > 0 || requests.iter().any(|calls| calls.writes > 0) {
                    faults.push("something was written".to_owned());
                }
                if requests.iter().any(|calls| calls.requests != 1) {
                    faults.push("not asked exactly once".to_owned());
                }
            }
        }
        self.faults = faults;
    }
}

fn missed(expect: &Expect, after: &View) -> Vec<String> {
    let sides = [
        ("Dynamics 365", &after.dynamics, expect.dynamics),
        (
            "Partner Center",
            &after.partner_center,
            expect.partner_center,
        ),
    ];
    let mut missed = Vec::new();
    for (side, card, wanted) in sides {
        let found = card.as_ref().and_then(|card| card.get(&expect.line));
        if found.is_none_or(|found| found != wanted) {
            let found = found.map_or("nothing", String::as_str);
            missed.push(format!(
                "{side}, {}: expected {wanted}, found {found}",
                expect.line
            ));
        }
    }
    missed
}

fn parsed(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::work(format!("the story: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_json_throughout() {
        let deeds = STORY.iter().flat_map(|step| step.deeds);
        for deed in deeds {
            let texts = match deed {
                Deed::CrmOpens { account, row, .. } => vec![*account, *row],
                Deed::CrmEdits { row, .. } => vec![*row],
                Deed::MicrosoftSends { referral, .. } => vec![*referral],
                Deed::PortalEdits { set, .. } => vec![*set],
                Deed::CrmWins { .. } => vec![],
            };
            for text in texts {
                assert!(parsed(text).is_ok_and(|json| json.is_object()), "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_as_told_is_named() {
        let expect = &STORY[1].expect[0];
        let view = View::default();
        assert_eq!(
            missed(expect, &view),
            [
                "Dynamics 365, value: expected 135,000 EUR, found nothing",
                "Partner Center, value: expected 135,000 EUR, found nothing",
            ]
        );
    }
}
