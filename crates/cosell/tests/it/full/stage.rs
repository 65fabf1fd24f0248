//! The whole stack as a stage for the search.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use cosell::sync::{
    MemoryStore, RecordId, RoundReport, Side,
    testkit::{
        Broken, drive,
        search::{Counts, Left, Ran, Stage, Tale},
    },
};
use cosell_sandbox::{
    Act as Deed, Fault as Trouble, FaultRule, Garbage, Sandbox, SandboxHandle, ServiceName,
    partner_center::InboundDeal,
};
use serde_json::json;

use super::{
    edits::{Edit, columns},
    facts::{By, Facts},
    gate::{Act, Call, Fault, Fixed, Gate, Source},
    judge, key,
    plants::Plant,
    world::{LONG, PAUSE, Setup, World},
};
use crate::world::{SYNC, options};

/// Rounds after which the engine must have become quiet.
const SETTLE: usize = 16;

/// How the world begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scenario {
    /// A deal that a seller marked in the CRM, not seen yet.
    BornInCrm,
    /// The same, where lists show the state of five minutes ago.
    LateLists,
    /// A deal that Microsoft sent, not seen yet.
    BornInPortal,
    /// A deal of the partner's own on both sides, in step.
    InStep,
    /// A deal that Microsoft sent, on both sides and not accepted yet.
    Unaccepted,
    /// A deal on both sides, and a state that was lost.
    StateLost,
    /// A deal in step, beside an opportunity that nobody can read.
    Beside,
    /// Referrals that come in several pages, not seen yet.
    Crowd,
    /// So many deals, born on either side in turn.
    Many(u8),
}

/// Between two rounds. Clones share what no round changes.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) facts: Arc<Facts>,
}

impl Node {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            sandbox: Arc::new(world.sandbox()),
            store: Arc::new(world.store.fork()),
            facts: Arc::new(world.facts.lock().unwrap().clone()),
        }
    }

    pub(crate) fn play(&self, setup: &Setup) -> Arc<World> {
        let store = Arc::new(self.store.fork());
        World::new(
            (*self.sandbox).clone(),
            store,
            (*self.facts).clone(),
            setup.clone(),
        )
    }
}

/// Schedules of one scenario.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    scenario: Scenario,
    menu: Vec<Edit>,
    faults: Vec<Fault>,
    setup: Setup,
    start: Node,
}

impl Whole {
    pub(crate) fn new(
        scenario: Scenario,
        menu: &[Edit],
        plant: Option<Plant>,
    ) -> Result<Self, Broken> {
        let (start, setup) = begin(scenario, plant, 1)?;
        Ok(Self {
            scenario,
            menu: menu.to_vec(),
            faults: Fault::ALL.to_vec(),
            setup,
            start,
        })
    }
}

/// The world of a scenario before the first round.
pub(crate) fn begin(
    scenario: Scenario,
    plant: Option<Plant>,
    seed: u64,
) -> Result<(Node, Setup), Broken> {
    let mut options = options().with_seed(seed);
    options.log_capacity = 1;
    options.sign_in = options
        .sign_in
        .with_access_life(chrono::TimeDelta::days(400));
    match scenario {
        Scenario::Crowd => {
            options.partner_center.page_size = 2;
            options.partner_center.inbound_has_microsoft_part = false;
        }
        Scenario::LateLists => {
            options.partner_center.list_lag = Duration::from_secs(300);
            // A change by the service itself would show again what was passed.
            options.partner_center.matching_delay = None;
        }
        _ => {}
    }
    let handle = SandboxHandle::new(options);
    let setup = Setup::new(&handle, plant);
    let mut world = World::new(
        handle.with(|sandbox| sandbox.clone()),
        Arc::new(MemoryStore::new()),
        Facts::default(),
        setup.clone(),
    );
    let quiet = |world: &Arc<World>| settle(world, &Tale::default());
    match scenario {
        Scenario::BornInCrm | Scenario::LateLists => crm_opens(&world, 0),
        Scenario::BornInPortal => microsoft_sends(&world, 0),
        Scenario::InStep => {
            crm_opens(&world, 0);
            quiet(&world)?;
        }
        Scenario::Unaccepted => {
            microsoft_sends(&world, 0);
            quiet(&world)?;
        }
        Scenario::StateLost => {
            crm_opens(&world, 0);
            quiet(&world)?;
            let node = Node::of(&world);
            let store = Arc::new(MemoryStore::new());
            world = World::new(
                (*node.sandbox).clone(),
                store,
                (*node.facts).clone(),
                setup.clone(),
            );
        }
        Scenario::Beside => {
            crm_opens(&world, 0);
            quiet(&world)?;
            crm_opens(&world, 1);
            let bad = world
                .facts
                .lock()
                .unwrap()
                .record(Side::Right, 1)
                .map(|bad| bad.id.clone());
            let rule = FaultRule::new(Trouble::Garbage {
                form: Garbage::Malformed,
            });
            let rule = rule
                .with_service(ServiceName::Dataverse)
                .with_path_contains(bad.unwrap_or_default())
                .with_times(None);
            world.handle.add_fault(rule);
            world.facts.lock().unwrap().bad.insert(1);
        }
        Scenario::Crowd => {
            for deal in 0..5 {
                microsoft_sends(&world, deal);
                // Far enough apart that the overlap of a pass covers few of them.
                world.pass(Duration::from_secs(600));
            }
        }
        Scenario::Many(deals) => {
            for deal in 0..deals {
                if deal % 2 == 0 {
                    crm_opens(&world, deal);
                } else {
                    microsoft_sends(&world, deal);
                }
            }
        }
    }
    Ok((Node::of(&world), setup))
}

