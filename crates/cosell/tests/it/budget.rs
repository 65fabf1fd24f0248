//! What a round costs, counted on the wire.

use std::time::Duration;

use cosell_sandbox::ServiceName;
use serde_json::{Value, json};

use crate::world::World;

/// Requests since the last count, as (service, method, path).
fn requests(world: &World) -> Vec<(ServiceName, String, String)> {
    let log = world.sandbox.log();
    log.into_iter()
        .filter(|entry| entry.service != ServiceName::SignIn)
        .map(|entry| (entry.service, entry.method, entry.path))
        .collect()
}

async fn round(world: &World) -> Vec<(ServiceName, String, String)> {
    let before = requests(world).len();
    world.cosell.run_once().await.unwrap();
    requests(world).split_off(before)
}

fn on(
    requests: &[(ServiceName, String, String)],
    service: ServiceName,
) -> Vec<&(ServiceName, String, String)> {
    requests
        .iter()
        .filter(|request| request.0 == service)
        .collect()
}

/// Requests of a round beyond the one look at each side.
fn beyond_idle(requests: &[(ServiceName, String, String)]) -> (usize, usize, usize, usize) {
    let count = |service, write: bool| {
        on(requests, service)
            .iter()
            .filter(|request| (request.1 != "GET") == write)
            .count()
    };
    (
        count(ServiceName::PartnerCenter, false) - 1 + count(ServiceName::Dataverse, false) - 1,
        count(ServiceName::PartnerCenter, true),
        count(ServiceName::Dataverse, true),
        requests.len(),
    )
}

async fn settled(deals: usize) -> World {
    let world = World::new().await;
    for _ in 0..deals {
        world.marked_deal();
    }
    world.settle().await;
    world.sandbox.advance(Duration::from_secs(3600));
    world.settle().await;
    world
}

// R96
#[tokio::test]
async fn a_round_in_which_nothing_changed_asks_each_side_once_whatever_the_number_of_pairs() {
    for deals in [1, 3, 30] {
        let world = settled(deals).await;
        assert_eq!(world.referrals().len(), deals);
        let requests = round(&world).await;
        assert_eq!(
            on(&requests, ServiceName::PartnerCenter).len(),
            1,
            "{requests:?}"
        );
        assert_eq!(
            on(&requests, ServiceName::Dataverse).len(),
            1,
            "{requests:?}"
        );
    }
}

// R120
#[tokio::test]
async fn one_edit_in_the_crm_costs_two_reads_and_one_write_and_then_nothing() {
    let world = settled(3).await;
    let id: uuid::Uuid = world.rows("opportunity")[0]["opportunityid"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    world.crm_update(id, json!({"estimatedvalue": 91000}));
    let requests = round(&world).await;
    let (reads, referral_writes, row_writes, _) = beyond_idle(&requests);
    assert!(reads <= 2, "{requests:?}");
    assert_eq!(referral_writes, 1, "{requests:?}");
    assert!(row_writes <= 1, "{requests:?}");
    assert_eq!(
        beyond_idle(&round(&world).await),
        (0, 0, 0, 2),
        "the next round: nothing"
    );
}

#[tokio::test]
async fn one_edit_in_the_portal_costs_two_reads_and_one_write_and_then_nothing() {
    let world = settled(3).await;
    let id: uuid::Uuid = world.referrals()[0]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    world.portal_edit(id, &[("/details/notes", Value::from("edited"))]);
    let requests = round(&world).await;
    let (reads, referral_writes, row_writes, _) = beyond_idle(&requests);
    assert!(reads <= 2, "{requests:?}");
    assert_eq!(referral_writes, 0, "{requests:?}");
    assert_eq!(row_writes, 1, "{requests:?}");
    assert_eq!(
        beyond_idle(&round(&world).await),
        (0, 0, 0, 2),
        "the next round: nothing"
    );
}

#[tokio::test]
async fn deals_that_microsoft_sent_cost_no_more_when_nothing_changes() {
    let world = settled(2).await;
    let deal = cosell_sandbox::partner_center::InboundDeal::new("Data estate", "Adatum");
    world.microsoft_sends(deal);
    world.settle().await;
    for _ in 0..3 {
        let requests = round(&world).await;
        assert_eq!(beyond_idle(&requests), (0, 0, 0, 2), "{requests:#?}");
        world.sandbox.advance(Duration::from_secs(1));
    }
}