/// A seller opens a deal and marks it.
fn crm_opens(world: &World, deal: u8) {
    world.handle.with(|sandbox| {
        let account = sandbox.act(&Deed::CrmCreate {
            table: "account".to_owned(),
            row: columns(json!({
                "name": format!("Fabrikam Works {deal}"), "address1_line1": "12 Harbour Road",
                "address1_city": "Leeds", "address1_postalcode": "LS1 4AB", "address1_country": "GB",
            })),
        });
        let account = account.unwrap().id.unwrap();
        let opened = sandbox.act(&Deed::CrmCreate {
            table: "opportunity".to_owned(),
            row: columns(json!({
                "name": format!("Plant analytics {deal}"), "estimatedvalue": 84_000 + i64::from(deal),
                "estimatedclosedate": "2026-12-31", "description": format!("From the CRM {deal}"),
                "statuscode": 1, "customerneed": "the seller's own words", SYNC: true,
                "parentaccountid@odata.bind": format!("/accounts({account})"),
            })),
        });
        opened.unwrap();
    });
    world.facts.lock().unwrap().accounts += 1;
    world.look(By::Person);
}

fn microsoft_sends(world: &World, deal: u8) {
    world.handle.with(|sandbox| {
        let mut sent = InboundDeal::new(format!("Data estate {deal}"), format!("Adatum {deal}"));
        sent.value = Some((50_000 + i64::from(deal)).into());
        sent.notes = format!("From Microsoft {deal}");
        sandbox.act(&Deed::MicrosoftSends(Box::new(sent))).unwrap();
    });
    world.look(By::Person);
}

/// The script, and copies of the world before every call.
#[derive(Debug)]
struct Copying {
    script: Fixed,
    from: usize,
    copies: bool,
    deaths: Mutex<Vec<(usize, Act, Node)>>,
}

impl Source for Copying {
    fn acts(&self, number: usize, call: Call, world: &World) -> Vec<Act> {
        self.script.acts(number, call, world)
    }

    fn pauses(&self, _: usize) -> u64 {
        0
    }

    fn stands_still(&self, number: usize) -> bool {
        self.script.stands_still(number)
    }

    fn before(&self, number: usize, world: &World) {
        if self.copies && number >= self.from {
            let death = (number, Act::Fault(Fault::Crash), Node::of(world));
            self.deaths.lock().unwrap().push(death);
        }
    }
}

impl Stage for Whole {
    type Node = Node;
    type Act = Act;

    fn name(&self) -> String {
        format!("{:?}, {:?}", self.scenario, self.setup.plant)
    }

    fn start(&self, _: &Tale) -> Result<Node, Broken> {
        Ok(self.start.clone())
    }

    fn counts(&self, act: &Act) -> Counts {
        match act {
            Act::Edit(..) => Counts::AsEdit,
            Act::Fault(_) => Counts::AsFault,
        }
    }

    fn round(
        &self,
        node: &Node,
        script: &[(usize, Act)],
        left: Left,
        tale: &Tale,
    ) -> Result<Ran<Node, Act>, Broken> {
        let world = node.play(&self.setup);
        world.pass(PAUSE);
        let faults = script
            .iter()
            .filter(|(_, act)| matches!(act, Act::Fault(_)))
            .count();
        let source = Arc::new(Copying {
            script: Fixed(script.to_vec()),
            // What happened before belongs to scripts that were played already.
            from: script.last().map_or(0, |(at, _)| *at),
            copies: usize::from(left.faults) > faults,
            deaths: Mutex::default(),
        });
        let gate = Gate::new("worker", world.clone(), tale.clone(), source.clone());
        let engine = world.engine("worker", &gate);
        let result = drive(engine.run_once());
        drop(engine);
        let next = Node::of(&world);
        if result.is_none() && !gate.is_dead() {
            return Err(Broken::new(1, "the round hangs"));
        }
        if let Some(broken) = &next.facts.broken {
            return Err(broken.clone());
        }
        let may = gate.take_calls().into_iter().map(|call| {
            let menu = self
                .menu
                .iter()
                .filter(|edit| left.edits > 0 && Some(edit.side()) == call.side);
            let edits = menu.map(|edit| Act::Edit(*edit, 0));
            let faults = self.faults.iter().filter(|fault| call.may(**fault));
            edits
                .chain(faults.map(|fault| Act::Fault(*fault)))
                .collect()
        });
        let ends = std::mem::take(&mut *source.deaths.lock().unwrap());
        Ok(Ran {
            may: may.collect(),
            node: next,
            ends,
        })
    }

    fn look(&self, node: &Node) -> Result<(), Broken> {
        judge::look(node, &self.setup)
    }

    fn rest(&self, node: Node, tale: &Tale) -> Result<(), Broken> {
        settle(&node.play(&self.setup), tale)
    }

    fn key(&self, node: &Node) -> u64 {
        key::key(node)
    }
}

/// Leaves the engine alone until it is quiet, then asserts everything.
pub(crate) fn settle(world: &Arc<World>, tale: &Tale) -> Result<(), Broken> {
    let quiet = (0..SETTLE).find_map(|number| {
        tale.tell(|| "  .. the engine is left alone".to_owned());
        // The first time within all lags, then beyond them.
        let wait = if number == 0 { Duration::ZERO } else { LONG };
        match undisturbed(world, wait, tale) {
            Ok(report) if number > 0 && is_quiet(&report) => Some(Ok(())),
            Ok(_) => None,
            Err(broken) => Some(Err(broken)),
        }
    });
    quiet.unwrap_or_else(|| {
        let stored = judge::stored(&world.store);
        let what = format!("no quiet after {SETTLE} rounds: {:?}", stored.hints);
        Err(Broken::new(1, what))
    })?;
    judge::quiet(&Node::of(world))?;
    again(world, tale)
}

fn undisturbed(world: &Arc<World>, wait: Duration, tale: &Tale) -> Result<RoundReport, Broken> {
    world.pass(PAUSE + wait);
    let engine = world.engine("worker", &Gate::open("worker", world, tale));
    let result = drive(engine.run_once());
    if let Some(broken) = &world.facts.lock().unwrap().broken {
        return Err(broken.clone());
    }
    match result {
        Some(Ok(report)) => Ok(report),
        Some(Err(error)) => Err(Broken::new(8, format!("the round ends with: {error}"))),
        None => Err(Broken::new(8, "the round hangs")),
    }
}

/// Everything hinted once more must cause no write.
fn again(world: &Arc<World>, tale: &Tale) -> Result<(), Broken> {
    tale.tell(|| "  .. every record is hinted once more".to_owned());
    let writes = world.writes();
    let engine = world.engine("worker", &Gate::open("worker", world, tale));
    let keys: Vec<_> = world.facts.lock().unwrap().now.keys().cloned().collect();
    for (side, id) in keys {
        let hinted = drive(engine.hint(side, &RecordId::new(id)));
        if !matches!(hinted, Some(Ok(_))) {
            return Err(Broken::new(8, format!("a hint is not taken: {hinted:?}")));
        }
    }
    drop(engine);
    undisturbed(world, LONG, tale)?;
    if world.writes() != writes {
        return Err(Broken::new(
            7,
            "a second look at everything writes something",
        ));
    }
    undisturbed(world, LONG, tale)?;
    if world.writes() != writes {
        return Err(Broken::new(2, "one more round writes something"));
    }
    Ok(())
}

fn is_quiet(report: &RoundReport) -> bool {
    let writes = report.left.writes() + report.right.writes();
    writes == 0 && report.postponed == 0
}
